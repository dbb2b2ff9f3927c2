//! Token requests, and what a code is bound to.

use super::*;
use crate::authentication::tests::authenticated;
use crate::client::tests::client;
use crate::client::{Client, ClientAuthentication};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const OTHER: &str = "EBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const URI: &str = "https://rp.example/cb";

fn public() -> Client {
    Client { authentication: ClientAuthentication::None, ..client() }
}

fn binding() -> CodeBinding {
    CodeBinding {
        client_id: "portal".to_owned(),
        redirect_uri: URI.to_owned(),
        redirect_uri_in_request: true,
        code_challenge: Some(CodeChallenge::of(VERIFIER).unwrap()),
    }
}

fn request(redirect_uri: Option<&str>, verifier: Option<&str>) -> TokenRequest {
    TokenRequest::AuthorizationCode {
        authorization_details: None,
        code: "c".to_owned(),
        redirect_uri: redirect_uri.map(str::to_owned),
        verifier: verifier.map(str::to_owned),
        targets: Vec::new(),
    }
}

fn check(binding: &CodeBinding, client: &Client, request: &TokenRequest) -> Result<(), TokenError> {
    let result = check_code(binding, &authenticated(client), request);
    if let Err(error) = &result {
        assert_eq!(error.code(), TokenErrorCode::InvalidGrant);
    }
    result
}

#[test]
fn a_code_is_redeemed_as_it_was_minted() {
    for client in [client(), public()] {
        assert_eq!(check(&binding(), &client, &request(Some(URI), Some(VERIFIER))), Ok(()));
    }
    let without = CodeBinding { code_challenge: None, ..binding() };
    assert_eq!(check(&without, &client(), &request(Some(URI), None)), Ok(()));
}

#[test]
fn a_stolen_code_is_of_no_use_to_another_client() {
    let other = Client { client_id: "other".to_owned(), ..client() };
    let stolen = check(&binding(), &other, &request(Some(URI), Some(VERIFIER)));
    assert_eq!(stolen, Err(TokenError::InvalidGrant));
}

#[test]
fn a_code_at_a_redirect_uri_that_was_taken_away_is_of_no_use() {
    let moved = Client { redirect_uris: vec!["https://rp.example/new".to_owned()], ..client() };
    let late = check(&binding(), &moved, &request(Some(URI), Some(VERIFIER)));
    assert_eq!(late, Err(TokenError::InvalidGrant));
}

#[test]
fn a_challenge_cannot_be_dropped_or_answered_wrongly() {
    let missing = check(&binding(), &client(), &request(Some(URI), None));
    assert_eq!(missing, Err(TokenError::VerifierMissing));
    for verifier in [OTHER, "short", &VERIFIER[..42], &format!("{VERIFIER}a")] {
        let wrong = check(&binding(), &client(), &request(Some(URI), Some(verifier)));
        assert!(matches!(wrong, Err(TokenError::Verifier(_))), "{verifier}");
    }
    let challenge = binding().code_challenge.unwrap().to_string();
    let as_verifier = check(&binding(), &client(), &request(Some(URI), Some(&challenge)));
    assert!(matches!(as_verifier, Err(TokenError::Verifier(_))));
}

#[test]
fn a_verifier_without_a_challenge_is_a_downgrade() {
    let without = CodeBinding { code_challenge: None, ..binding() };
    let downgraded = check(&without, &client(), &request(Some(URI), Some(VERIFIER)));
    assert_eq!(downgraded, Err(TokenError::VerifierWithoutChallenge));
    let bare = check(&without, &public(), &request(Some(URI), None));
    assert_eq!(bare, Err(TokenError::VerifierMissing));
}

#[test]
fn the_redirect_uri_is_repeated_exactly() {
    for uri in [None, Some("https://rp.example/cb/"), Some("https://evil.test/cb")] {
        let refused = check(&binding(), &client(), &request(uri, Some(VERIFIER)));
        assert_eq!(refused, Err(TokenError::OtherRedirectUri), "{uri:?}");
    }
    let unnamed = CodeBinding { redirect_uri_in_request: false, ..binding() };
    assert_eq!(check(&unnamed, &client(), &request(None, Some(VERIFIER))), Ok(()));
    let other = check(&unnamed, &client(), &request(Some("https://evil.test/"), Some(VERIFIER)));
    assert_eq!(other, Err(TokenError::OtherRedirectUri));
}

#[test]
fn a_pre_authorized_code_is_no_authorization_code() {
    let request = TokenRequest::PreAuthorizedCode {
        code: "c".to_owned(),
        tx_code: None,
        authorization_details: None,
    };
    assert_eq!(check(&binding(), &client(), &request), Err(TokenError::InvalidGrant));
}

fn parse(body: &str) -> Result<TokenRequest, TokenErrorCode> {
    TokenRequest::parse(&Params::parse(body).unwrap()).map_err(|error| error.code())
}

#[test]
fn both_grants_are_read() {
    let code = parse("grant_type=authorization_code&code=c&redirect_uri=u&code_verifier=v&x=1");
    let expected = request(Some("u"), Some("v"));
    assert_eq!(code, Ok(expected));
    let offer = "grant_type=urn:ietf:params:oauth:grant-type:pre-authorized_code\
                 &pre-authorized_code=p&tx_code=123456";
    let expected = TokenRequest::PreAuthorizedCode {
        code: "p".to_owned(),
        tx_code: Some("123456".to_owned()),
        authorization_details: None,
    };
    assert_eq!(parse(offer), Ok(expected));
}

#[test]
fn other_grants_and_incomplete_requests_are_refused() {
    let invalid = Err(TokenErrorCode::InvalidRequest);
    assert_eq!(parse(""), invalid);
    assert_eq!(parse("grant_type="), invalid);
    assert_eq!(parse("grant_type=authorization_code"), invalid);
    assert_eq!(parse("grant_type=authorization_code&code="), invalid);
    assert_eq!(parse("grant_type=authorization_code&code=a&code=b"), invalid);
    assert_eq!(
        parse("grant_type=authorization_code&grant_type=authorization_code&code=a"),
        invalid
    );
    assert_eq!(parse("grant_type=authorization_code&code=a&x=1&x=2"), invalid);
    let offer = "grant_type=urn:ietf:params:oauth:grant-type:pre-authorized_code&code=p";
    assert_eq!(parse(offer), invalid);
    assert_eq!(parse("grant_type=refresh_token&code=c"), invalid);
    for grant in ["password", "implicit", "x"] {
        let refused = parse(&format!("grant_type={grant}&code=c"));
        assert_eq!(refused, Err(TokenErrorCode::UnsupportedGrantType), "{grant}");
    }
}

#[test]
fn a_request_is_not_shown() {
    assert_eq!(format!("{:?}", request(Some(URI), Some(VERIFIER))), "authorization_code");
}

#[test]
fn statuses_follow_from_codes() {
    let statuses = TokenErrorCode::ALL.map(|code| (code.name(), code.status()));
    assert_eq!(
        statuses,
        [
            ("invalid_request", 400),
            ("invalid_client", 401),
            ("invalid_grant", 400),
            ("unauthorized_client", 400),
            ("unsupported_grant_type", 400),
            ("invalid_scope", 400),
            ("invalid_authorization_details", 400),
            ("invalid_target", 400),
            ("authorization_pending", 400),
            ("slow_down", 400),
            ("access_denied", 400),
            ("expired_token", 400),
            ("temporarily_unavailable", 503),
            ("server_error", 500),
        ]
    );
}

#[test]
fn an_answer_leaves_out_what_there_is_not() {
    let answer = serde_json::to_string(&TokenResponse::bearer("t", 300)).unwrap();
    assert_eq!(answer, r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#);
}
