//! The tables that this crate owns.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_openid4vci::pre_authorized::PreAuthorized;
use sekisho_store::{PersonSealed, table};
use serde::{Deserialize, Serialize};

use crate::IssuedCredential;

table!(/// Offers: pre-authorized code → what is offered, and the tries at its transaction code.
    pub(crate) Offers = "offers_1": HandleKey => OfferRow);
table!(/// Offers by reference: handle of the link → the offer's document.
    pub(crate) OfferLinks = "offer_links_1": HandleKey => OfferLink);
table!(/// Access tokens of wallets: handle → what may be issued. Never good at userinfo.
    pub(crate) IssuanceTokens = "issuance_tokens_1": HandleKey => IssuanceToken);
table!(/// Nonces that a successful issuance has used: expiry and digest → nothing.
    pub(crate) UsedNonces = "used_nonces_1": HandleKey => ());
table!(/// Issued credentials: id → type, holder's key, status entry, times, sealed claims.
    pub(crate) Credentials = "credentials_1": String => IssuedCredential);
table!(/// Sets of credentials that one offer gave: id of the first → ids of all, oldest first. Only
    /// those of the last request may be valid, and a change of one is a change of all.
    pub(crate) Sets = "credential_sets_1": String => Vec<String>);
table!(/// Issued credentials in the order of issue: seconds since 1970 and id → nothing.
    pub(crate) CredentialsByTime = "credentials_by_time_1": (u64, String) => ());

/// A credential that is offered.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OfferRow {
    /// The corporate number of the organization that issues.
    pub(crate) organization: String,
    /// The name of the credential type.
    pub(crate) type_name: String,
    /// Keyed digest of the person whose credential it will be.
    pub(crate) person: [u8; 32],
    /// The claims, sealed under the person's key.
    pub(crate) claims: PersonSealed,
    /// When the credential ends.
    pub(crate) credential_expires: Timestamp,
    /// The id of the credential that names the holder, if the offer names one.
    #[serde(default)]
    pub(crate) holder: Option<String>,
    /// Whether the offer can still be redeemed, and the tries at its transaction code.
    pub(crate) state: PreAuthorized,
}

/// The document behind a link to an offer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OfferLink {
    /// The document as served.
    pub(crate) document: serde_json::Value,
    /// The offer. Once it is redeemed, the link does not work any more.
    pub(crate) offer: HandleKey,
}

/// What a wallet may fetch with its access token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct IssuanceToken {
    /// The corporate number of the organization that issues.
    pub(crate) organization: String,
    /// The name of the credential type.
    pub(crate) type_name: String,
    /// Keyed digest of the person whose credential it will be.
    pub(crate) person: [u8; 32],
    /// The claims, sealed under the person's key.
    pub(crate) claims: PersonSealed,
    /// When the credential ends.
    pub(crate) credential_expires: Timestamp,
    /// The id of the credential that names the holder, if the offer named one.
    #[serde(default)]
    pub(crate) holder: Option<String>,
    /// The client id of the wallet, if it named itself; registered or not.
    pub(crate) client_id: Option<String>,
    /// How often this token was used.
    pub(crate) issued: u8,
    /// The set of the credentials that were issued with this token; `None` before the first.
    #[serde(default)]
    pub(crate) set: Option<String>,
}

impl IssuanceToken {
    /// The token for an offer that was just redeemed.
    pub(crate) fn of(offer: &OfferRow, client_id: Option<String>) -> Self {
        Self {
            organization: offer.organization.clone(),
            type_name: offer.type_name.clone(),
            person: offer.person,
            claims: offer.claims.clone(),
            credential_expires: offer.credential_expires,
            holder: offer.holder.clone(),
            client_id,
            issued: 0,
            set: None,
        }
    }
}
