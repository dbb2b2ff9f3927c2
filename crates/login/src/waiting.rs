//! What wallets sent for open logins that proved nothing: failed answers and refusals. A stranger
//! can send these, so they are kept in memory only, in bounded number, and decide nothing but what
//! the waiting page says.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_openid4vp::response::WalletError;
use sekisho_profile::Code;

/// How many logins are remembered. Beyond, the one that ends first is forgotten.
const MAX_LOGINS: usize = 16_384;

/// What has arrived for one login.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arrived {
    /// How many answers did not verify.
    pub(crate) failures: u8,
    /// Why the last of them did not.
    pub(crate) last: Option<Code>,
    /// The error with which a wallet refused.
    pub(crate) declined: Option<WalletError>,
}

/// What has arrived for open logins. Keys begin with the end of the login, so the first rows are
/// the first that can go.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<BTreeMap<HandleKey, Arrived>>);

impl Waiting {
    /// What has arrived for a login.
    pub(crate) fn at(&self, login: &HandleKey) -> Arrived {
        let logins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logins.get(login).cloned().unwrap_or_default()
    }

    /// Counts an answer that did not verify.
    pub(crate) fn failed(&self, login: &HandleKey, code: Code, now: Timestamp) {
        self.change(login, now, |arrived| {
            arrived.failures = arrived.failures.saturating_add(1);
            arrived.last = Some(code);
        });
    }

    /// Notes that a wallet refused.
    pub(crate) fn declined(&self, login: &HandleKey, error: WalletError, now: Timestamp) {
        self.change(login, now, |arrived| arrived.declined = Some(error));
    }

    fn change(&self, login: &HandleKey, now: Timestamp, change: impl FnOnce(&mut Arrived)) {
        let mut logins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(logins.entry(*login).or_default());
        while let Some(first) = logins.first_entry() {
            if first.key().expires() > now && logins.len() <= MAX_LOGINS {
                break;
            }
            logins.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::{Entropy, Handle};

    use super::*;

    #[test]
    fn what_strangers_send_is_bounded() {
        let (waiting, entropy) = (Waiting::default(), Entropy::seeded(1));
        let now = Timestamp::from_unix(0);
        let login = |second| Handle::new(Timestamp::from_unix(second), &entropy).key();
        let mine = login(1_000_000);
        waiting.failed(&mine, Code::BadSignature, now);
        for second in 1..20_000 {
            waiting.failed(&login(second), Code::BadSignature, now);
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MAX_LOGINS);
        assert_eq!(waiting.at(&mine).failures, 1);
        waiting.failed(&mine, Code::Expired, Timestamp::from_unix(999_999));
        assert_eq!(
            waiting.at(&mine),
            Arrived { failures: 2, last: Some(Code::Expired), declined: None }
        );
        assert_eq!(waiting.0.lock().unwrap().len(), 1);
    }
}
