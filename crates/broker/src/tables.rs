//! The tables, each with its key, value and meaning. All are durable, sealed, and in one file.
//!
//! Invariant: no key holds personal data or a secret: handles stand as digests, people as keyed
//! digests. Rows that live for minutes have keys that begin with their expiry.

use std::collections::BTreeMap;

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_credential::status::StatusReference;
use sekisho_credential::vc::TrustedIssuer;
use sekisho_jose::Claims;
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_oauth::claims_request::ClaimsRequest;
use sekisho_oauth::client::Client;
use sekisho_oauth::refresh::Family;
use sekisho_openid4vp::dcql::Query;
use sekisho_openid4vp::presentation::Presentation;
use sekisho_profile::{Channel, Reason};
use sekisho_store::{PersonSealed, Table};
use serde::{Deserialize, Serialize};

use crate::keys::KeyRecord;
use sekisho_ambient::Text;

/// Declares a table: its type, its name in the file, its key and its value.
macro_rules! table {
    ($(#[$doc:meta])* $table:ident = $name:literal: $key:ty => $value:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $table;
        impl Table for $table {
            const NAME: &'static str = $name;
            type Key = $key;
            type Value = $value;
        }
    };
}

table!(/// Relying parties: client id → registration.
    Clients = "clients_1": String => Client);
table!(/// Organizations: corporate number → names.
    Organizations = "organizations_1": String => Organization);
table!(/// Trust: issuer identifier → what it may attest, for whom, under which anchors.
    Trust = "trust_1": String => TrustedIssuer);
table!(/// Keys of the broker: kid → purpose, state, and the private half while it has one.
    Keys = "keys_1": String => KeyRecord);
table!(/// The private certificate authority: name → certificate and key.
    Authorities = "authorities_1": String => AuthorityRow);
table!(/// One login each: handle → how far it has come.
    Logins = "logins_1": HandleKey => Login);
table!(/// One presentation request each: handle → what the wallet was asked. The nonce and the
    /// response key stand nowhere else, and go with the row.
    Requests = "requests_1": HandleKey => RequestRow);
table!(/// Sessions of browsers: handle → who logged in, when, on which credentials.
    Sessions = "sessions_1": HandleKey => Session);
table!(/// Consents that are remembered: keyed digest of person and client → what was agreed to.
    Consents = "consents_1": [u8; 32] => Consent);
table!(/// Authorization codes: handle → binding and grant, or that it was redeemed.
    Codes = "codes_1": HandleKey => CodeRow);
table!(/// Grants: handle → what was granted, and the credentials it stands on.
    Grants = "grants_1": HandleKey => Grant);
table!(/// Access tokens of relying parties: handle → grant.
    AccessTokens = "access_tokens_1": HandleKey => AccessToken);
table!(/// Client assertions that were used: expiry and digest → nothing.
    UsedAssertions = "used_assertions_1": HandleKey => ());
table!(/// Offers: pre-authorized code → what is offered, and the tries at its transaction code.
    Offers = "offers_1": HandleKey => OfferRow);
table!(/// Offers by reference: handle of the link → the offer's document.
    OfferLinks = "offer_links_1": HandleKey => OfferLink);
table!(/// Access tokens of wallets: handle → what may be issued. Never good at userinfo.
    IssuanceTokens = "issuance_tokens_1": HandleKey => IssuanceToken);
table!(/// Nonces that a successful issuance has used: expiry and digest → nothing.
    UsedNonces = "used_nonces_1": HandleKey => ());
table!(/// Issued credentials: id → type, holder's key, status entry, times, sealed claims.
    Credentials = "credentials_1": String => IssuedCredential);
table!(/// Status lists: issuer's corporate number and number of the list → its size and version.
    StatusLists = "status_lists_1": (String, u64) => StatusListRow);
table!(/// Allocated status entries: `{corporate number}/{list}` and index → value and credential.
    /// A row is never deleted, so that no index is given twice.
    StatusEntries = "status_entries_1": (String, u64) => StatusEntry);

/// A tenant or the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// 法人番号, 13 digits.
    pub corporate_number: String,
    /// Its name.
    pub name: Text,
    /// When it was added.
    pub created: Timestamp,
}

/// A certificate authority of our own.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthorityRow {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key, PKCS #8 DER (the row is sealed).
    pub private: Vec<u8>,
}

/// One login, from the authorization request to its code.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// The request, as validated.
    pub request: AuthorizationRequest,
    /// SHA-256 of the cookie of the browser that began.
    pub browser: [u8; 32],
    /// When it began.
    pub started: Timestamp,
    /// The requests that a wallet may answer, by channel: their handles, which the login page of
    /// this browser shows (the row is sealed).
    pub requests: Vec<(Channel, String)>,
    /// How far it has come.
    pub state: LoginState,
}

/// How far a login has come.
#[derive(Clone, Serialize, Deserialize)]
pub enum LoginState {
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
pub struct RequestRow {
    /// The login.
    pub login: HandleKey,
    /// The login's handle, for the way back.
    pub login_text: String,
    /// How the answer will come back.
    pub channel: Channel,
    /// The nonce of this request.
    pub nonce: String,
    /// The private scalar under whose public half the answer is encrypted.
    pub response_key: Option<Vec<u8>>,
    /// What is asked.
    pub query: Query,
    /// The client, for the page that names it.
    pub client_id: String,
    /// Answers that did not verify; after [`crate::login::MAX_FAILURES`] the request is dead.
    pub failures: u8,
}

/// One credential that a decision stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relied {
    /// Name of its type, e.g. `affiliation`.
    pub type_name: String,
    /// Its issuer.
    pub issuer: String,
    /// SHA-256 of the issuer-signed JWT.
    pub digest: [u8; 32],
    /// Where its status stands.
    pub status: Option<StatusReference>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// What is kept of a presentation: never the presentation itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// Keyed digest of issuer and member reference.
    pub person: [u8; 32],
    /// Issuer of the login credential.
    pub issuer: String,
    /// The credentials.
    pub relied: Vec<Relied>,
    /// The disclosed claims by type name, sealed under the person's key.
    pub claims: PersonSealed,
    /// What was asked for, as `type/claim`: what a credential did not have is not asked twice.
    pub asked: Vec<String>,
    /// When the presentation was verified.
    pub auth_time: Timestamp,
    /// How the answer came.
    pub channel: Channel,
}

/// Claims by the name of the credential type.
pub type ClaimsByType = BTreeMap<String, Claims>;

/// A login that was decided and waits for consent.
#[derive(Clone, Serialize, Deserialize)]
pub struct Decided {
    /// The session it belongs to.
    pub session: HandleKey,
    /// What the decision stands on.
    pub evidence: Evidence,
    /// What was granted, if access was asked for.
    pub granted: Option<Granted>,
}

/// A permit, as kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Granted {
    /// RFC 9396 details as granted.
    pub details: Claims,
    /// Groups.
    pub groups: Vec<String>,
    /// The gate.
    pub gate: String,
    /// Version of the policies.
    pub policy_version: String,
}

impl Granted {
    /// Whether it has not ended: `expires` of the details. One without an end does not count.
    pub fn stands(&self, now: Timestamp) -> bool {
        let end = self.details.get("expires").and_then(serde_json::Value::as_str);
        end.and_then(Timestamp::from_rfc3339).is_some_and(|end| now < end)
    }
}

/// A denial, as shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeniedLogin {
    /// Every unmet rule.
    pub reasons: Vec<sekisho_access::Reason>,
    /// How many conditions there are.
    pub conditions: usize,
    /// When it was decided.
    pub time: Timestamp,
}

/// A browser's session.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Public identifier (`sid`).
    pub sid: String,
    /// What it stands on.
    pub evidence: Evidence,
}

/// A consent that is remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// Scopes agreed to.
    pub scopes: Vec<String>,
    /// Claims agreed to that were named one by one.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Claims that the person chose to leave out, by wallet claim id.
    pub withheld: Vec<String>,
    /// When.
    pub time: Timestamp,
}

/// What an authorization code is bound to, and whether it was redeemed.
#[derive(Clone, Serialize, Deserialize)]
pub enum CodeRow {
    /// Not redeemed yet.
    Minted {
        /// The bindings.
        binding: sekisho_oauth::token::CodeBinding,
        /// The grant.
        grant: HandleKey,
    },
    /// Redeemed: a second try is a replay.
    Redeemed {
        /// The grant, revoked on a replay.
        grant: HandleKey,
        /// The client that redeemed it.
        client_id: String,
    },
}

/// What was granted to a relying party.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The relying party.
    pub client_id: String,
    /// Pairwise subject.
    pub sub: String,
    /// The session's public identifier.
    pub sid: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Claims that were named one by one.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// Claims that the person chose to leave out.
    pub withheld: Vec<String>,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// What it stands on.
    pub evidence: Evidence,
    /// What was granted of a GPU service.
    pub granted: Option<Granted>,
    /// How far its refresh tokens have come, if it has any.
    #[serde(default)]
    pub refresh: Option<Family>,
    /// Why it ended, if it did.
    pub revoked: Option<Reason>,
}

impl Grant {
    /// The grant as far as one of its access tokens goes.
    #[must_use]
    pub fn limited_to(mut self, token: &AccessToken) -> Self {
        if let Some(scopes) = &token.scopes {
            self.scopes.clone_from(scopes);
        }
        if let (Some(granted), Some(details)) = (&mut self.granted, &token.authorization_details) {
            granted.details.clone_from(details);
        }
        self
    }

    /// What a token request asks for of what was granted, if it asks for less
    /// (RFC 9396, section 6.1). `None` if it asks for something else.
    pub fn narrow(&self, asked: Option<&Claims>, now: Timestamp) -> Option<Option<Claims>> {
        let Some(asked) = asked else { return Some(None) };
        sekisho_access::narrowed(&self.permit(now)?.details, asked).map(Some)
    }

    /// What was granted of a GPU service, until it ends: a grant with refresh tokens may live longer.
    pub fn permit(&self, now: Timestamp) -> Option<&Granted> {
        self.granted.as_ref().filter(|granted| granted.stands(now))
    }
}

/// An access token of a relying party.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessToken {
    /// Its grant.
    pub grant: HandleKey,
    /// The scopes of this token, if they are fewer than the grant's (RFC 6749, section 6).
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// The details of this token, if they are less than the grant's (RFC 9396, section 6).
    #[serde(default)]
    pub authorization_details: Option<Claims>,
}

/// A credential that is offered.
#[derive(Clone, Serialize, Deserialize)]
pub struct OfferRow {
    /// Issuing organization.
    pub organization: String,
    /// Type name.
    pub type_name: String,
    /// Whose it is.
    pub person: [u8; 32],
    /// The claims, sealed under the person's key.
    pub claims: PersonSealed,
    /// When the credential ends.
    pub credential_expires: Timestamp,
    /// The state machine.
    pub state: sekisho_openid4vci::pre_authorized::PreAuthorized,
}

/// An offer's document.
#[derive(Clone, Serialize, Deserialize)]
pub struct OfferLink {
    /// The document as served.
    pub document: serde_json::Value,
    /// The offer: once it is redeemed, the link is dead.
    pub offer: HandleKey,
}

/// What a wallet's access token is good for.
#[derive(Clone, Serialize, Deserialize)]
pub struct IssuanceToken {
    /// Issuing organization.
    pub organization: String,
    /// Type name.
    pub type_name: String,
    /// Whose it is.
    pub person: [u8; 32],
    /// The claims, sealed under the person's key.
    pub claims: PersonSealed,
    /// When the credential ends.
    pub credential_expires: Timestamp,
    /// The client, if it named itself.
    pub client_id: Option<String>,
    /// Credentials that were issued with it.
    pub issued: u8,
}

/// A credential that was issued.
#[derive(Clone, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// Issuing organization.
    pub organization: String,
    /// Type name.
    pub type_name: String,
    /// `vct`.
    pub vct: String,
    /// Whose it is.
    pub person: [u8; 32],
    /// RFC 7638 thumbprint of the holder's key.
    pub holder_thumbprint: String,
    /// The list of its status entry.
    pub status_list: u64,
    /// The index in that list.
    pub status_index: u64,
    /// Key that signed it.
    pub kid: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The claims, sealed under the person's key.
    pub claims: PersonSealed,
}

/// A status list of an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusListRow {
    /// Number of entries, allocated or not.
    pub size: u64,
    /// Number of entries that are taken, by credentials and by decoys.
    pub allocated: u64,
    /// Grows with every change of an entry.
    pub version: u64,
}

/// One allocated entry of a status list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusEntry {
    /// 0 valid, 1 invalid, 2 suspended.
    pub value: u8,
    /// The credential; empty for a decoy.
    pub credential: String,
}

impl StatusEntry {
    /// An entry of nobody, which looks revoked.
    pub(crate) fn decoy() -> Self {
        Self { value: 1, credential: String::new() }
    }
}
