//! The tables that this crate owns.

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
}

impl AccessToken {
    /// A bearer token with everything that its grant gives.
    pub(crate) fn bearer(grant: HandleKey, issued: Timestamp) -> Self {
        let binding = TokenBinding::Bearer;
        Self { grant, issued: Some(issued), binding, scopes: None, authorization_details: None }
    }

    /// When this token was issued. `key` is the key of its row.
    pub(crate) fn issued_at(&self, key: &HandleKey) -> Timestamp {
        self.issued.unwrap_or_else(|| key.expires().plus(-lifetimes::ACCESS_TOKEN))
    }
}
