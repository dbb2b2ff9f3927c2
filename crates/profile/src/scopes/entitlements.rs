//! A person's groups as URNs, for services that read `eduperson_entitlement` (AARC-G002, section 3):
//! `urn:x-sekisho:HOST:group:GROUP[:SUBGROUP]#HOST`.
//!
//! Tenants choose the names of roles, so the same name may be that of two tenants. An entitlement
//! says whose role it is: GROUP is the corporate number of the organization, and SUBGROUP the role.
//! The groups of a gate are ours, and stand without a number.
//!
//! Invariant: what an organization writes is one percent-encoded part. It never becomes another
//! organization's entitlement, nor that of a gate.

use std::fmt::Write as _;

use sekisho_jose::Claims;
use serde_json::{Value, json};

use super::ENTITLEMENT;

/// The entitlements of the roles that the organization with this corporate number gave.
pub fn role_entitlements(authority: &str, organization: &str, roles: &[&str]) -> Vec<String> {
    if organization.is_empty() {
        return Vec::new();
    }
    let number = encoded(organization);
    roles.iter().map(|role| urn(authority, &format!("{number}:{}", encoded(role)))).collect()
}

/// Adds the entitlements of the groups that a gate gave, such as `gpu:console`.
pub fn add_group_entitlements(released: &mut Claims, authority: &str, groups: &[String]) {
    if groups.is_empty() {
        return;
    }
    let urns = groups.iter().map(|group| {
        let parts: Vec<String> = group.split(':').map(encoded).collect();
        Value::from(urn(authority, &parts.join(":")))
    });
    let list = released.entry(ENTITLEMENT).or_insert_with(|| json!([]));
    if let Value::Array(list) = list {
        list.extend(urns);
    }
}

fn urn(authority: &str, group: &str) -> String {
    let authority = encoded(authority);
    format!("urn:x-sekisho:{authority}:group:{group}#{authority}")
}

/// Percent-encodes everything but the unreserved characters (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_one_part_below_its_organization() {
        let roles = ["lead", "gpu:console", "a:role=admin#x", "研究"];
        let number = "7900000000002";
        let at = |group: &str| {
            format!("urn:x-sekisho:auth.example.jp:group:{number}:{group}#auth.example.jp")
        };
        assert_eq!(
            role_entitlements("auth.example.jp", number, &roles),
            [at("lead"), at("gpu%3Aconsole"), at("a%3Arole%3Dadmin%23x"), at("%E7%A0%94%E7%A9%B6")],
        );
        assert!(role_entitlements("auth.example.jp", "", &roles).is_empty());
    }

    #[test]
    fn the_groups_of_a_gate_stand_beside_them() {
        let mut released = Claims::new();
        add_group_entitlements(&mut released, "h", &[]);
        assert!(released.is_empty());
        add_group_entitlements(&mut released, "h", &["gpu:console".to_owned()]);
        assert_eq!(released[ENTITLEMENT], json!(["urn:x-sekisho:h:group:gpu:console#h"]));
    }
}
