//! Forward authentication: what a reverse proxy is told about the visitors of guarded origins, and
//! logins that begin and end there. The test is the proxy: it says what a real one says.

use reqwest::header::{HeaderMap, HeaderValue};
use sekisho_broker::admin::{EditClient, EditResource, EndSession, ListEdit};
use sekisho_broker::config::Config;
use sekisho_registry::Guard;
use sekisho_tests::{Browser, Page, Rp, Wallet, World, http, parameter};
use serde_json::{Value, json};

const LAB: &str = "https://lab.example.jp";
const OTHER: &str = "https://other.example.jp";
const A: &str = "https://a.domain.jp";
const B: &str = "https://b.domain.jp";
const P: &str = "https://p.example.jp";
const Q: &str = "https://q.example.jp";
const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");

fn guard(id: &str, origins: &[&str], scopes: &str) -> Guard {
    Guard {
        id: id.to_owned(),
        origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        client: id.to_owned(),
        resource: None,
        proxies: vec!["127.0.0.1".parse().unwrap()],
        scopes: scopes.split(' ').map(str::to_owned).collect(),
        groups: Vec::new(),
        cookie_domain: None,
    }
}

fn guards(config: &mut Config) {
    let domain = Some("domain.jp".to_owned());
    config.guards = vec![
        guard("lab", &[LAB], "openid profile organization"),
        guard("other", &[OTHER], "openid"),
        Guard { cookie_domain: domain, ..guard("domain", &[A, B], "openid") },
        guard("pair", &[P, Q], "openid"),
        guard("gpu", &["https://gpu.example.jp"], "openid gpu_access"),
        Guard {
            groups: vec!["admin".to_owned()],
            ..guard("few", &["https://few.example.jp"], "openid organization")
        },
        Guard {
            resource: Some("https://store.example".to_owned()),
            ..guard("store", &["https://store.example.jp"], "openid organization")
        },
        Guard {
            resource: Some("https://slurm.example".to_owned()),
            ..guard("slurm", &["https://slurm.example.jp"], "openid gpu_access")
        },
        Guard {
            proxies: vec!["192.0.2.1".parse().unwrap()],
            ..guard("far", &["https://far.example.jp"], "openid")
        },
    ];
}

/// A world with guards, and for each the client that an operator registers.
async fn world() -> World {
    World::with(guards).await
}

async fn client(world: &World, guard: &str) -> Rp {
    client_with(world, guard, "openid profile email organization gpu_access").await
}

async fn client_with(world: &World, guard: &str, scopes: &str) -> Rp {
    let found = world.broker.registry().guards();
    let origins = [LAB, OTHER, A, P, "https://gpu.example.jp", "https://few.example.jp"];
    let origin =
        origins.into_iter().find(|origin| found.at(origin).unwrap().0.id == guard).unwrap();
    let redirect_uris = vec![format!("{origin}/.sekisho/callback")];
    let (id, scopes) = (guard.to_owned(), scopes.split(' ').map(str::to_owned).collect());
    world
        .rp_with(|add| {
            add.client_id = Some(id);
            add.redirect_uris = redirect_uris;
            add.native = false;
            add.scopes = scopes;
        })
        .await
}

/// What the proxy of an origin says of a request.
fn described(url: &str) -> HeaderMap {
    let parsed = url::Url::parse(url).unwrap();
    let path = &url[parsed.origin().ascii_serialization().len()..];
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-forwarded-proto", parsed.scheme()),
        ("x-forwarded-host", parsed.host_str().unwrap()),
        ("x-forwarded-uri", if path.is_empty() { "/" } else { path }),
        ("x-forwarded-method", "GET"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().unwrap())
    }

    fn cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    }
}

async fn send(url: &str, headers: HeaderMap) -> Answer {
    let answer = http().get(url).headers(headers).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, body: answer.text().await.unwrap() }
}

/// Asks whether a request with these headers may pass.
async fn ask_with(world: &World, mut headers: HeaderMap, more: &[(&'static str, &str)]) -> Answer {
    for (name, value) in more {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let answer = send(&format!("{}/access/v1/forward-auth", world.origin), headers).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer
}

async fn ask(world: &World, url: &str, more: &[(&'static str, &str)]) -> Answer {
    ask_with(world, described(url), more).await
}

/// A browser before a guarded site: what it knows at the broker, and the cookies of the site.
#[derive(Clone, Default)]
struct Visitor {
    broker: Browser,
    jar: Vec<(String, String)>,
}

impl Visitor {
    fn cookie(&self) -> String {
        let pairs: Vec<_> =
            self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Opens what the proxy passes on to the broker.
    async fn open(&mut self, world: &World, url: &str) -> Answer {
        let mut headers = described(url);
        headers.insert("cookie", HeaderValue::from_str(&self.cookie()).unwrap());
        let path = headers["x-forwarded-uri"].to_str().unwrap().to_owned();
        let answer = send(&format!("{}{path}", world.origin), headers).await;
        for line in answer.cookies() {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.jar.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0") {
                self.jar.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// Asks for `url` and is sent to log in; returns the authorization request.
    async fn begin(&mut self, world: &World, url: &str) -> String {
        let cookie = self.cookie();
        let sent = ask(world, url, &[HTML, ("cookie", &cookie)]).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let login = sent.header("location").unwrap().to_owned();
        let begun = self.open(world, &login).await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        begun.header("location").unwrap().to_owned()
    }

    /// Goes on from the authorization request until the browser is sent to the callback.
    async fn answer(&mut self, wallet: &Wallet, request: &str, rp: &Rp) -> String {
        let page = self.broker.get(request).await;
        let mut page = self.broker.follow(page, &rp.redirect_uri).await;
        if page.location.is_none() && page.body.contains("wallet-open") {
            let shown = wallet.present(&page.link("wallet-open")).await;
            let back = self.broker.get(&shown.redirect_uri()).await;
            page = self.broker.follow(back, &rp.redirect_uri).await;
        }
        match page.location.clone() {
            Some(location) => location,
            None => self.broker.agree(&page).await,
        }
    }

    /// Logs in at `url`, and comes back there.
    async fn log_in(&mut self, world: &World, wallet: &Wallet, url: &str, rp: &Rp) {
        let request = self.begin(world, url).await;
        let callback = self.answer(wallet, &request, rp).await;
        let back = self.open(world, &callback).await;
        assert_eq!((back.status, back.header("location")), (303, Some(url)), "{}", back.body);
    }

    async fn ask(&self, world: &World, url: &str) -> Answer {
        ask(world, url, &[HTML, ("cookie", &self.cookie())]).await
    }
}

fn told(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(reqwest::header::HeaderName::as_str);
    let mut told: Vec<_> = names.filter(|name| name.starts_with("x-auth-request")).collect();
    told.sort_unstable();
    told
}

/// A visitor without anything: a page leads to the login, a program gets a challenge that names the
/// metadata and the scope (RFC 6750, section 3; RFC 9728, section 5.1).
#[tokio::test]
async fn tokens_06_who_shows_nothing_is_sent_to_log_in_or_challenged() {
    let world = world().await;
    client(&world, "lab").await;
    let page = format!("{LAB}/notebooks?x=1&y=%20");
    let program = ask(&world, &page, &[]).await;
    assert_eq!((program.status, program.header("location")), (401, None));
    let challenge = program.header("www-authenticate").unwrap();
    let metadata = format!("{LAB}/.sekisho/oauth-protected-resource");
    let expected =
        format!("Bearer resource_metadata=\"{metadata}\", scope=\"openid profile organization\"");
    assert_eq!(challenge, expected);

    let person = ask(&world, &page, &[HTML]).await;
    let login = format!("{LAB}/.sekisho/login?to=%2Fnotebooks%3Fx%3D1%26y%3D%2520");
    assert_eq!((person.status, person.header("location")), (303, Some(login.as_str())));
    assert!(person.cookies().is_empty(), "a question sets no cookie");
    for script in [
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "image"),
        ("x-requested-with", "XMLHttpRequest"),
    ] {
        assert_eq!(ask(&world, &page, &[HTML, script]).await.status, 401, "{script:?}");
    }
    let mut posted = described(&page);
    posted.insert("x-forwarded-method", HeaderValue::from_static("POST"));
    assert_eq!(ask_with(&world, posted, &[HTML]).await.status, 401);

    // nginx understands 401 alone, and takes the address from it.
    let mut original = HeaderMap::new();
    original.insert("x-original-url", HeaderValue::from_str(&page).unwrap());
    let nginx = ask_with(&world, original, &[HTML]).await;
    assert_eq!((nginx.status, nginx.header("location")), (401, Some(login.as_str())));
    assert_eq!(nginx.header("www-authenticate"), Some(expected.as_str()));

    let mut visitor = Visitor::default();
    let document: Value =
        serde_json::from_str(&visitor.open(&world, &metadata).await.body).unwrap();
    assert_eq!(document["resource"], LAB);
    assert_eq!(document["authorization_servers"], serde_json::json!([world.origin]));
}

/// The whole way of a browser; what the service is told is what the scopes release, in ASCII.
#[tokio::test]
async fn tokens_06_a_browser_logs_in_at_a_guarded_site_and_passes() {
    let world = world().await;
    let rp = client(&world, "lab").await;
    client(&world, "other").await;
    let wallet = world.member().await;
    let (mut visitor, page) = (Visitor::default(), format!("{LAB}/x?y=z"));
    visitor.log_in(&world, &wallet, &page, &rp).await;
    let passed = visitor.ask(&world, &page).await;
    assert_eq!(passed.status, 200, "{}", passed.body);
    assert_eq!(
        told(&passed),
        ["x-auth-request-groups", "x-auth-request-preferred-username", "x-auth-request-user"],
        "no e-mail address: its scope was not asked for",
    );
    assert_eq!(passed.header("x-auth-request-groups"), Some("gpu-user,lead"));

    // The cookie is for this host alone, and no script reads it.
    let names: Vec<_> = visitor.jar.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"__Host-sekisho-guard-lab"), "{names:?}");
    let request = visitor.begin(&world, &format!("{OTHER}/")).await;
    assert!(request.contains("client_id=other"), "the session of one site is none at another");

    // Log-out ends it for everybody who has the cookie, and leads to the broker's own.
    let stolen = visitor.clone();
    let left = visitor.open(&world, &format!("{LAB}/.sekisho/logout")).await;
    let location = left.header("location").unwrap();
    assert_eq!(
        (left.status, location),
        (303, format!("{}/logout?client_id=lab", world.origin).as_str())
    );
    assert_eq!(stolen.ask(&world, &page).await.status, 303);
}

/// A question of a visitor who may pass writes nothing. Whatever ends the grant, the session or the
/// login behind it is seen at the next question.
#[tokio::test]
async fn tokens_06_what_stands_is_asked_at_every_request() {
    for end in ["credential", "session of the broker", "log-out", "client", "time"] {
        let world = world().await;
        let rp = client(&world, "lab").await;
        let wallet = world.member().await;
        let (mut visitor, page) = (Visitor::default(), format!("{LAB}/"));
        visitor.log_in(&world, &wallet, &page, &rp).await;
        let head = async || world.broker.site().store().audit_head().await.unwrap();
        let before = head().await;
        for _ in 0..3 {
            assert_eq!(visitor.ask(&world, &page).await.status, 200);
        }
        assert_eq!(head().await, before, "no row is written for who may pass");
        match end {
            "credential" => world.revoke("affiliation").await,
            "session of the broker" => {
                let sessions = world.broker.logins().sessions(None, 2, |_| true).await.unwrap();
                let end = EndSession { keep_grants: true, ..EndSession::default() };
                let act = world.act();
                world.broker.end_session(&act, &sessions.rows[0].1.sid, &end).await.unwrap();
            }
            "log-out" => {
                let url = format!("{}/logout", world.origin);
                let asked = visitor.broker.get(&url).await;
                let question = visitor.broker.follow(asked, "none:").await;
                let token = question.form_token();
                let form = [("form_token", token.as_str()), ("decision", "yes")];
                visitor.broker.post(&question.url, &form).await;
            }
            "client" => {
                world.broker.remove_client(&world.act(), "lab").await.unwrap();
            }
            _ => world.clock.advance(8 * 3600),
        }
        assert_eq!(visitor.ask(&world, &page).await.status, 303, "{end}");
        let cookie = visitor.cookie();
        assert_eq!(ask(&world, &page, &[("cookie", &cookie)]).await.status, 401, "{end}");
    }
}

/// OA-05: an access token counts at the guard of its client alone; nothing else counts as one.
#[tokio::test]
async fn tokens_06_an_access_token_counts_at_the_guard_of_its_client() {
    let world = world().await;
    let (lab, other) = (client(&world, "lab").await, client(&world, "other").await);
    let wallet = world.member().await;
    let whole = Browser::new().log_in(&wallet, &lab.plain_request(), &lab).await;
    let narrow = Browser::new().log_in(&wallet, &lab.request("openid", &[]), &lab).await;
    let foreign = Browser::new().log_in(&wallet, &other.plain_request(), &other).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let at = async |origin: &str, token: &str| {
        ask(&world, &format!("{origin}/api"), &[HTML, ("authorization", &bearer(token))]).await
    };
    let passed = at(LAB, &whole.access_token).await;
    assert_eq!(passed.status, 200, "{}", passed.body);
    assert_eq!(passed.header("x-auth-request-user"), whole.id_token["sub"].as_str());
    assert_eq!(at(OTHER, &foreign.access_token).await.status, 200);

    let mut visitor = Visitor::default();
    visitor.log_in(&world, &wallet, &format!("{LAB}/"), &lab).await;
    let session = &visitor.jar.iter().find(|(name, _)| name.ends_with("guard-lab")).unwrap().1;
    let id_token = whole.body["id_token"].as_str().unwrap();
    for wrong in [foreign.access_token.as_str(), session, id_token, "x", "", "a b"] {
        let answer = at(LAB, wrong).await;
        assert_eq!((answer.status, answer.header("location")), (401, None), "{wrong}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(told(&answer).is_empty());
    }
    assert_eq!(at(OTHER, &whole.access_token).await.status, 401);
    let answer = at(LAB, &narrow.access_token).await;
    let challenge = answer.header("www-authenticate").unwrap().to_owned();
    assert_eq!(answer.status, 403);
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"openid profile organization\""), "{challenge}");

    // A token decides alone, also beside a good session; two are none; another scheme is none.
    let (cookie, good) = (visitor.cookie(), bearer(&whole.access_token));
    let page = format!("{LAB}/api");
    let both = [("cookie", cookie.as_str()), ("authorization", "Bearer x")];
    assert_eq!(ask(&world, &page, &both).await.status, 401);
    let twice = [("authorization", good.as_str()), ("authorization", good.as_str())];
    assert_eq!(ask(&world, &page, &twice).await.status, 401);
    let basic = [("cookie", cookie.as_str()), ("authorization", "Basic dGVzdDp0ZXN0")];
    assert_eq!(ask(&world, &page, &basic).await.status, 200);
    let query = format!("{LAB}/api?access_token={}", whole.access_token);
    assert_eq!(ask(&world, &query, &[]).await.status, 401);

    world.revoke("affiliation").await;
    assert_eq!(at(LAB, &whole.access_token).await.status, 401);
}

/// What a request says of itself counts only from a proxy of that guard, and only if it is clear.
#[tokio::test]
async fn tokens_06_only_a_proxy_of_the_guard_is_believed() {
    let world = world().await;
    let rp = client(&world, "lab").await;
    let mut visitor = Visitor::default();
    visitor.log_in(&world, &world.member().await, &format!("{LAB}/"), &rp).await;
    let cookie = visitor.cookie();
    let proof = [HTML, ("cookie", cookie.as_str())];
    for (url, why) in [
        ("https://unknown.example.jp/", "no guard"),
        ("https://far.example.jp/", "another proxy"),
        ("http://lab.example.jp/", "another scheme"),
        ("https://lab.example.jp:444/", "another port"),
        ("https://lab.example.jp./", "another name"),
        ("https://lab.example.jp/.sekisho/login", "what the proxy has to pass on"),
    ] {
        let mut headers = described(url);
        let host = url.split('/').nth(2).unwrap();
        headers.insert("x-forwarded-host", HeaderValue::from_str(host).unwrap());
        let answer = ask_with(&world, headers, &proof).await;
        assert_eq!(answer.status, 403, "{why}");
        assert!(answer.body.starts_with("R-4007"), "{why}: {}", answer.body);
        assert!(told(&answer).is_empty(), "{why}");
    }
    for more in [
        ("x-forwarded-host", "other.example.jp"),
        ("x-forwarded-proto", "http"),
        ("x-original-url", "https://other.example.jp/"),
        ("x-original-url", "https://lab.example.jp/elsewhere"),
    ] {
        let said = [&proof[..], &[more]].concat();
        let answer = ask_with(&world, described(&format!("{LAB}/")), &said).await;
        assert_eq!(answer.status, 403, "{more:?}");
    }
    assert_eq!(ask_with(&world, HeaderMap::new(), &proof).await.status, 403);

    // What a visitor says of themselves never comes back.
    let spoofed =
        [("x-auth-request-user", "root"), ("x-auth-request-email", "root@lab.example.jp")];
    let answer = ask(&world, &format!("{LAB}/"), &[&proof[..], &spoofed].concat()).await;
    assert_eq!((answer.status, answer.header("x-auth-request-email")), (200, None));
    assert_ne!(answer.header("x-auth-request-user"), Some("root"));
}

/// A code that comes back opens a session in the browser that began, at the guard where it began, once.
#[tokio::test]
async fn tokens_06_a_login_ends_in_the_browser_that_began_it() {
    let world = world().await;
    let (rp, other) = (client(&world, "lab").await, client(&world, "other").await);
    let wallet = world.member().await;
    let mut visitor = Visitor::default();
    let request = visitor.begin(&world, &format!("{LAB}/")).await;
    let callback = visitor.answer(&wallet, &request, &rp).await;

    let mut stranger = Visitor::default();
    stranger.begin(&world, &format!("{LAB}/")).await;
    let changed = |name: &str, value: Option<&str>| {
        let mut url = url::Url::parse(&callback).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let kept = pairs.into_iter().filter(|(key, _)| key != name);
        let more = value.map(|value| (name.to_owned(), value.to_owned()));
        url.query_pairs_mut().clear().extend_pairs(kept.chain(more));
        String::from(url)
    };
    let mut tab = visitor.clone();
    let of_tab = parameter(&tab.begin(&world, &format!("{LAB}/other")).await, "state").unwrap();
    let mut elsewhere = visitor.clone();
    let of_other = elsewhere.begin(&world, &format!("{OTHER}/")).await;
    let at_other = elsewhere.answer(&wallet, &of_other, &other).await.replace(OTHER, LAB);
    for (who, url, code) in [
        (&Visitor::default(), callback.clone(), "A-1005"),
        (&stranger, callback.clone(), "A-1005"),
        (&elsewhere, at_other, "A-1005"),
        (&tab, changed("state", Some("x")), "A-1005"),
        (&tab, changed("state", None), "A-1005"),
        (&tab, changed("iss", None), "A-1005"),
        (&tab, changed("iss", Some("https://evil.test")), "A-1005"),
        (&tab, format!("{callback}&state=x"), "A-1005"),
        (&tab, changed("code", Some("x")), "A-1004"),
        (&tab, changed("code", None), "A-1001"),
        // The code of one tab with the state of another.
        (&tab, changed("state", Some(&of_tab)), "A-1004"),
    ] {
        let answer = who.clone().open(&world, &url).await;
        assert!(answer.body.starts_with(code), "{url}: {}", answer.body);
        assert!(answer.status >= 400 && answer.cookies().is_empty(), "{url}");
    }
    // None of this has used the code up. The answer may be lost, and the browser asks again.
    let first = visitor.clone().open(&world, &callback).await;
    let again = visitor.open(&world, &callback).await;
    assert_eq!((first.status, again.status), (303, 303));
    let session = |answer: &Answer| answer.cookies()[0].split(';').next().unwrap().to_owned();
    assert_eq!(session(&first), session(&again));
    assert_eq!(visitor.ask(&world, &format!("{LAB}/")).await.status, 200);

    // Once the session is over, the same way back is a replay.
    let stale = visitor.clone();
    visitor.open(&world, &format!("{LAB}/.sekisho/logout")).await;
    let replayed = stale.clone().open(&world, &callback).await;
    assert!(replayed.body.starts_with("A-1004"), "{}", replayed.body);

    let mut late = Visitor::default();
    let request = late.begin(&world, &format!("{LAB}/")).await;
    let callback = late.answer(&wallet, &request, &rp).await;
    world.clock.advance(661);
    assert!(late.open(&world, &callback).await.body.starts_with("A-1001"));
}

/// OA-14: a login leads back to an origin of its guard, and nowhere else.
#[tokio::test]
async fn tokens_06_a_login_is_no_open_redirect() {
    let world = world().await;
    client(&world, "lab").await;
    for to in [
        "https://evil.test/",
        "//evil.test/",
        "/%5Cevil.test",
        "https://lab.example.jp.evil.test/",
        "https://lab.example.jp@evil.test/",
        "https://other.example.jp/",
        "http://lab.example.jp/",
        "javascript:alert(1)",
        "/%0d%0aset-cookie:x",
        "/x&to=/y",
    ] {
        let url = format!("{LAB}/.sekisho/login?to={to}");
        let answer = Visitor::default().open(&world, &url).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{to}");
        assert!(answer.body.starts_with("R-4002"), "{to}: {}", answer.body);
    }
}

/// One login for the origins of a domain: one callback, a cookie of the domain, and every origin.
#[tokio::test]
async fn tokens_06_one_callback_serves_a_domain() {
    let world = world().await;
    let rp = client(&world, "domain").await;
    let lab = client(&world, "lab").await;
    let wallet = world.member().await;
    let (mut visitor, page) = (Visitor::default(), format!("{B}/x"));
    let request = visitor.begin(&world, &page).await;
    assert_eq!(parameter(&request, "redirect_uri").as_ref(), Some(&rp.redirect_uri));
    let callback = visitor.answer(&wallet, &request, &rp).await;
    let elsewhere = visitor.clone().open(&world, &callback.replace(A, B)).await;
    assert_eq!(elsewhere.status, 404, "the callback is at one origin");
    let back = visitor.open(&world, &callback).await;
    assert_eq!((back.status, back.header("location")), (303, Some(page.as_str())));
    let cookie = back.cookies().remove(0);
    assert!(cookie.starts_with("__Secure-sekisho-guard-domain="), "{cookie}");
    let attributes = "; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=domain.jp; Max-Age=";
    assert!(cookie.contains(attributes), "{cookie}");
    assert_eq!(visitor.ask(&world, &page).await.status, 200);
    assert_eq!(visitor.ask(&world, &format!("{A}/")).await.status, 200);

    // A session is of its guard, under whatever name it comes.
    let session = |visitor: &Visitor, end: &str| {
        visitor.jar.iter().find(|(name, _)| name.ends_with(end)).unwrap().1.clone()
    };
    let of_domain = session(&visitor, "guard-domain");
    let mut other = Visitor::default();
    other.log_in(&world, &wallet, &format!("{LAB}/"), &lab).await;
    for (url, name, value) in [
        (format!("{LAB}/"), "__Host-sekisho-guard-lab", of_domain),
        (page.clone(), "__Secure-sekisho-guard-domain", session(&other, "guard-lab")),
        (page.clone(), "__Secure-sekisho-guard-domain", session(&visitor, "domain-login")),
    ] {
        let cookie = format!("{name}={value}");
        assert_eq!(ask(&world, &url, &[("cookie", &cookie)]).await.status, 401, "{url}");
    }
    // Without a domain, it is of the origin where it began.
    let pair = client(&world, "pair").await;
    let mut visitor_of_p = Visitor::default();
    visitor_of_p.log_in(&world, &wallet, &format!("{P}/"), &pair).await;
    assert_eq!(visitor_of_p.ask(&world, &format!("{P}/")).await.status, 200);
    assert_eq!(visitor_of_p.ask(&world, &format!("{Q}/")).await.status, 303);

    // What others planted under the same name disturbs nothing.
    let planted = format!("__Secure-sekisho-guard-domain=x; {}", visitor.cookie());
    assert_eq!(ask(&world, &page, &[("cookie", &planted)]).await.status, 200);
}

/// Groups are demanded of the credential. The refusal is no login, which would change nothing.
#[tokio::test]
async fn tokens_06_who_lacks_a_group_is_refused() {
    let world = world().await;
    let rp = client(&world, "few").await;
    let mut visitor = Visitor::default();
    let page = "https://few.example.jp/";
    visitor.log_in(&world, &world.member().await, page, &rp).await;
    let refused = visitor.ask(&world, page).await;
    assert_eq!((refused.status, refused.header("location")), (403, None));
    assert!(refused.body.starts_with("P-3601"), "{}", refused.body);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");

    let mut claims = sekisho_tests::affiliation();
    claims["member_ref"] = "m-0002".into();
    claims["roles"] = serde_json::json!(["admin", "研究", "x,root", "a b"]);
    let mut wallet = Wallet::new(sekisho_tests::NOW);
    let offer = world.offer(sekisho_tests::TENANT, "affiliation", claims).await;
    wallet.accept(&offer.uri, None).await;
    let mut admin = Visitor::default();
    admin.log_in(&world, &wallet, page, &rp).await;
    let passed = admin.ask(&world, page).await;
    let groups = "admin,%E7%A0%94%E7%A9%B6,x%2Croot,a%20b";
    assert_eq!((passed.status, passed.header("x-auth-request-groups")), (200, Some(groups)));
}

/// A guard that demands a permit lets nobody in without one that stands.
#[tokio::test]
async fn tokens_06_a_permit_is_demanded_and_has_to_stand() {
    let mut world = World::with(|config| {
        guards(config);
        config.gates[0].permit_hours = 1;
    })
    .await;
    let rp = client(&world, "gpu").await;
    let mut wallet = world.trained_member().await;
    let (mut visitor, page) = (Visitor::default(), "https://gpu.example.jp/run");
    visitor.log_in(&world, &wallet, page, &rp).await;
    let passed = visitor.ask(&world, page).await;
    assert_eq!(passed.status, 200, "{}", passed.body);
    let details = passed.header("x-auth-request-authorization-details").unwrap();
    let details: Value = serde_json::from_str(details).unwrap();
    assert_eq!(details[0]["service"], "console");
    let plain = Browser::new().log_in(&wallet, &rp.request("openid", &[]), &rp).await;
    let bearer = format!("Bearer {}", plain.access_token);
    assert_eq!(ask(&world, page, &[("authorization", &bearer)]).await.status, 403);

    // The permit ends before the session does. Another login asks for another.
    world.clock.advance(3600);
    assert_eq!(visitor.ask(&world, page).await.status, 303);
    visitor.log_in(&world, &wallet, page, &rp).await;
    assert_eq!(visitor.ask(&world, page).await.status, 200);

    world.restart(|config| config.gates[0].training.as_mut().unwrap().min_level = 3).await;
    assert_eq!(visitor.ask(&world, page).await.status, 303);
    let request = visitor.begin(&world, page).await;
    wallet.now = world.broker.site().clock().now();
    let denied = visitor.broker.show(&wallet, &request, &rp).await;
    assert_eq!(denied.reasons(), ["P-3201"], "{}", denied.body);
}

/// What cannot work is said once, with a code, instead of sending the browser around for ever.
#[tokio::test]
async fn tokens_06_a_login_that_cannot_end_says_why() {
    let world = world().await;
    let login = format!("{LAB}/.sekisho/login?to=/");
    let missing = Visitor::default().open(&world, &login).await;
    assert!(missing.body.starts_with("R-4001"), "{}", missing.body);
    let rp = client_with(&world, "lab", "openid profile").await;
    let narrow = Visitor::default().open(&world, &login).await;
    assert!(narrow.body.starts_with("R-4003"), "{}", narrow.body);

    world.broker.remove_client(&world.act(), "lab").await.unwrap();
    let rp = Rp { ..client(&world, &rp.client_id).await };
    let mut visitor = Visitor::default();
    let request = visitor.begin(&world, &format!("{LAB}/")).await;
    let page = visitor.broker.show(&world.member().await, &request, &rp).await;
    let answer: Page = visitor.broker.decide(&page, "deny", &[]).await;
    let stopped = visitor.open(&world, &answer.location.unwrap()).await;
    assert!(stopped.body.starts_with("A-1013"), "{}", stopped.body);

    // A link or a picture of another site logs nobody out.
    visitor.log_in(&world, &world.member().await, &format!("{LAB}/"), &rp).await;
    let (cookie, url) = (visitor.cookie(), format!("{LAB}/.sekisho/logout"));
    let mut headers = described(&url);
    headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    headers.insert("cookie", HeaderValue::from_str(&cookie).unwrap());
    let answer = send(&format!("{}/.sekisho/logout", world.origin), headers).await;
    assert!(answer.body.starts_with("R-4006"), "{}", answer.body);
    assert_eq!(visitor.ask(&world, &format!("{LAB}/")).await.status, 200);
}

/// RFC 8707: a token for a resource counts where the guard names that resource, whoever got it, and
/// nowhere else. A permit counts if it reaches the resource.
#[tokio::test]
async fn tokens_06_a_token_for_a_resource_counts_at_its_guard() {
    let world = world().await;
    let (rp, lab) = (world.rp().await, client(&world, "lab").await);
    world.resource("store", &rp, json!({"format": "jwt", "clients": [rp.client_id, "lab"]})).await;
    world.resource("slurm", &rp, json!({"format": "opaque"})).await;
    let wallet = world.trained_member().await;
    let scope = "openid profile email organization gpu_access";
    let token = async |rp: &Rp, scope: &str, more: &[(&str, &str)]| {
        let tokens = Browser::new().log_in(&wallet, &rp.request(scope, more), rp).await;
        format!("Bearer {}", tokens.access_token)
    };
    let at = async |origin: &str, bearer: &str| {
        ask(&world, &format!("{origin}/"), &[("authorization", bearer)]).await
    };
    let (store, slurm) = ("https://store.example.jp", "https://slurm.example.jp");
    let to_store = [("resource", "https://store.example")];
    let whole = token(&rp, scope, &to_store).await;
    let passed = at(store, &whole).await;
    assert_eq!(passed.status, 200, "{}", passed.body);
    assert_eq!(passed.header("x-auth-request-groups"), Some("gpu-user,lead"));
    assert_eq!(
        told(&passed),
        ["x-auth-request-groups", "x-auth-request-user"],
        "only what the guard's scopes release",
    );
    let of_lab = token(&lab, "openid organization", &to_store).await;
    assert_eq!(at(store, &of_lab).await.status, 200, "whoever got it");
    assert_eq!(at(LAB, &of_lab).await.status, 401, "not at the guard of its client");
    assert_eq!(at(slurm, &whole).await.status, 401, "not at another resource");
    assert_eq!(at(store, &token(&rp, "openid", &to_store).await).await.status, 403);
    assert_eq!(at(store, &token(&rp, scope, &[]).await).await.status, 401, "for no resource");

    let asked = |locations: &[&str]| {
        let mut details = json!({
            "type": "gpu_access", "service": "console", "gpus": 2, "gpu_hours": 2,
            "actions": ["submit"],
        });
        if !locations.is_empty() {
            details["locations"] = json!(locations);
        }
        json!([details]).to_string()
    };
    for (locations, status) in [(&["https://slurm.example"][..], 200), (&[], 403)] {
        let details = asked(locations);
        let more =
            [("resource", "https://slurm.example"), ("authorization_details", details.as_str())];
        let answer = at(slurm, &token(&rp, "openid gpu_access", &more).await).await;
        assert_eq!(answer.status, status, "{locations:?}");
        let told = answer.header("x-auth-request-authorization-details");
        assert_eq!(told.is_some_and(|details| details.contains("slurm")), status == 200);
    }

    let document: Value = {
        let url = format!("{store}/.sekisho/oauth-protected-resource");
        serde_json::from_str(&Visitor::default().open(&world, &url).await.body).unwrap()
    };
    assert_eq!(document["resource"], "https://store.example");
    // A client that may not ask for the resource any more has tokens that are nothing.
    let edit =
        EditResource { remove_clients: vec![rp.client_id.clone()], ..EditResource::default() };
    world.broker.edit_resource(&world.act(), "store", &edit).await.unwrap();
    assert_eq!(at(store, &whole).await.status, 401);
}

/// A registration that is changed counts at a guard at once, for sessions and tokens that live; nothing
/// ends by it.
#[tokio::test]
async fn tokens_05_a_guard_is_held_to_the_registration_of_now() {
    let world = world().await;
    let rp = client(&world, "lab").await;
    let wallet = world.member().await;
    let page = format!("{LAB}/");
    let mut visitor = Visitor::default();
    visitor.log_in(&world, &wallet, &page, &rp).await;
    let asked = rp.request("openid profile organization", &[]);
    let token = Browser::new().log_in(&wallet, &asked, &rp).await.access_token;
    let bearer = format!("Bearer {token}");
    let both = async || {
        let session = visitor.ask(&world, &page).await.status;
        (session, ask(&world, &page, &[("authorization", &bearer)]).await.status)
    };
    let edit = async |scopes: ListEdit<String>| {
        let edit = EditClient { scopes, ..EditClient::default() };
        world.broker.edit_client(&world.act(), &rp.client_id, &edit).await.unwrap();
    };
    let names = || vec!["profile".to_owned()];
    assert_eq!(both().await, (200, 200));
    edit(ListEdit { remove: names(), ..ListEdit::default() }).await;
    let (session, bearer_now) = both().await;
    assert!(session != 200 && bearer_now != 200, "{session} {bearer_now}");
    edit(ListEdit { add: names(), ..ListEdit::default() }).await;
    assert_eq!(both().await, (200, 200));
}
