//! Texts for people, in the two languages that Sekisho speaks.
//!
//! Invariant: a fixed text without one of the languages does not compile.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language that Sekisho speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Japanese, `ja`.
    #[default]
    Ja,
    /// English, `en`.
    En,
}

impl Lang {
    /// Returns the language's tag (BCP 47): `ja` or `en`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of this tag, if it is one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ja" => Some(Self::Ja),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The first language that we speak of an `Accept-Language` list or a `LANG`. The order counts
    /// as the weight, since browsers write the list in that order.
    pub fn from_list(list: &str) -> Option<Self> {
        list.split(',').find_map(|item| Self::parse(item.trim().get(..2)?))
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A text in both languages. By default it is owned, such as one that an operator wrote into a row
/// or a file. The fixed texts of the program are [`Words`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text<S = String> {
    /// The text in Japanese.
    pub ja: S,
    /// The text in English.
    pub en: S,
}

/// A fixed text of the program, in both languages.
pub type Words = Text<&'static str>;

impl<S> Text<S> {
    /// Makes a text from its Japanese and its English form.
    pub const fn new(ja: S, en: S) -> Self {
        Self { ja, en }
    }
}

impl Text {
    /// The same text in both languages.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { ja: text.clone(), en: text }
    }

    /// The text in one language, or the other one where that is empty.
    pub fn say(&self, lang: Lang) -> &str {
        let (first, second) = match lang {
            Lang::Ja => (&self.ja, &self.en),
            Lang::En => (&self.en, &self.ja),
        };
        if first.is_empty() { second } else { first }
    }

    /// Whether every character of both languages can be seen.
    pub fn is_visible(&self) -> bool {
        crate::is_visible(&self.ja) && crate::is_visible(&self.en)
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.ja.is_empty() && self.en.is_empty()
    }
}

impl Words {
    /// Returns the text in `language`.
    pub const fn say(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Ja => self.ja,
            Lang::En => self.en,
        }
    }

    /// Returns the text in one language, with each `{name}` replaced by the value of that name. A
    /// `{name}` inside a value is not replaced.
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

impl From<Words> for Text {
    fn from(words: Words) -> Self {
        Self { ja: words.ja.to_owned(), en: words.en.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in_once() {
        let text = Text { ja: "{b}と{a}。", en: "{a} and {b}." };
        assert_eq!(text.fill(Lang::Ja, &[("a", "1"), ("b", "{a}")]), "{a}と1。");
        assert_eq!(text.fill(Lang::En, &[("a", "1")]), "1 and .");
    }

    #[test]
    fn a_list_of_languages_gives_the_first_of_ours() {
        assert_eq!(Lang::from_list("fr, en-US;q=0.9, ja;q=0.8"), Some(Lang::En));
        assert_eq!(Lang::from_list("ja_JP.UTF-8"), Some(Lang::Ja));
        assert_eq!(Lang::from_list("C.UTF-8"), None);
    }

    #[test]
    fn a_text_in_one_language_is_better_than_none() {
        let text = Text::new(String::new(), "Card".to_owned());
        assert_eq!((text.say(Lang::Ja), text.say(Lang::En)), ("Card", "Card"));
        assert!(!text.is_empty());
    }
}
