//! The tables that this crate owns.

use sekisho_access::Reason;
use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_grants::{Evidence, GrantedPermit};
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_openid4vp::presentation::PresentationState;
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
    /// The validated request.
    pub(crate) request: AuthorizationRequest,
    /// What the request asks for.
    pub(crate) asked: Asked,
    /// SHA-256 of the cookie of the browser that began.
    pub(crate) browser: [u8; 32],
    /// When the login began.
    pub(crate) started: Timestamp,
    /// The presentation requests that a wallet may answer. The login page shows them, so the row
    /// contains their handles and is sealed. Empty if a session answered.
    pub(crate) requests: Vec<OpenRequest>,
    /// The state of the login.
    pub(crate) state: LoginState,
}

/// A presentation request that a wallet may answer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OpenRequest {
    /// Whether the wallet answers on the same device or on another one.
    pub(crate) channel: Channel,
    /// The handle of the presentation request.
    pub(crate) handle: String,
    /// The client identifier under which the wallet is asked.
    pub(crate) verifier: String,
}

/// The state of a login.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum LoginState {
    /// A wallet is asked, has answered, or has declined.
    Presentation(PresentationState<Evidence>),
    /// The browser has proven that it began the login, and no policy refused access. The
    /// person is asked for consent.
    AwaitingConsent(Decided),
    /// The policies refused access.
    Denied(DeniedLogin),
    /// The login is over; nothing more can happen.
    Finished,
}

/// A presentation request, as stored until it is answered.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RequestRow {
    /// The key of its login, which contains the query.
    pub(crate) login: HandleKey,
    /// The handle of its login, for the URL to which the browser comes back.
    pub(crate) login_text: String,
    /// Whether the wallet answers on the same device or on another one.
    pub(crate) channel: Channel,
    /// The nonce that the presentation must contain.
    pub(crate) nonce: String,
    /// The private scalar for decrypting the answer; `None` if answers are not encrypted.
    pub(crate) response_key: Option<Vec<u8>>,
    /// The client identifier that the request names, and for which the answer must be made.
    pub(crate) verifier: String,
    /// How many answers did not verify. After [`crate::MAX_FAILURES`] the request cannot be
    /// answered any more.
    pub(crate) failures: u8,
}

/// A decision that waits for consent.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Decided {
    /// The key of the browser's session.
    pub(crate) session: HandleKey,
    /// The claims and credentials that were decided on.
    pub(crate) evidence: Evidence,
    /// The permit, if access was asked for.
    pub(crate) permit: Option<GrantedPermit>,
}

/// A denial, as shown to the person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeniedLogin {
    /// Every condition that is not met.
    pub reasons: Vec<Reason>,
    /// How many conditions the gate has.
    pub conditions: usize,
    /// When the decision was made.
    pub time: Timestamp,
}

/// The session of a browser.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The public identifier of the session, which relying parties see as `sid`.
    pub(crate) sid: String,
    /// The claims and credentials of the person who logged in.
    pub(crate) evidence: Evidence,
}

/// A remembered consent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Consent {
    /// The scopes that the person agreed to.
    pub(crate) scopes: Vec<String>,
    /// The claims that the request named one by one and the person agreed to.
    #[serde(default)]
    pub(crate) claims: Vec<String>,
    /// The optional claims that the person chose to leave out, by name.
    pub(crate) withheld: Vec<String>,
    /// When the person agreed.
    pub(crate) time: Timestamp,
}
