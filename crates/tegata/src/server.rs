//! The wallet's page: receive what an issuer offers, see what is kept, show it or not.
//!
//! ```text
//! GET  /                               the credentials; with a link's query, as the two below
//! GET  /accept?credential_offer…       who offers what; asks (OpenID4VCI 1.0, section 4.1)
//! POST /accept/{id}                    receives, or does not
//! GET  /authorize?client_id&request_uri  who asks for what and why (OpenID4VP 1.0, section 5)
//! POST /authorize/{id}                 shows, or tells the verifier that the holder declined
//! GET  /style.css
//! ```
//! Pages work without JavaScript; none is sent. With `auto`, the two questions are answered with
//! yes at once, for scripts: then whoever can reach the page can use the wallet. A verifier that no
//! authority of the wallet vouches for is asked about all the same, or any site that a browser opens
//! could have what it likes.
//!
//! Invariant: without `auto`, a credential is received or shown only by a POST that carries the
//! token of a page which this process rendered for this very question, and the cookie of the browser
//! that it was rendered in. See `guard`.

mod guard;
mod pages;
mod routes;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use sekisho_ambient::Lang;

use crate::Wallet;
use guard::Questions;

/// What the wallet's page needs.
pub struct WalletServer {
    /// The wallet that the page opens.
    pub wallet: Wallet,
    /// Answers every question with yes, without asking.
    pub auto: bool,
    /// The language of browsers that ask for neither of ours.
    pub lang: Lang,
}

/// What all routes share.
struct State {
    wallet: Wallet,
    auto: bool,
    lang: Lang,
    questions: Questions,
}

/// The wallet's page.
pub fn router(server: WalletServer) -> Router {
    let WalletServer { wallet, auto, lang } = server;
    let questions = Questions::new(&wallet.entropy);
    let state = Arc::new(State { wallet, auto, lang, questions });
    Router::new()
        .route("/", get(routes::home))
        .route("/accept", get(routes::ask_to_accept))
        .route("/accept/{id}", post(routes::accept))
        .route("/authorize", get(routes::ask_to_present))
        .route("/authorize/{id}", post(routes::present))
        .route("/style.css", get(pages::style))
        .layer(middleware::from_fn(guard::only_this_machine))
        .with_state(state)
}
