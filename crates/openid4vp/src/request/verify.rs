//! The wallet's checks of a request (OpenID4VP 1.0, sections 5.8 to 5.10 and 14).
//!
//! Invariant: only [`verify`] makes a [`VerifiedRequest`]. So the wallet answers only a verifier
//! that has proven its client identifier, and a request that nobody has changed.
//!
//! Supported: the prefixes `x509_hash` and `x509_san_dns`, and `request_uri_method` with both of its
//! values. Not supported: transaction data, requests by value.

use sekisho_ambient::{Timestamp, constant_time_eq};
use sekisho_jose::jwe::ContentEncryption;
use sekisho_jose::x5c::{self, ChainError, TrustAnchor, VerifiedLeaf};
use sekisho_jose::{
    Ahead, Algorithm, ClaimError, Claims, Expected, JwtError, TimeRule, UnverifiedJwt, numeric_date,
};
use serde_json::Value;
use thiserror::Error;
use url::{Host, Url, form_urlencoded};

use super::{AUDIENCE, ResponseMode, ServiceStatement, TYP};
use crate::dcql::{DcqlError, FORMAT, Query};

/// The content of a link or QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLink {
    /// The full client identifier.
    pub client_id: String,
    /// The URL of the request object.
    pub request_uri: String,
    /// How the request object is fetched.
    pub method: RequestUriMethod,
}

/// How a wallet fetches a request object (section 5.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestUriMethod {
    /// By GET.
    #[default]
    Get,
    /// By POST, with a `wallet_nonce` that the request object has to return.
    Post,
}

/// The verifiers that a wallet answers.
#[derive(Clone, Copy, Debug)]
pub enum RequestTrust<'a> {
    /// Verifiers whose certificate chain leads to one of these anchors.
    Anchors(&'a [TrustAnchor]),
    /// Any verifier whose leaf certificate is the one that its `x509_hash` client identifier names.
    /// This proves that nobody changed the request on its way. It proves nothing about who asks.
    DangerousAnyLeaf,
}

/// A request that the wallet may answer. It has no constructor: only [`verify`] makes it.
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
    /// The content encryption: the strongest that both sides support.
    pub enc: ContentEncryption,
}

/// Why a wallet does not answer a request.
#[derive(Debug, Error)]
pub enum RequestRefusal {
    /// The link does not lead to a request object.
    #[error("link: {0}")]
    Link(&'static str),
    /// It is not a signed request object, or its signature was refused.
    #[error("request object: {0}")]
    Jwt(#[from] JwtError),
    /// The verifier's chain was refused.
    #[error("request object: {0}")]
    Chain(#[from] ChainError),
    /// The header has no certificate chain.
    #[error("request object without x5c")]
    NoChain,
    /// The object's client identifier differs from the link's.
    #[error("client_id is {found}, the link says {expected}")]
    ClientId {
        /// The client identifier in the object.
        found: String,
        /// The client identifier in the link.
        expected: String,
    },
    /// The client identifier's prefix is not supported, or cannot be proven by this kind of trust.
    #[error("client_id {0} cannot be proven")]
    Prefix(String),
    /// The certificate does not prove the client identifier.
    #[error("client_id {0} does not fit the certificate")]
    Certificate(String),
    /// `response_uri` is not an https URL, or not at the verifier's host.
    #[error("response_uri {0} is not https at the verifier's host")]
    ResponseUri(String),
    /// A claim is missing or malformed.
    #[error("request object: missing or malformed {0}")]
    Malformed(&'static str),
    /// There is a claim that must not be there, or its value is not supported.
    #[error("request object: {0} is not supported")]
    Unsupported(&'static str),
    /// The nonce that the wallet posted did not come back.
    #[error("request object without the wallet_nonce that was posted")]
    WalletNonce,
    /// The object's times were refused.
    #[error("request object: {0}")]
    Time(#[from] ClaimError),
    /// The query was refused.
    #[error("dcql_query: {0}")]
    Query(#[from] DcqlError),
    /// The verifier accepts none of our formats.
    #[error("the verifier accepts no dc+sd-jwt")]
    Format,
    /// The request asks for an encrypted answer, but has no key or encryption for it.
    #[error("no key or encryption that is supported")]
    Encryption,
}

impl VerifiedRequest {
    /// The full client identifier, which is the audience of every key binding.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
    /// The URL to which the answer is posted.
    pub fn response_uri(&self) -> &str {
        &self.response_uri
    }
    /// The nonce that every key binding has to contain.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
    /// The credentials that are asked for.
    pub fn query(&self) -> &Query {
        &self.query
    }
    /// Whether the answer is sent plain or encrypted.
    pub fn response_mode(&self) -> ResponseMode {
        self.response_mode
    }
    /// Who asks and why, as stated by the verifier that signed the request.
    pub fn service(&self) -> Option<ServiceStatement> {
        ServiceStatement::from_verifier_info(&self.verifier_info)
    }
    /// `verifier_info`, unchanged.
    pub fn verifier_info(&self) -> &[Value] {
        &self.verifier_info
    }
    /// The DNS names of the verifier's certificate.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }
    /// Whether the verifier's certificate chain leads to an anchor of the wallet.
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }
}

/// Reads a link or QR code (`openid4vp://…`, `haip-vp://…`, or https to a wallet's own endpoint).
pub fn parse_link(link: &str) -> Result<RequestLink, RequestRefusal> {
    let (base, query) = link.trim().split_once('?').ok_or(RequestRefusal::Link("no query"))?;
    let scheme = base.split_once(':').map_or("", |(scheme, _)| scheme);
    if !["openid4vp", "haip-vp", "https", "http"].contains(&scheme) {
        return Err(RequestRefusal::Link("unknown scheme"));
    }
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let given = |name: &'static str| {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let mut values = pairs.filter(|(found, value)| found == name && !value.is_empty());
        match (values.next(), values.next()) {
            (Some(_), Some(_)) => Err(RequestRefusal::Link("a parameter twice")),
            (value, _) => Ok(value.map(|(_, value)| value.into_owned())),
        }
    };
    let one =
        |name, missing| given(name).and_then(|value| value.ok_or(RequestRefusal::Link(missing)));
    let request_uri = one("request_uri", "no request_uri")?;
    if !is_secure(&request_uri) {
        return Err(RequestRefusal::Link("request_uri is not https"));
    }
    let method = match given("request_uri_method")?.as_deref() {
        None | Some("get") => RequestUriMethod::Get,
        Some("post") => RequestUriMethod::Post,
        Some(_) => return Err(RequestRefusal::Link("unknown request_uri_method")),
    };
    Ok(RequestLink { client_id: one("client_id", "no client_id")?, request_uri, method })
}

/// Verifies a request object that was fetched for a link with the client identifier
/// `outer_client_id` (sections 5 and 14; the wallet's side of checklist VP-1 to VP-6).
/// `wallet_nonce` is the nonce that was posted to fetch it, if one was. The object has to contain
/// it, and is fresh then, so that its verifier's clock may be further ahead.
pub fn verify(
    request_jwt: &str,
    outer_client_id: &str,
    trust: &RequestTrust<'_>,
    now: Timestamp,
    wallet_nonce: Option<&str>,
) -> Result<VerifiedRequest, RequestRefusal> {
    let unverified_jwt = UnverifiedJwt::<Claims>::parse(request_jwt)?;
    let leaf = leaf(&unverified_jwt.header().x5c, trust, now)?;
    check_client_id(outer_client_id, &leaf, trust)?;
    let expected =
        Expected { typ: &[TYP], algorithms: &[Algorithm::Es256], allow_missing_typ: false };
    let claims = unverified_jwt.verify(&leaf.key, &expected)?.into_claims();
    same_wallet_nonce(&claims, wallet_nonce)?;
    numeric_date::check(&claims, now, &times(wallet_nonce))?;
    for (_, check) in CHECKS {
        check(&claims, outer_client_id)?;
    }
    let response_mode = ResponseMode::from_name(text(&claims, "response_mode")?)
        .ok_or(RequestRefusal::Unsupported("response_mode"))?;
    let query = claims.get("dcql_query").ok_or(RequestRefusal::Malformed("dcql_query"))?;
    Ok(VerifiedRequest {
        client_id: outer_client_id.to_owned(),
        response_uri: text(&claims, "response_uri")?.to_owned(),
        nonce: text(&claims, "nonce")?.to_owned(),
        state: claims.get("state").map(|_| text(&claims, "state").map(Into::into)).transpose()?,
        response_mode,
        query: Query::from_value(query)?,
        encryption: match response_mode {
            ResponseMode::DirectPost => None,
            ResponseMode::DirectPostJwt => Some(encryption(&claims)?),
        },
        verifier_info: verifier_info(&claims)?,
        dns_names: leaf.dns_names,
        trusted: matches!(trust, RequestTrust::Anchors(_)),
    })
}

/// One rule about the claims of a request object whose signature was verified.
type Check = fn(&Claims, &str) -> Result<(), RequestRefusal>;

/// The rules, in the specification's order.
pub(super) const CHECKS: [(&str, Check); 6] = [
    ("client_id", same_client_id),
    ("aud", audience),
    ("response_type", response_type),
    ("absent", absent),
    ("response_uri", response_uri),
    ("vp_formats_supported", formats),
];

/// Section 5.10: the nonce that the wallet posted comes back, and none comes where none was posted.
fn same_wallet_nonce(claims: &Claims, posted: Option<&str>) -> Result<(), RequestRefusal> {
    match (claims.get("wallet_nonce"), posted) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(RequestRefusal::Unsupported("wallet_nonce")),
        (Some(Value::String(found)), Some(posted))
            if constant_time_eq(found.as_bytes(), posted.as_bytes()) =>
        {
            Ok(())
        }
        (_, Some(_)) => Err(RequestRefusal::WalletNonce),
    }
}

fn times(wallet_nonce: Option<&str>) -> TimeRule {
    match wallet_nonce {
        None => TimeRule::LENIENT,
        Some(_) => TimeRule { leeway_future: Ahead::default().seconds(), ..TimeRule::LENIENT },
    }
}

/// The verifier's certificate. How much it proves depends on `trust`.
fn leaf(
    x5c: &[Vec<u8>],
    trust: &RequestTrust<'_>,
    now: Timestamp,
) -> Result<VerifiedLeaf, RequestRefusal> {
    let first = x5c.first().ok_or(RequestRefusal::NoChain)?;
    Ok(match trust {
        RequestTrust::Anchors(anchors) => x5c::verify_chain(x5c, anchors, now)?,
        RequestTrust::DangerousAnyLeaf => x5c::dangerous_leaf(first)?,
    })
}

/// Checks that the certificate proves the client identifier (section 5.9.3).
fn check_client_id(
    client_id: &str,
    leaf: &VerifiedLeaf,
    trust: &RequestTrust<'_>,
) -> Result<(), RequestRefusal> {
    let fits = match client_id.split_once(':') {
        Some(("x509_hash", hash)) => hash == x5c::leaf_hash(&leaf.der),
        // A name proves something only in a certificate that an anchor vouches for.
        Some(("x509_san_dns", name)) if matches!(trust, RequestTrust::Anchors(_)) => {
            leaf.dns_names.iter().any(|found| found.eq_ignore_ascii_case(name))
        }
        _ => return Err(RequestRefusal::Prefix(client_id.to_owned())),
    };
    if fits { Ok(()) } else { Err(RequestRefusal::Certificate(client_id.to_owned())) }
}

/// Section 5.10.2: `client_id` of the object equals that of the link, prefix included.
fn same_client_id(claims: &Claims, outer: &str) -> Result<(), RequestRefusal> {
    let found = text(claims, "client_id")?;
    if found == outer {
        return Ok(());
    }
    Err(RequestRefusal::ClientId { found: found.to_owned(), expected: outer.to_owned() })
}

/// Section 5.8: the audience of the object.
fn audience(claims: &Claims, _: &str) -> Result<(), RequestRefusal> {
    let is_ours = text(claims, "aud")? == AUDIENCE;
    if is_ours { Ok(()) } else { Err(RequestRefusal::Unsupported("aud")) }
}

fn response_type(claims: &Claims, _: &str) -> Result<(), RequestRefusal> {
    let is_ours = text(claims, "response_type")? == "vp_token";
    if is_ours { Ok(()) } else { Err(RequestRefusal::Unsupported("response_type")) }
}

/// Sections 5.1 and 8.2: members that this kind of request must not have, and members that we would
/// have to understand.
fn absent(claims: &Claims, _: &str) -> Result<(), RequestRefusal> {
    const NAMES: [&str; 5] = [
        "redirect_uri",
        "scope",
        "presentation_definition",
        "transaction_data",
        "expected_origins",
    ];
    let found = NAMES.into_iter().find(|name| claims.contains_key(*name));
    found.map_or(Ok(()), |name| Err(RequestRefusal::Unsupported(name)))
}

/// Sections 8.2 and 5.9.3: the URL is https. With `x509_san_dns`, it is at the host that the
/// certificate names.
fn response_uri(claims: &Claims, client_id: &str) -> Result<(), RequestRefusal> {
    let uri = text(claims, "response_uri")?;
    let host = Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned));
    let is_at_host = match client_id.split_once(':') {
        Some(("x509_san_dns", name)) => host.is_some_and(|host| host.eq_ignore_ascii_case(name)),
        _ => true,
    };
    if is_secure(uri) && is_at_host {
        return Ok(());
    }
    Err(RequestRefusal::ResponseUri(uri.to_owned()))
}

/// Section 11.1: `client_metadata` says which formats the verifier accepts.
fn formats(claims: &Claims, _: &str) -> Result<(), RequestRefusal> {
    let metadata = claims.get("client_metadata").ok_or(RequestRefusal::Format)?;
    let formats = metadata.get("vp_formats_supported").ok_or(RequestRefusal::Format)?;
    formats.get(FORMAT.id()).map(|_| ()).ok_or(RequestRefusal::Format)
}

/// The key, and the strongest of the supported encryptions (section 8.3). Without a list, it is
/// A128GCM.
fn encryption(claims: &Claims) -> Result<Encryption, RequestRefusal> {
    let member = |name| claims.get("client_metadata").and_then(|metadata| metadata.get(name));
    let keys = member("jwks").and_then(|jwks| jwks.get("keys")).and_then(Value::as_array);
    let is = |key: &Value, name: &str, value| key.get(name).and_then(Value::as_str) == Some(value);
    let serves = |key: &&Value| {
        let is_p256 = is(key, "kty", "EC") && is(key, "crv", "P-256");
        is_p256 && is(key, "alg", "ECDH-ES") && !is(key, "use", "sig")
    };
    let key = keys.and_then(|keys| keys.iter().find(serves)).ok_or(RequestRefusal::Encryption)?;
    let enc = match member("encrypted_response_enc_values_supported") {
        None => ContentEncryption::A128Gcm,
        Some(names) => {
            let names = names.as_array().ok_or(RequestRefusal::Encryption)?;
            let offered = |enc: &ContentEncryption| names.iter().any(|name| name == enc.name());
            [ContentEncryption::A256Gcm, ContentEncryption::A128Gcm]
                .into_iter()
                .find(offered)
                .ok_or(RequestRefusal::Encryption)?
        }
    };
    Ok(Encryption { key: key.clone(), enc })
}

fn verifier_info(claims: &Claims) -> Result<Vec<Value>, RequestRefusal> {
    match claims.get("verifier_info") {
        None => Ok(Vec::new()),
        Some(Value::Array(entries)) => Ok(entries.clone()),
        Some(_) => Err(RequestRefusal::Malformed("verifier_info")),
    }
}

/// A claim that is a string and not empty.
fn text<'c>(claims: &'c Claims, name: &'static str) -> Result<&'c str, RequestRefusal> {
    let text = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(RequestRefusal::Malformed(name))
}

/// Whether the URL is https, or http to this machine, which development uses.
fn is_secure(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.fragment().is_none() && (url.scheme() == "https" || url.scheme() == "http" && is_loopback)
}
