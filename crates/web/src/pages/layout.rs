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

/// Writes `seconds` as minutes and seconds.
pub(super) fn time_left(lang: Lang, seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, seconds) = ((seconds / 60).to_string(), (seconds % 60).to_string());
    texts::LEFT.fill(lang, &[("m", &minutes), ("s", &seconds)])
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
        assert_eq!(time_left(Lang::Ja, 270), "4分30秒");
        assert_eq!(time_left(Lang::En, 59), "0 min 59 s");
        assert_eq!(time_left(Lang::Ja, -5), "0分0秒");
    }
}
