//! The state of one presentation.
//!
//! ```text
//! AwaitingWallet ─present─▶ Presented ─release (browser that began + response code, or number)─▶ Released
//!       │                       └─ third wrong number, or 60 s late ─▶ Ended
//!       ├─decline─▶ Declined
//!       └─expire──▶ Ended            (also from Presented)
//! ```
use sekisho_ambient::{Entropy, HandleKey, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::response::WalletError;

/// How long the number may be typed after the wallet has answered, in seconds.
pub const NUMBER_SECONDS: i64 = 60;
/// How many wrong numbers end the attempt.
pub const NUMBER_TRIES: u8 = 3;

/// Where a presentation stands. `P` is what the verified answer left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Presentation<P> {
    /// The question is out.
    AwaitingWallet,
    /// The wallet has answered; no browser has been released yet.
    Presented {
        /// What the answer left behind.
        by: P,
        /// The row key of the response code that the wallet was given.
        response_code: HandleKey,
        /// What releases another device's browser; `None` where that is not allowed.
        number: Option<MatchNumber>,
    },
    /// The wallet answered with an error.
    Declined {
        /// Which.
        error: WalletError,
    },
    /// The browser has been released, once.
    Released,
    /// Over without a release.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// The number that the wallet's device shows and the person types into the browser that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchNumber {
    /// Four decimal digits.
    pub digits: String,
    /// How many wrong ones were typed.
    pub wrong: u8,
    /// When the wallet answered.
    pub answered_at: Timestamp,
}

/// Why a presentation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Nobody answered or came back in time.
    Expired,
    /// Three wrong numbers.
    WrongNumber,
    /// The number was typed too late.
    LateNumber,
}

/// Why an event was refused. The state that comes with it must be persisted all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The wallet has not answered yet.
    #[error("the wallet has not answered yet")]
    NotAnswered,
    /// A second answer, or a second release.
    #[error("this presentation has been answered already")]
    AlreadyAnswered,
    /// The wallet answered with an error.
    #[error("the wallet answered with {0}")]
    Declined(WalletError),
    /// The response code is another presentation's, or has expired.
    #[error("the response code does not belong to this presentation")]
    ResponseCode,
    /// Only the same device may finish this presentation.
    #[error("this presentation can be finished only on the device that answered")]
    SameDeviceOnly,
    /// The number is wrong; so many tries are left.
    #[error("wrong number, {tries_left} tries left")]
    WrongNumber {
        /// At least 1.
        tries_left: u8,
    },
    /// Over.
    #[error("this presentation is over")]
    Ended(EndReason),
}

/// The state to persist, and what came of the event.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Outcome<P, T = ()> {
    /// To be persisted, whatever the result.
    pub state: Presentation<P>,
    /// What the event gave, or why it was refused.
    pub result: Result<T, Refusal>,
}

/// Four decimal digits for [`Presentation::present`].
pub fn draw_number(entropy: &Entropy) -> String {
    format!("{:04}", entropy.below(10_000))
}

impl Refusal {
    /// The code of `spec/errors.md`.
    pub fn code(self) -> &'static str {
        todo!()
    }
}

impl<P> Presentation<P> {
    /// The wallet's answer was verified.
    pub fn present(
        self,
        by: P,
        response_code: HandleKey,
        number: Option<String>,
        now: Timestamp,
    ) -> Outcome<P> {
        let _ = (by, response_code, number, now);
        todo!()
    }
    /// The wallet answered with an error.
    pub fn decline(self, error: WalletError) -> Outcome<P> {
        let _ = error;
        todo!()
    }
    /// The time of the whole attempt is over.
    pub fn expire(self) -> Outcome<P> {
        todo!()
    }
    /// The browser that began (the caller has checked its cookie) came with a response code.
    pub fn release_same_device(self, response_code: &HandleKey, now: Timestamp) -> Outcome<P, P> {
        let _ = (response_code, now);
        todo!()
    }
    /// A number was typed into the browser that began (the caller has checked its cookie).
    pub fn release_by_number(self, typed: &str, now: Timestamp) -> Outcome<P, P> {
        let _ = (typed, now);
        todo!()
    }
    /// The digits to show on the device that holds the response code.
    pub fn number_for(&self, response_code: &HandleKey) -> Option<&str> {
        let _ = response_code;
        todo!()
    }
}
