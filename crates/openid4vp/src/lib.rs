//! OpenID for Verifiable Presentations 1.0, from both sides: the verifier asks with a signed request
//! object and checks the answer; the wallet checks the request, chooses and answers.
//!
//! - [`dcql`]: the query (section 6), and whether an answer satisfies it.
//! - [`request`]: the request object and the link that leads a wallet to it (section 5).
//! - [`response`]: the wallet's answer (section 8), plain or encrypted.
//! - [`presentation`]: the state of one presentation, until the browser may go on.
//!
//! Invariant: only [`response::verify`] makes a [`response::VerifiedPresentation`]. It checks every
//! credential, its binding to this request, and the query.
//!
//! Leaves to others: HTTP, storage, status lists (the caller fetches them), whether several
//! credentials are one person's, and what the claims permit.

pub mod dcql;
pub mod presentation;
pub mod request;
pub mod response;

#[cfg(test)]
mod fixture;
