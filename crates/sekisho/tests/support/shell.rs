//! Runs the commands of documents as a person would type them, and compares what they print with
//! what the document shows.

use std::collections::BTreeMap;
use std::process::Stdio;

use super::Home;

/// A command of a document, and the output that the document shows after it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) command: String,
    pub(crate) output: Vec<String>,
}

/// The commands in the blocks marked `console` between two headings: lines that begin with `$ `,
/// each with the lines that follow.
pub(crate) fn transcript(document: &str, from: &str, to: &str) -> Vec<Shown> {
    let (_, rest) = document.split_once(from).unwrap_or_else(|| panic!("no {from}"));
    let (part, _) = rest.split_once(to).unwrap_or_else(|| panic!("no {to}"));
    let mut shown: Vec<Shown> = Vec::new();
    for block in part.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match (line.strip_prefix("$ "), shown.last_mut()) {
                (Some(command), _) => {
                    shown.push(Shown { command: command.to_owned(), output: Vec::new() });
                }
                (None, Some(last)) => last.output.push(line.to_owned()),
                (None, None) => panic!("output without a command: {line}"),
            }
        }
    }
    shown
}

/// Asserts that `actual` is what a document shows. `…` stands for any text in a line, and alone for
/// any lines.
pub(crate) fn assert_shown(shown: &Shown, actual: &str) {
    let expected: Vec<&str> = shown.output.iter().map(String::as_str).collect();
    let lines: Vec<&str> = actual.lines().collect();
    assert!(
        lines_fit(&expected, &lines),
        "{}\nshown: {expected:#?}\nprinted: {actual}",
        shown.command
    );
}

fn lines_fit(expected: &[&str], actual: &[&str]) -> bool {
    match expected.split_first() {
        None => actual.iter().all(|line| line.trim().is_empty()),
        Some((&"…", rest)) => (0..=actual.len()).any(|at| lines_fit(rest, &actual[at..])),
        Some((first, rest)) => actual
            .split_first()
            .is_some_and(|(line, more)| line_fits(first, line.trim_end()) && lines_fit(rest, more)),
    }
}

fn line_fits(expected: &str, actual: &str) -> bool {
    let Some((before, after)) = expected.split_once('…') else { return expected == actual };
    let Some(rest) = actual.strip_prefix(before) else { return false };
    let mut places = (0..=rest.len()).filter(|at| rest.is_char_boundary(*at));
    places.any(|at| line_fits(after, &rest[at..]))
}

/// Words as a shell splits them, with single quotes.
pub(crate) fn words(line: &str) -> Vec<String> {
    let (mut out, mut word, mut quoted, mut open) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, open) = (!quoted, true),
            ' ' if !quoted => {
                if open {
                    out.push(std::mem::take(&mut word));
                }
                open = false;
            }
            c => {
                word.push(c);
                open = true;
            }
        }
    }
    if open {
        out.push(word);
    }
    out
}

/// A terminal in a folder: what was exported there holds for the commands after it.
pub(crate) struct Shell<'h> {
    home: &'h Home,
    exported: BTreeMap<String, String>,
}

impl<'h> Shell<'h> {
    pub(crate) fn new(home: &'h Home) -> Self {
        Self { home, exported: BTreeMap::new() }
    }

    pub(crate) fn export(&mut self, name: &str, value: &str) {
        self.exported.insert(name.to_owned(), value.to_owned());
    }

    /// Runs a command that must succeed. Returns what it printed on both outputs.
    pub(crate) async fn run(&mut self, line: &str) -> String {
        if let Some(pairs) = line.strip_prefix("export ") {
            for pair in words(pairs) {
                let (name, value) = pair.split_once('=').unwrap();
                self.export(name, value);
            }
            return String::new();
        }
        let (code, text) = match line.strip_prefix("tegata ") {
            Some(arguments) => self.tegata(&words(arguments)).await,
            None => self.sh(line),
        };
        assert_eq!(code, 0, "{line}: {text}");
        text
    }

    /// A line for `sh`, in which `sekisho` is this program.
    fn sh(&self, line: &str) -> (i32, String) {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_sekisho"));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", program.parent().unwrap().display());
        let mut command = self.home.command(&[]);
        let mut sh = std::process::Command::new("sh");
        sh.args(["-c", &format!("exec 2>&1\n{line}")]).current_dir(self.home.path(""));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => sh.env(name, value),
                None => sh.env_remove(name),
            };
        }
        command = sh;
        command.env("PATH", path).envs(&self.exported).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = Home::finish(command, "");
        (done.code(), done.stdout)
    }

    /// The holder's program, in this process: a program of another package has no known path.
    async fn tegata(&self, arguments: &[String]) -> (i32, String) {
        use clap::Parser as _;
        let wallet = self.exported.get("TEGATA_WALLET").cloned();
        let wallet = wallet.unwrap_or_else(|| self.home.path("wallet").display().to_string());
        let place = |word: &String| match self.home.path(word) {
            path if path.is_file() => path.display().to_string(),
            _ => word.clone(),
        };
        let words = ["tegata", "--lang", "en", "--wallet", &wallet].map(str::to_owned);
        let words = words.into_iter().chain(arguments.iter().map(place));
        let arguments = tegata::cli::Arguments::parse_from(words);
        let (mut input, mut output, mut notes) = (std::io::empty(), Vec::new(), Vec::new());
        let mut terminal =
            tegata::cli::Terminal { input: &mut input, output: &mut output, notes: &mut notes };
        let code = tegata::cli::run(arguments, tegata::Surroundings::system(), &mut terminal).await;
        // What it tells beside the result comes first: who asks, for what.
        notes.extend(output);
        (i32::from(code), String::from_utf8(notes).unwrap())
    }
}
