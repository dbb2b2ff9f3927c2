//! The page of an error: cause and remedy from the table of codes.

use askama::Template;
use sekisho_ambient::Timestamp;
use sekisho_broker::codes::{self, Code};

use super::Lang;
use super::layout::{self, Page};
use crate::texts;

/// What the page of an error shows.
#[derive(Clone, Debug)]
pub struct ErrorView {
    /// Language of the page.
    pub lang: Lang,
    /// A code of [`sekisho_broker::codes`].
    pub code: &'static str,
    /// Reference number for questions.
    pub reference: String,
    /// When it happened.
    pub time: Timestamp,
    /// HTTP status that the page is sent with.
    pub status: u16,
    /// Begins again, where that can help.
    pub retry_link: Option<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    page: Page,
    view: &'a ErrorView,
    code: Option<&'static Code>,
    cause: &'static str,
    action: &'static str,
    admin: &'static str,
    time: String,
}

/// The page of an error. A code without an entry is shown with a general text.
pub fn error(view: &ErrorView) -> String {
    let lang = view.lang;
    let code = codes::find(view.code);
    let (cause, action) = code
        .map_or((texts::ERROR_UNKNOWN, texts::ERROR_UNKNOWN_ACTION), |code| {
            (code.cause, code.user)
        });
    layout::html(&ErrorPage {
        page: Page::still(lang, texts::ERROR_TITLE.say(lang), "error"),
        view,
        code,
        cause: cause.say(lang),
        action: action.say(lang),
        admin: code.map_or("", |code| code.admin.say(lang)),
        time: layout::time(lang, view.time),
    })
}
