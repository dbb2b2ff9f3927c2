//! What a resource may be: its names, its scopes, and the claims of its tokens.

use sekisho_ambient::Text;
use sekisho_jose::Algorithm;
use sekisho_oauth::scope;
use sekisho_profile::{lifetimes, scopes};
use sekisho_site::check_names;

use super::{Resource, Source, TokenFormat};

/// The longest name of a resource in a request, in bytes.
pub const MAX_AUDIENCE: usize = 255;
/// The most aliases, clients, scopes and claims of one resource.
const MAX_LIST: usize = 256;
/// The shortest and longest lifetime of an access token, in seconds. The longest is the one that
/// the WLCG token profile allows.
pub const LIFETIMES: std::ops::RangeInclusive<i64> = 60..=lifetimes::LONGEST_ACCESS_TOKEN;
/// The claims of the protocol, which [`Resource::claims`] cannot set (RFC 7519, 4.1; RFC 9068, 2.2;
/// RFC 8693, 4; RFC 7800, 3.1).
const PROTOCOL: [&str; 20] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "scope",
    "client_id",
    "cnf",
    "act",
    "may_act",
    "auth_time",
    "acr",
    "amr",
    "sid",
    "nonce",
    "azp",
    "at_hash",
    "authorization_details",
];
/// Claims by which servers find an account that trust a key and nothing else in a token (Slurm).
/// Only a key that signs nothing but tokens for one server may sign them.
const ACCOUNTS: [&str; 5] = ["sun", "username", "uid", "gid", "id"];
/// Claims whose value may be fixed: they name the version of a token profile.
const VERSIONS: [&str; 2] = ["ver", "wlcg.ver"];
/// Accounts that no token names, because they are those of systems.
const SYSTEM_ACCOUNTS: [&str; 6] = ["root", "slurm", "slurmrest", "munge", "daemon", "nobody"];

/// Why a resource is refused. The text says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resource {id:?}: {why}")]
pub struct ResourceError {
    /// The id of the resource.
    pub id: String,
    /// What is wrong.
    pub why: String,
}

/// Checks one resource by itself. `own` is the identifier of our userinfo endpoint.
pub fn check(resource: &Resource, own: &str) -> Result<(), ResourceError> {
    let refuse = |why: String| Err(ResourceError { id: resource.id.clone(), why });
    if check_names("resource", std::iter::once(resource.id.as_str())).is_err()
        || resource.id.len() > 64
    {
        return refuse("an id has 1 to 64 of a-z, 0-9, '-' and '_'".to_owned());
    }
    if !is_shown(&resource.name) {
        return refuse(
            "a name is needed in Japanese and English, of visible characters".to_owned(),
        );
    }
    let Resource { aliases, clients, agents, scopes, claims, .. } = resource;
    let lists = [aliases.len(), clients.len(), agents.len(), scopes.len(), claims.len()];
    if lists.into_iter().any(|length| length > MAX_LIST) {
        return refuse(format!("no list may have more than {MAX_LIST} entries"));
    }
    for name in std::iter::once(&resource.audience).chain(&resource.aliases) {
        if let Some(why) = wrong_audience(name, own) {
            return refuse(why);
        }
    }
    if !LIFETIMES.contains(&resource.lifetime) {
        let (least, most) = LIFETIMES.into_inner();
        return refuse(format!("lifetime is {least} to {most} seconds"));
    }
    if let Some(scope) = resource.scopes.iter().find(|scope| !is_own_scope(scope)) {
        return refuse(format!(
            "scope {scope:?} is not a scope token, or is one of this server's own; a path ends in no '/' and has no '.' or '..'"
        ));
    }
    check_signature(resource).and_then(|()| check_claims(resource)).or_else(refuse)
}

fn is_shown(name: &Text) -> bool {
    let text = |part: &str| !part.trim().is_empty() && part.chars().count() <= 200;
    text(&name.ja) && text(&name.en) && name.is_visible()
}

fn wrong_audience(name: &str, own: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if name.is_empty() || name.len() > MAX_AUDIENCE || !name.bytes().all(plain) {
        return Some(format!(
            "audience {name:?} is not 1 to {MAX_AUDIENCE} printable ASCII characters"
        ));
    }
    if name.contains('#') {
        return Some(format!("audience {name:?} has a fragment (RFC 8707, section 2)"));
    }
    if name.trim_end_matches('/') == own {
        return Some(format!("audience {name:?} is this server itself"));
    }
    None
}

fn check_signature(resource: &Resource) -> Result<(), String> {
    let Resource { format, algorithm, own_key, typ, claims, .. } = resource;
    if *format == TokenFormat::Opaque {
        let set = *own_key || typ.is_some() || !claims.is_empty();
        let set = set.then(|| {
            "opaque tokens have no typ, claims and keys of their own: choose format jwt or lean"
                .to_owned()
        });
        return set.map_or(Ok(()), Err);
    }
    if !typ.as_deref().is_none_or(|typ| ["at+jwt", "JWT"].contains(&typ)) {
        return Err("typ is at+jwt or JWT".to_owned());
    }
    let main = [Algorithm::Rs256, Algorithm::Es256];
    let apart = [Algorithm::Ps256, Algorithm::EdDsa];
    if main.contains(algorithm) || (*own_key && apart.contains(algorithm)) {
        return Ok(());
    }
    Err(format!(
        "algorithm {algorithm}: RS256 or ES256, and with a key of its own also PS256 or EdDSA, which many verifiers cannot load"
    ))
}

fn check_claims(resource: &Resource) -> Result<(), String> {
    let released = scopes::claims_supported(
        &scopes::supported().into_iter().map(str::to_owned).collect::<Vec<_>>(),
    );
    for (name, source) in &resource.claims {
        let plain = |byte: u8| byte.is_ascii_graphic();
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(format!("claim {name:?} is not 1 to 64 printable ASCII characters"));
        }
        if PROTOCOL.contains(&name.as_str()) {
            return Err(format!("claim {name:?} is one of the protocol's own"));
        }
        if ACCOUNTS.contains(&name.as_str()) && !resource.own_key {
            return Err(format!(
                "claim {name:?} names an account at servers that trust a key alone: it needs a key of its own (own_key)"
            ));
        }
        match source {
            Source::Claim(from) if !released.contains(&from.as_str()) => {
                return Err(format!("claim {name:?}: no scope releases {from:?}"));
            }
            Source::Always { value } if !VERSIONS.contains(&name.as_str()) || value.len() > 64 => {
                let versions = VERSIONS.join(" and ");
                return Err(format!("claim {name:?}: only {versions} may have a fixed value"));
            }
            Source::Claim(_) | Source::Always { .. } => {}
        }
    }
    Ok(())
}

/// Checks that no two resources share an id, an audience or an alias.
pub fn check_apart<'r>(
    resources: impl IntoIterator<Item = &'r Resource>,
) -> Result<(), ResourceError> {
    let mut ids = std::collections::BTreeSet::new();
    let mut names = std::collections::BTreeSet::new();
    for resource in resources {
        let refuse = |why: String| Err(ResourceError { id: resource.id.clone(), why });
        if !ids.insert(&resource.id) {
            return refuse("another resource has this id".to_owned());
        }
        for name in std::iter::once(&resource.audience).chain(&resource.aliases) {
            if !names.insert(name) {
                return refuse(format!("another resource is called {name:?}, or it stands twice"));
            }
        }
    }
    Ok(())
}

/// Whether a resource may declare this scope: a scope token (RFC 6749, section 3.3) that is none of
/// this server's own.
fn is_own_scope(scope: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !scope.is_empty()
        && scope.len() <= MAX_AUDIENCE
        && scope.bytes().all(plain)
        && !scopes::supported().contains(&scope)
        && scope::path_of(scope).is_none_or(scope::is_path)
}

/// Whether `name` may be the account of a person at a server that trusts a key alone: a portable
/// user name (POSIX.1-2017, 3.437, in lower case) that is not one of a system.
pub fn is_account(name: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    let other = |c: char| first(c) || c.is_ascii_digit() || c == '-';
    let mut characters = name.chars();
    characters.next().is_some_and(first)
        && characters.all(other)
        && name.len() <= 32
        && !SYSTEM_ACCOUNTS.contains(&name)
}

/// Whether a claim of this name is read as an account.
pub fn names_account(claim: &str) -> bool {
    ["sun", "username"].contains(&claim)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OWN: &str = "https://auth.example.jp";

    fn resource(with: &Value) -> Resource {
        let mut row = json!({
            "id": "store", "name": {"ja": "保管庫", "en": "Store"}, "audience": "https://store.example",
            "format": "jwt",
        });
        for (name, value) in with.as_object().unwrap() {
            row[name] = value.clone();
        }
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_resource_may_be_this() {
        for with in [
            json!({}),
            json!({"audience": "urn:slurm:tokyo-1", "typ": "JWT", "own_key": true,
                "claims": {"sun": "preferred_username"}}),
            json!({"audience": "sts.amazonaws.com", "aliases": ["https://any.example/v1"]}),
            json!({"format": "lean", "scopes": ["storage.read:/data", "compute.read"],
                "claims": {"ver": {"value": "scitoken:2.0"}}, "lifetime": 3600}),
            json!({"own_key": true, "algorithm": "EdDSA"}),
            json!({"format": "opaque"}),
        ] {
            assert_eq!(check(&resource(&with), OWN), Ok(()), "{with}");
        }
    }

    #[test]
    fn a_resource_may_not_be_this() {
        for with in [
            json!({"id": "a/b"}),
            json!({"id": ""}),
            json!({"name": {"ja": "", "en": "Store"}}),
            json!({"name": {"ja": "保\u{202e}", "en": "Store"}}),
            json!({"audience": ""}),
            json!({"audience": "a b"}),
            json!({"audience": "https://store.example/#x"}),
            json!({"audience": "https://auth.example.jp"}),
            json!({"audience": "https://auth.example.jp/"}),
            json!({"aliases": ["https://auth.example.jp"]}),
            json!({"lifetime": 59}),
            json!({"lifetime": 21_601}),
            json!({"scopes": ["openid"]}),
            json!({"scopes": ["a b"]}),
            json!({"scopes": ["read:/a/../b"]}),
            json!({"scopes": ["read:/a/"]}),
            json!({"typ": "JOSE"}),
            json!({"algorithm": "EdDSA"}),
            json!({"algorithm": "HS256"}),
            json!({"claims": {"sub": "email"}}),
            json!({"claims": {"sun": "preferred_username"}}),
            json!({"claims": {"x": "salary"}}),
            json!({"claims": {"groups": {"value": "admin"}}}),
            json!({"format": "opaque", "own_key": true}),
        ] {
            let row = serde_json::to_value(resource(&json!({}))).unwrap();
            let mut row = row;
            for (name, value) in with.as_object().unwrap() {
                row[name] = value.clone();
            }
            let read = serde_json::from_value::<Resource>(row).ok();
            let refused = read.is_none_or(|resource| check(&resource, OWN).is_err());
            assert!(refused, "{with}");
        }
    }

    #[test]
    fn no_two_resources_are_called_the_same() {
        let one = resource(&json!({"aliases": ["x"]}));
        let other = |with: Value| resource(&with);
        let apart = |other: &Resource| check_apart([&one, other]);
        assert!(apart(&other(json!({"id": "b", "audience": "y"}))).is_ok());
        assert!(apart(&other(json!({"audience": "y"}))).is_err());
        assert!(apart(&other(json!({"id": "b"}))).is_err());
        assert!(apart(&other(json!({"id": "b", "audience": "x"}))).is_err());
        assert!(apart(&other(json!({"id": "b", "audience": "y", "aliases": ["y"]}))).is_err());
    }

    #[test]
    fn an_account_is_a_portable_name_of_a_person() {
        for name in ["alice", "_x", "u0123456789abcdef", "a-b_c"] {
            assert!(is_account(name), "{name}");
        }
        for name in ["", "root", "slurm", "Alice", "1a", "-a", "a.b", "a b", "あ", &"a".repeat(33)]
        {
            assert!(!is_account(name), "{name}");
        }
    }
}
