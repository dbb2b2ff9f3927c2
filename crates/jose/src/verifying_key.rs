//! Public keys that verify signatures. aws-lc-rs does the arithmetic.
//!
//! Invariant: the caller chooses the algorithm, and it must fit the key's type, curve and `alg`. A
//! signature of another algorithm is refused before any arithmetic (RFC 8725, section 3.1).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{self as aws, ParsedPublicKey, RsaPublicKeyComponents};
use thiserror::Error;

use crate::jwk::{Curve, Material, sec1};
use crate::{Algorithm, JwkError, PublicJwk};

/// A public key that was parsed once. Clones share it.
#[derive(Clone)]
pub struct VerifyingKey {
    jwk: Arc<PublicJwk>,
    parsed: Arc<Parsed>,
}

/// The parsed key, in the form that aws-lc-rs works with.
pub(crate) enum Parsed {
    One(ParsedPublicKey),
    Rsa { pkcs1: ParsedPublicKey, pss: ParsedPublicKey },
}

/// The reason why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The algorithm does not fit the key's type, curve or `alg`.
    #[error("the key does not serve {0}")]
    Algorithm(Algorithm),
    /// The signature was not made by this key over this message.
    #[error("the signature does not verify")]
    Invalid,
}

impl VerifyingKey {
    pub(crate) fn new(jwk: PublicJwk, parsed: Arc<Parsed>) -> Self {
        Self { jwk: Arc::new(jwk), parsed }
    }

    pub(crate) fn with_kid(&self, kid: String) -> Self {
        Self::new((*self.jwk).clone().with_kid(kid), Arc::clone(&self.parsed))
    }

    /// Checks that `signature` was made over `message` by this key with `algorithm`.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if !self.supports(algorithm) {
            return Err(SignatureError::Algorithm(algorithm));
        }
        let key = match &*self.parsed {
            Parsed::One(key) => key,
            Parsed::Rsa { pss, .. } if algorithm == Algorithm::Ps256 => pss,
            Parsed::Rsa { pkcs1, .. } => pkcs1,
        };
        key.verify_sig(message, signature).map_err(|_| SignatureError::Invalid)
    }

    /// Returns the key as a JWK.
    pub fn jwk(&self) -> &PublicJwk {
        &self.jwk
    }

    /// Whether the key's type, curve and `alg` are those of `algorithm`.
    pub fn supports(&self, algorithm: Algorithm) -> bool {
        self.jwk.fits(algorithm)
    }
}

impl Parsed {
    pub(crate) fn new(material: &Material) -> Result<Self, JwkError> {
        match material {
            Material::Ec { curve: Curve::P256, x, y } => {
                Self::one(&aws::ECDSA_P256_SHA256_FIXED, &sec1(x, y))
            }
            Material::Ec { curve: Curve::P384, x, y } => {
                Self::one(&aws::ECDSA_P384_SHA384_FIXED, &sec1(x, y))
            }
            Material::Ed25519(x) => {
                refuse_weak_ed25519(x)?;
                Self::one(&aws::ED25519, x)
            }
            Material::Rsa { n, e } => Self::rsa(&RsaPublicKeyComponents { n, e }),
        }
    }

    fn one(
        algorithm: &'static dyn aws::VerificationAlgorithm,
        key: &[u8],
    ) -> Result<Self, JwkError> {
        let key = ParsedPublicKey::new(algorithm, key).map_err(|_| JwkError::Invalid)?;
        Ok(Self::One(key))
    }

    fn rsa(components: &RsaPublicKeyComponents<&Vec<u8>>) -> Result<Self, JwkError> {
        let parse =
            |algorithm| components.to_parsed_public_key(algorithm).map_err(|_| JwkError::Invalid);
        Ok(Self::Rsa {
            pkcs1: parse(&aws::RSA_PKCS1_2048_8192_SHA256)?,
            pss: parse(&aws::RSA_PSS_2048_8192_SHA256)?,
        })
    }
}

/// Refuses points of small order, because some signatures verify for every message under them. Also
/// refuses encodings of a point that are not canonical.
fn refuse_weak_ed25519(x: &[u8; 32]) -> Result<(), JwkError> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(x).map_err(|_| JwkError::Invalid)?;
    if key.is_weak() || key.to_edwards().compress().as_bytes() != x {
        return Err(JwkError::Invalid);
    }
    Ok(())
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?})", self.jwk)
    }
}
