//! What the console remembers of browsers: requests that are not answered yet, and sessions. Both
//! are kept in memory, limited in number, and dropped when their time is over.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::{Secret, Timestamp};
use serde_json::{Map, Value};

/// How long a login may take, in seconds.
const PENDING_LIFETIME: i64 = 900;
/// How long a session lives, in seconds.
const SESSION_LIFETIME: i64 = 3600;
/// The most requests, and the most sessions, that are kept at once.
const MAX_KEPT: usize = 10_000;

/// A request that is not answered yet.
pub(super) struct Pending {
    /// The cookie of the browser that began it.
    pub(super) browser: String,
    pub(super) nonce: String,
    pub(super) verifier: Secret<String>,
    pub(super) started: Timestamp,
}

/// A person who is logged in, and what was granted.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) userinfo: Map<String, Value>,
    /// The first of the token response's `authorization_details`.
    pub(super) granted: Map<String, Value>,
    pub(super) started: Timestamp,
}

/// Requests by state, sessions by cookie.
#[derive(Default)]
pub(super) struct Visitors {
    pending: Mutex<BTreeMap<String, Pending>>,
    sessions: Mutex<BTreeMap<String, Session>>,
}

impl Visitors {
    /// Remembers a request; `false` if there are too many.
    pub(super) fn begin(&self, state: String, pending: Pending) -> bool {
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let now = pending.started;
        all.retain(|_, old| now.since(old.started) < PENDING_LIFETIME);
        let fits = all.len() < MAX_KEPT;
        if fits {
            all.insert(state, pending);
        }
        fits
    }

    /// Takes the request with this `state` out, if this browser began it and it has not expired.
    pub(super) fn take(&self, state: &str, browser: &str, now: Timestamp) -> Option<Pending> {
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |pending: &&Pending| {
            let fresh = now.since(pending.started) < PENDING_LIFETIME;
            fresh
                && sekisho_ambient::constant_time_eq(pending.browser.as_bytes(), browser.as_bytes())
        };
        all.get(state).filter(fits)?;
        all.remove(state)
    }

    /// Begins a session under the value of a fresh cookie. Does nothing if there are too many
    /// sessions.
    pub(super) fn enter(&self, cookie: String, session: Session) {
        let mut all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let now = session.started;
        all.retain(|_, old| now.since(old.started) < SESSION_LIFETIME);
        if all.len() < MAX_KEPT {
            all.insert(cookie, session);
        }
    }

    pub(super) fn session(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        let all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(cookie).filter(|session| now.since(session.started) < SESSION_LIFETIME).cloned()
    }

    pub(super) fn leave(&self, cookie: &str) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(cookie);
    }
}
