//! Types of credential: the claims that a type may carry, and in which form (SD-JWT VC, sections 6
//! to 9). The crate of the product defines the types themselves.
//!
//! Invariant: one table defines the claims of a type. Its metadata, the disclosable claims, and the
//! check before issuance are all derived from that table. The metadata of a type never changes: if
//! its claims change, it gets a new major version.

mod form;
mod metadata;
mod validate;

use std::collections::BTreeMap;

use sekisho_ambient::{Timestamp, Words};

use crate::claim_path::{ClaimPath, PathElement};

pub use form::Form;
pub(crate) use metadata::is_integrity;
pub use metadata::{integrity, metadata};
pub use validate::{TypeError, forbidden, validate};

/// Claims that the issuer sets. They are not in a type's table.
pub const REGISTERED: [&str; 9] =
    ["iss", "iat", "nbf", "exp", "aud", "cnf", "vct", "vct#integrity", "status"];

const DAY: i64 = 24 * 3600;

/// The number of seconds to which the times of a credential are rounded down. Credentials of one
/// batch, and of people who were served one after the other, then have the same times.
const ROUND: i64 = 3600;

/// Whether a claim is selectively disclosable (SD-JWT VC, section 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selective {
    /// The claim is always selectively disclosable.
    Always,
    /// The claim may be selectively disclosable. Here it is inside a disclosable claim and is not a
    /// disclosure of its own.
    Allowed,
    /// The claim is never selectively disclosable.
    Never,
}

/// The rule for one claim of a type.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRule {
    /// The names from the top of the claims down; `*` stands for all elements of an array.
    pub path: &'static [&'static str],
    /// Whether it is selectively disclosable.
    pub sd: Selective,
    /// Whether every credential of the type must have the claim.
    pub mandatory: bool,
    /// The form of its value.
    pub form: Form,
    /// The name of the claim for people.
    pub label: Words,
}

/// A type of credential: its names, claims and lifetime.
#[derive(Clone, Copy, Debug)]
pub struct CredentialType {
    /// The name in its `vct`, such as `affiliation`.
    pub name: &'static str,
    /// The major version in its `vct`.
    pub major: u32,
    /// The name of the type for people.
    pub display: Words,
    /// A description of the type for people.
    pub description: Words,
    /// The rules for its claims.
    pub claims: &'static [ClaimRule],
    /// The claim with the corporate number of the organization that the credential is about.
    pub organization_claim: Option<&'static str>,
    /// The longest lifetime of a credential, in days.
    pub max_days: i64,
    /// Whether a credential ends at the latest with the Japanese fiscal year.
    pub ends_with_fiscal_year: bool,
}

impl CredentialType {
    /// Returns the `vct`: `{authority}/types/{name}/{major}`.
    pub fn vct(&self, authority: &str) -> String {
        format!("{}/types/{}/{}", authority.trim_end_matches('/'), self.name, self.major)
    }
}

impl ClaimRule {
    /// Returns the path as a claims path pointer.
    pub fn claim_path(&self) -> ClaimPath {
        let element = |name: &&str| match *name {
            "*" => PathElement::All,
            name => PathElement::Name(name.to_owned()),
        };
        ClaimPath(self.path.iter().map(element).collect())
    }
}

/// The rules of credential types, by `vct`.
pub type Rules = BTreeMap<String, &'static CredentialType>;

/// Returns the paths of the claims that the issuer must make selectively disclosable.
pub fn disclosable(credential_type: &CredentialType) -> Vec<ClaimPath> {
    let always = credential_type.claims.iter().filter(|rule| rule.sd == Selective::Always);
    always.map(ClaimRule::claim_path).collect()
}

/// Rounds a time in a credential down to the beginning of its hour, so that it does not tell apart
/// those who were served in one hour (OpenID4VCI 1.0, section 15.4.1). The end of a fiscal year, which
/// is the same for everybody, stays as it is.
pub fn rounded(time: Timestamp) -> Timestamp {
    if time == time.fiscal_year_end() {
        return time;
    }
    time.plus(-time.unix().rem_euclid(ROUND))
}

/// Returns the latest expiry of a credential issued at `issued_at`: the type's days later, rounded, or
/// the end of the fiscal year (31 March 23:59:59 JST) if the type ends with it and it comes first.
pub fn latest_expiry(credential_type: &CredentialType, issued_at: Timestamp) -> Timestamp {
    let latest = rounded(issued_at.plus(credential_type.max_days.saturating_mul(DAY)));
    if credential_type.ends_with_fiscal_year {
        latest.min(issued_at.fiscal_year_end())
    } else {
        latest
    }
}

/// Returns the expiry of a credential issued at `issued_at`: `wanted`, rounded, or [`latest_expiry`] if
/// that comes first.
pub fn expiry(
    credential_type: &CredentialType,
    issued_at: Timestamp,
    wanted: Option<Timestamp>,
) -> Timestamp {
    let latest = latest_expiry(credential_type, issued_at);
    wanted.map_or(latest, |wanted| rounded(wanted).min(latest))
}
