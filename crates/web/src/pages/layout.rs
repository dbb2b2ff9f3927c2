//! What all pages share: the frame, safe links, and the words for a span of time.

use askama::Template;
use sekisho_ambient::{Timestamp, Words};

pub(super) use super::assets::{CSS_PATH, ICON_PATH, SCRIPT_PATH};
use super::language::Lang;
use super::login::{ServiceCard, WalletLink};
use crate::texts;

/// The frame that is around every page.
pub(super) struct Page {
    /// Language of the page.
    pub(super) lang: Lang,
    /// The title, without the product's name.
    pub(super) title: String,
    /// What the page waits for or shows. The script compares it with what the server says next.
    pub(super) state: &'static str,
    /// The page's own path, if the page may be loaded again.
    pub(super) path: Option<String>,
    /// Whether the page asks again by itself until its state changes.
    pub(super) waiting: bool,
}

impl Page {
    /// A page that does not wait for anything and has no path of its own.
    pub(super) fn still(lang: Lang, title: impl Into<String>, state: &'static str) -> Self {
        Self { lang, title: title.into(), state, path: None, waiting: false }
    }

    /// The same page with its own path.
    pub(super) fn at(self, path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..self }
    }

    pub(super) fn say(&self, text: Words) -> &'static str {
        text.say(self.lang)
    }

    pub(super) fn service_name<'s>(&self, service: &'s ServiceCard) -> &'s str {
        service.name(self.lang)
    }

    /// The language of the service's name, if it differs from the page's.
    pub(super) fn service_lang(&self, service: &ServiceCard) -> Option<Lang> {
        Some(service.name_lang(self.lang)).filter(|lang| *lang != self.lang)
    }

    pub(super) fn wallet_label<'w>(&self, wallet: &'w WalletLink) -> &'w str {
        wallet.label(self.lang)
    }

    /// The language that the switch leads to, and that language's name in itself.
    pub(super) fn other(&self) -> (Lang, &'static str) {
        match self.lang {
            Lang::Ja => (Lang::En, "English"),
            Lang::En => (Lang::Ja, "日本語"),
        }
    }
}

/// Renders a page as HTML. Writing to a string cannot fail, so no error is returned.
pub(super) fn html(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

/// Returns `url` if a browser may be sent there, otherwise `#`.
///
/// Wallets and native clients have schemes of their own, so schemes cannot be listed as allowed.
/// Instead, those that run or show content inside the page are refused.
pub(super) fn link(url: &str) -> &str {
    const REFUSED: [&str; 7] =
        ["javascript", "data", "vbscript", "blob", "file", "filesystem", "about"];
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let odd = url.chars().any(|c| c.is_control() || c.is_whitespace());
    let refused = REFUSED.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if odd || refused { "#" } else { url }
}

/// Writes `time` in Japan Standard Time, in the words of `lang`.
pub(super) fn time(lang: Lang, time: Timestamp) -> String {
    match lang {
        Lang::Ja => time.to_japanese(),
        Lang::En => time.to_english(),
    }
}

/// Writes how long `seconds` are: in minutes and seconds, or in seconds alone below a minute.
pub(super) fn time_left(lang: Lang, seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, rest) = ((seconds / 60).to_string(), (seconds % 60).to_string());
    if seconds < 60 {
        return texts::LEFT_SECONDS.fill(lang, &[("s", &rest)]);
    }
    texts::LEFT.fill(lang, &[("m", &minutes), ("s", &rest)])
}

/// A piece of a text.
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    /// Whether it must stay on one line: a date, a time or an amount.
    pub(super) whole: bool,
}

/// What may follow a number on the same line.
const UNITS: [&str; 19] = [
    "基", "件", "つ", "名", "回", "時間", "年間", "年", "か月", "月", "日間", "日", "時", "分",
    "秒", "%", "以上", "以下", "以内",
];
/// Words that belong to the number after them.
const COUNTED: [&str; 3] = ["レベル", "level ", "Level "];
/// Words of English that belong to the number before them.
const WORDS: [&str; 7] = [" GPUs", " GPU-hours", " hours", " days", " GPU時間", " GPU", " JST"];

/// Splits a text so that its dates, times and amounts are pieces of their own. Digits inside a name
/// (`a100`, `dss-l-1`) are not an amount.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut out, mut rest, mut from) = (Vec::new(), text, 0);
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find(|c: char| c.is_ascii_digit())) {
        let (before, number) = rest.split_at(from.saturating_add(at));
        let (whole, after) = number.split_at(amount(number));
        if before.ends_with(in_a_name) || after.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            let name = number.find(|c: char| !in_a_name(c)).unwrap_or(number.len());
            from = before.len().saturating_add(name);
            continue;
        }
        let counted = COUNTED.iter().find(|word| before.ends_with(**word)).map_or(0, |w| w.len());
        let (plain, _) = before.split_at(before.len().saturating_sub(counted));
        let (whole, _) = rest.split_at(before.len().saturating_add(whole.len()));
        let (_, whole) = whole.split_at(plain.len());
        out.extend([Piece { text: plain, whole: false }, Piece { text: whole, whole: true }]);
        (rest, from) = (after, 0);
    }
    out.push(Piece { text: rest, whole: false });
    out.retain(|piece| !piece.text.is_empty());
    out
}

/// Whether digits after or before this character belong to a name.
fn in_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.@:/".contains(c)
}

/// The length of the date, time or amount with which `text` begins.
fn amount(text: &str) -> usize {
    let rest = |at: usize| text.get(at..).unwrap_or_default();
    let digits = |at: usize| rest(at).bytes().take_while(u8::is_ascii_digit).count();
    let joined = |at: usize| {
        let joins = rest(at).starts_with(['-', '/', ':', '.', ',']);
        if joins { at.saturating_add(1) } else { at }
    };
    let mut end = digits(0);
    loop {
        let units = UNITS.iter().chain(&WORDS);
        let unit = units.filter(|unit| rest(end).starts_with(**unit)).map(|unit| unit.len()).max();
        let after = match unit {
            Some(length) => end.saturating_add(length),
            None => joined(end),
        };
        // The time of a day belongs to its date.
        let space = usize::from(unit.is_some() && rest(after).starts_with(' '));
        let next = after.saturating_add(space);
        match (digits(next), unit) {
            (0, None) => return end,
            // 8基以下
            (0, Some(_)) if UNITS.iter().any(|unit| rest(after).starts_with(unit)) => end = after,
            (0, Some(_)) => return after,
            (more, _) if next > end => end = next.saturating_add(more),
            _ => return end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_never_runs_anything() {
        for url in [
            "javascript:alert(1)",
            "JavaScript://%0aalert(1)",
            "java\nscript:alert(1)",
            " javascript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "blob:https://a/b",
        ] {
            assert_eq!(link(url), "#", "{url}");
        }
        for url in ["https://a.example/?a=b", "openid4vp://?x=1", "/login/1", "jp.co.app:/cb"] {
            assert_eq!(link(url), url);
        }
    }

    #[test]
    fn a_span_of_time_is_said_in_minutes_and_seconds() {
        assert_eq!(time_left(Lang::Ja, 270), "残り4分30秒");
        assert_eq!(time_left(Lang::Ja, 59), "残り59秒");
        assert_eq!(time_left(Lang::En, 59), "59 s left");
        assert_eq!(time_left(Lang::Ja, -5), "残り0秒");
    }

    #[test]
    fn dates_and_amounts_are_pieces_of_their_own() {
        for (text, whole) in [
            ("AI安全研修、レベル1以上、2027-11-28まで有効", &["レベル1以上", "2027-11-28"][..]),
            ("a100、h100-1、dss-l-2、3x、taro7@a.example、a:80", &[]),
            ("training dss-l-1, level 2 or higher", &["level 2"]),
            ("水準1 (2024年4月1日に修了)", &["1", "2024年4月1日"]),
            ("2026年11月21日 14時32分まで", &["2026年11月21日 14時32分"]),
            ("GPU 16基、延べ64 GPU時間", &["16基", "64 GPU時間"]),
            ("8 GPUs at most, 1,024 GPU-hours", &["8 GPUs", "1,024 GPU-hours"]),
            ("法人番号 7900000000002", &["7900000000002"]),
            ("ends in 3.", &["3"]),
            ("山田 太郎", &[]),
        ] {
            let pieces = pieces(text);
            let all: String = pieces.iter().map(|piece| piece.text).collect();
            assert_eq!(all, text);
            let found: Vec<&str> =
                pieces.iter().filter(|piece| piece.whole).map(|piece| piece.text).collect();
            assert_eq!(found, whole, "{text}");
        }
    }
}
