//! The program `tegata`. It only passes in the standard streams, and the system's clock and
//! randomness.

use std::io::{BufReader, Write as _, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tegata::Surroundings;
use tegata::cli::{Arguments, Terminal, run};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    keep_memory();
    let mut input = BufReader::new(stdin());
    let mut terminal = Terminal { input: &mut input, output: &mut stdout(), notes: &mut stderr() };
    ExitCode::from(run(arguments, Surroundings::system(), &mut terminal).await)
}

/// Lets nobody read the memory of this process, which holds the holder's key: no core dump is
/// written, and no other process of the same user may look into it (prctl(2), `PR_SET_DUMPABLE`).
fn keep_memory() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    if let Err(error) = limited.and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
    {
        let _ =
            writeln!(stderr(), "a crash may write the memory, keys included, to the disk: {error}");
    }
}
