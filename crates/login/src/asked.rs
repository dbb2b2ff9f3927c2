//! What an authorization request asks for: claims from the wallet (as a DCQL query), and access
//! from the gate.
//!
//! The login credential is required. Further claims that a policy reads are asked for in optional
//! credential sets (OpenID4VP 1.0, section 6.2). If the wallet lacks such a credential, our page
//! can say so; with a required set, the person would be stuck in the wallet.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_access::{Gate, GpuAccessRequest};
use sekisho_ambient::Words;
use sekisho_credential::claim_path::{ClaimPath, PathElement};
use sekisho_credential::types::Selective;
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_openid4vp::dcql::{ClaimsQuery, CredentialQuery, CredentialSet, Query};

use sekisho_profile::scopes::{self, GPU_ACCESS};
use sekisho_profile::types::{self, LOGIN, MEMBER_REF};

use sekisho_grants::Evidence;
use sekisho_registry::sectors::NameSource;
use sekisho_registry::{Registry, RelyingParty, Service};

use crate::wallet_request::WalletRequest;

/// The claims of the login credential that identify a person. Every login needs them.
const LOGIN_CLAIMS: [&str; 2] = ["org_corporate_number", MEMBER_REF];

/// How many welcome claims a wallet may leave out independently of each other.
const FREE_CLAIMS: usize = 6;

/// A claim that says nothing without the other one: it is asked for only together with that.
const ABOUT: (&str, &str) = ("email_verified", "email");

/// What a request asks for, by the rules of now. Nothing of it is stored: each step of a login
/// computes it from the request again.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The wanted claims, by the name of the credential type.
    pub wanted: BTreeMap<String, Wanted>,
    /// The request for a GPU service, if there is one.
    pub access: Option<AskedAccess>,
}

/// A request for access, with the gate and policies that were in force when it was read.
#[derive(Clone, Debug)]
pub struct AskedAccess {
    /// The access to the GPU service that is asked for.
    pub request: GpuAccessRequest,
    /// The id of the gate.
    pub gate: String,
    /// The version of the policies then.
    pub policy_version: String,
}

/// The wanted claims of one credential type.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whether a login needs this credential.
    pub required: bool,
    /// The claims that the credential must have to be of use.
    pub needed: BTreeSet<Vec<String>>,
    /// Further claims, which a credential may lack.
    pub welcome: BTreeSet<Vec<String>>,
}

/// Why a request for access is refused before anything is decided.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The client belongs to no service that has a gate.
    #[error("this client stands for no service with a gate")]
    NoGate,
    /// The details are malformed.
    #[error("{0}")]
    Details(String),
    /// The details name another service than the client's.
    #[error("the details name another service than this client's")]
    OtherService,
    /// The details name a location that the request does not ask a token for.
    #[error("locations names what is not asked for by resource or audience")]
    OtherLocation,
    /// The request has more than one entry of details.
    #[error("one gpu_access entry at a time")]
    Several,
}

impl Asked {
    /// Computes what `request` of `party` asks for.
    pub fn new(
        registry: &Registry,
        party: &RelyingParty,
        request: &AuthorizationRequest,
    ) -> Result<Self, AskError> {
        let access = access(registry, party, request)?;
        let named: Vec<&str> = request.claims.names().map(String::as_str).collect();
        let mut wanted = wanted(&request.scopes, &named, access.as_ref().map(|(_, gate)| *gate));
        want_name(&mut wanted, party, &request.scopes, &named);
        let access = access.map(|(request, gate)| AskedAccess {
            request,
            gate: gate.id.clone(),
            policy_version: registry.policies().version().to_owned(),
        });
        Ok(Self { wanted, access })
    }

    /// What the wallet is asked for behind a link. The details of a request for access are not in
    /// it; they do not change what is asked.
    pub(crate) fn of_link(
        registry: &Registry,
        party: &RelyingParty,
        link: &WalletRequest,
    ) -> Result<Self, AskError> {
        let gate = link.access.then(|| gate_of(registry, party)).transpose()?;
        let named: Vec<&str> = link.claims.iter().map(String::as_str).collect();
        let mut wanted = wanted(&link.scopes, &named, gate.map(|(_, gate)| gate));
        want_name(&mut wanted, party, &link.scopes, &named);
        Ok(Self { wanted, access: None })
    }

    /// Whether everything that is asked for was asked of the wallet when it answered. It is not if
    /// the rules of the gate were changed in between and read more.
    pub(crate) fn was_asked(&self, evidence: &Evidence) -> bool {
        self.names().iter().all(|name| evidence.asked.contains(name))
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

    /// Whether a decision reads this claim at the top of a credential.
    pub(crate) fn reads(&self, type_name: &str, claim: &str) -> bool {
        let is = |path: &Vec<String>| matches!(path.as_slice(), [name] if name == claim);
        let wanted = self.wanted.get(type_name);
        wanted.is_some_and(|wanted| wanted.needed.iter().chain(&wanted.welcome).any(is))
    }

    /// All claims that are asked for, as `type/claim`.
    pub fn names(&self) -> Vec<String> {
        let names = self.wanted.iter().flat_map(|(type_name, wanted)| {
            let all = wanted.needed.iter().chain(&wanted.welcome);
            all.map(|path| asked_name(type_name, path))
        });
        names.collect()
    }
}

/// Whether a request asks for access to a GPU service.
pub(crate) fn asks_for_access(request: &AuthorizationRequest) -> bool {
    request.asks_for(GPU_ACCESS) || !request.authorization_details.is_empty()
}

fn gate_of<'r>(
    registry: &'r Registry,
    party: &RelyingParty,
) -> Result<(&'r Service, &'r Gate), AskError> {
    let services = registry.services();
    let service = party.service.as_deref().and_then(|id| services.service(id));
    let service = service.ok_or(AskError::NoGate)?;
    let gate = services.gate(&service.id).ok_or(AskError::NoGate)?;
    Ok((service, gate))
}

/// The claims that scopes, named claims and a gate want, by the name of the credential type.
fn wanted(scopes: &[String], named: &[&str], gate: Option<&Gate>) -> BTreeMap<String, Wanted> {
    let mut wanted = BTreeMap::<String, Wanted>::new();
    let login = wanted.entry(LOGIN.to_owned()).or_default();
    login.required = true;
    login.needed.extend(LOGIN_CLAIMS.iter().map(|&name| vec![name.to_owned()]));
    for (type_name, paths) in scopes::wallet_claims(scopes, named) {
        wanted.entry(type_name).or_default().welcome.extend(paths);
    }
    for read in gate.into_iter().flat_map(sekisho_access::reads) {
        let wanted = wanted.entry(read.type_name).or_default();
        wanted.needed.extend(read.needed);
        wanted.welcome.extend(read.claims);
    }
    for (type_name, wanted) in &mut wanted {
        let issued = wanted.welcome.iter().filter(|path| is_mandatory(type_name, path));
        wanted.needed.extend(issued.cloned());
        let needed = &wanted.needed;
        wanted.welcome.retain(|path| !needed.contains(path));
    }
    wanted
}

/// Adds what proposes a user name in the client's sector, if one is to be released. The member
/// reference is asked for at every login.
fn want_name(
    wanted: &mut BTreeMap<String, Wanted>,
    party: &RelyingParty,
    scopes: &[String],
    named: &[&str],
) {
    if party.names_from == NameSource::Email && scopes::releases_username(scopes, named) {
        let login = wanted.entry(LOGIN.to_owned()).or_default();
        login.welcome.insert(vec!["email".to_owned()]);
    }
}

fn access<'r>(
    registry: &'r Registry,
    party: &RelyingParty,
    request: &AuthorizationRequest,
) -> Result<Option<(GpuAccessRequest, &'r Gate)>, AskError> {
    if !asks_for_access(request) {
        return Ok(None);
    }
    let (service, gate) = gate_of(registry, party)?;
    let asked = match request.authorization_details.as_slice() {
        [] => GpuAccessRequest::smallest(&service.id),
        [details] => GpuAccessRequest::from_details(details)
            .map_err(|error| AskError::Details(error.to_string()))?,
        _ => return Err(AskError::Several),
    };
    if asked.service != service.id {
        return Err(AskError::OtherService);
    }
    if !asked.locations.iter().all(|location| request.resources.contains(location)) {
        return Err(AskError::OtherLocation);
    }
    Ok(Some((asked, gate)))
}

/// The query for one credential: the needed claims, and as many of the welcome ones as the
/// credential has.
fn credential_query(type_name: &str, wanted: &Wanted, type_authority: &str) -> CredentialQuery {
    // Claims that are never selectively disclosable are in every presentation anyway.
    let closed = |path: &&Vec<String>| !is_open(type_name, path);
    let welcome: Vec<&Vec<String>> = wanted.welcome.iter().filter(closed).collect();
    let claims = wanted.needed.iter().chain(welcome.iter().copied()).map(|path| ClaimsQuery {
        id: Some(claim_id(path)),
        path: ClaimPath(path.iter().cloned().map(element).collect()),
        values: Vec::new(),
    });
    let claims = claims.collect();
    let ids = |path: &Vec<String>| claim_id(path);
    let needed: Vec<String> = wanted.needed.iter().map(ids).collect();
    let welcome: Vec<String> = welcome.into_iter().map(ids).collect();
    CredentialQuery {
        id: type_name.to_owned(),
        vct_values: vec![types::vct(type_authority, type_name)],
        claims,
        claim_sets: claim_sets(&needed, &welcome),
    }
}

/// Claim sets with every choice of the welcome claims, the largest first. DCQL has no optional
/// claims; a wallet takes the first set that it can answer. To limit the number of sets to 2 · 2⁶,
/// all welcome claims after the first six stay together. Returns no sets if nothing is welcome;
/// then all claims are needed.
fn claim_sets(needed: &[String], welcome: &[String]) -> Vec<Vec<String>> {
    if welcome.is_empty() {
        return Vec::new();
    }
    let (free, together) = welcome.split_at(welcome.len().min(FREE_CLAIMS));
    let choices: u32 = 1 << free.len();
    let mut sets = Vec::new();
    for choice in 0..choices {
        for rest in [together, &[]] {
            let chosen = free.iter().enumerate().filter(|(bit, _)| choice & (1 << bit) != 0);
            let mut set = needed.to_vec();
            set.extend(chosen.map(|(_, id)| id.clone()));
            set.extend_from_slice(rest);
            let (about, of) = ABOUT;
            let alone = has_claim(&set, about) && has_claim(welcome, of) && !has_claim(&set, of);
            if !set.is_empty() && !alone && !sets.contains(&set) {
                sets.push(set);
            }
        }
    }
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    sets
}

fn has_claim(ids: &[String], name: &str) -> bool {
    ids.iter().any(|id| id == name)
}

/// Whether every credential of this type has the claim.
fn is_mandatory(type_name: &str, path: &[String]) -> bool {
    types::rule(type_name, path).is_some_and(|rule| rule.mandatory)
}

/// Whether the claim is never selectively disclosable in this type.
fn is_open(type_name: &str, path: &[String]) -> bool {
    types::rule(type_name, path).is_some_and(|rule| rule.sd == Selective::Never)
}

/// The name of a claim in [`sekisho_grants::Evidence::asked`].
pub fn asked_name(type_name: &str, path: &[String]) -> String {
    format!("{type_name}/{}", path.join("/"))
}

/// The words that people read for a claim, by its [`asked_name`].
pub fn label(name: &str) -> Option<Words> {
    let (type_name, path) = name.split_once('/')?;
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    let rule = types::rule(type_name, &path)?;
    Some(rule.label)
}

/// One element of a path; `*` stands for all elements of an array.
fn element(name: String) -> PathElement {
    if name == "*" { PathElement::All } else { PathElement::Name(name) }
}

/// The path as an id that DCQL allows: letters, digits, `_` and `-` only.
fn claim_id(path: &[String]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    path.join("--").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_credential_without_some_of_the_welcome_claims_still_answers_with_the_others() {
        let sets = claim_sets(&names(&["m"]), &names(&["a", "b"]));
        let expected = [&["m", "a", "b"][..], &["m", "a"], &["m", "b"], &["m"]];
        assert_eq!(sets, expected.map(names));
    }

    #[test]
    fn whether_an_address_was_verified_is_asked_only_with_the_address() {
        let sets = claim_sets(&names(&["m"]), &names(&["email", "email_verified"]));
        let expected = [&["m", "email", "email_verified"][..], &["m", "email"], &["m"]];
        assert_eq!(sets, expected.map(names));
    }

    #[test]
    fn many_welcome_claims_do_not_make_a_request_grow_without_end() {
        let many: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
        let sets = claim_sets(&names(&["m"]), &many);
        assert_eq!(sets.len(), 128);
        assert_eq!(sets.first().map(Vec::len), Some(41));
        assert_eq!(sets.last().cloned(), Some(names(&["m"])));
    }

    #[test]
    fn where_all_is_needed_or_nothing_there_are_no_empty_sets() {
        assert!(claim_sets(&names(&["m"]), &[]).is_empty());
        assert_eq!(claim_sets(&[], &names(&["a"])), [names(&["a"])]);
    }
}
