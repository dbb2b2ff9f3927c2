//! Base64url without padding (RFC 7515, section 2).
//!
//! Invariant: a sequence of bytes has only one text. Padding, line breaks, the standard alphabet
//! and nonzero trailing bits are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// The text is not base64url without padding in its canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not canonical base64url without padding")]
pub struct DecodeError;

/// Encodes `bytes`.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes `text`.
pub fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| DecodeError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        assert_eq!(encode([0xfb, 0xff]), "-_8");
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        assert_eq!(decode("").unwrap(), b"");
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        for text in ["-_8=", "+/8", "-_9", "-_8\n", " -_8", "A", "-_\u{e9}"] {
            assert_eq!(decode(text), Err(DecodeError), "{text:?}");
        }
    }
}
