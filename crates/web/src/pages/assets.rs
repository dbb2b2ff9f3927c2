//! The style sheet, the script and the icon of the pages. Their paths contain a hash of their
//! content, so they may be cached for ever: a new version has a new path.
//!
//! The hash is FNV-1a. It tells versions apart and is no protection.

const CSS: &str = include_str!("../../assets/sekisho.css");
const SCRIPT: &str = include_str!("../../assets/sekisho.js");
const ICON: &str = include_str!("../../assets/sekisho.svg");

const CSS_BYTES: [u8; 36] = fill(*b"/assets/sekisho-################.css", hash(CSS));
const SCRIPT_BYTES: [u8; 35] = fill(*b"/assets/sekisho-################.js", hash(SCRIPT));
const ICON_BYTES: [u8; 36] = fill(*b"/assets/sekisho-################.svg", hash(ICON));

pub(super) const CSS_PATH: &str = ascii(&CSS_BYTES);
pub(super) const SCRIPT_PATH: &str = ascii(&SCRIPT_BYTES);
pub(super) const ICON_PATH: &str = ascii(&ICON_BYTES);

/// Path, content type and body of every file that the pages load.
pub const ASSETS: &[(&str, &str, &str)] = &[
    (CSS_PATH, "text/css; charset=utf-8", CSS),
    (SCRIPT_PATH, "text/javascript; charset=utf-8", SCRIPT),
    (ICON_PATH, "image/svg+xml", ICON),
];

#[allow(clippy::as_conversions, reason = "a byte fits, and `From` is not const")]
const fn hash(body: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = body.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
}

/// The template with each `#` replaced by a hexadecimal digit of `hash`.
#[allow(clippy::as_conversions, reason = "four bits fit into a byte")]
const fn fill<const N: usize>(mut template: [u8; N], mut hash: u64) -> [u8; N] {
    let mut rest: &mut [u8] = &mut template;
    while let Some((byte, tail)) = rest.split_first_mut() {
        if *byte == b'#' {
            let digit = (hash & 0xf) as u8;
            *byte = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
            hash >>= 4;
        }
        rest = tail;
    }
    template
}

const fn ascii(bytes: &'static [u8]) -> &'static str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_complete_and_changes_with_the_content() {
        for (path, _, body) in ASSETS {
            assert!(path.starts_with("/assets/sekisho-") && !path.contains('#'), "{path}");
            assert_ne!(hash(body), hash(&format!("{body} ")));
        }
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn no_asset_names_another_origin() {
        for (path, _, body) in ASSETS {
            let body = body.replace("http://www.w3.org/2000/svg", "");
            assert!(!body.contains("//") && !body.contains("url("), "{path}");
        }
    }
}
