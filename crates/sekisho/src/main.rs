//! The program `sekisho`. It only passes in the standard streams, and the system's clock and
//! randomness.

use std::io::{BufReader, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use sekisho::Surroundings;
use sekisho::cli::{Arguments, Terminal, run};
use sekisho_ambient::{Clock, Entropy};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log();
    let surroundings = Surroundings { clock: Clock::system(), entropy: Entropy::system() };
    let mut input = BufReader::new(stdin());
    let mut terminal = Terminal { input: &mut input, output: &mut stdout(), notes: &mut stderr() };
    ExitCode::from(run(arguments, surroundings, &mut terminal).await)
}

/// Sends logs to standard error. By default they are this program's from `info` on and libraries'
/// from `warn` on; `SEKISHO_LOG` can say otherwise.
fn log() {
    // The names of all our crates begin with that of the program.
    let quiet = || EnvFilter::new("warn,sekisho=info");
    let filter = EnvFilter::try_from_env("SEKISHO_LOG").unwrap_or_else(|_| quiet());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if std::env::var_os("SEKISHO_LOG_JSON").is_some() {
        log.json().init();
    } else {
        log.with_ansi(false).init();
    }
}
