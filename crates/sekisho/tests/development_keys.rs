//! Keys of `keys-dev/` are refused where other machines reach the broker, when they are named: over
//! a server and without one. On loopback they serve for trying out.

use crate::support::{Home, free_port};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sekisho_jose::x5c;
use serde_json::json;

fn development(name: &str) -> String {
    format!("{}/../../keys-dev/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

/// Writes the public key of a development certificate as a JWK Set.
fn jwks(home: &Home, name: &str) -> String {
    let der = CertificateDer::from_pem_file(development(name)).unwrap();
    let key = x5c::dangerous_leaf(&der).unwrap().key.jwk().to_value();
    let path = home.path(&format!("{name}.json"));
    std::fs::write(&path, json!({"keys": [key]}).to_string()).unwrap();
    path.display().to_string()
}

/// The commands that name a development key, with the member that is told.
fn commands(home: &Home) -> Vec<(&'static str, Vec<String>)> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut commands = Vec::new();
    for name in ["root", "localhost", "issuer"] {
        let anchors = development(name);
        let add = format!(
            "trust add https://{name}.example.jp --type ai-training --org 5900000000004 --anchors {anchors}"
        );
        let client = format!(
            "client add --id {name} --name-ja a --name-en a --purpose-ja a --purpose-en a \
             --redirect-uri https://rp.example/cb --auth private_key_jwt --jwks {}",
            jwks(home, name)
        );
        // Only a root can be an anchor at all.
        if name == "root" {
            commands.push(("anchors", words(&add)));
        }
        commands.push(("jwks", words(&client)));
    }
    commands
}

#[test]
fn word_08_a_development_key_is_refused_when_it_is_named() {
    let home = Home::new();
    let listen = format!("127.0.0.1:{}", free_port());
    home.json(&[
        "init",
        "--origin",
        "https://auth.example.jp",
        "--tls",
        "own",
        "--listen",
        &listen,
    ]);
    let refused = || {
        for (what, command) in commands(&home) {
            for more in [&[][..], &["--dry-run"]] {
                let command: Vec<&str> =
                    command.iter().map(String::as_str).chain(more.iter().copied()).collect();
                let done = home.run(&command);
                assert_eq!(done.code(), 1, "{command:?}: {done:?}");
                assert!(done.stderr.contains(what) && done.stderr.contains("keys-dev"), "{done:?}");
            }
        }
        let status = home.json(&["status"]);
        assert_eq!((&status["clients"], &status["trusted"]), (&json!(0), &json!(0)));
    };
    refused();
    let server = home.serve();
    refused();
    assert_eq!(server.stop(), 0);
}

/// An address that other machines reach counts like an origin that they reach.
#[test]
fn word_08_the_address_counts_as_much_as_the_origin() {
    let home = Home::new();
    let origin = format!("https://localhost:{}", free_port());
    let listen = format!("0.0.0.0:{}", free_port());
    home.json(&["init", "--origin", &origin, "--tls", "own", "--listen", &listen]);
    let (_, command) = commands(&home).remove(0);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    assert!(home.run(&command).stderr.contains("keys-dev"));
}

#[test]
fn word_08_development_keys_serve_for_trying_out() {
    let home = Home::new();
    home.init();
    for (_, command) in commands(&home) {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        home.json(&command);
    }
    // A change of the settings does not make them count.
    let config = home.path("sekisho.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let listen = text.lines().find(|line| line.starts_with("listen")).unwrap().to_owned();
    let wide = format!("listen = \"0.0.0.0:{}\"", free_port());
    std::fs::write(&config, text.replace(&listen, &wide)).unwrap();
    let done = home.run(&["serve"]);
    assert!(done.code() == 1 && done.stderr.contains("keys-dev"), "{done:?}");
    home.json(&["trust", "remove", "https://root.example.jp", "--yes"]);
    let done = home.run(&["serve"]);
    assert!(done.code() == 1 && done.stderr.contains("the client"), "{done:?}");
}
