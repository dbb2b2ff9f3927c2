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

    /// The text in one language with each `{name}` replaced by the value of that name. What a value
    /// itself contains is not looked at again.
    pub fn fill(&self, lang: Lang, values: &[(&str, &str)]) -> String {
        let mut out = String::new();
        let mut rest = self.say(lang);
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (name, tail) = after.split_once('}').unwrap_or((after, ""));
            let value = values.iter().find(|(key, _)| *key == name);
            out.push_str(value.map_or("", |(_, value)| value));
            rest = tail;
        }
        out.push_str(rest);
        out
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

/// The table as TOML, one `[[code]]` an entry: what `spec/codes.toml` holds.
pub fn to_toml() -> String {
    let mut out = String::from(
        "# Every code, its HTTP status, the error a relying party is told, cause and remedies.\n\
         # Written from crates/broker/src/codes/table.rs; do not edit.\n",
    );
    for code in ALL {
        out.push_str("\n[[code]]\n");
        line(&mut out, "id", code.id);
        out.push_str("status = ");
        out.push_str(&code.status.to_string());
        out.push('\n');
        line(&mut out, "oauth_error", code.oauth_error);
        for (name, text) in [("cause", code.cause), ("user", code.user), ("admin", code.admin)] {
            line(&mut out, &format!("{name}.ja"), text.ja);
            line(&mut out, &format!("{name}.en"), text.en);
        }
    }
    out
}

/// One `key = "value"`; the table's texts need no escapes, which a test holds.
fn line(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    out.push_str(" = \"");
    out.push_str(value);
    out.push_str("\"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Set to any value to write `spec/codes.toml` again.
    const REGENERATE: &str = "SEKISHO_REGENERATE";

    fn texts(code: &Code) -> [&'static str; 6] {
        let Code { cause, user, admin, .. } = code;
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
            "spec/codes.toml is stale: {REGENERATE}=1 cargo test -p sekisho-broker codes"
        );
    }

    #[test]
    fn values_are_filled_in_once() {
        let text = Text { ja: "{b}と{a}。", en: "{a} and {b}." };
        assert_eq!(text.fill(Lang::Ja, &[("a", "1"), ("b", "{a}")]), "{a}と1。");
        assert_eq!(text.fill(Lang::En, &[("a", "1")]), "1 and .");
    }

    #[test]
    fn codes_stand_in_order_and_only_once() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn every_promised_code_has_its_entry() {
        let promised = [
            "A-1001", "A-1002", "A-1003", "A-1004", "A-1005", "A-1006", "A-1007", "C-2001",
            "C-2002", "C-2003", "C-2004", "C-2005", "C-2006", "C-2007", "C-2008", "C-2009",
            "C-2010", "P-3111", "P-3201", "P-3301", "P-3501", "R-4001", "R-4002", "R-4003",
            "R-4004", "R-4005", "R-4006", "S-5001", "S-5002", "S-5003", "S-5004", "S-5005",
        ];
        assert!(ALL.iter().map(|code| code.id).eq(promised));
        assert_eq!(find("C-2008").map(|code| code.status), Some(503));
        assert_eq!(find("C-2099"), None);
    }

    #[test]
    fn every_text_is_a_whole_sentence_without_characters_to_escape() {
        for code in ALL {
            for text in texts(code) {
                assert!(!text.contains(['"', '\\', '\n', '<', '&']), "{}: {text}", code.id);
                assert!(text.ends_with(['。', '.']), "{}: {text}", code.id);
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
        for code in ALL {
            assert!(known.contains(&code.oauth_error), "{}", code.id);
            assert!([400, 401, 403, 500, 503].contains(&code.status), "{}", code.id);
        }
    }
}
