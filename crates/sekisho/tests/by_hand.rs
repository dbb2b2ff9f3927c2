//! The steps of the demonstration, done by hand: `init`, `serve`, the admin API through commands, a
//! relying party of the test's own, and the holder's program.

use std::collections::BTreeMap;

use crate::support::{Home, OPERATOR, TENANT, http};
use serde_json::{Value, json};
use url::Url;

const CALLBACK: &str = "http://127.0.0.1:8888/callback";
/// A verifier and its S256 challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser that keeps cookies of one origin.
pub(crate) struct Browser {
    pub(crate) http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// A page, or the answer that leaves for the relying party.
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let http = http().redirect(reqwest::redirect::Policy::none());
        Self { http: http.build().unwrap(), cookies: BTreeMap::new() }
    }

    /// Follows redirects to the last page, or to the relying party.
    pub(crate) async fn open(&mut self, request: reqwest::RequestBuilder) -> Page {
        let mut request = request;
        loop {
            let line: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let sent = request.header("accept-language", "ja").header("cookie", line.join("; "));
            let answer = sent.send().await.unwrap();
            for line in answer.headers().get_all("set-cookie") {
                let pair = line.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let url = answer.url().clone();
            let Some(location) = answer.headers().get("location") else {
                return Page { url: url.into(), body: answer.text().await.unwrap() };
            };
            let next = url.join(location.to_str().unwrap()).unwrap();
            if next.as_str().starts_with(CALLBACK) {
                return Page { url: next.into(), body: String::new() };
            }
            request = self.http.get(next);
        }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        self.open(self.http.get(url)).await
    }
}

impl Page {
    /// The text between `before` and `after`.
    pub(crate) fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.body.split_once(before).unwrap_or_else(|| panic!("{}", self.body));
        rest.split_once(after).unwrap().0.replace("&#38;", "&")
    }

    pub(crate) fn wallet_link(&self) -> String {
        format!("openid4vp://{}", self.between("\"openid4vp://", "\""))
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let url = Url::parse(&self.url).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// Runs the holder's program.
pub(crate) struct Holder<'h> {
    pub(crate) home: &'h Home,
}

impl Holder<'_> {
    pub(crate) async fn run(&self, arguments: &[&str]) -> Value {
        let (code, text, notes) = self.try_to(arguments).await;
        assert_eq!(code, 0, "{text}{notes}");
        serde_json::from_str(&text).unwrap()
    }

    /// Answers the request on a login page, and returns what the holder is told when that fails.
    pub(crate) async fn refused(&self, page: &Page) -> String {
        let (code, text, notes) = self.try_to(&["present", &page.wallet_link(), "--yes"]).await;
        assert_ne!(code, 0, "{text}{notes}");
        format!("{text}{notes}")
    }

    /// Runs the program, and returns its exit code, its output and its notes.
    async fn try_to(&self, arguments: &[&str]) -> (u8, String, String) {
        use clap::Parser as _;
        let dir = self.home.path("holder").display().to_string();
        let words = [&["tegata", "--json", "--wallet", &dir], arguments].concat();
        let arguments = tegata::cli::Arguments::parse_from(words);
        let (mut input, mut output, mut notes) = (std::io::empty(), Vec::new(), Vec::new());
        let mut terminal =
            tegata::cli::Terminal { input: &mut input, output: &mut output, notes: &mut notes };
        let code = tegata::cli::run(arguments, tegata::Surroundings::system(), &mut terminal).await;
        (code, String::from_utf8(output).unwrap(), String::from_utf8(notes).unwrap())
    }

    /// Answers the request on a login page. The browser then goes where the wallet sends it.
    pub(crate) async fn present(&self, page: &Page, browser: &mut Browser) -> Page {
        let shown = self.run(&["present", &page.wallet_link(), "--yes"]).await;
        browser.get(shown["redirect_uri"].as_str().unwrap()).await
    }
}

pub(crate) fn request(origin: &str, client: &str) -> String {
    let details = json!([{
        "type": "gpu_access", "service": "gpu-console", "actions": ["submit"],
        "gpus": 8, "gpu_hours": 64,
    }]);
    let mut url = Url::parse(&format!("{origin}/authorize")).unwrap();
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile gpu_access"),
        ("state", "s-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("authorization_details", &details.to_string()),
    ]);
    url.into()
}

/// An operator's commands, from an empty folder to two offers and a client's secret.
pub(crate) fn set_up(home: &Home) -> (String, String, String) {
    for (number, ja, en, types) in [
        (TENANT, "瀬戸内精密工業株式会社", "Setouchi Precision Industries", "affiliation"),
        (OPERATOR, "北海AI計算基盤株式会社", "Hokkai AI Compute", "ai-training"),
    ] {
        home.json(&["org", "add", number, "--name-ja", ja, "--name-en", en]);
        home.json(&["trust", "add", number, "--type", types]);
    }
    let client = home.json(&[
        "client",
        "add",
        "--id",
        "portal",
        "--name-ja",
        "ポータル",
        "--name-en",
        "Portal",
        "--purpose-ja",
        "利用者の確認",
        "--purpose-en",
        "Knowing users",
        "--redirect-uri",
        CALLBACK,
        "--scope",
        "openid profile gpu_access offline_access",
        "--service",
        "gpu-console",
    ]);
    let claims = json!({
        "org_corporate_number": TENANT, "org_name": "瀬戸内精密工業株式会社",
        "affiliation_type": "regular", "member_ref": "m-0001", "name": "山田 太郎",
    });
    std::fs::write(home.path("taro.json"), claims.to_string()).unwrap();
    let affiliation = home.json(&[
        "credential",
        "offer",
        "--org",
        TENANT,
        "--type",
        "affiliation",
        "--claims",
        "taro.json",
    ]);
    let training = home.json(&[
        "credential",
        "offer",
        "--org",
        OPERATOR,
        "--type",
        "ai-training",
        "--subject",
        "m-0001",
        "--claim",
        "achievement_id=ai-safety-basic",
        "--claim",
        "achievement_name=AI安全研修",
        "--claim",
        "framework=internal",
        "--claim",
        "valid_through=2099-03-31",
        "--claim",
        "level:=2",
        "--claim",
        "level_gte_1:=true",
        "--claim",
        "level_gte_2:=true",
        "--claim",
        "level_gte_3:=false",
        "--claim",
        "completed_on=2026-10-01",
    ]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&client["client_secret"]), text(&affiliation["uri"]), text(&training["uri"]))
}

/// VP-17, OA-38.
#[tokio::test]
async fn a_person_is_refused_told_why_granted_and_refused_again_after_a_revocation() {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    let (secret, affiliation, training) = set_up(&home);
    let holder = Holder { home: &home };
    holder.run(&["init", "--trust", &home.path("data/ca.pem").display().to_string()]).await;
    holder.run(&["accept", &affiliation]).await;
    let mut browser = Browser::new();

    let page = browser.get(&request(&origin, "portal")).await;
    let denied = holder.present(&page, &mut browser).await;
    assert!(denied.body.contains("P-3201"), "{}", denied.body);

    holder.run(&["accept", &training]).await;
    let page = browser.get(&request(&origin, "portal")).await;
    let consent = holder.present(&page, &mut browser).await;
    assert!(consent.body.contains("consent-allow"), "{}", consent.body);
    let token = consent.between("name=\"form_token\" value=\"", "\"");
    let form = [("form_token", token.as_str()), ("decision", "allow")];
    let answer = browser.open(browser.http.post(&consent.url).form(&form)).await;
    assert_eq!(answer.parameter("state").as_deref(), Some("s-1"));
    assert_eq!(answer.parameter("iss"), Some(origin.clone()));
    let code = answer.parameter("code").unwrap();

    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let sent = browser.http.post(format!("{origin}/token")).basic_auth("portal", Some(&secret));
    let tokens: Value = sent.form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(tokens["authorization_details"][0]["gpus"], 8, "{tokens}");
    let sent = browser.http.get(format!("{origin}/userinfo"));
    let sent = sent.bearer_auth(tokens["access_token"].as_str().unwrap());
    let person: Value = sent.send().await.unwrap().json().await.unwrap();
    assert_eq!(person["name"], "山田 太郎");

    let revoked = home.json(&["credential", "revoke", "--last", "affiliation", "--yes"]);
    assert_eq!(revoked["status"], "revoked");
    let refused = browser.get(&request(&origin, "portal")).await;
    assert!(refused.body.contains("C-2001"), "{}", refused.body);
    assert_eq!(home.json(&["audit", "verify"])["fault"], Value::Null);
    assert_eq!(server.stop(), 0);

    let log = std::fs::read_to_string(home.path("log")).unwrap();
    let store = std::fs::read(home.path("data/sekisho.redb")).unwrap();
    for secret in ["山田 太郎", "m-0001", &secret, &code, tokens["access_token"].as_str().unwrap()]
    {
        assert!(!log.contains(secret), "{secret} in the log");
        let found = store.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} in the store");
    }
}

/// Sends the portal's request to the token endpoint. Returns the status and the body.
async fn token(origin: &str, secret: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let http = http().build().unwrap();
    let sent = http.post(format!("{origin}/token")).basic_auth("portal", Some(secret)).form(form);
    let answer = sent.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Operators see who is logged in and what services were given, and end it, by commands.
#[tokio::test]
async fn word_01_sessions_and_grants_are_ended_by_commands() {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    let (secret, affiliation, training) = set_up(&home);
    let holder = Holder { home: &home };
    holder.run(&["init", "--trust", &home.path("data/ca.pem").display().to_string()]).await;
    holder.run(&["accept", &affiliation]).await;
    holder.run(&["accept", &training]).await;
    assert_eq!(home.json(&["session", "list"])["sessions"], json!([]));
    let mut codes = Vec::new();
    for prompt in ["", "&prompt=login"] {
        let mut browser = Browser::new();
        let page = browser.get(&format!("{}{prompt}", request(&origin, "portal"))).await;
        let mut answer = holder.present(&page, &mut browser).await;
        if answer.body.contains("consent-allow") {
            let form_token = answer.between("name=\"form_token\" value=\"", "\"");
            let form = [("form_token", form_token.as_str()), ("decision", "allow")];
            answer = browser.open(browser.http.post(&answer.url).form(&form)).await;
        }
        codes.push(answer.parameter("code").unwrap());
    }

    let sessions = home.json(&["session", "list", "--client", "portal"]);
    let ids: Vec<String> = sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    let lines = home.run(&["session", "list", "--output", "jsonl"]);
    let lines: Vec<Value> =
        lines.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json!(lines), sessions["sessions"]);
    let table = home.run(&["session", "list", "--lang", "ja"]);
    assert!(table.stdout.starts_with("ID") && table.stdout.contains("ログイン"), "{table:?}");
    assert_eq!(table.stdout.lines().count(), 3, "{table:?}");
    let person = lines[0]["person"].as_str().unwrap();
    for noun in ["session", "grant"] {
        let of_person = home.json(&[noun, "list", "--person", person]);
        assert_eq!(of_person[format!("{noun}s")].as_array().unwrap().len(), 2);
        let of_nobody = home.run(&[noun, "list", "--person", "0000000000000000"]);
        assert_eq!((of_nobody.code(), of_nobody.stdout.as_str()), (0, ""), "{of_nobody:?}");
    }

    let untyped = home.run(&["session", "end", &ids[0]]);
    assert_eq!(untyped.code(), 2, "{untyped:?}");
    let plan = home.json(&["session", "end", &ids[0], "--dry-run"]);
    assert_eq!((&plan["audit_id"], plan["grants"].as_array().unwrap().len()), (&Value::Null, 1));
    assert_eq!(home.json(&["session", "list"])["sessions"].as_array().unwrap().len(), 2);
    let ended = home.run_with(&["session", "end", &ids[0], "--reason", "device lost"], &ids[0]);
    assert_eq!(ended.code(), 0, "{ended:?}");
    assert!(ended.stderr.contains("Audit ID"), "{ended:?}");
    let again = home.run(&["session", "end", &ids[0], "--yes"]);
    assert_eq!(again.code(), 4, "{again:?}");
    let grants = home.json(&["grant", "list"]);
    let [left] = grants["grants"].as_array().unwrap().as_slice() else { panic!("{grants}") };
    assert_eq!((&left["client_id"], &left["gate"]), (&json!("portal"), &json!("gpu-console")));
    let all = home.run(&["grant", "list", "--all", "--lang", "en"]);
    assert!(all.stdout.contains("its session was ended"), "{all:?}");

    let id = left["id"].as_str().unwrap();
    let ended = home.json(&["grant", "end", id, "--yes"]);
    assert!(ended["audit_id"].is_string(), "{ended}");
    assert_eq!(home.run(&["grant", "end", id, "--yes"]).code(), 4);
    for code in &codes {
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let (status, refused) = token(&origin, &secret, &redeem).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    }
    assert_eq!(home.json(&["session", "list"])["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(server.stop(), 0);
    // The same commands without a server.
    assert_eq!(home.json(&["session", "end", &ids[1], "--yes"])["grants"], json!([]));
    assert_eq!(home.json(&["audit", "verify"])["fault"], Value::Null);
}

/// OA-07, OA-08: the program is killed again and again. What it had answered still holds: used
/// codes and tokens stay used, ended families stay ended, and valid tokens stay valid.
#[tokio::test]
async fn a_kill_brings_nothing_back_and_loses_nothing() {
    let home = Home::new();
    let origin = home.init();
    let mut server = home.serve();
    let (secret, affiliation, _) = set_up(&home);
    let holder = Holder { home: &home };
    holder.run(&["init", "--trust", &home.path("data/ca.pem").display().to_string()]).await;
    holder.run(&["accept", &affiliation]).await;

    let mut url = Url::parse(&request(&origin, "portal")).unwrap();
    let kept: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(
            kept.iter().filter(|(name, _)| !["scope", "authorization_details"].contains(&&**name)),
        )
        .append_pair("scope", "openid profile offline_access")
        .append_pair("prompt", "consent");
    let mut browser = Browser::new();
    let page = browser.get(url.as_str()).await;
    let consent = holder.present(&page, &mut browser).await;
    let form_token = consent.between("name=\"form_token\" value=\"", "\"");
    let form = [("form_token", form_token.as_str()), ("decision", "allow")];
    let answer = browser.open(browser.http.post(&consent.url).form(&form)).await;
    let code = answer.parameter("code").unwrap();
    server.kill();
    server = home.serve();

    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let (status, tokens) = token(&origin, &secret, &redeem).await;
    assert_eq!(status, 200, "{tokens}");
    let mut family = vec![tokens["refresh_token"].as_str().unwrap().to_owned()];
    for _ in 0..3 {
        server.kill();
        server = home.serve();
        let newest = family.last().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", newest)];
        let (status, tokens) = token(&origin, &secret, &form).await;
        assert_eq!(status, 200, "{tokens}");
        family.push(tokens["refresh_token"].as_str().unwrap().to_owned());
    }
    // An older token, presented after a restart, counts as theft and ends the family.
    for used in [&family[1], &family[3], &family[3]] {
        server.kill();
        server = home.serve();
        let form = [("grant_type", "refresh_token"), ("refresh_token", used)];
        let (status, refused) = token(&origin, &secret, &form).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    }
    let (status, refused) = token(&origin, &secret, &redeem).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(home.json(&["audit", "verify"])["fault"], Value::Null);
    assert_eq!(server.stop(), 0);
}
