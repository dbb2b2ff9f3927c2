//! Which browser began a login, in words for the person who opens it in another one.

use serde::{Deserialize, Serialize};

/// The browser and the system that a `User-Agent` header names. It is shown and decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    browser: u8,
    system: u8,
}

/// Browsers, by a word of their header. The first that fits counts: others name Chrome and Safari,
/// too.
const BROWSERS: [(&str, &str); 8] = [
    ("Line/", "LINE"),
    ("Edg", "Microsoft Edge"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("OPR/", "Opera"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
];
const SAFARI: (&str, &str) = ("Safari/", "Safari");

/// Systems, likewise.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

impl Device {
    /// Reads a `User-Agent` header.
    pub fn from_user_agent(text: &str) -> Self {
        Self { browser: place(text, browsers()), system: place(text, SYSTEMS.into_iter()) & 0b1111 }
    }

    /// The name of the browser and its system, such as `Safari (iPhone)`; `None` if neither is
    /// known.
    pub fn name(self) -> Option<String> {
        let nth = |place: u8| usize::from(place).checked_sub(1);
        let browser = nth(self.browser).and_then(|place| browsers().nth(place));
        let system = nth(self.system).and_then(|place| SYSTEMS.get(place));
        match (browser, system) {
            (Some((_, browser)), Some((_, system))) => Some(format!("{browser} ({system})")),
            (Some((_, name)), None) => Some(name.to_owned()),
            (None, Some((_, name))) => Some((*name).to_owned()),
            (None, None) => None,
        }
    }

    /// The device as one byte.
    pub(crate) fn to_byte(self) -> u8 {
        (self.browser << 4) | (self.system & 0b1111)
    }

    /// Reads what [`Device::to_byte`] wrote.
    pub(crate) fn from_byte(byte: u8) -> Self {
        Self { browser: byte >> 4, system: byte & 0b1111 }
    }
}

/// The place of the first word in the text, counted from 1; 0 if there is none.
fn place(text: &str, mut names: impl Iterator<Item = (&'static str, &'static str)>) -> u8 {
    let found = names.position(|(word, _)| text.contains(word));
    found.and_then(|place| u8::try_from(place).ok()).map_or(0, |place| place.saturating_add(1))
}

fn browsers() -> impl Iterator<Item = (&'static str, &'static str)> {
    BROWSERS.into_iter().chain([SAFARI])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_its_header() {
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                       Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0";
        for (header, name) in [
            (iphone, Some("Safari (iPhone)")),
            (windows, Some("Microsoft Edge (Windows)")),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0", Some("Firefox (Linux)")),
            ("curl/8", None),
        ] {
            let device = Device::from_user_agent(header);
            assert_eq!(device.name().as_deref(), name);
            assert_eq!(Device::from_byte(device.to_byte()), device);
        }
    }
}
