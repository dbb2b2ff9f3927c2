//! The consent page: what is given to whom and for what purpose, and what is not given.

use askama::Template;

use super::layout::{self, Page};
use super::{Lang, ServiceCard};
use crate::texts;

/// A claim that is given, with its value.
#[derive(Clone, Debug, Default)]
pub struct ClaimItem {
    /// The name of the claim in the form.
    pub id: String,
    /// The label of the claim, in the page's language.
    pub label: String,
    /// Its value as the person would read it.
    pub value: String,
}

/// One line in the summary of what is granted.
#[derive(Clone, Debug, Default)]
pub struct Fact {
    /// The name of the granted property, in the page's language.
    pub label: String,
    /// The amount or the choice that is granted.
    pub value: String,
}

/// What the consent page shows.
#[derive(Clone, Debug)]
pub struct ConsentView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asks.
    pub service: ServiceCard,
    /// The page's own path, to which the form is posted.
    pub consent_path: String,
    /// Anti-CSRF token of the form.
    pub form_token: String,
    /// The claims that have to be given.
    pub required: Vec<ClaimItem>,
    /// The claims that may be given. None is selected beforehand.
    pub optional: Vec<ClaimItem>,
    /// What the service uses the claims for.
    pub purpose: String,
    /// How long the service keeps the claims.
    pub retention: String,
    /// Whether the claims leave the country.
    pub transfer_abroad: String,
    /// The labels of the claims that are not given.
    pub not_given: Vec<String>,
    /// The GPU use that is granted with the login, if any.
    pub gpu: Option<Vec<Fact>>,
    /// Whether the service may read the claims again while the person is away.
    pub offline: bool,
    /// The other servers that get an access token: the name of each, and what it allows there.
    pub resources: Vec<Fact>,
    /// The other services that know the person by the same name.
    pub shared: Vec<String>,
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
