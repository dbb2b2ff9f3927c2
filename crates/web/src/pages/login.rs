//! The login page: who asks and why, then the wallet on this device or a QR code for another.
//!
//! Checklist AUTH-27. The page also waits for the wallet's answer. Without a script it reloads
//! every few seconds; with one it asks in the background.

use askama::Template;
use sekisho_ambient::Timestamp;
use sekisho_profile::Code;

use super::Lang;
use super::layout::{self, Page, time_left};
use super::qr::{Qr, qr};
use crate::texts;

/// The service that asks, as its operator registered it.
#[derive(Clone, Debug, Default)]
pub struct ServiceCard {
    /// The name of the service in Japanese; empty if there is none.
    pub name_ja: String,
    /// Name in English; empty if there is none.
    pub name_en: String,
    /// Why it asks, in the page's language.
    pub purpose: String,
    /// The name of the organization that operates the service.
    pub operator_name: String,
    /// The corporate number of the organization that operates the service (法人番号), 13 digits; `None`
    /// if unknown.
    pub corporate_number: Option<String>,
    /// Where the service stands and who attests that, in the page's language; `None` if nobody
    /// attests it.
    pub residency: Option<String>,
    /// The URL of the service's privacy policy (`policy_uri`).
    pub policy_url: Option<String>,
    /// The URL of the service's terms of use (`tos_uri`).
    pub tos_url: Option<String>,
    /// What to know before going on for a device, in the page's language; `None` if no device waits.
    pub device: Option<String>,
}

/// A wallet that this broker knows how to open.
#[derive(Clone, Debug, Default)]
pub struct WalletLink {
    /// Short name in ASCII, part of the element's id (`wallet-{name}`).
    pub name: String,
    /// The name of the wallet in Japanese.
    pub label_ja: String,
    /// The name of the wallet in English.
    pub label_en: String,
    /// The URL that opens the wallet with the request of this login.
    pub url: String,
    /// Whether the first button opens this wallet. If no wallet is preferred, it opens the first
    /// one.
    pub preferred: bool,
}

/// What is shown for logging in with a wallet on a second device.
#[derive(Clone, Debug)]
pub struct CrossDevice {
    /// The URL in the QR code and in the link.
    pub qr_url: String,
    /// When the request expires.
    pub expires_at: Timestamp,
    /// How many seconds are left until then. At zero or less, the page shows that the code has
    /// expired.
    pub remaining_s: i64,
}

/// What the login page shows.
#[derive(Clone, Debug)]
pub struct LoginView {
    /// Language of the page.
    pub lang: Lang,
    /// The service that asks.
    pub service: ServiceCard,
    /// The wallets that this device can open.
    pub wallets: Vec<WalletLink>,
    /// The QR code, if the client allows a second device.
    pub cross: Option<CrossDevice>,
    /// `/login/{id}`: the page's own path and the base of its forms.
    pub login_path: String,
    /// Anti-CSRF token of the forms.
    pub form_token: String,
    /// Labels of the claims that the service asks for, in the page's language.
    pub asks: Vec<String>,
    /// Whether the links have ended, so that the person must ask for new ones.
    pub expired: bool,
    /// Why the last answer of a wallet was refused, and how many were; `None` if none was.
    pub refused: Option<(Code, u8)>,
}

impl ServiceCard {
    /// The name to show in `lang`. If there is none in that language, it is the one in the other.
    pub(super) fn name(&self, lang: Lang) -> &str {
        match self.name_lang(lang) {
            Lang::Ja => &self.name_ja,
            Lang::En => &self.name_en,
        }
    }

    /// The language of the name that [`ServiceCard::name`] returns.
    pub(super) fn name_lang(&self, lang: Lang) -> Lang {
        match lang {
            Lang::En if self.name_en.is_empty() => Lang::Ja,
            Lang::Ja if self.name_ja.is_empty() => Lang::En,
            lang => lang,
        }
    }
}

impl WalletLink {
    pub(super) fn label(&self, lang: Lang) -> &str {
        match lang {
            Lang::Ja => &self.label_ja,
            Lang::En => &self.label_en,
        }
    }
}

/// The state of the page by the number of refused answers.
const STATES: [&str; 5] =
    ["login", "login-refused-1", "login-refused-2", "login-refused-3", "login-refused-4"];

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    page: Page,
    view: &'a LoginView,
    preferred: Option<&'a WalletLink>,
    expired: bool,
    /// Code, cause and remedy of the answer that was refused last.
    refused: Option<(Code, &'static str, &'static str)>,
    qr: Option<Qr>,
    left: String,
    until: String,
}

/// The login page.
pub fn login(view: &LoginView) -> String {
    let lang = view.lang;
    let expired = view.expired;
    let wallets = &view.wallets;
    let waiting = !expired && (view.cross.is_some() || !wallets.is_empty());
    // Another state for each refused answer, so that the waiting page shows it.
    let refused = view.refused.map_or(0, |(_, count)| usize::from(count));
    let state = STATES.get(refused).copied().unwrap_or("login-refused");
    let state = if expired { "login-expired" } else { state };
    let frame = Page::still(lang, texts::LOGIN_TITLE.say(lang), state);
    layout::html(&LoginPage {
        page: Page { waiting, ..frame.at(&view.login_path) },
        view,
        preferred: wallets.iter().find(|wallet| wallet.preferred).or_else(|| wallets.first()),
        expired,
        refused: view.refused.map(|(code, _)| {
            let entry = code.entry();
            (code, entry.cause.say(lang), entry.user.say(lang))
        }),
        qr: view.cross.as_ref().and_then(|cross| qr(&cross.qr_url)),
        left: view.cross.as_ref().map_or_else(String::new, |c| time_left(lang, c.remaining_s)),
        until: view.cross.as_ref().map_or_else(String::new, |cross| {
            texts::QR_UNTIL.fill(lang, &[("time", &layout::time(lang, cross.expires_at))])
        }),
    })
}
