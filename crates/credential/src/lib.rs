//! Credentials: issues, presents and verifies SD-JWT (RFC 9901), SD-JWT VC with its type metadata,
//! and Token Status List.
//!
//! [`sd_jwt`] handles disclosures and key binding. [`vc`] adds issuers, trust and holders.
//! [`status`] tells whether a credential is revoked or suspended. [`types`] describes types of
//! credential. [`claim_path`] selects claims.
//!
//! Invariant: a [`vc::VerifiedCredential`] and a [`status::VerifiedStatusList`] are made only by
//! their verification. This crate never follows a URL in a credential: type metadata is compiled
//! in, and the caller passes status lists in as values.
//!
//! Leaves to others: HTTP, storage, the decision who is trusted (a [`vc::TrustList`] comes in as a
//! value), and the use of verified claims.

pub mod claim_path;
mod corporate_number;
mod credential_type;
pub mod sd_jwt;
pub mod status;
pub mod vc;

/// Types of credential: their claims with rules and with names in both languages.
pub mod types {
    pub use crate::credential_type::{
        ClaimRule, CredentialType, Form, REGISTERED, Rules, Selective, TypeError, disclosable,
        expiry, forbidden, integrity, latest_expiry, metadata, rounded, validate,
    };

    /// 法人番号, the number of a Japanese corporation.
    pub mod corporate_number {
        pub use crate::corporate_number::{CorporateNumber, CorporateNumberError, normalise_input};
    }
}
