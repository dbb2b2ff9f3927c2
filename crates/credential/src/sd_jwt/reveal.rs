//! Puts disclosures back at their places in the claims (RFC 9901, section 7.1, steps 3 to 5).
//!
//! Invariant: each digest occurs only once, exactly one digest refers to each disclosure, and no
//! disclosure replaces a claim that the issuer left in the open.

use std::collections::{HashMap, HashSet};

use sekisho_jose::Claims;
use sekisho_jose::json::JsonError;
use serde_json::Value;
use thiserror::Error;

use super::disclosure::Disclosure;
use super::{
    ELLIPSIS, MAX_DEPTH, MAX_DISCLOSURE_BYTES, MAX_DISCLOSURES, PROTECTED, SD, SD_ALG, SHA_256,
};
use crate::claim_path::Step;

/// The reason why disclosures, or the digests in the claims, were refused.
#[derive(Debug, Error)]
pub enum DisclosureError {
    /// There are more than [`MAX_DISCLOSURES`](super::MAX_DISCLOSURES).
    #[error("{0} disclosures, at most {MAX_DISCLOSURES} are read")]
    TooMany(usize),
    /// A disclosure is longer than [`MAX_DISCLOSURE_BYTES`](super::MAX_DISCLOSURE_BYTES).
    #[error("a disclosure of {0} characters, at most {MAX_DISCLOSURE_BYTES} are read")]
    TooLong(usize),
    /// The claims, with all disclosures in place, are nested deeper than
    /// [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("claims are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// There is nothing between two `~`.
    #[error("an empty disclosure")]
    Empty,
    /// The disclosure is not canonical base64url without padding.
    #[error("a disclosure is not base64url")]
    Base64,
    /// The disclosure is not JSON, or an object in it has a member twice.
    #[error("a disclosure is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// The disclosure is JSON, but not an array.
    #[error("a disclosure is not an array")]
    NotAnArray,
    /// The array does not have two or three elements.
    #[error("a disclosure of {0} elements, expected 2 or 3")]
    Elements(usize),
    /// The salt is not a string.
    #[error("the salt of a disclosure is not a string")]
    SaltNotAString,
    /// The claim's name is not a string.
    #[error("the claim name of a disclosure is not a string")]
    NameNotAString,
    /// The claim is called `_sd`, `...` or `_sd_alg`.
    #[error("a disclosure of the reserved name {0:?}")]
    ReservedName(String),
    /// The claim must never be selectively disclosable (SD-JWT VC, section 3.2.2.2).
    #[error("a disclosure of {0:?}, which is never selectively disclosable")]
    Protected(String),
    /// The object already has a claim of this name.
    #[error("a disclosure of {0:?}, which is there already")]
    NameTaken(String),
    /// The digest of an array element's disclosure is used in an object.
    #[error("a disclosure of 2 elements is referenced from an object")]
    ElementInObject,
    /// The digest of an object member's disclosure is used in an array.
    #[error("a disclosure of 3 elements is referenced from an array")]
    MemberInArray,
    /// The same disclosure occurs twice.
    #[error("the same disclosure twice")]
    Repeated,
    /// No digest refers to the disclosure.
    #[error("a disclosure that no digest refers to")]
    Unreferenced,
    /// A digest occurs twice.
    #[error("the same digest twice")]
    DuplicateDigest,
    /// `_sd` is not an array of strings.
    #[error("_sd is not an array of strings")]
    MalformedDigests,
    /// `...` is beside other members, is not a string, or is not inside an array.
    #[error("... does not stand alone in an array's element with a digest")]
    StrayEllipsis,
    /// `_sd_alg` is not `sha-256`, or not a string.
    #[error("_sd_alg is not sha-256")]
    HashAlgorithm,
    /// `_sd_alg` is not at the top level.
    #[error("_sd_alg stands below the top")]
    NestedHashAlgorithm,
}

/// The claims after all disclosures were put into their places.
#[derive(Debug)]
pub(super) struct Revealed {
    /// The claims, without `_sd`, `...` and `_sd_alg`.
    pub(super) claims: Claims,
    /// The place of each disclosure in the claims, in the order of the disclosures.
    pub(super) places: Vec<Vec<Step>>,
    /// The places of the objects and arrays with a digest that no disclosure fits: there, something
    /// is withheld, or the digest is a decoy.
    pub(super) withheld: Vec<Vec<Step>>,
}

/// Reads `disclosures` and puts them into the issuer's `payload`.
pub(super) fn reveal(
    payload: Claims,
    disclosures: &[Disclosure],
) -> Result<Revealed, DisclosureError> {
    let mut payload = payload;
    match payload.shift_remove(SD_ALG) {
        None => {}
        Some(Value::String(name)) if name == SHA_256 => {}
        Some(_) => return Err(DisclosureError::HashAlgorithm),
    }
    let mut walk = Walk::new(disclosures)?;
    let claims = walk.object(payload, &[])?;
    let Walk { places, withheld, .. } = walk;
    let places = places.into_iter().collect::<Option<Vec<_>>>();
    Ok(Revealed { claims, places: places.ok_or(DisclosureError::Unreferenced)?, withheld })
}

/// The state of one walk over a payload.
struct Walk<'d> {
    by_digest: HashMap<String, (usize, &'d Disclosure)>,
    seen: HashSet<String>,
    places: Vec<Option<Vec<Step>>>,
    withheld: Vec<Vec<Step>>,
}

impl<'d> Walk<'d> {
    fn new(disclosures: &'d [Disclosure]) -> Result<Self, DisclosureError> {
        let mut by_digest = HashMap::with_capacity(disclosures.len());
        for (position, disclosure) in disclosures.iter().enumerate() {
            if by_digest.insert(disclosure.digest(), (position, disclosure)).is_some() {
                return Err(DisclosureError::Repeated);
            }
        }
        let places = vec![None; disclosures.len()];
        Ok(Self { by_digest, seen: HashSet::new(), places, withheld: Vec::new() })
    }

    fn value(&mut self, value: Value, place: &[Step]) -> Result<Value, DisclosureError> {
        match value {
            Value::Object(members) => self.object(members, place).map(Value::Object),
            Value::Array(elements) => self.array(elements, place).map(Value::Array),
            scalar => Ok(scalar),
        }
    }

    fn object(&mut self, mut members: Claims, place: &[Step]) -> Result<Claims, DisclosureError> {
        check_depth(place)?;
        if members.contains_key(ELLIPSIS) {
            return Err(DisclosureError::StrayEllipsis);
        }
        if members.contains_key(SD_ALG) {
            return Err(DisclosureError::NestedHashAlgorithm);
        }
        let digests = members.shift_remove(SD);
        let mut out = Claims::new();
        for (name, value) in members {
            let value = self.value(value, &then(place, Step::Name(name.clone())))?;
            out.insert(name, value);
        }
        match digests {
            None => Ok(out),
            Some(Value::Array(digests)) => self.members(digests, out, place),
            Some(_) => Err(DisclosureError::MalformedDigests),
        }
    }

    /// Adds the members whose disclosures `digests` refer to.
    fn members(
        &mut self,
        digests: Vec<Value>,
        mut out: Claims,
        place: &[Step],
    ) -> Result<Claims, DisclosureError> {
        for digest in digests {
            let Value::String(digest) = digest else {
                return Err(DisclosureError::MalformedDigests);
            };
            let Some((position, disclosure)) = self.take(digest, place)? else { continue };
            let name = disclosure.name.clone().ok_or(DisclosureError::ElementInObject)?;
            if place.is_empty() && PROTECTED.contains(&name.as_str()) {
                return Err(DisclosureError::Protected(name));
            }
            if out.contains_key(&name) {
                return Err(DisclosureError::NameTaken(name));
            }
            let value =
                self.disclosed(position, disclosure, then(place, Step::Name(name.clone())))?;
            out.insert(name, value);
        }
        Ok(out)
    }

    fn array(
        &mut self,
        elements: Vec<Value>,
        place: &[Step],
    ) -> Result<Vec<Value>, DisclosureError> {
        check_depth(place)?;
        let mut out = Vec::with_capacity(elements.len());
        for element in elements {
            let here = then(place, Step::Index(out.len()));
            match element_digest(&element)? {
                None => out.push(self.value(element, &here)?),
                Some(digest) => {
                    let Some((position, disclosure)) = self.take(digest, place)? else { continue };
                    if disclosure.name.is_some() {
                        return Err(DisclosureError::MemberInArray);
                    }
                    out.push(self.disclosed(position, disclosure, here)?);
                }
            }
        }
        Ok(out)
    }

    /// Returns the disclosure with this `digest`, if the holder disclosed it, and else records that
    /// something is withheld at `place`. Records that the digest was used.
    fn take(
        &mut self,
        digest: String,
        place: &[Step],
    ) -> Result<Option<(usize, &'d Disclosure)>, DisclosureError> {
        let found = self.by_digest.get(&digest).copied();
        if found.is_none() && !self.withheld.iter().any(|known| known == place) {
            self.withheld.push(place.to_vec());
        }
        if self.seen.insert(digest) { Ok(found) } else { Err(DisclosureError::DuplicateDigest) }
    }

    fn disclosed(
        &mut self,
        position: usize,
        disclosure: &Disclosure,
        place: Vec<Step>,
    ) -> Result<Value, DisclosureError> {
        let value = self.value(disclosure.value.clone(), &place)?;
        if let Some(slot) = self.places.get_mut(position) {
            *slot = Some(place);
        }
        Ok(value)
    }
}

/// Returns the digest in an array element that stands for a disclosure (section 4.2.4.2).
fn element_digest(element: &Value) -> Result<Option<String>, DisclosureError> {
    let Some(members) = element.as_object() else { return Ok(None) };
    match members.get(ELLIPSIS) {
        None => Ok(None),
        Some(Value::String(digest)) if members.len() == 1 => Ok(Some(digest.clone())),
        Some(_) => Err(DisclosureError::StrayEllipsis),
    }
}

fn check_depth(place: &[Step]) -> Result<(), DisclosureError> {
    if place.len() >= MAX_DEPTH { Err(DisclosureError::TooDeep) } else { Ok(()) }
}

fn then(place: &[Step], step: Step) -> Vec<Step> {
    let mut next = place.to_vec();
    next.push(step);
    next
}
