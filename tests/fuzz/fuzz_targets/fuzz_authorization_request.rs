//! The query of an authorization request (RFC 6749, section 4.1.1; OpenID Connect Core 1.0, section
//! 3.1.2.1): for any input, the response goes to a registered URI or to nobody, and names the
//! issuer; a request that was accepted is accepted again after it was written as a query.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sekisho_oauth::authorization::{
    self, AuthorizationError, AuthorizationResponse, Encoded, ServerRules, Target, validate,
};
use sekisho_oauth::client::Client;
use sekisho_oauth::params::Params;
use sekisho_profile::scopes;

const REGISTERED: [&str; 2] = ["https://rp.example/cb", "http://127.0.0.1/cb?x=1"];

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    serde_json::from_str(include_str!("client.json")).expect("a client as it is stored")
});

/// Whether the URI is the registered one. The port of a loopback address may differ.
fn is_registered(uri: &str) -> bool {
    let rest = uri.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split_once('/'));
    let portless = match rest {
        Some((port, path)) if port.parse::<u16>().is_ok() => format!("http://127.0.0.1/{path}"),
        _ => uri.to_owned(),
    };
    REGISTERED.contains(&portless.as_str())
}

fuzz_target!(|text: &str| {
    let Ok(params) = Params::parse(text) else { return };
    let targets = [Target {
        audience: "https://store.example".to_owned(),
        aliases: vec!["store".to_owned()],
        scopes: vec!["read:/data".to_owned()],
    }];
    let rules = ServerRules {
        targets: &targets,
        issuer: "https://auth.example.jp",
        scopes_supported: scopes::supported(),
        claims_of: scopes::claims_supported,
        authorization_details_types_supported: vec![scopes::GPU_ACCESS],
    };
    let _ = authorization::client_id(&params);
    match validate(&params, Some(&CLIENT), &rules) {
        Ok(request) => {
            assert!(is_registered(&request.redirect_uri));
            let again = Params::parse(&request.to_query()).expect("what we write is read");
            assert_eq!(validate(&again, Some(&CLIENT), &rules).ok(), Some(request));
        }
        Err(AuthorizationError::Redirect(error)) => {
            assert!(is_registered(&error.redirect_uri), "{}", error.redirect_uri);
            match AuthorizationResponse::from(error.clone()).encode() {
                Encoded::Redirect(url) => {
                    assert!(url.starts_with(&error.redirect_uri) && url.contains("iss="));
                }
                Encoded::Form { to, fields } => {
                    assert!(
                        to == error.redirect_uri && fields.iter().any(|(name, _)| *name == "iss")
                    );
                }
            }
        }
        Err(AuthorizationError::Page(_)) => {}
    }
});
