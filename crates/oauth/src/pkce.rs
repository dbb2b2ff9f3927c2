//! Proof Key for Code Exchange, method S256 (RFC 7636).
//!
//! Invariant: S256 is the only method. `plain` is refused, and so is an absent method, which would
//! mean `plain` (RFC 9700, 2.1.1).

use sekisho_ambient::{constant_time_eq, sha256};
use sekisho_jose::b64u;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The methods that are supported, for checks and metadata alike.
pub const METHODS: &[&str] = &["S256"];

/// A code challenge: the SHA-256 of a code verifier, which the client keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge([u8; 32]);

/// Why a challenge or a verifier was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PkceError {
    /// The challenge is not 43 base64url characters.
    #[error("code_challenge is not the base64url form of a SHA-256 digest")]
    Challenge,
    /// The method is `plain`, unknown or absent.
    #[error("code_challenge_method has to be S256")]
    Method,
    /// There is a `code_challenge_method` but no `code_challenge`.
    #[error("code_challenge_method without code_challenge")]
    MethodAlone,
    /// The verifier is not 43 to 128 unreserved characters.
    #[error("code_verifier is not 43 to 128 unreserved characters")]
    Verifier,
    /// The verifier does not belong to the challenge.
    #[error("code_verifier does not match code_challenge")]
    Mismatch,
}

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` (RFC 7636, 4.3).
    pub fn from_parameters(
        challenge: Option<&str>,
        method: Option<&str>,
    ) -> Result<Option<Self>, PkceError> {
        match (challenge, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(PkceError::MethodAlone),
            (Some(challenge), Some(method)) if METHODS.contains(&method) => {
                let digest = b64u::decode(challenge).map_err(|_| PkceError::Challenge)?;
                Ok(Some(Self(digest.try_into().map_err(|_| PkceError::Challenge)?)))
            }
            (Some(_), _) => Err(PkceError::Method),
        }
    }

    /// The challenge that a client makes from `verifier` (RFC 7636, 4.2).
    pub fn of(verifier: &str) -> Result<Self, PkceError> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
            return Err(PkceError::Verifier);
        }
        Ok(Self(sha256(verifier.as_bytes())))
    }

    /// Checks that this is the challenge of `verifier` (RFC 7636, 4.6), in constant time.
    pub fn verify(&self, verifier: &str) -> Result<(), PkceError> {
        if constant_time_eq(&Self::of(verifier)?.0, &self.0) {
            return Ok(());
        }
        Err(PkceError::Mismatch)
    }
}

impl std::fmt::Display for CodeChallenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&b64u::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge(text: &str) -> Result<Option<CodeChallenge>, PkceError> {
        CodeChallenge::from_parameters(Some(text), Some("S256"))
    }

    #[test]
    fn the_example_of_the_rfc_verifies() {
        let challenge = challenge(CHALLENGE).unwrap().unwrap();
        assert_eq!(challenge.verify(VERIFIER), Ok(()));
        assert_eq!(challenge.to_string(), CHALLENGE);
    }

    #[test]
    fn plain_an_absent_method_and_unknown_ones_are_refused() {
        for method in [None, Some("plain"), Some("s256"), Some("S256 "), Some("S512")] {
            let refused = CodeChallenge::from_parameters(Some(CHALLENGE), method);
            assert_eq!(refused, Err(PkceError::Method), "{method:?}");
        }
        let alone = CodeChallenge::from_parameters(None, Some("S256"));
        assert_eq!(alone, Err(PkceError::MethodAlone));
    }

    #[test]
    fn a_challenge_of_another_form_is_refused() {
        let short = &CHALLENGE[..42];
        let padded = format!("{CHALLENGE}=");
        let loose = CHALLENGE.replace("cM", "cN");
        let standard = CHALLENGE.replace('-', "+");
        for text in [short, &padded, &loose, &standard, VERIFIER.get(..40).unwrap(), "x"] {
            assert_eq!(challenge(text), Err(PkceError::Challenge), "{text}");
        }
    }

    #[test]
    fn a_verifier_of_another_form_is_refused_even_if_its_digest_fits() {
        for verifier in ["a".repeat(42), "a".repeat(129), "あ".repeat(43), " ".repeat(43)] {
            let challenge = CodeChallenge(sha256(verifier.as_bytes()));
            assert_eq!(challenge.verify(&verifier), Err(PkceError::Verifier), "{verifier}");
        }
    }

    proptest! {
        #[test]
        fn a_verifier_opens_its_own_challenge_and_no_other(
            verifier in "[A-Za-z0-9._~-]{43,128}",
            other in "[A-Za-z0-9._~-]{43,128}",
        ) {
            let sent = CodeChallenge::of(&verifier).unwrap().to_string();
            let kept = challenge(&sent).unwrap().unwrap();
            prop_assert_eq!(kept.verify(&verifier), Ok(()));
            if other != verifier {
                prop_assert_eq!(kept.verify(&other), Err(PkceError::Mismatch));
            }
        }

        #[test]
        fn one_changed_character_closes_it(
            verifier in "[A-Za-z0-9]{43,128}",
            place in any::<prop::sample::Index>(),
        ) {
            let kept = CodeChallenge::of(&verifier).unwrap();
            let mut changed = verifier.clone().into_bytes();
            let place = place.index(changed.len());
            changed[place] = b'~';
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(kept.verify(&changed), Err(PkceError::Mismatch));
        }
    }
}
