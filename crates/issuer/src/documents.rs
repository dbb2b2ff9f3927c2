//! The documents about credential issuers. They are computed from what is enabled, so they cannot
//! disagree with it.

use sekisho_credential::types::metadata;
use sekisho_did::DidDocument;
use sekisho_jose::JwkSet;
use sekisho_keyring::Purpose;
use sekisho_openid4vci::metadata as issuer_metadata;
use sekisho_profile::types;
use sekisho_site::Refusal;
use serde_json::{Value, json};

use crate::Issuer;

impl Issuer {
    /// Whether this organization is a credential issuer here.
    pub async fn is_issuer(&self, organization: &str) -> Result<bool, Refusal> {
        Ok(self.registry.organization(organization).await?.is_some())
    }

    /// Metadata of an organization as a credential issuer (OpenID4VCI 1.0, section 12.2).
    pub async fn issuer_metadata(&self, organization: &str) -> Result<Value, Refusal> {
        let row = self.registry.organization(organization).await?;
        let row = row.ok_or(Refusal::NotFound)?;
        let origin = self.site.origin();
        let identifier = origin.organization(organization);
        Ok(issuer_metadata::build(&issuer_metadata::IssuerDescription {
            identifier: &identifier,
            authorization_server: origin.as_str(),
            credential_endpoint: &origin.credential_endpoint(organization),
            nonce_endpoint: &origin.nonce_endpoint(organization),
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
        let issuer = self.site.origin().organization(organization);
        Ok(json!({"issuer": issuer, "jwks": self.credential_keys(organization).to_value()}))
    }

    /// The DID document of the broker, or of an organization.
    pub async fn did_document(&self, organization: Option<&str>) -> Result<Value, Refusal> {
        let origin = self.site.origin().as_str();
        let (did, keys) = match organization {
            None => {
                let keys = self.keyring.ring().jwks(|purpose| *purpose == Purpose::RequestObject);
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
        self.keyring.ring().jwks(|purpose| *purpose == wanted)
    }

    /// Type metadata: exactly the bytes whose hash the credentials contain (SD-JWT VC, section 6).
    /// `None` for a type or version that does not exist.
    pub fn type_metadata(&self, name: &str, major: &str) -> Option<Vec<u8>> {
        let credential_type = types::find(name)?;
        let authority = self.site.type_authority();
        let expected = types::vct(authority, credential_type.name);
        (expected == format!("{authority}/types/{name}/{major}"))
            .then(|| metadata(credential_type, authority))
    }
}
