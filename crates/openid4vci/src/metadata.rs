//! The credential issuer's metadata (OpenID4VCI 1.0, section 12.2, appendix A.3 and B).
//!
//! Invariant: only what is served is advertised. Endpoints come from the caller, who mounts them;
//! proof algorithms from [`proof::ALGORITHMS`]; names and claims from the credential's type. Batch
//! issuance, encryption, deferral and notification are left out because they are not offered.
//!
//! Leaves to others: signing and serving the document.

use std::collections::BTreeMap;

use sekisho_credential::types::{ClaimRule, CredentialType};
use sekisho_jose::Algorithm;
use serde_json::{Map, Value, json};
use thiserror::Error;
use url::Url;

use crate::offer::is_secure;
use crate::proof;

/// The only credential format that is issued.
pub const FORMAT: &str = "dc+sd-jwt";

/// The part of the metadata URL between host and path (section 12.2.2).
const WELL_KNOWN: &str = "/.well-known/openid-credential-issuer";

/// An organization that issues credentials.
pub struct IssuerDescription<'a> {
    /// The credential issuer identifier, `{origin}/orgs/{number}`.
    pub identifier: &'a str,
    /// The authorization server's issuer identifier, the origin.
    pub authorization_server: &'a str,
    /// URL of the credential endpoint.
    pub credential_endpoint: &'a str,
    /// URL of the nonce endpoint.
    pub nonce_endpoint: &'a str,
    /// The organization's name in Japanese.
    pub name_ja: &'a str,
    /// The organization's name in English.
    pub name_en: &'a str,
    /// The credentials that it issues.
    pub configurations: &'a [Configuration],
}

/// A credential that an organization issues.
pub struct Configuration {
    /// `credential_configuration_id`, unique for this issuer.
    pub id: String,
    /// `scope` that asks for this credential.
    pub scope: String,
    /// `vct`, the type of the credential.
    pub vct: String,
    /// The credential's type, which has names and claims in both languages.
    pub credential_type: &'static CredentialType,
}

/// Builds the metadata document.
pub fn build(issuer: &IssuerDescription<'_>) -> Value {
    let configurations: Map<String, Value> =
        issuer.configurations.iter().map(|one| (one.id.clone(), configuration(one))).collect();
    json!({
        "credential_issuer": issuer.identifier,
        "authorization_servers": [issuer.authorization_server],
        "credential_endpoint": issuer.credential_endpoint,
        "nonce_endpoint": issuer.nonce_endpoint,
        "display": names(issuer.name_ja, issuer.name_en),
        "credential_configurations_supported": configurations,
    })
}

fn configuration(one: &Configuration) -> Value {
    let proof_algorithms: Value =
        proof::ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect();
    let claims: Value = one.credential_type.claims.iter().map(claim).collect();
    let text = one.credential_type.display;
    json!({
        "format": FORMAT,
        "vct": one.vct,
        "scope": one.scope,
        "cryptographic_binding_methods_supported": ["jwk", "did:jwk", "did:key"],
        "credential_signing_alg_values_supported": [Algorithm::Es256.name()],
        "proof_types_supported": {
            "jwt": {"proof_signing_alg_values_supported": proof_algorithms},
        },
        "credential_metadata": {"display": names(text.ja, text.en), "claims": claims},
    })
}

fn claim(rule: &ClaimRule) -> Value {
    json!({
        "path": rule.claim_path(),
        "mandatory": rule.mandatory,
        "display": names(rule.label.ja, rule.label.en),
    })
}

fn names(ja: &str, en: &str) -> Value {
    json!([{"name": ja, "locale": "ja-JP"}, {"name": en, "locale": "en-US"}])
}

/// The URL of the metadata of `identifier`. The well-known part goes between host and path.
pub fn well_known_url(identifier: &str) -> Result<String, MetadataError> {
    let malformed = || MetadataError::Malformed("credential issuer identifier");
    let url = Url::parse(identifier).map_err(|_| malformed())?;
    if !is_secure(identifier) || url.query().is_some() || url.cannot_be_a_base() {
        return Err(malformed());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let mut url = url;
    url.set_path(&format!("{WELL_KNOWN}{path}"));
    Ok(url.into())
}

/// An issuer's metadata, as a wallet reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerMetadata {
    /// The credential issuer identifier.
    pub credential_issuer: String,
    /// The authorization servers. If the document names none, this is the issuer itself.
    pub authorization_servers: Vec<String>,
    /// URL of the credential endpoint.
    pub credential_endpoint: String,
    /// URL of the nonce endpoint, if there is one.
    pub nonce_endpoint: Option<String>,
    /// The issuer's name by locale. A name without a locale is under the empty text.
    pub names: BTreeMap<String, String>,
    /// The credentials, by `credential_configuration_id`.
    pub configurations: BTreeMap<String, ConfigurationMetadata>,
}

/// One credential in an issuer's metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationMetadata {
    /// `format` of the credential.
    pub format: String,
    /// `vct`, for `dc+sd-jwt`.
    pub vct: Option<String>,
    /// The credential's name by locale. A name without a locale is under the empty text.
    pub names: BTreeMap<String, String>,
    /// `credential_metadata` as it came; `null` if absent.
    pub credential_metadata: Value,
}

/// Why metadata was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// `credential_issuer` differs from the identifier that was asked for.
    #[error("metadata of {found}, expected {expected}")]
    Issuer {
        /// The identifier in the document.
        found: String,
        /// The identifier that was asked for.
        expected: String,
    },
    /// A member is missing or malformed.
    #[error("metadata: missing or malformed {0}")]
    Malformed(&'static str),
}

/// The wallet's side: reads the document that was fetched for the issuer `expected`. Unknown
/// members are ignored.
pub fn read(expected: &str, document: &Value) -> Result<IssuerMetadata, MetadataError> {
    let found = text(document, "credential_issuer")?;
    if found != expected {
        let (found, expected) = (found.to_owned(), expected.to_owned());
        return Err(MetadataError::Issuer { found, expected });
    }
    let servers = match document.get("authorization_servers") {
        None => vec![expected.to_owned()],
        Some(servers) => strings(servers)
            .filter(|servers| !servers.is_empty())
            .ok_or(MetadataError::Malformed("authorization_servers"))?,
    };
    let configurations = document
        .get("credential_configurations_supported")
        .and_then(Value::as_object)
        .ok_or(MetadataError::Malformed("credential_configurations_supported"))?;
    Ok(IssuerMetadata {
        credential_issuer: found.to_owned(),
        authorization_servers: servers,
        credential_endpoint: endpoint(document, "credential_endpoint")?,
        nonce_endpoint: document
            .get("nonce_endpoint")
            .map(|_| endpoint(document, "nonce_endpoint"))
            .transpose()?,
        names: names_by_locale(document.get("display")),
        configurations: configurations
            .iter()
            .map(|(id, one)| Ok((id.clone(), read_configuration(one)?)))
            .collect::<Result<_, _>>()?,
    })
}

fn read_configuration(one: &Value) -> Result<ConfigurationMetadata, MetadataError> {
    let metadata = one.get("credential_metadata").cloned().unwrap_or_default();
    Ok(ConfigurationMetadata {
        format: text(one, "format")?.to_owned(),
        vct: one.get("vct").and_then(Value::as_str).map(str::to_owned),
        names: names_by_locale(metadata.get("display")),
        credential_metadata: metadata,
    })
}

fn names_by_locale(display: Option<&Value>) -> BTreeMap<String, String> {
    let entries = display.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |entry: &Value| {
        let locale = entry.get("locale").and_then(Value::as_str).unwrap_or_default();
        Some((locale.to_owned(), entry.get("name")?.as_str()?.to_owned()))
    };
    entries.iter().filter_map(read).collect()
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|one| Some(one.as_str()?.to_owned())).collect()
}

fn endpoint(document: &Value, name: &'static str) -> Result<String, MetadataError> {
    let url = text(document, name)?;
    if is_secure(url) { Ok(url.to_owned()) } else { Err(MetadataError::Malformed(name)) }
}

fn text<'v>(value: &'v Value, name: &'static str) -> Result<&'v str, MetadataError> {
    let text = value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(MetadataError::Malformed(name))
}

#[cfg(test)]
mod tests;
