//! Whether the credentials that a decision stands on still stand.
//!
//! Our own lists are read from the store and count at once; foreign ones are fetched through the
//! guarded client, refreshed by a timer, and kept until their `ttl` and never longer. Both are
//! verified by the same function, and both fail closed (Token Status List, section 8.3): what cannot
//! be read is not valid.

use sekisho_profile::Code;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_credential::status::{self, CheckToken, Status, StatusReference, VerifiedStatusList};
use sekisho_store::{StoreError, Tx};
use tokio::task::JoinSet;

use crate::Broker;
use crate::status_list::OwnList;
use crate::tables::{Relied, StatusEntries};

/// How many foreign lists are kept at most.
const KEPT: usize = 256;
/// The longest that a foreign list counts, in seconds, whatever its `ttl` says.
const MAX_AGE: i64 = 900;

/// A list that nobody asked for in so many seconds is not refreshed any more.
const ASKED: i64 = 8 * 3600;

/// Foreign lists, by URI.
#[derive(Default)]
pub struct ForeignLists(Mutex<BTreeMap<String, Kept>>);

/// A list as it was fetched.
#[derive(Clone)]
struct Kept {
    list: Arc<VerifiedStatusList>,
    /// Half of its time: from here on it is fetched anew, by the timer.
    refresh: Timestamp,
    /// The end of its time: from here on it says nothing any more.
    until: Timestamp,
    /// When a decision last stood on it.
    asked: Timestamp,
    /// Whose it has to be.
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

    /// When the newest list that was ever kept of this URI was issued: an older one is a rollback.
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

    /// What the timer has to fetch.
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

/// A credential that no longer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fallen {
    /// `C-2001` revoked, `C-2002` suspended, `C-2003` expired, `C-2008` status unknown.
    pub(crate) code: Code,
    /// The id under which it was issued here, or the start of its digest: what the audit log calls
    /// it, so that cause and effect can be found together.
    pub(crate) credential: String,
}

impl Fallen {
    /// Whether it stays so: what stands on it has ended for good. A status that cannot be read just
    /// now may come back.
    pub(crate) fn is_final(&self) -> bool {
        self.code != Code::StatusUnknown
    }
}

impl Broker {
    /// The first credential that no longer stands, or `None` if all stand.
    pub(crate) async fn fallen(&self, relied: &[Relied], now: Timestamp) -> Option<Fallen> {
        for credential in relied {
            let code = if credential.expires.is_some_and(|end| end <= now) {
                Some(Code::Expired)
            } else if let Some(reference) = &credential.status {
                self.status_code(credential, reference, now).await
            } else {
                None
            };
            if let Some(code) = code {
                let credential = self.audit_name(credential).await;
                return Some(Fallen { code, credential });
            }
        }
        None
    }

    async fn audit_name(&self, credential: &Relied) -> String {
        let digest = || crate::audit::short(&credential.digest);
        let Some(reference) = &credential.status else { return digest() };
        let Some(own) = OwnList::from_uri(&self.config().origin, &reference.uri) else {
            return digest();
        };
        let entry = self.store().get::<StatusEntries>(&own.entry(reference.index)).await;
        entry.ok().flatten().map_or_else(digest, |entry| entry.credential)
    }

    async fn status_code(
        &self,
        credential: &Relied,
        reference: &StatusReference,
        now: Timestamp,
    ) -> Option<Code> {
        match self.status_of(credential, reference, now).await {
            Ok(Status::Valid) => None,
            Ok(Status::Invalid) => Some(Code::Revoked),
            Ok(Status::Suspended) => Some(Code::Suspended),
            Ok(Status::Other(_)) => Some(Code::StatusUnknown),
            Err(error) => {
                tracing::warn!(%error, uri = %reference.uri, "status of a credential is unknown");
                Some(Code::StatusUnknown)
            }
        }
    }

    async fn status_of(
        &self,
        credential: &Relied,
        reference: &StatusReference,
        now: Timestamp,
    ) -> Result<Status, StandingError> {
        let list = match OwnList::from_uri(&self.config().origin, &reference.uri) {
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
    ) -> Result<Arc<VerifiedStatusList>, StandingError> {
        let published = self.published_list(own, now).await?;
        if let Some(list) = published.verified() {
            return Ok(list);
        }
        let uri = own.uri(&self.config().origin);
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
    ) -> Result<Arc<VerifiedStatusList>, StandingError> {
        if let Some(list) = self.foreign_lists().fresh(&reference.uri, now) {
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
    ) -> Result<Arc<VerifiedStatusList>, StandingError> {
        let body = self.outbound().fetch(uri, "application/statuslist+jwt").await?;
        let token = String::from_utf8(body).map_err(|_| StandingError::NotText)?;
        let newest = self.foreign_lists().newest(uri);
        let list = self.verify_list(&token, uri, &signer, now, newest)?;
        let kept = Kept::new(list, now, asked, signer);
        let list = Arc::clone(&kept.list);
        self.foreign_lists().keep(uri, now, kept);
        Ok(list)
    }

    /// Fetches every foreign list that decisions stand on and that is through half of its time: so
    /// nobody waits for it, its host does not see when somebody logs in, and a revocation counts
    /// before the copy that is kept ends. A list that cannot be had counts until its own end.
    pub async fn refresh_lists(&self) {
        let now = self.clock().now();
        let mut fetched = JoinSet::new();
        for (uri, kept) in self.foreign_lists().due(now) {
            let broker = self.clone();
            fetched.spawn(async move {
                let result = broker.fetch_list(&uri, kept.signer, now, kept.asked).await;
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
    ) -> Result<VerifiedStatusList, StandingError> {
        let trust = self.trust();
        let vct = sekisho_profile::types::vct(&self.config().type_authority, &signer.type_name);
        let check = CheckToken {
            uri,
            now,
            issuer: &signer.issuer,
            trust: &trust,
            vct: &vct,
            not_older_than,
        };
        Ok(status::verify_token(token, &check)?)
    }

    /// The same question of our own lists inside a transaction: what was revoked before this
    /// decision is seen by it.
    pub(crate) fn fallen_in(
        &self,
        tx: &mut Tx,
        relied: &[Relied],
    ) -> Result<Option<Fallen>, StoreError> {
        for credential in relied {
            let Some(reference) = &credential.status else { continue };
            let Some(own) = OwnList::from_uri(&self.config().origin, &reference.uri) else {
                continue;
            };
            let entry = tx.get::<StatusEntries>(&own.entry(reference.index))?;
            let code = match &entry {
                Some(entry) if entry.value == 0 => continue,
                Some(entry) if entry.value == 1 => Code::Revoked,
                Some(entry) if entry.value == 2 => Code::Suspended,
                _ => Code::StatusUnknown,
            };
            let digest = || crate::audit::short(&credential.digest);
            let credential = entry.map_or_else(digest, |entry| entry.credential);
            return Ok(Some(Fallen { code, credential }));
        }
        Ok(None)
    }
}

/// Why a status could not be had.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// The list could not be fetched.
    #[error(transparent)]
    Outbound(#[from] crate::outbound::OutboundError),
    /// The list is not text.
    #[error("the list is not text")]
    NotText,
    /// The list does not verify, or has no such index.
    #[error(transparent)]
    Status(#[from] sekisho_credential::status::StatusError),
    /// Our own list could not be made.
    #[error(transparent)]
    Own(#[from] crate::status_list::StatusListError),
}
