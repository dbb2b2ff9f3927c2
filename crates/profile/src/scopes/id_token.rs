//! How much room the claims of scopes have in an ID token (OpenID Connect Core 1.0, section 5.4;
//! checklist IDT-4).
//!
//! ID tokens travel in cookies, in URLs (`id_token_hint`) and through proxies with buffers of 4 KiB.
//! So each claim has a longest length there, and the claims of a client's scopes have room together.
//! A client whose scopes could need more is refused when it is registered.
//!
//! Invariant: what [`fit`] returns weighs at most [`ID_TOKEN_CLAIMS`] bytes, and names what it left
//! out. Userinfo has every claim in full.

use sekisho_jose::Claims;
use serde_json::{Value, json};

use super::claims_supported;

/// The most bytes of JSON that the claims of scopes have in an ID token.
pub const ID_TOKEN_CLAIMS: usize = 2048;

/// The claim that names the claims that were too long for the ID token and stand at userinfo alone.
pub const AT_USERINFO: &str = "claims_at_userinfo";

/// The longest value of each claim in an ID token, in bytes of JSON. The claims of `openid` are not
/// here: every ID token has them, and their length is fixed.
const LONGEST: &[(&str, usize)] = &[
    ("name", 130),
    ("name#ja-Hani-JP", 130),
    ("name#ja-Kana-JP", 130),
    ("name#ja-Latn-JP", 130),
    ("preferred_username", 66),
    ("locale", 37),
    ("email", 256),
    ("email_verified", 5),
    ("organization", 280),
    ("groups", 352),
    ("eduperson_entitlement", 352),
    ("uid_number", 10),
    ("gid_number", 10),
    ("training", 190),
    ("authorization_details", 400),
    ("svc_residency", 200),
];

/// Returns the bytes of JSON that the claims of `scopes` have in an ID token at most: the sum of
/// the longest length of each claim.
pub fn longest(scopes: &[String]) -> usize {
    let claims = claims_supported(scopes).into_iter();
    claims.filter_map(|name| Some(member_bytes(name, longest_value(name)?))).sum()
}

/// Returns those claims that have room in an ID token. The others are named in [`AT_USERINFO`].
pub fn fit(claims: Claims) -> Claims {
    let (mut fitting, mut left_out, mut bytes) = (Claims::new(), Vec::new(), 0_usize);
    for (name, value) in claims {
        let length = value.to_string().len();
        let member = member_bytes(&name, length);
        if longest_value(&name).is_some_and(|longest| length <= longest)
            && bytes.saturating_add(member) <= ID_TOKEN_CLAIMS
        {
            bytes = bytes.saturating_add(member);
            fitting.insert(name, value);
        } else {
            left_out.push(Value::String(name));
        }
    }
    if !left_out.is_empty() {
        fitting.insert(AT_USERINFO.to_owned(), json!(left_out));
    }
    fitting
}

fn longest_value(name: &str) -> Option<usize> {
    LONGEST.iter().find(|(known, _)| *known == name).map(|(_, longest)| *longest)
}

/// The bytes of a member of an object: its name, its value, two quotes, a colon and a comma.
fn member_bytes(name: &str, value: usize) -> usize {
    name.len().saturating_add(value).saturating_add(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::{TABLE, supported};

    fn scopes(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_claim_of_every_scope_has_a_longest_length() {
        for row in TABLE.iter().filter(|row| row.scope != "openid") {
            assert!(row.claims.iter().all(|name| longest_value(name).is_some()), "{}", row.scope);
        }
        let openid = TABLE.iter().find(|row| row.scope == "openid").unwrap();
        assert!(openid.claims.iter().all(|name| longest_value(name).is_none()));
    }

    #[test]
    fn what_most_services_ask_for_has_room_and_everything_together_has_not() {
        for some in [
            "openid profile email",
            "openid profile email organization offline_access",
            "openid profile email organization training",
            "openid profile email organization groups eduperson_entitlement",
            "openid profile email gpu_access",
            "openid profile organization gpu_access",
        ] {
            assert!(
                longest(&scopes(some)) <= ID_TOKEN_CLAIMS,
                "{some}: {}",
                longest(&scopes(some))
            );
        }
        assert_eq!(longest(&scopes("openid")), 0);
        let all: Vec<String> = supported().into_iter().map(str::to_owned).collect();
        assert!(longest(&all) > ID_TOKEN_CLAIMS);
    }

    #[test]
    fn a_claim_that_is_too_long_is_named_and_not_cut() {
        let at = |name: &str, value: Value| Claims::from_iter([(name.to_owned(), value)]);
        let exact = "n".repeat(128);
        assert_eq!(fit(at("name", json!(exact))), at("name", json!(exact)));
        for long in ["n".repeat(129), "\"".repeat(65)] {
            assert_eq!(fit(at("name", json!(long))), at(AT_USERINFO, json!(["name"])));
        }
        assert_eq!(fit(at("unknown", json!(1))), at(AT_USERINFO, json!(["unknown"])));
        let all = LONGEST
            .iter()
            .map(|(name, longest)| ((*name).to_owned(), Value::String("x".repeat(longest - 2))));
        let fitted = fit(all.collect());
        assert!(fitted.contains_key(AT_USERINFO) && fitted.contains_key("name"));
        let without = |(name, _): &(&String, &Value)| *name != AT_USERINFO;
        let kept: Claims =
            fitted.iter().filter(without).map(|(n, v)| (n.clone(), v.clone())).collect();
        assert!(Value::Object(kept).to_string().len() <= ID_TOKEN_CLAIMS + 1);
    }
}
