//! A broker in the process of the test, with its own database file and port, and a clock that the
//! test moves.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use sekisho_access::Gate;
use sekisho_ambient::{Clock, Entropy, ManualClock, Timestamp};
use sekisho_broker::Broker;
use sekisho_broker::admin::{
    AddClient, AddOrganization, AddTrust, AddedClient, AdminError, By, ChangeStatus, CredentialRow,
    GrantType, OfferCredential, Offered,
};
use sekisho_broker::config::Config;
use sekisho_jose::{Ahead, Algorithm};
use sekisho_login::{ClientIdPrefix, ResponseMode, WalletEntry};
use sekisho_registry::{Resource, Service};
use sekisho_site::{Origin, OutboundConfig};
use sekisho_store::hostile::HostileOptions;
use sekisho_store::{Backend, Options, RootKey, Store};
use sekisho_web::DirectPeer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::rp::Rp;

/// The time at which every world begins: 2026-11-25 09:00 JST.
pub const NOW: Timestamp = Timestamp::from_unix(1_795_564_800);
/// The corporate number of a tenant, which attests affiliations of its people.
pub const TENANT: &str = "7900000000002";
/// The corporate number of the operator of the GPU service, which attests trainings.
pub const OPERATOR: &str = "8900000000001";

/// A broker, and what a test changes about it.
pub struct World {
    pub broker: Broker,
    pub origin: String,
    pub clock: ManualClock,
    pub dir: TempDir,
    config: Config,
    server: tokio::task::JoinHandle<()>,
    nodes: Nodes,
}

/// Several brokers behind one address. They answer in turn.
#[derive(Clone, Default)]
struct Nodes(Arc<(Mutex<Vec<Router>>, AtomicUsize)>);

impl Nodes {
    fn add(&self, router: Router) {
        self.0.0.lock().unwrap().push(router);
    }

    fn replace(&self, router: Router) {
        *self.0.0.lock().unwrap() = vec![router];
    }

    fn next(&self) -> Router {
        let routers = self.0.0.lock().unwrap();
        let turn = self.0.1.fetch_add(1, Ordering::SeqCst);
        routers[turn % routers.len()].clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn text(ja: &str, en: &str) -> sekisho_ambient::Text {
    sekisho_ambient::Text { ja: ja.to_owned(), en: en.to_owned() }
}

fn config(origin: &str) -> Config {
    Config {
        origin: Origin::parse(origin).unwrap(),
        type_authority: "https://types.example.jp".to_owned(),
        services: vec![Service {
            id: "console".to_owned(),
            name: text("GPU コンソール", "GPU Console"),
            operator: Some(text("北海AI計算基盤株式会社", "Hokkai AI Compute")),
            operator_number: Some(OPERATOR.to_owned()),
            residency: Some(text("北海道石狩市", "Ishikari, Hokkaido")),
            retention: None,
            transfer_abroad: None,
            policy_uri: None,
            tos_uri: None,
        }],
        gates: vec![gate()],
        resources: Vec::new(),
        guards: Vec::new(),
        wallets: vec![WalletEntry {
            name: "tegata".to_owned(),
            label: text("手形", "Tegata"),
            authorization_endpoint: "openid4vp://".to_owned(),
            preferred: true,
        }],
        client_id_prefix: ClientIdPrefix::X509Hash,
        response_mode: ResponseMode::DirectPostJwt,
        clock_ahead: Ahead::default(),
        outbound: OutboundConfig::default(),
        operator: None,
        exposed: false,
    }
}

fn gate() -> Gate {
    serde_json::from_value(json!({
        "id": "console",
        "service": "console",
        "max_gpus": 16,
        "max_gpu_hours": 512,
        "allowed_affiliation_types": ["regular", "faculty"],
        "training": {"achievements": ["ai-safety-basic"], "min_level": 1},
    }))
    .unwrap()
}

impl World {
    /// Starts a broker with one tenant and one operator, both trusted, and one gate.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts the same broker with a changed configuration.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let world = Self::bare(change).await;
        world.found().await;
        world
    }

    /// Adds the tenant and the operator, and trusts each for its own type of credential.
    async fn found(&self) {
        for (number, ja, en, types) in [
            (
                TENANT,
                "瀬戸内精密工業株式会社",
                "Setouchi Precision Industries",
                ["affiliation", "organization"],
            ),
            (
                OPERATOR,
                "北海AI計算基盤株式会社",
                "Hokkai AI Compute",
                ["ai-training", "organization"],
            ),
        ] {
            let add = AddOrganization { corporate_number: number.to_owned(), name: text(ja, en) };
            self.broker.add_organization(&self.act(), &add).await.unwrap();
            self.trust(number, &types).await;
        }
    }

    /// Starts a broker without organizations, on a database file of its own.
    pub async fn bare(change: impl FnOnce(&mut Config)) -> Self {
        let entropy = Entropy::system();
        let dir = tempfile::tempdir().unwrap();
        let root = RootKey::generate(&entropy);
        let path = dir.path().join("sekisho.redb");
        let store =
            Store::open_on(Backend::Redb(&path), &root, entropy, Options::default()).unwrap();
        Self::on(store, dir, change).await
    }

    /// Starts the usual broker on a store engine in memory that runs every closure twice, lets
    /// other transactions go first, and reports conflicts.
    pub async fn hostile(seed: u64) -> Self {
        let (backend, entropy) =
            (Backend::Hostile(HostileOptions::new(seed)), Entropy::seeded(seed));
        let root = RootKey::generate(&entropy);
        let store = Store::open_on(backend, &root, entropy, Options::default()).unwrap();
        let world = Self::on(store, tempfile::tempdir().unwrap(), |_| {}).await;
        world.found().await;
        world
    }

    /// Starts two brokers on one such engine. Each request goes to the other broker than the one
    /// before.
    pub async fn of_two(seed: u64) -> Self {
        let world = Self::hostile(seed).await;
        world.nodes.add(sekisho_web::router(world.open_again().await));
        world
    }

    /// Starts the broker again on the same store, with a changed configuration.
    pub async fn restart(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        let (store, clock) =
            (self.broker.site().store().clone(), self.broker.site().clock().clone());
        let opened = Broker::open(self.config.clone(), store, clock, Entropy::system());
        self.broker = opened.await.unwrap();
        self.nodes.replace(sekisho_web::router(self.broker.clone()));
    }

    /// Opens another broker on the same store, as after a restart.
    pub async fn open_again(&self) -> Broker {
        let site = self.broker.site();
        let (store, clock) = (site.store().clone(), site.clock().clone());
        Broker::open(self.config.clone(), store, clock, Entropy::system()).await.unwrap()
    }

    async fn on(store: Store, dir: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let (clock, hand) = Clock::manual(NOW);
        let mut config = config(&origin);
        change(&mut config);
        let opened = Broker::open(config.clone(), store, clock, Entropy::system());
        let broker = opened.await.unwrap();
        let nodes = Nodes::default();
        nodes.add(sekisho_web::router(broker.clone()));
        let behind = nodes.clone();
        let front = Router::new().fallback(move |mut request: Request| {
            request.extensions_mut().insert(DirectPeer(Ipv4Addr::LOCALHOST.into()));
            behind.next().oneshot(request)
        });
        let server = tokio::spawn(async move { axum::serve(listener, front).await.unwrap() });
        Self { broker, origin, clock: hand, dir, config, server, nodes }
    }

    /// An operator at the admin socket, for real changes (no rehearsal).
    pub fn act(&self) -> By {
        By::operator(1000, false)
    }

    pub fn issuer(&self, number: &str) -> String {
        format!("{}/orgs/{number}", self.origin)
    }

    pub async fn trust(&self, number: &str, types: &[&str]) {
        let add = AddTrust {
            issuer: self.issuer(number),
            types: types.iter().map(|&name| name.to_owned()).collect(),
            organizations: vec![number.to_owned()],
            anchors_pem: None,
        };
        self.broker.add_trust(&self.act(), &add).await.unwrap();
    }

    /// Registers a relying party that belongs to the GPU service.
    pub async fn rp(&self) -> Rp {
        self.rp_with(|_| {}).await
    }

    pub async fn rp_with(&self, change: impl FnOnce(&mut AddClient)) -> Rp {
        self.try_rp_with(change).await.unwrap()
    }

    /// The same, which may be refused.
    pub async fn try_rp_with(&self, change: impl FnOnce(&mut AddClient)) -> Result<Rp, AdminError> {
        let mut add = AddClient {
            client_id: None,
            name: text("GPU コンソール", "GPU Console"),
            purpose: text("計算資源の利用者を確かめるため", "To know who uses the machines"),
            redirect_uris: vec!["http://127.0.0.1:4000/callback".to_owned()],
            scopes: [
                "openid",
                "profile",
                "email",
                "organization",
                "training",
                "gpu_access",
                "offline_access",
            ]
            .map(str::to_owned)
            .to_vec(),
            grant_types: Vec::new(),
            token_endpoint_auth_method: "client_secret_basic".to_owned(),
            id_token_signed_response_alg: Algorithm::Rs256,
            sector: None,
            service: Some("console".to_owned()),
            native: true,
            cross_device: true,
            claims_in_id_token: false,
            require_pkce: false,
            required_acr: None,
            default_max_age: None,
            jwks: None,
            jwks_uri: None,
            post_logout_redirect_uris: Vec::new(),
        };
        change(&mut add);
        if add.grant_types.is_empty() {
            // Unless a test says otherwise, everything that the client may have.
            add.grant_types = GrantType::of_a_login();
            if add.token_endpoint_auth_method != "none" {
                add.grant_types.extend([GrantType::ClientCredentials, GrantType::TokenExchange]);
            }
        }
        let added = self.broker.add_client(&self.act(), &add).await?.result;
        Ok(self.rp_of(&added, &add))
    }

    fn rp_of(&self, added: &AddedClient, add: &AddClient) -> Rp {
        Rp {
            issuer: self.origin.clone(),
            client_id: added.client_id.clone(),
            secret: added.client_secret.clone(),
            method: add.token_endpoint_auth_method.clone(),
            redirect_uri: add.redirect_uris.first().cloned().unwrap_or_default(),
            algorithm: add.id_token_signed_response_alg,
        }
    }

    /// Registers a resource that this relying party may ask for; returns its secret.
    pub async fn resource(&self, id: &str, rp: &Rp, members: Value) -> String {
        let mut row = json!({
            "id": id, "name": {"ja": "データ保管庫", "en": "Data store"},
            "audience": format!("https://{id}.example"), "clients": [rp.client_id],
        });
        let Value::Object(members) = members else { panic!("members are an object") };
        for (name, value) in members {
            row[name] = value;
        }
        let resource: Resource = serde_json::from_value(row).unwrap();
        let added = self.broker.add_resource(&self.act(), &resource).await.unwrap();
        added.result.secret.unwrap()
    }

    pub async fn offer(&self, number: &str, type_name: &str, claims: Value) -> Offered {
        self.offer_with(number, type_name, claims, |_| {}).await
    }

    pub async fn offer_with(
        &self,
        number: &str,
        type_name: &str,
        claims: Value,
        change: impl FnOnce(&mut OfferCredential),
    ) -> Offered {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        let mut offer = OfferCredential {
            organization: number.to_owned(),
            type_name: type_name.to_owned(),
            claims,
            subject: Some("person-1".to_owned()),
            holder: None,
            tx_code: false,
            days: None,
            by_value: false,
            wallet: None,
        };
        change(&mut offer);
        self.broker.offer_credential(&self.act(), &offer).await.unwrap().result
    }

    pub async fn credentials(&self) -> Vec<CredentialRow> {
        self.broker.list_credentials(None).await.unwrap()
    }

    /// Revokes the only credential of this type.
    pub async fn revoke(&self, type_name: &str) {
        let rows = self.credentials().await;
        let mut rows = rows.into_iter().filter(|row| row.type_name == type_name);
        let row = rows.next().expect("a credential of this type");
        assert!(rows.next().is_none(), "one credential of this type");
        let revoke = ChangeStatus { reason: Some("left".to_owned()) };
        self.broker.revoke_credential(&self.act(), &row.id, &revoke).await.unwrap();
    }
}

/// The claims that the tenant attests of its sample person.
pub fn affiliation() -> Value {
    json!({
        "org_corporate_number": TENANT,
        "org_name": "瀬戸内精密工業株式会社",
        "affiliation_type": "regular",
        "member_ref": "m-0001",
        "name": "山田 太郎",
        "name#ja-Kana-JP": "ヤマダ タロウ",
        "name#ja-Latn-JP": "YAMADA Taro",
        "email": "taro@setouchi.example",
        "department": "研究開発部",
        "roles": ["gpu-user", "lead"],
    })
}

/// The claims of the training that the gate requires.
pub fn training() -> Value {
    json!({
        "achievement_id": "ai-safety-basic",
        "achievement_name": "AI安全研修（基礎）",
        "framework": "internal",
        "valid_through": "2027-03-31",
        "level": 2,
        "level_gte_1": true,
        "level_gte_2": true,
        "level_gte_3": false,
        "completed_on": "2026-10-01",
    })
}
