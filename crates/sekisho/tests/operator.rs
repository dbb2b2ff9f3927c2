//! What an operator does with the program: with a running server, without one, and with mistakes.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Done, Home, OPERATOR, TENANT, free_port, mode};
use serde_json::Value;

const ADD_ORG: [&str; 7] =
    ["org", "add", TENANT, "--name-ja", "瀬戸内精密工業株式会社", "--name-en", "Setouchi"];

const ADD_CLIENT: [&str; 16] = [
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
    "--service",
    "gpu-console",
];

const OFFER: [&str; 14] = [
    "credential",
    "offer",
    "--org",
    TENANT,
    "--type",
    "affiliation",
    "--tx-code",
    "--claim",
    "org_corporate_number=7900000000002",
    "--claim",
    "org_name=瀬戸内精密工業株式会社",
    "--claim",
    "affiliation_type=regular",
    "--claim=member_ref=m-0001",
];

fn assert_failed(done: &Done, code: i32, words: &[&str]) {
    assert_eq!(done.code(), code, "{done:?}");
    assert!(words.iter().all(|word| done.stderr.contains(word)), "{words:?} in {done:?}");
}

/// Makes everything that an operator sets up, with or without a running server.
fn set_up(home: &Home) {
    let added = home.json(&ADD_ORG);
    assert_eq!(added["corporate_number"], TENANT);
    assert!(added["audit_id"].is_string());
    let client = home.json(&ADD_CLIENT);
    assert_eq!(client["client_id"], "portal");
    assert_eq!(client["client_secret"].as_str().unwrap().len(), 43);
    let trust = home.json(&["trust", "add", TENANT, "--type", "affiliation"]);
    assert_eq!(trust["organizations"][0], TENANT);
    assert!(trust["issuer"].as_str().unwrap().ends_with("/orgs/7900000000002"));
    let offer = home.json(&OFFER);
    assert!(offer["uri"].as_str().unwrap().starts_with("openid-credential-offer://?"));
    assert_eq!(offer["tx_code"].as_str().unwrap().len(), 6);
}

/// Checks everything that `set_up` made.
fn assert_set_up(home: &Home) {
    let status = home.json(&["status"]);
    let counts = ["organizations", "clients", "trusted"].map(|name| status[name].clone());
    assert_eq!(counts, [1, 1, 1].map(Value::from));
    let keys = home.json(&["key", "list"]);
    // Two keys for each purpose and algorithm: three such pairs of the broker, one of the issuer.
    assert_eq!(keys["keys"].as_array().unwrap().len(), 8);
    assert_eq!(home.json(&["audit", "verify"])["fault"], Value::Null);
    let tail = home.json(&["audit", "tail", "-n", "4"]);
    let actions: Vec<&str> = tail["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["entry"]["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["organization.add", "client.add", "trust.add", "credential.offer"]);
    let organizations = home.run(&["org", "list", "--lang", "ja"]);
    assert!(organizations.stdout.contains("瀬戸内精密工業株式会社  http://"), "{organizations:?}");
}

#[test]
fn a_broker_is_set_up_through_the_server_that_holds_the_store() {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    assert_eq!(server.text("issuer"), origin);
    assert_eq!(mode(&home.path("data/admin.sock")), "600");
    set_up(&home);
    assert_set_up(&home);
    assert_eq!(server.stop(), 0);
    assert!(!home.path("data/admin.sock").exists());
    // The changes are in the store, without a server too.
    assert_set_up(&home);
}

#[test]
fn a_broker_is_set_up_without_a_server_by_the_same_commands() {
    let home = Home::new();
    home.init();
    set_up(&home);
    assert_set_up(&home);
    let server = home.serve();
    assert_set_up(&home);
    assert_eq!(server.stop(), 0);
}

/// VCI-12, VI-12: an offer is a link for a wallet on this device and a QR code for a wallet on
/// another device. It says nothing about the person.
#[test]
fn an_offer_is_a_link_and_a_code_for_a_camera() {
    let home = Home::new();
    home.init();
    set_up(&home);
    for more in [&[][..], &["--by-value"], &["--by-value", "--wallet", "https://wallet.example/"]] {
        let done = home.run(&[&OFFER[..], more].concat());
        assert_eq!(done.code(), 0, "{done:?}");
        let link = done.stdout.lines().find_map(|line| {
            line.split_once(": ").filter(|(_, link)| link.contains("credential_offer"))
        });
        let (_, link) = link.unwrap();
        assert_eq!(read_qr(&done.stdout), link);
        for personal in ["m-0001", "regular", "瀬戸内", "member_ref"] {
            assert!(!link.contains(personal), "{link}");
        }
    }
    let json = home.json(&OFFER);
    assert!(json["uri"].is_string(), "scripts get no picture: {json}");
}

/// Reads the QR code as a camera would read it from a dark terminal.
fn read_qr(output: &str) -> String {
    let drawn = |line: &&str| line.chars().any(|c| "▀▄█".contains(c));
    let rows: Vec<Vec<char>> =
        output.lines().filter(drawn).map(|line| line.chars().collect()).collect();
    let light = |x: usize, y: usize| {
        let module = rows.get(y / 2).and_then(|row| row.get(x)).copied().unwrap_or(' ');
        module == '█' || module == if y.is_multiple_of(2) { '▀' } else { '▄' }
    };
    // Draw four pixels for each module, because a camera sees more than one.
    let (width, height) = (rows[0].len() * 4, rows.len() * 8);
    let pixel = |x: usize, y: usize| if light(x / 4, y / 4) { 255 } else { 0 };
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
    let grids = seen.detect_grids();
    assert_eq!(grids.len(), 1, "{output}");
    grids[0].decode().unwrap().1
}

#[test]
fn a_dry_run_changes_nothing() {
    let home = Home::new();
    home.init();
    let server = home.serve();
    home.json(&ADD_ORG);
    let before = home.json(&["key", "list", "--all"]);
    let rotate = ["key", "rotate", "--purpose", "credential", "--org", TENANT, "--dry-run"];
    let plan = home.json(&rotate);
    assert_eq!(plan["audit_id"], Value::Null);
    let steps: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["activate", "publish spare", "retire", "unpublish"]);
    let told = home.run(&[&rotate[..], &["--lang", "ja"]].concat());
    assert!(told.stdout.contains("公開済みの予備鍵を使用"), "{told:?}");
    assert!(told.stdout.contains("旧鍵は自身の状態リストだけに署名"), "{told:?}");
    assert!(told.stderr.contains("計画"), "{told:?}");
    assert_eq!(home.json(&["key", "list", "--all"]), before);

    let client = home.json(&[&ADD_CLIENT[..], &["--dry-run"]].concat());
    assert_eq!(client["client_secret"], Value::Null);
    let other = ["org", "add", OPERATOR, "--name-ja", "北海", "--name-en", "Hokkai", "--dry-run"];
    home.json(&other);
    let offer = home.json(&[&OFFER[..], &["--dry-run"]].concat());
    assert_eq!(offer["tx_code"], Value::Null);
    let status = home.json(&["status"]);
    assert_eq!((&status["organizations"], &status["clients"]), (&Value::from(1), &Value::from(0)));
    drop(server);
}

#[test]
fn a_rotation_begins_and_is_on_record() {
    let home = Home::new();
    home.init();
    let rotated = home.json(&["key", "rotate", "--purpose", "id-token", "--alg", "ES256"]);
    let id = rotated["audit_id"].as_str().unwrap();
    let tail = home.json(&["audit", "tail"]);
    let noted = tail["records"].as_array().unwrap().iter().any(|record| {
        record["entry"]["action"] == "key.rotate" && record["entry"]["details"]["id"] == id
    });
    assert!(noted, "{tail}");
}

#[test]
fn what_cannot_be_undone_wants_the_id_typed() {
    let home = Home::new();
    home.init();
    home.json(&ADD_CLIENT);
    let remove = ["client", "remove", "portal"];
    assert_failed(&home.run(&remove), 2, &["--yes"]);
    assert_failed(&home.run_with(&remove, "Portal\n"), 2, &["Nothing was changed"]);
    assert_eq!(home.json(&["status"])["clients"], 1);
    assert_eq!(home.run_with(&remove, "portal\n").code(), 0);
    assert_eq!(home.json(&["status"])["clients"], 0);
    home.json(&ADD_CLIENT);
    assert_eq!(home.run(&["client", "remove", "portal", "--yes"]).code(), 0);
}

#[test]
fn failures_have_their_exit_codes_and_say_what_to_do() {
    let home = Home::new();
    assert_failed(&home.run(&["serve"]), 1, &["sekisho init", "--config"]);
    home.init();
    assert_failed(&home.run(&["org"]), 2, &["Usage"]);
    assert_failed(
        &home.run(&["org", "add", "8900000000002", "--name-ja", "a", "--name-en", "b"]),
        2,
        &[],
    );
    assert_failed(&home.run(&["client", "remove", "nobody", "--yes"]), 4, &["nobody"]);
    assert_failed(&home.run(&["credential", "revoke", "--last", "affiliation", "--yes"]), 4, &[]);
    assert_eq!(home.run(&ADD_ORG).code(), 0);
    assert_failed(&home.run(&ADD_ORG), 1, &["exists already"]);
    let personal = [&OFFER[..], &["--claim", "individual_number=1"]].concat();
    assert_failed(&home.run(&personal), 2, &["individual_number"]);
    let holder = [&OFFER[..], &["--holder", "nobody"]].concat();
    assert_failed(&home.run(&holder), 4, &["nobody"]);
    let json = home.run(&["client", "remove", "nobody", "--yes", "--json"]);
    let error: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&error["error"], json.code()), (&Value::from("not_found"), 4));
    assert_failed(&home.run(&["explain", "C-9999"]), 4, &[]);
    assert!(home.run(&["explain", "c-2008"]).stdout.starts_with("C-2008: "));
}

#[test]
fn init_keeps_others_out_and_overwrites_nothing() {
    let home = Home::new();
    let origin = home.init();
    let modes = ["data", "data/root.key", "data/sekisho.redb", "data/origin"]
        .map(|name| mode(&home.path(name)));
    assert_eq!(modes, ["700", "600", "600", "600"]);
    let pem = std::fs::read_to_string(home.path("data/ca.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let config = std::fs::read_to_string(home.path("sekisho.toml")).unwrap();
    assert_failed(&home.run(&["init", "--origin", &origin]), 1, &["exists already"]);
    assert_eq!(std::fs::read_to_string(home.path("sekisho.toml")).unwrap(), config);

    // After an interrupted run, `init` continues with the same keys, and only for the same origin.
    std::fs::remove_file(home.path("sekisho.toml")).unwrap();
    assert_failed(
        &home.run(&["init", "--origin", "http://localhost:1"]),
        1,
        &[&origin, "localhost:1"],
    );
    home.json(&["init", "--origin", &origin]);
    assert_eq!(std::fs::read_to_string(home.path("data/ca.pem")).unwrap(), pem);

    // If the store exists but its root key is lost, no new key is made.
    std::fs::remove_file(home.path("sekisho.toml")).unwrap();
    std::fs::remove_file(home.path("data/root.key")).unwrap();
    assert_failed(&home.run(&["init", "--origin", &origin]), 1, &["root key", "put the key back"]);
}

#[test]
fn a_root_key_that_others_can_read_is_refused() {
    let home = Home::new();
    home.init();
    let key = home.path("data/root.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_failed(&home.run(&["serve"]), 1, &["root.key", "chmod 600"]);
}

#[test]
fn a_second_server_on_one_store_is_refused() {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    assert_failed(&home.run(&["serve"]), 1, &["Address already in use"]);
    let config = std::fs::read_to_string(home.path("sekisho.toml")).unwrap();
    let port = origin.rsplit(':').next().unwrap();
    let moved = config.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:0");
    assert_ne!(moved, config);
    std::fs::write(home.path("second.toml"), moved).unwrap();
    assert_failed(&home.run(&["--config", "second.toml", "serve"]), 1, &["another server holds"]);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_held_store_without_an_admin_socket_is_told() {
    let home = Home::new();
    home.init();
    let server = home.serve();
    std::fs::remove_file(home.path("data/admin.sock")).unwrap();
    assert_failed(&home.run(&["status"]), 5, &["sekisho.redb", "admin.sock", "fuser"]);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_server_that_was_killed_leaves_nothing_in_the_way() {
    let home = Home::new();
    home.init();
    let server = home.serve();
    home.json(&ADD_ORG);
    server.kill();
    assert!(home.path("data/admin.sock").exists());
    assert_eq!(home.json(&["status"])["organizations"], 1);
    let server = home.serve();
    assert_eq!(home.json(&["status"])["organizations"], 1);
    assert_eq!(server.stop(), 0);
}

#[test]
fn mistakes_in_the_configuration_are_told_with_their_line() {
    let home = Home::new();
    home.init();
    let path = home.path("sekisho.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    for (from, to, words) in [
        ("max_gpus = 16", "max_gpu = 16", ["max_gpu", "sekisho.toml:"]),
        ("preferred = true", "preferred = false", ["preferred", "sekisho.toml:"]),
        ("tls = \"none\"", "tls = \"own\"", ["the origin is http", "sekisho.toml:"]),
        (
            "response_mode = \"direct_post.jwt\"",
            "response_mode = \"post\"",
            ["post", "sekisho.toml:"],
        ),
    ] {
        let changed = config.replace(from, to);
        assert_ne!(changed, config, "{from}");
        std::fs::write(&path, changed).unwrap();
        assert_failed(&home.run(&["status"]), 1, &words);
    }
}

#[test]
fn keys_that_everybody_has_serve_this_machine_only() {
    let home = Home::new();
    let key = |name: &str| format!("{}/../../keys-dev/{name}", env!("CARGO_MANIFEST_DIR"));
    let (certificate, private) = (key("localhost.pem"), key("localhost.key"));
    let tls = ["--tls", "files", "--certificate", &certificate, "--key", &private];
    let origin = format!("https://localhost:{}", free_port());
    home.json(&[&["init", "--origin", &origin, "--listen", "127.0.0.1:0"], &tls[..]].concat());
    assert_eq!(home.serve().stop(), 0);
    let config = std::fs::read_to_string(home.path("sekisho.toml")).unwrap();
    let open = config.replace("127.0.0.1:0", "0.0.0.0:0");
    assert_ne!(open, config);
    std::fs::write(home.path("sekisho.toml"), open).unwrap();
    assert_failed(&home.run(&["serve"]), 1, &["keys-dev", "loopback"]);
}

#[test]
fn the_root_key_may_come_from_systemd() {
    let home = Home::new();
    let credentials = home.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let origin = format!("http://localhost:{}", free_port());
    let init = ["init", "--origin", &origin, "--root-key", "systemd"];
    assert_failed(&home.run(&init), 1, &["LoadCredentialEncrypted"]);
    std::fs::write(credentials.join("sekisho-root-key"), "ab".repeat(32)).unwrap();
    let open = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("CREDENTIALS_DIRECTORY", &credentials).output().unwrap().status.code()
    };
    let private = std::fs::Permissions::from_mode(0o400);
    std::fs::set_permissions(credentials.join("sekisho-root-key"), private).unwrap();
    assert_eq!(open(&init), Some(0));
    assert!(!home.path("data/root.key").exists());
    assert_eq!(open(&["status"]), Some(0));
    assert_failed(&home.run(&["status"]), 1, &["LoadCredentialEncrypted"]);
}

#[test]
fn completions_are_for_the_shell() {
    let home = Home::new();
    assert!(home.run(&["completions", "bash"]).stdout.contains("_sekisho"));
}
