//! *Do these credentials stand?* Asked in two steps, because only the first may wait for others.
//!
//! [`Standing::look`] does what is asynchronous: expiry, foreign lists, and the verification of our
//! own lists as others verify them. [`Standing::standing_in`] asks our own lists once more in the
//! transaction that decides, so that what was revoked before a decision is seen by it, and compares
//! the versions of trust and of our keys that were looked at.
//!
//! Invariant: a [`Stands`] is made here alone. What needs one as an argument cannot be done on
//! credentials that were not looked at.

use sekisho_ambient::Timestamp;
use sekisho_credential::status::{self, StatusReference};
use sekisho_profile::{Code, Status};
use sekisho_site::audit::short;
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{OwnList, Standing, tables};

/// How often a decision is made anew because trust or our keys have changed meanwhile.
const ATTEMPTS: usize = 8;

/// One credential that a decision stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relied {
    /// Name of its type, e.g. `affiliation`.
    pub type_name: String,
    /// Its issuer.
    pub issuer: String,
    /// SHA-256 of the issuer-signed JWT.
    pub digest: [u8; 32],
    /// Where its status stands.
    pub status: Option<StatusReference>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// A credential that no longer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallen {
    /// Revoked, suspended, expired, or of a status that cannot be known just now.
    pub code: Code,
    /// The id under which it was issued here, or the start of its digest: what the audit log calls
    /// it, so that cause and effect can be found together.
    pub credential: String,
}

impl Fallen {
    /// Whether it stays so: what stands on it has ended for good. A status that cannot be read just
    /// now may come back.
    pub fn is_final(&self) -> bool {
        self.code != Code::StatusUnknown
    }
}

/// What was found outside a transaction.
#[derive(Clone, Debug)]
pub struct Looked {
    fallen: Option<Fallen>,
    /// The version of trust that was looked at.
    trust: u64,
    /// The generation of our keys, under which our own lists were verified and the answer will be
    /// signed.
    ring: u64,
}

impl Looked {
    /// The first credential that no longer stands.
    pub fn fallen(&self) -> Option<&Fallen> {
        self.fallen.as_ref()
    }

    /// Whether this version of trust was looked at.
    pub fn is_of_trust(&self, version: u64) -> bool {
        self.trust == version
    }

    /// The proof for what is only told and changes nothing; where something is written,
    /// [`Standing::standing_in`] gives it.
    pub fn told(self) -> Result<Stands, Fallen> {
        match self.fallen {
            None => Ok(Stands(())),
            Some(fallen) => Err(fallen),
        }
    }
}

/// The proof that the credentials of a decision stand. There is no constructor.
#[derive(Clone, Copy, Debug)]
pub struct Stands(());

/// What is found inside a transaction.
#[derive(Debug)]
pub enum Found {
    /// All stand.
    Stands(Stands),
    /// One has fallen.
    Fallen(Fallen),
    /// Trust or our keys have changed since they were looked at: look again.
    Moved,
}

impl Standing {
    /// Looks at all that is not in the deciding transaction's reach.
    pub async fn look(&self, relied: &[Relied], now: Timestamp) -> Looked {
        let (trust, ring) = (self.registry.trust().version, self.keyring.ring().generation());
        for credential in relied {
            if let Some(code) = self.code_of(credential, now).await {
                let credential = self.audit_name(credential).await;
                return Looked { fallen: Some(Fallen { code, credential }), trust, ring };
            }
        }
        Looked { fallen: None, trust, ring }
    }

    async fn code_of(&self, credential: &Relied, now: Timestamp) -> Option<Code> {
        if credential.expires.is_some_and(|end| end <= now) {
            return Some(Code::Expired);
        }
        let reference = credential.status.as_ref()?;
        match self.status_of(credential, reference, now).await {
            Ok(status) => refusal(status),
            Err(error) => {
                tracing::warn!(%error, uri = %reference.uri, "status of a credential is unknown");
                Some(Code::StatusUnknown)
            }
        }
    }

    /// The same question inside the transaction that decides.
    pub fn standing_in(
        &self,
        tx: &mut Tx,
        relied: &[Relied],
        looked: &Looked,
    ) -> Result<Found, StoreError> {
        if let Some(fallen) = &looked.fallen {
            return Ok(Found::Fallen(fallen.clone()));
        }
        let own = relied.iter().filter_map(|credential| Some((credential, self.own(credential)?)));
        let own: Vec<_> = own.collect();
        for (_, place) in &own {
            tx.want::<tables::StatusEntries>(&place.row());
        }
        let same_trust = self.registry.is_trust_of_in(tx, looked.trust)?;
        if !same_trust || !self.keyring.is_ring_of_in(tx, looked.ring)? {
            return Ok(Found::Moved);
        }
        for (credential, place) in own {
            let entry = tx.get::<tables::StatusEntries>(&place.row())?;
            let code = match &entry {
                Some(entry) => refusal(entry.status),
                None => Some(Code::StatusUnknown),
            };
            if let Some(code) = code {
                let digest = || short(&credential.digest);
                let credential = entry.map_or_else(digest, |entry| entry.credential);
                return Ok(Found::Fallen(Fallen { code, credential }));
            }
        }
        Ok(Found::Stands(Stands(())))
    }

    /// Decides in one transaction on credentials that were looked at: `closure` is given the proof
    /// that they stand, or the first that has fallen. Looks again, and decides again, when trust or
    /// our keys have changed meanwhile, here or at another broker.
    pub async fn decide<T>(
        &self,
        relied: &[Relied],
        mut looked: Looked,
        mut closure: impl FnMut(&mut Tx, Result<Stands, &Fallen>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let decided = self
                .site
                .store()
                .transact(|tx| match self.standing_in(tx, relied, &looked)? {
                    Found::Stands(stands) => closure(tx, Ok(stands)).map(Some),
                    Found::Fallen(fallen) => closure(tx, Err(&fallen)).map(Some),
                    Found::Moved => Ok(None),
                })
                .await?;
            if let Some(decided) = decided {
                return Ok(decided);
            }
            self.look_anew().await?;
            looked = self.look(relied, self.site.now()).await;
        }
        Err(StoreError::Busy)
    }

    /// Reads trust and our keys again, after [`Found::Moved`].
    pub async fn look_anew(&self) -> Result<(), StoreError> {
        self.registry.reload_trust().await?;
        // Keys that cannot be read sign nothing: the ring stays as it is.
        self.keyring.reload().await.map_err(|error| StoreError::Aborted(error.to_string()))
    }

    /// Where a credential of ours has its entry.
    fn own(&self, credential: &Relied) -> Option<crate::Place> {
        let reference = credential.status.as_ref()?;
        let list = OwnList::from_uri(self.site.origin(), &reference.uri)?;
        Some(list.at(reference.index))
    }

    async fn audit_name(&self, credential: &Relied) -> String {
        let digest = || short(&credential.digest);
        let Some(place) = self.own(credential) else { return digest() };
        let entry = self.site.store().get::<tables::StatusEntries>(&place.row()).await;
        entry.ok().flatten().map_or_else(digest, |entry| entry.credential)
    }
}

/// Why nothing can stand on a credential whose entry says this; `None` if it counts.
fn refusal(entry: status::Status) -> Option<Code> {
    Status::from_entry(entry).map_or(Some(Code::StatusUnknown), Status::refusal)
}
