//! Public keys as JSON (RFC 7517; RFC 7518, section 6; RFC 8037, section 2) and their thumbprints
//! (RFC 7638).
//!
//! Invariant: a [`PublicJwk`] is public and usable: a point on P-256 or P-384, an Ed25519 key of
//! full order, or an RSA modulus of 2048 to 8192 bits. A JWK with a private member is refused, and
//! not merely stripped, because its owner has disclosed the private key.

use std::fmt;
use std::sync::Arc;

use sekisho_ambient::sha256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use thiserror::Error;

use crate::verifying_key::Parsed;
use crate::{Algorithm, VerifyingKey, b64u};

mod material;
mod point;
pub(crate) use material::{Curve, Material, sec1};
pub use point::CompressedPoint;

/// The greatest length of `kid`, in bytes.
const MAX_KID: usize = 1024;

/// Members that only a private or a symmetric key has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key.
///
/// Two values are equal if key, `kid`, `alg` and `use` are equal. To compare the keys alone,
/// compare [`PublicJwk::thumbprint`].
#[derive(Clone)]
pub struct PublicJwk {
    material: Material,
    parsed: Arc<Parsed>,
    kid: Option<String>,
    algorithm: Option<JwkAlgorithm>,
    key_use: Option<KeyUse>,
}

/// The `alg` of a key: one for signatures, or one for key agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JwkAlgorithm {
    Signature(Algorithm),
    EcdhEs,
}

/// `use` of a key (RFC 7517, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// `sig`: the key verifies signatures.
    Signature,
    /// `enc`: others encrypt to the key.
    Encryption,
}

/// The reason why a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwkError {
    /// The value is not a JSON object.
    #[error("a key is a JSON object")]
    NotAnObject,
    /// The value has a member of a private or symmetric key.
    #[error("private member {0:?} in a public key")]
    Private(&'static str),
    /// The key type or curve is not implemented.
    #[error("unsupported key type or curve")]
    Unsupported,
    /// A member is missing or malformed.
    #[error("missing or malformed {0:?}")]
    Malformed(&'static str),
    /// The numbers are not a valid key: not a point of the curve, a point of small order, or the
    /// like.
    #[error("not a valid public key")]
    Invalid,
    /// The RSA modulus does not have 2048 to 8192 bits. The number is that of its bits.
    #[error("RSA key of {0} bits, 2048 to 8192 are accepted")]
    RsaSize(usize),
    /// `alg` is unknown or does not fit the key.
    #[error("alg does not fit the key")]
    Algorithm,
    /// `use` or `key_ops` does not allow what the key is to be used for.
    #[error("use or key_ops does not fit")]
    Use,
    /// The document has no array called `keys`.
    #[error("not a JWK Set")]
    NotASet,
}

impl PublicJwk {
    /// Reads a key. Unknown members are ignored.
    pub fn from_value(value: &Value) -> Result<Self, JwkError> {
        let members = value.as_object().ok_or(JwkError::NotAnObject)?;
        if value.get("kty").and_then(Value::as_str) == Some("oct") {
            return Err(JwkError::Private("k"));
        }
        if let Some(name) = PRIVATE.into_iter().find(|name| members.contains_key(*name)) {
            return Err(JwkError::Private(name));
        }
        let jwk = Self::from_material(Material::from_value(value)?)?;
        let algorithm = read_algorithm(value)?;
        if !algorithm.is_none_or(|algorithm| jwk.material.fits(algorithm)) {
            return Err(JwkError::Algorithm);
        }
        Ok(Self { kid: read_kid(value)?, algorithm, key_use: read_use(value)?, ..jwk })
    }

    pub(crate) fn from_material(material: Material) -> Result<Self, JwkError> {
        let parsed = Arc::new(Parsed::new(&material)?);
        Ok(Self { material, parsed, kid: None, algorithm: None, key_use: None })
    }

    /// Writes the key with all its members as JSON.
    pub fn to_value(&self) -> Value {
        let mut value = self.minimal();
        let mut set = |name: &str, text: &str| {
            if let Some(members) = value.as_object_mut() {
                members.insert(name.to_owned(), text.into());
            }
        };
        if let Some(kid) = &self.kid {
            set("kid", kid);
        }
        match self.algorithm {
            Some(JwkAlgorithm::Signature(algorithm)) => set("alg", algorithm.name()),
            Some(JwkAlgorithm::EcdhEs) => set("alg", "ECDH-ES"),
            None => {}
        }
        match self.key_use {
            Some(KeyUse::Signature) => set("use", "sig"),
            Some(KeyUse::Encryption) => set("use", "enc"),
            None => {}
        }
        value
    }

    /// Writes only the members that define the key: `kty`, `crv`, `x`, `y` or `kty`, `n`, `e`.
    pub fn minimal(&self) -> Value {
        match &self.material {
            Material::Ec { curve, x, y } => json!({
                "kty": "EC", "crv": curve.name(), "x": b64u::encode(x), "y": b64u::encode(y),
            }),
            Material::Ed25519(x) => json!({"kty": "OKP", "crv": "Ed25519", "x": b64u::encode(x)}),
            Material::Rsa { n, e } => {
                json!({"kty": "RSA", "n": b64u::encode(n), "e": b64u::encode(e)})
            }
        }
    }

    /// Returns the thumbprint as text: base64url of [`PublicJwk::thumbprint_bytes`].
    pub fn thumbprint(&self) -> String {
        b64u::encode(self.thumbprint_bytes())
    }

    /// Returns SHA-256 of the key in the form of RFC 7638, section 3.
    pub fn thumbprint_bytes(&self) -> [u8; 32] {
        let text = match &self.material {
            Material::Ec { curve, x, y } => format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                curve.name(),
                b64u::encode(x),
                b64u::encode(y)
            ),
            Material::Ed25519(x) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64u::encode(x))
            }
            Material::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64u::encode(e), b64u::encode(n))
            }
        };
        sha256(text.as_bytes())
    }

    /// Returns `kid`, if the key has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns `alg`, if it is a signature algorithm.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self.algorithm {
            Some(JwkAlgorithm::Signature(algorithm)) => Some(algorithm),
            _ => None,
        }
    }

    /// Returns `use`, if the key has one.
    pub fn key_use(&self) -> Option<KeyUse> {
        self.key_use
    }

    /// Returns the same key with this `kid`.
    #[must_use]
    pub fn with_kid(self, kid: impl Into<String>) -> Self {
        Self { kid: Some(kid.into()), ..self }
    }

    /// Returns the same key with this `alg`. If `alg` does not fit the key's type, the key verifies
    /// nothing.
    #[must_use]
    pub fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm: Some(JwkAlgorithm::Signature(algorithm)), ..self }
    }

    /// Returns the same key with this `use`.
    #[must_use]
    pub fn with_use(self, key_use: KeyUse) -> Self {
        Self { key_use: Some(key_use), ..self }
    }

    /// Returns the same key for key agreement: `alg` is `ECDH-ES` and `use` is `enc`.
    pub(crate) fn for_agreement(self) -> Self {
        Self { algorithm: Some(JwkAlgorithm::EcdhEs), ..self.with_use(KeyUse::Encryption) }
    }

    /// Prepares the key to verify signatures. Refuses a key that is for encryption.
    pub fn verifying_key(&self) -> Result<VerifyingKey, JwkError> {
        let for_encryption = self.algorithm == Some(JwkAlgorithm::EcdhEs);
        if for_encryption || self.key_use == Some(KeyUse::Encryption) {
            return Err(JwkError::Use);
        }
        Ok(VerifyingKey::new(self.clone(), Arc::clone(&self.parsed)))
    }

    /// Whether the key's type, curve and `alg` fit `algorithm`.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        let wanted = JwkAlgorithm::Signature(algorithm);
        self.material.fits(wanted) && self.algorithm.is_none_or(|own| own == wanted)
    }

    /// Returns the key's point on P-256 for key agreement, in SEC 1's uncompressed form; `None` if
    /// the key is on another curve or is for signatures.
    pub(crate) fn agreement_point(&self) -> Option<Vec<u8>> {
        let signs = self.key_use == Some(KeyUse::Signature)
            || matches!(self.algorithm, Some(JwkAlgorithm::Signature(_)));
        match &self.material {
            Material::Ec { curve: Curve::P256, x, y } if !signs => Some(sec1(x, y)),
            _ => None,
        }
    }
}

fn read_algorithm(value: &Value) -> Result<Option<JwkAlgorithm>, JwkError> {
    let Some(algorithm) = value.get("alg") else { return Ok(None) };
    let name = algorithm.as_str().ok_or(JwkError::Malformed("alg"))?;
    if name == "ECDH-ES" {
        return Ok(Some(JwkAlgorithm::EcdhEs));
    }
    let algorithm = Algorithm::from_name(name).ok_or(JwkError::Algorithm)?;
    Ok(Some(JwkAlgorithm::Signature(algorithm)))
}

fn read_kid(value: &Value) -> Result<Option<String>, JwkError> {
    match value.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= MAX_KID => Ok(Some(kid.clone())),
        Some(_) => Err(JwkError::Malformed("kid")),
    }
}

/// Reads `use`. `key_ops` is read as the use that its operations stand for; if both are present,
/// they must agree (RFC 7517, sections 4.2 and 4.3).
fn read_use(value: &Value) -> Result<Option<KeyUse>, JwkError> {
    let key_use = match value.get("use").map(Value::as_str) {
        None => None,
        Some(Some("sig")) => Some(KeyUse::Signature),
        Some(Some("enc")) => Some(KeyUse::Encryption),
        Some(_) => return Err(JwkError::Use),
    };
    let Some(operations) = value.get("key_ops") else { return Ok(key_use) };
    let operations = operations.as_array().ok_or(JwkError::Malformed("key_ops"))?;
    let has = |name: &str| operations.iter().any(|operation| operation == name);
    let from_operations = match (has("verify"), has("deriveKey") || has("deriveBits")) {
        (true, false) => KeyUse::Signature,
        (false, true) => KeyUse::Encryption,
        _ => return Err(JwkError::Use),
    };
    if key_use.is_some_and(|key_use| key_use != from_operations) {
        return Err(JwkError::Use);
    }
    Ok(Some(from_operations))
}

impl PartialEq for PublicJwk {
    fn eq(&self, other: &Self) -> bool {
        self.material == other.material
            && self.kid == other.kid
            && self.algorithm == other.algorithm
            && self.key_use == other.key_use
    }
}

impl Eq for PublicJwk {}

impl fmt::Debug for PublicJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicJwk({})", self.to_value())
    }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
