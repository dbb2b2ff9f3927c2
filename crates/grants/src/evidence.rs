//! What is kept of a presentation: never the presentation itself.

use std::collections::BTreeMap;

use sekisho_ambient::Timestamp;
use sekisho_jose::Claims;
use sekisho_profile::{Channel, Code};
use sekisho_site::Refusal;
use sekisho_standing::Relied;
use sekisho_store::PersonSealed;
use serde::{Deserialize, Serialize};

use crate::Grants;

/// What sealed claims are bound to, beside the person.
const CLAIMS: &str = "evidence claims";

/// Claims by the name of the credential type.
pub type ClaimsByType = BTreeMap<String, Claims>;

/// What is kept of a presentation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// Keyed digest of issuer and member reference.
    pub person: [u8; 32],
    /// Issuer of the login credential.
    pub issuer: String,
    /// The credentials.
    pub relied: Vec<Relied>,
    /// The disclosed claims by type name, sealed under the person's key.
    pub claims: PersonSealed,
    /// What was asked for, as `type/claim`: what a credential did not have is not asked twice.
    pub asked: Vec<String>,
    /// When the presentation was verified.
    pub auth_time: Timestamp,
    /// How the answer came.
    pub channel: Channel,
}

impl Evidence {
    /// When the first of the credentials ends, if any does.
    pub fn ends(&self) -> Option<Timestamp> {
        self.relied.iter().filter_map(|relied| relied.expires).min()
    }
}

impl Grants {
    /// Seals claims under the key of their person.
    pub async fn seal_claims(
        &self,
        person: [u8; 32],
        claims: &ClaimsByType,
    ) -> Result<PersonSealed, Refusal> {
        let key = self.site.store().person_key(&person).await?;
        Ok(key.seal_json(CLAIMS, claims, self.site.entropy())?)
    }

    /// The claims of evidence; they are gone with the key of an erased person.
    pub async fn open_claims(&self, evidence: &Evidence) -> Result<ClaimsByType, Refusal> {
        let key = self.site.store().existing_person_key(&evidence.person).await?;
        let key = key.ok_or_else(|| Refusal::code(Code::Revoked, "erased"))?;
        Ok(key.open_json(CLAIMS, &evidence.claims)?)
    }
}
