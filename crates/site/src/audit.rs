//! Entries of the audit log. Every decision and administrative act is recorded in the batch that
//! carries it out.
//!
//! Invariant: an entry contains no name, address, member reference or secret. A person appears as
//! the first 16 hexadecimal digits of a keyed digest, and a handle as its reference.

use std::fmt::Display;

use sekisho_ambient::{Timestamp, shown};
use sekisho_jose::Claims;
use sekisho_profile::{Act, Outcome};
use sekisho_store::AuditEntry;
use serde_json::Value;

/// The one who acted.
#[derive(Clone, Debug)]
pub enum Actor {
    /// The broker itself, for example when it sweeps or rotates keys.
    Broker,
    /// An operator at the admin socket, with the user id of the peer process.
    Operator(u32),
    /// A relying party, by its client identifier.
    Client(String),
    /// A wallet or a browser whose person is not known yet.
    Public,
    /// A person, by keyed digest.
    Person([u8; 32]),
}

impl Actor {
    fn name(&self) -> String {
        match self {
            Self::Broker => "broker".to_owned(),
            Self::Operator(uid) => format!("operator:{uid}"),
            Self::Client(id) => format!("client:{id}"),
            Self::Public => "public".to_owned(),
            Self::Person(digest) => format!("person:{}", short(digest)),
        }
    }
}

/// Returns the first 16 hexadecimal digits of a digest.
pub fn short(digest: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    digest.iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Makes an entry: `actor` did `act` to `object`, with this outcome.
pub fn entry(
    time: Timestamp,
    actor: &Actor,
    act: Act,
    object: impl Into<String>,
    outcome: Outcome,
) -> AuditEntry {
    AuditEntry {
        time,
        actor: actor.name(),
        action: act.name().to_owned(),
        object: object.into(),
        outcome: outcome.name().to_owned(),
        reason: None,
        details: Claims::new(),
    }
}

/// The longest reason, in bytes. The error that gives it may quote what a stranger wrote.
const MAX_REASON: usize = 512;

/// Adds a reason or further facts to an entry.
pub trait Detail {
    /// Adds the reason of a refusal or an end: a code, or an error's name.
    #[must_use]
    fn because(self, reason: impl Display) -> Self;
    /// Adds a further fact under `name`.
    #[must_use]
    fn with(self, name: &str, value: impl Into<Value>) -> Self;
}

impl Detail for AuditEntry {
    fn because(mut self, reason: impl Display) -> Self {
        self.reason = Some(shown(&reason.to_string(), MAX_REASON));
        self
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}
