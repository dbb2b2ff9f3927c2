//! SD-JWT (RFC 9901) in compact serialization: issuing, holding, presenting and verifying.
//!
//! Invariant: only [`process`] gives out the claims of a presentation, after it has checked the
//! signature and matched every disclosure with exactly one digest. Size, number and depth are
//! limited before memory is allocated for them. JSON serializations are recognised and refused.
//!
//! Leaves to others: who the issuer is and which of its keys to use, and the claims' meaning.

mod disclosure;
mod holder;
mod issue;
mod key_binding;
mod presentation;
mod reveal;

pub use holder::SdJwt;
pub use issue::{Issue, IssueError, issue};
pub use key_binding::{BindError, Binding, KEY_BINDING_ALGORITHMS, KeyBindingError, bind};
pub use presentation::ISSUER_ALGORITHMS;
pub use presentation::{Presentation, Processed, Requirements, SdJwtError, process};
pub use reveal::DisclosureError;

/// The longest SD-JWT that is accepted, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// The most disclosures that are accepted.
pub const MAX_DISCLOSURES: usize = 512;
/// The longest disclosure that is accepted, in base64url characters.
pub const MAX_DISCLOSURE_BYTES: usize = 64 * 1024;
/// The greatest depth to which objects and arrays may be nested, with every disclosure in its
/// place.
pub const MAX_DEPTH: usize = 32;

/// Claims that are never selectively disclosable (SD-JWT VC, section 3.2.2.2), and `_sd_alg`.
pub const PROTECTED: [&str; 9] =
    ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "aud", SD_ALG];

const SD: &str = "_sd";
const SD_ALG: &str = "_sd_alg";
const ELLIPSIS: &str = "...";
const SHA_256: &str = "sha-256";
