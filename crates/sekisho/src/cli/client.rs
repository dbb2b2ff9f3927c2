//! `sekisho client`.

use clap::{Args, Subcommand, ValueEnum};
use sekisho_ambient::Text;
use sekisho_broker::admin::{AddClient, AddedClient, ClientRow, GrantType};
use sekisho_jose::Algorithm;

use super::Rehearsal;
use super::session::{Session, body};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, text_file, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Registers a relying party; its secret is shown this once
    ///
    /// Example: sekisho client add --id portal --name-ja GPUポータル --name-en 'GPU portal' --purpose-ja 利用者の確認 --purpose-en 'Knowing users' --redirect-uri https://gpu.example.jp/callback --scope 'openid profile gpu_access' --service gpu-console
    ///
    /// Example: sekisho client add --id scheduler --name-ja スケジューラ --name-en Scheduler --grant client_credentials
    Add(Box<Add>),
    /// Lists relying parties
    List,
    /// Removes a relying party: its codes and tokens die with it, and a later one of the same id gets
    /// none of them
    ///
    /// Example: sekisho client remove portal --yes
    Remove {
        /// Its id
        client_id: String,
        /// Does not ask for the id to be typed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

#[derive(Args)]
pub(super) struct Add {
    /// Its id; drawn if absent
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Its name in Japanese
    #[arg(long, value_name = "NAME")]
    name_ja: String,
    /// Its name in English
    #[arg(long, value_name = "NAME")]
    name_en: String,
    /// Why it asks, in Japanese; shown in the wallet and before consent. Needed if people log in
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    purpose_ja: String,
    /// Why it asks, in English
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    purpose_en: String,
    /// Where answers may go; once for each URI. Needed for authorization_code
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// What it may ask for [default: openid if people log in for it]
    #[arg(long, value_name = "SCOPES", value_delimiter = ' ')]
    scope: Option<Vec<String>>,
    /// A grant that it may use, once for each: authorization_code, refresh_token, client_credentials,
    /// device_code or token_exchange [default: authorization_code and refresh_token]
    #[arg(long, value_name = "NAME", value_parser = grant)]
    grant: Vec<GrantType>,
    /// How it authenticates at the token endpoint; client_secret: in the header or in the body
    #[arg(long, value_enum, default_value_t = Method::ClientSecretBasic)]
    auth: Method,
    /// A JSON file with its public keys (JWK Set), for private_key_jwt
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<String>,
    /// Where it publishes its keys, for private_key_jwt; list the host in outbound.allow_hosts
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// Where a browser may go after logging out; once for each URI
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<String>,
    /// The algorithm of its ID tokens: RS256 or ES256
    #[arg(long, value_name = "ALG", default_value = "RS256", value_parser = algorithm)]
    id_token_alg: Algorithm,
    /// The service of sekisho.toml that it stands for
    #[arg(long, value_name = "ID")]
    service: Option<String>,
    /// A program on the user's own device (RFC 8252)
    #[arg(long)]
    native: bool,
    /// Lets people use a wallet on another device
    #[arg(long)]
    cross_device: bool,
    /// Keeps claims out of the ID token, for services that call userinfo; else they stand in both
    #[arg(long)]
    no_claims_in_id_token: bool,
    /// The default; accepted because it was an option before it was the default
    #[arg(long, hide = true, conflicts_with = "no_claims_in_id_token")]
    claims_in_id_token: bool,
    /// Demands PKCE of a confidential client; public ones always need it
    #[arg(long)]
    require_pkce: bool,
    /// Refuses logins without this acr: phr
    #[arg(long, value_name = "ACR")]
    required_acr: Option<String>,
    /// Asks for the wallet again after so many seconds
    #[arg(long, value_name = "SECONDS")]
    default_max_age: Option<i64>,
    #[command(flatten)]
    rehearsal: Rehearsal,
}

/// `token_endpoint_auth_method`.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    ClientSecret,
    PrivateKeyJwt,
    None,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecret => "client_secret",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }
}

pub(super) fn algorithm(name: &str) -> Result<Algorithm, &'static str> {
    Algorithm::from_name(name).ok_or("no such algorithm")
}

fn grant(name: &str) -> Result<GrantType, &'static str> {
    GrantType::registrable(name).ok_or(
        "expected authorization_code, refresh_token, client_credentials, device_code or token_exchange",
    )
}

impl Add {
    fn into_request(self) -> Result<AddClient, Failure> {
        let grant_types =
            if self.grant.is_empty() { GrantType::of_a_login() } else { self.grant.clone() };
        let scopes = self.scope.clone().unwrap_or_else(|| default_scopes(&grant_types));
        let jwks = self.jwks.as_deref().map(read_jwks).transpose()?;
        Ok(AddClient {
            client_id: self.id,
            name: Text { ja: self.name_ja, en: self.name_en },
            purpose: Text { ja: self.purpose_ja, en: self.purpose_en },
            redirect_uris: self.redirect_uri,
            scopes,
            grant_types,
            token_endpoint_auth_method: self.auth.name().to_owned(),
            id_token_signed_response_alg: self.id_token_alg,
            service: self.service,
            native: self.native,
            cross_device: self.cross_device,
            claims_in_id_token: !self.no_claims_in_id_token,
            require_pkce: self.require_pkce,
            required_acr: self.required_acr,
            default_max_age: self.default_max_age,
            jwks,
            jwks_uri: self.jwks_uri,
            post_logout_redirect_uris: self.post_logout_redirect_uri,
        })
    }
}

/// The scopes of a client for which none are named.
fn default_scopes(grants: &[GrantType]) -> Vec<String> {
    let login = [GrantType::AuthorizationCode, GrantType::DeviceCode];
    let people = login.iter().any(|grant| grants.contains(grant));
    people.then(|| "openid".to_owned()).into_iter().collect()
}

fn read_jwks(path: &str) -> Result<serde_json::Value, Failure> {
    let text = text_file::read(path).map_err(Failure::file("read", path))?;
    sekisho_jose::json::parse(text.as_bytes())
        .map_err(|error| Failure::Usage(format!("{path}: no JSON: {error}")))
}

impl Session<'_, '_> {
    pub(super) async fn client(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Add(add) => {
                let dry_run = add.rehearsal.dry_run;
                let call = Call::post("/v1/clients", body(&add.into_request()?)?);
                self.change(call, dry_run, |session, added| session.added_client(&added)).await
            }
            Command::List => self.list(&Call::get("/v1/clients"), "clients", Self::clients).await,
            Command::Remove { client_id, yes, rehearsal } => {
                self.confirm(&client_id, yes, rehearsal.dry_run)?;
                let call = Call::delete(format!("/v1/clients/{}", segment(&client_id)));
                self.change(call, rehearsal.dry_run, |session, row: ClientRow| {
                    session.clients(vec![row]);
                })
                .await
            }
        }
    }

    fn added_client(&mut self, added: &AddedClient) {
        self.fact(&words::CLIENT_ID, &added.client_id);
        if let Some(secret) = &added.client_secret {
            self.fact(&words::CLIENT_SECRET, secret);
            self.remark(&words::SECRET_ONCE);
        }
    }

    fn clients(&mut self, rows: Vec<ClientRow>) {
        let lang = self.lang;
        let headings =
            [words::CLIENT_ID, words::NAME, words::METHOD, words::SERVICE, words::REDIRECT_URI];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            table.row([
                row.client_id.clone(),
                self.pick(&row.name),
                row.token_endpoint_auth_method,
                row.service.unwrap_or_default(),
                row.redirect_uris.join(" "),
            ]);
        }
        self.say(&table.to_string());
    }
}
