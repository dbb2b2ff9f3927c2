//! The guarantees of every engine, tested on redb and on the hostile engine.

use std::ops::Bound;

use crate::support::{self, Codes, Lists, Names, Numbers, entry, everywhere, key, race};
use sekisho_ambient::{Entropy, Handle, HandleKey, Timestamp};
use sekisho_store::{Store, StoreError};

/// Redeems a code. Returns `true` for the one caller that finds it.
async fn redeem(store: Store, code: HandleKey) -> Result<bool, StoreError> {
    store
        .transact(|tx| match tx.take::<Codes>(&code)? {
            Some(_) => {
                tx.append(entry("code.redeem", "done"));
                Ok(true)
            }
            None => Ok(false),
        })
        .await
}

#[test]
fn of_64_racing_redemptions_one_succeeds() {
    everywhere(|store| async move {
        let code = key(1, 1000);
        store.transact(|tx| tx.put::<Codes>(&code, &"grant".to_owned())).await.unwrap();
        let outcomes = race(64, |_| redeem(store.clone(), code)).await;
        assert_eq!(outcomes.into_iter().filter(|won| *won.as_ref().unwrap()).count(), 1);
        assert_eq!(store.audit_head().await.unwrap().seq, 1, "one success, one entry");
        assert_eq!(store.get::<Codes>(&code).await.unwrap(), None);
    });
}

#[test]
fn of_64_racing_inserts_one_succeeds() {
    everywhere(|store| async move {
        let at = "name".to_owned();
        let insert = |number: u64| {
            let (store, at) = (store.clone(), at.clone());
            async move { store.transact(|tx| tx.insert::<Names>(&at, &number)).await.unwrap() }
        };
        let won = race(64, insert).await;
        let winners: Vec<_> = (0..64_u64).zip(&won).filter(|(_, won)| **won).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(store.get::<Names>(&at).await.unwrap(), Some(winners[0].0));
    });
}

#[test]
fn no_increment_is_lost() {
    everywhere(|store| async move {
        let increment = |_| {
            let store = store.clone();
            async move { store.transact(|tx| support::increment(tx, "counter")).await.unwrap() }
        };
        let mut seen = race(40, increment).await;
        seen.sort_unstable();
        assert_eq!(seen, (1..=40).collect::<Vec<_>>());
    });
}

/// Two withdrawals each leave the sum positive on their own. They must not both happen (write
/// skew).
#[test]
fn a_decision_on_rows_that_it_does_not_write_still_stands_when_it_is_applied() {
    everywhere(|store| async move {
        let (a, b) = ("a".to_owned(), "b".to_owned());
        for _ in 0..10 {
            let fill = |tx: &mut sekisho_store::Tx| {
                tx.put::<Names>(&a, &1)?;
                tx.put::<Names>(&b, &1)
            };
            store.transact(fill).await.unwrap();
            let withdraw = |number: u64| {
                let (store, a, b) = (store.clone(), a.clone(), b.clone());
                let from = if number.is_multiple_of(2) { a.clone() } else { b.clone() };
                async move {
                    let decide = |tx: &mut sekisho_store::Tx| {
                        let sum = tx.get::<Names>(&a)?.unwrap() + tx.get::<Names>(&b)?.unwrap();
                        if sum == 2 { tx.put::<Names>(&from, &0) } else { Ok(()) }
                    };
                    store.transact(decide).await.unwrap();
                }
            };
            race(8, withdraw).await;
            let left = store.get::<Names>(&a).await.unwrap().unwrap()
                + store.get::<Names>(&b).await.unwrap().unwrap();
            assert_eq!(left, 1);
        }
    });
}

/// A reader never sees only part of the rows that one transaction changes together, even if it
/// loads them one after another.
#[test]
fn a_reader_sees_one_moment() {
    everywhere(|store| async move {
        let (a, b) = ("a".to_owned(), "b".to_owned());
        let fill = |tx: &mut sekisho_store::Tx| {
            tx.put::<Names>(&a, &100)?;
            tx.put::<Names>(&b, &0)
        };
        store.transact(fill).await.unwrap();
        let work = |number: u64| {
            let (store, a, b) = (store.clone(), a.clone(), b.clone());
            async move {
                for _ in 0..10 {
                    let step = |tx: &mut sekisho_store::Tx| {
                        let first = tx.get::<Names>(&a)?.unwrap();
                        let second = tx.get::<Names>(&b)?.unwrap();
                        if number.is_multiple_of(2) {
                            tx.put::<Names>(&a, &(first - 1))?;
                            tx.put::<Names>(&b, &(second + 1))?;
                        }
                        Ok(first + second)
                    };
                    assert_eq!(store.transact(step).await.unwrap(), 100);
                }
            }
        };
        race(8, work).await;
    });
}

#[test]
fn a_run_reads_what_it_wrote_and_an_error_applies_nothing() {
    everywhere(|store| async move {
        let at = "name".to_owned();
        let given_up = store
            .transact(|tx| {
                tx.put::<Names>(&at, &1)?;
                assert_eq!(tx.get::<Names>(&at)?, Some(1));
                tx.delete::<Names>(&at)?;
                assert_eq!(tx.get::<Names>(&at)?, None);
                assert!(tx.insert::<Names>(&at, &2)?);
                assert!(!tx.insert::<Names>(&at, &3)?);
                tx.append(entry("never", "done"));
                Err::<(), _>(StoreError::Aborted("enough".to_owned()))
            })
            .await;
        assert!(matches!(given_up, Err(StoreError::Aborted(_))));
        assert_eq!(store.get::<Names>(&at).await.unwrap(), None);
        assert_eq!(store.audit_head().await.unwrap().seq, 0);
    });
}

#[test]
fn a_closure_that_swallows_the_signal_is_run_again_all_the_same() {
    everywhere(|store| async move {
        let at = "name".to_owned();
        store.transact(|tx| tx.put::<Names>(&at, &7)).await.unwrap();
        let read = |tx: &mut sekisho_store::Tx| Ok(tx.get::<Names>(&at).ok().flatten());
        assert_eq!(store.transact(read).await.unwrap(), Some(7));
    });
}

#[test]
fn a_closure_that_asks_without_end_is_ended() {
    everywhere(|store| async move {
        let mut number = 0;
        let endless = |tx: &mut sekisho_store::Tx| {
            number += 1;
            tx.get::<Numbers>(&number)
        };
        assert!(matches!(store.transact(endless).await, Err(StoreError::Aborted(_))));
    });
}

#[test]
fn rows_are_listed_in_order_and_by_their_first_part() {
    everywhere(|store| async move {
        let rows = [("a", 2), ("a", 10), ("a\0", 1), ("ab", 1), ("b", 1), ("", 5)];
        for (first, number) in rows {
            let at = (first.to_owned(), number);
            store.transact(|tx| tx.put::<Lists>(&at, &at.0.len())).await.unwrap();
        }
        let keys = |rows: Vec<((String, u64), usize)>| -> Vec<(String, u64)> {
            rows.into_iter().map(|(key, _)| key).collect()
        };
        let named = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            list.iter().map(|(first, number)| ((*first).to_owned(), *number)).collect()
        };
        let all = [("", 5), ("a", 2), ("a", 10), ("a\0", 1), ("ab", 1), ("b", 1)];
        let scanned = store.scan::<Lists>(Bound::Unbounded, 100).await.unwrap();
        assert_eq!(keys(scanned), named(&all));
        let at = ("a".to_owned(), 2);
        let after = store.scan::<Lists>(Bound::Excluded(&at), 2).await.unwrap();
        assert_eq!(keys(after), named(&[("a", 10), ("a\0", 1)]));
        let back = store.scan_back::<Lists>(Bound::Included(&at), 5).await.unwrap();
        assert_eq!(keys(back), named(&[("a", 2), ("", 5)]));
        let of_a = store.scan_prefix::<Lists>("a", 100).await.unwrap();
        assert_eq!(keys(of_a), named(&[("a", 2), ("a", 10)]));
        let next = store.scan_prefix_after::<Lists>("a", &at, 100).await.unwrap();
        assert_eq!(keys(next), named(&[("a", 10)]));
        let beyond = ("c".to_owned(), 0);
        assert!(store.scan_prefix_after::<Lists>("a", &beyond, 9).await.unwrap().is_empty());
        assert!(store.scan_prefix::<Lists>("c", 100).await.unwrap().is_empty());
        assert!(store.scan::<Names>(Bound::Unbounded, 100).await.unwrap().is_empty());
    });
}

#[test]
fn only_what_ended_is_swept_and_in_pieces() {
    everywhere(|store| async move {
        for seconds in 1..=10 {
            let at = key(seconds, i64::try_from(seconds).unwrap());
            store.transact(|tx| tx.put::<Codes>(&at, &"x".to_owned())).await.unwrap();
        }
        let now = Timestamp::from_unix(6);
        let mut swept = Vec::new();
        loop {
            match store.sweep_expired::<Codes>(now, 2).await {
                Ok(0) => break,
                Ok(count) => swept.push(count),
                Err(StoreError::Busy) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(swept, [2, 2, 1]);
        let left = store.scan::<Codes>(Bound::Unbounded, 100).await.unwrap();
        assert_eq!(left.len(), 5);
        assert!(left.iter().all(|(at, _)| at.expires() >= now));
    });
}

#[test]
fn racing_entries_stand_one_after_another() {
    everywhere(|store| async move {
        let append = |number: u64| {
            let store = store.clone();
            async move {
                let write = |tx: &mut sekisho_store::Tx| {
                    tx.put::<Numbers>(&number, &())?;
                    tx.append(entry(&format!("act.{number}"), "done"));
                    tx.append(entry(&format!("act.{number}.more"), "done"));
                    Ok(())
                };
                store.transact(write).await.unwrap();
            }
        };
        race(30, append).await;
        let records = store.audit_page(0, 1000).await.unwrap();
        let numbers: Vec<_> = records.iter().map(|record| record.seq).collect();
        assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
        for pair in records.windows(2) {
            assert_eq!(pair[1].prev, pair[0].hash);
        }
        for pair in records.chunks(2) {
            let first = &pair[0].entry.action;
            assert_eq!(pair[1].entry.action, format!("{first}.more"), "a batch stays together");
        }
        let head = store.audit_verify().await.unwrap();
        assert_eq!((head.seq, &head.hash), (60, &records[59].hash));
        assert_eq!(store.audit_head().await.unwrap(), head);
        assert_eq!(store.audit_page(58, 1).await.unwrap(), records[58..59]);
        let last: Vec<_> =
            store.audit_page_back(61, 2).await.unwrap().iter().map(|record| record.seq).collect();
        assert_eq!(last, [60, 59]);
        assert!(store.check().await.unwrap().is_clean());
    });
}

#[test]
fn migrations_run_once_and_a_newer_store_is_refused() {
    use sekisho_store::Migration;
    let first = Migration { name: "1", run: |tx| support::increment(tx, "migrated").map(drop) };
    let second = Migration { name: "2", run: |tx| support::increment(tx, "migrated").map(drop) };
    everywhere(|store| async move {
        assert_eq!(store.migrate(&[first]).await.unwrap(), ["1"]);
        assert_eq!(store.migrate(&[first, second]).await.unwrap(), ["2"]);
        assert!(store.migrate(&[first, second]).await.unwrap().is_empty());
        assert_eq!(store.get::<Names>(&"migrated".to_owned()).await.unwrap(), Some(2));
        let old = store.migrate(&[first]).await;
        assert!(matches!(old, Err(StoreError::NewerFile { found, .. }) if found == "2"));
    });
}

#[test]
fn a_handle_finds_its_row() {
    everywhere(|store| async move {
        let handle = Handle::new(Timestamp::from_unix(1000), &Entropy::system());
        let value = "value".to_owned();
        store.transact(|tx| tx.put::<Codes>(&handle.key(), &value)).await.unwrap();
        let again = Handle::parse(handle.expose()).unwrap();
        assert_eq!(store.get::<Codes>(&again.key()).await.unwrap(), Some(value));
    });
}

/// A table of more rows than one answer once held is read whole, in order, and counted.
#[test]
fn word_19_a_table_of_many_rows_is_whole() {
    const ROWS: u64 = 100_050;
    let (store, _) = support::hostile(sekisho_store::hostile::HostileOptions::calm(1));
    support::runtime().block_on(async {
        let fill = |tx: &mut sekisho_store::Tx| {
            (0..ROWS).try_for_each(|number| tx.put::<Numbers>(&number, &()))
        };
        store.transact(fill).await.unwrap();
        assert_eq!(store.count::<Numbers>().await.unwrap(), ROWS);
        let all = store.scan_all::<Numbers>().await.unwrap();
        assert!(all.into_iter().map(|(number, ())| number).eq(0..ROWS));
        let some = store.get_all::<Numbers>(&[5, ROWS, 3]).await.unwrap();
        assert_eq!(some, [Some(()), None, Some(())]);
        assert_eq!(store.count::<Names>().await.unwrap(), 0);
    });
}
