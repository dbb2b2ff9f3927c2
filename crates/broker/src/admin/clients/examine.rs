//! What would go wrong with a client, before people meet it: its registration, its keys, how it
//! authenticates, and an authorization request that it would send.
//!
//! Nothing begins here: no login, no code, no token. A client assertion that verifies is used up, as at
//! the token endpoint. Only the client's `jwks_uri` is fetched, by the guarded client.

use sekisho_ambient::shown;
use sekisho_oauth::assertion::ASSERTION_TYPE;
use sekisho_oauth::authentication::basic_header;
use sekisho_oauth::client::{ASSERTION_ALGORITHMS, Client, ClientAuthentication, ClientKeys};
use sekisho_oauth::params::Params;
use sekisho_oauth::token::GrantType;
use sekisho_profile::scopes;
use sekisho_registry::{ClientEvidence, RelyingParty, Resources, TokenFailure};
use sekisho_site::paths;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::AdminError;
use super::show::Endpoints;
use crate::Broker;

/// The parameters that the authorization endpoint reads, or ignores on purpose.
const KNOWN: [&str; 24] = [
    "acr_values",
    "audience",
    "authorization_details",
    "claims",
    "claims_locales",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "display",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];
/// Parameters without which a request is taken, and is worse for it.
const ADVISED: [(&str, &str); 3] = [
    ("state", "without state an answer cannot be told from one that was forged"),
    ("nonce", "without nonce an ID token cannot be told from an older one"),
    ("code_challenge", "without PKCE (S256) a stolen code may be redeemed by others"),
];
/// The most of a value that a message repeats, in bytes.
const SHOWN: usize = 120;

/// What to look at, besides the registration.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestClient {
    /// A secret with which the client would authenticate.
    pub secret: Option<String>,
    /// A client assertion with which it would.
    pub assertion: Option<String>,
    /// The URL of an authorization request that it would send a browser to.
    pub url: Option<String>,
}

/// Everything that was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Examined {
    /// The client's id.
    pub client_id: String,
    /// Whether nothing is wrong.
    pub ok: bool,
    /// What was looked at, in order.
    pub findings: Vec<Finding>,
    /// The URLs that the client needs.
    pub endpoints: Endpoints,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The part of the registration, or the parameter.
    pub about: String,
    /// Whether it is right.
    pub found: Found,
    /// What was found, and what to do about it.
    pub message: String,
}

/// Whether something is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// It is right.
    Ok,
    /// It works, and could be better, or was not looked at.
    Note,
    /// It does not work.
    Wrong,
}

/// The findings so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, about: &str, found: Found, message: impl Into<String>) {
        self.0.push(Finding { about: about.to_owned(), found, message: message.into() });
    }

    fn check(&mut self, about: &str, result: Result<String, String>) {
        match result {
            Ok(message) => self.add(about, Found::Ok, message),
            Err(message) => self.add(about, Found::Wrong, message),
        }
    }
}

impl Broker {
    /// Looks for what would go wrong with a client.
    pub async fn test_client(
        &self,
        client_id: &str,
        test: &TestClient,
    ) -> Result<Examined, AdminError> {
        let party = self.registry.find_client(client_id).await?;
        let party = party.ok_or_else(|| AdminError::not_found("client", client_id))?;
        let mut findings = Findings::default();
        let whole = self.check_party(&party).map(|()| registered(&party));
        findings.check("registration", whole.map_err(|error| error.to_string()));
        self.look_at_keys(&party.client, &mut findings).await;
        self.try_authentication(&party, test, &mut findings).await?;
        match &test.url {
            Some(url) => self.look_at_request(url, &party, &mut findings).await?,
            None if party.client.may_use(GrantType::AuthorizationCode) => {
                findings.add("url", Found::Note, "no authorization request was given");
            }
            None => {}
        }
        let findings = findings.0;
        Ok(Examined {
            client_id: client_id.to_owned(),
            ok: findings.iter().all(|finding| finding.found != Found::Wrong),
            findings,
            endpoints: self.endpoints(&party.client),
        })
    }

    /// The public keys of a client that signs assertions.
    async fn look_at_keys(&self, client: &Client, findings: &mut Findings) {
        let ClientAuthentication::PrivateKeyJwt { keys } = &client.authentication else { return };
        let (about, keys) = match keys {
            ClientKeys::Jwks(keys) => ("jwks", Ok(keys.clone())),
            ClientKeys::JwksUri(uri) => {
                let fetched = self.registry.published_keys(uri).await;
                ("jwks_uri", fetched.map(|keys| keys.to_vec()))
            }
        };
        let good = keys.and_then(|keys| {
            let fits = keys.iter().filter(|key| {
                let key = key.verifying_key();
                key.is_ok_and(|key| ASSERTION_ALGORITHMS.iter().any(|alg| key.supports(*alg)))
            });
            let kids: Vec<&str> = fits.map(|key| key.kid().unwrap_or("without kid")).collect();
            match kids.len() {
                0 => Err("no key in it is good for RS256, PS256, ES256 or EdDSA".to_owned()),
                count => {
                    Ok(format!("{count} good for assertions: {}", shown(&kids.join(", "), SHOWN)))
                }
            }
        });
        findings.check(about, good);
    }

    /// Authenticates as the token endpoint does, if there is something to do it with.
    async fn try_authentication(
        &self,
        party: &RelyingParty,
        test: &TestClient,
        findings: &mut Findings,
    ) -> Result<(), AdminError> {
        let client = &party.client;
        let method = client.authentication.method();
        if test.secret.is_none() && test.assertion.is_none() && !client.is_public() {
            let how = match method {
                "private_key_jwt" => "--assertion",
                _ => "--secret-stdin",
            };
            let message = format!("{method} was not tried: there was no {how}");
            findings.add("authentication", Found::Note, message);
            return Ok(());
        }
        let (authorization, form) = sent(client, test);
        let evidence = ClientEvidence {
            endpoint: paths::TOKEN,
            authorization: authorization.as_deref(),
            form: &form,
        };
        let message = match self.registry.authenticate(&evidence).await {
            Ok(proven) if proven.client_id() != client.client_id => {
                let other = shown(proven.client_id(), SHOWN);
                Err(format!("this proves another client, {other}"))
            }
            Ok(_) => Ok(self.authenticated(client, test)),
            Err(TokenFailure::Token(error)) => Err(format!("{error}; {method} is registered")),
            Err(TokenFailure::Store(error)) => return Err(error.into()),
            Err(TokenFailure::Broker(refusal)) => return Err(refusal.into()),
        };
        findings.check("authentication", message);
        Ok(())
    }

    fn authenticated(&self, client: &Client, test: &TestClient) -> String {
        let method = client.authentication.method();
        let secrets = client.authentication.secrets().zip(test.secret.as_ref());
        let found = secrets.and_then(|(secrets, secret)| secrets.find(secret, self.site.now()));
        match found.map(|secret| secret.ends) {
            Some(Some(ends)) => format!(
                "{method} works, with the secret before the present one, which ends {}",
                ends.to_rfc3339_jst()
            ),
            Some(None) => format!("{method} works, with the present secret"),
            None if client.is_public() => {
                "a public client proves nothing: it needs PKCE in each request".to_owned()
            }
            None => format!("{method} works; this assertion is used up now"),
        }
    }

    /// Checks an authorization request as the endpoint does, and begins nothing.
    async fn look_at_request(
        &self,
        url: &str,
        party: &RelyingParty,
        findings: &mut Findings,
    ) -> Result<(), AdminError> {
        let client = &party.client;
        let endpoint = self.site.origin().join(paths::AUTHORIZE);
        let params = match read(url, &endpoint) {
            Ok(params) => params,
            Err(message) => {
                findings.add("url", Found::Wrong, message);
                return Ok(());
            }
        };
        let one = |name: &str| params.one(name).ok().flatten();
        match one("client_id") {
            Some(id) if id == client.client_id => {}
            Some(id) => {
                let message = format!("it is of another client, {}", shown(id, SHOWN));
                findings.add("client_id", Found::Wrong, message);
                return Ok(());
            }
            None => {
                let message = "it is missing, or there twice".to_owned();
                findings.add("client_id", Found::Wrong, message);
                return Ok(());
            }
        }
        let faults = self.logins.faults(&params, party).await?;
        let resources = self.registry.resources().await?;
        for (check, reason) in &faults {
            let more =
                if *check == "redirect_uri" { nearest(client, one(check)) } else { String::new() };
            findings.add(parameter(check), Found::Wrong, format!("{reason}{more}"));
        }
        for name in one("scope").unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
            if let Some(why) = left_out(client, &resources, name) {
                findings.add(
                    "scope",
                    Found::Note,
                    format!("{} is left out: {why}", shown(name, SHOWN)),
                );
            }
        }
        for (name, why) in ADVISED.iter().filter(|(name, _)| !params.has(name)) {
            findings.add(name, Found::Note, *why);
        }
        for (name, _) in params.iter().filter(|(name, _)| !KNOWN.contains(name)) {
            let message = "this parameter is unknown here, and ignored";
            findings.add(&shown(name, SHOWN), Found::Note, message);
        }
        if faults.is_empty() {
            let to = one("redirect_uri").unwrap_or_default();
            let message = format!("people would be asked to log in, and the answer goes to {to}");
            findings.add("url", Found::Ok, message);
        }
        Ok(())
    }
}

/// What a whole registration is, in a line.
fn registered(party: &RelyingParty) -> String {
    let client = &party.client;
    let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.short_name()).collect();
    let scopes = match client.scopes.as_slice() {
        [] => "no scopes".to_owned(),
        scopes => format!("scopes {}", scopes.join(" ")),
    };
    format!("{}; {scopes}; redirect URIs: {}", grants.join(", "), client.redirect_uris.len())
}

/// The header and the form of a token request with this proof, sent in the way that is registered.
fn sent(client: &Client, test: &TestClient) -> (Option<String>, Params) {
    let id = || ("client_id".to_owned(), client.client_id.clone());
    if let Some(assertion) = &test.assertion {
        let form = [
            ("client_assertion_type".to_owned(), ASSERTION_TYPE.to_owned()),
            ("client_assertion".to_owned(), assertion.clone()),
        ];
        return (None, Params::from_pairs(form));
    }
    match (&test.secret, client.authentication.method()) {
        (None, _) => (None, Params::from_pairs([id()])),
        (Some(secret), "client_secret_post") => {
            let secret = ("client_secret".to_owned(), secret.clone());
            (None, Params::from_pairs([id(), secret]))
        }
        (Some(secret), _) => (Some(basic_header(&client.client_id, secret)), Params::default()),
    }
}

/// The parameters of a request to this endpoint.
fn read(url: &str, endpoint: &str) -> Result<Params, String> {
    let (before, query) = url.split_once('?').ok_or("it has no query (?…)")?;
    if Url::parse(url).is_err() {
        return Err("it is no URL".to_owned());
    }
    if before != endpoint {
        let before = shown(before, SHOWN);
        return Err(format!("it goes to {before}, and the authorization endpoint is {endpoint}"));
    }
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    Params::parse(query).map_err(|error| error.to_string())
}

/// The parameter that a check of the authorization endpoint is about.
fn parameter(check: &'static str) -> &'static str {
    match check {
        "pkce" => "code_challenge",
        "something_asked" => "scope",
        "grant" => "grant_types",
        "resources" => "resource",
        "request_object" => "request",
        other => other,
    }
}

/// Why a scope of a request is left out; `None` if it is not, or belongs to a resource of the client.
fn left_out(client: &Client, resources: &Resources, name: &str) -> Option<&'static str> {
    let of_resource = resources
        .iter()
        .any(|one| one.resource.is_for(&client.client_id) && one.resource.has_scope(name));
    if client.may_ask_for(name) || of_resource {
        return None;
    }
    Some(if scopes::supported().contains(&name) {
        "the client is not registered for it"
    } else {
        "there is no such scope here, or its resource is not this client's"
    })
}

/// The registered redirect URIs, and how the one that was sent differs from one of them.
fn nearest(client: &Client, sent: Option<&str>) -> String {
    let registered = &client.redirect_uris;
    let all = shown(&registered.join(" "), 4 * SHOWN);
    let Some(sent) = sent else {
        return format!(": it is missing, or there twice; registered: {all}");
    };
    let differ = registered.iter().find_map(|uri| difference(uri, sent));
    let differ = differ.map(|how| format!(": {how}")).unwrap_or_default();
    format!("{differ}; sent: {}; registered: {all}", shown(sent, SHOWN))
}

/// How two URIs differ that were meant to be the same.
fn difference(registered: &str, sent: &str) -> Option<&'static str> {
    if registered.trim_end_matches('/') == sent.trim_end_matches('/') {
        return Some("they differ in the slash at the end");
    }
    if registered.eq_ignore_ascii_case(sent) {
        return Some("they differ in capital letters");
    }
    let (registered, sent) = (Url::parse(registered).ok()?, Url::parse(sent).ok()?);
    let same = |part: fn(&Url) -> Option<String>| part(&registered) == part(&sent);
    let scheme = same(|url| Some(url.scheme().to_owned()));
    let host = same(|url| url.host_str().map(str::to_owned));
    let port = same(|url| url.port_or_known_default().map(|port| port.to_string()));
    let path = same(|url| Some(url.path().to_owned()));
    let query = same(|url| url.query().map(str::to_owned));
    match (scheme, host, port, path, query) {
        (false, true, _, true, true) => Some("they differ in the scheme"),
        (true, true, false, true, true) => Some("they differ in the port"),
        (true, false, true, true, true) => Some("they differ in the host"),
        (true, true, true, false, true) => Some("they differ in the path"),
        (true, true, true, true, false) => Some("they differ in the query"),
        (true, true, true, true, true) => Some("they are written in different ways"),
        _ => None,
    }
}
