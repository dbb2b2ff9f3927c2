//! By which subject, user name and groups services know a person (OpenID Connect Core 1.0, sections
//! 5.1 and 8.1; checklist IDT-4 and IDT-5).

use sekisho_broker::admin::{
    AddClient, AddSector, AdminError, By, EditSector, MoveClient, Part, SetName,
};
use sekisho_registry::sectors::NameSource;
use sekisho_store::{Store, table};
use sekisho_tests::{Browser, Page, Rp, TENANT, Tokens, Wallet, World, affiliation};
use serde_json::{Value, json};

/// A wallet with the sample credential, in which these members are others.
async fn wallet_of(world: &World, changes: Value) -> Wallet {
    let mut claims = affiliation();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let mut wallet = Wallet::new(world.broker.site().clock().now());
    wallet.accept(&world.offer(TENANT, "affiliation", claims).await.uri, None).await;
    wallet
}

/// A client at a host of its own, with claims in its ID tokens.
async fn service(world: &World, name: &str, sector: Option<&str>) -> Rp {
    service_with(world, name, sector, |_| {}).await
}

async fn service_with(
    world: &World,
    name: &str,
    sector: Option<&str>,
    change: impl FnOnce(&mut AddClient),
) -> Rp {
    world
        .rp_with(|add| {
            add.client_id = Some(name.to_owned());
            add.name = sekisho_ambient::Text { ja: format!("{name}窓口"), en: name.to_owned() };
            add.redirect_uris = vec![format!("https://{name}.example.jp/callback")];
            add.native = false;
            add.service = None;
            add.sector = sector.map(str::to_owned);
            add.claims_in_id_token = true;
            add.scopes = words("openid profile groups");
            change(add);
        })
        .await
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

async fn log_in(wallet: &Wallet, rp: &Rp, scope: &str) -> Tokens {
    Browser::new().log_in(wallet, &rp.request(scope, &[]), rp).await
}

/// The subject and the user name of a person at a service.
async fn known(wallet: &Wallet, rp: &Rp) -> (String, String) {
    let tokens = log_in(wallet, rp, "openid profile").await;
    let text = |name: &str| tokens.id_token[name].as_str().unwrap().to_owned();
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(userinfo["sub"], text("sub"));
    assert_eq!(userinfo["preferred_username"], text("preferred_username"));
    (text("sub"), text("preferred_username"))
}

/// The names of the other services that a consent page shows.
fn shared(page: &Page) -> Vec<String> {
    let Some((_, rest)) = page.body.split_once("id=\"shared\"") else { return Vec::new() };
    let list = rest.split_once("</ul>").unwrap().0;
    let items = list.split("<li><bdi>").skip(1);
    items.map(|item| item.split_once('<').unwrap().0.to_owned()).collect()
}

/// Scope `groups` gives a flat list of texts, in the ID token and at userinfo, and nothing of the
/// organization.
#[tokio::test]
async fn tokens_04_groups_are_a_flat_list_in_both_places() {
    let world = World::start().await;
    let rp = service(&world, "k8s", None).await;
    let tokens = log_in(&world.member().await, &rp, "openid groups").await;
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    for claims in [&Value::Object(tokens.id_token), &userinfo] {
        assert_eq!(claims["groups"], json!(["gpu-user", "lead"]));
        for never in ["organization", "name", "preferred_username", "eduperson_entitlement"] {
            assert_eq!(claims.get(never), None, "{never}");
        }
    }
}

/// `eduperson_entitlement` says the groups as URNs (AARC-G002). A tenant that writes a gate's group or
/// a URN of its own into its roles gets neither.
#[tokio::test]
async fn tokens_04_entitlements_say_whose_role_it_is() {
    let world = World::start().await;
    let scope = "openid groups eduperson_entitlement";
    let rp = service_with(&world, "flaat", None, |add| add.scopes = words(scope)).await;
    let roles = json!(["lead", "gpu:console", "x#evil.example", "研究"]);
    let wallet = wallet_of(&world, json!({"roles": roles})).await;
    let tokens = log_in(&wallet, &rp, scope).await;
    let urn = |role: &str| format!("urn:x-sekisho:localhost:group:{TENANT}:{role}#localhost");
    let expected = ["lead", "gpu%3Aconsole", "x%23evil.example", "%E7%A0%94%E7%A9%B6"].map(urn);
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    for claims in [&Value::Object(tokens.id_token), &userinfo] {
        assert_eq!(claims["eduperson_entitlement"], json!(expected));
    }
    // Asked for by its name, it comes alone.
    let named = r#"{"userinfo": {"eduperson_entitlement": null}}"#;
    let expected = rp.request("openid", &[("claims", named)]);
    let tokens = Browser::new().log_in(&wallet, &expected, &rp).await;
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    let names: Vec<_> = userinfo.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["sub", "eduperson_entitlement"]);
}

/// The groups of a gate stand among the entitlements of those who asked for both.
#[tokio::test]
async fn tokens_04_a_gates_group_is_an_entitlement_too() {
    let world = World::start().await;
    let scope = "openid groups training gpu_access eduperson_entitlement";
    let rp = world
        .rp_with(|add| {
            add.scopes = words(scope);
            add.claims_in_id_token = true;
        })
        .await;
    let wallet = world.trained_member().await;
    let tokens = log_in(&wallet, &rp, scope).await;
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    assert_eq!(userinfo["groups"], json!(["gpu-user", "lead", "gpu:console"]));
    let urns = userinfo["eduperson_entitlement"].as_array().unwrap();
    assert_eq!(urns.len(), 3);
    assert_eq!(urns[2], "urn:x-sekisho:localhost:group:gpu:console#localhost");
    let without = log_in(&wallet, &rp, "openid groups training gpu_access").await;
    assert_eq!(without.id_token.get("eduperson_entitlement"), None);
}

/// The English name of the organization comes where the credential has it.
#[tokio::test]
async fn tokens_04_an_organization_has_its_english_name() {
    let world = World::start().await;
    let scope = "openid organization";
    let rp = service_with(&world, "portal", None, |add| add.scopes = words(scope)).await;
    let english = json!({"org_name#en": "Setouchi Precision Industries"});
    for (changes, expected) in [(english.clone(), Some(&english["org_name#en"])), (json!({}), None)]
    {
        let tokens = log_in(&wallet_of(&world, changes).await, &rp, scope).await;
        let organization = &tokens.id_token["organization"];
        assert_eq!(organization["name"], "瀬戸内精密工業株式会社");
        assert_eq!(organization.get("name#en"), expected, "{organization}");
    }
}

/// Services of a sector that the operator chose know a person by one subject and one user name;
/// others by others. Two people have two.
#[tokio::test]
async fn tokens_04_a_chosen_sector_shares_subject_and_user_name() {
    let world = World::start().await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    let jupyter = service(&world, "jupyter", Some("hpc")).await;
    let (shop, hpc) = (service(&world, "shop", None).await, service(&world, "hpc", None).await);
    let taro = world.member().await;
    let hanako = wallet_of(&world, json!({"member_ref": "m-0002"})).await;
    let at_slurm = known(&taro, &slurm).await;
    assert_eq!(known(&taro, &jupyter).await, at_slurm);
    assert!(at_slurm.1.starts_with('u') && at_slurm.1.len() == 17, "{at_slurm:?}");
    for (wallet, rp) in [(&taro, &shop), (&taro, &hpc), (&hanako, &slurm)] {
        let other = known(wallet, rp).await;
        assert!(other.0 != at_slurm.0 && other.1 != at_slurm.1, "{}", rp.client_id);
    }
}

/// Two clients at one host are one sector, so the user name is the same there too.
#[tokio::test]
async fn tokens_04_the_user_name_is_that_of_the_sector() {
    let world = World::start().await;
    let one = service(&world, "portal", None).await;
    let other = service_with(&world, "second", None, |add| {
        add.redirect_uris = vec!["https://portal.example.jp/other".to_owned()];
    })
    .await;
    let taro = world.member().await;
    assert_eq!(known(&taro, &one).await, known(&taro, &other).await);
}

/// A sector is none that a host or a client could have.
#[tokio::test]
async fn tokens_04_a_sector_is_no_host_and_no_client() {
    let world = World::start().await;
    for wrong in ["", "portal.example.jp", "client:portal", "HPC", "-x", "a/b", "sector/hpc"] {
        let add: AddClient = serde_json::from_value(json!({
            "name": {"ja": "試験", "en": "Test"}, "purpose": {"ja": "試験", "en": "Test"},
            "scopes": ["openid"], "redirect_uris": ["https://rp.example.jp/cb"],
            "token_endpoint_auth_method": "client_secret_basic", "sector": wrong,
        }))
        .unwrap();
        let refused = world.broker.add_client(&world.act(), &add).await;
        let refused = refused.err().unwrap_or_else(|| panic!("{wrong:?} was taken"));
        assert_eq!(refused.name(), "invalid", "{wrong:?}");
    }
    let listed = world.broker.list_clients().await.unwrap();
    assert!(listed.is_empty());
    service(&world, "slurm", Some("hpc")).await;
    assert_eq!(world.broker.list_clients().await.unwrap()[0].sector, "hpc");
}

/// The consent page names the other services of the sector, in both languages. A consent from before
/// another service came is asked again; without that, it is not.
#[tokio::test]
async fn tokens_04_consent_names_the_services_of_the_sector() {
    let world = World::start().await;
    let taro = world.member().await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    let mut browser = Browser::new();
    let url = slurm.request("openid profile", &[]).url;
    let page = browser.show(&taro, &url, &slurm).await;
    assert_eq!(shared(&page), [""; 0]);
    assert!(page.body.contains("複数のサービスに共通の利用者名"), "{}", page.body);
    browser.agree(&page).await;
    assert!(browser.get(&url).await.location.unwrap().contains("code="), "remembered");

    let jupyter = service(&world, "jupyter", Some("hpc")).await;
    let silent = slurm.request("openid profile", &[("prompt", "none")]).url;
    let location = browser.get(&silent).await.location.unwrap();
    assert_eq!(sekisho_tests::parameter(&location, "error").as_deref(), Some("consent_required"));
    let asked = browser.get(&url).await;
    let page = browser.follow(asked, &slurm.redirect_uri).await;
    assert_eq!(shared(&page), ["jupyter窓口"]);
    // One more comes while the page is open: what was not shown is not agreed to.
    let shell = service(&world, "shell", Some("hpc")).await;
    let next = browser.decide(&page, "allow", &[]).await;
    let page = browser.follow(next, &slurm.redirect_uri).await;
    assert_eq!(shared(&page), ["jupyter窓口", "shell窓口"]);
    browser.agree(&page).await;
    assert!(browser.get(&url).await.location.unwrap().contains("code="), "remembered");

    // A later registration of the same id is another service.
    world.broker.remove_client(&world.act(), &shell.client_id).await.unwrap();
    assert!(browser.get(&url).await.location.unwrap().contains("code="), "fewer is no more");
    service(&world, "shell", Some("hpc")).await;
    let asked = browser.get(&url).await;
    assert_eq!(shared(&browser.follow(asked, &slurm.redirect_uri).await).len(), 2);

    let mut english = Browser::speaking("en");
    let page = english.show(&taro, &jupyter.request("openid", &[]).url, &jupyter).await;
    assert_eq!(shared(&page), ["slurm", "shell"]);
    assert!(page.body.contains("Services that know you by the same name"));
}

/// A service whose sector nobody chose is not said to share.
#[tokio::test]
async fn tokens_04_who_shares_nothing_is_not_said_to() {
    let world = World::start().await;
    let (one, _) = (service(&world, "one", None).await, service(&world, "two", None).await);
    let taro = world.member().await;
    let page = Browser::new().show(&taro, &one.request("openid profile", &[]).url, &one).await;
    assert!(page.body.contains("consent-allow") && !page.body.contains("id=\"shared\""));
    assert!(page.body.contains("このサービスだけで使う利用者名"));
}

table!(/// The table of registrations, as `registry` has it.
    Clients = "clients_1": String => Value);

/// Makes a client's row one of before sectors had user names.
async fn as_of_before(store: &Store, client_id: &str) {
    let key = client_id.to_owned();
    store
        .transact(|tx| {
            let mut row = tx.get::<Clients>(&key)?.unwrap();
            assert!(row.as_object_mut().unwrap().remove("naming").is_some());
            tx.put::<Clients>(&key, &row)
        })
        .await
        .unwrap();
}

/// No subject begins with `-`, which commands take for an option. Clients of before keep the
/// subjects and user names that they know.
#[tokio::test]
async fn tokens_04_no_subject_begins_with_a_dash() {
    let world = World::start().await;
    let rp = service(&world, "slurm", None).await;
    let (site, issuer) = (world.broker.site(), world.issuer(TENANT));
    let before = |member_ref: &str| {
        site.digests().subject_of_before("slurm.example.jp", &issuer, member_ref)
    };
    let refs = (0..10_000).map(|number| format!("m-{number}"));
    let dashed = refs.into_iter().find(|member_ref| before(member_ref).starts_with('-')).unwrap();
    let wallet = wallet_of(&world, json!({"member_ref": dashed})).await;
    let (sub, username) = known(&wallet, &rp).await;
    assert_eq!(sub, format!("s{}", before(&dashed)));
    let taro = known(&world.member().await, &rp).await;
    assert_eq!(taro.0, before("m-0001"));

    as_of_before(site.store(), "slurm").await;
    let (old_sub, old_username) = known(&wallet, &rp).await;
    assert_eq!(old_sub, before(&dashed));
    assert_ne!(old_username, username);
    let person = site.digests().person(&issuer, &dashed);
    assert_eq!(old_username, site.digests().username_of_before("slurm", &person));
}

/// Describes a sector in which e-mail addresses or member references propose user names.
async fn describe(world: &World, sector: &str, names: &str) {
    let add: AddSector = serde_json::from_value(json!({"name": sector, "names": names})).unwrap();
    world.broker.add_sector(&world.act(), &add).await.unwrap();
}

async fn set_name(world: &World, name: &str, member_ref: &str) -> Result<(), AdminError> {
    let set = SetName {
        name: name.to_owned(),
        issuer: Some(world.issuer(TENANT)),
        member_ref: Some(member_ref.to_owned()),
        ..SetName::default()
    };
    world.broker.set_name(&world.act(), "hpc", &set).await.map(|_| ())
}

/// The user names that the sector's people have now.
async fn names_of(world: &World) -> Vec<String> {
    let listed = world.broker.list_names("hpc", &Part::default()).await.unwrap();
    let mut names: Vec<String> = listed.rows.into_iter().filter_map(|row| row.name).collect();
    names.sort();
    names
}

/// Answers a login that is refused; returns the code on the page.
async fn refused(wallet: &Wallet, rp: &Rp) -> Option<String> {
    let page = Browser::new().show(wallet, &rp.request("openid profile", &[]).url, rp).await;
    assert!(page.location.is_none(), "{:?}", page.location);
    page.code()
}

/// An address only proposes a name. The table binds it to the person, who keeps it whatever later
/// credentials say, in all services of the sector.
#[tokio::test]
async fn tokens_04_an_address_proposes_and_the_table_binds() {
    let world = World::start().await;
    describe(&world, "hpc", "email").await;
    let (slurm, jupyter) = (
        service(&world, "slurm", Some("hpc")).await,
        service(&world, "jupyter", Some("hpc")).await,
    );
    let taro = wallet_of(&world, json!({"email": "Taro.Yamada@setouchi.example"})).await;
    let page = Browser::new().show(&taro, &slurm.request("openid profile", &[]).url, &slurm).await;
    assert!(page.body.contains(">taro-yamada<"), "consent shows it: {}", page.body);
    assert!(names_of(&world).await.is_empty(), "nothing is bound before the code");
    assert_eq!(known(&taro, &slurm).await.1, "taro-yamada");
    let renamed = wallet_of(&world, json!({"email": "jiro@other.example"})).await;
    for rp in [&slurm, &jupyter] {
        assert_eq!(known(&renamed, rp).await.1, "taro-yamada");
    }
    assert_eq!(names_of(&world).await, ["taro-yamada"]);
    // The address itself went to nobody.
    let (_, userinfo) =
        slurm.userinfo(&log_in(&taro, &slurm, "openid profile").await.access_token).await;
    assert_eq!(userinfo.get("email"), None);
    // Another sector knows nothing of it.
    let elsewhere = service(&world, "elsewhere", Some("lab")).await;
    assert!(known(&taro, &elsewhere).await.1.starts_with('u'));
}

/// A login that releases no user name binds none, and is not refused for want of one.
#[tokio::test]
async fn tokens_04_without_a_name_to_release_nothing_is_bound() {
    let world = World::start().await;
    describe(&world, "hpc", "email").await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    let root = wallet_of(&world, json!({"email": "root@setouchi.example"})).await;
    log_in(&root, &slurm, "openid groups").await;
    assert!(names_of(&world).await.is_empty());
    assert_eq!(refused(&root, &slurm).await.as_deref(), Some("C-2032"));
}

/// Names of systems, numbers and other characters are nobody's; the operator gives another name, and
/// the person logs in with it.
#[tokio::test]
async fn tokens_04_an_unsafe_proposal_is_refused_with_a_remedy() {
    let world = World::start().await;
    describe(&world, "hpc", "member_ref").await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    for unsafe_ref in [
        "root",
        "SLURM",
        "nobody",
        "daemon",
        "admin",
        "12345",
        "-x",
        "山田",
        "a b",
        "_apt",
        "u0123456789abcdef",
        "a:b",
        "systemd-x",
        &"a".repeat(33),
    ] {
        let wallet = wallet_of(&world, json!({"member_ref": unsafe_ref})).await;
        assert_eq!(refused(&wallet, &slurm).await.as_deref(), Some("C-2032"), "{unsafe_ref}");
    }
    let number = wallet_of(&world, json!({"member_ref": "12345"})).await;
    for wrong in ["root", "12345", "Taro", "u0123456789abcdef", ""] {
        let refused = set_name(&world, wrong, "12345").await.unwrap_err();
        assert_eq!(refused.name(), "invalid", "{wrong}");
    }
    set_name(&world, "jiro", "12345").await.unwrap();
    assert_eq!(known(&number, &slurm).await.1, "jiro");
}

/// Two people whose addresses propose one name: the second is refused, and told how it goes on. The
/// first keeps it. `prompt=none` gets an error, not a page.
#[tokio::test]
async fn tokens_04_a_name_is_one_persons() {
    let world = World::start().await;
    describe(&world, "hpc", "email").await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    let taro = world.member().await;
    let other = wallet_of(&world, json!({"member_ref": "m-0002", "email": "taro@b.example"})).await;
    assert_eq!(known(&taro, &slurm).await.1, "taro");
    let request = slurm.request("openid profile", &[]);
    let page = Browser::new().show(&other, &request.url, &slurm).await;
    assert_eq!(page.code().as_deref(), Some("C-2031"));
    assert!(page.body.contains("sekisho name set"), "{}", page.body);
    // The same from a session that another service began.
    let lab = service_with(&world, "lab", None, |add| add.scopes = words("openid profile email"));
    let lab = lab.await;
    let mut browser = Browser::new();
    browser.log_in(&other, &lab.request("openid profile email", &[]), &lab).await;
    assert_eq!(browser.get(&request.url).await.code().as_deref(), Some("C-2031"));
    let silent = slurm.request("openid profile", &[("prompt", "none")]);
    let location = browser.get(&silent.url).await.location.unwrap();
    assert_eq!(sekisho_tests::parameter(&location, "error").as_deref(), Some("access_denied"));
    // The operator finds the person in the audit log, and gives another name.
    let records = world.broker.audit_tail(None, 50).await.unwrap();
    let records = serde_json::to_value(records).unwrap();
    let of_login = |record: &&Value| record["entry"]["reason"] == "C-2031";
    let record = records.as_array().unwrap().iter().find(of_login).unwrap();
    let person =
        record["entry"]["actor"].as_str().unwrap().strip_prefix("person:").unwrap().to_owned();
    let set = |name: &str| SetName {
        name: name.to_owned(),
        person: Some(person.clone()),
        ..SetName::default()
    };
    let refused = world.broker.set_name(&world.act(), "hpc", &set("taro")).await.unwrap_err();
    assert!(refused.to_string().contains("somebody has"), "{refused}");
    world.broker.set_name(&world.act(), "hpc", &set("taro2")).await.unwrap();
    let again = browser.get(&request.url).await;
    let page = browser.follow(again, &slurm.redirect_uri).await;
    assert!(page.body.contains(">taro2<"), "{}", page.body);
    assert_eq!(known(&other, &slurm).await.1, "taro2");
    assert_eq!(known(&taro, &slurm).await.1, "taro");
    assert_eq!(names_of(&world).await, ["taro", "taro2"]);
}

/// A released name is nobody's again: not by a proposal, not by an operator, not its person's.
#[tokio::test]
async fn tokens_04_a_released_name_is_never_given_again() {
    let world = World::start().await;
    describe(&world, "hpc", "email").await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    let taro = world.member().await;
    let tokens = log_in(&taro, &slurm, "openid profile").await;
    world.broker.release_name(&world.act(), "hpc", "taro").await.unwrap();
    let (_, userinfo) = slurm.userinfo(&tokens.access_token).await;
    assert_eq!(userinfo.get("preferred_username"), None, "it is not told any more");
    let other = wallet_of(&world, json!({"member_ref": "m-0002", "email": "taro@b.example"})).await;
    for wallet in [&taro, &other] {
        assert_eq!(refused(wallet, &slurm).await.as_deref(), Some("C-2031"));
    }
    for member_ref in ["m-0001", "m-0002", "m-0003"] {
        let refused = set_name(&world, "taro", member_ref).await.unwrap_err();
        assert!(refused.to_string().contains("released"), "{refused}");
    }
    let gone = world.broker.release_name(&world.act(), "hpc", "taro").await.unwrap_err();
    assert_eq!(gone.name(), "not_found");
    // A name that is replaced is released too.
    set_name(&world, "taro3", "m-0001").await.unwrap();
    set_name(&world, "taro4", "m-0001").await.unwrap();
    assert!(set_name(&world, "taro3", "m-0002").await.is_err());
    assert_eq!(known(&taro, &slurm).await.1, "taro4");
}

/// Whoever has a name keeps it when the operator changes what proposes names.
#[tokio::test]
async fn tokens_04_names_outlive_what_proposes_them() {
    let world = World::start().await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    let taro = world.member().await;
    let opaque = known(&taro, &slurm).await.1;
    describe(&world, "hpc", "email").await;
    assert_eq!(known(&taro, &slurm).await.1, opaque);
    let hanako =
        wallet_of(&world, json!({"member_ref": "m-0002", "email": "hanako@b.example"})).await;
    assert_eq!(known(&hanako, &slurm).await.1, "hanako");
    let edit = EditSector { names: Some(NameSource::MemberRef), ids: Vec::new() };
    world.broker.edit_sector(&world.act(), "hpc", &edit).await.unwrap();
    assert_eq!(known(&hanako, &slurm).await.1, "hanako");
    let jiro = wallet_of(&world, json!({"member_ref": "m-0003"})).await;
    assert_eq!(known(&jiro, &slurm).await.1, "m-0003");
}

/// The same reference from two issuers is two people: the second does not get the first one's name.
#[tokio::test]
async fn tokens_04_another_issuers_person_is_another_person() {
    let world = World::start().await;
    world.trust(sekisho_tests::OPERATOR, &["affiliation", "ai-training"]).await;
    describe(&world, "hpc", "member_ref").await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    assert_eq!(known(&world.member().await, &slurm).await.1, "m-0001");
    let mut claims = affiliation();
    claims["org_corporate_number"] = json!(sekisho_tests::OPERATOR);
    let mut other = Wallet::new(world.broker.site().clock().now());
    let offer = world.offer(sekisho_tests::OPERATOR, "affiliation", claims).await;
    other.accept(&offer.uri, None).await;
    assert_eq!(refused(&other, &slurm).await.as_deref(), Some("C-2031"));
}

/// Of many who agree at once to logins that propose one name, one gets it.
#[tokio::test]
async fn tokens_09_a_race_for_a_name_has_one_winner() {
    for seed in [1, 2] {
        let world = World::of_two(seed).await;
        describe(&world, "hpc", "email").await;
        let slurm = service(&world, "slurm", Some("hpc")).await;
        let mut pages = Vec::new();
        for number in 0..8 {
            let wallet = wallet_of(&world, json!({"member_ref": format!("m-{number}")})).await;
            let mut browser = Browser::new();
            let url = slurm.request("openid profile", &[]).url;
            let page = browser.show(&wallet, &url, &slurm).await;
            assert!(page.body.contains("consent-allow"), "nobody has it yet: {}", page.body);
            pages.push((browser, page));
        }
        let decided = pages.into_iter().map(|(mut browser, page)| {
            tokio::spawn(async move { browser.decide(&page, "allow", &[]).await })
        });
        let decided: Vec<_> = decided.collect();
        let mut answers = Vec::new();
        for answer in decided {
            answers.push(answer.await.unwrap());
        }
        let decided = answers;
        let codes = decided.iter().filter(|page| {
            page.location.as_ref().is_some_and(|location| location.contains("code="))
        });
        assert_eq!(codes.count(), 1, "{decided:?}");
        let others = decided.iter().filter(|page| page.code().as_deref() == Some("C-2031"));
        assert_eq!(others.count(), 7, "{decided:?}");
        assert_eq!(names_of(&world).await, ["taro"]);
    }
}

/// No user name, address or member reference stands in the audit log, nor in a key of a table.
#[tokio::test]
async fn tokens_04_names_are_in_no_log_and_in_no_key() {
    let world = World::start().await;
    describe(&world, "hpc", "email").await;
    let slurm = service(&world, "slurm", Some("hpc")).await;
    known(&world.member().await, &slurm).await;
    set_name(&world, "hanako", "m-0002").await.unwrap();
    world.broker.release_name(&world.act(), "hpc", "hanako").await.unwrap();
    let records = world.broker.audit_tail(None, 100).await.unwrap();
    let text = serde_json::to_string(&records).unwrap();
    for act in ["name.bind", "name.set", "name.release", "sector.add"] {
        assert!(text.contains(act), "{act}");
    }
    let file = std::fs::read(world.dir.path().join("sekisho.redb")).unwrap();
    for personal in ["taro", "hanako", "m-0001", "m-0002"] {
        assert!(!text.contains(personal), "{personal}: {text}");
        assert!(
            !file.windows(personal.len()).any(|part| part == personal.as_bytes()),
            "{personal}"
        );
    }
}

/// The user number and the group number of a person at a service.
async fn numbers(wallet: &Wallet, rp: &Rp) -> (Option<u64>, Option<u64>) {
    let tokens = log_in(wallet, rp, "openid posix").await;
    let (_, userinfo) = rp.userinfo(&tokens.access_token).await;
    let number = |name: &str| {
        assert_eq!(userinfo.get(name), tokens.id_token.get(name));
        userinfo.get(name).and_then(Value::as_u64)
    };
    (number("uid_number"), number("gid_number"))
}

/// Scope `posix` gives numbers in the range of the person's organization: the same at every service of
/// the sector and after a renewal, never two people's, never more than there are.
#[tokio::test]
async fn tokens_04_numbers_are_in_the_range_of_the_organization() {
    let world = World::start().await;
    let add: AddSector = serde_json::from_value(json!({
        "name": "hpc", "ids": [{"organization": TENANT, "first": 200_000, "last": 200_002}],
    }))
    .unwrap();
    world.broker.add_sector(&world.act(), &add).await.unwrap();
    let posix = |add: &mut AddClient| add.scopes = words("openid profile posix");
    let slurm = service_with(&world, "slurm", Some("hpc"), posix).await;
    let jupyter = service_with(&world, "jupyter", Some("hpc"), posix).await;
    let other = service_with(&world, "other", None, posix).await;
    let person = |number: u32| wallet_of(&world, json!({"member_ref": format!("m-{number}")}));
    let (one, two, three) = (person(1).await, person(2).await, person(3).await);
    let mut browser = Browser::new();
    let page = browser.show(&one, &slurm.request("openid posix", &[]).url, &slurm).await;
    assert!(page.body.contains("UID") && page.body.contains("ログインのときに割り当てます"));
    for wallet in [&one, &person(1).await] {
        for rp in [&slurm, &jupyter] {
            assert_eq!(numbers(wallet, rp).await, (Some(200_001), Some(200_000)));
        }
    }
    assert_eq!(numbers(&two, &slurm).await, (Some(200_002), Some(200_000)));
    assert_eq!(numbers(&three, &slurm).await, (None, None), "all are given");
    assert_eq!(numbers(&one, &other).await, (None, None), "no range there");
    // The range becomes longer. It never becomes another one, and numbers are never given again.
    let edit = |first: u32, last: u32| {
        serde_json::from_value::<EditSector>(json!({
            "ids": [{"organization": TENANT, "first": first, "last": last}],
        }))
        .unwrap()
    };
    for (first, last) in [(200_000, 200_001), (199_999, 200_009), (300_000, 300_009)] {
        let edited = world.broker.edit_sector(&world.act(), "hpc", &edit(first, last)).await;
        assert_eq!(edited.unwrap_err().name(), "invalid", "{first}-{last}");
    }
    world.broker.edit_sector(&world.act(), "hpc", &edit(200_000, 200_009)).await.unwrap();
    assert_eq!(numbers(&three, &slurm).await, (Some(200_003), Some(200_000)));
    // Without the scope, no number is told.
    let tokens = log_in(&one, &slurm, "openid profile").await;
    assert_eq!(tokens.id_token.get("uid_number"), None);
    let name = tokens.id_token["preferred_username"].as_str().unwrap();
    world.broker.release_name(&world.act(), "hpc", name).await.unwrap();
    assert_eq!(numbers(&one, &slurm).await, (Some(200_001), Some(200_000)), "they stay");
}

/// A client moves to another sector with its people: the command shows both subjects and names, takes
/// names along, and ends what was given before. A rehearsal changes nothing.
#[tokio::test]
async fn tokens_04_a_client_moves_with_its_people() {
    let world = World::start().await;
    describe(&world, "hpc", "email").await;
    let portal = service(&world, "portal", None).await;
    let (taro, hanako) = (
        world.member().await,
        wallet_of(&world, json!({"member_ref": "m-0002", "email": "hanako@b.example"})).await,
    );
    let slurm = service(&world, "slurm", Some("hpc")).await;
    let hanako_at_slurm = known(&hanako, &slurm).await;
    let before = [known(&taro, &portal).await, known(&hanako, &portal).await];
    let tokens = log_in(&taro, &portal, "openid profile").await;
    let to = MoveClient { sector: Some("hpc".to_owned()), redirect_uris: None };
    let rehearsal = By::operator(1000, true);
    let told = world.broker.move_client(&rehearsal, "portal", &to).await.unwrap().result;
    assert_eq!(portal.userinfo(&tokens.access_token).await.0, 200, "nothing was changed");
    assert_eq!(names_of(&world).await, ["hanako"]);
    let moved = world.broker.move_client(&world.act(), "portal", &to).await.unwrap().result;
    assert_eq!((moved.from.as_str(), moved.to.as_str()), ("portal.example.jp", "hpc"));
    let same = |one: &Value, other: &Value| assert_eq!(one, other);
    same(&serde_json::to_value(&told).unwrap(), &serde_json::to_value(&moved).unwrap());
    assert_eq!(portal.userinfo(&tokens.access_token).await.0, 401);
    let now = [known(&taro, &portal).await, known(&hanako, &portal).await];
    for ((before, now), username) in
        before.iter().zip(&now).zip([before[0].1.clone(), "hanako".to_owned()])
    {
        let person = moved.people.iter().find(|person| person.subject_before == before.0).unwrap();
        assert_eq!(person.subject, now.0);
        assert_eq!(person.username_before.as_ref(), Some(&before.1));
        assert_eq!(person.username.as_ref(), Some(&now.1));
        assert_eq!(now.1, username, "a name goes along, unless the person has one there");
    }
    assert_eq!(now[1], hanako_at_slurm);
}

/// A name that is another person's in the new sector stops the move, until the operator gives another.
#[tokio::test]
async fn tokens_04_a_move_takes_nobodys_name() {
    let world = World::start().await;
    let (old, new) =
        (service(&world, "old", Some("lab")).await, service(&world, "new", Some("hpc")).await);
    for sector in ["lab", "hpc"] {
        describe(&world, sector, "email").await;
    }
    let taro = world.member().await;
    let other = wallet_of(&world, json!({"member_ref": "m-0002", "email": "taro@b.example"})).await;
    assert_eq!(known(&taro, &old).await.1, "taro");
    assert_eq!(known(&other, &new).await.1, "taro");
    let to = MoveClient { sector: Some("hpc".to_owned()), redirect_uris: None };
    let refused = world.broker.move_client(&world.act(), "old", &to).await.unwrap_err();
    assert!(refused.to_string().contains("name set"), "{refused}");
    assert_eq!(world.broker.list_clients().await.unwrap()[1].sector, "lab");
    set_name(&world, "taro1", "m-0001").await.unwrap();
    world.broker.move_client(&world.act(), "old", &to).await.unwrap();
    assert_eq!(known(&taro, &old).await.1, "taro1");
}
