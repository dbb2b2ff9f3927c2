//! Whose credentials they are: what links two credentials that a wallet keeps under two keys, and
//! what does not (OpenID4VP 1.0, section 14.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::Entropy;
use sekisho_broker::admin::{AddOrganization, AddTrust, ChangeStatus};
use sekisho_credential::sd_jwt::{self, Issue, SdJwt};
use sekisho_jose::{Algorithm, Header, SigningKey};
use sekisho_profile::types;
use sekisho_tests::{
    Browser, NOW, OPERATOR, Rp, TENANT, Wallet, World, affiliation, error_of, training,
};
use serde_json::{Value, json};

/// The affiliation of the tenant's member with this reference.
fn member(member_ref: &str) -> Value {
    let mut claims = affiliation();
    claims["member_ref"] = json!(member_ref);
    claims
}

/// Gives a wallet an affiliation; returns the credential's id.
async fn join(world: &World, wallet: &mut Wallet, claims: Value) -> String {
    let organization = claims["org_corporate_number"].as_str().unwrap().to_owned();
    let offer = world.offer(&organization, "affiliation", claims).await;
    accept(world, wallet, &offer.uri).await
}

/// Accepts an offer; returns the credential's id.
async fn accept(world: &World, wallet: &mut Wallet, link: &str) -> String {
    let before = world.credentials().await;
    wallet.accept(link, None).await;
    let after = world.credentials().await.into_iter();
    let mut fresh = after.filter(|row| before.iter().all(|known| known.id != row.id));
    fresh.next().unwrap().id
}

/// Gives a wallet the training of this subject, offered to the holder of another credential if one
/// is named; returns the credential's id.
async fn train(world: &World, wallet: &mut Wallet, subject: &str, holder: Option<&str>) -> String {
    let offer = world
        .offer_with(OPERATOR, "ai-training", training(), |offer| {
            offer.subject = Some(subject.to_owned());
            offer.holder = holder.map(str::to_owned);
        })
        .await;
    accept(world, wallet, &offer.uri).await
}

/// The code with which a wallet is refused at the gate that needs a training; `None` if its holder
/// gets the GPUs.
async fn refused(rp: &Rp, wallet: &Wallet) -> Option<String> {
    let mut browser = Browser::new();
    let expected = rp.gpu_request(2);
    let page = browser.begin(&expected.url, rp).await;
    let answer = wallet.present(&page.link("wallet-open")).await;
    if answer.status != 200 {
        return Some(answer.code());
    }
    let back = browser.get(&answer.redirect_uri()).await;
    let page = browser.follow(back, &rp.redirect_uri).await;
    let location = match page.location.clone() {
        Some(location) => location,
        None => browser.agree(&page).await,
    };
    let tokens = rp.tokens(&expected, &rp.code(&expected, &location)).await;
    assert_eq!(tokens.body["authorization_details"][0]["gpus"], 2);
    None
}

/// A wallet with these credentials of these two wallets.
fn together(one: &Wallet, other: &Wallet) -> Wallet {
    let mut keys = one.keys.clone();
    keys.extend(other.keys.iter().cloned().chain([one.key.clone(), other.key.clone()]));
    let held = vec![one.held[0].clone(), other.held[1].clone()];
    Wallet { keys, held, ..one.clone() }
}

async fn revoke(world: &World, id: &str) {
    let why = ChangeStatus { reason: None };
    world.broker.revoke_credential(&world.act(), id, &why).await.unwrap();
}

/// A wallet that makes a key for each credential logs in at a gate that needs two, if the second was
/// offered to the holder of the first. Without that, a code of its own says so.
#[tokio::test]
async fn word_11_two_credentials_under_two_keys_are_linked_by_their_offer() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = Wallet::with_a_key_for_each(NOW);
    let joined = join(&world, &mut wallet, member("m-0001")).await;
    train(&world, &mut wallet, "t-0001", None).await;
    assert_eq!(refused(&rp, &wallet).await.as_deref(), Some("C-2012"));
    wallet.held.truncate(1);
    train(&world, &mut wallet, "t-0001", Some(&joined)).await;
    assert_eq!(refused(&rp, &wallet).await, None);
    // The other way round: the affiliation is offered to the holder of a training.
    let mut other = Wallet::with_a_key_for_each(NOW);
    let trained = train(&world, &mut other, "t-0002", None).await;
    let offer = world
        .offer_with(TENANT, "affiliation", member("m-0002"), |offer| offer.holder = Some(trained))
        .await;
    other.accept(&offer.uri, None).await;
    assert_eq!(refused(&rp, &other).await, None);
    // Nothing of the link stands in a credential.
    let claims = SdJwt::parse(&other.held[1]).unwrap().claims();
    assert!(!Value::Object(claims).to_string().contains("t-0002"));
    // One key for all goes on linking.
    let mut plain = Wallet::new(NOW);
    join(&world, &mut plain, member("m-0003")).await;
    train(&world, &mut plain, "t-0003", None).await;
    assert_eq!(refused(&rp, &plain).await, None);
}

/// Two people who answer together are refused, whoever of them is linked with something of their
/// own.
#[tokio::test]
async fn word_11_two_people_who_answer_together_are_refused() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut pair = Vec::new();
    for number in ["1", "2"] {
        let mut wallet = Wallet::with_a_key_for_each(NOW);
        let joined = join(&world, &mut wallet, member(&format!("m-{number}"))).await;
        train(&world, &mut wallet, &format!("t-{number}"), Some(&joined)).await;
        assert_eq!(refused(&rp, &wallet).await, None);
        pair.push(wallet);
    }
    for (one, other) in [(0, 1), (1, 0)] {
        let both = together(&pair[one], &pair[other]);
        assert_eq!(refused(&rp, &both).await.as_deref(), Some("C-2012"));
    }
    // A training body that gives its own reference twice links nothing: each credential has its own
    // link.
    let mut third = Wallet::with_a_key_for_each(NOW);
    join(&world, &mut third, member("m-3")).await;
    train(&world, &mut third, "t-1", None).await;
    let both = together(&pair[0], &third);
    assert_eq!(refused(&rp, &both).await.as_deref(), Some("C-2012"));
    // The same reference at two organizations is two people.
    let elsewhere = "5900000000004";
    let add = AddOrganization {
        corporate_number: elsewhere.to_owned(),
        name: sekisho_ambient::Text { ja: "別の組織".to_owned(), en: "Elsewhere".to_owned() },
    };
    world.broker.add_organization(&world.act(), &add).await.unwrap();
    world.trust(elsewhere, &["affiliation"]).await;
    let mut stranger = Wallet::with_a_key_for_each(NOW);
    let mut claims = member("m-1");
    claims["org_corporate_number"] = json!(elsewhere);
    join(&world, &mut stranger, claims).await;
    let both = together(&stranger, &pair[0]);
    assert_eq!(refused(&rp, &both).await.as_deref(), Some("C-2012"));
}

/// A link is between persons: it holds when the affiliation is issued again, goes over to what a
/// wallet that asks again gets, and ends with its own credential.
#[tokio::test]
async fn word_11_a_link_outlives_a_reissue_and_ends_with_its_credential() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut wallet = Wallet::with_a_key_for_each(NOW);
    let joined = join(&world, &mut wallet, member("m-0001")).await;
    let trained = train(&world, &mut wallet, "t-0001", Some(&joined)).await;
    // The affiliation is revoked and issued again, under a new key.
    revoke(&world, &joined).await;
    assert_eq!(refused(&rp, &wallet).await.as_deref(), Some("C-2001"));
    let mut renewed = Wallet { held: vec![wallet.held[1].clone()], ..wallet.clone() };
    let joined = join(&world, &mut renewed, member("m-0001")).await;
    assert_eq!(refused(&rp, &renewed).await, None);
    // Another member of the tenant does not come in by it.
    let mut colleague = Wallet::with_a_key_for_each(NOW);
    join(&world, &mut colleague, member("m-0002")).await;
    let both = together(&colleague, &wallet);
    assert_eq!(refused(&rp, &both).await.as_deref(), Some("C-2012"));
    // The wallet loses the answer and asks again: the living credential is linked too.
    let offer = world
        .offer_with(OPERATOR, "ai-training", training(), |offer| {
            offer.holder = Some(joined.clone());
        })
        .await;
    let read = renewed.read_offer(&offer.uri).await;
    let token = renewed.redeem_offer(&read, None).await;
    let token = token.body["access_token"].as_str().unwrap();
    let mut credentials = Vec::new();
    for _ in 0..2 {
        renewed.change_key();
        let body = renewed.honest_request(&read).await;
        let answer = renewed.request_credential(&read, token, &body).await;
        credentials.push(answer.body["credentials"][0]["credential"].as_str().unwrap().to_owned());
    }
    let second =
        Wallet { held: vec![renewed.held[1].clone(), credentials[1].clone()], ..renewed.clone() };
    assert_eq!(refused(&rp, &second).await, None);
    // Revoked, the training counts no more, linked as it is.
    revoke(&world, &trained).await;
    assert_eq!(refused(&rp, &renewed).await.as_deref(), Some("C-2001"));
}

/// An offer names its holder by a credential that stands, when it is made and when it is issued.
#[tokio::test]
async fn word_11_only_a_valid_credential_names_a_holder() {
    let world = World::start().await;
    let mut wallet = Wallet::with_a_key_for_each(NOW);
    let joined = join(&world, &mut wallet, member("m-0001")).await;
    let offered = async |holder: &str| {
        let Value::Object(claims) = training() else { panic!("claims are an object") };
        let offer = sekisho_broker::admin::OfferCredential {
            organization: OPERATOR.to_owned(),
            type_name: "ai-training".to_owned(),
            claims,
            subject: Some("t-0001".to_owned()),
            holder: Some(holder.to_owned()),
            tx_code: false,
            days: None,
            by_value: false,
            wallet: None,
        };
        world.broker.offer_credential(&world.act(), &offer).await
    };
    assert_eq!(offered("unknown").await.err().unwrap().name(), "not_found");
    let open = offered(&joined).await.unwrap().result;
    let (read, why) = (wallet.read_offer(&open.uri).await, ChangeStatus { reason: None });
    let token = wallet.redeem_offer(&read, None).await;
    let token = token.body["access_token"].as_str().unwrap();
    let act = world.act();
    world.broker.suspend_credential(&act, &joined, &why).await.unwrap();
    assert_eq!(offered(&joined).await.err().unwrap().name(), "invalid");
    let body = wallet.honest_request(&read).await;
    let answer = wallet.request_credential(&read, token, &body).await;
    assert_eq!(error_of(&answer.body), "credential_request_denied");
    world.broker.resume_credential(&act, &joined, &why).await.unwrap();
    let body = wallet.honest_request(&read).await;
    assert_eq!(wallet.request_credential(&read, token, &body).await.status, 200);
    revoke(&world, &joined).await;
    assert_eq!(offered(&joined).await.err().unwrap().name(), "invalid");
}

/// The same subject of one issuer is one person, whatever the keys: here a tenant that also attests
/// trainings, and uses the member reference as subject.
#[tokio::test]
async fn word_11_one_subject_of_one_issuer_is_one_person() {
    let world = World::start().await;
    let rp = world.rp().await;
    world.broker.remove_trust(&world.act(), &world.issuer(TENANT)).await.unwrap();
    world.trust(TENANT, &["affiliation", "ai-training"]).await;
    for (subject, code) in [("m-0001", None), ("m-0002", Some("C-2012"))] {
        let mut wallet = Wallet::with_a_key_for_each(NOW);
        join(&world, &mut wallet, member("m-0001")).await;
        let offer = world
            .offer_with(TENANT, "ai-training", training(), |offer| {
                offer.subject = Some(subject.to_owned());
            })
            .await;
        wallet.accept(&offer.uri, None).await;
        assert_eq!(refused(&rp, &wallet).await.as_deref(), code, "{subject}");
    }
}

const FOREIGN: &str = "https://issuer.example.jp";

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../keys-dev/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Gives a wallet a credential of the foreign issuer under a new key, with these claims more.
fn hold_foreign(world: &World, wallet: &mut Wallet, type_name: &str, claims: &Value, more: &Value) {
    wallet.change_key();
    let key = SigningKey::from_pem(Algorithm::Es256, &fixture("issuer.key")).unwrap();
    let pem = fixture("issuer.pem");
    let leaf: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let leaf = STANDARD.decode(leaf).unwrap();
    let authority = world.broker.site().type_authority();
    let mut all = json!({
        "iss": FOREIGN, "iat": wallet.now.unix() - 60, "exp": wallet.now.unix() + 86_400,
        "vct": types::vct(authority, type_name), "cnf": {"jwk": wallet.key.public_jwk().minimal()},
    });
    for members in [claims, more] {
        all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    }
    let header = Header::for_key(&key, "dc+sd-jwt").with_x5c(vec![leaf]);
    let issue = Issue { claims: all.as_object().unwrap(), disclosable: &[], decoys: 0 };
    wallet.held.push(sd_jwt::issue(&issue, &header, &key, &Entropy::system()).unwrap());
}

/// The training, as it is valid a year later.
fn later_training() -> Value {
    let mut claims = training();
    claims["valid_through"] = json!("2028-03-31");
    claims
}

/// A year later, when the fixtures are valid: a broker that trusts the foreign issuer for both types.
async fn world_with_foreign_issuer() -> World {
    let world = World::start().await;
    world.clock.advance(365 * 86_400);
    world.broker.sweep_keys().await.unwrap();
    let add = AddTrust {
        issuer: FOREIGN.to_owned(),
        types: vec!["affiliation".to_owned(), "ai-training".to_owned()],
        organizations: vec![TENANT.to_owned()],
        anchors_pem: Some(fixture("root.pem")),
    };
    world.broker.add_trust(&world.act(), &add).await.unwrap();
    world
}

/// Credentials of a foreign issuer are linked by the same key or by the same `sub`. A name, an
/// e-mail address or another issuer's reference links nothing.
#[tokio::test]
async fn word_11_foreign_credentials_are_linked_by_what_they_say_alone() {
    let world = world_with_foreign_issuer().await;
    let rp = world.rp().await;
    let now = world.broker.site().clock().now();
    for (of_affiliation, of_training, code) in [
        (json!({"sub": "s-1"}), json!({"sub": "s-1"}), None),
        (json!({"sub": "s-1"}), json!({"sub": "s-2"}), Some("C-2012")),
        (json!({"sub": ""}), json!({"sub": ""}), Some("C-2012")),
        (json!({}), json!({"sub": "m-0001"}), Some("C-2012")),
        (json!({}), json!({"email": "taro@setouchi.example", "name": "山田 太郎"}), Some("C-2012")),
    ] {
        let mut wallet = Wallet::new(now);
        hold_foreign(&world, &mut wallet, "affiliation", &member("m-0001"), &of_affiliation);
        hold_foreign(&world, &mut wallet, "ai-training", &later_training(), &of_training);
        let found = refused(&rp, &wallet).await;
        assert_eq!(found.as_deref(), code, "{of_affiliation} {of_training}");
    }
}

/// Our records link no credential of a foreign issuer, whatever entry it points to and whatever
/// reference it has.
#[tokio::test]
async fn word_11_our_records_link_no_foreign_credential() {
    let world = world_with_foreign_issuer().await;
    let rp = world.rp().await;
    let now = world.broker.site().clock().now();
    let mut wallet = Wallet::with_a_key_for_each(now);
    let joined = join(&world, &mut wallet, member("m-0001")).await;
    let offer = world
        .offer_with(OPERATOR, "ai-training", later_training(), |offer| offer.holder = Some(joined))
        .await;
    wallet.accept(&offer.uri, None).await;
    assert_eq!(refused(&rp, &wallet).await, None);
    let claims = SdJwt::parse(&wallet.held[1]).unwrap().claims();
    // The foreign training points to the entry of the linked one.
    let mut thief = Wallet::new(now);
    let status = json!({"status": claims["status"]});
    hold_foreign(&world, &mut thief, "ai-training", &later_training(), &status);
    thief.held.insert(0, String::new());
    let both = together(&wallet, &thief);
    assert_eq!(refused(&rp, &both).await.as_deref(), Some("C-2012"));
    // The foreign affiliation has the reference to which the training is linked.
    let mut stranger = Wallet::new(now);
    hold_foreign(&world, &mut stranger, "affiliation", &member("m-0001"), &json!({}));
    let both = together(&stranger, &wallet);
    assert_eq!(refused(&rp, &both).await.as_deref(), Some("C-2012"));
}
