//! What a service needs to know of its registration: as settings, or as a beginning of a program.
//!
//! No snippet holds a secret: programs are copied and committed, so they read it from the environment.

use clap::ValueEnum;
use sekisho_ambient::Lang;
use sekisho_broker::admin::{AddedClient, GrantType};

use crate::cli::session::Session;
use crate::words;

/// Where one can read on.
const READ_MORE: &str = "spec/connect.md";

/// What is printed to set up a service.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Snippet {
    /// The settings that every program asks for
    Settings,
    /// For Node, with openid-client
    OpenidClient,
    /// For Python, with Authlib
    Authlib,
    /// Nothing
    None,
}

impl Session<'_, '_> {
    pub(super) fn snippet(&mut self, added: &AddedClient, snippet: Snippet) {
        let lang = self.lang;
        // For the other grants there is no program yet that one could begin with.
        let begins = redirects(added) || added.grant_types.contains(&GrantType::ClientCredentials);
        let text = match snippet {
            Snippet::None => return,
            Snippet::OpenidClient if begins => openid_client(added, lang),
            Snippet::Authlib if begins => authlib(added, lang),
            _ => return self.settings_of(added),
        };
        self.say(&text);
    }

    fn settings_of(&mut self, added: &AddedClient) {
        self.say(words::SETTINGS.say(self.lang));
        self.endpoints(&added.endpoints);
        for (name, value) in [
            ("client_id", added.client_id.clone()),
            ("token_endpoint_auth_method", added.token_endpoint_auth_method.clone()),
            ("scope", added.scopes.join(" ")),
            ("redirect_uri", added.redirect_uris.join(" ")),
        ] {
            if !value.is_empty() {
                self.say(&format!("{name}: {value}"));
            }
        }
        self.fact(&words::READ_MORE, READ_MORE);
    }
}

/// A text as a literal of JavaScript and Python, which read JSON's strings alike.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn redirects(added: &AddedClient) -> bool {
    added.grant_types.contains(&GrantType::AuthorizationCode)
}

fn scopes(added: &AddedClient) -> String {
    literal(&added.scopes.join(" "))
}

fn redirect_uri(added: &AddedClient) -> String {
    literal(added.redirect_uris.first().map_or("", String::as_str))
}

/// A program for openid-client 6.
fn openid_client(added: &AddedClient, lang: Lang) -> String {
    let authentication = match added.token_endpoint_auth_method.as_str() {
        "none" => "client.None()",
        "client_secret_post" => "client.ClientSecretPost(process.env.CLIENT_SECRET)",
        "private_key_jwt" => "client.PrivateKeyJwt({ key: privateKey, kid })",
        _ => "client.ClientSecretBasic(process.env.CLIENT_SECRET)",
    };
    let key = match added.token_endpoint_auth_method.as_str() {
        "private_key_jwt" => {
            "const privateKey = await crypto.subtle.importKey(\n  'jwk', JSON.parse(process.env.CLIENT_KEY), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'],\n)\nconst kid = process.env.CLIENT_KEY_ID\n"
        }
        _ => "",
    };
    let insecure = if added.endpoints.issuer.starts_with("http:") {
        "{ execute: [client.allowInsecureRequests] }"
    } else {
        "{}"
    };
    let issuer = literal(&added.endpoints.issuer);
    let id = literal(&added.client_id);
    let install = words::SNIPPET_INSTALL.fill(lang, &[("command", "npm install openid-client@6")]);
    let head = format!(
        "// {install}\nimport * as client from 'openid-client'\n\n{key}const config = await client.discovery(\n  new URL({issuer}), {id}, undefined,\n  {authentication},\n  {insecure},\n)\n"
    );
    let more = words::SNIPPET_MORE.fill(lang, &[("page", READ_MORE)]);
    if !redirects(added) {
        let scope = scopes(added);
        return format!(
            "{head}\nconst tokens = await client.clientCredentialsGrant(config, {{ scope: {scope} }})\nconsole.log(tokens.access_token)\n// {more}"
        );
    }
    let (keep, back) = (words::SNIPPET_KEEP.say(lang), words::SNIPPET_BACK.say(lang));
    let (uri, scope) = (redirect_uri(added), scopes(added));
    format!(
        "{head}\n// {keep}\nconst kept = {{\n  pkceCodeVerifier: client.randomPKCECodeVerifier(),\n  expectedState: client.randomState(),\n  expectedNonce: client.randomNonce(),\n}}\nconst url = client.buildAuthorizationUrl(config, {{\n  redirect_uri: {uri},\n  scope: {scope},\n  state: kept.expectedState,\n  nonce: kept.expectedNonce,\n  code_challenge: await client.calculatePKCECodeChallenge(kept.pkceCodeVerifier),\n  code_challenge_method: 'S256',\n}})\nconsole.log(url.href)\n\n// {back}\nexport async function loggedIn(currentUrl) {{\n  const tokens = await client.authorizationCodeGrant(config, new URL(currentUrl), kept)\n  return tokens.claims()\n}}\n// {more}"
    )
}

/// A program for Authlib 1.
fn authlib(added: &AddedClient, lang: Lang) -> String {
    let method = match added.token_endpoint_auth_method.as_str() {
        "client_secret" => "client_secret_basic",
        other => other,
    };
    let secret = match method {
        "none" => "None",
        "private_key_jwt" => "os.environ['CLIENT_KEY']",
        _ => "os.environ['CLIENT_SECRET']",
    };
    let signs = method == "private_key_jwt";
    let import = if signs { "from authlib.oauth2.rfc7523 import PrivateKeyJWT\n" } else { "" };
    let token = literal(&added.endpoints.token_endpoint);
    let (id, scope, method) = (literal(&added.client_id), scopes(added), literal(method));
    let more = words::SNIPPET_MORE.fill(lang, &[("page", READ_MORE)]);
    let install = |packages: &str| {
        let command = format!("pip install {packages}");
        words::SNIPPET_INSTALL.fill(lang, &[("command", &command)])
    };
    if !redirects(added) {
        let install = install("'authlib>=1.6' requests");
        let register = if signs {
            format!("session.register_client_auth_method(PrivateKeyJWT({token}))\n")
        } else {
            String::new()
        };
        return format!(
            "# {install}\nimport os\nfrom authlib.integrations.requests_client import OAuth2Session\n{import}\nsession = OAuth2Session({id}, {secret}, scope={scope}, token_endpoint_auth_method={method})\n{register}token = session.fetch_token({token}, grant_type='client_credentials')\nprint(token['access_token'])\n# {more}"
        );
    }
    let install = install("'authlib>=1.6' flask requests");
    let register = if signs {
        format!("    client_auth_methods=[PrivateKeyJWT({token})],\n")
    } else {
        String::new()
    };
    let (discovery, uri) = (literal(&added.endpoints.discovery), redirect_uri(added));
    let back = words::SNIPPET_BACK.say(lang);
    let at = literal(&callback(added));
    format!(
        "# {install}\nimport os\nfrom authlib.integrations.flask_client import OAuth\n{import}from flask import Flask, session\n\napp = Flask(__name__)\napp.secret_key = os.environ['FLASK_SECRET_KEY']\nsekisho = OAuth(app).register(\n    'sekisho',\n    client_id={id},\n    client_secret={secret},\n    server_metadata_url={discovery},\n{register}    client_kwargs={{\n        'scope': {scope},\n        'code_challenge_method': 'S256',\n        'token_endpoint_auth_method': {method},\n    }},\n)\n\n@app.get('/login')\ndef login():\n    return sekisho.authorize_redirect({uri})\n\n# {back}\n@app.get({at})\ndef callback():\n    token = sekisho.authorize_access_token()\n    session['user'] = token['userinfo']\n    return session['user']\n# {more}"
    )
}

/// The path of the first redirect URI.
fn callback(added: &AddedClient) -> String {
    let first = added.redirect_uris.first().and_then(|uri| url::Url::parse(uri).ok());
    first.map_or_else(|| "/callback".to_owned(), |url| url.path().to_owned())
}
