//! What the wallet keeps to and how it says it: the same answer to the same step, clocks, codes that
//! are typed in other ways, and errors in words.

use axum::http::{Request, StatusCode};
use sekisho_ambient::Lang;
use tegata::WalletError;

use crate::page::{Browser, Page};
use crate::peers::{Answer, Mood, Peers, TX_CODE};
use crate::{holder, member, stranger};

/// Asserts that a page or text speaks to people: no address, no code of a protocol.
fn speaks_to_people(text: &str) {
    for technical in
        ["://", "invalid_", "access_denied", "status 4", "error_description", "http:", "token"]
    {
        assert!(!text.contains(technical), "{technical} in {text}");
    }
}

/// The sentences of a page's notice.
fn notice(page: &Page) -> &str {
    let (before, notice) = page.html.split_once("class=\"notice error\" role=\"alert\">").unwrap();
    let end = if before.ends_with("<p ") { "</p>" } else { "</div>" };
    notice.split_once(end).unwrap().0
}

#[tokio::test]
async fn word_09_an_expired_certificate_of_a_listed_verifier_is_refused_and_not_unknown() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { expired_verifier: true, ..Mood::default() });
    let refused = holder.wallet.prepare(&peers.request()).await.err().unwrap();
    assert!(matches!(refused, WalletError::VerifierCertificate), "{refused}");
    assert!(refused.explain(Lang::Ja).contains("有効期間の外"));
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let page = browser.open("/authorize", &peers.request()).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(!page.html.contains("id=\"present\"") && !page.html.contains("id=\"unknown\""));
    // Who is unknown stays unknown, however old the certificate is.
    let unknown = stranger(&peers).await.wallet.prepare(&peers.request()).await.unwrap();
    assert!(!unknown.who.anchored);
}

#[tokio::test]
async fn word_14_a_second_press_is_told_what_the_first_was_told() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let offer = browser.open("/accept", &peers.offer_by_value()).await;
    let press = || browser.press(&offer, "accept", "", true);
    let (first, second) = tokio::join!(press(), press());
    let third = press().await;
    for page in [&first, &second, &third] {
        assert_eq!(page.leads(), (StatusCode::SEE_OTHER, "/"));
    }
    assert_eq!(holder.wallet.credentials().unwrap().len(), 1);
    let request = browser.open("/authorize", &peers.request()).await;
    let press = |answer: &'static str| browser.press(&request, answer, "", true);
    let (first, second) = tokio::join!(press("present"), press("present"));
    let third = press("decline").await;
    let done = format!("{}/done?response_code=c", peers.base);
    for page in [&first, &second, &third] {
        assert_eq!(page.leads(), (StatusCode::SEE_OTHER, done.as_str()));
    }
    assert_eq!(peers.answers().len(), 1);
}

#[tokio::test]
async fn word_14_an_offer_that_was_received_is_received_again_without_the_issuer() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let first = holder.wallet.accept(&peers.offer_by_value(), None).await.unwrap();
    // From now on, the issuer says that the offer was used.
    peers.is(Mood { used_offer: true, ..Mood::default() });
    let second = holder.wallet.accept(&peers.offer_by_reference(), None).await.unwrap();
    assert_eq!(first[0].id, second[0].id);
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let page = browser.open("/accept", &peers.offer_by_value()).await;
    let done = browser.press(&page, "accept", "", true).await;
    assert_eq!(done.leads(), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(holder.wallet.credentials().unwrap().len(), 1);
    holder.wallet.remove(&first[0].id).unwrap();
    let gone = holder.wallet.accept(&peers.offer_by_value(), None).await.unwrap_err();
    assert!(matches!(gone, WalletError::OfferEnded), "{gone}");
}

#[tokio::test]
async fn word_14_after_a_lost_reply_the_same_answer_is_sent_again() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    peers.is(Mood { lost_reply: true, ..Mood::default() });
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let page = browser.open("/authorize", &peers.request()).await;
    let lost = browser.press(&page, "present", "", true).await;
    assert_eq!(lost.status, StatusCode::BAD_GATEWAY);
    assert!(lost.html.contains("id=\"again\""), "{}", lost.html);
    speaks_to_people(notice(&lost));
    peers.is(Mood::default());
    let again = browser.press(&page, lost.between("name=\"answer\" value=\""), "", true).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let forms = peers.forms();
    assert_eq!(forms.len(), 2);
    assert_eq!(forms[0], forms[1], "byte for byte");
}

#[tokio::test]
async fn word_14_a_wrong_code_is_not_sent_twice() {
    let peers = Peers::start().await;
    peers.is(Mood { tx_code: true, ..Mood::default() });
    let holder = holder(&peers);
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let page = browser.open("/accept", &peers.offer_by_value()).await;
    for typed in ["000000", "000000", "０００ ０００"] {
        let wrong = browser.press(&page, "accept", &format!("&tx_code={typed}"), true).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(peers.codes(), ["000000"], "the issuer counts tries");
    let done = browser.press(&page, "accept", &format!("&tx_code={TX_CODE}"), true).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn word_15_a_clock_that_is_wrong_is_named() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let by_post = format!("{}&request_uri_method=post", peers.request());
    let at = |ahead, link: &str| {
        peers.is(Mood { verifier_ahead: ahead, ..Mood::default() });
        let (wallet, link) = (holder.wallet.clone(), link.to_owned());
        async move { wallet.prepare(&link).await }
    };
    assert!(at(8, &peers.request()).await.is_ok());
    assert!(at(55, &by_post).await.is_ok(), "a nonce proves that the request is fresh");
    for refused in [at(65, &by_post).await, at(30, &peers.request()).await] {
        let refused = refused.err().unwrap();
        assert!(matches!(refused, WalletError::Clock), "{refused}");
        assert!(refused.explain(Lang::Ja).contains("時計が"));
        assert!(refused.explain(Lang::En).contains("clock"));
        assert!(refused.explain(Lang::En).ends_with("(C-2015)"));
    }
}

#[tokio::test]
async fn word_18_digits_are_read_however_they_are_typed() {
    for typed in ["４９３５３６", "493 536", "493-536", "４９３－５３６", " 493　536 ", "493‐536"]
    {
        let peers = Peers::start().await;
        peers.is(Mood { tx_code: true, ..Mood::default() });
        let holder = holder(&peers);
        let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
        let page = browser.open("/accept", &peers.offer_by_value()).await;
        assert!(!page.html.contains("maxlength"), "a field that cuts off what is typed");
        let form =
            form_urlencoded::Serializer::new(String::new()).append_pair("tx_code", typed).finish();
        let done = browser.press(&page, "accept", &format!("&{form}"), true).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{typed}");
        assert_eq!(peers.codes(), [TX_CODE]);
    }
}

#[tokio::test]
async fn word_18_a_request_is_fetched_by_post_where_the_link_says_so() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let link = format!("{}&request_uri_method=post", peers.request());
    let prepared = holder.wallet.prepare(&link).await.unwrap();
    holder.wallet.present(prepared).await.unwrap();
    assert!(matches!(peers.answers()[0], Answer::Presented(_)));
    for answered in ["", "another"] {
        peers.is(Mood { wallet_nonce: Some(answered), ..Mood::default() });
        let refused = holder.wallet.prepare(&link).await.err().unwrap();
        assert!(matches!(refused, WalletError::Request(_)), "{answered:?}: {refused}");
    }
    let unknown = format!("{}&request_uri_method=put", peers.request());
    assert!(matches!(holder.wallet.prepare(&unknown).await, Err(WalletError::Link(_))));
}

#[tokio::test]
async fn word_27_a_wrong_code_and_a_used_offer_are_told_apart_in_words() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let told = |mood: Mood, code: Option<&'static str>| {
        peers.is(mood);
        let (wallet, link) = (holder.wallet.clone(), peers.offer_by_value());
        async move { wallet.accept(&link, code).await.unwrap_err() }
    };
    let wrong = "受け取りコードが違います";
    let ended = "この案内は使用済みか、期限が切れています";
    let with_code = Mood { tx_code: true, ..Mood::default() };
    let says = |description| Mood { grant_description: Some(description), ..with_code.clone() };
    let used = |description| Mood { used_offer: true, ..says(description) };
    let used_offer = Mood { used_offer: true, ..Mood::default() };
    for (error, expected, other) in [
        (told(with_code.clone(), Some("000000")).await, wrong, ""),
        (told(says("the transaction code is wrong"), Some("000000")).await, wrong, ended),
        (told(used("the code is unknown, used or expired"), Some(TX_CODE)).await, ended, wrong),
        (told(used_offer, None).await, ended, wrong),
    ] {
        let text = error.explain(Lang::Ja);
        assert!(text.contains(expected), "{text}");
        assert!(other.is_empty() || !text.contains(other), "{text}");
        speaks_to_people(&text);
        speaks_to_people(&error.explain(Lang::En));
    }
}

#[tokio::test]
async fn word_27_the_page_of_an_error_speaks_to_people_and_leads_back() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let coded = "C-2001: This credential was revoked by its issuer.";
    for (description, expected) in [
        (coded, "この証明書は発行元によって取り消されています。"),
        ("the answer came too late", "「the answer came too late」"),
        ("see http://127.0.0.1:1/why", "「see」"),
    ] {
        peers.is(Mood { refusal: Some(description), ..Mood::default() });
        let page = browser.open("/authorize", &peers.request()).await;
        let refused = browser.press(&page, "present", "", true).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.html.contains("証明書を提示できませんでした"));
        assert!(notice(&refused).contains(expected), "{}", refused.html);
        speaks_to_people(notice(&refused));
        // The way back: the same request once more, and the list.
        let again = refused.between("id=\"again\" class=\"button\" href=\"").replace("&#38;", "&");
        assert!(again.starts_with("/authorize?client_id="), "{again}");
        let again = browser.send(browser.get(&again), String::new()).await;
        assert!(again.html.contains("id=\"present\""));
        assert!(refused.html.contains("id=\"back\" href=\"/?lang=ja\""));
    }
}

#[tokio::test]
async fn word_27_no_error_shows_an_address_or_a_code_of_a_protocol() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let nowhere = "openid4vp://?client_id=x509_hash%3Aa&request_uri=http%3A%2F%2F127.0.0.1%3A9%2Fr";
    let mut pages = Vec::new();
    for (path, link) in [
        ("/authorize", "?request_uri=ftp%3A%2F%2Fa.example%2Fx&client_id=a"),
        ("/authorize", nowhere),
        ("/accept", "?credential_offer=%7B%7D"),
        ("/accept", "?credential_offer_uri=http%3A%2F%2Fissuer.example%2Fo"),
    ] {
        let page = browser.open(path, link).await;
        if !page.html.contains("id=\"connect\"") {
            assert!(!page.status.is_success(), "{link}");
            assert!(page.html.contains("id=\"again\"") && page.html.contains("id=\"back\""));
            pages.push(page);
        }
    }
    assert!(pages.len() >= 3);
    for page in &pages {
        speaks_to_people(notice(page));
    }
    peers.is(Mood { tx_code: true, ..Mood::default() });
    let page = browser.open("/accept", &peers.offer_by_value()).await;
    let wrong = browser.press(&page, "accept", "&tx_code=000000", true).await;
    assert!(notice(&wrong).contains("受け取りコードが違います"), "{}", wrong.html);
    speaks_to_people(notice(&wrong));
}

#[tokio::test]
async fn word_29_cards_show_words() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let list = browser.send(browser.get("/"), String::new()).await;
    assert!(list.html.contains("<dd>正社員</dd>") && !list.html.contains("regular"));
    let list = browser.send(browser.get("/?lang=en"), String::new()).await;
    assert!(list.html.contains("<dd>regular employee</dd>"), "{}", list.html);
    let credential = &holder.wallet.credentials().unwrap()[0];
    let kind = credential.claims.iter().find(|claim| claim.path == ["affiliation_type"]).unwrap();
    assert_eq!((kind.value.as_str(), kind.shown.ja.as_str()), ("regular", "正社員"));
}

#[tokio::test]
async fn word_29_one_word_for_one_thing() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let present = browser.open("/authorize", &peers.request()).await;
    assert!(present.html.contains("提示する</button>"));
    assert!(present.html.contains("提示先の証明書を確認済み"));
    peers.is(Mood { tx_code: true, ..Mood::default() });
    let accept = browser.open("/accept", &peers.offer_by_value()).await;
    assert!(accept.html.contains("受け取りコード</label>"));
    let closed = Request::get("/").header("host", crate::page::HOST);
    let closed = browser.send(closed, String::new()).await;
    for page in [&present, &accept, &closed] {
        for old in ["見せる", "見せない", "受け取り番号", "連鎖", "できませんでした"]
        {
            assert!(!page.html.contains(old), "{old} in {}", page.html);
        }
    }
}
