//! The HTTP edge: a handler extracts, makes one call, renders.
//!
//! Invariant: no decision is taken here, and every answer carries the headers of [`headers`].

pub mod admin;
mod cookies;
mod extract;
mod headers;
mod labels;
pub mod pages;
mod paths;
mod reply;
mod routes;
mod texts;

use axum::Router;
use sekisho_broker::Broker;

/// The public surface of a broker.
pub fn router(broker: Broker) -> Router {
    routes::router().layer(axum::middleware::from_fn(headers::secure)).with_state(broker)
}
