//! The tables of this room.

use sekisho_access::Reason;
use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_grants::{Evidence, GrantedPermit};
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_openid4vp::presentation::Presentation;
use sekisho_profile::Channel;
use sekisho_store::table;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asked::Asked;

table!(/// One login each: handle → how far it has come.
    pub(crate) Logins = "logins_2": HandleKey => Login);
table!(/// One presentation request each: handle → what the wallet was asked. The nonce and the
    /// response key stand nowhere else, and go with the row.
    pub(crate) Requests = "requests_2": HandleKey => RequestRow);
table!(/// Sessions of browsers: handle → who logged in, when, on which credentials.
    pub(crate) Sessions = "sessions_1": HandleKey => Session);
table!(/// Consents that are remembered: keyed digest of person and client → what was agreed to.
    pub(crate) Consents = "consents_1": [u8; 32] => Consent);
table!(/// Logins of the version before, which ended with it: swept, never read.
    pub(crate) LoginsBefore = "logins_1": HandleKey => Value);
table!(/// Presentation requests of the version before: likewise.
    pub(crate) RequestsBefore = "requests_1": HandleKey => Value);

/// One login, from the authorization request to its code.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The request, as validated.
    pub(crate) request: AuthorizationRequest,
    /// What it asks for.
    pub(crate) asked: Asked,
    /// SHA-256 of the cookie of the browser that began.
    pub(crate) browser: [u8; 32],
    /// When it began.
    pub(crate) started: Timestamp,
    /// The requests that a wallet may answer, which the login page of this browser shows (the row is
    /// sealed). None where a session answered.
    pub(crate) requests: Vec<OpenRequest>,
    /// How far it has come.
    pub(crate) state: LoginState,
}

/// A presentation request that a wallet may answer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OpenRequest {
    /// How the answer will come back.
    pub(crate) channel: Channel,
    /// The request's handle.
    pub(crate) handle: String,
    /// The client identifier under which the wallet is asked.
    pub(crate) verifier: String,
}

/// How far a login has come.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum LoginState {
    /// A wallet is asked, has answered, or has declined.
    Presentation(Presentation<Evidence>),
    /// The browser is bound and the decision stands; the person is asked for consent.
    AwaitingConsent(Decided),
    /// Access was refused, with reasons.
    Denied(DeniedLogin),
    /// An answer went to the relying party: nothing more can happen.
    Finished,
}

/// What a wallet was asked.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RequestRow {
    /// The login, which has the query.
    pub(crate) login: HandleKey,
    /// The login's handle, for the way back.
    pub(crate) login_text: String,
    /// How the answer will come back.
    pub(crate) channel: Channel,
    /// The nonce of this request.
    pub(crate) nonce: String,
    /// The private scalar under whose public half the answer is encrypted.
    pub(crate) response_key: Option<Vec<u8>>,
    /// The client identifier under which the wallet is asked, and its answer is verified.
    pub(crate) verifier: String,
    /// Answers that did not verify; after [`crate::MAX_FAILURES`] the request is dead.
    pub(crate) failures: u8,
}

/// A login that was decided and waits for consent.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Decided {
    /// The session it belongs to.
    pub(crate) session: HandleKey,
    /// What the decision stands on.
    pub(crate) evidence: Evidence,
    /// What was permitted, if access was asked for.
    pub(crate) permit: Option<GrantedPermit>,
}

/// A denial, as shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeniedLogin {
    /// Every unmet rule.
    pub reasons: Vec<Reason>,
    /// How many conditions there are.
    pub conditions: usize,
    /// When it was decided.
    pub time: Timestamp,
}

/// A browser's session.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Public identifier (`sid`).
    pub(crate) sid: String,
    /// What it stands on.
    pub(crate) evidence: Evidence,
}

/// A consent that is remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Consent {
    /// Scopes agreed to.
    pub(crate) scopes: Vec<String>,
    /// Claims agreed to that were named one by one.
    #[serde(default)]
    pub(crate) claims: Vec<String>,
    /// Claims that the person chose to leave out, by wallet claim id.
    pub(crate) withheld: Vec<String>,
    /// When.
    pub(crate) time: Timestamp,
}
