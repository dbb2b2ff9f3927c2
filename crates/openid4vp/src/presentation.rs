//! The state of one presentation, from the question to the browser that may go on
//! (OpenID4VP 1.0, sections 8.2, 13.3 and 14.3; checklist VP-21, VP-25).
//!
//! ```text
//! AwaitingWallet ──present──▶ Presented ──response code, or number──▶ BrowserBound
//!       │  │                     │  └──third wrong number, or 60 s late──▶ Ended
//!       │  └───────expire────────┴──▶ Ended
//!       └──decline──▶ Declined
//! ```
//!
//! Invariant: a [`BrowserBound`] is made here alone, from an answer that came once and a proof that
//! the person at the browser that began is the one at the wallet. It takes the state with it: what
//! is released is in no state any more, so it cannot be released again.
//!
//! Leaves to others: the cookie of the browser that began, which the caller checks before either
//! release, and the transaction that makes each step happen once.

use sekisho_ambient::{Entropy, HandleKey, Timestamp, constant_time_eq};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::response::WalletError;

/// How long after the wallet's answer the number may be typed, in seconds.
pub const NUMBER_SECONDS: i64 = 60;

/// How many digits the number has.
pub const NUMBER_DIGITS: u8 = 4;

/// How many wrong numbers end the attempt.
pub const NUMBER_TRIES: u8 = 3;

/// Where a presentation stands. `P` is what the caller keeps of a verified answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presentation<P> {
    /// The question is out.
    AwaitingWallet,
    /// The wallet has answered; no browser has been released.
    Presented(Presented<P>),
    /// The wallet answered with an error.
    Declined {
        /// Which.
        error: WalletError,
    },
    /// Over without a release.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// An answer that waits for its browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Presented<P> {
    /// What was kept of the answer.
    pub by: P,
    /// The key of the response code that the wallet was given.
    pub response_code: HandleKey,
    /// What releases a browser on another device; `None` where that is not allowed.
    pub number: Option<MatchNumber>,
}

/// The number that the wallet's device shows and the person types into the browser that began.
///
/// Four digits: a person reads and types them at a glance, and three tries guess one of them in
/// 3 of 10,000 cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchNumber {
    digits: String,
    wrong: u8,
    answered_at: Timestamp,
}

/// Why a presentation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Nobody answered, or came back, in time.
    Expired,
    /// Three wrong numbers.
    WrongNumber,
    /// The number was typed too late.
    LateNumber,
}

/// Why an event was refused. Nothing has changed, so nothing need be persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PresentationError {
    /// The wallet has not answered yet.
    #[error("the wallet has not answered yet")]
    NotAnswered,
    /// A second answer.
    #[error("the wallet has answered already")]
    AlreadyAnswered,
    /// The wallet answered with an error.
    #[error("the wallet answered {0}")]
    Declined(WalletError),
    /// The response code is another presentation's, or has expired.
    #[error("the response code does not belong to this presentation, or has expired")]
    ResponseCode,
    /// The presentation is over.
    #[error("the presentation is over: {0}")]
    Ended(EndReason),
}

/// What a typed number did. Every state in it has to be persisted.
#[derive(Debug, PartialEq)]
#[must_use]
pub enum NumberOutcome<P> {
    /// It was right.
    Bound(BrowserBound<P>),
    /// It was wrong.
    Wrong {
        /// The state, with the try counted.
        state: Presentation<P>,
        /// At least 1.
        tries_left: u8,
    },
    /// It was wrong for the last time, or too late.
    Ended(Presentation<P>),
    /// No number is awaited; the state is as it was.
    NotAsked(Presentation<P>),
}

/// What was presented, with the proof that the browser that began is the one to go on. There is no
/// constructor: the releases of [`Presentation`] make it.
#[derive(Debug, PartialEq)]
pub struct BrowserBound<P> {
    by: P,
    same_device: bool,
}

impl<P> BrowserBound<P> {
    /// What was kept of the answer.
    pub fn by(&self) -> &P {
        &self.by
    }

    /// What was kept of the answer, without the proof.
    pub fn into_inner(self) -> P {
        self.by
    }

    /// Whether the response code came to the browser that began, which a relay from another device
    /// cannot do.
    pub fn is_same_device(&self) -> bool {
        self.same_device
    }
}

impl MatchNumber {
    /// A fresh number for an answer that comes `now`.
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

    /// The digits, for the device that holds the response code and for nobody else.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// How many tries are left.
    pub fn tries_left(&self) -> u8 {
        NUMBER_TRIES.saturating_sub(self.wrong)
    }

    /// How many seconds are left; 0 if it is too late.
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

/// What was typed without spaces, and with the full-width digits of a Japanese keyboard as plain ones.
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

impl<P> Presentation<P> {
    /// The wallet's answer was verified. The first answer wins.
    pub fn present(
        self,
        by: P,
        response_code: HandleKey,
        number: Option<MatchNumber>,
    ) -> Result<Self, PresentationError> {
        self.awaiting()?;
        Ok(Self::Presented(Presented { by, response_code, number }))
    }

    /// The wallet answered with an error.
    pub fn decline(self, error: WalletError) -> Result<Self, PresentationError> {
        self.awaiting()?;
        Ok(Self::Declined { error })
    }

    /// The time of the whole attempt is over.
    pub fn expire(self) -> Result<Self, PresentationError> {
        match self {
            Self::AwaitingWallet | Self::Presented(_) => {
                Ok(Self::Ended { reason: EndReason::Expired })
            }
            Self::Declined { error } => Err(PresentationError::Declined(error)),
            Self::Ended { reason } => Err(PresentationError::Ended(reason)),
        }
    }

    /// The browser that began came with a response code. It may be the very browser even where a
    /// number is awaited, and needs none then.
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

    /// A number was typed into the browser that began.
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

    /// The number to show on the device that holds the response code.
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
