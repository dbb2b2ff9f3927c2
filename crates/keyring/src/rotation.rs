//! Making keys, and moving them on: the lifecycle of [`crate::keys`] against the store.
//!
//! Keys and certificates are made before the transaction; the transaction writes only if the keys
//! still stand as the plan found them. Invariant: what this process signs with is what the store
//! says is active: the ring is replaced after every change.
//!
//! Leaves to others: what is due and when ([`crate::keys`]), and certificates ([`crate::pki`]).

use sekisho_profile::{Act, Outcome};
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_jose::x5c::TrustAnchor;
use sekisho_jose::{Algorithm, KeyError, SigningKey};
use sekisho_store::{AuditEntry, StoreError, Tx};

use sekisho_site::audit::{Actor, Detail as _, entry};

use crate::Keyring;
use crate::keys::{self, KeyRecord, KeyState, Policy, Purpose, Step};
use crate::pki::{Authority, PkiError, Subject};
use crate::plan::Rotation;
use crate::ring::Ring;
use crate::tables::{Authorities, AuthorityRow, Keys, RingGeneration};

/// Where the generation of the keys stands.
const RING: &str = "ring";
/// The name of the root in [`Authorities`].
const ROOT: &str = "root";
/// After how many seconds of signing a key is rotated without being asked: half a year.
const ROTATE_AFTER: i64 = 180 * 86_400;
/// The most keys that are read at once.
const MAX_KEYS: usize = 1 << 20;
/// How often a sweep begins anew because somebody else changed keys meanwhile.
const ATTEMPTS: usize = 8;

/// Why keys could not be made or moved on.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate could not be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The thread that makes keys is gone.
    #[error("making a key was interrupted")]
    Interrupted,
    /// Others changed the keys each time.
    #[error("the keys are being changed by somebody else: try again")]
    Contended,
}

/// What the broker itself signs, and with which algorithms.
const OWN_LINES: [(Purpose, Algorithm); 3] = [
    (Purpose::IdToken, Algorithm::Rs256),
    (Purpose::IdToken, Algorithm::Es256),
    (Purpose::RequestObject, Algorithm::Es256),
];

fn organization_lines(number: &str) -> [(Purpose, Algorithm); 2] {
    [
        (Purpose::Credential { org: number.to_owned() }, Algorithm::Es256),
        (Purpose::StatusList { org: number.to_owned() }, Algorithm::Es256),
    ]
}

impl Keyring {
    /// Makes the root and the keys of the broker and of `organizations` where there are none, and
    /// brings all up to date.
    pub(crate) async fn found(&self, organizations: &[String]) -> Result<(), RotationError> {
        self.found_root().await?;
        let records = self.records().await?;
        let mut lines = OWN_LINES.to_vec();
        lines.extend(organizations.iter().flat_map(|number| organization_lines(number)));
        for (purpose, algorithm) in lines {
            if !records.iter().any(|key| key.serves(&purpose, algorithm)) {
                let key = self.make_key(purpose, algorithm).await?;
                self.site.store().transact(|tx| self.add_keys_in(tx, &[key.clone()])).await?;
            }
        }
        self.sweep_keys().await
    }

    async fn found_root(&self) -> Result<(), RotationError> {
        let name = ROOT.to_owned();
        if self.site.store().get::<Authorities>(&name).await?.is_some() {
            return Ok(());
        }
        let now = self.site.now();
        let root = Authority::generate(self.site.origin().host(), now, self.site.entropy())?;
        let row = AuthorityRow {
            certificate: root.anchor().to_der().to_vec(),
            private: root.private().expose().clone(),
        };
        let made = entry(now, &Actor::Broker, Act::AuthorityCreate, ROOT, Outcome::Done);
        self.site
            .store()
            .transact(|tx| {
                if tx.insert::<Authorities>(&name, &row)? {
                    tx.append(made.clone());
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// The root with its key.
    pub async fn authority(&self) -> Result<Authority, RotationError> {
        let row = self.site.store().get::<Authorities>(&ROOT.to_owned()).await?;
        let row = row.ok_or(StoreError::Aborted("the root certificate is not there".into()))?;
        Ok(Authority::from_der(&row.certificate, &row.private)?)
    }

    /// The keys of a new organization: for each purpose one that signs at once, and its spare.
    pub async fn organization_keys(
        &self,
        number: &str,
        now: Timestamp,
    ) -> Result<Vec<KeyRecord>, RotationError> {
        let mut records = Vec::new();
        for (purpose, algorithm) in organization_lines(number) {
            let first = self.make_key(purpose.clone(), algorithm).await?;
            let mut line = vec![first, self.make_key(purpose, algorithm).await?];
            let steps = keys::sweep(&line, now, &self.policy);
            for step in &steps {
                let named = line.iter_mut().find(|key| keys::changes(step) == Some(&*key.kid));
                if let Some(record) = named {
                    keys::apply(record, step, now);
                }
            }
            records.extend(line);
        }
        Ok(records)
    }

    /// A fresh spare, with its certificate where the purpose has one.
    async fn make_key(
        &self,
        purpose: Purpose,
        algorithm: Algorithm,
    ) -> Result<KeyRecord, RotationError> {
        let entropy = self.site.entropy().clone();
        // An RSA key takes long enough to hold up everybody on this thread.
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm, &entropy));
        let key = key.await.map_err(|_| RotationError::Interrupted)??;
        let now = self.site.now();
        let public = key.public_jwk();
        let x5c = match &purpose {
            Purpose::IdToken => Vec::new(),
            Purpose::RequestObject => {
                let origin = self.site.origin().as_str();
                let subject =
                    Subject { name: origin, uri: origin, host: self.site.origin().host() };
                self.authority().await?.certify(&subject, &public, now, self.site.entropy())?
            }
            Purpose::Credential { org } | Purpose::StatusList { org } => {
                let uri = self.site.origin().organization(org);
                let subject = Subject { name: org, uri: &uri, host: self.site.origin().host() };
                self.authority().await?.certify(&subject, &public, now, self.site.entropy())?
            }
        };
        let private = key.to_pkcs8_der().expose().clone();
        Ok(keys::spare(purpose, public, algorithm, x5c, private, now))
    }

    /// Keeps keys that were made. [`Keyring::reload`] follows.
    pub fn add_keys_in(&self, tx: &mut Tx, keys: &[KeyRecord]) -> Result<(), StoreError> {
        for key in keys {
            tx.insert::<Keys>(&key.kid, key)?;
        }
        count_change(tx)
    }

    /// All keys, gone ones too.
    pub async fn records(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = self.site.store().scan::<Keys>(Bound::Unbounded, MAX_KEYS).await?;
        Ok(rows.into_iter().map(|(_, record)| record).collect())
    }

    /// Reads the keys into memory, each parsed once.
    pub async fn reload(&self) -> Result<(), RotationError> {
        // The generation first: a change in between makes the ring look older than it is, and it is
        // read again.
        let generation = self.site.store().get::<RingGeneration>(&RING.to_owned()).await?;
        let ring = Ring::new(&self.records().await?, generation.unwrap_or_default())?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Whether the keys still have this generation, in the transaction whose answer will be signed.
    pub fn is_ring_of_in(&self, tx: &mut Tx, generation: u64) -> Result<bool, StoreError> {
        let now = tx.get::<RingGeneration>(&RING.to_owned())?;
        Ok(now.unwrap_or_default() == generation)
    }

    /// Takes every step that is due. Safe to call at any time and from several brokers.
    pub async fn sweep_keys(&self) -> Result<(), RotationError> {
        for _ in 0..ATTEMPTS {
            let before = self.records().await?;
            let now = self.site.now();
            let mut after = before.clone();
            ask_for_aged(&mut after, now, &self.policy);
            let mut log = Vec::new();
            for step in keys::sweep(&after, now, &self.policy) {
                log.push(audit(&step, now));
                match &step {
                    Step::PublishSpare { purpose, algorithm } => {
                        after.push(self.make_key(purpose.clone(), *algorithm).await?);
                    }
                    step => {
                        let named =
                            after.iter_mut().find(|key| keys::changes(step) == Some(&*key.kid));
                        if let Some(record) = named {
                            keys::apply(record, step, now);
                        }
                    }
                }
            }
            if before == after {
                return self.reload().await;
            }
            self.write(&before, &after, &log).await?;
        }
        Err(RotationError::Contended)
    }

    async fn write(
        &self,
        before: &[KeyRecord],
        after: &[KeyRecord],
        log: &[AuditEntry],
    ) -> Result<(), RotationError> {
        let written = self
            .site
            .store()
            .transact(|tx| {
                let written = write_in(tx, before, after)?;
                if written {
                    log.iter().for_each(|entry| tx.append(entry.clone()));
                }
                Ok(written)
            })
            .await?;
        if written {
            self.reload().await?;
        }
        Ok(())
    }

    /// Begins a rotation that was worked out; not so if the keys have changed meanwhile.
    /// [`Keyring::sweep_keys`] follows.
    pub fn begin_in(&self, tx: &mut Tx, rotation: &Rotation) -> Result<bool, StoreError> {
        write_in(tx, &rotation.before, &rotation.after)
    }

    /// The root of our own certificates.
    pub async fn root(&self) -> Result<TrustAnchor, RotationError> {
        Ok(self.authority().await?.anchor().clone())
    }
}

/// Writes what changed, if what it was computed from still stands; else nothing.
fn write_in(tx: &mut Tx, before: &[KeyRecord], after: &[KeyRecord]) -> Result<bool, StoreError> {
    for record in after {
        tx.want::<Keys>(&record.kid);
    }
    let mut changed = Vec::new();
    for record in after {
        let stood = before.iter().find(|old| old.kid == record.kid);
        // Every key is read: no other change may slip in between.
        if tx.get::<Keys>(&record.kid)?.as_ref() != stood {
            return Ok(false);
        }
        if stood != Some(record) {
            changed.push(record);
        }
    }
    for record in changed {
        tx.put::<Keys>(&record.kid, record)?;
    }
    count_change(tx)?;
    Ok(true)
}

fn count_change(tx: &mut Tx) -> Result<(), StoreError> {
    let at = RING.to_owned();
    let generation = tx.get::<RingGeneration>(&at)?.unwrap_or_default();
    tx.put::<RingGeneration>(&at, &generation.saturating_add(1))
}

/// Asks for the rotation of every key that has signed for long enough.
fn ask_for_aged(records: &mut [KeyRecord], now: Timestamp, policy: &Policy) {
    let aged = records.iter().filter(|record| {
        matches!(record.state, KeyState::Active { since, .. } if now.since(since) >= ROTATE_AFTER)
    });
    let lines: Vec<_> = aged.map(|record| (record.purpose.clone(), record.algorithm)).collect();
    for (purpose, algorithm) in lines {
        keys::request_rotation(records, &purpose, algorithm, now, policy);
    }
}

fn audit(step: &Step, now: Timestamp) -> AuditEntry {
    let done = |act, object: &str| entry(now, &Actor::Broker, act, object, Outcome::Done);
    match step {
        Step::Publish { kid } => done(Act::KeyPublish, kid),
        Step::Activate { kid } => done(Act::KeyActivate, kid),
        Step::Retire { kid, until } => done(Act::KeyRetire, kid).with("until", until.to_rfc3339()),
        Step::Unpublish { kid } => done(Act::KeyUnpublish, kid),
        Step::PublishSpare { purpose, algorithm } => {
            let entry = done(Act::KeyCreate, purpose.name()).with("algorithm", algorithm.name());
            match purpose.organization() {
                Some(number) => entry.with("organization", number),
                None => entry,
            }
        }
    }
}
