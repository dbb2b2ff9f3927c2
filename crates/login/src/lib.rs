//! One login, from the authorization request to the code.
//!
//! | step | who | here |
//! |---|---|---|
//! | `GET /authorize` | browser | [`Logins::begin`]: ordered checks, then a wallet is asked |
//! | `GET /request/…` | wallet | [`Logins::request_object`]: the signed request |
//! | `POST /response/…` | wallet | [`Logins::wallet_answers`]: verified, then kept |
//! | `GET /login/…/complete` | browser | [`Logins::complete`]: cookie and response code |
//! | `POST /login/…/number` | browser | [`Logins::type_number`]: cookie and number |
//! | `POST /consent/…` | browser | [`Logins::consent`]: the code is minted |
//!
//! [`asked`] says what is asked for, `settle` decides, [`session`] and [`logout`] end sessions.
//!
//! Invariant: a code is minted only after a wallet's answer was verified, the browser proved that
//! it began the login, the policies permitted the access, and the person agreed.
//!
//! Leaves to others: HTML and HTTP, and what a relying party does with its code.

pub mod asked;
mod begin;
mod complete;
pub mod consent;
pub mod logout;
pub mod session;
mod settle;
mod tables;
mod view;
mod wallet;
pub mod wallets;

use sekisho_ambient::{Handle, sha256};
use sekisho_grants::Grants;
use sekisho_keyring::Keyring;
use sekisho_registry::Registry;
use sekisho_site::Site;
use sekisho_standing::Standing;
use sekisho_store::StoreError;

pub use begin::Begin;
pub use complete::{Next, Number, OpenLogin};
pub use tables::DeniedLogin;
pub use view::{AskScreen, Screen, ServiceFacts};
pub use wallet::{Answered, WalletRefusal};
pub use wallets::{ClientIdPrefix, ResponseMode, WalletEntry, Wallets, WalletsError};

/// How many wallet answers may fail before the request can no longer be answered.
pub const MAX_FAILURES: u8 = 5;

/// Access to logins. Cheap to clone.
#[derive(Clone)]
pub struct Logins {
    site: Site,
    registry: Registry,
    keyring: Keyring,
    standing: Standing,
    grants: Grants,
    wallets: Wallets,
}

impl Logins {
    /// Makes logins that work with these other parts of the broker. `wallets` are those that the
    /// login page offers.
    pub fn new(
        site: Site,
        registry: Registry,
        keyring: Keyring,
        standing: Standing,
        grants: Grants,
        wallets: Wallets,
    ) -> Self {
        Self { site, registry, keyring, standing, grants, wallets }
    }

    /// Deletes expired rows and returns how many there were.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let counts = [
            self.site.sweep::<tables::Logins>().await?,
            self.site.sweep::<tables::Requests>().await?,
            self.site.sweep::<tables::Sessions>().await?,
            self.site.sweep::<tables::LoginsBefore>().await?,
            self.site.sweep::<tables::RequestsBefore>().await?,
        ];
        Ok(counts.iter().sum())
    }
}

/// The cookies that a browser sent.
#[derive(Clone, Default)]
pub struct Visitor {
    /// The cookie that identifies the browser.
    pub browser: Option<Handle>,
    /// The cookie of the browser's session, if somebody is logged in.
    pub session: Option<Handle>,
}

impl Visitor {
    /// SHA-256 of the browser cookie; only this digest is stored.
    pub(crate) fn browser_digest(&self) -> Option<[u8; 32]> {
        let browser = self.browser.as_ref()?;
        Some(sha256(browser.expose().as_bytes()))
    }
}
