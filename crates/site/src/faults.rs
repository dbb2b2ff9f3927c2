//! What services and strangers got wrong, for the server's log: one line for each refusal, with the
//! reference that the answer shows too. Strangers leave nothing durable, so it is in no table.
//!
//! Invariant: a line is short and escaped, and holds no secret, code, verifier or token. At most
//! [`LINES`] a second are written for requests of registered clients, and as many for others; the
//! rest is counted.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::Timestamp;

use crate::Site;

/// How many lines a second are written for each of the two kinds of requests.
pub const LINES: u32 = 10;
/// The longest value in a line, in characters.
const LONGEST: usize = 200;
/// The most registered values that a line names.
const REGISTERED: usize = 5;

/// What a request sent, against what its client registered.
#[derive(Clone, Debug, Default)]
pub struct Mismatch {
    /// The client that the request named.
    pub client: Option<String>,
    /// Whether a client with this id is registered.
    pub known: bool,
    /// What was sent, if it helps.
    pub sent: Option<String>,
    /// What is registered in its place.
    pub registered: Option<String>,
}

/// How many lines were written and left out in one second.
#[derive(Default)]
struct Second {
    at: i64,
    written: u32,
    left_out: u64,
}

/// The lines of this second, for registered clients and for others.
#[derive(Default)]
pub(crate) struct Faults(Mutex<[Second; 2]>);

impl Second {
    /// Whether one more line may be written, and how many were left out before it.
    fn take(&mut self, now: i64) -> Option<u64> {
        if self.at != now {
            (self.at, self.written) = (now, 0);
        }
        if self.written >= LINES {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.written = self.written.saturating_add(1);
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Faults {
    fn take(&self, known: bool, now: Timestamp) -> Option<u64> {
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.get_mut(usize::from(known))?.take(now.unix())
    }

    fn left_out(&self) -> u64 {
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.iter_mut().map(|second| std::mem::take(&mut second.left_out)).sum()
    }
}

impl Site {
    /// A fresh reference, for an answer that belongs to no login: 16 hexadecimal digits, as the
    /// references of logins have.
    pub fn fresh_reference(&self) -> String {
        self.entropy().bytes::<8>().iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    /// Writes the line of a refusal, unless this second has too many already.
    pub fn log_refusal(&self, reference: &str, reason: &str, facts: &Mismatch) {
        let Some(left_out) = self.0.faults.take(facts.known, self.now()) else { return };
        tell_left_out(left_out);
        let reason = printable(reason);
        let (client, sent) = (facts.client.as_deref(), facts.sent.as_deref());
        let (client, sent) = (client.map(printable), sent.map(printable));
        let registered = facts.registered.as_deref().map(printable);
        tracing::warn!(reference, reason, client, sent, registered, "a request was refused");
    }

    /// Tells how many lines were left out since the last one.
    pub fn log_left_out(&self) {
        tell_left_out(self.0.faults.left_out());
    }
}

fn tell_left_out(count: u64) {
    if count > 0 {
        tracing::warn!(count, "lines about refused requests were left out: too many a second");
    }
}

/// The beginning of `text`, with everything escaped that a terminal would not show as it is.
pub fn printable(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at >= LONGEST {
            out.push('…');
            break;
        }
        let shown = c.is_ascii_graphic() || [' ', '…'].contains(&c) || c.is_alphanumeric();
        if shown {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// A URI that was sent, without its user and without the values of its query and fragment: they may
/// be codes or tokens.
pub fn sent_uri(uri: &str) -> String {
    let (rest, fragment) = split(uri, '#');
    let (place, query) = split(rest, '?');
    let mut out = without_user(place);
    for (mark, part) in [('?', query), ('#', fragment)] {
        let Some(part) = part else { continue };
        out.push(mark);
        let names: Vec<String> = part.split('&').map(name_of).collect();
        out.push_str(&names.join("&"));
    }
    out
}

fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// The name of a parameter; a parameter without a name is all value.
fn name_of(pair: &str) -> String {
    pair.split_once('=').map_or_else(|| "…".to_owned(), |(name, _)| format!("{name}=…"))
}

fn without_user(place: &str) -> String {
    let Some((scheme, rest)) = place.split_once("://") else { return place.to_owned() };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{path}"),
        None => place.to_owned(),
    }
}

/// A list of registered values, as a line names it.
pub fn registered_list(values: &[String]) -> String {
    let mut shown: Vec<&str> = values.iter().take(REGISTERED).map(String::as_str).collect();
    if values.len() > REGISTERED {
        shown.push("…");
    }
    if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_a_bound_and_the_next_line_says_how_many_were_left_out() {
        let faults = Faults::default();
        let at = Timestamp::from_unix;
        let taken: Vec<_> = (0..LINES + 5).map(|_| faults.take(false, at(7))).collect();
        assert_eq!(u32::try_from(taken.iter().flatten().count()).unwrap(), LINES);
        // Registered clients have lines of their own.
        assert_eq!(faults.take(true, at(7)), Some(0));
        assert_eq!(faults.take(false, at(8)), Some(5));
        assert_eq!(faults.take(false, at(8)), Some(0));
        assert_eq!(faults.left_out(), 0);
    }

    #[test]
    fn what_others_wrote_is_cut_and_escaped() {
        assert_eq!(printable("a\u{202e}b\n\u{1b}[2J 山"), "a\\u{202e}b\\u{a}\\u{1b}[2J 山");
        assert_eq!(printable(&"x".repeat(40_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_uri_is_shown_without_what_may_be_secret() {
        for (sent, shown) in [
            ("https://a.example/cb", "https://a.example/cb"),
            ("https://a.example/cb?code=c-1&state=s", "https://a.example/cb?code=…&state=…"),
            ("https://a.example/cb#t-1", "https://a.example/cb#…"),
            ("https://u:p@a.example/cb?x", "https://…@a.example/cb?…"),
            ("jp.example:/cb", "jp.example:/cb"),
        ] {
            assert_eq!(sent_uri(sent), shown);
        }
    }
}
