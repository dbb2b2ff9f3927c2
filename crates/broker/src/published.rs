//! The documents that the broker publishes, derived from what is enabled and never written beside it.

use sekisho_credential::types::metadata as type_metadata;
use sekisho_did::DidDocument;
use sekisho_jose::JwkSet;
use sekisho_oauth::authorization::ServerRules;
use sekisho_oauth::metadata;
use sekisho_openid4vci::metadata as issuer_metadata;
use sekisho_profile::acr::PHISHING_RESISTANT;
use sekisho_profile::{scopes, types};
use serde_json::{Value, json};

use crate::Broker;
use crate::keys::Purpose;
use crate::login::Refusal;
use crate::ring::{Documents, Ring};
use crate::tables::Organizations;

/// How long verifiers may keep our key documents, in seconds. A key is published at least that long

impl Broker {
    pub(crate) fn authorization_rules(&self) -> ServerRules<'_> {
        ServerRules {
            issuer: self.config().origin.as_str(),
            scopes_supported: scopes::supported(),
            claims_of: scopes::claims_supported,
            authorization_details_types_supported: vec![scopes::GPU_ACCESS],
        }
    }

    /// Discovery (OpenID Connect Discovery 1.0, section 3; RFC 8414) and the keys of ID tokens.
    pub(crate) fn documents_of(&self, ring: &Ring) -> Documents {
        let jwks = ring.jwks(|purpose| *purpose == Purpose::IdToken).to_value();
        Documents {
            discovery: self.discovery_of(ring).to_string().into_bytes().into(),
            jwks: jwks.to_string().into_bytes().into(),
        }
    }

    fn discovery_of(&self, ring: &Ring) -> Value {
        let origin = &self.config().origin;
        let has_gates = !self.config().gates.is_empty();
        let gpu = has_gates.then(|| sekisho_access::DETAILS_TYPE.to_owned()).into_iter().collect();
        let all: Vec<String> = scopes::supported().into_iter().map(str::to_owned).collect();
        metadata::build(&metadata::Enabled {
            issuer: origin.as_str().to_owned(),
            authorization_endpoint: Some(origin.join("/authorize")),
            token_endpoint: Some(origin.join("/token")),
            userinfo_endpoint: Some(origin.join("/userinfo")),
            jwks_uri: Some(origin.join("/jwks")),
            introspection_endpoint: Some(origin.join("/introspect")),
            revocation_endpoint: Some(origin.join("/revoke")),
            end_session_endpoint: Some(origin.join("/logout")),
            id_token_algorithms: ring.algorithms(&Purpose::IdToken),
            acr_values: vec![PHISHING_RESISTANT.to_owned()],
            authorization_details_types: gpu,
            claims: scopes::claims_supported(&all).into_iter().map(str::to_owned).collect(),
            scopes: all,
            pre_authorized_code: true,
            ui_locales: vec!["ja".to_owned(), "en".to_owned()],
            service_documentation: None,
        })
    }

    /// Metadata of an organization as a credential issuer (OpenID4VCI 1.0, section 12.2).
    pub async fn issuer_metadata(&self, organization: &str) -> Result<Value, Refusal> {
        let row = self.store().get::<Organizations>(&organization.to_owned()).await?;
        let row = row.ok_or(Refusal::NotFound)?;
        let origin = &self.config().origin;
        let identifier = origin.organization(organization);
        Ok(issuer_metadata::build(&issuer_metadata::IssuerDescription {
            identifier: &identifier,
            authorization_server: origin.as_str(),
            credential_endpoint: &format!("{identifier}/credential"),
            nonce_endpoint: &format!("{identifier}/nonce"),
            name_ja: &row.name.ja,
            name_en: &row.name.en,
            configurations: &self.configurations(),
        }))
    }

    /// JWT VC Issuer Metadata of an organization (SD-JWT VC, section 5).
    pub async fn jwt_vc_issuer(&self, organization: &str) -> Result<Value, Refusal> {
        if !self.is_issuer(organization).await? {
            return Err(Refusal::NotFound);
        }
        let issuer = self.config().origin.organization(organization);
        Ok(json!({"issuer": issuer, "jwks": self.credential_keys(organization).to_value()}))
    }

    /// The DID document of the broker, or of an organization.
    pub async fn did_document(&self, organization: Option<&str>) -> Result<Value, Refusal> {
        let origin = self.config().origin.as_str();
        let (did, keys) = match organization {
            None => {
                let keys = self.ring().jwks(|purpose| *purpose == Purpose::RequestObject);
                (sekisho_did::did_web(origin, &[]), keys)
            }
            Some(number) => {
                if !self.is_issuer(number).await? {
                    return Err(Refusal::NotFound);
                }
                (sekisho_did::did_web(origin, &["orgs", number]), self.credential_keys(number))
            }
        };
        let did = did.map_err(|_| Refusal::NotFound)?;
        Ok(DidDocument::for_keys(&did, &keys.keys).to_value())
    }

    fn credential_keys(&self, organization: &str) -> JwkSet {
        let wanted = Purpose::Credential { org: organization.to_owned() };
        self.ring().jwks(|purpose| *purpose == wanted)
    }

    /// Type metadata: the very bytes whose hash stands in the credentials (SD-JWT VC, section 6).
    pub fn type_metadata(&self, name: &str, major: &str) -> Option<Vec<u8>> {
        let credential_type = types::find(name)?;
        let authority = &self.config().type_authority;
        let expected = types::vct(authority, credential_type.name);
        (expected == format!("{authority}/types/{name}/{major}"))
            .then(|| type_metadata(credential_type, authority))
    }
}
