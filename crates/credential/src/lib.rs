//! Credentials: SD-JWT (RFC 9901), SD-JWT VC with its type metadata, and Token Status List, issued,
//! presented and verified.
//!
//! [`sd_jwt`] knows disclosures and key binding, [`vc`] adds issuers, trust and holders, [`status`]
//! says whether a credential still stands, [`types`] what a type of credential is. [`claim_path`] points into claims.
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

/// Types of credential: what one carries, its rules, its names in both languages.
pub mod types {
    pub use crate::credential_type::{
        ClaimRule, CredentialType, Form, REGISTERED, Selective, TypeError, disclosable, expiry,
        forbidden, integrity, latest_expiry, metadata, validate,
    };

    /// 法人番号, the number of a Japanese corporation.
    pub mod corporate_number {
        pub use crate::corporate_number::{CorporateNumber, CorporateNumberError, normalise_input};
    }
}
