//! The consent page: what is given to whom, for what, and what is not.

use askama::Template;

use super::layout::{self, Page};
use super::{Lang, ServiceCard};
use crate::texts;

/// A claim that is given, with its value.
#[derive(Clone, Debug, Default)]
pub struct ClaimItem {
    /// Identifies the claim in the form.
    pub id: String,
    /// Its label, in the page's language.
    pub label: String,
    /// Its value as the person would read it.
    pub value: String,
}

/// A line of the summary of what is granted.
#[derive(Clone, Debug, Default)]
pub struct Fact {
    /// What, in the page's language.
    pub label: String,
    /// How much or which.
    pub value: String,
}

/// What the consent page shows.
#[derive(Clone, Debug)]
pub struct ConsentView {
    /// Language of the page.
    pub lang: Lang,
    /// Who asks.
    pub service: ServiceCard,
    /// The page's own path, to which the form is posted.
    pub consent_path: String,
    /// Anti-CSRF token of the form.
    pub form_token: String,
    /// What must be given.
    pub required: Vec<ClaimItem>,
    /// What may be given; not chosen beforehand.
    pub optional: Vec<ClaimItem>,
    /// What it is used for.
    pub purpose: String,
    /// How long it is kept.
    pub retention: String,
    /// Whether it leaves the country.
    pub transfer_abroad: String,
    /// Labels of what is not given.
    pub not_given: Vec<String>,
    /// The GPU use that is granted with it.
    pub gpu: Option<Vec<Fact>>,
    /// Whether the service may read it again while the person is away.
    pub offline: bool,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    page: Page,
    view: &'a ConsentView,
    lead: String,
}

/// The consent page.
pub fn consent(view: &ConsentView) -> String {
    let lang = view.lang;
    layout::html(&ConsentPage {
        page: Page::still(lang, texts::CONSENT_TITLE.say(lang), "consent").at(&view.consent_path),
        view,
        lead: texts::CONSENT_LEAD.fill(lang, &[("service", view.service.name(lang))]),
    })
}
