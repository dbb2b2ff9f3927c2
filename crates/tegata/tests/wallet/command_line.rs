//! The command line: exit codes, questions, and one JSON document for scripts.

use std::io::Cursor;

use clap::Parser as _;
use serde_json::{Value, json};
use tegata::cli::{Arguments, Terminal, run};

use crate::peers::{Answer, Peers};
use crate::{Holder, holder, member, stranger, surroundings};

async fn tegata(holder: &Holder, peers: &Peers, typed: &str, arguments: &[&str]) -> (u8, String) {
    let wallet = holder.path.to_str().unwrap();
    let program = ["tegata", "--wallet", wallet, "--lang", "ja"];
    let all = program.iter().chain(arguments);
    let arguments = Arguments::try_parse_from(all).unwrap();
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let mut input = Cursor::new(typed.to_owned());
    let mut terminal = Terminal { input: &mut input, output: &mut output, notes: &mut notes };
    let code = run(arguments, surroundings(&peers.clock), &mut terminal).await;
    (code, String::from_utf8(output).unwrap())
}

#[tokio::test]
async fn the_command_line_receives_lists_shows_and_removes() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let (code, output) =
        tegata(&holder, &peers, "", &["accept", &peers.offer_by_value(), "--json"]).await;
    assert_eq!(code, 0, "{output}");
    let received: Value = serde_json::from_str(&output).unwrap();
    let id = received["received"][0]["id"].as_str().unwrap().to_owned();
    let (code, output) = tegata(&holder, &peers, "", &["list"]).await;
    assert!(
        code == 0 && output.contains(&id) && output.contains("瀬戸内精密工業株式会社"),
        "{output}"
    );
    let (code, output) = tegata(&holder, &peers, "y\n", &["present", &peers.request()]).await;
    assert_eq!(code, 0);
    for text in [
        "北海GPUポータル",
        "GPUの利用者を確認するため",
        "taro@setouchi.example",
        "/done?response_code=c",
    ] {
        assert!(output.contains(text), "{text} in {output}");
    }
    let (code, _) = tegata(&holder, &peers, "n\n", &["present", &peers.request()]).await;
    assert_eq!(code, 3);
    assert_eq!(peers.answers().len(), 2);
    assert_eq!(peers.answers()[1], Answer::Refused("access_denied".to_owned()));
    assert_eq!(tegata(&holder, &peers, "", &["remove", &id]).await.0, 0);
    assert_eq!(tegata(&holder, &peers, "", &["remove", &id]).await.0, 4);
    assert_eq!(tegata(&holder, &peers, "", &["remove", "../key"]).await.0, 4);
    assert!(holder.path.join("key").exists());
    let (code, output) =
        tegata(&holder, &peers, "", &["present", &peers.request(), "--yes", "--json"]).await;
    let document: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &document["error"]["kind"]), (4, &json!("missing_credential")));
}

#[tokio::test]
async fn the_end_of_the_input_is_no_yes() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    assert_eq!(tegata(&holder, &peers, "", &["present", &peers.request()]).await.0, 3);
    assert!(!peers.answers().iter().any(|answer| matches!(answer, Answer::Presented(_))));
}

#[tokio::test]
async fn the_command_line_says_what_failed() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let gone = "openid4vp://?client_id=x509_hash%3Aa&request_uri=http%3A%2F%2F127.0.0.1%3A9%2Fr";
    assert_eq!(tegata(&holder, &peers, "", &["present", gone]).await.0, 5);
    assert_eq!(tegata(&holder, &peers, "", &["present", "mailto:a"]).await.0, 2);
    assert_eq!(tegata(&holder, &peers, "", &["serve", "--listen", "0.0.0.0:0"]).await.0, 2);
    assert_eq!(tegata(&holder, &peers, "", &["init"]).await.0, 2);
    let elsewhere = Holder { path: holder.path.join("nothing"), ..holder };
    assert_eq!(tegata(&elsewhere, &peers, "", &["list"]).await.0, 4);
}

#[tokio::test]
async fn yes_is_not_said_to_an_unknown_verifier_unless_it_is_typed() {
    let peers = Peers::start().await;
    let holder = stranger(&peers).await;
    let present = peers.request();
    let (code, output) =
        tegata(&holder, &peers, "y\n", &["present", &present, "--yes", "--json"]).await;
    let document: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &document["error"]["kind"]), (3, &json!("unknown_verifier")));
    assert!(peers.answers().is_empty());
    let (code, output) = tegata(&holder, &peers, "y\n", &["present", &present]).await;
    assert!(code == 0 && output.contains("登録されていません"), "{output}");
}

#[tokio::test]
async fn a_declined_request_is_one_document_with_the_way_back() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let (code, output) =
        tegata(&holder, &peers, "", &["present", &peers.request(), "--decline", "--json"]).await;
    assert_eq!(code, 3);
    let document: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&document["presented"], &document["chosen"]), (&json!(false), &json!([])));
    assert!(document["redirect_uri"].is_string());
}

#[test]
fn options_have_the_names_that_say_more() {
    let parse = |arguments: &[&str]| Arguments::try_parse_from(arguments).is_ok();
    assert!(parse(&["tegata", "--ca-file", "ca.pem", "init", "--trust-ca", "root.pem"]));
    assert!(parse(&["tegata", "serve", "--listen", "localhost:0", "--yes"]));
    assert!(!parse(&["tegata", "serve", "--listen", "wallet.example:0"]));
    assert!(!parse(&["tegata", "present", "link", "--yes", "--decline"]));
}
