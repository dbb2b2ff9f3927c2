//! Every state of a presentation with every event.

use sekisho_ambient::Handle;

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

fn code(seed: u64) -> HandleKey {
    Handle::new(NOW.plus(300), &Entropy::seeded(seed)).key()
}

fn number(wrong: u8) -> MatchNumber {
    MatchNumber { digits: "0417".to_owned(), wrong, answered_at: NOW }
}

fn presented(number: Option<MatchNumber>) -> PresentationState<u8> {
    PresentationState::Presented(Presented { by: 7, response_code: code(1), number })
}

fn declined() -> PresentationState<u8> {
    PresentationState::Declined { error: WalletError::AccessDenied }
}

fn ended(reason: EndReason) -> PresentationState<u8> {
    PresentationState::Ended { reason }
}

fn bound(same_device: bool) -> BrowserBound<u8> {
    BrowserBound { by: 7, same_device }
}

/// Every state, with a name for failure messages.
fn states() -> [(&'static str, PresentationState<u8>); 7] {
    [
        ("awaiting", PresentationState::AwaitingWallet),
        ("same device", presented(None)),
        ("any device", presented(Some(number(0)))),
        ("third try", presented(Some(number(2)))),
        ("declined", declined()),
        ("expired", ended(EndReason::Expired)),
        ("wrong", ended(EndReason::WrongNumber)),
    ]
}

/// The result of every event in every state, in the order of [`states`].
#[test]
fn every_state_answers_every_event() {
    use EndReason::{Expired, WrongNumber};
    use PresentationError::{AlreadyAnswered, Declined, Ended, NotAnswered, ResponseCode};
    let no = WalletError::AccessDenied;
    let present = [
        Ok(presented(None)),
        Err(AlreadyAnswered),
        Err(AlreadyAnswered),
        Err(AlreadyAnswered),
        Err(AlreadyAnswered),
        Err(Ended(Expired)),
        Err(Ended(WrongNumber)),
    ];
    let decline = [
        Ok(declined()),
        Err(AlreadyAnswered),
        Err(AlreadyAnswered),
        Err(AlreadyAnswered),
        Err(AlreadyAnswered),
        Err(Ended(Expired)),
        Err(Ended(WrongNumber)),
    ];
    let expire = [
        Ok(ended(Expired)),
        Ok(ended(Expired)),
        Ok(ended(Expired)),
        Ok(ended(Expired)),
        Err(Declined(no)),
        Err(Ended(Expired)),
        Err(Ended(WrongNumber)),
    ];
    let right_code = [
        Err(NotAnswered),
        Ok(bound(true)),
        Ok(bound(true)),
        Ok(bound(true)),
        Err(Declined(no)),
        Err(Ended(Expired)),
        Err(Ended(WrongNumber)),
    ];
    let wrong_code = [
        Err(NotAnswered),
        Err(ResponseCode),
        Err(ResponseCode),
        Err(ResponseCode),
        Err(Declined(no)),
        Err(Ended(Expired)),
        Err(Ended(WrongNumber)),
    ];
    for (index, (name, state)) in states().into_iter().enumerate() {
        let own = || state.clone();
        assert_eq!(own().present(7, code(1), None), present[index], "present, {name}");
        assert_eq!(own().decline(no), decline[index], "decline, {name}");
        assert_eq!(own().expire(), expire[index], "expire, {name}");
        let released = own().release_same_device(&code(1), NOW);
        assert_eq!(released, right_code[index], "right code, {name}");
        let released = own().release_same_device(&code(2), NOW);
        assert_eq!(released, wrong_code[index], "wrong code, {name}");
    }
}

/// The same for typed numbers, whose outcomes carry the state to persist.
#[test]
fn every_state_answers_every_number() {
    for (index, (name, state)) in states().into_iter().enumerate() {
        let unasked = || NumberOutcome::NotAsked(state.clone());
        let (right, wrong, late) = match index {
            2 => (
                NumberOutcome::Bound(bound(false)),
                NumberOutcome::Wrong { state: presented(Some(number(1))), tries_left: 2 },
                NumberOutcome::Ended(ended(EndReason::LateNumber)),
            ),
            3 => (
                NumberOutcome::Bound(bound(false)),
                NumberOutcome::Ended(ended(EndReason::WrongNumber)),
                NumberOutcome::Ended(ended(EndReason::LateNumber)),
            ),
            _ => (unasked(), unasked(), unasked()),
        };
        let own = || state.clone();
        assert_eq!(own().release_by_number("0417", NOW.plus(180)), right, "right, {name}");
        assert_eq!(own().release_by_number("0418", NOW.plus(180)), wrong, "wrong, {name}");
        assert_eq!(own().release_by_number("0417", NOW.plus(181)), late, "late, {name}");
    }
}

#[test]
fn an_expired_response_code_releases_nobody() {
    let late = NOW.plus(300);
    let released = presented(None).release_same_device(&code(1), late);
    assert_eq!(released, Err(PresentationError::ResponseCode));
    assert!(presented(None).release_same_device(&code(1), late.plus(-1)).is_ok());
}

#[test]
fn a_number_may_be_typed_as_a_japanese_keyboard_gives_it() {
    for typed in ["0417", "０４１７", " 04 17 ", "0４1７\n"] {
        let outcome = presented(Some(number(0))).release_by_number(typed, NOW);
        assert_eq!(outcome, NumberOutcome::Bound(bound(false)), "{typed:?}");
    }
    for typed in ["", "417", "00417", "04170", "O417", "٠٤١٧"] {
        let outcome = presented(Some(number(0))).release_by_number(typed, NOW);
        assert!(matches!(outcome, NumberOutcome::Wrong { tries_left: 2, .. }), "{typed:?}");
    }
}

#[test]
fn a_number_is_shown_only_for_its_response_code() {
    let state = presented(Some(number(0)));
    assert_eq!(state.number_for(&code(1)).map(MatchNumber::digits), Some("0417"));
    assert_eq!(state.number_for(&code(2)), None);
    assert_eq!(presented(None).number_for(&code(1)), None);
    assert_eq!(PresentationState::<u8>::AwaitingWallet.number_for(&code(1)), None);
}

/// Who has the response code may ask for a number once; the number stays what it is.
#[test]
fn a_number_is_asked_for_with_the_response_code_only() {
    let fresh = || MatchNumber { digits: "9999".to_owned(), wrong: 0, answered_at: NOW.plus(9) };
    for (name, state) in states() {
        assert_eq!(state.clone().ask_number(&code(2), fresh()), None, "{name}");
        let asked = state.clone().ask_number(&code(1), fresh());
        let expected = match name {
            "same device" => Some(presented(Some(fresh()))),
            "any device" | "third try" => Some(state),
            _ => None,
        };
        assert_eq!(asked, expected, "{name}");
    }
}

#[test]
fn a_drawn_number_has_four_digits_and_three_minutes() {
    let entropy = Entropy::seeded(5);
    for _ in 0..200 {
        let number = MatchNumber::draw(&entropy, NOW);
        assert_eq!(number.digits().len(), 4);
        assert!(number.digits().bytes().all(|byte| byte.is_ascii_digit()));
    }
    assert_eq!(number(0).remaining(NOW), 180);
    assert_eq!(number(0).remaining(NOW.plus(179)), 1);
    assert_eq!(number(0).remaining(NOW.plus(180)), 0);
    assert_eq!(number(0).tries_left(), 3);
}

#[test]
fn it_is_told_how_a_presentation_was_bound_and_why_it_ended() {
    assert!(bound(true).is_same_device());
    assert!(!bound(false).is_same_device());
    for reason in [EndReason::Expired, EndReason::WrongNumber, EndReason::LateNumber] {
        assert!(!reason.to_string().is_empty());
    }
    assert_eq!(WalletError::AccessDenied.to_string(), "access_denied");
}

#[test]
fn a_state_survives_storage() {
    for (name, state) in states() {
        let stored = serde_json::to_vec(&state).unwrap();
        let read: PresentationState<u8> = serde_json::from_slice(&stored).unwrap();
        assert_eq!(read, state, "{name}");
    }
}
