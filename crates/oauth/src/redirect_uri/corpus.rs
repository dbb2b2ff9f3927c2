//! Hostile variants of registered URIs (RFC 9700, 4.1; attack OA-13), and the few that pass.

use super::matches;
use crate::client::ApplicationType;

const WEB: &str = "https://rp.example/cb";
const WEB_QUERY: &str = "https://rp.example/cb?tenant=1";

/// Variants of [`WEB`]. None passes, for either kind of client.
const VARIANTS: &[&str] = &[
    "",
    "/cb",
    "cb",
    "//rp.example/cb",
    "https:/rp.example/cb",
    "https:rp.example/cb",
    "https:///rp.example/cb",
    "https:\\\\rp.example\\cb",
    "http://rp.example/cb",
    "HTTPS://rp.example/cb",
    "https://RP.example/cb",
    "https://rp.EXAMPLE/cb",
    "https://rp.example/CB",
    "https://rp.example",
    "https://rp.example/",
    "https://rp.example/c",
    "https://rp.example/cb/",
    "https://rp.example/cb//",
    "https://rp.example//cb",
    "https://rp.example/cb/x",
    "https://rp.example/cbx",
    "https://rp.example/cb.evil.test",
    "https://rp.example/./cb",
    "https://rp.example/x/../cb",
    "https://rp.example/cb/..",
    "https://rp.example/cb/../cb",
    "https://rp.example/cb/../../evil",
    "https://rp.example/cb/..;/evil",
    "https://rp.example/cb;/../evil",
    "https://rp.example/cb;x",
    "https://rp.example/cb;jsessionid=1",
    "https://rp.example/%2e/cb",
    "https://rp.example/x/%2e%2e/cb",
    "https://rp.example/cb/%2e%2e/evil",
    "https://rp.example/cb/%252e%252e/evil",
    "https://rp.example/%63b",
    "https://rp.example/c%62",
    "https://rp.example/cb%2f",
    "https://rp.example/cb%00",
    "https://rp.example/cb%0d%0aLocation:%20https://evil.test",
    "https://rp.example/cb%20",
    "https://rp.example/cb%23",
    "https://rp.example/cb%3f",
    "https://rp.example/cb\\",
    "https://rp.example\\cb",
    "https://rp.example\\@evil.test/cb",
    "https://rp.example/cb\t",
    "https://rp.example/\tcb",
    "https://rp.ex\tample/cb",
    "https://rp.example/cb\n",
    "https://rp.example/cb\r\n",
    "\nhttps://rp.example/cb",
    " https://rp.example/cb",
    "https://rp.example/cb ",
    "https://rp.example/cb\u{0}",
    "https://rp.example/cb\u{a0}",
    "\u{feff}https://rp.example/cb",
    "https://rp.example/cb?",
    "https://rp.example/cb?x=1",
    "https://rp.example/cb?code=stolen",
    "https://rp.example/cb?state=forged",
    "https://rp.example/cb?iss=https://evil.test",
    "https://rp.example/cb?error=access_denied",
    "https://rp.example/cb&code=stolen",
    "https://rp.example/cb#",
    "https://rp.example/cb#x",
    "https://rp.example/cb#code=stolen",
    "https://rp.example/cb?#",
    "https://rp.example:443/cb",
    "https://rp.example:8443/cb",
    "https://rp.example:/cb",
    "https://rp.example:0443/cb",
    "https://rp.example:80/cb",
    "https://rp.example./cb",
    "https://.rp.example/cb",
    "https://www.rp.example/cb",
    "https://evil.rp.example/cb",
    "https://rp.example.evil.test/cb",
    "https://rp.examples/cb",
    "https://rp.exampl/cb",
    "https://rp-example/cb",
    "https://rpxexample/cb",
    "https://evil.test/cb",
    "https://evil.test/https://rp.example/cb",
    "https://evil.test?https://rp.example/cb",
    "https://evil.test#https://rp.example/cb",
    "https://user@rp.example/cb",
    "https://user:password@rp.example/cb",
    "https://@rp.example/cb",
    "https://rp.example@evil.test/cb",
    "https://rp.example:443@evil.test/cb",
    "https://rp.example%40evil.test/cb",
    "https://rp.example%2eevil.test/cb",
    "https://evil.test%00rp.example/cb",
    "https://a@b@rp.example/cb",
    "https://rp.example@@evil.test/cb",
    "https://r\u{440}.example/cb",
    "https://rp.ex\u{430}mple/cb",
    "https://rp.example\u{3002}evil.test/cb",
    "https://rp\u{ff0e}example/cb",
    "https://rp.example\u{ff0f}cb",
    "https://\u{ff52}p.example/cb",
    "https://rp\u{ad}.example/cb",
    "https://xn--rp-example/cb",
    "javascript:alert(1)//https://rp.example/cb",
    "data:text/html,https://rp.example/cb",
    "urn:https://rp.example/cb",
    "https://rp.example/cb,https://evil.test/cb",
    "https://rp.example/cb https://evil.test/cb",
    "https://rp.example/cb\u{2028}",
    "https://rp.example/*",
    "https://*/cb",
];

/// Variants of a query. None passes.
const QUERY_VARIANTS: &[&str] = &[
    "https://rp.example/cb",
    "https://rp.example/cb?",
    "https://rp.example/cb?tenant=2",
    "https://rp.example/cb?tenant=1&",
    "https://rp.example/cb?tenant=1&x=1",
    "https://rp.example/cb?x=1&tenant=1",
    "https://rp.example/cb?tenant=1&tenant=1",
    "https://rp.example/cb?tenant=1&code=stolen",
    "https://rp.example/cb?Tenant=1",
    "https://rp.example/cb?tenant=%31",
    "https://rp.example/cb?%74enant=1",
    "https://rp.example/cb?tenant=1#",
    "https://rp.example/cb/?tenant=1",
];

/// Variants of a loopback URI. None passes, not even for native clients.
const LOOPBACK_VARIANTS: &[&str] = &[
    "http://127.0.0.1:/cb",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:65536/cb",
    "http://127.0.0.1:+80/cb",
    "http://127.0.0.1:-1/cb",
    "http://127.0.0.1: 80/cb",
    "http://127.0.0.1:80a/cb",
    "http://127.0.0.1:80:80/cb",
    "http://127.0.0.1:80@evil.test/cb",
    "http://127.0.0.1@evil.test/cb",
    "http://127.0.0.1:80.evil.test/cb",
    "http://127.0.0.1.evil.test/cb",
    "http://127.0.0.1:\u{ff18}0/cb",
    "http://127.0.0.11/cb",
    "http://127.0.0.2:80/cb",
    "http://127.1:80/cb",
    "http://0x7f000001:80/cb",
    "http://2130706433/cb",
    "http://0.0.0.0:80/cb",
    "http://localhost:80/cb",
    "http://localhost/cb",
    "http://[::1]:80/cb",
    "http://[::ffff:127.0.0.1]:80/cb",
    "https://127.0.0.1:80/cb",
    "http://127.0.0.1:80/",
    "http://127.0.0.1:80/cb/",
    "http://127.0.0.1:80/cb?",
    "http://127.0.0.1:80/cb?x=1",
    "http://127.0.0.1:80/cb#x",
    "http://127.0.0.1:80/../cb",
    "http://127.0.0.1:80\\cb",
    "HTTP://127.0.0.1:80/cb",
    "http://user@127.0.0.1:80/cb",
];

const KINDS: [ApplicationType; 2] = [ApplicationType::Web, ApplicationType::Native];

fn registered(uri: &str) -> Vec<String> {
    vec![uri.to_owned()]
}

/// OA-13.
#[test]
fn no_variant_of_a_registered_uri_passes() {
    assert!(VARIANTS.len() + QUERY_VARIANTS.len() + LOOPBACK_VARIANTS.len() >= 150);
    for kind in KINDS {
        assert!(matches(&registered(WEB), kind, WEB));
        for variant in VARIANTS {
            assert!(!matches(&registered(WEB), kind, variant), "{variant:?}");
        }
        assert!(matches(&registered(WEB_QUERY), kind, WEB_QUERY));
        for variant in QUERY_VARIANTS {
            assert!(!matches(&registered(WEB_QUERY), kind, variant), "{variant:?}");
        }
    }
}

#[test]
fn no_variant_of_a_loopback_uri_passes() {
    for kind in KINDS {
        for variant in LOOPBACK_VARIANTS {
            let registered = registered("http://127.0.0.1/cb");
            assert!(!matches(&registered, kind, variant), "{variant:?}");
        }
    }
}

#[test]
fn a_port_ends_at_a_path_or_a_query() {
    // Nobody could register this URI, but the comparison must not rely on that.
    let host = registered("http://127.0.0.1.evil.test/cb");
    assert!(!matches(&host, ApplicationType::Native, "http://127.0.0.1:80.evil.test/cb"));
    let user = registered("http://127.0.0.1@evil.test/cb");
    assert!(!matches(&user, ApplicationType::Native, "http://127.0.0.1:80@evil.test/cb"));
}

#[test]
fn a_loopback_address_may_have_another_port_for_native_clients_only() {
    for (uri, requested) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1:8000/cb?a=1", "http://127.0.0.1:1/cb?a=1"),
        ("http://[::1]/cb", "http://[::1]:65535/cb"),
        ("http://127.0.0.1", "http://127.0.0.1:9000"),
    ] {
        assert!(matches(&registered(uri), ApplicationType::Native, requested), "{requested}");
        assert!(!matches(&registered(uri), ApplicationType::Web, requested), "{requested}");
    }
    for port in ["08888", "00", "0", "65536", "+8888", "8888:8888"] {
        let requested = format!("http://127.0.0.1:{port}/cb");
        let native = ApplicationType::Native;
        assert!(!matches(&registered("http://127.0.0.1/cb"), native, &requested), "{requested}");
    }
}

#[test]
fn localhost_and_private_schemes_are_compared_whole() {
    for (uri, requested) in [
        ("http://localhost:3000/cb", "http://localhost:3001/cb"),
        ("jp.example.app:/cb", "jp.example.app://cb"),
        ("jp.example.app:/cb", "jp.example.app2:/cb"),
    ] {
        assert!(!matches(&registered(uri), ApplicationType::Native, requested), "{requested}");
        assert!(matches(&registered(uri), ApplicationType::Native, uri), "{uri}");
    }
}
