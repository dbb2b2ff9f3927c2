//! Actors for black-box tests: a broker in process with a clock that the test moves ([`World`]), a
//! relying party ([`Rp`]), a browser with cookies and without JavaScript ([`Browser`]), and a wallet
//! that can misbehave ([`Wallet`]). Read `login.rs` beside this folder first: one login, whole.
//!
//! Invariant: actors speak HTTP, like everybody else. Only [`World`] touches the broker's own types,
//! where an operator would use the admin API.

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

/// An HTTP client that follows nothing and waits ten seconds at most. It speaks no TLS, so it trusts no
/// authority: to read those of the system takes longer than a whole login.
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

/// The query parameter `name` of `url`, decoded.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
