//! The tables that this crate owns.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::token::{CodeBinding, TokenBinding};
use sekisho_profile::lifetimes;
use sekisho_profile::scopes::Ids;
use sekisho_registry::{Guard, RelyingParty};
use sekisho_store::{PersonSealed, table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Grant;
use crate::device::DeviceRequest;

table!(/// Authorization codes: handle → binding and grant, or that it was redeemed.
    pub(crate) Codes = "codes_1": HandleKey => CodeRow);
table!(/// Grants: handle → what was granted, and the credentials it stands on.
    pub(crate) Grants = "grants_1": HandleKey => Grant);
table!(/// Access tokens of relying parties: handle → grant.
    pub(crate) AccessTokens = "access_tokens_1": HandleKey => AccessToken);
table!(/// Sessions of guarded sites: handle → grant.
    pub(crate) GuardSessions = "guard_sessions_1": HandleKey => GuardSession);

table!(/// Opaque access tokens of clients for themselves: handle → client and resource.
    pub(crate) ClientTokens = "client_tokens_1": HandleKey => ClientToken);

/// An access token that a client got for itself (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientToken {
    /// The client.
    pub(crate) client_id: String,
    /// The generation of its registration.
    pub(crate) generation: u64,
    /// The audience of the resource that the token is for.
    pub(crate) resource: String,
    /// Its scopes.
    pub(crate) scopes: Vec<String>,
    /// When it was issued.
    pub(crate) issued: Timestamp,
}

impl ClientToken {
    /// Whether this registration of the client got the token.
    pub(crate) fn is_of(&self, party: &RelyingParty) -> bool {
        self.client_id == party.client.client_id && self.generation == party.generation
    }
}

table!(/// Device codes: handle → what the device asked for, and what became of it.
    pub(crate) DeviceCodes = "device_codes_1": HandleKey => DeviceRow);
table!(/// Codes that people type for devices: end of a span of time and keyed digest → device code.
    pub(crate) UserCodes = "user_codes_1": HandleKey => HandleKey);

/// What became of a device's request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum DeviceRow {
    /// Nobody has answered yet.
    Waiting(Box<DeviceRequest>),
    /// The person or the policies refused it.
    Denied {
        /// The client that asked.
        client_id: String,
    },
    /// The person agreed. From here on it is a code like any other.
    Granted(CodeRow),
}

impl DeviceRow {
    /// The client that asked.
    pub(crate) fn client_id(&self) -> &str {
        match self {
            Self::Waiting(waiting) => &waiting.request.client_id,
            Self::Denied { client_id } | Self::Granted(CodeRow::Redeemed { client_id, .. }) => {
                client_id
            }
            Self::Granted(CodeRow::Minted { binding, .. }) => &binding.client_id,
        }
    }

    /// The code that it is, once the person has agreed.
    pub(crate) fn granted(self) -> Option<CodeRow> {
        match self {
            Self::Granted(row) => Some(row),
            Self::Waiting(_) | Self::Denied { .. } => None,
        }
    }
}

table!(/// Whose a user name is: keyed digest of sector and name → person, or that it was released. Rows are
    /// never deleted, so that no name is given to two people.
    pub(crate) Names = "names_1": [u8; 32] => NameRow);
table!(/// User names: sector and keyed digest of the person → the name.
    pub(crate) NameHolders = "name_holders_1": (String, [u8; 32]) => Holder);

table!(/// Numbers of accounts: sector and organization → the next number. It only grows, so that no number
    /// is given to two people.
    pub(crate) NextIds = "next_ids_1": (String, String) => u32);

/// Whose a user name is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameRow {
    /// It is this person's, by keyed digest.
    Of([u8; 32]),
    /// It was somebody's, and is nobody's any more.
    Released,
}

/// What a person has in a sector.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The user name; `None` if there is none, or it was released.
    pub(crate) name: Option<HeldName>,
    /// The numbers of the account; `None` if none were asked for.
    #[serde(default)]
    pub(crate) ids: Option<Ids>,
}

/// A user name that a person has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HeldName {
    /// The key of its row in [`Names`].
    pub(crate) key: [u8; 32],
    /// The name, sealed under the person's key.
    pub(crate) sealed: PersonSealed,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether an operator gave it; else the credential proposed it, or it is opaque.
    pub(crate) given: bool,
}

/// What an authorization code is bound to, and whether it was redeemed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum CodeRow {
    /// Not redeemed yet.
    Minted {
        /// The client, redirect URI and PKCE challenge that a redemption must match.
        binding: CodeBinding,
        /// The key of the grant that the code gives.
        grant: HandleKey,
    },
    /// Redeemed. A second attempt is a replay.
    Redeemed {
        /// The key of the grant, which a replay ends.
        grant: HandleKey,
        /// The client that redeemed it.
        client_id: String,
    },
}

/// An access token of a relying party.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    /// The key of its grant.
    pub(crate) grant: HandleKey,
    /// When it was issued; `None` in rows written before this member existed.
    #[serde(default)]
    pub(crate) issued: Option<Timestamp>,
    /// How a caller must prove that it may use the token; so far always as a bearer.
    #[serde(default)]
    pub(crate) binding: TokenBinding,
    /// The scopes of this token, if they are fewer than the grant's (RFC 6749, section 6).
    #[serde(default)]
    pub(crate) scopes: Option<Vec<String>>,
    /// The details of this token, if they are less than the grant's (RFC 9396, section 6).
    #[serde(default)]
    pub(crate) authorization_details: Option<Claims>,
    /// The audience of the resource that it is for; `None` for our userinfo endpoint.
    #[serde(default)]
    pub(crate) resource: Option<String>,
    /// The exchange that gave it; `None` for a token from a code or a refresh token.
    #[serde(default)]
    pub(crate) exchanged: Option<Exchanged>,
}

/// How a token came out of a token exchange (RFC 8693).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Exchanged {
    /// The key of the token that was exchanged, without which this one is nothing.
    pub(crate) from: HandleKey,
    /// The client that exchanged it, and whose token this is.
    pub(crate) client_id: String,
    /// The generation of its registration.
    pub(crate) generation: u64,
    /// Who acted before: the clients of the exchanges before this one, the latest first.
    pub(crate) before: Vec<String>,
}

impl Exchanged {
    /// Who acts for the person (`act`; RFC 8693, section 4.1).
    pub(crate) fn act(&self) -> Value {
        let first =
            self.before.iter().rev().fold(Value::Null, |inner, actor| acting(actor, &inner));
        acting(&self.client_id, &first)
    }
}

fn acting(actor: &str, inner: &Value) -> Value {
    if inner.is_null() { json!({"sub": actor}) } else { json!({"sub": actor, "act": inner}) }
}

impl AccessToken {
    /// A bearer token with everything that its grant gives.
    pub(crate) fn bearer(grant: HandleKey, issued: Timestamp) -> Self {
        let binding = TokenBinding::Bearer;
        Self {
            grant,
            issued: Some(issued),
            binding,
            scopes: None,
            authorization_details: None,
            resource: None,
            exchanged: None,
        }
    }

    /// The client whose token this is: the one that exchanged it, or the one of the grant.
    pub(crate) fn client_id<'t>(&'t self, grant: &'t Grant) -> &'t str {
        self.exchanged.as_ref().map_or(&grant.client_id, |exchanged| &exchanged.client_id)
    }

    /// Whether it is a token of this registration of a client.
    pub(crate) fn is_of(&self, grant: &Grant, party: &RelyingParty) -> bool {
        match &self.exchanged {
            None => grant.is_of(party),
            Some(exchanged) => {
                exchanged.client_id == party.client.client_id
                    && exchanged.generation == party.generation
            }
        }
    }

    /// When this token was issued. `key` is the key of its row.
    pub(crate) fn issued_at(&self, key: &HandleKey) -> Timestamp {
        self.issued.unwrap_or_else(|| key.expires().plus(-lifetimes::ACCESS_TOKEN))
    }
}

/// A session of a guarded site.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GuardSession {
    /// The key of its grant, with which it ends.
    pub(crate) grant: HandleKey,
    /// The id of the guard at which it began.
    pub(crate) guard: String,
    /// The origin or the domain in which it counts.
    pub(crate) realm: String,
}

impl GuardSession {
    /// Whether it counts at this guard, in this origin or domain.
    pub(crate) fn counts_at(&self, guard: &Guard, realm: &str) -> bool {
        self.guard == guard.id && self.realm == realm
    }
}
