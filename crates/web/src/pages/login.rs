//! The login page: who asks and why, then the wallet on this device or a QR code for another.
//!
//! Checklist AUTH-27. The page is also the waiting room: without a script it asks again every few
//! seconds, with one it looks without being seen.

use sekisho_ambient::Timestamp;

use super::Lang;

/// The service that asks, as its operator registered it.
#[derive(Clone, Debug, Default)]
pub struct ServiceCard {
    /// Name in Japanese.
    pub name_ja: String,
    /// Name in English; empty if there is none.
    pub name_en: String,
    /// Why it asks, in the page's language.
    pub purpose: String,
    /// Who operates it.
    pub operator_name: String,
    /// The operator's corporate number (法人番号), 13 digits; `None` if unknown.
    pub corporate_number: Option<String>,
    /// Where it stands and who attests that, in the page's language; `None` if nobody does.
    pub residency: Option<String>,
    /// Its privacy policy (`policy_uri`).
    pub policy_url: Option<String>,
    /// Its terms of use (`tos_uri`).
    pub tos_url: Option<String>,
}

/// A wallet that this broker knows how to open.
#[derive(Clone, Debug, Default)]
pub struct WalletLink {
    /// Short name in ASCII, part of the element's id (`wallet-{name}`).
    pub name: String,
    /// Name shown in Japanese.
    pub label_ja: String,
    /// Name shown in English.
    pub label_en: String,
    /// Opens the wallet with the request of this login.
    pub url: String,
    /// Whether the first button opens this one; without any, the first wallet.
    pub preferred: bool,
}

/// The way over a second device.
#[derive(Clone, Debug)]
pub struct CrossDevice {
    /// What the QR code and the link contain.
    pub qr_url: String,
    /// When the request ends.
    pub expires_at: Timestamp,
    /// Seconds until then; zero or less shows that the code can no longer be used.
    pub remaining_s: i64,
}

/// What the login page shows.
#[derive(Clone, Debug)]
pub struct LoginView {
    /// Language of the page.
    pub lang: Lang,
    /// Who asks.
    pub service: ServiceCard,
    /// The wallets that can be opened on this device.
    pub wallets: Vec<WalletLink>,
    /// The QR code, where the client allows a second device.
    pub cross: Option<CrossDevice>,
    /// `/login/{id}`: the page's own path and the base of its forms.
    pub login_path: String,
    /// Anti-CSRF token of the forms.
    pub form_token: String,
    /// Labels of the claims that the service asks for, in the page's language.
    pub asks: Vec<String>,
}

/// The login page.
pub fn login(_view: &LoginView) -> String {
    String::new()
}
