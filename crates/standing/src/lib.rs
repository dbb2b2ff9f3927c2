//! Whether the credentials that a decision stands on still stand: status lists, own and foreign.
//!
//! | file | what |
//! |---|---|
//! | [`question`] | *do these credentials stand?* asked in one place, answered by a proof |
//! | [`own`] | our own lists: entries given out and changed, lists signed |
//! | [`foreign`] | lists of others: fetched, kept until their `ttl`, refreshed by a timer |
//!
//! Our own lists are read from the store and count at once; foreign ones are fetched through the
//! guarded client and kept until their `ttl`, never longer. Both are verified by the same function,
//! and both fail closed (Token Status List, section 8.3): what cannot be read is not valid.
//!
//! Leaves to others: logins, grants, and which credentials a decision relies on.

pub mod foreign;
pub mod own;
pub mod question;
mod tables;

use std::sync::Arc;

use sekisho_keyring::Keyring;
use sekisho_registry::Registry;
use sekisho_site::Site;

pub use own::{OwnList, Place, StatusListError};
pub use question::{Fallen, Looked, Relied, Stands};

use foreign::ForeignLists;
use own::PublishedLists;

/// The room of status. Cheap to clone.
#[derive(Clone)]
pub struct Standing {
    site: Site,
    registry: Registry,
    keyring: Keyring,
    lists: Arc<Lists>,
}

/// Lists in memory.
#[derive(Default)]
struct Lists {
    published: PublishedLists,
    foreign: ForeignLists,
}

impl Standing {
    /// The room, with no list in memory yet.
    pub fn new(site: Site, registry: Registry, keyring: Keyring) -> Self {
        Self { site, registry, keyring, lists: Arc::default() }
    }
}
