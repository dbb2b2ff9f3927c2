//! Issuing: an offer, its redemption, a nonce, and the credential
//! (OpenID4VCI 1.0, sections 4, 6, 7 and 8).
//!
//! Invariant: a credential is signed only after its status entry, its record and its audit entry
//! are durable, so every signed credential can be found and revoked.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_credential::status::StatusReference;
use sekisho_credential::vc::{self, Issuance};
use sekisho_jose::{Algorithm, Claims, PublicJwk};
use sekisho_oauth::authentication::Presented;
use sekisho_oauth::params::Params;
use sekisho_oauth::token::{TokenError, TokenRequest, TokenResponse};
use sekisho_openid4vci::credential::{self, CredentialErrorCode, Grant};
use sekisho_openid4vci::metadata::Configuration;
use sekisho_openid4vci::nonce;
use sekisho_openid4vci::pre_authorized::PreAuthorized;
use sekisho_openid4vci::proof::ProofCheck;
use sekisho_profile::types;
use sekisho_profile::{Act, Outcome, lifetimes};
use sekisho_store::StoreError;
use serde_json::Value;

use crate::Broker;
use crate::audit::{Actor, Detail as _, entry};
use crate::grants::TokenFailure;
use crate::keys::Purpose;
use crate::login::Refusal;
use crate::status_list::OwnList;
use crate::tables::{
    Credentials, IssuanceToken, IssuanceTokens, IssuedCredential, OfferLinks, OfferRow, Offers,
    Organizations, StatusEntries, StatusEntry, StatusListRow, StatusLists, UsedNonces,
};

/// What an offer's sealed claims are bound to, beside the person.
pub(crate) const OFFERED: &str = "offered claims";
/// Decoy digests beside the disclosures of a credential.
const DECOYS: u32 = 2;
/// Random indexes drawn for one allocation; a list is closed long before all of them are taken.
const CANDIDATES: u32 = 32;
/// Credentials that one token is good for: a wallet may ask again when an answer was lost.
const MAX_ISSUED: u8 = 5;

/// Why a credential request failed.
#[derive(Debug, thiserror::Error)]
pub enum IssuanceFailure {
    /// The access token is missing, unknown, over, or another organization's.
    #[error("the access token is not good here")]
    Token,
    /// The closed error code of the endpoint.
    #[error("{}: {description}", .code.name())]
    Code {
        /// The code.
        code: CredentialErrorCode,
        /// What to do.
        description: String,
    },
    /// The broker could not do its part.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl From<StoreError> for IssuanceFailure {
    fn from(error: StoreError) -> Self {
        Self::Broker(error.into())
    }
}

impl Broker {
    /// The document of an offer by reference; gone once the offer is redeemed.
    pub async fn offer_document(&self, link: &Handle) -> Result<Value, Refusal> {
        if link.key().expires() <= self.clock().now() {
            return Err(Refusal::NotFound);
        }
        let row = self.store().get::<OfferLinks>(&link.key()).await?.ok_or(Refusal::NotFound)?;
        match self.store().get::<Offers>(&row.offer).await? {
            Some(offer) if matches!(offer.state, PreAuthorized::Offered { .. }) => Ok(row.document),
            _ => Err(Refusal::NotFound),
        }
    }

    /// The pre-authorized code grant.
    pub(crate) async fn redeem_offer(
        &self,
        authorization: Option<&str>,
        form: &Params,
        request: &TokenRequest,
    ) -> Result<TokenResponse, TokenFailure> {
        let TokenRequest::PreAuthorizedCode { code, tx_code, .. } = request else {
            return Err(TokenError::UnsupportedGrantType.into());
        };
        // Wallets are anonymous here; one that names itself must be a client that we know.
        let client_id = match Presented::from_request(authorization, form)? {
            Presented::Anonymous => None,
            presented => {
                Some(self.authenticate(&presented, "/token").await?.client_id().to_owned())
            }
        };
        let now = self.clock().now();
        let code = Handle::parse(code).ok_or(TokenError::InvalidGrant)?.key();
        if code.expires() <= now {
            return Err(TokenError::InvalidGrant.into());
        }
        let token = Handle::new(now.plus(lifetimes::ISSUANCE_TOKEN), self.entropy());
        let mac_key = self.store().mac_key("tx-code");
        let outcome = self
            .store()
            .transact(|tx| {
                let Some(mut offer) = tx.get::<Offers>(&code)? else {
                    return Ok(Err(TokenError::InvalidGrant));
                };
                let outcome = offer.state.clone().redeem(tx_code.as_deref(), &mac_key);
                let result = outcome.result;
                offer.state = outcome.state;
                tx.put::<Offers>(&code, &offer)?;
                let issuance = issuance_token(&offer, client_id.clone());
                let made = entry(
                    now,
                    &Actor::Public,
                    Act::OfferRedeem,
                    code.reference(),
                    if result.is_ok() { Outcome::Done } else { Outcome::Refused },
                );
                match result {
                    Ok(()) => {
                        tx.put::<IssuanceTokens>(&token.key(), &issuance)?;
                        tx.append(made);
                        Ok(Ok(()))
                    }
                    Err(error) => {
                        tx.append(made.because(error.to_string()));
                        Ok(Err(TokenError::from(error)))
                    }
                }
            })
            .await?;
        outcome?;
        Ok(TokenResponse::bearer(token.expose(), lifetimes::ISSUANCE_TOKEN))
    }

    /// A fresh nonce of one issuer: a MAC, in no table.
    pub fn credential_nonce(&self, organization: &str) -> String {
        let issuer = self.config().origin.organization(organization);
        let key = self.digests().nonce_key(&issuer);
        nonce::mint(&key, self.clock().now(), self.entropy())
    }

    /// The configurations of an issuer: one for each type.
    pub fn configurations(&self) -> Vec<Configuration> {
        types::ALL
            .iter()
            .map(|credential_type| Configuration {
                id: credential_type.name.to_owned(),
                scope: credential_type.name.to_owned(),
                vct: types::vct(&self.config().type_authority, credential_type.name),
                credential_type,
            })
            .collect()
    }

    /// The credential endpoint of an organization.
    pub async fn issue(
        &self,
        organization: &str,
        bearer: &str,
        body: &[u8],
    ) -> Result<Value, IssuanceFailure> {
        let now = self.clock().now();
        let token = Handle::parse(bearer).ok_or(IssuanceFailure::Token)?.key();
        if token.expires() <= now {
            return Err(IssuanceFailure::Token);
        }
        let granted = self.store().get::<IssuanceTokens>(&token).await?;
        let granted = granted.filter(|granted| granted.organization == organization);
        let granted = granted.ok_or(IssuanceFailure::Token)?;
        let issuer = self.config().origin.organization(organization);
        let accepted = self.accept_request(&granted, &issuer, body, now)?;
        let holder = accepted.proof.key().clone();
        let nonce_row = accepted.proof.nonce().row;
        let allocation = self.allocate(&token, &granted, &holder, &nonce_row, now).await??;
        let credential = self.sign_credential(&granted, &issuer, &holder, &allocation, now).await?;
        Ok(credential::response(&[credential]))
    }

    fn accept_request(
        &self,
        granted: &IssuanceToken,
        issuer: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<credential::AcceptedRequest, IssuanceFailure> {
        let refused =
            |error: &credential::CredentialRequestError| failure(error.code(), &error.to_string());
        let published: Vec<String> =
            types::ALL.iter().map(|credential_type| credential_type.name.to_owned()).collect();
        let configurations = [granted.type_name.clone()];
        let grant =
            Grant { published: &published, configurations: &configurations, identifiers: &[] };
        let nonce_key = self.digests().nonce_key(issuer);
        let check = ProofCheck {
            issuer,
            client_id: granted.client_id.as_deref(),
            now,
            nonce_key: &nonce_key,
        };
        credential::check(body, &grant, &check).map_err(|error| refused(&error))
    }

    /// Uses the nonce, gives out a status index, and records what is about to be signed; or says why
    /// not: the nonce was used before, or the token often enough.
    async fn allocate(
        &self,
        token: &HandleKey,
        granted: &IssuanceToken,
        holder: &PublicJwk,
        nonce_row: &HandleKey,
        now: Timestamp,
    ) -> Result<Result<Allocation, IssuanceFailure>, IssuanceFailure> {
        let list = self.open_list(&granted.organization).await?;
        let candidates = self.draw_indexes(CANDIDATES);
        let ring = self.ring();
        let purpose = Purpose::Credential { org: granted.organization.clone() };
        let signer = ring.active(&purpose, Algorithm::Es256).ok_or(Refusal::NoKey)?;
        let id = Handle::new(now, self.entropy()).expose().to_owned();
        let actor = Actor::Person(granted.person);
        let allocation = self
            .store()
            .transact(|tx| {
                if !tx.insert::<UsedNonces>(nonce_row, &())? {
                    let used = CredentialErrorCode::InvalidNonce;
                    return Ok(Err(failure(used, "get a fresh nonce")));
                }
                let Some(row) = tx.get::<IssuanceTokens>(token)? else {
                    return Ok(Err(IssuanceFailure::Token));
                };
                if row.issued >= MAX_ISSUED {
                    return Ok(Err(denied("this token was used often enough")));
                }
                let issued = row.issued.saturating_add(1);
                tx.put::<IssuanceTokens>(token, &IssuanceToken { issued, ..row })?;
                let mut free = None;
                for &index in &candidates {
                    if free.is_none() && !tx.contains::<StatusEntries>(&list.entry(index))? {
                        free = Some(index);
                    }
                }
                let Some(index) = free else {
                    return Err(StoreError::Aborted("no free status index was drawn".into()));
                };
                let entry_row = StatusEntry { value: 0, credential: id.clone() };
                tx.put::<StatusEntries>(&list.entry(index), &entry_row)?;
                if let Some(row) = tx.get::<StatusLists>(&list.row())? {
                    let allocated = row.allocated + 1;
                    tx.put::<StatusLists>(&list.row(), &StatusListRow { allocated, ..row })?;
                }
                let record = IssuedCredential {
                    organization: granted.organization.clone(),
                    type_name: granted.type_name.clone(),
                    vct: types::vct(&self.config().type_authority, &granted.type_name),
                    person: granted.person,
                    holder_thumbprint: holder.thumbprint(),
                    status_list: list.number,
                    status_index: index,
                    kid: signer.key.kid().to_owned(),
                    issued: now,
                    expires: granted.credential_expires,
                    claims: granted.claims.clone(),
                };
                tx.put::<Credentials>(&id, &record)?;
                tx.append(
                    entry(now, &actor, Act::CredentialIssue, id.as_str(), Outcome::Done)
                        .with("type", granted.type_name.as_str())
                        .with("organization", granted.organization.as_str())
                        .with("status_list", list.number)
                        .with("status_index", index)
                        .with("kid", signer.key.kid()),
                );
                Ok(Ok(Allocation { list: list.clone(), index }))
            })
            .await?;
        Ok(allocation)
    }

    async fn sign_credential(
        &self,
        granted: &IssuanceToken,
        issuer: &str,
        holder: &PublicJwk,
        allocation: &Allocation,
        now: Timestamp,
    ) -> Result<String, IssuanceFailure> {
        let key = self.store().existing_person_key(&granted.person).await?;
        let key = key.ok_or_else(|| denied("the person was erased"))?;
        let claims: Claims = key.open_json(OFFERED, &granted.claims).map_err(Refusal::Person)?;
        let credential_type =
            types::find(&granted.type_name).ok_or_else(|| denied("no such type"))?;
        let status = StatusReference {
            uri: allocation.list.uri(&self.config().origin),
            index: allocation.index,
        };
        let issuance = Issuance {
            credential_type,
            authority: &self.config().type_authority,
            issuer,
            claims: &claims,
            holder_key: holder,
            status: Some(&status),
            issued_at: now,
            expires: Some(granted.credential_expires),
            decoys: DECOYS,
        };
        let purpose = Purpose::Credential { org: granted.organization.clone() };
        let ring = self.ring();
        let signer = ring.active(&purpose, Algorithm::Es256).ok_or(Refusal::NoKey)?;
        vc::issue(&issuance, signer.x5c.clone(), &signer.key, self.entropy()).map_err(|error| {
            tracing::error!(%error, "a credential could not be issued");
            denied("the credential could not be made")
        })
    }

    /// Whether this organization issues here.
    pub async fn is_issuer(&self, organization: &str) -> Result<bool, Refusal> {
        Ok(self.store().get::<Organizations>(&organization.to_owned()).await?.is_some())
    }
}

/// A status entry that was given out.
struct Allocation {
    list: OwnList,
    index: u64,
}

fn issuance_token(offer: &OfferRow, client_id: Option<String>) -> IssuanceToken {
    IssuanceToken {
        organization: offer.organization.clone(),
        type_name: offer.type_name.clone(),
        person: offer.person,
        claims: offer.claims.clone(),
        credential_expires: offer.credential_expires,
        client_id,
        issued: 0,
    }
}

fn failure(code: CredentialErrorCode, description: &str) -> IssuanceFailure {
    IssuanceFailure::Code { code, description: description.to_owned() }
}

fn denied(description: &str) -> IssuanceFailure {
    failure(CredentialErrorCode::CredentialRequestDenied, description)
}
