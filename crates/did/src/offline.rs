//! did:key and did:jwk: the DID is the key, and nothing is fetched. Resolved by `ssi`.
//!
//! `ssi` reads did:key in any multibase and did:jwk with members that say nothing, and panics on
//! characters that a DID cannot have; so the text is checked before it is asked, and the answer is
//! checked to name the same DID again.
//!
//! Invariant: one key has one did:key.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sekisho_jose::{PublicJwk, b64u, json};
use serde_json::Value;
use ssi::JWK;
use ssi::dids::resolution::{Options, Parameters};
use ssi::dids::{DID, DIDJWK, DIDKey, DIDResolver};

use crate::{DidDocument, DidError, MAX_DID};

/// The document of a did:key (P-256, Ed25519) or did:jwk, without asking anybody.
pub fn resolve_offline(did: &str) -> Result<DidDocument, DidError> {
    if did.len() > MAX_DID {
        return Err(DidError::Syntax);
    }
    let (method, id) =
        did.strip_prefix("did:").and_then(|rest| rest.split_once(':')).ok_or(DidError::Syntax)?;
    match method {
        "key" => resolve_key(did, id),
        "jwk" => resolve_jwk(did, id),
        other => Err(DidError::Method(other.to_owned())),
    }
}

fn resolve_key(did: &str, id: &str) -> Result<DidDocument, DidError> {
    let refused = |reason| DidError::Identifier { method: "did:key", reason };
    let is_base58 = id.starts_with('z') && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_base58 {
        return Err(refused("not base58btc"));
    }
    let document = ask(did, &DIDKey)?;
    let document = DidDocument::from_value(did, &document)?;
    let method = document.verification_methods.first().ok_or(DidError::KeyKind)?;
    if did_key(&method.jwk)? != did {
        return Err(refused("another spelling of the same key"));
    }
    Ok(document)
}

fn resolve_jwk(did: &str, id: &str) -> Result<DidDocument, DidError> {
    let refused = |reason| DidError::Identifier { method: "did:jwk", reason };
    let bytes = b64u::decode(id).map_err(|_| refused("not base64url"))?;
    PublicJwk::from_value(&json::parse(&bytes)?)?;
    let document = DidDocument::from_value(did, &ask(did, &DIDJWK)?)?;
    if document.verification_methods.is_empty() {
        return Err(DidError::KeyKind);
    }
    Ok(document)
}

/// The did:key of a key on P-256 or Ed25519.
pub fn did_key(key: &PublicJwk) -> Result<String, DidError> {
    let jwk = to_ssi(key)?;
    let did = DIDKey::generate(&jwk).map_err(|_| DidError::KeyKind)?;
    Ok(did.to_string())
}

/// The did:jwk of a key, with the members that make the key and no other.
pub fn did_jwk(key: &PublicJwk) -> String {
    format!("did:jwk:{}", b64u::encode(sorted(&key.minimal())))
}

/// The members in the order of their names, so that one key has one did:jwk of ours.
fn sorted(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let sorted: std::collections::BTreeMap<_, _> = members.collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

/// Only P-256 and Ed25519: the kinds that DIDs are made of here.
fn to_ssi(key: &PublicJwk) -> Result<JWK, DidError> {
    let jwk = key.minimal();
    if !matches!(jwk.get("crv").and_then(Value::as_str), Some("P-256" | "Ed25519")) {
        return Err(DidError::KeyKind);
    }
    serde_json::from_value(jwk).map_err(|_| DidError::KeyKind)
}

/// Asks `ssi` for the document, with keys as JWK.
fn ask(did: &str, resolver: &impl DIDResolver) -> Result<Value, DidError> {
    let parsed = DID::new(did.as_bytes()).map_err(|_| DidError::Syntax)?;
    let options = Options {
        parameters: Parameters {
            public_key_format: Some("JsonWebKey2020".to_owned()),
            ..Parameters::default()
        },
        ..Options::default()
    };
    let output = at_once(resolver.resolve_representation(parsed, options));
    let output = output.ok_or(DidError::KeyKind)?.map_err(|_| DidError::KeyKind)?;
    Ok(json::parse(&output.document)?)
}

/// Runs a future that has nothing to wait for; `None` if it did wait.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Entropy;
    use sekisho_jose::{Algorithm, SigningKey};

    use super::*;
    use crate::Relationship;

    /// From the did:key specification's test vectors.
    const ED25519: &str = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    const P256: &str = "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv";

    fn key(algorithm: Algorithm, seed: u64) -> PublicJwk {
        SigningKey::generate(algorithm, &Entropy::seeded(seed)).unwrap().public_jwk()
    }

    #[test]
    fn a_key_comes_back_from_its_did_key() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = key(algorithm, 1);
            let did = did_key(&key).unwrap();
            let document = resolve_offline(&did).unwrap();
            let id = format!("{did}#{}", did.trim_start_matches("did:key:"));
            let found = document.key_for(Relationship::AssertionMethod, &id).unwrap();
            assert_eq!(found.minimal(), key.minimal());
            assert_eq!(document.key_for(Relationship::KeyAgreement, &id), None);
        }
    }

    #[test]
    fn published_did_keys_are_resolved() {
        let jwk = |did| resolve_offline(did).unwrap().verification_methods[0].jwk.minimal();
        assert_eq!(jwk(ED25519)["crv"], "Ed25519");
        assert_eq!(jwk(P256)["x"], "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns");
    }

    #[test]
    fn a_key_comes_back_from_its_did_jwk() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = key(algorithm, 2);
            let did = did_jwk(&key);
            let document = resolve_offline(&did).unwrap();
            let found = document.key_for(Relationship::Authentication, &format!("{did}#0"));
            assert_eq!(found.unwrap().minimal(), key.minimal());
            assert_eq!(document.key_for(Relationship::Authentication, &did), None);
        }
    }

    /// DID-02.
    #[test]
    fn another_spelling_of_a_key_is_no_did_key() {
        let hex = "did:key:fed013b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
        let lead = ED25519.replace("z6Mk", "z16Mk");
        for did in [hex, &lead, "did:key:", "did:key:z", "did:key:z6Mk/..", "did:key:z6Mk#a"] {
            assert!(resolve_offline(did).is_err(), "{did}");
        }
    }

    /// DID-02.
    #[test]
    fn keys_of_other_kinds_are_refused() {
        // secp256k1, X25519, P-384, from the did:key specification.
        for did in [
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
            "did:key:z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW",
            "did:key:z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9",
        ] {
            assert!(resolve_offline(did).is_err(), "{did}");
        }
        assert!(did_key(&key(Algorithm::Es384, 3)).is_err());
    }

    /// DID-02.
    #[test]
    fn a_did_jwk_is_read_strictly() {
        let did = |json: &str| format!("did:jwk:{}", b64u::encode(json));
        let jwk = sorted(&key(Algorithm::Es256, 4).minimal());
        assert!(resolve_offline(&did(&jwk)).is_ok());
        let private = jwk.replace('{', r#"{"d":"AQ","#);
        let twice = jwk.replace('{', r#"{"kty":"EC","#);
        let other_key = jwk.replace("P-256", "secp256k1");
        let off_curve = r#"{"crv":"P-256","kty":"EC","x":"AAAA","y":"AAAA"}"#.to_owned();
        for json in [private, twice, other_key, off_curve, "{}".to_owned(), "null".to_owned()] {
            assert!(resolve_offline(&did(&json)).is_err(), "{json}");
        }
        assert!(resolve_offline(&format!("{}=", did(&jwk))).is_err());
        assert!(resolve_offline("did:jwk:").is_err());
    }

    #[test]
    fn other_methods_are_not_resolved_here() {
        for did in ["did:web:a.example", "did:ethr:0x0", "did:", "did:key", "x", ""] {
            let refused = resolve_offline(did);
            assert!(matches!(refused, Err(DidError::Method(_) | DidError::Syntax)), "{did}");
        }
        let long = format!("did:jwk:{}", "A".repeat(MAX_DID));
        assert!(matches!(resolve_offline(&long), Err(DidError::Syntax)));
    }
}
