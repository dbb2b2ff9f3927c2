//! What is stored about a presentation. The presentation itself is never stored.

use std::collections::BTreeMap;

use sekisho_ambient::Timestamp;
use sekisho_jose::Claims;
use sekisho_profile::{Channel, Code};
use sekisho_site::Refusal;
use sekisho_standing::Relied;
use sekisho_store::PersonSealed;
use serde::{Deserialize, Serialize};

use crate::Grants;

/// The label under which claims are sealed, besides the person.
const CLAIMS: &str = "evidence claims";

/// Disclosed claims, by the name of the credential type.
pub type ClaimsByType = BTreeMap<String, Claims>;

/// What is stored about a verified presentation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// Keyed digest of the issuer and the member reference; identifies the person.
    pub person: [u8; 32],
    /// The identifier of the issuer of the login credential.
    pub issuer: String,
    /// The credentials that were presented and must stay valid.
    pub relied: Vec<Relied>,
    /// The disclosed claims by type name, sealed under the person's key.
    pub claims: PersonSealed,
    /// The claims that were asked for, as `type/claim`. A claim that a credential did not contain
    /// is not asked for again.
    pub asked: Vec<String>,
    /// When the presentation was verified.
    pub auth_time: Timestamp,
    /// Whether the wallet answered on the same device or on another one.
    pub channel: Channel,
}

impl Evidence {
    /// When the first of the credentials expires; `None` if none does.
    pub fn ends(&self) -> Option<Timestamp> {
        self.relied.iter().filter_map(|relied| relied.expires).min()
    }
}

impl Grants {
    /// Seals claims under the key of the person. Makes that key if the person has none.
    pub async fn seal_claims(
        &self,
        person: [u8; 32],
        claims: &ClaimsByType,
    ) -> Result<PersonSealed, Refusal> {
        let key = self.site.store().person_key(&person).await?;
        Ok(key.seal_json(CLAIMS, claims, self.site.entropy())?)
    }

    /// Opens the claims of `evidence`. `Code::Revoked` if the person was erased, because the key is
    /// deleted then.
    pub async fn open_claims(&self, evidence: &Evidence) -> Result<ClaimsByType, Refusal> {
        let key = self.site.store().existing_person_key(&evidence.person).await?;
        let key = key.ok_or_else(|| Refusal::code(Code::Revoked, "erased"))?;
        Ok(key.open_json(CLAIMS, &evidence.claims)?)
    }
}
