//! Tests of what is asked for and what is released, row by row.

use super::*;

const OURS: Ours<'static> = Ours {
    preferred_username: Some("u-7Q2M"),
    ids: Some(Ids { uid: 200_001, gid: 200_000 }),
    authority: "auth.example.jp",
};

fn scopes(text: &str) -> Vec<String> {
    sekisho_oauth::scope::parse(text).unwrap()
}

fn claims(value: Value) -> Claims {
    let Value::Object(claims) = value else { panic!("not an object") };
    claims
}

fn shown(affiliation: Value) -> BTreeMap<String, Claims> {
    BTreeMap::from([(LOGIN.to_owned(), claims(affiliation))])
}

fn released(text: &str, claims_by_type: &BTreeMap<String, Claims>) -> Value {
    Value::Object(release(&scopes(text), claims_by_type, &OURS))
}

fn taro() -> BTreeMap<String, Claims> {
    let mut shown = shown(json!({
        "org_corporate_number": "7900000000002",
        "org_name": "瀬戸内精密工業株式会社",
        "org_name#en": "Setouchi Precision Industries",
        "affiliation_type": "regular",
        "home_org_corporate_number": "8900000000001",
        "member_ref": "m-1",
        "name": "山田 太郎",
        "name#ja-Hani-JP": "山田 太郎",
        "name#ja-Kana-JP": "ヤマダ タロウ",
        "name#ja-Latn-JP": "YAMADA Taro",
        "email": "taro@example.jp",
        "department": "開発部",
        "roles": ["ml-engineer", "gpu-user", "ml-engineer"],
    }));
    let training = json!({
        "achievement_id": "dss-l-1",
        "valid_through": "2027-03-31",
        "level_gte_1": true,
        "level_gte_2": true,
        "level_gte_3": false,
    });
    shown.insert(TRAINING.to_owned(), claims(training));
    shown
}

/// AUTH-24: a claim that is named alone brings no other claim of its scope.
#[test]
fn a_named_claim_comes_alone() {
    let asked =
        wallet_claims(&scopes("openid"), &["email", "name#ja-Kana-JP", "preferred_username"]);
    let paths = &asked[LOGIN];
    assert_eq!(paths.len(), 4, "{paths:?}");
    let released = release_named(&scopes("openid"), &["email", "name"], &taro(), &OURS);
    let names: Vec<_> = released.keys().map(String::as_str).collect();
    assert_eq!(names, ["name", "email"]);
    assert_eq!(wallet_claims(&scopes("email"), &["email"])[LOGIN].len(), 2);
}

#[test]
fn the_wallet_is_asked_for_what_the_scopes_need_and_no_more() {
    let paths = |paths: &[&[&str]]| -> Vec<Vec<String>> {
        paths.iter().map(|path| path.iter().map(ToString::to_string).collect()).collect()
    };
    let openid = wallet_claims(&scopes("openid"), &[]);
    assert_eq!(openid.len(), 1);
    assert_eq!(openid[LOGIN], paths(&[&["org_corporate_number"], &["member_ref"]]));
    let more = wallet_claims(&scopes("organization training email"), &[]);
    assert_eq!(
        more[LOGIN],
        paths(&[
            &["email"],
            &["email_verified"],
            &["org_name"],
            &["org_name#en"],
            &["affiliation_type"],
            &["roles", "*"],
        ])
    );
    assert_eq!(more[TRAINING], paths(&[&["achievement_id"]]));
    assert!(wallet_claims(&scopes("gpu_access unknown"), &[]).is_empty());
}

#[test]
fn each_scope_releases_its_claims() {
    let taro = taro();
    assert_eq!(released("openid gpu_access", &taro), json!({}));
    assert_eq!(
        released("profile", &taro),
        json!({
            "name": "山田 太郎",
            "name#ja-Hani-JP": "山田 太郎",
            "name#ja-Kana-JP": "ヤマダ タロウ",
            "name#ja-Latn-JP": "YAMADA Taro",
            "preferred_username": "u-7Q2M",
        })
    );
    assert_eq!(released("email", &taro), json!({"email": "taro@example.jp"}));
    assert_eq!(
        released("organization", &taro),
        json!({
            "organization": {
                "corporate_number": "7900000000002",
                "name": "瀬戸内精密工業株式会社",
                "name#en": "Setouchi Precision Industries",
                "affiliation_type": "regular",
            },
            "groups": ["ml-engineer", "gpu-user"],
        })
    );
    let groups = json!({"groups": ["ml-engineer", "gpu-user"]});
    assert_eq!(released("groups", &taro), groups);
    let urn = |role: &str| {
        format!("urn:x-sekisho:auth.example.jp:group:7900000000002:{role}#auth.example.jp")
    };
    assert_eq!(
        released("eduperson_entitlement", &taro),
        json!({"eduperson_entitlement": [urn("ml-engineer"), urn("gpu-user")]})
    );
    assert_eq!(released("posix", &taro), json!({"uid_number": 200_001, "gid_number": 200_000}));
    assert_eq!(
        released("training", &taro),
        json!({"training": [{"achievement": "dss-l-1", "level_gte": 2, "until": "2027-03-31"}]})
    );
}

#[test]
fn everything_that_is_released_is_advertised() {
    let all = scopes(&supported().join(" "));
    let advertised = claims_supported(&all);
    let Value::Object(released) = released(&all.join(" "), &taro()) else { panic!() };
    assert!(released.keys().all(|name| advertised.contains(&name.as_str())), "{released:?}");
    for row in TABLE {
        let one = release(&scopes(row.scope), &taro(), &OURS);
        assert!(one.keys().all(|name| row.claims.contains(&name.as_str())), "{}", row.scope);
    }
}

#[test]
fn an_email_is_verified_only_if_the_issuer_says_so() {
    for said in [json!(true), json!(false)] {
        let shown = shown(json!({"email": "a@example.jp", "email_verified": said}));
        assert_eq!(released("email", &shown)["email_verified"], said);
    }
    for unclear in [json!("true"), json!(1), json!(null)] {
        let shown = shown(json!({"email": "a@example.jp", "email_verified": unclear}));
        assert_eq!(released("email", &shown), json!({"email": "a@example.jp"}));
    }
    let without = shown(json!({"email_verified": true}));
    assert_eq!(released("email", &without), json!({}));
}

#[test]
fn names_are_kept_byte_for_byte() {
    let name = "髙﨑\u{fa19}𠮷葛\u{e0100}";
    let shown = shown(json!({"name": name}));
    assert_eq!(released("profile", &shown)["name"], name);
}

#[test]
fn what_has_another_type_or_is_empty_is_left_out() {
    let odd = json!({
        "name": {"x": 1}, "email": "", "org_name": null, "affiliation_type": 1,
        "roles": [1, null, {}, "", ["x"], "ok"],
    });
    let shown = shown(odd);
    assert_eq!(released("email profile", &shown), json!({"preferred_username": "u-7Q2M"}));
    assert_eq!(released("organization", &shown), json!({"groups": ["ok"]}));
    let text = BTreeMap::from([(LOGIN.to_owned(), claims(json!({"roles": "admin"})))]);
    assert_eq!(released("organization", &text), json!({}));
}

#[test]
fn training_says_no_more_than_its_predicates() {
    let level = |training: Value| {
        let shown = BTreeMap::from([(TRAINING.to_owned(), claims(training))]);
        released("training", &shown)
    };
    let bare = level(json!({"achievement_id": "a", "level": 4, "score": 99}));
    assert_eq!(bare, json!({"training": [{"achievement": "a"}]}));
    let text = level(json!({"achievement_id": "a", "level_gte_1": "true"}));
    assert_eq!(text, json!({"training": [{"achievement": "a"}]}));
    assert_eq!(level(json!({"level_gte_3": true})), json!({}));
    assert_eq!(released("training", &BTreeMap::new()), json!({}));
}

#[test]
fn a_claim_of_another_credential_releases_nothing() {
    let wrong = BTreeMap::from([(TRAINING.to_owned(), claims(json!({"email": "a@example.jp"})))]);
    assert_eq!(released("email organization", &wrong), json!({}));
}

#[test]
fn what_may_be_left_out_is_a_claim_of_its_scope() {
    for row in TABLE {
        assert!(row.optional.iter().all(|name| row.claims.contains(name)), "{}", row.scope);
    }
    assert!(is_optional("name#ja-Kana-JP"));
    assert!(!["sub", "name", "email", "organization", "groups"].into_iter().any(is_optional));
}

#[test]
fn fewer_scopes_advertise_fewer_claims() {
    assert_eq!(claims_supported(&scopes("openid")), ["sub", "auth_time", "acr", "amr", "sid"]);
}
