//! Checkpoints of a running server: the folder is compared with the log before the server starts,
//! and new ones are written when it starts, at intervals while the log grows, and when it stops.
//!
//! Invariant: a checkpoint that cannot be written stops nothing and loses nothing: the log and
//! `status` say so, and it is tried again.

use std::time::Duration;

use sekisho_broker::Broker;
use sekisho_broker::checkpoints::{LastCheckpoint, SignedCheckpoint};
use tokio::sync::watch;

use crate::settings::AuditSettings;
use crate::{Failure, checkpoints};

/// How often the log is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// A log that has grown gets a checkpoint after this many seconds.
const INTERVAL: i64 = 300;
/// A log that has grown by this many records gets a checkpoint at once.
const RECORDS: u64 = 1000;
/// How many of the newest checkpoints are compared with the log at the start. Each stands for
/// everything before it.
const COMPARED: usize = 16;
/// How long the last checkpoint may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Writes the checkpoints of one server.
pub(super) struct Keeper {
    broker: Broker,
    settings: AuditSettings,
    last: LastCheckpoint,
    /// Whether the next one is due whatever the time: nothing was written yet, or it failed.
    due: bool,
}

impl Keeper {
    /// Compares the newest checkpoints of the folder with the log, and makes the keys for new ones.
    /// An error means that the file of the store must not be served.
    pub(super) async fn begin(settings: &AuditSettings, broker: &Broker) -> Result<Self, Failure> {
        let last = LastCheckpoint { written: None, records: None, failure: None };
        let keeper = Self { broker: broker.clone(), settings: settings.clone(), last, due: true };
        if settings.keeps_checkpoints() {
            keeper.compare().await?;
            broker.prepare_checkpoints().await.map_err(sekisho_broker::StartError::from)?;
        }
        Ok(keeper)
    }

    async fn compare(&self) -> Result<(), Failure> {
        let Some(folder) = &self.settings.checkpoints else { return Ok(()) };
        let paths = match checkpoints::files(folder) {
            Ok(paths) => paths,
            Err(error) => {
                tracing::warn!(%error, "no checkpoint of the audit log was compared");
                return Ok(());
            }
        };
        let mut ours = 0_usize;
        for path in paths.into_iter().rev() {
            if ours == COMPARED {
                break;
            }
            for text in checkpoints::read(&path).unwrap_or_default() {
                let checked = self.broker.check_checkpoints(&[text]).await?;
                for checked in checked.into_iter().filter(|checked| !checked.foreign) {
                    ours = ours.saturating_add(1);
                    match (checked.checkpoint, checked.fault) {
                        (Some(_), Some(fault)) => {
                            return Err(Failure::OtherThanCheckpoint { path, fault });
                        }
                        (None, Some(fault)) => tracing::warn!(
                            path = %path.display(), %fault, "a file in the folder of checkpoints is none"
                        ),
                        (_, None) => {}
                    }
                }
            }
        }
        tracing::info!(compared = ours, "the audit log agrees with its checkpoints");
        Ok(())
    }

    /// Writes checkpoints until told to stop. Returns itself, for the last one.
    pub(super) async fn keep(mut self, mut stopped: watch::Receiver<bool>) -> Self {
        if !self.settings.keeps_checkpoints() {
            return self;
        }
        loop {
            self.look(INTERVAL).await;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return self,
            }
        }
    }

    /// Writes the last checkpoint, after the last request has ended, if the log has grown.
    pub(super) async fn end(&mut self) {
        if !self.settings.keeps_checkpoints() {
            return;
        }
        if tokio::time::timeout(FAREWELL, self.look(0)).await.is_err() {
            tracing::warn!("the last checkpoint of the audit log was not written in time");
        }
    }

    /// Writes a checkpoint if one is due: if the log has grown and the last one is at least
    /// `interval` seconds old.
    async fn look(&mut self, interval: i64) {
        let signed = match self.broker.sign_checkpoint().await {
            Ok(signed) => signed,
            Err(error) => return self.failed(format!("it could not be signed: {error}")),
        };
        let checkpoint = &signed.checkpoint;
        let grown = checkpoint.records.saturating_sub(self.last.records.unwrap_or(0));
        // A clock that was put back does not stop checkpoints either.
        let age = |written| checkpoint.time.since(written).saturating_abs();
        let age = self.last.written.map_or(i64::MAX, age);
        if !(self.due || grown >= RECORDS || (grown > 0 && age >= interval)) {
            return;
        }
        let (records, time) = (checkpoint.records, checkpoint.time);
        match self.write(signed).await {
            Ok(()) => {
                if self.last.failure.is_some() {
                    tracing::info!(records, "checkpoints of the audit log are written again");
                }
                self.due = false;
                self.last =
                    LastCheckpoint { written: Some(time), records: Some(records), failure: None };
                self.broker.note_checkpoint(self.last.clone());
                tracing::info!(records, "a checkpoint of the audit log was written");
            }
            Err(failure) => self.failed(failure),
        }
    }

    async fn write(&self, signed: SignedCheckpoint) -> Result<(), String> {
        let settings = self.settings.clone();
        let write = move || {
            let mut failures = Vec::new();
            if let Some(folder) = &settings.checkpoints
                && let Err(error) = checkpoints::write(folder, &signed)
            {
                failures.push(format!("folder {}: {error}", folder.display()));
            }
            if let Some(syslog) = &settings.syslog
                && let Err(error) = checkpoints::send(syslog, &signed)
            {
                failures.push(format!("syslog: {error}"));
            }
            if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.unwrap_or_else(|_| Err("writing was interrupted".to_owned()))
    }

    /// Says once in the log why a checkpoint was not written, and in `status` as long as it lasts.
    fn failed(&mut self, failure: String) {
        self.due = true;
        if self.last.failure.as_ref() != Some(&failure) {
            tracing::warn!(%failure, "a checkpoint of the audit log was not written; it is tried again");
        }
        self.last.failure = Some(failure);
        self.broker.note_checkpoint(self.last.clone());
    }
}
