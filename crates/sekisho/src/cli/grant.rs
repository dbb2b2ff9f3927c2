//! `sekisho grant`.

use clap::Subcommand;
use sekisho_broker::admin::{EndGrant, GrantRow};

use super::Rehearsal;
use super::session::{Session, body, time};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Lists what people granted to relying parties, what expires first at the top
    ///
    /// Example: sekisho grant list --client portal --output jsonl
    List {
        /// For this client only
        #[arg(long, value_name = "ID")]
        client: Option<String>,
        /// Of this person only: 16 hexadecimal digits, as lists and the audit log show them
        #[arg(long, value_name = "PERSON")]
        person: Option<String>,
        /// With this subject (sub) only, as the service knows the person
        #[arg(long, value_name = "SUB")]
        subject: Option<String>,
        /// Of the session with this sid only
        #[arg(long, value_name = "SID")]
        session: Option<String>,
        /// Those too that have ended
        #[arg(long)]
        all: bool,
    },
    /// Ends a grant: its code, its access tokens and its refresh tokens are no longer good; the
    /// session lives on
    ///
    /// Example: sekisho grant end 9a8e7f604b1f0c2d --reason 'service closed'
    End {
        /// Its id in the list
        id: String,
        /// Why, for the audit log; no personal data
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask for the id to be typed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

impl Session<'_, '_> {
    pub(super) async fn grant(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::List { client, person, subject, session, all } => {
                let mut call = Call::get("/v1/grants");
                let filters = [
                    ("client", client),
                    ("person", person),
                    ("subject", subject),
                    ("sid", session),
                ];
                for (name, value) in filters {
                    if let Some(value) = value {
                        call = call.with(name, &value);
                    }
                }
                let call = if all { call.with("all", "true") } else { call };
                self.pages(&call, "grants", Self::grant_rows).await
            }
            Command::End { id, reason, yes, rehearsal } => {
                self.confirm(&id, yes, rehearsal.dry_run)?;
                let path = format!("/v1/grants/{}/end", segment(&id));
                let call = Call::post(path, body(&EndGrant { reason })?);
                self.change(call, rehearsal.dry_run, |session, row| session.grant_rows(vec![row]))
                    .await
            }
        }
    }

    fn grant_rows(&mut self, rows: Vec<GrantRow>) {
        let lang = self.lang;
        let headings = [
            words::ID,
            words::CLIENT_ID,
            words::PERSON,
            words::SCOPES,
            words::GATE,
            words::GRANTED,
            words::ENDS,
            words::STATE,
            words::REASON,
        ];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            table.row([
                row.id,
                row.client_id,
                row.person,
                row.scopes.join(" "),
                row.gate.unwrap_or_default(),
                row.issued.map(time).unwrap_or_default(),
                time(row.expires),
                row.state,
                row.reason.unwrap_or_default(),
            ]);
        }
        self.say(&table.to_string());
    }
}
