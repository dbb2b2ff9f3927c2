//! The wallet's pages. askama compiles them and escapes every value.

use std::borrow::Borrow;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use sekisho_ambient::{Lang, Text, Words};

use super::questions::{Asked, Kind};
use crate::text;
use crate::{Credential, Prepared, PreparedOffer, WalletError};

/// What every page needs.
pub(super) struct Frame {
    pub(super) lang: Lang,
    /// The address of this page in the other language. Empty if the page has no address of its own.
    pub(super) other: String,
}

impl Frame {
    fn say(&self, words: impl Borrow<Words>) -> &'static str {
        words.borrow().say(self.lang)
    }

    fn tell<'t>(&self, text: &'t Text) -> &'t str {
        text.say(self.lang)
    }
}

#[derive(Template)]
#[template(path = "list.html")]
pub(super) struct List {
    pub(super) frame: Frame,
    pub(super) credentials: Vec<Card>,
}

/// A credential as the list shows it, with its dates as text.
pub(super) struct Card {
    pub(super) credential: Credential,
    pub(super) expires: String,
    pub(super) expired: bool,
    pub(super) received: String,
}

#[derive(Template)]
#[template(path = "accept.html")]
pub(super) struct Accept<'a> {
    pub(super) frame: Frame,
    pub(super) offer: &'a PreparedOffer,
    pub(super) id: &'a str,
    pub(super) token: &'a str,
    /// Why the last try failed, if there was one.
    pub(super) failure: Option<String>,
}

#[derive(Template)]
#[template(path = "present.html")]
pub(super) struct Present<'a> {
    pub(super) frame: Frame,
    pub(super) prepared: &'a Prepared,
    pub(super) id: &'a str,
    pub(super) token: &'a str,
}

#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message {
    pub(super) frame: Frame,
    pub(super) title: Words,
    pub(super) sentences: Vec<String>,
    /// The address at which to continue. If there is none, it is the list.
    pub(super) next: Option<String>,
    /// How to try again, if that can help.
    pub(super) again: Option<Again>,
    pub(super) failed: bool,
}

/// How to try again.
pub(super) enum Again {
    /// By opening this address.
    Link(String),
    /// By sending the same form again.
    Form { action: String, token: String, answer: &'static str },
}

impl Message {
    /// The page of something that did not happen.
    pub(super) fn failed(frame: Frame, title: Words, sentences: &[Words]) -> Self {
        let sentences = sentences.iter().map(|words| frame.say(words).to_owned()).collect();
        Self { frame, title, sentences, next: None, again: None, failed: true }
    }
}

#[derive(Template)]
#[template(path = "connect.html")]
pub(super) struct Connect<'a> {
    pub(super) frame: Frame,
    /// The origin of the program on this machine.
    pub(super) origin: &'a str,
    pub(super) id: &'a str,
    pub(super) token: &'a str,
}

/// Answers with the page of a question, and sets the question's cookie.
pub(super) fn question(status: StatusCode, page: &impl Template, asked: &Asked) -> Response {
    let mut response = render(status, page);
    if let Ok(cookie) = HeaderValue::from_str(&asked.cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Answers with the page of an error in what `kind` names.
pub(super) fn failure(
    frame: Frame,
    kind: Option<Kind>,
    error: &WalletError,
    again: Option<Again>,
) -> Response {
    let sentences = vec![error.explain(frame.lang)];
    let title = match (error, kind) {
        (WalletError::Missing(_), _) => text::MISSING_TITLE,
        (_, Some(Kind::Accept)) => text::ACCEPT_FAILED,
        (_, Some(Kind::Present)) => text::PRESENT_FAILED,
        (_, None) => text::ERROR_TITLE,
    };
    let page = Message { frame, title, sentences, next: None, again, failed: true };
    render(status(error), &page)
}

pub(super) fn status(error: &WalletError) -> StatusCode {
    match error {
        WalletError::Link(_)
        | WalletError::TxCode(_)
        | WalletError::Insecure(_)
        | WalletError::Offer(_)
        | WalletError::Request(_)
        | WalletError::Clock
        | WalletError::WrongTxCode { .. }
        | WalletError::Expired => StatusCode::BAD_REQUEST,
        WalletError::Declined
        | WalletError::Refused { .. }
        | WalletError::ThisMachine(_)
        | WalletError::VerifierCertificate
        | WalletError::Unknown(_) => StatusCode::FORBIDDEN,
        WalletError::OfferEnded => StatusCode::GONE,
        WalletError::NotFound(_) | WalletError::Missing(_) => StatusCode::NOT_FOUND,
        WalletError::Unreachable { .. }
        | WalletError::Answer { .. }
        | WalletError::Credential { .. } => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The path of the only style sheet.
pub(super) const STYLE: &str = "/style.css";

/// The only style sheet.
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/style.css"))
}
