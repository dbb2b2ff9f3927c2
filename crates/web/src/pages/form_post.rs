//! The page that carries an answer to the relying party by a form (OAuth 2.0 Form Post Response
//! Mode). The script posts it; without one, the person presses the button.

use askama::Template;
use sekisho_oauth::authorization::Encoded;

use super::Lang;
use super::layout::{self, Page};
use crate::texts;

/// The way back to a relying party.
#[derive(Clone, Debug)]
pub struct WayBack {
    /// The URL of a link, or of a form.
    pub url: String,
    /// The fields of the form. If there are none, the way back is a link.
    pub fields: Vec<(&'static str, String)>,
}

impl From<Encoded> for WayBack {
    fn from(answer: Encoded) -> Self {
        match answer {
            Encoded::Redirect(url) => Self { url, fields: Vec::new() },
            Encoded::Form { to, fields } => Self { url: to, fields },
        }
    }
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostPage<'a> {
    page: Page,
    way: &'a WayBack,
}

/// The page that posts an answer to the relying party.
pub fn form_post(way: &WayBack, lang: Lang) -> String {
    let page = Page::still(lang, texts::POST_TITLE.say(lang), "post");
    layout::html(&FormPostPage { page, way })
}
