//! `demo` for scripts: it prints one line and stops when told to.

use crate::support::{Home, Running, http};
use serde_json::Value;

async fn get(url: &str, ca: Option<&str>) -> reqwest::Response {
    let mut client = http();
    if let Some(path) = ca {
        let pem = std::fs::read(path).unwrap();
        let roots = reqwest::Certificate::from_pem_bundle(&pem).unwrap();
        client = client.tls_certs_only(roots);
    }
    client.build().unwrap().get(url).send().await.unwrap()
}

/// Opens a link to the wallet as a browser does: it keeps the cookie and goes on.
async fn opened(link: &str) -> reqwest::Response {
    let client = http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let opened = client.get(link).send().await.unwrap();
    assert_eq!(opened.status(), 303, "{link}");
    let cookie = opened.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let location = opened.headers()["location"].to_str().unwrap();
    let next = opened.url().join(location).unwrap();
    client.get(next).header("cookie", cookie).send().await.unwrap()
}

async fn assert_answers(demo: &Running, ca: Option<&str>) {
    let issuer = demo.text("issuer");
    let discovery = get(&format!("{issuer}/.well-known/openid-configuration"), ca).await;
    let discovery: Value = discovery.json().await.unwrap();
    assert_eq!(discovery["issuer"], issuer);
    assert_eq!(get(&demo.text("console"), None).await.status(), 200);
    // The wallet opens by its link, and by the link of an offer.
    assert_eq!(get(&demo.text("wallet"), None).await.status(), 403);
    let offer = demo.ready["offers"][0]["wallet_page"].as_str().unwrap().to_owned();
    for link in [demo.text("wallet_link"), offer] {
        assert!(link.starts_with(&demo.text("wallet")), "{link}");
        let page = opened(&link).await;
        assert_eq!(page.status(), 200);
        assert!(!page.text().await.unwrap().contains("id=\"connect\""), "its broker is known");
    }
}

#[tokio::test]
async fn one_line_says_everything_and_a_signal_ends_it() {
    let home = Home::new();
    let demo = home.start(&["demo", "--json"]);
    let issuer = demo.text("issuer");
    assert!(issuer.starts_with("http://localhost:"));
    assert!(demo.text("console").starts_with("http://127.0.0.1:"));
    assert_eq!(demo.ready.get("ca_file"), None);
    assert_answers(&demo, None).await;

    let clients = demo.ready["clients"].as_array().unwrap();
    let callback = format!("{}/callback", demo.text("console"));
    assert_eq!(clients[0]["redirect_uris"][0], callback);
    assert!(clients.iter().all(|client| client["client_secret"].is_string()));
    let offers = demo.ready["offers"].as_array().unwrap();
    let types: Vec<&str> = offers.iter().map(|offer| offer["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["affiliation", "ai-training"]);
    assert_eq!(offers[0]["tx_code"].as_str().unwrap().len(), 6);
    assert_eq!(offers[1]["tx_code"], Value::Null);

    let socket = demo.text("admin_socket");
    let config = demo.text("config");
    assert_eq!(home.json(&["--config", &config, "status"])["issuer"], issuer);
    assert_eq!(demo.stop(), 0);
    assert!(!std::path::Path::new(&socket).exists());
    assert!(!std::path::Path::new(&config).exists(), "a temporary folder goes");
}

#[tokio::test]
async fn with_tls_the_private_root_is_all_that_is_needed() {
    let home = Home::new();
    let demo = home.start(&["demo", "--json", "--tls"]);
    assert!(demo.text("issuer").starts_with("https://localhost:"));
    assert_answers(&demo, Some(&demo.text("ca_file"))).await;
    assert_eq!(demo.stop(), 0);
}

#[tokio::test]
async fn the_next_start_goes_on_where_the_last_one_ended() {
    let home = Home::new();
    let arguments = ["demo", "--json", "--data", "kept"];
    let first = home.start(&arguments);
    let kept = |demo: &Running| {
        ["issuer", "console", "wallet", "clients"].map(|name| demo.ready[name].clone())
    };
    let before = kept(&first);
    let other = home.run(&["demo", "--json", "--data", "kept"]);
    assert_ne!(other.code(), 0, "one folder has one demonstration at a time");
    assert_eq!(first.stop(), 0);

    let second = home.start(&arguments);
    assert_eq!(kept(&second), before);
    assert_answers(&second, None).await;
    assert_eq!(second.stop(), 0);

    let moved = home.run(&["demo", "--data", "kept", "--tls"]);
    assert_eq!(moved.code(), 2, "{moved:?}");
    let config = home.path("kept/sekisho.toml").display().to_string();
    assert_eq!(home.json(&["--config", &config, "audit", "verify"])["fault"], Value::Null);
}

#[test]
fn people_get_a_guide_in_both_languages() {
    use std::io::Read as _;
    use std::process::Stdio;
    let home = Home::new();
    let mut child = home.command(&["demo"]).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let text = loop {
        let text = String::from_utf8_lossy(&bytes);
        if text.matches("audit verify").count() == 2 {
            break text;
        }
        let read = stdout.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "{text}");
        bytes.extend_from_slice(&chunk[..read]);
    };
    let _ = child.kill();
    child.wait().unwrap();
    assert!(text.contains("関所の体験環境") && text.contains("Sekisho is ready"), "{text}");
    assert!(!text.contains('{') && !text.contains('}'), "{text}");
}
