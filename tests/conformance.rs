//! Writes and checks the table of requirements and attacks: which tests show each of them, and
//! which have no test yet.
//!
//! The documentation of a test begins with the ids that it shows, separated by commas, then a colon
//! or a full stop. `spec/lines.toml` lists all ids. `spec/conformance.md` is generated from both,
//! and this test fails if it is stale. Set `SEKISHO_REGENERATE` to write it again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

const HEAD: &str = "\
# What is shown, and by which test

Written by `tests/conformance.rs` from [lines.toml](lines.toml) and the documentation of the tests; a
stale table fails there. Each test named here runs in CI, and passed if CI did. Ids are those of our
checklist and of our list of attacks.

";

#[derive(Deserialize)]
struct Lines {
    line: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    about: String,
    later: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every source file below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "js") {
            found.push(path);
        }
    }
}

/// The ids at the beginning of a documentation; empty if it does not begin with ids.
fn ids(documentation: &str) -> Vec<String> {
    let head = documentation.split([':', '.']).next().unwrap_or_default();
    let ids: Vec<&str> = head.split(',').map(str::trim).collect();
    let is_id = |text: &str| {
        let (group, number) =
            text.trim_start_matches("attack ").split_once('-').unwrap_or_default();
        !group.is_empty()
            && group.bytes().all(|byte| byte.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    if ids.iter().all(|id| is_id(id)) {
        ids.into_iter().map(str::to_owned).collect()
    } else {
        Vec::new()
    }
}

/// The tests of a file with the ids that they show. In Rust a test is a function, in JavaScript a
/// call of `test('…')`.
fn tests(source: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, mut documentation, mut is_test) = (Vec::new(), String::new(), false);
    for line in source.lines().map(str::trim) {
        let comment = line.strip_prefix("/// ").or_else(|| line.strip_prefix("// "));
        if let Some(text) = comment {
            documentation.push_str(text);
            documentation.push(' ');
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test") || line.starts_with("#[tokio::test");
        } else {
            let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
            let name = name.filter(|_| is_test).and_then(|rest| rest.split('(').next());
            let named = line.strip_prefix("test('").and_then(|rest| rest.split('\'').next());
            let in_macro = name.is_none().then(|| {
                let rest = line.strip_prefix("fn ").filter(|_| !ids(&documentation).is_empty())?;
                rest.split('(').next()
            });
            if let Some(name) = name.or(named).or(in_macro.flatten()) {
                found.push((name.to_owned(), ids(&documentation)));
            }
            documentation.clear();
            is_test = false;
        }
    }
    found
}

fn shown() -> BTreeMap<String, Vec<String>> {
    let root = root();
    let mut files = Vec::new();
    for folder in ["tests", "crates"] {
        sources(&root.join(folder), &mut files);
    }
    files.sort();
    let mut shown = BTreeMap::<String, Vec<String>>::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        for (test, ids) in tests(&std::fs::read_to_string(&file).unwrap()) {
            for id in ids {
                shown.entry(id).or_default().push(format!("`{name}` {}", test.replace('_', " ")));
            }
        }
    }
    shown
}

fn table(lines: &Lines, shown: &BTreeMap<String, Vec<String>>) -> String {
    let count = |of: &dyn Fn(&&Line) -> bool| lines.line.iter().filter(of).count();
    let is_shown = |line: &&Line| shown.contains_key(&line.id);
    let waits = |line: &&Line| line.later.is_some() && !is_shown(line);
    let (done, later) = (count(&is_shown), count(&waits));
    let mut out = HEAD.to_owned();
    let missing = lines.line.len() - done - later;
    let _ = writeln!(
        out,
        "Of {} lines, {done} are shown by a test, {later} do not apply yet, {missing} have no test.\n",
        lines.line.len()
    );
    out.push_str("| id | about | result |\n|---|---|---|\n");
    for line in &lines.line {
        let result = match (shown.get(&line.id), &line.later) {
            (Some(tests), _) => format!("passes: {}", tests.join("; ")),
            (None, Some(why)) => format!("not yet: {why}"),
            (None, None) => "**no test**".to_owned(),
        };
        let _ = writeln!(out, "| {} | {} | {result} |", line.id, line.about);
    }
    out
}

#[test]
fn the_table_says_what_the_tests_show() {
    let text = std::fs::read_to_string(root().join("spec/lines.toml")).unwrap();
    let lines: Lines = toml::from_str(&text).unwrap();
    let shown = shown();
    for id in shown.keys() {
        let group = id.trim_start_matches("attack ").split('-').next().unwrap();
        // Product codes and the requirements of later parts are in other tables.
        let is_ours =
            lines.line.iter().any(|line| line.id.trim_start_matches("attack ").starts_with(group));
        let known = lines.line.iter().any(|line| line.id == *id);
        assert!(known || !is_ours, "{id} of {:?} stands in no line", shown[id]);
    }
    let expected = table(&lines, &shown);
    let path = root().join("spec/conformance.md");
    if std::env::var_os("SEKISHO_REGENERATE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "spec/conformance.md is stale: run with SEKISHO_REGENERATE=1 and read what changed"
    );
}

#[test]
fn ids_stand_at_the_head_and_nowhere_else() {
    assert_eq!(ids("VP-1, attack VP-10: text"), ["VP-1", "attack VP-10"]);
    assert_eq!(ids("GEN-7."), ["GEN-7"]);
    assert!(ids("As in GEN-7: text").is_empty());
    assert!(ids("VP-1 to VP-7: text").is_empty());
    let source = "/// OA-01: text\n#[test]\nfn a_b() {\n}\n/// OA-02: no test\nstruct X;\n";
    assert_eq!(tests(source), [("a_b".to_owned(), vec!["OA-01".to_owned()])]);
}
