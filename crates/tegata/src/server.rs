//! The wallet's page: the holder receives credentials, sees what is kept, and shows credentials or
//! not.
//!
//! ```text
//! GET  /                               the credentials; with a link's query, as the two below
//! POST /connect/{id}                   goes on with a link to a program on this machine
//! GET  /accept?credential_offer…       who offers what; asks (OpenID4VCI 1.0, section 4.1)
//! POST /accept/{id}                    receives, or does not
//! GET  /authorize?client_id&request_uri  who asks for what and why (OpenID4VP 1.0, section 5)
//! POST /authorize/{id}                 shows, or tells the verifier that the holder declined
//! GET  /style.css
//! ```
//! Pages work without JavaScript; none is sent. With `auto`, which is for scripts, the two
//! questions are answered with yes at once. The holder is still asked about a verifier that no
//! authority of the wallet vouches for. Otherwise any site that a browser opens could get the
//! credentials.
//!
//! Invariants: only the wallet's owner gets a page (see `owner`). Without `auto`, a credential is
//! received or shown only after a POST. It has to carry the token of a page that this process made
//! for this question, and the cookie of the browser that got that page (see `questions`). A program
//! on this machine is called only after such a POST too, unless it is known from the start.

mod owner;
mod pages;
mod peer;
mod questions;
mod routes;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use sekisho_ambient::Lang;
use tokio::net::TcpListener;

use crate::Wallet;
use owner::Digest;
use questions::{Link, Questions};

pub use owner::Opener;

/// The settings of the wallet's page.
pub struct WalletServer {
    /// The wallet that the page shows.
    pub wallet: Wallet,
    /// Whether every question is answered with yes, without asking. It is for scripts.
    pub auto: bool,
    /// The language for browsers that ask for neither Japanese nor English.
    pub lang: Lang,
    /// The origins of programs on this machine that the wallet may call without asking.
    pub known: Vec<String>,
}

/// What all routes share: the settings, and the questions that wait for answers.
struct State {
    wallet: Wallet,
    auto: bool,
    lang: Lang,
    known: Vec<String>,
    questions: Questions,
    opens: Digest,
}

impl State {
    /// The wallet as far as the holder lets it go for this link.
    fn wallet_for(&self, link: &Link) -> Wallet {
        self.wallet.clone().confined(link.here.iter().cloned())
    }
}

/// Serves the wallet's page until `stopped` completes. `opener` is what opens it.
pub async fn serve(
    listener: TcpListener,
    server: WalletServer,
    opener: &Opener,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let pages = router(server, opener).into_make_service_with_connect_info::<peer::Ends>();
    axum::serve(listener, pages).with_graceful_shutdown(stopped).await
}

/// Makes the router of the wallet's page. Behind another server than [`serve`], it does not know who
/// is at the other end of a connection.
pub fn router(server: WalletServer, opener: &Opener) -> Router {
    let WalletServer { wallet, auto, lang, known } = server;
    let questions = Questions::new(&wallet.entropy);
    let opens = opener.digest();
    let state = Arc::new(State { wallet, auto, lang, known, questions, opens });
    Router::new()
        .route("/", get(routes::home))
        .route("/accept", get(routes::ask_to_accept))
        .route("/accept/{id}", post(routes::accept))
        .route("/authorize", get(routes::ask_to_present))
        .route("/authorize/{id}", post(routes::present))
        .route("/connect/{id}", post(routes::connect))
        .route(pages::STYLE, get(pages::style))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), owner::only_the_owner))
        .with_state(state)
}
