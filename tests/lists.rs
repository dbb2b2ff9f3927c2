//! Status lists of an issuer elsewhere that are meant to fill our memory.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::Entropy;
use sekisho_broker::admin::AddTrust;
use sekisho_credential::status::{self, StatusList, StatusReference};
use sekisho_credential::vc::{self, Issuance};
use sekisho_jose::{Algorithm, Claims, SigningKey, sign};
use sekisho_profile::types;
use sekisho_tests::{Browser, Elsewhere, Rp, TENANT, Wallet, World, affiliation};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example.jp";
/// The size of the largest list that is read.
const LARGEST: u64 = 16 << 20;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../keys-dev/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).unwrap()
}

/// A trusted issuer elsewhere, whose host the operator listed.
struct Stage {
    world: World,
    elsewhere: Elsewhere,
    rp: Rp,
    key: SigningKey,
}

impl Stage {
    async fn set() -> Self {
        let elsewhere = Elsewhere::start().await;
        let world = World::with(|config| elsewhere.allow(config)).await;
        world.clock.advance(86_400);
        let add = AddTrust {
            issuer: ISSUER.to_owned(),
            types: vec!["affiliation".to_owned()],
            organizations: vec![TENANT.to_owned()],
            anchors_pem: Some(fixture("root.pem")),
        };
        world.broker.add_trust(&world.act(), &add).await.unwrap();
        let rp = world.rp().await;
        let key = SigningKey::from_pem(Algorithm::Es256, &fixture("issuer.key")).unwrap();
        Self { world, elsewhere, rp, key }
    }

    fn uri(&self, number: u64) -> String {
        format!("{}/status/{number}", self.elsewhere.url)
    }

    /// Logs in with a credential whose status is in the list of this number, and says whether the
    /// list was fetched.
    async fn log_in(&self, number: u64, list: &Value) -> bool {
        let now = self.world.broker.site().clock().now();
        let leaf = der(&fixture("issuer.pem"));
        let mut claims = Claims::new();
        claims.insert("sub".to_owned(), self.uri(number).into());
        claims.insert("iat".to_owned(), now.unix().into());
        claims.insert("ttl".to_owned(), 43_200.into());
        claims.insert("status_list".to_owned(), list.clone());
        let header = status::header(&self.key, vec![leaf.clone()]);
        self.elsewhere.answers(200, sign(&self.key, &header, &claims).unwrap());
        let mut wallet = Wallet::new(now);
        let (holder, attested) = (wallet.key.public_jwk(), affiliation());
        let status = StatusReference { uri: self.uri(number), index: 7 };
        let issuance = Issuance {
            credential_type: types::find("affiliation").unwrap(),
            authority: self.world.broker.site().type_authority(),
            issuer: ISSUER,
            claims: attested.as_object().unwrap(),
            holder_key: &holder,
            status: Some(&status),
            issued_at: now,
            expires: None,
            decoys: 0,
        };
        wallet.held.push(vc::issue(&issuance, vec![leaf], &self.key, &Entropy::system()).unwrap());
        let before = self.elsewhere.asked();
        let page = Browser::new().begin(&self.rp.plain_request().url, &self.rp).await;
        wallet.present(&page.link("wallet-open")).await.redirect_uri();
        self.elsewhere.asked() > before
    }
}

/// The memory that this process uses at present, in MiB (proc(5), `VmRSS`).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// ST-01: 64 lists of 16 MiB from one listed host, in a process of its own, whose memory is
/// measured.
#[test]
fn word_05_lists_are_kept_in_a_bounded_memory() {
    let name = "lists::sixty_four_large_lists";
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program);
    let ended = child.args([name, "--exact", "--ignored", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}\n{ended:?}");
}

#[tokio::test]
#[ignore = "runs in a process of its own"]
async fn sixty_four_large_lists() {
    let stage = Stage::set().await;
    let list = StatusList::new(8, LARGEST).unwrap().to_value().unwrap();
    stage.log_in(0, &list).await;
    let before = resident();
    for number in 1..64 {
        assert!(stage.log_in(number, &list).await);
    }
    let grown = resident().saturating_sub(before);
    println!("{grown} MiB for 63 lists of 16 MiB");
    assert!(grown < 128, "{grown} MiB");
    // They are kept: none is fetched again.
    assert!(!stage.log_in(63, &list).await && !stage.log_in(32, &list).await);
}

/// Lists that do not compress fill the share of their issuer; beyond it, the list goes that was asked
/// for longest ago.
#[tokio::test]
async fn word_05_lists_beyond_the_share_make_room() {
    let stage = Stage::set().await;
    let noise = |seed| {
        let mut bytes = vec![0; 560 * 1024];
        Entropy::seeded(seed).fill(&mut bytes);
        // The entry that is asked for is valid.
        bytes[7] = 0;
        let mut list = StatusList::new(8, bytes.len().try_into().unwrap()).unwrap();
        for (index, value) in (0..).zip(bytes) {
            list.set(index, value).unwrap();
        }
        list.to_value().unwrap()
    };
    let list = noise(1);
    for number in 0..20 {
        assert!(stage.log_in(number, &list).await);
        // The first is asked for again and again, so it stays.
        assert!(!stage.log_in(0, &json!({})).await, "after {number}");
    }
    assert!(!stage.log_in(19, &json!({})).await);
    assert!(stage.log_in(1, &list).await, "the oldest has gone");
}
