//! Types of credential: what each may carry, and how (SD-JWT VC, sections 6 to 9).
//!
//! Invariant: one table says what a type carries. Its metadata, what is disclosable, and what is
//! accepted for issuance are all derived from it. A type's metadata never changes: a change of its
//! claims is a new major version.

mod form;
mod metadata;
mod table;
mod validate;

use sekisho_ambient::Timestamp;

use crate::claim_path::{ClaimPath, PathElement};

pub use form::Form;
pub(crate) use metadata::is_integrity;
pub use metadata::{integrity, metadata};
pub use table::{AFFILIATION, AI_TRAINING, ALL, ORGANIZATION};
pub use validate::{TypeError, forbidden, validate};

/// Claims that the issuer sets, which are no part of a type's table.
pub const REGISTERED: [&str; 9] =
    ["iss", "iat", "nbf", "exp", "aud", "cnf", "vct", "vct#integrity", "status"];

const DAY: i64 = 24 * 3600;

/// A text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Japanese.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
}

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
    /// Its label in Japanese.
    pub ja: &'static str,
    /// Its label in English.
    pub en: &'static str,
}

/// A type of credential.
#[derive(Clone, Copy, Debug)]
pub struct CredentialType {
    /// `affiliation`, as in its `vct`.
    pub name: &'static str,
    /// Major version, as in its `vct`.
    pub major: u32,
    /// Its name, for people.
    pub display: Text,
    /// What it says, for people.
    pub description: Text,
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

/// The type of this name.
pub fn find(name: &str) -> Option<&'static CredentialType> {
    ALL.iter().find(|credential_type| credential_type.name == name)
}

/// The `vct` of the type of this name under `authority`, in its present major version; 1 for a name
/// that is not ours.
pub fn vct(authority: &str, name: &str) -> String {
    let major = find(name).map_or(1, |credential_type| credential_type.major);
    format!("{}/types/{name}/{major}", authority.trim_end_matches('/'))
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
