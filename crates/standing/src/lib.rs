//! Whether the credentials that a decision relies on are still valid, by status lists of our own
//! and of other issuers.
//!
//! | file | what |
//! |---|---|
//! | [`question`] | *do these credentials stand?* asked in one place, answered by a proof |
//! | [`own`] | our own lists: entries given out and changed, lists signed |
//! | [`foreign`] | lists of others: fetched, kept until their `ttl`, refreshed by a timer |
//! | [`examine`] | whether our lists have every entry that was given out, with the value that was told |
//! | [`holders`] | links of holders: which persons the holder of a credential is |
//!
//! Our own lists are read from the store, so a change takes effect at once. Foreign lists are
//! fetched through the guarded client and kept until their `ttl` is over, never longer. The same
//! function verifies both, and both fail closed (Token Status List, section 8.3): a credential
//! whose list cannot be read is not valid.
//!
//! Leaves to others: logins, grants, and which credentials a decision relies on.

mod examine;
pub mod foreign;
pub mod holders;
pub mod own;
pub mod question;
mod tables;

use std::sync::Arc;

use sekisho_keyring::Keyring;
use sekisho_registry::Registry;
use sekisho_site::Site;

pub use examine::ListFault;
pub use holders::Holder;
pub use own::{Entrant, OwnList, Place, StatusListError};
pub use question::{Fallen, Looked, Relied, Stands};

use foreign::ForeignLists;
use own::PublishedLists;

/// Access to the status of credentials. Cheap to clone; clones share the lists in memory.
#[derive(Clone)]
pub struct Standing {
    site: Site,
    registry: Registry,
    keyring: Keyring,
    lists: Arc<Lists>,
}

/// The lists in memory.
#[derive(Default)]
struct Lists {
    published: PublishedLists,
    foreign: ForeignLists,
}

impl Standing {
    /// Starts with no list in memory.
    pub fn new(site: Site, registry: Registry, keyring: Keyring) -> Self {
        Self { site, registry, keyring, lists: Arc::default() }
    }
}
