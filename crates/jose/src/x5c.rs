//! x5c

use crate::VerifyingKey;
use sekisho_ambient::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A root.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustAnchor(Vec<u8>);

/// x
#[derive(Debug, Error)]
pub enum ChainError {}

/// x
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifiedLeaf {
    /// x
    pub key: VerifyingKey,
    /// x
    pub dns_names: Vec<String>,
    /// x
    pub uris: Vec<String>,
    /// x
    pub ip_addresses: Vec<std::net::IpAddr>,
    /// x
    pub der: Vec<u8>,
    /// x
    pub not_after: Timestamp,
}

impl TrustAnchor {
    /// x
    pub fn from_der(_der: &[u8]) -> Result<Self, ChainError> {
        todo!()
    }
    /// x
    pub fn from_pem(_pem: &str) -> Result<Vec<Self>, ChainError> {
        todo!()
    }
    /// x
    pub fn to_der(&self) -> &[u8] {
        &self.0
    }
    /// x
    pub fn subject(&self) -> String {
        todo!()
    }
}

impl Serialize for TrustAnchor {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        todo!()
    }
}

impl<'de> Deserialize<'de> for TrustAnchor {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        todo!()
    }
}

/// x
pub fn verify_chain(
    _x5c: &[Vec<u8>],
    _anchors: &[TrustAnchor],
    _now: Timestamp,
) -> Result<VerifiedLeaf, ChainError> {
    todo!()
}

/// x
pub fn leaf_hash(_der: &[u8]) -> String {
    todo!()
}
