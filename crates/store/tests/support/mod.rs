//! Tables for the tests, and the engines that every contract test runs on.
use std::future::Future;

use sekisho_ambient::{Entropy, Handle, HandleKey, Timestamp};
use sekisho_store::hostile::{Hostile, HostileOptions};
use sekisho_store::{AuditEntry, Backend, Options, RootKey, Store, StoreError, Table, Tx};

macro_rules! table {
    ($table:ident = $name:literal: $key:ty => $value:ty) => {
        pub(crate) struct $table;
        impl Table for $table {
            const NAME: &'static str = $name;
            type Key = $key;
            type Value = $value;
        }
    };
}

table!(Codes = "codes_1": HandleKey => String);
table!(Names = "names_1": String => u64);
table!(Numbers = "numbers_1": u64 => ());
table!(Pairs = "pairs_1": (u64, u64) => String);
table!(Lists = "lists_1": (String, u64) => usize);

pub(crate) fn root() -> RootKey {
    RootKey::from_bytes([1; 32])
}

pub(crate) fn open(path: &std::path::Path) -> Result<Store, StoreError> {
    Store::open_on(Backend::Redb(path), &root(), Entropy::system(), Options::default())
}

/// Opens a store in memory, and returns it with the control over its mishaps.
pub(crate) fn hostile(options: HostileOptions) -> (Store, Hostile) {
    Hostile::open(options, &root(), Entropy::seeded(options.seed)).unwrap()
}

/// Makes handle number `seed`, which expires at `expires`.
pub(crate) fn key(seed: u64, expires: i64) -> HandleKey {
    Handle::new(Timestamp::from_unix(expires), &Entropy::seeded(seed)).key()
}

pub(crate) fn entry(action: &str, outcome: &str) -> AuditEntry {
    let mut details = serde_json::Map::new();
    details.insert("number".to_owned(), serde_json::json!(1.5));
    AuditEntry {
        time: Timestamp::from_unix(1),
        actor: "client:a".to_owned(),
        action: action.to_owned(),
        object: "code".to_owned(),
        outcome: outcome.to_owned(),
        reason: None,
        details,
    }
}

/// Adds one to the number called `name`, and returns it.
pub(crate) fn increment(tx: &mut Tx, name: &str) -> Result<u64, StoreError> {
    let at = name.to_owned();
    let next = tx.get::<Names>(&at)?.unwrap_or(0) + 1;
    tx.put::<Names>(&at, &next)?;
    Ok(next)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

/// Runs a test against redb and against the hostile engine under several seeds.
pub(crate) fn everywhere<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime();
    runtime.block_on(test(open(&folder.path().join("store.redb")).unwrap()));
    runtime.block_on(test(hostile(HostileOptions::calm(0)).0));
    for seed in 0..5 {
        runtime.block_on(test(hostile(HostileOptions::new(seed)).0));
    }
}

/// Runs `count` tasks at once and returns what each of them returned.
pub(crate) async fn race<T, F>(count: u64, task: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}
