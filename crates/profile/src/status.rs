//! What is said of a credential's status.

use sekisho_credential::status;
use serde::{Deserialize, Serialize};

use crate::Code;

/// The status of a credential. The names are those of the admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It counts.
    Valid,
    /// It does not count any more, for good.
    Revoked,
    /// It does not count until it is resumed.
    Suspended,
    /// Its time is over.
    Expired,
}

impl Status {
    /// The status that an entry of a list says (Token Status List, section 7.1); `None` for a value
    /// that says nothing here.
    pub const fn from_entry(entry: status::Status) -> Option<Self> {
        match entry {
            status::Status::Valid => Some(Self::Valid),
            status::Status::Invalid => Some(Self::Revoked),
            status::Status::Suspended => Some(Self::Suspended),
            status::Status::Other(_) => None,
        }
    }

    /// The name in the admin API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
        }
    }

    /// Why nothing can stand on a credential of this status; `None` if it counts.
    pub const fn refusal(self) -> Option<Code> {
        match self {
            Self::Valid => None,
            Self::Revoked => Some(Code::Revoked),
            Self::Suspended => Some(Code::Suspended),
            Self::Expired => Some(Code::Expired),
        }
    }
}
