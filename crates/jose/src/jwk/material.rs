//! The numbers of a public key, as bytes.

use serde_json::Value;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{self, Decode as _, Reader as _, SliceReader};

use super::{JwkAlgorithm, JwkError};
use crate::{Algorithm, b64u};

mod roca;

/// The accepted sizes of an RSA modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The curve of a key of type `EC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Curve {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Returns the length of a coordinate in bytes.
    const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// A public key as big-endian numbers. Their lengths were checked. Whether a point is on its curve
/// is checked when the key is parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519([u8; 32]),
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Material {
    pub(super) fn from_value(value: &Value) -> Result<Self, JwkError> {
        let text = |name: &'static str| value.get(name).and_then(Value::as_str);
        let bytes = |name: &'static str| {
            let text = text(name).ok_or(JwkError::Malformed(name))?;
            b64u::decode(text).map_err(|_| JwkError::Malformed(name))
        };
        match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => Self::ec(Curve::P256, bytes("x")?, bytes("y")?),
            (Some("EC"), Some("P-384")) => Self::ec(Curve::P384, bytes("x")?, bytes("y")?),
            (Some("OKP"), Some("Ed25519")) => Self::ed25519(&bytes("x")?),
            (Some("RSA"), _) => Self::rsa(bytes("n")?, bytes("e")?),
            _ => Err(JwkError::Unsupported),
        }
    }

    /// Makes a key of type `EC`. A coordinate must have exactly the curve's length (RFC 7518,
    /// section 6.2.1.2).
    pub(crate) fn ec(curve: Curve, x: Vec<u8>, y: Vec<u8>) -> Result<Self, JwkError> {
        if x.len() != curve.coordinate() {
            return Err(JwkError::Malformed("x"));
        }
        if y.len() != curve.coordinate() {
            return Err(JwkError::Malformed("y"));
        }
        Ok(Self::Ec { curve, x, y })
    }

    /// Makes a key of type `EC` from a point in SEC 1's uncompressed form.
    pub(crate) fn ec_point(curve: Curve, point: &[u8]) -> Result<Self, JwkError> {
        let coordinates = point.strip_prefix(&[4]).ok_or(JwkError::Invalid)?;
        let (x, y) = coordinates.split_at_checked(curve.coordinate()).ok_or(JwkError::Invalid)?;
        Self::ec(curve, x.to_vec(), y.to_vec())
    }

    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, JwkError> {
        x.try_into().map(Self::Ed25519).map_err(|_| JwkError::Malformed("x"))
    }

    /// Makes a key of type `RSA`. Numbers must have no leading zeros (RFC 7518, section 2:
    /// Base64urlUInt), so that a key has only one thumbprint.
    pub(crate) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, JwkError> {
        let bits = bit_length(&n).ok_or(JwkError::Malformed("n"))?;
        if !RSA_BITS.contains(&bits) {
            return Err(JwkError::RsaSize(bits));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !odd(&n) {
            return Err(JwkError::Invalid);
        }
        let exponent_bits = bit_length(&e).ok_or(JwkError::Malformed("e"))?;
        if !odd(&e) || !(2..=32).contains(&exponent_bits) || roca::is_weak(&n) {
            return Err(JwkError::Invalid);
        }
        Ok(Self::Rsa { n, e })
    }

    /// Makes a key of type `RSA` from an RSAPublicKey (RFC 8017, appendix A.1.1).
    pub(crate) fn rsa_der(der: &[u8]) -> Result<Self, JwkError> {
        let read = || {
            let mut reader = SliceReader::new(der)?;
            let numbers = reader.sequence(|reader| {
                let n = UintRef::decode(reader)?.as_bytes().to_vec();
                Ok::<_, der::Error>((n, UintRef::decode(reader)?.as_bytes().to_vec()))
            })?;
            reader.finish()?;
            Ok::<_, der::Error>(numbers)
        };
        let (n, e) = read().map_err(|_| JwkError::Invalid)?;
        Self::rsa(n, e)
    }

    pub(super) fn fits(&self, algorithm: JwkAlgorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
        let JwkAlgorithm::Signature(algorithm) = algorithm else {
            return matches!(self, Self::Ec { curve: Curve::P256, .. });
        };
        match self {
            Self::Ec { curve: Curve::P256, .. } => algorithm == Es256,
            Self::Ec { curve: Curve::P384, .. } => algorithm == Es384,
            Self::Ed25519(_) => algorithm == EdDsa,
            Self::Rsa { .. } => algorithm == Rs256 || algorithm == Ps256,
        }
    }
}

/// Writes a point in SEC 1's uncompressed form.
pub(crate) fn sec1(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// Counts the bits of a big-endian number; `None` if it is empty or begins with a zero byte.
fn bit_length(number: &[u8]) -> Option<usize> {
    let first = number.first().filter(|byte| **byte != 0)?;
    let unused = usize::try_from(first.leading_zeros()).ok()?;
    Some(number.len() * 8 - unused)
}
