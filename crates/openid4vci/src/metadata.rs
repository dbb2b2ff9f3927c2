//! The credential issuer's metadata (OpenID4VCI 1.0, section 12.2).
use sekisho_credential::types::CredentialType;
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// An organization as a credential issuer.
pub struct IssuerDescription<'a> {
    /// The credential issuer identifier, `{origin}/orgs/{number}`.
    pub identifier: &'a str,
    /// The authorization server's issuer identifier.
    pub authorization_server: &'a str,
    /// URL.
    pub credential_endpoint: &'a str,
    /// URL.
    pub nonce_endpoint: &'a str,
    /// The organization's name in Japanese.
    pub name_ja: &'a str,
    /// The organization's name in English.
    pub name_en: &'a str,
    /// What it issues.
    pub configurations: &'a [Configuration],
}

/// A credential that an organization issues.
pub struct Configuration {
    /// `credential_configuration_id`.
    pub id: String,
    /// `scope`.
    pub scope: String,
    /// `vct`.
    pub vct: String,
    /// The type, for names and claims in both languages.
    pub credential_type: &'static CredentialType,
}

/// A foreign or own issuer's metadata, read by a wallet.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerMetadata {
    /// The credential issuer identifier.
    pub credential_issuer: String,
    /// The authorization servers; the issuer itself if it names none.
    pub authorization_servers: Vec<String>,
    /// URL.
    pub credential_endpoint: String,
    /// URL.
    pub nonce_endpoint: Option<String>,
    /// The issuer's name by locale.
    pub names: BTreeMap<String, String>,
    /// By `credential_configuration_id`.
    pub configurations: BTreeMap<String, ConfigurationMetadata>,
}

/// One credential of an issuer's metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationMetadata {
    /// Format.
    pub format: String,
    /// `vct`, for `dc+sd-jwt`.
    pub vct: Option<String>,
    /// The type's name by locale.
    pub names: BTreeMap<String, String>,
    /// `credential_metadata` as it came, `null` if absent.
    pub credential_metadata: Value,
}

/// Why metadata was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// `credential_issuer` is another than the identifier that was asked for.
    #[error("metadata of {found}, expected {expected}")]
    Issuer {
        /// In the document.
        found: String,
        /// Asked for.
        expected: String,
    },
    /// A member is missing or malformed.
    #[error("metadata: malformed {0}")]
    Malformed(&'static str),
}

/// The metadata document.
pub fn build(issuer: &IssuerDescription<'_>) -> Value {
    let _ = issuer;
    todo!()
}

/// The wallet's side: reads the document of the issuer `expected`.
pub fn read(expected: &str, document: &Value) -> Result<IssuerMetadata, MetadataError> {
    let _ = (expected, document);
    todo!()
}

/// Where the metadata of `identifier` stands: the well-known part between host and path (section 12.2.2).
pub fn well_known_url(identifier: &str) -> Result<String, MetadataError> {
    let _ = identifier;
    todo!()
}
