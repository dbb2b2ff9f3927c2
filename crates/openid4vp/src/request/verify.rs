//! The wallet's checks of a request.
use sekisho_ambient::Timestamp;
use sekisho_jose::jwe::ContentEncryption;
use sekisho_jose::x5c::TrustAnchor;
use serde_json::Value;
use thiserror::Error;

use super::{ResponseMode, ServiceStatement};
use crate::dcql::{DcqlError, Query};
use crate::response::WalletError;

/// What a link or QR code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLink {
    /// The full client identifier.
    pub client_id: String,
    /// Where the request object is.
    pub request_uri: String,
}

/// Which verifiers a wallet answers.
#[derive(Clone, Copy, Debug)]
pub enum RequestTrust<'a> {
    /// Those whose chain leads to one of these anchors.
    Anchors(&'a [TrustAnchor]),
    /// Anybody whose leaf certificate is the one that an `x509_hash` client identifier names. It
    /// says that the request was not changed on its way, and nothing about who asks.
    DangerousAnyLeaf,
}

/// A request that the wallet may answer. There is no constructor: [`verify`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedRequest {
    pub(crate) client_id: String,
    pub(crate) response_uri: String,
    pub(crate) nonce: String,
    pub(crate) state: Option<String>,
    pub(crate) response_mode: ResponseMode,
    pub(crate) query: Query,
    pub(crate) encryption: Option<Encryption>,
    verifier_info: Vec<Value>,
    dns_names: Vec<String>,
    trusted: bool,
}

/// How the answer is to be encrypted.
#[derive(Clone, Debug, PartialEq)]
pub struct Encryption {
    /// The verifier's public JWK.
    pub key: Value,
    /// The content encryption, the stronger one of those that both sides support.
    pub enc: ContentEncryption,
}

/// Why a wallet does not answer a request.
#[derive(Debug, Error)]
pub enum RequestRefusal {
    /// todo
    #[error(transparent)]
    Query(#[from] DcqlError),
}

impl RequestRefusal {
    /// What to tell the verifier, if its request was authentic so far.
    pub fn wallet_error(&self) -> WalletError {
        todo!()
    }
}

impl VerifiedRequest {
    /// The full client identifier; the audience of every key binding.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
    /// Where the answer goes.
    pub fn response_uri(&self) -> &str {
        &self.response_uri
    }
    /// The nonce of every key binding.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
    /// What is asked for.
    pub fn query(&self) -> &Query {
        &self.query
    }
    /// How the answer goes.
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }
    /// Who asks and why, in the words of the verifier that signed the request.
    pub fn service(&self) -> Option<ServiceStatement> {
        ServiceStatement::from_verifier_info(&self.verifier_info)
    }
    /// `verifier_info` as it came.
    pub fn verifier_info(&self) -> &[Value] {
        &self.verifier_info
    }
    /// The DNS names of the verifier's certificate.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }
    /// Whether the verifier's chain leads to an anchor of the wallet.
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }
}

/// Reads a link or QR code (`openid4vp://…`, `haip-vp://…`, `https://…`).
pub fn parse_link(link: &str) -> Result<RequestLink, RequestRefusal> {
    let _ = link;
    todo!()
}

/// Checks a request object that was fetched for the link with `outer_client_id`.
pub fn verify(
    request_jwt: &str,
    outer_client_id: &str,
    trust: &RequestTrust<'_>,
    now: Timestamp,
) -> Result<VerifiedRequest, RequestRefusal> {
    let _ = (request_jwt, outer_client_id, trust, now);
    todo!()
}
