//! The ID token (Core, 2; 3.1.3.3 and 3.1.3.6).
//!
//! Invariant: the claims of the protocol cannot be overridden by extra claims, and `aud` is the one
//! client.

use sekisho_ambient::{Timestamp, sha256};
use sekisho_jose::{
    Algorithm, Claims, Expected, Header, KeyError, SigningKey, UnverifiedJwt, VerifyingKey, b64u,
};
use serde_json::{Value, json};

use crate::client::ID_TOKEN_ALGORITHMS;

/// `typ` of an ID token.
pub const TYP: &str = "JWT";

/// Claims of the protocol that extra claims never replace, even where one is absent.
const PROTOCOL: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "sid",
    "azp",
    "at_hash",
];

/// An ID token before it is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct IdToken {
    /// Issuer identifier.
    pub iss: String,
    /// Pairwise subject.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// When it ends.
    pub exp: Timestamp,
    /// When it was made.
    pub iat: Timestamp,
    /// When the presentation was verified.
    pub auth_time: Timestamp,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// Authentication context, if there is one to name.
    pub acr: Option<String>,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// The session.
    pub sid: Option<String>,
    /// The access token that comes along.
    pub access_token: Option<String>,
    /// Scope claims, for clients registered so.
    pub extra: Claims,
}

impl IdToken {
    /// The claims as they are signed with `algorithm`.
    pub fn claims(&self, algorithm: Algorithm) -> Claims {
        let mut claims = Claims::new();
        let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        put("iss", json!(self.iss));
        put("sub", json!(self.sub));
        put("aud", json!(self.aud));
        put("exp", json!(self.exp.unix()));
        put("iat", json!(self.iat.unix()));
        put("auth_time", json!(self.auth_time.unix()));
        let hash = self.access_token.as_deref().and_then(|token| at_hash(algorithm, token));
        let optional =
            [("nonce", &self.nonce), ("acr", &self.acr), ("sid", &self.sid), ("at_hash", &hash)];
        for (name, value) in optional {
            if let Some(value) = value {
                put(name, json!(value));
            }
        }
        if !self.amr.is_empty() {
            put("amr", json!(self.amr));
        }
        for (name, value) in &self.extra {
            if !PROTOCOL.contains(&name.as_str()) {
                put(name, value.clone());
            }
        }
        claims
    }

    /// The token, signed with `key`.
    pub fn sign(&self, key: &SigningKey) -> Result<String, KeyError> {
        sekisho_jose::sign(key, &Header::for_key(key, TYP), &self.claims(key.algorithm()))
    }
}

/// `at_hash` of an access token: the left half of its digest by the hash of `algorithm`; `None` for
/// algorithms that no client can register.
pub fn at_hash(algorithm: Algorithm, access_token: &str) -> Option<String> {
    if !ID_TOKEN_ALGORITHMS.contains(&algorithm) {
        return None;
    }
    let digest = sha256(access_token.as_bytes());
    digest.first_chunk::<16>().map(b64u::encode)
}

/// The subject of an `id_token_hint`: a token of ours for `client_id`, which may have expired (Core,
/// 3.1.2.1). `None` if it is anything else; a hint never logs anybody in.
pub fn hinted_subject(
    hint: &str,
    keys: &[VerifyingKey],
    iss: &str,
    client_id: &str,
) -> Option<String> {
    let unverified_jwt = UnverifiedJwt::<Claims>::parse(hint).ok()?;
    let expected =
        Expected { typ: &[TYP], algorithms: &ID_TOKEN_ALGORITHMS, allow_missing_typ: false };
    let verify = |key| unverified_jwt.clone().verify(key, &expected).ok();
    let claims = keys.iter().find_map(verify)?.into_claims();
    let is = |name: &str, value: &str| claims.get(name).and_then(Value::as_str) == Some(value);
    let ours = is("iss", iss) && is("aud", client_id);
    claims.get("sub").and_then(Value::as_str).filter(|_| ours).map(str::to_owned)
}
