//! What strangers and other programs send to the edge: cookies of others, and requests from other
//! origins.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, HeaderValue};
use sekisho_broker::admin::AddClient;
use sekisho_tests::{Browser, NOW, Page, Rp, TENANT, Wallet, World, affiliation, http, parameter};
use serde_json::{Value, json};

/// Cookies that other programs on the same host may have set.
const OF_OTHERS: &[&[u8]] = &[
    "theme=\u{9752}\u{3044}".as_bytes(),
    b"raw=\xff\xfe",
    b"a word alone",
    b"",
    b"=",
    b"==; ;;",
    b"\"quoted\"=\"x\"",
    b"sekisho-session",
    b"sekisho-session=theirs",
    b"sekisho-login-0123456789=theirs",
    b"sekisho-language=tlh",
    "sekisho-login-0123456789=\u{9752}".as_bytes(),
];

/// The `Cookie` headers that a browser may send: the pairs in one header, in either order, or, over
/// HTTP/2, each pair in a header of its own.
fn headers(others: &[u8], ours: &[u8]) -> [Vec<HeaderValue>; 4] {
    let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
    [
        vec![value(&[others, b"; ", ours].concat())],
        vec![value(&[ours, b";", others].concat())],
        vec![value(others), value(ours)],
        vec![value(ours), value(others)],
    ]
}

/// Cookies of others on the host disturb neither a login that has begun nor a session, whatever
/// bytes they have (RFC 6265, section 5.4).
#[tokio::test]
async fn word_21_cookies_of_others_are_skipped() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut browser = Browser::new();
    browser.log_in(&world.member().await, &rp.plain_request(), &rp).await;
    let login = browser.begin(&rp.request("openid", &[("prompt", "login")]).url, &rp).await;
    let silent = rp.request("openid", &[("prompt", "none")]).url;
    let jar = browser.cookie_header(&world.origin);
    for others in OF_OTHERS {
        for headers in headers(others, jar.as_bytes()) {
            let with = |mut request: reqwest::RequestBuilder| {
                for value in &headers {
                    request = request.header(COOKIE, value);
                }
                request.send()
            };
            let answer = with(http().get(&silent)).await.unwrap();
            let location = answer.headers()["location"].to_str().unwrap().to_owned();
            assert!(parameter(&location, "code").is_some(), "{headers:?}: {location}");
            let page = with(http().get(&login.url)).await.unwrap();
            assert_eq!(page.status(), 200, "{headers:?}");
        }
    }
}

/// Redirect URIs, and the source expression by which `form-action` allows each.
const WAYS_BACK: &[(&str, &str)] = &[
    ("http://127.0.0.1:4000/callback", "http://127.0.0.1:4000"),
    ("http://[::1]:4000/callback", "http:"),
    ("com.example.app:/callback", "com.example.app:"),
    ("https://rp.example.jp/callback", "https://rp.example.jp"),
    ("https://rp.example.jp:8443/callback?a=b", "https://rp.example.jp:8443"),
];

/// Chromium applies `form-action` to the redirects that follow a POST: every form that may end at
/// the service allows its redirect URI, whatever it is, and no more than can be said.
#[tokio::test]
async fn word_20_every_form_may_end_at_the_service() {
    let world = World::start().await;
    let wallet = world.member().await;
    for (uri, source) in WAYS_BACK {
        let rp = world
            .rp_with(|add| {
                add.redirect_uris = vec![(*uri).to_owned()];
                add.post_logout_redirect_uris = vec![(*uri).to_owned()];
            })
            .await;
        let allows = |page: &Page, what: &str| {
            let policy = page.policy.clone().unwrap();
            let allowed = format!("form-action 'self' {source};");
            assert!(policy.contains(&allowed), "{what} for {uri}: {policy}");
        };
        let mut browser = Browser::new();
        let login = browser.begin(&rp.plain_request().url, &rp).await;
        allows(&login, "cancel and renew");
        let link = login.attribute("id=\"qr-link\"", "value").unwrap();
        wallet.present(&link).await.redirect_uri();
        let number = browser.get(&login.url).await;
        allows(&number, "number");
        let token = number.form_token();
        let wrong = [("form_token", token.as_str()), ("number", "x")];
        allows(&browser.post(&format!("{}/number", login.url), &wrong).await, "wrong number");

        let mut browser = Browser::new();
        let consent = browser.show(&wallet, &rp.plain_request().url, &rp).await;
        allows(&consent, "consent");
        let away = browser.agree(&consent).await;
        assert!(away.starts_with(uri), "{away}");
        let leave = [("client_id", rp.client_id.as_str()), ("post_logout_redirect_uri", uri)];
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(leave).finish();
        let asked = browser.get(&format!("{}/logout?{query}", world.origin)).await;
        let asked = browser.follow(asked, uri).await;
        assert!(asked.body.contains("logout-yes"), "{}", asked.body);
        allows(&asked, "log-out");
    }
}

/// The fields of the form with this id, and where it goes.
fn form(page: &Page, marker: &str) -> (String, BTreeMap<String, String>) {
    let form = page.body.split(marker).nth(1).unwrap_or_else(|| panic!("{}", page.body));
    let form = form.split("</form>").next().unwrap();
    let to = form.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let field = |part: &str| {
        let name = part.split("name=\"").nth(1)?.split('"').next()?.to_owned();
        let value = part.split("value=\"").nth(1)?.split('"').next()?.to_owned();
        Some((name, value))
    };
    (to, form.split("<input").skip(1).filter_map(field).collect())
}

/// OAuth 2.0 Form Post Response Mode: the answer, and every error, is a form that works without a
/// script and can be posted to the service alone.
#[tokio::test]
async fn word_25_an_answer_is_posted_by_a_form() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let by_form = |more: &[(&str, &str)]| {
        rp.request("openid profile", &[&[("response_mode", "form_post")], more].concat())
    };
    let expected = by_form(&[]);
    let mut browser = Browser::new();
    let consent = browser.show(&wallet, &expected.url, &rp).await;
    let posted = browser.decide(&consent, "allow", &[]).await;
    assert_eq!((posted.status, posted.location.as_deref()), (200, None));
    let policy = posted.policy.clone().unwrap();
    assert!(policy.contains("form-action http://127.0.0.1:4000;"), "{policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let (to, fields) = form(&posted, "<form id=\"post-back\" method=\"post\" ");
    assert_eq!(to, rp.redirect_uri);
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["code", "iss", "state"]);
    assert_eq!((&fields["state"], &fields["iss"]), (&expected.state, &world.origin));
    assert!(posted.body.contains("<button") && !posted.body.contains("<script>"));
    let tokens = rp.tokens(&expected, &fields["code"]).await;
    assert_eq!(tokens.id_token["nonce"], expected.nonce);

    // Errors go the same way: at once, from the session, from consent, from the login page.
    for (more, error) in [
        (vec![("prompt", "none"), ("max_age", "0")], "login_required"),
        (vec![("response_type", "token")], "invalid_request"),
        (vec![("claims", "{")], "invalid_request"),
        (vec![("request", "e30.e30.")], "request_not_supported"),
    ] {
        let page = browser.get(&by_form(&more).url).await;
        let (to, fields) = form(&page, "<form id=\"post-back\" method=\"post\" ");
        assert_eq!((&to, fields["error"].as_str()), (&rp.redirect_uri, error), "{more:?}");
        assert!(fields.contains_key("state") && fields.contains_key("iss"), "{fields:?}");
    }
    let mut other = Browser::new();
    let consent = other.show(&wallet, &by_form(&[("prompt", "consent")]).url, &rp).await;
    let denied = other.decide(&consent, "deny", &[]).await;
    assert_eq!(form(&denied, "<form id=\"post-back\"").1["error"], "access_denied");
    let login = other.begin(&by_form(&[("prompt", "login")]).url, &rp).await;
    let token = login.form_token();
    let left = other.post(&format!("{}/cancel", login.url), &[("form_token", &token)]).await;
    assert_eq!(form(&left, "<form id=\"post-back\"").1["error"], "access_denied");
    // A page that explains leads back by a form too.
    let login = other.begin(&by_form(&[("prompt", "login")]).url, &rp).await;
    wallet.decline(&login.link("wallet-open")).await.redirect_uri();
    let over = other.get(&login.url).await;
    let (to, fields) = form(&over, "<form ");
    assert_eq!((to, fields["error"].as_str()), (rp.redirect_uri.clone(), "access_denied"));
    assert!(over.policy.unwrap().contains("form-action 'self' http://127.0.0.1:4000;"));

    let discovery = format!("{}/.well-known/openid-configuration", world.origin);
    let document: Value = http().get(discovery).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["response_modes_supported"], json!(["query", "form_post"]));
}

/// RFC 6749, 4.1.2.1: a `state` that is too long is refused and still comes back, so that the
/// service knows to what the error belongs.
#[tokio::test]
async fn word_25_a_long_state_comes_back() {
    let world = World::start().await;
    let rp = world.rp().await;
    let long = format!("{}&神", "s".repeat(5000));
    for mode in ["query", "form_post"] {
        let mut url = url::Url::parse(&rp.plain_request().url).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let kept = pairs.iter().filter(|(name, _)| name != "state");
        let more = [("state", long.as_str()), ("response_mode", mode)];
        url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(more);
        let page = Browser::new().get(url.as_str()).await;
        if let Some(location) = page.location.as_deref() {
            assert_eq!(parameter(location, "error").as_deref(), Some("invalid_request"));
            assert_eq!(parameter(location, "state").as_ref(), Some(&long));
        } else {
            assert_eq!(mode, "form_post");
            assert!(page.body.contains(&"s".repeat(5000)), "{}", page.body);
        }
    }
}

/// GEN-18: pages of registered clients read the answers of token and userinfo endpoints, pages of
/// everybody those of wallet endpoints and documents; none of them with cookies.
#[tokio::test]
async fn word_25_pages_read_what_is_for_them() {
    let world = World::start().await;
    let spa = world
        .rp_with(|add| {
            add.token_endpoint_auth_method = "none".to_owned();
            add.native = false;
            add.redirect_uris = vec!["https://spa.example/app/callback".to_owned()];
        })
        .await;
    let ours = "https://spa.example";
    let (login, org) = ("4f1c", TENANT);
    let wallets = [
        format!("/request/{login}"),
        format!("/response/{login}"),
        format!("/offers/{login}"),
        format!("/orgs/{org}/nonce"),
        format!("/orgs/{org}/credential"),
        format!("/orgs/{org}/status/0"),
        format!("/orgs/{org}/did.json"),
        "/.well-known/openid-configuration".to_owned(),
        "/jwks".to_owned(),
    ];
    let clients = ["/token", "/userinfo", "/revoke"].map(str::to_owned);
    let browsers = ["/authorize", "/login/x", "/consent/x", "/logout", "/introspect"];
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    for origin in [ours, "https://elsewhere.example", "http://spa.example", "null"] {
        let registered = (origin == ours).then(|| ours.to_owned());
        let expected = |path: &str| match path {
            path if wallets.iter().any(|known| known == path) => Some("*".to_owned()),
            path if clients.iter().any(|known| known == path) => registered.clone(),
            _ => None,
        };
        let paths = wallets.iter().chain(&clients).map(String::as_str).chain(browsers);
        for path in paths {
            let url = format!("{}{path}", world.origin);
            let preflight = http()
                .request(reqwest::Method::OPTIONS, &url)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization")
                .send()
                .await
                .unwrap();
            let allowed = header(&preflight, "access-control-allow-origin");
            assert_eq!(allowed, expected(path), "preflight of {origin} to {path}");
            if allowed.is_some() {
                assert!(preflight.status().is_success(), "{path}");
                let headers = header(&preflight, "access-control-allow-headers").unwrap();
                assert!(headers.contains("authorization") && headers.contains("content-type"));
            }
            for request in [http().get(&url), http().post(&url)] {
                let answer = request.header("origin", origin).send().await.unwrap();
                let allowed = header(&answer, "access-control-allow-origin");
                assert_eq!(allowed, expected(path), "{origin} to {path}");
                assert_eq!(header(&answer, "access-control-allow-credentials"), None, "{path}");
            }
        }
    }
    // A page that is a wallet redeems its offer, and a page of a client its code.
    let send = |form: Vec<(&'static str, String)>, origin: &'static str| {
        let request = http().post(format!("{}/token", world.origin)).form(&form);
        request.header("origin", origin).send()
    };
    let grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code".to_owned();
    let form = vec![("grant_type", grant), ("pre-authorized_code", "x".to_owned())];
    let answer = send(form, "https://wallet.example").await.unwrap();
    assert_eq!(header(&answer, "access-control-allow-origin").as_deref(), Some("*"));
    let expected = spa.plain_request();
    let location = Browser::new().answer_of(&world.member().await, &expected, &spa).await;
    let form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", spa.code(&expected, &location)),
        ("redirect_uri", spa.redirect_uri.clone()),
        ("client_id", spa.client_id.clone()),
        ("code_verifier", expected.verifier.clone()),
    ];
    let answer = send(form, ours).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "access-control-allow-origin").as_deref(), Some(ours));
    assert!(header(&answer, "vary").unwrap().contains("origin"));

    // A client that is removed is no client.
    world.broker.remove_client(&world.act(), &spa.client_id).await.unwrap();
    let answer = send(Vec::new(), ours).await.unwrap();
    assert_eq!(header(&answer, "access-control-allow-origin"), None);
}

/// Some services send their secret in the header or in the body, as they like, and nobody can
/// configure them.
#[tokio::test]
async fn word_25_a_secret_is_taken_from_header_or_body() {
    let world = World::start().await;
    let add = |add: &mut AddClient| add.token_endpoint_auth_method = "client_secret".to_owned();
    let rp = world.rp_with(add).await;
    let wallet = world.member().await;
    for method in ["client_secret_basic", "client_secret_post"] {
        let rp = Rp { method: method.to_owned(), ..rp.clone() };
        Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
        let wrong = Rp { secret: Some("wrong".to_owned()), ..rp.clone() };
        let form = [("grant_type", "authorization_code"), ("code", "x")];
        assert_eq!(wrong.refused(&form).await, (401, "invalid_client".to_owned()));
    }
    let none = Rp { method: "none".to_owned(), ..rp.clone() };
    let form = [("grant_type", "authorization_code"), ("code", "x")];
    assert_eq!(none.refused(&form).await, (401, "invalid_client".to_owned()));
    let both = http()
        .post(format!("{}/token", world.origin))
        .basic_auth(&rp.client_id, rp.secret.as_ref())
        .form(&[("client_id", &rp.client_id), ("client_secret", rp.secret.as_ref().unwrap())]);
    assert_eq!(both.send().await.unwrap().status(), 400);
}

/// What a wallet writes into a request object comes back signed: it is bounded.
#[tokio::test]
async fn word_09_a_wallets_nonce_is_bounded() {
    let world = World::start().await;
    let rp = world.rp().await;
    let page = Browser::new().begin(&rp.plain_request().url, &rp).await;
    let request_uri = parameter(&page.link("wallet-open"), "request_uri").unwrap();
    let ask = async |nonce: &str| {
        let request = http().post(&request_uri).form(&[("wallet_nonce", nonce)]);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, object) = ask(&"n".repeat(256)).await;
    assert_eq!(status, 200, "{object}");
    let claims = sekisho_jose::b64u::decode(object.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["wallet_nonce"], "n".repeat(256));
    for nonce in ["n".repeat(257), "n".repeat(100_000), "a\u{202e}b".to_owned(), "a b".to_owned()] {
        let (status, body) = ask(&nonce).await;
        assert_eq!(status, 400, "{nonce:.20}");
        assert!(body.contains("invalid_request") && body.len() < 300, "{body:.300}");
    }
}

/// A group that looks like one of a gate comes from a gate alone, however a tenant writes it.
#[tokio::test]
async fn word_09_no_role_looks_like_a_gates_group() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut claims = affiliation();
    claims["roles"] = json!([
        "lead",
        "gpu-user",
        "GPU:console",
        "Gpu:console",
        "g\u{200b}pu:console",
        "\u{feff}gpu:console",
        "gpu\u{2060}:console",
        " gpu:console",
        "\u{ff47}\u{ff50}\u{ff55}:console",
        "gpu\u{ff1a}console",
    ]);
    let mut wallet = Wallet::new(NOW);
    wallet.accept(&world.offer(TENANT, "affiliation", claims).await.uri, None).await;
    let tokens = Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(userinfo["groups"], json!(["lead", "gpu-user"]));
}

/// OI-07: two programs on people's own devices share a host or a scheme, and nothing else: each
/// knows a person by a subject of its own.
#[tokio::test]
async fn word_09_native_clients_share_no_subject() {
    let world = World::start().await;
    let wallet = world.member().await;
    let mut seen = BTreeMap::new();
    for uri in [
        "http://127.0.0.1:4000/callback",
        "http://127.0.0.1:4000/callback",
        "http://localhost:4000/callback",
        "http://localhost:4001/callback",
        "http://[::1]:4000/callback",
        "http://[::1]:4000/callback",
        "com.example.app:/callback",
        "com.example.app:/callback",
    ] {
        let rp = world.rp_with(|add| add.redirect_uris = vec![uri.to_owned()]).await;
        let mut sub = String::new();
        for _ in 0..2 {
            let tokens = Browser::new().log_in(&wallet, &rp.plain_request(), &rp).await;
            let now = tokens.id_token["sub"].as_str().unwrap().to_owned();
            assert!(sub.is_empty() || sub == now, "one client, one subject");
            sub = now;
        }
        let before = seen.insert(sub, uri);
        assert_eq!(before, None, "{uri}");
    }
}

/// RFC 8252, 7.3: another port is another number, not another way to write one.
#[tokio::test]
async fn word_09_a_port_is_written_as_a_number() {
    let world = World::start().await;
    let uris = ["http://127.0.0.1:8888/cb", "http://[::1]:8888/cb"];
    let rp = world.rp_with(|add| add.redirect_uris = uris.map(str::to_owned).to_vec()).await;
    for (port, status) in [
        ("8888", 303),
        ("9999", 303),
        ("1", 303),
        ("08888", 400),
        ("00001", 400),
        ("0", 400),
        ("+8888", 400),
        ("88888", 400),
        ("8888 ", 400),
    ] {
        for uri in uris {
            let rp = Rp { redirect_uri: uri.replace("8888", port), ..rp.clone() };
            let page = Browser::new().get(&rp.plain_request().url).await;
            assert_eq!(page.status, status, "{}: {}", rp.redirect_uri, page.body);
        }
    }
}
