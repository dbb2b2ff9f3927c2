//! A credential offer, as a document and as a link (OpenID4VCI 1.0, section 4.1): it survives being
//! written and read again, and a reference to an offer is accepted only if it is fetched over
//! https, or from this machine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_jose::json;
use sekisho_openid4vci::offer::{self, CredentialOffer, OfferLink};

fuzz_target!(|text: &str| {
    if let Ok(value) = json::parse(text.as_bytes())
        && let Ok(offer) = CredentialOffer::from_value(&value)
    {
        let link = offer.link_by_value("openid-credential-offer://");
        let Ok(OfferLink::Value(again)) = offer::parse_link(&link) else {
            panic!("what we write is read")
        };
        assert!(again == offer);
    }
    if let Ok(OfferLink::Reference(uri)) = offer::parse_link(text) {
        let local = ["http://localhost", "http://127.", "http://[::1]"];
        assert!(uri.starts_with("https://") || local.iter().any(|at| uri.starts_with(at)), "{uri}");
    }
});
