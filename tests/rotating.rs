//! A broker for outside wallets whose keys rotate when a script says so. A rotation takes minutes, so
//! the broker's clock is one that moves by command.
//!
//! `cargo run -p sekisho-tests --example rotating`
//!
//! It prints one line of JSON: where it is, what its wallets have to trust, and a client. Each line at
//! its input is then a command, answered by a line of JSON: `offer` gives an offer of an affiliation;
//! `rotate` replaces the credential key of the tenant. It ends with its input.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers: it prints, and stops when something fails"
)]

use std::io::BufRead as _;

use base64::Engine as _;
use sekisho_broker::admin::RotateKey;
use sekisho_profile::lifetimes::{KEY_DOCUMENTS, SKEW};
use sekisho_tests::{TENANT, World, affiliation};
use serde_json::{Value, json};

#[tokio::main]
async fn main() {
    let world =
        World::with(|config| config.type_authority = config.origin.as_str().to_owned()).await;
    let rp = world.rp().await;
    let root = world.broker.keyring().root().await.unwrap();
    let root = base64::engine::general_purpose::STANDARD.encode(root.to_der());
    let client = json!({
        "client_id": rp.client_id, "client_secret": rp.secret, "redirect_uris": [rp.redirect_uri],
    });
    let pem = format!("-----BEGIN CERTIFICATE-----\n{root}\n-----END CERTIFICATE-----\n");
    say(&world, json!({"issuer": world.origin, "root": pem, "client": client}));
    for command in std::io::stdin().lock().lines() {
        let answer = match command.unwrap().as_str() {
            "offer" => {
                let offer = world.offer(TENANT, "affiliation", affiliation()).await;
                json!({"uri": offer.uri})
            }
            "rotate" => rotate(&world).await,
            other => json!({"unknown": other}),
        };
        say(&world, answer);
    }
}

/// Prints the answer with the broker's time, in milliseconds.
fn say(world: &World, mut answer: Value) {
    let now = world.broker.site().clock().now().unix() * 1000;
    answer.as_object_mut().unwrap().insert("now".to_owned(), now.into());
    println!("{answer}");
}

async fn rotate(world: &World) -> Value {
    world.clock.advance(KEY_DOCUMENTS + SKEW);
    world.broker.sweep_keys().await.unwrap();
    let rotate = RotateKey {
        resource: None,
        purpose: "credential".to_owned(),
        organization: Some(TENANT.to_owned()),
        algorithm: None,
        compromised: false,
    };
    world.broker.rotate_key(&world.act(), &rotate).await.unwrap();
    let keys = world.broker.list_keys(false).await.unwrap();
    let own = keys.into_iter().filter(|key| key.organization.as_deref() == Some(TENANT));
    json!({"keys": own.collect::<Vec<_>>()})
}
