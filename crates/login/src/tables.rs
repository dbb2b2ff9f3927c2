//! The tables that this crate owns.

use sekisho_access::{Agreed, Reason};
use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_grants::{Evidence, GrantedPermit};
use sekisho_oauth::authorization::{AuthorizationRequest, ResponseBody};
use sekisho_openid4vp::presentation::{MatchNumber, PresentationState};
use sekisho_profile::Code;
use sekisho_registry::sectors::Member;
use sekisho_store::table;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::device::Device;

table!(/// Logins that a wallet or a session has answered: handle → how far they have come. Before
    /// that, a login is in its cookie and its links only.
    pub(crate) Logins = "logins_3": HandleKey => Login);
table!(/// Requests that are too large for a cookie: handle of the login → the request. Their number is
    /// bounded.
    pub(crate) Parked = "parked_requests_1": HandleKey => AuthorizationRequest);
table!(/// The keys of open logins: end and digest of the epoch → 32 random bytes.
    pub(crate) EpochKeys = "epoch_keys_1": HandleKey => [u8; 32]);
table!(/// Sessions of browsers: handle → who logged in, when, on which credentials.
    pub(crate) Sessions = "sessions_1": HandleKey => Session);
table!(/// Consents that are remembered: keyed digest of person and client → what was agreed to.
    pub(crate) Consents = "consents_1": [u8; 32] => Consent);
table!(/// Logins of the version before, which ended with it: swept, never read.
    pub(crate) LoginsBefore = "logins_2": HandleKey => Value);
table!(/// Presentation requests of the version before: likewise.
    pub(crate) RequestsBefore = "requests_2": HandleKey => Value);

/// One login, from the first verified answer to its code.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The client that asks.
    pub(crate) client_id: String,
    /// The digest of the wallet's answer; `None` if a session answered.
    pub(crate) answer: Option<[u8; 32]>,
    /// Whether a wallet on another device may answer.
    pub(crate) other_device: bool,
    /// The browser that began.
    pub(crate) device: Device,
    /// What released the browser; `None` before that.
    pub(crate) released: Option<Released>,
    /// The state of the login.
    pub(crate) state: LoginState,
}

/// What released the browser that began. The same proof gets the same answer again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Released {
    /// The response code that the wallet got.
    pub(crate) response_code: HandleKey,
    /// The number that was typed or could have been.
    pub(crate) number: Option<MatchNumber>,
    /// The handle of the session that began. The row is sealed.
    pub(crate) session: String,
}

/// The state of a login.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum LoginState {
    /// A wallet has answered.
    Presentation(PresentationState<Evidence>),
    /// The browser has proven that it began the login, and no policy refused access. The
    /// person is asked for consent.
    AwaitingConsent(Decided),
    /// The policies refused access.
    Denied(DeniedLogin),
    /// The login is over; nothing more can happen.
    Finished(End),
}

/// How a login ended.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum End {
    /// The service was answered. If the person did not log in, `why` says the reason.
    Answered {
        /// The code or the error.
        body: ResponseBody,
        /// The reason of an error, for the person.
        why: Option<Code>,
    },
    /// The person was told this code.
    Refused(Code),
    /// The device that waits was answered: by a grant, or by a refusal for the reason `why`.
    Device {
        /// The reason, for the person.
        why: Option<Code>,
    },
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
    /// The other services that know the person by the same name, as the page shows them.
    #[serde(default)]
    pub(crate) shared: Vec<Member>,
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
    /// The audiences of the resources that the request named and the person agreed to.
    #[serde(default)]
    pub(crate) resources: Vec<String>,
    /// The claims that the request named one by one and the person agreed to.
    #[serde(default)]
    pub(crate) claims: Vec<String>,
    /// The use of a GPU service that was shown, if there was one. Rows written before this member
    /// existed agree to none.
    #[serde(default)]
    pub(crate) access: Option<Agreed>,
    /// The optional claims that the person chose to leave out, by name.
    pub(crate) withheld: Vec<String>,
    /// The other services that know the person by the same name and were shown. Rows written before
    /// this member existed were shown none.
    #[serde(default)]
    pub(crate) shared: Vec<Member>,
    /// When the person agreed.
    pub(crate) time: Timestamp,
}
