//! Administration of credentials: offer, list, suspend, resume and revoke.

use sekisho_ambient::{Secret, Timestamp};
use sekisho_credential::status::Status::Invalid;
use sekisho_issuer::{Cursor, IssuedCredential, OfferError, OfferRequest};
use sekisho_jose::Claims;
use sekisho_profile::{Act, Outcome, Reason, Status};
use sekisho_site::audit::{Detail as _, entry, short};
use sekisho_standing::own;
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed};
use crate::Broker;

/// The most credentials that one page lists.
const PAGE: usize = 1000;
/// The most credentials that are looked at for one page.
const MAX_EXAMINED: usize = 20_000;

/// A request to offer a credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferCredential {
    /// The corporate number of the organization that issues.
    pub organization: String,
    /// The name of the credential type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The claims that the credential will contain.
    pub claims: Claims,
    /// The issuer's stable reference for the person, needed if the type has no `member_ref`. It
    /// never leaves the broker.
    #[serde(default)]
    pub subject: Option<String>,
    /// The id of a credential that the holder has. The new one is linked to its holder, so that both
    /// can be presented together although a wallet keeps them under different keys.
    #[serde(default)]
    pub holder: Option<String>,
    /// Whether the holder must type a code that reaches them by another channel.
    #[serde(default)]
    pub tx_code: bool,
    /// Days until the credential ends; the limit of the type applies too.
    #[serde(default)]
    pub days: Option<u32>,
    /// Whether the link contains the whole offer, for channels that are confidential. Else it
    /// contains a reference, which stops working once the offer is redeemed.
    #[serde(default)]
    pub by_value: bool,
    /// What the link begins with: `openid-credential-offer://` (the default), or a wallet's https
    /// URL.
    #[serde(default)]
    pub wallet: Option<String>,
}

/// The answer to an offer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Offered {
    /// The name of the credential type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The link for the wallet; empty in a rehearsal.
    pub uri: String,
    /// The transaction code, shown only this once; `None` if the offer needs none.
    pub tx_code: Option<String>,
    /// When the offer ends.
    pub expires: Timestamp,
    /// When the credential will end.
    pub credential_expires: Timestamp,
}

/// An issued credential, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialRow {
    /// The id of the credential.
    pub id: String,
    /// The corporate number of the organization that issued it.
    pub organization: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Keyed digest of the person, 16 hexadecimal digits.
    pub person: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// When the credential expires.
    pub expires: Timestamp,
    /// `valid`, `revoked`, `suspended` or `expired`.
    pub status: Status,
}

/// Which credentials to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialQuery {
    /// Only those of this organization: its corporate number.
    pub organization: Option<String>,
    /// Only those of this type.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// Only those of this person, as a row names them: 16 hexadecimal digits.
    pub person: Option<String>,
    /// Only those that have this status.
    pub status: Option<Status>,
    /// Only those after this place, which the page before named as `next`.
    pub after: Option<String>,
    /// The most rows of this page, from 1 to 1,000 (the default).
    pub limit: Option<usize>,
    /// Whether the newest come first; otherwise the oldest do.
    #[serde(default)]
    pub newest: bool,
}

impl CredentialQuery {
    fn wants(&self, credential: &IssuedCredential) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.organization, &credential.organization)
            && is(&self.type_name, &credential.type_name)
            && is(&self.person, &short(&credential.person))
    }
}

/// A part of the list of credentials.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CredentialPage {
    /// The rows, in the order of issue.
    pub credentials: Vec<CredentialRow>,
    /// The place after which the list goes on; `None` if this is the end.
    pub next: Option<String>,
}

/// A request to revoke, suspend or resume a credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeStatus {
    /// The reason, for the audit log. It must contain no personal data.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Broker {
    /// Offers a credential to one person.
    pub async fn offer_credential(
        &self,
        by: &By,
        offer: &OfferCredential,
    ) -> Result<Changed<Offered>, AdminError> {
        let organization = &offer.organization;
        // Check the issuer first: other faults do not matter if it does not exist.
        if self.registry.organization(organization).await?.is_none() {
            return Err(AdminError::not_found("organization", organization));
        }
        let draft = self.issuer.draft_offer(&offer.request()).map_err(|error| match error {
            OfferError::UnknownType(name) => AdminError::not_found("credential type", &name),
            error => AdminError::invalid(error),
        })?;
        let sealed = if by.rehearsal { None } else { Some(self.issuer.seal_offer(&draft).await?) };
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
        let change = match &offer.holder {
            Some(holder) => change.with("holder", holder.as_str()),
            None => change,
        };
        let now = self.site.now();
        self.change(by, change, |tx| {
            if !self.registry.has_organization_in(tx, organization)? {
                return Ok(Err(AdminError::not_found("organization", organization)));
            }
            if let Some(holder) = &offer.holder
                && let Err(refused) = self.check_holder_in(tx, holder, now)?
            {
                return Ok(Err(refused));
            }
            if let Some(sealed) = &sealed {
                self.issuer.keep_offer_in(tx, sealed)?;
            }
            Ok(Ok(offered.clone()))
        })
        .await
    }

    /// Checks that the credential with this id can name the holder of an offer.
    fn check_holder_in(
        &self,
        tx: &mut Tx,
        id: &str,
        now: Timestamp,
    ) -> Result<Result<(), AdminError>, StoreError> {
        if self.issuer.credential_in(tx, id)?.is_none() {
            return Ok(Err(AdminError::not_found("credential", id)));
        }
        let holder = self.issuer.holder_in(tx, id, now)?;
        let refused = || {
            let reason = "the credential that names the holder is not valid: name a valid one";
            AdminError::Invalid(reason.to_owned())
        };
        Ok(holder.map(|_| ()).ok_or_else(refused))
    }

    /// Lists all issued credentials of one organization or of all, newest last.
    pub async fn list_credentials(
        &self,
        organization: Option<&str>,
    ) -> Result<Vec<CredentialRow>, AdminError> {
        let organization = organization.map(str::to_owned);
        let mut query = CredentialQuery { organization, ..CredentialQuery::default() };
        let mut listed = Vec::new();
        loop {
            let page = self.page_credentials(&query).await?;
            listed.extend(page.credentials);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(listed),
            }
        }
    }

    /// Lists issued credentials in the order of issue. A page may have fewer rows than were asked
    /// for, and even none: the list goes on as long as it has a `next`.
    pub async fn page_credentials(
        &self,
        query: &CredentialQuery,
    ) -> Result<CredentialPage, AdminError> {
        let limit = query.limit.unwrap_or(PAGE);
        if limit == 0 || limit > PAGE {
            return Err(AdminError::Invalid(format!("limit is from 1 to {PAGE}")));
        }
        let after = query.after.as_deref().map(str::parse::<Cursor>).transpose();
        let mut after = after.map_err(|why| AdminError::Invalid(format!("after: {why}")))?;
        let (mut credentials, mut examined) = (Vec::new(), 0_usize);
        while examined < MAX_EXAMINED {
            let rows = self.issuer.page_credentials(after.as_ref(), query.newest, PAGE).await?;
            let whole = rows.len() == PAGE;
            examined = examined.saturating_add(rows.len());
            for (cursor, row) in self.with_status(rows, query).await? {
                after = Some(cursor);
                credentials.extend(row);
                if credentials.len() == limit {
                    let next = after.map(|cursor| cursor.to_string());
                    return Ok(CredentialPage { credentials, next });
                }
            }
            if !whole {
                return Ok(CredentialPage { credentials, next: None });
            }
        }
        Ok(CredentialPage { credentials, next: after.map(|cursor| cursor.to_string()) })
    }

    /// Pairs each place with the row to be listed there, or with none if the query leaves it out.
    async fn with_status(
        &self,
        rows: Vec<(Cursor, IssuedCredential)>,
        query: &CredentialQuery,
    ) -> Result<Vec<(Cursor, Option<CredentialRow>)>, StoreError> {
        let wanted = |credential: &IssuedCredential| query.wants(credential);
        let places: Vec<_> = rows
            .iter()
            .filter(|(_, credential)| wanted(credential))
            .map(|(_, credential)| credential.place())
            .collect();
        let mut entries = self.standing.entries(&places).await?.into_iter();
        let now = self.site.now();
        let listed = rows.into_iter().map(|(cursor, credential)| {
            if !wanted(&credential) {
                return (cursor, None);
            }
            let entry = entries.next().flatten();
            // An entry that is missing counts as revoked, so it is listed as that.
            let status = match entry.map_or(Some(Status::Revoked), Status::from_entry) {
                Some(status @ (Status::Revoked | Status::Suspended)) => status,
                _ if credential.expires <= now => Status::Expired,
                _ => Status::Valid,
            };
            let row = row(cursor.id.clone(), &credential, status);
            (cursor, Some(row).filter(|_| query.status.is_none_or(|wanted| wanted == status)))
        });
        Ok(listed.collect())
    }

    /// Revokes a credential and all that were issued for the same offer, which is final. Here it
    /// takes effect at once; at other verifiers when their copy of the status list expires.
    pub async fn revoke_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, own::Change::Revoke, why).await
    }

    /// Suspends a credential, with all that were issued for the same offer, until it is resumed.
    pub async fn suspend_credential(
        &self,
        by: &By,
        id: &str,
        why: &ChangeStatus,
    ) -> Result<Changed<CredentialRow>, AdminError> {
        self.set_status(by, id, own::Change::Suspend, why).await
    }

    /// Makes a suspended credential valid again, with all that were issued for the same offer, except
    /// those that a later one replaced. Sessions and grants that ended because of the
    /// suspension stay ended.
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
            let mut changed = Vec::new();
            for (other, credential) in self.issuer.set_in(tx, id, &credential)? {
                let place = credential.place();
                let revoked = self.standing.entry_in(tx, &place)? == Some(Invalid);
                let again = to == own::Change::Revoke && other == id;
                if revoked && !again {
                    continue;
                }
                if self.standing.change_in(tx, &place, &other, to, &decoys)? {
                    changed.push((other, credential));
                }
            }
            // The answer is about the named credential, or about the one that replaced it.
            let named = changed.iter().find(|(changed, _)| changed == id);
            let Some((told, credential)) = named.or(changed.last()) else {
                return Ok(Err(revoked_is_final()));
            };
            for (other, _) in changed.iter().filter(|(other, _)| other != id) {
                let done = entry(now, &by.actor, act, other.as_str(), Outcome::Done);
                tx.append(done.because(Reason::SameOffer).with("with", id));
            }
            let status = match to {
                own::Change::Resume if credential.expires <= now => Status::Expired,
                own::Change::Resume => Status::Valid,
                own::Change::Suspend => Status::Suspended,
                own::Change::Revoke => Status::Revoked,
            };
            Ok(Ok(row(told.clone(), credential, status)))
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
            holder: self.holder.as_deref(),
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
