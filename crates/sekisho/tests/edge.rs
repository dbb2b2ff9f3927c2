//! The edge of the program from outside: connections that do nothing, hosts, addresses, files in
//! other encodings, and what a crash or a wide umask would leave to others.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Done, Home, Running, TENANT, free_port, http, mode};

const LIMIT: Duration = Duration::from_secs(60);

fn tls(home: &Home) -> (Running, SocketAddr, Arc<ClientConfig>) {
    let port = free_port();
    let origin = format!("https://localhost:{port}");
    home.json(&["init", "--origin", &origin, "--tls", "own"]);
    let server = home.serve();
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(home.path("data/ca.pem")).unwrap();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Arc::new(config))
}

async fn connect(
    last: u8,
    to: SocketAddr,
    config: &Arc<ClientConfig>,
    alpn: &[u8],
) -> TlsStream<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    let stream = socket.connect(to).await.unwrap();
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Asks nothing over HTTP/2 but answers every setting and every ping, until the server ends the
/// connection (RFC 9113, sections 3.4, 6.5 and 6.7).
async fn idle(mut stream: TlsStream<tokio::net::TcpStream>) {
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    while let Ok((head, body)) = frame(&mut stream).await {
        let (kind, flags) = (head[3], head[4]);
        if !matches!(kind, SETTINGS | PING) || flags & 1 == 1 {
            continue;
        }
        let body = if kind == PING { body } else { Vec::new() };
        let mut answer = head;
        answer[2] = u8::try_from(body.len()).unwrap();
        answer[4] = 1;
        if stream.write_all(&[&answer[..], &body].concat()).await.is_err() {
            return;
        }
    }
}

async fn frame(
    stream: &mut TlsStream<tokio::net::TcpStream>,
) -> std::io::Result<([u8; 9], Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let mut body = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}

/// An honest visit over TLS and HTTP/1.1; the head of the answer.
async fn visit(last: u8, to: SocketAddr, config: &Arc<ClientConfig>) -> String {
    let mut stream = connect(last, to, config, b"http/1.1").await;
    let request = b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// DOS-01: four addresses take all places with idle HTTP/2 connections that answer every ping. Who
/// comes next is served at once, and all of the idle go after a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn word_05_idle_connections_keep_nobody_out() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits }).unwrap();
    let home = Home::new();
    let (server, to, config) = tls(&home);
    let mut idlers = JoinSet::new();
    for last in 2..6 {
        for _ in 0..1024 / 32 {
            let batch = (0..32).map(|_| {
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    let mut stream = connect(last, to, &config, b"h2").await;
                    let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
                    stream.write_all(begin).await.unwrap();
                    stream
                })
            });
            for opened in batch.collect::<Vec<_>>() {
                idlers.spawn(idle(opened.await.unwrap()));
            }
        }
    }
    for _ in 0..3 {
        let served = tokio::time::timeout(Duration::from_secs(10), visit(9, to, &config)).await;
        let answer = served.expect("whoever comes next is served");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // One of the attacker's own addresses is served too: its idle connection goes.
    let served = tokio::time::timeout(Duration::from_secs(10), visit(2, to, &config)).await;
    assert!(served.expect("an office of many is served").starts_with("HTTP/1.1 200"));
    let all_gone = async { while idlers.join_next().await.is_some() {} };
    tokio::time::timeout(LIMIT, all_gone).await.expect("whoever asks nothing goes");
    assert_eq!(server.stop(), 0);
}

/// RFC 6797: over https, browsers are told to come over https alone.
#[tokio::test]
async fn word_09_https_says_that_it_stays() {
    let home = Home::new();
    let (server, to, config) = tls(&home);
    let answer = visit(1, to, &config).await;
    let sent = answer.lines().find_map(|line| line.strip_prefix("strict-transport-security: "));
    assert_eq!(sent, Some("max-age=31536000"), "{answer}");
    assert_eq!(server.stop(), 0);

    let home = Home::new();
    home.init();
    let server = home.serve();
    let answer = ask(&server, "GET /jwks HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("strict-transport"), "{answer}");
    assert_eq!(server.stop(), 0);
}

fn ask(server: &Running, request: &str) -> String {
    let issuer = server.text("issuer");
    let authority = issuer.split("://").nth(1).unwrap().replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// RFC 9112, section 3.2: a request over HTTP/1.1 names one host.
#[test]
fn word_09_a_request_names_one_host() {
    let home = Home::new();
    home.init();
    let server = home.serve();
    for (hosts, status) in [
        ("host: localhost\r\n", "200"),
        ("host: [::1]:8080\r\n", "200"),
        ("", "400"),
        ("host: a\r\nhost: a\r\n", "400"),
        ("host: a\r\nHost: b\r\n", "400"),
        ("host: a b\r\n", "400"),
        ("host: a/b\r\n", "400"),
        ("host: u@a\r\n", "400"),
        ("host:\r\n", "400"),
    ] {
        for path in ["/jwks", "/logout/done", "http://localhost/jwks"] {
            let request = format!("GET {path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
            let answer = ask(&server, &request);
            assert_eq!(answer.get(9..12), Some(status), "{hosts:?} {path}: {answer}");
        }
    }
    let old = ask(&server, "GET /jwks HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
    assert_eq!(server.stop(), 0);
}

fn register(home: &Home) {
    let done = home.run(&[
        "client",
        "add",
        "--id",
        "portal",
        "--name-ja",
        "ポータル",
        "--name-en",
        "Portal",
        "--purpose-ja",
        "確認",
        "--purpose-en",
        "Checking",
        "--redirect-uri",
        "https://rp.example/cb",
    ]);
    assert_eq!(done.code(), 0, "{done:?}");
}

/// What a wallet, which anybody may be, wrote takes a bounded part of a line in the log, and no
/// character of it acts on the terminal or turns the text around it.
#[tokio::test]
async fn word_09_the_log_bounds_and_escapes_what_a_wallet_wrote() {
    for as_json in [false, true] {
        let home = Home::new();
        home.init();
        let file = home.path("sekisho.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("\"direct_post.jwt\"", "\"direct_post\"")).unwrap();
        register(&home);
        let mut command = home.command(&["serve", "--json"]);
        if as_json {
            command.env("SEKISHO_LOG_JSON", "1");
        }
        let server = home.start_command(command);
        let http = http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let begun = http
            .get(format!("{}/authorize", server.text("issuer")))
            .query(&[
                ("client_id", "portal"),
                ("redirect_uri", "https://rp.example/cb"),
                ("response_type", "code"),
                ("scope", "openid"),
                ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
                ("code_challenge_method", "S256"),
            ])
            .send()
            .await
            .unwrap();
        let cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
        let place = begun.headers()["location"].to_str().unwrap();
        let page = format!("{}{place}", server.text("issuer"));
        let page = http.get(page).header("cookie", cookie).send().await.unwrap();
        let page = page.text().await.unwrap().replace("&#38;", "&").replace("&amp;", "&");
        let link = page.split("id=\"wallet-open\" href=\"").nth(1).unwrap();
        let link = url::Url::parse(link.split('"').next().unwrap()).unwrap();
        let request_uri = link.query_pairs().find(|(name, _)| name == "request_uri").unwrap().1;
        let object = http.get(&*request_uri).send().await.unwrap().text().await.unwrap();
        let payload = sekisho_jose::b64u::decode(object.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        let planted = format!(
            "\u{202e}\u{1b}[31m\n2026-01-01T00:00:00Z ERROR \u{200b}{}",
            "A".repeat(40_000)
        );
        let vp_token = json!({ planted: ["x~"] }).to_string();
        let form = [("vp_token", vp_token.as_str()), ("state", claims["state"].as_str().unwrap())];
        let to = claims["response_uri"].as_str().unwrap();
        let refused = http.post(to).form(&form).send().await.unwrap();
        assert_eq!(refused.status(), 400);
        assert_eq!(server.stop(), 0);
        let log = std::fs::read_to_string(home.path("log")).unwrap();
        let line = log.lines().find(|line| line.contains("a presentation was refused")).unwrap();
        assert!(line.len() < 2_000, "{} bytes", line.len());
        assert!(line.contains("u{202e}") && line.contains("u{1b}"), "{line}");
        let hidden = |c: char| c.is_control() || ('\u{2000}'..='\u{206f}').contains(&c);
        assert!(!log.chars().any(|c| hidden(c) && c != '\n' && c != '…'), "{log}");
        assert!(log.lines().all(|line| line.starts_with(if as_json { '{' } else { '2' })), "{log}");
        assert!(!log.lines().any(|line| line.starts_with("2026-01-01")), "{log}");
    }
}

/// Large requests are rows before a wallet has answered: one address gets its share of them, and
/// leaves the others theirs.
#[test]
fn word_04_large_requests_are_counted_by_address() {
    let home = Home::new();
    home.init();
    register(&home);
    let server = home.serve();
    let to: SocketAddr =
        format!("127.0.0.1:{}", server.text("issuer").rsplit(':').next().unwrap()).parse().unwrap();
    let begin = |last: u8| {
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            None,
        );
        let socket = socket.unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        rustix::net::connect(&socket, &to).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let request = format!(
            "GET /authorize?client_id=portal&redirect_uri=https://rp.example/cb&response_type=code\
             &scope=openid&login_hint={} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            "s".repeat(4000)
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let leads_to_login = |answer: &str| answer.contains("\r\nlocation: /login/");
    for number in 0..32 {
        assert!(leads_to_login(&begin(1)), "{number}");
    }
    let beyond = begin(1);
    assert!(!leads_to_login(&beyond), "{beyond}");
    let other = begin(2);
    assert!(leads_to_login(&other), "{other}");
    assert_eq!(server.stop(), 0);
}

/// The root key is in the memory of the server: no core dump of it may come onto the disk.
#[test]
fn word_09_a_crash_leaves_no_memory_behind() {
    let home = Home::new();
    home.init();
    let server = home.serve();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let values: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"], "{core}");
    assert_eq!(server.stop(), 0);
}

/// Every file and folder below a path, with its mode.
fn modes(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.push((path.display().to_string(), mode(&path)));
        if path.is_dir() {
            all.extend(modes(&path));
        }
    }
    all
}

/// Nobody else may write what the programs write, and nobody may read what is secret, however wide
/// the umask is.
#[test]
fn word_09_a_wide_umask_opens_nothing() {
    let home = Home::new();
    std::fs::create_dir(home.path("here")).unwrap();
    let wide = |program: &str, arguments: &str| {
        let mut command = std::process::Command::new("sh");
        let line = format!("umask 000 && exec \"{program}\" {arguments}");
        command.args(["-c", &line]).current_dir(home.path("here"));
        command
    };
    let sekisho = env!("CARGO_BIN_EXE_sekisho");
    assert!(wide(sekisho, "init").output().unwrap().status.success());
    let add = "org add 7900000000002 --name-ja 瀬戸内 --name-en Setouchi";
    assert!(wide(sekisho, add).output().unwrap().status.success());
    let demo = home.start_command({
        let mut command = wide(sekisho, "demo --data demo --listen localhost:0 --json");
        command.env("TMPDIR", home.path("here")).stdout(std::process::Stdio::piped());
        command
    });
    assert_eq!(demo.stop(), 0);
    let all = modes(&home.path("here"));
    assert!(all.iter().any(|(path, _)| path.ends_with("data/ca.pem")), "{all:?}");
    assert!(all.len() > 10, "{all:?}");
    for (path, mode) in &all {
        let public = path.ends_with("ca.pem") || path.ends_with("sekisho.toml");
        let allowed = if public { "644" } else { "600" };
        let folder = Path::new(path).is_dir();
        assert!(mode == allowed || (folder && mode == "700"), "{path}: {mode}");
    }
}

/// A broker whose origin is the IPv6 loopback address listens there, and one can listen at several
/// addresses.
#[tokio::test]
async fn word_25_ipv6_is_listened_at() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let port = free_port();
    let home = Home::new();
    let origin = format!("http://[::1]:{port}");
    let made = home.json(&["init", "--origin", &origin]);
    assert_eq!(made["issuer"], origin);
    let server = home.serve();
    let url = format!("{origin}/.well-known/openid-configuration");
    let found: Value = http().build().unwrap().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(found["issuer"], origin);
    let org = home.json(&["org", "add", TENANT, "--name-ja", "瀬戸内", "--name-en", "Setouchi"]);
    assert_eq!(org["issuer"], format!("{origin}/orgs/{TENANT}"));
    assert_eq!(server.stop(), 0);

    let home = Home::new();
    let port = free_port();
    let (v4, v6) = (format!("127.0.0.1:{port}"), format!("[::1]:{port}"));
    let origin = format!("http://localhost:{port}");
    home.json(&["init", "--origin", &origin, "--listen", &v4, "--listen", &v6]);
    let server = home.serve();
    for at in [v4, v6] {
        let answer = http().build().unwrap().get(format!("http://{at}/jwks")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{at}");
    }
    assert_eq!(server.stop(), 0);
}

fn assert_told(done: &Done, words: &[&str]) {
    assert_ne!(done.code(), 0, "{done:?}");
    assert!(words.iter().all(|word| done.stderr.contains(word)), "{words:?} in {done:?}");
}

/// Every file that a person wrote says what it is when it is no UTF-8.
#[test]
fn word_25_files_in_other_encodings_say_what_they_are() {
    let utf16 = |text: &str| -> Vec<u8> {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let home = Home::new();
    home.init();
    let config = std::fs::read_to_string(home.path("sekisho.toml")).unwrap();
    let (json, pem) = ("{\"keys\": []}", "-----BEGIN CERTIFICATE-----\n");
    let file = home.path("file");
    let name = file.to_str().unwrap();
    let commands: [(&str, Vec<&str>); 4] = [
        (&config, vec!["--config", name, "status"]),
        (
            json,
            vec![
                "client",
                "add",
                "--name-ja",
                "a",
                "--name-en",
                "a",
                "--purpose-ja",
                "a",
                "--purpose-en",
                "a",
                "--redirect-uri",
                "https://rp.example/cb",
                "--auth",
                "private_key_jwt",
                "--jwks",
                name,
            ],
        ),
        (
            json,
            vec!["credential", "offer", "--org", TENANT, "--type", "affiliation", "--claims", name],
        ),
        (
            pem,
            vec!["trust", "add", "https://i.example", "--type", "ai-training", "--anchors", name],
        ),
    ];
    for (text, command) in commands {
        for (bytes, word) in [
            ([b"\xef\xbb\xbf", text.as_bytes()].concat(), "BOM"),
            (utf16(text), "UTF-16"),
            (utf16(text)[2..].to_vec(), "UTF-16"),
            (
                [b"\x8e\x52\x93\x63 ", text.replace(|c: char| !c.is_ascii(), "").as_bytes()]
                    .concat(),
                "CP932",
            ),
        ] {
            std::fs::write(&file, bytes).unwrap();
            assert_told(&home.run(&command), &[name, word, "UTF-8"]);
        }
    }
    let done = home.run_with(
        &["credential", "offer", "--org", TENANT, "--type", "affiliation", "--claims", "-"],
        "\u{feff}{}",
    );
    assert_told(&done, &["BOM"]);
}

/// A file that was meant to be public holds a private key: that is said, and the key is not taken.
#[test]
fn word_25_a_private_key_among_public_ones_is_named() {
    let home = Home::new();
    home.init();
    let point = "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0";
    let key =
        json!({"kty": "EC", "crv": "P-256", "kid": "mine", "x": point, "y": point, "d": point});
    for jwks in
        [json!({"keys": [key]}), json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}), key.clone()]
    {
        std::fs::write(home.path("jwks.json"), jwks.to_string()).unwrap();
        let done = home.run(&[
            "client",
            "add",
            "--name-ja",
            "a",
            "--name-en",
            "a",
            "--purpose-ja",
            "a",
            "--purpose-en",
            "a",
            "--redirect-uri",
            "https://rp.example/cb",
            "--auth",
            "private_key_jwt",
            "--jwks",
            "jwks.json",
        ]);
        assert_told(&done, &["private key"]);
        assert!(!done.stderr.contains(point), "{done:?}");
    }
}

/// Trust that no credential could ever match is refused, and so is one that would match nothing of
/// our own organizations.
#[test]
fn word_25_trust_that_can_never_match_is_refused() {
    let home = Home::new();
    let origin = home.init();
    home.json(&["org", "add", TENANT, "--name-ja", "瀬戸内", "--name-en", "Setouchi"]);
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../../keys-dev");
    let foreign = format!("{keys}/root.pem");
    let own = home.path("data/ca.pem").display().to_string();
    let training = |issuer: &str, more: &[&str]| {
        home.run(&[&["trust", "add", issuer, "--type", "ai-training"][..], more].concat())
    };
    for (issuer, more, word) in [
        ("https://issuer.example.jp", &[][..], "--anchors"),
        ("issuer.example.jp", &["--anchors", &foreign], "URL"),
        ("http://issuer.example.jp", &["--anchors", &foreign], "https"),
        ("https://issuer.example.jp/?a=b", &["--anchors", &foreign], "query"),
        ("https://issuer.example.jp/#x", &["--anchors", &foreign], "fragment"),
        ("https://ISSUER.example.jp", &["--anchors", &foreign], "lower case"),
        (
            "https://issuer.example.jp",
            &["--anchors", &foreign, "--org", "1234567890123"],
            "check digit",
        ),
        ("https://issuer.example.jp", &["--anchors", &foreign, "--org", "79"], "13 digits"),
        ("https://issuer.example.jp", &["--anchors", &foreign, "--type", "affiliation"], "--org"),
        (TENANT, &["--anchors", &foreign], "own root"),
        (&format!("{origin}/orgs/1"), &[], "/orgs/"),
        (&format!("{origin}/elsewhere"), &[], "/orgs/"),
        (&origin, &[], "/orgs/"),
    ] {
        assert_told(&training(issuer, more), &[word]);
    }
    assert_eq!(home.json(&["trust", "list"])["trust"], json!([]));
    for (issuer, more) in [
        ("https://issuer.example.jp", &["--anchors", &foreign][..]),
        ("https://issuer.example.jp/a", &["--anchors", &foreign, "--org", TENANT]),
        (TENANT, &[]),
        (TENANT, &["--anchors", &own]),
    ] {
        let done = training(issuer, more);
        assert_eq!(done.code(), 0, "{done:?}");
    }
}

/// Names and purposes stand on pages and in wallets: no character of them may be hidden.
#[test]
fn word_25_names_have_nothing_that_cannot_be_seen() {
    let home = Home::new();
    home.init();
    for hidden in ["a\u{202e}b", "a\u{1b}[2Jb", "a\nb", "a\u{200b}b", "\u{2066}a", "\u{e0041}a"] {
        for place in [4, 6, 8, 10] {
            let mut client = [
                "client",
                "add",
                "--redirect-uri=https://rp.example/cb",
                "--name-ja",
                "a",
                "--name-en",
                "a",
                "--purpose-ja",
                "a",
                "--purpose-en",
                "a",
            ];
            client[place] = hidden;
            assert_told(&home.run(&client), &["cannot be seen"]);
        }
        let org = ["org", "add", TENANT, "--name-ja", hidden, "--name-en", "a"];
        assert_told(&home.run(&org), &["cannot be seen"]);
    }
}
