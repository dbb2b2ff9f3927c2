//! The request object (OpenID4VP 1.0, section 5) and the link that leads a wallet to it.

mod service;
mod verify;

use sekisho_ambient::Timestamp;
use sekisho_jose::{Claims, KeyError, PublicJwk, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::dcql::Query;

pub use service::{
    LocalizedText, Operator, SERVICE_INFO_FORMAT, ServiceDescription, ServiceStatement,
};
pub use verify::{
    Encryption, RequestLink, RequestRefusal, RequestTrust, VerifiedRequest, parse_link, verify,
};

/// `typ` of a request object (section 5).
pub const TYP: &str = "oauth-authz-req+jwt";
/// `aud` of a request object for a wallet that was found by static configuration (section 5.8).
pub const AUDIENCE: &str = "https://self-issued.me/v2";

/// How the wallet answers (section 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResponseMode {
    /// A form with `vp_token`.
    #[serde(rename = "direct_post")]
    DirectPost,
    /// A form with `response`, which is encrypted (section 8.3.1).
    #[serde(rename = "direct_post.jwt")]
    DirectPostJwt,
}

/// What the verifier asks a wallet.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestObject {
    /// The full client identifier with its prefix, as in the link.
    pub client_id: String,
    /// Where the answer goes.
    pub response_uri: String,
    /// Fresh, at least 128 bits.
    pub nonce: String,
    /// Fresh; comes back with the answer.
    pub state: String,
    /// How the answer comes.
    pub response_mode: ResponseMode,
    /// What is asked for.
    pub dcql_query: Query,
    /// A fresh public key, there if and only if the answer is to be encrypted.
    pub encryption_key: Option<PublicJwk>,
    /// Statements about the service on whose behalf is asked (section 5.11), for instance
    /// [`ServiceStatement::to_verifier_info`].
    pub verifier_info: Vec<Value>,
    /// The nonce that the wallet posted when it fetched this object (section 5.10).
    pub wallet_nonce: Option<String>,
    /// When the transaction began.
    pub iat: Timestamp,
    /// At most 600 s later.
    pub exp: Timestamp,
}

/// Why a request object was not made.
#[derive(Debug, Error)]
pub enum RequestError {
    /// `encryption_key` does not fit `response_mode`.
    #[error("an encryption key is needed for direct_post.jwt, and for nothing else")]
    EncryptionKey,
    /// Lifetime of more than [`MAX_LIFETIME`] or none.
    #[error("exp must be 1 to 600 s after iat")]
    Lifetime,
    /// Signing failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The longest life of a request object, in seconds.
pub const MAX_LIFETIME: i64 = 600;

impl RequestObject {
    /// The claims of the request object: those of checklist VP-2 and VP-6, and no other.
    pub fn claims(&self) -> Claims {
        todo!()
    }
    /// The signed request object. `x5c` is the chain of `key`, DER, leaf first, without the anchor.
    pub fn sign(&self, x5c: Vec<Vec<u8>>, key: &SigningKey) -> Result<String, RequestError> {
        let _ = (x5c, key);
        todo!()
    }
}

/// The client identifier of a verifier with this leaf certificate, DER (section 5.9.3, `x509_hash`).
pub fn client_id_x509_hash(leaf_der: &[u8]) -> String {
    format!("x509_hash:{}", sekisho_jose::x5c::leaf_hash(leaf_der))
}

/// The client identifier of a verifier with this host in its leaf certificate (section 5.9.3,
/// `x509_san_dns`).
pub fn client_id_x509_san_dns(host: &str) -> String {
    format!("x509_san_dns:{host}")
}

/// The link that opens a wallet. `wallet_base` is `openid4vp://`, `haip-vp://` or a wallet's https
/// authorization endpoint.
pub fn wallet_url(wallet_base: &str, client_id: &str, request_uri: &str) -> String {
    let _ = (wallet_base, client_id, request_uri);
    todo!()
}
