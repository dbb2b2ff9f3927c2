//! Metadata as it is written, and as a wallet reads or refuses it.

use sekisho_profile::types;

use super::*;

const ISSUER: &str = "https://auth.example.jp/orgs/7900000000002";

fn configurations() -> Vec<Configuration> {
    let of = |credential_type: &'static CredentialType| Configuration {
        id: credential_type.name.to_owned(),
        scope: format!("credential_{}", credential_type.name),
        vct: types::vct("https://auth.example.jp", credential_type.name),
        credential_type,
    };
    types::ALL.iter().map(of).collect()
}

fn document() -> Value {
    build(&IssuerDescription {
        identifier: ISSUER,
        authorization_server: "https://auth.example.jp",
        credential_endpoint: "https://auth.example.jp/credential/7900000000002",
        nonce_endpoint: "https://auth.example.jp/nonce/7900000000002",
        name_ja: "瀬戸内精密工業株式会社",
        name_en: "Setouchi Precision Industries",
        configurations: &configurations(),
    })
}

#[test]
fn the_document_says_what_is_served_and_no_more() {
    let document = document();
    let names: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "credential_issuer",
            "authorization_servers",
            "credential_endpoint",
            "nonce_endpoint",
            "display",
            "credential_configurations_supported",
        ]
    );
    assert_eq!(document["credential_issuer"], ISSUER);
    assert_eq!(document["authorization_servers"], json!(["https://auth.example.jp"]));
}

#[test]
fn a_configuration_has_the_members_of_the_specification() {
    let document = document();
    let one = &document["credential_configurations_supported"]["affiliation"];
    let mut rest = one.clone();
    let metadata = rest.as_object_mut().unwrap().shift_remove("credential_metadata").unwrap();
    assert_eq!(
        rest,
        json!({
            "format": "dc+sd-jwt",
            "vct": "https://auth.example.jp/types/affiliation/1",
            "scope": "credential_affiliation",
            "cryptographic_binding_methods_supported": ["jwk", "did:jwk", "did:key"],
            "credential_signing_alg_values_supported": ["ES256"],
            "proof_types_supported": {
                "jwt": {"proof_signing_alg_values_supported": ["ES256", "EdDSA"]},
            },
        })
    );
    let claims = metadata["claims"].as_array().unwrap();
    assert_eq!(claims.len(), types::find("affiliation").unwrap().claims.len());
    let roles = claims.iter().find(|claim| claim["path"] == json!(["roles", null]));
    assert!(roles.is_some(), "an array's elements are null in a path");
}

#[test]
fn every_name_stands_once_in_each_language() {
    let document = document();
    let configurations = document["credential_configurations_supported"].as_object().unwrap();
    let mut displays = vec![&document["display"]];
    for one in configurations.values() {
        displays.push(&one["credential_metadata"]["display"]);
        let claims = one["credential_metadata"]["claims"].as_array().unwrap();
        displays.extend(claims.iter().map(|claim| &claim["display"]));
    }
    for display in displays {
        let display = display.as_array().unwrap();
        let locales: Vec<&Value> = display.iter().map(|entry| &entry["locale"]).collect();
        assert_eq!(locales, ["ja-JP", "en-US"]);
        assert!(display.iter().all(|entry| entry["name"].as_str().is_some_and(|n| !n.is_empty())));
    }
}

#[test]
fn a_wallet_reads_what_the_issuer_writes() {
    let metadata = read(ISSUER, &document()).unwrap();
    assert_eq!(metadata.credential_issuer, ISSUER);
    assert_eq!(metadata.names["ja-JP"], "瀬戸内精密工業株式会社");
    assert!(metadata.nonce_endpoint.is_some());
    let one = &metadata.configurations["ai-training"];
    assert_eq!(one.vct.as_deref(), Some("https://auth.example.jp/types/ai-training/1"));
    assert_eq!(one.names["en-US"], "AI training");
}

#[test]
fn an_issuer_is_compared_as_a_string() {
    for other in [&format!("{ISSUER}/"), "https://auth.example.jp", "https://AUTH.example.jp"] {
        assert!(matches!(read(other, &document()), Err(MetadataError::Issuer { .. })), "{other}");
    }
}

#[test]
fn an_issuer_without_servers_is_its_own() {
    let mut document = document();
    document.as_object_mut().unwrap().shift_remove("authorization_servers");
    document.as_object_mut().unwrap().shift_remove("nonce_endpoint");
    let metadata = read(ISSUER, &document).unwrap();
    assert_eq!(metadata.authorization_servers, [ISSUER]);
    assert_eq!(metadata.nonce_endpoint, None);
}

#[test]
fn malformed_metadata_is_refused_by_member() {
    let changed = |name: &str, value: Value| {
        let mut document = document();
        document[name] = value;
        read(ISSUER, &document)
    };
    for (name, value) in [
        ("credential_endpoint", json!("http://evil.example/credential")),
        ("credential_endpoint", json!(null)),
        ("nonce_endpoint", json!("ftp://evil.example")),
        ("authorization_servers", json!([])),
        ("authorization_servers", json!([1])),
        ("credential_configurations_supported", json!([])),
        ("credential_issuer", json!(1)),
    ] {
        let refused = changed(name, value.clone());
        let named = matches!(refused, Err(MetadataError::Malformed(found)) if found == name);
        assert!(named, "{name}: {value}");
    }
}

#[test]
fn the_well_known_part_goes_between_host_and_path() {
    for (identifier, url) in [
        (ISSUER, "https://auth.example.jp/.well-known/openid-credential-issuer/orgs/7900000000002"),
        ("https://a.example", "https://a.example/.well-known/openid-credential-issuer"),
        ("https://a.example/", "https://a.example/.well-known/openid-credential-issuer"),
        (
            "https://a.example:8443/t/",
            "https://a.example:8443/.well-known/openid-credential-issuer/t",
        ),
        ("http://localhost:9/x", "http://localhost:9/.well-known/openid-credential-issuer/x"),
    ] {
        assert_eq!(well_known_url(identifier).unwrap(), url);
    }
    for identifier in ["http://a.example", "https://a.example/?x=y", "https://a.example/#x", "a"] {
        assert!(well_known_url(identifier).is_err(), "{identifier}");
    }
}

/// The example of the specification is read.
#[test]
fn the_specifications_example_is_understood() {
    let Some(folder) = crate::vectors::folder() else { return };
    let bytes = std::fs::read(folder.join("credential_issuer_metadata_sd_jwt_long.json")).unwrap();
    let document = sekisho_jose::json::parse(&bytes).unwrap();
    let metadata = read("https://credential-issuer.example.com", &document).unwrap();
    assert_eq!(metadata.authorization_servers, ["https://server.example.com"]);
    assert_eq!(metadata.names["fr-FR"], "Example Université");
    assert!(metadata.configurations.values().any(|one| one.format == FORMAT && one.vct.is_some()));
}
