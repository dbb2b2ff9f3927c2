//! The device authorization grant (RFC 8628): a program without a browser shows a code, and a person
//! types it on a device of one's own.
//!
//! Invariant: the two codes of one request are drawn apart. The device code is a handle and stays with
//! the program; the user code is short, so its callers bound how often it can be guessed (RFC 8628,
//! 5.1 and 5.2).

use sekisho_ambient::{Entropy, HandleKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::authorization::{self, AuthorizationError, AuthorizationRequest, ServerRules};
use crate::client::Client;
use crate::params::Params;
use crate::pkce::CodeChallenge;
use crate::token::TokenError;

/// How many seconds a program waits between two polls (`interval`), and how many more after each
/// `slow_down` (RFC 8628, 3.2 and 3.5).
pub const INTERVAL: i64 = 5;
/// Parameters that may be repeated (RFC 8707, 2).
const REPEATABLE: &[&str] = &["resource", "audience"];

/// The letters of a user code: no vowel, so that no word comes out, and no digit (RFC 8628, 6.1).
const LETTERS: [char; 20] = [
    'B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X',
    'Z',
];
/// How many letters it has: 20⁸ codes, which is more than 2³⁴.
const LENGTH: usize = 8;
/// How many of them stand before the hyphen.
const HALF: usize = 4;
/// The longest text that is read as a user code, in characters.
const LONGEST: usize = 64;

/// The code that a program shows and a person types.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode([char; LENGTH]);

impl UserCode {
    /// Draws a code.
    pub fn draw(entropy: &Entropy) -> Self {
        let letter = || {
            let place = usize::try_from(entropy.below(20)).unwrap_or_default();
            LETTERS.get(place).copied().unwrap_or('B')
        };
        Self(std::array::from_fn(|_| letter()))
    }

    /// Reads what a person typed: in upper or lower case, in letters of full width too, with or
    /// without spaces and the hyphen. `None` if that is no code.
    pub fn read(typed: &str) -> Option<Self> {
        if typed.chars().count() > LONGEST {
            return None;
        }
        let kept = typed.chars().filter(|c| !is_between(*c)).map(plain);
        let letters: Vec<char> = kept.collect();
        let letters = <[char; LENGTH]>::try_from(letters).ok()?;
        letters.iter().all(|letter| LETTERS.contains(letter)).then_some(Self(letters))
    }

    /// The letters alone, in the one form in which codes are compared.
    pub fn letters(&self) -> String {
        self.0.iter().collect()
    }
}

/// Writes the code as it is shown: `WDJB-MJHT`.
impl std::fmt::Display for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters = self.letters();
        let (first, second) = letters.split_at(HALF);
        write!(f, "{first}-{second}")
    }
}

/// Prints nothing of the code, because whoever has it can take the request over.
impl std::fmt::Debug for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserCode")
    }
}

/// Whether a character stands between letters only for the eye: spaces, and everything that a keyboard
/// gives for a hyphen.
fn is_between(c: char) -> bool {
    const HYPHENS: [char; 13] = [
        '-', '_', '.', '\u{ad}', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}',
        '\u{2212}', '\u{30fc}', '\u{ff0d}', '\u{ff70}',
    ];
    c.is_whitespace() || HYPHENS.contains(&c)
}

/// The same letter in upper case and of usual width.
fn plain(c: char) -> char {
    let narrow = match c {
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        c => c,
    };
    narrow.to_ascii_uppercase()
}

/// The program on a device that waits for an answer. Its login has no redirect URI: the answer waits
/// for the next poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingDevice {
    /// The key of the device code's row.
    pub code: HandleKey,
    /// When it asked.
    pub asked: Timestamp,
    /// What it named itself, in words; `None` if that is not known.
    pub place: Option<String>,
}

/// The parameters of a device authorization request whose form is right, so that its client may be
/// authenticated (RFC 8628, 3.1).
pub struct DeviceParameters<'a> {
    params: &'a Params,
    code_challenge: Option<CodeChallenge>,
}

impl<'a> DeviceParameters<'a> {
    /// Reads the form of a request. PKCE is no part of the document, but some programs use it here too.
    pub fn parse(params: &'a Params) -> Result<Self, TokenError> {
        if let Some(duplicate) = params.duplicate(REPEATABLE) {
            return Err(duplicate.into());
        }
        let (challenge, method) =
            (params.one("code_challenge")?, params.one("code_challenge_method")?);
        let code_challenge =
            CodeChallenge::from_parameters(challenge, method).map_err(TokenError::Challenge)?;
        Ok(Self { params, code_challenge })
    }

    /// What `client`, which has authenticated, asks for. The checks are those of an authorization
    /// request, where they apply.
    pub fn request(
        &self,
        client: &Client,
        rules: &ServerRules<'_>,
    ) -> Result<AuthorizationRequest, TokenError> {
        let asked = authorization::validate_device(self.params, client, rules);
        let request = asked.map_err(|error| match error {
            AuthorizationError::Redirect(refused) => TokenError::from(refused),
            AuthorizationError::Page(_) => TokenError::UnauthorizedClient,
        })?;
        Ok(AuthorizationRequest { code_challenge: self.code_challenge, ..request })
    }
}

/// A successful answer (RFC 8628, 3.2).
#[derive(Clone, Serialize)]
pub struct DeviceAuthorization {
    /// The code with which the program polls.
    pub device_code: String,
    /// The code that the program shows.
    pub user_code: String,
    /// Where the person types it.
    pub verification_uri: String,
    /// The same place for a QR code. The person still types the code there.
    pub verification_uri_complete: String,
    /// How many seconds both codes are valid.
    pub expires_in: i64,
    /// How many seconds the program waits between two polls.
    pub interval: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_is_read() {
        for typed in [
            "WDJB-MJHT",
            "wdjb-mjht",
            "WDJBMJHT",
            " wdjb mjht ",
            "w d j b m j h t",
            "ＷＤＪＢ－ＭＪＨＴ",
            "ｗｄｊｂ　ｍｊｈｔ",
            "WDJBーMJHT",
            "WDJB–MJHT\n",
        ] {
            assert_eq!(UserCode::read(typed).unwrap().to_string(), "WDJB-MJHT", "{typed}");
        }
        let long = format!("WDJB{}MJHT", " ".repeat(LONGEST));
        for wrong in
            ["", "WDJB-MJH", "WDJB-MJHTT", "WDJA-MJHT", "WDJ8-MJHT", "WDJB+MJHT", "ウ", &long]
        {
            assert_eq!(UserCode::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn drawn_codes_are_read_back_and_use_every_letter() {
        let entropy = Entropy::seeded(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let code = UserCode::draw(&entropy);
            assert_eq!(UserCode::read(&code.to_string()).as_ref(), Some(&code));
            seen.extend(code.0);
        }
        assert_eq!(seen.len(), LETTERS.len());
        assert_eq!(format!("{:?}", UserCode::draw(&entropy)), "UserCode");
    }
}
