//! Scopes, and the claims that a relying party gets for each. Discovery, the request to the wallet,
//! the ID token and userinfo are all derived from this one table.
//!
//! Invariant: a released claim comes from a verified credential. A claim of another JSON type than
//! expected is left out; it is never null and never empty (checklist RES-2). The callers add the
//! subject, the session and what a gate granted; this table only names those claims for discovery.

use std::collections::BTreeMap;

use sekisho_jose::Claims;
use sekisho_oauth::client::OFFLINE_ACCESS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::types::{LOGIN, TRAINING};

pub use entitlements::{add_group_entitlements, role_entitlements};
pub use id_token::{AT_USERINFO, ID_TOKEN_CLAIMS, fit, longest};

mod entitlements;
mod id_token;

/// The scope that asks for GPU access without details. It is also the type of
/// `authorization_details` that asks with details (RFC 9396, section 2).
pub const GPU_ACCESS: &str = "gpu_access";

/// The scope and the claim that say a person's groups as URNs (AARC-G002).
pub const ENTITLEMENT: &str = "eduperson_entitlement";

/// The scope that asks for the numbers of an account.
pub const POSIX: &str = "posix";

/// The numbers of a person's account on machines (POSIX.1-2017, sections 3.436 and 3.188).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// The person's own number.
    pub uid: u32,
    /// The number of the organization's group.
    pub gid: u32,
}

/// What a relying party gets from us and from no credential.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'o> {
    /// The user name, which is always the same for a person in a sector; `None` if the person has
    /// none there.
    pub preferred_username: Option<&'o str>,
    /// The numbers of the person's account; `None` if it has none.
    pub ids: Option<Ids>,
    /// Our host, which stands for us in entitlements.
    pub authority: &'o str,
}

/// The table's row for one scope.
#[derive(Clone, Copy, Debug)]
pub struct ScopeRow {
    /// The name of the scope.
    pub scope: &'static str,
    /// The claims that the wallet is asked for: type name and claim path, in which `*` is every
    /// element.
    pub wallet: &'static [(&'static str, &'static [&'static str])],
    /// The claims that the relying party gets.
    pub claims: &'static [&'static str],
    /// Those claims that the person may refuse without losing the service.
    pub optional: &'static [&'static str],
}

/// The rows of all scopes.
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
        wallet: &[(LOGIN, &["email"]), (LOGIN, &["email_verified"])],
        claims: &["email", "email_verified"],
        optional: &[],
    },
    ScopeRow {
        scope: "organization",
        wallet: &[
            (LOGIN, &["org_name"]),
            (LOGIN, &["org_name#en"]),
            (LOGIN, &["affiliation_type"]),
            (LOGIN, &["roles", "*"]),
        ],
        claims: &["organization", "groups"],
        optional: &[],
    },
    // For services that need groups and nothing else of the organization.
    ScopeRow {
        scope: "groups",
        wallet: &[(LOGIN, &["roles", "*"])],
        claims: &["groups"],
        optional: &[],
    },
    // The same groups, each with the organization that says so.
    ScopeRow {
        scope: ENTITLEMENT,
        wallet: &[(LOGIN, &["org_corporate_number"]), (LOGIN, &["roles", "*"])],
        claims: &[ENTITLEMENT],
        optional: &[],
    },
    // The person's organization says in which range the number is.
    ScopeRow {
        scope: POSIX,
        wallet: &[(LOGIN, &["org_corporate_number"])],
        claims: &["uid_number", "gid_number"],
        optional: &[],
    },
    ScopeRow {
        scope: "training",
        // The gate adds the predicate `level_gte_n` that it needs.
        wallet: &[(TRAINING, &["achievement_id"])],
        claims: &["training"],
        optional: &[],
    },
    ScopeRow {
        scope: GPU_ACCESS,
        // The gate adds the claims that its policy reads.
        wallet: &[],
        claims: &["authorization_details", "groups", "svc_residency"],
        optional: &[],
    },
    // This scope gives a refresh token and no claim.
    ScopeRow { scope: OFFLINE_ACCESS, wallet: &[], claims: &[], optional: &[] },
];

/// Returns the names of all scopes.
pub fn supported() -> Vec<&'static str> {
    TABLE.iter().map(|row| row.scope).collect()
}

/// Whether a client that is registered for these scopes may still have `scope`. The scopes of resources
/// are not the client's, but theirs: who may ask for the resource may have them.
pub fn is_left(scope: &str, registered: &[String]) -> bool {
    registered.iter().any(|one| one == scope) || !TABLE.iter().any(|row| row.scope == scope)
}

/// Returns the names of all claims that these scopes can release, each once.
pub fn claims_supported(scopes: &[String]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in rows(scopes).flat_map(|row| row.claims) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

/// Returns the names of the claims that the person may refuse to release.
pub fn optional_claims() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|row| row.optional).copied()
}

/// Whether the person may refuse to release the claim `name`.
pub fn is_optional(name: &str) -> bool {
    optional_claims().any(|optional| optional == name)
}

/// Returns the claim paths that the wallet is asked for, by type name; `*` in a path is every
/// element. They cover all claims of `scopes` and the claims in `named`.
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

/// Whether the claim at `path` in the wallet is needed to release the claim `name` of the same row.
fn feeds(path: &[&str], name: &str) -> bool {
    let first = path.first().copied().unwrap_or_default();
    match name {
        "groups" => first == "roles",
        ENTITLEMENT => matches!(first, "roles" | "org_corporate_number"),
        "organization" => first != "roles",
        "email_verified" => matches!(first, "email" | "email_verified"),
        "uid_number" | "gid_number" | "training" => true,
        _ => first == name,
    }
}

/// Returns the claims that `scopes` release, and the claims in `named` as far as they are present.
pub fn release_named(
    scopes: &[String],
    named: &[&str],
    claims_by_type: &BTreeMap<String, Claims>,
    ours: &Ours<'_>,
) -> Claims {
    let by_scope = claims_supported(scopes);
    let mut reached = scopes.to_vec();
    let touched = TABLE.iter().filter(|row| named.iter().any(|name| row.claims.contains(name)));
    reached.extend(touched.map(|row| row.scope.to_owned()));
    let mut out = release(&reached, claims_by_type, ours);
    out.retain(|name, _| by_scope.contains(&name.as_str()) || named.contains(&name.as_str()));
    out
}

/// Whether these scopes or named claims release the user name.
pub fn releases_username(scopes: &[String], named: &[&str]) -> bool {
    releases(scopes, named, &["preferred_username"])
}

/// Whether these scopes or named claims release the numbers of an account.
pub fn releases_ids(scopes: &[String], named: &[&str]) -> bool {
    releases(scopes, named, &["uid_number", "gid_number"])
}

fn releases(scopes: &[String], named: &[&str], claims: &[&str]) -> bool {
    let by_scope = claims_supported(scopes);
    claims.iter().any(|claim| named.contains(claim) || by_scope.contains(claim))
}

fn rows(scopes: &[String]) -> impl Iterator<Item = &'static ScopeRow> {
    TABLE.iter().filter(|row| scopes.iter().any(|scope| scope == row.scope))
}

/// Returns the claims that `scopes` release from verified claims, which are given by type name, and
/// from `ours`.
pub fn release(
    scopes: &[String],
    claims_by_type: &BTreeMap<String, Claims>,
    ours: &Ours<'_>,
) -> Claims {
    let none = Claims::new();
    let affiliation = claims_by_type.get(LOGIN).unwrap_or(&none);
    let mut out = Claims::new();
    for row in rows(scopes) {
        match row.scope {
            "profile" => profile(&mut out, affiliation, ours.preferred_username),
            "email" => email(&mut out, affiliation),
            "organization" => {
                organization(&mut out, affiliation);
                put_list(&mut out, "groups", &groups(affiliation));
            }
            "groups" => put_list(&mut out, "groups", &groups(affiliation)),
            ENTITLEMENT => {
                let number = text(affiliation, "org_corporate_number").unwrap_or_default();
                let urns = role_entitlements(ours.authority, number, &groups(affiliation));
                put_list(&mut out, ENTITLEMENT, &urns);
            }
            POSIX => {
                if let Some(Ids { uid, gid }) = ours.ids {
                    out.insert("uid_number".to_owned(), json!(uid));
                    out.insert("gid_number".to_owned(), json!(gid));
                }
            }
            "training" => training(&mut out, claims_by_type.get(TRAINING)),
            _ => {}
        }
    }
    out
}

fn text<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Copies those members of `from` that are texts into `out`, under their new names.
fn copy(out: &mut Claims, from: &Claims, names: &[(&str, &str)]) {
    for (name, new) in names {
        if let Some(text) = text(from, name) {
            out.insert((*new).to_owned(), json!(text));
        }
    }
}

/// Copies names byte for byte as the issuer wrote them.
fn profile(out: &mut Claims, affiliation: &Claims, preferred_username: Option<&str>) {
    let names = ["name", "name#ja-Hani-JP", "name#ja-Kana-JP", "name#ja-Latn-JP", "locale"];
    copy(out, affiliation, &names.map(|name| (name, name)));
    if let Some(username) = preferred_username {
        out.insert("preferred_username".to_owned(), json!(username));
    }
}

/// `email_verified` is what the issuer says, as a boolean. An issuer that says nothing leaves it
/// unknown, and unknown is not false: services refuse an address that is said to be unverified.
fn email(out: &mut Claims, affiliation: &Claims) {
    copy(out, affiliation, &[("email", "email")]);
    if out.contains_key("email")
        && let Some(verified) = affiliation.get("email_verified").and_then(Value::as_bool)
    {
        out.insert("email_verified".to_owned(), json!(verified));
    }
}

fn organization(out: &mut Claims, affiliation: &Claims) {
    let mut organization = Claims::new();
    let members = [
        ("org_corporate_number", "corporate_number"),
        ("org_name", "name"),
        ("org_name#en", "name#en"),
        ("affiliation_type", "affiliation_type"),
    ];
    copy(&mut organization, affiliation, &members);
    if !organization.is_empty() {
        out.insert("organization".to_owned(), Value::Object(organization));
    }
}

/// Inserts a list of texts, unless it is empty.
fn put_list(out: &mut Claims, name: &str, texts: &[impl AsRef<str>]) {
    if !texts.is_empty() {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        out.insert(name.to_owned(), json!(texts));
    }
}

/// Returns the roles as a flat list of texts, each once.
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

/// Releases the highest level whose predicate is true. The level itself is not released.
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
