//! The ID token (Core, 2; 3.1.3.3 and 3.1.3.6).
//!
//! Invariant: extra claims cannot override the claims of the protocol, and `aud` is exactly one
//! client.

use sekisho_ambient::{Timestamp, sha256};
use sekisho_jose::{
    Algorithm, Claims, Expected, Header, KeyError, SigningKey, UnverifiedJwt, VerifyingKey, b64u,
};
use serde_json::{Value, json};

use crate::client::ID_TOKEN_ALGORITHMS;

/// `typ` in the header of an ID token.
pub const TYP: &str = "JWT";

/// The claims of the protocol. Extra claims never set these, even where the token has no such
/// claim.
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

/// The content of an ID token before it is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct IdToken {
    /// The issuer identifier of this server.
    pub iss: String,
    /// The person's pairwise subject at this client.
    pub sub: String,
    /// The identifier of the client.
    pub aud: String,
    /// When the token expires.
    pub exp: Timestamp,
    /// When the token was made.
    pub iat: Timestamp,
    /// When the person's presentation was verified.
    pub auth_time: Timestamp,
    /// `nonce` of the authorization request, if it had one.
    pub nonce: Option<String>,
    /// The authentication context class, if there is one to name.
    pub acr: Option<String>,
    /// The authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// The identifier of the session.
    pub sid: Option<String>,
    /// The access token that is sent with the ID token, for `at_hash`.
    pub access_token: Option<String>,
    /// Claims of the scopes, for clients that are registered to get them here.
    pub extra: Claims,
}

impl IdToken {
    /// The claims for a token signed with `algorithm`.
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

    /// Makes the token and signs it with `key`.
    pub fn sign(&self, key: &SigningKey) -> Result<String, KeyError> {
        sekisho_jose::sign(key, &Header::for_key(key, TYP), &self.claims(key.algorithm()))
    }
}

/// `at_hash` of an access token: the left half of its digest by the hash that `algorithm` uses.
/// `None` for algorithms that no client can register.
pub fn at_hash(algorithm: Algorithm, access_token: &str) -> Option<String> {
    if !ID_TOKEN_ALGORITHMS.contains(&algorithm) {
        return None;
    }
    let digest = sha256(access_token.as_bytes());
    digest.first_chunk::<16>().map(b64u::encode)
}

/// The content of a verified `id_token_hint`. A hint alone never logs anybody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The client that the token was for.
    pub client_id: String,
    /// The subject at that client.
    pub sub: String,
    /// The session, if the token names one.
    pub sid: Option<String>,
}

/// Reads an `id_token_hint`. It has to be a token that this server signed, but it may have expired
/// (Core, 3.1.2.1; RP-Initiated Logout 1.0, 4). `None` if it is anything else.
pub fn read_hint(hint: &str, keys: &[VerifyingKey], iss: &str) -> Option<Hint> {
    let unverified_jwt = UnverifiedJwt::<Claims>::parse(hint).ok()?;
    let expected =
        Expected { typ: &[TYP], algorithms: &ID_TOKEN_ALGORITHMS, allow_missing_typ: false };
    let verify = |key| unverified_jwt.clone().verify(key, &expected).ok();
    let claims = keys.iter().find_map(verify)?.into_claims();
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("iss").as_deref() != Some(iss) {
        return None;
    }
    Some(Hint { client_id: text("aud")?, sub: text("sub")?, sid: text("sid") })
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Entropy;

    use super::*;

    fn token() -> IdToken {
        IdToken {
            iss: "https://auth.example.jp".to_owned(),
            sub: "s".to_owned(),
            aud: "portal".to_owned(),
            exp: Timestamp::from_unix(1_795_239_420),
            iat: Timestamp::from_unix(1_795_239_120),
            auth_time: Timestamp::from_unix(1_795_239_100),
            nonce: Some("n".to_owned()),
            acr: Some("phr".to_owned()),
            amr: vec!["pop".to_owned(), "swk".to_owned()],
            sid: Some("sid".to_owned()),
            access_token: Some("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y".to_owned()),
            extra: Claims::new(),
        }
    }

    #[test]
    fn the_claims_are_these() {
        let claims = Value::Object(token().claims(Algorithm::Rs256));
        let expected = json!({
            "iss": "https://auth.example.jp", "sub": "s", "aud": "portal",
            "exp": 1_795_239_420_i64, "iat": 1_795_239_120_i64, "auth_time": 1_795_239_100_i64,
            "nonce": "n", "acr": "phr", "sid": "sid",
            // The example of OpenID Connect Core 1.0, A.3.
            "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
            "amr": ["pop", "swk"],
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn what_there_is_not_is_left_out() {
        let bare = IdToken {
            nonce: None,
            acr: None,
            amr: Vec::new(),
            sid: None,
            access_token: None,
            ..token()
        };
        let claims = bare.claims(Algorithm::Es256);
        let names: Vec<_> = claims.keys().map(String::as_str).collect();
        assert_eq!(names, ["iss", "sub", "aud", "exp", "iat", "auth_time"]);
    }

    #[test]
    fn extra_claims_replace_nothing() {
        let mut extra = Claims::new();
        for name in PROTOCOL {
            extra.insert(name.to_owned(), json!("forged"));
        }
        extra.insert("email".to_owned(), json!("taro@example.jp"));
        let bare = IdToken { acr: None, nonce: None, extra, ..token() };
        let claims = bare.claims(Algorithm::Rs256);
        assert!(!claims.values().any(|value| value == "forged"));
        assert_eq!(claims["email"], "taro@example.jp");
    }

    #[test]
    fn a_token_is_signed_with_the_key_that_its_header_names() {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            let key = SigningKey::generate(algorithm, &Entropy::seeded(1)).unwrap();
            let signed = token().sign(&key).unwrap();
            let unverified = UnverifiedJwt::<Claims>::parse(&signed).unwrap();
            assert_eq!(unverified.header().kid.as_deref(), Some(key.kid()));
            let expected =
                Expected { typ: &[TYP], algorithms: &[algorithm], allow_missing_typ: false };
            let verified = unverified.verify(&key.verifying_key(), &expected).unwrap();
            assert_eq!(verified.claims(), &token().claims(algorithm));
        }
    }

    #[test]
    fn only_our_own_token_is_a_hint() {
        let key = SigningKey::generate(Algorithm::Es256, &Entropy::seeded(1)).unwrap();
        let other = SigningKey::generate(Algorithm::Es256, &Entropy::seeded(2)).unwrap();
        let keys = [other.verifying_key(), key.verifying_key()];
        let iss = "https://auth.example.jp";
        let hint = token().sign(&key).unwrap();
        let sid = Some("sid".to_owned());
        let read = Hint { client_id: "portal".to_owned(), sub: "s".to_owned(), sid };
        assert_eq!(read_hint(&hint, &keys, iss), Some(read));
        assert_eq!(read_hint(&hint, &keys[..1], iss), None);
        assert_eq!(read_hint(&hint, &keys, "https://evil.test"), None);
        assert_eq!(read_hint("x", &keys, iss), None);
        let claims = token().claims(Algorithm::Es256);
        let access = sekisho_jose::sign(&key, &Header::for_key(&key, "at+jwt"), &claims).unwrap();
        assert_eq!(read_hint(&access, &keys, iss), None);
    }

    #[test]
    fn at_hash_is_for_algorithms_with_sha_256() {
        assert_eq!(at_hash(Algorithm::Rs256, "t"), at_hash(Algorithm::Es256, "t"));
        assert_eq!(at_hash(Algorithm::EdDsa, "t"), None);
    }
}
