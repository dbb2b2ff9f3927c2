//! The page of an error: cause and remedy from the table of codes.

use sekisho_ambient::Timestamp;

use super::Lang;

/// What the page of an error shows.
#[derive(Clone, Debug)]
pub struct ErrorView {
    /// Language of the page.
    pub lang: Lang,
    /// A code of [`sekisho_broker::codes`].
    pub code: &'static str,
    /// Reference number for questions.
    pub reference: String,
    /// When it happened.
    pub time: Timestamp,
    /// HTTP status that the page is sent with.
    pub status: u16,
    /// Begins again, where that can help.
    pub retry_link: Option<String>,
}

/// The page of an error.
pub fn error(_view: &ErrorView) -> String {
    String::new()
}
