//! A credential in the wallet: as it is stored, and as it is shown to a person.

use sekisho_ambient::{Text, Timestamp};
use sekisho_credential::sd_jwt::SdJwt;
use sekisho_jose::{Claims, numeric_date};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fetch::printable;
use crate::label;

/// The stored form of a credential.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) version: u8,
    pub(crate) id: String,
    pub(crate) received: Timestamp,
    /// The credential issuer identifier.
    pub(crate) issuer: String,
    pub(crate) issuer_name: Text,
    /// The name of the type, in both languages.
    pub(crate) name: Text,
    /// The digest of the offer for which it came. `None` in files of older versions.
    #[serde(default)]
    pub(crate) offer: Option<String>,
    /// The SD-JWT with all its disclosures, as the issuer sent it.
    pub(crate) sd_jwt: String,
}

/// A credential as the list of credentials shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Credential {
    /// The credential's id in this wallet.
    pub id: String,
    /// The name of the type, in both languages.
    pub name: Text,
    /// The type, as in `vct`.
    pub vct: String,
    /// The credential issuer identifier.
    pub issuer: String,
    /// The name of the issuer, in both languages.
    pub issuer_name: Text,
    /// When the wallet received it, in seconds since the epoch.
    pub received: Timestamp,
    /// When it expires, in seconds since the epoch. `None` if it does not.
    pub expires: Option<Timestamp>,
    /// The claims about the holder, one line each.
    pub claims: Vec<Claim>,
}

/// One claim of a credential, as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Names and indexes from the credential's root, such as `["roles", "0"]`.
    pub path: Vec<String>,
    /// The name of the claim, in both languages.
    pub label: Text,
    /// The claim's value, as the credential states it.
    pub value: String,
    /// The claim's value in words, in both languages.
    pub shown: Text,
}

/// Claims about the credential itself, not about its holder (SD-JWT VC, section 3.2.2.2).
const FRAME: &[&str] =
    &["iss", "vct", "vct#integrity", "iat", "nbf", "exp", "cnf", "status", "_sd_alg"];

impl Credential {
    /// Reads the stored form.
    pub(crate) fn read(held: &Held) -> Result<Self, String> {
        let sd_jwt = SdJwt::parse(&held.sd_jwt).map_err(|error| error.to_string())?;
        let claims = sd_jwt.claims();
        let vct = claims.get("vct").and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            id: held.id.clone(),
            name: held.name.clone(),
            vct: vct.to_owned(),
            issuer: held.issuer.clone(),
            issuer_name: held.issuer_name.clone(),
            received: held.received,
            expires: numeric_date::read(&claims, "exp").map_err(|error| error.to_string())?,
            claims: lines(vct, &claims),
        })
    }
}

/// The claims about the holder, one line each. They are in the order of the type's table, because
/// an issuer shuffles the disclosures.
pub(crate) fn lines(vct: &str, claims: &Claims) -> Vec<Claim> {
    let mut out = Vec::new();
    for (name, value) in claims.iter().filter(|(name, _)| !FRAME.contains(&name.as_str())) {
        flatten(vct, &mut vec![name.clone()], value, &mut out);
    }
    out.sort_by_key(|claim| label::position(vct, &claim.path));
    out
}

fn flatten(vct: &str, path: &mut Vec<String>, value: &Value, out: &mut Vec<Claim>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect()
        }
        _ => {
            out.push(Claim {
                path: path.clone(),
                label: label::claim(vct, path),
                value: plain(value),
                shown: label::value(vct, path, value).unwrap_or_else(|| Text::same(plain(value))),
            });
            return;
        }
    };
    for (name, child) in children {
        path.push(name);
        flatten(vct, path, child, out);
        path.pop();
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}
