//! Showing credentials (OpenID4VP 1.0): who asks, what is sent, and what is never sent.

use sekisho_ambient::Clock;
use sekisho_ambient::Lang;
use serde_json::Value;
use tegata::{Wallet, WalletError};

use crate::peers::{Answer, Mood, Peers};
use crate::{member, stranger, surroundings};

/// The one presentation that the verifier got.
fn presented(peers: &Peers) -> std::collections::BTreeMap<String, Value> {
    match peers.answers().as_slice() {
        [Answer::Presented(credentials)] => credentials.clone(),
        other => panic!("{other:?}"),
    }
}

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn only_what_is_asked_leaves_and_what_was_shown_is_what_leaves() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    assert_eq!(prepared.who.name.ja, "北海GPUポータル");
    assert_eq!(prepared.who.corporate_number.as_deref(), Some("8900000000001"));
    assert!(prepared.who.anchored);
    assert_eq!(prepared.why.en, "To know who uses the GPUs");
    let shown: Vec<&str> =
        prepared.chosen[0].leaves.iter().map(|claim| claim.path[0].as_str()).collect();
    assert_eq!(shown, ["member_ref", "email"]);
    assert!(peers.answers().is_empty(), "nothing leaves before the holder says so");
    let outcome = holder.wallet.present(prepared).await.unwrap();
    assert_eq!(outcome.redirect_uri.unwrap(), format!("{}/done?response_code=c", peers.base));
    let credentials = presented(&peers);
    let claims = names(&credentials["affiliation"]);
    assert!(claims.contains(&"email") && claims.contains(&"member_ref"), "{claims:?}");
    assert!(!claims.contains(&"name") && !claims.contains(&"affiliation_type"), "{claims:?}");
}

#[tokio::test]
async fn an_answer_goes_plain_where_that_is_asked() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { plain_answer: true, ..Mood::default() });
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    holder.wallet.present(prepared).await.unwrap();
    assert!(matches!(peers.answers()[0], Answer::Presented(_)));
}

#[tokio::test]
async fn a_lacking_optional_credential_is_named_and_does_not_hinder() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { asks_for_training: Some(false), ..Mood::default() });
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    assert!(prepared.missing.is_empty());
    assert_eq!(prepared.not_held.len(), 1);
    holder.wallet.present(prepared).await.unwrap();
    let credentials = presented(&peers);
    assert_eq!(credentials.keys().collect::<Vec<_>>(), ["affiliation"]);
}

#[tokio::test]
async fn a_lacking_required_credential_is_named_in_both_languages_and_nothing_leaves() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { asks_for_training: Some(true), ..Mood::default() });
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    let missing = prepared.missing[0].clone();
    let refused = holder.wallet.present(prepared).await.unwrap_err();
    assert!(matches!(refused, WalletError::Missing(_)));
    assert!(
        refused.explain(Lang::Ja).contains(&missing.ja)
            && refused.explain(Lang::En).contains(&missing.en)
    );
    assert_ne!(missing.ja, missing.en);
    assert!(peers.answers().is_empty());
}

#[tokio::test]
async fn an_expired_credential_is_not_shown() {
    let (clock, hand) = Clock::manual(Clock::system().now());
    let peers = Peers::start_at(clock).await;
    let holder = member(&peers).await;
    hand.advance(25 * 3600);
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    assert_eq!(prepared.missing.len(), 1);
}

#[tokio::test]
async fn declining_tells_the_verifier_and_nothing_more() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    let outcome = holder.wallet.decline(prepared).await.unwrap();
    assert!(outcome.redirect_uri.is_some());
    assert_eq!(peers.answers(), [Answer::Refused("access_denied".to_owned())]);
}

#[tokio::test]
async fn a_late_request_is_refused() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { late_request: true, ..Mood::default() });
    let late = holder.wallet.prepare(&peers.request()).await;
    assert!(matches!(late, Err(WalletError::Expired)), "{:?}", late.err());
    let unknown = stranger(&peers).await.wallet.prepare(&peers.request()).await;
    assert!(matches!(unknown, Err(WalletError::Expired)), "{:?}", unknown.err());
}

#[tokio::test]
async fn an_unknown_verifier_is_shown_as_unknown_and_only_the_holder_can_answer_it() {
    let peers = Peers::start().await;
    let holder = stranger(&peers).await;
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    assert!(!prepared.who.anchored);
    assert!(matches!(prepared.unattended(), Err(WalletError::Unknown(at)) if at == peers.base));
    holder.wallet.present(prepared).await.unwrap();
    assert!(presented(&peers).contains_key("affiliation"));
    let dir = tempfile::tempdir().unwrap();
    let trusts_nobody = Wallet::create(dir.path(), surroundings(&peers.clock)).unwrap();
    assert!(!trusts_nobody.prepare(&peers.request()).await.unwrap().who.anchored);
}

#[tokio::test]
async fn an_unknown_verifier_still_has_to_sign_with_its_certificate() {
    let peers = Peers::start().await;
    let holder = stranger(&peers).await;
    peers.is(Mood { foreign_signature: true, ..Mood::default() });
    let refused = holder.wallet.prepare(&peers.request()).await;
    assert!(matches!(refused, Err(WalletError::Request(_))), "{:?}", refused.err());
    peers.is(Mood::default());
    let other = peers.request().replace("x509_hash%3A", "x509_hash%3AA");
    assert!(matches!(holder.wallet.prepare(&other).await, Err(WalletError::Request(_))));
    let named = peers.request_of("x509_san_dns:localhost");
    let refused = holder.wallet.prepare(&named).await.err().unwrap();
    assert!(refused.to_string().contains("no path to a trust anchor"), "{refused}");
}
