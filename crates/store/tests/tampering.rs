//! Tests that the store detects changes that were made to its file by other means: flipped bits,
//! swapped rows, a forged log (attacks, FS-05), a second process (FS-06), loose modes (FS-07).

use std::fs::{Permissions, metadata, set_permissions};
use std::ops::Bound;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::{self, Codes, Names, entry, key, open};
use redb::{Database, ReadableTable as _, TableDefinition};
use sekisho_ambient::Entropy;
use sekisho_store::{Backend, Options, RootKey, Store, StoreError};

const NAMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("names_1");
const CODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("codes_1");
const AUDIT: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("store.audit_1");
const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("store.meta");

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The file of a closed store that has a few rows and entries.
struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = open(&path).unwrap();
        block(async {
            for (number, name) in (1_u64..).zip(["a", "b", "c"]) {
                let write = |tx: &mut sekisho_store::Tx| {
                    tx.put::<Names>(&name.to_owned(), &number)?;
                    tx.append(entry(&format!("act.{number}"), "done"));
                    Ok(())
                };
                store.transact(write).await.unwrap();
            }
            let value = "secret plaintext".to_owned();
            store.transact(|tx| tx.put::<Codes>(&key(1, 1), &value)).await.unwrap();
        });
        Self { _folder: folder, path }
    }

    fn row(&self, table: Definition, key: &[u8]) -> Vec<u8> {
        let database = Database::open(&self.path).unwrap();
        let transaction = database.begin_write().unwrap();
        let table = transaction.open_table(table).unwrap();
        table.get(key).unwrap().unwrap().value().to_vec()
    }

    fn put(&self, table: Definition, key: &[u8], value: Option<&[u8]>) {
        let database = Database::open(&self.path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut open = transaction.open_table(table).unwrap();
        match value {
            Some(value) => drop(open.insert(key, value).unwrap()),
            None => drop(open.remove(key).unwrap()),
        }
        drop(open);
        transaction.commit().unwrap();
    }

    fn change(&self, table: Definition, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let mut row = self.row(table, key);
        change(&mut row);
        self.put(table, key, Some(&row));
    }

    fn audit_fault(&self) -> (u64, String) {
        let fault = block(open(&self.path).unwrap().audit_verify()).unwrap_err();
        (fault.seq, fault.reason)
    }

    /// All faults of the log, each as its sentence.
    fn faults(&self) -> Vec<String> {
        let report = block(open(&self.path).unwrap().audit_examine(&mut |_| {}));
        report.faults.iter().map(ToString::to_string).collect()
    }

    /// Removes a whole table.
    fn drop_table(&self, table: Definition) {
        let database = Database::open(&self.path).unwrap();
        let transaction = database.begin_write().unwrap();
        assert!(transaction.delete_table(table).unwrap());
        transaction.commit().unwrap();
    }
}

fn block<T>(future: impl Future<Output = T>) -> T {
    support::runtime().block_on(future)
}

fn open_with(path: &Path, root: u8) -> Result<Store, StoreError> {
    let root = RootKey::from_bytes([root; 32]);
    Store::open_on(Backend::Redb(path), &root, Entropy::system(), Options::default())
}

fn refusal(opened: Result<Store, StoreError>) -> StoreError {
    opened.err().unwrap()
}

#[test]
fn what_was_written_is_read_after_the_file_was_closed() {
    let file = File::new();
    let store = open(&file.path).unwrap();
    assert_eq!(block(store.get::<Names>(&"b".to_owned())).unwrap(), Some(2));
    assert_eq!(block(store.audit_verify()).unwrap().seq, 3);
    assert!(block(store.check()).unwrap().is_clean());
}

#[test]
fn nothing_stands_in_the_file_in_clear() {
    let file = File::new();
    let bytes = std::fs::read(&file.path).unwrap();
    for clear in ["secret plaintext", "act.1", "client:a"] {
        let found = bytes.windows(clear.len()).any(|window| window == clear.as_bytes());
        assert!(!found, "{clear}");
    }
}

#[test]
fn swapped_rows_are_named_and_refused() {
    let file = File::new();
    let (a, b) = (file.row(NAMES, b"a"), file.row(NAMES, b"b"));
    file.put(NAMES, b"a", Some(&b));
    file.put(NAMES, b"b", Some(&a));
    let store = open(&file.path).unwrap();
    let found = block(store.get::<Names>(&"a".to_owned()));
    assert!(
        matches!(&found, Err(StoreError::Corrupt { table, key, .. }) if table == "names_1" && key == "61"),
        "{found:?}"
    );
    let inside = block(store.transact(|tx| tx.get::<Names>(&"b".to_owned())));
    assert!(matches!(inside, Err(StoreError::Corrupt { .. })));
    let swallowed = block(store.transact(|tx| Ok(tx.get::<Names>(&"b".to_owned()).is_err())));
    assert!(swallowed.is_err(), "nothing is decided upon a row that does not open");
    assert!(block(store.scan::<Names>(Bound::Unbounded, 10)).is_err());
    let report = block(store.check()).unwrap();
    assert_eq!((report.faults.len(), report.audit.is_ok()), (2, true));
    assert_eq!(block(store.get::<Names>(&"c".to_owned())).unwrap(), Some(3));
}

#[test]
fn a_row_from_another_table_or_another_store_is_refused() {
    let (file, other) = (File::new(), File::new());
    file.put(CODES, b"a", Some(&file.row(NAMES, b"a")));
    file.put(NAMES, b"b", Some(&other.row(NAMES, b"b")));
    let report = block(open(&file.path).unwrap().check()).unwrap();
    assert_eq!(report.faults.len(), 2, "{report:?}");
}

#[test]
fn a_flipped_bit_or_a_shortened_value_is_refused() {
    let file = File::new();
    file.change(NAMES, b"a", |row| row[40] ^= 1);
    file.change(NAMES, b"b", |row| row.truncate(20));
    file.change(NAMES, b"c", |row| row.truncate(3));
    let report = block(open(&file.path).unwrap().check()).unwrap();
    assert_eq!(report.faults.len(), 3, "{report:?}");
}

/// The layout of a stored record: version, hash before, number, hash, tag, sealed entry.
#[test]
fn every_part_of_a_record_is_bound_to_its_place() {
    let parts = [
        (8, 40, "it does not follow the record before"),
        (40, 48, "it stands under another number"),
        (48, 80, "its hash is another"),
        (80, 112, "its hash was not made by this store"),
        (112, 160, "its entry was changed"),
    ];
    for (from, to, reason) in parts {
        for at in [from, to - 1] {
            let file = File::new();
            file.change(AUDIT, &2_u64.to_be_bytes(), |row| row[at] ^= 1);
            assert_eq!(file.audit_fault(), (2, reason.to_owned()), "byte {at}");
        }
    }
}

#[test]
fn a_record_that_is_gone_swapped_or_added_is_named() {
    let number = |seq: u64| seq.to_be_bytes();
    let gone = |seq: u64| {
        let file = File::new();
        file.put(AUDIT, &number(seq), None);
        file.audit_fault()
    };
    for seq in 1..=3 {
        assert_eq!(gone(seq), (seq, "it is missing".to_owned()));
    }

    let file = File::new();
    let (two, three) = (file.row(AUDIT, &number(2)), file.row(AUDIT, &number(3)));
    file.put(AUDIT, &number(2), Some(&three));
    file.put(AUDIT, &number(3), Some(&two));
    assert_eq!(file.audit_fault().0, 2);

    // Exchange two entries and leave everything else in its place.
    let file = File::new();
    let (two, three) = (file.row(AUDIT, &number(2)), file.row(AUDIT, &number(3)));
    file.change(AUDIT, &number(2), |row| {
        row.splice(112.., three[112..].iter().copied()).for_each(drop);
    });
    file.change(AUDIT, &number(3), |row| {
        row.splice(112.., two[112..].iter().copied()).for_each(drop);
    });
    assert_eq!(file.audit_fault(), (2, "its hash is another".to_owned()));

    let file = File::new();
    let mut four = file.row(AUDIT, &number(3));
    four[40..48].copy_from_slice(&number(4));
    file.put(AUDIT, &number(4), Some(&four));
    assert_eq!(file.audit_fault().0, 4);

    let (empty, one) = (File::new(), file.row(AUDIT, &number(1)));
    (1..=3).for_each(|seq| empty.put(AUDIT, &number(seq), None));
    empty.put(AUDIT, &number(1), Some(&one));
    assert_eq!(empty.audit_fault(), (1, "its entry was changed".to_owned()));
}

/// A head that is any part of any record, or a head of the form of before, is none. So the log
/// cannot be cut off behind a record by putting that record's link into the head.
#[test]
fn word_03_no_record_can_stand_in_for_the_head() {
    for seq in 1..=2_u64 {
        let number = seq.to_be_bytes();
        let record = File::new().row(AUDIT, &number);
        // A link, a link with what stands around it, and parts that are as long as a head.
        let parts = [(40, 112), (8, 112), (40, 160), (8, record.len()), (112, record.len())];
        let long = File::new().row(META, b"head").len() - 8;
        let heads = [8, 32, 40, 48, 112].map(|from| (from, from + long));
        for (from, to) in parts.into_iter().chain(heads) {
            for row in [b"head".as_slice(), b"audit"] {
                let file = File::new();
                let part = [file.row(META, b"head")[..8].to_vec(), record[from..to].to_vec()];
                file.put(META, b"head", None);
                file.put(META, row, Some(&part.concat()));
                (seq + 1..=3).for_each(|after| file.put(AUDIT, &after.to_be_bytes(), None));
                let faults = file.faults();
                assert!(faults[0].contains("head"), "record {seq} at {from}..{to}: {faults:?}");
                let store = open(&file.path).unwrap();
                assert!(block(store.audit_head()).is_err());
                let write = block(store.transact(|tx| tx.put::<Names>(&"a".to_owned(), &9)));
                assert!(matches!(write, Err(StoreError::Unavailable(_))), "{write:?}");
            }
        }
    }
}

/// A store that had a log knows it from its header, and not from the log.
#[test]
fn word_03_a_log_that_is_gone_is_missed() {
    type Harm = fn(&File);
    let harms: [Harm; 4] = [
        |file| file.put(META, b"head", None),
        |file| {
            file.drop_table(AUDIT);
            file.put(META, b"head", None);
        },
        |file| {
            for table in [AUDIT, NAMES, CODES] {
                file.drop_table(table);
            }
            file.put(META, b"head", None);
        },
        |file| file.drop_table(AUDIT),
    ];
    for (at, harm) in harms.into_iter().enumerate() {
        let file = File::new();
        harm(&file);
        let faults = file.faults();
        let named = ["its head is missing", "it is missing, and so are all up to 3"];
        assert!(
            faults.iter().any(|fault| named.iter().any(|n| fault.contains(n))),
            "{at}: {faults:?}"
        );
    }
    let file = File::new();
    for table in [AUDIT, NAMES, CODES, META] {
        file.drop_table(table);
    }
    let options = Options { create: false, ..Options::default() };
    let root = RootKey::from_bytes([1; 32]);
    let emptied = Store::open_on(Backend::Redb(&file.path), &root, Entropy::system(), options);
    assert!(refusal(emptied).to_string().contains("it is empty, although a store stood there"));
}

/// Every fault is told, each with its place, and a gap once.
#[test]
fn word_03_every_fault_of_the_log_is_told() {
    let file = File::new();
    file.put(AUDIT, &1_u64.to_be_bytes(), None);
    file.change(AUDIT, &3_u64.to_be_bytes(), |row| row[120] ^= 1);
    let expected = [
        "the audit log is broken at record 1: it is missing",
        "the audit log is broken at record 3: its entry was changed",
    ];
    assert_eq!(file.faults(), expected);

    let file = File::new();
    for seq in [1, 2_u64] {
        file.put(AUDIT, &seq.to_be_bytes(), None);
    }
    assert_eq!(
        file.faults(),
        ["the audit log is broken at record 1: it is missing, and so are all up to 2"]
    );
}

/// An older head is authentic. The later records give it away while they are there, and the later
/// rows of every other table afterwards.
#[test]
fn word_03_an_older_head_is_found() {
    let file = File::new();
    let old = file.row(META, b"head");
    let store = open(&file.path).unwrap();
    block(store.transact(|tx| {
        tx.put::<Names>(&"d".to_owned(), &4)?;
        tx.append(entry("act.4", "done"));
        Ok(())
    }))
    .unwrap();
    drop(store);
    assert!(file.faults().is_empty());
    file.put(META, b"head", Some(&old));
    let faults = file.faults();
    assert!(faults[0].contains("at record 4: the log's head does not know it"), "{faults:?}");
    file.put(AUDIT, &4_u64.to_be_bytes(), None);
    let faults = file.faults();
    let told = "a row of table names_1 was written in batch 5, and the log's head counts 4 batches";
    assert!(faults.len() == 1 && faults[0].contains(told), "{faults:?}");
}

/// A record of another store does not read here, and its head neither.
#[test]
fn word_03_a_log_of_another_store_is_refused() {
    let (file, other) = (File::new(), File::new());
    file.put(META, b"head", Some(&other.row(META, b"head")));
    assert!(file.faults()[0].contains("its head was changed"));
}

#[test]
fn nothing_that_belongs_into_the_log_happens_while_its_end_is_broken() {
    type Break = fn(&File);
    let breaks: [Break; 2] = [
        |file| file.put(META, b"head", None),
        |file| file.change(META, b"head", |row| row[20] ^= 1),
    ];
    for harm in breaks {
        let file = File::new();
        harm(&file);
        let (store, before) = (open(&file.path).unwrap(), "a".to_owned());
        let logged = block(store.transact(|tx| {
            tx.delete::<Names>(&before)?;
            tx.append(entry("act.4", "done"));
            Ok(())
        }));
        assert!(matches!(logged, Err(StoreError::Unavailable(_))), "{logged:?}");
        assert_eq!(block(store.get::<Names>(&before)).unwrap(), Some(1));
        let plain = block(store.transact(|tx| tx.put::<Names>(&before, &9)));
        assert!(matches!(plain, Err(StoreError::Unavailable(_))), "{plain:?}");
        assert!(block(store.audit_verify()).is_err(), "the harm is not written over");
    }
}

#[test]
fn a_changed_head_of_the_log_is_found() {
    let length = File::new().row(META, b"head").len();
    for at in [8, 16, 48, 56, 64, length - 1] {
        let file = File::new();
        file.change(META, b"head", |row| row[at] ^= 1);
        assert!(file.audit_fault().1.contains("its head was changed"), "byte {at}");
    }
}

#[test]
fn another_root_key_is_refused_clearly() {
    let file = File::new();
    assert!(matches!(refusal(open_with(&file.path, 2)), StoreError::WrongRootKey));
    assert!(open_with(&file.path, 1).is_ok());
}

#[test]
fn a_newer_file_is_refused_with_a_sentence() {
    let file = File::new();
    file.change(META, b"header", |row| row[8..12].copy_from_slice(&[0, 0, 0, 9]));
    let error = refusal(open(&file.path));
    assert!(error.to_string().contains("format 9"), "{error}");
}

#[test]
fn a_file_that_is_open_elsewhere_or_no_store_is_refused() {
    let file = File::new();
    let store = open(&file.path).unwrap();
    let error = refusal(open(&file.path));
    assert!(matches!(error, StoreError::Locked(_)));
    assert!(error.to_string().contains("another process"), "{error}");
    drop(store);
    assert!(open(&file.path).is_ok(), "free again once the store is gone");

    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "no database at all".repeat(1000)).unwrap();
    set_permissions(&text, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(refusal(open(&text)), StoreError::Open { .. }));

    let foreign = folder.path().join("foreign");
    let database = Database::create(&foreign).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(NAMES).unwrap();
    transaction.commit().unwrap();
    drop(database);
    set_permissions(&foreign, Permissions::from_mode(0o600)).unwrap();
    let error = refusal(open(&foreign));
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn a_file_is_its_owners_and_refused_where_others_can_write_it() {
    let file = File::new();
    assert_eq!(metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
    set_permissions(&file.path, Permissions::from_mode(0o660)).unwrap();
    assert!(matches!(refusal(open(&file.path)), StoreError::Open { .. }));
    set_permissions(&file.path, Permissions::from_mode(0o640)).unwrap();
    assert!(open(&file.path).is_ok());
}

/// The same table with the value type of another version of the program.
struct Texts;

impl sekisho_store::Table for Texts {
    const NAME: &'static str = "names_1";
    type Key = String;
    type Value = String;
}

#[test]
fn a_value_that_does_not_read_is_named_and_never_decided_upon() {
    let file = File::new();
    let (store, a) = (open(&file.path).unwrap(), "a".to_owned());
    let error = block(store.get::<Texts>(&a)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 61 of table names_1 is corrupt: unreadable at line 1, column 1"
    );
    let swallowed = block(store.transact(|tx| {
        let unread = tx.get::<Texts>(&a).is_err();
        tx.delete::<Texts>(&a)?;
        Ok(unread)
    }));
    assert!(matches!(swallowed, Err(StoreError::Aborted(_))), "{swallowed:?}");
    assert_eq!(block(store.get::<Names>(&a)).unwrap(), Some(1));
}
