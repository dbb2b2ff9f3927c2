//! Checks a presented credential against the rules of its type (SD-JWT VC, section 9.4, and 3.2.2.2 for
//! the claims of every type).
//!
//! A claim that a type never discloses selectively says something that no holder may leave out, such as
//! the day on which an affiliation ends. Invariant: a credential is refused where it hides such a claim
//! behind a digest, as far as a verifier can see it: where the holder disclosed it, where everything
//! that the digest can stand for must be open, and where a claim of every credential of the type is
//! missing.
//!
//! A digest at the top, where other claims may be withheld, can stand for anything. Whoever reads a
//! claim whose absence permits asks [`super::VerifiedCredential::may_hide`] as well.

use sekisho_ambient::Timestamp;
use sekisho_jose::{Claims, numeric_date};

use super::CredentialError;
use crate::claim_path::Step;
use crate::credential_type::{self, ClaimRule, CredentialType, Selective};
use crate::sd_jwt::Processed;

/// The most seconds by which an issuer may have rounded `iat` down.
const ROUNDED: i64 = 3600;

/// Checks that nothing is hidden which the type keeps in the open, and that nothing of it is missing.
pub(super) fn check_open(
    rules: &CredentialType,
    processed: &Processed,
) -> Result<(), CredentialError> {
    let never = |place: &Vec<Step>| is_never(rules, place);
    let closed = |place: &Vec<Step>| !may_withhold(rules, place);
    let hidden = processed.disclosed.iter().find(|place| never(place));
    let hidden = hidden.or_else(|| processed.withheld.iter().find(|place| closed(place)));
    if let Some(place) = hidden {
        return Err(CredentialError::Hidden(name(place)));
    }
    let open = rules.claims.iter().filter(|rule| rule.mandatory && rule.sd == Selective::Never);
    for rule in open {
        if let [name] = rule.path
            && !processed.claims.contains_key(*name)
        {
            return Err(CredentialError::Claim(name));
        }
    }
    Ok(())
}

/// Checks that the credential ends, and not later than its type allows after its issuance. Without
/// `iat` it counts as issued now.
pub(super) fn check_end(
    rules: &CredentialType,
    claims: &Claims,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let end = numeric_date::read(claims, "exp")?.ok_or(CredentialError::Endless)?;
    let issued = numeric_date::read(claims, "iat")?.unwrap_or(now);
    let latest = credential_type::latest_expiry(rules, issued).plus(ROUNDED);
    if end > latest {
        return Err(CredentialError::Lifetime { found: end, latest });
    }
    Ok(())
}

/// Whether the type never discloses the value at this place selectively.
fn is_never(rules: &CredentialType, place: &[Step]) -> bool {
    let rule =
        rules.claims.iter().find(|rule| rule.path.len() == place.len() && leads(rule, place));
    rule.is_some_and(|rule| rule.sd == Selective::Never)
}

/// Whether the object or array at this place may have a part that is withheld. Where the type does not
/// say what is below, nothing is known against it.
fn may_withhold(rules: &CredentialType, place: &[Step]) -> bool {
    let below = |rule: &&ClaimRule| rule.path.len() == place.len() + 1 && leads(rule, place);
    let mut below = rules.claims.iter().filter(below).peekable();
    if below.peek().is_none() {
        return !is_never(rules, place);
    }
    below.any(|rule| rule.sd != Selective::Never)
}

/// Whether the path of the rule begins with this place.
fn leads(rule: &ClaimRule, place: &[Step]) -> bool {
    rule.path.iter().zip(place).all(|(element, step)| match step {
        Step::Name(name) => element == name,
        Step::Index(_) => *element == "*",
    })
}

/// The place for messages: `verification/by`.
fn name(place: &[Step]) -> String {
    let steps = place.iter().map(|step| match step {
        Step::Name(name) => name.clone(),
        Step::Index(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join("/")
}
