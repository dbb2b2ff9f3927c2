//! JWT (RFC 7519): a signed object of an expected type whose payload is a set of claims.
//!
//! Invariant: only [`UnverifiedJwt::verify`] makes a [`VerifiedJwt`]. It always compares `typ`, so
//! that a token of one kind is never accepted as another kind (RFC 8725, section 3.11).

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::json::{self, Claims, JsonError};
use crate::{Algorithm, Header, JwsError, UnverifiedJws, VerifyingKey};

/// The longest token that [`UnverifiedJwt::parse`] reads, in bytes.
pub const MAX_BYTES: usize = 128 * 1024;

/// A token whose signature has not been checked.
#[derive(Clone, Debug)]
pub struct UnverifiedJwt<T = Claims> {
    unverified_jws: UnverifiedJws,
    claims: PhantomData<fn() -> T>,
}

/// What the caller expects of a token.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The accepted values of `typ`. Upper and lower case and a leading `application/` make no
    /// difference.
    pub typ: &'a [&'a str],
    /// The accepted algorithms.
    pub algorithms: &'a [Algorithm],
    /// Whether a token without `typ` is accepted, for tokens whose specification does not define a
    /// `typ`.
    pub allow_missing_typ: bool,
}

/// A token whose signature, algorithm and type were checked. Its claims, such as `exp`, were not.
#[derive(Clone, Debug)]
pub struct VerifiedJwt<T = Claims> {
    header: Header,
    claims: T,
}

/// The reason why a token was refused.
#[derive(Debug, Error)]
pub enum JwtError {
    /// Not a signed object, or its signature was refused.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ` is missing or has an unexpected value.
    #[error("typ is {found:?}, expected {expected}")]
    Typ {
        /// The value in the header.
        found: Option<String>,
        /// The values that are accepted.
        expected: String,
    },
    /// The payload is not a JSON object.
    #[error("claims: {0}")]
    Json(#[from] JsonError),
    /// A member of the payload does not have the expected form.
    #[error("claims: {0}")]
    Claims(String),
}

impl<T: DeserializeOwned> UnverifiedJwt<T> {
    /// Reads a token of at most [`MAX_BYTES`] in compact form.
    pub fn parse(text: &str) -> Result<Self, JwtError> {
        Self::parse_bounded(text, MAX_BYTES)
    }

    /// Reads a token of at most `max_bytes` in compact form.
    pub fn parse_bounded(text: &str, max_bytes: usize) -> Result<Self, JwtError> {
        let unverified_jws = UnverifiedJws::parse(text, max_bytes)?;
        Ok(Self { unverified_jws, claims: PhantomData })
    }

    /// Returns the header before the signature is checked. Use it only to look up a key.
    pub fn header(&self) -> &Header {
        self.unverified_jws.header()
    }

    /// Returns the claims before the signature is checked. Use them only to look up a key.
    pub fn dangerous_claims(&self) -> Result<Claims, JwtError> {
        Ok(json::parse_object(self.unverified_jws.dangerous_payload())?)
    }

    /// Checks type, algorithm and signature, and then reads the claims.
    pub fn verify(
        self,
        key: &VerifyingKey,
        expected: &Expected<'_>,
    ) -> Result<VerifiedJwt<T>, JwtError> {
        expected.check_typ(self.header().typ.as_deref())?;
        let (header, payload) = self.unverified_jws.verify(key, expected.algorithms)?;
        let claims = Value::Object(json::parse_object(&payload)?);
        let claims = serde_json::from_value(claims).map_err(|e| JwtError::Claims(e.to_string()))?;
        Ok(VerifiedJwt { header, claims })
    }
}

impl Expected<'_> {
    fn check_typ(&self, found: Option<&str>) -> Result<(), JwtError> {
        let passes = match found {
            None => self.allow_missing_typ,
            Some(found) => self.typ.iter().any(|typ| short(typ).eq_ignore_ascii_case(short(found))),
        };
        if passes {
            return Ok(());
        }
        Err(JwtError::Typ { found: found.map(ToOwned::to_owned), expected: self.typ.join(" or ") })
    }
}

/// Removes a leading `application/` from a media type (RFC 7515, section 4.1.9).
fn short(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

impl<T> VerifiedJwt<T> {
    /// Returns the header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the claims.
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// Returns the claims by value and drops the rest.
    pub fn into_claims(self) -> T {
        self.claims
    }
}

#[cfg(test)]
mod tests;
