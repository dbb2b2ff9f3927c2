//! Administration of trust: which issuer may attest which type for which organization, under which
//! root certificates.

use sekisho_credential::types::corporate_number::CorporateNumber;
use sekisho_credential::vc::TrustedIssuer;
use sekisho_jose::x5c::{self, TrustAnchor};
use sekisho_profile::{Act, types};
use sekisho_site::{Origin, is_loopback};
use serde::{Deserialize, Serialize};
use url::Url;

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
    /// The root certificates that its keys must chain to, PEM; our own root if absent, for our own
    /// organizations alone.
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
        let issuer = Issuer::of(add, self.site.origin())?;
        let anchors = match (&add.anchors_pem, issuer) {
            (Some(pem), _) => TrustAnchor::from_pem(pem).map_err(AdminError::invalid)?,
            (None, Issuer::Own) => vec![self.own_root().await?],
            (None, Issuer::Foreign) => return Err(AdminError::Invalid(NO_ANCHORS.to_owned())),
        };
        if anchors.is_empty() {
            return Err(AdminError::Invalid("the PEM file holds no certificate".to_owned()));
        }
        for anchor in &anchors {
            // A certificate with an unsupported kind of key has none of the development keys.
            if let Ok(read) = x5c::dangerous_leaf(anchor.to_der()) {
                self.refuse_development_key("anchors", &read.key.jwk().thumbprint())?;
            }
        }
        if issuer == Issuer::Own && !anchors.contains(&self.own_root().await?) {
            return Err(AdminError::Invalid(OTHER_ANCHORS.to_owned()));
        }
        if add.types.is_empty() {
            return Err(AdminError::Invalid("no type is named, so nothing is trusted".to_owned()));
        }
        let mut vcts = Vec::new();
        for name in &add.types {
            let unknown = || AdminError::not_found("credential type", name);
            let known = types::find(name).ok_or_else(unknown)?;
            if known.organization_claim.is_some() && add.organizations.is_empty() {
                return Err(AdminError::Invalid(format!(
                    "credentials of type {name} are about an organization: name those that the issuer may attest for with --org"
                )));
            }
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

const NO_ANCHORS: &str = "an issuer elsewhere has certificates under roots of its own, not under ours: name them with --anchors";
const OTHER_ANCHORS: &str = "our own organizations have certificates under our own root, which the given anchors do not contain: leave --anchors out";

/// Whose identifier is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Issuer {
    /// One of our own organizations.
    Own,
    /// An issuer elsewhere.
    Foreign,
}

impl Issuer {
    /// Refuses an entry that no credential could ever match: `iss` and the organization's number are
    /// compared as texts, so both have to be written as credentials write them.
    fn of(add: &AddTrust, origin: &Origin) -> Result<Self, AdminError> {
        let text = &add.issuer;
        let wrong = |why: &str| AdminError::Invalid(format!("issuer {text:?}: {why}"));
        for number in &add.organizations {
            CorporateNumber::parse(number).map_err(|error| {
                AdminError::Invalid(format!("organization {number:?}: {error}"))
            })?;
        }
        if let Some(path) = text.strip_prefix(origin.as_str())
            && (path.is_empty() || path.starts_with(['/', '?', '#']))
        {
            let number = path.strip_prefix("/orgs/").map(CorporateNumber::parse);
            return match number {
                Some(Ok(_)) => Ok(Self::Own),
                _ => Err(wrong("our own issuers are called /orgs/ and a corporate number")),
            };
        }
        let url = Url::parse(text).map_err(|_| wrong("not a URL"))?;
        let written = [url.as_str(), url.as_str().trim_end_matches('/')].contains(&text.as_str());
        let loopback = url.host_str().is_some_and(is_loopback);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(wrong("not an https URL")),
        }
        if !written || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("not as an issuer writes it: no query, no fragment, lower case"));
        }
        Ok(Self::Foreign)
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
