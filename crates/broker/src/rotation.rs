//! Making keys, and moving them on: the lifecycle of [`crate::keys`] against the store.
//!
//! Keys and certificates are made before the transaction; the transaction writes only if the keys
//! still stand as the plan found them. Invariant: what this process signs with is what the store
//! says is active: the ring is replaced after every change.
//!
//! Leaves to others: what is due and when ([`crate::keys`]), and certificates ([`crate::pki`]).

use sekisho_profile::{Act, Outcome, lifetimes};
use std::ops::Bound;

use sekisho_ambient::Timestamp;
use sekisho_jose::{Algorithm, KeyError, SigningKey};
use sekisho_store::{AuditEntry, StoreError};

use crate::Broker;
use crate::audit::{Actor, Detail as _, entry};
use crate::keys::{self, KeyRecord, KeyState, Policy, Purpose, Step};
use crate::pki::{Authority, PkiError, Subject};
use crate::ring::Ring;
use crate::tables::{Authorities, AuthorityRow, Keys, Organizations};

/// The name of the root in [`Authorities`].
pub(crate) const ROOT: &str = "root";
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

/// Times of the life of our keys.
pub(crate) const POLICY: Policy =
    Policy { publish_ahead: lifetimes::KEY_DOCUMENTS + lifetimes::SKEW, overlap };

fn overlap(purpose: &Purpose) -> i64 {
    lifetimes::SKEW
        + match purpose {
            Purpose::IdToken => lifetimes::ID_TOKEN,
            Purpose::RequestObject => lifetimes::PRESENTATION_REQUEST,
            Purpose::Credential { .. } => lifetimes::CREDENTIAL,
            Purpose::StatusList { .. } => lifetimes::STATUS_LIST,
        }
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

impl Broker {
    /// Makes the root and the broker's own keys where there are none, and brings all up to date.
    pub(crate) async fn found_keys(&self) -> Result<(), RotationError> {
        self.found_root().await?;
        let records = self.key_records().await?;
        let mut lines = OWN_LINES.to_vec();
        let all = self.store().scan::<Organizations>(Bound::Unbounded, MAX_KEYS).await?;
        lines.extend(all.iter().flat_map(|(number, _)| organization_lines(number)));
        for (purpose, algorithm) in lines {
            if !records.iter().any(|key| key.purpose == purpose && key.algorithm == algorithm) {
                let key = self.make_key(purpose, algorithm).await?;
                self.store().transact(|tx| tx.insert::<Keys>(&key.kid, &key)).await?;
            }
        }
        self.sweep_keys().await
    }

    async fn found_root(&self) -> Result<(), RotationError> {
        let name = ROOT.to_owned();
        if self.store().get::<Authorities>(&name).await?.is_some() {
            return Ok(());
        }
        let now = self.clock().now();
        let root = Authority::generate(self.config().origin.host(), now, self.entropy())?;
        let row = AuthorityRow {
            certificate: root.anchor().to_der().to_vec(),
            private: root.private().expose().clone(),
        };
        let made = entry(now, &Actor::Broker, Act::AuthorityCreate, ROOT, Outcome::Done);
        self.store()
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
        let row = self.store().get::<Authorities>(&ROOT.to_owned()).await?;
        let row = row.ok_or(StoreError::Aborted("the root certificate is not there".into()))?;
        Ok(Authority::from_der(&row.certificate, &row.private)?)
    }

    /// The keys of a new organization: for each purpose one that signs at once, and its spare.
    pub(crate) async fn organization_keys(
        &self,
        number: &str,
        now: Timestamp,
    ) -> Result<Vec<KeyRecord>, RotationError> {
        let mut records = Vec::new();
        for (purpose, algorithm) in organization_lines(number) {
            let first = self.make_key(purpose.clone(), algorithm).await?;
            let mut line = vec![first, self.make_key(purpose, algorithm).await?];
            let steps = keys::sweep(&line, now, &POLICY);
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
        let entropy = self.entropy().clone();
        // An RSA key takes long enough to hold up everybody on this thread.
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm, &entropy));
        let key = key.await.map_err(|_| RotationError::Interrupted)??;
        let now = self.clock().now();
        let public = key.public_jwk();
        let x5c = match &purpose {
            Purpose::IdToken => Vec::new(),
            Purpose::RequestObject => {
                let origin = self.config().origin.as_str();
                let subject =
                    Subject { name: origin, uri: origin, host: self.config().origin.host() };
                self.authority().await?.certify(&subject, &public, now, self.entropy())?
            }
            Purpose::Credential { org } | Purpose::StatusList { org } => {
                let uri = self.config().origin.organization(org);
                let subject = Subject { name: org, uri: &uri, host: self.config().origin.host() };
                self.authority().await?.certify(&subject, &public, now, self.entropy())?
            }
        };
        let private = key.to_pkcs8_der().expose().clone();
        Ok(keys::spare(purpose, public, algorithm, x5c, private, now))
    }

    pub(crate) async fn key_records(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = self.store().scan::<Keys>(Bound::Unbounded, MAX_KEYS).await?;
        Ok(rows.into_iter().map(|(_, record)| record).collect())
    }

    /// Reads the keys into memory, each parsed once.
    pub(crate) async fn reload_ring(&self) -> Result<(), RotationError> {
        self.set_ring(Ring::new(&self.key_records().await?)?);
        Ok(())
    }

    /// Takes every step that is due. Safe to call at any time and from several brokers.
    pub async fn sweep_keys(&self) -> Result<(), RotationError> {
        for _ in 0..ATTEMPTS {
            let before = self.key_records().await?;
            let now = self.clock().now();
            let mut after = before.clone();
            ask_for_aged(&mut after, now);
            let mut log = Vec::new();
            for step in keys::sweep(&after, now, &POLICY) {
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
                return self.reload_ring().await;
            }
            self.write_keys(&before, &after, &log).await?;
        }
        Err(RotationError::Contended)
    }

    /// Writes what changed, if what it was computed from still stands; else nothing.
    pub(crate) async fn write_keys(
        &self,
        before: &[KeyRecord],
        after: &[KeyRecord],
        log: &[AuditEntry],
    ) -> Result<bool, RotationError> {
        let written = self
            .store()
            .transact(|tx| {
                let mut changed = Vec::new();
                for record in after {
                    let stood = before.iter().find(|old| old.kid == record.kid);
                    // The whole line is read: no other change of it may slip in between.
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
                for entry in log {
                    tx.append(entry.clone());
                }
                Ok(true)
            })
            .await?;
        if written {
            self.reload_ring().await?;
        }
        Ok(written)
    }
}

/// Asks for the rotation of every key that has signed for long enough.
fn ask_for_aged(records: &mut [KeyRecord], now: Timestamp) {
    let aged = records.iter().filter(|record| {
        matches!(record.state, KeyState::Active { since, .. } if now.since(since) >= ROTATE_AFTER)
    });
    let lines: Vec<_> = aged.map(|record| (record.purpose.clone(), record.algorithm)).collect();
    for (purpose, algorithm) in lines {
        keys::request_rotation(records, &purpose, algorithm, now, &POLICY);
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
