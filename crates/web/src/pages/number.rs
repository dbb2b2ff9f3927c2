//! The number of a login with a second device. The phone shows it, and the person types it into the
//! browser that began the login.
//!
//! A number that the person only compares does not stop an attacker, so the person has to type it.
//! Pasting is allowed. Those who cannot transcribe it can use a wallet on the same device instead
//! (WCAG 2.2, 3.3.8).

use askama::Template;

use super::layout::{self, Page, time_left};
use super::{Lang, ServiceCard};
use crate::texts;

/// What the browser that began the login shows once the wallet has answered.
#[derive(Clone, Debug)]
pub struct NumberEntryView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asks.
    pub service: ServiceCard,
    /// `/login/{id}`: the base of the forms.
    pub login_path: String,
    /// Anti-CSRF token of the forms.
    pub form_token: String,
    /// How many digits the number has.
    pub digits: u8,
    /// How many more numbers may be typed.
    pub tries_left: u8,
    /// Whether the last number typed was wrong.
    pub wrong: bool,
    /// How many seconds are left until the attempt ends.
    pub remaining_s: i64,
}

/// What the phone shows after its wallet has answered.
#[derive(Clone, Debug)]
pub struct NumberShowView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asks.
    pub service: ServiceCard,
    /// The number to show.
    pub number: String,
    /// Where the login began: browser, system and, if known, place, in the page's language.
    pub place: Option<String>,
    /// How many seconds are left until the attempt ends.
    pub remaining_s: i64,
}

#[derive(Template)]
#[template(path = "number_entry.html")]
struct NumberEntryPage<'a> {
    page: Page,
    view: &'a NumberEntryView,
    label: String,
    tries: String,
    left: String,
}

#[derive(Template)]
#[template(path = "number_show.html")]
struct NumberShowPage<'a> {
    page: Page,
    view: &'a NumberShowView,
    spelled: String,
    left: String,
}

/// The page on which the number is typed.
pub fn number_entry(view: &NumberEntryView) -> String {
    let lang = view.lang;
    let (digits, tries) = (view.digits.to_string(), view.tries_left.to_string());
    let frame = Page::still(lang, texts::ENTRY_TITLE.say(lang), "number-entry");
    layout::html(&NumberEntryPage {
        page: frame.at(&view.login_path),
        view,
        label: texts::ENTRY_LABEL.fill(lang, &[("digits", &digits)]),
        tries: texts::ENTRY_TRIES.fill(lang, &[("tries", &tries)]),
        left: time_left(lang, view.remaining_s),
    })
}

/// The page that shows the number.
pub fn number_show(view: &NumberShowView) -> String {
    let lang = view.lang;
    layout::html(&NumberShowPage {
        page: Page::still(lang, texts::SHOW_TITLE.say(lang), "number-show"),
        view,
        spelled: view.number.chars().flat_map(|digit| [digit, ' ']).collect(),
        left: time_left(lang, view.remaining_s),
    })
}
