//! The status of a credential, and the code that people are told because of it.

use sekisho_credential::status;
use serde::{Deserialize, Serialize};

use crate::Code;

/// The status of a credential. The names are those of the admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The credential is valid.
    Valid,
    /// The credential was revoked permanently.
    Revoked,
    /// The credential is not valid until it is resumed.
    Suspended,
    /// The credential's validity has ended.
    Expired,
}

impl Status {
    /// Returns the status that an entry of a list stands for (Token Status List, section 7.1);
    /// `None` for a value without a meaning here.
    pub const fn from_entry(entry: status::Status) -> Option<Self> {
        match entry {
            status::Status::Valid => Some(Self::Valid),
            status::Status::Invalid => Some(Self::Revoked),
            status::Status::Suspended => Some(Self::Suspended),
            status::Status::Other(_) => None,
        }
    }

    /// Returns the name in the admin API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
        }
    }

    /// Returns the code for refusing a credential of this status; `None` if it is valid.
    pub const fn refusal(self) -> Option<Code> {
        match self {
            Self::Valid => None,
            Self::Revoked => Some(Code::Revoked),
            Self::Suspended => Some(Code::Suspended),
            Self::Expired => Some(Code::Expired),
        }
    }
}
