//! The origins of clients: where their pages stand, which may read the answers of the token and
//! userinfo endpoints.
//!
//! The set in memory is a copy. A change by this broker drops it; one by another broker shows after
//! [`MAX_AGE`] at the latest. Nothing is decided on it but which browser page may read an answer that
//! its own code or token gave.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_ambient::Timestamp;
use sekisho_store::StoreError;
use url::Url;

use crate::Registry;

/// How long the copy is used, in seconds.
const MAX_AGE: i64 = 5;

/// The copy, and when it was read.
#[derive(Default)]
pub(crate) struct Origins(Mutex<Option<Kept>>);

/// The origins, and when they were read.
type Kept = (Timestamp, Arc<BTreeSet<String>>);

impl Origins {
    fn fresh(&self, now: Timestamp) -> Option<Arc<BTreeSet<String>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, origins) = kept.as_ref()?;
        (0..MAX_AGE).contains(&now.since(*at)).then(|| Arc::clone(origins))
    }

    fn keep(&self, kept: Option<Kept>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

impl Registry {
    /// Whether a registered redirect URI has this origin, which is compared as a string.
    pub async fn is_client_origin(&self, origin: &str) -> Result<bool, StoreError> {
        let now = self.site.now();
        if let Some(origins) = self.inner.origins.fresh(now) {
            return Ok(origins.contains(origin));
        }
        let clients = self.list_clients().await?;
        let uris = clients.iter().flat_map(|party| &party.client.redirect_uris);
        let origins: BTreeSet<String> = uris.filter_map(|uri| origin_of(uri)).collect();
        let is_one = origins.contains(origin);
        self.inner.origins.keep(Some((now, Arc::new(origins))));
        Ok(is_one)
    }

    /// Drops the copy of the clients' origins. Call it after a change of clients has committed.
    pub fn forget_client_origins(&self) {
        self.inner.origins.keep(None);
    }
}

/// The origin of a web address; `None` for a private scheme, whose pages have no origin.
fn origin_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let origin = url.origin();
    let web = matches!(url.scheme(), "https" | "http");
    (web && origin.is_tuple()).then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_of_the_web() {
        assert_eq!(origin_of("https://rp.example/cb").as_deref(), Some("https://rp.example"));
        assert_eq!(origin_of("http://[::1]:4000/cb").as_deref(), Some("http://[::1]:4000"));
        assert_eq!(origin_of("jp.example.app:/cb"), None);
    }
}
