//! The tables of this room.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::token::{CodeBinding, TokenBinding};
use sekisho_profile::lifetimes;
use sekisho_store::table;
use serde::{Deserialize, Serialize};

use crate::Grant;

table!(/// Authorization codes: handle → binding and grant, or that it was redeemed.
    pub(crate) Codes = "codes_1": HandleKey => CodeRow);
table!(/// Grants: handle → what was granted, and the credentials it stands on.
    pub(crate) Grants = "grants_1": HandleKey => Grant);
table!(/// Access tokens of relying parties: handle → grant.
    pub(crate) AccessTokens = "access_tokens_1": HandleKey => AccessToken);

/// What an authorization code is bound to, and whether it was redeemed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum CodeRow {
    /// Not redeemed yet.
    Minted {
        /// The bindings.
        binding: CodeBinding,
        /// The grant.
        grant: HandleKey,
    },
    /// Redeemed: a second try is a replay.
    Redeemed {
        /// The grant, which ends on a replay.
        grant: HandleKey,
        /// The client that redeemed it.
        client_id: String,
    },
}

/// An access token of a relying party.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    /// Its grant.
    pub(crate) grant: HandleKey,
    /// When it was issued; `None` in rows that are older than the member.
    #[serde(default)]
    pub(crate) issued: Option<Timestamp>,
    /// Who may use it.
    #[serde(default)]
    pub(crate) binding: TokenBinding,
    /// The scopes of this token, if they are fewer than the grant's (RFC 6749, section 6).
    #[serde(default)]
    pub(crate) scopes: Option<Vec<String>>,
    /// The details of this token, if they are less than the grant's (RFC 9396, section 6).
    #[serde(default)]
    pub(crate) authorization_details: Option<Claims>,
}

impl AccessToken {
    /// A bearer token of a grant, as good as the grant is.
    pub(crate) fn bearer(grant: HandleKey, issued: Timestamp) -> Self {
        let binding = TokenBinding::Bearer;
        Self { grant, issued: Some(issued), binding, scopes: None, authorization_details: None }
    }

    /// When the token that stands at `key` was issued.
    pub(crate) fn issued_at(&self, key: &HandleKey) -> Timestamp {
        self.issued.unwrap_or_else(|| key.expires().plus(-lifetimes::ACCESS_TOKEN))
    }
}
