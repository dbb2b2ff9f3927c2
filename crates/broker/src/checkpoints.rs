//! Checkpoints of the audit log: signed statements of how far it goes, kept outside the file.
//!
//! Somebody who can write the store's file can put back an older one, and somebody who also has the
//! root key can write a log anew. A checkpoint that was kept elsewhere shows both. It is a JWS in
//! compact form (RFC 7515) on one line, signed by a key that signs nothing else.
//!
//! Leaves to others: where checkpoints are written and read.

use std::sync::{Arc, Mutex, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_jose::{Algorithm, Header, KeyError, UnverifiedJws, json, sign};
use sekisho_keyring::{KeyRecord, KeyState, Purpose, RotationError};
use sekisho_store::{AuditHead, StoreError};
use serde::{Deserialize, Serialize};

use crate::Broker;

/// The type of the signed object.
const TYPE: &str = "sekisho-audit-checkpoint+jwt";
/// The longest checkpoint that is read, in bytes.
const MAX_BYTES: usize = 4096;

/// How far the log of one store went at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The origin of the broker.
    pub origin: String,
    /// The id that was drawn for the store when it was made.
    pub store: String,
    /// The number of batches that the store had applied.
    pub batches: u64,
    /// The number of the last record.
    pub records: u64,
    /// The hash of that record.
    pub hash: String,
    /// When this was signed.
    pub time: Timestamp,
}

/// A checkpoint and its signed form.
#[derive(Clone, Debug)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The line to keep.
    pub text: String,
}

/// The result of comparing one checkpoint with the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckedCheckpoint {
    /// What it says, verified or not; `None` if it does not read.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong; `None` if log and checkpoint agree.
    pub fault: Option<String>,
    /// Whether it names another origin than ours, so that it says nothing about this broker.
    pub foreign: bool,
}

/// What became of the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCheckpoint {
    /// When one was last written everywhere; `None` if none was since the server started.
    pub written: Option<Timestamp>,
    /// The number of the last record in it.
    pub records: Option<u64>,
    /// Why the latest could not be written, if it could not.
    pub failure: Option<String>,
}

/// What became of the last checkpoint, for everybody who has the broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckpointState(Arc<Mutex<Option<LastCheckpoint>>>);

/// Why no checkpoint was signed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store did not answer, or its log has no head.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no active key for checkpoints.
    #[error("no active key for checkpoints of the audit log")]
    NoKey,
    /// It could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Broker {
    /// Prepares for checkpoints: makes their keys, if there are none.
    pub async fn prepare_checkpoints(&self) -> Result<(), RotationError> {
        self.keyring.found_checkpoints().await
    }

    /// Signs a checkpoint of the log as it is now.
    pub async fn sign_checkpoint(&self) -> Result<SignedCheckpoint, CheckpointError> {
        let store = self.site.store();
        let AuditHead { seq, hash, counter } = store.audit_head().await?;
        let ring = self.keyring.ring();
        let purpose = Purpose::AuditCheckpoint;
        let key = ring.active(&purpose, Algorithm::Es256).ok_or(CheckpointError::NoKey)?;
        let checkpoint = Checkpoint {
            origin: self.site.origin().as_str().to_owned(),
            store: store.id(),
            batches: counter,
            records: seq,
            hash,
            time: self.site.now(),
        };
        let text = sign(&key.key, &Header::for_key(&key.key, TYPE), &checkpoint)?;
        Ok(SignedCheckpoint { checkpoint, text })
    }

    /// Compares checkpoints with the log.
    pub async fn check_checkpoints(
        &self,
        texts: &[String],
    ) -> Result<Vec<CheckedCheckpoint>, StoreError> {
        let keys = self.keyring.records().await?;
        let head = self.site.store().audit_head().await?;
        let mut checked = Vec::new();
        for text in texts {
            checked.push(self.check_checkpoint(text, &keys, &head).await?);
        }
        Ok(checked)
    }

    async fn check_checkpoint(
        &self,
        text: &str,
        keys: &[KeyRecord],
        head: &AuditHead,
    ) -> Result<CheckedCheckpoint, StoreError> {
        let unread = |fault: &str| CheckedCheckpoint {
            checkpoint: None,
            fault: Some(fault.to_owned()),
            foreign: false,
        };
        let Ok(unverified) = UnverifiedJws::parse(text, MAX_BYTES) else {
            return Ok(unread("it is no signed object, or too long"));
        };
        let claims = json::parse(unverified.dangerous_payload()).ok();
        let claims = claims.and_then(|claims| serde_json::from_value::<Checkpoint>(claims).ok());
        let Some(unverified_checkpoint) = claims else {
            return Ok(unread("it is no checkpoint"));
        };
        let foreign = unverified_checkpoint.origin != self.site.origin().as_str();
        let fault = match self.authenticate(unverified, &unverified_checkpoint, keys) {
            Err(fault) => Some(fault),
            Ok(()) => self.contradiction(&unverified_checkpoint, head).await?,
        };
        Ok(CheckedCheckpoint { checkpoint: Some(unverified_checkpoint), fault, foreign })
    }

    /// Checks that a checkpoint is of this store and that one of its keys signed it.
    fn authenticate(
        &self,
        unverified: UnverifiedJws,
        says: &Checkpoint,
        keys: &[KeyRecord],
    ) -> Result<(), String> {
        if says.origin != self.site.origin().as_str() {
            return Err(format!("it is of another broker: {}", says.origin));
        }
        if says.store != self.site.store().id() {
            return Err(format!(
                "it is of another store of this origin ({}): this store's file was put in its place",
                says.store
            ));
        }
        let kid = unverified.header().kid.clone().unwrap_or_default();
        let known =
            keys.iter().find(|key| key.purpose == Purpose::AuditCheckpoint && key.kid == kid);
        let Some(known) = known else {
            return Err(format!(
                "its key {kid:?} is not known here: this file is older than the key, or its keys were replaced"
            ));
        };
        if matches!(known.state, KeyState::Compromised { .. }) {
            return Err(format!("its key {kid} was declared compromised, so it proves nothing"));
        }
        let forged = |_| "its signature is not good: it was changed or forged".to_owned();
        let key = known.public.verifying_key().map_err(|error| error.to_string())?;
        if unverified.header().typ.as_deref() != Some(TYPE) {
            return Err("it is not signed as a checkpoint".to_owned());
        }
        unverified.verify(&key, &[Algorithm::Es256]).map(drop).map_err(forged)
    }

    /// How the log contradicts a checkpoint of this store, if it does.
    async fn contradiction(
        &self,
        says: &Checkpoint,
        head: &AuditHead,
    ) -> Result<Option<String>, StoreError> {
        let at = says.time.to_rfc3339();
        if says.records > head.seq || says.batches > head.counter {
            return Ok(Some(format!(
                "an older file was put back: at {at} the log had {} records after {} batches, and now it has {} after {}",
                says.records, says.batches, head.seq, head.counter
            )));
        }
        let hash = self.site.store().audit_hash(says.records).await?;
        Ok((hash.as_deref() != Some(says.hash.as_str())).then(|| {
            format!(
                "the log was written anew: at {at} its record {} was another (hash {})",
                says.records, says.hash
            )
        }))
    }

    /// What became of the last checkpoint; `None` if this process writes none.
    pub fn last_checkpoint(&self) -> Option<LastCheckpoint> {
        self.checkpoints.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what became of the last checkpoint.
    pub fn note_checkpoint(&self, last: LastCheckpoint) {
        *self.checkpoints.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }
}
