//! Type metadata as it is served (SD-JWT VC, sections 6.2, 7, 8 and 9).
//!
//! Invariant: one type under one authority gives the same bytes always, since issued credentials
//! carry their hash; a test pins it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::sha256;
use serde_json::{Value, json};

use super::{ClaimRule, CredentialType, Selective};

/// The document of `credential_type` under `authority`, in the bytes that are served.
pub fn metadata(credential_type: &CredentialType, authority: &str) -> Vec<u8> {
    let entry = |locale: &str, name: &str, description: &str| {
        json!({
            "locale": locale,
            "name": name,
            "description": description,
            "rendering": {"simple": {"background_color": "#0017c1", "text_color": "#ffffff"}},
        })
    };
    let (display, description) = (credential_type.display, credential_type.description);
    let document = json!({
        "vct": credential_type.vct(authority),
        "name": display.en,
        "description": description.en,
        "display": [
            entry("ja-JP", display.ja, description.ja),
            entry("en-US", display.en, description.en),
        ],
        "claims": credential_type.claims.iter().map(claim).collect::<Vec<_>>(),
    });
    document.to_string().into_bytes()
}

fn claim(rule: &ClaimRule) -> Value {
    json!({
        "path": rule.claim_path(),
        "display": [label("ja-JP", rule.ja), label("en-US", rule.en)],
        "mandatory": rule.mandatory,
        "sd": match rule.sd {
            Selective::Always => "always",
            Selective::Allowed => "allowed",
            Selective::Never => "never",
        },
    })
}

/// `label` as SD-JWT VC, section 9.2 calls it, and `name` as OpenID4VCI 1.0, appendix B.2 does:
/// wallets that read both documents with one reader find what they look for.
fn label(locale: &str, text: &str) -> Value {
    json!({"locale": locale, "label": text, "name": text})
}

/// The hash of `bytes` as `vct#integrity` carries it (W3C Subresource Integrity, section 3).
pub fn integrity(bytes: &[u8]) -> String {
    format!("sha256-{}", STANDARD.encode(sha256(bytes)))
}

/// Whether `text` is one hash of Subresource Integrity, of the length that its algorithm has.
pub(crate) fn is_integrity(text: &str) -> bool {
    let length = |algorithm: &str| match algorithm {
        "sha256" => Some(32),
        "sha384" => Some(48),
        "sha512" => Some(64),
        _ => None,
    };
    let Some((algorithm, hash)) = text.split_once('-') else { return false };
    let hash = STANDARD.decode(hash).map(|hash| hash.len()).ok();
    hash.is_some() && hash == length(algorithm)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{AFFILIATION, ALL};
    use super::*;

    const AUTHORITY: &str = "https://auth.example.jp";

    fn document(credential_type: &CredentialType) -> Value {
        serde_json::from_slice(&metadata(credential_type, AUTHORITY)).unwrap()
    }

    #[test]
    fn the_document_says_its_own_type() {
        let document = document(&AFFILIATION);
        assert_eq!(document["vct"], "https://auth.example.jp/types/affiliation/1");
        assert!(document.get("extends").is_none());
    }

    #[test]
    fn every_text_stands_in_both_languages() {
        for credential_type in &ALL {
            let document = document(credential_type);
            let claims = document["claims"].as_array().unwrap();
            let displays = claims.iter().map(|claim| &claim["display"]);
            for display in displays.chain([&document["display"]]) {
                let entry = |n: usize| (display[n]["locale"].as_str(), display[n]["name"].as_str());
                assert_eq!((entry(0).0, entry(1).0), (Some("ja-JP"), Some("en-US")));
                assert!(entry(0).1.is_some_and(|name| !name.is_empty()));
                assert!(entry(1).1.is_some_and(str::is_ascii));
            }
        }
    }

    #[test]
    fn claims_have_distinct_paths_of_the_allowed_elements() {
        for credential_type in &ALL {
            let document = document(credential_type);
            let claims = document["claims"].as_array().unwrap();
            let paths: BTreeSet<String> = claims.iter().map(|c| c["path"].to_string()).collect();
            assert_eq!(paths.len(), claims.len());
            for claim in claims {
                assert!(claim["mandatory"].is_boolean());
                assert!(["always", "allowed", "never"].contains(&claim["sd"].as_str().unwrap()));
                let path = claim["path"].as_array().unwrap();
                assert!(path.iter().all(|element| element.is_string() || element.is_null()));
            }
        }
    }

    /// Issued credentials carry these hashes. A change here asks for a new major version.
    #[test]
    fn the_bytes_never_change() {
        let hashes: Vec<String> =
            ALL.iter().map(|ty| integrity(&metadata(ty, AUTHORITY))).collect();
        assert_eq!(hashes, PINNED);
    }

    const PINNED: [&str; 3] = [
        "sha256-4X+JwrOYmCFrDG6weRUqnBsalCmZ6zerwoMIPCWxWK0=",
        "sha256-pTkgvqu+wJZbxgiR5KYVgM4wLRslvsRMN1E4uR4pYwU=",
        "sha256-jQP/IAtG5k0oRQNqKhgv6nMt9joncYjiI7+jDHZoaAs=",
    ];

    #[test]
    fn integrity_is_that_of_the_specification() {
        assert_eq!(integrity(b""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert!(is_integrity(&integrity(b"")));
        for text in ["", "sha256-", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha384-47DE", "x"] {
            assert!(!is_integrity(text), "{text}");
        }
    }
}
