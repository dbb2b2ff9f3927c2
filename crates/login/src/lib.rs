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
//! A device that has no browser begins otherwise and ends otherwise: it asks at `POST
//! /device_authorization` ([`Logins::authorize_device`]), a person types its code at `/device`
//! ([`Logins::begin_device`]), and the answer waits for its next poll.
//!
//! [`asked`] says what is asked for, `holder` whether an answer is one person's, `settle` decides,
//! [`session`] and [`logout`] end sessions.
//!
//! Before a wallet has answered, a login is no row: the service's request is in a cookie of the
//! browser (`ticket`), what the wallet's side needs is in its links (`wallet_request`), and both are
//! sealed under a key that all brokers on one store share (`epoch`).
//!
//! Invariant: a code is minted only after a wallet's answer was verified, the browser proved that
//! it began the login, the policies permitted the access, and the person agreed.
//!
//! Leaves to others: HTML and HTTP, and what a relying party does with its code.

pub mod asked;
mod begin;
mod complete;
pub mod consent;
mod device;
mod device_authorization;
mod epoch;
mod guesses;
mod holder;
pub mod logout;
mod parked;
pub mod session;
mod settle;
mod tables;
mod ticket;
mod view;
mod waiting;
mod wallet;
mod wallet_request;
pub mod wallets;

use std::net::IpAddr;
use std::sync::Arc;

use sekisho_ambient::{Handle, Secret};
use sekisho_grants::Grants;
use sekisho_keyring::Keyring;
use sekisho_registry::Registry;
use sekisho_site::Site;
use sekisho_standing::Standing;
use sekisho_store::StoreError;

pub use begin::{Begin, Begun};
pub use complete::{Elsewhere, Next, Number, OpenLogin};
pub use device::Device;
pub use device_authorization::TypedCode;
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
    epochs: Arc<epoch::Epochs>,
    waiting: Arc<waiting::Waiting>,
    places: Arc<parked::Places>,
    devices: Arc<parked::Places>,
    guesses: Arc<guesses::Guesses>,
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
        Self {
            site,
            registry,
            keyring,
            standing,
            grants,
            wallets,
            epochs: Arc::default(),
            waiting: Arc::default(),
            places: Arc::new(parked::Places::new(parked::PARKED)),
            devices: Arc::new(parked::Places::new(parked::DEVICES)),
            guesses: Arc::default(),
        }
    }

    /// Deletes expired rows and returns how many there were.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let counts = [
            self.site.sweep::<tables::Logins>().await?,
            self.site.sweep::<tables::Parked>().await?,
            self.site.sweep::<tables::EpochKeys>().await?,
            self.site.sweep::<tables::Sessions>().await?,
            self.site.sweep::<tables::LoginsBefore>().await?,
            self.site.sweep::<tables::RequestsBefore>().await?,
        ];
        Ok(counts.iter().sum())
    }
}

/// The browser that sent a request.
#[derive(Clone, Default)]
pub struct Visitor {
    /// The cookies of its open logins.
    pub logins: Vec<LoginCookie>,
    /// The cookie of the browser's session, if somebody is logged in.
    pub session: Option<Handle>,
    /// What it names itself.
    pub device: Device,
    /// Where it connects from; `None` behind a proxy.
    pub address: Option<IpAddr>,
}

/// The cookie of one login. Whoever has it is the browser that began that login.
#[derive(Clone)]
pub struct LoginCookie {
    /// The end of the cookie's name, which is the same for the same login.
    pub name: String,
    /// The value.
    pub value: Secret<String>,
}
