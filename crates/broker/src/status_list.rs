//! Our own status lists: made from the store, signed, and kept until an entry changes
//! (Token Status List, sections 5 and 8).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_ambient::{Timestamp, sha256};
use sekisho_credential::status::{self, IssueToken, StatusList, VerifiedStatusList};
use sekisho_jose::Algorithm;
use sekisho_store::StoreError;

use crate::Broker;
use crate::config::Origin;
use crate::keys::Purpose;
use crate::tables::{StatusEntries, StatusLists};

/// Entries of one list. Large enough for a holder to disappear in (HAIP 1.0, section 6.1).
pub const LIST_SIZE: u64 = 1 << 17;
/// Bits of one entry: 0 valid, 1 invalid, 2 suspended.
const BITS: u8 = 2;
/// How long a verifier may keep a list, in seconds.
pub const TTL: i64 = 300;
/// How long a token of a list is good, in seconds.
pub(crate) const LIFETIME: i64 = 3600;

/// A list of ours: the organization and the list's number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnList {
    /// Corporate number of the issuer.
    pub organization: String,
    /// Number of the list.
    pub number: u64,
}

impl OwnList {
    /// The list that `uri` names, if it is one of ours.
    pub fn from_uri(origin: &Origin, uri: &str) -> Option<Self> {
        let path = uri.strip_prefix(origin.as_str())?.strip_prefix("/orgs/")?;
        let (organization, number) = path.split_once("/status/")?;
        let list = Self { organization: organization.to_owned(), number: number.parse().ok()? };
        (list.uri(origin) == uri).then_some(list)
    }

    /// Its URI.
    pub fn uri(&self, origin: &Origin) -> String {
        origin.join(&format!("/orgs/{}/status/{}", self.organization, self.number))
    }

    /// Where the entry of `index` stands.
    pub fn entry(&self, index: u64) -> (String, u64) {
        (format!("{}/{}", self.organization, self.number), index)
    }

    /// Where the list's row stands.
    pub fn row(&self) -> (String, u64) {
        (self.organization.clone(), self.number)
    }
}

/// A signed list as it is served.
pub struct Published {
    version: u64,
    renew_at: Timestamp,
    token: String,
    etag: String,
    verified: Mutex<Option<Arc<VerifiedStatusList>>>,
}

impl Published {
    /// The status list token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The entity tag of this token, quoted (RFC 9110, section 8.8.3).
    pub fn etag(&self) -> &str {
        &self.etag
    }

    pub(crate) fn verified(&self) -> Option<Arc<VerifiedStatusList>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_verified(&self, list: &Arc<VerifiedStatusList>) {
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(list));
    }
}

/// Why a list cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum StatusListError {
    /// There is no such list.
    #[error("there is no such status list")]
    Unknown,
    /// There is no key to sign it.
    #[error("no active status list key of {0}")]
    NoKey(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be made or signed.
    #[error(transparent)]
    Status(#[from] sekisho_credential::status::StatusError),
}

/// Signed lists, kept until an entry changes or a third of their lifetime is over.
#[derive(Default)]
pub struct PublishedLists(Mutex<BTreeMap<OwnList, Arc<Published>>>);

impl Broker {
    /// The signed list, as of now.
    pub async fn published_list(
        &self,
        list: &OwnList,
        now: Timestamp,
    ) -> Result<Arc<Published>, StatusListError> {
        let row = self.store().get::<StatusLists>(&list.row()).await?;
        let row = row.ok_or(StatusListError::Unknown)?;
        let kept = {
            let lists = self.published_lists().0.lock().unwrap_or_else(PoisonError::into_inner);
            lists.get(list).cloned()
        };
        if let Some(kept) = kept
            && kept.version == row.version
            && now < kept.renew_at
        {
            return Ok(kept);
        }
        let published = Arc::new(self.publish(list, row.size, row.version, now).await?);
        let mut lists = self.published_lists().0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.insert(list.clone(), Arc::clone(&published));
        Ok(published)
    }

    async fn publish(
        &self,
        list: &OwnList,
        size: u64,
        version: u64,
        now: Timestamp,
    ) -> Result<Published, StatusListError> {
        let mut bits = StatusList::new(BITS, size)?;
        let (place, _) = list.entry(0);
        let all = usize::try_from(size).unwrap_or(usize::MAX);
        for ((_, index), entry) in self.store().scan_prefix::<StatusEntries>(&place, all).await? {
            if entry.value != 0 {
                bits.set(index, entry.value)?;
            }
        }
        let purpose = Purpose::StatusList { org: list.organization.clone() };
        let ring = self.ring();
        let active = ring
            .active(&purpose, Algorithm::Es256)
            .ok_or_else(|| StatusListError::NoKey(list.organization.clone()))?;
        let uri = list.uri(&self.config().origin);
        let issue =
            IssueToken { uri: &uri, iat: now, exp: Some(now.plus(LIFETIME)), ttl: Some(TTL) };
        let header = active
            .header("statuslist+jwt")
            .with_jwk(active.key.public_jwk().with_kid(active.key.kid()));
        let token = status::issue_token(&bits, &issue, &header, &active.key)?;
        let renew_at = now.plus(LIFETIME / 3);
        let etag = format!("\"{}\"", crate::audit::short(&sha256(token.as_bytes())));
        Ok(Published { version, renew_at, token, etag, verified: Mutex::new(None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lists_are_recognised() {
        let origin = Origin::parse("https://auth.example.jp").unwrap();
        let list = OwnList { organization: "7900000000002".into(), number: 3 };
        assert_eq!(OwnList::from_uri(&origin, &list.uri(&origin)), Some(list));
        for uri in [
            "https://auth.example.jp.evil.test/orgs/7900000000002/status/3",
            "https://auth.example.jp/orgs/7900000000002/status/03",
            "https://auth.example.jp/orgs/7900000000002/status/3?x",
            "https://auth.example.jp/orgs/status/3",
        ] {
            assert_eq!(OwnList::from_uri(&origin, uri), None, "{uri}");
        }
    }
}
