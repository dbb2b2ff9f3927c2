//! Tests the wallet over HTTP against an issuer and a verifier.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says where"
)]

mod command_line;
mod owner;
mod page;
mod peers;
mod receiving;
mod served;
mod showing;
mod words;

use peers::{Peers, authority};
use sekisho_ambient::{Clock, Entropy};
use tegata::{Surroundings, Wallet};

fn surroundings(clock: &Clock) -> Surroundings {
    Surroundings { clock: clock.clone(), entropy: Entropy::system(), roots: None }
}

struct Holder {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    wallet: Wallet,
}

/// A wallet that trusts the peers' authority.
fn holder(peers: &Peers) -> Holder {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wallet");
    let wallet = Wallet::create(&path, surroundings(&peers.clock)).unwrap();
    wallet.trust(&peers.anchors).unwrap();
    Holder { _dir: dir, path, wallet }
}

/// A wallet that keeps an affiliation.
async fn member(peers: &Peers) -> Holder {
    let holder = holder(peers);
    holder.wallet.accept(&peers.offer_by_value(), None).await.unwrap();
    holder
}

/// A wallet that keeps an affiliation, opened again in a way that it trusts only another authority.
async fn stranger(peers: &Peers) -> Holder {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wallet");
    let wallet = Wallet::create(&path, surroundings(&peers.clock)).unwrap();
    wallet.trust(&[authority("another").2]).unwrap();
    let trusting = wallet.clone().with_anchors(peers.anchors.clone());
    trusting.accept(&peers.offer_by_value(), None).await.unwrap();
    Holder { _dir: dir, path, wallet }
}
