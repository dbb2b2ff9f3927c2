//! Checks who may press a button: only the browser that was asked, within ten minutes. Whoever
//! presses it again gets the same answer.
//!
//! Each question has a random id, a cookie of its own (`SameSite=Strict`, `HttpOnly`, limited to
//! the question's path) and a form token: an HMAC over cookie and id with a key of this process.
//!
//! Invariant: what a question is about happens at most once. A second press waits for the first, and
//! is told the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use sekisho_ambient::{Entropy, Timestamp, constant_time_eq, hmac_sha256};
use sekisho_jose::b64u;

use super::owner::{cookies, same_origin};
use crate::present::Reply;
use crate::{Prepared, PreparedOffer, PresentOutcome};

/// How many seconds a question waits for its answer.
const PATIENCE: i64 = 600;
/// How many questions can wait at once. If there are more, the oldest is dropped.
const CAPACITY: usize = 64;
/// The name of a question's cookie.
const COOKIE: &str = "tegata";

/// What a page asks the holder.
#[derive(Clone)]
pub(super) enum Question {
    /// Whether the wallet may call a program on this machine.
    Connect(Link),
    Accept(Link, Box<PreparedOffer>),
    Present(Link, Box<Prepared>),
    #[cfg(test)]
    Nothing,
}

/// The link that a browser opened here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Where it leads: to receive, or to present.
    pub(super) kind: Kind,
    /// Its query, without the language.
    pub(super) query: String,
    /// The programs on this machine to which the holder agreed for this link, as origins.
    pub(super) here: Vec<String>,
}

/// The two things that a link can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Accept,
    Present,
}

impl Kind {
    /// The path of the page.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Accept => "/accept",
            Self::Present => "/authorize",
        }
    }
}

/// What has come of a question.
#[derive(Clone)]
pub(super) enum Done {
    /// The credentials were received, or the offer was not wanted. The list says the rest.
    List,
    /// The verifier has answered.
    Returned { declined: bool, outcome: PresentOutcome },
}

/// The attempts to do what the holder said.
#[derive(Default)]
pub(super) struct Attempts {
    pub(super) done: Option<Done>,
    /// Digests of the transaction codes that the issuer refused, and whether it said that it is the
    /// code. They are not sent again, because the issuer counts them.
    pub(super) wrong: Vec<([u8; 32], bool)>,
    /// The answer for the verifier. The same is sent again after a lost reply.
    pub(super) reply: Option<(bool, Reply)>,
}

type Slot = Arc<tokio::sync::Mutex<Attempts>>;

/// The questions that wait for an answer, or had one in the last minutes.
pub(super) struct Questions {
    key: [u8; 32],
    waiting: Mutex<BTreeMap<String, Waiting>>,
}

#[derive(Clone)]
struct Waiting {
    since: Timestamp,
    question: Question,
    attempts: Slot,
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
        waiting.retain(|_, kept| now.since(kept.since) <= PATIENCE);
        if waiting.len() >= CAPACITY {
            let oldest =
                waiting.iter().min_by_key(|(_, kept)| kept.since).map(|(id, _)| id.clone());
            oldest.and_then(|id| waiting.remove(&id));
        }
        let kept = Waiting { since: now, question, attempts: Slot::default() };
        waiting.insert(id.clone(), kept);
        self.asked(id, path, secret.expose())
    }

    fn asked(&self, id: String, path: &str, secret: &str) -> Asked {
        let cookie = format!(
            "{COOKIE}={secret}; Path={path}/{id}; Max-Age={PATIENCE}; HttpOnly; SameSite=Strict"
        );
        Asked { token: self.token(secret, &id), cookie, id }
    }

    /// Finds the question `id`, which was posted to `{path}/{id}`, if `headers` and `token` come from
    /// the browser that was asked.
    pub(super) fn answered(
        &self,
        id: &str,
        path: &str,
        token: &str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Answered, Unanswerable> {
        let is_ours =
            |secret: &&str| constant_time_eq(self.token(secret, id).as_bytes(), token.as_bytes());
        let secret = cookies(headers, COOKIE).find(is_ours).filter(|_| same_origin(headers));
        let secret = secret.ok_or(Unanswerable::NotOurs)?;
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = waiting.get(id).filter(|kept| now.since(kept.since) <= PATIENCE);
        let Waiting { question, attempts, .. } = kept.cloned().ok_or(Unanswerable::Ended)?;
        Ok(Answered { question, attempts, asked: self.asked(id.to_owned(), path, secret) })
    }

    fn token(&self, secret: &str, id: &str) -> String {
        b64u::encode(hmac_sha256(&self.key, &[secret.as_bytes(), id.as_bytes()]))
    }
}

/// A question to which an answer came.
pub(super) struct Answered {
    pub(super) question: Question,
    pub(super) attempts: Slot,
    /// The same form and cookie, to ask again.
    pub(super) asked: Asked,
}

/// Why an answer is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unanswerable {
    /// It does not come from a page of ours in the browser that was asked.
    NotOurs,
    /// The question has expired.
    Ended,
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

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
            let answered =
                self.questions.answered(&self.asked.id, "/authorize", token, headers, now);
            answered.map(|_| ())
        }
    }

    #[test]
    fn the_browser_that_was_asked_answers_and_is_told_the_same_again() {
        let browser = ask(&Entropy::seeded(1));
        let (token, headers) = (browser.asked.token.clone(), browser.headers());
        let id = &browser.asked.id;
        let answer =
            || browser.questions.answered(id, "/authorize", &token, &headers, NOW).unwrap();
        let first = answer();
        first.attempts.try_lock().unwrap().done = Some(Done::List);
        let second = answer();
        assert!(matches!(second.attempts.try_lock().unwrap().done, Some(Done::List)));
        assert_eq!(second.asked.cookie, browser.asked.cookie);
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
