//! Tries the same list of hostile JWTs at every place that reads a JWT, then a good JWT, which must
//! still be accepted. Also tries each good JWT at every other place.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::{Entropy, Timestamp, sha256};
use sekisho_broker::admin::AddTrust;
use sekisho_credential::status::{self, IssueToken, StatusList, StatusReference};
use sekisho_credential::vc::{self, Issuance};
use sekisho_jose::{Algorithm, SigningKey, b64u};
use sekisho_openid4vci::credential::CredentialRequest;
use sekisho_openid4vci::offer::CredentialOffer;
use sekisho_openid4vci::proof;
use sekisho_openid4vp::request::VerifiedRequest;
use sekisho_profile::types;
use sekisho_tests::jwt::{Draft, hostile, signed};
use sekisho_tests::{Browser, Elsewhere, Rp, TENANT, Wallet, World, affiliation, http};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const ISSUER: &str = "https://issuer.example.jp";
const BYE: &str = "http://127.0.0.1:4000/bye";

/// A place that reads JWTs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// `client_assertion` at a client's endpoint.
    ClientAssertion,
    /// `id_token_hint` at the log-out endpoint.
    IdTokenHint,
    /// The proof of a credential request.
    Proof,
    /// The issuer-signed part of a presented credential.
    Credential,
    /// The key binding of a presented credential.
    KeyBinding,
    /// A status list fetched from its issuer.
    StatusList,
}

const PLACES: [Place; 6] = [
    Place::ClientAssertion,
    Place::IdTokenHint,
    Place::Proof,
    Place::Credential,
    Place::KeyBinding,
    Place::StatusList,
];

/// One broker, with the clients, wallets and servers that the places need.
struct Scene {
    world: World,
    elsewhere: Elsewhere,
    canary: TcpListener,
    /// A client with a key.
    client: Rp,
    client_key: SigningKey,
    /// A client whose person is logged in.
    rp: Rp,
    id_token: String,
    browser: Browser,
    /// A wallet with a credential of a foreign issuer, whose status list is on another server.
    wallet: Wallet,
    offer: CredentialOffer,
    access_token: String,
    redeemed_at: Timestamp,
}

/// Fresh values that a draft for a place needs.
#[derive(Default)]
struct Prepared {
    /// A nonce from the issuer, or the claims of a key binding as JSON.
    fresh: String,
    /// An honest presentation, with the request that it answers.
    shown: String,
    request: Option<VerifiedRequest>,
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../keys-dev/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn issuer_key() -> SigningKey {
    SigningKey::from_pem(Algorithm::Es256, &fixture("issuer.key")).unwrap()
}

fn issuer_leaf() -> Vec<u8> {
    let pem = fixture("issuer.pem");
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).unwrap()
}

/// The header and the claims of a JWT, read without verification.
fn read(token: &str) -> (Value, Value) {
    let part = |n: usize| {
        let bytes = b64u::decode(token.split('.').nth(n).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}

impl Scene {
    async fn new() -> Self {
        let elsewhere = Elsewhere::start().await;
        let world = World::with(|config| elsewhere.allow(config)).await;
        // Move a year ahead, because the fixtures are valid then.
        world.clock.advance(365 * 86_400);
        world.broker.sweep_keys().await.unwrap();
        let add = AddTrust {
            issuer: ISSUER.to_owned(),
            types: vec!["affiliation".to_owned()],
            organizations: vec![TENANT.to_owned()],
            anchors_pem: Some(fixture("root.pem")),
        };
        world.broker.add_trust(&world.act(), &add).await.unwrap();

        let client_key = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
        let jwk = client_key.public_jwk().with_kid(client_key.kid()).to_value();
        let client = world
            .rp_with(|add| {
                "private_key_jwt".clone_into(&mut add.token_endpoint_auth_method);
                add.jwks = Some(json!({"keys": [jwk]}));
            })
            .await;
        let rp = world.rp_with(|add| add.post_logout_redirect_uris = vec![BYE.to_owned()]).await;
        let mut browser = Browser::new();
        let tokens = browser.log_in(&world.member().await, &rp.plain_request(), &rp).await;
        let id_token = tokens.body["id_token"].as_str().unwrap().to_owned();

        let wallet = foreign_wallet(&world, &format!("{}/list", elsewhere.url));
        let link = world.offer(TENANT, "affiliation", affiliation()).await.uri;
        let offer = wallet.read_offer(&link).await;
        let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scene = Self {
            world,
            elsewhere,
            canary,
            client,
            client_key,
            rp,
            id_token,
            browser,
            wallet,
            offer,
            access_token: String::new(),
            redeemed_at: sekisho_tests::NOW,
        };
        scene.elsewhere.answers(200, scene.draft(Place::StatusList, "").token());
        scene
    }

    fn now(&self) -> Timestamp {
        self.world.broker.site().clock().now()
    }

    /// A good JWT for this place; `fresh` was prepared for it. The exception is the hint: only the
    /// broker has the key for it, so it is signed by the client's key.
    fn draft(&self, place: Place, fresh: &str) -> Draft {
        let now = self.now();
        let (header, claims, key) = match place {
            Place::ClientAssertion => (
                json!({"alg": "ES256", "typ": "JWT", "kid": self.client_key.kid()}),
                json!({
                    "iss": self.client.client_id, "sub": self.client.client_id,
                    "aud": self.world.origin, "jti": Entropy::system().id(),
                    "iat": now.unix(), "exp": now.plus(60).unix(),
                }),
                &self.client_key,
            ),
            Place::IdTokenHint => {
                let (header, claims) = read(&self.id_token);
                (header, claims, &self.client_key)
            }
            Place::Proof => (
                json!({"alg": "ES256", "typ": proof::TYP, "jwk": self.wallet.key.public_jwk().minimal()}),
                json!({"aud": self.offer.credential_issuer, "iat": now.unix(), "nonce": fresh}),
                &self.wallet.key,
            ),
            Place::Credential => {
                let (header, claims) = read(self.wallet.held[0].split('~').next().unwrap());
                (header, claims, &issuer_key())
            }
            Place::KeyBinding => (
                json!({"alg": "ES256", "typ": "kb+jwt"}),
                serde_json::from_str(fresh).unwrap(),
                &self.wallet.key,
            ),
            Place::StatusList => {
                let uri = format!("{}/list", self.elsewhere.url);
                let key = issuer_key();
                let issue =
                    IssueToken { uri: &uri, iat: now, exp: Some(now.plus(86_400)), ttl: Some(300) };
                let header = status::header(&key, vec![issuer_leaf()]);
                let list = StatusList::new(2, 1000).unwrap();
                let token = status::issue_token(&list, &issue, &header, &key).unwrap();
                let (header, claims) = read(&token);
                (header, claims, &issuer_key())
            }
        };
        Draft { header, claims, key: key.clone() }
    }

    /// Fetches what a draft for this place needs to be fresh, and opens the request that it will
    /// answer.
    async fn prepare(&mut self, place: Place) -> Prepared {
        let mut prepared = Prepared::default();
        match place {
            Place::Proof => {
                if self.redeemed_at != self.now() {
                    self.redeem_an_offer().await;
                }
                prepared.fresh = self.wallet.nonce(&self.offer).await;
            }
            Place::Credential | Place::KeyBinding => {
                let page = Browser::new().begin(&self.rp.plain_request().url, &self.rp).await;
                let request = self.wallet.open(&page.link("wallet-open")).await;
                prepared.shown.clone_from(&self.wallet.presentations(&request)["affiliation"][0]);
                let (_, proof) = prepared.shown.rsplit_once('~').unwrap();
                prepared.fresh = read(proof).1.to_string();
                prepared.request = Some(request);
            }
            _ => (),
        }
        prepared
    }

    async fn redeem_an_offer(&mut self) {
        let link = self.world.offer(TENANT, "affiliation", affiliation()).await.uri;
        self.offer = self.wallet.read_offer(&link).await;
        let answer = self.wallet.redeem_offer(&self.offer, None).await;
        answer.body["access_token"].as_str().unwrap().clone_into(&mut self.access_token);
        self.redeemed_at = self.now();
    }

    /// Sends a token to this place; returns whether it was accepted.
    async fn takes(&mut self, place: Place, token: &str, prepared: &Prepared) -> bool {
        match place {
            Place::ClientAssertion => self.authenticates(token).await,
            Place::IdTokenHint => self.logs_out(token).await,
            Place::Proof => self.issues(token).await,
            Place::KeyBinding => {
                let (body, _) = prepared.shown.rsplit_once('~').unwrap();
                self.believes(prepared, format!("{body}~{token}")).await
            }
            Place::Credential => {
                let (body, _) = prepared.shown.rsplit_once('~').unwrap();
                let (_, disclosures) = body.split_once('~').unwrap();
                let bound = format!("{token}~{disclosures}~");
                let mut claims: Value = serde_json::from_str(&prepared.fresh).unwrap();
                claims["sd_hash"] = json!(b64u::encode(sha256(bound.as_bytes())));
                let header = json!({"alg": "ES256", "typ": "kb+jwt"});
                let proof = signed(&self.wallet.key, &header.to_string(), &claims.to_string());
                self.believes(prepared, format!("{bound}{proof}")).await
            }
            Place::StatusList => self.reads_the_list(token).await,
        }
    }

    async fn authenticates(&self, assertion: &str) -> bool {
        let form = [
            ("token", "x"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        let request = http().post(format!("{}/introspect", self.world.origin)).form(&form);
        let status = request.send().await.unwrap().status().as_u16();
        assert!([200, 400, 401, 413].contains(&status), "{status}");
        status == 200
    }

    async fn logs_out(&mut self, hint: &str) -> bool {
        let form = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE)];
        let page = self.browser.post(&format!("{}/logout", self.world.origin), &form).await;
        let page = self.browser.follow(page, BYE).await;
        assert!([200, 303, 413].contains(&page.status), "{} {}", page.status, page.body);
        page.location.is_some()
    }

    async fn issues(&self, proof: &str) -> bool {
        let id = &self.offer.credential_configuration_ids[0];
        let body = CredentialRequest::for_configuration(id, proof);
        let answer = self.wallet.request_credential(&self.offer, &self.access_token, &body).await;
        let error = answer.body["error"].as_str().unwrap_or_default();
        let expected = [200, 413].contains(&answer.status) || error == "invalid_proof";
        assert!(expected, "{} {}", answer.status, answer.body);
        answer.status == 200
    }

    async fn believes(&self, prepared: &Prepared, presentation: String) -> bool {
        let vp_token = BTreeMap::from([("affiliation".to_owned(), vec![presentation])]);
        let answer = self.wallet.send(prepared.request.as_ref().unwrap(), &vp_token).await;
        assert!([200, 400, 413].contains(&answer.status), "{} {}", answer.status, answer.body);
        assert_ne!(answer.code(), "A-1001", "the request is over, not this token");
        answer.status == 200
    }

    async fn reads_the_list(&mut self, token: &str) -> bool {
        self.elsewhere.answers(200, token);
        // Wait until the copy of the list, which was fetched before, has expired.
        self.world.clock.advance(300);
        self.wallet.now = self.now();
        let page = Browser::new().begin(&self.rp.plain_request().url, &self.rp).await;
        let answer = self.wallet.present(&page.link("wallet-open")).await;
        assert!(answer.status == 200 || answer.code() == "C-2008", "{}", answer.body);
        self.elsewhere.answers(200, self.draft(Place::StatusList, "").token());
        answer.status == 200
    }

    /// A good JWT for this place, with what was prepared for it.
    async fn good(&mut self, place: Place) -> (String, Prepared) {
        let prepared = self.prepare(place).await;
        let token = match place {
            Place::IdTokenHint => self.id_token.clone(),
            _ => self.draft(place, &prepared.fresh).token(),
        };
        (token, prepared)
    }

    async fn takes_the_good_one(&mut self, place: Place) -> bool {
        let (token, prepared) = self.good(place).await;
        self.takes(place, &token, &prepared).await
    }

    /// Checks that nobody called the address in the headers.
    fn canary_is_silent(&self) {
        let listener = self.canary.accept();
        let mut listener = Box::pin(listener);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let called = std::future::Future::poll(listener.as_mut(), &mut context);
        assert!(called.is_pending(), "somebody called");
    }
}

/// A wallet with a credential of the foreign issuer.
fn foreign_wallet(world: &World, list: &str) -> Wallet {
    let mut wallet = Wallet::new(world.broker.site().clock().now());
    let status = StatusReference { uri: list.to_owned(), index: 7 };
    let holder = wallet.key.public_jwk();
    let claims = affiliation();
    let issuance = Issuance {
        credential_type: types::find("affiliation").unwrap(),
        authority: world.broker.site().type_authority(),
        issuer: ISSUER,
        claims: claims.as_object().unwrap(),
        holder_key: &holder,
        status: Some(&status),
        issued_at: wallet.now,
        expires: Some(wallet.now.plus(86_400)),
        decoys: 0,
    };
    let chain = vec![issuer_leaf()];
    wallet.held.push(vc::issue(&issuance, chain, &issuer_key(), &Entropy::system()).unwrap());
    wallet
}

/// Tries every hostile JWT at one place, then a good one.
async fn matrix(place: Place) {
    let mut scene = Scene::new().await;
    let stranger = SigningKey::generate(Algorithm::Es256, &Entropy::system()).unwrap();
    let canary = format!("http://{}", scene.canary.local_addr().unwrap());
    // A request ends with the fifth failed answer, so send four to each. A status list may be
    // longer than other tokens.
    let at_once =
        if matches!(place, Place::Credential | Place::KeyBinding) { 4 } else { usize::MAX };
    let too_long = if place == Place::StatusList { 2 << 20 } else { 300_000 };
    let before = scene.world.credentials().await.len();
    let (mut tried, mut taken) = (0, Vec::new());
    loop {
        let prepared = scene.prepare(place).await;
        let draft = scene.draft(place, &prepared.fresh);
        let all = hostile(&draft, &stranger, &canary, too_long);
        let now: Vec<_> = all.into_iter().skip(tried).take(at_once).collect();
        if now.is_empty() {
            break;
        }
        tried += now.len();
        for (what, token) in now {
            if scene.takes(place, &token, &prepared).await {
                taken.push(what);
            }
        }
        if at_once == usize::MAX {
            break;
        }
    }
    assert!(tried > 70, "{tried}");
    assert!(taken.is_empty(), "{place:?} took {taken:#?}");
    assert_eq!(scene.world.credentials().await.len(), before, "nothing was issued");
    assert!(scene.takes_the_good_one(place).await, "{place:?}");
    scene.canary_is_silent();
}

/// OA-25, OA-26, OA-28, OA-29, OA-30
#[tokio::test]
async fn hostile_client_assertions() {
    matrix(Place::ClientAssertion).await;
}

/// OA-25, OA-26, OA-28, OA-29, OA-30
#[tokio::test]
async fn hostile_hints() {
    matrix(Place::IdTokenHint).await;
}

/// OA-25, OA-26, OA-28, OA-29, OA-30
#[tokio::test]
async fn hostile_proofs() {
    matrix(Place::Proof).await;
}

/// OA-25, OA-26, OA-28, OA-29, OA-30
#[tokio::test]
async fn hostile_credentials() {
    matrix(Place::Credential).await;
}

/// OA-25, OA-26, OA-28, OA-29, OA-30
#[tokio::test]
async fn hostile_key_bindings() {
    matrix(Place::KeyBinding).await;
}

/// OA-25, OA-26, OA-28, OA-29, OA-30, ST-01
#[tokio::test]
async fn hostile_status_lists() {
    matrix(Place::StatusList).await;
}

/// OA-27: each good JWT of one place is refused at every other place.
#[tokio::test]
async fn no_jwt_passes_for_one_of_another_kind() {
    let mut scene = Scene::new().await;
    for own in PLACES {
        for place in PLACES.into_iter().filter(|place| *place != own) {
            let (token, _) = scene.good(own).await;
            let prepared = scene.prepare(place).await;
            assert!(!scene.takes(place, &token, &prepared).await, "{own:?} at {place:?}");
        }
    }
    for place in PLACES {
        assert!(scene.takes_the_good_one(place).await, "{place:?}");
    }
}
