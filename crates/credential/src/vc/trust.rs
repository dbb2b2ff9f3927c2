//! Whom to believe what.
//!
//! Invariant: an issuer is believed for the types and organizations that its entry names, under the
//! anchors that its entry names, and for nothing else.

use sekisho_ambient::Timestamp;
use sekisho_jose::x5c::{ChainError, TrustAnchor, VerifiedLeaf, verify_chain};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An issuer, and what it may attest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedIssuer {
    /// `iss`.
    pub issuer: String,
    /// `vct` of each type that it may issue.
    pub types: Vec<String>,
    /// The corporate numbers that it may attest for. With none it may issue only types that speak
    /// about no organization.
    pub organizations: Vec<String>,
    /// Where chains of its credentials and status lists have to end.
    pub anchors: Vec<TrustAnchor>,
}

/// All issuers that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrustList(pub Vec<TrustedIssuer>);

/// Why a signer is not believed.
#[derive(Debug, Error)]
pub enum UntrustedError {
    /// No entry allows this issuer to issue this type.
    #[error("{issuer:?} is not trusted to issue {vct:?}")]
    Issuer {
        /// `iss`.
        issuer: String,
        /// `vct`.
        vct: String,
    },
    /// There is no `x5c`.
    #[error("no x5c")]
    NoChain,
    /// The chain does not lead to an anchor of this issuer.
    #[error("x5c: {0}")]
    Chain(#[from] ChainError),
    /// The leaf certificate speaks for somebody else.
    #[error("the certificate does not speak for {0:?}")]
    Name(String),
}

impl TrustList {
    /// The entries of `issuer` for `vct`. There may be several, each with its own organizations.
    fn entries<'t>(
        &'t self,
        issuer: &'t str,
        vct: &'t str,
    ) -> impl Iterator<Item = &'t TrustedIssuer> {
        self.0
            .iter()
            .filter(move |entry| entry.issuer == issuer && entry.types.iter().any(|own| own == vct))
    }

    /// Checks that `x5c` leads to an anchor of `issuer` for `vct` and speaks for `issuer`; gives the
    /// leaf, and the entries whose anchors it leads to.
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

/// Whether the leaf's subject alternative name carries `issuer` as a URI. A certificate that names
/// no URI speaks for the https issuer that is its host and nothing more: the issuers of one host
/// share its DNS name, so a DNS name cannot tell them apart.
fn speaks_for(leaf: &VerifiedLeaf, issuer: &str) -> bool {
    if !leaf.uris.is_empty() {
        return leaf.uris.iter().any(|uri| uri == issuer);
    }
    let host = issuer.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    host.is_some_and(|host| leaf.dns_names.iter().any(|name| name.eq_ignore_ascii_case(host)))
}
