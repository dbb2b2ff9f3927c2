//! `sekisho session`.

use clap::Subcommand;
use sekisho_broker::admin::{EndSession, EndedSession, SessionRow};

use super::Rehearsal;
use super::session::{Session, body, time};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Lists the sessions in which people are logged in, those that expire first at the top
    ///
    /// Example: sekisho session list --client portal --output jsonl
    List {
        /// With a living grant for this client only
        #[arg(long, value_name = "ID")]
        client: Option<String>,
        /// Of this person only: 16 hexadecimal digits, as lists and the audit log show them
        #[arg(long, value_name = "PERSON")]
        person: Option<String>,
    },
    /// Ends a session and the grants of it: the person has to log in again, and the codes and tokens
    /// that services got in it are no longer good
    ///
    /// Example: sekisho session end 4b1f0c2d9a8e7f60 --reason 'device lost'
    End {
        /// Its id in the list, or the sid that services see
        id: String,
        /// Lets the grants of the session live on
        #[arg(long)]
        keep_grants: bool,
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
    pub(super) async fn sessions(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::List { client, person } => {
                let mut call = Call::get("/v1/sessions");
                for (name, value) in [("client", client), ("person", person)] {
                    if let Some(value) = value {
                        call = call.with(name, &value);
                    }
                }
                self.pages(&call, "sessions", Self::session_rows).await
            }
            Command::End { id, keep_grants, reason, yes, rehearsal } => {
                self.confirm(&id, yes, rehearsal.dry_run)?;
                let end = EndSession { reason, keep_grants };
                let call = Call::post(format!("/v1/sessions/{}/end", segment(&id)), body(&end)?);
                self.change(call, rehearsal.dry_run, |session, ended: EndedSession| {
                    session.session_rows(vec![ended.session]);
                    session.fact(&words::ENDED_GRANTS, &ended.grants.len().to_string());
                })
                .await
            }
        }
    }

    fn session_rows(&mut self, rows: Vec<SessionRow>) {
        let lang = self.lang;
        let headings = [
            words::ID,
            words::PERSON,
            words::ISSUER,
            words::CREDENTIALS,
            words::LOGGED_IN,
            words::ENDS,
            words::SID,
        ];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            table.row([
                row.id,
                row.person,
                row.issuer,
                row.credentials.join(" "),
                time(row.began),
                time(row.expires),
                row.sid,
            ]);
        }
        self.say(&table.to_string());
    }
}
