//! The program `tegata`. It only passes in the standard streams, and the system's clock and
//! randomness.

use std::io::{BufReader, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use tegata::Surroundings;
use tegata::cli::{Arguments, Terminal, run};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut input = BufReader::new(stdin());
    let mut terminal = Terminal { input: &mut input, output: &mut stdout(), notes: &mut stderr() };
    ExitCode::from(run(arguments, Surroundings::system(), &mut terminal).await)
}
