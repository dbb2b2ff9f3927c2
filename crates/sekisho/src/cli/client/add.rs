//! `sekisho client add`.

use clap::Args;
use sekisho_ambient::Text;
use sekisho_broker::admin::{AddClient, AddedClient, GrantType};
use sekisho_jose::Algorithm;

use super::snippet::Snippet;
use super::{Method, algorithm, grant, read_jwks};
use crate::cli::Rehearsal;
use crate::cli::session::Session;
use crate::{Failure, words};

#[derive(Args)]
pub(in crate::cli) struct Add {
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
    /// The sector to which it belongs: its services know people by the same sub and user name, and
    /// people are told [default: the host of the first redirect URI, or the client alone]
    #[arg(long, value_name = "NAME")]
    pub(super) sector: Option<String>,
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
    /// What is printed to set up the service
    #[arg(long, value_enum, value_name = "FOR", default_value_t = Snippet::Settings)]
    pub(super) snippet: Snippet,
    #[command(flatten)]
    pub(super) rehearsal: Rehearsal,
}

impl Add {
    pub(super) fn into_request(self) -> Result<AddClient, Failure> {
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
            sector: self.sector,
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

impl Session<'_, '_> {
    pub(super) fn added_client(&mut self, added: &AddedClient, snippet: Snippet) {
        self.fact(&words::CLIENT_ID, &added.client_id);
        self.secret(added.client_secret.as_ref());
        self.say("");
        self.snippet(added, snippet);
    }
}
