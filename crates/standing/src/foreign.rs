//! Status lists of other issuers: fetched through the guarded client, refreshed by a timer, and
//! used until their `ttl` is over, never longer (Token Status List, section 8).
//!
//! Invariant: what an issuer makes us keep has a bound in bytes, for each issuer and in all. Beyond
//! it, the list goes that was asked for longest ago, of the same issuer first, so one issuer never
//! drives out the lists of another by more than its share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_credential::status::{self, CheckToken, Status, StatusReference, VerifiedStatusList};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::{OwnList, Relied, Standing};

/// How many bytes all foreign lists may take.
const BUDGET: usize = 64 << 20;
/// How many bytes the lists of one issuer may take. A larger list is refused.
const SHARE: usize = 8 << 20;
/// What a list takes beside its entries: its URI, its times, and its place in the map.
const BESIDE: usize = 4096;
/// The longest URI of a list, in bytes.
const MAX_URI: usize = 2048;
/// How many lists of one issuer are fetched at once. Each takes up to four mebibytes while it is
/// read.
const FETCHED_AT_ONCE: usize = 4;
/// The longest time for which a foreign list is used, in seconds, whatever its `ttl`.
const MAX_AGE: i64 = 900;

/// A list that no decision needed for this many seconds is not refreshed any more.
const ASKED: i64 = 8 * 3600;

/// The foreign lists in memory.
#[derive(Default)]
pub(crate) struct ForeignLists {
    /// The lists by URI.
    kept: Mutex<BTreeMap<String, Kept>>,
    /// How often a list was used. Times are too coarse to tell which was used last.
    uses: AtomicU64,
    /// How many lists of each trusted issuer may be fetched at present.
    fetching: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

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
    /// The number of its last use, among those of all lists.
    used: u64,
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
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a list of this issuer may be fetched.
    async fn turn(&self, issuer: &str) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut all = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Arc::new(Semaphore::new(FETCHED_AT_ONCE));
            Arc::clone(all.entry(issuer.to_owned()).or_insert_with(fresh))
        };
        turns.acquire_owned().await.ok()
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    fn fresh(&self, uri: &str, now: Timestamp) -> Option<Arc<VerifiedStatusList>> {
        let mut lists = self.lock();
        let kept = lists.get_mut(uri).filter(|kept| now < kept.until)?;
        kept.asked = now;
        kept.used = self.next_use();
        Some(Arc::clone(&kept.list))
    }

    /// The time of issue of the list that is kept for this URI. An older one is refused, because
    /// somebody may be replaying it.
    fn newest(&self, uri: &str) -> Option<Timestamp> {
        self.lock().get(uri).map(|kept| kept.list.issued_at())
    }

    fn keep(&self, uri: &str, mut kept: Kept) {
        let mut lists = self.lock();
        kept.used = self.next_use();
        if let Some(before) = lists.remove(uri) {
            kept.asked = kept.asked.max(before.asked);
            // The timer's fetch is no use.
            kept.used = if kept.asked > before.asked { kept.used } else { before.used };
        }
        let (issuer, size) = (kept.signer.issuer.clone(), kept.size());
        let of_issuer = |other: &Kept| other.signer.issuer == issuer;
        make_room(&mut lists, SHARE.saturating_sub(size), of_issuer);
        make_room(&mut lists, BUDGET.saturating_sub(size), |_| true);
        lists.insert(uri.to_owned(), kept);
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

/// Drops lists among those that fit, the one that was asked for longest ago first, until the rest
/// takes no more than `most` bytes.
fn make_room(lists: &mut BTreeMap<String, Kept>, most: usize, fits: impl Fn(&Kept) -> bool) {
    let mut held: Vec<(u64, usize, String)> = lists
        .iter()
        .filter(|(_, kept)| fits(kept))
        .map(|(uri, kept)| (kept.used, kept.size(), uri.clone()))
        .collect();
    let mut total: usize = held.iter().map(|(_, size, _)| size).sum();
    held.sort_unstable();
    for (_, size, uri) in held {
        if total <= most {
            return;
        }
        total = total.saturating_sub(size);
        lists.remove(&uri);
    }
}

impl Kept {
    fn size(&self) -> usize {
        self.list.size().saturating_add(BESIDE)
    }

    fn new(list: VerifiedStatusList, now: Timestamp, asked: Timestamp, signer: Signer) -> Self {
        let age = list.ttl().unwrap_or(MAX_AGE).clamp(0, MAX_AGE);
        let until = list.expires().map_or(now.plus(age), |end| end.min(now.plus(age)));
        let refresh = now.plus(until.since(now) / 2);
        Self { list: Arc::new(list), refresh, until, asked, used: 0, signer }
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
        if uri.len() > MAX_URI {
            return Err(StatusFault::TooLarge(MAX_URI));
        }
        let foreign = &self.lists.foreign;
        let _turn = foreign.turn(&signer.issuer).await;
        // Another decision may have fetched it while this one waited.
        if let Some(list) = foreign.fresh(uri, now).filter(|_| now == asked) {
            return Ok(list);
        }
        let body = self.site.outbound().fetch(uri, "application/statuslist+jwt").await?;
        let token = String::from_utf8(body).map_err(|_| StatusFault::NotText)?;
        let newest = foreign.newest(uri);
        let list = self.verify_list(&token, uri, &signer, now, newest)?;
        let kept = Kept::new(list, now, asked, signer);
        if kept.size() > SHARE {
            return Err(StatusFault::TooLarge(SHARE));
        }
        let list = Arc::clone(&kept.list);
        foreign.keep(uri, kept);
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
    /// The list, or its URI, is larger than what is kept. The number is the limit in bytes.
    #[error("the list or its URI takes more than {0} bytes")]
    TooLarge(usize),
    /// The list does not verify, or has no entry at this index.
    #[error(transparent)]
    Status(#[from] sekisho_credential::status::StatusError),
    /// Our own list could not be published.
    #[error(transparent)]
    Own(#[from] crate::StatusListError),
}
