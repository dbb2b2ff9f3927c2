//! Makes malformed presentations: from one valid presentation it derives every broken one, each
//! with a description of what is wrong (attacks SD-01 to SD-16, VP-05 to VP-09).

use sekisho_ambient::{Timestamp, sha256};
use sekisho_jose::{Algorithm, SigningKey, b64u};
use serde_json::{Value, json};

/// The keys and values with which a dishonest wallet makes presentations.
pub struct Liar<'a> {
    /// The key to which the credential is bound.
    pub holder: &'a SigningKey,
    /// A key of somebody else.
    pub stranger: &'a SigningKey,
    pub now: Timestamp,
    pub audience: &'a str,
    pub nonce: &'a str,
}

/// A presentation, split into its parts.
#[derive(Clone)]
struct Parts {
    issuer_jwt: String,
    disclosures: Vec<String>,
}

impl Parts {
    fn bound(&self) -> String {
        let mut text = self.issuer_jwt.clone() + "~";
        for disclosure in &self.disclosures {
            text.push_str(disclosure);
            text.push('~');
        }
        text
    }
}

fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let input =
        format!("{}.{}", b64u::encode(header.to_string()), b64u::encode(claims.to_string()));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64u::encode(signature))
}

/// Every fault that `presentation` can have, one at a time.
pub fn malformed(presentation: &str, liar: &Liar<'_>) -> Vec<(&'static str, String)> {
    let (body, proof) = presentation.rsplit_once('~').unwrap();
    let mut pieces = body.split('~').map(str::to_owned);
    let issuer_jwt = pieces.next().unwrap();
    let parts = Parts { issuer_jwt, disclosures: pieces.collect() };
    let header = json!({"typ": "kb+jwt", "alg": "ES256"});
    let claims = |bound: &str| {
        json!({
            "aud": liar.audience, "nonce": liar.nonce, "iat": liar.now.unix(),
            "sd_hash": b64u::encode(sha256(bound.as_bytes())),
        })
    };
    let bound = parts.bound();
    // A correct key binding for the parts, so that each malformed presentation has only its one
    // fault.
    let proved = |parts: &Parts| {
        let bound = parts.bound();
        format!("{bound}{}", sign(liar.holder, &header, &claims(&bound)))
    };
    let with_claim = |name: &str, value: Value| {
        let mut claims = claims(&bound);
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        format!("{bound}{}", sign(liar.holder, &header, &claims))
    };
    let with_header = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        format!("{bound}{}", sign(liar.holder, &header, &claims(&bound)))
    };
    let edited = |edit: &dyn Fn(&mut Parts)| {
        let mut changed = parts.clone();
        edit(&mut changed);
        proved(&changed)
    };
    let issuer = |edit: &dyn Fn(&mut Value, &mut Value)| {
        edited(&|parts| {
            let mut pieces = parts.issuer_jwt.split('.').map(str::to_owned).collect::<Vec<_>>();
            let read = |piece: &str| -> Value {
                serde_json::from_slice(&b64u::decode(piece).unwrap()).unwrap()
            };
            let (mut header, mut payload) = (read(&pieces[0]), read(&pieces[1]));
            edit(&mut header, &mut payload);
            pieces[0] = b64u::encode(header.to_string());
            pieces[1] = b64u::encode(payload.to_string());
            parts.issuer_jwt = pieces.join(".");
        })
    };
    let resigned = |edit: &dyn Fn(&mut Value, &mut Value)| {
        edited(&|parts| {
            let pieces = parts.issuer_jwt.split('.').collect::<Vec<_>>();
            let read = |piece: &str| -> Value {
                serde_json::from_slice(&b64u::decode(piece).unwrap()).unwrap()
            };
            let (mut header, mut payload) = (read(pieces[0]), read(pieces[1]));
            edit(&mut header, &mut payload);
            parts.issuer_jwt = sign(liar.stranger, &header, &payload);
        })
    };
    let disclosure = |value: Value| b64u::encode(value.to_string());
    let stranger = liar.stranger.public_jwk().minimal();
    vec![
        ("no key binding", bound.clone()),
        ("no key binding and no tilde", bound.trim_end_matches('~').to_owned()),
        (
            "a key binding of a stranger",
            format!("{bound}{}", sign(liar.stranger, &header, &claims(&bound))),
        ),
        ("a key binding with a key of its own", {
            let mut header = header.clone();
            header["jwk"] = stranger.clone();
            format!("{bound}{}", sign(liar.stranger, &header, &claims(&bound)))
        }),
        ("the key binding twice", format!("{presentation}~{proof}")),
        ("another nonce", with_claim("nonce", json!("another"))),
        ("no nonce", with_claim("nonce", Value::Null)),
        ("another audience", with_claim("aud", json!("x509_hash:another"))),
        ("two audiences", with_claim("aud", json!([liar.audience, "x509_hash:another"]))),
        ("no audience", with_claim("aud", Value::Null)),
        ("another sd_hash", with_claim("sd_hash", json!(b64u::encode([0_u8; 32])))),
        ("no sd_hash", with_claim("sd_hash", Value::Null)),
        ("an old key binding", with_claim("iat", json!(liar.now.unix() - 3600))),
        ("a key binding of tomorrow", with_claim("iat", json!(liar.now.unix() + 86_400))),
        ("iat as a text", with_claim("iat", json!(liar.now.unix().to_string()))),
        ("typ JWT", with_header("typ", json!("JWT"))),
        ("alg none", with_header("alg", json!("none"))),
        ("alg HS256", with_header("alg", json!("HS256"))),
        ("an unknown critical header", with_header("crit", json!(["x"]))),
        ("a disclosure less than was bound", {
            let mut fewer = parts.clone();
            fewer.disclosures.pop();
            format!("{}{}", fewer.bound(), sign(liar.holder, &header, &claims(&bound)))
        }),
        (
            "a disclosure twice",
            edited(&|parts| {
                let again = parts.disclosures[0].clone();
                parts.disclosures.push(again);
            }),
        ),
        (
            "a disclosure that nothing refers to",
            edited(&|parts| {
                parts.disclosures.push(disclosure(json!(["salt", "affiliation_type", "regular"])));
            }),
        ),
        (
            "a disclosure of two elements too many",
            edited(&|parts| {
                parts.disclosures.push(disclosure(json!(["salt", "a", "b", "c"])));
            }),
        ),
        (
            "a disclosure that is no JSON",
            edited(&|parts| parts.disclosures.push("AAAA".to_owned())),
        ),
        ("a disclosure with padding", edited(&|parts| parts.disclosures[0].push('='))),
        (
            "a disclosure that was changed",
            edited(&|parts| {
                let mut value: Value =
                    serde_json::from_slice(&b64u::decode(&parts.disclosures[0]).unwrap()).unwrap();
                value[2] = json!("changed");
                parts.disclosures[0] = disclosure(value);
            }),
        ),
        ("an empty disclosure", edited(&|parts| parts.disclosures.push(String::new()))),
        (
            "a payload that was changed",
            issuer(&|_, payload| payload["org_name"] = json!("changed")),
        ),
        ("alg none of the issuer", issuer(&|header, _| header["alg"] = json!("none"))),
        (
            "signed by a key that the header brings",
            resigned(&|header, _| {
                header.as_object_mut().unwrap().remove("x5c");
                header["jwk"] = stranger.clone();
            }),
        ),
        ("signed by a stranger under the issuer's chain", resigned(&|_, _| {})),
        ("another holder", resigned(&|_, payload| payload["cnf"]["jwk"] = stranger.clone())),
        (
            "a signature that was cut",
            edited(&|parts| {
                parts.issuer_jwt.truncate(parts.issuer_jwt.len() - 4);
            }),
        ),
        ("not an SD-JWT at all", "~~~".to_owned()),
        ("nothing", String::new()),
        ("JSON serialization", json!({"payload": "e30", "signature": "AA"}).to_string()),
    ]
}

/// A presentation without a fault, made by the same code as the malformed ones. A test checks that
/// it is accepted.
pub fn honest(presentation: &str, liar: &Liar<'_>) -> String {
    let (bound, _) = presentation.rsplit_once('~').unwrap();
    let bound = format!("{bound}~");
    let header = json!({"typ": "kb+jwt", "alg": Algorithm::Es256.name()});
    let claims = json!({
        "aud": liar.audience, "nonce": liar.nonce, "iat": liar.now.unix(),
        "sd_hash": b64u::encode(sha256(bound.as_bytes())),
    });
    format!("{bound}{}", sign(liar.holder, &header, &claims))
}
