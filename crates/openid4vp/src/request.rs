//! The request object (OpenID4VP 1.0, section 5) and the link that leads a wallet to it.
//!
//! Invariant: a request is signed and passed by reference. It has an encryption key if and only if
//! it asks for an encrypted answer, lives at most 600 s, and has no member that checklist VP-3
//! forbids.
//!
//! Leaves to others: drawing nonce, state and key for each transaction, and keeping them the same
//! when the wallet fetches the object again.

mod service;
mod verify;

use sekisho_ambient::Timestamp;
use sekisho_credential::sd_jwt::KEY_BINDING_ALGORITHMS;
use sekisho_credential::vc::Binding;
use sekisho_jose::jwe::ContentEncryption;
use sekisho_jose::{Algorithm, Claims, Header, KeyError, PublicJwk, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;
use url::form_urlencoded;

use crate::dcql::{FORMAT, Query};

pub use service::{Operator, SERVICE_INFO_FORMAT, ServiceDescription, ServiceStatement};
pub use verify::{
    Encryption, RequestLink, RequestRefusal, RequestTrust, RequestUriMethod, VerifiedRequest,
    parse_link, verify,
};

/// `typ` of a request object (section 5).
pub const TYP: &str = "oauth-authz-req+jwt";
/// `aud` of a request object for a wallet that was found by static configuration (section 5.8).
pub const AUDIENCE: &str = "https://self-issued.me/v2";

/// The longest life of a request object, in seconds.
pub const MAX_LIFETIME: i64 = 600;

/// How the wallet answers (section 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResponseMode {
    /// The wallet posts a form with `vp_token`.
    #[serde(rename = "direct_post")]
    DirectPost,
    /// The wallet posts a form with `response`, which is encrypted (section 8.3.1).
    #[serde(rename = "direct_post.jwt")]
    DirectPostJwt,
}

/// A verifier's request to a wallet.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestObject {
    /// The full client identifier with its prefix, as in the link.
    pub client_id: String,
    /// The URL to which the wallet posts its answer.
    pub response_uri: String,
    /// A fresh random value of at least 128 bits. The presentations are bound to it.
    pub nonce: String,
    /// A fresh random value that the wallet returns with its answer.
    pub state: String,
    /// Whether the answer is plain or encrypted.
    pub response_mode: ResponseMode,
    /// The credentials that are asked for.
    pub dcql_query: Query,
    /// A fresh public key, present if and only if the answer is to be encrypted.
    pub encryption_key: Option<PublicJwk>,
    /// Statements about the service for which the verifier asks (section 5.11), for instance
    /// [`ServiceStatement::to_verifier_info`].
    pub verifier_info: Vec<Value>,
    /// The nonce that the wallet posted when it fetched this object (section 5.10).
    pub wallet_nonce: Option<String>,
    /// When the transaction began.
    pub iat: Timestamp,
    /// When the request expires, at most 600 s after `iat`.
    pub exp: Timestamp,
}

/// Why a request object was not made.
#[derive(Debug, Error)]
pub enum RequestError {
    /// `encryption_key` does not fit `response_mode`.
    #[error("an encryption key is needed for direct_post.jwt, and for nothing else")]
    EncryptionKey,
    /// The lifetime is longer than [`MAX_LIFETIME`], or not positive.
    #[error("exp must be 1 to 600 s after iat")]
    Lifetime,
    /// Signing failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl ResponseMode {
    /// The mode as sent in `response_mode`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DirectPost => "direct_post",
            Self::DirectPostJwt => "direct_post.jwt",
        }
    }

    /// The mode with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::DirectPost, Self::DirectPostJwt].into_iter().find(|mode| mode.name() == name)
    }
}

impl RequestObject {
    /// The values that the presentations in the answer have to be bound to.
    pub fn binding(&self) -> Binding<'_> {
        Binding {
            audience: &self.client_id,
            nonce: &self.nonce,
            response_uri: Some(&self.response_uri),
            encryption_key: self.encryption_key.as_ref(),
        }
    }

    /// The claims of the request object: all those of checklist VP-2 and VP-6, none of VP-3.
    pub fn claims(&self) -> Claims {
        let mut claims = Claims::new();
        let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        put("response_type", "vp_token".into());
        put("client_id", self.client_id.as_str().into());
        put("response_mode", self.response_mode.name().into());
        put("response_uri", self.response_uri.as_str().into());
        put("nonce", self.nonce.as_str().into());
        put("state", self.state.as_str().into());
        put("aud", AUDIENCE.into());
        put("dcql_query", self.dcql_query.to_value());
        put("client_metadata", self.client_metadata());
        if !self.verifier_info.is_empty() {
            put("verifier_info", self.verifier_info.clone().into());
        }
        if let Some(wallet_nonce) = &self.wallet_nonce {
            put("wallet_nonce", wallet_nonce.as_str().into());
        }
        put("iat", self.iat.unix().into());
        put("exp", self.exp.unix().into());
        claims
    }

    /// The formats that we accept, and how the answer is to be encrypted (sections 5.1 and 8.3).
    fn client_metadata(&self) -> Value {
        let formats = json!({FORMAT.id(): {
            "sd-jwt_alg_values": names(sekisho_credential::sd_jwt::ISSUER_ALGORITHMS),
            "kb-jwt_alg_values": names(KEY_BINDING_ALGORITHMS),
        }});
        let mut metadata = Claims::new();
        metadata.insert("vp_formats_supported".to_owned(), formats);
        if let Some(key) = &self.encryption_key {
            // There is exactly one key, because some wallets take the first, whatever its use.
            metadata.insert("jwks".to_owned(), json!({"keys": [key.to_value()]}));
            let enc = [ContentEncryption::A128Gcm, ContentEncryption::A256Gcm];
            let enc: Value = enc.into_iter().map(ContentEncryption::name).collect();
            metadata.insert("encrypted_response_enc_values_supported".to_owned(), enc);
        }
        Value::Object(metadata)
    }

    /// Signs the request object. `x5c` is the certificate chain of `key` in DER, leaf first,
    /// without the anchor.
    pub fn sign(&self, x5c: Vec<Vec<u8>>, key: &SigningKey) -> Result<String, RequestError> {
        let encrypted = self.response_mode == ResponseMode::DirectPostJwt;
        if encrypted != self.encryption_key.is_some() {
            return Err(RequestError::EncryptionKey);
        }
        if !(1..=MAX_LIFETIME).contains(&self.exp.since(self.iat)) {
            return Err(RequestError::Lifetime);
        }
        let header = Header::new(key.algorithm(), TYP).with_x5c(x5c);
        Ok(sekisho_jose::sign(key, &header, &self.claims())?)
    }
}

fn names(algorithms: &[Algorithm]) -> Value {
    algorithms.iter().map(|algorithm| algorithm.name()).collect()
}

/// The client identifier of a verifier with this leaf certificate, in DER (section 5.9.3,
/// `x509_hash`).
pub fn client_id_x509_hash(leaf_der: &[u8]) -> String {
    format!("x509_hash:{}", sekisho_jose::x5c::leaf_hash(leaf_der))
}

/// The client identifier of a verifier whose leaf certificate names this host (section 5.9.3,
/// `x509_san_dns`).
pub fn client_id_x509_san_dns(host: &str) -> String {
    format!("x509_san_dns:{host}")
}

/// The link that opens a wallet (sections 5.10 and 9). It has only `client_id` and `request_uri`,
/// so that its QR code stays small. `wallet_base` is `openid4vp://`, `haip-vp://` or a wallet's
/// https authorization endpoint.
pub fn wallet_url(wallet_base: &str, client_id: &str, request_uri: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client_id)
        .append_pair("request_uri", request_uri)
        .finish();
    let separator = if wallet_base.contains('?') { '&' } else { '?' };
    format!("{wallet_base}{separator}{query}")
}

#[cfg(test)]
mod tests;
