//! A process that is killed at any moment loses nothing that it acknowledged (attacks, FS-01).
//!
//! The test starts itself as a child process. The child writes rows and prints the number of each
//! row that was acknowledged. The test kills it, opens the file again and compares.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{self, Lists, Numbers, entry};
use sekisho_ambient::Entropy;
use sekisho_store::{Store, StoreError, Tx};

/// The environment variable that tells the child where the file is; unset in the parent.
const FILE: &str = "SEKISHO_STORE_CRASH_FILE";
const ROUNDS: u64 = 30;
const WRITERS: u64 = 8;

/// Writes a row in each of two tables, and an audit entry, in one batch. All or none of them are
/// kept.
fn write(tx: &mut Tx, number: u64) -> Result<(), StoreError> {
    tx.put::<Numbers>(&number, &())?;
    tx.put::<Lists>(&("list".to_owned(), number), &1)?;
    tx.append(entry("row.write", "done"));
    Ok(())
}

/// Not a test of its own: the child runs this until it is killed.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let store = support::open(Path::new(&path)).unwrap();
    support::runtime().block_on(async {
        let first = store.audit_head().await.unwrap().seq + 1;
        let writer = |writer: u64| {
            let store = store.clone();
            async move {
                for step in 0.. {
                    let number = first * 1_000_000 + step * WRITERS + writer;
                    store.transact(|tx| write(tx, number)).await.unwrap();
                    let line = format!("acknowledged {number}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            }
        };
        support::race(WRITERS, writer).await;
    });
}

/// Starts the child, kills it after `pause`, and returns the numbers that it acknowledged.
fn crash(path: &Path, pause: Duration) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        // The kill may cut the last line short. Only a whole line has its line end.
        let numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        numbers.collect::<Vec<u64>>()
    });
    std::thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

async fn missing(store: &Store, acknowledged: &[u64]) -> Vec<u64> {
    let mut missing = Vec::new();
    for number in acknowledged {
        let row = store.get::<Numbers>(number).await.unwrap();
        let listed = store.get::<Lists>(&("list".to_owned(), *number)).await.unwrap();
        if row.is_none() || listed.is_none() {
            missing.push(*number);
        }
    }
    missing
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let (entropy, runtime) = (Entropy::system(), support::runtime());
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let pause = Duration::from_millis(u64::from(20 + entropy.below(120)));
        // A number in a line that the kill cut short could be read as another number. Drop the last
        // line.
        let mut seen = crash(&path, pause);
        seen.pop();
        acknowledged.extend(seen);
        let store = support::open(&path).unwrap();
        runtime.block_on(async {
            assert_eq!(missing(&store, &acknowledged).await, [0; 0], "round {round}");
            let report = store.check().await.unwrap();
            assert!(report.is_clean(), "round {round}: {report:?}");
            let entries = report.audit.unwrap().seq;
            for (table, rows) in report.tables {
                assert_eq!(rows, entries, "round {round}: torn batch in {table}");
            }
        });
    }
    assert!(acknowledged.len() > 100, "the child wrote too little: {}", acknowledged.len());
}
