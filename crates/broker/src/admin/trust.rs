//! Administration of trust: which issuer may attest which type for which organization, under which
//! root certificates.

use sekisho_credential::vc::TrustedIssuer;
use sekisho_jose::x5c::TrustAnchor;
use sekisho_profile::{Act, types};
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed};
use crate::Broker;

/// A request to trust an issuer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTrust {
    /// The credential issuer identifier.
    pub issuer: String,
    /// The names of the types that it may attest.
    pub types: Vec<String>,
    /// The corporate numbers of the organizations for which it may attest.
    pub organizations: Vec<String>,
    /// The root certificates that its keys must chain to, PEM; our own root if absent.
    #[serde(default)]
    pub anchors_pem: Option<String>,
}

/// A trusted issuer, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrustRow {
    /// The credential issuer identifier.
    pub issuer: String,
    /// The type identifiers (`vct`) that it may attest.
    pub types: Vec<String>,
    /// The corporate numbers of the organizations for which it may attest.
    pub organizations: Vec<String>,
    /// The number of its root certificates.
    pub anchors: usize,
}

impl Broker {
    /// Trusts an issuer, replacing its earlier entry.
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
        let mut vcts = Vec::new();
        for name in &add.types {
            let unknown = || AdminError::not_found("credential type", name);
            let known = types::find(name).ok_or_else(unknown)?;
            vcts.push(known.vct(self.site.type_authority()));
        }
        let trusted = TrustedIssuer {
            issuer: add.issuer.clone(),
            types: vcts,
            organizations: add.organizations.clone(),
            anchors,
        };
        let changed = self
            .change(by, Change::new(Act::TrustAdd, &add.issuer), |tx| {
                self.registry.add_trust_in(tx, &trusted)?;
                Ok(Ok(row(&trusted)))
            })
            .await?;
        self.registry.reload_trust().await?;
        Ok(changed)
    }

    /// Lists the trusted issuers.
    pub fn list_trust(&self) -> Vec<TrustRow> {
        self.registry.trust().list.0.iter().map(row).collect()
    }

    /// Stops trusting an issuer.
    pub async fn remove_trust(
        &self,
        by: &By,
        issuer: &str,
    ) -> Result<Changed<TrustRow>, AdminError> {
        let changed = self
            .change(by, Change::new(Act::TrustRemove, issuer), |tx| {
                let Some(trusted) = self.registry.trusted_in(tx, issuer)? else {
                    return Ok(Err(AdminError::not_found("trusted issuer", issuer)));
                };
                self.registry.remove_trust_in(tx, issuer)?;
                Ok(Ok(row(&trusted)))
            })
            .await?;
        self.registry.reload_trust().await?;
        Ok(changed)
    }

    /// The root certificate of our own authority.
    pub async fn own_root(&self) -> Result<TrustAnchor, AdminError> {
        Ok(self.keyring.root().await?)
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
