//! Whether the credentials of a decision still stand: none has expired, the issuer is still trusted
//! for its type and organization under the anchor that vouched for it, the key that signed it is
//! not compromised, and its status is good. The question is asked in two steps, because only the
//! first step may wait for other servers.
//!
//! [`Standing::look`] runs before the transaction and checks all of that, with trust and keys as
//! they are in the store now. It verifies our own lists as other verifiers would.
//! [`Standing::standing_in`] runs in the transaction that decides: it reads the entries of our own
//! lists again, so a revocation that was committed before the decision is seen, and it compares the
//! versions of trust and of our keys with those that the first step used.
//!
//! Invariant: only this file makes a [`Stands`]. A function that takes one as an argument cannot be
//! called for credentials that were not checked.

use sekisho_ambient::Timestamp;
use sekisho_credential::status::{self, StatusReference};
use sekisho_credential::vc::{Signed, VerifiedCredential};
use sekisho_profile::{Code, Status, types};
use sekisho_site::audit::short;
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{OwnList, Standing, tables};

/// How often a decision is tried again after trust or our keys changed meanwhile.
const ATTEMPTS: usize = 8;

/// One credential that a decision relies on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relied {
    /// Name of its type, e.g. `affiliation`.
    pub type_name: String,
    /// The identifier of its issuer.
    pub issuer: String,
    /// RFC 7638 thumbprint of the holder's key; `None` in what an earlier version kept.
    #[serde(default)]
    pub holder: Option<String>,
    /// SHA-256 of the issuer-signed JWT; identifies the credential.
    pub digest: [u8; 32],
    /// Its entry in a status list; `None` if it has none and cannot be revoked.
    pub status: Option<StatusReference>,
    /// When it expires, if it does.
    pub expires: Option<Timestamp>,
    /// The corporate number of the organization that it is about; `None` if its type is about none,
    /// and in rows written before this member existed.
    #[serde(default)]
    pub organization: Option<String>,
    /// Under which key it was signed; `None` in rows written before this member existed.
    #[serde(default)]
    pub signed: Option<Signed>,
}

impl Relied {
    /// What is kept of a verified credential of the type called `type_name`.
    pub fn on(type_name: &str, credential: &VerifiedCredential) -> Self {
        let claim = types::find(type_name).and_then(|known| known.organization_claim);
        let organization = claim.and_then(|name| credential.claims().get(name)?.as_str());
        Self {
            type_name: type_name.to_owned(),
            issuer: credential.issuer().to_owned(),
            holder: Some(credential.holder_key().thumbprint()),
            digest: credential.digest(),
            status: credential.status().cloned(),
            expires: credential.expires(),
            organization: organization.map(str::to_owned),
            signed: Some(credential.signed().clone()),
        }
    }
}

/// A credential that no longer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallen {
    /// The reason: revoked, suspended, expired, of unknown status, of an issuer that is not trusted
    /// any more, or signed under a compromised key.
    pub code: Code,
    /// The name of the credential in the audit log: the id under which we issued it, or the start
    /// of its digest. By this name, a revocation and its consequences can be matched.
    pub credential: String,
}

impl Fallen {
    /// Whether what relies on the credential must end. False only if the status cannot be read now,
    /// because it may be readable again later.
    pub fn is_final(&self) -> bool {
        self.code != Code::StatusUnknown
    }
}

/// The result of `Standing::look`, outside a transaction.
#[derive(Clone, Debug)]
pub struct Looked {
    fallen: Option<Fallen>,
    /// The version of trust that was used.
    trust: u64,
    /// The generation of our keys with which our own lists were verified. The result must be signed
    /// with the same generation.
    ring: u64,
}

impl Looked {
    /// The first credential that does not stand, if there is one.
    pub fn fallen(&self) -> Option<&Fallen> {
        self.fallen.as_ref()
    }

    /// Whether the check used this version of trust.
    pub fn is_of_trust(&self, version: u64) -> bool {
        self.trust == version
    }

    /// The proof for an answer that writes nothing. A decision that writes gets its proof from
    /// [`Standing::standing_in`] instead.
    pub fn told(self) -> Result<Stands, Fallen> {
        match self.fallen {
            None => Ok(Stands(())),
            Some(fallen) => Err(fallen),
        }
    }
}

/// The proof that the credentials of a decision stand. It has no public constructor.
#[derive(Clone, Copy, Debug)]
pub struct Stands(());

/// The result of `Standing::standing_in`, inside a transaction.
#[derive(Debug)]
pub enum Found {
    /// All credentials stand.
    Stands(Stands),
    /// This credential does not stand.
    Fallen(Fallen),
    /// Trust or our keys have changed since the first step: repeat both steps.
    Moved,
}

impl Standing {
    /// The first step: checks everything that the deciding transaction cannot check.
    pub async fn look(&self, relied: &[Relied], now: Timestamp) -> Looked {
        if let Err(error) = self.follow().await {
            tracing::error!(%error, "trust and keys cannot be read");
            let fallen = Fallen { code: Code::StatusUnknown, credential: String::new() };
            return Looked { fallen: Some(fallen), trust: 0, ring: 0 };
        }
        let (trust, ring) = (self.registry.trust().version, self.keyring.ring().generation());
        for credential in relied {
            if let Some(code) = self.code_of(credential, now).await {
                let credential = self.audit_name(credential).await;
                return Looked { fallen: Some(Fallen { code, credential }), trust, ring };
            }
        }
        Looked { fallen: None, trust, ring }
    }

    async fn code_of(&self, credential: &Relied, now: Timestamp) -> Option<Code> {
        if credential.expires.is_some_and(|end| end <= now) {
            return Some(Code::Expired);
        }
        if !self.is_trusted(credential) {
            return Some(Code::UntrustedIssuer);
        }
        if self.is_compromised(credential) {
            return Some(Code::IssuerKeyCompromised);
        }
        if !self.has_own_entry(credential) {
            return Some(Code::EntryNotOurs);
        }
        let reference = credential.status.as_ref()?;
        match self.status_of(credential, reference, now).await {
            Ok(status) => refusal(status),
            Err(error) => {
                tracing::warn!(%error, uri = %reference.uri, "status of a credential is unknown");
                Some(Code::StatusUnknown)
            }
        }
    }

    fn is_trusted(&self, credential: &Relied) -> bool {
        let vct = types::vct(self.site.type_authority(), &credential.type_name);
        let (organization, signed) = (credential.organization.as_deref(), &credential.signed);
        let trust = self.registry.trust();
        trust.list.still_covers(&credential.issuer, &vct, organization, signed.as_ref())
    }

    /// Whether the key that signed a credential of ours is compromised. If it is not known which
    /// key that was, any compromised key of the issuer counts.
    fn is_compromised(&self, credential: &Relied) -> bool {
        let Some(issuer) = self.site.origin().organization_of(&credential.issuer) else {
            return false;
        };
        let key = credential.signed.as_ref().map(|signed| signed.key.as_str());
        self.keyring.ring().is_compromised(issuer, key)
    }

    /// The second step, in the transaction that decides.
    pub fn standing_in(
        &self,
        tx: &mut Tx,
        relied: &[Relied],
        looked: &Looked,
    ) -> Result<Found, StoreError> {
        if let Some(fallen) = &looked.fallen {
            return Ok(Found::Fallen(fallen.clone()));
        }
        let own = relied.iter().filter_map(|credential| Some((credential, self.own(credential)?)));
        let own: Vec<_> = own.collect();
        for (_, place) in &own {
            tx.want::<tables::StatusEntries>(&place.row());
        }
        let same_trust = self.registry.is_trust_of_in(tx, looked.trust)?;
        if !same_trust || !self.keyring.is_ring_of_in(tx, looked.ring)? {
            return Ok(Found::Moved);
        }
        for (credential, place) in own {
            let entry = tx.get::<tables::StatusEntries>(&place.row())?;
            let code = match &entry {
                Some(entry) if !entry.is_of(credential) => Some(Code::EntryNotOurs),
                Some(entry) => refusal(entry.status),
                None => Some(Code::StatusUnknown),
            };
            if let Some(code) = code {
                let digest = || short(&credential.digest);
                let credential = entry.map_or_else(digest, |entry| entry.credential);
                return Ok(Found::Fallen(Fallen { code, credential }));
            }
        }
        Ok(Found::Stands(Stands(())))
    }

    /// Decides in one transaction about credentials that were checked by `Standing::look`.
    /// `closure` gets the proof that all stand, or the first that does not. If trust or our keys
    /// have changed meanwhile, here or at another broker, both steps are repeated.
    pub async fn decide<T>(
        &self,
        relied: &[Relied],
        mut looked: Looked,
        mut closure: impl FnMut(&mut Tx, Result<Stands, &Fallen>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let decided = self
                .site
                .store()
                .transact(|tx| match self.standing_in(tx, relied, &looked)? {
                    Found::Stands(stands) => closure(tx, Ok(stands)).map(Some),
                    Found::Fallen(fallen) => closure(tx, Err(&fallen)).map(Some),
                    Found::Moved => Ok(None),
                })
                .await?;
            if let Some(decided) = decided {
                return Ok(decided);
            }
            self.look_anew().await?;
            looked = self.look(relied, self.site.now()).await;
        }
        Err(StoreError::Busy)
    }

    /// Reads trust and our keys from the store again, after [`Found::Moved`].
    pub async fn look_anew(&self) -> Result<(), StoreError> {
        self.registry.reload_trust().await?;
        // If the keys cannot be read, the ring in memory stays as it is, and nothing is signed.
        self.keyring.reload().await.map_err(|error| StoreError::Aborted(error.to_string()))
    }

    /// Reads trust and our keys again if another broker has changed them.
    async fn follow(&self) -> Result<(), StoreError> {
        self.registry.follow_trust().await?;
        self.keyring.follow().await.map_err(|error| StoreError::Aborted(error.to_string()))
    }

    /// The place of the credential's entry, if it is in one of our own lists.
    fn own(&self, credential: &Relied) -> Option<crate::Place> {
        let reference = credential.status.as_ref()?;
        let list = OwnList::from_uri(self.site.origin(), &reference.uri)?;
        Some(list.at(reference.index))
    }

    async fn audit_name(&self, credential: &Relied) -> String {
        let digest = || short(&credential.digest);
        let Some(place) = self.own(credential) else { return digest() };
        let entry = self.site.store().get::<tables::StatusEntries>(&place.row()).await;
        entry.ok().flatten().map_or_else(digest, |entry| entry.credential)
    }
}

/// The reason why a credential with this entry does not count; `None` if it counts.
fn refusal(entry: status::Status) -> Option<Code> {
    Status::from_entry(entry).map_or(Some(Code::StatusUnknown), Status::refusal)
}
