//! Credential offers (OpenID4VCI 1.0, section 4.1).
//!
//! Invariant: an offer contains no personal data (section 13.5) and never the transaction code. A
//! wallet must not trust its text: it only names an issuer, and the issuer's metadata says the
//! rest.
//!
//! Leaves to others: the document that a reference points to. Its URL cannot be guessed, it is
//! short-lived, and it is gone once the code is redeemed.

use serde_json::{Map, Value};
use thiserror::Error;
use url::{Host, Url, form_urlencoded};

/// The grant type of the pre-authorized code flow (section 4.1.1).
pub const PRE_AUTHORIZED_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

/// The longest description of a transaction code, in characters (section 4.1.1).
pub const MAX_DESCRIPTION: usize = 300;

/// A credential offer. It has no `Debug`, because it contains a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialOffer {
    /// The credential issuer identifier.
    pub credential_issuer: String,
    /// The configurations of the offered credentials; unique, not empty.
    pub credential_configuration_ids: Vec<String>,
    /// The pre-authorized code. `None` in an offer that has only other grants.
    pub pre_authorized: Option<PreAuthorizedGrant>,
}

/// The pre-authorized code of an offer. It has no `Debug`, because it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PreAuthorizedGrant {
    /// The code. Anybody who has it, and the transaction code if one is asked for, gets the
    /// credential.
    pub code: String,
    /// How the transaction code looks. `None` if none is asked for.
    pub tx_code: Option<TxCode>,
    /// The authorization server that gives the token. It is named only if the issuer has several.
    pub authorization_server: Option<String>,
}

/// How the transaction code looks and where the holder finds it. It is never the code itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxCode {
    /// Which characters the code consists of.
    pub input_mode: InputMode,
    /// The number of characters.
    pub length: Option<u32>,
    /// Where the holder finds the code, in at most [`MAX_DESCRIPTION`] characters.
    pub description: Option<String>,
}

/// The characters that a transaction code consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputMode {
    /// Only digits.
    #[default]
    Numeric,
    /// Any characters.
    Text,
}

/// A link to an offer, as a wallet reads it.
#[derive(Clone, PartialEq, Eq)]
pub enum OfferLink {
    /// The link contains the offer.
    Value(CredentialOffer),
    /// The link contains the URL of the offer.
    Reference(String),
}

/// Why an offer was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OfferError {
    /// The link has an unknown scheme, or no query.
    #[error("not a link to a credential offer")]
    Link,
    /// The link has both `credential_offer` and `credential_offer_uri`, or neither, or one of them
    /// twice.
    #[error("not exactly one of credential_offer and credential_offer_uri")]
    NotOne,
    /// A member is missing or malformed.
    #[error("credential offer: missing or malformed {0}")]
    Malformed(&'static str),
}

impl CredentialOffer {
    /// Writes the offer as JSON.
    pub fn to_value(&self) -> Value {
        let mut offer = Map::new();
        offer.insert("credential_issuer".to_owned(), self.credential_issuer.as_str().into());
        let ids = self.credential_configuration_ids.clone();
        offer.insert("credential_configuration_ids".to_owned(), ids.into());
        if let Some(grant) = &self.pre_authorized {
            let grants = Map::from_iter([(PRE_AUTHORIZED_CODE_GRANT.to_owned(), grant.to_value())]);
            offer.insert("grants".to_owned(), Value::Object(grants));
        }
        Value::Object(offer)
    }

    /// Reads an offer. Unknown members and grants are ignored.
    pub fn from_value(value: &Value) -> Result<Self, OfferError> {
        let issuer = text(value, "credential_issuer")?;
        let issuer = issuer.filter(|issuer| is_secure(issuer));
        let grants = value.get("grants");
        if grants.is_some_and(|grants| !grants.is_object()) {
            return Err(OfferError::Malformed("grants"));
        }
        let grant = grants.and_then(|grants| grants.get(PRE_AUTHORIZED_CODE_GRANT));
        Ok(Self {
            credential_issuer: issuer.ok_or(OfferError::Malformed("credential_issuer"))?,
            credential_configuration_ids: read_ids(value)?,
            pre_authorized: grant.map(PreAuthorizedGrant::from_value).transpose()?,
        })
    }

    /// The link that contains the offer. `wallet_base` is `openid-credential-offer://`,
    /// `haip-vci://` or a wallet's https URL.
    pub fn link_by_value(&self, wallet_base: &str) -> String {
        link(wallet_base, "credential_offer", &self.to_value().to_string())
    }
}

fn read_ids(offer: &Value) -> Result<Vec<String>, OfferError> {
    const MALFORMED: OfferError = OfferError::Malformed("credential_configuration_ids");
    let ids = offer.get("credential_configuration_ids").and_then(Value::as_array);
    let ids = ids.filter(|ids| !ids.is_empty()).ok_or(MALFORMED)?;
    let mut unique = Vec::with_capacity(ids.len());
    for id in ids {
        let id = id.as_str().ok_or(MALFORMED)?.to_owned();
        if unique.contains(&id) {
            return Err(MALFORMED);
        }
        unique.push(id);
    }
    Ok(unique)
}

impl PreAuthorizedGrant {
    fn to_value(&self) -> Value {
        let mut grant = Map::new();
        grant.insert("pre-authorized_code".to_owned(), self.code.as_str().into());
        if let Some(tx_code) = &self.tx_code {
            grant.insert("tx_code".to_owned(), tx_code.to_value());
        }
        if let Some(server) = &self.authorization_server {
            grant.insert("authorization_server".to_owned(), server.as_str().into());
        }
        Value::Object(grant)
    }

    fn from_value(value: &Value) -> Result<Self, OfferError> {
        let code = text(value, "pre-authorized_code")?;
        Ok(Self {
            code: code.ok_or(OfferError::Malformed("pre-authorized_code"))?,
            tx_code: value.get("tx_code").map(TxCode::from_value).transpose()?,
            authorization_server: text(value, "authorization_server")?,
        })
    }
}

impl TxCode {
    fn to_value(&self) -> Value {
        let mut tx_code = Map::new();
        let input_mode = match self.input_mode {
            InputMode::Numeric => "numeric",
            InputMode::Text => "text",
        };
        tx_code.insert("input_mode".to_owned(), input_mode.into());
        if let Some(length) = self.length {
            tx_code.insert("length".to_owned(), length.into());
        }
        if let Some(description) = &self.description {
            let description: String = description.chars().take(MAX_DESCRIPTION).collect();
            tx_code.insert("description".to_owned(), description.into());
        }
        Value::Object(tx_code)
    }

    fn from_value(value: &Value) -> Result<Self, OfferError> {
        const MALFORMED: OfferError = OfferError::Malformed("tx_code");
        if !value.is_object() {
            return Err(MALFORMED);
        }
        let length = value.get("length").map(|length| {
            let length = length.as_u64().and_then(|length| u32::try_from(length).ok());
            length.filter(|length| *length > 0).ok_or(MALFORMED)
        });
        let description = text(value, "description")?;
        if description.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
            return Err(MALFORMED);
        }
        let input_mode = match text(value, "input_mode")?.as_deref() {
            None | Some("numeric") => InputMode::Numeric,
            Some("text") => InputMode::Text,
            Some(_) => return Err(MALFORMED),
        };
        Ok(Self { input_mode, length: length.transpose()?, description })
    }
}

/// A member that is a string and not empty. `None` if the member is absent.
fn text(value: &Value, name: &'static str) -> Result<Option<String>, OfferError> {
    match value.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(OfferError::Malformed(name)),
    }
}

/// The link that contains the URL of the offer.
pub fn link_by_reference(wallet_base: &str, offer_uri: &str) -> String {
    link(wallet_base, "credential_offer_uri", offer_uri)
}

fn link(wallet_base: &str, name: &str, value: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let separator = if wallet_base.contains('?') { '&' } else { '?' };
    format!("{wallet_base}{separator}{}", query.append_pair(name, value).finish())
}

/// The wallet's side: reads a link or QR code.
pub fn parse_link(link: &str) -> Result<OfferLink, OfferError> {
    let (base, query) = link.trim().split_once('?').ok_or(OfferError::Link)?;
    let scheme = base.split_once(':').map_or("", |(scheme, _)| scheme);
    if !["openid-credential-offer", "haip-vci", "https", "http"].contains(&scheme) {
        return Err(OfferError::Link);
    }
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let all = |wanted: &str| -> Vec<String> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let values = pairs.filter(|(name, value)| name == wanted && !value.is_empty());
        values.map(|(_, value)| value.into_owned()).collect()
    };
    match (all("credential_offer").as_slice(), all("credential_offer_uri").as_slice()) {
        ([offer], []) => {
            let offer = sekisho_jose::json::parse(offer.as_bytes());
            let offer = offer.map_err(|_| OfferError::Malformed("credential_offer"))?;
            CredentialOffer::from_value(&offer).map(OfferLink::Value)
        }
        ([], [uri]) if is_secure(uri) => Ok(OfferLink::Reference(uri.clone())),
        ([], [_]) => Err(OfferError::Malformed("credential_offer_uri")),
        _ => Err(OfferError::NotOne),
    }
}

/// Whether the wallet may fetch `uri`: https, or http to this machine, which development uses, and
/// without fragment or user. It has to be written exactly as it is fetched, because a parser would
/// silently correct `https:/x` and `https://X`.
pub(crate) fn is_secure(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let start = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if !uri.starts_with(&start) {
        return false;
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.fragment().is_none() && (url.scheme() == "https" || url.scheme() == "http" && is_loopback)
}

#[cfg(test)]
mod tests;
