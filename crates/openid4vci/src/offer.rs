//! Credential offers (OpenID4VCI 1.0, section 4.1).
use serde_json::Value;
use thiserror::Error;

/// The grant type of the pre-authorized code flow.
pub const PRE_AUTHORIZED_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

/// An offer.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialOffer {
    /// The credential issuer identifier.
    pub credential_issuer: String,
    /// What is offered; unique, not empty.
    pub credential_configuration_ids: Vec<String>,
    /// The pre-authorized code. `None` in a foreign offer of another grant.
    pub pre_authorized: Option<PreAuthorizedGrant>,
}

/// The pre-authorized code of an offer.
#[derive(Clone, PartialEq, Eq)]
pub struct PreAuthorizedGrant {
    /// The code; whoever has it and the transaction code gets the credential.
    pub code: String,
    /// What is to be typed, if anything.
    pub tx_code: Option<TxCode>,
    /// Which of the issuer's authorization servers gives the token; only if there are several.
    pub authorization_server: Option<String>,
}

/// How the transaction code looks and where it comes from; never the code itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxCode {
    /// What it consists of.
    pub input_mode: InputMode,
    /// How long it is.
    pub length: Option<u32>,
    /// Where to find it, at most 300 characters.
    pub description: Option<String>,
}

/// What a transaction code consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputMode {
    /// Digits.
    #[default]
    Numeric,
    /// Any characters.
    Text,
}

/// An offer's link, read by a wallet.
#[derive(Clone, PartialEq, Eq)]
pub enum OfferLink {
    /// The offer itself.
    Value(CredentialOffer),
    /// Where the offer is to be fetched.
    Reference(String),
}

/// Why an offer was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OfferError {
    /// A member is missing or malformed.
    #[error("offer: malformed {0}")]
    Malformed(&'static str),
}

impl CredentialOffer {
    /// The offer as JSON.
    pub fn to_value(&self) -> Value {
        todo!()
    }
    /// Reads an offer.
    pub fn from_value(value: &Value) -> Result<Self, OfferError> {
        let _ = value;
        todo!()
    }
    /// The link that carries the offer itself. `wallet_base` is `openid-credential-offer://`,
    /// `haip-vci://` or a wallet's https URL.
    pub fn link_by_value(&self, wallet_base: &str) -> String {
        let _ = wallet_base;
        todo!()
    }
}

/// The link that says where the offer is.
pub fn link_by_reference(wallet_base: &str, offer_uri: &str) -> String {
    let _ = (wallet_base, offer_uri);
    todo!()
}

/// The wallet's side: reads a link or QR code.
pub fn parse_link(link: &str) -> Result<OfferLink, OfferError> {
    let _ = link;
    todo!()
}
