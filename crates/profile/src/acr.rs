//! The two ways in which a wallet's answer comes back, and the authentication context of each.

use serde::{Deserialize, Serialize};

/// The `acr` of a login in which the answer came back to the browser that began it. Nobody can
/// relay such a login.
pub const PHISHING_RESISTANT: &str = "phr";

/// The way in which a wallet's answer comes back to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// The wallet sends the person back to the browser that began the login.
    SameDevice,
    /// The wallet is on another device than the browser.
    CrossDevice,
}

impl Channel {
    /// Returns its name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameDevice => "SameDevice",
            Self::CrossDevice => "CrossDevice",
        }
    }

    /// Returns the `acr` of the login. A cross-device login has none; its ID token then has no
    /// `acr`.
    pub const fn acr(self) -> Option<&'static str> {
        match self {
            Self::SameDevice => Some(PHISHING_RESISTANT),
            Self::CrossDevice => None,
        }
    }
}
