//! The documents about this server and its keys. They are computed from what is enabled, so they
//! cannot disagree with it (OpenID Connect Discovery 1.0, section 3; RFC 8414; RFC 7517, section
//! 5).

use std::sync::{Arc, PoisonError};

use sekisho_keyring::{Purpose, Ring};
use sekisho_oauth::metadata;
use sekisho_profile::acr::PHISHING_RESISTANT;
use sekisho_profile::scopes;
use sekisho_site::paths;
use sekisho_store::StoreError;
use serde_json::Value;

use crate::Grants;

/// The documents as served. They are computed once for each generation of the keys.
#[derive(Clone)]
pub struct Documents {
    generation: u64,
    /// The discovery document, as JSON.
    pub discovery: Arc<[u8]>,
    /// The JWK Set with the keys that sign ID tokens, and access tokens of resources without keys of
    /// their own, as JSON.
    pub jwks: Arc<[u8]>,
}

impl Grants {
    /// The documents for the keys that are in memory now.
    pub fn documents(&self) -> Arc<Documents> {
        let ring = self.keyring.ring();
        let kept = self.documents.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.generation == ring.generation()) {
            return kept;
        }
        let main = [Purpose::IdToken, Purpose::AccessToken { resource: None }];
        let jwks = ring.jwks(|purpose| main.contains(purpose)).to_value();
        let documents = Arc::new(Documents {
            generation: ring.generation(),
            discovery: self.discovery(&ring).to_string().into_bytes().into(),
            jwks: jwks.to_string().into_bytes().into(),
        });
        let mut kept = self.documents.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Arc::clone(&documents));
        documents
    }

    /// The JWK Set of a resource that has keys of its own; `None` if there is no such resource.
    pub async fn resource_jwks(&self, id: &str) -> Result<Option<Value>, StoreError> {
        let resources = self.registry.resources().await?;
        if !resources.find(id).is_some_and(|one| one.resource.own_key) {
            return Ok(None);
        }
        let purpose = Purpose::AccessToken { resource: Some(id.to_owned()) };
        Ok(Some(self.keyring.ring().jwks(|of| *of == purpose).to_value()))
    }

    fn discovery(&self, ring: &Ring) -> Value {
        let origin = self.site.origin();
        let has_gates = !self.registry.services().gates().is_empty();
        let gpu = has_gates.then(|| scopes::GPU_ACCESS.to_owned()).into_iter().collect();
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let all = owned(scopes::supported());
        metadata::build(&metadata::Enabled {
            issuer: origin.as_str().to_owned(),
            authorization_endpoint: Some(origin.join(paths::AUTHORIZE)),
            token_endpoint: Some(origin.join(paths::TOKEN)),
            device_authorization_endpoint: Some(origin.join(paths::DEVICE_AUTHORIZATION)),
            userinfo_endpoint: Some(origin.join(paths::USERINFO)),
            jwks_uri: Some(origin.join(paths::JWKS)),
            introspection_endpoint: Some(origin.join(paths::INTROSPECT)),
            revocation_endpoint: Some(origin.join(paths::REVOKE)),
            end_session_endpoint: Some(origin.join(paths::LOGOUT)),
            id_token_algorithms: ring.algorithms(&Purpose::IdToken),
            acr_values: vec![PHISHING_RESISTANT.to_owned()],
            authorization_details_types: gpu,
            claims: owned(scopes::claims_supported(&all)),
            scopes: all,
            pre_authorized_code: true,
            ui_locales: owned(vec!["ja", "en"]),
            service_documentation: None,
        })
    }
}
