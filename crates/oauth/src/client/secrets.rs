//! The secrets of a client: the one of now, and for a while the one before it, so that a service can
//! change over without a moment in which it is locked out (RFC 7592 leaves the change open).
//!
//! Invariant: at most two secrets are good at a time, and only their SHA-256 is known. Which of them
//! was presented takes no different time to find out.

use sekisho_ambient::{Timestamp, constant_time_eq, sha256};
use serde::{Deserialize, Serialize};

/// The digests of a client's secrets, each of which has 256 bits of randomness.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    digest: [u8; 32],
    /// When it was made; `None` in rows of before this member existed: with the registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
}

/// The secret before the present one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Previous {
    digest: [u8; 32],
    #[serde(default)]
    issued: Option<Timestamp>,
    ends: Timestamp,
}

/// A secret that is good now, without the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivingSecret {
    /// When it was made; `None` if that was with the registration.
    pub issued: Option<Timestamp>,
    /// When it ends; `None` for the present one.
    pub ends: Option<Timestamp>,
}

impl Secrets {
    /// Only `secret`, made at `issued`.
    pub fn new(secret: &str, issued: Option<Timestamp>) -> Self {
        Self { digest: sha256(secret.as_bytes()), issued, previous: None }
    }

    /// `secret` in place of the present one, which is good until `ends`. The one before that ends
    /// now.
    #[must_use]
    pub fn rotated(&self, secret: &str, now: Timestamp, ends: Timestamp) -> Self {
        let previous = Previous { digest: self.digest, issued: self.issued, ends };
        let previous = Some(previous).filter(|previous| now < previous.ends);
        Self { previous, ..Self::new(secret, Some(now)) }
    }

    /// The secret that was presented, if it is good at `now`.
    pub fn find(&self, presented: &str, now: Timestamp) -> Option<LivingSecret> {
        let presented = sha256(presented.as_bytes());
        let previous = self.previous.as_ref();
        let before = previous.map_or(&[0; 32], |previous| &previous.digest);
        let is_before = constant_time_eq(&presented, before);
        let is_present = constant_time_eq(&presented, &self.digest);
        if is_present { Some(self.present()) } else { self.before(now).filter(|_| is_before) }
    }

    /// The secrets that are good at `now`, the present one first.
    pub fn living(&self, now: Timestamp) -> Vec<LivingSecret> {
        [Some(self.present()), self.before(now)].into_iter().flatten().collect()
    }

    fn present(&self) -> LivingSecret {
        LivingSecret { issued: self.issued, ends: None }
    }

    fn before(&self, now: Timestamp) -> Option<LivingSecret> {
        let previous = self.previous.as_ref().filter(|previous| now < previous.ends)?;
        Some(LivingSecret { issued: previous.issued, ends: Some(previous.ends) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

    fn good(secrets: &Secrets, secret: &str, now: Timestamp) -> bool {
        secrets.find(secret, now).is_some()
    }

    #[test]
    fn the_secret_before_is_good_until_it_ends() {
        let (later, ends) = (NOW.plus(10), NOW.plus(3600));
        let secrets = Secrets::new("first", None).rotated("second", later, ends);
        for now in [later, ends.plus(-1)] {
            assert!(good(&secrets, "first", now) && good(&secrets, "second", now));
            assert_eq!(secrets.living(now).len(), 2);
        }
        assert!(!good(&secrets, "first", ends) && good(&secrets, "second", ends));
        let present = LivingSecret { issued: Some(later), ends: None };
        assert_eq!(secrets.living(ends), [present]);
        for other in ["", "third", "firs", "first "] {
            assert!(!good(&secrets, other, later), "{other:?}");
        }
    }

    #[test]
    fn no_more_than_two_are_good() {
        let first = Secrets::new("first", Some(NOW));
        let second = first.rotated("second", NOW, NOW.plus(3600));
        let third = second.rotated("third", NOW, NOW.plus(3600));
        let found = ["first", "second", "third"].map(|secret| good(&third, secret, NOW));
        assert_eq!(found, [false, true, true]);
        let alone = second.rotated("third", NOW, NOW);
        let found = ["first", "second", "third"].map(|secret| good(&alone, secret, NOW));
        assert_eq!(found, [false, false, true], "the one before has ended at once");
        assert_eq!(alone.living(NOW).len(), 1);
    }
}
