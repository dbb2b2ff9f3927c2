//! Actors for black-box tests: a broker in the process of the test, with a clock that the test
//! moves ([`World`]), a relying party ([`Rp`]), a browser with cookies and without JavaScript
//! ([`Browser`]), and a wallet that can misbehave ([`Wallet`]). Read `login.rs` beside this folder
//! first: it shows one whole login.
//!
//! Invariant: actors talk to the broker by HTTP, as real ones do. Only [`World`] uses the broker's
//! own types, where an operator would use the admin API.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that cannot go on fails, and its actors say what they are by their names"
)]

mod browser;
mod elsewhere;
pub mod given;
mod journey;
pub mod jwt;
pub mod malform;
mod rp;
mod wallet;
mod world;

pub use browser::{Browser, Page};
pub use elsewhere::Elsewhere;
pub use journey::error_of;
pub use rp::{Expected, Rp, Tokens};
pub use wallet::{Answer, Wallet};
pub use world::{NOW, OPERATOR, TENANT, World, affiliation, training};

/// An HTTP client that follows no redirect and waits at most ten seconds. It speaks no TLS and
/// trusts no authorities, because reading the authorities of the system takes longer than a whole
/// login.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(10))
        .no_proxy()
        .resolve_to_addrs("localhost", &sekisho_ambient::LOCALHOST)
        .tls_certs_only([])
        .build()
        .unwrap()
}

/// The decoded value of the query parameter `name` of `url`.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
