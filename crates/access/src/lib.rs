//! Decides what a holder may do with a GPU service, from requests, gates and policies, and explains
//! each denial.
//!
//! A request for GPUs arrives as RFC 9396 authorization details of type `gpu_access`
//! ([`GpuAccessRequest`]). A [`Gate`] states the limits of a service. [`Policies`] are written in
//! Cedar, compiled in, and strictly validated once. [`Policies::decide`] turns verified claims into
//! a [`Decision`]: a permit, or every unmet rule with what was found, what is needed and what to
//! do, in both languages.
//!
//! Invariant: nothing is allowed by omission. Every permitting policy has a forbidding policy
//! beside it. A request is refused if no rule reads it. A rule that cannot be evaluated denies.
//!
//! Leaves to others: verifying the credentials, and binding the decision to a person, a client and
//! a time.

mod affiliation;
mod again;
mod agreed;
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
mod size;

pub use affiliation::AffiliationType;
pub use again::lesser;
pub use agreed::Agreed;
pub use decision::{Decision, Denied, Facts, Permit, Reason};
pub use gate::{Gate, GateError, TrainingRule};
pub use policies::{Policies, PolicyError};
pub use reads::{Read, reads};
pub use request::{Action, DETAILS_TYPE, DetailsError, GpuAccessRequest, narrowed};

/// A JSON object: the claims of a credential, or one entry of `authorization_details`.
pub type Claims = serde_json::Map<String, serde_json::Value>;
