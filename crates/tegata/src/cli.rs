//! The command line: `tegata init | trust | accept | list | remove | present | serve`.
//!
//! `serve` prints a link with a secret, by which alone its page opens.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 not found, 5 unreachable. `--json` prints one
//! JSON document on standard output, errors included; questions and notes go to standard error then.

mod commands;
mod table;

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use sekisho_ambient::{Lang, listen_address, plain_text};
use serde_json::json;

use crate::{Surroundings, Wallet, WalletError, read_anchors};

/// 手形 — a holder's wallet: receive credentials, keep them, present them.
#[derive(Parser)]
#[command(name = "tegata", version, about)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Common {
    /// The wallet's folder [default: $XDG_DATA_HOME/tegata]
    #[arg(long, global = true, value_name = "DIR", env = "TEGATA_WALLET")]
    wallet: Option<PathBuf>,
    /// Certificates (PEM) of authorities that TLS servers may be under, beside the system's
    #[arg(long, visible_alias = "ca-file", global = true, value_name = "PEM")]
    ca: Option<PathBuf>,
    /// Prints JSON; errors then have their technical cause too
    #[arg(long, global = true)]
    json: bool,
    /// ja or en [default: from LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, value_parser = parse_lang)]
    lang: Option<Lang>,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a wallet
    Init {
        /// Certificates (PEM) of the authorities to trust, as issuers' and as verifiers'
        #[arg(long, visible_alias = "trust-ca", value_name = "PEM")]
        trust: Option<PathBuf>,
    },
    /// Trusts more authorities
    Trust {
        /// Their certificates
        pem: PathBuf,
    },
    /// Receives what an issuer offers
    Accept {
        /// The link of the offer (openid-credential-offer://, haip-vci:// or https://)
        offer: String,
        /// The code that the issuer sent by another way
        #[arg(long, value_name = "N")]
        tx_code: Option<String>,
        /// Authorities to trust for this time
        #[arg(long, visible_alias = "trust-ca", value_name = "PEM")]
        trust: Option<PathBuf>,
    },
    /// Lists what the wallet keeps
    List,
    /// Removes a credential
    Remove {
        /// Its ID in the list
        id: String,
    },
    /// Presents credentials to a verifier
    Present {
        /// The link of the request (openid4vp://, haip-vp:// or https://)
        request: String,
        /// Presents them without asking, if an authority vouches for the verifier
        #[arg(long, conflicts_with = "decline")]
        yes: bool,
        /// Declines without asking
        #[arg(long)]
        decline: bool,
        /// Authorities to trust for this time
        #[arg(long, visible_alias = "trust-ca", value_name = "PEM")]
        trust: Option<PathBuf>,
    },
    /// Serves the wallet's page to its owner's browser on this machine, and prints the link that opens
    /// it
    Serve {
        /// Where to listen; an address of this machine only
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790", value_parser = listen_address)]
        listen: SocketAddr,
        /// Answers with yes without asking, for scripts, where an authority vouches for the verifier
        #[arg(long)]
        yes: bool,
        /// Authorities to trust for this time
        #[arg(long, visible_alias = "trust-ca", value_name = "PEM")]
        trust: Option<PathBuf>,
    },
}

fn parse_lang(text: &str) -> Result<Lang, &'static str> {
    Lang::parse(text).ok_or("expected ja or en")
}

/// The program's standard input, output and error.
pub struct Terminal<'a> {
    /// The input from which typed answers are read.
    pub input: &'a mut (dyn BufRead + Send),
    /// The output to which results are written.
    pub output: &'a mut (dyn Write + Send),
    /// The output for questions and notes with `--json`, and for errors without it.
    pub notes: &'a mut (dyn Write + Send),
}

/// What every command needs.
struct Session<'a, 't> {
    terminal: &'a mut Terminal<'t>,
    json: bool,
    lang: Lang,
    dir: PathBuf,
    surroundings: Surroundings,
}

/// Runs a command and returns the exit code.
pub async fn run(
    arguments: Arguments,
    mut surroundings: Surroundings,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let Common { wallet, ca, json, lang } = arguments.common;
    let lang = lang.or_else(environment_lang).unwrap_or_default();
    let result = match (wallet.or_else(default_dir), ca.as_deref().map(read_file).transpose()) {
        (_, Err(error)) => Err(error),
        (None, _) => Err(WalletError::NoWallet(PathBuf::from("$XDG_DATA_HOME/tegata"))),
        (Some(dir), Ok(roots)) => {
            surroundings.roots = roots.or(surroundings.roots);
            let mut session = Session { terminal: &mut *terminal, json, lang, dir, surroundings };
            session.run(arguments.command).await
        }
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            report(&error, json, lang, terminal);
            error.exit_code()
        }
    }
}

/// Prints an error. Failures to write are ignored: the terminal may be closed.
fn report(error: &WalletError, json: bool, lang: Lang, terminal: &mut Terminal<'_>) {
    if json && matches!(error, WalletError::Declined) {
        // The command has already printed its JSON document, with the way back to the verifier.
    } else if json {
        let document = json!({"error": {
            "kind": error.kind(), "code": error.code(), "message": error.to_string(), "text": error.explain(lang),
        }});
        let _ = writeln!(terminal.output, "{document}");
    } else {
        let _ = writeln!(terminal.notes, "{}", error.explain(lang));
    }
}

impl Session<'_, '_> {
    async fn run(&mut self, command: Command) -> Result<(), WalletError> {
        match command {
            Command::Init { trust } => self.init(trust),
            Command::Trust { pem } => self.trust(&pem),
            Command::Accept { offer, tx_code, trust } => self.accept(&offer, tx_code, trust).await,
            Command::List => self.list(),
            Command::Remove { id } => self.remove(&id),
            Command::Present { request, yes, decline, trust } => {
                let answer = if yes { Some(true) } else { decline.then_some(false) };
                self.present(&request, answer, trust).await
            }
            Command::Serve { listen, yes, trust } => self.serve(listen, yes, trust).await,
        }
    }

    fn open(&self, trust: Option<PathBuf>) -> Result<Wallet, WalletError> {
        let wallet = Wallet::open(&self.dir, self.surroundings.clone())?;
        let anchors = trust.map(|path| read_anchors(&read_file(&path)?)).transpose()?;
        Ok(wallet.with_anchors(anchors.unwrap_or_default()))
    }

    /// Prints a line of the result.
    fn say(&mut self, line: &str) {
        let _ = writeln!(self.terminal.output, "{line}");
    }

    /// Prints a line for the person. With `--json` it goes to standard error.
    fn note(&mut self, line: &str) {
        let to: &mut dyn Write = if self.json { self.terminal.notes } else { self.terminal.output };
        let _ = writeln!(to, "{line}");
    }

    /// Asks `question` and returns what the person types. `None` at the end of the input.
    fn ask(&mut self, question: &str) -> Option<String> {
        let _ = write!(self.terminal.notes, "{question}");
        let _ = self.terminal.notes.flush();
        let mut line = String::new();
        let read = self.terminal.input.read_line(&mut line).ok()?;
        if read == 0 { None } else { Some(line.trim().to_owned()) }
    }
}

/// Reads a text file. The error of one in another encoding than UTF-8 says what it is.
fn read_file(path: impl AsRef<std::path::Path>) -> Result<Vec<u8>, WalletError> {
    let path = path.as_ref();
    let read = || -> std::io::Result<Vec<u8>> {
        let bytes = std::fs::read(path)?;
        let plain = plain_text(&bytes).map(|_| ());
        plain.map_err(|found| std::io::Error::new(std::io::ErrorKind::InvalidData, found))?;
        Ok(bytes)
    };
    read().map_err(|source| WalletError::File { action: "read", path: path.to_owned(), source })
}

fn default_dir() -> Option<PathBuf> {
    let folder =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
    Some(data?.join("tegata"))
}

fn environment_lang() -> Option<Lang> {
    let variables = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let mut values = variables
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .filter(|value| !value.is_empty());
    values.next().and_then(|value| Lang::from_list(&value))
}
