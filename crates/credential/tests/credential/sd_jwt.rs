//! Tests of SD-JWT: issuing, selecting, binding and verifying, and the refusal of each malformed
//! form.

use std::sync::LazyLock;

use std::collections::HashSet;
use std::slice;
use std::time::Duration;

use sekisho_ambient::{Entropy, Timestamp};
use sekisho_credential::claim_path::ClaimPath;
use sekisho_credential::sd_jwt::{
    self, Binding, Issue, IssueError, KeyBindingError, MAX_BYTES, Presentation, Processed,
    Requirements, SdJwt, SdJwtError,
};
use sekisho_jose::{
    Ahead, Algorithm, ClaimError, Claims, Expected, Header, JwsError, JwtError, SigningKey,
};
use serde_json::{Value, json};

use crate::mutations::{Forge, decode, digest, encode, mutations};
use crate::parties::{CLIENT_ID, NONCE, NOW, claims, key};

fn path(value: Value) -> ClaimPath {
    ClaimPath::from_value(&value).unwrap()
}

fn holder() -> SigningKey {
    key(2)
}

fn all_claims() -> Claims {
    claims(json!({
        "iss": "https://issuer.example",
        "vct": "https://issuer.example/types/x/1",
        "exp": NOW.unix() + 1000,
        "cnf": {"jwk": holder().public_jwk().minimal()},
        "open": 1,
        "name": "山田 太郎",
        "email": "taro@setouchi.example",
        "address": {"street": "1-1", "locality": "高松市"},
        "roles": ["a", "b", "c"],
    }))
}

fn disclosable() -> Vec<ClaimPath> {
    [
        json!(["name"]),
        json!(["email"]),
        json!(["address"]),
        json!(["address", "street"]),
        json!(["roles", null]),
        json!(["absent"]),
    ]
    .map(path)
    .into()
}

fn issue_with(
    claims: &Claims,
    disclosable: &[ClaimPath],
    decoys: u32,
) -> Result<String, IssueError> {
    let header = Header::for_key(&key(1), "dc+sd-jwt");
    let issue = Issue { claims, disclosable, decoys };
    sd_jwt::issue(&issue, &header, &key(1), &Entropy::seeded(3))
}

/// Makes one credential for all tests, because each signature is different.
fn issued() -> String {
    static ISSUED: LazyLock<String> =
        LazyLock::new(|| issue_with(&all_claims(), &disclosable(), 0).unwrap());
    ISSUED.clone()
}

fn requirements(binding: Option<Binding<'_>>) -> Requirements<'_> {
    let algorithms = &[Algorithm::Es256];
    let issuer_jwt = Expected { typ: &["dc+sd-jwt"], algorithms, allow_missing_typ: false };
    Requirements { issuer_jwt, binding }
}

fn process_at(text: &str, now: Timestamp) -> Result<Processed, SdJwtError> {
    let binding = Binding { audience: CLIENT_ID, nonce: NONCE, now, ahead: Ahead::default() };
    let presentation = Presentation::parse(text)?;
    sd_jwt::process(&presentation, &key(1).verifying_key(), &requirements(Some(binding)))
}

fn process(text: &str) -> Result<Processed, SdJwtError> {
    process_at(text, NOW)
}

fn present(selected: &str) -> String {
    sd_jwt::bind(selected, CLIENT_ID, NONCE, NOW, &holder()).unwrap()
}

#[test]
fn what_is_issued_hides_what_it_was_told_to() {
    let issued = issued();
    assert!(issued.ends_with('~'));
    let forge = Forge::new(&issued);
    assert_eq!(forge.payload["_sd_alg"], "sha-256");
    assert_eq!(forge.payload["_sd"].as_array().unwrap().len(), 3);
    assert_eq!(forge.payload["roles"].as_array().unwrap().len(), 3);
    assert_eq!(forge.disclosures.len(), 7);
    for hidden in ["name", "email", "address"] {
        assert!(!forge.payload.contains_key(hidden));
    }
    // Values inside a disclosed value are hidden with it.
    let address = decode(&forge.disclosures[forge.position("address")]);
    assert_eq!(address[2]["locality"], "高松市");
    assert!(address[2]["street"].is_null());
}

#[test]
fn all_claims_come_back_when_all_is_disclosed() {
    let processed = process(&present(&issued())).unwrap();
    assert_eq!(processed.claims, all_claims());
    assert_eq!(processed.holder_key.unwrap().minimal(), holder().public_jwk().minimal());
}

#[test]
fn nothing_that_is_hidden_comes_back_when_nothing_is_disclosed() {
    let held = SdJwt::parse(&issued()).unwrap();
    let processed = process(&present(&held.select(&[]))).unwrap();
    let mut open = all_claims();
    for hidden in ["name", "email", "address"] {
        open.shift_remove(hidden);
    }
    open.insert("roles".into(), json!([]));
    assert_eq!(processed.claims, open);
}

#[test]
fn a_holder_discloses_what_is_selected_with_its_parents_and_no_more() {
    let held = SdJwt::parse(&issued()).unwrap();
    let disclosed = |paths: &[Value]| {
        let paths: Vec<_> = paths.iter().cloned().map(path).collect();
        process(&present(&held.select(&paths))).unwrap().claims
    };
    assert_eq!(held.disclosures(), 7);
    assert_eq!(held.claims(), all_claims());
    let street = disclosed(&[json!(["address", "street"])]);
    assert_eq!(street["address"], json!({"locality": "高松市", "street": "1-1"}));
    assert!(!street.contains_key("name"));
    let locality = disclosed(&[json!(["address", "locality"])]);
    assert_eq!(locality["address"], json!({"locality": "高松市"}));
    assert_eq!(disclosed(&[json!(["address"])])["address"], all_claims()["address"]);
    assert_eq!(disclosed(&[json!(["roles", 1])])["roles"], json!(["b"]));
    assert_eq!(disclosed(&[json!(["roles"])])["roles"], json!(["a", "b", "c"]));
    // A path that leads nowhere discloses not even its parents.
    assert!(!disclosed(&[json!(["address", "absent"])]).contains_key("address"));
}

/// SD-01, SD-02, SD-03, SD-04, SD-05, SD-06, SD-07, SD-14, SD-15.
#[test]
fn each_malformed_form_is_refused_for_its_own_reason() {
    let valid = Forge::new(&issued());
    assert!(process(&valid.presented(&key(1), &holder())).is_ok());
    for mutation in mutations() {
        let mut forge = valid.clone();
        (mutation.apply)(&mut forge);
        let refused = process(&forge.presented(&key(1), &holder()));
        match refused {
            Err(SdJwtError::Disclosure(error)) if (mutation.expect)(&error) => {}
            other => panic!("{} {}: {other:?}", mutation.case, mutation.name),
        }
    }
}

#[test]
fn a_holder_refuses_malformed_forms_too() {
    let valid = Forge::new(&issued());
    for mutation in mutations() {
        let mut forge = valid.clone();
        (mutation.apply)(&mut forge);
        let refused = SdJwt::parse(&forge.issued(&key(1)));
        assert!(
            matches!(&refused, Err(SdJwtError::Disclosure(error)) if (mutation.expect)(error)),
            "{} {}",
            mutation.case,
            mutation.name
        );
    }
}

/// SD-07.
#[test]
fn an_absent_hash_algorithm_is_sha_256() {
    let mut forge = Forge::new(&issued());
    forge.payload.shift_remove("_sd_alg");
    assert!(process(&forge.presented(&key(1), &holder())).is_ok());
}

/// SD-10.
#[test]
fn decoys_change_nothing_that_is_read() {
    let (plain, with_decoys) = (issued(), issue_with(&all_claims(), &disclosable(), 5).unwrap());
    let forge = Forge::new(&with_decoys);
    assert_eq!(forge.payload["_sd"].as_array().unwrap().len(), 8);
    assert_eq!(forge.payload["roles"].as_array().unwrap().len(), 8);
    let read = |text: &str| process(&present(text)).unwrap().claims;
    assert_eq!(read(&plain), read(&with_decoys));
    let held = SdJwt::parse(&with_decoys).unwrap();
    let one = process(&present(&held.select(&[path(json!(["roles", 2]))]))).unwrap();
    assert_eq!(one.claims["roles"], json!(["c"]));
}

/// SD-11, VP-16.
#[test]
fn a_hundred_thousand_digests_are_refused_at_once_and_five_thousand_walked() {
    let mut forge = Forge::new(&issued());
    let digests = |n: usize| -> Value { (0..n).map(|n| json!(format!("{n:043}"))).collect() };
    forge.payload.insert("bomb".into(), json!({"_sd": digests(100_000)}));
    let jwt = forge.issued(&key(1));
    let refused = Presentation::parse(&jwt);
    assert!(matches!(refused, Err(SdJwtError::TooLong(length)) if length > MAX_BYTES));
    forge.payload.insert("bomb".into(), json!({"_sd": digests(1900)}));
    assert!(process(&forge.presented(&key(1), &holder())).is_ok());
}

/// SD-11.
#[test]
fn a_chain_of_disclosures_costs_no_more_than_it_is_long() {
    // The greatest number of disclosures, each as wide as possible, in an order that does not help
    // the reader.
    let mut forge = Forge::new(&issued());
    let many: Vec<String> = (0..500).map(|n| encode(json!(["s", format!("n{n}"), n]))).collect();
    let digests: Vec<Value> = many.iter().rev().map(|encoded| digest(encoded).into()).collect();
    forge.payload.insert("wide".into(), json!({"_sd": digests}));
    forge.disclosures.extend(many);
    let text = forge.presented(&key(1), &holder());
    let (done, waits) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(process(&text).is_ok()));
    assert_eq!(waits.recv_timeout(Duration::from_secs(5)), Ok(true));
}

/// SD-08.
#[test]
fn salts_have_128_bits_and_never_repeat() {
    let mut salts = HashSet::new();
    let mut ones = [0_u32; 128];
    let entropy = Entropy::system();
    let header = Header::for_key(&key(1), "dc+sd-jwt");
    for _ in 0..50 {
        let (claims, disclosable) = (all_claims(), disclosable());
        let issue = Issue { claims: &claims, disclosable: &disclosable, decoys: 1 };
        let issued = sd_jwt::issue(&issue, &header, &key(1), &entropy).unwrap();
        for disclosure in Forge::new(&issued).disclosures {
            let salt = decode(&disclosure)[0].as_str().unwrap().to_owned();
            let bytes = sekisho_jose::b64u::decode(&salt).unwrap();
            assert_eq!(bytes.len(), 16);
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(bytes[bit / 8] >> (bit % 8) & 1);
            }
            assert!(salts.insert(salt));
        }
    }
    // 350 salts: each bit is set about 175 times; six standard deviations are 56.
    assert!(ones.iter().all(|count| (119..=231).contains(count)), "{ones:?}");
}

#[test]
fn the_order_of_digests_says_nothing_about_claims() {
    let order = |seed: u64| {
        let header = Header::for_key(&key(1), "dc+sd-jwt");
        let (claims, disclosable) = (all_claims(), disclosable());
        let issue = Issue { claims: &claims, disclosable: &disclosable, decoys: 0 };
        let issued = sd_jwt::issue(&issue, &header, &key(1), &Entropy::seeded(seed)).unwrap();
        let forge = Forge::new(&issued);
        let name = digest(&forge.disclosures[forge.position("name")]);
        forge.payload["_sd"].as_array().unwrap().iter().position(|d| *d == name).unwrap()
    };
    let places: HashSet<usize> = (0..40).map(order).collect();
    assert_eq!(places, HashSet::from([0, 1, 2]));
}

/// SD-09, SDJ-2.
#[test]
fn what_has_to_stand_in_the_open_cannot_be_made_disclosable() {
    for name in ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "aud", "_sd_alg"] {
        for path in [json!([name]), json!([name, "x"])].map(path) {
            let refused = issue_with(&all_claims(), &[path], 0);
            assert!(matches!(refused, Err(IssueError::Protected(found)) if found == name));
        }
    }
    for path in [json!([null]), json!([0])].map(path) {
        assert!(matches!(issue_with(&all_claims(), &[path], 0), Err(IssueError::Path)));
    }
    // `iat` may be hidden.
    let mut claims = all_claims();
    claims.insert("iat".into(), 1.into());
    assert!(issue_with(&claims, &[path(json!(["iat"]))], 0).is_ok());
}

#[test]
fn reserved_names_are_not_issued() {
    for claim in [json!({"_sd": []}), json!({"a": {"...": 1}}), json!({"a": [{"_sd_alg": 1}]})] {
        let refused = issue_with(&claims(claim.clone()), &[], 0);
        assert!(matches!(refused, Err(IssueError::ReservedName(_))), "{claim}");
    }
}

#[test]
fn what_nobody_would_read_is_not_issued() {
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    let refused = issue_with(&claims(json!({"a": deep})), &[], 0);
    assert!(matches!(refused, Err(IssueError::TooDeep)));
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!({"a": deep});
    }
    let refused = issue_with(&claims(json!({"a": deep})), &[], 0);
    assert!(matches!(refused, Err(IssueError::TooDeep)));
    for claim in [
        json!({"a": "x".repeat(150_000)}),
        json!({"hidden": "x".repeat(60_000)}),
        json!({"many": vec![1; 513]}),
        json!({"many": vec!["x".repeat(40_000); 8]}),
    ] {
        let paths = [path(json!(["hidden"])), path(json!(["many", null]))];
        let refused = issue_with(&claims(claim), &paths, 0);
        assert!(matches!(refused, Err(IssueError::TooLarge)));
    }
}

/// A credential of exactly the greatest size is issued and can be read.
#[test]
fn the_largest_that_is_issued_is_read() {
    let (hidden, many) = (path(json!(["hidden"])), path(json!(["many", null])));
    let whole = |text: &str| SdJwt::parse(text).unwrap().claims();
    let elements = json!(vec![1; 512]);
    let issued = issue_with(&claims(json!({"many": elements})), &[many], 0).unwrap();
    assert_eq!(whole(&issued)["many"], elements);
    let of = |size: usize| {
        let value = "x".repeat(size);
        issue_with(&claims(json!({"hidden": value})), slice::from_ref(&hidden), 0)
    };
    // A disclosure of 64 KiB contains 48 KiB, part of which is the salt and the name.
    let largest = (49_000..49_152).rev().find_map(|size| of(size).ok()).unwrap();
    let disclosure = largest.split('~').nth(1).unwrap();
    assert_eq!(disclosure.len(), sd_jwt::MAX_DISCLOSURE_BYTES);
    assert!(whole(&largest)["hidden"].as_str().unwrap().len() > 49_000);
}

/// The longest text is accepted, and a text with one byte more is not.
#[test]
fn a_text_has_a_longest() {
    let of = |length: usize| format!("{}~", "x".repeat(length - 1));
    assert!(Presentation::parse(&of(MAX_BYTES)).is_ok());
    let longer = of(MAX_BYTES + 1);
    assert!(matches!(Presentation::parse(&longer), Err(SdJwtError::TooLong(_))));
}

/// One element of an array can be hidden while the others stay in the open.
#[test]
fn one_element_is_hidden_and_no_other() {
    let roles = claims(json!({"roles": ["a", "b", "c"]}));
    let issued = issue_with(&roles, &[path(json!(["roles", 1]))], 0).unwrap();
    let forge = Forge::new(&issued);
    assert_eq!(forge.disclosures.len(), 1);
    assert_eq!(
        (&forge.payload["roles"][0], &forge.payload["roles"][2]),
        (&json!("a"), &json!("c"))
    );
    assert!(forge.payload["roles"][1]["..."].is_string());
}

#[test]
fn no_disclosure_means_no_trace_of_them() {
    let issued = issue_with(&all_claims(), &[], 3).unwrap();
    let forge = Forge::new(&issued);
    assert_eq!(forge.payload, all_claims());
    assert!(forge.disclosures.is_empty());
}

/// SD-12.
#[test]
fn a_proof_is_over_exactly_what_was_presented() {
    let held = SdJwt::parse(&issued()).unwrap();
    let selected = held.select(&[path(json!(["name"])), path(json!(["email"]))]);
    let presented = present(&selected);
    assert!(process(&presented).is_ok());
    let (bound, proof) = presented.rsplit_once('~').unwrap();
    let parts: Vec<&str> = bound.split('~').collect();
    let all = issued();
    let added = Forge::new(&all).disclosures;
    let added = added.iter().find(|d| !parts.contains(&d.as_str()) && decode(d)[1] == "address");
    for changed in [
        format!("{}~{}~{}", parts[0], parts[1], proof),
        format!("{}~{}~{}~{}", parts[0], parts[2], parts[1], proof),
        format!("{bound}~{}~{proof}", added.unwrap()),
    ] {
        let refused = process(&changed);
        assert!(
            matches!(refused, Err(SdJwtError::KeyBinding(KeyBindingError::SdHash))),
            "{refused:?}"
        );
    }
}

#[test]
fn a_text_that_is_not_one_sd_jwt_is_refused() {
    let (issued, presented) = (issued(), present(&issued()));
    let without_tilde = issued.strip_suffix('~').unwrap();
    let jwt = issued.split('~').next().unwrap();
    assert!(matches!(process(without_tilde), Err(SdJwtError::MissingFinalTilde)));
    assert!(matches!(process(jwt), Err(SdJwtError::NotAnSdJwt)));
    assert!(matches!(process(""), Err(SdJwtError::NotAnSdJwt)));
    assert!(matches!(process("~"), Err(SdJwtError::Jwt(_))));
    assert!(process(&format!("{presented}~")).is_err());
    assert!(process(&format!(" {presented}")).is_err());
    for json in [r#"{"payload":"","signatures":[]}"#, " \n{\"payload\":\"~\"}"] {
        assert!(matches!(process(json), Err(SdJwtError::JsonSerialization)));
    }
    let long = format!("{issued}{}~", "A".repeat(MAX_BYTES));
    assert!(matches!(process(&long), Err(SdJwtError::TooLong(_))));
}

#[test]
fn another_issuer_s_signature_is_refused() {
    let forge = Forge::new(&issued());
    let refused = process(&forge.presented(&key(5), &holder()));
    assert!(matches!(refused, Err(SdJwtError::Jwt(JwtError::Jws(JwsError::Signature(_))))));
}

#[test]
fn another_type_of_token_is_refused() {
    for typ in ["JWT", "kb+jwt", "vc+sd-jwt", "dc+sd-jwt+x"] {
        let mut forge = Forge::new(&issued());
        forge.header.typ = Some(typ.to_owned());
        let refused = process(&forge.presented(&key(1), &holder()));
        assert!(matches!(refused, Err(SdJwtError::Jwt(JwtError::Typ { .. }))), "{typ}");
    }
}

/// Makes a key binding with these claims and this header.
fn proof(header: &Header, claims: &Value, key: &SigningKey) -> Result<Processed, SdJwtError> {
    let issued = issued();
    let proof = sekisho_jose::sign(key, header, claims).unwrap();
    process(&format!("{issued}{proof}"))
}

fn proof_claims() -> Value {
    json!({"iat": NOW.unix(), "aud": CLIENT_ID, "nonce": NONCE, "sd_hash": digest(&issued())})
}

fn proof_header() -> Header {
    Header::new(Algorithm::Es256, "kb+jwt")
}

fn refused_proof(change: impl FnOnce(&mut Value)) -> KeyBindingError {
    let mut claims = proof_claims();
    change(&mut claims);
    match proof(&proof_header(), &claims, &holder()) {
        Err(SdJwtError::KeyBinding(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// VP-09, VP-32.
#[test]
fn a_proof_is_needed_and_only_where_it_was_asked_for() {
    proof(&proof_header(), &proof_claims(), &holder()).unwrap();
    let missing = process(&issued());
    assert!(matches!(missing, Err(SdJwtError::KeyBinding(KeyBindingError::Missing))));
    let presented = present(&issued());
    let presentation = Presentation::parse(&presented).unwrap();
    let unasked = sd_jwt::process(&presentation, &key(1).verifying_key(), &requirements(None));
    assert!(matches!(unasked, Err(SdJwtError::KeyBinding(KeyBindingError::Unexpected))));
    assert!(SdJwt::parse(&presented).is_err());
    assert!(sd_jwt::bind(&presented, CLIENT_ID, NONCE, NOW, &holder()).is_err());
    let plain = issued();
    let presentation = Presentation::parse(&plain).unwrap();
    let plain = sd_jwt::process(&presentation, &key(1).verifying_key(), &requirements(None));
    assert!(plain.unwrap().holder_key.is_none());
}

#[test]
fn a_proof_is_signed_by_the_holder_with_its_own_type() {
    let by_another = proof(&proof_header(), &proof_claims(), &key(7));
    assert!(matches!(by_another, Err(SdJwtError::KeyBinding(KeyBindingError::Jwt(_)))));
    for typ in ["JWT", "dc+sd-jwt", "openid4vci-proof+jwt"] {
        let refused = proof(&Header::new(Algorithm::Es256, typ), &proof_claims(), &holder());
        assert!(matches!(
            refused,
            Err(SdJwtError::KeyBinding(KeyBindingError::Jwt(JwtError::Typ { .. })))
        ));
    }
    let untyped = Header { typ: None, ..proof_header() };
    assert!(proof(&untyped, &proof_claims(), &holder()).is_err());
    // A key that the key binding names itself is not trusted.
    let own_key = proof_header().with_jwk(key(7).public_jwk());
    assert!(proof(&own_key, &proof_claims(), &key(7)).is_err());
}

/// VP-03, VP-32.
#[test]
fn a_proof_is_for_one_audience_and_one_nonce() {
    for aud in [json!("x509_hash:other"), json!([CLIENT_ID]), json!(""), Value::Null] {
        let refused = refused_proof(|claims| claims["aud"] = aud.clone());
        assert!(matches!(refused, KeyBindingError::Audience { .. }), "{aud}");
    }
    for nonce in [json!("other"), json!([NONCE]), json!(""), Value::Null] {
        let refused = refused_proof(|claims| claims["nonce"] = nonce.clone());
        assert!(matches!(refused, KeyBindingError::Nonce), "{nonce}");
    }
    for hash in [json!(digest("x")), json!([digest(&issued())]), json!(""), Value::Null] {
        let refused = refused_proof(|claims| claims["sd_hash"] = hash.clone());
        assert!(matches!(refused, KeyBindingError::SdHash), "{hash}");
    }
}

/// VP-32.
#[test]
fn a_proof_is_fresh() {
    let at = |seconds: i64| process_at(&present(&issued()), NOW.plus(seconds));
    for good in [0, 300, -60] {
        assert!(at(good).is_ok(), "{good}");
    }
    assert!(matches!(
        at(301),
        Err(SdJwtError::KeyBinding(KeyBindingError::Time(ClaimError::TooOld(_))))
    ));
    for ahead in [-61, -120, -365 * 86400] {
        assert!(matches!(
            at(ahead),
            Err(SdJwtError::KeyBinding(KeyBindingError::Time(ClaimError::Future { .. })))
        ));
    }
    for iat in [Value::Null, json!("1795239120"), json!([])] {
        let refused = refused_proof(|claims| claims["iat"] = iat.clone());
        assert!(matches!(refused, KeyBindingError::Time(ClaimError::Malformed(_))), "{iat}");
    }
    let missing = refused_proof(|claims| drop(claims.as_object_mut().unwrap().remove("iat")));
    assert!(matches!(missing, KeyBindingError::Time(ClaimError::Missing("iat"))));
    let expired = refused_proof(|claims| claims["exp"] = (NOW.unix() - 60).into());
    assert!(matches!(expired, KeyBindingError::Time(ClaimError::Expired(_))));
}

#[test]
fn a_credential_without_a_usable_holder_key_cannot_be_presented() {
    let bad = [
        Value::Null,
        json!({}),
        json!({"kid": "x"}),
        json!({"jwk": {"kty": "oct", "k": "AAAA"}}),
        json!({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}),
    ];
    for cnf in bad {
        let mut forge = Forge::new(&issued());
        forge.payload.insert("cnf".into(), cnf.clone());
        let refused = process(&forge.presented(&key(1), &holder()));
        assert!(
            matches!(
                refused,
                Err(SdJwtError::KeyBinding(
                    KeyBindingError::NoHolderKey | KeyBindingError::HolderKey(_)
                ))
            ),
            "{cnf}"
        );
    }
}
