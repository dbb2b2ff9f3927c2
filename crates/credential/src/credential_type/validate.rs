//! Checks claims against a type, and refuses claims that no credential may carry.

use sekisho_jose::Claims;
use serde_json::Value;
use thiserror::Error;

use super::{ClaimRule, CredentialType, Form, REGISTERED};
use crate::claim_path::select_claims;

/// Claims whose names begin with these texts must not be in any credential: statutory clearances
/// (適性評価) and the individual number (個人番号).
const FORBIDDEN: [&str; 2] = ["clearance", "individual_number"];

/// The reason why claims do not conform to a type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TypeError {
    /// No credential may carry this claim.
    #[error("{0:?} must not be carried by a credential")]
    Forbidden(String),
    /// The type does not have this claim.
    #[error("{claim:?} is not a claim of {credential_type}")]
    Unknown {
        /// The path of the claim.
        claim: String,
        /// The name of the type.
        credential_type: &'static str,
    },
    /// A required claim is missing.
    #[error("{0:?} is missing")]
    Missing(String),
    /// A value does not have the form that the type requires.
    #[error("the value of {0:?} is malformed")]
    Malformed(String),
    /// Two claims contradict each other.
    #[error("{0:?} contradicts another claim")]
    Contradiction(String),
}

/// Returns the first name in `claims`, at any depth, that no credential may carry.
pub fn forbidden(claims: &Claims) -> Option<String> {
    claims.iter().find_map(|(name, value)| {
        if is_forbidden(name) { Some(name.clone()) } else { forbidden_in(value) }
    })
}

fn forbidden_in(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => forbidden(members),
        Value::Array(elements) => elements.iter().find_map(forbidden_in),
        _ => None,
    }
}

fn is_forbidden(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FORBIDDEN.iter().any(|beginning| name.starts_with(beginning))
}

/// Checks the claims about a subject: the type has each of them, each has its form, and none that
/// is required is missing. Claims that the issuer sets ([`REGISTERED`]) are skipped.
pub fn validate(credential_type: &CredentialType, claims: &Claims) -> Result<(), TypeError> {
    if let Some(name) = forbidden(claims) {
        return Err(TypeError::Forbidden(name));
    }
    for (name, value) in claims {
        if !REGISTERED.contains(&name.as_str()) {
            check_value(credential_type, &[name], value)?;
        }
    }
    let mandatory = credential_type.claims.iter().filter(|rule| rule.mandatory);
    for rule in mandatory {
        let path = rule.claim_path();
        if select_claims(claims, &path).is_empty() {
            return Err(TypeError::Missing(path.to_string()));
        }
    }
    check_predicates(credential_type, claims)
}

fn check_value(
    credential_type: &CredentialType,
    path: &[&str],
    value: &Value,
) -> Result<(), TypeError> {
    let Some(rule) = rule(credential_type, path) else {
        let claim = path.join("/");
        return Err(TypeError::Unknown { claim, credential_type: credential_type.name });
    };
    if !rule.form.accepts(value) {
        return Err(TypeError::Malformed(path.join("/")));
    }
    let below = |name| [path, &[name]].concat();
    match value {
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, value)| check_value(credential_type, &below(name), value)),
        Value::Array(elements) => {
            let path = below("*");
            elements.iter().try_for_each(|value| check_value(credential_type, &path, value))
        }
        _ => Ok(()),
    }
}

fn rule(credential_type: &CredentialType, path: &[&str]) -> Option<&'static ClaimRule> {
    credential_type.claims.iter().find(|rule| rule.path == path)
}

/// Checks that predicates on a number agree with the number and with each other.
fn check_predicates(credential_type: &CredentialType, claims: &Claims) -> Result<(), TypeError> {
    let predicate = |rule: &ClaimRule| match (rule.form, rule.path) {
        (Form::AtLeast(of, bound), [name]) => {
            let holds = claims.get(*name).and_then(Value::as_bool)?;
            Some((of, bound, *name, holds))
        }
        _ => None,
    };
    let mut said: Vec<_> = credential_type.claims.iter().filter_map(predicate).collect();
    said.sort_unstable();
    for (index, (of, bound, name, holds)) in said.iter().enumerate() {
        let number = claims.get(*of).and_then(Value::as_u64);
        let against_number = number.is_some_and(|number| (number >= *bound) != *holds);
        let mut lower = said.iter().take(index).filter(|(other, ..)| other == of);
        let against_lower = *holds && lower.any(|(_, _, _, lower)| !lower);
        if against_number || against_lower {
            return Err(TypeError::Contradiction((*name).to_owned()));
        }
    }
    Ok(())
}
