//! The match number of a cross-device login: shown by the phone, typed into the browser that began.
//!
//! A number that is only compared stops nobody, so it is typed. Pasting is allowed; who cannot
//! transcribe it has the wallet on the same device as another way (WCAG 2.2, 3.3.8).

use super::{Lang, ServiceCard};

/// What the browser that began the login shows once the wallet has answered.
#[derive(Clone, Debug)]
pub struct NumberEntryView {
    /// Language of the page.
    pub lang: Lang,
    /// Who asks.
    pub service: ServiceCard,
    /// `/login/{id}`: the base of the forms.
    pub login_path: String,
    /// Anti-CSRF token of the forms.
    pub form_token: String,
    /// How many digits the number has.
    pub digits: u8,
    /// How many tries are left.
    pub tries_left: u8,
    /// Whether the last number typed was wrong.
    pub wrong: bool,
    /// Seconds until the attempt ends.
    pub remaining_s: i64,
}

/// What the phone shows after its wallet has answered.
#[derive(Clone, Debug)]
pub struct NumberShowView {
    /// Language of the page.
    pub lang: Lang,
    /// Who asks.
    pub service: ServiceCard,
    /// The number.
    pub number: String,
    /// Where the login began: browser, system and, if known, place, in the page's language.
    pub place: Option<String>,
    /// Seconds until the attempt ends.
    pub remaining_s: i64,
}

/// The page on which the number is typed.
pub fn number_entry(_view: &NumberEntryView) -> String {
    String::new()
}

/// The page that shows the number.
pub fn number_show(_view: &NumberShowView) -> String {
    String::new()
}
