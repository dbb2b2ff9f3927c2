//! Fields of a certificate that path validation does not read (RFC 5280, sections 4.1 and 4.2).
//! x509-cert parses them.

use std::net::IpAddr;

use sekisho_ambient::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};

use crate::jwk::{Curve, Material};
use crate::{JwkError, PublicJwk};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A certificate that was read, with the extensions that we need.
pub(super) struct Parsed {
    certificate: Certificate,
    authority: bool,
    may_sign: bool,
    pub(super) names: Names,
}

/// The subject alternative names.
#[derive(Default)]
pub(super) struct Names {
    pub(super) dns: Vec<String>,
    pub(super) uris: Vec<String>,
    pub(super) ips: Vec<IpAddr>,
}

impl Parsed {
    /// Reads a certificate; `None` if it, or one of the extensions that we need, is malformed.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let constraints: Option<BasicConstraints> = extension(&certificate).ok()?;
        let usage: Option<KeyUsage> = extension(&certificate).ok()?;
        let names: Option<SubjectAltName> = extension(&certificate).ok()?;
        Some(Self {
            certificate,
            authority: constraints.is_some_and(|constraints| constraints.ca),
            may_sign: usage.is_none_or(|usage| usage.digital_signature()),
            names: names.map(|names| Names::new(&names)).unwrap_or_default(),
        })
    }

    pub(super) fn is_authority(&self) -> bool {
        self.authority
    }

    /// Whether the key usage allows digital signatures. A certificate without a key usage does.
    pub(super) fn may_sign(&self) -> bool {
        self.may_sign
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.is_issued_by(self)
    }

    pub(super) fn is_issued_by(&self, issuer: &Self) -> bool {
        self.certificate.tbs_certificate().issuer()
            == issuer.certificate.tbs_certificate().subject()
    }

    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        self.certificate.tbs_certificate().subject_public_key_info()
            == other.certificate.tbs_certificate().subject_public_key_info()
    }

    pub(super) fn subject(&self) -> String {
        self.certificate.tbs_certificate().subject().to_string()
    }

    pub(super) fn not_after(&self) -> Timestamp {
        timestamp(self.certificate.tbs_certificate().validity().not_after)
    }

    pub(super) fn is_valid_at(&self, time: Timestamp) -> bool {
        self.not_before() <= time && time <= self.not_after()
    }

    pub(super) fn not_before(&self) -> Timestamp {
        timestamp(self.certificate.tbs_certificate().validity().not_before)
    }

    /// Returns the key that the certificate certifies.
    pub(super) fn public_key(&self) -> Result<PublicJwk, JwkError> {
        let info = self.certificate.tbs_certificate().subject_public_key_info();
        let key = info.subject_public_key.as_bytes().ok_or(JwkError::Invalid)?;
        let curve = || {
            let parameters = info.algorithm.parameters.as_ref().ok_or(JwkError::Unsupported)?;
            match parameters.decode_as::<ObjectIdentifier>() {
                Ok(P256) => Ok(Curve::P256),
                Ok(P384) => Ok(Curve::P384),
                _ => Err(JwkError::Unsupported),
            }
        };
        let material = match info.algorithm.oid {
            EC_PUBLIC_KEY => Material::ec_point(curve()?, key)?,
            ED25519 => Material::ed25519(key)?,
            RSA => Material::rsa_der(key)?,
            _ => return Err(JwkError::Unsupported),
        };
        PublicJwk::from_material(material)
    }
}

impl Names {
    fn new(names: &SubjectAltName) -> Self {
        let mut out = Self::default();
        for name in &names.0 {
            match name {
                GeneralName::DnsName(name) => out.dns.push(name.to_string()),
                GeneralName::UniformResourceIdentifier(uri) => out.uris.push(uri.to_string()),
                GeneralName::IpAddress(ip) => out.ips.extend(ip_address(ip.as_bytes())),
                _ => {}
            }
        }
        out
    }
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Reads one extension. Fails if it is malformed or appears twice.
fn extension<T: for<'a> Decode<'a> + AssociatedOid>(
    certificate: &Certificate,
) -> Result<Option<T>, ()> {
    let tbs = certificate.tbs_certificate();
    match tbs.get_extension::<T>() {
        Ok(found) => Ok(found.map(|(_critical, extension)| extension)),
        Err(_) => Err(()),
    }
}

fn timestamp(time: x509_cert::time::Time) -> Timestamp {
    let seconds = time.to_unix_duration().as_secs();
    Timestamp::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}
