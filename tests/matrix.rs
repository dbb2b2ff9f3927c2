//! Everything that is given out, tried at every place that takes something: each is good at its own
//! places and at no other. The pairs are generated, so a new kind or place is tried with all others.

use std::collections::BTreeSet;

use sekisho_broker::admin::{AddClient, GrantType};
use sekisho_registry::Guard;
use sekisho_tests::{
    Browser, Expected, Rp, TENANT, Wallet, World, affiliation, error_of, http, parameter,
};
use serde_json::{Value, json};

const SCOPE: &str = "openid profile offline_access";

/// A resource with its id and secret.
type Named = (&'static str, String);

/// A world with two relying parties, three resources of different formats, and one thing of each
/// kind that it gives out.
struct Given {
    world: World,
    rp: Rp,
    other: Rp,
    resources: Vec<Named>,
    wallet: Wallet,
    /// The kind, and the text that its holder has.
    things: Vec<(&'static str, String)>,
    expected: Expected,
    offer: sekisho_openid4vci::offer::CredentialOffer,
}

const SITE: &str = "https://site.example.jp";
const API: &str = "https://api.example.jp";

fn guard(id: &str, resource: Option<String>) -> Guard {
    Guard {
        id: id.to_owned(),
        origins: vec![format!("https://{id}.example.jp")],
        client: "portal".to_owned(),
        resource,
        proxies: vec!["127.0.0.1".parse().unwrap()],
        scopes: vec!["openid".to_owned()],
        groups: Vec::new(),
        cookie_domain: None,
    }
}

/// Logs in at a guarded site with a browser that has a session; returns the two cookies.
async fn guarded(world: &World, browser: &mut Browser) -> (String, String) {
    let open = async |url: &str, cookie: &str| {
        let path = url.strip_prefix(SITE).unwrap();
        let request = http().get(format!("{}{path}", world.origin)).header("cookie", cookie);
        let answer = request.header("x-original-url", url).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let set = header("set-cookie").split(';').next().unwrap().to_owned();
        (header("location"), set)
    };
    let value = |cookie: &str| cookie.split_once('=').unwrap().1.to_owned();
    let (request, binder) = open(&format!("{SITE}/.sekisho/login"), "x=y").await;
    let callback = browser.get(&request).await.location.unwrap();
    let (_, session) = open(&callback, &binder).await;
    (value(&binder), value(&session))
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap().to_owned()
}

impl Given {
    async fn new() -> Self {
        let world = World::with(|config| {
            let resource = Some("https://jwt.example".to_owned());
            config.guards = vec![guard("site", None), guard("api", resource)];
        })
        .await;
        let rp = world.rp_with(|add| {
            add.grant_types = GrantType::REGISTRABLE.to_vec();
            add.client_id = Some("portal".to_owned());
            add.redirect_uris.push(format!("{SITE}/.sekisho/callback"));
        });
        let all = |add: &mut AddClient| add.grant_types = GrantType::REGISTRABLE.to_vec();
        let (rp, other) = (rp.await, world.rp_with(all).await);
        let wallet = world.member().await;
        let mut resources = Vec::new();
        for (id, format) in [("opaque", "opaque"), ("jwt", "jwt"), ("lean", "lean")] {
            // Both may ask for each, so that only the token itself decides.
            let members = json!({"format": format, "clients": [rp.client_id, other.client_id]});
            resources.push((id, world.resource(id, &rp, members).await));
        }
        let mut things = Vec::new();
        let mut browser = Browser::new();
        let plain = browser.log_in(&wallet, &rp.request(SCOPE, &[]), &rp).await.body;
        things.push(("access token", text(&plain, "access_token")));
        things.push(("refresh token", text(&plain, "refresh_token")));
        things.push(("ID token", text(&plain, "id_token")));
        for (kind, of_client, id) in [
            ("token for opaque", "client's token for opaque", "opaque"),
            ("token for jwt", "client's token for jwt", "jwt"),
            ("token for lean", "client's token for lean", "lean"),
        ] {
            let resource = format!("https://{id}.example");
            let named = ("resource", resource.as_str());
            let expected = rp.request(SCOPE, &[named, ("prompt", "login")]);
            let body = Browser::new().log_in(&wallet, &expected, &rp).await.body;
            things.push((kind, text(&body, "access_token")));
            let form = [("grant_type", "client_credentials"), named];
            things.push((of_client, text(&rp.token_request(&form).await.1, "access_token")));
        }
        let expected = rp.request(SCOPE, &[("prompt", "none")]);
        let location = browser.get(&expected.url).await.location.unwrap();
        things.push(("code", rp.code(&expected, &location)));
        let asked = rp.post("/device_authorization", &[("scope", SCOPE)]).await.1;
        things.push(("device code", browser.approve_device(&world.origin, &asked).await));
        let waiting = rp.post("/device_authorization", &[("scope", SCOPE)]).await.1;
        things.push(("waiting device code", text(&waiting, "device_code")));
        things.push(("user code", text(&waiting, "user_code")));
        let page = Browser::new().begin(&rp.request(SCOPE, &[]).url, &rp).await;
        let link = parameter(&page.link("wallet-open"), "request_uri").unwrap();
        things.push(("request handle", link.rsplit('/').next().unwrap().to_owned()));
        things.push(("login handle", page.url.rsplit('/').next().unwrap().to_owned()));
        let session = browser.cookie(&world.origin, "sekisho-session").unwrap().clone();
        things.push(("session", session));
        let (binder, session) = guarded(&world, &mut browser).await;
        things.push(("binder of a guarded site", binder));
        things.push(("session of a guarded site", session));
        let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
        let redeemed = wallet.read_offer(&link).await;
        let token = wallet.redeem_offer(&redeemed, None).await.body;
        things.push(("issuance token", text(&token, "access_token")));
        let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
        let offer = wallet.read_offer(&link).await;
        things.push(("offer's code", offer.pre_authorized.as_ref().unwrap().code.clone()));
        things.push(("client secret", rp.secret.clone().unwrap()));
        things.push(("resource secret", resources[1].1.clone()));
        Self { world, rp, other, resources, wallet, things, expected, offer: redeemed }
    }

    /// Whether the place takes `text`. None of the places uses up what another one needs, except
    /// that a code, an offer and an issuance token are taken once.
    async fn takes(&self, place: &str, text: &str) -> bool {
        let Self { world, rp, other, .. } = self;
        let form =
            |name: &'static str, grant: &'static str| vec![("grant_type", grant), (name, text)];
        match place {
            "userinfo" => rp.userinfo(text).await.0 == 200,
            "introspection by its client" => {
                self.active((&rp.client_id, rp.secret.as_ref()), text).await
            }
            "introspection by another client" => {
                self.active((&other.client_id, other.secret.as_ref()), text).await
            }
            "introspection by opaque" => self.seen_by(0, text).await,
            "introspection by jwt" => self.seen_by(1, text).await,
            "introspection by lean" => self.seen_by(2, text).await,
            "code" => {
                let mut form = form("code", "authorization_code");
                form.push(("redirect_uri", &rp.redirect_uri));
                form.push(("code_verifier", &self.expected.verifier));
                rp.token_request(&form).await.0 == 200
            }
            "device code" | "device code by another client" => {
                let grant = "urn:ietf:params:oauth:grant-type:device_code";
                let who = if place == "device code" { rp } else { other };
                who.token_request(&form("device_code", grant)).await.0 == 200
            }
            "device page" => {
                let mut browser = Browser::new();
                let page = browser.get(&format!("{}/device", world.origin)).await;
                let token = page.form_token();
                let typed = [("form_token", token.as_str()), ("user_code", text)];
                browser.post(&page.url, &typed).await.status == 303
            }
            "refresh" => rp.token_request(&form("refresh_token", "refresh_token")).await.0 == 200,
            "refresh by another client" => {
                other.token_request(&form("refresh_token", "refresh_token")).await.0 == 200
            }
            "exchange" | "exchange by another client" => {
                let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
                let mut form = form("subject_token", exchange);
                let kind = "urn:ietf:params:oauth:token-type:access_token";
                form.push(("subject_token_type", kind));
                form.push(("resource", "https://jwt.example"));
                let who = if place == "exchange" { rp } else { other };
                who.token_request(&form).await.0 == 200
            }
            "offer" => {
                let grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
                let request = http().post(format!("{}/token", world.origin));
                let answer = request.form(&form("pre-authorized_code", grant)).send().await;
                answer.unwrap().status() == 200
            }
            "credential" => {
                let body = self.wallet.honest_request(&self.offer).await;
                let answer = self.wallet.request_credential(&self.offer, text, &body).await;
                answer.status == 200
            }
            "presentation request" => {
                let url = format!("{}/request/{text}", world.origin);
                http().get(url).send().await.unwrap().status() == 200
            }
            "secret of the client" => {
                let thief = Rp { secret: Some(text.to_owned()), ..rp.clone() };
                let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
                error_of(&thief.token_request(&form).await.1) == "invalid_grant"
            }
            "guarded site" => self.passes(SITE, ("authorization", &format!("Bearer {text}"))).await,
            "guarded site of jwt" => {
                self.passes(API, ("authorization", &format!("Bearer {text}"))).await
            }
            "guarded site, as a session" => {
                self.passes(SITE, ("cookie", &format!("__Host-sekisho-guard-site={text}"))).await
            }
            "guarded site of jwt, as a session" => {
                self.passes(API, ("cookie", &format!("__Host-sekisho-guard-api={text}"))).await
            }
            other => panic!("{other}"),
        }
    }

    async fn passes(&self, origin: &str, (name, value): (&str, &str)) -> bool {
        let request = http().get(format!("{}/access/v1/forward-auth", self.world.origin));
        let request = request.header("x-original-url", format!("{origin}/")).header(name, value);
        request.send().await.unwrap().status() == 200
    }

    async fn seen_by(&self, at: usize, text: &str) -> bool {
        let (id, secret) = &self.resources[at];
        self.active((id, Some(secret)), text).await
    }

    async fn active(&self, (id, secret): (&str, Option<&String>), text: &str) -> bool {
        let request = http().post(format!("{}/introspect", self.world.origin));
        let request = request.basic_auth(id, secret).form(&[("token", text)]);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["active"] == true
    }
}

const PLACES: [&str; 22] = [
    "userinfo",
    "introspection by its client",
    "introspection by another client",
    "introspection by opaque",
    "introspection by jwt",
    "introspection by lean",
    "refresh by another client",
    "exchange by another client",
    "exchange",
    "presentation request",
    "secret of the client",
    "credential",
    "offer",
    "guarded site",
    "guarded site of jwt",
    "guarded site, as a session",
    "guarded site of jwt, as a session",
    "code",
    "device page",
    "device code by another client",
    "device code",
    "refresh",
];

/// Where each kind is good. A row that is missing is good nowhere.
const GOOD: [(&str, &[&str]); 17] = [
    ("access token", &["userinfo", "introspection by its client", "guarded site"]),
    ("refresh token", &["introspection by its client", "refresh"]),
    ("token for opaque", &["introspection by its client", "introspection by opaque"]),
    (
        "token for jwt",
        &["introspection by its client", "introspection by jwt", "exchange", "guarded site of jwt"],
    ),
    ("token for lean", &["introspection by its client", "introspection by lean"]),
    ("client's token for opaque", &["introspection by its client", "introspection by opaque"]),
    ("client's token for jwt", &["introspection by its client", "introspection by jwt"]),
    ("client's token for lean", &["introspection by its client", "introspection by lean"]),
    ("code", &["code"]),
    ("session of a guarded site", &["guarded site, as a session"]),
    ("device code", &["device code"]),
    ("user code", &["device page"]),
    ("request handle", &["presentation request"]),
    ("issuance token", &["credential"]),
    ("offer's code", &["offer"]),
    ("client secret", &["secret of the client"]),
    ("ID token", &[]),
];

#[tokio::test]
async fn tokens_09_everything_is_good_at_its_own_places_alone() {
    let given = Given::new().await;
    let mut found = BTreeSet::new();
    for place in PLACES {
        for (kind, text) in &given.things {
            if given.takes(place, text).await {
                found.insert((*kind, place));
            }
        }
    }
    let wanted: BTreeSet<(&str, &str)> = GOOD
        .into_iter()
        .flat_map(|(kind, places)| places.iter().map(move |place| (kind, *place)))
        .collect();
    let unwanted: Vec<_> = found.difference(&wanted).collect();
    assert!(unwanted.is_empty(), "taken where it is not good: {unwanted:?}");
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "not taken where it is good: {missing:?}");
}
