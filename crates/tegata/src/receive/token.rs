//! The token response, as far as this wallet uses it: OpenID4VCI 1.0, section 6.2.

use std::collections::BTreeMap;

use sekisho_jose::Claims;
use serde_json::Value;

/// The parts of a token response that the wallet uses.
pub(super) struct Token {
    pub(super) access_token: String,
    /// The credential identifiers by configuration, if the server sent any (section 6.2).
    pub(super) identifiers: BTreeMap<String, Vec<String>>,
}

/// Reads a token response (section 6.2). The error says why the wallet cannot use it.
pub(super) fn read(answer: &Claims) -> Result<Token, &'static str> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    if !text("token_type").is_some_and(|found| found.eq_ignore_ascii_case("bearer")) {
        return Err("token_type is not Bearer");
    }
    let access_token = text("access_token")
        .filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
    let access_token = access_token.ok_or("no access_token")?.to_owned();
    let mut identifiers = BTreeMap::new();
    for detail in
        answer.get("authorization_details").and_then(Value::as_array).into_iter().flatten()
    {
        let text = |name: &str| detail.get(name).and_then(Value::as_str);
        let (Some("openid_credential"), Some(configuration)) =
            (text("type"), text("credential_configuration_id"))
        else {
            continue;
        };
        let list =
            detail.get("credential_identifiers").and_then(Value::as_array).into_iter().flatten();
        let list: Vec<String> = list.filter_map(Value::as_str).map(ToOwned::to_owned).collect();
        if list.is_empty() {
            return Err("authorization_details without credential_identifiers");
        }
        identifiers.insert(configuration.to_owned(), list);
    }
    Ok(Token { access_token, identifiers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(value: &Value) -> Result<Token, &'static str> {
        read(value.as_object().unwrap())
    }

    #[test]
    fn a_token_response_without_identifiers_leaves_the_configuration() {
        let read = token(&json!({"access_token": "a", "token_type": "bearer"})).unwrap();
        assert!(read.identifiers.is_empty());
    }

    #[test]
    fn credential_identifiers_are_used_where_given() {
        let details = json!([{"type": "openid_credential", "credential_configuration_id": "x", "credential_identifiers": ["1", "2"]}]);
        let read = token(
            &json!({"access_token": "a", "token_type": "Bearer", "authorization_details": details}),
        )
        .unwrap();
        assert_eq!(read.identifiers["x"], ["1", "2"]);
    }

    #[test]
    fn a_token_that_the_wallet_cannot_use_is_refused() {
        for bad in [
            json!({"access_token": "a", "token_type": "DPoP"}),
            json!({"access_token": "a"}),
            json!({"token_type": "Bearer"}),
            json!({"access_token": "a b", "token_type": "Bearer"}),
            json!({"access_token": "a", "token_type": "Bearer", "authorization_details":
                [{"type": "openid_credential", "credential_configuration_id": "x", "credential_identifiers": []}]}),
        ] {
            assert!(token(&bad).is_err());
        }
    }
}
