//! What a holder may do with a GPU service: requests, gates, policies, decisions and their reasons.
//!
//! A request for GPUs arrives as RFC 9396 authorization details of type `gpu_access`
//! ([`GpuAccessRequest`]); a [`Gate`] states the limits of a service; [`Policies`] are written in
//! Cedar, embedded, and strictly validated once. [`Policies::decide`] turns verified claims into a
//! [`Decision`]: a permit, or every unmet rule with what was found, what is needed and what to do,
//! in both languages.
//!
//! Invariant: nothing is allowed by omission. No policy that permits stands alone, a request that no
//! rule reads is refused, and a rule that cannot be evaluated denies.
//!
//! Leaves to others: verifying the credentials whose claims come in, and binding the answer to a
//! person, a client and a time.

mod affiliation;
mod decision;
mod evaluate;
mod explain;
mod gate;
mod holder;
mod policies;
mod reads;
mod request;
mod rule;
#[cfg(test)]
mod samples;

pub use affiliation::AffiliationType;
pub use decision::{Decision, Denied, Facts, Permit, Reason};
pub use gate::{Gate, GateError, TrainingRule};
pub use policies::{Policies, PolicyError};
pub use reads::{Read, reads};
pub use request::{Action, DETAILS_TYPE, DetailsError, GpuAccessRequest, narrowed};

/// A JSON object: the claims of a credential, or one entry of `authorization_details`.
pub type Claims = serde_json::Map<String, serde_json::Value>;
