//! Checks who may press a button: only the browser that was asked, once, within ten minutes.
//!
//! Each question has a random id, a cookie of its own (`SameSite=Strict`, `HttpOnly`, limited to
//! the question's path) and a form token: an HMAC over cookie and id with a key of this process.
//! The page answers only under names of this machine. So a foreign name that points to 127.0.0.1
//! (DNS rebinding) reaches nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sekisho_ambient::{Entropy, Timestamp, constant_time_eq, hmac_sha256};
use sekisho_jose::b64u;

use crate::fetch::is_loopback;
use crate::{Prepared, PreparedOffer};

/// How many seconds a question waits for its answer.
const PATIENCE: i64 = 600;
/// How many questions can wait at once. If there are more, the oldest is dropped.
const CAPACITY: usize = 64;
/// The name of a question's cookie.
const COOKIE: &str = "tegata";

/// What a page asks the holder.
#[derive(Clone)]
pub(super) enum Question {
    Accept(Box<PreparedOffer>),
    Present(Box<Prepared>),
    #[cfg(test)]
    Nothing,
}

/// The questions that wait for an answer.
pub(super) struct Questions {
    key: [u8; 32],
    waiting: Mutex<BTreeMap<String, (Timestamp, Question)>>,
}

/// What the page of a question needs for its form and cookie.
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) token: String,
    /// The value of `Set-Cookie`.
    pub(super) cookie: String,
}

impl Questions {
    pub(super) fn new(entropy: &Entropy) -> Self {
        Self { key: entropy.bytes(), waiting: Mutex::default() }
    }

    /// Keeps a question. Its form will be posted to `{path}/{id}`.
    pub(super) fn ask(
        &self,
        question: Question,
        path: &str,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Asked {
        let id = entropy.id();
        let secret = entropy.token();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (since, _)| now.since(*since) <= PATIENCE);
        if waiting.len() >= CAPACITY {
            let oldest =
                waiting.iter().min_by_key(|(_, (since, _))| *since).map(|(id, _)| id.clone());
            oldest.and_then(|id| waiting.remove(&id));
        }
        waiting.insert(id.clone(), (now, question));
        let cookie = format!(
            "{COOKIE}={}; Path={path}/{id}; Max-Age={PATIENCE}; HttpOnly; SameSite=Strict",
            secret.expose()
        );
        Asked { token: self.token(secret.expose(), &id), cookie, id }
    }

    /// Takes the question `id` out, if `headers` and `token` come from the browser that was asked.
    pub(super) fn answered(
        &self,
        id: &str,
        token: &str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Question, Unanswerable> {
        let secret = cookie(headers).ok_or(Unanswerable::NotOurs)?;
        let expected = self.token(secret, id);
        if !same_origin(headers) || !constant_time_eq(expected.as_bytes(), token.as_bytes()) {
            return Err(Unanswerable::NotOurs);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, question) = waiting.remove(id).ok_or(Unanswerable::Ended)?;
        if now.since(since) > PATIENCE { Err(Unanswerable::Ended) } else { Ok(question) }
    }

    fn token(&self, secret: &str, id: &str) -> String {
        b64u::encode(hmac_sha256(&self.key, &[secret.as_bytes(), id.as_bytes()]))
    }
}

/// Why an answer is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unanswerable {
    /// It does not come from a page of ours in the browser that was asked.
    NotOurs,
    /// The question was answered already, or has expired.
    Ended,
}

/// The value of the wallet's cookie. Others on this host have cookies too, which need not be
/// well-formed, so the header is read pair by pair, in bytes.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    })
}

/// Whether the request comes from a page of this origin, as far as the browser says where it comes
/// from.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let origin = text("origin").is_none_or(|origin| {
        let host = text("host").unwrap_or_default();
        origin.split_once("://").is_some_and(|(_, authority)| authority == host)
    });
    site && origin
}

/// Refuses requests for a host name that is not this machine's, and sets the headers of every
/// answer.
pub(super) async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(http_authority));
    let ours = host.and_then(|host| url::Url::parse(&format!("http://{host}/")).ok());
    let mut response = match ours {
        Some(url) if is_loopback(&url) => next.run(request).await,
        _ => StatusCode::MISDIRECTED_REQUEST.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    response
}

fn http_authority(authority: &axum::http::uri::Authority) -> &str {
    authority.as_str()
}

/// `form-action` names only schemes: Chromium applies it to the redirects after a POST too, and
/// those lead to the verifier and on to the service where the login began.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; form-action 'self' https: http:; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

    struct Browser {
        questions: Questions,
        asked: Asked,
    }

    fn ask(entropy: &Entropy) -> Browser {
        let questions = Questions::new(entropy);
        let asked = questions.ask(Question::Nothing, "/authorize", NOW, entropy);
        Browser { questions, asked }
    }

    impl Browser {
        fn headers(&self) -> HeaderMap {
            let mut headers = HeaderMap::new();
            let pair = self.asked.cookie.split(';').next().unwrap();
            headers.insert(
                header::COOKIE,
                HeaderValue::from_str(&format!("other=1; {pair}")).unwrap(),
            );
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8790"));
            headers.insert(header::ORIGIN, HeaderValue::from_static("http://127.0.0.1:8790"));
            headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
            headers
        }

        fn answer(
            &self,
            token: &str,
            headers: &HeaderMap,
            now: Timestamp,
        ) -> Result<(), Unanswerable> {
            self.questions.answered(&self.asked.id, token, headers, now).map(|_| ())
        }
    }

    #[test]
    fn the_browser_that_was_asked_answers_once() {
        let browser = ask(&Entropy::seeded(1));
        let (token, headers) = (browser.asked.token.clone(), browser.headers());
        assert_eq!(browser.answer(&token, &headers, NOW), Ok(()));
        assert_eq!(browser.answer(&token, &headers, NOW), Err(Unanswerable::Ended));
    }

    #[test]
    fn another_browser_or_another_page_does_not_answer() {
        let browser = ask(&Entropy::seeded(1));
        let token = browser.asked.token.clone();
        let without = |name: &'static str, value: Option<&'static str>| {
            let mut headers = browser.headers();
            headers.remove(name);
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
            headers
        };
        for headers in [
            without("cookie", None),
            without("cookie", Some("tegata=guess")),
            without("origin", Some("http://127.0.0.1:9999")),
            without("origin", Some("null")),
            without("sec-fetch-site", Some("same-site")),
            without("sec-fetch-site", Some("cross-site")),
        ] {
            assert_eq!(
                browser.answer(&token, &headers, NOW),
                Err(Unanswerable::NotOurs),
                "{headers:?}"
            );
        }
        assert_eq!(browser.answer("", &browser.headers(), NOW), Err(Unanswerable::NotOurs));
        assert_eq!(
            browser.answer(&token, &browser.headers(), NOW),
            Ok(()),
            "a foreign try burns nothing"
        );
    }

    #[test]
    fn a_token_is_good_for_its_own_question() {
        let entropy = Entropy::seeded(1);
        let browser = ask(&entropy);
        let second = browser.questions.ask(Question::Nothing, "/authorize", NOW, &entropy);
        let answer = browser.answer(&second.token, &browser.headers(), NOW);
        assert_eq!(answer, Err(Unanswerable::NotOurs));
    }

    #[test]
    fn a_question_ends() {
        let browser = ask(&Entropy::seeded(1));
        let late = NOW.plus(PATIENCE + 1);
        assert_eq!(
            browser.answer(&browser.asked.token, &browser.headers(), late),
            Err(Unanswerable::Ended)
        );
    }

    #[test]
    fn the_oldest_question_makes_room() {
        let entropy = Entropy::seeded(1);
        let browser = ask(&entropy);
        for later in 1..=CAPACITY {
            let now = NOW.plus(i64::try_from(later).unwrap());
            browser.questions.ask(Question::Nothing, "/authorize", now, &entropy);
        }
        let now = NOW.plus(64);
        assert_eq!(
            browser.answer(&browser.asked.token, &browser.headers(), now),
            Err(Unanswerable::Ended)
        );
    }

    #[test]
    fn the_cookie_stays_with_the_question() {
        let cookie = ask(&Entropy::seeded(1)).asked.cookie;
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"));
        assert!(cookie.contains("; Path=/authorize/"));
    }
}
