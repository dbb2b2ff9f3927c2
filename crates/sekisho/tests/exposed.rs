//! Attacks on the program from a network: strangers hold connections, speak old TLS, send garbage,
//! and try to write into its log.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{self, Home, Running};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The longest that a test waits for one answer.
const LIMIT: Duration = Duration::from_secs(60);

/// The address that an issuer on this machine listens on.
fn address(server: &Running) -> SocketAddr {
    let issuer = server.text("issuer");
    let port = issuer.rsplit(':').next().unwrap();
    format!("127.0.0.1:{port}").parse().unwrap()
}

/// Opens a connection from another address of this machine.
fn from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from((source, 0))).unwrap();
    connect(&socket, &to).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Sends the bytes of a request. Returns the whole answer, or as much as came before the connection
/// ended.
fn ask(to: SocketAddr, request: &[u8]) -> String {
    let mut stream = from([127, 0, 0, 1], to);
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Makes a number of honest visits and returns how long each took, shortest first.
#[allow(clippy::disallowed_methods, reason = "waiting is what is measured")]
fn visits(to: SocketAddr) -> Vec<Duration> {
    let visit = |_| {
        let begun = Instant::now();
        let request = b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        assert!(ask(to, request).starts_with("HTTP/1.1 200"));
        begun.elapsed()
    };
    let mut visits: Vec<Duration> = (0..100).map(visit).collect();
    visits.sort_unstable();
    visits
}

/// DOS-01: thousands of connections that send nothing, half a header or half a body delay nobody
/// else. They are closed in time, and one address never has all places.
#[test]
fn whoever_sends_slowly_holds_up_nobody() {
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits }).unwrap();
    let home = Home::new();
    home.init();
    let server = home.serve();
    let to = address(&server);
    let before = visits(to);

    let half_a_header: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ";
    let half_a_body: &[u8] = b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\
        content-type: application/x-www-form-urlencoded\r\n\r\ngrant_type=";
    let mut slow = Vec::new();
    for (last, number, sent) in
        [(2, 1500, &b""[..]), (3, 600, half_a_header), (4, 600, half_a_body)]
    {
        for _ in 0..number {
            let mut stream = from([127, 0, 0, last], to);
            let _ = stream.write_all(sent);
            slow.push(stream);
        }
    }
    let during = visits(to);
    let (calm, busy) = (before[98], during[98]);
    assert!(busy < calm * 20 + Duration::from_millis(200), "{busy:?} among them, {calm:?} alone");

    // Each is closed. Those that sent enough of a request get a 408 first.
    let mut told = 0;
    for stream in &mut slow {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        told += usize::from(answer.starts_with(b"HTTP/1.1 408"));
    }
    assert!(told >= 600, "{told} were told that they are slow");
    assert!(visits(to)[98] < calm * 20 + Duration::from_millis(200));
    assert_eq!(server.stop(), 0);
}

/// A `ClientHello` of this version with these cipher suites, in a record of its own (RFC 5246, 7.4.1.2).
fn client_hello(version: u16, suites: &[u16]) -> Vec<u8> {
    fn long(bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap();
        [&length.to_be_bytes()[..], bytes].concat()
    }
    let words =
        |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let extension = |kind: u16, body: Vec<u8>| [&kind.to_be_bytes()[..], &long(&body)].concat();
    let groups = extension(10, long(&words(&[0x001d, 0x0017])));
    let points = extension(11, vec![1, 0]);
    let signatures = extension(13, long(&words(&[0x0403, 0x0804, 0x0401, 0x0203])));
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &[0],
        &long(&words(suites)),
        &[1, 0],
        &long(&[groups, points, signatures].concat()),
    ]
    .concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1], &length[1..], &body[..]].concat();
    [&[22, 3, 1][..], &long(&handshake)].concat()
}

/// GEN-1: the server speaks TLS 1.3, or TLS 1.2 with forward secrecy and authenticated encryption,
/// and nothing else. An origin without TLS cannot be reached from other machines.
#[test]
fn old_tls_is_not_spoken() {
    const HANDSHAKE: u8 = 22;
    const ALERT: u8 = 21;
    let home = Home::new();
    let origin = format!("https://localhost:{}", support::free_port());
    home.json(&["init", "--origin", &origin, "--tls", "own"]);
    let server = home.serve();
    let to = address(&server);
    let answer = |version, suites: &[u16]| {
        let mut stream = from([127, 0, 0, 1], to);
        stream.write_all(&client_hello(version, suites)).unwrap();
        let mut kind = [0; 7];
        stream.read_exact(&mut kind).unwrap();
        (kind[0], kind[6])
    };
    let good = [0xc02b, 0xcca9];
    assert_eq!(answer(0x0303, &good), (HANDSHAKE, answer(0x0303, &good).1));
    for suite in good.into_iter().chain([0xc02c]) {
        assert_eq!(answer(0x0303, &[suite]).0, HANDSHAKE, "{suite:04x}");
    }
    let (protocol_version, handshake_failure) = (70, 40);
    for version in [0x0300, 0x0301, 0x0302] {
        assert_eq!(answer(version, &good), (ALERT, protocol_version), "{version:04x}");
    }
    for (suite, name) in [
        (0x002f, "RSA, CBC"),
        (0x009c, "RSA, GCM"),
        (0x009e, "DHE, GCM"),
        (0xc009, "ECDHE, CBC"),
        (0xc023, "ECDHE, CBC, SHA-256"),
        (0xc0ac, "ECDHE, CCM"),
        (0x0005, "RC4"),
        (0x000a, "3DES"),
        (0x0000, "NULL"),
        (0xc006, "ECDHE, NULL"),
    ] {
        assert_eq!(answer(0x0303, &[suite]), (ALERT, handshake_failure), "{name}");
    }
    assert_eq!(server.stop(), 0);

    let home = Home::new();
    let done = home.run(&["init", "--origin", "http://auth.example.jp"]);
    assert_ne!(done.code(), 0);
    assert!(done.stderr.contains("https"), "{done:?}");
}

/// DOS-07: whatever is sent to whichever path, there is no 500 and no connection that ends without
/// an answer. The server still runs afterwards.
#[test]
fn garbage_breaks_nothing() {
    let home = Home::new();
    home.init();
    let server = home.serve();
    let to = address(&server);
    let paths = [
        "/",
        "/authorize",
        "/token",
        "/userinfo",
        "/introspect",
        "/revoke",
        "/logout",
        "/jwks",
        "/login/x",
        "/login/x/number",
        "/request/x",
        "/response/x",
        "/offer/x",
        "/orgs/x/status/0",
        "/orgs/x/credential",
        "/orgs/x/nonce",
        "/orgs/7900000000002/did.json",
        "/types/x/1",
        "/.well-known/openid-configuration",
        "/.well-known/openid-credential-issuer/orgs/x",
        "/%00",
        "/%ff%fe",
        "/..%2f..%2fetc/passwd",
    ];
    let long = "a".repeat(7000);
    let deep = "[".repeat(3000);
    let bodies = [
        "",
        "x",
        "a=b&a=b",
        "%",
        "=&=&=",
        "grant_type=%00",
        "\u{0}\u{1}\u{7f}",
        "{",
        "null",
        "{\"a\":1e999}",
        "client_id=\u{1f363}&scope=openid",
        long.as_str(),
        deep.as_str(),
    ];
    let types =
        ["application/x-www-form-urlencoded", "application/json", "application/jwt", "x/\u{e9}"];
    let mut sent = 0;
    for path in paths {
        for method in ["GET", "POST", "HEAD", "DELETE", "FOO"] {
            for (number, body) in bodies.iter().enumerate() {
                let kind = types[number % types.len()];
                let query =
                    if number % 2 == 0 { String::new() } else { format!("?{}", &query(body)) };
                let request = format!(
                    "{method} {path}{query} HTTP/1.1\r\nhost: \u{e9}\r\ncontent-type: {kind}\r\n\
                     authorization: Basic {number}\r\ncookie: \u{e9}={number}; =; ;\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len(),
                );
                let answer = ask(to, request.as_bytes());
                let status = answer.get(9..12).unwrap_or_default();
                assert!(answer.starts_with("HTTP/1."), "{method} {path} {number}: {answer:?}");
                assert!(
                    !["500", "501", "502"].contains(&status),
                    "{method} {path} {number}: {answer}"
                );
                sent += 1;
            }
        }
    }
    assert!(sent > 1000);
    assert_eq!(visits(to).len(), 100);
    assert_eq!(server.stop(), 0);
    let log = std::fs::read_to_string(home.path("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

/// Encodes any text as a query.
fn query(text: &str) -> String {
    let odd = |byte: u8| !(byte.is_ascii_alphanumeric() || b"=&%._-".contains(&byte));
    let shown =
        |byte: u8| if odd(byte) { format!("%{byte:02x}") } else { char::from(byte).to_string() };
    text.bytes().take(4000).map(shown).collect()
}

/// DOS-11: text from strangers never begins a line of the log and never sends control characters to
/// the terminal. The test uses the level at which most is logged.
#[test]
fn nobody_writes_into_the_log() {
    for json in [false, true] {
        let home = Home::new();
        home.init();
        let mut command = home.command(&["serve", "--json"]);
        command.env("SEKISHO_LOG", "debug");
        if json {
            command.env("SEKISHO_LOG_JSON", "1");
        }
        let server = home.start_command(command);
        let to = address(&server);
        let planted = "%0a2026-11-25T00:00:00Z%20ERROR%20planted%0d%1b%5b31m%22%7d%0aplanted";
        for path in [
            format!("/authorize?client_id={planted}"),
            format!("/authorize?client_id=x&redirect_uri={planted}&response_type={planted}"),
            format!("/login/{planted}"),
            format!("/offer/{planted}"),
            format!("/orgs/{planted}/status/0"),
            format!("/logout?id_token_hint={planted}&state={planted}"),
        ] {
            ask(to, format!("GET {path} HTTP/1.1\r\nhost: x\r\nuser-agent: {planted}\r\nconnection: close\r\n\r\n").as_bytes());
        }
        for path in ["/token", "/introspect", "/revoke", "/orgs/7900000000002/credential"] {
            let form = format!(
                "client_id={planted}&grant_type={planted}&code={planted}&token={planted}&client_assertion_type={planted}"
            );
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{form}",
                form.len()
            );
            ask(to, request.as_bytes());
        }
        assert_eq!(server.stop(), 0);
        let log = std::fs::read_to_string(home.path("log")).unwrap();
        assert!(!log.is_empty());
        assert!(!log.contains(['\u{1b}', '\r']), "{log:?}");
        for line in log.lines() {
            if json {
                let entry: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(entry["timestamp"].is_string(), "{line}");
            } else {
                // Every line is one of the server's own: a time, then a level.
                let mut words = line.split_whitespace();
                let time = words.next().unwrap_or_default();
                assert!(time.ends_with('Z') && time.len() > 20, "{line:?}");
                let level = words.next().unwrap_or_default();
                assert!(["DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line:?}");
            }
        }
    }
}

/// DOS-05: names that strangers send are not remembered. After many thousands of them, the server
/// uses no more memory than at first.
#[test]
fn names_that_strangers_invent_are_not_kept() {
    let home = Home::new();
    home.init();
    let server = home.serve();
    let to = address(&server);
    let mut stream = from([127, 0, 0, 1], to);
    let mut send = |number: u32| {
        let name = format!("{number:08}-{}", "n".repeat(200));
        for (method, path, body) in [
            (
                "GET",
                format!(
                    "/authorize?client_id={name}&scope={name}&ui_locales={name}&acr_values={name}"
                ),
                String::new(),
            ),
            (
                "POST",
                "/token".to_owned(),
                format!(
                    "grant_type=authorization_code&code={name}&client_id={name}&client_secret={name}"
                ),
            ),
            ("GET", format!("/orgs/{name}/status/{number}"), String::new()),
            ("GET", format!("/login/{name}"), String::new()),
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: {name}\r\naccept-language: {name}\r\nuser-agent: {name}\r\n\
                 authorization: Bearer {name}\r\ncookie: {name}={name}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).unwrap();
            read_answer(&mut stream);
        }
    };
    (0..500).for_each(&mut send);
    let first = server.resident();
    (500..6_500).for_each(&mut send);
    let last = server.resident();
    // 24,000 requests with a dozen names of 200 bytes each would take 58 MB if they were kept.
    assert!(last < first + (8 << 20), "{first} bytes at first, {last} after");
    drop(stream);
    assert_eq!(server.stop(), 0);
}

/// Reads one answer from a connection that stays open.
fn read_answer(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
}
