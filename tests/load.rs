//! A first load program. It measures how much processor time of the broker one discovery, one token
//! request and one wallet login take, and how much their cryptography alone takes on the same core.
//!
//! `cargo build --release -p sekisho && cargo run --release -p sekisho-tests --example load`
//!
//! It starts `sekisho demo` on loopback, plays relying party, browser and wallet in its own
//! process, and counts only the processor time of the broker's process. The absolute figures are
//! those of this machine; only the ratios in the last column can be compared with others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a program for developers: it prints, and stops when something fails"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use sekisho_ambient::{Clock, Entropy};
use sekisho_jose::jwe::{self, ContentEncryption, DecryptionKey};
use sekisho_jose::{Algorithm, SigningKey};
use sekisho_tests::{Browser, Rp, Wallet, http, parameter};
use serde_json::Value;

const DISCOVERIES: usize = 20_000;
const TOKENS: usize = 400;
const LOGINS: usize = 300;
const CLIENT_TOKENS: usize = 20_000;
const AT_ONCE: usize = 32;

/// The broker, running as a separate process.
struct Demo {
    child: Child,
    binary: PathBuf,
    said: Value,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

impl Demo {
    fn start(binary: &Path) -> Self {
        let mut child = Command::new(binary)
            .args(["demo", "--json", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("target/release/sekisho: build it first");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Self { child, binary: binary.to_owned(), said }
    }

    fn text(&self, name: &str) -> String {
        self.said[name].as_str().unwrap().to_owned()
    }

    /// Processor time of the broker so far, in seconds.
    fn cpu(&self) -> f64 {
        cpu(&self.child.id().to_string())
    }

    /// Number of commits so far. Each waits for one fsync.
    fn commits(&self) -> u64 {
        let config = self.text("config");
        let done = Command::new(&self.binary)
            .args(["--config", &config, "--json", "status"])
            .output()
            .unwrap();
        let status: Value = serde_json::from_slice(&done.stdout).unwrap();
        find(&status, "commits").expect("commits in the status")
    }

    /// Registers a resource whose tokens are JWTs with this algorithm, and lets the client ask for
    /// tokens for itself.
    fn resource(&self, algorithm: &str) -> Resource {
        let id = algorithm.to_lowercase();
        let audience = format!("urn:load:{id}");
        let edited = Command::new(&self.binary)
            .args(["--config", &self.text("config"), "client", "edit", "demo-rp"])
            .args(["--add-grant", "client_credentials"])
            .output();
        assert!(edited.unwrap().status.success());
        let done = Command::new(&self.binary)
            .args(["--config", &self.text("config"), "--json", "resource", "add", &id])
            .args(["--name-ja", "負荷", "--name-en", "Load", "--audience", &audience])
            .args(["--client", "demo-rp", "--format", "jwt", "--alg", algorithm])
            .output()
            .unwrap();
        let added: Value = serde_json::from_slice(&done.stdout).unwrap();
        Resource { id, audience, secret: added["secret"].as_str().unwrap().to_owned() }
    }

    fn rp(&self) -> Rp {
        let clients = self.said["clients"].as_array().unwrap();
        let client = clients.iter().find(|client| client["client_id"] == "demo-rp").unwrap();
        Rp {
            issuer: self.text("issuer"),
            client_id: "demo-rp".to_owned(),
            secret: client["client_secret"].as_str().map(str::to_owned),
            method: "client_secret_basic".to_owned(),
            redirect_uri: client["redirect_uris"][0].as_str().unwrap().to_owned(),
            algorithm: Algorithm::Rs256,
        }
    }
}

/// A resource of the demo's relying party.
struct Resource {
    id: String,
    audience: String,
    secret: String,
}

fn find(value: &Value, name: &str) -> Option<u64> {
    let members = value.as_object()?;
    members
        .get(name)
        .and_then(Value::as_u64)
        .or_else(|| members.values().find_map(|v| find(v, name)))
}

fn cpu(process: &str) -> f64 {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the process may contain spaces, but the fields after it do not (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let used: f64 = [11, 12].iter().map(|&field| fields[field].parse::<f64>().unwrap()).sum();
    used / ticks
}

/// Processor time of one run of `work` in this process, in seconds.
fn floor(runs: u32, mut work: impl FnMut()) -> f64 {
    let before = cpu("self");
    for _ in 0..runs {
        work();
    }
    (cpu("self") - before) / f64::from(runs)
}

/// The processor time that the cryptography of each operation takes by itself, in seconds.
struct Floors {
    sign_rs256: f64,
    sign_es256: f64,
    verify_es256: f64,
    decrypt: f64,
}

fn floors() -> Floors {
    let entropy = Entropy::system();
    let key = |algorithm| SigningKey::generate(algorithm, &entropy).unwrap();
    let (rs256, es256) = (key(Algorithm::Rs256), key(Algorithm::Es256));
    let signature = es256.sign(b"message").unwrap();
    let verifying = es256.verifying_key();
    let recipient = DecryptionKey::generate(&entropy);
    let public = recipient.public_jwk().to_value();
    let text = [7_u8; 4096];
    let sealed =
        jwe::encrypt(&public, ContentEncryption::A128Gcm, &text, None, None, &entropy).unwrap();
    Floors {
        sign_rs256: floor(1500, || drop(rs256.sign(b"message").unwrap())),
        sign_es256: floor(20_000, || drop(es256.sign(b"message").unwrap())),
        verify_es256: floor(8000, || {
            verifying.verify(Algorithm::Es256, b"message", &signature).unwrap();
        }),
        decrypt: floor(8000, || drop(recipient.decrypt(&sealed).unwrap())),
    }
}

/// Runs `work` `count` times, several at once; returns processor seconds and commits of one run.
async fn measure<F>(demo: &Demo, count: usize, work: impl Fn(usize) -> F) -> (f64, f64)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (cpu, commits) = (demo.cpu(), demo.commits());
    let places = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    for number in 0..count {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let work = work(number);
        running.push(tokio::spawn(async move {
            work.await;
            drop(place);
        }));
    }
    for one in running {
        one.await.unwrap();
    }
    let used = demo.cpu() - cpu;
    (used / count as f64, demo.commits().saturating_sub(commits) as f64 / count as f64)
}

fn print(name: &str, (cpu, commits): (f64, f64), floor: Option<f64>, what: &str) {
    let ratio = floor.map_or_else(|| "-".to_owned(), |floor| format!("{:.1}", cpu / floor));
    println!("{name:<14} {:>10.0} {commits:>12.2} {ratio:>10}  {what}", 1.0 / cpu);
}

#[tokio::main]
async fn main() {
    let beside = std::env::current_exe().unwrap().with_file_name("sekisho");
    let binary = std::env::args_os().nth(1).map_or(beside, PathBuf::from);
    let floors = floors();
    let demo = Demo::start(&binary);
    let rp = demo.rp();
    let mut wallet = Wallet::new(Clock::system().now());
    let offers = demo.said["offers"].as_array().unwrap();
    let offer = offers.iter().find(|offer| offer["type"] == "affiliation").unwrap();
    wallet.accept(offer["uri"].as_str().unwrap(), offer["tx_code"].as_str()).await;
    let wallet = Arc::new(wallet);

    println!(
        "the broker's processor, {AT_ONCE} at once, release build, redb, one fsync for each commit"
    );
    println!("{:<14} {:>10} {:>12} {:>10}", "", "per CPU-s", "fsync each", "x floor");

    let client = http();
    let url = format!("{}/.well-known/openid-configuration", rp.issuer);
    let discovery = measure(&demo, DISCOVERIES, |_| {
        let request = client.get(&url);
        async move { drop(request.send().await.unwrap().bytes().await.unwrap()) }
    })
    .await;
    print("discovery", discovery, None, "no cryptography, no store");

    let (first, logins) = (wallet.clone(), rp.clone());
    let login = move |_| {
        let (wallet, rp) = (first.clone(), logins.clone());
        async move { drop(log_in(&wallet, &rp).await) }
    };
    login(0).await;
    let measured = measure(&demo, LOGINS, login).await;
    let crypto = floors.sign_es256 + 4.0 * floors.verify_es256 + floors.decrypt;
    print(
        "wallet login",
        measured,
        Some(crypto),
        "to the code: 1 ES256 signature, 4 verifications, ECDH-ES with A128GCM",
    );

    let codes = codes(&wallet, &rp).await;
    let token = measure(&demo, TOKENS, |number| {
        let (rp, (expected, code)) = (rp.clone(), codes[number].clone());
        async move {
            let (status, body) = rp.redeem(&expected, &code).await;
            assert_eq!(status, 200, "{body}");
        }
    })
    .await;
    print("token", token, Some(floors.sign_rs256), "1 RS256 signature of 2048 bits");

    for (algorithm, floor) in [("ES256", floors.sign_es256), ("RS256", floors.sign_rs256)] {
        let resource = demo.resource(algorithm);
        let form = format!("grant_type=client_credentials&audience={}", resource.audience);
        let request = |form: String| {
            let secret = rp.secret.as_deref();
            let request = client.post(format!("{}/token", rp.issuer));
            let request = request.basic_auth(&rp.client_id, secret).body(form);
            request.header("content-type", "application/x-www-form-urlencoded")
        };
        let body: Value = request(form.clone()).send().await.unwrap().json().await.unwrap();
        let jwt = body["access_token"].as_str().unwrap().to_owned();
        let count = if algorithm == "ES256" { CLIENT_TOKENS } else { CLIENT_TOKENS / 5 };
        let token = measure(&demo, count, |_| {
            let request = request(form.clone());
            async move { assert_eq!(request.send().await.unwrap().bytes().await.unwrap()[0], b'{') }
        })
        .await;
        let name = format!("client {algorithm}");
        print(&name, token, Some(floor), "client_credentials as a JWT: 1 signature, no row");
        let seen = measure(&demo, CLIENT_TOKENS, |_| {
            let request = client.post(format!("{}/introspect", rp.issuer));
            let request = request.basic_auth(&resource.id, Some(&resource.secret));
            let request = request.form(&[("token", &jwt)]);
            async move {
                let body = request.send().await.unwrap().text().await.unwrap();
                assert!(body.contains("true"), "{body}");
            }
        })
        .await;
        let name = format!("introspect {algorithm}");
        print(&name, seen, None, "of that JWT, by its resource: 1 verification");
    }
}

/// Logs in with a new browser, until the relying party gets its code.
async fn log_in(wallet: &Wallet, rp: &Rp) -> (Browser, String) {
    let wallet = Wallet { now: Clock::system().now(), ..wallet.clone() };
    let expected = rp.request("openid profile", &[]);
    let mut browser = Browser::new();
    let page = browser.begin(&expected.url, rp).await;
    let link = parameter(&page.link("wallet-open"), "request_uri").unwrap();
    let client_id = parameter(&page.link("wallet-open"), "client_id").unwrap();
    let mut url = url::Url::parse("openid4vp://x/").unwrap();
    url.query_pairs_mut().append_pair("client_id", &client_id).append_pair("request_uri", &link);
    let link = url.as_str().replace("openid4vp://x/", "openid4vp://");
    let back = wallet.present(&link).await.redirect_uri();
    let after = browser.get(&back).await;
    let page = browser.follow(after, &rp.redirect_uri).await;
    let location = match page.location.clone() {
        Some(location) => location,
        None => browser.agree(&page).await,
    };
    (browser, rp.code(&expected, &location))
}

/// Gets several codes from one live session.
async fn codes(wallet: &Wallet, rp: &Rp) -> Vec<(sekisho_tests::Expected, String)> {
    let (mut browser, _) = log_in(wallet, rp).await;
    let mut codes = Vec::new();
    for _ in 0..TOKENS {
        let expected = rp.request("openid profile", &[("prompt", "none")]);
        let location = browser.get(&expected.url).await.location.unwrap();
        codes.push((expected.clone(), rp.code(&expected, &location)));
    }
    codes
}
