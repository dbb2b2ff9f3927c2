//! `sekisho credential`.

use clap::{Args, Subcommand, ValueEnum};
use sekisho_ambient::plain_text;
use sekisho_broker::admin::{
    ChangeStatus, CredentialPage, CredentialRow, OfferCredential, Offered,
};
use sekisho_jose::Claims;
use sekisho_profile::Status;
use serde_json::Value;

use super::Rehearsal;
use super::session::{Paging, Session, body, read, time};
use crate::api::{Api, Call, segment};
use crate::table::Table;
use crate::{Failure, text_file, words};

/// How many credentials of one second are looked for before a revocation of the newest is refused.
const CANDIDATES: usize = 20;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Offers a credential to a holder; prints the link for the wallet
    ///
    /// Example: sekisho credential offer --org 7900000000002 --type affiliation --claims taro.json --tx-code
    ///
    /// Example: sekisho credential offer --org 8900000000001 --type ai-training --subject m-0001 --claim achievement_id=ai-safety-basic --claim 'achievement_name=AI安全研修（基礎）' --claim framework=internal --claim valid_through=2099-03-31 --claim level:=2 --claim level_gte_1:=true --claim completed_on=2026-10-01
    Offer(Offer),
    /// Lists issued credentials in the order of issue
    ///
    /// Example: sekisho credential list --org 7900000000002 --type affiliation --status valid --output jsonl
    List {
        #[command(flatten)]
        of: Of,
        /// Of this type only
        #[arg(long = "type", value_name = "TYPE")]
        type_name: Option<String>,
        /// With this status only
        #[arg(long, value_enum)]
        status: Option<StatusName>,
        /// The newest first
        #[arg(long)]
        newest: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Revokes a credential, with all of the same offer: no decision stands on it any more
    ///
    /// Example: sekisho credential revoke --last affiliation --yes
    Revoke {
        /// Its id in the list
        #[arg(required_unless_present = "last", conflicts_with = "last")]
        id: Option<String>,
        /// The newest valid credential of this type instead; refused if several were issued in the
        /// same second
        #[arg(long, value_name = "TYPE")]
        last: Option<String>,
        /// With --last
        #[command(flatten)]
        of: Of,
        /// Why, for the audit log; no personal data
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask for the id to be typed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Suspends a credential, with all of the same offer: no decision stands on it until it is resumed
    ///
    /// Example: sekisho credential suspend AAAAAGqW… --reason 'device lost'
    Suspend {
        /// Its id in the list
        id: String,
        /// Why, for the audit log; no personal data
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Lets a suspended credential count again; what ended because of it stays ended
    Resume {
        /// Its id in the list
        id: String,
        /// Why, for the audit log; no personal data
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

/// Whose credentials are meant.
#[derive(Args)]
pub(super) struct Of {
    /// Of this organization only
    #[arg(long, value_name = "NUMBER")]
    org: Option<String>,
    /// Of this person only: the 16 digits that the list shows
    #[arg(long, value_name = "DIGITS")]
    person: Option<String>,
}

impl Of {
    fn ask(&self, call: Call) -> Call {
        let call = asked(call, "organization", self.org.as_deref());
        asked(call, "person", self.person.as_deref())
    }
}

/// Adds a parameter if there is a value for it.
fn asked(call: Call, name: &str, value: Option<&str>) -> Call {
    match value {
        Some(value) => call.with(name, value),
        None => call,
    }
}

/// A status that a list can be limited to.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum StatusName {
    /// Counts
    Valid,
    /// Does not count any more
    Revoked,
    /// Does not count until it is resumed
    Suspended,
    /// Has ended
    Expired,
}

impl StatusName {
    const fn name(self) -> &'static str {
        match self {
            Self::Valid => Status::Valid.name(),
            Self::Revoked => Status::Revoked.name(),
            Self::Suspended => Status::Suspended.name(),
            Self::Expired => Status::Expired.name(),
        }
    }
}

#[derive(Args)]
pub(super) struct Offer {
    /// Corporate number of the issuer
    #[arg(long, value_name = "NUMBER")]
    org: String,
    /// affiliation, organization or ai-training
    #[arg(long = "type", value_name = "TYPE")]
    type_name: String,
    /// A JSON file with the claims; - is standard input
    #[arg(long, value_name = "FILE")]
    claims: Option<String>,
    /// One more claim: NAME=TEXT, or NAME:=JSON
    #[arg(long, value_name = "CLAIM")]
    claim: Vec<String>,
    /// Whose credential it is, where the type has no member_ref; never leaves the broker
    #[arg(long, value_name = "REFERENCE")]
    subject: Option<String>,
    /// Id of a credential that the holder has (`credential list`): both may then be presented
    /// together, although the wallet keeps them under different keys
    #[arg(long, value_name = "CREDENTIAL-ID")]
    holder: Option<String>,
    /// Draws a code that the holder must type, and that you send by another way
    #[arg(long)]
    tx_code: bool,
    /// Days until the credential ends; the type's own limit holds all the same
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// The link holds the whole offer instead of a reference to it
    #[arg(long)]
    by_value: bool,
    /// What the link begins with: a wallet's URL [default: openid-credential-offer://]
    #[arg(long, value_name = "URL")]
    wallet: Option<String>,
    #[command(flatten)]
    rehearsal: Rehearsal,
}

impl Session<'_, '_> {
    pub(super) async fn credential(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Offer(offer) => {
                let claims = self.claims(&offer)?;
                let request = OfferCredential {
                    organization: offer.org,
                    type_name: offer.type_name,
                    claims,
                    subject: offer.subject,
                    holder: offer.holder,
                    tx_code: offer.tx_code,
                    days: offer.days,
                    by_value: offer.by_value,
                    wallet: offer.wallet,
                };
                let call = Call::post("/v1/credentials/offer", body(&request)?);
                self.change(call, offer.rehearsal.dry_run, |session, offered| {
                    session.offered(&offered);
                })
                .await
            }
            Command::List { of, type_name, status, newest, paging } => {
                let call = of.ask(Call::get("/v1/credentials"));
                let call = asked(call, "type", type_name.as_deref());
                let call = asked(call, "status", status.map(StatusName::name));
                let call = asked(call, "newest", newest.then_some("true"));
                self.part(&call, "credentials", &paging, Self::credentials).await
            }
            Command::Revoke { id, last, of, reason, yes, rehearsal } => {
                let id = match (id, last) {
                    (Some(_), _) if of.org.is_some() || of.person.is_some() => {
                        let only = "--org and --person go with --last, not with an id";
                        return Err(Failure::Usage(only.to_owned()));
                    }
                    (Some(id), _) => id,
                    (None, last) => self.newest(&last.unwrap_or_default(), &of).await?,
                };
                self.confirm(&id, yes, rehearsal.dry_run)?;
                self.change_status(&id, "revoke", reason, rehearsal.dry_run).await
            }
            Command::Suspend { id, reason, rehearsal } => {
                self.change_status(&id, "suspend", reason, rehearsal.dry_run).await
            }
            Command::Resume { id, reason, rehearsal } => {
                self.change_status(&id, "resume", reason, rehearsal.dry_run).await
            }
        }
    }

    async fn change_status(
        &mut self,
        id: &str,
        verb: &str,
        reason: Option<String>,
        dry_run: bool,
    ) -> Result<(), Failure> {
        let path = format!("/v1/credentials/{}/{verb}", segment(id));
        let call = Call::post(path, body(&ChangeStatus { reason })?);
        self.change(call, dry_run, |session, row| session.credentials(vec![row])).await
    }

    fn claims(&mut self, offer: &Offer) -> Result<Claims, Failure> {
        let mut claims = match offer.claims.as_deref() {
            None => Claims::new(),
            Some("-") => {
                let mut bytes = Vec::new();
                let read = self.terminal.input.read_to_end(&mut bytes);
                read.map_err(Failure::file("read", "-"))?;
                let text = plain_text(&bytes);
                parse_claims("-", text.map_err(|found| Failure::Usage(format!("-: {found}")))?)?
            }
            Some(path) => {
                parse_claims(path, &text_file::read(path).map_err(Failure::file("read", path))?)?
            }
        };
        for claim in &offer.claim {
            let (name, value) = parse_claim(claim)?;
            claims.insert(name, value);
        }
        Ok(claims)
    }

    /// Finds the id of the newest valid credential of a type. If several were issued in the same
    /// second, nobody can know which one is meant: none is taken, and all are named.
    async fn newest(&mut self, type_name: &str, of: &Of) -> Result<String, Failure> {
        let api = Api::find(&self.settings()?, &self.surroundings).await?;
        let call = of.ask(Call::get("/v1/credentials").with("type", type_name));
        let call = call.with("status", Status::Valid.name()).with("newest", "true");
        let call = call.with("limit", &CANDIDATES.to_string());
        let mut found: Vec<CredentialRow> = Vec::new();
        let mut after = None;
        loop {
            let page: CredentialPage =
                read(api.call(&asked(call.clone(), "after", after.as_deref())).await?)?;
            found.extend(page.credentials);
            after = page.next;
            let older = |first: &CredentialRow| found.iter().any(|row| row.issued != first.issued);
            let decided =
                found.first().is_some_and(|first| found.len() >= CANDIDATES || older(first));
            if decided || after.is_none() {
                break;
            }
        }
        let first = found.first().map(|row| row.issued);
        found.retain(|row| Some(row.issued) == first);
        match found.as_slice() {
            [] => Err(Failure::Refused {
                name: "not_found".to_owned(),
                message: format!("there is no valid credential of type {type_name:?}"),
            }),
            [one] => Ok(one.id.clone()),
            several => Err(ambiguous(type_name, several)),
        }
    }

    fn offered(&mut self, offered: &Offered) {
        if !offered.uri.is_empty() {
            self.fact(&words::LINK, &offered.uri);
            self.qr(&offered.uri);
        }
        if let Some(code) = &offered.tx_code {
            self.fact(&words::TX_CODE, code);
        }
        self.fact(&words::OFFER_ENDS, &time(offered.expires));
        self.fact(&words::CREDENTIAL_ENDS, &time(offered.credential_expires));
    }

    fn credentials(&mut self, rows: Vec<CredentialRow>) {
        let lang = self.lang;
        let headings = [
            words::ID,
            words::TYPE,
            words::CORPORATE_NUMBER,
            words::PERSON,
            words::ISSUED,
            words::ENDS,
            words::STATE,
        ];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            table.row([
                row.id,
                row.type_name,
                row.organization,
                row.person,
                time(row.issued),
                time(row.expires),
                row.status.name().to_owned(),
            ]);
        }
        self.say(&table.to_string());
    }
}

fn ambiguous(type_name: &str, several: &[CredentialRow]) -> Failure {
    use std::fmt::Write as _;
    let mut message = format!(
        "the newest valid credentials of type {type_name:?} were issued in the same second, so none was taken: name one by its id, or add --org or --person"
    );
    for row in several {
        let issued = time(row.issued);
        let _ = write!(
            message,
            "\n  {} person {} organization {} issued {issued}",
            row.id, row.person, row.organization
        );
    }
    Failure::Refused { name: "ambiguous".to_owned(), message }
}

fn parse_claims(path: &str, text: &str) -> Result<Claims, Failure> {
    sekisho_jose::json::parse_object(text.as_bytes())
        .map_err(|error| Failure::Usage(format!("{path}: no JSON object of claims: {error}")))
}

/// Parses `NAME=TEXT` or `NAME:=JSON`.
fn parse_claim(claim: &str) -> Result<(String, Value), Failure> {
    let (name, text) =
        claim.split_once('=').filter(|(name, _)| !name.is_empty() && *name != ":").ok_or_else(
            || Failure::Usage(format!("claim {claim:?} is not NAME=TEXT or NAME:=JSON")),
        )?;
    match name.strip_suffix(':') {
        None => Ok((name.to_owned(), Value::String(text.to_owned()))),
        Some(name) => {
            let value = sekisho_jose::json::parse(text.as_bytes())
                .map_err(|error| Failure::Usage(format!("claim {name}: no JSON: {error}")))?;
            Ok((name.to_owned(), value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_is_text_unless_it_is_marked_as_json() {
        let parsed = |text| parse_claim(text).unwrap();
        assert_eq!(parsed("n=7900000000002"), ("n".to_owned(), json!("7900000000002")));
        assert_eq!(parsed("level:=2").1.to_string(), "2");
        assert_eq!(parsed("roles:=[\"a=b\"]"), ("roles".to_owned(), json!(["a=b"])));
        assert_eq!(parsed("note=a=b:c").1, json!("a=b:c"));
        for wrong in ["level", "=x", ":=1", "level:=", "level:={"] {
            assert_eq!(parse_claim(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
