//! Private keys that sign. aws-lc-rs signs, and makes RSA keys; p256 and ed25519-dalek make the others.
//!
//! Invariant: a key has one algorithm, which never changes, and has neither `Debug` nor
//! `Serialize`. Its private half is given out only as a [`Secret`].

use std::sync::Arc;

use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as aws, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use p256::pkcs8::EncodePrivateKey as _;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use sekisho_ambient::{Entropy, Secret};
use thiserror::Error;

use crate::jwk::{Curve, Material};
use crate::{Algorithm, JwkError, KeyUse, PublicJwk, VerifyingKey};

/// A private key for one algorithm, parsed once. Clones share it.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Arc<Pair>,
    pkcs8: Arc<Secret<Vec<u8>>>,
    public: VerifyingKey,
    kid: String,
}

/// The parsed key, in the form that aws-lc-rs works with.
enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// The reason why a key could not be made, read or used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The bytes are not PKCS#8, or the text is not PEM, or the key has another type, curve or size.
    #[error("not a private key for {0}")]
    Encoding(Algorithm),
    /// The key's public half is not accepted.
    #[error("public half of the key: {0}")]
    Public(#[from] JwkError),
    /// The header's algorithm is not the key's.
    #[error("header says {header}, the key is for {key}")]
    Algorithm {
        /// `alg` in the header.
        header: Algorithm,
        /// The key's algorithm.
        key: Algorithm,
    },
    /// The claims cannot be written as JSON.
    #[error("claims cannot be written as JSON")]
    Claims,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
}

impl SigningKey {
    /// Makes a fresh key. EC and Ed25519 keys are made from `entropy` alone; RSA keys (2048 bits)
    /// use the library's own random source.
    pub fn generate(algorithm: Algorithm, entropy: &Entropy) -> Result<Self, KeyError> {
        let der = match algorithm {
            Algorithm::Es256 => generate_p256(entropy)?,
            Algorithm::Es384 => generate_p384(entropy)?,
            Algorithm::EdDsa => generate_ed25519(entropy)?,
            Algorithm::Rs256 | Algorithm::Ps256 => generate_rsa()?,
        };
        Self::from_pkcs8_der(algorithm, der.expose())
    }

    /// Reads an unencrypted PKCS#8 PrivateKeyInfo (RFC 5208, RFC 5958).
    pub fn from_pkcs8_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let pair = Pair::from_pkcs8(algorithm, der).ok_or(KeyError::Encoding(algorithm))?;
        let public = PublicJwk::from_material(pair.public(algorithm)?)?;
        let kid = public.thumbprint();
        let public = public.with_algorithm(algorithm).with_use(KeyUse::Signature);
        Ok(Self {
            algorithm,
            pkcs8: Arc::new(pair.to_pkcs8()?),
            pair: Arc::new(pair),
            public: public.with_kid(kid.clone()).verifying_key()?,
            kid,
        })
    }

    /// Reads PEM with an unencrypted PKCS#8 `PRIVATE KEY` (RFC 7468, section 10).
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes());
        let der = der.map_err(|_| KeyError::Encoding(algorithm))?;
        Self::from_pkcs8_der(algorithm, der.secret_pkcs8_der())
    }

    /// Writes the key as PKCS#8 PrivateKeyInfo, version 1.
    pub fn to_pkcs8_der(&self) -> Secret<Vec<u8>> {
        Secret::clone(&self.pkcs8)
    }

    /// Returns the same key with another `kid`.
    #[must_use]
    pub fn with_kid(self, kid: impl Into<String>) -> Self {
        let kid = kid.into();
        Self { public: self.public.with_kid(kid.clone()), kid, ..self }
    }

    /// Returns `kid`, which is the key's thumbprint unless the caller gave another.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public half with `kid`, `alg` and `use`.
    pub fn public_jwk(&self) -> PublicJwk {
        self.public.jwk().clone()
    }

    /// Returns the public half, ready to verify.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }

    /// Signs `message`. The signature has the form of JWS: for ECDSA, `r` and `s` of fixed length,
    /// joined (RFC 7518, section 3.4).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair.sign(self.algorithm, message).map_err(|_| KeyError::Library)
    }
}

impl Pair {
    fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        use aws::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING};
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok().map(Self::Ec)
            }
            Algorithm::Es384 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).ok().map(Self::Ec)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(der).ok().map(Self::Ed25519),
            Algorithm::Rs256 | Algorithm::Ps256 => RsaKeyPair::from_pkcs8(der).ok().map(Self::Rsa),
        }
    }

    fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, KeyError> {
        let der = match self {
            Self::Ec(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
            Self::Ed25519(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
            Self::Rsa(pair) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|der| der.as_ref().to_vec())
            }
        };
        der.map(Secret::new).map_err(|_| KeyError::Library)
    }

    fn public(&self, algorithm: Algorithm) -> Result<Material, JwkError> {
        match self {
            Self::Ec(pair) => {
                let curve = if algorithm == Algorithm::Es384 { Curve::P384 } else { Curve::P256 };
                Material::ec_point(curve, pair.public_key().as_ref())
            }
            Self::Ed25519(pair) => Material::ed25519(pair.public_key().as_ref()),
            Self::Rsa(pair) => Material::rsa_der(pair.public_key().as_ref()),
        }
    }

    fn sign(
        &self,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        // aws-lc-rs takes this argument for compatibility with ring, and does not read it.
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let padding: &dyn aws::RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &aws::RSA_PSS_SHA256,
                    _ => &aws::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

fn generate_p256(entropy: &Entropy) -> Result<Secret<Vec<u8>>, KeyError> {
    loop {
        let scalar = Secret::new(entropy.bytes::<32>());
        // Fails if the number is zero or not below the group's order: a chance of one in 2^32.
        if let Ok(key) = p256::SecretKey::from_slice(scalar.expose()) {
            let der = key.to_pkcs8_der().map_err(|_| KeyError::Library)?;
            return Ok(Secret::new(der.as_bytes().to_vec()));
        }
    }
}

fn generate_p384(entropy: &Entropy) -> Result<Secret<Vec<u8>>, KeyError> {
    loop {
        let scalar = Secret::new(entropy.bytes::<48>());
        // Fails if the number is zero or not below the group's order: a chance of one in 2^194.
        let key = agreement::PrivateKey::from_private_key(&agreement::ECDH_P384, scalar.expose());
        if let Ok(key) = key {
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| KeyError::Library)?;
            return Ok(Secret::new(der.as_ref().to_vec()));
        }
    }
}

fn generate_ed25519(entropy: &Entropy) -> Result<Secret<Vec<u8>>, KeyError> {
    let seed = Secret::new(entropy.bytes::<32>());
    let key = ed25519_dalek::SigningKey::from_bytes(seed.expose());
    let public = key.verifying_key().to_bytes();
    let pair = Ed25519KeyPair::from_seed_and_public_key(seed.expose(), &public);
    Pair::Ed25519(pair.map_err(|_| KeyError::Library)?).to_pkcs8()
}

fn generate_rsa() -> Result<Secret<Vec<u8>>, KeyError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Library)?;
    Pair::Rsa(pair).to_pkcs8()
}

#[cfg(test)]
mod tests;
