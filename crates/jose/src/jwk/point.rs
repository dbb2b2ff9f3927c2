//! Elliptic curve keys as one compressed point: SEC 1, section 2.3.3 for P-256; RFC 8032, section
//! 5.1.2 for Ed25519.
//!
//! Invariant: a key has only one compressed point, and no other bytes are read as that key.

use p256::elliptic_curve::sec1::ToSec1Point as _;

use super::{Curve, JwkError, Material, PublicJwk};

/// A public key in the shortest form of its curve. Whether the bytes are a valid key was not
/// checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressedPoint {
    /// A key on P-256: the byte 2 (even `y`) or 3 (odd `y`), then `x`.
    P256([u8; 33]),
    /// A key on Ed25519: `y` in little-endian with the sign of `x`, which is the member `x` of its
    /// JWK.
    Ed25519([u8; 32]),
}

impl PublicJwk {
    /// Returns the key as a compressed point; `None` if it is on neither curve.
    pub fn compressed_point(&self) -> Option<CompressedPoint> {
        match &self.material {
            Material::Ec { curve: Curve::P256, x, y } => {
                let odd = y.last()? & 1;
                let point = [&[2 | odd], x.as_slice()].concat();
                point.try_into().ok().map(CompressedPoint::P256)
            }
            Material::Ed25519(x) => Some(CompressedPoint::Ed25519(*x)),
            Material::Ec { .. } | Material::Rsa { .. } => None,
        }
    }
}

/// Fails with [`JwkError::Invalid`] if the bytes are not a point, or not a point that is a valid
/// key.
impl TryFrom<CompressedPoint> for PublicJwk {
    type Error = JwkError;

    fn try_from(point: CompressedPoint) -> Result<Self, JwkError> {
        let material = match point {
            CompressedPoint::P256(point) => decompressed(&point)?,
            CompressedPoint::Ed25519(x) => Material::Ed25519(x),
        };
        Self::from_material(material)
    }
}

fn decompressed(point: &[u8; 33]) -> Result<Material, JwkError> {
    // SEC 1 has a form of the same length that leaves out the sign of `y`. Refuse it: it would be a
    // second encoding of the key.
    if !matches!(point, [2 | 3, ..]) {
        return Err(JwkError::Invalid);
    }
    let key = p256::PublicKey::from_sec1_bytes(point).map_err(|_| JwkError::Invalid)?;
    Material::ec_point(Curve::P256, key.to_sec1_point(false).as_bytes())
}
