//! Makes hostile JWTs: from one good JWT it derives every bad one, each with a description of what
//! is wrong (attacks OA-25 to OA-30). Tests use it for every place that reads a JWT.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::Entropy;
use sekisho_jose::jwe::{self, ContentEncryption, DecryptionKey};
use sekisho_jose::{SigningKey, b64u};
use serde_json::{Value, json};

/// A JWT that would be accepted, in its parts.
#[derive(Clone)]
pub struct Draft {
    pub header: Value,
    pub claims: Value,
    /// The key that has to sign it.
    pub key: SigningKey,
}

/// Signs exactly this header and payload.
pub fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", b64u::encode(header), b64u::encode(payload));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64u::encode(signature))
}

impl Draft {
    /// The JWT without any fault.
    pub fn token(&self) -> String {
        signed(&self.key, &self.header.to_string(), &self.claims.to_string())
    }

    fn header_with(&self, more: &Value) -> Value {
        let mut header = self.header.clone();
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    }

    /// The JWT with these members added to its header, signed by the right key.
    fn with(&self, more: &Value) -> String {
        signed(&self.key, &self.header_with(more).to_string(), &self.claims.to_string())
    }

    /// The JWT with these members added to its header, signed by another key.
    fn by(&self, key: &SigningKey, more: &Value) -> String {
        signed(key, &self.header_with(more).to_string(), &self.claims.to_string())
    }

    /// The JWT with this text, unchanged, as the value of a claim.
    fn claiming(&self, name: &str, text: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        let rest = claims.to_string();
        let payload = format!("{{\"{name}\":{text},{}", rest.strip_prefix('{').unwrap());
        signed(&self.key, &self.header.to_string(), &payload)
    }
}

/// Every fault of form, key and times of `draft`, one at a time. `canary` is an address that must
/// not be called; `too_long` is a number of bytes above the limit of the reader.
pub fn hostile(
    draft: &Draft,
    stranger: &SigningKey,
    canary: &str,
    too_long: usize,
) -> Vec<(String, String)> {
    let mut all = algorithms(draft);
    all.extend(keys(draft, stranger, canary));
    all.extend(headers(draft));
    all.extend(forms(draft, too_long));
    all.extend(times(draft));
    all.extend(encrypted(draft));
    all
}

/// OA-25: wrong algorithms.
fn algorithms(draft: &Draft) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let payload = b64u::encode(draft.claims.to_string());
    for name in ["none", "None", "nOnE", "NONE", ""] {
        let header = b64u::encode(draft.header_with(&json!({"alg": name})).to_string());
        all.push((format!("alg {name:?}, unsigned"), format!("{header}.{payload}.")));
        all.push((format!("alg {name:?}, signed"), draft.with(&json!({"alg": name}))));
    }
    let public = draft.key.public_jwk();
    for (form, secret) in [
        ("its JWK", public.to_value().to_string()),
        ("its bare JWK", public.minimal().to_string()),
        ("its x", public.to_value()["x"].as_str().unwrap_or_default().to_owned()),
        ("nothing", String::new()),
    ] {
        let header = b64u::encode(draft.header_with(&json!({"alg": "HS256"})).to_string());
        let input = format!("{header}.{payload}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = b64u::encode(hmac::sign(&key, input.as_bytes()));
        all.push((format!("HS256 under {form}"), format!("{input}.{tag}")));
    }
    for other in ["RS256", "PS256", "ES384", "EdDSA", "ES256K", "es256", "PBES2-HS256+A128KW"] {
        all.push((format!("alg {other}"), draft.with(&json!({"alg": other}))));
    }
    for odd in [json!(null), json!(256), json!(["ES256"]), json!({"ES256": true})] {
        all.push((format!("alg is {odd}"), draft.with(&json!({"alg": odd}))));
    }
    all
}

/// OA-26: keys in the header, all signed by a key that nobody registered.
fn keys(draft: &Draft, stranger: &SigningKey, canary: &str) -> Vec<(String, String)> {
    let jwk = stranger.public_jwk().minimal();
    let certificate = {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        STANDARD.encode(params.self_signed(&key).unwrap().der())
    };
    let mut all =
        vec![("another key under the same name".to_owned(), draft.by(stranger, &json!({})))];
    for (name, value) in [
        ("jku", json!(format!("{canary}/jwks"))),
        ("x5u", json!(format!("{canary}/chain"))),
        ("x5c", json!([certificate])),
        ("kid", json!(stranger.kid())),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' OR '1'='1")),
        ("kid", json!("k".repeat(100_000))),
        ("kid", json!(1)),
        ("kid", json!(null)),
    ] {
        let shown = value.to_string();
        let what = format!("another key, and {name} {}", &shown[..shown.len().min(40)]);
        all.push((what, draft.by(stranger, &json!({name: value}))));
    }
    // If the header has the holder's key anyway, another key there just means another holder.
    if draft.header.get("jwk").is_none() {
        all.push(("another key in jwk".to_owned(), draft.by(stranger, &json!({"jwk": jwk}))));
    }
    all
}

/// OA-25, OA-27, OA-29: header members that change how a token is read, and other types.
fn headers(draft: &Draft) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for more in [
        json!({"crit": ["x"], "x": 1}),
        json!({"crit": []}),
        json!({"crit": ["exp"]}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
        json!({"typ": "dpop+jwt"}),
        json!({"typ": "logout+jwt"}),
        json!({"typ": "secevent+jwt"}),
        json!({"typ": ["JWT"]}),
    ] {
        all.push((format!("header with {more}"), draft.with(&more)));
    }
    let header = draft.header.to_string();
    let twice = format!("{{\"alg\":\"none\",{}", header.strip_prefix('{').unwrap());
    all.push(("alg twice".to_owned(), signed(&draft.key, &twice, &draft.claims.to_string())));
    for (what, header) in [("an array", "[]"), ("nothing", ""), ("no JSON", "{\"alg\":\"ES256\"")] {
        let token = signed(&draft.key, header, &draft.claims.to_string());
        all.push((format!("the header is {what}"), token));
    }
    all
}

/// Other encodings, and payloads that are not a set of claims.
fn forms(draft: &Draft, too_long: usize) -> Vec<(String, String)> {
    let good = draft.token();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let mut flipped = b64u::decode(signature).unwrap();
    flipped[5] ^= 1;
    let zeros = b64u::encode(vec![0; flipped.len()]);
    let mut claims = draft.claims.clone();
    claims["added"] = json!(true);
    let mut deep = "[".repeat(5000);
    deep.push_str(&"]".repeat(5000));
    let by = |payload: &str| signed(&draft.key, &draft.header.to_string(), payload);
    let twice = {
        let text = draft.claims.to_string();
        let (name, value) = draft.claims.as_object().unwrap().iter().next().unwrap();
        format!("{},\"{name}\":{value}}}", text.strip_suffix('}').unwrap())
    };
    let json = json!({"protected": header, "payload": payload, "signature": signature});
    let general = json!({
        "payload": payload, "signatures": [{"protected": header, "signature": signature}],
    });
    [
        ("no signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{signature}")),
        ("a signature that was cut", good[..good.len() - 6].to_owned()),
        ("a flipped bit", format!("{header}.{payload}.{}", b64u::encode(&flipped))),
        ("zeros as signature", format!("{header}.{payload}.{zeros}")),
        ("a changed payload", format!("{header}.{}.{signature}", b64u::encode(claims.to_string()))),
        ("padding", format!("{good}==")),
        ("a line break", format!("{header}.\n{payload}.{signature}")),
        ("flattened JSON", json.to_string()),
        ("general JSON", general.to_string()),
        ("a payload that is an array", by("[]")),
        ("a payload that is a token", by(&good)),
        ("a payload that is a token, quoted", by(&json!(good).to_string())),
        ("no payload", by("")),
        ("a claim twice", by(&twice)),
        ("a claim of 5000 levels", draft.claiming("deep", &deep)),
        (
            "a claim that is too long",
            draft.claiming("long", &json!("x".repeat(too_long)).to_string()),
        ),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .to_vec()
}

/// OA-28: values that are not times.
fn times(draft: &Draft) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in ["exp", "iat", "nbf"] {
        let Some(time) = draft.claims.get(name) else { continue };
        for text in [
            &json!(time.to_string()).to_string(),
            "1e400",
            "-1e400",
            "null",
            "true",
            "[1]",
            "{}",
            "\"\"",
            "99999999999999999999999999",
            &format!("{time},\"{name}\":{time}"),
        ] {
            all.push((format!("{name} is {text}"), draft.claiming(name, text)));
        }
    }
    all
}

/// OA-29, OA-30: a token that is encrypted instead of signed.
fn encrypted(draft: &Draft) -> Vec<(String, String)> {
    let recipient = DecryptionKey::generate(&Entropy::system()).public_jwk().to_value();
    let encrypt = |content: &str| {
        let content = content.as_bytes();
        let entropy = Entropy::system();
        jwe::encrypt(&recipient, ContentEncryption::A128Gcm, content, None, None, &entropy).unwrap()
    };
    let once = encrypt(&draft.claims.to_string());
    let password = json!({
        "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAAAAAAAAA", "p2c": 2_147_483_647,
    });
    let bomb = json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF"});
    let of = |header: Value| format!("{}.AAAA.AAAA.AAAA.AAAA", b64u::encode(header.to_string()));
    [
        ("encrypted claims", once.clone()),
        ("an encrypted token", encrypt(&draft.token())),
        ("encrypted twice", encrypt(&once)),
        ("a password of two billion rounds", of(password)),
        ("a compressed token", of(bomb)),
        ("RSA1_5", of(json!({"alg": "RSA1_5", "enc": "A128GCM"}))),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .to_vec()
}
