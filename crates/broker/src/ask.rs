//! What one authorization request asks for: of the wallet (a DCQL query), and of the gate.
//!
//! The login credential is required; what a policy reads beyond it is asked for in optional
//! credential sets (OpenID4VP 1.0, section 6.2), so that a credential that the wallet lacks becomes
//! a reason on our page instead of a dead end in the wallet.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_access::{Gate, GpuAccessRequest};
use sekisho_credential::claim_path::{ClaimPath, PathElement};
use sekisho_credential::types;
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_oauth::client::Client;
use sekisho_oauth::relying_party;
use sekisho_openid4vp::dcql::{ClaimsQuery, CredentialQuery, CredentialSet, Query};

use crate::codes::Text;
use crate::config::{Config, Service};

/// The type of the login credential.
pub const LOGIN_TYPE: &str = "affiliation";

/// The claims of the login credential without which nobody can be told apart.
const LOGIN_CLAIMS: [&str; 2] = ["org_corporate_number", "member_ref"];

/// The scope that asks for GPU access without details.
pub const GPU_SCOPE: &str = "gpu_access";

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Ask<'c> {
    /// The service that asks, if the client stands for one.
    pub service: Option<&'c Service>,
    /// The gate and the GPU request, if access is asked for.
    pub access: Option<(&'c Gate, GpuAccessRequest)>,
    /// By type name: the claims that are wanted, and whether the credential must be there.
    pub wanted: BTreeMap<String, Wanted>,
}

/// Claims of one credential type.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Without this credential there is no login.
    pub required: bool,
    /// Claims without which the credential is of no use.
    pub needed: BTreeSet<Vec<String>>,
    /// Further claims, if the credential has them.
    pub welcome: BTreeSet<Vec<String>>,
}

/// Why a request for access cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The client stands for no service that has a gate.
    #[error("this client stands for no service with a gate")]
    NoGate,
    /// The details are wrong.
    #[error("{0}")]
    Details(String),
    /// The details name another service than the client's.
    #[error("the details name another service than this client's")]
    OtherService,
    /// More than one access request at once.
    #[error("one gpu_access entry at a time")]
    Several,
}

impl<'c> Ask<'c> {
    /// Reads what `request` of `client` asks for.
    pub fn new(
        config: &'c Config,
        client: &Client,
        request: &AuthorizationRequest,
    ) -> Result<Self, AskError> {
        let service = client.service.as_deref().and_then(|id| config.service(id));
        let access = access(config, service, request)?;
        let mut wanted = BTreeMap::<String, Wanted>::new();
        let login = wanted.entry(LOGIN_TYPE.to_owned()).or_default();
        login.required = true;
        login.needed.extend(LOGIN_CLAIMS.iter().map(|&name| vec![name.to_owned()]));
        for (type_name, paths) in relying_party::wallet_claims(&request.scopes) {
            wanted.entry(type_name).or_default().welcome.extend(paths);
        }
        if let Some((gate, _)) = &access {
            for read in sekisho_access::reads(gate) {
                let wanted = wanted.entry(read.type_name).or_default();
                wanted.needed.extend(read.needed);
                wanted.welcome.extend(read.claims);
            }
        }
        for wanted in wanted.values_mut() {
            let needed = &wanted.needed;
            wanted.welcome.retain(|path| !needed.contains(path));
        }
        Ok(Self { service, access, wanted })
    }

    /// The DCQL query for the wallet.
    pub fn query(&self, type_authority: &str) -> Query {
        let credentials = self
            .wanted
            .iter()
            .map(|(type_name, wanted)| credential_query(type_name, wanted, type_authority))
            .collect();
        let credential_sets = self
            .wanted
            .iter()
            .map(|(type_name, wanted)| CredentialSet {
                options: vec![vec![type_name.clone()]],
                required: wanted.required,
            })
            .collect();
        Query { credentials, credential_sets }
    }

    /// The names of all claims that are asked for.
    pub fn asked(&self) -> Vec<String> {
        let names = self.wanted.iter().flat_map(|(type_name, wanted)| {
            let all = wanted.needed.iter().chain(&wanted.welcome);
            all.map(|path| asked_name(type_name, path))
        });
        names.collect()
    }

    /// The acceptable `vct` of every type that is asked for, by type name.
    pub fn types(&self, type_authority: &str) -> BTreeMap<String, String> {
        let vct = |name: &String| (name.clone(), types::vct(type_authority, name));
        self.wanted.keys().map(vct).collect()
    }
}

fn access<'c>(
    config: &'c Config,
    service: Option<&'c Service>,
    request: &AuthorizationRequest,
) -> Result<Option<(&'c Gate, GpuAccessRequest)>, AskError> {
    let by_scope = request.scopes.iter().any(|scope| scope == GPU_SCOPE);
    if !by_scope && request.authorization_details.is_empty() {
        return Ok(None);
    }
    let service = service.ok_or(AskError::NoGate)?;
    let gate = config.gate(&service.id).ok_or(AskError::NoGate)?;
    let asked = match request.authorization_details.as_slice() {
        [] => GpuAccessRequest::smallest(&service.id),
        [details] => GpuAccessRequest::from_details(details)
            .map_err(|error| AskError::Details(error.to_string()))?,
        _ => return Err(AskError::Several),
    };
    if asked.service != service.id {
        return Err(AskError::OtherService);
    }
    Ok(Some((gate, asked)))
}

/// One credential: all claims if the credential has them, else what is needed.
fn credential_query(type_name: &str, wanted: &Wanted, type_authority: &str) -> CredentialQuery {
    let all: Vec<&Vec<String>> = wanted.needed.iter().chain(&wanted.welcome).collect();
    let claims = all.iter().map(|path| ClaimsQuery {
        id: Some(claim_id(path)),
        path: ClaimPath(path.iter().cloned().map(element).collect()),
        values: Vec::new(),
    });
    let mut claim_sets = Vec::new();
    if !wanted.welcome.is_empty() && !wanted.needed.is_empty() {
        claim_sets.push(all.iter().map(|path| claim_id(path)).collect());
        // One at a time would be 2ⁿ sets; most credentials have all or are old.
        claim_sets.push(wanted.needed.iter().map(|path| claim_id(path)).collect());
    }
    CredentialQuery {
        id: type_name.to_owned(),
        vct_values: vec![types::vct(type_authority, type_name)],
        claims: claims.collect(),
        claim_sets,
        ..CredentialQuery::default()
    }
}

/// How [`crate::tables::Evidence::asked`] names a claim.
pub fn asked_name(type_name: &str, path: &[String]) -> String {
    format!("{type_name}/{}", path.join("/"))
}

/// What people call a claim that a wallet is asked for, by its [`asked_name`].
pub fn label(name: &str) -> Option<Text> {
    let (type_name, path) = name.split_once('/')?;
    let rules = types::find(type_name)?.claims;
    let rule = rules.iter().find(|rule| rule.path.join("/") == path)?;
    Some(Text { ja: rule.ja, en: rule.en })
}

/// A path such as `roles, *` as the wallet is asked for it.
fn element(name: String) -> PathElement {
    if name == "*" { PathElement::All } else { PathElement::Name(name) }
}

/// An id that DCQL allows: letters, digits, `_` and `-` only.
fn claim_id(path: &[String]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    path.join("--").chars().map(plain).collect()
}
