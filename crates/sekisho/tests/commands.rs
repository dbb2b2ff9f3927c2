//! Every command that a document, the guide or the help shows is run, and does what is said. No text
//! names a command that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::CommandFactory as _;
use url::Url;

use crate::support::shell::{Shell, Shown, assert_shown, transcript, words};
use crate::support::{Home, OPERATOR, free_port, http};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn readme() -> String {
    std::fs::read_to_string(format!("{ROOT}/README.md")).unwrap()
}

/// A browser that keeps the cookies of every origin.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

struct Page {
    url: Url,
    body: String,
}

impl Browser {
    fn new() -> Self {
        let http = http().redirect(reqwest::redirect::Policy::none());
        Self { http: http.build().unwrap(), cookies: BTreeMap::new() }
    }

    async fn open(&mut self, mut request: reqwest::RequestBuilder) -> Page {
        loop {
            let mut sent = request.build().unwrap();
            let jar = self.cookies.entry(sent.url().authority().to_owned()).or_default();
            let line: Vec<String> =
                jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            sent.headers_mut().insert("cookie", line.join("; ").parse().unwrap());
            sent.headers_mut().insert("accept-language", "en".parse().unwrap());
            let answer = self.http.execute(sent).await.unwrap();
            for line in answer.headers().get_all("set-cookie") {
                let pair = line.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                jar.insert(name.to_owned(), value.to_owned());
            }
            let url = answer.url().clone();
            let Some(location) = answer.headers().get("location") else {
                return Page { url, body: answer.text().await.unwrap() };
            };
            request = self.http.get(url.join(location.to_str().unwrap()).unwrap());
        }
    }

    async fn get(&mut self, url: &str) -> Page {
        self.open(self.http.get(url)).await
    }

    /// Requests 8 GPUs at the console.
    async fn ask(&mut self, console: &str) -> Page {
        self.get(&format!("{console}/login?gpus=8&gpu_hours=64")).await
    }

    /// Sends the form of a page to a path of it, with one more field.
    async fn send(&mut self, page: &Page, path: &str, name: &str, value: &str) -> Page {
        let token = page.between("name=\"form_token\" value=\"", "\"");
        let form = [("form_token", token.as_str()), (name, value)];
        let url = format!("{}{path}", page.url);
        self.open(self.http.post(url).form(&form)).await
    }
}

impl Page {
    fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.body.split_once(before).unwrap_or_else(|| panic!("{}", self.body));
        rest.split_once(after).unwrap().0.replace("&#38;", "&").replace("&amp;", "&")
    }

    fn says(&self, text: &str) {
        assert!(self.body.contains(text), "{text}: {}", self.body);
    }
}

/// Which of the links on the login page a person copies.
#[derive(Clone, Copy)]
enum Copied {
    /// Of the wallet on this device.
    Button,
    /// Below the QR code.
    Code,
}

/// A person at the console, who follows a document that shows commands.
struct Reader<'h> {
    shell: Shell<'h>,
    browser: Browser,
    console: String,
    copied: Copied,
    presented: usize,
}

impl Reader<'_> {
    /// Does the commands of the journey, each where the document shows it.
    async fn follow(&mut self, shown: &[Shown]) {
        for step in shown {
            if step.command.starts_with("tegata") && step.command.contains(" present ") {
                self.present(step).await;
            } else {
                let printed = self.shell.run(&step.command).await;
                assert_shown(step, &printed);
            }
            if step.command.contains("credential revoke") {
                self.browser.ask(&self.console).await.says("C-2001");
            }
        }
    }

    /// Requests GPUs, gives the wallet the link of the login page, and goes where it says.
    async fn present(&mut self, step: &Shown) {
        let login = self.browser.ask(&self.console).await;
        let link = match self.copied {
            Copied::Button => login.between("id=\"wallet-device\" href=\"", "\""),
            Copied::Code => {
                login.between("<input id=\"qr-link\" type=\"text\" readonly value=\"", "\"")
            }
        };
        assert!(link.starts_with("openid4vp://"), "{link}");
        let command = words(&step.command).into_iter().map(|word| {
            let place = ["LINK", "リンク", "openid4vp://…"].contains(&word.as_str());
            format!("'{}'", if place { &link } else { &word })
        });
        let command = command.collect::<Vec<_>>().join(" ").replacen("'tegata'", "tegata", 1);
        let printed = self.shell.run(&command).await;
        assert_shown(step, &printed);
        let at = printed.rfind("http://localhost").unwrap_or_else(|| panic!("{printed}"));
        let url = printed[at..].split_whitespace().next().unwrap();
        let mut page = self.browser.get(url).await;
        if matches!(self.copied, Copied::Code) {
            let number = page.between("id=\"match-number\" aria-hidden=\"true\">", "<");
            let entry = self.browser.get(login.url.as_str()).await;
            page = self.browser.send(&entry, "/number", "number", &number).await;
        }
        self.presented += 1;
        if self.presented == 1 {
            return page.says("P-3201");
        }
        let granted = self.browser.send(&page, "", "decision", "allow").await;
        assert!(granted.url.as_str().starts_with(&self.console), "{}", granted.url);
        granted.says("id=\"granted\"");
        self.rehearse_ends().await;
    }

    /// Rehearses the examples of the help that end what a login has begun.
    async fn rehearse_ends(&mut self) {
        let mut all = Vec::new();
        examples(&sekisho::cli::Arguments::command(), "sekisho", &mut all);
        all.retain(|example| ends_something(example));
        assert_eq!(all.len(), 2, "{all:?}");
        for example in &all {
            let words = words(example);
            let (noun, id) = (words[1].as_str(), words[3].as_str());
            let listed = self.shell.run(&format!("sekisho {noun} list --json")).await;
            let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
            let real = listed[format!("{noun}s")][0]["id"].as_str().unwrap();
            self.shell.run(&format!("{} --dry-run", example.replace(id, real))).await;
        }
    }
}

/// The README's journey by commands, with what the demonstration prints filled in.
async fn by_commands(copied: Copied) {
    let home = Home::new();
    let demo = home.start(&["demo", "--json"]);
    let mut shown = transcript(&readme(), "**By commands**", "**By hand**");
    let offers = demo.ready["offers"].as_array().unwrap().clone();
    let offers: Vec<&str> = offers.iter().map(|offer| offer["uri"].as_str().unwrap()).collect();
    let code = demo.ready["offers"][0]["tx_code"].as_str().unwrap();
    let mut next = offers.iter();
    for step in &mut shown {
        if step.command.contains("openid-credential-offer://…") {
            let offer = next.next().unwrap();
            step.command = step.command.replace("openid-credential-offer://…", offer);
        }
        step.command =
            step.command.replace("CA.PEM", &demo.text("trust_file")).replace("123456", code);
    }
    assert!(next.next().is_none(), "both offers are received");
    let mut shell = Shell::new(&home);
    shell.export("SEKISHO_CONFIG", &demo.text("config"));
    let (browser, console) = (Browser::new(), demo.text("console"));
    let mut reader = Reader { shell, browser, console, copied, presented: 0 };
    reader.follow(&shown).await;
    assert_eq!(reader.presented, 2);
    assert_eq!(demo.stop(), 0);
}

#[tokio::test]
async fn word_26_the_readmes_journey_by_commands_goes_as_it_says() {
    by_commands(Copied::Button).await;
}

#[tokio::test]
async fn word_26_the_link_below_the_qr_code_works_too() {
    by_commands(Copied::Code).await;
}

/// Writes the claims of a person that the README shows.
fn write_claims(home: &Home) {
    let text = readme();
    let (_, claims) = text.split_once("```json\n").unwrap();
    std::fs::write(home.path("taro.json"), claims.split_once("```").unwrap().0).unwrap();
}

/// The README's commands of an operator, in a folder of their own.
#[tokio::test]
async fn word_26_the_readmes_commands_by_hand_go_as_it_says() {
    let home = Home::new();
    let port = free_port().to_string();
    let shown = transcript(&readme(), "**By hand**", "## The house");
    write_claims(&home);
    let mut shell = Shell::new(&home);
    let mut server = None;
    for step in &shown {
        let step = Shown {
            command: step.command.replace("8080", &port),
            output: step.output.iter().map(|line| line.replace("8080", &port)).collect(),
        };
        if step.command == "sekisho serve" {
            server = Some(home.serve());
            continue;
        }
        let printed = shell.run(&step.command).await;
        assert_shown(&step, &printed);
    }
    assert_eq!(server.unwrap().stop(), 0);
}

/// The README's other commands start the programs that exist.
#[test]
fn word_26_the_readmes_cargo_commands_name_what_there_is() {
    let text = readme();
    let commands: Vec<&str> = text
        .split(['\n', '`'])
        .flat_map(|line| line.split(" && "))
        .filter(|line| line.starts_with("cargo "))
        .collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for command in commands {
        let mut words = command.split(' ').peekable();
        while let Some(word) = words.next() {
            let named = words.peek().copied().unwrap_or_default();
            match word {
                "--bin" => assert!(["sekisho", "tegata"].contains(&named), "{command}"),
                "--example" => assert!(
                    Path::new(ROOT).join(format!("tests/examples/{named}.rs")).exists()
                        || Path::new(ROOT).join(format!("tests/{named}.rs")).exists(),
                    "{command}"
                ),
                _ => {}
            }
        }
    }
}

/// Reads what `demo` prints for people.
fn guide(home: &Home, lang: &str) -> (std::process::Child, String) {
    let mut child = home.command(&["demo", "--lang", lang]).stderr(Stdio::null()).spawn().unwrap();
    let text = read_guide(child.stdout.as_mut().unwrap());
    (child, text)
}

fn read_guide(stdout: &mut impl Read) -> String {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains("sekisho audit verify\n") {
            return text;
        }
        let read = stdout.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "{text}");
        bytes.extend_from_slice(&chunk[..read]);
    }
}

/// The guide's commands, in both languages, with the link of either device.
#[tokio::test]
async fn word_26_the_guides_commands_go_as_it_says() {
    for (lang, heading, copied) in
        [("en", "With commands", Copied::Code), ("ja", "コマンドで試す", Copied::Button)]
    {
        let home = Home::new();
        let (mut child, text) = guide(&home, lang);
        let begins =
            |line: &str| ["export ", "tegata ", "sekisho "].iter().any(|w| line.starts_with(w));
        let (by_page, by_command) = text.split_once(heading).unwrap();
        let commands = |part: &str| -> Vec<String> {
            let lines = part.lines().map(str::trim).filter(|line| begins(line));
            lines.filter(|line| !line.starts_with("export PATH=")).map(str::to_owned).collect()
        };
        let shown = commands(by_command);
        for command in commands(by_page) {
            assert!(shown.contains(&command), "{command}");
        }
        let any = || vec!["…".to_owned()];
        let shown: Vec<Shown> =
            shown.into_iter().map(|command| Shown { command, output: any() }).collect();
        let console = text.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:"));
        let (shell, console) = (Shell::new(&home), console.unwrap().to_owned());
        let mut reader = Reader { shell, browser: Browser::new(), console, copied, presented: 0 };
        reader.follow(&shown).await;
        assert_eq!(reader.presented, 2);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// The examples in the help of every command, in the order of the help, each once.
fn examples(command: &clap::Command, name: &str, out: &mut Vec<String>) {
    for inner in command.get_subcommands() {
        examples(inner, name, out);
    }
    let parts = [command.get_after_help(), command.get_long_about(), command.get_after_long_help()];
    for text in parts.into_iter().flatten().map(ToString::to_string) {
        for line in text.lines() {
            let line = line.trim().trim_start_matches("Example: ");
            if line.starts_with(&format!("{name} ")) && !out.iter().any(|known| known == line) {
                out.push(line.to_owned());
            }
        }
    }
}

/// Whether an example ends a session or a grant, so that somebody has to have logged in before.
fn ends_something(example: &str) -> bool {
    [" session end ", " grant end "].iter().any(|words| example.contains(words))
}

/// Everything that the examples of the help take for granted: an operator's folder with files.
fn prepare(home: &Home) {
    write_claims(home);
    std::fs::copy(home.path("data/ca.pem"), home.path("roots.pem")).unwrap();
    let names = ["--name-ja", "北海AI計算基盤株式会社", "--name-en", "Hokkai AI Compute"];
    home.json(&[&["org", "add", OPERATOR][..], &names].concat());
}

/// Two people receive what was offered to them, so that one credential can be revoked and one
/// suspended. Returns the id of the one that stays. It does not count until it is resumed: both may
/// be of the same second, and then none is the last.
async fn receive(home: &Home, shell: &mut Shell<'_>) -> String {
    let offer = ["credential", "offer", "--org", "7900000000002", "--type", "affiliation"];
    let mut stays = None;
    for person in ["m-0001", "m-0002"] {
        let claim = format!("member_ref={person}");
        let rest = ["--claims", "taro.json", "--claim", claim.as_str()];
        let offered = home.json(&[&offer[..], &rest].concat());
        shell.export("TEGATA_WALLET", &home.path(person).display().to_string());
        shell.run("tegata init --trust data/ca.pem").await;
        shell.run(&format!("tegata accept '{}'", offered["uri"].as_str().unwrap())).await;
        if stays.is_none() {
            let listed = home.json(&["credential", "list"]);
            let id = listed["credentials"][0]["id"].as_str().unwrap().to_owned();
            home.json(&["credential", "suspend", &id]);
            stays = Some(id);
        }
    }
    stays.unwrap()
}

/// Runs every example of the help against a server, in one folder.
#[tokio::test]
async fn word_26_every_example_of_the_help_works() {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    prepare(&home);
    let mut shell = Shell::new(&home);
    let mut all = Vec::new();
    examples(&sekisho::cli::Arguments::command(), "sekisho", &mut all);
    assert!(all.len() > 15, "{all:?}");
    let mut kept = None;
    for (at, example) in all.iter().enumerate() {
        let elsewhere = home.path(&format!("folder-{at}"));
        std::fs::create_dir(&elsewhere).unwrap();
        let folder = elsewhere.display().to_string();
        let line = example
            .replace("/etc/", &format!("{folder}/"))
            .replace("/var/lib/", &format!("{folder}/lib/"));
        let line = line.replace("localhost:8080", "localhost:0");
        let line =
            line.replace("https://auth.example.jp/authorize", &format!("{origin}/authorize"));
        if example == "sekisho serve" {
            continue;
        }
        if example.starts_with("sekisho demo") {
            let arguments = words(line.strip_prefix("sekisho ").unwrap());
            let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            if !arguments.contains(&"--json") {
                arguments.push("--json");
            }
            let demo = Home::new();
            assert_eq!(demo.start(&arguments).stop(), 0, "{example}");
            continue;
        }
        if example.contains("credential revoke") {
            kept = Some(receive(&home, &mut shell).await);
        }
        let line = line.replace("AAAAAGqW…", kept.as_deref().unwrap_or_default());
        let line = if example.contains(" init") {
            std::fs::create_dir_all(elsewhere.join("sekisho")).unwrap();
            format!("cd {folder}\n{line}")
        } else if line.contains("completions") {
            std::fs::create_dir_all(elsewhere.join("bash_completion.d")).unwrap();
            line
        } else {
            line
        };
        if example.contains("--checkpoint") {
            // No other disk is mounted here. The command is right, and says what it cannot read.
            shell.run(&format!("{line} || test $? -eq 1")).await;
            continue;
        }
        if ends_something(example) {
            // Nobody is logged in here. The command is right, and says that there is no such thing.
            shell.run(&format!("{line} --yes || test $? -eq 4")).await;
            continue;
        }
        shell.run(&line).await;
        if let (true, Some(stays)) = (example.contains("credential revoke"), &kept) {
            home.json(&["credential", "resume", stays]);
        }
    }
    assert_eq!(server.stop(), 0);
}

/// The files that people read, and those whose texts they see.
fn texts(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if !["target", "node_modules", "fuzz"].contains(&name.as_str())
                && !name.starts_with('.')
            {
                texts(&path, out);
            }
        } else if [".rs", ".md", ".html", ".toml", ".yaml", ".cedar"]
            .iter()
            .any(|end| name.ends_with(end))
            && name != "Cargo.toml"
        {
            out.push(path);
        }
    }
}

/// The commands that a line names: in backquotes, after a prompt, or at its beginning.
fn named(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for (at, part) in line.split('`').enumerate() {
        let start = part.trim_start_matches([' ', '"', '$', '/', '!', '#', '*', '|']);
        let start = start.trim_start_matches("Example: ");
        if (at % 2 == 1 || at == 0)
            && (start.starts_with("sekisho ") || start.starts_with("tegata "))
        {
            out.push(start);
        }
    }
    out
}

/// What is wrong with a command, if anything is: a word that is no command, or an unknown option.
fn wrong(line: &str, programs: &[clap::Command]) -> Option<String> {
    let mut words = line.split([' ', '"', ')', '\\']).filter(|word| !word.is_empty());
    let program = words.next()?;
    let top = programs.iter().find(|known| known.get_name() == program)?;
    let options = |command: &clap::Command| -> BTreeSet<String> {
        let all = command.get_arguments();
        all.flat_map(|a| a.get_long_and_visible_aliases().unwrap_or_default())
            .map(str::to_owned)
            .collect()
    };
    let (mut command, mut known) = (top, options(top));
    let mut value = false;
    for word in words {
        if let Some(option) = word.strip_prefix("--") {
            let name: String =
                option.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            if !name.is_empty() && !known.contains(&name) && name != "help" && name != "version" {
                return Some(format!("--{name}"));
            }
            value = true;
        } else if command.has_subcommands() && !std::mem::take(&mut value) {
            let name: String =
                word.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            if name.is_empty() || name != word.trim_end_matches(['.', ',', ';', ':']) {
                return None;
            }
            match command.find_subcommand(&name) {
                Some(inner) => {
                    command = inner;
                    known.extend(options(inner));
                }
                None if name == "help" => return None,
                None => return Some(name),
            }
        }
    }
    None
}

/// Every command that a text names exists, with its options.
#[test]
fn word_26_no_text_names_a_command_that_does_not_exist() {
    let programs = [sekisho::cli::Arguments::command(), tegata::cli::Arguments::command()];
    for (line, fault) in [
        ("sekisho doctor` で", Some("doctor")),
        ("sekisho policy check", Some("policy")),
        ("sekisho key list --everything", Some("--everything")),
        ("sekisho --lang ja key list", None),
        ("tegata show", Some("show")),
    ] {
        let line = line.split('`').next().unwrap();
        assert_eq!(wrong(line, &programs).as_deref(), fault, "{line}");
    }
    let mut files = vec![PathBuf::from(format!("{ROOT}/README.md"))];
    for folder in ["crates", "spec", "keys-dev"] {
        texts(&Path::new(ROOT).join(folder), &mut files);
    }
    let mut seen = 0;
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests/commands.rs")) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            for command in named(line) {
                seen += 1;
                if let Some(word) = wrong(command, &programs) {
                    faults.push(format!("{}: {word}: {line}", file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(seen > 60, "{seen}");
}

/// Words that have a better one, in texts for people: one word for one thing.
const RETIRED: [&str; 26] = [
    "見せ",
    "確かめ",
    "写し",
    "写す",
    "スマートフォンに出た",
    "国内所在",
    "渡さずに",
    "必ず渡す",
    "残り時間",
    "先に進めませんでした",
    "求めがありました",
    "社員証",
    "所属の種類",
    "申し込",
    "受け取り番号",
    "修了内容",
    "研修の識別子",
    "証明書の連鎖",
    "発行者",
    "枚",
    "何も読み込みません",
    "Do not give",
    "Give and log in",
    "Check what you give",
    "Residency in Japan",
    "Believes",
];

#[test]
fn word_29_texts_use_one_word_for_one_thing() {
    let mut files = vec![PathBuf::from(format!("{ROOT}/README.md"))];
    for folder in ["crates/access", "crates/profile", "crates/sekisho", "crates/web", "spec"] {
        texts(&Path::new(ROOT).join(folder), &mut files);
    }
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests/commands.rs")) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let said = RETIRED.iter().filter(|word| line.contains(**word));
            faults.extend(said.map(|word| format!("{}: {word}: {line}", file.display())));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
