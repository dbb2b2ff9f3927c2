//! How a wallet's answer came to the browser, and the authentication context that follows from it.

use serde::{Deserialize, Serialize};

/// `acr` of a login whose answer came back to the browser that began, which nobody can relay.
pub const PHISHING_RESISTANT: &str = "phr";

/// How a wallet's answer came to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// The wallet returns to the browser that began.
    SameDevice,
    /// The wallet is on another device.
    CrossDevice,
}

impl Channel {
    /// Its name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameDevice => "SameDevice",
            Self::CrossDevice => "CrossDevice",
        }
    }

    /// The authentication context of the login. A cross-device login has none, and says so by its
    /// absence.
    pub const fn acr(self) -> Option<&'static str> {
        match self {
            Self::SameDevice => Some(PHISHING_RESISTANT),
            Self::CrossDevice => None,
        }
    }
}
