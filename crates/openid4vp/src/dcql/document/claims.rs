//! Claims queries (OpenID4VP 1.0, sections 6.3 and 7).

use sekisho_credential::claim_path::{ClaimPath, PathElement};
use serde_json::{Map, Value};

use super::members::{self, Members};
use super::{ClaimsQuery, DcqlError};

/// A well-formed claims query of any format.
pub(super) struct ClaimDocument {
    pub(super) id: Option<String>,
    pub(super) path: ClaimPath,
    pub(super) values: Vec<Value>,
}

impl ClaimDocument {
    pub(super) fn read(value: &Value, at: &str, format: &str) -> Result<Self, DcqlError> {
        let claim = Members::new(value, at)?;
        if format == "mso_mdoc" {
            claim.bool("intent_to_retain")?;
        }
        Ok(Self { id: claim.id()?, path: read_path(&claim, format)?, values: read_values(&claim)? })
    }
}

/// Reads a path of strings, non-negative integers and `null` (section 7.1). For mdoc, it is exactly
/// a namespace and an element (section 7.2).
fn read_path(claim: &Members<'_>, format: &str) -> Result<ClaimPath, DcqlError> {
    let path = claim.member("path").ok_or_else(|| claim.malformed("path", "missing"))?;
    let path = ClaimPath::from_value(path)
        .map_err(|_| claim.malformed("path", "not an array of strings, null and integers"))?;
    match path.0.as_slice() {
        [PathElement::Name(_), PathElement::Name(_)] => Ok(path),
        _ if format == "mso_mdoc" => Err(claim.malformed("path", "not a namespace and an element")),
        _ => Ok(path),
    }
}

fn read_values(claim: &Members<'_>) -> Result<Vec<Value>, DcqlError> {
    let values = claim.array("values")?.unwrap_or_default();
    let read = |(value, _): &(&Value, String)| match value {
        Value::String(_) | Value::Bool(_) => Ok((*value).clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok((*value).clone()),
        _ => Err(claim.malformed("values", "not strings, integers or booleans")),
    };
    values.iter().map(read).collect()
}

/// Refuses a credential query that has an id or a claim twice.
pub(super) fn check_together(claims: &[ClaimDocument], at: &str) -> Result<(), DcqlError> {
    let at = format!("{at}.claims");
    members::unique(claims.iter().filter_map(|claim| claim.id.as_deref()), &at)?;
    let repeated = claims
        .iter()
        .enumerate()
        .any(|(index, claim)| claims.iter().take(index).any(|earlier| earlier.path == claim.path));
    if repeated { Err(DcqlError::DuplicateClaim { at }) } else { Ok(()) }
}

pub(super) fn write(claim: &ClaimsQuery) -> Value {
    let mut out = Map::new();
    if let Some(id) = &claim.id {
        out.insert("id".to_owned(), id.as_str().into());
    }
    out.insert("path".to_owned(), claim.path.to_value());
    if !claim.values.is_empty() {
        out.insert("values".to_owned(), claim.values.clone().into());
    }
    Value::Object(out)
}
