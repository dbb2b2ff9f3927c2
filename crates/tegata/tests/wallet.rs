//! The wallet against an issuer and a verifier of flesh and HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says where"
)]

mod peers;

use std::io::Cursor;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use clap::Parser as _;
use peers::{Answer, Mood, Peers, TX_CODE, authority};
use sekisho_ambient::{Clock, Entropy};
use serde_json::{Value, json};
use tegata::cli::{Arguments, Terminal, run};
use tegata::text::Lang;
use tegata::{Surroundings, Wallet, WalletError, WalletServer, router};
use tower::ServiceExt as _;

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

/// The one presentation that the verifier got.
fn presented(peers: &Peers) -> std::collections::BTreeMap<String, Value> {
    match peers.answers().as_slice() {
        [Answer::Presented(credentials)] => credentials.clone(),
        other => panic!("{other:?}"),
    }
}

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

// --- receiving -----------------------------------------------------------------------------------

#[tokio::test]
async fn a_credential_is_received_by_value_and_by_reference_and_kept() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    for link in [peers.offer_by_value(), peers.offer_by_reference()] {
        let received = holder.wallet.accept(&link, None).await.unwrap();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].vct, peers.vct());
    }
    let again = Wallet::open(&holder.path, surroundings(&peers.clock)).unwrap();
    let kept = again.credentials().unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].issuer_name.ja, "瀬戸内精密工業株式会社");
    let email = kept[0].claims.iter().find(|claim| claim.path == ["email"]).unwrap();
    assert_eq!(email.value, "taro@setouchi.example");
    assert!(email.label.ja != "email" && !email.label.en.is_empty());
}

#[tokio::test]
async fn a_transaction_code_is_asked_for_and_sent() {
    let peers = Peers::start().await;
    peers.is(Mood { tx_code: true, ..Mood::default() });
    let holder = holder(&peers);
    let offer = peers.offer_by_value();
    let accept = |tx_code| holder.wallet.accept(&offer, tx_code);
    assert!(matches!(accept(None).await, Err(WalletError::TxCode(_))));
    let wrong = accept(Some("000000")).await.unwrap_err();
    assert!(
        matches!(&wrong, WalletError::Refused { status: 400, error, .. } if error == "invalid_grant")
    );
    assert_eq!(wrong.exit_code(), 3);
    assert!(accept(Some(TX_CODE)).await.is_ok());
    peers.is(Mood::default());
    let offer = peers.offer_by_value();
    let accept = |tx_code| holder.wallet.accept(&offer, tx_code);
    assert!(matches!(accept(Some(TX_CODE)).await, Err(WalletError::TxCode(_))), "none is expected");
}

#[tokio::test]
async fn an_issuer_under_no_authority_of_the_wallet_is_refused() {
    let peers = Peers::start().await;
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::create(dir.path(), surroundings(&peers.clock)).unwrap();
    wallet.trust(&[authority("another").2]).unwrap();
    let refused = wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert_eq!(refused.code(), Some("C-2005"), "{refused}");
    assert!(wallet.credentials().unwrap().is_empty());
    let trusting = wallet.clone().with_anchors(peers.anchors.clone());
    assert!(trusting.accept(&peers.offer_by_value(), None).await.is_ok());
}

#[tokio::test]
async fn a_credential_for_another_holder_is_refused() {
    let peers = Peers::start().await;
    peers.is(Mood { foreign_holder: true, ..Mood::default() });
    let holder = holder(&peers);
    let refused = holder.wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert_eq!(refused.code(), Some("C-2007"), "{refused}");
    assert!(holder.wallet.credentials().unwrap().is_empty());
}

#[tokio::test]
async fn a_credential_of_another_type_than_offered_is_refused() {
    let peers = Peers::start().await;
    peers.is(Mood { wrong_type: true, ..Mood::default() });
    let holder = holder(&peers);
    let refused = holder.wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert!(matches!(refused, WalletError::Credential { .. }), "{refused}");
    assert!(holder.wallet.credentials().unwrap().is_empty());
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    let peers = Peers::start().await;
    peers.is(Mood { wrong_credential_issuer: true, ..Mood::default() });
    let refused = holder(&peers).wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert!(matches!(refused, WalletError::Offer(_)), "{refused}");
}

// --- showing -------------------------------------------------------------------------------------

#[tokio::test]
async fn only_what_is_asked_leaves_and_what_was_shown_is_what_leaves() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    assert_eq!(prepared.who.name.ja, "北海GPUポータル");
    assert_eq!(prepared.who.corporate_number.as_deref(), Some("8900000000001"));
    assert!(prepared.who.anchored);
    assert_eq!(prepared.why.en, "To know who uses the GPUs");
    let shown: Vec<&str> =
        prepared.chosen[0].leaves.iter().map(|claim| claim.path[0].as_str()).collect();
    assert_eq!(shown, ["member_ref", "email"]);
    assert!(peers.answers().is_empty(), "nothing leaves before the holder says so");
    let outcome = holder.wallet.present(prepared).await.unwrap();
    assert_eq!(outcome.redirect_uri.unwrap(), format!("{}/done?response_code=c", peers.base));
    let credentials = presented(&peers);
    let claims = names(&credentials["affiliation"]);
    assert!(claims.contains(&"email") && claims.contains(&"member_ref"), "{claims:?}");
    assert!(!claims.contains(&"name") && !claims.contains(&"affiliation_type"), "{claims:?}");
}

#[tokio::test]
async fn an_answer_goes_plain_where_that_is_asked() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { plain_answer: true, ..Mood::default() });
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    holder.wallet.present(prepared).await.unwrap();
    assert!(matches!(peers.answers()[0], Answer::Presented(_)));
}

#[tokio::test]
async fn a_lacking_optional_credential_is_named_and_does_not_hinder() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { asks_for_training: Some(false), ..Mood::default() });
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    assert!(prepared.missing.is_empty());
    assert_eq!(prepared.not_held.len(), 1);
    holder.wallet.present(prepared).await.unwrap();
    let credentials = presented(&peers);
    assert_eq!(credentials.keys().collect::<Vec<_>>(), ["affiliation"]);
}

#[tokio::test]
async fn a_lacking_required_credential_is_named_in_both_languages_and_nothing_leaves() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { asks_for_training: Some(true), ..Mood::default() });
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    let missing = prepared.missing[0].clone();
    let refused = holder.wallet.present(prepared).await.unwrap_err();
    assert!(matches!(refused, WalletError::Missing(_)));
    assert!(
        refused.explain(Lang::Ja).contains(&missing.ja)
            && refused.explain(Lang::En).contains(&missing.en)
    );
    assert_ne!(missing.ja, missing.en);
    assert!(peers.answers().is_empty());
}

#[tokio::test]
async fn an_expired_credential_is_not_shown() {
    let (clock, hand) = Clock::manual(Clock::system().now());
    let peers = Peers::start_at(clock).await;
    let holder = member(&peers).await;
    hand.advance(25 * 3600);
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    assert_eq!(prepared.missing.len(), 1);
}

#[tokio::test]
async fn declining_tells_the_verifier_and_nothing_more() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let prepared = holder.wallet.prepare(&peers.request()).await.unwrap();
    let outcome = holder.wallet.decline(prepared).await.unwrap();
    assert!(outcome.redirect_uri.is_some());
    assert_eq!(peers.answers(), [Answer::Refused("access_denied".to_owned())]);
}

#[tokio::test]
async fn a_request_that_is_late_or_of_a_stranger_is_refused() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { late_request: true, ..Mood::default() });
    let late = holder.wallet.prepare(&peers.request()).await;
    assert!(matches!(late, Err(WalletError::Expired)), "{:?}", late.err());
    peers.is(Mood::default());
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::create(dir.path(), surroundings(&peers.clock)).unwrap();
    let anybody = wallet.prepare(&peers.request()).await.unwrap();
    assert!(!anybody.who.anchored, "without authorities the page says that nobody vouches");
    wallet.trust(&[authority("another").2]).unwrap();
    assert!(matches!(wallet.prepare(&peers.request()).await, Err(WalletError::Request(_))));
}

// --- the page ------------------------------------------------------------------------------------

struct Browser {
    pages: axum::Router,
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    html: String,
}

impl Browser {
    fn new(wallet: &Wallet, auto: bool) -> Self {
        Self { pages: router(WalletServer { wallet: wallet.clone(), auto, lang: Lang::Ja }) }
    }

    async fn send(&self, request: axum::http::request::Builder, body: String) -> Page {
        let response =
            self.pages.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Page { status, headers, html: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn open(&self, path: &str, link: &str) -> Page {
        let query = link.split_once('?').unwrap().1;
        let request = Request::get(format!("{path}?{query}")).header("host", "127.0.0.1:8790");
        self.send(request, String::new()).await
    }

    /// Presses a button of `page`.
    async fn press(&self, page: &Page, answer: &str, rest: &str, cookie: bool) -> Page {
        let between =
            |before: &str| page.html.split_once(before).unwrap().1.split_once('"').unwrap().0;
        let (action, token) = (between("action=\""), between("name=\"token\" value=\""));
        let mut request = Request::post(action.replace("&amp;", "&"))
            .header("host", "127.0.0.1:8790")
            .header("origin", "http://127.0.0.1:8790")
            .header("content-type", "application/x-www-form-urlencoded");
        if cookie {
            let set = page.headers["set-cookie"].to_str().unwrap();
            request = request.header("cookie", set.split(';').next().unwrap());
        }
        self.send(request, format!("token={token}&answer={answer}{rest}")).await
    }
}

#[tokio::test]
async fn the_page_shows_who_asks_what_and_why_and_returns_to_the_verifier() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::new(&holder.wallet, false);
    let page = browser.open("/authorize", &peers.request()).await;
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        "北海GPUポータル",
        "北海AI計算基盤株式会社",
        "8900000000001",
        "GPUの利用者を確認するため",
        "taro@setouchi.example",
        "id=\"present\"",
        "id=\"decline\"",
        &peers.base,
    ] {
        assert!(page.html.contains(text), "{text}");
    }
    assert!(!page.html.contains("山田") && !page.html.contains("<script"));
    assert!(peers.answers().is_empty());
    let stolen = browser.press(&page, "present", "", false).await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN);
    assert!(peers.answers().is_empty());
    let done = browser.press(&page, "present", "", true).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(done.headers["location"], format!("{}/done?response_code=c", peers.base));
    let twice = browser.press(&page, "present", "", true).await;
    assert_eq!(twice.status, StatusCode::GONE);
    assert_eq!(peers.answers().len(), 1);
}

#[tokio::test]
async fn the_page_declines() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::new(&holder.wallet, false);
    let page = browser.open("/authorize", &peers.request()).await;
    let done = browser.press(&page, "decline", "", true).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(peers.answers(), [Answer::Refused("access_denied".to_owned())]);
}

#[tokio::test]
async fn a_page_without_the_required_credential_can_only_decline() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    for auto in [false, true] {
        let page = Browser::new(&holder.wallet, auto).open("/authorize", &peers.request()).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(page.html.contains("id=\"missing\"") && page.html.contains("id=\"decline\""));
        assert!(!page.html.contains("id=\"present\""));
    }
    assert!(peers.answers().is_empty());
}

#[tokio::test]
async fn another_origin_is_named_before_the_browser_goes_there() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { redirect_elsewhere: true, ..Mood::default() });
    let browser = Browser::new(&holder.wallet, false);
    let page = browser.open("/authorize", &peers.request()).await;
    let done = browser.press(&page, "present", "", true).await;
    assert_eq!(done.status, StatusCode::OK);
    assert!(done.html.contains("href=\"https://elsewhere.example/done"));
}

#[tokio::test]
async fn the_page_receives_with_a_code_that_may_be_mistyped() {
    let peers = Peers::start().await;
    peers.is(Mood { tx_code: true, ..Mood::default() });
    let holder = holder(&peers);
    let browser = Browser::new(&holder.wallet, false);
    let page = browser.open("/accept", &peers.offer_by_reference()).await;
    assert!(page.html.contains("瀬戸内精密工業株式会社") && page.html.contains("name=\"tx_code\""));
    let wrong = browser.press(&page, "accept", "&tx_code=1", true).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.html.contains("role=\"alert\""));
    assert!(holder.wallet.credentials().unwrap().is_empty());
    let done = browser.press(&wrong, "accept", &format!("&tx_code={TX_CODE}"), true).await;
    assert_eq!(
        (done.status, &done.headers["location"]),
        (StatusCode::SEE_OTHER, &"/".parse().unwrap())
    );
    assert_eq!(holder.wallet.credentials().unwrap().len(), 1);
}

#[tokio::test]
async fn an_offer_that_is_not_wanted_spends_nothing() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let browser = Browser::new(&holder.wallet, false);
    let page = browser.open("/accept", &peers.offer_by_value()).await;
    let done = browser.press(&page, "cancel", "", true).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(holder.wallet.credentials().unwrap().is_empty());
}

#[tokio::test]
async fn scripts_present_and_return_by_redirects_alone() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let browser = Browser::new(&holder.wallet, true);
    let received = browser.open("/accept", &peers.offer_by_value()).await;
    assert_eq!(
        (received.status, &received.headers["location"]),
        (StatusCode::SEE_OTHER, &"/".parse().unwrap())
    );
    let shown = browser.open("/authorize", &peers.request()).await;
    assert_eq!(shown.status, StatusCode::SEE_OTHER);
    assert_eq!(shown.headers["location"], format!("{}/done?response_code=c", peers.base));
}

#[tokio::test]
async fn a_foreign_name_reaches_nothing_and_pages_are_locked_down() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::new(&holder.wallet, false);
    let get = |host: &str, uri: &str| Request::get(uri).header("host", host);
    let rebound = browser.send(get("wallet.attacker.example", "/"), String::new()).await;
    assert_eq!(rebound.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(rebound.html.is_empty());
    let page = browser.send(get("localhost:8790", "/?lang=en"), String::new()).await;
    assert!(page.html.contains("<html lang=\"en\">") && page.html.contains("Credentials"));
    assert!(
        page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
    );
    assert_eq!(page.headers["cache-control"], "no-store");
    let english = get("127.0.0.1:1", "/").header("accept-language", "en-US,ja;q=0.5");
    assert!(browser.send(english, String::new()).await.html.contains("<html lang=\"en\">"));
    let style = browser.send(get("127.0.0.1:1", "/style.css"), String::new()).await;
    assert!(style.html.contains("#0017c1"));
}

// --- the command line ----------------------------------------------------------------------------

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
