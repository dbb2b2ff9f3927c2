//! The part of a login that the browser keeps, sealed, in a cookie of its own: the service's
//! request, and how the wallet is asked. Whoever has the cookie is the browser that began.
//!
//! Invariant: the cookie of one login never opens another: the handle of its login is part of the
//! seal. A request that is too large for a cookie is a row, and the cookie says so.

use sekisho_ambient::{Entropy, Handle, HandleKey, Secret, Timestamp, sha256};
use sekisho_jose::b64u;
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_site::Refusal;
use sekisho_store::{SEAL_NONCE, StoreError};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::epoch::EpochKey;
use crate::{ClientIdPrefix, LoginCookie, Logins, ResponseMode, Visitor};

/// The longest value of a cookie, in characters. Browsers keep 4,096 with its name.
const MAX_COOKIE: usize = 3_900;
/// How many logins one browser may have open.
const MAX_LOGINS: usize = 8;
/// How long the values of all these cookies together may be, so that a request of the browser still
/// fits into the 8 KiB for headers of common proxies.
const MAX_COOKIES: usize = 6_000;
/// Bytes before the ciphertext: the handle of the login and the nonce.
const HANDLE: usize = 32;

/// The first 8 bytes of the digest of a key id.
pub(crate) type KeyTag = [u8; 8];

/// The tag of the key with this id.
pub(crate) fn key_tag(kid: &str) -> KeyTag {
    let mut tag = KeyTag::default();
    for (to, from) in tag.iter_mut().zip(sha256(kid.as_bytes())) {
        *to = from;
    }
    tag
}

/// How the broker asks the wallet. It is fixed when the login begins, so that a rotation of keys or
/// another setting does not break an open login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asking {
    /// The key that signs the request object.
    pub(crate) signer: KeyTag,
    /// The prefix of the client identifier.
    pub(crate) prefix: ClientIdPrefix,
    /// How the wallet sends its answer.
    pub(crate) mode: ResponseMode,
    /// Whether a wallet on another device may answer.
    pub(crate) other_device: bool,
}

/// What the cookie of a login holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// A secret that the forms of this login are bound to.
    pub(crate) secret: String,
    /// The validated request; `None` if it is a row because it was too large.
    pub(crate) request: Option<AuthorizationRequest>,
    /// The generation of the client's registration by which the request was validated.
    #[serde(default)]
    pub(crate) generation: u64,
    /// How the wallet is asked.
    pub(crate) asking: Asking,
    /// The browser, as it named itself.
    pub(crate) device: Device,
    /// Whether the login is over for this browser.
    #[serde(default)]
    pub(crate) over: Option<Over>,
}

/// How a login ended for its browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Over {
    /// The person gave up before a wallet had answered.
    Cancelled,
    /// The browser was sent back to the service.
    Answered,
}

impl Ticket {
    /// Seals the ticket of `login`. The result is longer than a cookie may be if the request is.
    pub(crate) fn seal(
        &self,
        login: &Handle,
        key: &EpochKey,
        entropy: &Entropy,
    ) -> Result<LoginCookie, Refusal> {
        let failed = || StoreError::Aborted("a login could not be sealed".to_owned());
        let plain = serde_json::to_vec(self).map_err(|_| failed())?;
        let (head, nonce) = (login.to_bytes(), entropy.bytes::<SEAL_NONCE>());
        let sealed = key.seal().seal(&nonce, &context(&head), &plain).ok_or_else(failed)?;
        let value = b64u::encode([head.as_slice(), &nonce, &sealed].concat());
        Ok(LoginCookie { name: name_of(&login.key()), value: Secret::new(value) })
    }

    fn open(cookie: &Sealed, key: &EpochKey) -> Option<Self> {
        let (nonce, sealed) = cookie.rest.split_first_chunk::<SEAL_NONCE>()?;
        let plain = key.seal().open(nonce, &context(&cookie.login.to_bytes()), sealed)?;
        serde_json::from_slice(plain.expose()).ok()
    }
}

/// A cookie before it is opened.
struct Sealed {
    login: Handle,
    rest: Vec<u8>,
}

impl Sealed {
    fn read(value: &str) -> Option<Self> {
        let bytes = b64u::decode(value).ok()?;
        let (login, rest) = bytes.split_first_chunk::<HANDLE>()?;
        Some(Self { login: Handle::from_bytes(login)?, rest: rest.to_vec() })
    }
}

/// Whether the cookie of a ticket is short enough for browsers.
pub(crate) fn fits(cookie: &LoginCookie) -> bool {
    cookie.value.expose().len() <= MAX_COOKIE
}

/// The end of the name of a login's cookie.
pub(crate) fn name_of(login: &HandleKey) -> String {
    login.reference().chars().take(10).collect()
}

fn context(login: &[u8; HANDLE]) -> Vec<u8> {
    [b"ticket".as_slice(), login].concat()
}

impl Logins {
    /// The ticket of this login, if the browser has it.
    pub(crate) async fn ticket(
        &self,
        login: &Handle,
        visitor: &Visitor,
    ) -> Result<Option<Ticket>, StoreError> {
        let name = name_of(&login.key());
        let mine = visitor.logins.iter().filter(|cookie| cookie.name == name);
        let read = mine.filter_map(|cookie| Sealed::read(cookie.value.expose()));
        let sealed: Vec<_> = read.filter(|sealed| sealed.login.key() == login.key()).collect();
        if sealed.is_empty() {
            return Ok(None);
        }
        let Some(key) = self.epochs.of(&self.site, login).await? else { return Ok(None) };
        Ok(sealed.iter().find_map(|sealed| Ticket::open(sealed, &key)))
    }

    /// The names of the cookies that have to go before the browser gets another of `length`: first
    /// those that do not open any more, then those of finished logins, the eldest first.
    pub(crate) async fn crowded_out(
        &self,
        visitor: &Visitor,
        length: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut open = Vec::new();
        let mut gone = Vec::new();
        for cookie in &visitor.logins {
            match self.standing_of(cookie).await? {
                Some((over, begun)) => open.push((!over, begun, cookie)),
                None => gone.push(cookie.name.clone()),
            }
        }
        gone.retain(|name| open.iter().all(|(.., cookie)| cookie.name != *name));
        open.sort_by_key(|(is_open, begun, _)| (*is_open, *begun));
        let size = |cookie: &LoginCookie| cookie.value.expose().len();
        let mut total =
            open.iter().fold(length, |sum, (.., cookie)| sum.saturating_add(size(cookie)));
        let mut count = open.len().saturating_add(1);
        for (.., cookie) in open {
            if count <= MAX_LOGINS && total <= MAX_COOKIES {
                break;
            }
            gone.push(cookie.name.clone());
            (count, total) = (count.saturating_sub(1), total.saturating_sub(size(cookie)));
        }
        Ok(gone)
    }

    /// Whether the login of a cookie is over, and when it ends; `None` if the cookie does not open.
    async fn standing_of(
        &self,
        cookie: &LoginCookie,
    ) -> Result<Option<(bool, Timestamp)>, StoreError> {
        let Some(sealed) = Sealed::read(cookie.value.expose()) else { return Ok(None) };
        let Some(key) = self.epochs.of(&self.site, &sealed.login).await? else { return Ok(None) };
        let ticket = Ticket::open(&sealed, &key);
        Ok(ticket.map(|ticket| (ticket.over.is_some(), sealed.login.key().expires())))
    }
}
