//! Tests of issuing our types: the claims of a credential, and its lifetime.

use sekisho_ambient::{Entropy, Timestamp};
use sekisho_credential::sd_jwt::SdJwt;
use sekisho_credential::types::{self, CredentialType, Selective, TypeError};
use sekisho_credential::vc::{self, Issuance, IssuanceError};
use sekisho_jose::{Claims, b64u, json};
use sekisho_profile::types::{AFFILIATION, AI_TRAINING, ALL, ORGANIZATION};
use serde_json::{Value, json};

use crate::mutations::{Forge, decode};
use crate::parties::{AUTHORITY, ISSUER, Issuer, NOW, claims, key, yamada};

fn issue(
    credential_type: &CredentialType,
    claims: &Claims,
    issued_at: Timestamp,
    expires: Option<Timestamp>,
) -> Result<String, IssuanceError> {
    let issuer = Issuer::new();
    let holder = key(2).public_jwk();
    let issuance = Issuance {
        credential_type,
        authority: AUTHORITY,
        issuer: ISSUER,
        claims,
        holder_key: &holder,
        status: None,
        issued_at,
        expires,
        decoys: 0,
    };
    vc::issue(&issuance, issuer.x5c, &issuer.key, &Entropy::seeded(4))
}

fn training() -> Claims {
    claims(json!({
        "achievement_id": "https://training.example/dss-l",
        "achievement_name": "DXリテラシー",
        "framework": "DSS-L",
        "valid_through": "2028-11-20",
        "level": 2,
        "level_gte_1": true,
        "level_gte_2": true,
        "level_gte_3": false,
        "completed_on": "2026-11-20",
        "hours": 12.5,
        "score": 88,
    }))
}

fn organization() -> Claims {
    claims(json!({
        "corporate_number": "7900000000002",
        "corporate_name": "瀬戸内精密工業株式会社",
        "corporate_name#ja-Kana-JP": "セトウチセイミツコウギョウ",
        "corporate_name#en": "Setouchi Precision Industries",
        "entity_type": "kabushiki_kaisha",
        "address_country": "JP",
        "address_region": "JP-37",
        "municipality_code": "131016",
        "street": "1-1",
        "control_country": "JP",
        "verification": {"method": "registry", "checked_at": "2026-11-01", "by": "8900000000001"},
    }))
}

fn sample(name: &str) -> Claims {
    match name {
        "affiliation" => yamada(),
        "organization" => organization(),
        _ => training(),
    }
}

#[test]
fn the_header_and_the_open_claims_are_those_of_an_sd_jwt_vc() {
    let issued = issue(&AFFILIATION, &yamada(), NOW, None).unwrap();
    let forge = Forge::new(&issued);
    assert_eq!(forge.header.typ.as_deref(), Some("dc+sd-jwt"));
    assert_eq!(forge.header.x5c.len(), 1);
    assert_eq!(forge.header.kid.as_deref(), Some(key(1).kid()));
    assert!(forge.header.jwk.is_none());
    let open: Vec<&str> = forge.payload.keys().map(String::as_str).collect();
    assert_eq!(
        open,
        [
            "iss",
            "iat",
            "exp",
            "vct",
            "vct#integrity",
            "cnf",
            "org_corporate_number",
            "org_name",
            "roles",
            "valid_through",
            "_sd",
            "_sd_alg",
        ]
    );
    // The time is rounded down to the hour.
    assert_eq!(forge.payload["iat"], 1_795_237_200);
    let jwk = forge.payload["cnf"]["jwk"].as_object().unwrap();
    assert_eq!(jwk.keys().collect::<Vec<_>>(), ["kty", "crv", "x", "y"]);
}

#[test]
fn the_integrity_is_that_of_the_bytes_that_are_served() {
    for ty in &ALL {
        let issued = issue(ty, &sample(ty.name), NOW, None).unwrap();
        let served = types::metadata(ty, AUTHORITY);
        let payload = Forge::new(&issued).payload;
        assert_eq!(payload["vct#integrity"], types::integrity(&served));
        let document = json::parse_object(&served).unwrap();
        assert_eq!(document["vct"], payload["vct"]);
    }
}

/// The checks of a verifier that reads type metadata (SD-JWT VC, sections 9.3 and 9.4).
#[test]
fn what_is_issued_obeys_its_own_metadata() {
    for ty in &ALL {
        let issued = issue(ty, &sample(ty.name), NOW, None).unwrap();
        let forge = Forge::new(&issued);
        let names: Vec<Value> = forge.disclosures.iter().map(|d| decode(d)[1].clone()).collect();
        for rule in ty.claims {
            let [name] = rule.path else { continue };
            if !sample(ty.name).contains_key(*name) {
                continue;
            }
            let hidden = names.contains(&json!(name));
            match rule.sd {
                Selective::Always => assert!(hidden, "{name}"),
                Selective::Never => {
                    assert!(!hidden && forge.payload.contains_key(*name), "{name}");
                }
                Selective::Allowed => panic!("{name}: at the top it is one or the other"),
            }
        }
        assert_eq!(SdJwt::parse(&issued).unwrap().claims().len(), sample(ty.name).len() + 6);
    }
}

#[test]
fn each_role_is_a_disclosure_of_its_own() {
    let issued = issue(&AFFILIATION, &yamada(), NOW, None).unwrap();
    let forge = Forge::new(&issued);
    let roles = forge.payload["roles"].as_array().unwrap();
    assert_eq!(roles.len(), 2);
    assert!(roles.iter().all(|role| role["..."].is_string()));
    let elements = forge.disclosures.iter().map(|d| decode(d));
    let elements: Vec<Value> = elements.filter(|d| d.as_array().unwrap().len() == 2).collect();
    assert_eq!(
        elements.iter().map(|d| d[1].clone()).collect::<Vec<_>>(),
        ["gpu-user", "project-lead"]
    );
}

#[test]
fn names_come_back_byte_for_byte() {
    for name in ["髙橋", "山﨑", "𠮷野家", "葛\u{e0100}城", "\u{fa19}田"] {
        let mut claims = yamada();
        claims["name"] = name.into();
        let issued = issue(&AFFILIATION, &claims, NOW, None).unwrap();
        assert_eq!(SdJwt::parse(&issued).unwrap().claims()["name"], name);
        let forge = Forge::new(&issued);
        let disclosure = b64u::decode(&forge.disclosures[forge.position("name")]).unwrap();
        assert!(disclosure.windows(name.len()).any(|window| window == name.as_bytes()));
    }
}

#[test]
fn an_affiliation_ends_within_ninety_days_and_with_the_fiscal_year() {
    let latest = |at: &Timestamp| types::latest_expiry(&AFFILIATION, *at).to_rfc3339();
    assert_eq!(latest(&NOW), "2027-02-19T05:00:00Z", "in whole hours");
    let february = NOW.plus(90 * 86400);
    assert_eq!(latest(&february), "2027-03-31T14:59:59Z");
    let year_end = NOW.fiscal_year_end();
    assert_eq!(types::latest_expiry(&AFFILIATION, year_end.plus(-1)), year_end);
    assert_eq!(latest(&year_end.plus(1)), "2027-06-29T15:00:00Z");
    let year_later = types::rounded(february.plus(365 * 86400));
    assert_eq!(types::latest_expiry(&ORGANIZATION, february), year_later);
    let day_later = types::rounded(NOW.plus(86400));
    assert_eq!((day_later.unix() % 3600, NOW.plus(86400).since(day_later)), (0, NOW.unix() % 3600));
    assert_eq!(types::expiry(&AFFILIATION, NOW, Some(NOW.plus(86400))), day_later);
    assert_eq!(types::expiry(&AFFILIATION, february, Some(february.plus(90 * 86400))), year_end);
}

#[test]
fn nothing_is_issued_that_outlives_its_type_or_is_over() {
    let latest = types::latest_expiry(&AFFILIATION, NOW);
    assert!(issue(&AFFILIATION, &yamada(), NOW, Some(latest)).is_ok());
    for expires in [latest.plus(3600), NOW, NOW.plus(-1)] {
        let refused = issue(&AFFILIATION, &yamada(), NOW, Some(expires));
        assert!(matches!(refused, Err(IssuanceError::Expiry { .. })));
    }
}

#[test]
fn what_the_issuer_sets_is_not_taken_from_the_subject_s_claims() {
    for name in types::REGISTERED {
        let mut claims = yamada();
        claims.insert(name.to_owned(), json!(1));
        let refused = issue(&AFFILIATION, &claims, NOW, None);
        assert!(matches!(refused, Err(IssuanceError::Registered(found)) if found == name));
    }
}

fn refused(ty: &CredentialType, name: &str, value: Value) -> TypeError {
    let mut claims = sample(ty.name);
    claims.insert(name.to_owned(), value);
    types::validate(ty, &claims).unwrap_err()
}

#[test]
fn a_type_accepts_its_own_claims_only() {
    for ty in &ALL {
        assert_eq!(types::validate(ty, &sample(ty.name)), Ok(()));
        assert!(matches!(refused(ty, "nationality", json!("JP")), TypeError::Unknown { .. }));
    }
    let nested = refused(&AFFILIATION, "assurance", json!({"ial": 2, "passport": "x"}));
    assert!(matches!(nested, TypeError::Unknown { claim, .. } if claim == "assurance/passport"));
    for (name, value) in [
        ("org_corporate_number", json!("7900000000003")),
        ("affiliation_type", json!("boss")),
        ("roles", json!("admin")),
        ("roles", json!([1])),
        ("roles", json!([{"a": 1}])),
        ("email", json!("nobody")),
        ("assurance", json!({"ial": 4})),
        ("name", json!("")),
    ] {
        let error = refused(&AFFILIATION, name, value.clone());
        assert!(matches!(error, TypeError::Malformed(_)), "{name} {value}: {error}");
    }
}

#[test]
fn a_type_asks_for_what_is_mandatory() {
    for ty in &ALL {
        for rule in ty.claims.iter().filter(|rule| rule.mandatory) {
            let mut claims = sample(ty.name);
            claims.shift_remove(rule.path[0]);
            let missing = types::validate(ty, &claims);
            assert_eq!(missing, Err(TypeError::Missing(rule.path[0].to_owned())));
        }
    }
}

#[test]
fn clearances_and_individual_numbers_are_never_issued() {
    for name in ["clearance", "clearance_status", "individual_number", "Individual_Number_hash"] {
        for ty in &ALL {
            let error = refused(ty, name, json!("x"));
            assert_eq!(error, TypeError::Forbidden(name.to_owned()));
        }
    }
    let nested = refused(&AFFILIATION, "assurance", json!({"individual_number": "1"}));
    assert!(matches!(nested, TypeError::Forbidden(_)));
}

#[test]
fn predicates_agree_with_the_level() {
    for (name, value) in [
        ("level_gte_2", json!(false)),
        ("level_gte_3", json!(true)),
        ("level", json!(0)),
        ("level", json!(3)),
    ] {
        let error = refused(&AI_TRAINING, name, value);
        assert!(matches!(error, TypeError::Contradiction(_)), "{name}");
    }
    let mut without_level = training();
    without_level.shift_remove("level");
    assert_eq!(types::validate(&AI_TRAINING, &without_level), Ok(()));
    without_level["level_gte_1"] = false.into();
    assert!(matches!(
        types::validate(&AI_TRAINING, &without_level),
        Err(TypeError::Contradiction(_))
    ));
}
