//! How often codes of devices may be typed that are wrong. The code is short (20⁸), so whoever types at
//! random has to be slow: a few tries from one address, and not many more in all (RFC 8628, 5.1).
//!
//! Each broker counts by itself, in memory. A try is counted before the code is looked up, so that tries
//! at the same time count too, and given back if the code was right.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::Timestamp;

/// How many seconds a wrong code counts.
const SPAN: i64 = 60;
/// How many wrong codes one address may type in that time.
const FROM_ADDRESS: usize = 5;
/// How many may be typed in all.
const TOTAL: usize = 60;

/// The wrong codes of the last minute. Their number is bounded, because no more are taken.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<Tries>);

#[derive(Default)]
struct Tries {
    next: u64,
    counted: Vec<Try>,
}

struct Try {
    number: u64,
    at: Timestamp,
    address: Option<IpAddr>,
}

/// A code that was typed and is not known to be right yet.
pub(crate) struct Guess(u64);

impl Guesses {
    /// Counts a code that is about to be looked up. If there were too many wrong ones, says how many
    /// seconds to wait.
    pub(crate) fn take(&self, address: Option<IpAddr>, now: Timestamp) -> Result<Guess, i64> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.counted.retain(|counted| now.since(counted.at) < SPAN);
        let own = |counted: &&Try| address.is_some() && counted.address == address;
        let full_since = |counted: Vec<Timestamp>, most: usize| {
            let at = counted.len().checked_sub(most)?;
            counted.get(at).copied()
        };
        let of_address = tries.counted.iter().filter(own).map(|counted| counted.at).collect();
        let of_all = tries.counted.iter().map(|counted| counted.at).collect();
        let full = full_since(of_address, FROM_ADDRESS).max(full_since(of_all, TOTAL));
        if let Some(since) = full {
            return Err(since.plus(SPAN).since(now).max(1));
        }
        let number = tries.next;
        tries.next = number.wrapping_add(1);
        tries.counted.push(Try { number, at: now, address });
        Ok(Guess(number))
    }

    /// Takes a code back that was right.
    pub(crate) fn give_back(&self, guess: &Guess) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.counted.retain(|counted| counted.number != guess.0);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    /// RFC 8628, 5.1: an address that was wrong too often waits, and others do not.
    #[test]
    fn an_address_has_a_few_tries_a_minute() {
        let (guesses, at) = (Guesses::default(), Timestamp::from_unix);
        for second in 0..5 {
            assert!(guesses.take(Some(address(1)), at(second)).is_ok());
        }
        assert_eq!(guesses.take(Some(address(1)), at(5)).err(), Some(55));
        assert!(guesses.take(Some(address(2)), at(5)).is_ok());
        assert_eq!(guesses.take(Some(address(1)), at(59)).err(), Some(1));
        assert!(guesses.take(Some(address(1)), at(60)).is_ok());
        assert_eq!(guesses.take(Some(address(1)), at(60)).err(), Some(1));
    }

    #[test]
    fn all_addresses_together_have_some_tries_a_minute() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_unix(0));
        let took = (0..200).filter(|last| guesses.take(Some(address(*last)), now).is_ok()).count();
        assert_eq!(took, TOTAL);
        let unknown = Guesses::default();
        let took = (0..200).filter(|_| unknown.take(None, now).is_ok()).count();
        assert_eq!(took, TOTAL, "behind a proxy nobody is told apart");
        assert!(unknown.take(None, now.plus(SPAN)).is_ok());
    }

    #[test]
    fn a_right_code_does_not_count() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_unix(0));
        for _ in 0..100 {
            let guess = guesses.take(Some(address(1)), now).unwrap();
            guesses.give_back(&guess);
        }
    }
}
