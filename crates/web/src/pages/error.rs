//! The page of an error. Its cause and remedy come from the table of codes.

use askama::Template;
use sekisho_ambient::{Timestamp, Words};
use sekisho_profile::Code;

use super::Lang;
use super::form_post::WayBack;
use super::layout::{self, Page};
use crate::texts;

/// What the page of an error shows.
#[derive(Clone, Debug)]
pub struct ErrorView {
    /// Language of the page.
    pub lang: Lang,
    /// The code of the error.
    pub code: Code,
    /// The reference number, for questions to support.
    pub reference: String,
    /// When the error happened.
    pub time: Timestamp,
    /// The HTTP status that the page is sent with.
    pub status: u16,
    /// The path that begins the login again here, if that can help.
    pub again: Option<String>,
    /// The way back to the service, which says there that nobody logged in.
    pub way_back: Option<WayBack>,
    /// Whether the person wanted to log out.
    pub logging_out: bool,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    page: Page,
    view: &'a ErrorView,
    cause: &'static str,
    action: &'static str,
    admin: &'static str,
    oauth_error: &'static str,
    time: String,
}

/// What did not happen.
fn title(view: &ErrorView) -> Words {
    match view.code {
        _ if view.logging_out => texts::ERROR_LOGOUT_TITLE,
        Code::PageNotFound => texts::ERROR_PAGE_TITLE,
        _ => texts::ERROR_TITLE,
    }
}

/// The page of an error.
pub fn error(view: &ErrorView) -> String {
    let lang = view.lang;
    let entry = view.code.entry();
    layout::html(&ErrorPage {
        page: Page::still(lang, title(view).say(lang), "error"),
        view,
        cause: entry.cause.say(lang),
        action: entry.user.say(lang),
        admin: entry.admin.say(lang),
        oauth_error: entry.oauth_error,
        time: layout::time(lang, view.time),
    })
}
