//! Keyed digests that stand for people. Without the key, nobody can find the person from a digest.
//!
//! A login claim is stable, unique, never reassigned, and used only together with its issuer
//! (OpenID4VP 1.0, section 14.5). Invariant: the issuer is part of every digest of a person or
//! subject. If two issuers attest the same member reference, they give two people and two subjects.
//! Values are compared byte for byte; nothing is normalised.

use sekisho_ambient::{Secret, constant_time_eq, hmac_sha256};
use sekisho_jose::b64u;
use sekisho_store::Store;

/// The keys of the digests. They are derived from the store's root key, so they stay the same when
/// signing keys rotate or a backup is restored.
#[derive(Clone)]
pub struct Digests {
    person: Secret<[u8; 32]>,
    pairwise: Secret<[u8; 32]>,
    username: Secret<[u8; 32]>,
    sector_username: Secret<[u8; 32]>,
    name: Secret<[u8; 32]>,
    consent: Secret<[u8; 32]>,
    form: Secret<[u8; 32]>,
    nonce: Secret<[u8; 32]>,
    refresh: Secret<[u8; 32]>,
    guard: Secret<[u8; 32]>,
    user_code: Secret<[u8; 32]>,
}

impl Digests {
    /// Derives the keys from the store's root key.
    pub fn new(store: &Store) -> Self {
        let key = |label| Secret::new(store.mac_key(label));
        Self {
            person: key("person"),
            pairwise: key("pairwise-subject"),
            username: key("preferred-username"),
            sector_username: key("sector-username"),
            name: key("name-in-sector"),
            consent: key("consent"),
            form: key("form-token"),
            nonce: key("credential-nonce"),
            refresh: key("refresh-token"),
            guard: key("guarded-site"),
            user_code: key("user-code"),
        }
    }

    /// Returns the digest of the person whom `issuer` knows as `member_ref`.
    pub fn person(&self, issuer: &str, member_ref: &str) -> [u8; 32] {
        hmac_sha256(self.person.expose(), &[issuer.as_bytes(), member_ref.as_bytes()])
    }

    /// Returns the pairwise subject of the person at `sector` (OpenID Connect Core 1.0, section
    /// 8.1): 43 characters, of which the first is never `-`, or 44. A subject that begins with `-`
    /// is taken for an option by commands, so an `s` stands before it. No other subject has 44
    /// characters.
    pub fn subject(&self, sector: &str, issuer: &str, member_ref: &str) -> String {
        let subject = self.subject_of_before(sector, issuer, member_ref);
        if subject.starts_with('-') { format!("s{subject}") } else { subject }
    }

    /// Returns the subject as clients get it that were registered before none began with `-`. One of
    /// 64 does.
    pub fn subject_of_before(&self, sector: &str, issuer: &str, member_ref: &str) -> String {
        let parts = [sector.as_bytes(), issuer.as_bytes(), member_ref.as_bytes()];
        b64u::encode(hmac_sha256(self.pairwise.expose(), &parts))
    }

    /// Returns an opaque user name for shells and portals: `u` and 16 hexadecimal digits. It never
    /// changes for a person at `sector`.
    pub fn username(&self, sector: &str, person: &[u8; 32]) -> String {
        opaque(&hmac_sha256(self.sector_username.expose(), &[sector.as_bytes(), person]))
    }

    /// Returns the opaque user name at a client that was registered before user names were those of
    /// a sector.
    pub fn username_of_before(&self, client_id: &str, person: &[u8; 32]) -> String {
        opaque(&hmac_sha256(self.username.expose(), &[client_id.as_bytes(), person]))
    }

    /// Returns the key under which it is stored whose user name `name` is in `sector`.
    pub fn name(&self, sector: &str, name: &str) -> [u8; 32] {
        hmac_sha256(self.name.expose(), &[sector.as_bytes(), name.as_bytes()])
    }

    /// Returns the key under which the consent of `person` towards this registration of `client_id`
    /// is stored. Registrations of generation 0 have the keys of before there were generations.
    pub fn consent(&self, client_id: &str, generation: u64, person: &[u8; 32]) -> [u8; 32] {
        let generation = generation.to_be_bytes();
        let parts: [&[u8]; 3] = [client_id.as_bytes(), person, &generation];
        let named = if generation == [0; 8] { &parts[..2] } else { &parts[..] };
        hmac_sha256(self.consent.expose(), named)
    }

    /// Returns the token that the forms of this login carry. It protects against forms that other
    /// sites send.
    pub fn form_token(&self, login: &str, browser: &str) -> String {
        let parts = [login.as_bytes(), browser.as_bytes()];
        b64u::encode(hmac_sha256(self.form.expose(), &parts))
    }

    /// Whether `token` is the form token of this login and browser.
    pub fn is_form_token(&self, token: &str, login: &str, browser: &str) -> bool {
        constant_time_eq(token.as_bytes(), self.form_token(login, browser).as_bytes())
    }

    /// Returns the key from which refresh tokens are made.
    pub fn refresh_key(&self) -> &[u8; 32] {
        self.refresh.expose()
    }

    /// Returns the digest by which logins at guarded sites are bound to their browser. The first of
    /// `parts` names the purpose.
    pub fn guard(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(self.guard.expose(), parts)
    }

    /// Returns the digest under which the code that a device shows is kept. The code is short, so
    /// whoever reads the table without the key must not be able to try all codes.
    pub fn user_code(&self, letters: &str) -> [u8; 24] {
        let digest = hmac_sha256(self.user_code.expose(), &[letters.as_bytes()]);
        std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default())
    }

    /// Returns the key from which nonces of one credential issuer are made.
    pub fn nonce_key(&self, issuer: &str) -> [u8; 32] {
        hmac_sha256(self.nonce.expose(), &[issuer.as_bytes()])
    }
}

/// The first 8 bytes of a digest as a user name.
fn opaque(digest: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    digest.iter().take(8).fold("u".to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}
