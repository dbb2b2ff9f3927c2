//! Random bytes. Only this file reads the operating system's random source.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Secret, hmac_sha256};

/// A source of random bytes: the operating system's, or a seeded one for tests.
#[derive(Clone, Debug)]
pub struct Entropy(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded { seed: [u8; 32], counter: Arc<AtomicU64> },
}

impl Entropy {
    /// The operating system's random source.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A source that gives the same bytes for the same `seed`, for tests that compare whole
    /// answers.
    pub fn seeded(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        Self(Source::Seeded { seed: key, counter: Arc::default() })
    }

    /// Fills `out` with random bytes.
    ///
    /// Ends the process if the operating system gives no random bytes, because every secret made
    /// after that could be guessed.
    pub fn fill(&self, out: &mut [u8]) {
        match &self.0 {
            Source::System => fill_from_system(out),
            Source::Seeded { seed, counter } => {
                for chunk in out.chunks_mut(32) {
                    let number = counter.fetch_add(1, Ordering::SeqCst);
                    let block = hmac_sha256(seed, &[&number.to_be_bytes()]);
                    for (to, from) in chunk.iter_mut().zip(block) {
                        *to = from;
                    }
                }
            }
        }
    }

    /// Returns `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Returns a fresh secret of 256 bits as 43 base64url characters.
    pub fn token(&self) -> Secret<String> {
        Secret::new(URL_SAFE_NO_PAD.encode(self.bytes::<32>()))
    }

    /// Returns a fresh public identifier of 128 bits as 22 base64url characters.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<16>())
    }

    /// Returns a random number in `0..bound`, each with the same chance; 0 if `bound` is 0.
    pub fn below(&self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        let zone = u32::MAX - u32::MAX % bound;
        loop {
            let number = u32::from_be_bytes(self.bytes());
            if number < zone {
                return number % bound;
            }
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the system's source")]
fn fill_from_system(out: &mut [u8]) {
    if getrandom::fill(out).is_err() {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_a_system_does_not() {
        let (a, b) = (Entropy::seeded(1), Entropy::seeded(1));
        assert_eq!(a.bytes::<48>(), b.bytes::<48>());
        assert_ne!(a.bytes::<16>(), a.bytes::<16>());
        let system = Entropy::system();
        assert_ne!(system.bytes::<16>(), system.bytes::<16>());
    }

    #[test]
    fn a_number_stays_below_its_bound() {
        let entropy = Entropy::seeded(2);
        assert!((0..1000).all(|_| entropy.below(100) < 100));
        assert_eq!(entropy.below(0), 0);
    }
}
