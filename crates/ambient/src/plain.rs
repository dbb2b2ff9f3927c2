//! Plain text that others wrote: whether it is UTF-8, and whether all of it can be seen.

use std::fmt;

/// Why bytes are no text that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPlain {
    /// UTF-8 behind a byte order mark.
    Marked,
    /// UTF-16, with or without a byte order mark.
    Utf16,
    /// CP932, which is Microsoft's Shift_JIS.
    Cp932,
    /// EUC-JP.
    EucJp,
    /// ISO-2022-JP, which is called JIS in editors.
    Jis,
    /// Another encoding, or no text at all.
    Unknown,
}

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Marked => {
                "the file begins with a byte order mark (BOM): save it as UTF-8 without BOM"
            }
            Self::Utf16 => "the file is UTF-16: save it as UTF-8 without BOM",
            Self::Cp932 => "the file is CP932 (Shift_JIS): save it as UTF-8",
            Self::EucJp => "the file is EUC-JP: save it as UTF-8",
            Self::Jis => "the file is ISO-2022-JP (JIS): save it as UTF-8",
            Self::Unknown => "the file is no UTF-8 text: save it as UTF-8",
        })
    }
}

impl std::error::Error for NotPlain {}

/// Reads the bytes of a file as UTF-8 text, or says what they are instead.
pub fn plain_text(bytes: &[u8]) -> Result<&str, NotPlain> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(NotPlain::Marked);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || has_wide_ascii(bytes) {
        return Err(NotPlain::Utf16);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains("\u{1b}$") => Err(NotPlain::Jis),
        Ok(text) => Ok(text),
        Err(_) if is_japanese(bytes, euc_jp) => Err(NotPlain::EucJp),
        Err(_) if is_japanese(bytes, cp932) => Err(NotPlain::Cp932),
        Err(_) => Err(NotPlain::Unknown),
    }
}

/// Whether the beginning has an ASCII character in two bytes, as all our files have in UTF-16.
fn has_wide_ascii(bytes: &[u8]) -> bool {
    let wide = |pair: &[u8; 2]| matches!(pair, [0, 1..=0x7f] | [1..=0x7f, 0]);
    bytes.as_chunks::<2>().0.iter().take(4).any(wide)
}

/// Whether all bytes are characters, whose lengths `length` gives.
fn is_japanese(mut bytes: &[u8], length: fn(&[u8]) -> Option<usize>) -> bool {
    while !bytes.is_empty() {
        match length(bytes).and_then(|length| bytes.get(length..)) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    true
}

fn cp932(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0..=0x7f | 0xa1..=0xdf, ..] => Some(1),
        [0x81..=0x9f | 0xe0..=0xfc, 0x40..=0x7e | 0x80..=0xfc, ..] => Some(2),
        _ => None,
    }
}

fn euc_jp(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0..=0x7f, ..] => Some(1),
        [0x8e | 0xa1..=0xfe, 0xa1..=0xfe, ..] => Some(2),
        [0x8f, 0xa1..=0xfe, 0xa1..=0xfe, ..] => Some(3),
        _ => None,
    }
}

/// Whether a character cannot be seen, or changes how the characters around it are seen: control
/// characters, marks of writing direction, characters without a width, and tags (Unicode, `Cc` and
/// `Cf`, and fillers that look empty).
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character chooses a variant of the one before.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether every character of a name can be seen. A variation selector behind a character that has
/// variants is part of it: people and places in Japan are written so.
pub fn is_visible(text: &str) -> bool {
    let mut before = None;
    text.chars().all(|c| {
        let selects = is_selector(c)
            && before.is_some_and(|last: char| !last.is_ascii() && !is_invisible(last));
        before = Some(c);
        selects || !is_invisible(c)
    })
}

/// The text for a log or a terminal: what cannot be seen is written as `\u{…}`, and at most `most`
/// bytes are written, with a note of how long it was.
pub fn shown(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for c in text.chars() {
        let before = out.len();
        if is_invisible(c) && !is_selector(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        if out.len() > most {
            out.truncate(before);
            return format!("{out}… ({} bytes)", text.len());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_what_they_are() {
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        for (bytes, why) in [
            (b"\xef\xbb\xbforigin = 1".to_vec(), NotPlain::Marked),
            (utf16("\u{feff}origin", u16::to_le_bytes), NotPlain::Utf16),
            (utf16("\u{feff}origin", u16::to_be_bytes), NotPlain::Utf16),
            (utf16("origin", u16::to_le_bytes), NotPlain::Utf16),
            (utf16("{\"", u16::to_be_bytes), NotPlain::Utf16),
            (b"# \x93\xfa\x96\x7b".to_vec(), NotPlain::Cp932),
            (b"{\"name\": \"\x8e\x52\x93\x63 \x91\xbe\x98\x59\"}".to_vec(), NotPlain::Cp932),
            (b"# \xc6\xfc\xcb\xdc".to_vec(), NotPlain::EucJp),
            (b"# \x1b$BF|K\\\x1b(B".to_vec(), NotPlain::Jis),
            (b"\x80\x80".to_vec(), NotPlain::Unknown),
        ] {
            assert_eq!(plain_text(&bytes), Err(why), "{bytes:?}");
        }
        for text in ["", "# 日本\n", "a"] {
            assert_eq!(plain_text(text.as_bytes()), Ok(text));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(shown("山田 a\u{202e}b\n", 99), "山田 a\\u{202e}b\\u{a}");
        assert_eq!(shown("\u{1b}[31m", 99), "\\u{1b}[31m");
        assert_eq!(shown("日本語", 7), "日本… (9 bytes)");
        assert_eq!(shown("abc", 3), "abc");
        let hidden =
            ['\u{200b}', '\u{feff}', '\u{2066}', '\u{e0041}', '\u{ad}', '\u{3164}', '\u{7f}'];
        assert!(hidden.into_iter().all(is_invisible));
        assert!(!"a b　日・é👩".chars().any(is_invisible));
        assert!(is_visible("葛\u{e0100}城市") && is_visible("a b") && is_visible(""));
        for hidden in ["a\u{e0100}", "\u{fe0f}", "葛\u{e0100}\u{e0101}", "a\u{200b}", "a\n"] {
            assert!(!is_visible(hidden), "{hidden:?}");
        }
    }
}
