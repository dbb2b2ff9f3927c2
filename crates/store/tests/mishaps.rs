//! Tests of what callers see when the engine fails: never a false success, and never an effect
//! twice.

use crate::support::{self, Codes, Names, Numbers, entry, increment, key, race, root};
use sekisho_ambient::Entropy;
use sekisho_store::hostile::HostileOptions;
use sekisho_store::{Backend, Options, Store, StoreError};

/// The outcomes of many tries.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    unknown: u64,
    refused: u64,
}

impl Tally {
    fn count<T>(outcomes: &[Result<T, StoreError>]) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            match outcome {
                Ok(_) => tally.done += 1,
                Err(StoreError::Unknown(_)) => tally.unknown += 1,
                Err(StoreError::Busy) => tally.refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        tally
    }
}

#[test]
fn an_increment_that_is_not_acknowledged_is_unknown_or_not_applied() {
    let mut seen = Tally::default();
    for seed in 0..20 {
        let (store, hostile) = support::hostile(HostileOptions::cruel(seed));
        support::runtime().block_on(async {
            let work = |_| {
                let store = store.clone();
                async move {
                    let add = |tx: &mut sekisho_store::Tx| {
                        tx.append(entry("count", "done"));
                        increment(tx, "counter")
                    };
                    store.transact(add).await
                }
            };
            let tally = Tally::count(&race(40, work).await);
            hostile.set(HostileOptions::calm(seed));
            let counted = store.get::<Names>(&"counter".to_owned()).await.unwrap().unwrap_or(0);
            assert!(counted >= tally.done, "{tally:?}, but {counted}: a false success");
            assert!(counted <= tally.done + tally.unknown, "{tally:?}, but {counted}");
            assert_eq!(store.audit_verify().await.unwrap().seq, counted, "one entry each");
            seen.unknown += tally.unknown;
            seen.refused += tally.refused;
        });
    }
    assert!(seen.unknown > 0 && seen.refused > 0, "{seen:?}: nothing was tested");
}

#[test]
fn a_code_is_redeemed_at_most_once_whatever_happens() {
    for seed in 0..20 {
        let (store, hostile) = support::hostile(HostileOptions::calm(seed));
        support::runtime().block_on(async {
            let code = key(seed, 1000);
            store.transact(|tx| tx.put::<Codes>(&code, &"grant".to_owned())).await.unwrap();
            hostile.set(HostileOptions {
                unknown: 20,
                power_cuts: 10,
                ..HostileOptions::cruel(seed)
            });
            let redeem = |_| {
                let store = store.clone();
                async move { store.transact(|tx| Ok(tx.take::<Codes>(&code)?.is_some())).await }
            };
            let outcomes = race(64, redeem).await;
            let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count();
            assert!(won <= 1, "{won} redeemed one code");
            hostile.set(HostileOptions::calm(seed));
            let left = store.get::<Codes>(&code).await.unwrap().is_some();
            assert!(!(won == 1 && left), "redeemed, and still there");
        });
    }
}

#[test]
fn a_power_cut_keeps_what_was_acknowledged() {
    for seed in 0..10 {
        let (store, hostile) = support::hostile(HostileOptions::new(seed));
        support::runtime().block_on(async {
            let cutter = hostile.clone();
            let cuts = tokio::spawn(async move {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                    cutter.cut_power();
                }
            });
            let write = |number: u64| {
                let store = store.clone();
                async move { (number, store.transact(|tx| tx.put::<Numbers>(&number, &())).await) }
            };
            let outcomes = race(50, write).await;
            cuts.await.unwrap();
            hostile.cut_power();
            for (number, outcome) in outcomes {
                if outcome.is_ok() {
                    assert!(
                        store.get::<Numbers>(&number).await.unwrap().is_some(),
                        "lost {number}"
                    );
                }
            }
        });
    }
}

#[test]
fn a_full_queue_refuses_and_a_group_shares_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue: 4, ..Options::default() };
    let path = folder.path().join("store.redb");
    let store = Store::open_on(Backend::Redb(&path), &root(), Entropy::system(), options).unwrap();
    support::runtime().block_on(async {
        let write = |number: u64| {
            let store = store.clone();
            async move { store.transact(|tx| tx.put::<Numbers>(&number, &())).await }
        };
        let tally = Tally::count(&race(400, write).await);
        let stats = store.stats();
        assert_eq!((stats.batches, stats.busy, stats.waiting), (tally.done, tally.refused, 0));
        assert!(stats.commits < stats.batches, "{stats:?}");
        let rows = store.scan::<Numbers>(std::ops::Bound::Unbounded, 1000).await.unwrap();
        assert_eq!(u64::try_from(rows.len()).unwrap(), tally.done);
        assert!(tally.refused > 0, "{tally:?}");
    });
}

#[test]
fn a_transaction_that_changes_nothing_costs_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = support::open(&folder.path().join("store.redb")).unwrap();
    support::runtime().block_on(async {
        let read = |tx: &mut sekisho_store::Tx| {
            let first = tx.get::<Names>(&"a".to_owned())?;
            Ok(first.or(tx.get::<Names>(&"b".to_owned())?))
        };
        assert_eq!(store.transact(read).await.unwrap(), None);
        assert_eq!(store.sweep_expired::<Codes>(key(1, 9).expires(), 10).await.unwrap(), 0);
        assert_eq!(store.stats().commits, 0);
    });
}
