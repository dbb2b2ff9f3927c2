//! SHA-256, HMAC-SHA-256 and comparison in constant time.

use aws_lc_rs::{digest, hmac};
use subtle::ConstantTimeEq;

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    take32(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Computes HMAC-SHA-256 under `key` over `parts`. Each part is preceded by its length in eight
/// bytes, so that two different lists of parts never give the same input.
pub fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    take32(context.sign().as_ref())
}

fn take32(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(bytes);
    out
}

/// Compares `a` and `b` in a time that depends on their lengths only.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GEN-8, OA-39: the comparison takes as long when the first byte differs as when no byte does.
    /// Each measurement is the shortest of many, so that a disturbance by another process drops
    /// out.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "time is what is measured")]
    fn a_comparison_tells_nothing_by_its_time() {
        let secret = vec![7; 1 << 16];
        let differs_at = |place: usize| {
            let mut guess = secret.clone();
            guess[place] = 8;
            guess
        };
        let shortest = |guess: &[u8]| {
            let once = |_| {
                let begun = std::time::Instant::now();
                std::hint::black_box(constant_time_eq(std::hint::black_box(guess), &secret));
                begun.elapsed()
            };
            (0..50).map(once).min().unwrap().as_secs_f64()
        };
        let equal = shortest(&secret.clone());
        for place in [0, 1, secret.len() / 2, secret.len() - 1] {
            let ratio = shortest(&differs_at(place)) / equal;
            assert!((0.5..2.0).contains(&ratio), "{ratio} of the time for a difference at {place}");
        }
    }

    #[test]
    fn parts_cannot_slide_into_each_other() {
        let key = [7; 32];
        assert_ne!(hmac_sha256(&key, &[b"ab", b"c"]), hmac_sha256(&key, &[b"a", b"bc"]));
    }
}
