//! What a client is registered for, and what becomes of it: grants, changes, secrets.

use sekisho_ambient::Entropy;
use sekisho_broker::admin::{
    AdminError, EditClient, EditedClient, Finding, Found, GrantType, ListEdit, PartOfText,
    RotateSecret, RotatedSecret, TestClient,
};
use sekisho_jose::{Algorithm, Header, SigningKey};
use sekisho_tests::{Browser, Rp, World, error_of, http, parameter};
use serde_json::{Value, json};

/// A client for which nobody logs in.
async fn machine(world: &World) -> Rp {
    world
        .rp_with(|add| {
            add.grant_types = vec![GrantType::ClientCredentials];
            add.redirect_uris.clear();
            add.scopes.clear();
            add.purpose = sekisho_ambient::Text::default();
        })
        .await
}

/// TOK-1: a client gets nothing for a grant that it is not registered for, and is asked first who it
/// is.
#[tokio::test]
async fn tokens_05_a_grant_that_is_not_registered_is_refused() {
    let world = World::start().await;
    let machine = machine(&world).await;
    let online = world
        .rp_with(|add| {
            add.grant_types = vec![GrantType::AuthorizationCode];
            add.scopes = ["openid", "profile"].map(str::to_owned).to_vec();
        })
        .await;
    let code = [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "x")];
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    for (rp, form) in [(&machine, &code[..]), (&machine, &refresh), (&online, &refresh)] {
        assert_eq!(rp.refused(form).await, (400, "unauthorized_client".to_owned()), "{form:?}");
        let thief = Rp { secret: Some("guessed".to_owned()), ..rp.clone() };
        assert_eq!(thief.refused(form).await, (401, "invalid_client".to_owned()), "{form:?}");
    }
    assert_eq!(online.refused(&code).await.1, "invalid_grant");
    let other = [("grant_type", "password"), ("username", "x")];
    assert_eq!(machine.refused(&other).await.1, "unsupported_grant_type");
}

/// AUTH-4: without the grant nobody is asked to log in. A client that has a redirect URI is told so
/// there; for one that has none, the browser stays.
#[tokio::test]
async fn tokens_05_a_client_without_the_grant_asks_nobody_to_log_in() {
    let world = World::start().await;
    let device =
        world.rp_with(|add| add.grant_types = vec![GrantType::DeviceCode, GrantType::RefreshToken]);
    let device = device.await;
    let asked = device.plain_request();
    let answer = Browser::new().get(&asked.url).await.location.expect("a redirect");
    assert!(answer.starts_with(&device.redirect_uri), "{answer}");
    assert_eq!(parameter(&answer, "error").as_deref(), Some("unauthorized_client"));
    assert_eq!(parameter(&answer, "state"), Some(asked.state));
    assert_eq!(parameter(&answer, "iss").as_ref(), Some(&world.origin));

    let machine = Rp { redirect_uri: "https://rp.example/cb".to_owned(), ..machine(&world).await };
    let page = Browser::new().get(&machine.plain_request().url).await;
    assert_eq!((page.code().as_deref(), page.location), (Some("R-4002"), None));
}

fn none() -> EditClient {
    EditClient::default()
}

fn without(entries: &[&str]) -> ListEdit<String> {
    let remove = entries.iter().map(ToString::to_string).collect();
    ListEdit { remove, ..ListEdit::default() }
}

fn with(entries: &[&str]) -> ListEdit<String> {
    let add = entries.iter().map(ToString::to_string).collect();
    ListEdit { add, ..ListEdit::default() }
}

async fn edit(world: &World, rp: &Rp, edit: EditClient) -> EditedClient {
    world.broker.edit_client(&world.act(), &rp.client_id, &edit).await.unwrap().result
}

async fn refresh(rp: &Rp, token: &str, scope: &str) -> (u16, Value) {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    rp.token_request(&form).await
}

async fn introspect(rp: &Rp, token: &str) -> (u16, Value) {
    let request = http().post(format!("{}/introspect", rp.issuer)).form(&[("token", token)]);
    let request = request.basic_auth(&rp.client_id, rp.secret.as_ref());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}")).to_owned()
}

/// OA-37: a scope that is taken away is had no more, by whatever was given before: the code, the refresh
/// token, the access token, at userinfo and at introspection. What the person agreed to is not
/// forgotten.
#[tokio::test]
async fn tokens_05_a_scope_that_is_taken_away_is_had_no_more() {
    let world = World::start().await;
    let rp = world.rp_with(|add| add.claims_in_id_token = false).await;
    let wallet = world.member().await;
    let claims = r#"{"userinfo":{"organization":null},"id_token":{"email":null}}"#;
    let asked = rp.request("openid profile email offline_access", &[("claims", claims)]);
    let tokens = Browser::new().log_in(&wallet, &asked, &rp).await;
    let (access, token) = (tokens.access_token, text(&tokens.body, "refresh_token"));
    let claims = rp.userinfo(&access).await.1;
    assert!(
        ["name", "email", "organization"].iter().all(|name| claims[name] != Value::Null),
        "{claims}"
    );
    let late = rp.request("openid profile email offline_access", &[]);
    let late_code = rp.code(&late, &Browser::new().answer_of(&wallet, &late, &rp).await);

    let taken = EditClient { scopes: without(&["email", "organization"]), ..none() };
    edit(&world, &rp, taken).await;
    let claims = rp.userinfo(&access).await.1;
    assert_eq!((&claims["email"], &claims["organization"]), (&Value::Null, &Value::Null));
    assert_eq!(claims["name"], "山田 太郎");
    let told = introspect(&rp, &access).await.1;
    assert_eq!(
        (&told["active"], &told["scope"]),
        (&json!(true), &json!("openid profile offline_access"))
    );
    assert_eq!(introspect(&rp, &token).await.1["scope"], "openid profile offline_access");
    let (status, body) = refresh(&rp, &token, "openid email").await;
    assert_eq!((status, error_of(&body).as_str()), (400, "invalid_scope"));
    let (status, body) = refresh(&rp, &token, "").await;
    assert_eq!((status, &body["scope"]), (200, &json!("openid profile offline_access")), "{body}");
    let id_token = rp.verify(&text(&body, "id_token")).await;
    assert_eq!(id_token.get("email"), None);
    let (status, given) = rp.redeem(&late, &late_code).await;
    assert_eq!(
        (status, &given["scope"]),
        (200, &json!("openid profile offline_access")),
        "{given}"
    );
    assert_eq!(rp.userinfo(&text(&given, "access_token")).await.1.get("email"), None);

    edit(&world, &rp, EditClient { scopes: with(&["email"]), ..none() }).await;
    let (_, body) = refresh(&rp, &text(&body, "refresh_token"), "").await;
    assert_eq!(body["scope"], "openid profile email offline_access");

    // Without offline_access there are no refresh tokens, and without the grant neither.
    edit(&world, &rp, EditClient { scopes: without(&["offline_access"]), ..none() }).await;
    let refused = refresh(&rp, &text(&body, "refresh_token"), "").await;
    assert_eq!((refused.0, error_of(&refused.1).as_str()), (400, "unauthorized_client"));
}

/// The right to ask for GPUs is a scope too: what was permitted goes with it.
#[tokio::test]
async fn tokens_05_a_permit_goes_with_the_right_to_ask_for_it() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let details =
        json!([{"type": "gpu_access", "service": "console", "gpus": 2, "actions": ["submit"]}]);
    let asked = rp.request(
        "openid training gpu_access offline_access",
        &[("authorization_details", &details.to_string())],
    );
    let tokens = Browser::new().log_in(&wallet, &asked, &rp).await;
    assert!(tokens.body["authorization_details"].is_array(), "{}", tokens.body);
    let token = text(&tokens.body, "refresh_token");
    for edited in [
        EditClient { scopes: without(&["gpu_access"]), ..none() },
        EditClient { scopes: with(&["gpu_access"]), service: Some(None), ..none() },
    ] {
        edit(&world, &rp, edited).await;
        let claims = rp.userinfo(&tokens.access_token).await.1;
        assert_eq!(claims.get("authorization_details"), None, "{claims}");
        assert_eq!(introspect(&rp, &token).await.1.get("authorization_details"), None);
    }
    let body = refresh(&rp, &token, "").await.1;
    assert_eq!(body.get("authorization_details"), None, "{body}");
    let again = EditClient { service: Some(Some("console".to_owned())), ..none() };
    edit(&world, &rp, again).await;
    let body = refresh(&rp, &text(&body, "refresh_token"), "").await.1;
    assert_eq!(body["authorization_details"][0]["gpus"], 2, "{body}");
}

/// A change of what people read ends nothing: not the code, not the tokens, not the login that is open.
#[tokio::test]
async fn tokens_05_a_change_of_name_ends_nothing() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let asked = rp.request("openid profile offline_access", &[]);
    let tokens = Browser::new().log_in(&wallet, &asked, &rp).await;
    let open = rp.plain_request();
    let mut browser = Browser::new();
    let consent = browser.show(&wallet, &open.url, &rp).await;
    let late = rp.plain_request();
    let mut other = Browser::new();
    let code = rp.code(&late, &other.answer_of(&wallet, &late, &rp).await);

    let name = PartOfText { ja: None, en: Some("Console of GPUs".to_owned()) };
    let edited = edit(&world, &rp, EditClient { name, ..none() }).await;
    let [change] = edited.changes.as_slice() else { panic!("{:?}", edited.changes) };
    assert_eq!((change.member.as_str(), &change.before["en"]), ("name", &json!("GPU Console")));
    assert_eq!(change.after["en"], "Console of GPUs");
    assert_eq!(edited.client_secret, None);

    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200);
    assert_eq!(refresh(&rp, &text(&tokens.body, "refresh_token"), "").await.0, 200);
    assert_eq!(rp.redeem(&late, &code).await.0, 200);
    let location = browser.agree(&consent).await;
    rp.tokens(&open, &rp.code(&open, &location)).await;
    let session = browser.get(&rp.plain_request().url).await.location.unwrap();
    assert!(session.contains("code="), "the consent is remembered: {session}");
}

/// OA-14: a redirect URI that was taken away, because somebody else has it now, gets no answer of a login
/// that is open, and its codes are of no use.
#[tokio::test]
async fn tokens_05_a_redirect_uri_that_was_taken_away_gets_nothing() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let (old, new) = (rp.redirect_uri.as_str(), "http://127.0.0.1:4000/new");
    let asked = rp.plain_request();
    let code = rp.code(&asked, &Browser::new().answer_of(&wallet, &asked, &rp).await);
    let mut browser = Browser::new();
    let again = rp.request("openid profile", &[("prompt", "consent")]);
    let consent = browser.show(&wallet, &again.url, &rp).await;
    let mut waiting = Browser::new();
    let login = waiting.begin(&rp.plain_request().url, &rp).await;

    let moved = ListEdit { add: vec![new.to_owned()], ..without(&[old]) };
    edit(&world, &rp, EditClient { redirect_uris: moved, ..none() }).await;
    assert_eq!(rp.redeem(&asked, &code).await.1["error"], "invalid_grant");
    for (browser, page) in [(&mut browser, &consent), (&mut waiting, &login)] {
        let again = browser.get(&page.url).await;
        let told = (again.code(), again.location);
        assert_eq!(told, (Some("R-4002".to_owned()), None), "{}", page.url);
    }
    let refused = browser.decide(&consent, "allow", &[]).await;
    assert_eq!((refused.code().as_deref(), refused.location), (Some("R-4002"), None));

    let back = ListEdit { add: vec![old.to_owned()], ..without(&[new]) };
    edit(&world, &rp, EditClient { redirect_uris: back, ..none() }).await;
    assert_eq!(rp.redeem(&asked, &code).await.0, 200, "nothing was used up");
    assert!(browser.agree(&consent).await.contains("code="));
}

/// A login that is open is held to what the client may ask for when it ends.
#[tokio::test]
async fn tokens_05_an_open_login_gives_no_scope_that_was_taken_away() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let mut browser = Browser::new();
    let consent = browser.show(&wallet, &rp.request("openid email", &[]).url, &rp).await;
    edit(&world, &rp, EditClient { scopes: without(&["email"]), ..none() }).await;
    let refused = browser.decide(&consent, "allow", &[]).await;
    assert_eq!((refused.code().as_deref(), refused.location), (Some("R-4003"), None));
    let device = ListEdit {
        set: Some(vec![GrantType::DeviceCode, GrantType::RefreshToken]),
        ..ListEdit::default()
    };
    let asked = rp.plain_request();
    let code = rp.code(&asked, &Browser::new().answer_of(&wallet, &asked, &rp).await);
    edit(&world, &rp, EditClient { grant_types: device, ..none() }).await;
    assert_eq!(rp.redeem(&asked, &code).await.1["error"], "unauthorized_client");
}

/// OI-06: a client that demands an `acr` from now on is not answered from logins without it. Nothing
/// ends, so that a mistake can be taken back.
#[tokio::test]
async fn tokens_05_an_acr_that_is_demanded_counts_for_what_was_given() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.member().await;
    let (mut browser, asked) = (Browser::new(), rp.request("openid profile offline_access", &[]));
    let page = browser.begin(&asked.url, &rp).await;
    let link = page.attribute("id=\"qr-link\"", "value").unwrap();
    let phone = wallet.present(&link).await.redirect_uri();
    let shown = Browser::new().get(&phone).await;
    let number = shown.body.split_once("id=\"match-number\"").unwrap().1.split_once('>').unwrap().1;
    let number = number.split_once('<').unwrap().0.to_owned();
    let entry = browser.get(&page.url).await;
    let form = [("form_token", entry.form_token()), ("number", number)];
    let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (*a, b.as_str())).collect();
    let right = browser.post(&format!("{}/number", page.url), &form).await;
    let consent = browser.follow(right, &rp.redirect_uri).await;
    let location = browser.agree(&consent).await;
    let tokens = rp.tokens(&asked, &rp.code(&asked, &location)).await;
    let token = text(&tokens.body, "refresh_token");

    let strict =
        |acr: Option<&str>| EditClient { required_acr: Some(acr.map(str::to_owned)), ..none() };
    edit(&world, &rp, strict(Some("phr"))).await;
    assert_eq!(refresh(&rp, &token, "").await.1["error"], "invalid_grant");
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 401);
    assert_eq!(introspect(&rp, &tokens.access_token).await.1, json!({"active": false}));
    edit(&world, &rp, strict(None)).await;
    assert_eq!(rp.userinfo(&tokens.access_token).await.0, 200);
    assert_eq!(refresh(&rp, &token, "").await.0, 200);
}

/// Another way to authenticate keeps the secret, and a client that had none gets one.
#[tokio::test]
async fn tokens_05_another_way_to_authenticate_counts_at_once() {
    let world = World::start().await;
    let rp = world.rp_with(|add| add.grant_types = GrantType::of_a_login()).await;
    let method =
        |name: &str| EditClient { token_endpoint_auth_method: Some(name.to_owned()), ..none() };
    let code = [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "x")];
    let edited = edit(&world, &rp, method("client_secret_post")).await;
    assert_eq!(edited.client_secret, None);
    assert_eq!(rp.refused(&code).await, (401, "invalid_client".to_owned()));
    let post = Rp { method: "client_secret_post".to_owned(), ..rp.clone() };
    assert_eq!(post.refused(&code).await, (400, "invalid_grant".to_owned()));

    edit(&world, &rp, method("none")).await;
    assert_eq!(post.refused(&code).await.1, "invalid_client");
    let edited = edit(&world, &rp, method("client_secret_basic")).await;
    assert_eq!(rp.refused(&code).await.1, "invalid_client", "the old secret is gone");
    let fresh = Rp { secret: edited.client_secret, ..rp };
    assert_eq!(fresh.refused(&code).await.1, "invalid_grant");
}

/// A service changes its secret without a moment in which it is locked out.
#[tokio::test]
async fn tokens_05_two_secrets_are_good_while_they_rotate() {
    let world = World::start().await;
    let first =
        world.rp_with(|add| add.token_endpoint_auth_method = "client_secret".to_owned()).await;
    let first = Rp { method: "client_secret_basic".to_owned(), ..first };
    let rotate = |keep_old_for: i64| {
        let (world, id) = (&world, first.client_id.clone());
        async move {
            let rotate = RotateSecret { keep_old_for };
            let rotated = world.broker.rotate_secret(&world.act(), &id, &rotate).await;
            rotated.map(|changed| changed.result)
        }
    };
    let with =
        |rotated: &RotatedSecret| Rp { secret: rotated.client_secret.clone(), ..first.clone() };
    let good = |rp: Rp| async move {
        let post = Rp { method: "client_secret_post".to_owned(), ..rp.clone() };
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
        let answers =
            [rp.refused(&form).await.0, post.refused(&form).await.0, introspect(&rp, "x").await.0];
        match answers {
            [400, 400, 200] => true,
            [401, 401, 401] => false,
            mixed => panic!("{mixed:?}"),
        }
    };
    let wallet = world.member().await;
    let asked = first.request("openid offline_access", &[]);
    let tokens = Browser::new().log_in(&wallet, &asked, &first).await;

    let now = world.broker.site().clock().now();
    let rotated = rotate(3600).await.unwrap();
    assert_eq!((rotated.old_ends, rotated.ended_early), (now.plus(3600), None));
    let second = with(&rotated);
    assert!(good(first.clone()).await && good(second.clone()).await);
    let guessed = Rp { secret: Some("guessed".to_owned()), ..first.clone() };
    assert!(!good(guessed).await);
    let shown = world.broker.show_client(&first.client_id).await.unwrap();
    let ends: Vec<_> = shown.secrets.iter().map(|secret| secret.ends).collect();
    assert_eq!(ends, [None, Some(now.plus(3600))]);
    assert_eq!(shown.secrets[1].issued, shown.created);

    world.clock.advance(3599);
    assert!(good(first.clone()).await);
    world.clock.advance(1);
    assert!(!good(first.clone()).await && good(second.clone()).await);
    assert_eq!(world.broker.show_client(&first.client_id).await.unwrap().secrets.len(), 1);

    // Never three: the oldest ends early.
    let third = with(&rotate(3600).await.unwrap());
    let rotated = rotate(3600).await.unwrap();
    assert_eq!(rotated.ended_early, Some(now.plus(3600 + 3600)));
    let fourth = with(&rotated);
    assert!(!good(second).await && good(third.clone()).await && good(fourth.clone()).await);
    let last = with(&rotate(0).await.unwrap());
    assert!(!good(third).await && !good(fourth).await && good(last.clone()).await);

    for keep in [-1, 30 * 86_400 + 1] {
        assert!(matches!(rotate(keep).await, Err(AdminError::Invalid(_))), "{keep}");
    }
    assert!(good(last.clone()).await);
    let next = refresh(&last, &text(&tokens.body, "refresh_token"), "").await;
    assert_eq!(next.0, 200, "what was given goes on: {}", next.1);

    let public = world.rp_with(|add| add.token_endpoint_auth_method = "none".to_owned()).await;
    let (by, rotate) = (world.act(), RotateSecret { keep_old_for: 0 });
    let refused = world.broker.rotate_secret(&by, &public.client_id, &rotate).await;
    assert!(matches!(refused, Err(AdminError::Invalid(_))));
}

/// What `client test` says of a request is what the endpoint does with it.
#[tokio::test]
async fn tokens_05_a_request_that_is_tested_fares_as_the_test_says() {
    let world = World::start().await;
    let rp = world.rp().await;
    let good = url::Url::parse(&rp.plain_request().url).unwrap();
    let changed = |changes: &[(&str, &str)]| {
        let mut pairs: Vec<(String, String)> = good.query_pairs().into_owned().collect();
        pairs.retain(|(name, _)| changes.iter().all(|(other, _)| other != name));
        pairs.extend(changes.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())));
        let mut url = good.clone();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
        String::from(url)
    };
    let test = |url: String| {
        let (world, id) = (&world, rp.client_id.clone());
        async move {
            let test = TestClient { url: Some(url), ..TestClient::default() };
            world.broker.test_client(&id, &test).await.unwrap()
        }
    };
    let details = r#"[{"type":"gpu_access","service":"elsewhere","gpus":1,"actions":["submit"]}]"#;
    for (changes, about) in [
        (&[][..], None),
        (&[("state", "")], None),
        (&[("scope", "openid unknown")], None),
        (&[("redirect_uri", "http://127.0.0.1:4000/callback/")], Some("redirect_uri")),
        (&[("redirect_uri", "")], Some("redirect_uri")),
        (&[("client_id", "nobody")], Some("client_id")),
        (&[("client_id", "")], Some("client_id")),
        (&[("response_type", "token")], Some("response_type")),
        (&[("response_mode", "fragment")], Some("response_mode")),
        (&[("scope", "unknown")], Some("scope")),
        (&[("prompt", "none login")], Some("prompt")),
        (&[("max_age", "-1")], Some("max_age")),
        (&[("claims", "[]")], Some("claims")),
        (&[("code_challenge_method", "plain")], Some("code_challenge")),
        (&[("authorization_details", "{}")], Some("authorization_details")),
        (&[("authorization_details", details)], Some("authorization_details")),
        (&[("id_token_hint", "x.y.z")], Some("id_token_hint")),
        (&[("request", "x.y.z")], Some("request")),
    ] {
        let url = changed(changes);
        let examined = test(url.clone()).await;
        let wrong = |finding: &&Finding| finding.found == Found::Wrong;
        let wrong: Vec<&str> =
            examined.findings.iter().filter(wrong).map(|finding| finding.about.as_str()).collect();
        assert_eq!(wrong, about.iter().copied().collect::<Vec<_>>(), "{:?}", examined.findings);
        assert_eq!(examined.ok, about.is_none());
        let page = Browser::new().get(&url).await;
        let begun = page.location.as_ref().is_some_and(|to| to.contains("/login/"));
        assert_eq!(begun, about.is_none(), "{changes:?}: {:?}", page.location);
    }
    for (url, words) in [
        ("no url".to_owned(), "no query"),
        ("https://elsewhere.example/authorize?client_id=x".to_owned(), "authorization endpoint"),
        (good.as_str().replace("/authorize?", "/token?"), "authorization endpoint"),
        (format!("{}/authorize", world.origin), "no query"),
        (format!("{}/authorize?client_id=%ff", world.origin), "UTF-8"),
    ] {
        let examined = test(url.clone()).await;
        let said = |finding: &Finding| finding.about == "url" && finding.message.contains(words);
        assert!(
            !examined.ok && examined.findings.iter().any(said),
            "{url}: {:?}",
            examined.findings
        );
    }
    let several = changed(&[("response_type", "token"), ("max_age", "x"), ("redirect_url", "x")]);
    let examined = test(several).await;
    let about: Vec<&str> = examined.findings.iter().map(|finding| finding.about.as_str()).collect();
    for name in ["response_type", "max_age", "redirect_url"] {
        assert!(about.contains(&name), "{name}: {about:?}");
    }
}

/// Secrets and assertions are tried as the token endpoint tries them.
#[tokio::test]
async fn tokens_05_a_proof_that_is_tested_fares_as_the_test_says() {
    let world = World::start().await;
    let rp = world.rp().await;
    let authentication = |rp: &Rp, test: TestClient| {
        let (world, id) = (&world, rp.client_id.clone());
        async move {
            let examined = world.broker.test_client(&id, &test).await.unwrap();
            let about = |finding: &Finding| finding.about == "authentication";
            let found = examined.findings.into_iter().find(about).unwrap();
            (found.found, found.message)
        }
    };
    let secret =
        |secret: &str| TestClient { secret: Some(secret.to_owned()), ..TestClient::default() };
    let own = rp.secret.clone().unwrap();
    let (found, message) = authentication(&rp, secret(&own)).await;
    assert_eq!(found, Found::Ok, "{message}");
    assert!(message.contains("present secret"), "{message}");
    let (found, message) = authentication(&rp, secret("guessed")).await;
    assert!(found == Found::Wrong && message.contains("wrong client secret"), "{message}");
    assert_eq!(authentication(&rp, TestClient::default()).await.0, Found::Note);
    let rotate = RotateSecret { keep_old_for: 60 };
    world.broker.rotate_secret(&world.act(), &rp.client_id, &rotate).await.unwrap();
    let (found, message) = authentication(&rp, secret(&own)).await;
    assert!(found == Found::Ok && message.contains("ends 2026-11-25"), "{message}");

    let key = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
    let jwk = key.public_jwk().with_kid(key.kid());
    let signer = world
        .rp_with(|add| {
            add.token_endpoint_auth_method = "private_key_jwt".to_owned();
            add.jwks = Some(json!({"keys": [jwk.to_value()]}));
        })
        .await;
    let assertion = |id: &str, aud: &str| {
        let now = world.broker.site().clock().now();
        let claims = json!({
            "iss": id, "sub": id, "aud": aud, "jti": Entropy::system().id(),
            "iat": now.unix(), "exp": now.plus(60).unix(),
        });
        let signed = sekisho_jose::sign(&key, &Header::for_key(&key, "JWT"), &claims).unwrap();
        TestClient { assertion: Some(signed), ..TestClient::default() }
    };
    let right = assertion(&signer.client_id, &world.origin);
    assert_eq!(authentication(&signer, right.clone()).await.0, Found::Ok);
    let (found, message) = authentication(&signer, right).await;
    assert!(found == Found::Wrong && message.contains("used before"), "{message}");
    let other = assertion(&signer.client_id, "https://elsewhere.example");
    assert!(authentication(&signer, other).await.1.contains("aud"));
    let (found, message) = authentication(&rp, assertion(&signer.client_id, &world.origin)).await;
    assert!(found == Found::Wrong && message.contains("another client"), "{message}");
    let (found, message) = authentication(&signer, secret("x")).await;
    assert!(
        found == Found::Wrong && message.contains("private_key_jwt is registered"),
        "{message}"
    );
}

/// What a client got by a grant that was taken away is not active any more: neither its own tokens, nor
/// those that it exchanged. A resource is told no more of the person than the client may ask for.
#[tokio::test]
async fn tokens_05_tokens_of_a_grant_that_was_taken_away_are_not_active() {
    let world = World::start().await;
    let (rp, hub) = (world.rp().await, world.rp().await);
    let claims = json!({"preferred_username": "preferred_username"});
    let front = json!({"format": "jwt", "agents": [hub.client_id], "claims": claims});
    let secret = world.resource("front", &rp, front).await;
    world.resource("back", &hub, json!({"format": "jwt"})).await;
    world.resource("plain", &hub, json!({})).await;
    let asked = rp.request("openid profile", &[("resource", "https://front.example")]);
    let tokens = Browser::new().log_in(&world.member().await, &asked, &rp).await;
    let exchange = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", tokens.access_token.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", "https://back.example"),
    ];
    let own = |name: &'static str| [("grant_type", "client_credentials"), ("audience", name)];
    let mut given = Vec::new();
    for form in [&exchange[..], &own("https://back.example"), &own("https://plain.example")] {
        let (status, body) = hub.token_request(form).await;
        assert_eq!(status, 200, "{body}");
        given.push(text(&body, "access_token"));
    }
    let active = async || {
        let mut active = Vec::new();
        for token in &given {
            active.push(introspect(&hub, token).await.1["active"] == true);
        }
        active
    };
    let grants = |remove: &[GrantType], add: &[GrantType]| EditClient {
        grant_types: ListEdit { remove: remove.to_vec(), add: add.to_vec(), set: None },
        ..none()
    };
    let (exchanging, itself) = (GrantType::TokenExchange, GrantType::ClientCredentials);
    assert_eq!(active().await, [true, true, true]);
    edit(&world, &hub, grants(&[exchanging], &[])).await;
    assert_eq!(active().await, [false, true, true]);
    assert_eq!(hub.refused(&exchange).await.1, "unauthorized_client");
    edit(&world, &hub, grants(&[itself], &[exchanging])).await;
    assert_eq!(active().await, [true, false, false]);
    assert_eq!(hub.refused(&own("https://back.example")).await.1, "unauthorized_client");

    let resource = Rp { client_id: "front".to_owned(), secret: Some(secret), ..rp.clone() };
    let seen = introspect(&resource, &tokens.access_token).await.1;
    assert!(seen["active"] == true && seen["username"].is_string(), "{seen}");
    edit(&world, &rp, EditClient { scopes: without(&["profile", "offline_access"]), ..none() })
        .await;
    let seen = introspect(&resource, &tokens.access_token).await.1;
    assert!(seen["active"] == true && seen.get("username").is_none(), "{seen}");
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    assert_eq!(rp.refused(&form).await.1, "unauthorized_client");
}
