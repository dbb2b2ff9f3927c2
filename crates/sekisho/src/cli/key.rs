//! `sekisho key`.

use clap::{Subcommand, ValueEnum};
use sekisho_broker::admin::{KeyRow, RotateKey, RotationPlan};
use sekisho_jose::Algorithm;

use super::Rehearsal;
use super::client::algorithm;
use super::session::{Session, body, time};
use crate::api::Call;
use crate::table::Table;
use crate::{Failure, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Lists keys and their states
    ///
    /// A credential key signs the status lists of its credentials, and goes on doing so while it is
    /// retiring, until the last of them ends.
    List {
        /// Those too that are gone from every document
        #[arg(long)]
        all: bool,
    },
    /// Rotates keys: the published spare signs as soon as every verifier can have read it
    ///
    /// Example: sekisho key rotate --purpose credential --org 7900000000002 --dry-run
    Rotate {
        /// What the keys sign
        #[arg(long, value_enum)]
        purpose: Purpose,
        /// The organization, for credential
        #[arg(long, value_name = "NUMBER")]
        org: Option<String>,
        /// The resource, for access-token, if it has keys of its own
        #[arg(long, value_name = "ID")]
        resource: Option<String>,
        /// One algorithm only
        #[arg(long, value_name = "ALG", value_parser = algorithm)]
        alg: Option<Algorithm>,
        /// The active key may be in other hands: withdraws it at once, and what it signed counts no
        /// more; credentials under it log nobody in
        #[arg(long)]
        compromised: bool,
        /// Does not ask for the purpose to be typed where --compromised destroys
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Purpose {
    /// ID tokens
    IdToken,
    /// Access tokens that are JWTs
    AccessToken,
    /// Presentation requests
    RequestObject,
    /// Checkpoints of the audit log
    AuditCheckpoint,
    /// Credentials of an organization, and their status lists
    Credential,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::IdToken => "id-token",
            Self::AccessToken => "access-token",
            Self::RequestObject => "request-object",
            Self::AuditCheckpoint => "audit-checkpoint",
            Self::Credential => "credential",
        }
    }
}

impl Session<'_, '_> {
    pub(super) async fn key(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::List { all } => {
                let call = Call::get("/v1/keys");
                let call = if all { call.with("all", "true") } else { call };
                self.list(&call, "keys", Self::keys).await
            }
            Command::Rotate { purpose, org, resource, alg, compromised, yes, rehearsal } => {
                if compromised {
                    self.confirm(purpose.name(), yes, rehearsal.dry_run)?;
                }
                let rotate = RotateKey {
                    purpose: purpose.name().to_owned(),
                    organization: org,
                    resource,
                    algorithm: alg,
                    compromised,
                };
                let call = Call::post("/v1/keys/rotate", body(&rotate)?);
                self.change(call, rehearsal.dry_run, Self::rotation).await
            }
        }
    }

    fn keys(&mut self, rows: Vec<KeyRow>) {
        let lang = self.lang;
        let headings = [
            words::KEY,
            words::PURPOSE,
            words::WHOSE,
            words::ALGORITHM,
            words::STATE,
            words::SINCE,
            words::UNTIL,
        ];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            let state = if row.signs_only_lists {
                words::SIGNS_ONLY_LISTS.say(lang).replace("{state}", &row.state)
            } else {
                row.state
            };
            table.row([
                row.kid,
                row.purpose,
                row.organization.or(row.resource).unwrap_or_default(),
                row.algorithm.name().to_owned(),
                state,
                row.since.map(time).unwrap_or_default(),
                row.until.map(time).unwrap_or_default(),
            ]);
        }
        self.say(&table.to_string());
    }

    fn rotation(&mut self, plan: RotationPlan) {
        let lang = self.lang;
        let headings = [words::NUMBER, words::STEP, words::KEY, words::ALGORITHM, words::TIME];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for (at, step) in plan.steps.into_iter().enumerate() {
            table.row([
                at.saturating_add(1).to_string(),
                words::step(&step).say(lang).to_owned(),
                step.kid.unwrap_or_default(),
                step.algorithm.name().to_owned(),
                time(step.at),
            ]);
        }
        self.say(&table.to_string());
    }
}
