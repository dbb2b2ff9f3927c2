//! Offers and links, written and read; the specification's examples.

use serde_json::json;

use super::*;
use crate::vectors::folder;

fn offer() -> CredentialOffer {
    CredentialOffer {
        credential_issuer: "https://auth.example.jp/orgs/7900000000002".to_owned(),
        credential_configuration_ids: vec!["affiliation".to_owned()],
        pre_authorized: Some(PreAuthorizedGrant {
            code: "oaKazRN8I0IbtZ0C7JuMn5".to_owned(),
            tx_code: Some(TxCode {
                input_mode: InputMode::Numeric,
                length: Some(6),
                description: Some("社内便でお届けした6桁の番号".to_owned()),
            }),
            authorization_server: None,
        }),
    }
}

fn changed(change: impl FnOnce(&mut Value)) -> Result<CredentialOffer, OfferError> {
    let mut value = offer().to_value();
    change(&mut value);
    CredentialOffer::from_value(&value)
}

#[test]
fn an_offer_has_the_members_of_the_specification() {
    assert_eq!(
        offer().to_value(),
        json!({
            "credential_issuer": "https://auth.example.jp/orgs/7900000000002",
            "credential_configuration_ids": ["affiliation"],
            "grants": {
                "urn:ietf:params:oauth:grant-type:pre-authorized_code": {
                    "pre-authorized_code": "oaKazRN8I0IbtZ0C7JuMn5",
                    "tx_code": {
                        "input_mode": "numeric",
                        "length": 6,
                        "description": "社内便でお届けした6桁の番号",
                    },
                },
            },
        }),
    );
}

#[test]
fn an_offer_is_read_back() {
    assert!(CredentialOffer::from_value(&offer().to_value()) == Ok(offer()));
    let mut plain = offer();
    plain.pre_authorized.as_mut().unwrap().tx_code = None;
    assert!(CredentialOffer::from_value(&plain.to_value()) == Ok(plain));
    let mut served = offer();
    served.pre_authorized.as_mut().unwrap().authorization_server =
        Some("https://as.example".into());
    assert!(CredentialOffer::from_value(&served.to_value()) == Ok(served));
}

#[test]
fn a_malformed_offer_is_refused_by_member() {
    let grant = |value: &mut Value, name: &str, new: Value| {
        value["grants"][PRE_AUTHORIZED_CODE_GRANT][name] = new;
    };
    for (result, member) in [
        (changed(|v| v["credential_issuer"] = json!("http://evil.example")), "credential_issuer"),
        (changed(|v| v["credential_issuer"] = json!(1)), "credential_issuer"),
        (
            changed(|v| v["credential_configuration_ids"] = json!([])),
            "credential_configuration_ids",
        ),
        (
            changed(|v| v["credential_configuration_ids"] = json!(["a", "a"])),
            "credential_configuration_ids",
        ),
        (
            changed(|v| v["credential_configuration_ids"] = json!([1])),
            "credential_configuration_ids",
        ),
        (changed(|v| v["grants"] = json!([])), "grants"),
        (changed(|v| grant(v, "pre-authorized_code", json!(""))), "pre-authorized_code"),
        (changed(|v| grant(v, "tx_code", json!("x"))), "tx_code"),
        (changed(|v| grant(v, "tx_code", json!({"length": 0}))), "tx_code"),
        (changed(|v| grant(v, "tx_code", json!({"input_mode": "voice"}))), "tx_code"),
        (changed(|v| grant(v, "tx_code", json!({"description": "x".repeat(301)}))), "tx_code"),
    ] {
        assert_eq!(result.err(), Some(OfferError::Malformed(member)));
    }
}

#[test]
fn a_transaction_code_is_numeric_unless_said_otherwise() {
    let read = changed(|value| value["grants"][PRE_AUTHORIZED_CODE_GRANT]["tx_code"] = json!({}));
    let tx_code = read.ok().unwrap().pre_authorized.unwrap().tx_code.unwrap();
    assert_eq!(tx_code, TxCode::default());
    assert_eq!(tx_code.input_mode, InputMode::Numeric);
    let longest = "山".repeat(MAX_DESCRIPTION);
    let described = changed(|value| {
        value["grants"][PRE_AUTHORIZED_CODE_GRANT]["tx_code"] = json!({"description": longest});
    });
    assert!(described.is_ok());
}

#[test]
fn a_long_description_is_cut() {
    let tx_code = TxCode { description: Some("山".repeat(400)), ..TxCode::default() };
    let description = tx_code.to_value()["description"].as_str().unwrap().chars().count();
    assert_eq!(description, MAX_DESCRIPTION);
}

#[test]
fn links_carry_the_offer_or_its_place() {
    let uri = "https://auth.example.jp/offer/AAECAwQFBgcICQoLDA0ODw";
    for base in ["openid-credential-offer://", "haip-vci://", "https://wallet.example/offer"] {
        let link = offer().link_by_value(base);
        assert!(link.starts_with(base));
        assert!(parse_link(&link) == Ok(OfferLink::Value(offer())));
        let link = link_by_reference(base, uri);
        assert!(parse_link(&link) == Ok(OfferLink::Reference(uri.to_owned())));
    }
    assert_eq!(
        link_by_reference("openid-credential-offer://", "https://a.example/o"),
        "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fa.example%2Fo",
    );
}

#[test]
fn other_links_are_refused() {
    let both = format!(
        "{}&credential_offer_uri=https://a.example/o",
        offer().link_by_value("openid-credential-offer://")
    );
    for (link, error) in [
        ("openid-credential-offer://", OfferError::Link),
        ("mailto:x?credential_offer_uri=https://a.example/o", OfferError::Link),
        ("openid-credential-offer://?x=y", OfferError::NotOne),
        (both.as_str(), OfferError::NotOne),
        (
            "openid-credential-offer://?credential_offer_uri=http://a.example/o",
            OfferError::Malformed("credential_offer_uri"),
        ),
        (
            "openid-credential-offer://?credential_offer_uri=file:///etc/passwd",
            OfferError::Malformed("credential_offer_uri"),
        ),
        (
            "openid-credential-offer://?credential_offer_uri=https:/a.example/o",
            OfferError::Malformed("credential_offer_uri"),
        ),
        (
            "openid-credential-offer://?credential_offer_uri=https://taro@a.example/o",
            OfferError::Malformed("credential_offer_uri"),
        ),
        (
            "openid-credential-offer://?credential_offer={",
            OfferError::Malformed("credential_offer"),
        ),
    ] {
        assert_eq!(parse_link(link).err(), Some(error), "{link}");
    }
}

/// The examples of the specification are read.
#[test]
fn the_specifications_examples_are_understood() {
    let Some(folder) = folder() else { return };
    let read = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let json = text.find('{').map(|start| &text[start..]).unwrap();
        let value = sekisho_jose::json::parse(json.trim().as_bytes()).unwrap();
        CredentialOffer::from_value(&value).map_err(|error| error.to_string()).ok().unwrap()
    };
    let offer = read("credential_offer_multiple_credentials.json");
    assert_eq!(offer.credential_configuration_ids.len(), 2);
    let tx_code = offer.pre_authorized.unwrap().tx_code.unwrap();
    assert_eq!(tx_code.length, Some(4));
    assert!(read("credential_offer_pre-authz_code.json").pre_authorized.is_some());
    assert!(read("credential_offer_by_reference.json").pre_authorized.is_some());
    assert!(read("credential_offer_authz_code.txt").pre_authorized.is_none());
}
