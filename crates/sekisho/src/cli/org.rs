//! `sekisho org`.

use clap::Subcommand;
use sekisho_ambient::Text;
use sekisho_broker::admin::{AddOrganization, OrganizationRow};

use super::Rehearsal;
use super::session::{Session, body};
use crate::api::Call;
use crate::table::Table;
use crate::{Failure, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Adds an organization: a credential issuer with keys of its own
    ///
    /// Example: sekisho org add 7900000000002 --name-ja 瀬戸内精密工業株式会社 --name-en 'Setouchi Precision Industries'
    Add {
        /// Its corporate number (法人番号), 13 digits
        corporate_number: String,
        /// Its name in Japanese
        #[arg(long, value_name = "NAME")]
        name_ja: String,
        /// Its name in English
        #[arg(long, value_name = "NAME")]
        name_en: String,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Lists organizations
    List,
}

impl Session<'_, '_> {
    pub(super) async fn org(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Add { corporate_number, name_ja, name_en, rehearsal } => {
                let name = Text { ja: name_ja, en: name_en };
                let call = Call::post(
                    "/v1/organizations",
                    body(&AddOrganization { corporate_number, name })?,
                );
                self.change(call, rehearsal.dry_run, |session, row: OrganizationRow| {
                    session.organizations(vec![row]);
                })
                .await
            }
            Command::List => {
                self.list(&Call::get("/v1/organizations"), "organizations", Self::organizations)
                    .await
            }
        }
    }

    fn organizations(&mut self, rows: Vec<OrganizationRow>) {
        let lang = self.lang;
        let headings = [words::CORPORATE_NUMBER, words::NAME, words::ISSUER];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            table.row([row.corporate_number.clone(), self.pick(&row.name), row.issuer]);
        }
        self.say(&table.to_string());
    }
}
