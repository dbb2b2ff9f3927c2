//! `sekisho audit`.

use std::path::PathBuf;

use clap::Subcommand;
use sekisho_broker::admin::{AuditFound, AuditVerified};
use sekisho_broker::checkpoints::CheckedCheckpoint;
use sekisho_store::AuditRecord;
use serde_json::{Value, json};

use super::session::{Session, read, time};
use crate::api::{Api, Call};
use crate::table::Table;
use crate::{Failure, checkpoints, words};

/// The most records that are asked for at a time.
const PAGE: usize = 1000;
/// The most checkpoints that are sent at a time.
const CHECKPOINTS: usize = 200;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Prints the last records of the audit log, oldest first
    ///
    /// Example: sekisho audit tail --limit 50 --json
    Tail {
        /// How many
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        limit: usize,
        /// The records after this number instead of the last ones
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
    },
    /// Finds the records with the reference that a page or an answer showed
    ///
    /// What failed before a wallet had answered is in the server's log only, under the same
    /// reference.
    ///
    /// Example: sekisho audit query --reference 7d1f09a2c4e85b36
    Query {
        /// The reference, or at least its first four characters
        #[arg(long, value_name = "REF")]
        reference: String,
        /// How many
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        limit: usize,
        /// The records after this number
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
    },
    /// Reads the whole audit log and checks its chain, the status lists and checkpoints; exit code 1
    /// if anything is wrong
    ///
    /// Every fault is told with its place. Status lists are compared with the credentials that the
    /// log says were issued, revoked and suspended.
    ///
    /// Example: sekisho audit verify --checkpoint /mnt/other/sekisho-checkpoints
    Verify {
        /// Checkpoints to compare: a file, an extract of a system log, or a folder; may be repeated
        #[arg(long, value_name = "PATH")]
        checkpoint: Vec<PathBuf>,
    },
}

impl Session<'_, '_> {
    pub(super) async fn audit(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Tail { limit, after } => self.tail(limit, after).await,
            Command::Query { reference, limit, after } => {
                self.query(&reference, limit, after).await
            }
            Command::Verify { checkpoint } => self.verify(&checkpoint).await,
        }
    }

    /// Reads the records in parts, however many there are.
    async fn tail(&mut self, limit: usize, after: Option<u64>) -> Result<(), Failure> {
        let api = Api::find(&self.settings()?, &self.surroundings).await?;
        let mut after = match after {
            None if limit > PAGE => Some(
                last_record(&api).await?.saturating_sub(u64::try_from(limit).unwrap_or(u64::MAX)),
            ),
            after => after,
        };
        let mut records: Vec<Value> = Vec::new();
        loop {
            let part = limit.saturating_sub(records.len()).min(PAGE);
            let call = Call::get("/v1/audit").with("limit", &part.to_string());
            let call = match after {
                Some(after) => call.with("after", &after.to_string()),
                None => call,
            };
            let mut answer = api.call(&call).await?;
            let rows: Vec<Value> =
                read(answer.get_mut("records").map(Value::take).unwrap_or_default())?;
            after = rows.last().and_then(|row| row.get("seq")).and_then(Value::as_u64);
            let whole = rows.len() == part;
            records.extend(rows);
            if !whole || after.is_none() || records.len() >= limit {
                break;
            }
        }
        if self.json && !self.lines {
            self.say(&json!({"records": records}).to_string());
            return Ok(());
        }
        self.rows(records, Self::records)
    }

    async fn verify(&mut self, paths: &[PathBuf]) -> Result<(), Failure> {
        let texts = find_checkpoints(paths)?;
        let api = Api::find(&self.settings()?, &self.surroundings).await?;
        let mut answer = api.call(&Call::get("/v1/audit/verify")).await?;
        let verified: AuditVerified = read(answer.clone())?;
        let mut faults = verified.faults.clone();
        let mut newest: Option<CheckedCheckpoint> = None;
        if !texts.is_empty() {
            for (path, checked) in check(&api, &texts).await? {
                if let Some(fault) = &checked.fault {
                    faults.push(format!("checkpoint {}: {fault}", path.display()));
                }
                let records = |checked: &CheckedCheckpoint| {
                    checked.checkpoint.as_ref().map(|checkpoint| checkpoint.records)
                };
                if newest.as_ref().is_none_or(|newest| records(newest) < records(&checked)) {
                    newest = Some(checked);
                }
            }
        }
        if !faults.is_empty() {
            return Err(Failure::Audit(faults));
        }
        if self.json {
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("checkpoints".to_owned(), Value::from(texts.len()));
            }
            self.say(&answer.to_string());
            return Ok(());
        }
        let records = verified.records.to_string();
        let values = [("records", records.as_str()), ("hash", verified.hash.as_str())];
        self.say(&words::AUDIT_SOUND.fill(self.lang, &values));
        if let Some(newest) = newest.and_then(|newest| newest.checkpoint) {
            let (checked, records) = (texts.len().to_string(), newest.records.to_string());
            let time = time(newest.time);
            let values = [("checked", &*checked), ("time", &*time), ("records", &*records)];
            self.say(&words::CHECKPOINTS_AGREE.fill(self.lang, &values));
        }
        Ok(())
    }

    async fn query(
        &mut self,
        reference: &str,
        limit: usize,
        after: Option<u64>,
    ) -> Result<(), Failure> {
        let call = Call::get("/v1/audit/query")
            .with("reference", reference)
            .with("limit", &limit.to_string());
        let call = match after {
            Some(after) => call.with("after", &after.to_string()),
            None => call,
        };
        let answer = self.call(&call).await?;
        if self.json {
            self.say(&answer.to_string());
            return Ok(());
        }
        let AuditFound { records, next } = read(answer)?;
        if records.is_empty() {
            self.note(&words::NO_RECORD.fill(self.lang, &[("reference", reference)]));
            return Ok(());
        }
        self.records(records);
        if let Some(next) = next {
            self.note(&words::MORE.fill(self.lang, &[("next", &next.to_string())]));
        }
        Ok(())
    }

    fn records(&mut self, rows: Vec<AuditRecord>) {
        let lang = self.lang;
        let headings = [
            words::NUMBER,
            words::TIME,
            words::ACTOR,
            words::ACTION,
            words::OBJECT,
            words::OUTCOME,
            words::REASON,
        ];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for AuditRecord { seq, entry, .. } in rows {
            table.row([
                seq.to_string(),
                time(entry.time),
                entry.actor,
                entry.action,
                entry.object,
                entry.outcome,
                entry.reason.unwrap_or_default(),
            ]);
        }
        self.say(&table.to_string());
    }
}

async fn last_record(api: &Api) -> Result<u64, Failure> {
    let answer = api.call(&Call::get("/v1/audit").with("limit", "1")).await?;
    Ok(answer.pointer("/records/0/seq").and_then(Value::as_u64).unwrap_or(0))
}

/// Reads all checkpoints at `paths`, each with the file that has it. A path without any is an
/// error: nothing would have been compared.
fn find_checkpoints(paths: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let files = if path.is_dir() { checkpoints::files(path)? } else { vec![path.clone()] };
        let before = found.len();
        for file in files {
            let texts = checkpoints::read(&file)?;
            found.extend(texts.into_iter().map(|text| (file.clone(), text)));
        }
        if found.len() == before {
            let none = format!("{} has no checkpoint", path.display());
            return Err(Failure::Usage(none));
        }
    }
    Ok(found)
}

async fn check(
    api: &Api,
    texts: &[(PathBuf, String)],
) -> Result<Vec<(PathBuf, CheckedCheckpoint)>, Failure> {
    let mut all = Vec::new();
    for part in texts.chunks(CHECKPOINTS) {
        let texts: Vec<&str> = part.iter().map(|(_, text)| text.as_str()).collect();
        let call = Call::post("/v1/audit/checkpoints", json!({"checkpoints": texts}));
        let mut answer = api.call(&call).await?;
        let checked = answer.get_mut("checked").map(Value::take).unwrap_or_default();
        let checked: Vec<CheckedCheckpoint> = read(checked)?;
        all.extend(part.iter().map(|(path, _)| path.clone()).zip(checked));
    }
    Ok(all)
}
