//! Status lists of other issuers: fetched through the guarded client, refreshed by a timer, and
//! used until their `ttl` is over, never longer (Token Status List, section 8).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_credential::status::{self, CheckToken, Status, StatusReference, VerifiedStatusList};
use tokio::task::JoinSet;

use crate::{OwnList, Relied, Standing};

/// The most foreign lists that are kept.
const KEPT: usize = 256;
/// The longest time for which a foreign list is used, in seconds, whatever its `ttl`.
const MAX_AGE: i64 = 900;

/// A list that no decision needed for this many seconds is not refreshed any more.
const ASKED: i64 = 8 * 3600;

/// The foreign lists in memory, by URI.
#[derive(Default)]
pub(crate) struct ForeignLists(Mutex<BTreeMap<String, Kept>>);

/// A verified list with its times.
#[derive(Clone)]
struct Kept {
    list: Arc<VerifiedStatusList>,
    /// From this time on, the timer fetches the list again: half of its lifetime.
    refresh: Timestamp,
    /// From this time on, the list is not used any more.
    until: Timestamp,
    /// When a decision last used it.
    asked: Timestamp,
    /// Who has to have signed it.
    signer: Signer,
}

/// Who may sign a list: the issuer that is trusted for credentials of this type.
#[derive(Clone)]
struct Signer {
    issuer: String,
    type_name: String,
}

impl Signer {
    fn of(credential: &Relied) -> Self {
        Self { issuer: credential.issuer.clone(), type_name: credential.type_name.clone() }
    }
}

impl ForeignLists {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, uri: &str, now: Timestamp) -> Option<Arc<VerifiedStatusList>> {
        let mut lists = self.lock();
        let kept = lists.get_mut(uri).filter(|kept| now < kept.until)?;
        kept.asked = now;
        Some(Arc::clone(&kept.list))
    }

    /// The time of issue of the list that is kept for this URI. An older one is refused, because
    /// somebody may be replaying it.
    fn newest(&self, uri: &str) -> Option<Timestamp> {
        self.lock().get(uri).map(|kept| kept.list.issued_at())
    }

    fn keep(&self, uri: &str, now: Timestamp, mut kept: Kept) {
        let mut lists = self.lock();
        if let Some(before) = lists.get(uri) {
            kept.asked = kept.asked.max(before.asked);
        }
        if lists.len() >= KEPT {
            lists.retain(|_, other| now < other.until);
        }
        if lists.len() < KEPT || lists.contains_key(uri) {
            lists.insert(uri.to_owned(), kept);
        }
    }

    /// The lists that the timer has to fetch now.
    fn due(&self, now: Timestamp) -> Vec<(String, Kept)> {
        let wanted = |kept: &Kept| now >= kept.refresh && now.since(kept.asked) < ASKED;
        let lists = self.lock();
        lists
            .iter()
            .filter(|(_, kept)| wanted(kept))
            .map(|(uri, k)| (uri.clone(), k.clone()))
            .collect()
    }
}

impl Kept {
    fn new(list: VerifiedStatusList, now: Timestamp, asked: Timestamp, signer: Signer) -> Self {
        let age = list.ttl().unwrap_or(MAX_AGE).clamp(0, MAX_AGE);
        let until = list.expires().map_or(now.plus(age), |end| end.min(now.plus(age)));
        let refresh = now.plus(until.since(now) / 2);
        Self { list: Arc::new(list), refresh, until, asked, signer }
    }
}

impl Standing {
    pub(crate) async fn status_of(
        &self,
        credential: &Relied,
        reference: &StatusReference,
        now: Timestamp,
    ) -> Result<Status, StatusFault> {
        let list = match OwnList::from_uri(self.site.origin(), &reference.uri) {
            Some(own) => self.own_verified_list(&own, credential, now).await?,
            None => self.foreign_list(credential, reference, now).await?,
        };
        Ok(list.status(reference.index)?)
    }

    async fn own_verified_list(
        &self,
        own: &OwnList,
        credential: &Relied,
        now: Timestamp,
    ) -> Result<Arc<VerifiedStatusList>, StatusFault> {
        let published = self.published_list(own, now).await?;
        if let Some(list) = published.verified() {
            return Ok(list);
        }
        let uri = own.uri(self.site.origin());
        let signer = Signer::of(credential);
        let list = Arc::new(self.verify_list(published.token(), &uri, &signer, now, None)?);
        published.set_verified(&list);
        Ok(list)
    }

    async fn foreign_list(
        &self,
        credential: &Relied,
        reference: &StatusReference,
        now: Timestamp,
    ) -> Result<Arc<VerifiedStatusList>, StatusFault> {
        if let Some(list) = self.lists.foreign.fresh(&reference.uri, now) {
            return Ok(list);
        }
        let signer = Signer::of(credential);
        self.fetch_list(&reference.uri, signer, now, now).await
    }

    async fn fetch_list(
        &self,
        uri: &str,
        signer: Signer,
        now: Timestamp,
        asked: Timestamp,
    ) -> Result<Arc<VerifiedStatusList>, StatusFault> {
        let body = self.site.outbound().fetch(uri, "application/statuslist+jwt").await?;
        let token = String::from_utf8(body).map_err(|_| StatusFault::NotText)?;
        let newest = self.lists.foreign.newest(uri);
        let list = self.verify_list(&token, uri, &signer, now, newest)?;
        let kept = Kept::new(list, now, asked, signer);
        let list = Arc::clone(&kept.list);
        self.lists.foreign.keep(uri, now, kept);
        Ok(list)
    }

    /// Fetches every foreign list that decisions still use and that has passed half of its
    /// lifetime. This way no login waits for the list, its host does not learn when somebody logs
    /// in, and a revocation takes effect before the copy expires. If a list cannot be fetched, the
    /// copy is used until it expires.
    pub async fn refresh_lists(&self) {
        let now = self.site.now();
        let mut fetched = JoinSet::new();
        for (uri, kept) in self.lists.foreign.due(now) {
            let room = self.clone();
            fetched.spawn(async move {
                let result = room.fetch_list(&uri, kept.signer, now, kept.asked).await;
                if let Err(error) = result {
                    let left = kept.until.since(now);
                    tracing::warn!(%error, %uri, left, "a status list could not be refreshed");
                }
            });
        }
        fetched.join_all().await;
    }

    fn verify_list(
        &self,
        token: &str,
        uri: &str,
        signer: &Signer,
        now: Timestamp,
        not_older_than: Option<Timestamp>,
    ) -> Result<VerifiedStatusList, StatusFault> {
        let trust = self.registry.trust();
        let vct = sekisho_profile::types::vct(self.site.type_authority(), &signer.type_name);
        let check = CheckToken {
            uri,
            now,
            issuer: &signer.issuer,
            trust: &trust.list,
            vct: &vct,
            not_older_than,
        };
        Ok(status::verify_token(token, &check)?)
    }
}

/// Why the status of a credential could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusFault {
    /// The list could not be fetched.
    #[error(transparent)]
    Outbound(#[from] sekisho_site::OutboundError),
    /// The response is not UTF-8 text.
    #[error("the list is not text")]
    NotText,
    /// The list does not verify, or has no entry at this index.
    #[error(transparent)]
    Status(#[from] sekisho_credential::status::StatusError),
    /// Our own list could not be published.
    #[error(transparent)]
    Own(#[from] crate::StatusListError),
}
