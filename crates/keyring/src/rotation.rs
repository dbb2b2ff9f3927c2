//! Makes keys and applies the life cycle of [`crate::keys`] to the store.
//!
//! Keys and certificates are made before the transaction. The transaction writes only if the keys
//! are still as they were when the plan was made. Invariant: the ring, from which every signer comes,
//! is replaced after every change.
//!
//! Leaves to others: which steps are due ([`crate::keys`]), and certificates ([`crate::pki`]).

use sekisho_profile::{Act, Outcome};
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

/// The key of the one row in `RingGeneration`.
const RING: &str = "ring";
/// The name of the root in [`Authorities`].
const ROOT: &str = "root";
/// A key that has signed for this long, in seconds, is rotated automatically: half a year.
const ROTATE_AFTER: i64 = 180 * 86_400;
/// How often a sweep is tried again after another broker changed the keys meanwhile.
const ATTEMPTS: usize = 8;

/// Why keys could not be made or rotated.
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
    /// The thread that makes a key ended early.
    #[error("making a key was interrupted")]
    Interrupted,
    /// Another broker changed the keys at every attempt.
    #[error("the keys are being changed by somebody else: try again")]
    Contended,
}

/// The purposes and algorithms of the broker's own keys.
const OWN_LINES: [(Purpose, Algorithm); 3] = [
    (Purpose::IdToken, Algorithm::Rs256),
    (Purpose::IdToken, Algorithm::Es256),
    (Purpose::RequestObject, Algorithm::Es256),
];

fn organization_lines(number: &str) -> [(Purpose, Algorithm); 1] {
    [(Purpose::Credential { org: number.to_owned() }, Algorithm::Es256)]
}

impl Keyring {
    /// Makes the root and the missing keys of the broker and of `organizations`, then takes all
    /// steps that are due.
    pub(crate) async fn found(&self, organizations: &[String]) -> Result<(), RotationError> {
        self.found_root().await?;
        let records = self.records().await?;
        let mut lines = OWN_LINES.to_vec();
        lines.extend(organizations.iter().flat_map(|number| organization_lines(number)));
        for (purpose, algorithm) in lines {
            self.found_line(&records, purpose, algorithm).await?;
        }
        self.sweep_keys().await
    }

    /// Makes the keys for checkpoints of the audit log, if there are none yet. Only a broker that
    /// writes checkpoints has them.
    pub async fn found_checkpoints(&self) -> Result<(), RotationError> {
        let records = self.records().await?;
        self.found_line(&records, Purpose::AuditCheckpoint, Algorithm::Es256).await?;
        self.sweep_keys().await
    }

    /// Makes the keys that sign access tokens with this algorithm, if there are none yet: those of
    /// one resource, or those of all others. Only a broker with such resources has them.
    pub async fn found_access_tokens(
        &self,
        resource: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(), RotationError> {
        let purpose = Purpose::AccessToken { resource: resource.map(str::to_owned) };
        if self.ring().active(&purpose, algorithm).is_some() {
            return Ok(());
        }
        let records = self.records().await?;
        self.found_line(&records, purpose, algorithm).await?;
        self.sweep_keys().await
    }

    /// Makes the first key of a purpose and algorithm, unless `records` have one.
    async fn found_line(
        &self,
        records: &[KeyRecord],
        purpose: Purpose,
        algorithm: Algorithm,
    ) -> Result<(), RotationError> {
        if records.iter().any(|key| key.serves(&purpose, algorithm)) {
            return Ok(());
        }
        let key = self.make_key(purpose, algorithm).await?;
        let add = |tx: &mut Tx| self.add_keys_in(tx, std::slice::from_ref(&key));
        Ok(self.site.store().transact(add).await?)
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

    /// The root certificate with its private key.
    pub async fn authority(&self) -> Result<Authority, RotationError> {
        let row = self.site.store().get::<Authorities>(&ROOT.to_owned()).await?;
        let row = row.ok_or(StoreError::Aborted("the root certificate is not there".into()))?;
        Ok(Authority::from_der(&row.certificate, &row.private)?)
    }

    /// Makes the keys of a new organization: for each purpose one active key and one spare. They
    /// are not stored yet; see `Keyring::add_keys_in`.
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

    /// Makes a new spare, with a certificate if the purpose needs one.
    async fn make_key(
        &self,
        purpose: Purpose,
        algorithm: Algorithm,
    ) -> Result<KeyRecord, RotationError> {
        let entropy = self.site.entropy().clone();
        // Making an RSA key takes so long that it would block every other task on this thread.
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm, &entropy));
        let key = key.await.map_err(|_| RotationError::Interrupted)??;
        let now = self.site.now();
        let public = key.public_jwk();
        let x5c = match &purpose {
            // Checkpoints are checked with the keys that the store knows, so they need no chain.
            Purpose::IdToken | Purpose::AccessToken { .. } | Purpose::AuditCheckpoint => Vec::new(),
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

    /// Stores new keys. Call [`Keyring::reload`] afterwards.
    pub fn add_keys_in(&self, tx: &mut Tx, keys: &[KeyRecord]) -> Result<(), StoreError> {
        for key in keys {
            tx.insert::<Keys>(&key.kid, key)?;
        }
        count_change(tx)
    }

    /// All keys in the store, including retired and compromised ones.
    pub async fn records(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = self.site.store().scan_all::<Keys>().await?;
        Ok(rows.into_iter().map(|(_, record)| record).collect())
    }

    /// Reads the keys from the store into memory.
    pub async fn reload(&self) -> Result<(), RotationError> {
        // Read the generation first. If keys change between the two reads, the ring has the older
        // generation, and the next decision reads it again.
        let generation = self.site.store().get::<RingGeneration>(&RING.to_owned()).await?;
        let ring = Ring::new(&self.records().await?, generation.unwrap_or_default())?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Reads the keys again if another broker has changed them.
    pub async fn follow(&self) -> Result<(), RotationError> {
        let generation = self.site.store().get::<RingGeneration>(&RING.to_owned()).await?;
        if generation.unwrap_or_default() == self.ring().generation() {
            return Ok(());
        }
        self.reload().await
    }

    /// Whether the store still has this generation of keys. Ask this in the transaction whose
    /// result will be signed.
    pub fn is_ring_of_in(&self, tx: &mut Tx, generation: u64) -> Result<bool, StoreError> {
        let now = tx.get::<RingGeneration>(&RING.to_owned())?;
        Ok(now.unwrap_or_default() == generation)
    }

    /// Takes every step that is due. It may be called at any time and by several brokers at once.
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

    /// Lets the retiring key `kid` leave at `until`, if that is earlier than was planned: call it
    /// when it is known that nothing which the key signed is valid for longer.
    pub async fn end_retiring(&self, kid: &str, until: Timestamp) -> Result<(), RotationError> {
        let before = self.records().await?;
        let mut after = before.clone();
        let Some(record) = after.iter_mut().find(|record| record.kid == kid) else { return Ok(()) };
        if !keys::end_retiring(record, until) {
            return Ok(());
        }
        let log = audit(&Step::Retire { kid: kid.to_owned(), until }, self.site.now());
        self.write(&before, &after, &[log]).await
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
            // What follows a compromise must be written on a full disk too.
            .transact_reserved(|tx| {
                let written = write_in(tx, before, after)?;
                if written {
                    for entry in log {
                        tx.append(entry.clone());
                    }
                }
                Ok(written)
            })
            .await?;
        if written {
            self.reload().await?;
        }
        Ok(())
    }

    /// Begins a planned rotation. Returns `false` and writes nothing if the keys have changed since
    /// it was planned. Call [`Keyring::sweep_keys`] afterwards.
    pub fn begin_in(&self, tx: &mut Tx, rotation: &Rotation) -> Result<bool, StoreError> {
        write_in(tx, &rotation.before, &rotation.after)
    }

    /// The root certificate of our own authority.
    pub async fn root(&self) -> Result<TrustAnchor, RotationError> {
        Ok(self.authority().await?.anchor().clone())
    }
}

/// Writes the records that changed, if the store still holds `before`. Otherwise writes nothing and
/// returns `false`.
fn write_in(tx: &mut Tx, before: &[KeyRecord], after: &[KeyRecord]) -> Result<bool, StoreError> {
    for record in after {
        tx.want::<Keys>(&record.kid);
    }
    let mut changed = Vec::new();
    for record in after {
        let stood = before.iter().find(|old| old.kid == record.kid);
        // Every key is read, so that the transaction conflicts with any other change of a key.
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

/// Asks for the rotation of every key that has signed for `ROTATE_AFTER`.
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
            match (purpose.organization(), purpose.resource()) {
                (Some(number), _) => entry.with("organization", number),
                (None, Some(resource)) => entry.with("resource", resource),
                (None, None) => entry,
            }
        }
    }
}
