//! The HTTP edge. Each handler extracts its input, makes one call and renders the result.
//!
//! Invariant: nothing is decided here, and every answer carries the headers of [`headers`]. A
//! handler gets only the part of the broker that it asks for ([`app`]), not the whole.

pub mod admin;
mod app;
mod cookies;
mod cors;
mod extract;
mod headers;
mod labels;
pub mod pages;
mod reply;
mod routes;
mod texts;

use axum::{Router, middleware};
use sekisho_broker::Broker;

use app::App;
pub use extract::{DirectPeer, PeerAddress};

/// The public surface of a broker.
pub fn router(broker: Broker) -> Router {
    let app = App(broker);
    routes::router(&app)
        .layer(middleware::from_fn(headers::one_host))
        .layer(middleware::from_fn_with_state(app.clone(), headers::secure))
        .with_state(app)
}
