//! Codes, grants, access tokens and refresh tokens of relying parties, and the claims that they
//! give.
//!
//! | file | what |
//! |---|---|
//! | [`evidence`] | what is kept of a presentation: claims, sealed, and the credentials behind them |
//! | [`grant`] | a grant, and its end |
//! | [`permit`] | the permit in a grant, and the gate's decision made again |
//! | [`code`] | codes: minted once, redeemed once |
//! | `access` | access tokens: for which resource, in which format, and what they stand for |
//! | [`client`] | access tokens of clients for themselves |
//! | [`exchange`] | an access token for another one |
//! | [`token`] | the answer of the token endpoint, and the ID token |
//! | [`refresh`] | refresh tokens |
//! | [`introspection`] | what a client is told of its own token; revocation |
//! | [`userinfo`] | claims for a bearer token |
//! | [`guarded`] | what a visitor of a guarded site presents: a token or a session there |
//! | [`names`] | by which subject and user name a service knows a person |
//! | [`listing`] | what operators see of grants, and how they end them |
//! | [`device`] | what a device asks for, until the person has answered and it polls |
//! | [`discovery`] | the documents about this server and its keys |
//!
//! Invariant: minting a code, rotating a refresh token and answering about a grant all need the
//! proof that the credentials of the grant stand ([`sekisho_standing::Stands`]). A token is ended and
//! exchanged only for its own client, and described only to that and to the resource that it is for.
//!
//! Leaves to others: how a person logs in and agrees, and the HTTP of the endpoints.

mod access;
pub mod client;
pub mod code;
pub mod device;
pub mod discovery;
pub mod evidence;
pub mod exchange;
pub mod grant;
pub mod guarded;
pub mod introspection;
pub mod listing;
pub mod names;
pub mod permit;
pub mod refresh;
mod tables;
pub mod token;
pub mod userinfo;

use std::sync::{Arc, RwLock};

use sekisho_keyring::Keyring;
use sekisho_oauth::token::TokenError;
use sekisho_profile::Code;
use sekisho_registry::{Registry, TokenFailure};
use sekisho_site::{Refusal, Site};
use sekisho_standing::Standing;
use sekisho_store::StoreError;

pub use code::Mint;
pub use discovery::Documents;
pub use evidence::{ClaimsByType, Evidence};
pub use grant::Grant;
pub use guarded::{Opening, Shown};
pub use names::{Account, Known};
pub use permit::GrantedPermit;
pub use userinfo::UserinfoFailure;

/// Access to grants. Cheap to clone; clones share the documents in memory.
#[derive(Clone)]
pub struct Grants {
    site: Site,
    registry: Registry,
    keyring: Keyring,
    standing: Standing,
    documents: Arc<RwLock<Option<Arc<Documents>>>>,
    counts: Arc<client::Counts>,
    polls: Arc<device::Polls>,
}

/// Why it cannot be said now whether a grant is good. Nothing ends because of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unclear {
    /// What the grant relies on cannot be read now, such as a status list.
    #[error("{0}")]
    NotNow(Code),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] Refusal),
}

impl From<Unclear> for TokenFailure {
    fn from(unclear: Unclear) -> Self {
        match unclear {
            Unclear::NotNow(_) => TokenError::TemporarilyUnavailable.into(),
            Unclear::Store(error) => error.into(),
            Unclear::Broker(refusal) => refusal.into(),
        }
    }
}

impl Grants {
    /// Starts with no documents in memory.
    pub fn new(site: Site, registry: Registry, keyring: Keyring, standing: Standing) -> Self {
        let (documents, counts, polls) = Default::default();
        Self { site, registry, keyring, standing, documents, counts, polls }
    }

    /// Deletes expired rows and returns how many there were.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let counts = [
            self.site.sweep::<tables::Codes>().await?,
            self.site.sweep::<tables::DeviceCodes>().await?,
            self.site.sweep::<tables::UserCodes>().await?,
            self.site.sweep::<tables::Grants>().await?,
            self.site.sweep::<tables::AccessTokens>().await?,
            self.site.sweep::<tables::ClientTokens>().await?,
            self.site.sweep::<tables::GuardSessions>().await?,
        ];
        Ok(counts.iter().sum())
    }
}
