//! The lowest crate: time, randomness, secrets, handles and texts in two languages, as values.
//!
//! Crates above this one never read a clock or a random source themselves. Their callers pass them
//! a [`Clock`], a [`Timestamp`] or an [`Entropy`]. Tests pass in doubles ([`ManualClock`],
//! [`Entropy::seeded`]); no double is compiled in conditionally.
//!
//! Invariant: this crate contains no term of any protocol.

mod clock;
mod digest;
mod entropy;
mod handle;
mod localhost;
mod plain;
mod secret;
mod text;

pub use clock::{Clock, ManualClock, Timestamp};
pub use digest::{constant_time_eq, hmac_sha256, sha256};
pub use entropy::Entropy;
pub use handle::{Handle, HandleKey};
pub use localhost::{LOCALHOST, listen_address};
pub use plain::{NotPlain, is_invisible, is_visible, plain_text, shown};
pub use secret::Secret;
pub use text::{Lang, Text, Words};
