//! The pages of a login that a wallet has answered: it waits for the way back, it is done, or the
//! way back led into another browser.

use askama::Template;
use sekisho_profile::Code;

use super::layout::{self, Page, time_left};
use super::{Lang, ServiceCard};
use crate::texts;

/// What the waiting page shows after a wallet on the same device has answered.
#[derive(Clone, Debug)]
pub struct AnsweredView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asks.
    pub service: ServiceCard,
    /// `/login/{id}`: the page's own path and the base of its forms.
    pub login_path: String,
    /// Anti-CSRF token of the forms.
    pub form_token: String,
}

/// What the page of a finished login shows.
#[derive(Clone, Debug)]
pub struct DoneView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asked.
    pub service: ServiceCard,
    /// Whether a device was logged in, not this browser.
    pub device: bool,
}

/// What a browser shows that did not begin the login.
#[derive(Clone, Debug)]
pub struct ElsewhereView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asks.
    pub service: ServiceCard,
    /// The browser that waits; `None` if it is not known.
    pub place: Option<String>,
    /// The number to type there, and for how many seconds it is valid; `None` if the client allows
    /// no other device.
    pub number: Option<(String, i64)>,
    /// The reference number, for questions to support.
    pub reference: String,
}

#[derive(Template)]
#[template(path = "answered.html")]
struct AnsweredPage<'a> {
    page: Page,
    view: &'a AnsweredView,
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    page: Page,
    view: &'a DoneView,
    lead: &'static str,
}

#[derive(Template)]
#[template(path = "elsewhere.html")]
struct ElsewherePage<'a> {
    page: Page,
    view: &'a ElsewhereView,
    code: Code,
    left: String,
    spelled: String,
}

/// The waiting page after a wallet on the same device has answered. It goes on by itself when the
/// login does.
pub fn answered(view: &AnsweredView) -> String {
    let frame = Page::still(view.lang, texts::ANSWERED_TITLE.say(view.lang), "answered");
    let page = Page { waiting: true, ..frame.at(&view.login_path) };
    layout::html(&AnsweredPage { page, view })
}

/// The page of a finished login.
pub fn done(view: &DoneView) -> String {
    let (title, lead) = if view.device {
        (texts::DEVICE_DONE_TITLE, texts::DEVICE_DONE_LEAD)
    } else {
        (texts::DONE_TITLE, texts::DONE_LEAD)
    };
    let page = Page::still(view.lang, title.say(view.lang), "done");
    layout::html(&DonePage { page, view, lead: lead.say(view.lang) })
}

/// The page in a browser that did not begin the login.
pub fn elsewhere(view: &ElsewhereView) -> String {
    let page = Page::still(view.lang, texts::ELSEWHERE_TITLE.say(view.lang), "elsewhere");
    let (digits, seconds) = view.number.clone().unwrap_or_default();
    let spelled = digits.chars().flat_map(|digit| [digit, ' ']).collect();
    let left = time_left(view.lang, seconds);
    layout::html(&ElsewherePage { page, view, code: Code::OtherBrowser, left, spelled })
}
