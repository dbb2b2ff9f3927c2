//! Who reaches the wallet's page: its owner alone, and only by a page that the owner opens.

use axum::http::{Request, StatusCode};
use tegata::{Opener, WalletServer, router};

use crate::page::{Browser, HOST, Page};
use crate::peers::Peers;
use crate::{holder, member};

/// Every address of the page, with a link where one is opened.
fn addresses(peers: &Peers) -> Vec<String> {
    let query = |link: String| link.split_once('?').unwrap().1.to_owned();
    let (offer, request) = (query(peers.offer_by_reference()), query(peers.request()));
    vec![
        "/".to_owned(),
        format!("/?{offer}"),
        format!("/?{request}"),
        format!("/accept?{offer}"),
        format!("/authorize?{request}"),
    ]
}

fn is_closed(page: &Page) -> bool {
    page.status == StatusCode::FORBIDDEN
        && page.html.contains("tegata serve")
        && !page.html.contains("<form")
        && !page.headers.contains_key("set-cookie")
}

#[tokio::test]
async fn word_07_nobody_gets_a_page_without_the_secret_of_the_link() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    for auto in [false, true] {
        let browser = Browser::open_wallet(&peers, &holder.wallet, auto).await;
        let called = peers.calls();
        for address in addresses(&peers) {
            let bare = || Request::get(&address).header("host", HOST);
            let wrong = format!("{}x", browser.owner);
            let separator = if address.contains('?') { '&' } else { '?' };
            let guessed = format!("{address}{separator}token=guess");
            for request in [
                bare(),
                bare().header("cookie", "tegata-8790="),
                bare().header("cookie", wrong),
                bare().header("cookie", browser.owner.replace("tegata-8790", "tegata-1")),
                Request::get(&guessed).header("host", HOST),
            ] {
                let page = browser.send(request, String::new()).await;
                assert!(is_closed(&page), "{address}: {} {}", page.status, page.html);
            }
        }
        assert_eq!(peers.calls(), called, "nothing is fetched for a stranger");
    }
    assert!(peers.answers().is_empty());
}

#[tokio::test]
async fn word_07_a_form_needs_the_secret_too() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let mut browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let page = browser.open("/authorize", &peers.request()).await;
    let owner = std::mem::replace(&mut browser.owner, "other=1".to_owned());
    assert!(is_closed(&browser.press(&page, "present", "", true).await));
    assert!(peers.answers().is_empty());
    browser.owner = owner;
    let done = browser.press(&page, "present", "", true).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn word_07_the_link_becomes_a_cookie_and_leads_on_without_the_secret() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let opener = Opener::draw(&sekisho_ambient::Entropy::system());
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let address = format!("http://{HOST}");
    let link = opener.link(&format!("{address}/accept?credential_offer_uri=x&lang=en"));
    let link = link.strip_prefix(&address).unwrap();
    let secret = link.rsplit('=').next().unwrap().to_owned();
    assert!(secret.len() >= 43, "256 bits");
    let server = WalletServer {
        wallet: holder.wallet.clone(),
        auto: false,
        lang: sekisho_ambient::Lang::Ja,
        known: Vec::new(),
    };
    let other = router(server, &opener);
    let request = Request::get(link).header("host", HOST).header("sec-fetch-site", "cross-site");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let opened = tower::ServiceExt::oneshot(other, request).await.unwrap();
    assert_eq!(opened.status(), StatusCode::SEE_OTHER);
    assert_eq!(opened.headers()["location"], "/accept?credential_offer_uri=x&lang=en");
    let cookie = opened.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with(&format!("tegata-8790={secret};")), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    // The secret of one wallet opens no other.
    let foreign = Request::get(link).header("host", HOST);
    assert!(is_closed(&browser.send(foreign, String::new()).await));
}

#[tokio::test]
async fn word_07_what_a_page_loads_is_refused_before_anything_is_fetched() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let called = peers.calls();
    for address in addresses(&peers) {
        for (mode, dest, site) in [
            ("no-cors", "image", "cross-site"),
            ("no-cors", "image", "same-site"),
            ("no-cors", "image", "same-origin"),
            ("no-cors", "script", "cross-site"),
            ("no-cors", "style", "cross-site"),
            ("cors", "empty", "cross-site"),
            ("no-cors", "empty", "none"),
            ("navigate", "iframe", "cross-site"),
            ("navigate", "frame", "same-site"),
            ("navigate", "object", "cross-site"),
            ("navigate", "embed", "cross-site"),
            ("cors", "font", "cross-site"),
        ] {
            let request = browser
                .get(&address)
                .header("sec-fetch-mode", mode)
                .header("sec-fetch-dest", dest)
                .header("sec-fetch-site", site);
            let page = browser.send(request, String::new()).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{address} {mode} {dest} {site}");
        }
        for header in ["sec-purpose", "purpose"] {
            let request = browser.get(&address).header(header, "prefetch");
            let page = browser.send(request, String::new()).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{address} {header}");
        }
    }
    assert_eq!(peers.calls(), called);
    // A link on another site opens the page, and so does a browser that says nothing.
    let opened = browser
        .get(&addresses(&peers)[4])
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", "cross-site");
    let page = browser.send(opened, String::new()).await;
    assert!(page.html.contains("id=\"present\""), "{}", page.html);
}

#[tokio::test]
async fn word_07_a_program_on_this_machine_is_called_only_after_a_press() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let known = Vec::new;
    let browser = Browser::open_with(&holder.wallet, false, known()).await;
    let called = peers.calls();
    for (path, link, button) in [
        ("/authorize", peers.request(), "id=\"present\""),
        ("/accept", peers.offer_by_reference(), "id=\"accept\""),
        ("/accept", peers.offer_by_value(), "id=\"accept\""),
        ("/", peers.request(), "id=\"present\""),
    ] {
        let before = peers.calls();
        let page = browser.open(path, &link).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.html.contains("id=\"connect\"") && page.html.contains(&peers.base));
        assert_eq!(peers.calls(), before, "nothing is fetched before the press: {link}");
        let cancelled = browser.press(&page, "cancel", "", true).await;
        assert_eq!((cancelled.status, peers.calls()), (StatusCode::SEE_OTHER, before));
        let stolen = browser.press(&page, "connect", "", false).await;
        assert_eq!((stolen.status, peers.calls()), (StatusCode::FORBIDDEN, before));
        let page = browser.press(&page, "connect", "", true).await;
        assert!(page.html.contains(button), "{}", page.html);
        assert!(peers.calls() > before);
    }
    assert!(peers.calls() > called);
    // What was agreed to for one link holds to its end.
    let page = browser.open("/authorize", &peers.request()).await;
    let page = browser.press(&page, "connect", "", true).await;
    let done = browser.press(&page, "present", "", true).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(peers.answers().len(), 1);
}

#[tokio::test]
async fn word_07_no_spelling_of_this_machine_is_called_without_a_press() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_with(&holder.wallet, false, Vec::new()).await;
    let port = peers.base.rsplit(':').next().unwrap();
    let called = peers.calls();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.2",
        "localhost",
        "LocalHost",
        "localhost.",
        "x.localhost",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
    ] {
        for scheme in ["http", "https"] {
            let at = format!("{scheme}://{host}:{port}/request");
            let request = peers.request_at(&at);
            let offer =
                sekisho_openid4vci::offer::link_by_reference("openid-credential-offer://", &at);
            for (path, link) in [("/authorize", request), ("/accept", offer)] {
                let page = browser.open(path, &link).await;
                let asked = page.html.contains("id=\"connect\"");
                assert!(asked || page.status == StatusCode::BAD_REQUEST, "{at}: {}", page.html);
            }
        }
    }
    assert_eq!(peers.calls(), called);
}

#[tokio::test]
async fn word_07_scripts_connect_unless_another_site_led_there() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_with(&holder.wallet, true, Vec::new()).await;
    let address = &addresses(&peers)[4];
    let called = peers.calls();
    for site in ["cross-site", "same-site"] {
        let led = browser.get(address).header("sec-fetch-site", site);
        assert!(browser.send(led, String::new()).await.html.contains("id=\"connect\""));
    }
    assert_eq!(peers.calls(), called);
    let shown = browser.send(browser.get(address), String::new()).await;
    assert_eq!(shown.status, StatusCode::SEE_OTHER);
    assert_eq!(peers.answers().len(), 1);
}
