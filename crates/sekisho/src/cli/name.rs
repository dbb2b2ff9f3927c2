//! `sekisho name`.

use clap::Subcommand;
use sekisho_broker::admin::{NameRow, SetName};

use super::Rehearsal;
use super::session::{Session, body, time};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Lists the people with user names in a sector
    ///
    /// Example: sekisho name list --sector hpc --output jsonl
    List {
        /// The sector
        #[arg(long, value_name = "NAME")]
        sector: String,
    },
    /// Gives a person a user name in a sector, also before the first login; the one before is released
    ///
    /// Example: sekisho name set taro --sector hpc --org 7900000000002 --member-ref m-0001
    Set {
        /// The user name: 1 to 32 of a-z, 0-9, '-' and '_', beginning with a letter or '_'
        name: String,
        /// The sector
        #[arg(long, value_name = "NAME")]
        sector: String,
        /// The person: 16 hexadecimal digits, as lists and the audit log show them
        #[arg(long, value_name = "PERSON", conflicts_with_all = ["issuer", "org", "member_ref"])]
        person: Option<String>,
        /// The issuer of the person's login credential, which must be trusted
        #[arg(long, value_name = "URL", requires = "member_ref", conflicts_with = "org")]
        issuer: Option<String>,
        /// The corporate number of that issuer, if it is an organization here
        #[arg(long, value_name = "NUMBER", requires = "member_ref")]
        org: Option<String>,
        /// The member reference by which the issuer knows the person
        #[arg(long, value_name = "REF")]
        member_ref: Option<String>,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Takes a user name from its person; nobody gets it again, and the person needs another one
    ///
    /// Example: sekisho name release taro --sector hpc --yes
    Release {
        /// The user name
        name: String,
        /// The sector
        #[arg(long, value_name = "NAME")]
        sector: String,
        /// Does not ask for the name to be typed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

impl Session<'_, '_> {
    pub(super) async fn name(&mut self, command: Command) -> Result<(), Failure> {
        let (call, dry_run) = match command {
            Command::List { sector } => {
                let call = Call::get(format!("/v1/sectors/{}/names", segment(&sector)));
                return self.pages(&call, "names", Self::name_rows).await;
            }
            Command::Set { name, sector, person, issuer, org, member_ref, rehearsal } => {
                let path = format!("/v1/sectors/{}/names", segment(&sector));
                let set = SetName { name, person, issuer, organization: org, member_ref };
                (Call::post(path, body(&set)?), rehearsal.dry_run)
            }
            Command::Release { name, sector, yes, rehearsal } => {
                self.confirm(&name, yes, rehearsal.dry_run)?;
                let (sector, name) = (segment(&sector), segment(&name));
                let path = format!("/v1/sectors/{sector}/names/{name}/release");
                (Call::post(path, serde_json::json!({})), rehearsal.dry_run)
            }
        };
        self.change(call, dry_run, |session, row: NameRow| session.name_rows(vec![row])).await
    }

    fn name_rows(&mut self, rows: Vec<NameRow>) {
        let lang = self.lang;
        let headings = [
            words::USER_NAME,
            words::SECTOR,
            words::PERSON,
            words::SINCE,
            words::GIVEN_BY,
            words::ACCOUNT_IDS,
        ];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            let by = if row.given { words::BY_OPERATOR } else { words::BY_LOGIN };
            table.row([
                row.name.unwrap_or_default(),
                row.sector,
                row.person,
                row.since.map(time).unwrap_or_default(),
                row.since.map(|_| by.say(lang).to_owned()).unwrap_or_default(),
                row.ids.map(|ids| format!("{}:{}", ids.uid, ids.gid)).unwrap_or_default(),
            ]);
        }
        self.say(&table.to_string());
    }
}
