//! `sekisho client show`.

use sekisho_broker::admin::{ClientShown, Endpoints, SecretShown};
use serde_json::Value;

use super::path;
use crate::api::Call;
use crate::cli::session::{Session, read, time};
use crate::{Failure, words};

impl Session<'_, '_> {
    pub(super) async fn show_client(&mut self, client_id: &str) -> Result<(), Failure> {
        let answer = self.call(&Call::get(path(client_id, ""))).await?;
        if self.json {
            self.say(&answer.to_string());
            return Ok(());
        }
        self.shown_client(&read(answer)?);
        Ok(())
    }

    fn shown_client(&mut self, client: &ClientShown) {
        let (name, purpose) = (self.pick(&client.name), self.pick(&client.purpose));
        let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.short_name()).collect();
        let keys = client.jwks.as_ref().map(value).unwrap_or_default();
        let max_age = client.default_max_age.map(|seconds| seconds.to_string());
        for (name, value) in [
            (words::CLIENT_ID, client.client_id.clone()),
            (words::NAME, name),
            (words::PURPOSE, purpose),
            (words::GRANTS, grants.join(" ")),
            (words::SCOPES, client.scopes.join(" ")),
            (words::REDIRECT_URI, client.redirect_uris.join(" ")),
            (words::POST_LOGOUT_URI, client.post_logout_redirect_uris.join(" ")),
            (words::METHOD, client.token_endpoint_auth_method.clone()),
            (words::KEYS, client.jwks_uri.clone().unwrap_or(keys)),
            (words::ID_TOKEN_ALG, client.id_token_signed_response_alg.to_string()),
            (words::SERVICE, client.service.clone().unwrap_or_default()),
            (words::SECTOR, client.sector.clone()),
            (words::REQUIRED_ACR, client.required_acr.clone().unwrap_or_default()),
            (words::MAX_AGE, max_age.unwrap_or_default()),
        ] {
            if !value.is_empty() {
                self.fact(&name, &value);
            }
        }
        for (name, on) in [
            (words::NATIVE, client.native),
            (words::CROSS_DEVICE, client.cross_device),
            (words::CLAIMS_IN_ID_TOKEN, client.claims_in_id_token),
            (words::PKCE_DEMANDED, client.require_pkce),
        ] {
            let said = if on { words::YES } else { words::NO };
            let said = said.say(self.lang);
            self.fact(&name, said);
        }
        self.fact(&words::REGISTERED, &time(client.created));
        self.secrets(&client.secrets);
        self.endpoints(&client.endpoints);
    }

    fn secrets(&mut self, secrets: &[SecretShown]) {
        let lang = self.lang;
        for secret in secrets {
            let issued = time(secret.issued);
            let said = match secret.ends.map(time) {
                Some(ends) => {
                    words::SECRET_ENDS.fill(lang, &[("issued", &issued), ("ends", &ends)])
                }
                None => words::SECRET_SINCE.fill(lang, &[("issued", &issued)]),
            };
            self.fact(&words::CLIENT_SECRET, &said);
        }
    }

    /// The URLs of a client, by their names in the discovery document.
    pub(super) fn endpoints(&mut self, endpoints: &Endpoints) {
        let Endpoints { issuer, discovery, token_endpoint, jwks_uri, revocation_endpoint, .. } =
            endpoints;
        for (name, url) in [
            ("issuer", Some(issuer)),
            ("discovery", Some(discovery)),
            ("authorization_endpoint", endpoints.authorization_endpoint.as_ref()),
            ("device_authorization_endpoint", endpoints.device_authorization_endpoint.as_ref()),
            ("token_endpoint", Some(token_endpoint)),
            ("userinfo_endpoint", endpoints.userinfo_endpoint.as_ref()),
            ("jwks_uri", Some(jwks_uri)),
            ("introspection_endpoint", endpoints.introspection_endpoint.as_ref()),
            ("revocation_endpoint", Some(revocation_endpoint)),
            ("end_session_endpoint", endpoints.end_session_endpoint.as_ref()),
        ] {
            if let Some(url) = url {
                self.say(&format!("{name}: {url}"));
            }
        }
    }
}

/// A value of a registration in one line: lists with spaces between, texts in both languages, keys by
/// their `kid`, and secrets by when they were made.
pub(super) fn value(of: &Value) -> String {
    match of {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => entries.iter().map(value).collect::<Vec<_>>().join(" "),
        Value::Object(members) => {
            if let Some(Value::Array(keys)) = members.get("keys") {
                return keys.iter().map(key).collect::<Vec<_>>().join(" ");
            }
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            match (text("ja"), text("en")) {
                (Some(ja), Some(en)) => format!("{ja} / {en}"),
                _ => of.to_string(),
            }
        }
        other => other.to_string(),
    }
}

/// A public key, by its names.
fn key(of: &Value) -> String {
    let text = |name: &str| of.get(name).and_then(Value::as_str).unwrap_or("-");
    format!("{} ({})", text("kid"), text("kty"))
}
