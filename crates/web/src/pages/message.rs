//! Pages of a few words: logging out, and what needs no form.

use super::Lang;

/// The question whether to log out (RP-Initiated Logout 1.0, section 2).
#[derive(Clone, Debug)]
pub struct LogoutView {
    /// Language of the page.
    pub lang: Lang,
    /// The page's own path, to which the form is posted.
    pub logout_path: String,
    /// Anti-CSRF token of the form.
    pub form_token: String,
    /// The service that asked for it.
    pub service_name: Option<String>,
}

/// What is shown after logging out.
#[derive(Clone, Debug)]
pub struct SignedOutView {
    /// Language of the page.
    pub lang: Lang,
    /// Leads back to the service.
    pub return_url: Option<String>,
}

/// What a page of a few words says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The wallet is done; the login goes on in the browser that began.
    ContinueElsewhere,
    /// The person ended the login.
    Cancelled,
    /// There is no such page.
    NotFound,
}

/// What the page of a message shows.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Language of the page.
    pub lang: Lang,
    /// What it says.
    pub message: Message,
}

/// The question whether to log out.
pub fn logout_confirm(_view: &LogoutView) -> String {
    String::new()
}

/// The page after logging out.
pub fn signed_out(_view: &SignedOutView) -> String {
    String::new()
}

/// A page of a few words.
pub fn message(_view: &MessageView) -> String {
    String::new()
}
