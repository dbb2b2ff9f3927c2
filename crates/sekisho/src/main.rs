//! The program `sekisho`. It only passes in the standard streams, and the system's clock and
//! randomness.

use std::io::{BufReader, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use sekisho::cli::{Arguments, Terminal, run};
use sekisho::{Surroundings, log};
use sekisho_ambient::{Clock, Entropy};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log::begin();
    keep_memory();
    let surroundings = Surroundings { clock: Clock::system(), entropy: Entropy::system() };
    let mut input = BufReader::new(stdin());
    let mut terminal = Terminal { input: &mut input, output: &mut stdout(), notes: &mut stderr() };
    ExitCode::from(run(arguments, surroundings, &mut terminal).await)
}

/// Lets nobody read the memory of this process, which holds the root key: no core dump is written,
/// and no other process of the same user may look into it (prctl(2), `PR_SET_DUMPABLE`).
fn keep_memory() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    if let Err(error) = limited.and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
    {
        tracing::warn!(%error, "a crash may write the memory, keys included, to the disk");
    }
}
