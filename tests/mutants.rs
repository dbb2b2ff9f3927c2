//! Every check can be missed: each mutant of `tests/mutants.toml` takes one away, and the tests named
//! beside it fail.
//!
//! The run takes minutes and is ignored otherwise: `cargo test --workspace --test acceptance mutants::
//! -- --ignored`. It works on a copy below the target directory, whose dependencies are those of every
//! other test, so only what is mutated is compiled again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutants {
    group: Vec<Group>,
}

/// Mutants that the same tests find.
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
    /// The one test that is run, where all would take long.
    only: Option<String>,
}

impl Mutant {
    /// The file's text with the check taken away.
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

#[test]
#[ignore = "takes minutes; CI runs it"]
fn every_mutant_is_found() {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let copy = target.join("mutants");
    let _ = fs::remove_dir_all(&copy);
    for part in [".cargo", "Cargo.toml", "Cargo.lock", "crates", "tests", "keys-dev", "spec"] {
        copy_all(&root().join(part), &copy.join(part));
    }
    let run = |group: &Group, mutant: &Mutant, build_only: bool| -> Output {
        let mut arguments = group.tests.clone();
        if build_only {
            let ours = arguments.iter().position(|argument| argument == "--");
            arguments.truncate(ours.unwrap_or(arguments.len()));
            arguments.push("--no-run".to_owned());
        } else {
            arguments.extend(mutant.only.clone());
        }
        Command::new(env!("CARGO"))
            .args(["test", "--quiet", "--offline"])
            .args(arguments)
            .current_dir(&copy)
            .env("CARGO_TARGET_DIR", &target)
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap()
    };
    let mut survivors = Vec::new();
    for group in mutants() {
        for mutant in &group.mutant {
            let whole = run(&group, mutant, false);
            assert!(whole.status.success(), "{}: {}", group.about, shown(&whole));
            if mutant.only.is_none() {
                break;
            }
        }
        for mutant in &group.mutant {
            let file = copy.join(&mutant.file);
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, mutant.apply(&text)).unwrap();
            let built = run(&group, mutant, true);
            assert!(built.status.success(), "{} does not compile: {}", mutant.check, shown(&built));
            let survives = run(&group, mutant, false).status.success();
            println!(
                "{}: {} {}",
                group.about,
                mutant.check,
                if survives { "SURVIVES" } else { "is found" }
            );
            if survives {
                survivors.push(format!("{}: {}", group.about, mutant.check));
            }
            fs::write(&file, text).unwrap();
        }
    }
    assert!(survivors.is_empty(), "no test fails without these:\n{}", survivors.join("\n"));
}

fn shown(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Copies a file, or a folder without what is built or installed in it.
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
