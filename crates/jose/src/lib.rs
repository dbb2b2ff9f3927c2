//! JSON Object Signing and Encryption: JWK (RFC 7517, RFC 7638), JWS (RFC 7515), JWE (RFC 7516), JWA
//! (RFC 7518, RFC 8037) and JWT (RFC 7519), held to the practices of RFC 8725.
//!
//! The caller reads a token as [`UnverifiedJwt`]. Its claims come from a [`VerifiedJwt`], which
//! only [`UnverifiedJwt::verify`] makes. The caller gives the key, the accepted algorithms and the
//! expected type; the algorithm must also fit the key. Signing has two steps, [`SigningInput`] and
//! then [`SigningInput::finish`], so that a device can make the signature in between.
//!
//! Invariant: a token is never trusted because of a key that it names itself. `jku` and `x5u` are
//! not followed; `jwk` and `x5c` are only handed to the caller.
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
pub use numeric_date::{Ahead, AheadError, ClaimError, TimeRule};
pub use signing_key::{KeyError, SigningKey};
pub use verifying_key::{SignatureError, VerifyingKey};
