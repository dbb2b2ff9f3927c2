//! SD-JWT VC (draft-ietf-oauth-sd-jwt-vc; OpenID4VC HAIP 1.0, section 6): issuing one of our types,
//! and verifying what a holder presents.
//!
//! Invariant: trust is by role, type and organization. A chain that is valid for another issuer,
//! another type or another organization is refused, and so is a key that a credential names itself.

mod error;
mod issue;
mod trust;
mod verify;

pub use error::CredentialError;
pub use issue::{Issuance, IssuanceError, issue};
pub use trust::{TrustList, TrustedIssuer, UntrustedError};
pub use verify::{Binding, Check, Format, VerifiedCredential, verify};

/// `typ` of an SD-JWT VC.
pub const TYP: &str = "dc+sd-jwt";
