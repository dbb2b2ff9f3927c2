//! Credentials: offered, listed, suspended and resumed, revoked.

use sekisho_ambient::{Handle, Timestamp};
use sekisho_credential::types::{REGISTERED, expiry, validate};
use sekisho_jose::Claims;
use sekisho_openid4vci::offer::{self, CredentialOffer, InputMode, PreAuthorizedGrant, TxCode};
use sekisho_openid4vci::pre_authorized::{PreAuthorized, TxCodeDigest, draw_tx_code};
use sekisho_profile::types;
use sekisho_profile::{Act, lifetimes};
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Changed, MAX_ROWS};
use crate::Broker;
use crate::audit::Detail as _;
use crate::issuance::OFFERED;
use crate::status_list::OwnList;
use crate::tables::{
    Credentials, IssuedCredential, OfferLink, OfferLinks, OfferRow, Offers, Organizations,
    StatusEntries, StatusEntry,
};

/// Digits of a transaction code.
const TX_CODE_DIGITS: u32 = 6;

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
    pub status: String,
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
        if self.store().get::<Organizations>(organization).await?.is_none() {
            let id = organization.clone();
            return Err(AdminError::NotFound { kind: "organization", id });
        }
        let credential_type = types::find(&offer.type_name).ok_or_else(|| {
            AdminError::NotFound { kind: "credential type", id: offer.type_name.clone() }
        })?;
        if let Some(name) = REGISTERED.iter().find(|name| offer.claims.contains_key(**name)) {
            return Err(AdminError::Invalid(format!("{name} is set by the issuer")));
        }
        validate(credential_type, &offer.claims).map_err(AdminError::invalid)?;
        let attested = offer.claims.get("org_corporate_number").and_then(|value| value.as_str());
        if attested.is_some_and(|attested| attested != organization) {
            return Err(AdminError::Invalid(
                "org_corporate_number must be the issuing organization's".to_owned(),
            ));
        }
        let now = self.clock().now();
        let wanted = offer.days.map(|days| now.plus(i64::from(days).saturating_mul(86_400)));
        let credential_expires = expiry(credential_type, now, wanted);
        if credential_expires <= now {
            return Err(AdminError::Invalid("days must be 1 or more".to_owned()));
        }
        let issuer = self.config().origin.organization(organization);
        let member_ref = offer.claims.get("member_ref").and_then(|value| value.as_str());
        let subject = member_ref.or(offer.subject.as_deref()).ok_or_else(|| {
            AdminError::Invalid("subject is needed for a type without member_ref".to_owned())
        })?;
        let person = self.digests().person(&issuer, subject);
        let expires = now.plus(lifetimes::OFFER);
        let tx_code = offer.tx_code.then(|| draw_tx_code(TX_CODE_DIGITS, self.entropy()));
        let code = Handle::new(expires, self.entropy());
        let link = Handle::new(expires, self.entropy());
        let reference = self.config().origin.join(&format!("/offers/{}", link.expose()));
        let wallet = offer.wallet.as_deref().unwrap_or("openid-credential-offer://");
        let result = Offered {
            type_name: offer.type_name.clone(),
            uri: String::new(),
            tx_code: tx_code.as_ref().map(|code| code.expose().clone()),
            expires,
            credential_expires,
        };
        if by.dry_run {
            let result = Offered { tx_code: None, ..result };
            return Ok(Changed { audit_id: None, result });
        }
        let document = CredentialOffer {
            credential_issuer: issuer,
            credential_configuration_ids: vec![offer.type_name.clone()],
            pre_authorized: Some(PreAuthorizedGrant {
                code: code.expose().to_owned(),
                tx_code: offer.tx_code.then_some(TxCode {
                    input_mode: InputMode::Numeric,
                    length: Some(TX_CODE_DIGITS),
                    description: None,
                }),
                authorization_server: None,
            }),
        };
        let uri = if offer.by_value {
            document.link_by_value(wallet)
        } else {
            offer::link_by_reference(wallet, &reference)
        };
        let result = Offered { uri, ..result };
        let mac_key = self.store().mac_key("tx-code");
        let digest =
            tx_code.as_ref().map(|code| TxCodeDigest::new(code.expose(), &mac_key, self.entropy()));
        let key = self.store().person_key(&person).await?;
        let claims =
            key.seal_json(OFFERED, &offer.claims, self.entropy()).map_err(AdminError::invalid)?;
        let row = OfferRow {
            organization: organization.clone(),
            type_name: offer.type_name.clone(),
            person,
            claims,
            credential_expires,
            state: PreAuthorized::offered(digest),
        };
        let link_row = OfferLink { document: document.to_value(), offer: code.key() };
        let (entry, id) = self.act_entry(by, now, Act::CredentialOffer, &code.key().reference());
        let entry = entry
            .with("organization", organization.as_str())
            .with("type", offer.type_name.as_str())
            .with("person", crate::audit::short(&person));
        self.store()
            .transact(|tx| {
                tx.put::<Offers>(&code.key(), &row)?;
                if !offer.by_value {
                    tx.put::<OfferLinks>(&link.key(), &link_row)?;
                }
                tx.append(entry.clone());
                Ok(())
            })
            .await?;
        Ok(Changed { audit_id: Some(id), result })
    }

    /// Issued credentials, the newest last; of one organization or of all.
    pub async fn list_credentials(
        &self,
        organization: Option<&str>,
    ) -> Result<Vec<CredentialRow>, AdminError> {
        let rows = self.store().scan::<Credentials>(std::ops::Bound::Unbounded, MAX_ROWS).await?;
        let mut listed = Vec::new();
        for (id, credential) in rows {
            if organization.is_none_or(|wanted| wanted == credential.organization) {
                listed.push(self.credential_row(id, &credential).await?);
            }
        }
        Ok(listed)
    }

    async fn credential_row(
        &self,
        id: String,
        credential: &IssuedCredential,
    ) -> Result<CredentialRow, AdminError> {
        let (list, index) = place(credential);
        let entry = self.store().get::<StatusEntries>(&list.entry(index)).await?;
        let now = self.clock().now();
        let status = match entry.map(|entry| entry.value) {
            Some(1) => "revoked",
            Some(2) => "suspended",
            _ if credential.expires <= now => "expired",
            _ => "valid",
        };
        Ok(CredentialRow {
            id,
            organization: credential.organization.clone(),
            type_name: credential.type_name.clone(),
            person: crate::audit::short(&credential.person),
            issued: credential.issued,
            expires: credential.expires,
            status: status.to_owned(),
        })
    }

    /// Revokes a credential, for good: it counts at once here, and for others when their copy of the
    /// list ends.
    pub async fn revoke_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, Standing::Revoked, why).await
    }

    /// Suspends a credential until it is resumed.
    pub async fn suspend_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, Standing::Suspended, why).await
    }

    /// Lets a suspended credential count again. What ended because of it stays ended.
    pub async fn resume_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, Standing::Valid, why).await
    }

    async fn set_status(
        &self,
        by: &By,
        id: &str,
        to: Standing,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        let missing = || AdminError::NotFound { kind: "credential", id: id.to_owned() };
        let credential =
            self.store().get::<Credentials>(&id.to_owned()).await?.ok_or_else(missing)?;
        let mut result = self.credential_row(id.to_owned(), &credential).await?;
        if result.status == Standing::Revoked.name() && to != Standing::Revoked {
            return Err(revoked_is_final());
        }
        let now = self.clock().now();
        if to == Standing::Valid && credential.expires <= now {
            "expired".clone_into(&mut result.status);
        } else {
            to.name().clone_into(&mut result.status);
        }
        if by.dry_run {
            return Ok(Changed { audit_id: None, result });
        }
        let (list, index) = place(&credential);
        let decoys = self.draw_decoys();
        let (entry, audit_id) = self.act_entry(by, now, to.act(), id);
        let entry = match &why.reason {
            Some(reason) => entry.because(reason.as_str()),
            None => entry,
        };
        let changed = self
            .store()
            .transact(|tx| {
                let before = tx.get::<StatusEntries>(&list.entry(index))?;
                let revoked = before.is_some_and(|entry| entry.value == Standing::Revoked.value());
                if revoked && to != Standing::Revoked {
                    return Ok(false);
                }
                let value = StatusEntry { value: to.value(), credential: id.to_owned() };
                tx.put::<StatusEntries>(&list.entry(index), &value)?;
                list.change(tx, &decoys)?;
                tx.append(entry.clone());
                Ok(true)
            })
            .await?;
        if !changed {
            return Err(revoked_is_final());
        }
        Ok(Changed { audit_id: Some(audit_id), result })
    }
}

/// What a status entry can say (Token Status List, section 7.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Valid,
    Revoked,
    Suspended,
}

impl Standing {
    const fn value(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Revoked => 1,
            Self::Suspended => 2,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
        }
    }

    const fn act(self) -> Act {
        match self {
            Self::Valid => Act::CredentialResume,
            Self::Revoked => Act::CredentialRevoke,
            Self::Suspended => Act::CredentialSuspend,
        }
    }
}

fn revoked_is_final() -> AdminError {
    AdminError::Invalid("the credential is revoked, which is final: offer a new one".to_owned())
}

fn place(credential: &IssuedCredential) -> (OwnList, u64) {
    let list =
        OwnList { organization: credential.organization.clone(), number: credential.status_list };
    (list, credential.status_index)
}
