//! GPU コンソール, the sample GPU service: a plain OpenID Connect relying party.
//!
//! It knows an issuer, a client id and a secret, and nothing of wallets or of this program. Any
//! service would have to write the same code. Read [`exchange`] to follow one login.
//!
//! Invariant: a session begins only after these were checked: `state` and the cookie of the browser
//! that began the login, `iss`, the ID token's signature, `aud`, `nonce`, time and `at_hash`, and
//! the subject of userinfo.

mod exchange;
mod pages;
mod routes;
mod visitors;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use sekisho_ambient::{Clock, Entropy, LOCALHOST, Secret};

pub use exchange::ExchangeError;

/// The configuration of the console: what a relying party gets when it is registered.
pub struct ConsoleConfig {
    /// The issuer identifier of the OpenID Provider.
    pub issuer: String,
    /// The console's client id at the provider.
    pub client_id: String,
    /// The client secret, for `client_secret_basic`.
    pub client_secret: Secret<String>,
    /// The console's own origin. The redirect URI is `{origin}/callback`.
    pub origin: String,
    /// The name of the service for which it asks for GPUs.
    pub service: String,
    /// The root certificates, PEM, that are accepted for TLS to the provider. The system's are not
    /// accepted; with `None` no TLS connection succeeds.
    pub ca: Option<Vec<u8>>,
}

/// The console's HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("console: {0}")]
pub struct ConsoleError(#[from] reqwest::Error);

/// The console: its configuration, its clients for the outside, and its visitors.
struct Console {
    config: ConsoleConfig,
    http: reqwest::Client,
    clock: Clock,
    entropy: Entropy,
    visitors: visitors::Visitors,
}

impl Console {
    fn redirect_uri(&self) -> String {
        format!("{}/callback", self.config.origin)
    }
}

/// Makes the router of the console's pages.
pub fn router(
    config: ConsoleConfig,
    clock: Clock,
    entropy: Entropy,
) -> Result<Router, ConsoleError> {
    let roots = config.ca.as_deref().map(reqwest::Certificate::from_pem_bundle).transpose()?;
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .resolve_to_addrs("localhost", &LOCALHOST)
        .no_proxy()
        .tls_certs_only(roots.unwrap_or_default())
        .build()?;
    let visitors = visitors::Visitors::default();
    let console = Arc::new(Console { config, http, clock, entropy, visitors });
    Ok(Router::new()
        .route("/", get(routes::index))
        .route("/login", get(routes::login))
        .route("/callback", get(routes::callback))
        .route("/logout", post(routes::logout))
        .route("/console.css", get(pages::style))
        .with_state(console))
}
