//! JWS in compact serialization (RFC 7515, sections 3.1, 5 and 7.1).
//!
//! Invariant: a payload leaves an [`UnverifiedJws`] only through a signature check, or through a
//! method called `dangerous`.

use serde::Serialize;
use thiserror::Error;

use crate::{
    Algorithm, Header, HeaderError, KeyError, SignatureError, SigningKey, VerifyingKey, b64u,
};

/// The bytes to sign: header and payload. A key in this process or a device can sign them.
#[derive(Clone, Debug)]
pub struct SigningInput(String);

impl SigningInput {
    /// Joins `header` and `payload`.
    pub fn new(header: &Header, payload: &[u8]) -> Self {
        let header = serde_json::Value::Object(header.to_claims()).to_string();
        Self(format!("{}.{}", b64u::encode(header), b64u::encode(payload)))
    }

    /// Returns the bytes to sign.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Makes the token. `signature` has the form of JWS: for ECDSA, `r` and `s` of fixed length,
    /// joined.
    pub fn finish(self, signature: &[u8]) -> String {
        let mut token = self.0;
        token.push('.');
        token.push_str(&b64u::encode(signature));
        token
    }
}

/// Signs `claims` as a JWT. The algorithm in `header` must be that of the key.
pub fn sign(
    key: &SigningKey,
    header: &Header,
    claims: &impl Serialize,
) -> Result<String, KeyError> {
    if header.algorithm != key.algorithm() {
        return Err(KeyError::Algorithm { header: header.algorithm, key: key.algorithm() });
    }
    let payload = serde_json::to_vec(claims).map_err(|_| KeyError::Claims)?;
    let input = SigningInput::new(header, &payload);
    let signature = key.sign(input.as_bytes())?;
    Ok(input.finish(&signature))
}

/// A signed object whose signature has not been checked.
#[derive(Clone, Debug)]
pub struct UnverifiedJws {
    header: Header,
    signing_input: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The reason why a signed object was refused.
#[derive(Debug, Error)]
pub enum JwsError {
    /// The token is longer than the reader allows.
    #[error("token of {found} bytes, at most {allowed} are read")]
    TooLong {
        /// The length of the token in bytes.
        found: usize,
        /// The greatest length that is accepted, in bytes.
        allowed: usize,
    },
    /// The token does not have three parts. Five would be an encrypted token, which is never taken
    /// for a signed one.
    #[error("not a signed token in compact form: {0} parts, not 3")]
    Parts(usize),
    /// A part is not base64url.
    #[error("{0} is not base64url")]
    Base64(&'static str),
    /// The header was refused.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The caller does not accept this algorithm.
    #[error("{0} is not accepted here")]
    Algorithm(Algorithm),
    /// The signature does not verify, or the algorithm does not fit the key.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl UnverifiedJws {
    /// Reads a token of at most `max_bytes` in compact form.
    pub fn parse(text: &str, max_bytes: usize) -> Result<Self, JwsError> {
        if text.len() > max_bytes {
            return Err(JwsError::TooLong { found: text.len(), allowed: max_bytes });
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::Parts(text.split('.').count()));
        };
        let decode = |part, name| b64u::decode(part).map_err(|_| JwsError::Base64(name));
        Ok(Self {
            header: Header::parse(&decode(header, "header")?)?,
            signing_input: format!("{header}.{payload}"),
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }

    /// Returns the header before the signature is checked. Use it only to look up a key.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the payload although the signature has not been checked.
    pub fn dangerous_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks the signature with `key` and returns header and payload. The header's algorithm must
    /// be in `algorithms` and must fit the key.
    pub fn verify(
        self,
        key: &VerifyingKey,
        algorithms: &[Algorithm],
    ) -> Result<(Header, Vec<u8>), JwsError> {
        let algorithm = self.header.algorithm;
        if !algorithms.contains(&algorithm) {
            return Err(JwsError::Algorithm(algorithm));
        }
        key.verify(algorithm, self.signing_input.as_bytes(), &self.signature)?;
        Ok((self.header, self.payload))
    }
}

#[cfg(test)]
mod tests;
