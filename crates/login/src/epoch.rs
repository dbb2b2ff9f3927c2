//! The keys from which the broker derives everything about a login that it does not store: the
//! seals of cookies and links, nonces, response keys and response codes.
//!
//! A key serves the logins that begin within ten minutes. All brokers on one store share it. It is
//! the only row that a login needs before a wallet has answered, and it is deleted once the last of
//! these logins has ended. After that nobody can derive the response keys of its requests again.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use sekisho_ambient::{Handle, HandleKey, Secret, Timestamp, hmac_sha256, sha256};
use sekisho_profile::lifetimes;
use sekisho_site::Site;
use sekisho_store::{SealKey, StoreError};

use crate::tables::EpochKeys;

/// For how many seconds logins begin under the same key.
const EPOCH: i64 = 600;

/// The key of one epoch.
#[derive(Clone)]
pub(crate) struct EpochKey(Arc<Keys>);

struct Keys {
    seal: SealKey,
    derive: Secret<[u8; 32]>,
}

/// The keys that were read from the store, by epoch.
#[derive(Default)]
pub(crate) struct Epochs(RwLock<BTreeMap<i64, EpochKey>>);

impl EpochKey {
    pub(crate) fn new(secret: &[u8; 32]) -> Result<Self, StoreError> {
        let seal = SealKey::new(&hmac_sha256(secret, &[b"seal"]));
        let seal = seal.ok_or_else(|| StoreError::Aborted("the cipher takes no key".to_owned()))?;
        let derive = Secret::new(hmac_sha256(secret, &[b"derive"]));
        Ok(Self(Arc::new(Keys { seal, derive })))
    }

    /// The key of the seals.
    pub(crate) fn seal(&self) -> &SealKey {
        &self.0.seal
    }

    /// Derives 32 bytes for the purpose that the first of `parts` names.
    pub(crate) fn derive(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(self.0.derive.expose(), parts)
    }

    /// Derives 24 bytes.
    pub(crate) fn derive_short(&self, parts: &[&[u8]]) -> [u8; 24] {
        let mut short = [0; 24];
        for (to, from) in short.iter_mut().zip(self.derive(parts)) {
            *to = from;
        }
        short
    }
}

impl Epochs {
    /// The key for logins that begin `now`. Stores a fresh one if no broker has done so yet.
    pub(crate) async fn begin(&self, site: &Site, now: Timestamp) -> Result<EpochKey, StoreError> {
        let epoch = now.unix().div_euclid(EPOCH);
        if let Some(known) = self.known(epoch) {
            return Ok(known);
        }
        let (row, fresh) = (row_of(epoch), site.entropy().bytes::<32>());
        let secret = site
            .store()
            .transact(|tx| match tx.get::<EpochKeys>(&row)? {
                Some(secret) => Ok(secret),
                None => tx.put::<EpochKeys>(&row, &fresh).map(|()| fresh),
            })
            .await?;
        Ok(self.keep(epoch, EpochKey::new(&secret)?, now))
    }

    /// The key under which `login` began; `None` if no login began then, or its time is over.
    pub(crate) async fn of(
        &self,
        site: &Site,
        login: &Handle,
    ) -> Result<Option<EpochKey>, StoreError> {
        let (now, begun) = (site.now(), login.key().expires().plus(-lifetimes::LOGIN));
        let ahead = begun.since(now) > lifetimes::SKEW;
        if login.key().expires() <= now || ahead {
            return Ok(None);
        }
        let epoch = begun.unix().div_euclid(EPOCH);
        if let Some(known) = self.known(epoch) {
            return Ok(Some(known));
        }
        let Some(secret) = site.store().get::<EpochKeys>(&row_of(epoch)).await? else {
            return Ok(None);
        };
        Ok(Some(self.keep(epoch, EpochKey::new(&secret)?, now)))
    }

    fn known(&self, epoch: i64) -> Option<EpochKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&epoch).cloned()
    }

    /// Remembers a key, and forgets those whose logins have ended.
    fn keep(&self, epoch: i64, key: EpochKey, now: Timestamp) -> EpochKey {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|epoch, _| end_of(*epoch) > now);
        keys.insert(epoch, key.clone());
        key
    }
}

/// When the last login of an epoch has ended.
fn end_of(epoch: i64) -> Timestamp {
    Timestamp::from_unix(epoch.saturating_add(1).saturating_mul(EPOCH)).plus(lifetimes::LOGIN)
}

/// The place of an epoch's key. It begins with its end, like every row that is swept.
fn row_of(epoch: i64) -> HandleKey {
    let mut secret = [0; 24];
    for (to, from) in secret.iter_mut().zip(sha256(&epoch.to_be_bytes())) {
        *to = from;
    }
    Handle::derived(end_of(epoch), &secret).key()
}
