//! What the program finds out about its own file: a log that was cut or emptied, an older file, a
//! log that was written anew; and lists of more rows than fit into one answer.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::support::{Done, Home, TENANT};
use redb::{Database, ReadableDatabase as _, TableDefinition};
use sekisho_ambient::Entropy;
use sekisho_store::{Backend, Options, RootKey, Store};
use serde_json::{Value, json};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

const AUDIT: Definition = TableDefinition::new("store.audit_1");
const META: Definition = TableDefinition::new("store.meta");

/// Names a table of another crate, whose rows a test reads and writes as JSON.
macro_rules! known {
    ($name:ident = $stored:literal: $key:ty) => {
        struct $name;
        impl sekisho_store::Table for $name {
            const NAME: &'static str = $stored;
            type Key = $key;
            type Value = Value;
        }
    };
}

known!(Credentials = "credentials_1": String);
known!(StatusEntries = "status_entries_1": (String, u64));
known!(StatusLists = "status_lists_1": (String, u64));

const FILE: &str = "data/sekisho.redb";

/// A folder with a store whose log has a few records, and no server.
fn home_with_a_log() -> Home {
    let home = Home::new();
    home.init();
    for (number, name) in [("7900000000002", "a"), ("8900000000001", "b"), ("5900000000004", "c")] {
        home.json(&["org", "add", number, "--name-ja", name, "--name-en", name]);
    }
    assert_eq!(home.json(&["audit", "verify"])["faults"], json!([]));
    home
}

fn row(path: &Path, table: Definition, key: &[u8]) -> Vec<u8> {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_read().unwrap();
    let row = transaction.open_table(table).unwrap().get(key).unwrap().unwrap();
    row.value().to_vec()
}

/// Puts raw bytes at a key, or removes what is there.
fn put(path: &Path, table: Definition, key: &[u8], value: Option<&[u8]>) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut open = transaction.open_table(table).unwrap();
    match value {
        Some(value) => drop(open.insert(key, value).unwrap()),
        None => drop(open.remove(key).unwrap()),
    }
    drop(open);
    transaction.commit().unwrap();
}

fn drop_table(path: &Path, table: Definition) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(table).unwrap());
    transaction.commit().unwrap();
}

fn assert_refused(done: &Done, words: &[&str]) {
    assert_eq!(done.code(), 1, "{done:?}");
    assert!(words.iter().all(|word| done.stderr.contains(word)), "{words:?} in {done:?}");
}

/// Who can write the file but has no root key can neither shorten nor empty the log: `audit verify`
/// says what is wrong where, and `serve` does not start.
#[test]
fn word_03_a_log_that_was_cut_is_found_and_not_served() {
    type Harm = fn(&Path, u64);
    // Each harm is told with the words that name it. `last` is the number of the last record.
    let harms: [(&str, Harm); 6] = [
        ("its head was changed", |path, last| {
            let record = row(path, AUDIT, &3_u64.to_be_bytes());
            let head = row(path, META, b"head");
            put(path, META, b"head", Some(&[&head[..8], &record[40..112]].concat()));
            (4..=last).for_each(|seq| put(path, AUDIT, &seq.to_be_bytes(), None));
        }),
        ("its head is missing", |path, last| {
            let record = row(path, AUDIT, &3_u64.to_be_bytes());
            put(path, META, b"head", None);
            put(path, META, b"audit", Some(&[&record[..8], &record[40..112]].concat()));
            (4..=last).for_each(|seq| put(path, AUDIT, &seq.to_be_bytes(), None));
        }),
        ("its head is missing", |path, _| {
            drop_table(path, AUDIT);
            put(path, META, b"head", None);
        }),
        ("at record 1: it is missing, and so are all up to", |path, _| drop_table(path, AUDIT)),
        ("at record 2: it is missing", |path, _| put(path, AUDIT, &2_u64.to_be_bytes(), None)),
        ("at record 2: it stands under another number", |path, _| {
            let (two, three) =
                (row(path, AUDIT, &2_u64.to_be_bytes()), row(path, AUDIT, &3_u64.to_be_bytes()));
            put(path, AUDIT, &2_u64.to_be_bytes(), Some(&three));
            put(path, AUDIT, &3_u64.to_be_bytes(), Some(&two));
        }),
    ];
    let home = home_with_a_log();
    let path = home.path(FILE);
    let last = home.json(&["status"])["audit_records"].as_u64().unwrap();
    let whole = std::fs::read(&path).unwrap();
    for (told, harm) in harms {
        std::fs::write(&path, &whole).unwrap();
        harm(&path, last);
        assert_refused(&home.run(&["audit", "verify"]), &["the audit log is broken", told]);
        let json = home.run(&["audit", "verify", "--json"]);
        let answer: Value = serde_json::from_str(&json.stdout).unwrap();
        assert!(answer["faults"][0].as_str().unwrap().contains(told), "{answer}");
        let served = home.run(&["serve"]);
        assert_refused(
            &served,
            &["the audit log is broken", "does not start", "sekisho audit verify"],
        );
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(home.serve().stop(), 0);
}

/// Where a store stood, an emptied file is no new store.
#[test]
fn word_03_an_emptied_file_is_not_taken_for_a_new_store() {
    let home = home_with_a_log();
    let path = home.path(FILE);
    std::fs::write(&path, b"").unwrap();
    for command in [&["audit", "verify"][..], &["serve"], &["org", "list"]] {
        assert_refused(&home.run(command), &["it is empty, although a store stood there"]);
    }
}

/// An older head is authentic, but rows that were written later give it away.
#[test]
fn word_03_an_older_head_is_found() {
    let home = Home::new();
    home.init();
    let path = home.path(FILE);
    let head = row(&path, META, b"head");
    let before = home.json(&["status"])["audit_records"].as_u64().unwrap();
    home.json(&["org", "add", TENANT, "--name-ja", "a", "--name-en", "a"]);
    let after = home.json(&["status"])["audit_records"].as_u64().unwrap();
    put(&path, META, b"head", Some(&head));
    let next = format!("at record {}: the log's head does not know it", before + 1);
    assert_refused(&home.run(&["audit", "verify"]), &[&next]);
    (before + 1..=after).for_each(|seq| put(&path, AUDIT, &seq.to_be_bytes(), None));
    assert_refused(&home.run(&["audit", "verify"]), &["an older head was put back"]);
    assert_refused(&home.run(&["serve"]), &["an older head was put back", "does not start"]);
}

/// Adds a setting to the section `[audit]` of the configuration.
fn keep(home: &Home, line: &str) {
    let config = home.path("sekisho.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[audit]\n", &format!("[audit]\n{line}\n"))).unwrap();
}

fn serve_once(home: &Home) {
    assert_eq!(home.serve().stop(), 0);
}

/// An older file is a whole and sound file. A checkpoint that was kept elsewhere shows it, when it
/// is asked and when the server starts.
#[test]
fn word_03_a_checkpoint_shows_an_older_file() {
    let home = Home::new();
    home.init();
    let (path, folder) = (home.path(FILE), home.path("checkpoints"));
    std::fs::create_dir(&folder).unwrap();
    keep(&home, "checkpoints = \"checkpoints\"");
    serve_once(&home);
    let older = std::fs::read(&path).unwrap();
    let server = home.serve();
    home.json(&["org", "add", TENANT, "--name-ja", "a", "--name-en", "a"]);
    assert!(home.json(&["status"])["checkpoint"]["written"].is_number());
    assert_eq!(server.stop(), 0);
    let kept = folder.display().to_string();
    let verified = home.json(&["audit", "verify", "--checkpoint", &kept]);
    assert!(verified["checkpoints"].as_u64().unwrap() >= 2, "{verified}");

    // The file of before: sound by itself, and older than the last checkpoint.
    std::fs::write(&path, &older).unwrap();
    assert_eq!(home.run(&["audit", "verify"]).code(), 0);
    let verified = home.run(&["audit", "verify", "--checkpoint", &kept]);
    assert_refused(&verified, &["an older file was put back"]);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (newest, oldest) = (files.last().unwrap(), &files[0]);
    let one =
        |file: &Path| home.run(&["audit", "verify", "--checkpoint", &file.display().to_string()]);
    assert_refused(&one(newest), &["an older file was put back"]);
    assert_eq!(one(oldest).code(), 0);
    let served = home.run(&["serve"]);
    assert_refused(
        &served,
        &["an older file was put back", "does not start", "move the checkpoints"],
    );

    // The file of before, on which others acts follow: as long as the log that it replaces.
    for number in ["8900000000001", "5900000000004"] {
        home.json(&["org", "add", number, "--name-ja", "b", "--name-en", "b"]);
    }
    for _ in 0..12 {
        home.json(&["key", "rotate", "--purpose", "id-token"]);
    }
    assert_eq!(home.run(&["audit", "verify"]).code(), 0);
    assert_refused(&one(newest), &["the log was written anew"]);
    assert_refused(&home.run(&["serve"]), &["the log was written anew", "does not start"]);

    // A checkpoint that was changed, and one of another store under the same origin.
    let text = std::fs::read_to_string(oldest).unwrap();
    let forged = home.path("forged.jws");
    let (signed, signature) = text.trim().rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    std::fs::write(&forged, format!("{signed}.{other}{}", &signature[1..])).unwrap();
    assert_refused(&one(&forged), &["its signature is not good"]);
    std::fs::write(&forged, "nothing\n").unwrap();
    assert_eq!(one(&forged).code(), 2);
    let origin = home.json(&["status"])["issuer"].as_str().unwrap().to_owned();
    let twin = Home::new();
    twin.json(&["init", "--origin", &origin]);
    let kept = newest.display().to_string();
    let found = twin.run(&["audit", "verify", "--checkpoint", &kept]);
    assert_refused(&found, &["it is of another store of this origin"]);
    let stranger = Home::new();
    stranger.init();
    let found = stranger.run(&["audit", "verify", "--checkpoint", &kept]);
    assert_refused(&found, &["it is of another broker"]);
}

/// A checkpoint by a key that was declared compromised proves nothing; rotation leaves the others.
#[test]
fn word_03_checkpoints_survive_a_rotation_of_their_key() {
    let home = Home::new();
    home.init();
    let folder = home.path("checkpoints");
    std::fs::create_dir(&folder).unwrap();
    keep(&home, "checkpoints = \"checkpoints\"");
    serve_once(&home);
    let kept = folder.display().to_string();
    let verify = || home.run(&["audit", "verify", "--checkpoint", &kept]);
    let keys = home.json(&["key", "list"])["keys"].to_string();
    assert!(keys.contains("audit-checkpoint"), "{keys}");
    home.json(&["key", "rotate", "--purpose", "audit-checkpoint"]);
    assert_eq!(verify().code(), 0);
    home.json(&["key", "rotate", "--purpose", "audit-checkpoint", "--compromised", "--yes"]);
    assert_refused(&verify(), &["was declared compromised"]);
}

/// Checkpoints go to a system log too. Where one cannot be written, the log and `status` say so, and
/// the server goes on.
#[test]
fn word_03_checkpoints_are_sent_and_a_missing_folder_is_told() {
    let home = Home::new();
    home.init();
    let socket = home.path("log.sock");
    let log = UnixDatagram::bind(&socket).unwrap();
    keep(&home, &format!("syslog = \"{}\"", socket.display()));
    serve_once(&home);
    let mut buffer = [0; 4096];
    let length = log.recv(&mut buffer).unwrap();
    let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(line.starts_with("<109>sekisho["), "{line}");
    let extract = home.path("extract.log");
    std::fs::write(&extract, format!("Nov 28 12:00:00 host {line}\nanother line\n")).unwrap();
    let extract = extract.display().to_string();
    assert_eq!(home.run(&["audit", "verify", "--checkpoint", &extract]).code(), 0);

    keep(&home, "checkpoints = \"nowhere\"");
    let server = home.serve();
    let failure = || home.json(&["status"])["checkpoint"]["failure"].clone();
    let told = (0..200).find_map(|_| failure().as_str().map(str::to_owned)).unwrap();
    assert!(told.contains("nowhere"), "{told}");
    home.json(&["org", "add", TENANT, "--name-ja", "a", "--name-en", "a"]);
    assert_eq!(server.stop(), 0);
    let log = std::fs::read_to_string(home.path("log")).unwrap();
    assert!(log.contains("a checkpoint of the audit log was not written"), "{log}");
    for wrong in ["syslog = \"log.example.jp:514\"", "syslog = \"dev/log\"", "witness = \"x\""] {
        let home = Home::new();
        home.init();
        keep(&home, wrong);
        assert_ne!(home.run(&["status"]).code(), 0, "{wrong}");
    }
}

/// Puts records of credentials into the file as an earlier version left them: without the index by
/// time. Each has an id that sorts by chance, a number of seconds, and a person.
fn put_credentials(home: &Home, credentials: &[(String, i64, u8)]) {
    let root = RootKey::read_file(&home.path("data/root.key")).unwrap();
    let entropy = Entropy::system();
    let file = home.path(FILE);
    let store = Store::open_on(Backend::Redb(&file), &root, entropy, Options::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (list, entries) = ((TENANT.to_owned(), 0), format!("{TENANT}/0"));
    runtime.block_on(async {
        // Some places have decoys.
        let taken = store.scan_prefix::<StatusEntries>(&entries, 10_000).await.unwrap();
        let taken: Vec<u64> = taken.into_iter().map(|((_, index), _)| index).collect();
        let mut free = (0_u64..).filter(|index| !taken.contains(index));
        let mut row = store.get::<StatusLists>(&list).await.unwrap().unwrap();
        let allocated = row["allocated"].as_u64().unwrap();
        row["allocated"] = json!(allocated + u64::try_from(credentials.len()).unwrap());
        let places: Vec<_> = credentials.iter().zip(free.by_ref()).collect();
        let put = store.transact(|tx| {
            tx.put::<StatusLists>(&list, &row)?;
            for ((id, issued, person), index) in &places {
                let entry = json!({"value": 0, "credential": id});
                tx.put::<StatusEntries>(&(entries.clone(), *index), &entry)?;
                let credential = json!({
                    "organization": TENANT, "type_name": "affiliation", "vct": "x",
                    "person": vec![*person; 32], "holder_thumbprint": "x", "status_list": 0,
                    "status_index": index, "kid": "x", "issued": issued,
                    "expires": 4_000_000_000_i64, "claims": "AAAA",
                });
                tx.put::<Credentials>(id, &credential)?;
            }
            Ok(())
        });
        put.await.unwrap();
    });
}

/// The rows of a list, as JSON.
fn listed(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let list = home.json(&[&["credential", "list"], arguments].concat());
    list["credentials"].as_array().unwrap().clone()
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The list is in the order of issue, whole in JSON, and in parts that say how to go on.
#[test]
fn word_19_a_long_list_is_whole_and_in_the_order_of_issue() {
    const ROWS: i64 = 1_205;
    let home = Home::new();
    home.init();
    home.json(&["org", "add", TENANT, "--name-ja", "a", "--name-en", "a"]);
    let entropy = Entropy::seeded(19);
    let made: Vec<_> = (0..ROWS)
        .map(|at| (entropy.id(), 1_795_000_000 + at / 2, u8::try_from(at % 3).unwrap()))
        .collect();
    put_credentials(&home, &made);
    let mut expected: Vec<(i64, String)> =
        made.iter().map(|(id, issued, _)| (*issued, id.clone())).collect();
    expected.sort();
    let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
    // Offline and over a server's socket, the same.
    assert_eq!(ids(&listed(&home, &[])), expected);
    let server = home.serve();
    assert_eq!(ids(&listed(&home, &[])), expected);
    let mut backwards = ids(&listed(&home, &["--newest"]));
    backwards.reverse();
    assert_eq!(backwards, expected);
    let lines = home.run(&["credential", "list", "--output", "jsonl"]).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ids(&lines), expected);

    let part = home.json(&["credential", "list", "--limit", "7"]);
    assert_eq!(ids(part["credentials"].as_array().unwrap()), expected[..7]);
    let next = part["next"].as_str().unwrap();
    let part = listed(&home, &["--limit", "1100", "--after", next]);
    assert_eq!(ids(&part), expected[7..1107]);
    assert_eq!(home.run(&["credential", "list", "--after", "x"]).code(), 2);
    let table = home.run(&["credential", "list", "--lang", "en"]);
    assert_eq!(table.stdout.lines().count(), 1001);
    assert!(table.stderr.contains("there are more: add --after"), "{}", table.stderr);

    let person = lines[0]["person"].as_str().unwrap();
    let theirs = listed(&home, &["--person", person]);
    let of = |row: &&Value| row["person"] == person;
    assert_eq!(ids(&theirs), ids(&lines.iter().filter(of).cloned().collect::<Vec<_>>()));
    assert!(listed(&home, &["--type", "ai-training"]).is_empty());
    assert!(listed(&home, &["--org", "8900000000001"]).is_empty());
    assert!(listed(&home, &["--status", "revoked"]).is_empty());
    home.json(&["credential", "revoke", &expected[1000], "--yes"]);
    assert_eq!(ids(&listed(&home, &["--status", "revoked"])), [expected[1000].clone()]);
    assert_eq!(listed(&home, &["--status", "valid", "--type", "affiliation"]).len(), 1_204);
    assert_eq!(server.stop(), 0);
}

/// `--last` takes the newest, and nothing where several are the newest.
#[test]
fn word_19_the_last_credential_is_the_newest_and_ties_are_refused() {
    let home = Home::new();
    home.init();
    home.json(&["org", "add", TENANT, "--name-ja", "a", "--name-en", "a"]);
    let made: Vec<_> = [("b", 5, 1), ("a", 7, 1), ("d", 7, 2), ("c", 6, 2), ("z", 1, 1)]
        .map(|(id, issued, person)| (id.to_owned(), 1_795_000_000 + issued, person))
        .to_vec();
    put_credentials(&home, &made);
    let last = |more: &[&str]| {
        home.run(
            &[&["credential", "revoke", "--last", "affiliation", "--yes", "--json"], more].concat(),
        )
    };
    let tie = last(&[]);
    assert_eq!(tie.code(), 1, "{tie:?}");
    let told: Value = serde_json::from_str(&tie.stdout).unwrap();
    assert_eq!(told["error"], "ambiguous");
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("\n  a person ") && message.contains("\n  d person "), "{message}");
    assert!(!message.contains("\n  c person "), "{message}");
    assert!(listed(&home, &["--status", "revoked"]).is_empty());
    let revoked = |done: Done| {
        let row: Value = serde_json::from_str(&done.stdout).unwrap();
        row["id"].as_str().unwrap_or_else(|| panic!("{row}")).to_owned()
    };
    let person = "02".repeat(8);
    assert_eq!(revoked(last(&["--person", &person])), "d");
    assert_eq!(["a", "c", "b", "z"].map(|_| revoked(last(&[]))), ["a", "c", "b", "z"]);
    assert_eq!(last(&[]).code(), 4);
    assert_eq!(home.run(&["credential", "revoke", "z", "--org", TENANT, "--yes"]).code(), 2);
}

/// The tail of the log is whole, however many records are asked for.
#[test]
fn word_19_a_long_tail_is_whole() {
    let home = home_with_a_log();
    let root = RootKey::read_file(&home.path("data/root.key")).unwrap();
    let file = home.path(FILE);
    let options = Options::default();
    let store = Store::open_on(Backend::Redb(&file), &root, Entropy::system(), options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let some = runtime.block_on(store.audit_page(0, 1)).unwrap().remove(0).entry;
    for _ in 0..24 {
        let write = store.transact(|tx| {
            (0..100).for_each(|_| tx.append(some.clone()));
            Ok(())
        });
        runtime.block_on(write).unwrap();
    }
    let last = runtime.block_on(store.audit_head()).unwrap().seq;
    drop(store);
    let numbers = |arguments: &[&str]| -> Vec<u64> {
        let tail = home.json(&[&["audit", "tail"], arguments].concat());
        let records = tail["records"].as_array().unwrap().clone();
        records.iter().map(|record| record["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&["-n", "2200"]), (last - 2199..=last).collect::<Vec<_>>());
    assert_eq!(numbers(&["-n", "200000"]), (1..=last).collect::<Vec<_>>());
    assert_eq!(numbers(&["-n", "1500", "--after", "3"]), (4..=1503).collect::<Vec<_>>());
    assert_eq!(numbers(&["-n", "3"]), (last - 2..=last).collect::<Vec<_>>());
}
