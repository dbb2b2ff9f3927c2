//! Every code that a person can be told, with its cause and what to do about it, in both languages.
//!
//! This one table serves the pages, the API, the CLI (`sekisho explain C-2008`) and the
//! documentation. `spec/codes.toml` is generated from it, and a test fails if that file is out of
//! date. A text without one of the languages does not compile.
//!
//! Letters: A presentation, C credential, P policy, R client, S system.

mod table;

use std::fmt;

use sekisho_ambient::Words;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use table::Code;

/// The entry of a code in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code as people read it, such as `C-2008`.
    pub id: &'static str,
    /// HTTP status of the page or answer that reports it.
    pub status: u16,
    /// The error that a relying party is told (RFC 6749, sections 4.1.2.1 and 5.2).
    pub oauth_error: &'static str,
    /// The cause: what happened.
    pub cause: Words,
    /// What the person can do.
    pub user: Words,
    /// What the administrator can do.
    pub admin: Words,
}

impl Code {
    /// Returns the code in the form that people read, such as `C-2008`.
    pub const fn id(self) -> &'static str {
        self.entry().id
    }

    /// Returns the code whose text is `id`; `None` if there is none.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.id() == id)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::from_id(&id).ok_or_else(|| serde::de::Error::custom("an unknown code"))
    }
}

/// Writes the table as TOML, with one `[[code]]` for each entry. This is the content of
/// `spec/codes.toml`.
pub fn to_toml() -> String {
    let mut out = String::from(
        "# Every code, its HTTP status, the error a relying party is told, cause and remedies.\n\
         # Written from crates/profile/src/codes/table.rs; do not edit.\n",
    );
    for entry in Code::ALL.iter().map(|code| code.entry()) {
        out.push_str("\n[[code]]\n");
        line(&mut out, "id", entry.id);
        out.push_str("status = ");
        out.push_str(&entry.status.to_string());
        out.push('\n');
        line(&mut out, "oauth_error", entry.oauth_error);
        for (name, text) in [("cause", entry.cause), ("user", entry.user), ("admin", entry.admin)] {
            line(&mut out, &format!("{name}.ja"), text.ja);
            line(&mut out, &format!("{name}.en"), text.en);
        }
    }
    out
}

/// Writes one `key = "value"`. The texts of the table need no escapes; a test checks that.
fn line(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    out.push_str(" = \"");
    out.push_str(value);
    out.push_str("\"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The environment variable that makes the test write `spec/codes.toml` again. Any value will
    /// do.
    const REGENERATE: &str = "SEKISHO_REGENERATE";

    fn texts(code: Code) -> [&'static str; 6] {
        let Entry { cause, user, admin, .. } = code.entry();
        [cause.ja, cause.en, user.ja, user.en, admin.ja, admin.en]
    }

    #[test]
    fn spec_codes_toml_says_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/codes.toml");
        if std::env::var_os(REGENERATE).is_some() {
            std::fs::write(path, to_toml()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == to_toml(),
            "spec/codes.toml is stale: {REGENERATE}=1 cargo test -p sekisho-profile codes"
        );
    }

    #[test]
    fn codes_stand_in_order_and_only_once() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].id() < pair[1].id()));
    }

    #[test]
    fn every_promised_code_has_its_entry() {
        let promised = [
            "A-1001", "A-1002", "A-1003", "A-1004", "A-1005", "A-1006", "A-1007", "A-1008",
            "A-1009", "A-1010", "A-1011", "A-1012", "A-1013", "A-1014", "A-1015", "A-1016",
            "C-2001", "C-2002", "C-2003", "C-2004", "C-2005", "C-2006", "C-2007", "C-2008",
            "C-2009", "C-2010", "C-2011", "C-2012", "C-2014", "C-2015", "C-2021", "C-2022",
            "C-2023", "C-2031", "C-2032", "P-3111", "P-3201", "P-3301", "P-3501", "P-3601",
            "R-4001", "R-4002", "R-4003", "R-4004", "R-4005", "R-4006", "R-4007", "S-5001",
            "S-5002", "S-5003", "S-5004", "S-5005",
        ];
        assert!(Code::ALL.iter().map(|code| code.id()).eq(promised));
        assert_eq!(Code::from_id("C-2008").map(|code| code.entry().status), Some(503));
        assert_eq!(Code::from_id("C-2099"), None);
    }

    #[test]
    fn every_text_is_a_whole_sentence_without_characters_to_escape() {
        for code in Code::ALL {
            for text in texts(*code) {
                assert!(!text.contains(['"', '\\', '\n', '<', '&']), "{code}: {text}");
                assert!(text.ends_with(['。', '.']), "{code}: {text}");
            }
        }
    }

    #[test]
    fn errors_and_statuses_are_those_of_the_specifications() {
        let known = [
            "access_denied",
            "temporarily_unavailable",
            "server_error",
            "invalid_request",
            "invalid_client",
            "invalid_scope",
        ];
        for code in Code::ALL {
            assert!(known.contains(&code.entry().oauth_error), "{code}");
            assert!([400, 401, 403, 404, 429, 500, 503].contains(&code.entry().status), "{code}");
        }
    }
}
