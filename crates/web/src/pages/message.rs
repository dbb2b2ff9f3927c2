//! Pages of a few words: the log-out question, and messages without a form.

use askama::Template;

use super::Lang;
use super::layout::{self, Page};
use crate::texts;

/// The question whether to log out (RP-Initiated Logout 1.0, section 2).
#[derive(Clone, Debug)]
pub struct LogoutView {
    /// Language of the page.
    pub lang: Lang,
    /// The page's own path, to which the form is posted.
    pub logout_path: String,
    /// Anti-CSRF token of the form.
    pub form_token: String,
    /// The service that asked for the log-out, if one did.
    pub service_name: Option<String>,
}

/// What the page after logging out shows.
#[derive(Clone, Debug)]
pub struct SignedOutView {
    /// Language of the page.
    pub lang: Lang,
    /// The URL that leads back to the service.
    pub return_url: Option<String>,
}

/// The message of a page of a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The person declined in the wallet of this phone.
    DeclinedOnPhone,
    /// The person chose not to log out.
    StillLoggedIn,
}

/// What the page of a message shows.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Language of the page.
    pub lang: Lang,
    /// The message that the page shows.
    pub message: Message,
}

#[derive(Template)]
#[template(path = "logout_confirm.html")]
struct LogoutPage<'a> {
    page: Page,
    view: &'a LogoutView,
    asked: Option<String>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    page: Page,
    lead: &'static str,
    return_url: Option<&'a str>,
}

/// The page that asks whether to log out.
pub fn logout_confirm(view: &LogoutView) -> String {
    let lang = view.lang;
    let service = view.service_name.as_deref();
    layout::html(&LogoutPage {
        page: Page::still(lang, texts::LOGOUT_TITLE.say(lang), "logout").at(&view.logout_path),
        view,
        asked: service.map(|name| texts::LOGOUT_SERVICE.fill(lang, &[("service", name)])),
    })
}

/// The page after logging out.
pub fn signed_out(view: &SignedOutView) -> String {
    let lang = view.lang;
    layout::html(&MessagePage {
        page: Page::still(lang, texts::SIGNED_OUT_TITLE.say(lang), "signed-out"),
        lead: texts::SIGNED_OUT_LEAD.say(lang),
        return_url: view.return_url.as_deref(),
    })
}

/// A page of a few words.
pub fn message(view: &MessageView) -> String {
    let lang = view.lang;
    let (title, lead) = match view.message {
        Message::DeclinedOnPhone => (texts::DECLINED_TITLE, texts::DECLINED_LEAD),
        Message::StillLoggedIn => (texts::STAYED_TITLE, texts::STAYED_LEAD),
    };
    layout::html(&MessagePage {
        page: Page::still(lang, title.say(lang), "message"),
        lead: lead.say(lang),
        return_url: None,
    })
}
