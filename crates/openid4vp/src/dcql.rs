//! The Digital Credentials Query Language (OpenID4VP 1.0, sections 6 and 7): the supported subset as
//! a type.
//!
//! A query is read in full first ([`Query::from_value`]), so that the error says whether it is
//! malformed or only not supported. Unknown members are ignored (section 6).
//!
//! Invariant: a [`Query`] that was read keeps the rules of checklist VP-10 and VP-11: ids are
//! unique and well formed, every reference points to something, nothing is empty. A query that is
//! built in code has to keep them too; the tests check this by reading back what such a query
//! writes.
//!
//! Not supported on purpose, each with an error of its own: formats other than `dc+sd-jwt`,
//! `multiple`, `trusted_authorities`, presentations without key binding.

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

/// The only credential format that we ask for and answer with.
pub const FORMAT: Format = Format::DcSdJwt;

/// The credentials that a verifier asks for (section 6).
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The credentials that are asked for, required or not; never empty.
    pub credentials: Vec<CredentialQuery>,
    /// The combinations of credentials that suffice (section 6.2). If empty, all credentials are
    /// required.
    pub credential_sets: Vec<CredentialSet>,
}

/// One credential that is asked for (section 6.1), of format [`FORMAT`] and bound to its holder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CredentialQuery {
    /// The query's id, under which the answer gives the credential.
    pub id: String,
    /// The credential types that fit; never empty (appendix B.3.5).
    pub vct_values: Vec<String>,
    /// The claims that are asked for. If empty, no selectively disclosable claim is asked for.
    pub claims: Vec<ClaimsQuery>,
    /// The combinations of claims that suffice, best first, as ids of [`CredentialQuery::claims`].
    /// If empty, all claims are required.
    pub claim_sets: Vec<Vec<String>>,
}

/// One claim that is asked for (section 6.3).
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimsQuery {
    /// The claim's id, by which `claim_sets` refers to it. Required if there are claim sets.
    pub id: Option<String>,
    /// The place of the claim in the credential.
    pub path: ClaimPath,
    /// The values that fit: strings, integers, booleans. If empty, any value fits.
    pub values: Vec<Value>,
}

/// Combinations of credentials, one of which suffices (section 6.2).
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialSet {
    /// Each option is a list of query ids. The best option comes first.
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
        /// The place of the member, for instance `credentials[0].meta`.
        at: String,
        /// What was found or what was expected.
        problem: String,
    },
    /// Two queries, or two claims of one query, have the same id.
    #[error("{at}: id {id} occurs twice")]
    DuplicateId {
        /// The place of the second one.
        at: String,
        /// The id that occurs twice.
        id: String,
    },
    /// The same claim is asked for twice (section 6.3).
    #[error("{at}: the same claim is asked for twice")]
    DuplicateClaim {
        /// The place of the second one.
        at: String,
    },
    /// A set names an id that no query has.
    #[error("{at}: no query has the id {id}")]
    UnknownId {
        /// The place of the set.
        at: String,
        /// The id that no query has.
        id: String,
    },
    /// The query is well formed, but asks for something that is not supported.
    #[error("credential query {id}: {what}")]
    Unsupported {
        /// The id of the credential query.
        id: String,
        /// The part that is not supported.
        what: Unsupported,
    },
}

/// A part of a well-formed query that this implementation refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsupported {
    /// A format other than [`FORMAT`].
    #[error("format {0} is not supported")]
    Format(String),
    /// `multiple: true`: several credentials for one query.
    #[error("several credentials for one query are not supported")]
    Multiple,
    /// `trusted_authorities`. Our own trust list decides which issuers count, never the request or
    /// the wallet.
    #[error("trusted_authorities of type {0} are not supported")]
    TrustedAuthorities(String),
    /// `require_cryptographic_holder_binding: false`: presentations without key binding.
    #[error("credentials without key binding are not supported")]
    WithoutHolderBinding,
}

impl Query {
    /// Reads a query from its JSON. The error names the place of the first fault.
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
    /// Whether `value` is one of the values asked for, or any value will do.
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
