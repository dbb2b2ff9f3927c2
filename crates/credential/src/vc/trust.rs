//! The issuers that are trusted, and what for.
//!
//! Invariant: an issuer is trusted only for the types and organizations in its entry, and only
//! under the anchors in its entry.

use sekisho_ambient::Timestamp;
use sekisho_jose::x5c::{ChainError, TrustAnchor, VerifiedLeaf, verify_chain};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Signed;

/// An issuer, and what it may attest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedIssuer {
    /// `iss`: the issuer's identifier.
    pub issuer: String,
    /// The `vct` of each type that the issuer may issue.
    pub types: Vec<String>,
    /// The corporate numbers of the organizations that it may attest for. If there are none, it may
    /// issue only types that are not about an organization.
    pub organizations: Vec<String>,
    /// The anchors. The chains of its credentials and status lists must lead to one of them.
    pub anchors: Vec<TrustAnchor>,
}

/// All issuers that are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrustList(pub Vec<TrustedIssuer>);

/// The reason why a signer is not trusted.
#[derive(Debug, Error)]
pub enum UntrustedError {
    /// No entry allows this issuer to issue this type.
    #[error("{issuer:?} is not trusted to issue {vct:?}")]
    Issuer {
        /// The issuer's identifier.
        issuer: String,
        /// The type of the credential.
        vct: String,
    },
    /// The header has no `x5c`.
    #[error("no x5c")]
    NoChain,
    /// The chain does not lead to an anchor of this issuer.
    #[error("x5c: {0}")]
    Chain(#[from] ChainError),
    /// The leaf certificate belongs to another issuer.
    #[error("the certificate does not speak for {0:?}")]
    Name(String),
}

impl TrustList {
    /// Returns the entries of `issuer` for `vct`. There may be several, each with its own
    /// organizations.
    fn entries<'t>(
        &'t self,
        issuer: &'t str,
        vct: &'t str,
    ) -> impl Iterator<Item = &'t TrustedIssuer> {
        self.0
            .iter()
            .filter(move |entry| entry.issuer == issuer && entry.types.iter().any(|own| own == vct))
    }

    /// Whether a credential that was verified earlier would still be trusted: `issuer` may issue
    /// `vct`, may attest for `organization` if the credential is about one, and has the anchor to
    /// which the credential's chain led. What is not known of the credential is not compared.
    pub fn still_covers(
        &self,
        issuer: &str,
        vct: &str,
        organization: Option<&str>,
        signed: Option<&Signed>,
    ) -> bool {
        let has_anchor = |entry: &&TrustedIssuer| {
            let led_to = |signed: &Signed| {
                entry.anchors.iter().any(|anchor| anchor.fingerprint() == Some(signed.anchor))
            };
            signed.is_none_or(led_to)
        };
        let attests = |entry: &TrustedIssuer| match organization {
            Some(number) => entry.organizations.iter().any(|own| own == number),
            None => true,
        };
        self.entries(issuer, vct).filter(has_anchor).any(attests)
    }

    /// Checks that `x5c` leads to an anchor of `issuer` for `vct` and that the leaf belongs to
    /// `issuer`. Returns the leaf, and the entries to whose anchors the chain leads.
    pub(crate) fn signer<'t>(
        &'t self,
        issuer: &'t str,
        vct: &'t str,
        x5c: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(VerifiedLeaf, Vec<&'t TrustedIssuer>), UntrustedError> {
        if x5c.is_empty() {
            return Err(UntrustedError::NoChain);
        }
        let mut refused = UntrustedError::Issuer { issuer: issuer.to_owned(), vct: vct.to_owned() };
        let mut believed = Vec::new();
        let mut leaf = None;
        for entry in self.entries(issuer, vct) {
            match verify_chain(x5c, &entry.anchors, now) {
                Ok(verified) => {
                    believed.push(entry);
                    leaf = Some(verified);
                }
                Err(error) => refused = error.into(),
            }
        }
        let leaf = leaf.ok_or(refused)?;
        if speaks_for(&leaf, issuer) {
            Ok((leaf, believed))
        } else {
            Err(UntrustedError::Name(issuer.to_owned()))
        }
    }
}

/// Whether the leaf belongs to `issuer`: its subject alternative name contains `issuer` as a URI. A
/// certificate without any URI belongs only to the https issuer whose identifier is its host and no
/// path, because all issuers at one host share its DNS name.
fn speaks_for(leaf: &VerifiedLeaf, issuer: &str) -> bool {
    if !leaf.uris.is_empty() {
        return leaf.uris.iter().any(|uri| uri == issuer);
    }
    let host = issuer.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    host.is_some_and(|host| leaf.dns_names.iter().any(|name| name.eq_ignore_ascii_case(host)))
}
