//! Credentials: offered, listed, suspended and resumed, revoked.

use sekisho_ambient::{Secret, Timestamp};
use sekisho_issuer::{IssuedCredential, OfferError, OfferRequest};
use sekisho_jose::Claims;
use sekisho_profile::{Act, Status};
use sekisho_site::audit::short;
use sekisho_standing::own;
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed};
use crate::{Broker, MAX_ROWS};

/// A credential to offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferCredential {
    /// Corporate number of the issuer.
    pub organization: String,
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The claims.
    pub claims: Claims,
    /// Whose credential it is: a stable reference of the issuer, used where the type has no
    /// `member_ref`. Never leaves the broker.
    #[serde(default)]
    pub subject: Option<String>,
    /// Whether the holder must type a code that reaches them another way.
    #[serde(default)]
    pub tx_code: bool,
    /// Days until the credential ends; the type's own limit holds all the same.
    #[serde(default)]
    pub days: Option<u32>,
    /// Whether the link holds the whole offer, for channels that keep it to themselves; else it holds
    /// a reference, which is dead once the offer is redeemed.
    #[serde(default)]
    pub by_value: bool,
    /// What the link begins with: `openid-credential-offer://`, or a wallet's https URL.
    #[serde(default)]
    pub wallet: Option<String>,
}

/// An offer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Offered {
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The link for the wallet.
    pub uri: String,
    /// The transaction code, told this once.
    pub tx_code: Option<String>,
    /// When the offer ends.
    pub expires: Timestamp,
    /// When the credential will end.
    pub credential_expires: Timestamp,
}

/// An issued credential, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialRow {
    /// Its id.
    pub id: String,
    /// Issuing organization.
    pub organization: String,
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Keyed digest of the person, 16 hexadecimal digits.
    pub person: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// `valid`, `revoked`, `suspended` or `expired`.
    pub status: Status,
}

/// Why a status changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeStatus {
    /// Why, for the audit log; no personal data.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Broker {
    /// Offers a credential.
    pub async fn offer_credential(
        &self,
        by: &By,
        offer: &OfferCredential,
    ) -> Result<Changed<Offered>, AdminError> {
        let organization = &offer.organization;
        // The issuer comes first: what is wrong with an offer of nobody does not matter.
        if self.registry.organization(organization).await?.is_none() {
            return Err(AdminError::not_found("organization", organization));
        }
        let draft = self.issuer.draft_offer(&offer.request()).map_err(|error| match error {
            OfferError::UnknownType(name) => AdminError::not_found("credential type", &name),
            error => AdminError::invalid(error),
        })?;
        let sealed = match by.rehearsal {
            true => None,
            false => Some(self.issuer.seal_offer(&draft).await?),
        };
        let told = |code: &Secret<String>| code.expose().clone();
        let offered = Offered {
            type_name: offer.type_name.clone(),
            uri: sealed.as_ref().map(|sealed| sealed.uri.clone()).unwrap_or_default(),
            tx_code: draft.tx_code.as_ref().filter(|_| !by.rehearsal).map(told),
            expires: draft.expires,
            credential_expires: draft.credential_expires,
        };
        let change = Change::new(Act::CredentialOffer, draft.reference())
            .with("organization", organization.as_str())
            .with("type", offer.type_name.as_str())
            .with("person", short(&draft.person));
        self.change(by, change, |tx| {
            if !self.registry.has_organization_in(tx, organization)? {
                return Ok(Err(AdminError::not_found("organization", organization)));
            }
            if let Some(sealed) = &sealed {
                self.issuer.keep_offer_in(tx, sealed)?;
            }
            Ok(Ok(offered.clone()))
        })
        .await
    }

    /// Issued credentials, the newest last; of one organization or of all.
    pub async fn list_credentials(
        &self,
        organization: Option<&str>,
    ) -> Result<Vec<CredentialRow>, AdminError> {
        let mut listed = Vec::new();
        for (id, credential) in self.issuer.list_credentials(MAX_ROWS).await? {
            if organization.is_none_or(|wanted| wanted == credential.organization) {
                let entry = self.standing.entry(&credential.place()).await?;
                let expired = credential.expires <= self.site.now();
                let status = match entry.and_then(Status::from_entry) {
                    Some(status @ (Status::Revoked | Status::Suspended)) => status,
                    _ if expired => Status::Expired,
                    _ => Status::Valid,
                };
                listed.push(row(id, &credential, status));
            }
        }
        Ok(listed)
    }

    /// Revokes a credential, for good: it counts at once here, and for others when their copy of the
    /// list ends.
    pub async fn revoke_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, own::Change::Revoke, why).await
    }

    /// Suspends a credential until it is resumed.
    pub async fn suspend_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, own::Change::Suspend, why).await
    }

    /// Lets a suspended credential count again. What ended because of it stays ended.
    pub async fn resume_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, own::Change::Resume, why).await
    }

    async fn set_status(
        &self,
        by: &By,
        id: &str,
        to: own::Change,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        let act = match to {
            own::Change::Resume => Act::CredentialResume,
            own::Change::Suspend => Act::CredentialSuspend,
            own::Change::Revoke => Act::CredentialRevoke,
        };
        let now = self.site.now();
        let decoys = self.standing.draw_decoys();
        self.change(by, Change::new(act, id).because(why.reason.as_deref()), |tx| {
            let Some(credential) = self.issuer.credential_in(tx, id)? else {
                return Ok(Err(AdminError::not_found("credential", id)));
            };
            if !self.standing.change_in(tx, &credential.place(), id, to, &decoys)? {
                return Ok(Err(revoked_is_final()));
            }
            let status = match to {
                own::Change::Resume if credential.expires <= now => Status::Expired,
                own::Change::Resume => Status::Valid,
                own::Change::Suspend => Status::Suspended,
                own::Change::Revoke => Status::Revoked,
            };
            Ok(Ok(row(id.to_owned(), &credential, status)))
        })
        .await
    }
}

impl OfferCredential {
    fn request(&self) -> OfferRequest<'_> {
        OfferRequest {
            organization: &self.organization,
            type_name: &self.type_name,
            claims: &self.claims,
            subject: self.subject.as_deref(),
            tx_code: self.tx_code,
            days: self.days,
            by_value: self.by_value,
            wallet: self.wallet.as_deref(),
        }
    }
}

fn row(id: String, credential: &IssuedCredential, status: Status) -> CredentialRow {
    CredentialRow {
        id,
        organization: credential.organization.clone(),
        type_name: credential.type_name.clone(),
        person: short(&credential.person),
        issued: credential.issued,
        expires: credential.expires,
        status,
    }
}

fn revoked_is_final() -> AdminError {
    AdminError::Invalid("the credential is revoked, which is final: offer a new one".to_owned())
}
