//! `sekisho sector`.

use clap::{Subcommand, ValueEnum};
use sekisho_broker::admin::{AddSector, EditSector, SectorRow};
use sekisho_registry::sectors::{IdRange, NameSource};

use super::Rehearsal;
use super::session::{Session, body};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Describes a sector: a group of services that know people by the same sub and user name
    ///
    /// Example: sekisho sector add hpc --names email
    Add {
        /// Its name, as `client add --sector` has it: a-z, 0-9 and '-'
        name: String,
        /// What proposes a person's user name at the first login in the sector
        #[arg(long, value_enum, default_value_t = Names::Opaque)]
        names: Names,
        /// The numbers of the accounts of an organization's people, for the scope posix; the first is
        /// that of the organization's group; once for each organization
        #[arg(long, value_name = "NUMBER=FIRST-LAST", value_parser = range)]
        ids: Vec<IdRange>,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Describes a sector anew; people who have a user name and numbers in it keep theirs
    ///
    /// Example: sekisho sector edit hpc --ids 7900000000002=200000-299999
    Edit {
        /// Its name
        name: String,
        /// What proposes user names from now on
        #[arg(long, value_enum)]
        names: Option<Names>,
        /// A range to add, or to make longer
        #[arg(long, value_name = "NUMBER=FIRST-LAST", value_parser = range, required_unless_present = "names")]
        ids: Vec<IdRange>,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Lists sectors with their clients
    List,
}

/// What proposes user names.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Names {
    /// Nothing: u and 16 hexadecimal digits
    Opaque,
    /// What stands before the @ of the credential's e-mail address
    Email,
    /// The member reference of the credential
    #[value(alias = "member_ref")]
    MemberRef,
}

/// Reads `7900000000002=200000-299999`.
fn range(text: &str) -> Result<IdRange, &'static str> {
    let parts = || {
        let (organization, range) = text.split_once('=')?;
        let (first, last) = range.split_once('-')?;
        let organization = organization.to_owned();
        Some(IdRange { organization, first: first.parse().ok()?, last: last.parse().ok()? })
    };
    parts().ok_or("expected a corporate number and a range, such as 7900000000002=200000-299999")
}

impl From<Names> for NameSource {
    fn from(names: Names) -> Self {
        match names {
            Names::Opaque => Self::Opaque,
            Names::Email => Self::Email,
            Names::MemberRef => Self::MemberRef,
        }
    }
}

impl Session<'_, '_> {
    pub(super) async fn sector(&mut self, command: Command) -> Result<(), Failure> {
        let (call, dry_run) = match command {
            Command::Add { name, names, ids, rehearsal } => {
                let add = AddSector { name, names: names.into(), ids };
                (Call::post("/v1/sectors", body(&add)?), rehearsal.dry_run)
            }
            Command::Edit { name, names, ids, rehearsal } => {
                let path = format!("/v1/sectors/{}", segment(&name));
                let edit = EditSector { names: names.map(NameSource::from), ids };
                (Call::post(path, body(&edit)?), rehearsal.dry_run)
            }
            Command::List => {
                return self.list(&Call::get("/v1/sectors"), "sectors", Self::sector_rows).await;
            }
        };
        self.change(call, dry_run, |session, row: SectorRow| session.sector_rows(vec![row])).await
    }

    fn sector_rows(&mut self, rows: Vec<SectorRow>) {
        let lang = self.lang;
        let headings = [words::SECTOR, words::USER_NAMES, words::ID_RANGES, words::CLIENTS];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            let names = match row.names {
                NameSource::Opaque => words::NAMES_OPAQUE,
                NameSource::Email => words::NAMES_EMAIL,
                NameSource::MemberRef => words::NAMES_MEMBER_REF,
            };
            let ids = row
                .ids
                .iter()
                .map(|range| format!("{}={}-{}", range.organization, range.first, range.last));
            let ids = ids.collect::<Vec<_>>().join(" ");
            table.row([row.name, names.say(lang).to_owned(), ids, row.clients.join(" ")]);
        }
        self.say(&table.to_string());
    }
}
