//! OAuth 2 and OpenID Connect as a server, pure and synchronous: requests and values in, values out.
//!
//! | file | document |
//! |---|---|
//! | [`authorization`] | RFC 6749, 4.1.1–4.1.2; OpenID Connect Core 1.0, 3.1.2; RFC 9207; RFC 9396 |
//! | [`pkce`] | RFC 7636 |
//! | [`client`] | what a client is registered with; RFC 8252 for native ones |
//! | [`authentication`] | RFC 6749, 2.3; Core, 9 |
//! | [`token`] | RFC 6749, 4.1.3–5.2; OpenID4VCI 1.0, 6 |
//! | [`device`] | RFC 8628 |
//! | [`id_token`] | Core, 2 and 3.1.3.6 |
//! | [`assertion`] | `private_key_jwt`: RFC 7523 |
//! | [`claims_request`] | the `claims` parameter: Core, 5.5 |
//! | [`refresh`] | refresh tokens: RFC 6749, 6; RFC 9700, 4.14 |
//! | [`userinfo`] | Core, 5.3; RFC 6750 |
//! | [`metadata`] | OpenID Connect Discovery 1.0, 3; RFC 8414 |
//!
//! Invariant: nothing here reads a clock, a random source, a store or the network, and nothing
//! knows of HTTP beyond the texts of its headers. The callers pass in which scopes exist and which
//! claims they release. The callers look after storage, single use and redirects.

pub mod assertion;
pub mod authentication;
pub mod authorization;
pub mod claims_request;
pub mod client;
pub mod description;
pub mod device;
pub mod id_token;
pub mod metadata;
pub mod params;
pub mod pkce;
pub mod redirect_uri;
pub mod refresh;
pub mod scope;
pub mod token;
pub mod userinfo;
