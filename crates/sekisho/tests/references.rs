//! Refusals that are in no table: each leaves one line in the server's log, under the reference that
//! the answer shows.

use crate::support::{Home, Running, http};
use serde_json::Value;

const CALLBACK: &str = "https://gpu.example.jp/callback";

/// A server with one client, and the client's secret.
fn served() -> (Home, String, Running, String) {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    let names = ["--name-ja", "窓口", "--name-en", "Portal"];
    let purposes = ["--purpose-ja", "確認", "--purpose-en", "Checking"];
    let rest = ["client", "add", "--id", "portal", "--redirect-uri", CALLBACK];
    let added = home.json(&[&rest[..], &names, &purposes].concat());
    let secret = added["client_secret"].as_str().unwrap().to_owned();
    (home, origin, server, secret)
}

fn log(home: &Home) -> String {
    std::fs::read_to_string(home.path("log")).unwrap()
}

/// The only line of the log with this reference.
fn line(home: &Home, reference: &str) -> String {
    assert_eq!(reference.len(), 16, "{reference}");
    let log = log(home);
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(reference)).collect();
    assert_eq!(lines.len(), 1, "{reference}: {log}");
    lines[0].to_owned()
}

/// The reference on an error page.
fn reference(page: &str) -> String {
    let (_, rest) = page.split_once("<dt>Reference</dt>").unwrap_or_else(|| panic!("{page}"));
    let (_, rest) = rest.split_once("\"code\">").unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

async fn page(url: &str) -> String {
    let answer = http().build().unwrap().get(url).header("accept-language", "en").send().await;
    answer.unwrap().text().await.unwrap()
}

/// Wrong client, wrong redirect URI, wrong request to log out, unknown page: each page has a
/// reference, and the log has the client, the reason and what was sent against what is registered.
#[tokio::test]
async fn word_28_every_error_page_has_a_reference_that_the_log_knows() {
    let (home, origin, server, _) = served();
    let rest = "response_type=code&scope=openid";
    let wrong = "https%3A%2F%2Fgpu.example.jp%2Fother%3Fcode%3Dc-123456";
    for (path, code, words) in [
        (
            format!("/authorize?client_id=nobody&redirect_uri={wrong}&{rest}"),
            "R-4001",
            &["client=nobody", "https://gpu.example.jp/other?code=…"][..],
        ),
        (
            format!("/authorize?client_id=portal&redirect_uri={wrong}&{rest}"),
            "R-4002",
            &["client=portal", "https://gpu.example.jp/other?code=…", CALLBACK][..],
        ),
        (format!("/authorize?client_id=portal&{rest}"), "R-4002", &["client=portal", CALLBACK][..]),
        (
            format!("/logout?client_id=portal&post_logout_redirect_uri={wrong}"),
            "R-4002",
            &["client=portal", "https://gpu.example.jp/other", "registered=none"][..],
        ),
        ("/logout?client_id=nobody".to_owned(), "R-4001", &["client=nobody"][..]),
        ("/logout?client_id=a&client_id=b".to_owned(), "R-4006", &[][..]),
        ("/login/nothing".to_owned(), "A-", &[][..]),
    ] {
        let shown = page(&format!("{origin}{path}")).await;
        assert!(shown.contains(code), "{path}: {shown}");
        let line = line(&home, &reference(&shown));
        for word in [&[code], words].concat() {
            assert!(line.contains(word), "{word} in {line}");
        }
        assert!(!line.contains("c-123456"), "{line}");
    }
    assert_eq!(server.stop(), 0);
}

/// A failed request at the token endpoint: the answer's description has the reference.
#[tokio::test]
async fn word_28_a_failed_token_request_leaves_a_line() {
    let (home, origin, server, secret) = served();
    let code = [("grant_type", "authorization_code"), ("code", "code-5f0c")];
    let sent = |url: String| http().build().unwrap().post(url);
    let token = || sent(format!("{origin}/token"));
    let by_post = [("client_id", "portal"), ("client_secret", &secret)];
    let other_grant = [("grant_type", "password"), ("username", "taro"), ("password", "pw-77")];
    let (unreadable, none) = ("text/plain", None::<&str>);
    for (request, reason, client) in [
        (
            token().basic_auth("portal", Some("wrong-secret")).form(&code),
            "wrong client secret",
            "portal",
        ),
        (
            token().basic_auth("nobody", Some("wrong-secret")).form(&code),
            "unknown client",
            "nobody",
        ),
        (token().form(&[&code[..], &by_post].concat()), "another method", "portal"),
        (token().basic_auth("portal", Some(&secret)).form(&code), "the code is unknown", "portal"),
        (
            token().basic_auth("portal", Some(&secret)).form(&other_grant),
            "unknown grant_type",
            "portal",
        ),
        (token().basic_auth("portal", none).header("content-type", unreadable), "not a form", ""),
        (
            sent(format!("{origin}/introspect"))
                .basic_auth("portal", Some("wrong-secret"))
                .form(&code),
            "wrong client secret",
            "portal",
        ),
        (sent(format!("{origin}/revoke")).form(&code), "no client authentication", ""),
    ] {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let told = answer["error_description"].as_str().unwrap();
        let (_, rest) = told.split_once("(reference ").unwrap_or_else(|| panic!("{answer}"));
        let line = line(&home, rest.trim_end_matches(')'));
        assert!(line.contains(reason), "{reason} in {line}");
        assert!(client.is_empty() || line.contains(&format!("client={client}")), "{line}");
    }
    let log = log(&home);
    assert!(log.contains("sent=client_secret_post registered=client_secret_basic"), "{log}");
    assert!(log.contains("sent=password"), "{log}");
    for private in [secret.as_str(), "wrong-secret", "code-5f0c", "taro", "pw-77"] {
        assert!(!log.contains(private), "{private}: {log}");
    }
    assert_eq!(server.stop(), 0);
}

/// A flood of wrong requests writes few lines, short and escaped, and their number is told.
#[tokio::test]
async fn word_28_a_flood_of_wrong_requests_does_not_flood_the_log() {
    let (home, origin, server, _) = served();
    let client = http().build().unwrap();
    let long = format!("{}%E2%80%AE%1b%5B2J", "x".repeat(150));
    let longer = "y".repeat(5000);
    for turn in 0..400 {
        let id = if turn % 2 == 0 { &long } else { &longer };
        let url = format!("{origin}/authorize?client_id={id}");
        assert_eq!(client.get(url).send().await.unwrap().status(), 400);
    }
    let log = log(&home);
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("R-4001")).collect();
    // A line begins with its time. The broker's second and the log's may differ by one line's time.
    let mut seconds = std::collections::BTreeMap::<&str, u32>::new();
    for line in &lines {
        *seconds.entry(&line[..19]).or_default() += 1;
    }
    assert!(!lines.is_empty() && seconds.values().all(|lines| *lines <= 12), "{seconds:?}");
    assert!(lines.iter().all(|line| line.len() < 700), "{lines:?}");
    assert!(!log.contains('\u{202e}') && !log.contains('\u{1b}'), "{log}");
    // A registered client's line is written although strangers fill the log.
    let shown =
        page(&format!("{origin}/authorize?client_id=portal&redirect_uri=https%3A%2F%2Fx")).await;
    line(&home, &reference(&shown));
    assert_eq!(server.stop(), 0);
}

/// A reference that the log alone knows is said to be there.
#[tokio::test]
async fn word_28_audit_query_finds_by_the_beginning_of_a_reference() {
    let home = Home::new();
    home.init();
    home.json(&["org", "add", "7900000000002", "--name-ja", "瀬戸内", "--name-en", "Setouchi"]);
    home.json(&["org", "add", "8900000000001", "--name-ja", "北海", "--name-en", "Hokkai"]);
    for reference in ["7900000000002", "7900"] {
        let found = home.json(&["audit", "query", "--reference", reference]);
        let records = found["records"].as_array().unwrap();
        assert!(!records.is_empty() && found["next"].is_null(), "{found}");
        let objects: Vec<&str> =
            records.iter().filter_map(|record| record["entry"]["object"].as_str()).collect();
        assert!(objects.contains(&"7900000000002"), "{found}");
        assert!(!found.to_string().contains("\"object\":\"8900000000001\""), "{found}");
    }
    let output = home.run(&["audit", "query", "--reference", "7900", "--output", "json"]);
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(output.stdout.starts_with('{'), "{output:?}");
    let first = home.json(&["audit", "query", "--reference", "7900", "--limit", "1"]);
    assert_eq!(first["records"].as_array().unwrap().len(), 1);
    let none = home.run(&["audit", "query", "--reference", "feedfeedfeedfeed"]);
    assert_eq!(none.code(), 0, "{none:?}");
    assert!(none.stderr.contains("log"), "{none:?}");
    let short = home.run(&["audit", "query", "--reference", ""]);
    assert_eq!(short.code(), 2, "{short:?}");
}
