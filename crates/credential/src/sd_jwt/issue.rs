//! Issues an SD-JWT (RFC 9901, sections 4.1, 4.2 and 9.3 to 9.7).
//!
//! Invariant: every salt has 128 random bits of its own. The order of digests does not depend on
//! the order of claims. Claims that SD-JWT VC requires in the open are never hidden.

use std::collections::HashSet;

use sekisho_ambient::Entropy;
use sekisho_jose::{Claims, Header, KeyError, SigningKey, b64u, sign};
use serde_json::{Map, Value};
use thiserror::Error;

use super::disclosure::Disclosure;
use super::{
    ELLIPSIS, MAX_BYTES, MAX_DEPTH, MAX_DISCLOSURE_BYTES, MAX_DISCLOSURES, PROTECTED, SD, SD_ALG,
    SHA_256,
};
use crate::claim_path::{ClaimPath, PathElement};

/// The claims to issue, and which of them are disclosable.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// All claims in clear.
    pub claims: &'a Claims,
    /// The claims that become disclosures. A path that selects nothing is not an error.
    pub disclosable: &'a [ClaimPath],
    /// The number of decoy digests that are added at each place with disclosures (section 4.2.5).
    pub decoys: u32,
}

/// The reason why nothing was issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// A path leads to or into a claim that must never be selectively disclosable.
    #[error("{0:?} is never selectively disclosable")]
    Protected(String),
    /// A path does not begin with a claim's name.
    #[error("a path that does not begin with a claim's name")]
    Path,
    /// A claim is called `_sd`, `...` or `_sd_alg`.
    #[error("a claim of the reserved name {0:?}")]
    ReservedName(String),
    /// The claims are nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("claims are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The SD-JWT, the number of its disclosures or one of them is larger than
    /// [`Presentation`](super::Presentation) reads.
    #[error("larger than is read back")]
    TooLarge,
    /// The random source gave the same salt twice.
    #[error("the random source repeats itself")]
    Entropy,
    /// The key failed to sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Issues an SD-JWT, which ends with `~`.
pub fn issue(
    issue: &Issue<'_>,
    header: &Header,
    key: &SigningKey,
    entropy: &Entropy,
) -> Result<String, IssueError> {
    let rules = issue.disclosable.iter().map(checked_rule).collect::<Result<Vec<_>, _>>()?;
    let mut concealer =
        Concealer { decoys: issue.decoys, entropy, salts: HashSet::new(), disclosures: Vec::new() };
    let mut payload = concealer.object(issue.claims, &rules, 0)?;
    let disclosures = concealer.disclosures;
    if !disclosures.is_empty() {
        payload.insert(SD_ALG.to_owned(), SHA_256.into());
    }
    let mut out = sign(key, header, &payload)?;
    let too_large = out.len() > sekisho_jose::MAX_BYTES
        || disclosures.len() > MAX_DISCLOSURES
        || disclosures.iter().any(|disclosure| disclosure.encoded.len() > MAX_DISCLOSURE_BYTES);
    out.push('~');
    for disclosure in &disclosures {
        out.push_str(&disclosure.encoded);
        out.push('~');
    }
    if too_large || out.len() > MAX_BYTES {
        return Err(IssueError::TooLarge);
    }
    Ok(out)
}

/// The rest of a path below the value that the walk has reached.
type Rule<'a> = &'a [PathElement];

fn checked_rule(path: &ClaimPath) -> Result<Rule<'_>, IssueError> {
    match path.0.first() {
        Some(PathElement::Name(name)) if PROTECTED.contains(&name.as_str()) => {
            Err(IssueError::Protected(name.clone()))
        }
        Some(PathElement::Name(_)) => Ok(&path.0),
        _ => Err(IssueError::Path),
    }
}

/// Returns the rests of the rules that continue below an element, and whether a rule ends at it.
fn below<'a>(rules: &[Rule<'a>], is_here: impl Fn(&PathElement) -> bool) -> (Vec<Rule<'a>>, bool) {
    let rests = rules.iter().filter_map(|rule| rule.split_first());
    let rests: Vec<Rule<'a>> =
        rests.filter(|(first, _)| is_here(first)).map(|(_, rest)| rest).collect();
    let ends = rests.iter().any(|rest| rest.is_empty());
    (rests, ends)
}

/// The state of one walk that turns claims into disclosures, innermost first.
struct Concealer<'a> {
    decoys: u32,
    entropy: &'a Entropy,
    salts: HashSet<String>,
    disclosures: Vec<Disclosure>,
}

impl Concealer<'_> {
    fn value(
        &mut self,
        value: &Value,
        rules: &[Rule<'_>],
        depth: usize,
    ) -> Result<Value, IssueError> {
        match value {
            Value::Object(members) => self.object(members, rules, depth).map(Value::Object),
            Value::Array(elements) => self.array(elements, rules, depth).map(Value::Array),
            scalar => Ok(scalar.clone()),
        }
    }

    fn object(
        &mut self,
        members: &Claims,
        rules: &[Rule<'_>],
        depth: usize,
    ) -> Result<Claims, IssueError> {
        check_depth(depth)?;
        let mut out = Map::new();
        let mut digests = Vec::new();
        for (name, value) in members {
            if [SD, ELLIPSIS, SD_ALG].contains(&name.as_str()) {
                return Err(IssueError::ReservedName(name.clone()));
            }
            let (rests, disclosable) =
                below(rules, |step| matches!(step, PathElement::Name(n) if n == name));
            let value = self.value(value, &rests, depth + 1)?;
            if disclosable {
                digests.push(self.disclose(Some(name), value)?);
            } else {
                out.insert(name.clone(), value);
            }
        }
        if !digests.is_empty() {
            digests.extend((0..self.decoys).map(|_| self.decoy()));
            // Sort by digest, so that the order reveals nothing about the claims.
            digests.sort_unstable();
            out.insert(SD.to_owned(), digests.into());
        }
        Ok(out)
    }

    fn array(
        &mut self,
        elements: &[Value],
        rules: &[Rule<'_>],
        depth: usize,
    ) -> Result<Vec<Value>, IssueError> {
        check_depth(depth)?;
        let mut out = Vec::with_capacity(elements.len());
        let mut any = false;
        for (index, element) in (0_u64..).zip(elements) {
            let (rests, disclosable) = below(rules, |step| match step {
                PathElement::All => true,
                PathElement::Index(wanted) => *wanted == index,
                PathElement::Name(_) => false,
            });
            let element = self.value(element, &rests, depth + 1)?;
            any |= disclosable;
            out.push(if disclosable { stand_in(self.disclose(None, element)?) } else { element });
        }
        if any {
            for _ in 0..self.decoys {
                let places = u32::try_from(out.len()).unwrap_or(u32::MAX).saturating_add(1);
                let place = usize::try_from(self.entropy.below(places)).unwrap_or(0);
                let decoy = stand_in(self.decoy());
                out.insert(place.min(out.len()), decoy);
            }
        }
        Ok(out)
    }

    /// Makes a disclosure of `value` and returns the digest that replaces it in the claims.
    fn disclose(&mut self, name: Option<&str>, value: Value) -> Result<String, IssueError> {
        let salt = b64u::encode(self.entropy.bytes::<16>());
        let disclosure = Disclosure::new(&salt, name, value);
        if !self.salts.insert(salt) {
            return Err(IssueError::Entropy);
        }
        let digest = disclosure.digest();
        self.disclosures.push(disclosure);
        Ok(digest)
    }

    /// Makes a digest that belongs to no disclosure.
    fn decoy(&self) -> String {
        super::disclosure::digest(&b64u::encode(self.entropy.bytes::<32>()))
    }
}

/// Makes the array element that stands for a disclosure (section 4.2.4.2).
fn stand_in(digest: String) -> Value {
    Value::Object(Map::from_iter([(ELLIPSIS.to_owned(), digest.into())]))
}

fn check_depth(depth: usize) -> Result<(), IssueError> {
    if depth >= MAX_DEPTH { Err(IssueError::TooDeep) } else { Ok(()) }
}
