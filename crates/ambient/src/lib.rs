//! The ground: time, randomness, secrets, handles and texts in two languages, as values.
//!
//! Nothing above this crate reads a clock or a random source by itself: it is handed a [`Clock`], a
//! [`Timestamp`] or an [`Entropy`]. Their doubles for tests ([`ManualClock`], [`Entropy::seeded`])
//! are passed in, never compiled in.
//!
//! Invariant: no protocol word stands in this crate.

mod clock;
mod digest;
mod entropy;
mod handle;
mod localhost;
mod secret;
mod text;

pub use clock::{Clock, ManualClock, Timestamp};
pub use digest::{constant_time_eq, hmac_sha256, sha256};
pub use entropy::Entropy;
pub use handle::{Handle, HandleKey};
pub use localhost::LOCALHOST;
pub use secret::Secret;
pub use text::{Lang, Text, Words};
