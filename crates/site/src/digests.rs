//! Who somebody is, as keyed digests: nothing here can be turned back without the key.
//!
//! A login claim is stable, unique, never reassigned, and only ever used together with its issuer
//! (OpenID4VP 1.0, section 14.5). Invariant: the issuer is part of every digest below, so two
//! issuers that attest one member reference give two people and two subjects. Values are compared
//! byte for byte; nothing is normalised.

use sekisho_ambient::{Secret, constant_time_eq, hmac_sha256};
use sekisho_jose::b64u;
use sekisho_store::Store;

/// The keys of the digests. Derived from the root key, so they survive rotation and restore.
#[derive(Clone)]
pub struct Digests {
    person: Secret<[u8; 32]>,
    pairwise: Secret<[u8; 32]>,
    username: Secret<[u8; 32]>,
    consent: Secret<[u8; 32]>,
    form: Secret<[u8; 32]>,
    nonce: Secret<[u8; 32]>,
    refresh: Secret<[u8; 32]>,
}

impl Digests {
    /// Derives the keys.
    pub fn new(store: &Store) -> Self {
        let key = |label| Secret::new(store.mac_key(label));
        Self {
            person: key("person"),
            pairwise: key("pairwise-subject"),
            username: key("preferred-username"),
            consent: key("consent"),
            form: key("form-token"),
            nonce: key("credential-nonce"),
            refresh: key("refresh-token"),
        }
    }

    /// The person that `issuer` knows as `member_ref`.
    pub fn person(&self, issuer: &str, member_ref: &str) -> [u8; 32] {
        hmac_sha256(self.person.expose(), &[issuer.as_bytes(), member_ref.as_bytes()])
    }

    /// The pairwise subject at `sector` (OpenID Connect Core 1.0, section 8.1).
    pub fn subject(&self, sector: &str, issuer: &str, member_ref: &str) -> String {
        let parts = [sector.as_bytes(), issuer.as_bytes(), member_ref.as_bytes()];
        b64u::encode(hmac_sha256(self.pairwise.expose(), &parts))
    }

    /// An opaque name for shells and portals, stable at `client_id`: `u` and 16 hexadecimal digits.
    pub fn username(&self, client_id: &str, person: &[u8; 32]) -> String {
        use std::fmt::Write as _;
        let digest = hmac_sha256(self.username.expose(), &[client_id.as_bytes(), person]);
        digest.iter().take(8).fold("u".to_owned(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
    }

    /// Where the consent of `person` towards `client_id` is remembered.
    pub fn consent(&self, client_id: &str, person: &[u8; 32]) -> [u8; 32] {
        hmac_sha256(self.consent.expose(), &[client_id.as_bytes(), person])
    }

    /// The token that a form of this login carries, against requests forged by other sites.
    pub fn form_token(&self, login: &str, browser: &str) -> String {
        let parts = [login.as_bytes(), browser.as_bytes()];
        b64u::encode(hmac_sha256(self.form.expose(), &parts))
    }

    /// Whether `token` is the one of this login and browser.
    pub fn is_form_token(&self, token: &str, login: &str, browser: &str) -> bool {
        constant_time_eq(token.as_bytes(), self.form_token(login, browser).as_bytes())
    }

    /// The key under which refresh tokens are made.
    pub fn refresh_key(&self) -> &[u8; 32] {
        self.refresh.expose()
    }

    /// The key under which nonces of one credential issuer are made.
    pub fn nonce_key(&self, issuer: &str) -> [u8; 32] {
        hmac_sha256(self.nonce.expose(), &[issuer.as_bytes()])
    }
}
