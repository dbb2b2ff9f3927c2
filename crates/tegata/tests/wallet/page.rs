//! The wallet's page, as a browser without JavaScript meets it.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use sekisho_ambient::{Entropy, Lang};
use tegata::{Opener, Wallet, WalletServer, router};
use tower::ServiceExt as _;

use crate::peers::{Answer, Mood, Peers, TX_CODE};
use crate::{holder, member, stranger};

/// A browser of the wallet's owner.
pub(crate) struct Browser {
    pages: axum::Router,
    /// The cookie that opens the wallet.
    pub(crate) owner: String,
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    /// The status, and where the answer leads.
    pub(crate) fn leads(&self) -> (StatusCode, &str) {
        let location = self.headers.get("location").map(|to| to.to_str().unwrap());
        (self.status, location.unwrap_or_default())
    }

    /// The text between `before` and the next quotation mark.
    pub(crate) fn between(&self, before: &str) -> &str {
        self.html.split_once(before).unwrap().1.split_once('"').unwrap().0
    }
}

pub(crate) const HOST: &str = "127.0.0.1:8790";

impl Browser {
    /// Opens a wallet that knows the peers, which are on this machine.
    pub(crate) async fn open_wallet(peers: &Peers, wallet: &Wallet, auto: bool) -> Self {
        Self::open_with(wallet, auto, vec![peers.base.clone()]).await
    }

    pub(crate) async fn open_with(wallet: &Wallet, auto: bool, known: Vec<String>) -> Self {
        let opener = Opener::draw(&Entropy::system());
        let server = WalletServer { wallet: wallet.clone(), auto, lang: Lang::Ja, known };
        let mut browser = Self { pages: router(server, &opener), owner: String::new() };
        let link = opener.link("");
        let opened = browser.send(Request::get(&link).header("host", HOST), String::new()).await;
        assert_eq!(opened.leads(), (StatusCode::SEE_OTHER, "/"));
        let cookie = opened.headers["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut browser.owner);
        browser
    }

    pub(crate) async fn send(&self, request: axum::http::request::Builder, body: String) -> Page {
        let response =
            self.pages.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Page { status, headers, html: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// A request of this browser, which has the owner's cookie.
    pub(crate) fn get(&self, uri: &str) -> axum::http::request::Builder {
        Request::get(uri).header("host", HOST).header("cookie", &self.owner)
    }

    pub(crate) async fn open(&self, path: &str, link: &str) -> Page {
        let query = link.split_once('?').unwrap().1;
        self.send(self.get(&format!("{path}?{query}")), String::new()).await
    }

    /// Presses a button of `page`. `cookie` says whether the browser has the cookie of its question.
    pub(crate) async fn press(&self, page: &Page, answer: &str, rest: &str, cookie: bool) -> Page {
        let (action, token) = (page.between("action=\""), page.between("name=\"token\" value=\""));
        let mut cookies = self.owner.clone();
        if cookie {
            let set = page.headers["set-cookie"].to_str().unwrap();
            cookies = format!("{cookies}; {}", set.split(';').next().unwrap());
        }
        let request = Request::post(action.replace("&amp;", "&"))
            .header("host", HOST)
            .header("origin", format!("http://{HOST}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookies);
        self.send(request, format!("token={token}&answer={answer}{rest}")).await
    }
}

#[tokio::test]
async fn the_page_shows_who_asks_what_and_why_and_returns_to_the_verifier() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
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
}

#[tokio::test]
async fn the_page_declines() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
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
        let page = Browser::open_wallet(&peers, &holder.wallet, auto)
            .await
            .open("/authorize", &peers.request())
            .await;
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
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
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
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
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
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let page = browser.open("/accept", &peers.offer_by_value()).await;
    let done = browser.press(&page, "cancel", "", true).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(holder.wallet.credentials().unwrap().is_empty());
}

#[tokio::test]
async fn scripts_present_and_return_by_redirects_alone() {
    let peers = Peers::start().await;
    let holder = holder(&peers);
    let browser = Browser::open_wallet(&peers, &holder.wallet, true).await;
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
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let get = |host: &str, uri: &str| {
        let port = host.rsplit(':').next().unwrap();
        let cookie = browser.owner.replace("8790", port);
        Request::get(uri).header("host", host).header("cookie", cookie)
    };
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

#[tokio::test]
async fn a_failure_behind_the_code_does_not_ask_for_the_code_again() {
    let peers = Peers::start().await;
    peers.is(Mood { tx_code: true, no_credential: true, ..Mood::default() });
    let holder = holder(&peers);
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let page = browser.open("/accept", &peers.offer_by_value()).await;
    let done = browser.press(&page, "accept", &format!("&tx_code={TX_CODE}"), true).await;
    assert_eq!(done.status, StatusCode::FORBIDDEN);
    assert!(!done.html.contains("name=\"tx_code\""));
}

#[tokio::test]
async fn an_unknown_verifier_is_warned_of_and_scripts_do_not_answer_it() {
    let peers = Peers::start().await;
    let holder = stranger(&peers).await;
    for auto in [false, true] {
        let browser = Browser::open_wallet(&peers, &holder.wallet, auto).await;
        let page = browser.open("/authorize", &peers.request()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.html.contains("id=\"unknown\"") && page.html.contains("id=\"present\""));
        assert!(peers.answers().is_empty());
    }
    let member = member(&peers).await;
    let known = Browser::open_wallet(&peers, &member.wallet, false)
        .await
        .open("/authorize", &peers.request())
        .await;
    assert!(!known.html.contains("id=\"unknown\"") && known.html.contains("id=\"present\""));
}

#[tokio::test]
async fn links_may_lead_to_the_wallets_own_address() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let browser = Browser::open_wallet(&peers, &holder.wallet, false).await;
    let offered = browser.open("/", &peers.offer_by_reference()).await;
    assert!(offered.html.contains("id=\"accept\""));
    assert!(browser.open("/", &peers.request()).await.html.contains("id=\"present\""));
}
