//! The wallet: one holder's key, the authorities it trusts, and the credentials it keeps.
//!
//! One wallet has **one holder key** (ES256). Every credential is issued to it, so that a verifier
//! can see that all credentials of one presentation belong to one holder (OpenID4VP 1.0, section
//! 14.5). The price is that two verifiers who compare notes can recognise that key. A person who
//! wants two identities that cannot be linked makes two wallets.
//!
//! Invariant: the holder key is used only to sign proofs and key bindings.

use std::path::Path;

use sekisho_ambient::{Clock, Entropy, Secret, Text, Timestamp};
use sekisho_jose::x5c::TrustAnchor;
use sekisho_jose::{Algorithm, PublicJwk, SigningKey};
use serde::{Deserialize, Serialize};

use crate::fetch::Fetch;
use crate::held::{Credential, Held};
use crate::vault::{self, Vault};
use crate::{PreparedOffer, WalletError};

/// What the wallet gets from outside: the clock, randomness, and authorities for TLS.
#[derive(Clone)]
pub struct Surroundings {
    /// The present time.
    pub clock: Clock,
    /// The source of keys, nonces and ids.
    pub entropy: Entropy,
    /// More authorities (PEM) to accept for TLS servers, besides the system's.
    pub roots: Option<Vec<u8>>,
}

impl Surroundings {
    /// The system's clock and randomness, and the system's authorities only.
    pub fn system() -> Self {
        Self { clock: Clock::system(), entropy: Entropy::system(), roots: None }
    }
}

/// A holder's wallet. Clones use the same folder.
#[derive(Clone)]
pub struct Wallet {
    pub(crate) vault: Vault,
    pub(crate) holder: SigningKey,
    pub(crate) fetch: Fetch,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    extra_anchors: Vec<TrustAnchor>,
}

/// The stored form of the holder's key.
#[derive(Serialize, Deserialize)]
struct StoredHolder {
    version: u8,
    algorithm: Algorithm,
    /// The private key: PKCS#8 in DER, as base64url.
    private_key: String,
}

/// The stored form of the authorities.
#[derive(Default, Serialize, Deserialize)]
struct StoredAnchors {
    version: u8,
    anchors: Vec<TrustAnchor>,
}

const HOLDER: &str = "holder";
const ANCHORS: &str = "anchors";
/// The version number in all stored forms.
pub(crate) const VERSION: u8 = 1;

impl Wallet {
    /// Makes a wallet with a fresh holder key in the folder `dir`. The folder may exist, but must
    /// not hold a wallet.
    pub fn create(dir: &Path, surroundings: Surroundings) -> Result<Self, WalletError> {
        let holder =
            SigningKey::generate(Algorithm::Es256, &surroundings.entropy).map_err(key_error)?;
        let stored = StoredHolder {
            version: VERSION,
            algorithm: holder.algorithm(),
            private_key: sekisho_jose::b64u::encode(holder.to_pkcs8_der().expose()),
        };
        let plain = Secret::new(serde_json::to_vec(&stored).map_err(key_error)?);
        let entropy = surroundings.entropy.clone();
        let vault = Vault::create(dir, &entropy, |vault, lock| {
            vault.seal(HOLDER, plain.expose(), &entropy, lock)
        })?;
        Self::assemble(vault, holder, surroundings)
    }

    /// Opens the wallet in the folder `dir`.
    pub fn open(dir: &Path, surroundings: Surroundings) -> Result<Self, WalletError> {
        let vault = Vault::open(dir)?;
        let stored: StoredHolder = read(&vault, HOLDER)?
            .ok_or_else(|| damaged(&vault, HOLDER, "there is no holder key"))?;
        let der = Secret::new(sekisho_jose::b64u::decode(&stored.private_key).map_err(key_error)?);
        let holder =
            SigningKey::from_pkcs8_der(stored.algorithm, der.expose()).map_err(key_error)?;
        Self::assemble(vault, holder, surroundings)
    }

    fn assemble(
        vault: Vault,
        holder: SigningKey,
        surroundings: Surroundings,
    ) -> Result<Self, WalletError> {
        let Surroundings { clock, entropy, roots } = surroundings;
        let fetch = Fetch::new(roots.as_deref())?;
        Ok(Self { vault, holder, fetch, clock, entropy, extra_anchors: Vec::new() })
    }

    /// The holder's public key, to which all credentials are bound.
    pub fn holder_key(&self) -> PublicJwk {
        self.holder.public_jwk()
    }

    /// Stores `anchors` as authorities that are trusted from now on, for issuers and for verifiers.
    pub fn trust(&self, anchors: &[TrustAnchor]) -> Result<(), WalletError> {
        let lock = self.vault.lock()?;
        let mut stored = self.stored_anchors()?;
        for anchor in anchors {
            if !stored.anchors.contains(anchor) {
                stored.anchors.push(anchor.clone());
            }
        }
        stored.version = VERSION;
        let plain = serde_json::to_vec(&stored).map_err(key_error)?;
        self.vault.seal(ANCHORS, &plain, &self.entropy, &lock)
    }

    /// Trusts `anchors` too, but only for this value; they are not stored.
    #[must_use]
    pub fn with_anchors(mut self, anchors: Vec<TrustAnchor>) -> Self {
        self.extra_anchors.extend(anchors);
        self
    }

    /// Calls programs on this machine only at these origins. For another one, calls fail with
    /// [`WalletError::ThisMachine`] before they are made.
    #[must_use]
    pub(crate) fn confined(mut self, origins: impl IntoIterator<Item = String>) -> Self {
        self.fetch.confine(origins);
        self
    }

    /// The authorities that this wallet trusts.
    pub fn anchors(&self) -> Result<Vec<TrustAnchor>, WalletError> {
        let mut anchors = self.stored_anchors()?.anchors;
        anchors.extend(self.extra_anchors.iter().cloned());
        Ok(anchors)
    }

    fn stored_anchors(&self) -> Result<StoredAnchors, WalletError> {
        Ok(read(&self.vault, ANCHORS)?.unwrap_or_default())
    }

    /// All credentials, the newest first.
    pub fn credentials(&self) -> Result<Vec<Credential>, WalletError> {
        self.held()?.iter().map(|held| self.view(held)).collect()
    }

    /// Removes the credential `id` from the wallet. The issuer is not told.
    pub fn remove(&self, id: &str) -> Result<(), WalletError> {
        let lock = self.vault.lock()?;
        let removed = vault::is_id(id) && self.vault.remove(&vault::credential_name(id), &lock)?;
        if removed { Ok(()) } else { Err(WalletError::NotFound(crate::fetch::printable(id))) }
    }

    /// The stored credentials, the newest first.
    pub(crate) fn held(&self) -> Result<Vec<Held>, WalletError> {
        let mut all = Vec::new();
        for id in self.vault.credential_ids()? {
            // Somebody has removed it since the folder was listed.
            let Some(held) = read::<Held>(&self.vault, &vault::credential_name(&id))? else {
                continue;
            };
            all.push(held);
        }
        all.sort_by(|a, b| b.received.cmp(&a.received).then_with(|| a.id.cmp(&b.id)));
        Ok(all)
    }

    /// Stores a credential that was just received and checked.
    pub(crate) fn keep(&self, held: &Held) -> Result<Credential, WalletError> {
        let view = self.view(held)?;
        let plain = Secret::new(serde_json::to_vec(held).map_err(key_error)?);
        let lock = self.vault.lock()?;
        self.vault.seal(&vault::credential_name(&held.id), plain.expose(), &self.entropy, &lock)?;
        Ok(view)
    }

    pub(crate) fn view(&self, held: &Held) -> Result<Credential, WalletError> {
        let name = vault::credential_name(&held.id);
        Credential::read(held).map_err(|why| damaged(&self.vault, &name, &why))
    }

    /// Makes the stored form of `sd_jwt`, which came for `offer`, with a fresh id.
    pub(crate) fn fresh(&self, offer: &PreparedOffer, name: Text, sd_jwt: String) -> Held {
        Held {
            version: VERSION,
            // The first letter is fixed: an id with a leading hyphen would look like an option of
            // `tegata remove`.
            id: format!("c{}", self.entropy.id()),
            received: self.now(),
            issuer: offer.issuer.clone(),
            issuer_name: offer.issuer_name.clone(),
            name,
            offer: Some(offer.digest()),
            sd_jwt,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Reads the certificates of authorities from PEM.
pub fn read_anchors(pem: &[u8]) -> Result<Vec<TrustAnchor>, WalletError> {
    let certificates = |error: &dyn std::fmt::Display| WalletError::Certificates(error.to_string());
    let pem = std::str::from_utf8(pem).map_err(|error| certificates(&error))?;
    let anchors = TrustAnchor::from_pem(pem).map_err(|error| certificates(&error))?;
    if anchors.is_empty() {
        return Err(WalletError::Certificates("no certificate found".to_owned()));
    }
    Ok(anchors)
}

fn read<T: serde::de::DeserializeOwned>(
    vault: &Vault,
    name: &str,
) -> Result<Option<T>, WalletError> {
    let Some(plain) = vault.unseal(name)? else { return Ok(None) };
    serde_json::from_slice(plain.expose())
        .map(Some)
        .map_err(|error| damaged(vault, name, &error.to_string()))
}

fn damaged(vault: &Vault, name: &str, why: &str) -> WalletError {
    WalletError::Damaged { path: vault.path(name), why: why.to_owned() }
}

fn key_error(error: impl std::fmt::Display) -> WalletError {
    WalletError::Key(error.to_string())
}
