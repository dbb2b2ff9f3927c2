//! Every code that a person can meet, with its cause and what to do about it, in both languages.
//!
//! One table for the pages, the API, the CLI (`sekisho explain C-2008`) and the documentation:
//! `spec/codes.toml` is written from it, and a test fails when that file is stale. A missing
//! language does not compile.
//!
//! Letters: A presentation, C credential, P policy, R client, S system.

mod table;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use table::ALL;

/// A language that Sekisho speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

impl Lang {
    /// The language's tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// In Japanese.
    pub ja: &'static str,
    /// In English.
    pub en: &'static str,
}

impl Text {
    /// The text in one language.
    pub const fn say(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Ja => self.ja,
            Lang::En => self.en,
        }
    }
}

/// A code and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code, such as `C-2008`.
    pub id: &'static str,
    /// HTTP status of the page or answer that reports it.
    pub status: u16,
    /// The error that a relying party is told (RFC 6749, sections 4.1.2.1 and 5.2).
    pub oauth_error: &'static str,
    /// What happened.
    pub cause: Text,
    /// What the person can do.
    pub user: Text,
    /// What the administrator can do.
    pub admin: Text,
}

/// The entry of `id`; `None` if there is no such code.
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id == id)
}
