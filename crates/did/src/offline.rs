//! did:key and did:jwk. These DIDs contain the key, so nothing is fetched.
//!
//! A did:key is a Multikey: base58btc (multibase `z`) of a multicodec number and a compressed point.
//!
//! Invariant: a key has only one did:key. Base58 has one text for a sequence of bytes, the
//! multicodec number must have the exact bytes, and a key has one compressed point.

use sekisho_jose::{CompressedPoint, PublicJwk, b64u, json};
use serde_json::Value;

use crate::{DidDocument, DidError, MAX_DID, VerificationMethod};

/// The multicodec number `ed25519-pub` (0xed), as a varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
/// The multicodec number `p256-pub` (0x1200), as a varint.
const P256_PUB: [u8; 2] = [0x80, 0x24];
/// The longest Multikey, in bytes: that of a P-256 key.
const MAX_MULTIKEY: usize = 2 + 33;

/// Returns the document of a did:key (P-256, Ed25519) or did:jwk. It is made from the DID alone.
pub fn resolve_offline(did: &str) -> Result<DidDocument, DidError> {
    if did.len() > MAX_DID {
        return Err(DidError::Syntax);
    }
    let (method, id) =
        did.strip_prefix("did:").and_then(|rest| rest.split_once(':')).ok_or(DidError::Syntax)?;
    match method {
        "key" => Ok(document(did, id, from_multikey(id)?)),
        "jwk" => resolve_jwk(did, id),
        other => Err(DidError::Method(other.to_owned())),
    }
}

fn resolve_jwk(did: &str, id: &str) -> Result<DidDocument, DidError> {
    let refused = |reason| DidError::Identifier { method: "did:jwk", reason };
    let bytes = b64u::decode(id).map_err(|_| refused("not base64url"))?;
    let document = document(did, "0", PublicJwk::from_value(&json::parse(&bytes)?)?);
    Ok(DidDocument { key_agreement: document.authentication.clone(), ..document })
}

/// Makes a document of one key, for authentication and for issuing.
fn document(did: &str, fragment: &str, jwk: PublicJwk) -> DidDocument {
    let id = format!("{did}#{fragment}");
    let controller = did.to_owned();
    DidDocument {
        id: did.to_owned(),
        verification_methods: vec![VerificationMethod { id: id.clone(), controller, jwk }],
        authentication: vec![id.clone()],
        assertion_method: vec![id],
        key_agreement: Vec::new(),
    }
}

/// Reads the key of a Multikey (Controlled Identifiers 1.0, section 2.2.2), the form of keys in a
/// did:key.
pub(crate) fn from_multikey(multibase: &str) -> Result<PublicJwk, DidError> {
    let malformed = DidError::Identifier { method: "did:key", reason: "not base58btc" };
    let Some(base58) = multibase.strip_prefix('z') else { return Err(malformed) };
    let mut bytes = [0; MAX_MULTIKEY];
    let length = match bs58::decode(base58).onto(&mut bytes) {
        Ok(length) => length,
        Err(bs58::decode::Error::BufferTooSmall) => return Err(DidError::KeyKind),
        Err(_) => return Err(malformed),
    };
    let multikey = bytes.get(..length).unwrap_or_default();
    let point = match multikey.split_first_chunk() {
        Some((&ED25519_PUB, x)) => x.try_into().map(CompressedPoint::Ed25519),
        Some((&P256_PUB, point)) => point.try_into().map(CompressedPoint::P256),
        _ => return Err(DidError::KeyKind),
    };
    Ok(point.map_err(|_| DidError::KeyKind)?.try_into()?)
}

/// Returns the did:key of a key on P-256 or Ed25519.
pub fn did_key(key: &PublicJwk) -> Result<String, DidError> {
    let multikey = match key.compressed_point().ok_or(DidError::KeyKind)? {
        CompressedPoint::Ed25519(x) => [&ED25519_PUB[..], &x].concat(),
        CompressedPoint::P256(point) => [&P256_PUB[..], &point].concat(),
    };
    Ok(format!("did:key:z{}", bs58::encode(multikey).into_string()))
}

/// Returns the did:jwk of a key. It contains only the members that define the key.
pub fn did_jwk(key: &PublicJwk) -> String {
    format!("did:jwk:{}", b64u::encode(sorted(&key.minimal())))
}

/// Writes the members sorted by name, so that we always make the same did:jwk of a key.
fn sorted(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let sorted: std::collections::BTreeMap<_, _> = members.collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

#[cfg(test)]
mod oracle;

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
