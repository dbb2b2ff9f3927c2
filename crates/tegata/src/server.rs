//! The wallet's page: the holder receives credentials, sees what is kept, and shows credentials or
//! not.
//!
//! ```text
//! GET  /                               the credentials; with a link's query, as the two below
//! GET  /accept?credential_offer…       who offers what; asks (OpenID4VCI 1.0, section 4.1)
//! POST /accept/{id}                    receives, or does not
//! GET  /authorize?client_id&request_uri  who asks for what and why (OpenID4VP 1.0, section 5)
//! POST /authorize/{id}                 shows, or tells the verifier that the holder declined
//! GET  /style.css
//! ```
//! Pages work without JavaScript; none is sent. With `auto`, which is for scripts, the two
//! questions are answered with yes at once. Then anybody who can reach the page can use the wallet.
//! The holder is still asked about a verifier that no authority of the wallet vouches for.
//! Otherwise any site that a browser opens could get the credentials.
//!
//! Invariant: without `auto`, a credential is received or shown only after a POST. It has to carry
//! the token of a page that this process made for this question, and the cookie of the browser that
//! got that page. See `guard`.

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

/// The settings of the wallet's page.
pub struct WalletServer {
    /// The wallet that the page shows.
    pub wallet: Wallet,
    /// Whether every question is answered with yes, without asking. It is for scripts.
    pub auto: bool,
    /// The language for browsers that ask for neither Japanese nor English.
    pub lang: Lang,
}

/// What all routes share: the settings, and the questions that wait for answers.
struct State {
    wallet: Wallet,
    auto: bool,
    lang: Lang,
    questions: Questions,
}

/// Makes the router of the wallet's page.
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
