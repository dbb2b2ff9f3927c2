//! The parties of the demonstration: two organizations that the broker trusts, two relying parties,
//! and a person who is offered credentials. They are all set up through the admin API.

use sekisho_ambient::Text;
use sekisho_ambient::Timestamp;
use sekisho_broker::admin::{
    AddClient, AddOrganization, AddTrust, AddedClient, ClientRow, GrantType, OfferCredential,
    Offered, OrganizationRow, TrustRow,
};
use sekisho_jose::Algorithm;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::notes::Notes;
use super::stage::Place;
use crate::Failure;
use crate::api::{Api, Call, segment};
use crate::cli::read;
use crate::settings::Settings;

/// The employer of the sample person. Sample corporate numbers are ones that no registry gives out.
const TENANT: &str = "7900000000002";
/// The operator of the GPU service, which also trains people.
const OPERATOR: &str = "8900000000001";
/// The tenant's reference for the sample person.
const PERSON: &str = "m-0001";
const DAY: i64 = 86_400;

/// Where a relying party of the reader's own would listen. Any other port of 127.0.0.1 works too.
const OWN_REDIRECT_URI: &str = "http://127.0.0.1:8888/callback";

/// The clients and offers of the demonstration.
pub(super) struct Cast {
    /// The console's client.
    pub(super) console: AddedClient,
    /// A client for a relying party of the reader's own.
    pub(super) own: AddedClient,
    /// The offers: for each wallet, one of each type.
    pub(super) offers: Vec<Offered>,
}

/// The id of the service that the console stands for.
pub(super) fn service(settings: &Settings) -> &str {
    settings.broker.services.first().map_or("", |service| service.id.as_str())
}

fn text(ja: &str, en: &str) -> Text {
    Text { ja: ja.to_owned(), en: en.to_owned() }
}

impl Cast {
    /// Adds the organizations, the trust and the clients that are not there yet.
    pub(super) async fn assemble(
        api: &Api,
        place: &Place,
        settings: &Settings,
        console: &str,
    ) -> Result<Self, Failure> {
        organizations(api).await?;
        trust(api, settings).await?;
        let mut registry = Registry::open(api, place).await?;
        let service = service(settings);
        let console = client("gpu-console", "GPU コンソール", "GPU Console", service, false)
            .redirecting_to(format!("{console}/callback"));
        let own = client("demo-rp", "見本のサービス", "Sample service", service, true)
            .redirecting_to(OWN_REDIRECT_URI.to_owned());
        let console = registry.register(api, console).await?;
        let own = registry.register(api, own).await?;
        Ok(Self { console, own, offers: Vec::new() })
    }

    /// Makes offers of both credentials for this many wallets.
    pub(super) async fn with_offers(
        mut self,
        api: &Api,
        wallets: usize,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        for _ in 0..wallets {
            self.offers.push(offer(api, TENANT, "affiliation", affiliation(), true).await?);
            self.offers.push(offer(api, OPERATOR, "ai-training", training(now), false).await?);
        }
        Ok(self)
    }
}

async fn organizations(api: &Api) -> Result<(), Failure> {
    let known: Vec<OrganizationRow> = list(api, "/v1/organizations", "organizations").await?;
    for (number, ja, en) in [
        (TENANT, "瀬戸内精密工業株式会社", "Setouchi Precision Industries"),
        (OPERATOR, "北海AI計算基盤株式会社", "Hokkai AI Compute"),
    ] {
        if known.iter().all(|row| row.corporate_number != number) {
            let add = AddOrganization { corporate_number: number.to_owned(), name: text(ja, en) };
            post(api, "/v1/organizations", &add).await?;
        }
    }
    Ok(())
}

async fn trust(api: &Api, settings: &Settings) -> Result<(), Failure> {
    let known: Vec<TrustRow> = list(api, "/v1/trust", "trust").await?;
    for (number, types) in
        [(TENANT, ["affiliation", "organization"]), (OPERATOR, ["ai-training", "organization"])]
    {
        let issuer = settings.broker.origin.organization(number);
        if known.iter().all(|row| row.issuer != issuer) {
            let add = AddTrust {
                issuer,
                types: types.map(str::to_owned).to_vec(),
                organizations: vec![number.to_owned()],
                anchors_pem: None,
            };
            post(api, "/v1/trust", &add).await?;
        }
    }
    Ok(())
}

/// A client without its redirect URI.
struct Part(AddClient);

fn client(id: &str, ja: &str, en: &str, service: &str, native: bool) -> Part {
    let scopes = ["openid", "profile", "email", "organization", "training", "gpu_access"];
    Part(AddClient {
        client_id: Some(id.to_owned()),
        name: text(ja, en),
        purpose: text(
            "GPU を使う資格があるかを確認するため",
            "To check whether you may use its GPUs",
        ),
        redirect_uris: Vec::new(),
        scopes: scopes.map(str::to_owned).to_vec(),
        grant_types: GrantType::of_a_login(),
        token_endpoint_auth_method: "client_secret_basic".to_owned(),
        id_token_signed_response_alg: Algorithm::Rs256,
        sector: None,
        service: Some(service.to_owned()),
        native,
        cross_device: true,
        claims_in_id_token: false,
        require_pkce: false,
        required_acr: None,
        default_max_age: None,
        jwks: None,
        jwks_uri: None,
        post_logout_redirect_uris: Vec::new(),
    })
}

impl Part {
    fn redirecting_to(mut self, uri: String) -> AddClient {
        self.0.redirect_uris.push(uri);
        self.0
    }
}

/// The clients that the broker knows, and the notes with their secrets.
struct Registry {
    known: Vec<ClientRow>,
    path: std::path::PathBuf,
    notes: Notes,
}

impl Registry {
    async fn open(api: &Api, place: &Place) -> Result<Self, Failure> {
        let known = list(api, "/v1/clients", "clients").await?;
        let path = place.notes();
        let notes = Notes::read(&path)?;
        let notes = notes.ok_or_else(|| Failure::Exists(format!("{} is gone", path.display())))?;
        Ok(Self { known, path, notes })
    }

    /// Registers a client. A client that is registered and whose secret is in the notes is used
    /// again.
    async fn register(&mut self, api: &Api, add: AddClient) -> Result<AddedClient, Failure> {
        let id = add.client_id.clone().unwrap_or_default();
        let known = self.known.iter().any(|row| row.client_id == id);
        let noted = self.notes.clients.iter().find(|client| client.client_id == id);
        match noted {
            Some(client) if known => return Ok(client.clone()),
            _ if known => {
                api.call(&Call::delete(format!("/v1/clients/{}", segment(&id)))).await?;
            }
            _ => {}
        }
        let added: AddedClient = read(post(api, "/v1/clients", &add).await?)?;
        self.notes.clients.retain(|client| client.client_id != id);
        self.notes.clients.push(added.clone());
        self.notes.write(&self.path)?;
        Ok(added)
    }
}

async fn offer(
    api: &Api,
    organization: &str,
    type_name: &str,
    claims: Value,
    tx_code: bool,
) -> Result<Offered, Failure> {
    let offer = OfferCredential {
        organization: organization.to_owned(),
        type_name: type_name.to_owned(),
        claims: claims.as_object().cloned().unwrap_or_default(),
        subject: Some(PERSON.to_owned()),
        holder: None,
        tx_code,
        days: None,
        by_value: false,
        wallet: None,
    };
    read(post(api, "/v1/credentials/offer", &offer).await?)
}

fn affiliation() -> Value {
    json!({
        "org_corporate_number": TENANT,
        "org_name": "瀬戸内精密工業株式会社",
        "org_name#en": "Setouchi Precision Industries",
        "affiliation_type": "regular",
        "member_ref": PERSON,
        "name": "山田 太郎",
        "name#ja-Hani-JP": "山田 太郎",
        "name#ja-Kana-JP": "ヤマダ タロウ",
        "name#ja-Latn-JP": "YAMADA Taro",
        "email": "taro.yamada@setouchi.example",
        "department": "研究開発部",
        "job_title": "主任研究員",
        "roles": ["gpu-user"],
    })
}

fn training(now: Timestamp) -> Value {
    json!({
        "achievement_id": "ai-safety-basic",
        "achievement_name": "AI安全研修（基礎）",
        "framework": "internal",
        "valid_through": now.plus(365 * DAY).to_date_jst(),
        "level": 2,
        "level_gte_1": true,
        "level_gte_2": true,
        "level_gte_3": false,
        "completed_on": now.plus(-30 * DAY).to_date_jst(),
        "hours": 8,
    })
}

async fn list<T: DeserializeOwned>(api: &Api, path: &str, name: &str) -> Result<Vec<T>, Failure> {
    let mut answer = api.call(&Call::get(path)).await?;
    read(answer.get_mut(name).map(Value::take).unwrap_or_default())
}

async fn post(api: &Api, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
    let body = serde_json::to_value(body).map_err(|error| Failure::Usage(error.to_string()))?;
    api.call(&Call::post(path, body)).await
}
