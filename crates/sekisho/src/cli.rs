//! The command line: `sekisho init | serve | status | org | client | resource | sector | name | trust |
//! credential | session | grant | key | audit | explain | demo | completions`.
//!
//! `--output json` prints one JSON document on standard output, errors included, and `--output jsonl`
//! one for each row of a list; questions and logs go to
//! standard error. Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 not found, 5 unreachable.

mod audit;
mod client;
mod client_move;
mod credential;
mod explain;
mod grant;
mod key;
mod name;
mod org;
mod resource;
mod sector;
mod server;
mod session;
mod sessions;
mod trust;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use sekisho_ambient::Lang;
use serde_json::json;

pub use session::Terminal;
pub(crate) use session::{Session, read};

use crate::{Failure, Surroundings, demo};

/// The text of `--help` about exit codes.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 not found, 5 unreachable.

Examples:
  sekisho demo
  sekisho init --origin https://auth.example.jp --tls own
  sekisho serve
  sekisho org add 7900000000002 --name-ja 瀬戸内精密工業株式会社 --name-en 'Setouchi Precision Industries'
  sekisho key rotate --purpose credential --org 7900000000002 --dry-run";

/// 関所 — an OpenID Provider whose login is a wallet, and a gate in front of GPU services.
///
/// Organizations issue credentials to their people; people keep them in a wallet; a GPU service asks
/// in plain OpenID Connect; Sekisho verifies, decides, and says why not.
#[derive(Parser)]
#[command(name = "sekisho", version, about, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Common {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "SEKISHO_CONFIG",
        default_value = "sekisho.toml"
    )]
    config: PathBuf,
    /// Prints JSON; the same as --output json
    #[arg(long, global = true)]
    json: bool,
    /// How results are printed: text, json (one document) or jsonl (one for each row of a list)
    /// [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    output: Option<Output>,
    /// ja or en [default: from LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, value_parser = parse_lang)]
    lang: Option<Lang>,
}

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One JSON document on each line
    Jsonl,
}

#[derive(Subcommand)]
enum Command {
    /// Makes sekisho.toml, the data folder, the root key and the certificates
    Init(server::Init),
    /// Serves until SIGTERM or SIGINT
    Serve,
    /// Says how the broker is
    Status,
    /// Organizations, each a credential issuer
    #[command(subcommand)]
    Org(org::Command),
    /// Relying parties
    #[command(subcommand)]
    Client(client::Command),
    /// Servers that accept access tokens, and what those look like
    #[command(subcommand)]
    Resource(resource::Command),
    /// Groups of services that know people by the same sub and user name
    #[command(subcommand)]
    Sector(sector::Command),
    /// User names of people in sectors
    #[command(subcommand)]
    Name(name::Command),
    /// Trusted issuers
    #[command(subcommand)]
    Trust(trust::Command),
    /// Credentials of our organizations
    #[command(subcommand)]
    Credential(credential::Command),
    /// Sessions of people who logged in
    #[command(subcommand)]
    Session(sessions::Command),
    /// What people granted to relying parties: codes and tokens
    #[command(subcommand)]
    Grant(grant::Command),
    /// Signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Says what a code means and what to do about it
    ///
    /// Example: sekisho explain C-2008
    Explain {
        /// The code, as pages and logs show it
        code: String,
    },
    /// Runs a broker, a GPU console and a wallet to try everything out
    Demo(demo::Demo),
    /// Prints completions for a shell
    ///
    /// Example: sekisho completions bash > /etc/bash_completion.d/sekisho
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What every change takes.
#[derive(Args)]
struct Rehearsal {
    /// Checks everything, changes nothing, and says what would be done
    #[arg(long)]
    dry_run: bool,
}

fn parse_lang(text: &str) -> Result<Lang, &'static str> {
    match text {
        "ja" => Ok(Lang::Ja),
        "en" => Ok(Lang::En),
        _ => Err("expected ja or en"),
    }
}

/// Runs a command and returns the exit code.
pub async fn run(
    arguments: Arguments,
    surroundings: Surroundings,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let Common { config, json, output, lang } = arguments.common;
    let machine = output.is_some_and(|output| output != Output::Text);
    let (json, lines) = (json || machine, output == Some(Output::Jsonl));
    let chosen = lang;
    let lang = lang.unwrap_or_else(environment_lang);
    let mut session = Session { terminal, json, lines, lang, chosen, config, surroundings };
    match session.run(arguments.command).await {
        Ok(()) => 0,
        Err(failure) => {
            session.report(&failure);
            failure.exit_code()
        }
    }
}

impl Session<'_, '_> {
    async fn run(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Init(init) => self.init(&init).await,
            Command::Serve => self.serve().await,
            Command::Status => self.status().await,
            Command::Org(command) => self.org(command).await,
            Command::Client(command) => self.client(command).await,
            Command::Resource(command) => self.resource(command).await,
            Command::Sector(command) => self.sector(command).await,
            Command::Name(command) => self.name(command).await,
            Command::Trust(command) => self.trust(command).await,
            Command::Credential(command) => self.credential(command).await,
            Command::Session(command) => self.sessions(command).await,
            Command::Grant(command) => self.grant(command).await,
            Command::Key(command) => self.key(command).await,
            Command::Audit(command) => self.audit(command).await,
            Command::Explain { code } => self.explain(&code),
            Command::Demo(demo) => self.demo(demo).await,
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Arguments::command(), "sekisho", &mut script);
                self.say(&String::from_utf8_lossy(&script));
                Ok(())
            }
        }
    }

    fn report(&mut self, failure: &Failure) {
        let message = failure.to_string();
        if matches!(failure, Failure::Told) {
            // What is wrong stands on standard output, in either form.
        } else if let (true, Failure::Audit(faults)) = (self.json, failure) {
            let told = json!({"error": failure.name(), "message": message, "faults": faults});
            self.say(&told.to_string());
        } else if self.json {
            self.say(&json!({"error": failure.name(), "message": message}).to_string());
        } else {
            self.note(&format!("sekisho: {message}"));
        }
    }
}

fn environment_lang() -> Lang {
    let variables = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let mut values = variables
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .filter(|value| !value.is_empty());
    match values.next() {
        Some(value) if value.starts_with("ja") => Lang::Ja,
        _ => Lang::En,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_parses() {
        let mut texts = Vec::new();
        collect(&Arguments::command(), &mut texts);
        let lines = texts.iter().flat_map(|text| text.lines());
        let examples: Vec<&str> = lines
            .filter_map(|line| line.trim().trim_start_matches("Example: ").strip_prefix("sekisho "))
            .collect();
        assert!(examples.len() > 10, "{examples:?}");
        for example in examples {
            let line = example.split(" > ").next().unwrap();
            let words = std::iter::once("sekisho".to_owned()).chain(words(line));
            let parsed = Arguments::try_parse_from(words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.err().unwrap());
        }
    }

    fn collect(command: &clap::Command, texts: &mut Vec<String>) {
        let parts =
            [command.get_after_help(), command.get_long_about(), command.get_after_long_help()];
        texts.extend(parts.into_iter().flatten().map(ToString::to_string));
        for inner in command.get_subcommands() {
            collect(inner, texts);
        }
    }

    /// Words as a shell splits them, with single quotes.
    fn words(line: &str) -> Vec<String> {
        let mut out = Vec::new();
        for (at, part) in line.split('\'').enumerate() {
            if at % 2 == 1 {
                out.push(part.to_owned());
            } else {
                out.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        out
    }
}
