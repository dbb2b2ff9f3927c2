//! The page on which a person types the code that a device shows (RFC 8628, section 3.3).
//!
//! The code is always typed, also if the page was opened by the link that contains it: whoever gets
//! such a link from somebody else has no device to look at (RFC 8628, section 5.4).

use askama::Template;
use sekisho_profile::Code;

use super::Lang;
use super::layout::{self, Page};
use crate::texts;

/// What the page for a device's code shows.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// Language of the page.
    pub lang: Lang,
    /// The page's own path, to which the form is posted.
    pub device_path: String,
    /// Anti-CSRF token of the form.
    pub form_token: String,
    /// Whether the page was opened by a link that contains a code.
    pub linked: bool,
    /// Whether the code that was typed last is not one of a device that waits.
    pub wrong: bool,
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage<'a> {
    page: Page,
    view: &'a DeviceView,
    /// Code, cause and remedy, if the last code was wrong.
    wrong: Option<(Code, &'static str, &'static str)>,
}

/// The page for a device's code.
pub fn device(view: &DeviceView) -> String {
    let lang = view.lang;
    let frame = Page::still(lang, texts::DEVICE_TITLE.say(lang), "device");
    let entry = Code::UserCode.entry();
    let wrong = (Code::UserCode, entry.cause.say(lang), entry.user.say(lang));
    layout::html(&DevicePage {
        page: frame.at(&view.device_path),
        view,
        wrong: view.wrong.then_some(wrong),
    })
}
