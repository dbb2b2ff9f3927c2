//! The state of one presentation, from the request to the wallet until the browser may go on
//! (OpenID4VP 1.0, sections 8.2, 13.3 and 14.3; checklist VP-21, VP-25).
//!
//! ```text
//! AwaitingWallet ──present──▶ Presented ──response code, or number──▶ BrowserBound
//!       │  │                     │  └──third wrong number, or 180 s late──▶ Ended
//!       │  └───────expire────────┴──▶ Ended
//!       └──decline──▶ Declined
//! ```
//!
//! Invariant: a [`BrowserBound`] is made only here. It needs an answer, which is accepted once, and
//! a proof that the person at the wallet is the person at the browser that began the login. Making
//! it consumes the state, so the same answer cannot be released again.
//!
//! Leaves to others: the cookie of the browser that began the login, which the caller checks before
//! either release; and the transaction that makes each step happen once.

use sekisho_ambient::{Entropy, HandleKey, Timestamp, constant_time_eq};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::response::WalletError;

/// How long after the wallet's answer the number may be typed, in seconds.
pub const NUMBER_SECONDS: i64 = 180;

/// How many digits the number has.
pub const NUMBER_DIGITS: u8 = 4;

/// How many wrong numbers end the attempt.
pub const NUMBER_TRIES: u8 = 3;

/// The state of a presentation. `P` is what the caller keeps of a verified answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentationState<P> {
    /// The wallet has been asked and has not answered yet.
    AwaitingWallet,
    /// The wallet has answered, but no browser may go on yet.
    Presented(Presented<P>),
    /// The wallet answered with an error.
    Declined {
        /// The wallet's error.
        error: WalletError,
    },
    /// The presentation has ended, and no browser was released.
    Ended {
        /// Why it has ended.
        reason: EndReason,
    },
}

/// A verified answer whose browser has not been proven yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Presented<P> {
    /// What the caller kept of the answer.
    pub by: P,
    /// The key of the response code that the wallet got.
    pub response_code: HandleKey,
    /// The number that proves a browser on another device; `None` if another device is not allowed.
    pub number: Option<MatchNumber>,
}

/// The number that the wallet's device shows. The person types it into the browser that began the
/// login.
///
/// Four digits: a person reads and types them at a glance, and three tries guess one of them in
/// 3 of 10,000 cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchNumber {
    digits: String,
    wrong: u8,
    answered_at: Timestamp,
}

/// Why a presentation has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The wallet did not answer, or the browser did not come back, in time.
    Expired,
    /// Three wrong numbers were typed.
    WrongNumber,
    /// The number was typed too late.
    LateNumber,
}

/// Why an event was refused. The state has not changed, so the caller need not persist it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PresentationError {
    /// The wallet has not answered yet.
    #[error("the wallet has not answered yet")]
    NotAnswered,
    /// The wallet has answered already; this is a second answer.
    #[error("the wallet has answered already")]
    AlreadyAnswered,
    /// The wallet answered with an error.
    #[error("the wallet answered {0}")]
    Declined(WalletError),
    /// The response code belongs to another presentation, or has expired.
    #[error("the response code does not belong to this presentation, or has expired")]
    ResponseCode,
    /// The presentation has ended.
    #[error("the presentation is over: {0}")]
    Ended(EndReason),
}

/// The result of typing a number. The caller has to persist every state in it.
#[derive(Debug, PartialEq)]
#[must_use]
pub enum NumberOutcome<P> {
    /// The number was right.
    Bound(BrowserBound<P>),
    /// The number was wrong, and there are tries left.
    Wrong {
        /// The state, in which the try is counted.
        state: PresentationState<P>,
        /// How many tries are left, at least 1.
        tries_left: u8,
    },
    /// The number was wrong for the last time, or came too late.
    Ended(PresentationState<P>),
    /// No number is expected; the state is unchanged.
    NotAsked(PresentationState<P>),
}

/// The kept answer, with the proof that the person at the wallet is at the browser that began the
/// login. It has no constructor: only the releases of [`PresentationState`] make it.
#[derive(Debug, PartialEq)]
pub struct BrowserBound<P> {
    by: P,
    same_device: bool,
}

impl<P> BrowserBound<P> {
    /// What the caller kept of the answer.
    pub fn by(&self) -> &P {
        &self.by
    }

    /// What the caller kept of the answer; the proof is dropped.
    pub fn into_inner(self) -> P {
        self.by
    }

    /// Whether the browser that began the login brought the response code. Somebody who relays the
    /// login to another device cannot achieve that.
    pub fn is_same_device(&self) -> bool {
        self.same_device
    }
}

impl MatchNumber {
    /// Draws a number for an answer that arrives at `now`.
    pub fn draw(entropy: &Entropy, now: Timestamp) -> Self {
        Self {
            digits: format!(
                "{:0width$}",
                entropy.below(10_000),
                width = usize::from(NUMBER_DIGITS)
            ),
            wrong: 0,
            answered_at: now,
        }
    }

    /// Whether `typed` is the number. For a step that was taken already; a try is not counted.
    pub fn is(&self, typed: &str) -> bool {
        self.matches(typed)
    }

    /// The digits. Show them only on the device that holds the response code.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// How many more numbers may be typed.
    pub fn tries_left(&self) -> u8 {
        NUMBER_TRIES.saturating_sub(self.wrong)
    }

    /// How many seconds are left to type the number; 0 if it is too late.
    pub fn remaining(&self, now: Timestamp) -> i64 {
        self.answered_at.plus(NUMBER_SECONDS).since(now).clamp(0, NUMBER_SECONDS)
    }

    fn is_late(&self, now: Timestamp) -> bool {
        now.since(self.answered_at) > NUMBER_SECONDS
    }

    fn matches(&self, typed: &str) -> bool {
        constant_time_eq(self.digits.as_bytes(), plain_digits(typed).as_bytes())
    }
}

/// The typed text without spaces, and with the full-width digits of a Japanese keyboard turned into
/// plain ones.
fn plain_digits(typed: &str) -> String {
    let plain = |c: char| match u32::from(c) {
        wide @ 0xFF10..=0xFF19 => char::from_u32(wide - 0xFF10 + u32::from('0')).unwrap_or(c),
        _ => c,
    };
    typed.chars().filter(|c| !c.is_whitespace()).map(plain).collect()
}

impl std::fmt::Display for EndReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::WrongNumber => "too many wrong numbers",
            Self::LateNumber => "the number came too late",
        })
    }
}

impl<P> PresentationState<P> {
    /// Records a verified answer of the wallet. Only the first answer is accepted.
    pub fn present(
        self,
        by: P,
        response_code: HandleKey,
        number: Option<MatchNumber>,
    ) -> Result<Self, PresentationError> {
        self.awaiting()?;
        Ok(Self::Presented(Presented { by, response_code, number }))
    }

    /// Records an error that the wallet answered with.
    pub fn decline(self, error: WalletError) -> Result<Self, PresentationError> {
        self.awaiting()?;
        Ok(Self::Declined { error })
    }

    /// Ends the presentation because its time is over.
    pub fn expire(self) -> Result<Self, PresentationError> {
        match self {
            Self::AwaitingWallet | Self::Presented(_) => {
                Ok(Self::Ended { reason: EndReason::Expired })
            }
            Self::Declined { error } => Err(PresentationError::Declined(error)),
            Self::Ended { reason } => Err(PresentationError::Ended(reason)),
        }
    }

    /// Releases the browser that began the login, which brought a response code. This also works
    /// while a number is expected: the wallet may be on the same device after all.
    pub fn release_same_device(
        self,
        response_code: &HandleKey,
        now: Timestamp,
    ) -> Result<BrowserBound<P>, PresentationError> {
        let presented = self.presented()?;
        let (given, kept) = (response_code.to_bytes(), presented.response_code.to_bytes());
        if !constant_time_eq(&given, &kept) || presented.response_code.expires() <= now {
            return Err(PresentationError::ResponseCode);
        }
        Ok(BrowserBound { by: presented.by, same_device: true })
    }

    /// Checks a number that was typed into the browser that began the login.
    pub fn release_by_number(self, typed: &str, now: Timestamp) -> NumberOutcome<P> {
        let (by, response_code, mut number) = match self {
            Self::Presented(Presented { by, response_code, number: Some(number) }) => {
                (by, response_code, number)
            }
            other => return NumberOutcome::NotAsked(other),
        };
        if number.is_late(now) {
            return NumberOutcome::Ended(Self::Ended { reason: EndReason::LateNumber });
        }
        if number.matches(typed) {
            return NumberOutcome::Bound(BrowserBound { by, same_device: false });
        }
        number.wrong = number.wrong.saturating_add(1);
        match number.tries_left() {
            0 => NumberOutcome::Ended(Self::Ended { reason: EndReason::WrongNumber }),
            tries_left => {
                let number = Some(number);
                let state = Self::Presented(Presented { by, response_code, number });
                NumberOutcome::Wrong { state, tries_left }
            }
        }
    }

    /// Asks for a number although the wallet answered on the same device: the wallet opened another
    /// browser. Whoever has the response code may ask for that. `None` if there is no such answer;
    /// a number that is already asked for stays.
    #[must_use]
    pub fn ask_number(self, response_code: &HandleKey, number: MatchNumber) -> Option<Self> {
        let Self::Presented(mut presented) = self else { return None };
        let (given, kept) = (response_code.to_bytes(), presented.response_code.to_bytes());
        if !constant_time_eq(&given, &kept) {
            return None;
        }
        presented.number.get_or_insert(number);
        Some(Self::Presented(presented))
    }

    /// The number to show on the device that sent this response code. `None` for any other code.
    pub fn number_for(&self, response_code: &HandleKey) -> Option<&MatchNumber> {
        let Self::Presented(presented) = self else { return None };
        let (given, kept) = (response_code.to_bytes(), presented.response_code.to_bytes());
        presented.number.as_ref().filter(|_| constant_time_eq(&given, &kept))
    }

    fn awaiting(self) -> Result<(), PresentationError> {
        match self {
            Self::AwaitingWallet => Ok(()),
            Self::Presented(_) | Self::Declined { .. } => Err(PresentationError::AlreadyAnswered),
            Self::Ended { reason } => Err(PresentationError::Ended(reason)),
        }
    }

    fn presented(self) -> Result<Presented<P>, PresentationError> {
        match self {
            Self::Presented(presented) => Ok(presented),
            Self::AwaitingWallet => Err(PresentationError::NotAnswered),
            Self::Declined { error } => Err(PresentationError::Declined(error)),
            Self::Ended { reason } => Err(PresentationError::Ended(reason)),
        }
    }
}

#[cfg(test)]
mod tests;
