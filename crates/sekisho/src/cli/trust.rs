//! `sekisho trust`.

use std::path::PathBuf;

use clap::Subcommand;
use sekisho_broker::admin::{AddTrust, TrustRow};

use super::Rehearsal;
use super::session::{Session, body};
use crate::api::Call;
use crate::table::Table;
use crate::{Failure, text_file, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Trusts an issuer for these types and organizations, under these roots
    ///
    /// What was said of the issuer before is replaced. What stands on credentials that are covered no
    /// longer ends at once: sessions, codes and tokens.
    ///
    /// Example: sekisho trust add 7900000000002 --type affiliation --type organization
    ///
    /// Example: sekisho trust add https://issuer.example.jp --type ai-training --org 5900000000004 --anchors roots.pem
    Add {
        /// Its credential issuer identifier; a corporate number means our own organization
        issuer: String,
        /// What it may attest; once for each type: affiliation, organization, ai-training
        #[arg(long = "type", value_name = "TYPE", required = true)]
        types: Vec<String>,
        /// Corporate numbers that it may attest for [default: an own organization's own]
        #[arg(long = "org", value_name = "NUMBER")]
        organizations: Vec<String>,
        /// Roots of its certificates, PEM [default: our own root]
        #[arg(long, value_name = "PEM")]
        anchors: Option<PathBuf>,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Lists trusted issuers
    List,
    /// Trusts an issuer no longer; sessions, codes and tokens that stand on its credentials end at once
    ///
    /// Example: sekisho trust remove https://issuer.example.jp --yes
    Remove {
        /// Its credential issuer identifier, or the corporate number of our own organization
        issuer: String,
        /// Does not ask for the issuer to be typed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

impl Session<'_, '_> {
    pub(super) async fn trust(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Add { issuer, types, organizations, anchors, rehearsal } => {
                let organizations = if organizations.is_empty() && is_number(&issuer) {
                    vec![issuer.clone()]
                } else {
                    organizations
                };
                let read =
                    |path: PathBuf| text_file::read(&path).map_err(Failure::file("read", path));
                let anchors_pem = anchors.map(read).transpose()?;
                let issuer = self.issuer(issuer)?;
                let add = AddTrust { issuer, types, organizations, anchors_pem };
                let call = Call::post("/v1/trust", body(&add)?);
                self.change(call, rehearsal.dry_run, |session, row| session.trusted(vec![row]))
                    .await
            }
            Command::List => self.list(&Call::get("/v1/trust"), "trust", Self::trusted).await,
            Command::Remove { issuer, yes, rehearsal } => {
                self.confirm(&issuer, yes, rehearsal.dry_run)?;
                let issuer = self.issuer(issuer)?;
                let call = Call::delete("/v1/trust").with("issuer", &issuer);
                self.change(call, rehearsal.dry_run, |session, row| session.trusted(vec![row]))
                    .await
            }
        }
    }

    /// The identifier of an issuer. A corporate number stands for our own organization with that
    /// number.
    fn issuer(&self, issuer: String) -> Result<String, Failure> {
        if is_number(&issuer) {
            return Ok(self.settings()?.broker.origin.organization(&issuer));
        }
        Ok(issuer)
    }

    fn trusted(&mut self, rows: Vec<TrustRow>) {
        let lang = self.lang;
        let headings = [words::ISSUER, words::TYPE, words::ORGANIZATIONS, words::ANCHORS];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            let organizations = row.organizations.join(" ");
            table.row([row.issuer, row.types.join(" "), organizations, row.anchors.to_string()]);
        }
        self.say(&table.to_string());
    }
}

fn is_number(text: &str) -> bool {
    text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit())
}
