//! Answers that are verified, and every way in which one is refused; the whole way of one login.

use sekisho_ambient::Entropy;
use sekisho_credential::vc::CredentialError;
use sekisho_jose::SigningKey;
use sekisho_oauth::params::Params;
use sekisho_profile::types::{self, AFFILIATION, AI_TRAINING};

use super::*;
use crate::fixture::{
    AUTHORITY, NONCE, NOW, ORGANIZATION, STATE, Signer, affiliation, decryption_key, issuer, key,
    present, query, request, training, trust, verifier,
};
use crate::request::{self, RequestTrust, ResponseMode};
use crate::response::{WalletAnswer, WalletError, build, parse, refuse};

const CLIENT: &str = "x509_hash:0123456789012345678901234567890123456789012";

fn token<const N: usize>(entries: [(&str, String); N]) -> VpToken {
    entries.into_iter().map(|(id, one)| (id.to_owned(), vec![one])).collect()
}

fn check_with(
    issuer: &Signer,
    vp_token: &VpToken,
    query: &Query,
    now: Timestamp,
) -> Result<VerifiedPresentation, ResponseError> {
    verify(
        vp_token,
        &ResponseCheck {
            query,
            binding: Binding {
                audience: CLIENT,
                nonce: NONCE,
                response_uri: None,
                encryption_key: None,
            },
            trust: &trust(issuer),
            now,
            rules: &types::rules(AUTHORITY),
            ahead: Ahead::default(),
        },
    )
}

fn verified(issuer: &Signer, vp_token: &VpToken) -> Result<VerifiedPresentation, ResponseError> {
    check_with(issuer, vp_token, &query(), NOW)
}

fn login(issuer: &Signer, holder: &SigningKey) -> String {
    present(&affiliation(issuer, holder, ORGANIZATION), holder, CLIENT, NONCE)
}

/// A short name for the kind of refusal.
fn kind(result: Result<VerifiedPresentation, ResponseError>) -> &'static str {
    use CredentialError as E;
    match result.unwrap_err() {
        ResponseError::Credential { error, .. } => match error {
            E::HolderKey(_) => "holder's key",
            E::Type(_) | E::UntrustedIssuer(_) | E::Organization(_) => "issuer",
            E::Time(_) => "time",
            E::SdJwt(_) => "signature",
            other => panic!("{other}"),
        },
        ResponseError::Query(_) => "query",
        other => panic!("{other}"),
    }
}

#[test]
fn credentials_of_one_holder_are_verified_together() {
    let (issuer, holder) = (issuer(), key(1));
    let training = present(&training(&issuer, &holder), &holder, CLIENT, NONCE);
    let vp_token = token([("login", login(&issuer, &holder)), ("training", training)]);
    let verified = verified(&issuer, &vp_token).unwrap();
    let ids: Vec<&str> = verified.credentials().map(|(id, _)| id).collect();
    assert_eq!(ids, ["login", "training"]);
    let credential = verified.credential("login").unwrap();
    assert_eq!(credential.claims()["member_ref"], "m-1024");
    assert_eq!(credential.holder_key().thumbprint(), holder.public_jwk().thumbprint());
    assert!(!format!("{verified:?}").contains("m-1024"));
}

#[test]
fn the_optional_credential_may_stay_away() {
    let (issuer, holder) = (issuer(), key(1));
    assert!(verified(&issuer, &token([("login", login(&issuer, &holder))])).is_ok());
}

#[test]
fn each_credential_says_whose_key_presented_it() {
    let (issuer, holder, colleague) = (issuer(), key(1), key(2));
    let training = present(&training(&issuer, &colleague), &colleague, CLIENT, NONCE);
    let vp_token = token([("login", login(&issuer, &holder)), ("training", training)]);
    let verified = verified(&issuer, &vp_token).unwrap();
    let key = |id: &str| verified.credential(id).unwrap().holder_key().thumbprint();
    assert_eq!(key("login"), holder.public_jwk().thumbprint());
    assert_eq!(key("training"), colleague.public_jwk().thumbprint());
}

#[test]
fn a_presentation_for_another_request_is_refused() {
    let (issuer, holder) = (issuer(), key(1));
    let credential = affiliation(&issuer, &holder, ORGANIZATION);
    let bare = CLIENT.trim_start_matches("x509_hash:");
    for (aud, nonce) in [
        (CLIENT, "another nonce"),
        (bare, NONCE),
        ("https://self-issued.me/v2", NONCE),
        ("https://auth.example.jp/response/1", NONCE),
    ] {
        let presentation = present(&credential, &holder, aud, nonce);
        let refused = verified(&issuer, &token([("login", presentation)]));
        assert_eq!(kind(refused), "holder's key", "{aud} {nonce}");
    }
}

#[test]
fn a_presentation_without_or_with_anothers_key_binding_is_refused() {
    let (issuer, holder) = (issuer(), key(1));
    let presentation = login(&issuer, &holder);
    let stripped = presentation[..=presentation.rfind('~').unwrap()].to_owned();
    assert_eq!(kind(verified(&issuer, &token([("login", stripped)]))), "holder's key");
    let credential = affiliation(&issuer, &holder, ORGANIZATION);
    let thief = present(&credential, &key(2), CLIENT, NONCE);
    assert_eq!(kind(verified(&issuer, &token([("login", thief)]))), "holder's key");
}

#[test]
fn an_issuer_that_is_not_trusted_is_refused() {
    let (ours, theirs, holder) = (issuer(), issuer(), key(1));
    let vp_token = token([("login", login(&theirs, &holder))]);
    assert_eq!(kind(verified(&ours, &vp_token)), "issuer");
    let foreign = affiliation(&ours, &holder, "8900000000001");
    let foreign = present(&foreign, &holder, CLIENT, NONCE);
    assert_eq!(kind(verified(&ours, &token([("login", foreign)]))), "issuer");
}

#[test]
fn an_expired_credential_is_refused_as_such() {
    let (issuer, holder) = (issuer(), key(1));
    let vp_token = token([("login", login(&issuer, &holder))]);
    let later = NOW.plus(91 * 86_400);
    // The key binding is as old as the credential, so either may be reported.
    let refused = kind(check_with(&issuer, &vp_token, &query(), later));
    assert!(["time", "holder's key"].contains(&refused), "{refused}");
}

#[test]
fn the_wallet_is_not_trusted_to_have_evaluated_the_query() {
    let (issuer, holder) = (issuer(), key(1));
    let login = || login(&issuer, &holder);
    let training = || present(&training(&issuer, &holder), &holder, CLIENT, NONCE);
    let twice: VpToken = BTreeMap::from([("login".to_owned(), vec![login(), login()])]);
    let hidden = affiliation(&issuer, &holder, ORGANIZATION).select(&[]);
    let hidden = sekisho_credential::sd_jwt::bind(&hidden, CLIENT, NONCE, NOW, &holder).unwrap();
    for (name, vp_token, expected) in [
        ("only the optional one", token([("training", training())]), "query"),
        ("an id that was not asked for", token([("login", login()), ("x", login())]), "query"),
        ("two for one query", twice, "query"),
        ("member_ref is hidden", token([("login", hidden)]), "query"),
        ("another type", token([("login", training())]), "issuer"),
        ("nothing", BTreeMap::new(), "query"),
        ("seen before any signature", token([("training", "x".to_owned())]), "query"),
        ("no credential at all", token([("login", "x".to_owned())]), "signature"),
    ] {
        assert_eq!(kind(verified(&issuer, &vp_token)), expected, "{name}");
    }
}

#[test]
fn each_type_of_a_query_has_its_own_organization_claim() {
    let (issuer, holder) = (issuer(), key(1));
    let mut query = query();
    query.credential_sets.clear();
    query.credentials.remove(0);
    query.credentials[0].vct_values.push(AFFILIATION.vct(AUTHORITY));
    query.credentials[0].claims.clear();
    let training = present(&training(&issuer, &holder), &holder, CLIENT, NONCE);
    for presentation in [training, login(&issuer, &holder)] {
        let vp_token = token([("training", presentation)]);
        assert!(check_with(&issuer, &vp_token, &query, NOW).is_ok());
    }
    let foreign = affiliation(&issuer, &holder, "8900000000001");
    let foreign = token([("training", present(&foreign, &holder, CLIENT, NONCE))]);
    assert!(check_with(&issuer, &foreign, &query, NOW).is_err());
    assert_eq!(AI_TRAINING.organization_claim, None);
}

/// A whole login: the verifier asks; the wallet checks, answers and encrypts; the verifier reads
/// and verifies.
#[test]
fn request_and_answer_fit_together() {
    let (verifier, issuer, holder) = (verifier(), issuer(), key(1));
    for mode in [ResponseMode::DirectPost, ResponseMode::DirectPostJwt] {
        let mut object = request(&verifier);
        object.response_mode = mode;
        object.encryption_key =
            object.encryption_key.filter(|_| mode == ResponseMode::DirectPostJwt);
        let jwt = object.sign(verifier.x5c.clone(), &verifier.key).unwrap();
        let anchors = [verifier.anchor.clone()];
        let trusted = RequestTrust::Anchors(&anchors);
        let asked = request::verify(&jwt, &object.client_id, &trusted, NOW, None).unwrap();
        let credential = affiliation(&issuer, &holder, ORGANIZATION);
        let presentation = present(&credential, &holder, asked.client_id(), asked.nonce());
        let vp_token = token([("login", presentation)]);
        let pairs = build(&vp_token, &asked, &Entropy::seeded(4)).unwrap();
        assert_eq!(
            pairs.iter().any(|(name, _)| name == "vp_token"),
            mode == ResponseMode::DirectPost
        );
        let answer = parse(&Params::from_pairs(pairs), mode, Some(&decryption_key())).unwrap();
        assert_eq!(answer.state(), Some(STATE));
        let WalletAnswer::Presented { vp_token: received, .. } = answer else { panic!("refused") };
        assert_eq!(received, vp_token);
        let check = ResponseCheck {
            query: &object.dcql_query,
            binding: object.binding(),
            trust: &trust(&issuer),
            now: NOW,
            rules: &types::rules(AUTHORITY),
            ahead: Ahead::default(),
        };
        assert!(verify(&received, &check).is_ok());
        let pairs = refuse(WalletError::AccessDenied, &asked);
        let answer = parse(&Params::from_pairs(pairs), mode, None).unwrap();
        let declined = WalletError::AccessDenied;
        assert!(matches!(answer, WalletAnswer::Refused { error, .. } if error == declined));
    }
}
