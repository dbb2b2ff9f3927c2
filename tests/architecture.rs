//! The architecture as data, compared with every `Cargo.toml` and every source file.
//!
//! Invariant: a crate depends only on crates above it in the table; an engine or a library that has
//! an owner is named in that crate alone; a crate that is not in the table fails. Change the table
//! and the plan together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// One crate of the workspace, and what it may depend on.
struct CrateRow {
    /// Its folder in `crates/`.
    folder: &'static str,
    /// The folders of exactly those of our crates on which it depends.
    uses: &'static [&'static str],
}

/// All crates, from the ground up: each uses only what stands above it here.
const CRATES: &[CrateRow] = &[
    CrateRow { folder: "ambient", uses: &[] },
    CrateRow { folder: "store", uses: &["ambient"] },
    CrateRow { folder: "jose", uses: &["ambient"] },
    CrateRow { folder: "did", uses: &["ambient", "jose"] },
    CrateRow { folder: "credential", uses: &["ambient", "jose"] },
    CrateRow { folder: "oauth", uses: &["ambient", "jose"] },
    CrateRow { folder: "openid4vp", uses: &["ambient", "jose", "credential", "oauth"] },
    CrateRow { folder: "openid4vci", uses: &["ambient", "jose", "did", "credential", "oauth"] },
    CrateRow { folder: "profile", uses: &["ambient", "jose", "credential", "oauth", "openid4vp"] },
    CrateRow { folder: "access", uses: &["ambient", "profile"] },
    CrateRow { folder: "site", uses: &["ambient", "store", "jose", "profile"] },
    CrateRow {
        folder: "registry",
        uses: &["ambient", "store", "jose", "credential", "oauth", "profile", "access", "site"],
    },
    CrateRow { folder: "keyring", uses: &["ambient", "store", "jose", "profile", "site"] },
    CrateRow {
        folder: "standing",
        uses: &["ambient", "store", "credential", "profile", "site", "registry", "keyring"],
    },
    CrateRow {
        folder: "grants",
        uses: &[
            "ambient", "store", "jose", "oauth", "profile", "access", "site", "registry",
            "keyring", "standing",
        ],
    },
    CrateRow {
        folder: "issuer",
        uses: &[
            "ambient",
            "store",
            "jose",
            "did",
            "credential",
            "oauth",
            "openid4vci",
            "profile",
            "site",
            "registry",
            "keyring",
            "standing",
        ],
    },
    CrateRow {
        folder: "login",
        uses: &[
            "ambient",
            "store",
            "jose",
            "credential",
            "oauth",
            "openid4vp",
            "profile",
            "access",
            "site",
            "registry",
            "keyring",
            "standing",
            "grants",
        ],
    },
    CrateRow {
        folder: "broker",
        uses: &[
            "ambient",
            "store",
            "jose",
            "did",
            "credential",
            "oauth",
            "profile",
            "access",
            "site",
            "registry",
            "keyring",
            "standing",
            "grants",
            "issuer",
            "login",
        ],
    },
    CrateRow {
        folder: "web",
        uses: &[
            "ambient",
            "oauth",
            "openid4vp",
            "profile",
            "access",
            "site",
            "registry",
            "standing",
            "grants",
            "issuer",
            "login",
            "broker",
        ],
    },
    CrateRow {
        folder: "tegata",
        uses: &["ambient", "jose", "credential", "openid4vp", "openid4vci", "profile"],
    },
    CrateRow {
        folder: "sekisho",
        uses: &[
            "ambient", "store", "jose", "profile", "access", "site", "registry", "keyring",
            "login", "broker", "web", "tegata",
        ],
    },
];

/// Crates of formats and protocols whose tests use the product's credential types as samples.
const SAMPLES: (&str, &[&str]) = ("profile", &["credential", "openid4vp", "openid4vci"]);

/// The rooms (crates with tables of their own), and the tables that each owns.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "registry",
        &[
            "clients_1",
            "organizations_1",
            "registrations_1",
            "resource_secrets_1",
            "resource_version_1",
            "resources_1",
            "sector_clients_1",
            "sectors_1",
            "trust_1",
            "trust_version_1",
            "used_assertions_1",
        ],
    ),
    ("keyring", &["keys_1", "ring_generation_1", "authorities_1"]),
    ("standing", &["status_lists_1", "status_entries_1", "holders_1"]),
    (
        "grants",
        &[
            "codes_1",
            "device_codes_1",
            "user_codes_1",
            "grants_1",
            "access_tokens_1",
            "client_tokens_1",
            "guard_sessions_1",
            "names_1",
            "name_holders_1",
            "next_ids_1",
        ],
    ),
    (
        "issuer",
        &[
            "offers_1",
            "offer_links_1",
            "issuance_tokens_1",
            "used_nonces_1",
            "credentials_1",
            "credential_sets_1",
            "credentials_by_time_1",
        ],
    ),
    (
        "login",
        &[
            "logins_3",
            "parked_requests_1",
            "epoch_keys_1",
            "sessions_1",
            "consents_1",
            "logins_2",
            "requests_2",
        ],
    ),
];

/// Libraries with the only folders that may name them; `tests` is this crate.
const OWNERS: &[(&str, &[&str])] = &[
    ("ssi", &["did"]),
    // The tests of `sekisho` edit the file as an attacker does.
    ("redb", &["store", "sekisho"]),
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
    ("reqwest", &["site", "tegata", "sekisho", "tests"]),
    ("rustls", &["keyring", "tegata", "sekisho", "tests"]),
    ("tokio", &["store", "keyring", "standing", "tegata", "sekisho", "tests"]),
    ("tokio-rustls", &["tegata", "sekisho", "tests"]),
];

/// Expressions that read a clock or a random source; only `ambient` may contain them.
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

/// The files that may contain such an expression all the same, and the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "crates/jose/src/signing_key.rs",
        "SystemRandom",
        "aws-lc-rs takes the nonces of its signatures from no other source",
    ),
    ("crates/jose/benches/raw.rs", "Instant::now", "measures how long an operation takes"),
    ("crates/jose/benches/raw.rs", "SystemRandom", "the raw call that ours is held against"),
    (
        "crates/sekisho/src/serve/house.rs",
        "Instant::now",
        "asks the runtime's clock how long a connection has been idle, which no clock of a test moves",
    ),
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

/// The folder and the manifest of every crate; this crate is called `tests`, and `tests/fuzz` is
/// called `fuzz`.
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

/// The name and the entry of every dependency: normal, for tests, for the build, and for single
/// targets.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let mut tables = vec![manifest];
    let targets = manifest.get("target").and_then(Value::as_table);
    tables.extend(targets.into_iter().flat_map(|t| t.values().filter_map(Value::as_table)));
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let sections = tables.iter().flat_map(|table| sections.map(|section| table.get(section)));
    let entries = sections.flatten().filter_map(Value::as_table).flat_map(Table::iter);
    entries.map(|(name, entry)| (renamed(name, entry), entry.clone())).collect()
}

/// The name of the package behind a dependency, which the manifest may rename.
fn renamed(name: &str, entry: &Value) -> String {
    entry.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
}

/// The folder of a package, if it is one of ours.
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

/// The path (below the root) and the text of every Rust file in `folders`.
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
        for used in row.uses {
            let below = CRATES[..place].iter().any(|other| other.folder == *used);
            assert!(below, "{} may not use {used}, which stands above it", row.folder);
        }
    }
}

/// Those of our own crates that are named in one section of a manifest.
fn own(manifest: &Table, section: &str) -> BTreeSet<String> {
    let entries = manifest.get(section).and_then(Value::as_table).into_iter().flat_map(Table::iter);
    let names = entries.map(|(name, entry)| renamed(name, entry));
    names.filter_map(|name| own_folder(&name).map(str::to_owned)).collect()
}

/// A dependency that is in the table but not used any more is a fault too.
#[test]
fn each_crate_uses_just_what_the_table_says() {
    let mut faults = Vec::new();
    for (folder, manifest) in manifests() {
        let Some(row) = CRATES.iter().find(|row| row.folder == folder) else { continue };
        let said: BTreeSet<String> = row.uses.iter().map(ToString::to_string).collect();
        let found = own(&manifest, "dependencies");
        faults.extend(found.difference(&said).map(|used| format!("{folder} may not use {used}")));
        faults.extend(said.difference(&found).map(|used| format!("{folder} does not use {used}")));
        let code = sources(&[&format!("crates/{folder}/src")]);
        for used in &found {
            let name = if used == "tegata" { used.clone() } else { format!("sekisho_{used}") };
            if !code.iter().any(|(_, text)| names(text, &name)) {
                faults.push(format!("{folder} names no item of {used}"));
            }
        }
        let below = || CRATES.iter().take_while(|below| below.folder != folder);
        for used in own(&manifest, "dev-dependencies").difference(&said) {
            let sample = SAMPLES.0 == used && SAMPLES.1.contains(&folder.as_str());
            if !sample && !below().any(|below| below.folder == used) {
                faults.push(format!("tests of {folder} may not use {used}"));
            }
        }
    }
    assert_none(&faults);
}

/// Reads lines such as `login ─▶ grants standing`, which may begin with the name of a floor.
#[test]
fn the_picture_in_the_readme_shows_just_these_edges() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let arrows = readme.lines().filter_map(|line| line.split_once(" ─▶ "));
    let drawn: Vec<(&str, BTreeSet<&str>)> = arrows
        .filter_map(|(left, right)| {
            let name = left.split_whitespace().last()?;
            Some((name, right.split_whitespace().collect()))
        })
        .collect();
    let mut faults = Vec::new();
    for row in CRATES.iter().filter(|row| !row.uses.is_empty()) {
        let said: BTreeSet<&str> = row.uses.iter().copied().collect();
        match drawn.iter().find(|(name, _)| *name == row.folder) {
            Some((_, shown)) if *shown == said => {}
            Some((_, shown)) => {
                faults.push(format!("README: {} ─▶ {shown:?}, in truth {said:?}", row.folder));
            }
            None => faults.push(format!("README does not draw {}", row.folder)),
        }
    }
    faults.extend(
        drawn
            .iter()
            .filter(|(name, _)| !CRATES.iter().any(|row| row.folder == *name))
            .map(|(name, _)| format!("README draws {name}, which is no crate")),
    );
    assert_none(&faults);
}

/// The tables that a text declares: name in Rust, name in the store, and whether the key has an
/// expiry.
fn tables(text: &str) -> Vec<(String, String, bool)> {
    let declared = text.split("table!(").skip(1).filter_map(|rest| {
        let line = rest.lines().find(|line| line.contains(" = \""))?;
        let (name, rest) = line.trim().split_once(" = \"")?;
        let (stored, rest) = rest.split_once('"')?;
        let name = name.split_whitespace().last()?.to_owned();
        Some((name, stored.to_owned(), rest.starts_with(": HandleKey ")))
    });
    declared.collect()
}

#[test]
fn each_table_belongs_to_one_room_and_is_swept_if_it_expires() {
    let mut faults = Vec::new();
    for (folder, owned) in ROOMS {
        let code = sources(&[&format!("crates/{folder}/src")]);
        let declared: Vec<_> = code.iter().flat_map(|(_, text)| tables(text)).collect();
        let found: BTreeSet<&str> = declared.iter().map(|(_, stored, _)| stored.as_str()).collect();
        let said: BTreeSet<&str> = owned.iter().copied().collect();
        if found != said {
            faults.push(format!("{folder} declares {found:?}, the table of rooms says {said:?}"));
        }
        for (name, stored, expires) in declared {
            let swept = code.iter().any(|(_, text)| {
                text.contains(&format!("sweep::<tables::{name}>"))
                    || text.contains(&format!("sweep::<{name}>"))
            });
            if expires && !swept {
                faults.push(format!("{folder} does not sweep {stored}"));
            }
        }
    }
    let rooms: Vec<String> = ROOMS.iter().map(|(folder, _)| format!("crates/{folder}/")).collect();
    for (path, text) in sources(&["crates"]) {
        let in_room = rooms.iter().any(|room| path.starts_with(room));
        let of_the_store = path.starts_with("crates/store/");
        if !in_room && !of_the_store && !tables(&text).is_empty() {
            faults.push(format!("{path} declares a table, and is no room"));
        }
    }
    assert_none(&faults);
}

#[test]
fn libraries_stay_with_their_owners() {
    let mut faults = Vec::new();
    for (folder, manifest) in manifests() {
        for (name, _) in dependencies(&manifest) {
            // The owner of `ssi` also owns its parts, such as `ssi-jwk`.
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

/// Parts of names of secret values, which `==` must not compare.
const SECRET: &[&str] =
    &["secret", "digest", "mac", "verifier", "tx_code", "form_token", "password", "hmac", "cookie"];

/// GEN-8, OA-39: no secret and no digest of a secret is compared by `==`, because the time that
/// this takes tells how much of a guess is right.
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

/// Whether the line has `==` or `!=` beside something whose name says that it is secret.
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

/// Whether the code in `text`, without comments, contains `word`, other than as the end of a longer
/// word.
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
