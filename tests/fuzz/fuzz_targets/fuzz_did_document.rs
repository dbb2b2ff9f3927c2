//! A DID and a DID document (DID Core 1.0): a document is accepted only for the DID that was asked
//! for, and survives being written and read again; a DID that contains its key always gives the
//! same document.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_did::{DidDocument, Relationship, did_web_url, resolve_offline};
use sekisho_jose::json;

const DID: &str = "did:web:issuer.example.jp";

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::parse(bytes)
        && let Ok(document) = DidDocument::from_value(DID, &value)
    {
        assert_eq!(document.id, DID);
        for method in &document.verification_methods {
            let found = document.key_for(Relationship::AssertionMethod, &method.id);
            assert!(found.is_none() || method.controller == DID);
        }
        let again = DidDocument::from_value(DID, &document.to_value());
        assert_eq!(again.ok().as_ref(), Some(&document));
    }
    if let Ok(did) = std::str::from_utf8(bytes) {
        if let Ok(document) = resolve_offline(did) {
            assert_eq!(resolve_offline(did).ok(), Some(document));
        }
        if let Ok(url) = did_web_url(did) {
            assert!(url.starts_with("https://"));
        }
    }
});
