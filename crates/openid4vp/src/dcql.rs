//! The Digital Credentials Query Language (OpenID4VP 1.0, sections 6 and 7): the supported subset as
//! a type.
//!
//! A query is read in full first ([`Query::from_value`]), so that what is malformed and what is
//! merely not supported are told apart by name; members that are not known are ignored (section 6).
//!
//! Invariant: a [`Query`] that was read keeps the rules of checklist VP-10 and VP-11: ids are unique
//! and well formed, every reference points to something, nothing is empty. A query that was built
//! in code is held to the same rules by reading back what it writes, which the tests do.
//!
//! Left out on purpose, each with a refusal of its own: formats other than `dc+sd-jwt`, `multiple`,
//! `trusted_authorities`, presentations without key binding.

mod check;
mod choose;
mod document;

use sekisho_credential::claim_path::ClaimPath;
use sekisho_credential::vc::Format;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

pub use check::{Unsatisfied, check};
pub(crate) use check::{check_complete, expected};
pub use choose::{Candidate, Choice, Match, Missing, choose};

/// The one credential format that is asked for and answered.
pub const FORMAT: Format = Format::DcSdJwt;

/// What a verifier asks for (section 6).
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Every credential that is asked for; not empty.
    pub credentials: Vec<CredentialQuery>,
    /// Which combinations of them suffice (section 6.2). Empty: all are required.
    pub credential_sets: Vec<CredentialSet>,
}

/// One credential that is asked for (section 6.1), of format [`FORMAT`] and bound to its holder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CredentialQuery {
    /// Names this query in the answer.
    pub id: String,
    /// The types that fit; not empty (appendix B.3.5).
    pub vct_values: Vec<String>,
    /// The claims that are asked for. Empty: none that is selectively disclosable.
    pub claims: Vec<ClaimsQuery>,
    /// Which combinations of claims suffice, best first, as ids of [`CredentialQuery::claims`].
    /// Empty: all are required.
    pub claim_sets: Vec<Vec<String>>,
}

/// One claim that is asked for (section 6.3).
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimsQuery {
    /// Names this claim in `claim_sets`; required where there are such sets.
    pub id: Option<String>,
    /// Where the claim stands.
    pub path: ClaimPath,
    /// The values that fit: strings, integers, booleans. Empty: any value.
    pub values: Vec<Value>,
}

/// Combinations of credentials, one of which suffices (section 6.2).
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialSet {
    /// Each a list of query ids; best first.
    pub options: Vec<Vec<String>>,
    /// Whether the answer must satisfy one of the options.
    pub required: bool,
}

/// Why a query was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DcqlError {
    /// A member is missing or does not have the form that the specification gives it.
    #[error("{at}: {problem}")]
    Malformed {
        /// Where, for instance `credentials[0].meta`.
        at: String,
        /// What was found or expected.
        problem: String,
    },
    /// Two queries, or two claims of one query, have the same id.
    #[error("{at}: id {id} occurs twice")]
    DuplicateId {
        /// Where.
        at: String,
        /// The id.
        id: String,
    },
    /// The same claim is asked for twice (section 6.3).
    #[error("{at}: the same claim is asked for twice")]
    DuplicateClaim {
        /// Where.
        at: String,
    },
    /// A set names an id that no query has.
    #[error("{at}: no query has the id {id}")]
    UnknownId {
        /// Where.
        at: String,
        /// The id.
        id: String,
    },
    /// Well formed, and not supported here.
    #[error("credential query {id}: {what}")]
    Unsupported {
        /// The credential query.
        id: String,
        /// What is not supported.
        what: Unsupported,
    },
}

/// What a well-formed query may ask for and this implementation refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsupported {
    /// Another format than [`FORMAT`].
    #[error("format {0} is not supported")]
    Format(String),
    /// `multiple: true`.
    #[error("several credentials for one query are not supported")]
    Multiple,
    /// `trusted_authorities`: which issuers count is decided by our own trust list, never by the
    /// request or the wallet.
    #[error("trusted_authorities of type {0} are not supported")]
    TrustedAuthorities(String),
    /// `require_cryptographic_holder_binding: false`.
    #[error("credentials without key binding are not supported")]
    WithoutHolderBinding,
}

impl Query {
    /// Reads a query.
    pub fn from_value(value: &Value) -> Result<Self, DcqlError> {
        document::read(value)
    }

    /// Writes the query as it stands in a request.
    pub fn to_value(&self) -> Value {
        document::write(self)
    }

    /// The credential query with this id.
    pub fn credential(&self, id: &str) -> Option<&CredentialQuery> {
        self.credentials.iter().find(|query| query.id == id)
    }
}

impl ClaimsQuery {
    /// Whether `value` is one of those that are asked for.
    fn fits(&self, value: &Value) -> bool {
        self.values.is_empty() || self.values.contains(value)
    }
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
