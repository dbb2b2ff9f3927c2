//! GPU コンソール, the sample GPU service: a plain OpenID Connect relying party.
//!
//! It knows an issuer, a client id and a secret, and nothing of wallets or of this program: what
//! stands here is what any service has to write. Read [`exchange`] for one login.
//!
//! Invariant: a session begins only after state and cookie of the browser that began, `iss`, the ID
//! token's signature, `aud`, `nonce`, time and `at_hash`, and the subject of userinfo were compared.

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

/// What a relying party is told when it is registered.
pub struct ConsoleConfig {
    /// The OpenID Provider.
    pub issuer: String,
    /// Its client id there.
    pub client_id: String,
    /// Its secret, for `client_secret_basic`.
    pub client_secret: Secret<String>,
    /// Its own origin; the redirect URI is `{origin}/callback`.
    pub origin: String,
    /// The service that it asks GPUs of.
    pub service: String,
    /// A further root for TLS to the provider, PEM.
    pub ca: Option<Vec<u8>>,
}

/// The console cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("console: {0}")]
pub struct ConsoleError(#[from] reqwest::Error);

/// The relying party.
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

/// The console's pages.
pub fn router(
    config: ConsoleConfig,
    clock: Clock,
    entropy: Entropy,
) -> Result<Router, ConsoleError> {
    let mut http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .resolve_to_addrs("localhost", &LOCALHOST)
        .no_proxy();
    if let Some(root) = &config.ca {
        for certificate in reqwest::Certificate::from_pem_bundle(root)? {
            http = http.add_root_certificate(certificate);
        }
    }
    let http = http.build()?;
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
