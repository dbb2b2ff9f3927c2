//! Trust: which issuer may attest which type for which organization, under which anchors.

use sekisho_credential::vc::{TrustList, TrustedIssuer};
use sekisho_jose::x5c::TrustAnchor;
use sekisho_profile::Act;
use sekisho_profile::types;
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Changed, MAX_ROWS};
use crate::Broker;
use crate::rotation::ROOT;
use crate::tables::{Authorities, Trust};

/// Trust to be given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTrust {
    /// The credential issuer identifier.
    pub issuer: String,
    /// Names of types that it may attest.
    pub types: Vec<String>,
    /// Corporate numbers that it may attest for.
    pub organizations: Vec<String>,
    /// Roots of its certificates, PEM; our own root if absent.
    #[serde(default)]
    pub anchors_pem: Option<String>,
}

/// Trust, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrustRow {
    /// The credential issuer identifier.
    pub issuer: String,
    /// `vct` of the types.
    pub types: Vec<String>,
    /// Corporate numbers.
    pub organizations: Vec<String>,
    /// Number of anchors.
    pub anchors: usize,
}

impl Broker {
    /// Reads trust into memory.
    pub(crate) async fn reload_trust(&self) -> Result<(), sekisho_store::StoreError> {
        let rows = self.store().scan::<Trust>(std::ops::Bound::Unbounded, MAX_ROWS).await?;
        self.set_trust(TrustList(rows.into_iter().map(|(_, issuer)| issuer).collect()));
        Ok(())
    }

    /// Trusts an issuer; replaces what was said of it before.
    pub async fn add_trust(
        &self,
        by: &By,
        add: &AddTrust,
    ) -> Result<Changed<TrustRow>, AdminError> {
        let anchors = match &add.anchors_pem {
            Some(pem) => TrustAnchor::from_pem(pem).map_err(AdminError::invalid)?,
            None => vec![self.own_root().await?],
        };
        if anchors.is_empty() {
            return Err(AdminError::Invalid("the PEM file holds no certificate".to_owned()));
        }
        let authority = &self.config().type_authority;
        let mut vcts = Vec::new();
        for name in &add.types {
            let known = types::find(name).ok_or_else(|| AdminError::NotFound {
                kind: "credential type",
                id: name.clone(),
            })?;
            vcts.push(types::vct(authority, known.name));
        }
        let trusted = TrustedIssuer {
            issuer: add.issuer.clone(),
            types: vcts,
            organizations: add.organizations.clone(),
            anchors,
        };
        let result = row(&trusted);
        if by.dry_run {
            return Ok(Changed { audit_id: None, result });
        }
        let (entry, id) = self.act_entry(by, self.clock().now(), Act::TrustAdd, &add.issuer);
        self.store()
            .transact(|tx| {
                tx.put::<Trust>(&add.issuer, &trusted)?;
                tx.append(entry.clone());
                Ok(())
            })
            .await?;
        self.reload_trust().await?;
        Ok(Changed { audit_id: Some(id), result })
    }

    /// Everyone who is trusted.
    pub fn list_trust(&self) -> Vec<TrustRow> {
        self.trust().0.iter().map(row).collect()
    }

    /// Trusts an issuer no longer.
    pub async fn remove_trust(
        &self,
        by: &By,
        issuer: &str,
    ) -> Result<Changed<TrustRow>, AdminError> {
        let key = issuer.to_owned();
        let missing = || AdminError::NotFound { kind: "trusted issuer", id: issuer.to_owned() };
        let trusted = self.store().get::<Trust>(&key).await?.ok_or_else(missing)?;
        let result = row(&trusted);
        if by.dry_run {
            return Ok(Changed { audit_id: None, result });
        }
        let (entry, id) = self.act_entry(by, self.clock().now(), Act::TrustRemove, issuer);
        self.store()
            .transact(|tx| {
                tx.delete::<Trust>(&key)?;
                tx.append(entry.clone());
                Ok(())
            })
            .await?;
        self.reload_trust().await?;
        Ok(Changed { audit_id: Some(id), result })
    }

    /// The root of our own certificates.
    pub async fn own_root(&self) -> Result<TrustAnchor, AdminError> {
        let root = self.store().get::<Authorities>(&ROOT.to_owned()).await?;
        let root = root.ok_or(AdminError::NotFound { kind: "authority", id: ROOT.to_owned() })?;
        TrustAnchor::from_der(&root.certificate).map_err(AdminError::invalid)
    }
}

fn row(trusted: &TrustedIssuer) -> TrustRow {
    TrustRow {
        issuer: trusted.issuer.clone(),
        types: trusted.types.clone(),
        organizations: trusted.organizations.clone(),
        anchors: trusted.anchors.len(),
    }
}
