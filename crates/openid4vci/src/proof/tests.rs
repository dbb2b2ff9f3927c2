//! Proofs that pass, and every way in which one does not.

use sekisho_ambient::Entropy;

use super::*;
use crate::credential::CredentialErrorCode as Code;

const ISSUER: &str = "https://auth.example.jp/orgs/7900000000002";
const NONCE_KEY: [u8; 32] = [5; 32];
const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(Algorithm::Es256, &Entropy::seeded(seed)).unwrap()
}

fn nonce() -> String {
    nonce::mint(&NONCE_KEY, NOW, &Entropy::seeded(2))
}

fn proofs(proof: &str) -> Value {
    json!({"jwt": [proof]})
}

fn verify_for(proofs: &Value, client_id: Option<&str>) -> Result<VerifiedProof, ProofError> {
    let check = ProofCheck {
        issuer: ISSUER,
        client_id,
        now: NOW,
        nonce_key: &NONCE_KEY,
        ahead: Ahead::default(),
    };
    verify(Some(proofs), &check)
}

fn good_claims() -> Value {
    json!({"aud": ISSUER, "iat": NOW.unix(), "nonce": nonce()})
}

/// The result of verifying a proof with this header and these claims, signed with key 1.
fn with(header: &Header, claims: &Value) -> Result<VerifiedProof, ProofError> {
    verify_for(&proofs(&sekisho_jose::sign(&key(1), header, claims).unwrap()), None)
}

fn header() -> Header {
    Header::new(Algorithm::Es256, TYP).with_jwk(key(1).public_jwk())
}

fn with_claim(name: &str, value: Value) -> Result<VerifiedProof, ProofError> {
    let mut claims = good_claims();
    claims[name] = value;
    with(&header(), &claims)
}

fn code(result: Result<VerifiedProof, ProofError>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn what_a_wallet_builds_is_accepted() {
    for algorithm in ALGORITHMS {
        let key = SigningKey::generate(algorithm, &Entropy::seeded(3)).unwrap();
        let proof = build(&key, ISSUER, &nonce(), None, NOW).unwrap();
        let verified = verify_for(&proofs(&proof), None).unwrap();
        assert_eq!(verified.key().thumbprint(), key.public_jwk().thumbprint());
        assert_eq!(verified.nonce().expires, NOW.plus(nonce::LIFETIME));
    }
    assert!(with(&header(), &good_claims()).is_ok());
}

#[test]
fn iss_is_the_client_or_absent() {
    let own = build(&key(1), ISSUER, &nonce(), Some("wallet"), NOW).unwrap();
    let none = build(&key(1), ISSUER, &nonce(), None, NOW).unwrap();
    assert!(verify_for(&proofs(&own), Some("wallet")).is_ok());
    assert!(verify_for(&proofs(&none), Some("wallet")).is_ok());
    assert_eq!(code(verify_for(&proofs(&own), Some("other"))), Code::InvalidProof);
    assert_eq!(code(verify_for(&proofs(&own), None)), Code::InvalidProof);
    assert!(with_claim("iss", Value::Null).is_ok(), "null is absent");
    assert_eq!(code(with_claim("iss", json!(1))), Code::InvalidProof);
}

#[test]
fn aud_is_this_issuer_and_nobody_else() {
    assert!(with_claim("aud", json!([ISSUER])).is_ok());
    for aud in [
        json!("https://auth.example.jp/orgs/8900000000001"),
        json!("https://auth.example.jp"),
        json!(format!("{ISSUER}/")),
        json!([ISSUER, "https://other.example"]),
        json!([]),
        json!(null),
    ] {
        assert_eq!(code(with_claim("aud", aud.clone())), Code::InvalidProof, "{aud}");
    }
}

#[test]
fn iat_is_recent() {
    for (iat, passes) in [(-300, true), (-301, false), (60, true), (61, false)] {
        let result = with_claim("iat", json!(NOW.plus(iat).unix()));
        assert_eq!(result.is_ok(), passes, "{iat}");
    }
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().shift_remove("iat");
    assert_eq!(code(with(&header(), &claims)), Code::InvalidProof);
    assert_eq!(code(with_claim("iat", json!("now"))), Code::InvalidProof);
}

#[test]
fn a_missing_nonce_is_an_invalid_proof_and_a_bad_one_an_invalid_nonce() {
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().shift_remove("nonce");
    assert_eq!(code(with(&header(), &claims)), Code::InvalidProof);
    let old = nonce::mint(&NONCE_KEY, NOW.plus(-nonce::LIFETIME), &Entropy::seeded(2));
    let others = nonce::mint(&[6; 32], NOW, &Entropy::seeded(2));
    for nonce in [json!(old), json!(others), json!("invented"), json!(""), json!(7)] {
        assert_eq!(code(with_claim("nonce", nonce.clone())), Code::InvalidNonce, "{nonce}");
    }
}

#[test]
fn a_bad_proof_is_reported_before_its_nonce() {
    let mut claims = good_claims();
    claims["nonce"] = json!("invented");
    claims["aud"] = json!("https://other.example");
    assert_eq!(code(with(&header(), &claims)), Code::InvalidProof);
}

#[test]
fn the_key_stands_in_jwk_and_nowhere_else() {
    let certificate = vec![vec![1, 2, 3]];
    let mut chain = header();
    chain.other.insert("trust_chain".to_owned(), json!(["x"]));
    let with_kid = Header { kid: Some("did:example:victim#1".to_owned()), ..header() };
    let only_kid = Header { jwk: None, ..with_kid.clone() };
    let only_x5c = Header { jwk: None, ..header() }.with_x5c(certificate.clone());
    for header in [
        with_kid,
        only_kid,
        header().with_x5c(certificate),
        only_x5c,
        chain,
        Header { jwk: None, ..header() },
    ] {
        assert_eq!(code(with(&header, &good_claims())), Code::InvalidProof, "{header:?}");
    }
}

/// VCI-44, VI-06: `kid` may name the key by a DID that contains it, if nothing else names a key.
#[test]
fn a_did_may_name_the_key_alone() {
    let kid = format!("{}#0", sekisho_did::did_jwk(&key(1).public_jwk()));
    let named = Header { jwk: None, kid: Some(kid), ..header() };
    assert!(with(&named, &good_claims()).is_ok());
    let certificate = vec![b"certificate".to_vec()];
    let beside = |name: &str| {
        let mut header = named.clone();
        header.other.insert(name.to_owned(), "https://evil.test".into());
        header
    };
    for header in [
        named.clone().with_x5c(certificate),
        named.clone().with_jwk(key(1).public_jwk()),
        beside("jku"),
        beside("x5u"),
        beside("trust_chain"),
    ] {
        assert_eq!(code(with(&header, &good_claims())), Code::InvalidProof, "{header:?}");
    }
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let stolen = Header::new(Algorithm::Es256, TYP).with_jwk(key(2).public_jwk());
    assert_eq!(code(with(&stolen, &good_claims())), Code::InvalidProof);
}

#[test]
fn a_private_key_in_the_header_is_refused() {
    let mut jwk = key(1).public_jwk().to_value();
    jwk["d"] = json!("AAAA");
    let header = json!({"alg": "ES256", "typ": TYP, "jwk": jwk});
    let encode = |value: &Value| sekisho_jose::b64u::encode(value.to_string());
    let input = format!("{}.{}", encode(&header), encode(&good_claims()));
    let signature = key(1).sign(input.as_bytes()).unwrap();
    let proof = format!("{input}.{}", sekisho_jose::b64u::encode(signature));
    assert_eq!(code(verify_for(&proofs(&proof), None)), Code::InvalidProof);
}

#[test]
fn a_token_of_another_type_or_algorithm_is_refused() {
    let typed = |typ: &str| Header::new(Algorithm::Es256, typ).with_jwk(key(1).public_jwk());
    for typ in ["JWT", "kb+jwt", "openid4vci-proof"] {
        assert_eq!(code(with(&typed(typ), &good_claims())), Code::InvalidProof, "{typ}");
    }
    let untyped = Header { typ: None, ..header() };
    assert_eq!(code(with(&untyped, &good_claims())), Code::InvalidProof);
    let key = SigningKey::generate(Algorithm::Es384, &Entropy::seeded(1)).unwrap();
    let proof = build(&key, ISSUER, &nonce(), None, NOW).unwrap();
    assert_eq!(code(verify_for(&proofs(&proof), None)), Code::InvalidProof);
    for alg in ["none", "HS256"] {
        let header = json!({"alg": alg, "typ": TYP, "jwk": self::key(1).public_jwk().minimal()});
        let encode = |value: &Value| sekisho_jose::b64u::encode(value.to_string());
        let proof = format!("{}.{}.", encode(&header), encode(&good_claims()));
        assert_eq!(code(verify_for(&proofs(&proof), None)), Code::InvalidProof, "{alg}");
    }
}

#[test]
fn proofs_are_one_known_type_with_one_proof() {
    let proof = build(&key(1), ISSUER, &nonce(), None, NOW).unwrap();
    for (proofs, expected) in [
        (json!({"jwt": [proof, proof]}), Code::InvalidCredentialRequest),
        (json!({"jwt": vec![proof.as_str(); 1000]}), Code::InvalidCredentialRequest),
        (json!({"jwt": []}), Code::InvalidProof),
        (json!({"jwt": proof}), Code::InvalidProof),
        (json!({"jwt": [1]}), Code::InvalidProof),
        (json!({"jwt": [proof], "attestation": ["x"]}), Code::InvalidProof),
        (json!({"attestation": ["x"]}), Code::InvalidProof),
        (json!({}), Code::InvalidProof),
        (json!([]), Code::InvalidProof),
        (json!(null), Code::InvalidProof),
    ] {
        assert_eq!(code(verify_for(&proofs, None)), expected);
    }
    let check = ProofCheck {
        issuer: ISSUER,
        client_id: None,
        now: NOW,
        nonce_key: &NONCE_KEY,
        ahead: Ahead::default(),
    };
    assert_eq!(code(verify(None, &check)), Code::InvalidProof);
}

#[test]
fn the_checks_run_in_order() {
    assert_eq!(CHECKS.map(|(name, _)| name), ["aud", "iat", "iss"]);
}
