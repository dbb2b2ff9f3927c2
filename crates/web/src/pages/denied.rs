//! The page of a denial. It lists every unmet condition, each with what to do.

use askama::Template;
use sekisho_ambient::Timestamp;
use sekisho_profile::Code;

use super::form_post::WayBack;
use super::layout::{self, Page};
use super::{Lang, ServiceCard};
use crate::texts;

/// A link that helps to meet a condition.
#[derive(Clone, Debug, Default)]
pub struct ReasonLink {
    /// The URL that the link leads to.
    pub url: String,
    /// What the link does, verb first, in the page's language.
    pub label: String,
}

/// An unmet condition. All texts are in the page's language.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Its code, such as `P-3111`.
    pub code: Code,
    /// The condition that is not met.
    pub title: String,
    /// What was found.
    pub found: String,
    /// What is needed.
    pub needed: String,
    /// The one thing that the person should do.
    pub action: String,
    /// A link for doing it, if there is one.
    pub link: Option<ReasonLink>,
}

/// What the page of a denial shows.
#[derive(Clone, Debug)]
pub struct DeniedView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asked.
    pub service: ServiceCard,
    /// The page's own path.
    pub login_path: String,
    /// A sentence that says what did not happen. Empty for the usual one (no GPU was allocated).
    pub what: String,
    /// The conditions that are not met, in the order of their codes.
    pub unmet: Vec<Reason>,
    /// How many conditions there are in all, met or not.
    pub total: usize,
    /// The reference number, for questions to support.
    pub reference: String,
    /// When the request was denied.
    pub time: Timestamp,
    /// The way back, which tells the service about the refusal (`error=access_denied`).
    pub way_back: Option<WayBack>,
    /// The path that begins the login again and asks the wallet, if another credential can help.
    pub again: Option<String>,
}

#[derive(Template)]
#[template(path = "denied.html")]
struct DeniedPage<'a> {
    page: Page,
    view: &'a DeniedView,
    count: Option<String>,
    time: String,
}

/// The page of a denial.
pub fn denied(view: &DeniedView) -> String {
    let lang = view.lang;
    let what = if view.what.is_empty() { texts::DENIED_WHAT.say(lang) } else { view.what.as_str() };
    layout::html(&DeniedPage {
        page: Page::still(lang, what, "denied").at(&view.login_path),
        view,
        count: (!view.unmet.is_empty()).then(|| count(lang, view.unmet.len(), view.total)),
        time: layout::time(lang, view.time),
    })
}

/// The sentence that says how many conditions are not met. The Japanese counter つ ends at nine.
fn count(lang: Lang, unmet: usize, total: usize) -> String {
    let text = if total < 10 { texts::DENIED_COUNT } else { texts::DENIED_COUNT_MANY };
    text.fill(lang, &[("total", &total.to_string()), ("unmet", &unmet.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_counted_with_the_right_counter() {
        assert_eq!(count(Lang::Ja, 2, 8), "8つの条件のうち2つを満たしていません。");
        assert_eq!(count(Lang::Ja, 2, 10), "10件の条件のうち2件を満たしていません。");
        assert_eq!(count(Lang::En, 1, 8), "Conditions not met: 1 of 8.");
    }
}
