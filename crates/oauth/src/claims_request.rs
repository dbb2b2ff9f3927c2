//! The `claims` parameter (Core, 5.5; checklist AUTH-24).
//!
//! Invariant: a claim is kept only if a scope that the client is registered for would release it.
//! So a client cannot get by this parameter what it could not get by scopes.

use sekisho_jose::{Claims, json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The claims that a request names one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// The names of the claims for the userinfo answer.
    pub userinfo: Vec<String>,
    /// The names of the claims for the ID token.
    pub id_token: Vec<String>,
    /// The accepted values, if `acr` is asked for as an essential claim. An empty list accepts any
    /// value.
    pub acr: Option<Vec<String>>,
    /// The subject that the answer has to be about, if the request names one.
    pub sub: Option<String>,
}

/// The options given for one claim (Core, 5.5.1).
#[derive(Default)]
struct Wish {
    essential: bool,
    values: Vec<String>,
}

impl ClaimsRequest {
    /// Reads the parameter of a client that may ask for the claims `allowed`.
    ///
    /// # Errors
    ///
    /// The text says which part is malformed. Unknown claims and members are ignored, not refused.
    pub fn parse(text: &str, allowed: &[&str]) -> Result<Self, String> {
        let members = json::parse_object(text.as_bytes())
            .map_err(|error| format!("claims is no JSON object: {error}"))?;
        let mut request = Self::default();
        for (place, names) in [("userinfo", 0), ("id_token", 1)] {
            let Some(value) = members.get(place) else { continue };
            let Value::Object(wishes) = value else {
                return Err(format!("member {place} of claims is no object"));
            };
            for (name, wish) in wishes {
                let wish = Wish::read(wish)
                    .ok_or_else(|| format!("claim {name} is neither null nor a request object"))?;
                request.add(names == 1, name, wish, allowed);
            }
        }
        Ok(request)
    }

    fn add(&mut self, in_id_token: bool, name: &str, wish: Wish, allowed: &[&str]) {
        match name {
            "acr" if wish.essential => self.acr = Some(wish.values),
            "sub" => self.sub = wish.values.into_iter().next().or_else(|| self.sub.take()),
            // Nothing to remember: every ID token has these claims.
            "acr" | "amr" | "auth_time" | "sid" => {}
            _ if allowed.contains(&name) => {
                let names = if in_id_token { &mut self.id_token } else { &mut self.userinfo };
                names.push(name.to_owned());
            }
            _ => {}
        }
    }

    /// Whether no claim is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of all claims, for userinfo and for the ID token.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.userinfo.iter().chain(&self.id_token)
    }

    /// The value of a `claims` parameter that asks for the same.
    pub fn to_value(&self) -> Value {
        let all = |names: &[String]| -> Claims {
            names.iter().map(|name| (name.clone(), Value::Null)).collect()
        };
        let mut id_token = all(&self.id_token);
        if let Some(values) = &self.acr {
            let wish = if values.is_empty() {
                json!({"essential": true})
            } else {
                json!({"essential": true, "values": values})
            };
            id_token.insert("acr".to_owned(), wish);
        }
        if let Some(sub) = &self.sub {
            id_token.insert("sub".to_owned(), json!({"value": sub}));
        }
        json!({"userinfo": all(&self.userinfo), "id_token": id_token})
    }
}

impl Wish {
    fn read(value: &Value) -> Option<Self> {
        let Value::Object(members) = value else {
            return value.is_null().then(Self::default);
        };
        let essential = match members.get("essential") {
            None => false,
            Some(essential) => essential.as_bool()?,
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let values = match (members.get("value"), members.get("values")) {
            (None, None) => Vec::new(),
            // All our values are strings. Another type becomes an empty string, which no login
            // meets.
            (Some(value), None) => vec![text(value).unwrap_or_default()],
            (None, Some(Value::Array(values))) if !values.is_empty() => {
                values.iter().map(|value| text(value).unwrap_or_default()).collect()
            }
            _ => return None,
        };
        Some(Self { essential, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: [&str; 3] = ["sub", "name", "email"];

    #[test]
    fn claims_of_registered_scopes_are_kept_and_others_ignored() {
        let text = r#"{"userinfo": {"name": {"essential": true}, "groups": null, "x": null},
            "id_token": {"email": null, "acr": {"essential": true, "values": ["phr"]},
                         "sub": {"value": "s"}, "auth_time": {"essential": true}}, "other": 1}"#;
        let request = ClaimsRequest::parse(text, &ALLOWED).unwrap();
        assert_eq!(request.userinfo, ["name"]);
        assert_eq!(request.id_token, ["email"]);
        assert_eq!(request.acr.as_deref(), Some(["phr".to_owned()].as_slice()));
        assert_eq!(request.sub.as_deref(), Some("s"));
        assert!(!request.is_empty());
        assert_eq!(request.names().collect::<Vec<_>>(), ["name", "email"]);
        let again = ClaimsRequest::parse(&request.to_value().to_string(), &ALLOWED).unwrap();
        assert_eq!(again, request);
    }

    #[test]
    fn a_voluntary_acr_asks_for_nothing() {
        let text = r#"{"id_token": {"acr": {"values": ["x"]}, "sub": null}}"#;
        assert!(ClaimsRequest::parse(text, &ALLOWED).unwrap().is_empty());
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"userinfo": []}"#,
            r#"{"id_token": {"name": true}}"#,
            r#"{"id_token": {"name": {"essential": "yes"}}}"#,
            r#"{"id_token": {"acr": {"values": "phr"}}}"#,
            r#"{"id_token": {"acr": {"values": []}}}"#,
            r#"{"id_token": {"sub": {"value": "a", "values": ["a"]}}}"#,
            r#"{"id_token": {"name": null, "name": null}}"#,
        ] {
            assert!(ClaimsRequest::parse(text, &ALLOWED).is_err(), "{text}");
        }
    }
}
