//! The HTTP edge: a handler extracts, makes one call, renders.
//!
//! Invariant: no decision is taken here, and every answer carries the headers of [`headers`]. A handler
//! is given the room that it asks ([`app`]), not the whole broker.

pub mod admin;
mod app;
mod cookies;
mod extract;
mod headers;
mod labels;
pub mod pages;
mod reply;
mod routes;
mod texts;

use axum::Router;
use sekisho_broker::Broker;

use app::App;

/// The public surface of a broker.
pub fn router(broker: Broker) -> Router {
    let app = App(broker);
    routes::router().layer(axum::middleware::from_fn(headers::secure)).with_state(app)
}
