//! Client assertions: `private_key_jwt` (RFC 7523, 2.2 and 3; Core, 9; checklist CA-3 to CA-7).
//!
//! Invariant: an assertion is accepted only if a key that the client registered signed it, it is
//! addressed to this server alone, and it ends soon. Whether it was used before is for the store to
//! decide: see [`VerifiedAssertion::row`].

use sekisho_ambient::{HandleKey, Timestamp, sha256};
use sekisho_jose::{Claims, Expected, PublicJwk, TimeRule, UnverifiedJwt, numeric_date};
use serde_json::Value;

use crate::authentication::AuthenticatedClient;
use crate::client::{ASSERTION_ALGORITHMS, Client, ClientAuthentication};
use crate::token::TokenError;

/// The value of `client_assertion_type`.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The furthest time ahead at which an assertion may end, in seconds. Client libraries use up to an
/// hour.
const MAX_LIFETIME: i64 = 3600;
/// How far the client's clock may differ from ours, in seconds.
const SKEW: i64 = 60;
/// The longest `jti` that is taken, in bytes.
const MAX_JTI: usize = 256;
/// The longest assertion that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// A client assertion that was parsed. Nothing in it has been verified yet.
#[derive(Clone)]
pub struct Assertion {
    client_id: String,
    jwt: UnverifiedJwt<Claims>,
}

/// The values that `verify` compares an assertion with.
#[derive(Clone, Copy, Debug)]
pub struct AssertionCheck<'a> {
    /// The present time.
    pub now: Timestamp,
    /// The audiences that are accepted: the issuer identifier, the token endpoint, the endpoint
    /// called.
    pub audiences: &'a [&'a str],
    /// The client's registered public keys.
    pub keys: &'a [PublicJwk],
}

/// An assertion that `verify` accepted: a registered key signed it, for this server.
pub struct VerifiedAssertion {
    /// The client that made it.
    pub client: AuthenticatedClient,
    /// The key of the row that records its use. The row is kept until the assertion has ended.
    pub row: HandleKey,
}

impl Assertion {
    /// Parses an assertion without verifying it. The client that it claims to come from is `sub`.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let jwt = UnverifiedJwt::<Claims>::parse_bounded(text, MAX_BYTES)
            .map_err(|_| TokenError::Assertion("it is no JWT that can be read"))?;
        let claims = jwt
            .dangerous_claims()
            .map_err(|_| TokenError::Assertion("its claims are no object"))?;
        let client_id = claims.get("sub").and_then(Value::as_str).filter(|id| !id.is_empty());
        let client_id = client_id.ok_or(TokenError::Assertion("sub is missing"))?.to_owned();
        Ok(Self { client_id, jwt })
    }

    /// The client that the assertion claims to come from (`sub`), not verified.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

/// Checks `assertion`, which claims to come from `client`.
///
/// # Errors
///
/// [`TokenError::UnknownKey`] if none of the known keys could have signed it. The client may have
/// published new keys at its `jwks_uri`, so the caller can fetch them and try again (CA-7).
/// `TokenError::OtherMethod` if the client registered another method. [`TokenError::Assertion`] for
/// every other fault; it says which.
pub fn verify(
    assertion: &Assertion,
    client: &Client,
    check: &AssertionCheck<'_>,
) -> Result<VerifiedAssertion, TokenError> {
    let registered = matches!(client.authentication, ClientAuthentication::PrivateKeyJwt { .. });
    if !registered {
        return Err(TokenError::OtherMethod { basic: false });
    }
    if assertion.client_id != client.client_id {
        return Err(TokenError::Assertion("it is about another client"));
    }
    let claims = signed(assertion, check)?;
    let is = |name: &str| claims.get(name).and_then(Value::as_str) == Some(&client.client_id);
    if !is("iss") || !is("sub") {
        return Err(TokenError::Assertion("iss and sub have to be the client_id"));
    }
    if !audience(&claims).is_some_and(|aud| check.audiences.contains(&aud)) {
        return Err(TokenError::Assertion("aud is not this server, or not only this server"));
    }
    numeric_date::check(&claims, check.now, &TimeRule::LENIENT)
        .map_err(|_| TokenError::Assertion("exp, nbf or iat is missing, malformed or wrong"))?;
    let exp = numeric_date::read(&claims, "exp").ok().flatten();
    let exp = exp.ok_or(TokenError::Assertion("exp is missing"))?;
    if exp.since(check.now) > MAX_LIFETIME + SKEW {
        return Err(TokenError::Assertion("exp lies more than an hour ahead"));
    }
    let jti = claims.get("jti").and_then(Value::as_str);
    let jti = jti.filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI);
    let jti = jti.ok_or(TokenError::Assertion("jti is missing, empty or too long"))?;
    let ends = exp.plus(TimeRule::LENIENT.leeway_past);
    let row = row(&client.client_id, jti, ends).ok_or(TokenError::ServerError)?;
    Ok(VerifiedAssertion { client: AuthenticatedClient::by_assertion(client), row })
}

/// The claims, if one of the client's keys verifies the signature.
fn signed(assertion: &Assertion, check: &AssertionCheck<'_>) -> Result<Claims, TokenError> {
    let header = assertion.jwt.header();
    let named = |key: &&PublicJwk| match &header.kid {
        Some(kid) => key.kid() == Some(kid),
        None => true,
    };
    let expected = Expected {
        typ: &["client-authentication+jwt", "JWT"],
        algorithms: &ASSERTION_ALGORITHMS,
        allow_missing_typ: true,
    };
    let mut tried = false;
    for key in check.keys.iter().filter(named) {
        let Ok(key) = key.verifying_key() else { continue };
        tried = true;
        if let Ok(verified) = assertion.jwt.clone().verify(&key, &expected) {
            return Ok(verified.into_claims());
        }
    }
    if tried {
        return Err(TokenError::Assertion("no key of the client made it, or its type is wrong"));
    }
    Err(TokenError::UnknownKey)
}

/// The only audience, given as a string or as an array of one string (CA-5).
fn audience(claims: &Claims) -> Option<&str> {
    match claims.get("aud")? {
        Value::String(aud) => Some(aud),
        Value::Array(all) => match all.as_slice() {
            [Value::String(aud)] => Some(aud),
            _ => None,
        },
        _ => None,
    }
}

/// The row's key: the end of the assertion, so that the row expires with it, then a digest of
/// client and `jti`, so that two clients may use the same `jti`.
fn row(client_id: &str, jti: &str, ends: Timestamp) -> Option<HandleKey> {
    let mut text = client_id.as_bytes().to_vec();
    text.push(0);
    text.extend_from_slice(jti.as_bytes());
    let mut bytes = ends.to_sortable().to_vec();
    bytes.extend_from_slice(&sha256(&text));
    HandleKey::from_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Entropy;
    use sekisho_jose::{Algorithm, Header, SigningKey};
    use serde_json::json;

    use super::*;
    use crate::client::ClientKeys;
    use crate::client::tests::client;

    const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);
    const ISSUER: &str = "https://auth.example.jp";
    const ENDPOINT: &str = "https://auth.example.jp/token";

    fn key(seed: u64) -> SigningKey {
        SigningKey::generate(Algorithm::Es256, &Entropy::seeded(seed)).unwrap()
    }

    fn claims() -> Claims {
        let claims = json!({
            "iss": "portal", "sub": "portal", "aud": ISSUER, "jti": "1",
            "iat": NOW.unix(), "exp": NOW.plus(60).unix(),
        });
        claims.as_object().unwrap().clone()
    }

    fn run_by(
        key: &SigningKey,
        typ: &str,
        claims: &Claims,
    ) -> Result<VerifiedAssertion, TokenError> {
        let registered = self::key(1);
        let keys = vec![registered.public_jwk().with_kid(registered.kid())];
        let keys_of = ClientKeys::Jwks(keys.clone());
        let authentication = ClientAuthentication::PrivateKeyJwt { keys: keys_of };
        let client = Client { authentication, ..client() };
        let text = sekisho_jose::sign(key, &Header::for_key(key, typ), claims).unwrap();
        let audiences = [ISSUER, ENDPOINT];
        let check = AssertionCheck { now: NOW, audiences: &audiences, keys: &keys };
        verify(&Assertion::parse(&text)?, &client, &check)
    }

    fn run(change: impl FnOnce(&mut Claims)) -> Result<(), TokenError> {
        let mut claims = claims();
        change(&mut claims);
        run_by(&key(1), "JWT", &claims).map(drop)
    }

    fn set(name: &str, value: Value) -> Result<(), TokenError> {
        run(|claims| drop(claims.insert(name.to_owned(), value)))
    }

    /// CA-3, CA-5.
    #[test]
    fn an_assertion_for_us_alone_is_taken() {
        assert_eq!(run(|_| {}), Ok(()));
        for aud in [json!(ISSUER), json!(ENDPOINT), json!([ISSUER]), json!([ENDPOINT])] {
            assert_eq!(set("aud", aud), Ok(()));
        }
        assert_eq!(set("exp", json!(NOW.plus(3660).unix())), Ok(()));
        assert_eq!(set("iat", json!(NOW.plus(10).unix())), Ok(()));
        assert!(run_by(&key(1), "client-authentication+jwt", &claims()).is_ok());
    }

    /// CA-3, OA-22, OA-23, OA-28.
    #[test]
    fn every_other_claim_is_refused() {
        let other = "https://auth.example.jp/";
        let wrong = [
            ("iss", json!("other")),
            ("iss", Value::Null),
            ("sub", json!("other")),
            ("aud", json!(other)),
            ("aud", json!([ISSUER, ENDPOINT])),
            ("aud", json!([ISSUER, "https://evil.test"])),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("exp", json!(NOW.plus(-10).unix())),
            ("exp", json!(NOW.plus(3661).unix())),
            ("exp", json!(NOW.plus(60).unix().to_string())),
            ("exp", Value::Null),
            ("iat", json!(NOW.plus(11).unix())),
            ("nbf", json!(NOW.plus(11).unix())),
            ("jti", json!("")),
            ("jti", json!(1)),
            ("jti", json!("j".repeat(257))),
        ];
        for (name, value) in wrong {
            assert!(set(name, value.clone()).is_err(), "{name} {value}");
        }
        for name in ["iss", "sub", "aud", "exp", "jti"] {
            assert!(run(|claims| drop(claims.remove(name))).is_err(), "{name}");
        }
    }

    #[test]
    fn an_assertion_of_a_few_kilobytes_is_read_and_says_whose_it_is() {
        let of = |bytes: usize| {
            let mut claims = claims();
            claims.insert("note".to_owned(), "x".repeat(bytes).into());
            sekisho_jose::sign(&key(1), &Header::for_key(&key(1), "JWT"), &claims).unwrap()
        };
        assert_eq!(Assertion::parse(&of(8_000)).unwrap().client_id(), "portal");
        assert!(Assertion::parse(&of(16_000)).is_err());
    }

    /// OA-25, OA-26, OA-27.
    #[test]
    fn another_key_or_type_is_refused() {
        let stranger = run_by(&key(2), "JWT", &claims());
        assert_eq!(stranger.err(), Some(TokenError::UnknownKey));
        let disguised = key(2).with_kid(key(1).kid());
        assert!(matches!(
            run_by(&disguised, "JWT", &claims()).err(),
            Some(TokenError::Assertion(_))
        ));
        for typ in ["dpop+jwt", "at+jwt", "kb+jwt", "logout+jwt", "openid4vci-proof+jwt"] {
            assert!(run_by(&key(1), typ, &claims()).is_err(), "{typ}");
        }
    }

    #[test]
    fn a_row_ends_with_its_assertion_and_tells_clients_apart() {
        let first = run_by(&key(1), "JWT", &claims()).unwrap().row;
        let second = run_by(&key(1), "JWT", &claims()).unwrap().row;
        assert_eq!(first, second);
        assert_eq!(first.expires(), NOW.plus(70));
        assert_ne!(row("a", "bc", NOW), row("ab", "c", NOW));
    }
}
