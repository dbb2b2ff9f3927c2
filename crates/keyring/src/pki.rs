//! The private PKI that `init` makes (RFC 5280): one root, and leaf certificates for request
//! objects, credentials, status lists and TLS.
//!
//! There are two levels because strict wallets refuse a self-signed leaf. Invariants: a chain
//! contains the leaf and never the root; a leaf does not outlive its root; every leaf is validated
//! against the root, as verifiers will do it, before it is returned. Serial numbers have 126 random
//! bits.
//!
//! Leaves to others: where the root is stored, and which keys get a leaf.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm, date_time_ymd,
};
use sekisho_ambient::{Entropy, Secret, Timestamp};
use sekisho_jose::x5c::{self, ChainError, TrustAnchor};
use sekisho_jose::{Algorithm, KeyError, PublicJwk, SigningKey, b64u};

const DAY: i64 = 86_400;
/// How long a root is valid, in seconds: ten years.
pub const ROOT_VALIDITY: i64 = 3653 * DAY;
/// How long a leaf is valid, in seconds: five years. A key is a spare for at most half a year, then
/// signs for at most half a year, and what it signs may be valid for three years.
pub const LEAF_VALIDITY: i64 = 1827 * DAY;
/// How long before its creation a root is already valid, in seconds, for verifiers whose clock is
/// slow.
const ROOT_AHEAD: i64 = DAY;
/// How long before its creation a leaf is already valid, in seconds. Must be less than for the
/// root.
const LEAF_AHEAD: i64 = 3600;
/// The longest common name (RFC 5280, appendix A.1: ub-common-name), in characters.
const MAX_NAME: usize = 64;

/// A root certificate with its private key.
#[derive(Clone)]
pub struct Authority {
    anchor: TrustAnchor,
    key: SigningKey,
    name: String,
    not_after: Timestamp,
}

/// The names in a leaf certificate.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Common name, shown to people; cut at 64 characters.
    pub name: &'a str,
    /// The issuer identifier or origin, written as a URI into the subject alternative name.
    pub uri: &'a str,
    /// The host, written as DNS name or IP address into the subject alternative name.
    pub host: &'a str,
}

/// The certificates and the key of a TLS server.
pub struct TlsIdentity {
    /// The certificate chain in DER, leaf first, without the root.
    pub chain: Vec<Vec<u8>>,
    /// The private key, PKCS #8 DER.
    pub private: Secret<Vec<u8>>,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The key is not for ES256, the only algorithm that this PKI supports.
    #[error("certificates are made for ES256 keys only, found {0}")]
    Algorithm(Algorithm),
    /// A key could not be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate could not be written, for example because of a name that it cannot hold.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be read, or does not validate against its root.
    #[error("certificate: {0}")]
    Chain(#[from] ChainError),
    /// The stored private key does not belong to the stored root certificate.
    #[error("the root's key does not belong to its certificate")]
    KeyMismatch,
    /// The root's subject does not have the form that `Authority::generate` writes.
    #[error("the root's subject {0:?} is not one that is written here")]
    ForeignRoot(String),
    /// A time lies before 1970.
    #[error("time out of range")]
    Time,
}

impl Authority {
    /// Makes a root named after `host`, valid for ten years from `now`.
    pub fn generate(host: &str, now: Timestamp, entropy: &Entropy) -> Result<Self, PkiError> {
        let key = SigningKey::generate(Algorithm::Es256, entropy)?;
        let name = common_name(&format!("Sekisho root {host}"));
        let mut params = params(&name, now.plus(-ROOT_AHEAD), now.plus(ROOT_VALIDITY), entropy)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&Signer::new(&key)?)?;
        Self::from_parts(certificate.der(), key)
    }

    /// Reads a root from its stored certificate and private key.
    pub fn from_der(certificate: &[u8], private: &[u8]) -> Result<Self, PkiError> {
        Self::from_parts(certificate, SigningKey::from_pkcs8_der(Algorithm::Es256, private)?)
    }

    fn from_parts(certificate: &[u8], key: SigningKey) -> Result<Self, PkiError> {
        let anchor = TrustAnchor::from_der(certificate)?;
        let read = x5c::dangerous_leaf(certificate)?;
        if read.key.jwk().thumbprint() != key.public_jwk().thumbprint() {
            return Err(PkiError::KeyMismatch);
        }
        // A leaf must repeat the root's name byte for byte. That is certain only for the form of
        // name that is written here.
        let subject = anchor.subject();
        match subject.strip_prefix("CN=").filter(|name| !name.contains(['\\', ',', '+', '='])) {
            Some(name) => {
                let name = name.to_owned();
                Ok(Self { anchor, key, name, not_after: read.not_after })
            }
            None => Err(PkiError::ForeignRoot(subject)),
        }
    }

    /// The root certificate, as verifiers trust it.
    pub fn anchor(&self) -> &TrustAnchor {
        &self.anchor
    }

    /// The root's private key in PKCS #8 DER.
    pub fn private(&self) -> Secret<Vec<u8>> {
        self.key.to_pkcs8_der()
    }

    /// When the root stops being valid.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Makes a leaf for the public key `key`, valid for five years from `now` but not longer than
    /// the root. Returns the chain for `x5c`: DER, leaf first, without the root.
    pub fn certify(
        &self,
        subject: &Subject<'_>,
        key: &PublicJwk,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Vec<Vec<u8>>, PkiError> {
        let mut names = host_names(&[subject.host])?;
        names.push(SanType::URI(subject.uri.try_into()?));
        self.sign(subject.name, names, key, None, now, entropy)
    }

    /// Makes a key and a leaf for a TLS server. The leaf names `host`, `localhost` and the loopback
    /// addresses.
    pub fn tls_identity(
        &self,
        host: &str,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<TlsIdentity, PkiError> {
        let key = SigningKey::generate(Algorithm::Es256, entropy)?;
        let names = host_names(&[host, "localhost", "127.0.0.1", "::1"])?;
        let usage = Some(ExtendedKeyUsagePurpose::ServerAuth);
        let chain = self.sign(host, names, &key.public_jwk(), usage, now, entropy)?;
        Ok(TlsIdentity { chain, private: key.to_pkcs8_der() })
    }

    fn sign(
        &self,
        name: &str,
        names: Vec<SanType>,
        key: &PublicJwk,
        usage: Option<ExtendedKeyUsagePurpose>,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Vec<Vec<u8>>, PkiError> {
        let not_after = now.plus(LEAF_VALIDITY).min(self.not_after);
        let mut leaf = params(name, now.plus(-LEAF_AHEAD), not_after, entropy)?;
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = usage.into_iter().collect();
        leaf.subject_alt_names = names;
        let certificate = leaf.signed_by(&Public::new(key)?, &self.issuer()?)?;
        let chain = vec![certificate.der().to_vec()];
        x5c::verify_chain(&chain, std::slice::from_ref(&self.anchor), now)?;
        Ok(chain)
    }

    fn issuer(&self) -> Result<Issuer<'static, Signer>, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(&self.name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Issuer::new(params, Signer::new(&self.key)?))
    }
}

fn params(
    name: &str,
    not_before: Timestamp,
    not_after: Timestamp,
    entropy: &Entropy,
) -> Result<CertificateParams, PkiError> {
    let at = |time: Timestamp| {
        let seconds = u64::try_from(time.unix()).map_err(|_| PkiError::Time)?;
        Ok::<_, PkiError>(date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds))
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(&common_name(name));
    params.not_before = at(not_before)?;
    params.not_after = at(not_after)?;
    params.serial_number = Some(serial_number(entropy));
    Ok(params)
}

fn distinguished_name(name: &str) -> rcgen::DistinguishedName {
    let mut out = rcgen::DistinguishedName::new();
    out.push(DnType::CommonName, name);
    out
}

/// Removes the characters that would need an escape, and cuts `name` at `MAX_NAME` characters.
fn common_name(name: &str) -> String {
    let plain =
        |c: &char| !c.is_control() && !['\\', ',', '+', '=', '"', '<', '>', ';', '#'].contains(c);
    name.chars().filter(plain).take(MAX_NAME).collect::<String>().trim().to_owned()
}

/// Clears the first bit, so that the number is positive, and sets the second, so that all numbers
/// have the same length (RFC 5280, section 4.1.2.2).
fn serial_number(entropy: &Entropy) -> SerialNumber {
    let number = u128::from_be_bytes(entropy.bytes());
    SerialNumber::from_slice(&((number >> 2) | (1 << 126)).to_be_bytes())
}

/// The hosts as subject alternative names, without duplicates: an IP address where the text is one,
/// else a DNS name.
fn host_names(hosts: &[&str]) -> Result<Vec<SanType>, PkiError> {
    let mut names = Vec::new();
    for host in hosts {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = match bare.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*host).try_into()?),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A public key on P-256 in the form that certificates hold: the uncompressed point.
struct Public(Vec<u8>);

impl Public {
    fn new(key: &PublicJwk) -> Result<Self, PkiError> {
        let algorithm = key.algorithm().unwrap_or(Algorithm::Es256);
        let members = key.minimal();
        let coordinate = |name: &str| {
            let text = members.get(name).and_then(serde_json::Value::as_str);
            text.and_then(|text| b64u::decode(text).ok()).filter(|bytes| bytes.len() == 32)
        };
        match (coordinate("x"), coordinate("y")) {
            (Some(x), Some(y)) => Ok(Self([&[4], &x[..], &y[..]].concat())),
            _ => Err(PkiError::Algorithm(algorithm)),
        }
    }
}

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// Lets rcgen sign with a `SigningKey`.
struct Signer {
    public: Public,
    key: SigningKey,
}

impl Signer {
    fn new(key: &SigningKey) -> Result<Self, PkiError> {
        Ok(Self { public: Public::new(&key.public_jwk())?, key: key.clone() })
    }
}

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl rcgen::SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.key.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)?;
        let (r, s) = signature.split_at_checked(32).ok_or(rcgen::Error::RemoteKeyError)?;
        let numbers = [der_integer(r), der_integer(s)].concat();
        Ok(der(0x30, &numbers))
    }
}

/// A non-negative INTEGER in DER: leading zeros are removed, and one is added if the number would
/// otherwise be negative.
fn der_integer(big_endian: &[u8]) -> Vec<u8> {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    let mut number: Vec<u8> = big_endian.iter().skip(zeros).copied().collect();
    if number.first().is_none_or(|byte| *byte >= 0x80) {
        number.insert(0, 0);
    }
    der(0x02, &number)
}

/// One DER element. `content` must be shorter than 128 bytes, which it always is here.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag, u8::try_from(content.len()).unwrap_or(u8::MAX)];
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests;
