//! The tables that this crate owns.

use sekisho_store::table;
use serde::{Deserialize, Serialize};

use crate::KeyRecord;

table!(/// Our keys: kid → purpose, state, and the private half while it has one.
    pub(crate) Keys = "keys_1": String => KeyRecord);
table!(/// How often the keys have changed: nothing → a number that grows with each change.
    pub(crate) RingGeneration = "ring_generation_1": String => u64);
table!(/// The private certificate authority: name → certificate and key.
    pub(crate) Authorities = "authorities_1": String => AuthorityRow);

/// A certificate authority of our own, as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AuthorityRow {
    /// The root certificate, DER.
    pub(crate) certificate: Vec<u8>,
    /// Its private key, PKCS #8 DER (the row is sealed).
    pub(crate) private: Vec<u8>,
}
