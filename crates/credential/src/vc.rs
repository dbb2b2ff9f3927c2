//! SD-JWT VC (draft-ietf-oauth-sd-jwt-vc; OpenID4VC HAIP 1.0, section 6): issues credentials of our
//! types, and verifies those that holders present.
//!
//! Invariant: an issuer is trusted for certain types and organizations only. A credential is
//! refused if its chain is valid, but for another issuer, type or organization. A key is never
//! trusted because the credential names it.

mod conform;
mod error;
mod issue;
mod trust;
mod verify;

pub use error::CredentialError;
pub use issue::{Issuance, IssuanceError, issue};
pub use trust::{TrustList, TrustedIssuer, UntrustedError};
pub use verify::{Binding, Check, Format, Signed, VerifiedCredential, verify};

/// The value of `typ` in an SD-JWT VC.
pub const TYP: &str = "dc+sd-jwt";
