//! Property test: a sequence of transactions changes a store exactly as it changes a `BTreeMap`.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::support::{self, Lists};
use proptest::prelude::*;
use sekisho_store::hostile::HostileOptions;
use sekisho_store::{Store, StoreError, Tx};

type Key = (String, u64);
type Model = BTreeMap<Key, usize>;

#[derive(Clone, Debug)]
enum Step {
    Put(Key, usize),
    Insert(Key, usize),
    Delete(Key),
    Take(Key),
    /// Copies one row to another place.
    Copy(Key, Key),
}

#[derive(Clone, Debug)]
struct Transaction {
    steps: Vec<Step>,
    gives_up: bool,
}

fn key() -> impl Strategy<Value = Key> {
    ("[\0a]{0,2}", 0..4_u64)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (key(), 0..100_usize).prop_map(|(key, value)| Step::Put(key, value)),
        (key(), 0..100_usize).prop_map(|(key, value)| Step::Insert(key, value)),
        key().prop_map(Step::Delete),
        key().prop_map(Step::Take),
        (key(), key()).prop_map(|(from, to)| Step::Copy(from, to)),
    ]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let steps = proptest::collection::vec(step(), 0..8);
    (steps, proptest::bool::weighted(0.2))
        .prop_map(|(steps, gives_up)| Transaction { steps, gives_up })
}

/// The rows that a step reads, if it reads any.
type Seen = Vec<Option<usize>>;

fn run(tx: &mut Tx, transaction: &Transaction) -> Result<Seen, StoreError> {
    let mut seen = Vec::new();
    for step in &transaction.steps {
        match step {
            Step::Put(key, value) => tx.put::<Lists>(key, value)?,
            Step::Insert(key, value) => {
                tx.insert::<Lists>(key, value)?;
            }
            Step::Delete(key) => tx.delete::<Lists>(key)?,
            Step::Take(key) => seen.push(tx.take::<Lists>(key)?),
            Step::Copy(from, to) => {
                let value = tx.get::<Lists>(from)?;
                seen.push(value);
                if let Some(value) = value {
                    tx.put::<Lists>(to, &value)?;
                }
            }
        }
    }
    if transaction.gives_up { Err(StoreError::Aborted("enough".to_owned())) } else { Ok(seen) }
}

fn model(rows: &mut Model, transaction: &Transaction) -> Option<Seen> {
    let (mut next, mut seen) = (rows.clone(), Vec::new());
    for step in transaction.steps.clone() {
        match step {
            Step::Put(key, value) => {
                next.insert(key, value);
            }
            Step::Insert(key, value) => {
                next.entry(key).or_insert(value);
            }
            Step::Delete(key) => {
                next.remove(&key);
            }
            Step::Take(key) => seen.push(next.remove(&key)),
            Step::Copy(from, to) => {
                let value = next.get(&from).copied();
                seen.push(value);
                if let Some(value) = value {
                    next.insert(to, value);
                }
            }
        }
    }
    if transaction.gives_up {
        return None;
    }
    *rows = next;
    Some(seen)
}

async fn compare(store: Store, transactions: &[Transaction]) {
    let mut rows = Model::new();
    for transaction in transactions {
        let seen = store.transact(|tx| run(tx, transaction)).await.ok();
        assert_eq!(seen, model(&mut rows, transaction));
        let stored = store.scan::<Lists>(Bound::Unbounded, 1000).await.unwrap();
        assert_eq!(stored, rows.clone().into_iter().collect::<Vec<_>>());
        let back = store.scan_back::<Lists>(Bound::Unbounded, 1000).await.unwrap();
        assert!(back.iter().eq(stored.iter().rev()));
        for first in ["", "a", "\0"] {
            let of_first = store.scan_prefix::<Lists>(first, 1000).await.unwrap();
            assert!(of_first.iter().eq(stored.iter().filter(|((name, _), _)| name == first)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_embedded_engine_is_a_map(
        transactions in proptest::collection::vec(transaction(), 0..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = support::open(&folder.path().join("store.redb")).unwrap();
        support::runtime().block_on(compare(store, &transactions));
    }

    #[test]
    fn the_hostile_engine_is_a_map(
        seed: u64, transactions in proptest::collection::vec(transaction(), 0..20),
    ) {
        let store = support::hostile(HostileOptions::new(seed)).0;
        support::runtime().block_on(compare(store, &transactions));
    }
}
