//! OpenID for Verifiable Credential Issuance 1.0, from both sides: an organization's issuer offers and
//! answers; the wallet reads the offer and proves its key.
//!
//! - [`metadata`]: the issuer's metadata (section 12.2), and its URL.
//! - [`offer`]: credential offers by value and by reference (section 4.1).
//! - [`pre_authorized`]: the state of an offer's code and the tries of its transaction code (section 6).
//! - [`nonce`]: `c_nonce` without a table (section 7).
//! - [`proof`]: proofs of possession of a key (appendix F).
//! - [`credential`]: the credential request and its answer (section 8).
//!
//! Invariant: a credential is bound only to the key of a [`proof::VerifiedProof`], which only
//! [`proof::verify`] makes.
//!
//! Supported: the pre-authorized code flow, format `dc+sd-jwt`, the `jwt` proof with `jwk`. Leaves to
//! others: HTTP, storage, the content and signature of the credential.

pub mod credential;
pub mod metadata;
pub mod nonce;
pub mod offer;
pub mod pre_authorized;
pub mod proof;

#[cfg(test)]
mod vectors;
