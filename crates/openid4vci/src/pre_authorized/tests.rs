//! Every state of a code with every attempt.

use sekisho_oauth::token::TokenErrorCode;

use super::*;

const KEY: [u8; 32] = [3; 32];

fn digest() -> TxCodeDigest {
    TxCodeDigest::new("493817", &KEY, &Entropy::seeded(1))
}

fn with_code(wrong: u8) -> PreAuthorized {
    PreAuthorized::Offered { tx_code: Some(digest()), wrong }
}

fn without_code() -> PreAuthorized {
    PreAuthorized::offered(None)
}

/// Every state with every attempt: the result, and the state after it.
#[test]
fn every_state_answers_every_attempt() {
    use PreAuthorized::{Burned, Redeemed};
    use RedeemError as E;
    const RIGHT: Option<&str> = Some("493817");
    const WRONG: Option<&str> = Some("493818");
    let wrong = |tries_left| Err(E::WrongTxCode { tries_left });
    let table = [
        (without_code(), None, Redeemed, Ok(())),
        (without_code(), RIGHT, without_code(), Err(E::TxCodeUnexpected)),
        (with_code(0), None, with_code(0), Err(E::TxCodeMissing)),
        (with_code(0), RIGHT, Redeemed, Ok(())),
        (with_code(0), WRONG, with_code(1), wrong(4)),
        (with_code(1), WRONG, with_code(2), wrong(3)),
        (with_code(2), WRONG, with_code(3), wrong(2)),
        (with_code(3), WRONG, with_code(4), wrong(1)),
        (with_code(4), None, with_code(4), Err(E::TxCodeMissing)),
        (with_code(4), RIGHT, Redeemed, Ok(())),
        (with_code(4), WRONG, Burned, wrong(0)),
        (Redeemed, None, Redeemed, Err(E::AlreadyRedeemed)),
        (Redeemed, RIGHT, Redeemed, Err(E::AlreadyRedeemed)),
        (Redeemed, WRONG, Redeemed, Err(E::AlreadyRedeemed)),
        (Burned, None, Burned, Err(E::Burned)),
        (Burned, RIGHT, Burned, Err(E::Burned)),
        (Burned, WRONG, Burned, Err(E::Burned)),
    ];
    for (state, typed, after, result) in table {
        let outcome = state.clone().redeem(typed, &KEY);
        assert_eq!(outcome, Outcome { state: after, result }, "{state:?} with {typed:?}");
    }
}

#[test]
fn a_transaction_code_too_many_or_too_few_is_an_invalid_request() {
    for (error, code) in [
        (RedeemError::TxCodeUnexpected, TokenErrorCode::InvalidRequest),
        (RedeemError::TxCodeMissing, TokenErrorCode::InvalidRequest),
        (RedeemError::WrongTxCode { tries_left: 1 }, TokenErrorCode::InvalidGrant),
        (RedeemError::AlreadyRedeemed, TokenErrorCode::InvalidGrant),
        (RedeemError::Burned, TokenErrorCode::InvalidGrant),
    ] {
        assert_eq!(TokenError::from(error).code(), code, "{error}");
    }
}

#[test]
fn a_digest_is_salted_and_keyed() {
    assert!(digest().matches("493817", &KEY));
    assert!(!digest().matches("493817", &[4; 32]));
    assert!(!digest().matches("", &KEY));
    assert_ne!(digest(), TxCodeDigest::new("493817", &KEY, &Entropy::seeded(2)));
}

#[test]
fn a_drawn_code_has_the_digits_that_were_asked_for() {
    let code = draw_tx_code(6, &Entropy::seeded(1));
    assert_eq!(code.expose().len(), 6);
    assert!(code.expose().bytes().all(|byte| byte.is_ascii_digit()));
}

#[test]
fn a_state_survives_storage() {
    for state in [with_code(2), without_code(), PreAuthorized::Redeemed, PreAuthorized::Burned] {
        let stored = serde_json::to_vec(&state).unwrap();
        assert_eq!(serde_json::from_slice::<PreAuthorized>(&stored).unwrap(), state);
    }
}
