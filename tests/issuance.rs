//! Issuing (OpenID4VCI 1.0): the answers to a wallet that follows the rules, and to wallets that do
//! not. A refused request uses up nothing; the corrected request succeeds with the same handle.

use sekisho_ambient::Entropy;
use sekisho_jose::{Ahead, Algorithm, Header, SigningKey, b64u};
use sekisho_openid4vci::offer::CredentialOffer;
use sekisho_openid4vci::proof;
use sekisho_tests::{NOW, OPERATOR, TENANT, Wallet, World, affiliation, error_of, http, training};
use serde_json::{Value, json};

/// Makes a wallet and redeems an offer; returns the wallet, the offer and the access token.
async fn redeemed(world: &World) -> (Wallet, CredentialOffer, String) {
    let wallet = Wallet::new(NOW);
    let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    let offer = wallet.read_offer(&link).await;
    let answer = wallet.redeem_offer(&offer, None).await;
    let token = answer.body["access_token"].as_str().unwrap().to_owned();
    (wallet, offer, token)
}

fn request(proof: &str) -> Value {
    json!({"credential_configuration_id": "affiliation", "proofs": {"jwt": [proof]}})
}

/// VCI-1, VCI-3, VCI-6: each organization has metadata at both places; an unknown organization has
/// none.
#[tokio::test]
async fn each_organization_is_an_issuer_of_its_own() {
    let world = World::start().await;
    let get =
        async |path: String| http().get(format!("{}{path}", world.origin)).send().await.unwrap();
    for number in [TENANT, OPERATOR] {
        let answer = get(format!("/.well-known/openid-credential-issuer/orgs/{number}")).await;
        assert_eq!(answer.headers()["content-type"], "application/json");
        let document: Value = answer.json().await.unwrap();
        assert_eq!(document["credential_issuer"], world.issuer(number));
        assert_eq!(document["authorization_servers"], json!([world.origin]));
        let configuration = &document["credential_configurations_supported"]["affiliation"];
        assert_eq!(configuration["format"], "dc+sd-jwt");
        assert_eq!(
            configuration["cryptographic_binding_methods_supported"],
            json!(["jwk", "did:jwk", "did:key"])
        );
        let appended = get(format!("/orgs/{number}/.well-known/openid-credential-issuer")).await;
        assert_eq!(appended.json::<Value>().await.unwrap(), document);
        let keys: Value =
            get(format!("/.well-known/jwt-vc-issuer/orgs/{number}")).await.json().await.unwrap();
        assert_eq!(keys["issuer"], world.issuer(number));
        assert_eq!(
            keys["jwks"]["keys"].as_array().unwrap().len(),
            2,
            "one signs, one is the spare"
        );
        let did: Value = get(format!("/orgs/{number}/did.json")).await.json().await.unwrap();
        assert!(did["id"].as_str().unwrap().starts_with("did:web:localhost%3A"));
    }
    let stranger = "5900000000004";
    for path in [
        format!("/.well-known/openid-credential-issuer/orgs/{stranger}"),
        format!("/.well-known/jwt-vc-issuer/orgs/{stranger}"),
        format!("/orgs/{stranger}/did.json"),
        format!("/orgs/{stranger}/status/0"),
    ] {
        assert_eq!(get(path.clone()).await.status(), 404, "{path}");
    }
}

/// SDJ-1, SDJ-2, SDJ-3, SDJ-4, SDJ-5, SDJ-6, SDJ-7, SDJ-8, VCI-50: the contents of an issued
/// credential, as its holder reads them.
#[tokio::test]
async fn a_credential_says_what_it_must_and_hides_what_it_can() {
    let world = World::start().await;
    let wallet = world.member().await;
    let text = &wallet.held[0];
    let issuer_jwt = text.split('~').next().unwrap();
    let mut parts = issuer_jwt.split('.');
    let read =
        |part: &str| -> Value { serde_json::from_slice(&b64u::decode(part).unwrap()).unwrap() };
    let header = read(parts.next().unwrap());
    let open = read(parts.next().unwrap());
    assert_eq!(header["typ"], "dc+sd-jwt");
    assert_eq!(header["x5c"].as_array().unwrap().len(), 1, "the leaf, without the root");
    assert_eq!(open["iss"], world.issuer(TENANT));
    assert_eq!(open["iat"].as_i64().unwrap() % 3600, 0);
    assert!(
        open["status"]["status_list"]["uri"].as_str().unwrap().starts_with(&world.issuer(TENANT))
    );
    for hidden in ["name", "member_ref", "email", "affiliation_type"] {
        assert_eq!(open.get(hidden), None, "{hidden}");
    }
    let vct = open["vct"].as_str().unwrap();
    let path = vct.strip_prefix("https://types.example.jp").unwrap();
    let metadata =
        http().get(format!("{}{path}", world.origin)).send().await.unwrap().bytes().await.unwrap();
    let hash = sekisho_credential::types::integrity(&metadata);
    assert_eq!(open["vct#integrity"], hash, "of the very bytes that are served");
}

/// VCI-10, VCI-11, VI-01: an offer by reference can be fetched until it is redeemed.
#[tokio::test]
async fn an_offer_is_gone_once_it_is_redeemed() {
    let world = World::start().await;
    let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    let mut wallet = Wallet::new(NOW);
    let offer = wallet.read_offer(&link).await;
    wallet.accept(&link, None).await;
    let again = wallet.redeem_offer(&offer, None).await;
    assert_eq!((again.status, error_of(&again.body).as_str()), (400, "invalid_grant"));
    let url =
        sekisho_tests::parameter(&link.replace("://", "://x/"), "credential_offer_uri").unwrap();
    assert_eq!(http().get(url).send().await.unwrap().status(), 404);

    let late = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    let offer = wallet.read_offer(&late).await;
    world.clock.advance(3600);
    assert_eq!(error_of(&wallet.redeem_offer(&offer, None).await.body), "invalid_grant");
}

/// VCI-20, VI-02, VI-03: a transaction code may be tried five times.
#[tokio::test]
async fn a_transaction_code_has_five_tries() {
    let world = World::start().await;
    let offered = async || {
        world.offer_with(TENANT, "affiliation", affiliation(), |offer| offer.tx_code = true).await
    };
    let wallet = Wallet::new(NOW);
    let one = offered().await;
    let right = one.tx_code.clone().unwrap();
    assert!(right.len() == 6 && right.bytes().all(|digit| digit.is_ascii_digit()));
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let offer = wallet.read_offer(&one.uri).await;
    // A request without a transaction code does not count as a try.
    for _ in 0..6 {
        assert_eq!(error_of(&wallet.redeem_offer(&offer, None).await.body), "invalid_request");
    }
    for _ in 0..4 {
        assert_eq!(error_of(&wallet.redeem_offer(&offer, Some(wrong)).await.body), "invalid_grant");
    }
    assert_eq!(wallet.redeem_offer(&offer, Some(&right)).await.status, 200);

    let two = offered().await;
    let right = two.tx_code.clone().unwrap();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let offer = wallet.read_offer(&two.uri).await;
    for _ in 0..5 {
        assert_eq!(error_of(&wallet.redeem_offer(&offer, Some(wrong)).await.body), "invalid_grant");
    }
    assert_eq!(error_of(&wallet.redeem_offer(&offer, Some(&right)).await.body), "invalid_grant");

    // A transaction code that the offer does not ask for is refused.
    let plain = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    let offer = wallet.read_offer(&plain).await;
    assert_eq!(
        error_of(&wallet.redeem_offer(&offer, Some("123456")).await.body),
        "invalid_request"
    );
    assert_eq!(wallet.redeem_offer(&offer, None).await.status, 200);
}

/// VCI-41, VCI-42, VCI-43, VCI-44, VCI-45, VCI-53, VI-06, VI-07: each fault gets its own error
/// code, and nothing is issued.
#[tokio::test]
async fn a_wrong_credential_request_is_refused_for_its_own_reason() {
    let world = World::start().await;
    let (wallet, offer, token) = redeemed(&world).await;
    let issuer = world.issuer(TENANT);
    let nonce = async || wallet.nonce(&offer).await;
    let good = async |nonce: &str| proof::build(&wallet.key, &issuer, nonce, None, NOW).unwrap();
    let signed = |header: Value, claims: &Value| {
        let input =
            format!("{}.{}", b64u::encode(header.to_string()), b64u::encode(claims.to_string()));
        let signature = wallet.key.sign(input.as_bytes()).unwrap();
        format!("{input}.{}", b64u::encode(signature))
    };
    let jwk = wallet.key.public_jwk().minimal();
    let header = json!({"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": jwk});
    let fresh = nonce().await;
    let claims = json!({"aud": issuer, "iat": NOW.unix(), "nonce": fresh});
    let change = |base: &Value, name: &str, value: Value| {
        let mut changed = base.clone();
        match value {
            Value::Null => drop(changed.as_object_mut().unwrap().remove(name)),
            value => changed[name] = value,
        }
        changed
    };
    let with_header =
        |name: &str, value: Value| request(&signed(change(&header, name, value), &claims));
    let with_key = |kid: Value| {
        let mut header = change(&header, "jwk", Value::Null);
        header["kid"] = kid;
        request(&signed(header, &claims))
    };
    let with_claim =
        |name: &str, value: Value| request(&signed(header.clone(), &change(&claims, name, value)));
    let private = {
        let mut jwk = jwk.clone();
        jwk["d"] = json!(b64u::encode([1_u8; 32]));
        jwk
    };
    let right = request(&good(&fresh).await);
    let elsewhere = {
        let link = world.offer(OPERATOR, "ai-training", training()).await.uri;
        let other = wallet.read_offer(&link).await;
        wallet.nonce(&other).await
    };
    let two = {
        let (one, other) = (good(&fresh).await, good(&fresh).await);
        json!({"credential_configuration_id": "affiliation", "proofs": {"jwt": [one, other]}})
    };
    let invalid = "invalid_credential_request";
    for (what, body, error) in [
        ("no configuration", json!({"proofs": right["proofs"]}), invalid),
        ("both", change(&right, "credential_identifier", json!("affiliation")), invalid),
        (
            "an unknown configuration",
            change(&right, "credential_configuration_id", json!("passport")),
            "unknown_credential_configuration",
        ),
        (
            "another configuration",
            change(&right, "credential_configuration_id", json!("organization")),
            "credential_request_denied",
        ),
        (
            "an unknown identifier",
            json!({"credential_identifier": "x", "proofs": right["proofs"]}),
            "unknown_credential_identifier",
        ),
        (
            "encryption",
            change(&right, "credential_response_encryption", json!({"enc": "A128GCM"})),
            "invalid_encryption_parameters",
        ),
        ("no proof", json!({"credential_configuration_id": "affiliation"}), "invalid_proof"),
        ("two proofs", two, invalid),
        (
            "another kind of proof",
            json!({"credential_configuration_id": "affiliation", "proofs": {"di_vp": [{}]}}),
            "invalid_proof",
        ),
        ("typ", with_header("typ", json!("JWT")), "invalid_proof"),
        ("alg none", with_header("alg", json!("none")), "invalid_proof"),
        ("a symmetric alg", with_header("alg", json!("HS256")), "invalid_proof"),
        ("no key", with_header("jwk", Value::Null), "invalid_proof"),
        ("a private key", with_header("jwk", private), "invalid_proof"),
        (
            "a DID of a method that asks somebody",
            with_key(json!("did:web:evil.example#0")),
            "invalid_proof",
        ),
        ("a DID without a key's name", with_key(json!("did:jwk:eyJ9")), "invalid_proof"),
        ("a key's name without a DID", with_key(json!("key-1")), "invalid_proof"),
        ("kid beside jwk", with_header("kid", json!("did:jwk:x#0")), "invalid_proof"),
        ("crit", with_header("crit", json!(["exp"])), "invalid_proof"),
        ("aud", with_claim("aud", json!(world.origin)), "invalid_proof"),
        ("iat in the past", with_claim("iat", json!(NOW.unix() - 3600)), "invalid_proof"),
        ("iat in the future", with_claim("iat", json!(NOW.unix() + 3600)), "invalid_proof"),
        ("iat a text", with_claim("iat", json!(NOW.unix().to_string())), "invalid_proof"),
        ("no nonce", with_claim("nonce", Value::Null), "invalid_proof"),
        ("a forged nonce", with_claim("nonce", json!("AAAA")), "invalid_nonce"),
        ("another issuer's nonce", with_claim("nonce", json!(elsewhere)), "invalid_nonce"),
    ] {
        let answer = wallet.request_credential(&offer, &token, &body).await;
        assert_eq!((answer.status, error_of(&answer.body).as_str()), (400, error), "{what}");
    }
    // The proof is signed by another key.
    let stranger = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
    let header =
        Header::new(Algorithm::Es256, "openid4vci-proof+jwt").with_jwk(wallet.key.public_jwk());
    let forged = request(&sekisho_jose::sign(&stranger, &header, &claims).unwrap());
    let answer = wallet.request_credential(&offer, &token, &forged).await;
    assert_eq!(error_of(&answer.body), "invalid_proof");
    // The body is not JSON, or its content type is not.
    let url = format!("{}/credential", world.issuer(TENANT));
    for sent in [
        http().post(&url).bearer_auth(&token).header("content-type", "application/json").body("{"),
        http().post(&url).bearer_auth(&token).body(right.to_string()),
        http()
            .post(&url)
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .body("{\"a\":1,\"a\":2}"),
    ] {
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(error_of(&answer.json().await.unwrap()), invalid);
    }
    for token in ["", "unknown"] {
        assert_eq!(wallet.request_credential(&offer, token, &right).await.status, 401);
    }
    assert!(world.credentials().await.is_empty());
    // After all these faults the right request succeeds, but its nonce only once.
    assert_eq!(wallet.request_credential(&offer, &token, &right).await.status, 200);
    let replayed = wallet.request_credential(&offer, &token, &right).await;
    assert_eq!(error_of(&replayed.body), "invalid_nonce");
    assert_eq!(world.credentials().await.len(), 1);
}

/// VCI-10, VCI-11: the link may contain the whole offer.
#[tokio::test]
async fn an_offer_may_stand_in_its_link() {
    let world = World::start().await;
    let rp = world.rp().await;
    let offered = world
        .offer_with(TENANT, "affiliation", affiliation(), |offer| {
            offer.by_value = true;
            offer.tx_code = true;
        })
        .await;
    assert!(offered.uri.starts_with("openid-credential-offer://?credential_offer="));
    let mut wallet = Wallet::new(NOW);
    wallet.accept(&offered.uri, offered.tx_code.as_deref()).await;
    sekisho_tests::Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
}

/// VCI-22, TSL-5: A token issues a few credentials, each with a status entry of its own, and no
/// more after that.
#[tokio::test]
async fn a_token_issues_no_flood() {
    let world = World::start().await;
    let (wallet, offer, token) = redeemed(&world).await;
    for _ in 0..5 {
        let body = wallet.honest_request(&offer).await;
        assert_eq!(wallet.request_credential(&offer, &token, &body).await.status, 200);
    }
    let body = wallet.honest_request(&offer).await;
    let answer = wallet.request_credential(&offer, &token, &body).await;
    assert_eq!(error_of(&answer.body), "credential_request_denied");
    assert_eq!(world.credentials().await.len(), 5);
}

/// VCI-44: a holder may name its key by a DID that contains the key, and the key may be on Ed25519.
/// The credential is bound to that key and can be used to log in.
#[tokio::test]
async fn holders_may_name_their_key_by_a_did() {
    let world = World::start().await;
    let rp = world.rp().await;
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        for method in ["jwk", "key"] {
            let (mut wallet, offer, token) = redeemed(&world).await;
            wallet.key = SigningKey::generate(algorithm, &Entropy::system()).unwrap();
            let jwk = wallet.key.public_jwk();
            let kid = if method == "jwk" {
                format!("{}#0", sekisho_did::did_jwk(&jwk))
            } else {
                let did = sekisho_did::did_key(&jwk).unwrap();
                format!("{did}#{}", did.trim_start_matches("did:key:"))
            };
            let nonce = wallet.nonce(&offer).await;
            let claims = json!({"aud": offer.credential_issuer, "iat": NOW.unix(), "nonce": nonce});
            let mut header = Header::new(algorithm, "openid4vci-proof+jwt");
            header.kid = Some(kid);
            let proof = sekisho_jose::sign(&wallet.key, &header, &claims).unwrap();
            let answer = wallet.request_credential(&offer, &token, &request(&proof)).await;
            assert_eq!(answer.status, 200, "{method} {algorithm}: {}", answer.body);
            let credential = answer.body["credentials"][0]["credential"].as_str().unwrap();
            wallet.held.push(credential.to_owned());
            sekisho_tests::Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
        }
    }
}

/// VCI-30, VI-05, VI-10: nonces and tokens expire after five minutes, and a token is valid at one
/// organization only.
#[tokio::test]
async fn what_is_late_or_elsewhere_is_refused() {
    let world = World::start().await;
    let (mut wallet, offer, token) = redeemed(&world).await;
    let stale = wallet.honest_request(&offer).await;
    let link = world.offer(OPERATOR, "ai-training", training()).await.uri;
    let other = wallet.read_offer(&link).await;
    let body = wallet.honest_request(&other).await;
    assert_eq!(wallet.request_credential(&other, &token, &body).await.status, 401);
    world.clock.advance(299);
    wallet.now = world.broker.site().clock().now();
    let late = wallet.redeem_offer(&other, None).await;
    let late = late.body["access_token"].as_str().unwrap().to_owned();
    world.clock.advance(1);
    assert_eq!(wallet.request_credential(&offer, &token, &stale).await.status, 401);
    let answer = wallet.request_credential(&other, &late, &body).await;
    assert_eq!(error_of(&answer.body), "invalid_nonce");
    let fresh = wallet.honest_request(&other).await;
    assert_eq!(wallet.request_credential(&other, &late, &fresh).await.status, 200);
}

/// An operator cannot offer a credential that outlives its type's limit or has forbidden claims.
#[tokio::test]
async fn an_operator_cannot_offer_what_the_type_forbids() {
    let world = World::start().await;
    let offer = |claims: Value| sekisho_broker::admin::OfferCredential {
        organization: TENANT.to_owned(),
        type_name: "affiliation".to_owned(),
        claims: claims.as_object().unwrap().clone(),
        subject: None,
        holder: None,
        tx_code: false,
        days: None,
        by_value: false,
        wallet: None,
    };
    let change = |name: &str, value: Value| {
        let mut claims = affiliation();
        claims[name] = value;
        claims
    };
    let mut without = affiliation();
    without.as_object_mut().unwrap().remove("member_ref");
    for claims in [
        without,
        change("org_corporate_number", json!(OPERATOR)),
        change("org_corporate_number", json!("7900000000003")),
        change("affiliation_type", json!("king")),
        change("individual_number", json!("123456789018")),
        change("clearance", json!("secret")),
        change("iss", json!("https://issuer.example.jp")),
        change("favourite_colour", json!("blue")),
    ] {
        let refused = world.broker.offer_credential(&world.act(), &offer(claims.clone())).await;
        assert!(refused.is_err(), "{claims}");
    }
}

/// GEN-14, VCI-44: a proof contains a nonce of ours, so its maker's clock may be 60 s ahead, or up to
/// 120 s where the operator says so. Beyond that, the description names the clock.
#[tokio::test]
async fn word_15_a_proof_may_be_a_minute_ahead() {
    for (setting, last) in [(None, 60), (Some(120), 120)] {
        let world = World::with(|config| {
            if let Some(seconds) = setting {
                config.clock_ahead = Ahead::try_from(seconds).unwrap();
            }
        })
        .await;
        let mut wallet = Wallet::new(NOW);
        let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
        let offer = wallet.read_offer(&link).await;
        let token = wallet.redeem_offer(&offer, None).await;
        let token = token.body["access_token"].as_str().unwrap().to_owned();
        for ahead in [last + 1, -301] {
            wallet.now = NOW.plus(ahead);
            let body = wallet.honest_request(&offer).await;
            let refused = wallet.request_credential(&offer, &token, &body).await;
            assert_eq!(error_of(&refused.body), "invalid_proof", "{ahead}");
            assert_eq!(refused.code(), "C-2015", "{}", refused.body);
            assert!(refused.body["error_description"].as_str().unwrap().contains("clock"));
        }
        wallet.now = NOW.plus(last);
        let body = wallet.honest_request(&offer).await;
        let answer = wallet.request_credential(&offer, &token, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// Whoever mistypes the code is told so, and not that the offer has ended.
#[tokio::test]
async fn word_27_a_wrong_transaction_code_is_told_from_a_used_offer() {
    let world = World::start().await;
    let wallet = Wallet::new(NOW);
    let offered =
        world.offer_with(TENANT, "affiliation", affiliation(), |offer| offer.tx_code = true).await;
    let offer = wallet.read_offer(&offered.uri).await;
    let told = |answer: &sekisho_tests::Answer| {
        assert_eq!(error_of(&answer.body), "invalid_grant");
        answer.body["error_description"].as_str().unwrap().to_owned()
    };
    let code = offered.tx_code.unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let wrong = told(&wallet.redeem_offer(&offer, Some(wrong)).await);
    assert!(wrong.contains("transaction code"), "{wrong}");
    assert_eq!(wallet.redeem_offer(&offer, Some(&code)).await.status, 200);
    let used = told(&wallet.redeem_offer(&offer, Some(&code)).await);
    assert!(used.contains("used") && !used.contains("transaction code"), "{used}");
}

/// Redeems the code of an offer with these further parameters.
async fn redeem_with(world: &World, link: &str, more: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let offer = Wallet::new(NOW).read_offer(link).await;
    let code = offer.pre_authorized.unwrap().code;
    let grant = sekisho_openid4vci::offer::PRE_AUTHORIZED_CODE_GRANT;
    let mut form = vec![("grant_type", grant), ("pre-authorized_code", code.as_str())];
    form.extend(more);
    http().post(format!("{}/token", world.origin)).form(&form)
}

/// VCI-21: wallets send one name to every issuer. Where a wallet may stay anonymous, a name that is
/// registered nowhere is ignored; its proof may carry that name. Whoever claims to prove a name is
/// refused, and so is a registered client that does not prove its own.
#[tokio::test]
async fn word_18_an_unregistered_name_of_a_wallet_is_ignored() {
    let world = World::start().await;
    let rp = world.rp().await;
    let long = "x".repeat(2000);
    for (name, iss, fits) in [
        ("wallet.example", None, true),
        ("wallet.example", Some("wallet.example"), true),
        ("wallet.example", Some("other.example"), false),
        ("https://wallet.example/app?a=b&c", Some("https://wallet.example/app?a=b&c"), true),
        (long.as_str(), None, true),
    ] {
        let wallet = Wallet::new(NOW);
        let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
        let offer = wallet.read_offer(&link).await;
        let answer = redeem_with(&world, &link, &[("client_id", name)]).await.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        let token: Value = answer.json().await.unwrap();
        let nonce = wallet.nonce(&offer).await;
        let proof = proof::build(&wallet.key, &offer.credential_issuer, &nonce, iss, NOW).unwrap();
        let token = token["access_token"].as_str().unwrap();
        let answer = wallet.request_credential(&offer, token, &request(&proof)).await;
        assert_eq!(answer.status == 200, fits, "{name} {iss:?}: {}", answer.body);
    }
    let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    let claims = &[("client_id", "wallet.example"), ("client_secret", "guessed")];
    let registered = [("client_id", rp.client_id.as_str())];
    for more in [&claims[..], &registered] {
        let answer = redeem_with(&world, &link, more).await.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{more:?}");
        assert_eq!(error_of(&answer.json().await.unwrap()), "invalid_client");
    }
    let basic = redeem_with(&world, &link, &[]).await.basic_auth("wallet.example", Some("guessed"));
    assert_eq!(basic.send().await.unwrap().status(), 401);
    // For other grants a client has to be known.
    let form =
        [("grant_type", "authorization_code"), ("code", "x"), ("client_id", "wallet.example")];
    let sent = http().post(format!("{}/token", world.origin)).form(&form).send().await.unwrap();
    assert_eq!(sent.status(), 401);
    assert_eq!(error_of(&sent.json().await.unwrap()), "invalid_client");
}

/// VCI-41: a media type is compared without regard to case, and with whatever parameters.
#[tokio::test]
async fn word_18_media_types_are_compared_without_regard_to_case() {
    let world = World::start().await;
    let url = format!("{}/credential", world.issuer(TENANT));
    for media_type in [
        "Application/JSON; charset=UTF-8",
        "APPLICATION/JSON",
        "application/json;charset=\"utf-8\"",
        " application/json ; x=y",
    ] {
        let (wallet, offer, token) = redeemed(&world).await;
        let body = wallet.honest_request(&offer).await.to_string();
        let sent =
            http().post(&url).bearer_auth(token).header("content-type", media_type).body(body);
        assert_eq!(sent.send().await.unwrap().status(), 200, "{media_type}");
    }
    for media_type in ["application/jsonp", "text/json", "application/json, text/html", "json"] {
        let (wallet, offer, token) = redeemed(&world).await;
        let body = wallet.honest_request(&offer).await.to_string();
        let sent =
            http().post(&url).bearer_auth(token).header("content-type", media_type).body(body);
        assert_eq!(sent.send().await.unwrap().status(), 400, "{media_type}");
    }
    let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    let form = redeem_with(&world, &link, &[]).await.build().unwrap();
    let body = form.body().unwrap().as_bytes().unwrap().to_vec();
    let sent = http()
        .post(form.url().clone())
        .header("content-type", "Application/X-WWW-Form-Urlencoded; Charset=UTF-8")
        .body(body);
    assert_eq!(sent.send().await.unwrap().status(), 200);
}

/// VCI-40: a member that is `null` is absent.
#[tokio::test]
async fn word_18_a_member_that_is_null_is_absent() {
    let world = World::start().await;
    let (wallet, offer, token) = redeemed(&world).await;
    let mut body = wallet.honest_request(&offer).await;
    for name in ["credential_identifier", "credential_response_encryption", "proof", "format"] {
        body[name] = Value::Null;
    }
    body["proofs"]["di_vp"] = Value::Null;
    body["proofs"]["attestation"] = Value::Null;
    let answer = wallet.request_credential(&offer, &token, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    let mut claims = json!({"aud": offer.credential_issuer, "iat": NOW.unix(), "iss": null});
    claims["nonce"] = json!(wallet.nonce(&offer).await);
    let header =
        Header::new(Algorithm::Es256, "openid4vci-proof+jwt").with_jwk(wallet.key.public_jwk());
    let proof = sekisho_jose::sign(&wallet.key, &header, &claims).unwrap();
    let answer = wallet.request_credential(&offer, &token, &request(&proof)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    // What is needed is still needed.
    for name in ["credential_configuration_id", "proofs"] {
        let mut body = wallet.honest_request(&offer).await;
        body[name] = Value::Null;
        assert_eq!(wallet.request_credential(&offer, &token, &body).await.status, 400, "{name}");
    }
}

/// SDJ-3: `exp` is rounded like `iat`, so that the times of a credential do not tell who was served
/// when. The end of a fiscal year is the same for everybody and stays.
#[tokio::test]
async fn word_10_the_end_of_a_credential_is_rounded_like_its_beginning() {
    let world = World::start().await;
    let times = async |days: Option<u32>| {
        let offered =
            world.offer_with(TENANT, "affiliation", affiliation(), |offer| offer.days = days).await;
        let mut wallet = Wallet::new(world.broker.site().clock().now());
        wallet.accept(&offered.uri, None).await;
        let open = sekisho_credential::sd_jwt::SdJwt::parse(&wallet.held[0]).unwrap().claims();
        let row = world.credentials().await.pop().unwrap();
        let exp = open["exp"].as_i64().unwrap();
        assert_eq!(offered.credential_expires.unix(), exp, "the operator is told the same");
        (open["iat"].as_i64().unwrap(), exp, row)
    };
    let (first, _, _) = times(Some(30)).await;
    world.clock.advance(1234);
    for days in [None, Some(1), Some(30), Some(90)] {
        let (iat, exp, _) = times(days).await;
        assert_eq!((iat % 3600, exp % 3600), (0, 0), "{days:?}");
        assert_eq!((exp - iat) % 86_400, 0, "{days:?}: whole days");
        assert_eq!(iat, first, "in the same hour");
    }
    let year_end = sekisho_ambient::Timestamp::from_rfc3339("2027-03-31T14:59:59Z").unwrap();
    world.clock.set(year_end.plus(-10 * 86_400 - 777));
    assert_eq!(times(None).await.1, year_end.unix());
}

/// SDJ-7: in the metadata of a type, the words for a claim are its `label`, and those for the type its
/// `name` (SD-JWT VC, sections 8 and 9.2). Each document of OpenID4VCI has its own words.
#[tokio::test]
async fn word_10_type_metadata_name_claims_by_label_alone() {
    let world = World::start().await;
    for name in ["affiliation", "organization", "ai-training"] {
        let url = format!("{}/types/{name}/1", world.origin);
        let document: Value = http().get(url).send().await.unwrap().json().await.unwrap();
        let members =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        for display in document["display"].as_array().unwrap() {
            assert_eq!(members(display), ["locale", "name", "description", "rendering"]);
        }
        for claim in document["claims"].as_array().unwrap() {
            for display in claim["display"].as_array().unwrap() {
                assert_eq!(members(display), ["locale", "label"], "{}", claim["path"]);
            }
        }
    }
}
