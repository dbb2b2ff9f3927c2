//! Tests of SD-JWT VC: which issuers a verifier trusts, and which credentials it refuses.

use sekisho_ambient::sha256;
use sekisho_credential::claim_path::ClaimPath;
use sekisho_credential::sd_jwt::{self, SdJwt};
use sekisho_credential::vc::{CredentialError, TrustList, UntrustedError};
use sekisho_jose::{Algorithm, Claims, SigningKey, b64u};
use sekisho_profile::{Code, types};
use serde_json::{Value, json};

use crate::mutations::Forge;
use crate::parties::{
    AUTHORITY, CLIENT_ID, ISSUER, Issuer, NONCE, NOW, STATUS_URI, key, verify, verify_at,
    verify_types,
};

fn holder() -> SigningKey {
    key(2)
}

fn bind(selected: &str) -> String {
    sd_jwt::bind(selected, CLIENT_ID, NONCE, NOW, &holder()).unwrap()
}

/// Lets the issuer sign these changed claims instead of an affiliation, and the holder present
/// them.
fn presented_with(issuer: &Issuer, change: impl FnOnce(&mut Claims)) -> String {
    let mut forge = Forge::new(&issuer.affiliation(&holder()));
    change(&mut forge.payload);
    forge.presented(&issuer.key, &holder())
}

fn refused_with(change: impl FnOnce(&mut Claims)) -> CredentialError {
    let issuer = Issuer::new();
    verify(&presented_with(&issuer, change), &issuer.trust()).unwrap_err()
}

#[test]
fn a_credential_of_a_trusted_issuer_is_verified() {
    let issuer = Issuer::new();
    let held = SdJwt::parse(&issuer.affiliation(&holder())).unwrap();
    let paths = ["member_ref", "name"].map(ClaimPath::name);
    let presentation = bind(&held.select(&paths));
    let verified = verify(&presentation, &issuer.trust()).unwrap();
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.vct(), "https://auth.example.jp/types/affiliation/1");
    assert_eq!(verified.claims()["name"], "山田 太郎");
    assert_eq!(verified.claims()["member_ref"], "m-4711");
    assert_eq!(verified.claims()["roles"], json!([]));
    assert!(!verified.claims().contains_key("email"));
    assert_eq!(verified.holder_key().minimal(), holder().public_jwk().minimal());
    assert_eq!(verified.status().unwrap().uri, STATUS_URI);
    assert_eq!(verified.status().unwrap().index, 7);
    assert_eq!(verified.expires().unwrap().to_rfc3339(), "2027-02-19T05:00:00Z");
    let signed = presentation.split('~').next().unwrap();
    assert_eq!(verified.digest(), sekisho_ambient::sha256(signed.as_bytes()));
    let again = verify(&bind(&held.select(&[])), &issuer.trust()).unwrap();
    assert_eq!(verified.digest(), again.digest());
}

#[test]
fn trust_is_by_issuer_and_type() {
    let issuer = Issuer::new();
    let presentation = bind(&issuer.affiliation(&holder()));
    let refused = |change: fn(&mut TrustList)| {
        let mut trust = issuer.trust();
        change(&mut trust);
        let error = verify(&presentation, &trust).unwrap_err();
        assert_eq!(Code::from(&error), Code::UntrustedIssuer, "{error}");
        error
    };
    for change in [
        (|trust: &mut TrustList| trust.0.clear()) as fn(&mut TrustList),
        |trust| trust.0[0].issuer = format!("{ISSUER}/"),
        |trust| trust.0[0].issuer = "https://auth.example.jp".to_owned(),
        |trust| trust.0[0].types = vec![types::vct(AUTHORITY, "organization")],
    ] {
        let error = refused(change);
        assert!(matches!(error, CredentialError::UntrustedIssuer(UntrustedError::Issuer { .. })));
    }
    let other_root = Issuer::new();
    let mut trust = issuer.trust();
    trust.0[0].anchors = vec![other_root.anchor];
    let error = verify(&presentation, &trust).unwrap_err();
    assert!(matches!(error, CredentialError::UntrustedIssuer(UntrustedError::Chain(_))));
    assert_eq!(Code::from(&error), Code::UntrustedIssuer);
}

#[test]
fn trust_is_by_organization() {
    let issuer = Issuer::new();
    let presentation = bind(&issuer.affiliation(&holder()));
    let mut trust = issuer.trust();
    trust.0[0].organizations = vec!["8900000000001".to_owned()];
    let error = verify(&presentation, &trust).unwrap_err();
    assert!(matches!(&error, CredentialError::Organization(found) if found == "7900000000002"));
    assert_eq!(Code::from(&error), Code::UntrustedIssuer);
    trust.0[0].organizations.clear();
    assert!(verify(&presentation, &trust).is_err());
    // Another entry of the same issuer can allow it, if the chain leads to that entry's anchor as
    // well.
    trust.0.push(issuer.entry());
    assert!(verify(&presentation, &trust).is_ok());
    trust.0[1].anchors = vec![Issuer::new().anchor];
    assert!(verify(&presentation, &trust).is_err());
    let without = refused_with(|claims| drop(claims.shift_remove("org_corporate_number")));
    assert!(matches!(without, CredentialError::Organization(_)));
}

#[test]
fn a_certificate_speaks_for_the_issuer_that_it_names_and_for_no_other() {
    let verified = |uris: &[&str], hosts: &[&str]| {
        let issuer = Issuer::named(uris, hosts);
        verify(&bind(&issuer.affiliation(&holder())), &issuer.trust())
    };
    assert!(verified(&[ISSUER], &[]).is_ok());
    assert!(verified(&["https://auth.example.jp", ISSUER], &[]).is_ok());
    let other = "https://auth.example.jp/orgs/8900000000001";
    for (uris, hosts) in [
        (&[other][..], &["auth.example.jp"][..]),
        (&["https://auth.example.jp"], &["auth.example.jp"]),
        (&[], &["auth.example.jp"]),
        (&[], &["evil.test"]),
        (&[], &[]),
    ] {
        let refused = verified(uris, hosts);
        assert!(
            matches!(refused, Err(CredentialError::UntrustedIssuer(UntrustedError::Name(_)))),
            "{uris:?} {hosts:?}"
        );
    }
}

#[test]
fn an_issuer_that_is_a_host_may_have_a_certificate_of_that_host() {
    let verified = |iss: &str, host: &str| {
        let issuer = Issuer::named(&[], &[host]);
        let mut trust = issuer.trust();
        trust.0[0].issuer = iss.to_owned();
        verify(&presented_with(&issuer, |claims| claims["iss"] = iss.into()), &trust)
    };
    assert!(verified("https://issuer.example", "issuer.example").is_ok());
    assert!(verified("https://issuer.example", "other.example").is_err());
    assert!(verified("http://issuer.example", "issuer.example").is_err());
    assert!(verified("https://issuer.example:8443", "issuer.example").is_err());
}

#[test]
fn a_key_that_a_credential_names_itself_is_no_reason_to_trust() {
    let (issuer, liar) = (Issuer::new(), key(66));
    let mut forge = Forge::new(&issuer.affiliation(&holder()));
    let by_liar = forge.presented(&liar, &holder());
    let error = verify(&by_liar, &issuer.trust()).unwrap_err();
    assert!(matches!(error, CredentialError::SdJwt(_)));
    assert_eq!(Code::from(&error), Code::BadSignature);
    forge.header = forge.header.with_x5c(Vec::new()).with_jwk(liar.public_jwk());
    let error = verify(&forge.presented(&liar, &holder()), &issuer.trust()).unwrap_err();
    assert!(matches!(error, CredentialError::UntrustedIssuer(UntrustedError::NoChain)));
}

#[test]
fn another_type_than_asked_for_is_refused() {
    let organization = types::vct(AUTHORITY, "organization");
    for vct in [organization.as_str(), "https://auth.example.jp/types/affiliation/2"] {
        let error = refused_with(|claims| claims["vct"] = vct.into());
        assert!(matches!(&error, CredentialError::Type(found) if found == vct));
        assert_eq!(Code::from(&error), Code::UntrustedIssuer);
    }
    for (name, value) in [("iss", Value::Null), ("vct", json!(["x"])), ("iss", json!(""))] {
        let error = refused_with(|claims| claims[name] = value);
        assert!(matches!(error, CredentialError::Claim(found) if found == name));
        assert_eq!(Code::from(&error), Code::AgainstItsType);
    }
}

/// SD-JWT VC, 3.2.2.2: `iss` may be absent where the certificate says who issued.
#[test]
fn without_iss_the_issuer_is_the_one_that_the_certificate_names() {
    let verified = |uris: &[&str], hosts: &[&str], trusted: &str| {
        let issuer = Issuer::named(uris, hosts);
        let mut trust = issuer.trust();
        trust.0[0].issuer = trusted.to_owned();
        let presentation = presented_with(&issuer, |claims| drop(claims.shift_remove("iss")));
        verify(&presentation, &trust)
    };
    assert_eq!(verified(&[ISSUER], &["auth.example.jp"], ISSUER).unwrap().issuer(), ISSUER);
    let host = "https://issuer.example";
    assert_eq!(verified(&[], &["issuer.example"], host).unwrap().issuer(), host);
    for (uris, hosts) in [
        (&[ISSUER, "https://other.example"][..], &[][..]),
        (&[], &[]),
        (&[], &["a.example", "b.example"]),
    ] {
        let error = verified(uris, hosts, ISSUER).unwrap_err();
        assert!(matches!(error, CredentialError::Claim("iss")), "{uris:?} {hosts:?}");
    }
    let other = verified(&["https://other.example"], &[], ISSUER).unwrap_err();
    assert_eq!(Code::from(&other), Code::UntrustedIssuer);
}

/// SDJ-2: what a type keeps in the open is refused behind a digest, disclosed or, where everything must
/// be open, withheld; also below the top.
#[test]
fn what_a_type_keeps_in_the_open_is_not_hidden() {
    let issuer = Issuer::new();
    let hiding = |path: &[&str], disclosed: bool| {
        let mut forge = Forge::new(&issuer.affiliation(&holder()));
        let organization = json!({
            "vct": types::vct(AUTHORITY, "organization"),
            "corporate_number": "7900000000002", "corporate_name": "x",
            "verification": {"method": "registry", "checked_at": "2026-11-01", "by": "operator"},
        });
        forge.payload.extend(organization.as_object().unwrap().clone());
        forge.payload.shift_remove("_sd");
        forge.payload.shift_remove("roles");
        let mut payload = Value::Object(forge.payload.clone());
        let mut disclosures = String::new();
        if let Some((last, parents)) = path.split_last() {
            let parent = parents.iter().fold(&mut payload, |value, name| &mut value[*name]);
            let value = parent.as_object_mut().unwrap().shift_remove(*last).unwrap();
            let disclosure = b64u::encode(json!(["a salt of 128 bits", last, value]).to_string());
            parent["_sd"] = json!([b64u::encode(sha256(disclosure.as_bytes()))]);
            if disclosed {
                disclosures = format!("{disclosure}~");
            }
        }
        let signed = issuer.sign_plain(payload.as_object().unwrap());
        let mut trust = issuer.trust();
        trust.0[0].types = vec![types::vct(AUTHORITY, "organization")];
        let types = trust.0[0].types.clone();
        let presentation = bind(&format!("{signed}{disclosures}"));
        verify_types(NOW, &presentation, &trust, &types)
    };
    assert!(hiding(&[], true).is_ok());
    for path in [&["verification", "by"][..], &["verification"], &["corporate_name"]] {
        let error = hiding(path, true).unwrap_err();
        assert!(matches!(&error, CredentialError::Hidden(found) if *found == path.join("/")));
        assert_eq!(Code::from(&error), Code::AgainstItsType);
    }
    let error = hiding(&["verification", "by"], false).unwrap_err();
    assert!(matches!(&error, CredentialError::Hidden(found) if found == "verification"));
    let error = hiding(&["corporate_name"], false).unwrap_err();
    assert!(matches!(error, CredentialError::Claim("corporate_name")));
    // Withheld at the top, a claim that not every credential has may be absent as well.
    let verified = hiding(&["verification"], false).unwrap();
    assert!(verified.may_hide("verification") && !verified.may_hide("corporate_name"));
    assert!(!hiding(&[], true).unwrap().may_hide("street"));
}

/// SDJ-3: a credential ends as its type says, whatever it says itself.
#[test]
fn a_credential_does_not_outlive_its_type() {
    let lives = |iat: Option<i64>, exp: i64| {
        let issuer = Issuer::new();
        let presentation = presented_with(&issuer, |claims| {
            claims.shift_remove("iat");
            claims.extend(iat.map(|iat| ("iat".to_owned(), (NOW.unix() + iat).into())));
            claims["exp"] = (NOW.unix() + exp).into();
        });
        verify(&presentation, &issuer.trust()).map(|_| ())
    };
    let day = 86_400;
    for (iat, exp) in [(Some(0), 90 * day), (None, 90 * day), (Some(-day), 89 * day)] {
        assert!(lives(iat, exp).is_ok());
    }
    for (iat, exp) in [(Some(0), 91 * day), (None, 36_500 * day), (Some(-2 * day), 89 * day)] {
        let error = lives(iat, exp).unwrap_err();
        assert!(matches!(error, CredentialError::Lifetime { .. }));
        assert_eq!(Code::from(&error), Code::EndsTooLate);
    }
}

#[test]
fn a_credential_counts_in_its_time_only() {
    let issuer = Issuer::new();
    let presentation = |now, change: fn(&mut Claims)| {
        let mut forge = Forge::new(&issuer.affiliation(&holder()));
        change(&mut forge.payload);
        let issued = forge.issued(&issuer.key);
        let bound = sd_jwt::bind(&issued, CLIENT_ID, NONCE, now, &holder()).unwrap();
        verify_at(now, &bound, &issuer.trust()).map_err(|error| Code::from(&error))
    };
    let same: fn(&mut Claims) = |_| {};
    assert!(presentation(NOW.plus(89 * 86400), same).is_ok());
    assert_eq!(presentation(NOW.plus(90 * 86400 + 10), same).unwrap_err(), Code::Expired);
    assert_eq!(presentation(NOW.plus(-3600), same).unwrap_err(), Code::NotYetValid);
    let later: fn(&mut Claims) = |claims| {
        claims.insert("nbf".into(), (NOW.unix() + 60).into());
    };
    assert_eq!(presentation(NOW, later).unwrap_err(), Code::NotYetValid);
    let text: fn(&mut Claims) = |claims| claims["exp"] = "2000000000".into();
    assert_eq!(presentation(NOW, text).unwrap_err(), Code::AgainstItsType);
    let fraction: fn(&mut Claims) = |claims| {
        let exp = format!("{}.5", NOW.unix() + 86400);
        claims["exp"] = serde_json::from_str(&exp).unwrap();
    };
    assert!(presentation(NOW, fraction).is_ok());
}

#[test]
fn a_credential_that_could_never_end_is_refused() {
    let issuer = Issuer::new();
    let without = |names: &[&str]| {
        let presentation = presented_with(&issuer, |claims| {
            for name in names {
                claims.shift_remove(*name);
            }
        });
        verify(&presentation, &issuer.trust())
    };
    assert!(matches!(without(&["exp"]), Err(CredentialError::Endless)));
    assert!(without(&["status"]).is_ok_and(|verified| verified.status().is_none()));
    assert!(matches!(without(&["exp", "status"]), Err(CredentialError::Endless)));
}

#[test]
fn a_status_that_is_not_understood_is_refused() {
    for status in [
        Value::Null,
        json!({}),
        json!([]),
        json!({"status_list": {}}),
        json!({"status_list": {"idx": 1}}),
        json!({"status_list": {"uri": "https://a.example"}}),
        json!({"status_list": {"idx": -1, "uri": "https://a.example"}}),
        json!({"status_list": {"idx": "1", "uri": "https://a.example"}}),
        json!({"status_list": {"idx": 1, "uri": ""}}),
        json!({"identifier_list": {"id": "x", "uri": "https://a.example"}}),
        json!({"status_list": {"idx": 1, "uri": "https://a.example"}, "other": {}}),
    ] {
        let error = refused_with(|claims| claims["status"] = status.clone());
        assert_eq!(Code::from(&error), Code::StatusUnknown, "{status}");
    }
}

#[test]
fn claims_that_nobody_may_carry_are_refused() {
    for (name, value) in [
        ("clearance", json!("secret")),
        ("clearance_level", json!(1)),
        ("Individual_Number", json!("1")),
        ("individual_number#ja", json!("1")),
        ("nested", json!([{"individual_number": "1"}])),
    ] {
        let error = refused_with(|claims| drop(claims.insert(name.to_owned(), value)));
        assert!(matches!(error, CredentialError::Forbidden(_)), "{name}");
        assert_eq!(Code::from(&error), Code::ForbiddenElement);
    }
}

#[test]
fn a_malformed_integrity_is_refused_and_no_url_is_followed() {
    for integrity in [json!("sha1-AAAA"), json!("x"), json!(1), Value::Null] {
        let error = refused_with(|claims| claims["vct#integrity"] = integrity.clone());
        assert!(matches!(error, CredentialError::Claim("vct#integrity")), "{integrity}");
    }
}

#[test]
fn an_algorithm_off_the_list_is_refused() {
    let issuer = Issuer::new();
    let mut forge = Forge::new(&issuer.affiliation(&holder()));
    forge.header.algorithm = Algorithm::Rs256;
    let payload = serde_json::to_vec(&forge.payload).unwrap();
    let jwt = sekisho_jose::SigningInput::new(&forge.header, &payload).finish(&[0; 256]);
    let error = verify(&bind(&format!("{jwt}~")), &issuer.trust()).unwrap_err();
    assert!(matches!(error, CredentialError::Algorithm(Algorithm::Rs256)));
    assert_eq!(Code::from(&error), Code::AlgorithmRefused);
}

#[test]
fn the_holder_s_proof_has_a_code_of_its_own() {
    let issuer = Issuer::new();
    let issued = issuer.affiliation(&holder());
    for presentation in [
        issued.clone(),
        sd_jwt::bind(&issued, "x509_hash:other", NONCE, NOW, &holder()).unwrap(),
        sd_jwt::bind(&issued, CLIENT_ID, "other", NOW, &holder()).unwrap(),
        sd_jwt::bind(&issued, CLIENT_ID, NONCE, NOW, &key(3)).unwrap(),
    ] {
        let error = verify(&presentation, &issuer.trust()).unwrap_err();
        assert_eq!(Code::from(&error), Code::HolderKey, "{error}");
    }
    let old = sd_jwt::bind(&issued, CLIENT_ID, NONCE, NOW.plus(-301), &holder()).unwrap();
    let error = verify(&old, &issuer.trust()).unwrap_err();
    assert_eq!(Code::from(&error), Code::HolderClock, "{error}");
}

#[test]
fn a_plain_credential_needs_a_proof_as_well() {
    let issuer = Issuer::new();
    let forge = Forge::new(&issuer.affiliation(&holder()));
    let mut plain = forge.payload;
    plain.shift_remove("_sd");
    plain.shift_remove("_sd_alg");
    plain.shift_remove("roles");
    let issued = issuer.sign_plain(&plain);
    assert!(verify(&bind(&issued), &issuer.trust()).is_ok());
    assert_eq!(Code::from(&verify(&issued, &issuer.trust()).unwrap_err()), Code::HolderKey);
}
