//! Types of credential: what one may carry, and how (SD-JWT VC, sections 6 to 9). Which types there
//! are is the product's matter.
//!
//! Invariant: one table says what a type carries. Its metadata, what is disclosable, and what is
//! accepted for issuance are all derived from it. A type's metadata never changes: a change of its
//! claims is a new major version.

mod form;
mod metadata;
mod validate;

use sekisho_ambient::{Timestamp, Words};

use crate::claim_path::{ClaimPath, PathElement};

pub use form::Form;
pub(crate) use metadata::is_integrity;
pub use metadata::{integrity, metadata};
pub use validate::{TypeError, forbidden, validate};

/// Claims that the issuer sets, which are no part of a type's table.
pub const REGISTERED: [&str; 9] =
    ["iss", "iat", "nbf", "exp", "aud", "cnf", "vct", "vct#integrity", "status"];

const DAY: i64 = 24 * 3600;

/// Whether a claim is selectively disclosable (SD-JWT VC, section 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selective {
    /// It is.
    Always,
    /// It may be; here it stands inside a claim that is, and is not by itself.
    Allowed,
    /// It is not.
    Never,
}

/// What a type says of one claim.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRule {
    /// Names from the top; `*` stands for all elements of an array.
    pub path: &'static [&'static str],
    /// Whether it is selectively disclosable.
    pub sd: Selective,
    /// Whether it has to be issued.
    pub mandatory: bool,
    /// What its value looks like.
    pub form: Form,
    /// What people call it.
    pub label: Words,
}

/// A type of credential.
#[derive(Clone, Copy, Debug)]
pub struct CredentialType {
    /// `affiliation`, as in its `vct`.
    pub name: &'static str,
    /// Major version, as in its `vct`.
    pub major: u32,
    /// Its name, for people.
    pub display: Words,
    /// What it says, for people.
    pub description: Words,
    /// Its claims.
    pub claims: &'static [ClaimRule],
    /// The claim with the corporate number of the organization that it speaks about.
    pub organization_claim: Option<&'static str>,
    /// The longest that one is good, in days.
    pub max_days: i64,
    /// Whether it ends with the Japanese fiscal year at the latest.
    pub ends_with_fiscal_year: bool,
}

impl CredentialType {
    /// `{authority}/types/{name}/{major}`.
    pub fn vct(&self, authority: &str) -> String {
        format!("{}/types/{}/{}", authority.trim_end_matches('/'), self.name, self.major)
    }
}

impl ClaimRule {
    /// The path as a claims path pointer.
    pub fn claim_path(&self) -> ClaimPath {
        let element = |name: &&str| match *name {
            "*" => PathElement::All,
            name => PathElement::Name(name.to_owned()),
        };
        ClaimPath(self.path.iter().map(element).collect())
    }
}

/// What an issuer makes selectively disclosable.
pub fn disclosable(credential_type: &CredentialType) -> Vec<ClaimPath> {
    let always = credential_type.claims.iter().filter(|rule| rule.sd == Selective::Always);
    always.map(ClaimRule::claim_path).collect()
}

/// The latest time at which a credential issued at `issued_at` may end: the type's days, and the end
/// of the fiscal year (31 March 23:59:59 JST) where the type ends with it.
pub fn latest_expiry(credential_type: &CredentialType, issued_at: Timestamp) -> Timestamp {
    let latest = issued_at.plus(credential_type.max_days.saturating_mul(DAY));
    if credential_type.ends_with_fiscal_year {
        latest.min(issued_at.fiscal_year_end())
    } else {
        latest
    }
}

/// When a credential issued at `issued_at` ends if the issuer wants it to end at `wanted`: then, or
/// at [`latest_expiry`] if that comes first.
pub fn expiry(
    credential_type: &CredentialType,
    issued_at: Timestamp,
    wanted: Option<Timestamp>,
) -> Timestamp {
    let latest = latest_expiry(credential_type, issued_at);
    wanted.map_or(latest, |wanted| wanted.min(latest))
}
