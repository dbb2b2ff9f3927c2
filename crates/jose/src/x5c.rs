//! Certificate chains in a header's `x5c` (RFC 7515, section 4.1.6). rustls-webpki validates them
//! to our own anchors (RFC 5280, section 6).
//!
//! Invariant: only [`verify_chain`] and [`dangerous_leaf`] make a [`VerifiedLeaf`]. The verifier
//! chooses the anchors. A chain that contains its anchor is refused (HAIP, section 6.1.1), and so
//! is a leaf that is self-signed or may sign certificates. No extended key usage is required,
//! because none is registered for issuers of credentials. Revocation of certificates is not
//! checked, because private PKIs of this kind have no CRLs.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sekisho_ambient::{Timestamp, sha256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::{JwkError, VerifyingKey, b64u};

mod certificate;
use certificate::Parsed;

/// The most certificates that a chain may have.
pub const MAX_CHAIN: usize = 5;

/// The algorithms by which certificates may be signed.
static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::aws_lc_rs::ECDSA_P256_SHA256,
    webpki::aws_lc_rs::ECDSA_P256_SHA384,
    webpki::aws_lc_rs::ECDSA_P384_SHA256,
    webpki::aws_lc_rs::ECDSA_P384_SHA384,
    webpki::aws_lc_rs::ED25519,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
];

/// A certificate, as DER, whose authority we trust to issue other certificates.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustAnchor(Vec<u8>);

/// The first certificate of a chain that was checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifiedLeaf {
    /// The key that the certificate certifies.
    pub key: VerifyingKey,
    /// The DNS names in the subject alternative name.
    pub dns_names: Vec<String>,
    /// The URIs in the subject alternative name.
    pub uris: Vec<String>,
    /// The IP addresses in the subject alternative name.
    pub ip_addresses: Vec<IpAddr>,
    /// The certificate as DER.
    pub der: Vec<u8>,
    /// The end of the certificate's validity.
    pub not_after: Timestamp,
    /// The thumbprint of `key` (RFC 7638).
    pub thumbprint: String,
    /// The anchor to which the chain led, by [`TrustAnchor::fingerprint`]; `None` if no chain was
    /// checked.
    pub anchor: Option<[u8; 32]>,
}

/// The reason why a chain or an anchor was refused.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The chain is empty or has more than [`MAX_CHAIN`] certificates. The number is that of its
    /// certificates.
    #[error("chain of {0} certificates, 1 to {MAX_CHAIN} are read")]
    Length(usize),
    /// A certificate cannot be read.
    #[error("certificate {position} cannot be read")]
    Certificate {
        /// The position of the certificate in the chain, from 0.
        position: usize,
    },
    /// The bytes are not the certificate of an authority.
    #[error("not a certificate of an authority")]
    Anchor,
    /// The text holds no certificate.
    #[error("no certificate in the PEM text")]
    NoPem,
    /// The leaf is self-signed.
    #[error("the leaf is self-signed")]
    SelfSigned,
    /// The leaf may sign certificates.
    #[error("the leaf is a certificate of an authority")]
    LeafIsAuthority,
    /// The leaf's key usage does not include digital signatures.
    #[error("the leaf is not for digital signatures")]
    KeyUsage,
    /// The chain contains an anchor.
    #[error("the chain contains its anchor")]
    AnchorInChain,
    /// A certificate was not issued by the next one in the chain.
    #[error("the chain is out of order")]
    Order,
    /// The chain leads to an anchor, but a certificate has expired or is not valid yet.
    #[error("the chain leads to a trust anchor, but is not valid at this time")]
    Time,
    /// The chain does not lead to an anchor.
    #[error("no path to a trust anchor: {0}")]
    Path(webpki::Error),
    /// The leaf's key is not accepted.
    #[error("key of the leaf: {0}")]
    Key(#[from] JwkError),
}

impl TrustAnchor {
    /// Reads one certificate, which must be that of an authority.
    pub fn from_der(der: &[u8]) -> Result<Self, ChainError> {
        let certificate = Parsed::from_der(der).ok_or(ChainError::Anchor)?;
        let is_readable = webpki::anchor_from_trusted_cert(&CertificateDer::from(der)).is_ok();
        if !certificate.is_authority() || !is_readable {
            return Err(ChainError::Anchor);
        }
        Ok(Self(der.to_vec()))
    }

    /// Reads every certificate of a PEM text. Other sections and other text are skipped.
    pub fn from_pem(pem: &str) -> Result<Vec<Self>, ChainError> {
        let mut anchors = Vec::new();
        for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            anchors.push(Self::from_der(&der.map_err(|_| ChainError::Anchor)?)?);
        }
        if anchors.is_empty() { Err(ChainError::NoPem) } else { Ok(anchors) }
    }

    /// Returns the certificate as DER.
    pub fn to_der(&self) -> &[u8] {
        &self.0
    }

    /// Returns SHA-256 of the anchor's public key. A certificate that was renewed for the same key
    /// has the same digest.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        let der = CertificateDer::from(self.0.as_slice());
        let anchor = webpki::anchor_from_trusted_cert(&der).ok()?;
        Some(sha256(&anchor.subject_public_key_info))
    }

    /// Returns the subject in the form of RFC 4514, to show to people.
    pub fn subject(&self) -> String {
        Parsed::from_der(&self.0).map(|certificate| certificate.subject()).unwrap_or_default()
    }
}

impl Serialize for TrustAnchor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for TrustAnchor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let der = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Self::from_der(&der).map_err(serde::de::Error::custom)
    }
}

/// Accepts any extended key usage, or none.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, mut usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        usages.try_for_each(|usage| usage.map(|_| ()))
    }
}

/// Checks that `x5c`, leaf first, leads to one of `anchors` at the time `now`.
pub fn verify_chain(
    x5c: &[Vec<u8>],
    anchors: &[TrustAnchor],
    now: Timestamp,
) -> Result<VerifiedLeaf, ChainError> {
    if x5c.is_empty() || x5c.len() > MAX_CHAIN {
        return Err(ChainError::Length(x5c.len()));
    }
    let read = |(position, der): (usize, &Vec<u8>)| {
        Parsed::from_der(der).ok_or(ChainError::Certificate { position })
    };
    let chain: Vec<Parsed> = x5c.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let anchors: Vec<(&TrustAnchor, Parsed)> =
        anchors.iter().filter_map(|a| Some((a, Parsed::from_der(&a.0)?))).collect();
    check_form(&chain, &anchors)?;
    let valid = anchors.iter().filter(|(_, certificate)| certificate.is_valid_at(now));
    let valid: Vec<&TrustAnchor> = valid.map(|(anchor, _)| *anchor).collect();
    let anchor = match check_path(x5c, &valid, now) {
        Err(ChainError::Path(_)) if was_valid(x5c, &chain, &anchors) => {
            return Err(ChainError::Time);
        }
        checked => checked?,
    };
    let (leaf, der) = chain.first().zip(x5c.first()).ok_or(ChainError::Length(0))?;
    Ok(VerifiedLeaf { anchor: Some(anchor), ..VerifiedLeaf::new(leaf, der)? })
}

/// Reads a leaf without checking a chain, an anchor or the time. A signature under its key shows
/// only that the signer holds this key. It is for wallets that know a verifier only by the hash of
/// its certificate (OpenID4VP, client identifier prefix `x509_hash`).
pub fn dangerous_leaf(der: &[u8]) -> Result<VerifiedLeaf, ChainError> {
    let leaf = Parsed::from_der(der).ok_or(ChainError::Certificate { position: 0 })?;
    VerifiedLeaf::new(&leaf, der)
}

impl VerifiedLeaf {
    fn new(leaf: &Parsed, der: &[u8]) -> Result<Self, ChainError> {
        let key = leaf.public_key()?;
        Ok(Self {
            key: key.verifying_key()?,
            dns_names: leaf.names.dns.clone(),
            uris: leaf.names.uris.clone(),
            ip_addresses: leaf.names.ips.clone(),
            der: der.to_vec(),
            not_after: leaf.not_after(),
            thumbprint: key.thumbprint(),
            anchor: None,
        })
    }
}

/// Checks what path validation does not check.
fn check_form(chain: &[Parsed], anchors: &[(&TrustAnchor, Parsed)]) -> Result<(), ChainError> {
    if let Some(leaf) = chain.first() {
        if leaf.is_self_issued() {
            return Err(ChainError::SelfSigned);
        }
        if leaf.is_authority() {
            return Err(ChainError::LeafIsAuthority);
        }
        if !leaf.may_sign() {
            return Err(ChainError::KeyUsage);
        }
    }
    // Compare keys, so that a certificate of the anchor with another name or date is found too.
    let is_anchor = |own: &Parsed| anchors.iter().any(|(_, anchor)| own.has_key_of(anchor));
    if chain.iter().any(is_anchor) {
        return Err(ChainError::AnchorInChain);
    }
    let ordered = chain.iter().zip(chain.iter().skip(1)).all(|(own, next)| own.is_issued_by(next));
    if ordered { Ok(()) } else { Err(ChainError::Order) }
}

/// Whether the chain leads to one of the anchors at the first moment at which all its certificates
/// are within their time.
fn was_valid(x5c: &[Vec<u8>], chain: &[Parsed], anchors: &[(&TrustAnchor, Parsed)]) -> bool {
    anchors.iter().any(|(anchor, certificate)| {
        let begin = chain.iter().map(Parsed::not_before).fold(certificate.not_before(), Ord::max);
        certificate.is_valid_at(begin) && check_path(x5c, &[anchor], begin).is_ok()
    })
}

/// Checks the path. Returns the anchor to which it leads, as [`TrustAnchor::fingerprint`].
fn check_path(
    x5c: &[Vec<u8>],
    anchors: &[&TrustAnchor],
    now: Timestamp,
) -> Result<[u8; 32], ChainError> {
    let ders: Vec<CertificateDer<'_>> = x5c.iter().map(|der| der.as_slice().into()).collect();
    let (leaf, intermediates) = ders.split_first().ok_or(ChainError::Length(0))?;
    let anchors: Vec<CertificateDer<'_>> = anchors.iter().map(|a| a.to_der().into()).collect();
    let anchors: Vec<_> =
        anchors.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok()).collect();
    let seconds = u64::try_from(now.unix()).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let leaf = EndEntityCert::try_from(leaf).map_err(ChainError::Path)?;
    let path = leaf
        .verify_for_usage(ALGORITHMS, &anchors, intermediates, time, AnyUsage, None, None)
        .map_err(ChainError::Path)?;
    Ok(sha256(&path.anchor().subject_public_key_info))
}

/// Returns SHA-256 of a certificate as base64url, for OpenID4VP's client identifier prefix
/// `x509_hash`.
pub fn leaf_hash(der: &[u8]) -> String {
    b64u::encode(sha256(der))
}

#[cfg(test)]
mod tests;
