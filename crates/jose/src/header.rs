//! The JOSE header of a signed token (RFC 7515, section 4).
//!
//! Invariant: a header is refused when it is read if it asks for something that is not implemented
//! (`crit`, `b64`, `zip`, an unknown `alg`). `jku` and `x5u` are never followed (RFC 8725, section
//! 3.10).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use thiserror::Error;

use crate::json::{self, Claims, JsonError};
use crate::{Algorithm, JwkError, PublicJwk, SigningKey};

/// The greatest length of `kid` and of `typ`, in bytes.
const MAX_NAME: usize = 1024;

/// Members that change how a token is processed. None of them is implemented.
const REFUSED: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// The header of a signed token.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// `alg`: the signature algorithm.
    pub algorithm: Algorithm,
    /// `typ`: the kind of token.
    pub typ: Option<String>,
    /// `kid`: only a hint for looking up a key.
    pub kid: Option<String>,
    /// `x5c`: the certificate chain as DER, leaf first; empty if absent.
    pub x5c: Vec<Vec<u8>>,
    /// `jwk`: the key that the token names itself. Do not trust the token because of it.
    pub jwk: Option<PublicJwk>,
    /// All other members of the header.
    pub other: Claims,
}

/// The reason why a header was refused.
#[derive(Debug, Error)]
pub enum HeaderError {
    /// The header is not a JSON object.
    #[error("header: {0}")]
    Json(#[from] JsonError),
    /// `alg` is missing, not a string, or not registered here (`none` and HMAC are not).
    #[error("header: unknown or missing alg")]
    Algorithm,
    /// The header has a member that changes processing and is not implemented.
    #[error("header: {0} is not supported")]
    Unsupported(&'static str),
    /// A member has the wrong JSON type, or is too long.
    #[error("header: malformed {0}")]
    Malformed(&'static str),
    /// `jwk` is not a public key that we accept.
    #[error("header: jwk: {0}")]
    Jwk(#[from] JwkError),
}

impl Header {
    /// Makes a header with `alg` and `typ`.
    pub fn new(algorithm: Algorithm, typ: &str) -> Self {
        let typ = Some(typ.to_owned());
        Self { algorithm, typ, kid: None, x5c: Vec::new(), jwk: None, other: Claims::new() }
    }

    /// Makes a header with the `alg` and `kid` of `key`, and with `typ`.
    pub fn for_key(key: &SigningKey, typ: &str) -> Self {
        Self { kid: Some(key.kid().to_owned()), ..Self::new(key.algorithm(), typ) }
    }

    /// Adds the certificate chain `x5c` (DER, leaf first).
    #[must_use]
    pub fn with_x5c(self, x5c: Vec<Vec<u8>>) -> Self {
        Self { x5c, ..self }
    }

    /// Adds the public key `jwk`. Of its members, those of the key itself and `kid` are written.
    #[must_use]
    pub fn with_jwk(self, jwk: PublicJwk) -> Self {
        Self { jwk: Some(jwk), ..self }
    }

    /// Writes the header as JSON. Standard members are written from their own fields only; one that
    /// was put into `other` is left out.
    pub fn to_claims(&self) -> Claims {
        let mut out = Claims::new();
        out.insert("alg".into(), self.algorithm.name().into());
        if let Some(typ) = &self.typ {
            out.insert("typ".into(), typ.as_str().into());
        }
        if let Some(kid) = &self.kid {
            out.insert("kid".into(), kid.as_str().into());
        }
        if let Some(jwk) = &self.jwk {
            let mut member = jwk.minimal();
            if let (Some(kid), Some(members)) = (jwk.kid(), member.as_object_mut()) {
                members.insert("kid".into(), kid.into());
            }
            out.insert("jwk".into(), member);
        }
        if !self.x5c.is_empty() {
            let chain: Vec<Value> =
                self.x5c.iter().map(|der| STANDARD.encode(der).into()).collect();
            out.insert("x5c".into(), chain.into());
        }
        for (name, value) in &self.other {
            if !["alg", "typ", "kid", "jwk", "x5c"].contains(&name.as_str()) {
                out.insert(name.clone(), value.clone());
            }
        }
        out
    }

    /// Reads a header from JSON.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut members = json::parse_object(bytes)?;
        if let Some(name) = REFUSED.into_iter().find(|name| members.contains_key(*name)) {
            return Err(HeaderError::Unsupported(name));
        }
        let algorithm = members.shift_remove("alg").ok_or(HeaderError::Algorithm)?;
        let algorithm = algorithm.as_str().and_then(Algorithm::from_name);
        let jwk = members.shift_remove("jwk").map(|jwk| PublicJwk::from_value(&jwk)).transpose()?;
        Ok(Self {
            algorithm: algorithm.ok_or(HeaderError::Algorithm)?,
            typ: take_name(&mut members, "typ")?,
            kid: take_name(&mut members, "kid")?,
            x5c: take_chain(&mut members)?,
            jwk,
            other: members,
        })
    }
}

fn take_name(members: &mut Claims, name: &'static str) -> Result<Option<String>, HeaderError> {
    match members.shift_remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_NAME => Ok(Some(text)),
        Some(_) => Err(HeaderError::Malformed(name)),
    }
}

fn take_chain(members: &mut Claims) -> Result<Vec<Vec<u8>>, HeaderError> {
    let malformed = || HeaderError::Malformed("x5c");
    let Some(chain) = members.shift_remove("x5c") else { return Ok(Vec::new()) };
    let chain = chain.as_array().filter(|chain| !chain.is_empty()).ok_or_else(malformed)?;
    let der = |certificate: &Value| {
        STANDARD.decode(certificate.as_str().ok_or_else(malformed)?).map_err(|_| malformed())
    };
    chain.iter().map(der).collect()
}
