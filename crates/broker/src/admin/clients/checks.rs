//! What is checked of a relying party beyond what OAuth demands, whether it is new, changed or only
//! looked at.

use sekisho_ambient::shown;
use sekisho_jose::{JwkError, JwkSet, PublicJwk};
use sekisho_oauth::client::{self, Client, ClientKeys};
use sekisho_profile::acr::PHISHING_RESISTANT;
use sekisho_profile::scopes;
use sekisho_registry::RelyingParty;
use serde_json::Value;

use super::super::AdminError;
use crate::Broker;

impl Broker {
    /// Checks a whole registration, and says the first thing that is wrong with it.
    pub(super) fn check_party(&self, party: &RelyingParty) -> Result<(), AdminError> {
        if let Some(service) = &party.service
            && self.registry.services().service(service).is_none()
        {
            return Err(AdminError::not_found("service", service));
        }
        check_purpose(party)?;
        let client = &party.client;
        client::validate_registration(client, &scopes::supported()).map_err(AdminError::invalid)?;
        if client.required_acr.as_deref().is_some_and(|acr| acr != PHISHING_RESISTANT) {
            let only =
                format!("required_acr: the only acr of a login here is {PHISHING_RESISTANT}");
            return Err(AdminError::Invalid(only));
        }
        check_room(client)?;
        for key in client.authentication.keys() {
            self.refuse_development_key("jwks", &key.thumbprint())?;
        }
        Ok(())
    }
}

/// The keys of a client from `jwks` or `jwks_uri`, of which only one may be given (Registration, 2);
/// `None` if neither is.
pub(super) fn client_keys(
    jwks: Option<&Value>,
    jwks_uri: Option<&String>,
) -> Result<Option<ClientKeys>, AdminError> {
    match (jwks, jwks_uri) {
        (Some(jwks), None) => {
            refuse_private(jwks)?;
            let set = JwkSet::from_value(jwks).map_err(AdminError::invalid)?;
            Ok(Some(ClientKeys::Jwks(set.keys)))
        }
        (None, Some(uri)) => Ok(Some(ClientKeys::JwksUri(uri.clone()))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(AdminError::invalid("either jwks or jwks_uri, and not both")),
    }
}

/// Refuses a set with a private key, and says so: whoever sent it has shown it to us, and it is in a
/// file that was meant to be public.
fn refuse_private(jwks: &Value) -> Result<(), AdminError> {
    let alone = std::slice::from_ref(jwks);
    let keys = jwks.get("keys").and_then(Value::as_array).map_or(alone, Vec::as_slice);
    for (place, key) in keys.iter().enumerate() {
        if let Err(JwkError::Private(member)) = PublicJwk::from_value(key) {
            let kid = key.get("kid").and_then(Value::as_str).unwrap_or_default();
            return Err(AdminError::Invalid(format!(
                "key {} of jwks ({}) is a private key (it has the member {member:?}): make a new key, keep its private half to yourself, and give the public half",
                place.saturating_add(1),
                shown(kid, 64),
            )));
        }
    }
    Ok(())
}

/// Checks the reason that people are shown, which a client needs if people log in for it.
fn check_purpose(party: &RelyingParty) -> Result<(), AdminError> {
    let RelyingParty { client, purpose, .. } = party;
    let missing = [&purpose.ja, &purpose.en].iter().any(|text| text.trim().is_empty());
    if client.logs_people_in() && missing {
        return Err(AdminError::invalid("purpose is needed in Japanese and English"));
    }
    if !purpose.is_visible() {
        return Err(AdminError::invisible("purpose"));
    }
    Ok(())
}

/// Checks that the ID tokens of a client have room for the claims of its scopes, however long they
/// are (checklist IDT-4).
fn check_room(client: &Client) -> Result<(), AdminError> {
    let (longest, room) = (scopes::longest(&client.scopes), scopes::ID_TOKEN_CLAIMS);
    if !client.claims_in_id_token || longest <= room {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "the claims of these scopes can weigh {longest} bytes, and an ID token has room for {room}: \
         register fewer scopes, or let the client read claims at userinfo alone \
         (--no-claims-in-id-token)"
    )))
}
