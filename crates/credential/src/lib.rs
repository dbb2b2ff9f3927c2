//! Credentials: SD-JWT (RFC 9901), SD-JWT VC with its type metadata, and Token Status List, issued,
//! presented and verified.
//!
//! [`sd_jwt`] knows disclosures and key binding, [`vc`] adds issuers, trust and holders, [`status`]
//! says whether a credential still stands, [`types`] which credentials there are and what they
//! carry. [`claim_path`] points into claims.
//!
//! Invariant: a [`vc::VerifiedCredential`] and a [`status::VerifiedStatusList`] are made by their
//! verification alone. No URL that stands in a credential is ever followed here: type metadata is
//! compiled in, status lists come in as values.
//!
//! Leaves to others: HTTP, storage, who is trusted (a [`vc::TrustList`] comes in as a value), and
//! what is done with verified claims.

pub mod claim_path;
mod corporate_number;
mod credential_type;
pub mod sd_jwt;
pub mod status;
pub mod vc;

/// The types of credential: what each carries, its rules, its names in both languages.
pub mod types {
    pub use crate::credential_type::{
        AFFILIATION, AI_TRAINING, ALL, ClaimRule, CredentialType, Form, ORGANIZATION, REGISTERED,
        Selective, Text, TypeError, disclosable, expiry, find, forbidden, integrity, latest_expiry,
        metadata, validate, vct,
    };

    /// 法人番号, the number of a Japanese corporation.
    pub mod corporate_number {
        pub use crate::corporate_number::{CorporateNumber, CorporateNumberError, normalise_input};
    }
}
