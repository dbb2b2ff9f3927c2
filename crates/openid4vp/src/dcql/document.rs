//! The query's JSON (OpenID4VP 1.0, sections 6.1 to 6.4, appendix B): read in full, then narrowed to
//! the supported subset.
//!
//! Invariant: a query that is refused as unsupported was well formed. So a verifier can tell an
//! error in its query from a limit of ours.

use serde_json::{Map, Value, json};

use super::{ClaimsQuery, CredentialQuery, CredentialSet, DcqlError, FORMAT, Query, Unsupported};

mod claims;
mod members;

use claims::ClaimDocument;
use members::Members;

/// A well-formed query.
struct Document {
    credentials: Vec<CredentialDocument>,
    credential_sets: Vec<CredentialSet>,
}

/// A well-formed credential query of any format.
struct CredentialDocument {
    id: String,
    format: String,
    vct_values: Vec<String>,
    multiple: bool,
    claims: Vec<ClaimDocument>,
    claim_sets: Vec<Vec<String>>,
    /// The types of `trusted_authorities`.
    authorities: Vec<String>,
    holder_binding: bool,
}

pub(super) fn read(value: &Value) -> Result<Query, DcqlError> {
    Document::read(value)?.try_into()
}

impl TryFrom<Document> for Query {
    type Error = DcqlError;

    fn try_from(document: Document) -> Result<Self, DcqlError> {
        let credentials = document.credentials.into_iter().map(CredentialQuery::try_from);
        Ok(Self {
            credentials: credentials.collect::<Result<_, _>>()?,
            credential_sets: document.credential_sets,
        })
    }
}

impl TryFrom<CredentialDocument> for CredentialQuery {
    type Error = DcqlError;

    fn try_from(document: CredentialDocument) -> Result<Self, DcqlError> {
        if let Some(what) = document.unsupported() {
            return Err(DcqlError::Unsupported { id: document.id, what });
        }
        let claims = document.claims.into_iter().map(|claim| ClaimsQuery {
            id: claim.id,
            path: claim.path,
            values: claim.values,
        });
        Ok(Self {
            id: document.id,
            vct_values: document.vct_values,
            claims: claims.collect(),
            claim_sets: document.claim_sets,
        })
    }
}

impl CredentialDocument {
    fn unsupported(&self) -> Option<Unsupported> {
        if self.format != FORMAT.id() {
            return Some(Unsupported::Format(self.format.clone()));
        }
        if self.multiple {
            return Some(Unsupported::Multiple);
        }
        if let Some(kind) = self.authorities.first() {
            return Some(Unsupported::TrustedAuthorities(kind.clone()));
        }
        (!self.holder_binding).then_some(Unsupported::WithoutHolderBinding)
    }
}

impl Document {
    fn read(value: &Value) -> Result<Self, DcqlError> {
        let query = Members::new(value, "dcql_query")?;
        let credentials = query
            .array("credentials")?
            .ok_or_else(|| query.malformed("credentials", "missing"))?
            .iter()
            .map(|(value, at)| CredentialDocument::read(value, at))
            .collect::<Result<Vec<_>, _>>()?;
        members::unique(credentials.iter().map(|query| query.id.as_str()), "credentials")?;
        let ids: Vec<&str> = credentials.iter().map(|query| query.id.as_str()).collect();
        let sets = query.array("credential_sets")?.unwrap_or_default();
        let credential_sets =
            sets.iter().map(|(value, at)| read_set(value, at, &ids)).collect::<Result<_, _>>()?;
        Ok(Self { credentials, credential_sets })
    }
}

fn read_set(value: &Value, at: &str, ids: &[&str]) -> Result<CredentialSet, DcqlError> {
    let set = Members::new(value, at)?;
    let options = set.id_lists("options", ids)?;
    Ok(CredentialSet {
        options: options.ok_or_else(|| set.malformed("options", "missing"))?,
        required: set.bool("required")?.unwrap_or(true),
    })
}

impl CredentialDocument {
    fn read(value: &Value, at: &str) -> Result<Self, DcqlError> {
        let query = Members::new(value, at)?;
        let id = query.id()?.ok_or_else(|| query.malformed("id", "missing"))?;
        let format = query.string("format")?.ok_or_else(|| query.malformed("format", "missing"))?;
        let claims = query.array("claims")?.unwrap_or_default();
        let claims = claims
            .iter()
            .map(|(value, at)| ClaimDocument::read(value, at, &format))
            .collect::<Result<Vec<_>, _>>()?;
        claims::check_together(&claims, at)?;
        let ids: Vec<&str> = claims.iter().filter_map(|claim| claim.id.as_deref()).collect();
        let claim_sets = query.id_lists("claim_sets", &ids)?.unwrap_or_default();
        if !claim_sets.is_empty() && ids.len() != claims.len() {
            return Err(query.malformed("claims", "with claim_sets, every claim needs an id"));
        }
        Ok(Self {
            vct_values: read_meta(&query, &format)?,
            multiple: query.bool("multiple")?.unwrap_or(false),
            authorities: read_authorities(&query)?,
            holder_binding: query.bool("require_cryptographic_holder_binding")?.unwrap_or(true),
            claims,
            claim_sets,
            format,
            id,
        })
    }
}

/// Reads `meta` (appendix B) and returns its `vct_values`. It is empty for other formats, which
/// have no such member.
fn read_meta(query: &Members<'_>, format: &str) -> Result<Vec<String>, DcqlError> {
    let meta = query.object("meta")?.ok_or_else(|| query.malformed("meta", "missing"))?;
    let missing = |name| meta.malformed(name, "missing");
    match format {
        _ if format == FORMAT.id() => {
            meta.strings("vct_values")?.ok_or_else(|| missing("vct_values"))
        }
        "mso_mdoc" => {
            meta.string("doctype_value")?.ok_or_else(|| missing("doctype_value"))?;
            Ok(Vec::new())
        }
        "jwt_vc_json" | "ldp_vc" => {
            let types = meta.array("type_values")?.ok_or_else(|| missing("type_values"))?;
            for (value, at) in &types {
                members::strings(value, at)?;
            }
            Ok(Vec::new())
        }
        _ => Ok(Vec::new()),
    }
}

/// Reads `trusted_authorities` (section 6.1.1) and returns their types.
fn read_authorities(query: &Members<'_>) -> Result<Vec<String>, DcqlError> {
    let authorities = query.array("trusted_authorities")?.unwrap_or_default();
    let read = |(value, at): &(&Value, String)| {
        let authority = Members::new(value, at)?;
        authority.strings("values")?.ok_or_else(|| authority.malformed("values", "missing"))?;
        authority.string("type")?.ok_or_else(|| authority.malformed("type", "missing"))
    };
    authorities.iter().map(read).collect()
}

pub(super) fn write(query: &Query) -> Value {
    let mut out = Map::new();
    let credentials = query.credentials.iter().map(write_credential).collect();
    out.insert("credentials".to_owned(), Value::Array(credentials));
    if !query.credential_sets.is_empty() {
        let sets = query.credential_sets.iter().map(write_set).collect();
        out.insert("credential_sets".to_owned(), Value::Array(sets));
    }
    Value::Object(out)
}

/// `required` is written only where it is not the default.
fn write_set(set: &CredentialSet) -> Value {
    if set.required {
        json!({"options": set.options})
    } else {
        json!({"options": set.options, "required": false})
    }
}

fn write_credential(query: &CredentialQuery) -> Value {
    let mut out = Map::new();
    out.insert("id".to_owned(), query.id.as_str().into());
    out.insert("format".to_owned(), FORMAT.id().into());
    out.insert("meta".to_owned(), json!({"vct_values": query.vct_values}));
    if !query.claims.is_empty() {
        let claims = query.claims.iter().map(claims::write).collect();
        out.insert("claims".to_owned(), Value::Array(claims));
    }
    if !query.claim_sets.is_empty() {
        out.insert("claim_sets".to_owned(), json!(query.claim_sets));
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests;
