//! `sekisho audit`.

use clap::Subcommand;
use sekisho_broker::admin::{AuditFound, AuditVerified};
use sekisho_store::AuditRecord;

use super::session::{Session, read, time};
use crate::api::Call;
use crate::table::Table;
use crate::{Failure, words};

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
    /// Reads the whole audit log and checks its chain; exit code 1 if it is broken
    Verify,
}

impl Session<'_, '_> {
    pub(super) async fn audit(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Tail { limit, after } => {
                let call = Call::get("/v1/audit").with("limit", &limit.to_string());
                let call = match after {
                    Some(after) => call.with("after", &after.to_string()),
                    None => call,
                };
                self.list(&call, "records", Self::records).await
            }
            Command::Query { reference, limit, after } => {
                self.query(&reference, limit, after).await
            }
            Command::Verify => {
                let answer = self.call(&Call::get("/v1/audit/verify")).await?;
                let verified: AuditVerified = read(answer.clone())?;
                if let Some((seq, reason)) = verified.fault {
                    return Err(Failure::Audit { seq, reason });
                }
                if self.json {
                    self.say(&answer.to_string());
                    return Ok(());
                }
                let records = verified.records.to_string();
                let values = [("records", records.as_str()), ("hash", verified.hash.as_str())];
                self.say(&words::AUDIT_SOUND.fill(self.lang, &values));
                Ok(())
            }
        }
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
