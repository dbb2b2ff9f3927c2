//! Scopes, and what a relying party gets for each: one table, from which discovery, the question to
//! the wallet, the ID token and userinfo are all derived.
//!
//! Invariant: what is released stands in a verified credential. A claim of another JSON type than
//! expected is left out, never null and never empty (checklist RES-2). The subject, the session and
//! what a gate granted are added by the callers; their names stand here for discovery.

use std::collections::BTreeMap;

use sekisho_jose::Claims;
use sekisho_oauth::client::OFFLINE_ACCESS;
use serde_json::{Value, json};

use crate::types::{LOGIN, TRAINING};

/// The scope that asks for GPU access without details, and the type of `authorization_details` that
/// asks with them (RFC 9396, section 2).
pub const GPU_ACCESS: &str = "gpu_access";

/// One scope.
#[derive(Clone, Copy, Debug)]
pub struct ScopeRow {
    /// Its name.
    pub scope: &'static str,
    /// What the wallet is asked for: type name and claim path, in which `*` is every element.
    pub wallet: &'static [(&'static str, &'static [&'static str])],
    /// The claims that are released.
    pub claims: &'static [&'static str],
    /// Those of them that the person may leave out and the service still works.
    pub optional: &'static [&'static str],
}

/// All scopes.
pub const TABLE: &[ScopeRow] = &[
    ScopeRow {
        scope: "openid",
        wallet: &[(LOGIN, &["org_corporate_number"]), (LOGIN, &["member_ref"])],
        claims: &["sub", "auth_time", "acr", "amr", "sid"],
        optional: &[],
    },
    ScopeRow {
        scope: "profile",
        wallet: &[
            (LOGIN, &["name"]),
            (LOGIN, &["name#ja-Hani-JP"]),
            (LOGIN, &["name#ja-Kana-JP"]),
            (LOGIN, &["name#ja-Latn-JP"]),
        ],
        claims: &[
            "name",
            "name#ja-Hani-JP",
            "name#ja-Kana-JP",
            "name#ja-Latn-JP",
            "preferred_username",
            "locale",
        ],
        optional: &["name#ja-Kana-JP", "name#ja-Latn-JP", "locale"],
    },
    ScopeRow {
        scope: "email",
        wallet: &[(LOGIN, &["email"])],
        claims: &["email", "email_verified"],
        optional: &[],
    },
    ScopeRow {
        scope: "organization",
        wallet: &[(LOGIN, &["org_name"]), (LOGIN, &["affiliation_type"]), (LOGIN, &["roles", "*"])],
        claims: &["organization", "groups"],
        optional: &[],
    },
    ScopeRow {
        scope: "training",
        // The `level_gte_n` that a gate needs is asked for by the gate.
        wallet: &[(TRAINING, &["achievement_id"])],
        claims: &["training"],
        optional: &[],
    },
    ScopeRow {
        scope: GPU_ACCESS,
        // Whatever the gate's policy reads is asked for by the gate.
        wallet: &[],
        claims: &["authorization_details", "groups", "svc_residency"],
        optional: &[],
    },
    // A refresh token; no claim.
    ScopeRow { scope: OFFLINE_ACCESS, wallet: &[], claims: &[], optional: &[] },
];

/// Names of all scopes.
pub fn supported() -> Vec<&'static str> {
    TABLE.iter().map(|row| row.scope).collect()
}

/// Names of all claims that these scopes can release, each once.
pub fn claims_supported(scopes: &[String]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in rows(scopes).flat_map(|row| row.claims) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// Names of the claims that the person may leave out.
pub fn optional_claims() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|row| row.optional).copied()
}

/// Whether the person may leave the claim `name` out.
pub fn is_optional(name: &str) -> bool {
    optional_claims().any(|optional| optional == name)
}

/// What the wallet is asked for, by type name: claim paths, in which `*` is every element. For all
/// claims of `scopes`, and for those that are named one by one.
pub fn wallet_claims(scopes: &[String], named: &[&str]) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut asked = BTreeMap::<String, Vec<Vec<String>>>::new();
    let by_name = TABLE.iter().flat_map(|row| {
        let mine = named.iter().filter(|name| row.claims.contains(name));
        mine.flat_map(|name| row.wallet.iter().filter(|(_, path)| feeds(path, name)))
    });
    for (type_name, path) in rows(scopes).flat_map(|row| row.wallet).chain(by_name) {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        let paths = asked.entry((*type_name).to_owned()).or_default();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    asked
}

/// Whether the wallet's claim at `path` is needed for the released claim `name` of the same row.
fn feeds(path: &[&str], name: &str) -> bool {
    let first = path.first().copied().unwrap_or_default();
    match name {
        "groups" => first == "roles",
        "organization" => first != "roles",
        "email_verified" => first == "email",
        "training" => true,
        _ => first == name,
    }
}

/// What `scopes` release, and of the claims that are named one by one as much as there is.
pub fn release_named(
    scopes: &[String],
    named: &[&str],
    claims_by_type: &BTreeMap<String, Claims>,
    preferred_username: &str,
) -> Claims {
    let by_scope = claims_supported(scopes);
    let mut reached = scopes.to_vec();
    let touched = TABLE.iter().filter(|row| named.iter().any(|name| row.claims.contains(name)));
    reached.extend(touched.map(|row| row.scope.to_owned()));
    let mut out = release(&reached, claims_by_type, preferred_username);
    out.retain(|name, _| by_scope.contains(&name.as_str()) || named.contains(&name.as_str()));
    out
}

fn rows(scopes: &[String]) -> impl Iterator<Item = &'static ScopeRow> {
    TABLE.iter().filter(|row| scopes.iter().any(|scope| scope == row.scope))
}

/// What `scopes` release of verified claims, given by type name. `preferred_username` is opaque and
/// stable at the client.
pub fn release(
    scopes: &[String],
    claims_by_type: &BTreeMap<String, Claims>,
    preferred_username: &str,
) -> Claims {
    let none = Claims::new();
    let affiliation = claims_by_type.get(LOGIN).unwrap_or(&none);
    let mut out = Claims::new();
    for row in rows(scopes) {
        match row.scope {
            "profile" => profile(&mut out, affiliation, preferred_username),
            "email" => email(&mut out, affiliation),
            "organization" => organization(&mut out, affiliation),
            "training" => training(&mut out, claims_by_type.get(TRAINING)),
            _ => {}
        }
    }
    out
}

fn text<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Puts `names` of `from` into `out`, under their new names, where there are texts.
fn copy(out: &mut Claims, from: &Claims, names: &[(&str, &str)]) {
    for (name, new) in names {
        if let Some(text) = text(from, name) {
            out.insert((*new).to_owned(), json!(text));
        }
    }
}

/// Names byte for byte as the issuer wrote them.
fn profile(out: &mut Claims, affiliation: &Claims, preferred_username: &str) {
    let names = ["name", "name#ja-Hani-JP", "name#ja-Kana-JP", "name#ja-Latn-JP", "locale"];
    copy(out, affiliation, &names.map(|name| (name, name)));
    out.insert("preferred_username".to_owned(), json!(preferred_username));
}

/// Verified only if the issuer says so with a boolean.
fn email(out: &mut Claims, affiliation: &Claims) {
    copy(out, affiliation, &[("email", "email")]);
    if out.contains_key("email") {
        let verified = affiliation.get("email_verified") == Some(&Value::Bool(true));
        out.insert("email_verified".to_owned(), json!(verified));
    }
}

fn organization(out: &mut Claims, affiliation: &Claims) {
    let mut organization = Claims::new();
    let members = [
        ("org_corporate_number", "corporate_number"),
        ("org_name", "name"),
        ("affiliation_type", "affiliation_type"),
    ];
    copy(&mut organization, affiliation, &members);
    if !organization.is_empty() {
        out.insert("organization".to_owned(), Value::Object(organization));
    }
    let groups = groups(affiliation);
    if !groups.is_empty() {
        out.insert("groups".to_owned(), json!(groups));
    }
}

/// Roles as a flat list of texts, each once.
fn groups(affiliation: &Claims) -> Vec<&str> {
    let roles = affiliation.get("roles").and_then(Value::as_array);
    let mut groups = Vec::new();
    for role in roles.into_iter().flatten().filter_map(Value::as_str) {
        if !role.is_empty() && !groups.contains(&role) {
            groups.push(role);
        }
    }
    groups
}

/// The highest level whose predicate was shown and is true; the level itself is not released.
fn training(out: &mut Claims, training: Option<&Claims>) {
    let Some(training) = training else { return };
    let mut entry = Claims::new();
    copy(&mut entry, training, &[("achievement_id", "achievement")]);
    if entry.is_empty() {
        return;
    }
    let holds = |n: &u8| training.get(&format!("level_gte_{n}")) == Some(&Value::Bool(true));
    if let Some(level) = (1..=3_u8).rev().find(holds) {
        entry.insert("level_gte".to_owned(), json!(level));
    }
    copy(&mut entry, training, &[("valid_through", "until")]);
    out.insert("training".to_owned(), json!([entry]));
}

#[cfg(test)]
mod tests;
