//! The house plan as data, compared with every `Cargo.toml` and every source file.
//!
//! Invariant: dependencies point down the table, an engine or a library that only one crate may know
//! is named in that crate alone, and an unknown crate fails. Change the table and the plan together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// One crate of the workspace.
struct CrateRow {
    /// Its folder in `crates/`.
    folder: &'static str,
    /// The folders of our own crates that it may depend on.
    may_use: &'static [&'static str],
}

/// All crates, from the ground up: each may use only what stands above it here.
const CRATES: &[CrateRow] = &[
    CrateRow { folder: "ambient", may_use: &[] },
    CrateRow { folder: "jose", may_use: &["ambient"] },
    CrateRow { folder: "did", may_use: &["ambient", "jose"] },
    CrateRow { folder: "credential", may_use: &["ambient", "jose", "did"] },
    CrateRow { folder: "oauth", may_use: &["ambient", "jose"] },
    CrateRow { folder: "openid4vp", may_use: PROTOCOL },
    CrateRow { folder: "openid4vci", may_use: PROTOCOL },
    CrateRow { folder: "store", may_use: &["ambient"] },
    CrateRow { folder: "access", may_use: &["ambient", "jose", "credential"] },
    CrateRow {
        folder: "broker",
        may_use: &[
            "ambient",
            "jose",
            "did",
            "credential",
            "oauth",
            "openid4vp",
            "openid4vci",
            "store",
            "access",
        ],
    },
    CrateRow {
        folder: "web",
        may_use: &["ambient", "oauth", "openid4vp", "openid4vci", "access", "broker"],
    },
    CrateRow {
        folder: "tegata",
        may_use: &["ambient", "jose", "did", "credential", "oauth", "openid4vp", "openid4vci"],
    },
    CrateRow {
        folder: "sekisho",
        may_use: &["ambient", "jose", "oauth", "store", "access", "broker", "web", "tegata"],
    },
];

/// What extensions of `oauth` may use.
const PROTOCOL: &[&str] = &["ambient", "jose", "did", "credential", "oauth"];

/// Libraries that only these folders may name; `tests` is this crate.
const OWNERS: &[(&str, &[&str])] = &[
    ("ssi", &["did", "credential"]),
    ("redb", &["store"]),
    ("cedar-policy", &["access"]),
    ("josekit", &["jose"]),
    ("openssl", &["jose"]),
    ("openssl-sys", &["jose"]),
    ("p256", &["jose"]),
    ("ed25519-dalek", &["jose"]),
    ("rustls-webpki", &["jose"]),
    ("x509-cert", &["jose"]),
    ("aws-lc-rs", &["ambient", "jose", "store", "tests"]),
    ("getrandom", &["ambient"]),
    ("jiff", &["ambient"]),
    ("rand", &[]),
    ("chrono", &[]),
    ("time", &[]),
    ("axum", &["web", "tegata", "sekisho", "tests"]),
    ("askama", &["web", "tegata", "sekisho"]),
    ("hyper", &["web", "tegata", "sekisho", "tests"]),
    ("hyper-util", &["web", "tegata", "sekisho", "tests"]),
    ("tower", &["web", "tegata", "sekisho", "tests"]),
    ("http", &["web", "tegata", "sekisho", "tests"]),
    ("reqwest", &["broker", "tegata", "sekisho", "tests"]),
    ("rustls", &["broker", "tegata", "sekisho", "tests"]),
    ("tokio", &["store", "broker", "web", "tegata", "sekisho", "tests"]),
    ("tokio-rustls", &["tegata", "sekisho", "tests"]),
];

/// Readings of a clock or a random source, which stand in `ambient` only.
const SOURCES: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "ZonedDateTime::now",
    "OffsetDateTime::now_utc",
    "Utc::now",
    "Local::now",
    "UNIX_EPOCH",
    "getrandom::",
    "rand::fill",
    "rand::rng",
    "rand::random",
    "thread_rng",
    "SystemRandom",
    "OsRng",
    "SysRng",
];

/// Where a source has to be named all the same, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "crates/jose/src/signing_key.rs",
        "SystemRandom",
        "aws-lc-rs takes the nonces of its signatures from no other source",
    ),
    ("crates/jose/benches/raw.rs", "Instant::now", "measures how long an operation takes"),
    ("crates/jose/benches/raw.rs", "SystemRandom", "the raw call that ours is held against"),
    ("crates/sekisho/tests/exposed.rs", "Instant::now", "measures how long visitors wait"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn manifest(path: &Path) -> Table {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Folder and manifest of every crate, of this one as `tests`, and of `tests/fuzz` as `fuzz`.
fn manifests() -> Vec<(String, Table)> {
    let crates = folders().into_iter().map(|folder| {
        let path = root().join("crates").join(&folder).join("Cargo.toml");
        (folder, manifest(&path))
    });
    let beside = [("fuzz", "tests/fuzz"), ("tests", "tests")]
        .map(|(name, path)| (name.to_owned(), manifest(&root().join(path).join("Cargo.toml"))));
    crates.chain(beside).collect()
}

fn folders() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("crates")).unwrap();
    let folders = entries.map(Result::unwrap).filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Name and entry of every dependency: of the program, of its tests, of its build, of any target.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let mut tables = vec![manifest];
    let targets = manifest.get("target").and_then(Value::as_table);
    tables.extend(targets.into_iter().flat_map(|t| t.values().filter_map(Value::as_table)));
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let sections = tables.iter().flat_map(|table| sections.map(|section| table.get(section)));
    let entries = sections.flatten().filter_map(Value::as_table).flat_map(Table::iter);
    entries.map(|(name, entry)| (renamed(name, entry), entry.clone())).collect()
}

/// The package behind a dependency that goes by another name here.
fn renamed(name: &str, entry: &Value) -> String {
    entry.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
}

/// The folder of one of our own packages.
fn own_folder(package: &str) -> Option<&str> {
    match package {
        "sekisho" | "tegata" => Some(package),
        _ => package.strip_prefix("sekisho-"),
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Path below the root, and text, of every Rust file in `folders`.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders {
        rust_files(&root().join(folder), &mut found);
    }
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    found.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_crate_is_known_and_named_after_its_folder() {
    let known: BTreeSet<_> = CRATES.iter().map(|row| row.folder.to_owned()).collect();
    assert_eq!(folders(), known, "crates/ and the table of tests/architecture.rs differ");
    for (folder, manifest) in manifests() {
        let name = manifest["package"]["name"].as_str().unwrap();
        assert_eq!(own_folder(name), Some(folder.as_str()), "{name} in {folder}");
    }
}

#[test]
fn the_table_points_down() {
    for (place, row) in CRATES.iter().enumerate() {
        for used in row.may_use {
            let below = CRATES[..place].iter().any(|other| other.folder == *used);
            assert!(below, "{} may not use {used}, which stands above it", row.folder);
        }
    }
}

#[test]
fn each_crate_uses_only_what_the_table_allows() {
    let mut faults = Vec::new();
    for (folder, manifest) in manifests().into_iter().filter(|(folder, _)| folder != "tests") {
        let Some(row) = CRATES.iter().find(|row| row.folder == folder) else { continue };
        for (name, _) in dependencies(&manifest) {
            if own_folder(&name).is_some_and(|used| !row.may_use.contains(&used)) {
                faults.push(format!("{folder} may not use {name}"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn libraries_stay_with_their_owners() {
    let mut faults = Vec::new();
    for (folder, manifest) in manifests() {
        for (name, _) in dependencies(&manifest) {
            // `ssi-jwk` and `openssl-macros` are `ssi` and `openssl` too.
            let owned = |owner: &str| name == owner || (owner == "ssi" && name.starts_with("ssi-"));
            let owners = OWNERS.iter().find(|(library, _)| owned(library));
            if owners.is_some_and(|(_, folders)| !folders.contains(&folder.as_str())) {
                faults.push(format!("{folder} may not name {name}"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn versions_stand_in_the_workspace_only() {
    let mut faults = Vec::new();
    for (folder, manifest) in manifests() {
        for (name, entry) in dependencies(&manifest) {
            let pinned = ["version", "git", "registry"].iter().any(|key| entry.get(key).is_some());
            if entry.is_str() || pinned {
                faults.push(format!("{folder} gives {name} a version of its own"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    // The entry point of a fuzz target is an exported symbol, which the lints forbid.
    for (folder, manifest) in manifests().into_iter().filter(|(folder, _)| folder != "fuzz") {
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(inherits.and_then(Value::as_bool), Some(true), "{folder}");
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    let silent = |(_, text): &(String, String)| !text.starts_with("//! ");
    let files = sources(&["crates", "tests"]).into_iter().filter(silent);
    assert_none(
        &files.map(|(path, _)| format!("{path} does not open with //!")).collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_but_ambient_reads_a_clock_or_a_random_source() {
    let mut faults = Vec::new();
    for (path, text) in sources(&["crates"]) {
        if path.starts_with("crates/ambient/") {
            continue;
        }
        for source in SOURCES.iter().filter(|source| names(&text, source)) {
            if !EXCEPTIONS.iter().any(|(file, name, _)| *file == path && *name == *source) {
                faults.push(format!("{path} names {source}"));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn each_exception_is_still_needed() {
    let all = sources(&["crates"]);
    for (file, source, reason) in EXCEPTIONS {
        let needed = all.iter().any(|(path, text)| path == file && names(text, source));
        assert!(needed, "{file} no longer names {source} ({reason})");
    }
}

/// Words for what is compared in constant time, or not at all.
const SECRET: &[&str] =
    &["secret", "digest", "mac", "verifier", "tx_code", "form_token", "password", "hmac", "cookie"];

/// GEN-8, OA-39: no secret and no digest of one is compared by `==`, which tells by its time how much
/// of a guess is right.
#[test]
fn secrets_are_compared_in_constant_time() {
    let mut faults = Vec::new();
    for (path, text) in sources(&["crates"]) {
        let tests = path.contains("/tests") || path.ends_with("tests.rs");
        let program = if tests { "" } else { text.split("#[cfg(test)]").next().unwrap_or("") };
        for line in program.lines().filter(|line| compares_a_secret(line)) {
            faults.push(format!("{path}: {}", line.trim()));
        }
    }
    assert_none(&faults);
}

/// Whether `==` or `!=` stands beside something whose name says that it is secret.
fn compares_a_secret(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let of_a_path = |c: char| c.is_alphanumeric() || "_.:()".contains(c);
    let secret = |path: &str| {
        let last =
            path.trim_matches([':', '.', '(', ')']).rsplit(['.', ':']).next().unwrap_or_default();
        let last = last.trim_end_matches(['(', ')']);
        last.split('_').any(|word| SECRET.contains(&word)) || SECRET.contains(&last)
    };
    ["==", "!="].iter().flat_map(|sign| code.match_indices(sign)).any(|(at, sign)| {
        let (left, right) = (code[..at].trim_end(), code[at + sign.len()..].trim_start());
        let start = left.rfind(|c| !of_a_path(c)).map_or(0, |at| at + 1);
        let right = right.trim_start_matches(['&', '*']);
        let end = right.find(|c| !of_a_path(c)).unwrap_or(right.len());
        secret(left.get(start..).unwrap_or_default()) || secret(&right[..end])
    })
}

#[test]
fn a_comparison_of_secrets_is_found() {
    for bad in [
        "if secret == other {",
        "a.digest != b",
        "Some(x) if x == &self.client_secret => y",
        "row.mac() == given",
        "given == row.tx_code",
    ] {
        assert!(compares_a_secret(bad), "{bad}");
    }
    for good in ["a == b", "digest.len() == 32", "// secret == secret", "macro_name == other"] {
        assert!(!compares_a_secret(good), "{good}");
    }
}

/// Whether `text` has `word` outside of comments, not as the end of a longer word.
fn names(text: &str, word: &str) -> bool {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(|line| line.match_indices(word).map(move |(at, _)| &line[..at]))
        .any(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn a_word_is_found_as_a_word() {
    assert!(names("let now = std::time::Instant::now();", "Instant::now"));
    assert!(!names("let now = operand::random();", "rand::random"));
    assert!(!names("// SystemTime::now is banned", "SystemTime::now"));
}
