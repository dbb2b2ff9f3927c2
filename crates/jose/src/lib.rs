//! JSON Object Signing and Encryption: JWK (RFC 7517, RFC 7638), JWS (RFC 7515), JWE (RFC 7516), JWA
//! (RFC 7518, RFC 8037) and JWT (RFC 7519), held to the practices of RFC 8725.
//!
//! A token comes in as [`UnverifiedJwt`] and its claims come out of a [`VerifiedJwt`], which only
//! [`UnverifiedJwt::verify`] can make: with a key that the caller chose, an algorithm from the
//! caller's list that fits the key, and a type that the caller expects. Signing is split in two, so
//! that a device can give the signature: [`SigningInput`], then [`SigningInput::finish`].
//!
//! Invariant: a key named inside a token is never a reason to trust it. `jku` and `x5u` are not
//! followed, `jwk` and `x5c` are only handed to the caller.
//!
//! Leaves to others: fetching keys, and every claim's meaning except the times of
//! [`numeric_date`].

mod algorithm;
pub mod b64u;
mod header;
pub mod json;
pub mod jwe;
mod jwk;
mod jwk_set;
mod jws;
mod jwt;
pub mod numeric_date;
mod signing_key;
mod verifying_key;
pub mod x5c;

pub use algorithm::Algorithm;
pub use header::{Header, HeaderError};
pub use json::Claims;
pub use jwk::{CompressedPoint, JwkError, KeyUse, PublicJwk};
pub use jwk_set::JwkSet;
pub use jws::{JwsError, SigningInput, UnverifiedJws, sign};
pub use jwt::{Expected, JwtError, MAX_BYTES, UnverifiedJwt, VerifiedJwt};
pub use numeric_date::{ClaimError, TimeRule};
pub use signing_key::{KeyError, SigningKey};
pub use verifying_key::{SignatureError, VerifyingKey};
