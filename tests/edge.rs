//! What strangers and other programs send to the edge: cookies of others, and requests from other
//! origins.

use reqwest::header::{COOKIE, HeaderValue};
use sekisho_tests::{Browser, World, http, parameter};

/// Cookies that other programs on the same host may have set.
const OF_OTHERS: &[&[u8]] = &[
    "theme=\u{9752}\u{3044}".as_bytes(),
    b"raw=\xff\xfe",
    b"a word alone",
    b"",
    b"=",
    b"==; ;;",
    b"\"quoted\"=\"x\"",
    b"sekisho-session",
    b"sekisho-session=theirs",
    b"sekisho-browser=theirs",
    b"sekisho-language=tlh",
    "sekisho-browser=\u{9752}".as_bytes(),
];

/// The `Cookie` headers that a browser may send: the pairs in one header, in either order, or, over
/// HTTP/2, each pair in a header of its own.
fn headers(others: &[u8], ours: &[u8]) -> [Vec<HeaderValue>; 4] {
    let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
    [
        vec![value(&[others, b"; ", ours].concat())],
        vec![value(&[ours, b";", others].concat())],
        vec![value(others), value(ours)],
        vec![value(ours), value(others)],
    ]
}

/// Cookies of others on the host disturb neither a login that has begun nor a session, whatever
/// bytes they have (RFC 6265, section 5.4).
#[tokio::test]
async fn word_21_cookies_of_others_are_skipped() {
    let world = World::start().await;
    let rp = world.rp().await;
    let mut browser = Browser::new();
    browser.log_in(&world.member().await, &rp.plain_request(), &rp).await;
    let login = browser.begin(&rp.request("openid", &[("prompt", "login")]).url, &rp).await;
    let silent = rp.request("openid", &[("prompt", "none")]).url;
    let jar = browser.cookie_header(&world.origin);
    for others in OF_OTHERS {
        for headers in headers(others, jar.as_bytes()) {
            let with = |mut request: reqwest::RequestBuilder| {
                for value in &headers {
                    request = request.header(COOKIE, value);
                }
                request.send()
            };
            let answer = with(http().get(&silent)).await.unwrap();
            let location = answer.headers()["location"].to_str().unwrap().to_owned();
            assert!(parameter(&location, "code").is_some(), "{headers:?}: {location}");
            let page = with(http().get(&login.url)).await.unwrap();
            assert_eq!(page.status(), 200, "{headers:?}");
        }
    }
}
