//! Request objects as they are written, and as a wallet reads or refuses them.

use sekisho_ambient::Text;
use sekisho_jose::{UnverifiedJwt, b64u};

use super::*;
use crate::dcql::{DcqlError, Unsupported};
use crate::fixture::{NONCE, NOW, STATE, Signer, key, request, verifier};

fn statement() -> ServiceStatement {
    let text = |ja: &str, en: &str| Text { ja: ja.to_owned(), en: en.to_owned() };
    ServiceStatement {
        service: ServiceDescription {
            name: text("北海GPU", "Hokkai GPU"),
            operator: Some(Operator {
                corporate_number: "8900000000001".to_owned(),
                name: text("北海AI計算基盤株式会社", "Hokkai AI Compute"),
            }),
            residency: None,
        },
        purpose: text("ログイン", "to log in"),
    }
}

fn accept(
    jwt: &str,
    client_id: &str,
    verifier: &Signer,
) -> Result<VerifiedRequest, RequestRefusal> {
    let anchors = [verifier.anchor.clone()];
    verify(jwt, client_id, &RequestTrust::Anchors(&anchors), NOW, None)
}

/// The result of verifying a request whose claims `change` has changed before it was signed.
fn changed(change: impl FnOnce(&mut Claims)) -> Result<VerifiedRequest, RequestRefusal> {
    let verifier = verifier();
    let object = request(&verifier);
    let mut claims = object.claims();
    change(&mut claims);
    let header = Header::new(Algorithm::Es256, TYP).with_x5c(verifier.x5c.clone());
    let jwt = sekisho_jose::sign(&verifier.key, &header, &claims).unwrap();
    accept(&jwt, &object.client_id, &verifier)
}

fn set(name: &str, value: Value) -> impl FnOnce(&mut Claims) {
    let name = name.to_owned();
    move |claims| drop(claims.insert(name, value))
}

#[test]
fn the_object_has_the_claims_of_the_profile_and_no_other() {
    let verifier = verifier();
    let claims = request(&verifier).claims();
    let names: Vec<&str> = claims.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "response_type",
            "client_id",
            "response_mode",
            "response_uri",
            "nonce",
            "state",
            "aud",
            "dcql_query",
            "client_metadata",
            "iat",
            "exp",
        ]
    );
    assert_eq!(claims["response_type"], "vp_token");
    assert_eq!(claims["response_mode"], "direct_post.jwt");
    assert_eq!(claims["aud"], "https://self-issued.me/v2");
    let metadata = &claims["client_metadata"];
    assert_eq!(metadata.as_object().unwrap().len(), 3);
    let enc = &metadata["encrypted_response_enc_values_supported"];
    assert_eq!(*enc, json!(["A128GCM", "A256GCM"]));
    let keys = metadata["jwks"]["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!((&keys[0]["alg"], &keys[0]["use"]), (&json!("ECDH-ES"), &json!("enc")));
    assert!(keys[0]["kid"].is_string() && keys[0].get("d").is_none());
    let formats = metadata["vp_formats_supported"].as_object().unwrap();
    assert_eq!(formats.len(), 1);
    let names = |algorithms: &Value| algorithms.as_array().unwrap().contains(&json!("ES256"));
    assert!(names(&formats["dc+sd-jwt"]["sd-jwt_alg_values"]));
    assert!(names(&formats["dc+sd-jwt"]["kb-jwt_alg_values"]));
}

#[test]
fn a_plain_request_has_no_key_and_a_posted_nonce_comes_back() {
    let verifier = verifier();
    let object = RequestObject {
        response_mode: ResponseMode::DirectPost,
        encryption_key: None,
        wallet_nonce: Some("w".to_owned()),
        ..request(&verifier)
    };
    let claims = object.claims();
    assert_eq!(claims["client_metadata"].as_object().unwrap().len(), 1);
    assert_eq!(claims["response_mode"], "direct_post");
    assert_eq!(claims["wallet_nonce"], "w");
}

#[test]
fn the_header_names_type_and_chain() {
    let verifier = verifier();
    let jwt = request(&verifier).sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let unverified_jwt = UnverifiedJwt::<Claims>::parse(&jwt).unwrap();
    let header = unverified_jwt.header();
    assert_eq!(header.typ.as_deref(), Some("oauth-authz-req+jwt"));
    assert_eq!(header.algorithm, Algorithm::Es256);
    assert_eq!(header.x5c, verifier.x5c);
}

#[test]
fn mode_and_key_have_to_agree_and_life_is_short() {
    let verifier = verifier();
    let sign = |object: RequestObject| object.sign(verifier.x5c.clone(), &verifier.key);
    let keyless = RequestObject { encryption_key: None, ..request(&verifier) };
    assert!(matches!(sign(keyless), Err(RequestError::EncryptionKey)));
    let plain = RequestObject { response_mode: ResponseMode::DirectPost, ..request(&verifier) };
    assert!(matches!(sign(plain), Err(RequestError::EncryptionKey)));
    for (life, passes) in [(0, false), (1, true), (600, true), (601, false)] {
        let object = RequestObject { exp: NOW.plus(life), ..request(&verifier) };
        assert_eq!(sign(object).is_ok(), passes, "{life}");
    }
}

#[test]
fn a_wallet_reads_what_the_verifier_wrote() {
    let verifier = verifier();
    let object = RequestObject {
        verifier_info: vec![json!({"format": "jwt", "data": "x"}), statement().to_verifier_info()],
        ..request(&verifier)
    };
    let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let verified = accept(&jwt, &object.client_id, &verifier).unwrap();
    assert_eq!(verified.client_id(), object.client_id);
    assert_eq!(verified.response_uri(), object.response_uri);
    assert_eq!(verified.nonce(), NONCE);
    assert_eq!(verified.state.as_deref(), Some(STATE));
    assert_eq!(verified.query(), &object.dcql_query);
    assert_eq!(verified.response_mode(), ResponseMode::DirectPostJwt);
    let encryption = verified.encryption.as_ref().unwrap();
    assert_eq!(encryption.enc, ContentEncryption::A256Gcm);
    assert_eq!(verified.service(), Some(statement()));
    assert_eq!(verified.verifier_info(), object.verifier_info);
    assert_eq!(verified.dns_names(), ["auth.example.jp"]);
    assert!(verified.is_trusted());
}

#[test]
fn a_verifier_without_a_trusted_chain_is_refused() {
    let verifier = verifier();
    let object = request(&verifier);
    let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let other = [crate::fixture::issuer().anchor];
    let trust = RequestTrust::Anchors(&other);
    let refused = verify(&jwt, &object.client_id, &trust, NOW, None);
    assert!(matches!(refused, Err(RequestRefusal::Chain(_))), "{refused:?}");
    let jwt = object.sign(Vec::new(), &verifier.key).unwrap();
    let refused = accept(&jwt, &object.client_id, &verifier);
    assert!(matches!(refused, Err(RequestRefusal::NoChain)), "{refused:?}");
    let jwt = object.sign(verifier.x5c.clone(), &key(7)).unwrap();
    let refused = accept(&jwt, &object.client_id, &verifier);
    assert!(matches!(refused, Err(RequestRefusal::Jwt(_))), "{refused:?}");
}

#[test]
fn without_anchors_only_the_leafs_hash_is_a_name() {
    let verifier = verifier();
    let object = request(&verifier);
    let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let trust = RequestTrust::DangerousAnyLeaf;
    let verified = verify(&jwt, &object.client_id, &trust, NOW, None).unwrap();
    assert!(!verified.is_trusted());
    let hash = client_id_x509_hash(b"another");
    let refused = verify(&jwt, &hash, &trust, NOW, None);
    assert!(matches!(refused, Err(RequestRefusal::Certificate(_))), "{refused:?}");
    let named = RequestObject { client_id: client_id_x509_san_dns("auth.example.jp"), ..object };
    let jwt = named.sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let refused = verify(&jwt, &named.client_id, &trust, NOW, None);
    assert!(matches!(refused, Err(RequestRefusal::Prefix(_))), "{refused:?}");
}

/// VP-4.
#[test]
fn a_client_identifier_is_proven_by_the_certificate() {
    let verifier = verifier();
    let of = |client_id: &str| {
        let object = RequestObject { client_id: client_id.to_owned(), ..request(&verifier) };
        let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
        accept(&jwt, client_id, &verifier)
    };
    assert!(of("x509_san_dns:auth.example.jp").is_ok());
    for client_id in ["x509_san_dns:other.example", &client_id_x509_hash(b"x"), "x509_hash:"] {
        let refused = of(client_id);
        assert!(matches!(refused, Err(RequestRefusal::Certificate(_))), "{client_id}: {refused:?}");
    }
    for client_id in
        ["auth.example.jp", "redirect_uri:https://auth.example.jp/response/1", "did:x:y"]
    {
        let refused = of(client_id);
        assert!(matches!(refused, Err(RequestRefusal::Prefix(_))), "{client_id}: {refused:?}");
    }
}

#[test]
fn the_object_has_to_be_the_one_of_the_link() {
    let refused = changed(set("client_id", json!("x509_hash:other")));
    assert!(matches!(refused, Err(RequestRefusal::ClientId { .. })), "{refused:?}");
}

#[test]
fn an_object_of_another_type_is_refused() {
    let verifier = verifier();
    let object = request(&verifier);
    let header = Header::new(Algorithm::Es256, "JWT").with_x5c(verifier.x5c.clone());
    let jwt = sekisho_jose::sign(&verifier.key, &header, &object.claims()).unwrap();
    let refused = accept(&jwt, &object.client_id, &verifier);
    assert!(matches!(refused, Err(RequestRefusal::Jwt(_))), "{refused:?}");
}

#[test]
fn a_changed_object_is_refused() {
    let verifier = verifier();
    let object = request(&verifier);
    let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let mut parts: Vec<String> = jwt.split('.').map(str::to_owned).collect();
    let mut claims = object.claims();
    claims.insert("response_uri".to_owned(), json!("https://evil.example/response"));
    parts[1] = b64u::encode(Value::Object(claims).to_string());
    let refused = accept(&parts.join("."), &object.client_id, &verifier);
    assert!(matches!(refused, Err(RequestRefusal::Jwt(_))), "{refused:?}");
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused_by_name() {
    for name in ["client_id", "aud", "response_type", "response_mode", "response_uri", "nonce"] {
        let refused = changed(|claims| drop(claims.shift_remove(name)));
        assert!(
            matches!(refused, Err(RequestRefusal::Malformed(found)) if found == name),
            "{name}"
        );
    }
    let refused = changed(|claims| drop(claims.shift_remove("dcql_query")));
    assert!(matches!(refused, Err(RequestRefusal::Malformed("dcql_query"))), "{refused:?}");
    for (name, value) in [
        ("aud", json!("https://wallet.example")),
        ("response_type", json!("code")),
        ("response_mode", json!("fragment")),
        ("redirect_uri", json!("https://auth.example.jp/cb")),
        ("scope", json!("openid")),
        ("transaction_data", json!(["x"])),
        ("wallet_nonce", json!("not ours")),
        ("presentation_definition", json!({})),
    ] {
        let refused = changed(set(name, value));
        let named = matches!(refused, Err(RequestRefusal::Unsupported(found)) if found == name);
        assert!(named, "{name}: {refused:?}");
    }
}

/// VP-05.
#[test]
fn an_answer_goes_only_where_the_certificate_speaks() {
    for uri in ["http://auth.example.jp/r", "https://auth.example.jp/r#x", "not a url", "file:///r"]
    {
        let refused = changed(set("response_uri", json!(uri)));
        assert!(matches!(refused, Err(RequestRefusal::ResponseUri(_))), "{uri}: {refused:?}");
    }
    assert!(changed(set("response_uri", json!("http://127.0.0.1:8080/r"))).is_ok());
    let verifier = verifier();
    let object = RequestObject {
        client_id: client_id_x509_san_dns("auth.example.jp"),
        response_uri: "https://evil.example/r".to_owned(),
        ..request(&verifier)
    };
    let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let refused = accept(&jwt, &object.client_id, &verifier);
    assert!(matches!(refused, Err(RequestRefusal::ResponseUri(_))), "{refused:?}");
}

#[test]
fn an_expired_request_is_refused() {
    let verifier = verifier();
    let object = request(&verifier);
    let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
    let anchors = [verifier.anchor.clone()];
    let at = |now| verify(&jwt, &object.client_id, &RequestTrust::Anchors(&anchors), now, None);
    assert!(at(NOW.plus(300)).is_ok());
    let refused = at(NOW.plus(311));
    assert!(matches!(refused, Err(RequestRefusal::Time(_))), "{refused:?}");
}

#[test]
fn a_query_beyond_us_is_refused_with_its_reason() {
    let query = json!({"credentials": [
        {"id": "mdl", "format": "mso_mdoc", "meta": {"doctype_value": "org.iso.18013.5.1.mDL"}},
    ]});
    let refused = changed(set("dcql_query", query));
    let Err(RequestRefusal::Query(DcqlError::Unsupported { what, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(what, Unsupported::Format("mso_mdoc".to_owned()));
    let refused =
        changed(set("client_metadata", json!({"vp_formats_supported": {"mso_mdoc": {}}})));
    assert!(matches!(refused, Err(RequestRefusal::Format)), "{refused:?}");
}

const NAME: &str = "encrypted_response_enc_values_supported";

#[test]
fn the_stronger_encryption_that_both_know_is_taken() {
    let with = |change: fn(&mut Value)| {
        changed(|claims| change(claims.get_mut("client_metadata").unwrap()))
            .map(|verified| verified.encryption.unwrap().enc)
    };
    let enc = with(|metadata| metadata[NAME] = json!(["A128GCM", "A128CBC-HS256"]));
    assert_eq!(enc.unwrap(), ContentEncryption::A128Gcm);
    let enc = with(|metadata| drop(metadata.as_object_mut().unwrap().shift_remove(NAME)));
    assert_eq!(enc.unwrap(), ContentEncryption::A128Gcm);
    let changes: [fn(&mut Value); 5] = [
        |metadata| metadata[NAME] = json!(["A128CBC-HS256"]),
        |metadata| metadata["jwks"]["keys"] = json!([]),
        |metadata| metadata["jwks"]["keys"][0]["alg"] = json!("RSA-OAEP"),
        |metadata| metadata["jwks"]["keys"][0]["use"] = json!("sig"),
        |metadata| metadata["jwks"]["keys"][0]["crv"] = json!("P-521"),
    ];
    for change in changes {
        let refused = with(change);
        assert!(matches!(refused, Err(RequestRefusal::Encryption)), "{refused:?}");
    }
}

#[test]
fn a_link_leads_to_the_request_and_is_small() {
    let verifier = verifier();
    let object = request(&verifier);
    let uri = "https://auth.example.jp/request/AAAAAGs9zWYAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhc";
    for base in
        ["openid4vp://", "haip-vp://", "https://wallet.example/authorize", "https://w.example/?a=b"]
    {
        let link = wallet_url(base, &object.client_id, uri);
        assert!(link.len() < 300, "{link}");
        let expected = RequestLink {
            client_id: object.client_id.clone(),
            request_uri: uri.to_owned(),
            method: RequestUriMethod::Get,
        };
        assert_eq!(parse_link(&link).unwrap(), expected);
    }
    assert_eq!(
        wallet_url("openid4vp://", "x509_san_dns:a.example", "https://a.example/r"),
        "openid4vp://?client_id=x509_san_dns%3Aa.example&request_uri=https%3A%2F%2Fa.example%2Fr",
    );
}

#[test]
fn a_link_says_how_its_request_is_fetched() {
    let link = "openid4vp://?client_id=a&request_uri=https://a.example/r&request_uri_method=";
    let method = |name: &str| parse_link(&format!("{link}{name}")).unwrap().method;
    assert_eq!(method("get"), RequestUriMethod::Get);
    assert_eq!(method("post"), RequestUriMethod::Post);
    assert_eq!(method(""), RequestUriMethod::Get);
}

/// Section 5.10, and checklist GEN-14.
#[test]
fn a_posted_nonce_has_to_come_back_and_proves_that_the_request_is_fresh() {
    let verifier = verifier();
    let anchors = [verifier.anchor.clone()];
    let fetched = |answered: Option<&str>, posted: Option<&str>, ahead: i64| {
        let object = RequestObject {
            wallet_nonce: answered.map(str::to_owned),
            iat: NOW.plus(ahead),
            ..request(&verifier)
        };
        let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
        verify(&jwt, &object.client_id, &RequestTrust::Anchors(&anchors), NOW, posted)
    };
    assert!(fetched(Some("w"), Some("w"), 0).is_ok());
    for answered in [None, Some("v"), Some("")] {
        let refused = fetched(answered, Some("w"), 0);
        assert!(matches!(refused, Err(RequestRefusal::WalletNonce)), "{refused:?}");
    }
    assert!(matches!(
        fetched(Some("w"), None, 0),
        Err(RequestRefusal::Unsupported("wallet_nonce"))
    ));
    assert!(fetched(Some("w"), Some("w"), 60).is_ok() && fetched(None, None, 10).is_ok());
    for refused in [fetched(Some("w"), Some("w"), 61), fetched(None, None, 11)] {
        assert!(matches!(refused, Err(RequestRefusal::Time(_))), "{refused:?}");
    }
}

#[test]
fn other_links_are_refused() {
    for link in [
        "openid4vp://",
        "mailto:x?client_id=a&request_uri=https://a.example/r",
        "openid4vp://?client_id=a",
        "openid4vp://?request_uri=https://a.example/r",
        "openid4vp://?client_id=a&client_id=b&request_uri=https://a.example/r",
        "openid4vp://?client_id=a&request_uri=http://a.example/r",
        "openid4vp://?client_id=a&request_uri=file:///etc/passwd",
        "openid4vp://?client_id=a&request=eyJ",
        "openid4vp://?client_id=&request_uri=https://a.example/r",
        "openid4vp://?client_id=a&request_uri=",
        "openid4vp://?client_id=a&request_uri=https://a.example/r&request_uri_method=put",
        "openid4vp://?client_id=a&request_uri=https://a.example/r&request_uri_method=POST",
    ] {
        assert!(matches!(parse_link(link), Err(RequestRefusal::Link(_))), "{link}");
    }
}

#[test]
fn a_statement_without_both_languages_is_none() {
    let entry = json!({"format": SERVICE_INFO_FORMAT, "data": {
        "service": {"name": {"ja": "x"}}, "purpose": {"ja": "x", "en": "x"},
    }});
    assert_eq!(ServiceStatement::from_verifier_info(&[entry]), None);
    let shape = statement().to_verifier_info();
    assert_eq!(shape["format"], "sekisho-service");
    assert_eq!(shape["data"]["service"]["operator"]["corporate_number"], "8900000000001");
    assert_eq!(shape["data"]["purpose"]["en"], "to log in");
}

/// The order of the checks is promised: first who asks, then what is asked.
#[test]
fn the_checks_run_in_order() {
    let names = verify::CHECKS.map(|(name, _)| name);
    assert_eq!(
        names,
        ["client_id", "aud", "response_type", "absent", "response_uri", "vp_formats_supported",]
    );
}
