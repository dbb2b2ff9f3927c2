//! What an operator does with registrations: add, show, edit, rotate a secret, and test.

use crate::support::{Done, Home, http};
use serde_json::{Value, json};

const ADD: [&str; 15] = [
    "client",
    "add",
    "--id=portal",
    "--name-ja=ポータル",
    "--name-en=Portal",
    "--purpose-ja=確認",
    "--purpose-en=Checking",
    "--redirect-uri=https://rp.example/cb",
    "--scope",
    "openid profile email offline_access",
    "--service",
    "gpu-console",
    "--post-logout-redirect-uri=https://rp.example/bye",
    "--default-max-age",
    "600",
];

fn assert_failed(done: &Done, code: i32, words: &[&str]) {
    assert_eq!(done.code(), code, "{done:?}");
    let all = format!("{}{}", done.stdout, done.stderr);
    assert!(words.iter().all(|word| all.contains(word)), "{words:?} in {done:?}");
}

/// Everything that the registration says, but when it was made.
fn shown(home: &Home, id: &str) -> Value {
    home.json(&["client", "show", id])
}

#[test]
fn tokens_05_a_client_is_registered_for_what_it_needs() {
    let home = Home::new();
    home.init();
    let base = ["client", "add", "--name-ja", "機械", "--name-en", "Machine"];
    let person = ["--purpose-ja", "確認", "--purpose-en", "Checking"];
    let uri = ["--redirect-uri", "https://rp.example/cb"];
    let openid = ["--scope", "openid"];
    for (more, words) in [
        (&[][..], &["purpose"][..]),
        (&person, &["redirect_uri"]),
        (&[&person[..], &uri, &["--scope", "profile"]].concat(), &["openid"]),
        (&[&person[..], &uri, &["--grant", "implicit"]].concat(), &["authorization_code"]),
        (&[&person[..], &uri, &["--grant", "refresh_token"]].concat(), &["refresh_token"]),
        (
            &[&person[..], &uri, &["--grant=authorization_code", "--scope=openid offline_access"]]
                .concat(),
            &["offline_access", "refresh_token"],
        ),
        (&["--grant", "device_code"], &["purpose"]),
        (&["--grant", "client_credentials", "--auth", "none"], &["client_credentials", "public"]),
        (&["--grant", "token_exchange", "--auth", "none"], &["token_exchange", "public"]),
        (&["--grant=client_credentials", "--grant=client_credentials"], &["once"]),
        (&["--grant=client_credentials", "--grant=refresh_token"], &["refresh_token"]),
        (&["--grant=client_credentials", "--auth=private_key_jwt"], &["jwks"]),
        (&["--grant=client_credentials", "--jwks-uri=https://rp.example/k"], &["private_key_jwt"]),
        (&[&person[..], &uri, &["--required-acr", "gold"]].concat(), &["phr"]),
    ] {
        assert_failed(&home.run(&[&base[..], more].concat()), 2, words);
    }
    assert_eq!(home.json(&["client", "list"])["clients"], json!([]));
    for (at, (grants, more)) in [
        (&["client_credentials"][..], &[][..]),
        (&["token_exchange", "client_credentials"], &[]),
        (&["device_code"], &[&person[..], &["--auth", "none"]].concat()),
        (&["device_code", "refresh_token"], &[&person[..], &openid].concat()),
        (&["urn:ietf:params:oauth:grant-type:device_code"], &person),
        (&["authorization_code"], &[&person[..], &uri].concat()),
        (&[], &[&person[..], &uri].concat()),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("--id=c{at}");
        let flags = grants.iter().flat_map(|grant| ["--grant", grant]);
        let all: Vec<&str> = base
            .iter()
            .copied()
            .chain([id.as_str()])
            .chain(flags)
            .chain(more.iter().copied())
            .collect();
        let added = home.json(&all);
        let whole = |name: &str| match name {
            "device_code" | "token_exchange" => {
                format!("urn:ietf:params:oauth:grant-type:{}", name.replace("token_", "token-"))
            }
            other => other.to_owned(),
        };
        let expected: Vec<String> = match grants {
            [] => ["authorization_code", "refresh_token"].map(str::to_owned).to_vec(),
            grants => grants.iter().map(|name| whole(name)).collect(),
        };
        assert_eq!(added["grant_types"], json!(expected));
        let client = shown(&home, &format!("c{at}"));
        assert_eq!(client["grant_types"], json!(expected));
        let redirects = expected.iter().any(|grant| grant == "authorization_code");
        assert_eq!(client["endpoints"].get("authorization_endpoint").is_some(), redirects);
        let device = expected.iter().any(|grant| grant.ends_with(":device_code"));
        let endpoint = client["endpoints"].get("device_authorization_endpoint");
        assert_eq!(endpoint.is_some(), device, "{client}");
        assert_eq!(
            client["sector"],
            if redirects { json!("rp.example") } else { json!(format!("client:c{at}")) }
        );
    }
}

#[test]
fn tokens_05_everything_that_is_registered_is_shown_and_no_secret() {
    let home = Home::new();
    let origin = home.init();
    let added = home.json(&ADD);
    let secret = added["client_secret"].as_str().unwrap();
    let client = shown(&home, "portal");
    for (name, value) in [
        ("client_id", json!("portal")),
        ("name", json!({"ja": "ポータル", "en": "Portal"})),
        ("purpose", json!({"ja": "確認", "en": "Checking"})),
        ("scopes", json!(["openid", "profile", "email", "offline_access"])),
        ("redirect_uris", json!(["https://rp.example/cb"])),
        ("post_logout_redirect_uris", json!(["https://rp.example/bye"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("service", json!("gpu-console")),
        ("sector", json!("rp.example")),
        ("default_max_age", json!(600)),
        ("cross_device", json!(false)),
        ("native", json!(false)),
        ("claims_in_id_token", json!(true)),
        ("jwks", Value::Null),
    ] {
        assert_eq!(client[name], value, "{name}");
    }
    assert_eq!(client["secrets"], json!([{"issued": client["created"], "ends": null}]));
    assert_eq!(client["endpoints"]["token_endpoint"], format!("{origin}/token"));
    assert_eq!(client["endpoints"], added["endpoints"]);
    assert!(!client.to_string().contains("digest") && !client.to_string().contains(secret));
    for (lang, words) in [
        (
            "en",
            [
                "Client ID: portal",
                "Scopes: openid profile email offline_access",
                "Sector: rp.example",
            ],
        ),
        (
            "ja",
            [
                "クライアントID: portal",
                "スコープ: openid profile email offline_access",
                "セクター: rp.example",
            ],
        ),
    ] {
        let text = home.run(&["client", "show", "portal", "--lang", lang]);
        assert!(words.iter().all(|word| text.stdout.contains(word)), "{text:?}");
        assert!(text.stdout.contains(&format!("token_endpoint: {origin}/token")), "{text:?}");
        assert!(!text.stdout.contains(secret));
    }
    assert_failed(&home.run(&["client", "show", "nobody"]), 4, &["nobody"]);
}

#[test]
fn tokens_05_an_edit_says_what_differs_and_a_rehearsal_changes_nothing() {
    let home = Home::new();
    home.init();
    let secret = home.json(&ADD)["client_secret"].clone();
    let before = shown(&home, "portal");
    let edit = [
        "client",
        "edit",
        "portal",
        "--name-en=GPU Portal",
        "--purpose-ja=利用者の確認",
        "--add-redirect-uri=https://rp.example/two",
        "--remove-redirect-uri=https://rp.example/cb",
        "--add-post-logout-redirect-uri=https://rp.example/later",
        "--remove-scope=email",
        "--auth=client_secret_post",
        "--id-token-alg=ES256",
        "--no-service",
        "--cross-device",
        "--require-pkce",
        "--required-acr=phr",
        "--no-default-max-age",
        "--no-claims-in-id-token",
        "--add-grant=client_credentials",
    ];
    let told = home.run(&[&edit[..], &["--dry-run"]].concat());
    assert_eq!(told.code(), 0, "{told:?}");
    for line in [
        "name: ポータル / Portal → ポータル / GPU Portal",
        "redirect_uris: https://rp.example/cb → https://rp.example/two",
        "service: gpu-console → none",
        "default_max_age: 600 → none",
        "require_pkce: false → true",
    ] {
        assert!(told.stdout.lines().any(|shown| shown == line), "{line}: {told:?}");
    }
    assert_eq!(shown(&home, "portal"), before, "a rehearsal changes nothing");
    let planned = home.json(&[&edit[..], &["--dry-run"]].concat());
    let done = home.json(&edit);
    assert_eq!((&planned["changes"], &planned["audit_id"]), (&done["changes"], &Value::Null));
    assert_eq!(done["client_secret"], Value::Null, "the secret stays");
    let mut expected = before.clone();
    for change in done["changes"].as_array().unwrap() {
        let member = change["member"].as_str().unwrap();
        assert_eq!(before[member], change["before"], "{member}");
        expected[member] = change["after"].clone();
    }
    let after = shown(&home, "portal");
    assert_eq!(after, expected);
    assert_eq!(done["changes"].as_array().unwrap().len(), 14, "{}", done["changes"]);
    let right =
        home.run_with(&["client", "test", "portal", "--secret-stdin"], secret.as_str().unwrap());
    assert_eq!(right.code(), 0, "{right:?}");
    let tail = home.json(&["audit", "tail", "-n", "1"]);
    let entry = &tail["records"][0]["entry"];
    assert_eq!((&entry["action"], &entry["object"]), (&json!("client.edit"), &json!("portal")));
    assert!(entry["details"]["members"].to_string().contains("redirect_uris"), "{entry}");
    let same = home.run(&["client", "edit", "portal", "--cross-device"]);
    assert!(same.code() == 0 && same.stderr.contains("so already"), "{same:?}");
}

#[test]
fn tokens_05_an_edit_is_held_to_what_a_registration_is_held_to() {
    let home = Home::new();
    home.init();
    home.json(&ADD);
    let before = shown(&home, "portal");
    for (more, code, words) in [
        (&[][..], 2, &["nothing to change"][..]),
        (&["--name-en", " "], 2, &["client_name"]),
        (&["--name-ja", "a\u{202e}b"], 2, &["client_name"]),
        (&["--purpose-en", ""], 2, &["purpose"]),
        (&["--add-redirect-uri", "http://rp.example/cb"], 2, &["http"]),
        (&["--add-redirect-uri", "https://rp.example/#x"], 2, &["fragment"]),
        (&["--add-redirect-uri", "jp.example.app:/cb"], 2, &["scheme"]),
        (&["--add-post-logout-redirect-uri", "javascript:alert(1)"], 2, &["scheme"]),
        (&["--remove-redirect-uri", "https://rp.example/cb"], 2, &["redirect_uri"]),
        (&["--remove-redirect-uri", "https://rp.example/nowhere"], 2, &["not registered"]),
        (&["--remove-scope", "openid"], 2, &["openid"]),
        (&["--remove-scope", "training"], 2, &["not registered"]),
        (&["--add-scope", "admin"], 2, &["admin"]),
        (&["--add-scope", "organization training gpu_access"], 2, &["bytes"]),
        (&["--remove-grant", "refresh_token"], 2, &["offline_access"]),
        (&["--grant", "client_credentials", "--auth", "none", "--scope", ""], 2, &["public"]),
        (&["--add-grant", "client_credentials", "--auth", "none"], 2, &["public"]),
        (&["--auth", "private_key_jwt"], 2, &["jwks"]),
        (&["--jwks-uri", "https://rp.example/k"], 2, &["private_key_jwt"]),
        (&["--auth=private_key_jwt", "--jwks-uri=http://rp.example/k"], 2, &["jwks_uri"]),
        (&["--id-token-alg", "EdDSA"], 2, &["RS256"]),
        (&["--service", "elsewhere"], 4, &["elsewhere"]),
        (&["--required-acr", "gold"], 2, &["phr"]),
        (&["--default-max-age=-1"], 2, &["default_max_age"]),
        (
            &[
                "--remove-redirect-uri=https://rp.example/cb",
                "--add-redirect-uri=https://other.example/cb",
            ],
            2,
            &["sector", "rp.example"],
        ),
    ] {
        for last in [&[][..], &["--dry-run"]] {
            let all = [&["client", "edit", "portal"][..], more, last].concat();
            assert_failed(&home.run(&all), code, words);
        }
    }
    assert_eq!(shown(&home, "portal"), before);
    assert_failed(&home.run(&["client", "edit", "nobody", "--name-en", "x"]), 4, &["nobody"]);
    // Another host is welcome as long as the sector stays what it is.
    home.json(&["client", "edit", "portal", "--add-redirect-uri", "https://other.example/cb"]);
    assert_eq!(shown(&home, "portal")["sector"], "rp.example");
    let gone = ["client", "edit", "portal", "--remove-redirect-uri", "https://rp.example/cb"];
    assert_failed(&home.run(&gone), 2, &["sector", "rp.example"]);
}

/// Asks the introspection endpoint about a token of nobody: 200 if the secret is good.
async fn status(origin: &str, secret: &str) -> u16 {
    let request = http().build().unwrap().post(format!("{origin}/introspect"));
    let request = request.basic_auth("portal", Some(secret)).form(&[("token", "x")]);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn tokens_05_a_secret_is_rotated_while_the_service_runs() {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    let first = home.json(&ADD)["client_secret"].as_str().unwrap().to_owned();
    let rehearsed = home.json(&["client", "rotate-secret", "portal", "--dry-run"]);
    assert_eq!((&rehearsed["client_secret"], &rehearsed["audit_id"]), (&Value::Null, &Value::Null));
    assert_eq!(shown(&home, "portal")["secrets"].as_array().unwrap().len(), 1);
    let rotated = home.json(&["client", "rotate-secret", "portal"]);
    let second = rotated["client_secret"].as_str().unwrap().to_owned();
    assert_eq!((status(&origin, &first).await, status(&origin, &second).await), (200, 200));
    let secrets = shown(&home, "portal")["secrets"].clone();
    assert_eq!(secrets[1]["ends"], rotated["old_ends"]);
    let life = secrets[1]["ends"].as_i64().unwrap() - secrets[0]["issued"].as_i64().unwrap();
    assert_eq!(life, 24 * 60 * 60);
    let text = home.run(&["client", "show", "portal"]);
    assert_eq!(text.stdout.matches("Client secret: made ").count(), 2, "{text:?}");

    let told = home.run(&["client", "rotate-secret", "portal", "--keep-old-for", "7d"]);
    assert!(told.stderr.contains("Two secrets are good at most"), "{told:?}");
    assert_eq!((status(&origin, &first).await, status(&origin, &second).await), (401, 200));
    let third = home.json(&["client", "rotate-secret", "portal", "--now"]);
    let third = third["client_secret"].as_str().unwrap();
    assert_eq!((status(&origin, &second).await, status(&origin, third).await), (401, 200));
    for (more, code, words) in [
        (&["--keep-old-for", "31d"][..], 2, &["30 days"][..]),
        (&["--keep-old-for", "24"], 2, &["24h"]),
        (&["--keep-old-for", "1h", "--now"], 2, &["--now"]),
    ] {
        assert_failed(
            &home.run(&[&["client", "rotate-secret", "portal"][..], more].concat()),
            code,
            words,
        );
    }
    home.json(&["client", "edit", "portal", "--auth", "none"]);
    assert_failed(&home.run(&["client", "rotate-secret", "portal"]), 2, &["no secret", "none"]);
    let tail = home.json(&["audit", "tail", "-n", "5"]).to_string();
    assert!(tail.contains("client.rotate_secret") && !tail.contains(third), "{tail}");
    assert_eq!(server.stop(), 0);
}

#[test]
fn tokens_05_a_test_of_a_client_says_what_is_wrong() {
    let home = Home::new();
    let origin = home.init();
    let secret = home.json(&ADD)["client_secret"].as_str().unwrap().to_owned();
    let test = |more: &[&str], typed: &str| {
        home.run_with(&[&["client", "test", "portal"][..], more].concat(), typed)
    };
    let plain = test(&[], "");
    assert_eq!(plain.code(), 0, "{plain:?}");
    assert!(
        plain.stdout.contains("ok registration")
            && plain.stdout.contains(&format!("{origin}/token"))
    );
    assert_eq!(test(&["--secret-stdin"], &format!("{secret}\n")).code(), 0);
    assert_failed(&test(&["--secret-stdin"], "guessed\n"), 1, &["wrong authentication", "secret"]);
    assert_failed(&test(&["--secret-stdin"], ""), 2, &["standard input"]);
    let good = format!(
        "{origin}/authorize?client_id=portal&response_type=code&redirect_uri=https%3A%2F%2Frp.example%2Fcb&scope=openid"
    );
    let right = test(&["--url", &good], "");
    assert!(right.code() == 0 && right.stdout.contains("note state:"), "{right:?}");
    let bad = good.replace("rp.example%2Fcb", "rp.example%2Fcb%2F").replace("=code", "=token");
    let wrong = test(&["--url", &bad], "");
    assert_failed(
        &wrong,
        1,
        &["wrong redirect_uri", "slash", "https://rp.example/cb", "wrong response_type"],
    );
    assert_eq!(wrong.stderr, "", "what is wrong is said once");
    let json = home.run(&["client", "test", "portal", "--url", &bad, "--json"]);
    let answer: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code(), &answer["ok"]), (1, &json!(false)));
    assert_failed(&home.run(&["client", "test", "nobody"]), 4, &["nobody"]);
    // A host that nobody listed is not called.
    home.json(&[
        "client",
        "edit",
        "portal",
        "--auth=private_key_jwt",
        "--jwks-uri=https://rp.example/k",
    ]);
    assert_failed(&test(&[], ""), 1, &["wrong jwks_uri", "outbound.allow_hosts"]);
    std::fs::write(home.path("assertion"), "no.jwt.here\n").unwrap();
    assert_failed(&test(&["--assertion", "assertion"], ""), 1, &["wrong authentication", "JWT"]);
}

#[test]
fn tokens_05_a_new_client_is_told_what_its_service_needs() {
    let home = Home::new();
    let origin = home.init();
    for (lang, heading) in [("en", "Settings for the service:"), ("ja", "サービスの設定:")] {
        let id = format!("--id={lang}");
        let mut add = ADD.to_vec();
        add[2] = &id;
        let told = home.run(&[&add[..], &["--lang", lang]].concat());
        assert_eq!(told.code(), 0, "{told:?}");
        for line in [
            heading,
            &format!("issuer: {origin}"),
            &format!("discovery: {origin}/.well-known/openid-configuration"),
            &format!("authorization_endpoint: {origin}/authorize"),
            &format!("token_endpoint: {origin}/token"),
            &format!("client_id: {lang}"),
            "token_endpoint_auth_method: client_secret_basic",
            "scope: openid profile email offline_access",
            "redirect_uri: https://rp.example/cb",
        ] {
            assert!(told.stdout.lines().any(|said| said == line), "{line}: {}", told.stdout);
        }
        assert!(told.stdout.contains("spec/connect.md"));
    }
    for (at, snippet) in ["openid-client", "authlib"].into_iter().enumerate() {
        let id = format!("--id=it's \"{at}\"");
        let mut add = ADD.to_vec();
        add[2] = &id;
        let refused = home.run(&[&add[..], &["--snippet", snippet]].concat());
        assert_failed(&refused, 2, &["client_id"]);
        let id = format!("--id=it's-{at}");
        add[2] = &id;
        let told = home.run(&[&add[..], &["--snippet", snippet]].concat());
        assert_eq!(told.code(), 0, "{told:?}");
        for part in [
            format!("\"it's-{at}\""),
            "\"https://rp.example/cb\"".to_owned(),
            format!("\"{origin}"),
        ] {
            assert!(told.stdout.contains(&part), "{part}: {}", told.stdout);
        }
        let secret =
            told.stdout.lines().find_map(|line| line.strip_prefix("Client secret: ")).unwrap();
        assert_eq!(told.stdout.matches(secret).count(), 1, "no program holds the secret");
    }
    let quiet = home.run(&[&ADD[..], &["--snippet", "none"]].concat());
    assert!(!quiet.stdout.contains("issuer"), "{quiet:?}");
}
