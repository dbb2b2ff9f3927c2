//! Receiving credentials (OpenID4VCI 1.0): what the wallet keeps, and what it refuses to keep.

use tegata::{Wallet, WalletError};

use crate::peers::{Mood, Peers, TX_CODE, authority};
use crate::{holder, surroundings};

#[tokio::test]
async fn a_credential_is_received_by_value_and_by_reference_and_kept() {
    let peers = Peers::start().await;
    let by_value = holder(&peers);
    let holder = holder(&peers);
    for (holder, link) in
        [(&by_value, peers.offer_by_value()), (&holder, peers.offer_by_reference())]
    {
        let received = holder.wallet.accept(&link, None).await.unwrap();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].vct, peers.vct());
        assert!(received[0].id.starts_with('c'), "an id is never an option");
    }
    let again = Wallet::open(&holder.path, surroundings(&peers.clock)).unwrap();
    let kept = again.credentials().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].issuer_name.ja, "瀬戸内精密工業株式会社");
    let email = kept[0].claims.iter().find(|claim| claim.path == ["email"]).unwrap();
    assert_eq!(email.value, "taro@setouchi.example");
    assert!(email.label.ja != "email" && !email.label.en.is_empty());
}

#[tokio::test]
async fn a_transaction_code_is_asked_for_and_sent() {
    let peers = Peers::start().await;
    peers.is(Mood { tx_code: true, ..Mood::default() });
    let holder = holder(&peers);
    let offer = peers.offer_by_value();
    let accept = |tx_code| holder.wallet.accept(&offer, tx_code);
    assert!(matches!(accept(None).await, Err(WalletError::TxCode(_))));
    let wrong = accept(Some("000000")).await.unwrap_err();
    assert!(matches!(wrong, WalletError::WrongTxCode { certain: false }));
    assert_eq!(wrong.exit_code(), 3);
    assert!(accept(Some(TX_CODE)).await.is_ok());
    peers.is(Mood::default());
    let (offer, holder) = (peers.offer_by_value(), crate::holder(&peers));
    let accept = |tx_code| holder.wallet.accept(&offer, tx_code);
    assert!(matches!(accept(Some(TX_CODE)).await, Err(WalletError::TxCode(_))), "none is expected");
}

#[tokio::test]
async fn an_issuer_under_no_authority_of_the_wallet_is_refused() {
    let peers = Peers::start().await;
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::create(dir.path(), surroundings(&peers.clock)).unwrap();
    wallet.trust(&[authority("another").2]).unwrap();
    let refused = wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert_eq!(refused.code(), Some(sekisho_profile::Code::UntrustedIssuer), "{refused}");
    assert!(wallet.credentials().unwrap().is_empty());
    let trusting = wallet.clone().with_anchors(peers.anchors.clone());
    assert!(trusting.accept(&peers.offer_by_value(), None).await.is_ok());
}

#[tokio::test]
async fn a_credential_for_another_holder_is_refused() {
    let peers = Peers::start().await;
    peers.is(Mood { foreign_holder: true, ..Mood::default() });
    let holder = holder(&peers);
    let refused = holder.wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert_eq!(refused.code(), Some(sekisho_profile::Code::HolderKey), "{refused}");
    assert!(holder.wallet.credentials().unwrap().is_empty());
}

#[tokio::test]
async fn a_credential_of_another_type_than_offered_is_refused() {
    let peers = Peers::start().await;
    peers.is(Mood { wrong_type: true, ..Mood::default() });
    let holder = holder(&peers);
    let refused = holder.wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert!(matches!(refused, WalletError::Credential { .. }), "{refused}");
    assert!(holder.wallet.credentials().unwrap().is_empty());
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    let peers = Peers::start().await;
    peers.is(Mood { wrong_credential_issuer: true, ..Mood::default() });
    let refused = holder(&peers).wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert!(matches!(refused, WalletError::Offer(_)), "{refused}");
}
