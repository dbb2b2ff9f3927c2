//! `sekisho client`.

mod add;
mod edit;
mod show;
mod snippet;
mod test;

use clap::{Subcommand, ValueEnum};
use sekisho_broker::admin::{AddedClient, ClientRow, GrantType};
use sekisho_jose::Algorithm;

use super::session::{Session, body};
use super::{Rehearsal, client_move};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, text_file, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Registers a relying party; its secret is shown this once
    ///
    /// Example: sekisho client add --id portal --name-ja GPUポータル --name-en 'GPU portal' --purpose-ja 利用者の確認 --purpose-en 'Knowing users' --redirect-uri https://gpu.example.jp/callback --scope 'openid profile gpu_access' --service gpu-console
    ///
    /// Example: sekisho client add --id scheduler --name-ja スケジューラ --name-en Scheduler --grant client_credentials --snippet authlib
    Add(Box<add::Add>),
    /// Lists relying parties
    List,
    /// Shows everything that is registered of a relying party, and the URLs that it needs
    ///
    /// Example: sekisho client show portal
    Show {
        /// Its id
        client_id: String,
    },
    /// Changes a registration; what was given to the client goes on, within what it may have afterwards
    ///
    /// Example: sekisho client edit portal --add-redirect-uri https://gpu.example.jp/back --dry-run
    ///
    /// Example: sekisho client edit portal --add-scope 'email offline_access' --name-en 'GPU Portal'
    Edit(Box<edit::Edit>),
    /// Gives a client a new secret, shown this once; the one before stays good for a while
    ///
    /// Example: sekisho client rotate-secret portal --keep-old-for 48h
    RotateSecret(edit::RotateSecret),
    /// Looks for what would go wrong with a client; no login begins
    ///
    /// Exits with 1 if something is wrong.
    ///
    /// Example: sekisho client test portal
    ///
    /// Example: sekisho client test portal --url 'https://auth.example.jp/authorize?client_id=portal&response_type=code&redirect_uri=https%3A%2F%2Fgpu.example.jp%2Fcallback&scope=openid%20profile&state=x&nonce=y'
    Test(test::Test),
    /// Moves a relying party to another sector or host, and says by which sub and user name it knew each
    /// person and by which it will; its codes and tokens end, and user names go along
    ///
    /// Example: sekisho client move portal --sector hpc --dry-run
    Move(client_move::Move),
    /// Removes a relying party: its codes and tokens die with it, and a later one of the same id gets
    /// none of them
    ///
    /// Example: sekisho client remove portal --yes
    Remove {
        /// Its id
        client_id: String,
        /// Does not ask for the id to be typed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

/// `token_endpoint_auth_method`.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    ClientSecret,
    PrivateKeyJwt,
    None,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecret => "client_secret",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }
}

pub(super) fn algorithm(name: &str) -> Result<Algorithm, &'static str> {
    Algorithm::from_name(name).ok_or("no such algorithm")
}

fn grant(name: &str) -> Result<GrantType, &'static str> {
    GrantType::registrable(name).ok_or(
        "expected authorization_code, refresh_token, client_credentials, device_code or token_exchange",
    )
}

fn read_jwks(path: &str) -> Result<serde_json::Value, Failure> {
    let text = text_file::read(path).map_err(Failure::file("read", path))?;
    sekisho_jose::json::parse(text.as_bytes())
        .map_err(|error| Failure::Usage(format!("{path}: no JSON: {error}")))
}

/// The path of a client in the admin API, with more of a path behind it.
fn path(client_id: &str, more: &str) -> String {
    format!("/v1/clients/{}{more}", segment(client_id))
}

impl Session<'_, '_> {
    pub(super) async fn client(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Add(add) => {
                let (dry_run, snippet) = (add.rehearsal.dry_run, add.snippet);
                let chosen = add.sector.is_some();
                let call = Call::post("/v1/clients", body(&add.into_request()?)?);
                self.change(call, dry_run, |session, added: AddedClient| {
                    if chosen {
                        session.fact(&words::SECTOR, &added.sector);
                    }
                    session.added_client(&added, snippet);
                })
                .await
            }
            Command::List => self.list(&Call::get("/v1/clients"), "clients", Self::clients).await,
            Command::Show { client_id } => self.show_client(&client_id).await,
            Command::Edit(edit) => self.edit_client(*edit).await,
            Command::RotateSecret(rotate) => self.rotate_secret(rotate).await,
            Command::Test(test) => self.test_client(test).await,
            Command::Move(moved) => self.move_client(moved).await,
            Command::Remove { client_id, yes, rehearsal } => {
                self.confirm(&client_id, yes, rehearsal.dry_run)?;
                let call = Call::delete(path(&client_id, ""));
                self.change(call, rehearsal.dry_run, |session, row: ClientRow| {
                    session.clients(vec![row]);
                })
                .await
            }
        }
    }

    /// Prints a secret, which is told only once.
    fn secret(&mut self, secret: Option<&String>) {
        if let Some(secret) = secret {
            self.fact(&words::CLIENT_SECRET, secret);
            self.remark(&words::SECRET_ONCE);
        }
    }

    fn clients(&mut self, rows: Vec<ClientRow>) {
        let lang = self.lang;
        let headings =
            [words::CLIENT_ID, words::NAME, words::METHOD, words::SERVICE, words::REDIRECT_URI];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            table.row([
                row.client_id.clone(),
                self.pick(&row.name),
                row.token_endpoint_auth_method,
                row.service.unwrap_or_default(),
                row.redirect_uris.join(" "),
            ]);
        }
        self.say(&table.to_string());
    }
}
