//! A thief of the disk finds no secrets: the database file contains none of the secrets and claims
//! of a run in plain text.

use sekisho_tests::{Browser, World, affiliation, parameter, training};
use serde_json::Value;

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() > 5 => out.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, out)),
        Value::Object(members) => members.values().for_each(|value| texts(value, out)),
        _ => {}
    }
}

/// GEN-7: the database file contains no secret and no claim in plain text.
#[tokio::test]
async fn the_database_file_holds_no_secret_and_no_claim_in_the_clear() {
    let world = World::start().await;
    let rp = world.rp().await;
    let wallet = world.trained_member().await;
    let mut browser = Browser::new();
    let expected = rp.gpu_request(8);
    let page = browser.begin(&expected.url, &rp).await;
    let link = page.link("wallet-open");
    let nonce = wallet.open(&link).await.nonce().to_owned();
    let back = wallet.present(&link).await.redirect_uri();
    let after = browser.get(&back).await;
    let consent = browser.follow(after, &rp.redirect_uri).await;
    let location = browser.agree(&consent).await;
    let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;

    let mut secrets = vec![
        rp.secret.clone().unwrap(),
        nonce,
        expected.nonce.clone(),
        expected.verifier.clone(),
        parameter(&back, "response_code").unwrap(),
        parameter(&location, "code").unwrap(),
        tokens.access_token.clone(),
        tokens.id_token["sub"].as_str().unwrap().to_owned(),
        browser.cookie(&world.origin, "sekisho-session").unwrap().clone(),
        browser.login_cookie(&page.url).unwrap().1,
        page.url.rsplit_once('/').unwrap().1.to_owned(),
    ];
    texts(&affiliation(), &mut secrets);
    texts(&training(), &mut secrets);
    secrets.extend(wallet.held.iter().map(|credential| credential[..40].to_owned()));
    let file = std::fs::read(world.dir.path().join("sekisho.redb")).unwrap();
    assert!(file.len() > 10_000);
    // An organization's number is public, and it is the key of tables.
    secrets.retain(|secret| secret != sekisho_tests::TENANT);
    for secret in secrets {
        let found = file.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret:?} stands in the file");
    }
}
