//! The page of a denial: every unmet condition at once, each with what to do.

use sekisho_ambient::Timestamp;

use super::{Lang, ServiceCard};

/// A link that helps to meet a condition.
#[derive(Clone, Debug, Default)]
pub struct ReasonLink {
    /// Where it leads.
    pub url: String,
    /// What it does, verb first, in the page's language.
    pub label: String,
}

/// An unmet condition. All texts are in the page's language.
#[derive(Clone, Debug, Default)]
pub struct Reason {
    /// Its code, such as `P-3111`.
    pub code: String,
    /// What is not met.
    pub title: String,
    /// What was found.
    pub found: String,
    /// What is needed.
    pub needed: String,
    /// The one thing to do.
    pub action: String,
    /// A link that does it.
    pub link: Option<ReasonLink>,
}

/// What the page of a denial shows.
#[derive(Clone, Debug)]
pub struct DeniedView {
    /// Language of the page.
    pub lang: Lang,
    /// Who asks.
    pub service: ServiceCard,
    /// What did not happen, as a sentence; empty for the usual one (no GPU was allocated).
    pub what: String,
    /// The conditions that are not met, in the order of their codes.
    pub unmet: Vec<Reason>,
    /// How many conditions there are.
    pub total: usize,
    /// Reference number for questions.
    pub reference: String,
    /// When it was decided.
    pub time: Timestamp,
    /// Takes the refusal to the service (`error=access_denied`).
    pub return_url: Option<String>,
}

/// The page of a denial.
pub fn denied(_view: &DeniedView) -> String {
    String::new()
}
