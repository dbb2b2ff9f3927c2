//! The userinfo endpoint, and what discovery advertises (OpenID Connect Core 1.0, section 5.3; RFC
//! 6750; OpenID Connect Discovery 1.0).

use sekisho_tests::{Browser, NOW, TENANT, Wallet, World, affiliation, http};
use serde_json::Value;

/// RES-1, GEN-10, GEN-11, OA-38: the token may be in the header or in a form, never in the query,
/// and never in two places.
#[tokio::test]
async fn a_token_comes_in_one_of_two_ways() {
    let world = World::start().await;
    let rp = world.rp().await;
    let tokens = Browser::new().log_in(&world.member().await, &rp.plain_request(), &rp).await;
    let url = format!("{}/userinfo", world.origin);
    let token = tokens.access_token.as_str();
    let form = [("access_token", token)];
    let good = http().post(&url).form(&form).send().await.unwrap();
    assert_eq!(good.status(), 200);
    assert_eq!(good.headers()["cache-control"], "no-store");
    let good = http().post(&url).bearer_auth(token).send().await.unwrap();
    assert_eq!(good.status(), 200);
    for (bad, status, error) in [
        (http().get(&url), 401, None),
        (http().get(format!("{url}?access_token={token}")), 400, Some("invalid_request")),
        (http().post(&url).bearer_auth(token).form(&form), 400, Some("invalid_request")),
        (http().get(&url).bearer_auth("unknown"), 401, Some("invalid_token")),
        (http().get(&url).header("authorization", format!("Basic {token}")), 401, None),
        (
            http().get(&url).bearer_auth(tokens.body["id_token"].as_str().unwrap()),
            401,
            Some("invalid_token"),
        ),
    ] {
        let answer = bad.send().await.unwrap();
        assert_eq!(answer.status(), status, "{error:?}");
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        match error {
            Some(error) => {
                assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
            }
            None => assert!(!challenge.contains("error"), "{challenge}"),
        }
    }
}

/// VI-10: a wallet's token is accepted only for issuing, and a relying party's token is not.
#[tokio::test]
async fn tokens_of_wallets_and_of_relying_parties_are_not_mistaken_for_each_other() {
    let world = World::start().await;
    let rp = world.rp().await;
    let tokens = Browser::new().log_in(&world.member().await, &rp.plain_request(), &rp).await;
    let wallet = Wallet::new(NOW);
    let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
    let offer = wallet.read_offer(&link).await;
    let token =
        wallet.redeem_offer(&offer, None).await.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(rp.userinfo(&token).await.0, 401);
    let body = wallet.honest_request(&offer).await;
    assert_eq!(wallet.request_credential(&offer, &tokens.access_token, &body).await.status, 401);
    assert_eq!(wallet.request_credential(&offer, &token, &body).await.status, 200);
}

/// DISC-1, DISC-2, DISC-3, DISC-5, DISC-15: discovery advertises exactly what exists.
#[tokio::test]
async fn discovery_says_what_is_mounted_and_nothing_else() {
    let world = World::start().await;
    let get =
        async |path: &str| http().get(format!("{}{path}", world.origin)).send().await.unwrap();
    let answer = get("/.well-known/openid-configuration").await;
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let document: Value = answer.json().await.unwrap();
    let oauth: Value = get("/.well-known/oauth-authorization-server").await.json().await.unwrap();
    assert_eq!(document, oauth);
    assert_eq!(document["issuer"], world.origin);
    let members = document.as_object().unwrap();
    let endpoints =
        members.iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
    for (name, url) in endpoints {
        let url = url.as_str().unwrap();
        let status = http().get(url).send().await.unwrap().status().as_u16();
        assert!(status != 404, "{name}: {status}");
    }
    let list = |name: &str| -> Vec<String> {
        let values = document[name].as_array().unwrap();
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    // Tests in `token.rs`, `authorization.rs` or `issuance.rs` use each of these.
    assert_eq!(list("response_types_supported"), ["code"]);
    assert_eq!(list("response_modes_supported"), ["query", "form_post"]);
    assert_eq!(list("code_challenge_methods_supported"), ["S256"]);
    assert_eq!(list("subject_types_supported"), ["pairwise"]);
    let mut algorithms = list("id_token_signing_alg_values_supported");
    algorithms.sort();
    assert_eq!(algorithms, ["ES256", "RS256"]);
    let mut methods = list("token_endpoint_auth_methods_supported");
    methods.sort();
    assert_eq!(methods, ["client_secret_basic", "client_secret_post", "none", "private_key_jwt"]);
    let mut grants = list("grant_types_supported");
    grants.sort();
    let pre_authorized = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let mounted = [
        "authorization_code",
        "client_credentials",
        "refresh_token",
        device,
        pre_authorized,
        exchange,
    ];
    assert_eq!(grants, mounted);
    assert_eq!(list("authorization_details_types_supported"), ["gpu_access"]);
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert_eq!(document["request_parameter_supported"], false);
    assert_eq!(document["request_uri_parameter_supported"], false);
    assert_eq!(document["claims_parameter_supported"], true);
    assert!(!members.contains_key("registration_endpoint"));
}

/// GEN-6, GEN-20, OA-18: every answer carries the security headers, also for an unknown path.
#[tokio::test]
async fn every_answer_forbids_framing_sniffing_and_referrers() {
    let world = World::start().await;
    for path in ["/authorize", "/jwks", "/token", "/nothing", "/login/x", "/consent/x", "/offers/x"]
    {
        let answer = http().get(format!("{}{path}", world.origin)).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        let policy = header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}");
    }
}
