//! Issuing: the nonce and the credential endpoint (OpenID4VCI 1.0, sections 7 and 8).
//!
//! Invariant: a credential is signed only after its status entry, its record and its audit entry
//! are durable, so every signed credential can be found and revoked. A token has one living set of
//! credentials: a later request, under whatever key, revokes the set before in the same batch.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_credential::status::Status;
use sekisho_credential::types::rounded;
use sekisho_credential::vc::{self, Issuance};
use sekisho_jose::{Algorithm, Claims, PublicJwk};
use sekisho_keyring::{ActiveKey, Purpose};
use sekisho_openid4vci::credential::{
    self, Authorized, CredentialErrorCode, CredentialRequestError,
};
use sekisho_openid4vci::metadata::Configuration;
use sekisho_openid4vci::nonce;
use sekisho_openid4vci::proof::ProofCheck;
use sekisho_profile::{Act, Code, Outcome, Reason, types};
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::own::Change;
use sekisho_standing::{Entrant, Holder, OwnList, Place};
use sekisho_store::{StoreError, Tx};
use serde_json::Value;

use crate::offers::OFFERED;
use crate::tables::{Credentials, IssuanceToken, IssuanceTokens, Sets, UsedNonces};
use crate::{IssuedCredential, Issuer};

/// How many decoy digests are put beside the disclosures of a credential.
const DECOYS: u32 = 2;
/// How often an issuance is tried again after our keys changed meanwhile.
const ATTEMPTS: usize = 8;
/// How often one access token may be used. More than once, because a wallet has to ask again if the
/// answer was lost; what it got before is revoked then.
const MAX_ISSUED: u8 = 5;

/// Why a credential request failed.
#[derive(Debug, thiserror::Error)]
pub enum IssuanceFailure {
    /// The access token is missing, unknown, expired, or for another organization.
    #[error("the access token is not good here")]
    Token,
    /// An error that the credential endpoint defines.
    #[error("{}: {description}", .code.name())]
    Code {
        /// The error code on the wire.
        code: CredentialErrorCode,
        /// What the wallet should do.
        description: String,
    },
    /// The broker failed for a reason that is not the wallet's.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl From<StoreError> for IssuanceFailure {
    fn from(error: StoreError) -> Self {
        Self::Broker(error.into())
    }
}

impl Issuer {
    /// A new nonce for proofs to this issuer. It is a MAC, so no table stores it.
    pub fn credential_nonce(&self, organization: &str) -> String {
        let issuer = self.site.origin().organization(organization);
        let key = self.site.digests().nonce_key(&issuer);
        nonce::mint(&key, self.site.now(), self.site.entropy())
    }

    /// The credential configurations of every issuer here: one for each credential type.
    pub fn configurations(&self) -> Vec<Configuration> {
        types::ALL
            .iter()
            .map(|credential_type| Configuration {
                id: credential_type.name.to_owned(),
                scope: credential_type.name.to_owned(),
                vct: types::vct(self.site.type_authority(), credential_type.name),
                credential_type,
            })
            .collect()
    }

    /// The credential endpoint of an organization: checks the request and issues one credential.
    pub async fn issue(
        &self,
        organization: &str,
        bearer: &str,
        body: &[u8],
    ) -> Result<Value, IssuanceFailure> {
        let now = self.site.now();
        let token = Handle::parse(bearer).ok_or(IssuanceFailure::Token)?.key();
        if token.expires() <= now {
            return Err(IssuanceFailure::Token);
        }
        let granted = self.site.store().get::<IssuanceTokens>(&token).await?;
        let granted = granted.filter(|granted| granted.organization == organization);
        let granted = granted.ok_or(IssuanceFailure::Token)?;
        let issuer = self.site.origin().organization(organization);
        let accepted = self.accept_request(&granted, &issuer, body, now)?;
        let holder = accepted.proof.key().clone();
        let nonce = accepted.proof.nonce().row;
        let attempt =
            Attempt { token: &token, granted: &granted, holder: &holder, nonce: &nonce, now };
        let allocation = self.allocate(&attempt).await?;
        let credential = self.sign_credential(&attempt, &issuer, &allocation).await?;
        Ok(credential::response(&[credential]))
    }

    fn accept_request(
        &self,
        granted: &IssuanceToken,
        issuer: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<credential::AcceptedRequest, IssuanceFailure> {
        let supported: Vec<String> =
            types::ALL.iter().map(|credential_type| credential_type.name.to_owned()).collect();
        let configurations = [granted.type_name.clone()];
        let authorized =
            Authorized { supported: &supported, configurations: &configurations, identifiers: &[] };
        let nonce_key = self.site.digests().nonce_key(issuer);
        let check = ProofCheck {
            issuer,
            client_id: granted.client_id.as_deref(),
            now,
            nonce_key: &nonce_key,
            ahead: self.clock_ahead,
        };
        credential::check(body, &authorized, &check).map_err(|error| refused(&error))
    }

    /// Marks the nonce as used, takes a status index, and records the credential that will be
    /// signed. Fails if the nonce was used before or the token has issued enough. If our keys have
    /// changed meanwhile, it reads them again and starts over.
    async fn allocate(&self, attempt: &Attempt<'_>) -> Result<Allocation, IssuanceFailure> {
        let Attempt { granted, now, .. } = *attempt;
        let id = Handle::new(now, self.site.entropy()).expose().to_owned();
        for _ in 0..ATTEMPTS {
            let ring = self.keyring.ring();
            let purpose = Purpose::Credential { org: granted.organization.clone() };
            let signer = ring.active(&purpose, Algorithm::Es256).ok_or(Refusal::NoKey)?.clone();
            let drawn = Drawn {
                list: self.standing.open_list(&granted.organization, signer.key.kid()).await?,
                candidates: self.standing.draw_candidates(),
                decoys: self.standing.draw_decoys(),
                id: id.clone(),
            };
            let recorded = self
                .site
                .store()
                .transact(|tx| {
                    let same_keys = self.keyring.is_ring_of_in(tx, ring.generation())?;
                    if !same_keys || !drawn.list.belongs_in(tx, signer.key.kid())? {
                        return Ok(None);
                    }
                    self.record_in(tx, attempt, &drawn, signer.key.kid()).map(Some)
                })
                .await?;
            match recorded {
                Some(place) => return Ok(Allocation { place: place?, signer }),
                None => self.keyring.reload().await.map_err(|error| {
                    tracing::error!(%error, "the keys could not be read");
                    Refusal::NoKey
                })?,
            }
        }
        Err(StoreError::Busy.into())
    }

    fn record_in(
        &self,
        tx: &mut Tx,
        attempt: &Attempt<'_>,
        drawn: &Drawn,
        kid: &str,
    ) -> Result<Result<Place, IssuanceFailure>, StoreError> {
        let Attempt { token, granted, nonce, now, .. } = *attempt;
        if !tx.insert::<UsedNonces>(nonce, &())? {
            let used = CredentialErrorCode::InvalidNonce;
            return Ok(Err(failure(used, "get a fresh nonce")));
        }
        let Some(row) = tx.get::<IssuanceTokens>(token)? else {
            return Ok(Err(IssuanceFailure::Token));
        };
        if row.issued >= MAX_ISSUED {
            return Ok(Err(denied("this token was used often enough")));
        }
        let Some(holder) = self.holder_of_in(tx, granted, now)? else {
            return Ok(Err(denied("the credential that names the holder does not stand any more")));
        };
        let Drawn { list, candidates, id, .. } = drawn;
        let Some(set) = self.replace_set_in(tx, &row, drawn, now)? else {
            return Ok(Err(denied("what this token gave was revoked or suspended")));
        };
        let (issued, set) = (row.issued.saturating_add(1), Some(set));
        tx.put::<IssuanceTokens>(token, &IssuanceToken { issued, set: set.clone(), ..row })?;
        let entrant = Entrant {
            credential: id,
            type_name: &granted.type_name,
            holder: &attempt.holder.thumbprint(),
            kid,
            expires: rounded(granted.credential_expires),
        };
        let place = self.standing.take_index_in(tx, list, candidates, &entrant)?;
        self.standing.hold_in(tx, &place, &holder)?;
        self.record(attempt, &place, kid, set).put_in(tx, id)?;
        let actor = Actor::Person(granted.person);
        tx.append(
            entry(now, &actor, Act::CredentialIssue, id.as_str(), Outcome::Done)
                .with("type", granted.type_name.as_str())
                .with("organization", granted.organization.as_str())
                .with("status_list", list.number)
                .with("status_index", place.index)
                .with("kid", kid),
        );
        Ok(Ok(place))
    }

    fn record(
        &self,
        attempt: &Attempt<'_>,
        place: &Place,
        kid: &str,
        set: Option<String>,
    ) -> IssuedCredential {
        let Attempt { granted, holder, now, .. } = *attempt;
        IssuedCredential {
            organization: granted.organization.clone(),
            type_name: granted.type_name.clone(),
            vct: types::vct(self.site.type_authority(), &granted.type_name),
            person: granted.person,
            holder_thumbprint: holder.thumbprint(),
            status_list: place.list.number,
            status_index: place.index,
            kid: kid.to_owned(),
            issued: now,
            expires: granted.credential_expires,
            claims: granted.claims.clone(),
            set,
        }
    }

    /// The holder of the credential that a token is for; `None` if the credential that names the
    /// holder does not stand any more.
    fn holder_of_in(
        &self,
        tx: &mut Tx,
        granted: &IssuanceToken,
        now: Timestamp,
    ) -> Result<Option<Holder>, StoreError> {
        let own = Holder::of(granted.person);
        let Some(named) = &granted.holder else { return Ok(Some(own)) };
        let named = self.holder_in(tx, named, now)?;
        Ok(named.map(|named| own.linked_to(&named)))
    }

    /// Revokes what the token gave before, and adds the new credential to the token's set. Returns
    /// the id of the set; `None`, and writes nothing, if an operator has revoked or suspended what
    /// the token gave, because a new credential would undo that.
    fn replace_set_in(
        &self,
        tx: &mut Tx,
        token: &IssuanceToken,
        drawn: &Drawn,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let set = token.set.clone().unwrap_or_else(|| drawn.id.clone());
        let mut ids = tx.get::<Sets>(&set)?.unwrap_or_default();
        // Every request replaces the one before, so only the last one can be valid.
        if let Some(before) = ids.last() {
            let Some(credential) = tx.get::<Credentials>(before)? else { return Ok(None) };
            let place = credential.place();
            if self.standing.entry_in(tx, &place)? != Some(Status::Valid) {
                return Ok(None);
            }
            self.standing.change_in(tx, &place, before, Change::Revoke, &drawn.decoys)?;
            let actor = Actor::Person(token.person);
            tx.append(
                entry(now, &actor, Act::CredentialRevoke, before.as_str(), Outcome::Done)
                    .because(Reason::CredentialReplaced)
                    .with("by", drawn.id.as_str()),
            );
        }
        ids.push(drawn.id.clone());
        tx.put::<Sets>(&set, &ids)?;
        Ok(Some(set))
    }

    async fn sign_credential(
        &self,
        attempt: &Attempt<'_>,
        issuer: &str,
        allocation: &Allocation,
    ) -> Result<String, IssuanceFailure> {
        let Attempt { granted, holder, now, .. } = *attempt;
        let key = self.site.store().existing_person_key(&granted.person).await?;
        let key = key.ok_or_else(|| denied("the person was erased"))?;
        let claims: Claims = key.open_json(OFFERED, &granted.claims).map_err(Refusal::Person)?;
        let credential_type =
            types::find(&granted.type_name).ok_or_else(|| denied("no such type"))?;
        let status = allocation.place.reference(self.site.origin());
        let issuance = Issuance {
            credential_type,
            authority: self.site.type_authority(),
            issuer,
            claims: &claims,
            holder_key: holder,
            status: Some(&status),
            issued_at: now,
            expires: Some(granted.credential_expires),
            decoys: DECOYS,
        };
        let signer = &allocation.signer;
        vc::issue(&issuance, signer.x5c.clone(), &signer.key, self.site.entropy()).map_err(
            |error| {
                tracing::error!(%error, "a credential could not be issued");
                denied("the credential could not be made")
            },
        )
    }
}

fn failure(code: CredentialErrorCode, description: &str) -> IssuanceFailure {
    IssuanceFailure::Code { code, description: description.to_owned() }
}

/// The failure of a request that was refused. If the wallet's clock is wrong, it names the code
/// under which people read so.
fn refused(error: &CredentialRequestError) -> IssuanceFailure {
    let code = Code::HolderClock;
    let told = match error {
        CredentialRequestError::Proof(proof) if proof.is_of_the_clock() => {
            format!("{code}: {} ({error})", code.entry().cause.en)
        }
        _ => error.to_string(),
    };
    failure(error.code(), &told)
}

fn denied(description: &str) -> IssuanceFailure {
    failure(CredentialErrorCode::CredentialRequestDenied, description)
}

/// An accepted credential request.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    token: &'a HandleKey,
    granted: &'a IssuanceToken,
    holder: &'a PublicJwk,
    nonce: &'a HandleKey,
    now: Timestamp,
}

/// The random parts of a record, drawn before the transaction.
struct Drawn {
    list: OwnList,
    candidates: Vec<u64>,
    decoys: Vec<u64>,
    id: String,
}

/// The status entry of the credential, and the key that will sign it.
struct Allocation {
    place: Place,
    signer: ActiveKey,
}
