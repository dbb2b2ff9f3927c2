//! Every check is needed: each mutant of `tests/mutants.toml` removes one check, and the tests
//! named beside it must then fail.
//!
//! A run takes minutes, so the test is ignored by default. Start it with `cargo test --workspace
//! --test acceptance mutants:: -- --ignored`. `SEKISHO_MUTANTS_IN` limits it to the mutants of some
//! files, whose paths are separated by white space, and `SEKISHO_MUTANTS_FROM`, a number, to
//! [`SHARE`] of those: another number chooses others. It works on a copy below the target directory.
//! The copy shares the built dependencies with all other tests, so only mutated crates are compiled
//! again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutants {
    group: Vec<Group>,
}

/// How many mutants a limited run tries.
const SHARE: usize = 12;

/// Mutants that are found by the same tests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    about: String,
    tests: Vec<String>,
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    file: PathBuf,
    check: String,
    from: String,
    to: String,
    /// The one test to run, if running all would take too long.
    only: Option<String>,
}

impl Mutant {
    /// The text of the file without the check.
    fn apply(&self, text: &str) -> String {
        let found = text.matches(&self.from).count();
        assert_eq!(found, 1, "{}: {:?} stands there {found} times", self.check, self.from);
        text.replace(&self.from, &self.to)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn mutants() -> Vec<Group> {
    let text = fs::read_to_string(root().join("tests/mutants.toml")).unwrap();
    toml::from_str::<Mutants>(&text).unwrap_or_else(|error| panic!("{error}")).group
}

#[test]
fn every_mutant_still_has_its_place() {
    for mutant in mutants().iter().flat_map(|group| &group.mutant) {
        mutant.apply(&fs::read_to_string(root().join(&mutant.file)).unwrap());
    }
}

/// The result of running tests.
enum Outcome {
    Passed,
    Failed(Output),
    DoesNotCompile(Output),
}

/// A copy of the sources, in which checks can be removed, with a target directory of its own.
struct Copy {
    folder: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new(number: usize) -> Self {
        let built = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from);
        let folder = built.join("mutants").join(number.to_string());
        let target = folder.join("target");
        let _ = fs::remove_dir_all(&folder);
        for part in [".cargo", "Cargo.toml", "Cargo.lock", "crates", "tests", "keys-dev", "spec"] {
            copy_all(&root().join(part), &folder.join(part));
        }
        for group in mutants() {
            name_unit_tests(&folder.join("crates"), &group.tests[0]);
        }
        for part in [".fingerprint", "build", "deps"] {
            let part = Path::new("debug").join(part);
            link_dependencies(&built.join(&part), &target.join(&part));
        }
        Self { folder, target }
    }

    /// Runs the tests of `group`: those that are named, or all if none is.
    fn test(&self, group: &Group, named: &[&String]) -> Outcome {
        let (binary, told) = group.tests.split_first().unwrap();
        let output = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--message-format", "json-render-diagnostics"])
            .args(["--workspace", "--test", binary, "--"])
            .args(told)
            .args(named)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            // Incremental compilation pays off: each build differs from the one before in one line.
            .env("CARGO_INCREMENTAL", "1")
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let built = r#"{"reason":"build-finished","success":true}"#;
        if output.status.success() {
            Outcome::Passed
        } else if String::from_utf8_lossy(&output.stdout).lines().any(|line| line == built) {
            Outcome::Failed(output)
        } else {
            Outcome::DoesNotCompile(output)
        }
    }

    /// Runs the tests without the check that `mutant` removes.
    fn test_without(&self, group: &Group, mutant: &Mutant) -> Outcome {
        let file = self.folder.join(&mutant.file);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, mutant.apply(&text)).unwrap();
        let outcome = self.test(group, &mutant.only.iter().collect::<Vec<_>>());
        fs::write(&file, text).unwrap();
        outcome
    }
}

/// The mutants to try, and how many there are.
fn chosen() -> (Vec<Group>, usize) {
    let mut groups = mutants();
    let of = groups.iter().map(|group| group.mutant.len()).sum();
    if let Ok(files) = std::env::var("SEKISHO_MUTANTS_IN") {
        let files: Vec<&Path> = files.split_whitespace().map(Path::new).collect();
        for group in &mut groups {
            group.mutant.retain(|mutant| files.contains(&mutant.file.as_path()));
        }
        groups.retain(|group| !group.mutant.is_empty());
    }
    if let Ok(from) = std::env::var("SEKISHO_MUTANTS_FROM") {
        // Whole groups where possible: each group costs a run of its tests as they stand.
        let from: usize = from.parse().unwrap();
        let first = from % groups.len().max(1);
        groups.rotate_left(first);
        let mut left = SHARE;
        for group in &mut groups {
            let first = from % group.mutant.len();
            group.mutant.rotate_left(first);
            group.mutant.truncate(left);
            left -= group.mutant.len();
        }
        groups.retain(|group| !group.mutant.is_empty());
    }
    (groups, of)
}

#[test]
#[ignore = "takes minutes; CI runs it"]
fn every_mutant_is_found() {
    let (chosen, of) = chosen();
    // Each copy takes one batch after the other: the binary of tests that takes longest first, and of
    // that one group at a time, so that no copy waits for another.
    let mut batches = BTreeMap::<(String, usize), Vec<Group>>::new();
    for (number, group) in chosen.into_iter().enumerate() {
        let binary = group.tests[0].clone();
        let part = if binary == "acceptance" { number } else { 0 };
        batches.entry((binary, part)).or_default().push(group);
    }
    let length = |groups: &Vec<Group>| groups.iter().map(|group| group.mutant.len()).sum::<usize>();
    let mut batches: Vec<_> = batches.into_iter().collect();
    batches.sort_by_key(|((binary, _), groups)| (binary == "acceptance", length(groups)));
    let workers = std::thread::available_parallelism().unwrap().get().min(batches.len());
    let (batches, results) = (Mutex::new(batches), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for number in 0..workers {
            let (batches, results) = (&batches, &results);
            scope.spawn(move || {
                let copy = Copy::new(number);
                let next = || batches.lock().unwrap().pop();
                while let Some((_, groups)) = next() {
                    for group in groups {
                        let survivors = survivors(&copy, &group);
                        results.lock().unwrap().push((group.mutant.len(), survivors));
                    }
                }
            });
        }
    });
    let (counts, survivors): (Vec<usize>, Vec<_>) =
        results.into_inner().unwrap().into_iter().unzip();
    let survivors = survivors.concat();
    assert!(survivors.is_empty(), "no test fails without these:\n{}", survivors.join("\n"));
    println!("{} of {of} mutants were tried, and each is found", counts.iter().sum::<usize>());
}

/// The mutants of `group` that no test finds.
#[allow(clippy::print_stdout, reason = "long work shows how far it has come")]
fn survivors(copy: &Copy, group: &Group) -> Vec<String> {
    // Run all tests, unless each mutant names its own.
    let named: Option<Vec<&String>> = group.mutant.iter().map(|m| m.only.as_ref()).collect();
    match copy.test(group, &named.unwrap_or_default()) {
        Outcome::Passed => {}
        Outcome::Failed(output) | Outcome::DoesNotCompile(output) => {
            panic!("{}, as it stands: {}", group.about, shown(&output))
        }
    }
    let mut survivors = Vec::new();
    for mutant in &group.mutant {
        let name = format!("{}: {}", group.about, mutant.check);
        match copy.test_without(group, mutant) {
            Outcome::Failed(_) => println!("{name} is found"),
            Outcome::Passed => survivors.push(name),
            Outcome::DoesNotCompile(output) => {
                panic!("{name}: does not compile: {}", shown(&output))
            }
        }
    }
    survivors
}

/// Lets `cargo test --workspace --test NAME` run the unit tests of the crate `NAME`. With `-p NAME
/// --lib`, cargo would choose other features for the dependencies and build all of them again.
fn name_unit_tests(crates: &Path, name: &str) {
    let Some(folder) = name.strip_prefix("sekisho-") else { return };
    let manifest = crates.join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let target = format!("\n[[test]]\nname = \"{name}\"\npath = \"src/lib.rs\"\n");
    if !text.contains(&target) {
        fs::write(manifest, text + &target).unwrap();
    }
}

fn shown(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Copies a file, or a folder without build results and installed packages.
fn copy_all(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if !["target", "node_modules", ".git"].iter().any(|name| entry.file_name() == *name) {
            copy_all(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

/// Links what cargo has built of the dependencies, which it only reads: it takes them as they are.
fn link_dependencies(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let name = name.strip_prefix("lib").unwrap_or(&name);
        if name.starts_with("sekisho") || name.starts_with("tegata") {
            continue;
        }
        if entry.path().is_dir() {
            link_dependencies(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::hard_link(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
