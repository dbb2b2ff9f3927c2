//! Detects RSA moduli that a faulty generator in smart cards and TPMs made (ROCA, CVE-2017-15361).
//! Such a modulus can be factored.
//!
//! The fingerprint is that of Nemec et al., "The Return of Coppersmith's Attack" (CCS 2017),
//! section 2: the modulus is a power of 65537 modulo each of the primes that the generator used. A
//! sound key has this fingerprint with a chance of 2^-27.

/// The odd primes that the generator used.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the big-endian modulus `n` has the fingerprint of the faulty generator.
pub(super) fn is_weak(n: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| is_power_of_65537(remainder(n, prime), prime))
}

fn remainder(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let powers = std::iter::successors(Some(1), |power| Some(power * (65537 % prime) % prime));
    // The group has fewer elements than the prime.
    powers.take(usize::try_from(prime).unwrap_or(0)).any(|power| power == residue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_65537_are_found_and_others_are_not() {
        // 65537 is 10 modulo 11, and 10 modulo 11 is its own inverse.
        let powers: Vec<u32> = (0..11).filter(|n| is_power_of_65537(*n, 11)).collect();
        assert_eq!(powers, [1, 10]);
        assert_eq!(remainder(&[1, 0, 1], 11), 10);
    }

    #[test]
    fn a_modulus_with_the_fingerprint_is_weak() {
        assert!(is_weak(&[1]));
        assert!(is_weak(&[1, 0, 1]));
        assert!(!is_weak(&[1, 0, 2]));
        assert!(!is_weak(&[11]));
    }
}
