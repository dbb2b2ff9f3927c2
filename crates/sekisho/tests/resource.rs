//! Resources on the command line, and what services then get over HTTP from the running program.

use serde_json::{Value, json};

use crate::support::{Home, http};

const ADD: [&str; 17] = [
    "resource",
    "add",
    "store",
    "--name-ja",
    "データ保管庫",
    "--name-en",
    "Data store",
    "--audience",
    "https://store.example.jp",
    "--format",
    "jwt",
    "--client",
    "portal",
    "--own-scope",
    "storage.read:/data",
    "--alias",
    "store-alias",
];

fn client(home: &Home) -> String {
    let add = [
        "client",
        "add",
        "--id",
        "portal",
        "--name-ja",
        "ポータル",
        "--name-en",
        "Portal",
        "--purpose-ja",
        "確認",
        "--purpose-en",
        "Checking",
        "--redirect-uri",
        "https://rp.example/cb",
        "--grant=authorization_code",
        "--grant=client_credentials",
    ];
    home.json(&add)["client_secret"].as_str().unwrap().to_owned()
}

async fn post(url: &str, id: &str, secret: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let http = http().build().unwrap();
    let request = http.post(url).basic_auth(id, Some(secret)).form(form);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn tokens_01_a_resource_lives_on_the_command_line() {
    let home = Home::new();
    home.init();
    let secret = client(&home);
    let server = home.serve();
    let issuer = server.text("issuer");
    let token_url = format!("{issuer}/token");
    let form = [("grant_type", "client_credentials"), ("audience", "store-alias")];

    let planned = home.json(&[&ADD[..], &["--dry-run"]].concat());
    assert_eq!((&planned["audit_id"], &planned["secret"]), (&Value::Null, &Value::Null));
    assert_eq!(home.json(&["resource", "list"])["resources"], json!([]));
    assert_eq!(post(&token_url, "portal", &secret, &form).await.1["error"], "invalid_target");

    let added = home.json(&ADD);
    let own = added["secret"].as_str().unwrap().to_owned();
    assert_eq!(added["jwks_uri"], format!("{issuer}/jwks"));
    assert!(added["audit_id"].is_string());
    let again = home.run(&ADD);
    assert_eq!(again.code(), 1, "{again:?}");
    let shown = home.run(&["resource", "show", "store", "--lang", "ja"]);
    assert!(shown.stdout.contains("データ保管庫"), "{shown:?}");
    assert!(!shown.stdout.contains(&own), "{shown:?}");

    let (status, body) = post(&token_url, "portal", &secret, &form).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!(300)), "{body}");
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    let asked = [("token", token)];
    let introspect = format!("{issuer}/introspect");
    let (_, seen) = post(&introspect, "store", &own, &asked).await;
    assert_eq!((&seen["active"], &seen["aud"]), (&json!(true), &json!("https://store.example.jp")));

    // Edits take hold at once, with a plan before.
    let edit = ["resource", "edit", "store", "--lifetime", "600", "--remove-client", "portal"];
    assert_eq!(home.json(&[&edit[..], &["--dry-run"]].concat())["lifetime"], 600);
    assert_eq!(home.json(&["resource", "show", "store"])["lifetime"], 300);
    assert_eq!(home.json(&edit)["clients"], json!([]));
    assert_eq!(post(&token_url, "portal", &secret, &form).await.1["error"], "invalid_target");
    assert_eq!(post(&introspect, "store", &own, &asked).await.1, json!({"active": false}));
    home.json(&["resource", "edit", "store", "--add-client", "portal"]);
    let (_, body) = post(&token_url, "portal", &secret, &form).await;
    assert_eq!(body["expires_in"], 600);

    let rotated = home.json(&["resource", "rotate-secret", "store", "--keep-old-for", "0"]);
    let new = rotated["secret"].as_str().unwrap();
    assert_eq!(post(&introspect, "store", &own, &asked).await.0, 401);
    assert_eq!(post(&introspect, "store", new, &asked).await.0, 200);

    let refused = home.run(&["resource", "remove", "store"]);
    assert_eq!(refused.code(), 2, "the id has to be typed: {refused:?}");
    home.json(&["resource", "remove", "store", "--yes"]);
    assert_eq!(post(&introspect, "store", new, &asked).await.0, 401);
    assert_eq!(server.stop(), 0);
}

/// A mistake is refused with what to change, and nothing is kept of it.
#[test]
fn tokens_01_mistakes_in_a_resource_are_told() {
    let home = Home::new();
    home.init();
    client(&home);
    let add = |more: &[&str]| {
        let base = ["resource", "add", "r", "--name-ja", "あ", "--name-en", "a"];
        home.run(&[&base[..], more].concat())
    };
    for (more, told) in [
        (&["--audience", "a b"][..], "printable ASCII"),
        (&["--audience", "https://a.example/#x"], "fragment"),
        (&["--audience", "urn:a", "--lifetime", "5"], "60 to 21600"),
        (&["--audience", "urn:a", "--claim", "groups=groups"], "opaque"),
        (&["--audience", "urn:a", "--format", "jwt", "--alg", "EdDSA"], "key of its own"),
        (&["--audience", "urn:a", "--format", "jwt", "--claim", "sub=email"], "protocol"),
        (&["--audience", "urn:a", "--format", "jwt", "--claim", "sun=email"], "own_key"),
        (&["--audience", "urn:a", "--format", "jwt", "--claim", "x=salary"], "no scope releases"),
        (&["--audience", "urn:a", "--own-scope", "read:/../x"], "scope"),
        (&["--audience", "portal"], "exists already"),
    ] {
        let done = add(more);
        let code = if told == "exists already" { 1 } else { 2 };
        assert_eq!(done.code(), code, "{done:?}");
        assert!(done.stderr.contains(told), "{told:?} in {done:?}");
    }
    assert_eq!(home.json(&["resource", "list"])["resources"], json!([]));
    assert_eq!(home.run(&["resource", "show", "none"]).code(), 4);
}

/// What stands in the configuration is there from the start, and is not changed by commands.
#[tokio::test]
async fn tokens_01_resources_stand_in_the_configuration_too() {
    let home = Home::new();
    home.init();
    let secret = client(&home);
    let file = home.path("sekisho.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = "\n[[resources]]\nid = \"slurm\"\nname = { ja = \"計算\", en = \"Cluster\" }\n\
        audience = \"urn:slurm:tokyo-1\"\nclients = [\"portal\"]\nformat = \"jwt\"\ntyp = \"JWT\"\n\
        own_key = true\nclaims = { sun = \"preferred_username\" }\n";
    std::fs::write(&file, text.clone() + more).unwrap();
    let server = home.serve();
    let issuer = server.text("issuer");
    let form = [("grant_type", "client_credentials")];
    let (status, body) = post(&format!("{issuer}/token"), "portal", &secret, &form).await;
    assert_eq!(status, 200, "{body}");
    let keys = http().build().unwrap().get(format!("{issuer}/jwks/slurm.json")).send().await;
    assert_eq!(keys.unwrap().status(), 200);
    let shown = home.json(&["resource", "show", "slurm"]);
    assert_eq!(shown["configured"], true);
    let edit = home.run(&["resource", "edit", "slurm", "--lifetime", "600"]);
    assert!(edit.code() == 2 && edit.stderr.contains("sekisho.toml"), "{edit:?}");
    let secret = home.json(&["resource", "rotate-secret", "slurm"])["secret"].clone();
    let asked = [("token", body["access_token"].as_str().unwrap())];
    let introspect = format!("{issuer}/introspect");
    let (_, seen) = post(&introspect, "slurm", secret.as_str().unwrap(), &asked).await;
    assert_eq!(seen["active"], true);
    // Keys are rotated by their purpose and resource; the spare is published for days.
    let rotate = ["key", "rotate", "--purpose", "access-token", "--resource", "slurm"];
    let plan = home.json(&[&rotate[..], &["--dry-run"]].concat());
    assert_eq!(plan["steps"][0]["step"], "activate", "{plan}");
    assert_eq!(server.stop(), 0);

    // A resource that cannot be is told with its line before anything starts.
    let wrong = more.replace("own_key = true\n", "");
    std::fs::write(&file, text + &wrong).unwrap();
    let refused = home.run(&["serve"]);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(refused.stderr.contains("sekisho.toml:") && refused.stderr.contains("own_key"));
}
