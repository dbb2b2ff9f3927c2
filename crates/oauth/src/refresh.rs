//! Refresh tokens (RFC 6749, 6; RFC 9700, 4.14; checklist TOK-8, TOK-9).
//!
//! A token is a MAC over its family and its generation. No token is stored, and a client that lost
//! the answer gets exactly the same successor again. A family is one grant. Its generation only
//! grows; it is a number, never a time (attacks OA-08, OA-09).
//!
//! Invariant: of all tokens of a family, the newest is valid, and the one before it stays valid for
//! [`GRACE`] seconds more. An older token that is presented ends the family.

use sekisho_ambient::{HandleKey, Timestamp, constant_time_eq, hmac_sha256};
use sekisho_jose::b64u;
use serde::{Deserialize, Serialize};

/// How long the token before the newest stays valid, in seconds. A client needs it if it lost an
/// answer, or if it refreshes from two places at once.
pub const GRACE: i64 = 30;

/// The length of a family's key, in bytes.
const FAMILY: usize = 40;
/// The length of a generation, in bytes.
const GENERATION: usize = 8;

/// A refresh token: the family that it belongs to and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The key of the grant that the token belongs to.
    pub family: HandleKey,
    /// The token's number in the family, from 0.
    pub generation: u64,
}

/// The newest generation of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The number of the newest token.
    pub generation: u64,
    /// When the newest token was first given out.
    pub since: Timestamp,
}

/// The result of presenting a token of a live family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The newest token was presented: the family moves on to this state.
    Next(Family),
    /// The token before the newest was presented in time: the client gets the same successor again.
    Again,
    /// An older token was presented: somebody else may have it, so the family ends.
    Reused,
    /// This family has not given out a token with this number.
    Unknown,
}

impl RefreshToken {
    /// The token as text, as the client gets it. `key` makes the MAC.
    pub fn to_text(self, key: &[u8; 32]) -> String {
        let mut bytes = self.body();
        bytes.extend_from_slice(&hmac_sha256(key, &[&bytes]));
        b64u::encode(bytes)
    }

    /// Reads the text of a presented token. `None` if it was not made here with `key`.
    pub fn from_text(text: &str, key: &[u8; 32]) -> Option<Self> {
        let bytes = b64u::decode(text).ok()?;
        let (body, mac) = bytes.split_at_checked(FAMILY + GENERATION)?;
        if !constant_time_eq(mac, &hmac_sha256(key, &[body])) {
            return None;
        }
        let (family, generation) = body.split_at_checked(FAMILY)?;
        let generation = u64::from_be_bytes(generation.try_into().ok()?);
        Some(Self { family: HandleKey::from_bytes(family)?, generation })
    }

    fn body(self) -> Vec<u8> {
        let mut bytes = self.family.to_bytes().to_vec();
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes
    }
}

impl Family {
    /// The state of a new family, whose first token is given out now.
    pub fn begin(now: Timestamp) -> Self {
        Self { generation: 0, since: now }
    }

    /// Decides what to do when the token of `generation` is presented at `now`. The caller has
    /// already checked the client, the expiry and the credentials.
    pub fn present(&self, generation: u64, now: Timestamp) -> Rotation {
        if generation == self.generation {
            return match generation.checked_add(1) {
                Some(next) => Rotation::Next(Self { generation: next, since: now }),
                None => Rotation::Reused,
            };
        }
        if generation > self.generation {
            return Rotation::Unknown;
        }
        let previous = generation.checked_add(1) == Some(self.generation);
        if previous && now.since(self.since) < GRACE { Rotation::Again } else { Rotation::Reused }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sekisho_ambient::{Entropy, Handle};

    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

    fn token(generation: u64) -> RefreshToken {
        let family = Handle::new(NOW.plus(3600), &Entropy::seeded(1)).key();
        RefreshToken { family, generation }
    }

    #[test]
    fn a_token_is_read_back_and_the_same_each_time() {
        let text = token(3).to_text(&KEY);
        assert_eq!(RefreshToken::from_text(&text, &KEY), Some(token(3)));
        assert_eq!(text, token(3).to_text(&KEY));
        assert_ne!(text, token(4).to_text(&KEY));
    }

    /// OA-05: every bit of a token counts.
    #[test]
    fn no_other_text_is_a_token() {
        let text = token(3).to_text(&KEY);
        assert_eq!(RefreshToken::from_text(&text, &[8; 32]), None);
        let bytes = b64u::decode(&text).unwrap();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(RefreshToken::from_text(&b64u::encode(&other), &KEY), None, "{at}");
        }
        let cut = text[..text.len() - 2].to_owned();
        for wrong in ["", "x", &cut, &format!("{text}AA"), &format!("{text}=")] {
            assert_eq!(RefreshToken::from_text(wrong, &KEY), None, "{wrong}");
        }
    }

    proptest! {
        /// OA-08, OA-09: whatever order tokens come in and however fast, one successor at most is
        /// good beside its predecessor, and an old token never moves a family on.
        #[test]
        fn a_family_only_grows(steps in prop::collection::vec((0_u64..6, 0_i64..40), 0..40)) {
            let (mut family, mut now) = (Family::begin(NOW), NOW);
            for (back, wait) in steps {
                now = now.plus(wait);
                let Some(generation) = family.generation.checked_sub(back) else { continue };
                let before = family;
                match family.present(generation, now) {
                    Rotation::Next(next) => {
                        prop_assert_eq!(back, 0);
                        prop_assert_eq!(next.generation, before.generation + 1);
                        family = next;
                    }
                    Rotation::Again => {
                        prop_assert_eq!(back, 1);
                        prop_assert!(now.since(before.since) < GRACE);
                    }
                    Rotation::Reused => {
                        prop_assert!(back > 1 || now.since(before.since) >= GRACE);
                    }
                    Rotation::Unknown => prop_assert!(false),
                }
            }
            prop_assert_eq!(family.present(family.generation + 1, now), Rotation::Unknown);
        }
    }
}
