//! Type metadata in the form in which it is served (SD-JWT VC, sections 6.2, 7, 8 and 9).
//!
//! Invariant: a type under an authority always gives the same bytes, because issued credentials
//! carry their hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::sha256;
use serde_json::{Value, json};

use super::{ClaimRule, CredentialType, Selective};

/// Returns the metadata document of `credential_type` under `authority`, in the bytes that are
/// served.
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
        "display": [label("ja-JP", rule.label.ja), label("en-US", rule.label.en)],
        "mandatory": rule.mandatory,
        "sd": match rule.sd {
            Selective::Always => "always",
            Selective::Allowed => "allowed",
            Selective::Never => "never",
        },
    })
}

/// Writes the text of a claim as `label` (SD-JWT VC, section 9.2). `name` is the word of the issuer's
/// metadata (OpenID4VCI 1.0, appendix B.2), not of this document.
fn label(locale: &str, text: &str) -> Value {
    json!({"locale": locale, "label": text})
}

/// Returns the hash of `bytes` in the form of `vct#integrity` (W3C Subresource Integrity, section
/// 3).
pub fn integrity(bytes: &[u8]) -> String {
    format!("sha256-{}", STANDARD.encode(sha256(bytes)))
}

/// Whether `text` is one hash of Subresource Integrity with the length that its algorithm requires.
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
    use super::*;

    #[test]
    fn integrity_is_that_of_the_specification() {
        assert_eq!(integrity(b""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert!(is_integrity(&integrity(b"")));
        for text in ["", "sha256-", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha384-47DE", "x"] {
            assert!(!is_integrity(text), "{text}");
        }
    }
}
