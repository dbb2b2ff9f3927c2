//! Makes malformed presentations, each from a valid one.
//!
//! A [`Forge`] takes an issued credential apart, and a [`Mutation`] changes the parts. Then the
//! issuer signs again and the holder binds again, so that only the mutation is wrong.

use sekisho_credential::sd_jwt::{self, DisclosureError};
use sekisho_jose::{Claims, Header, SigningKey, b64u};
use serde_json::{Value, json};

use crate::parties::{CLIENT_ID, NONCE, NOW};

/// The parts of a credential.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) header: Header,
    pub(crate) payload: Claims,
    /// The texts between the `~`.
    pub(crate) disclosures: Vec<String>,
}

impl Forge {
    pub(crate) fn new(issued: &str) -> Self {
        let mut parts = issued.trim_end_matches('~').split('~');
        let jwt = sekisho_jose::UnverifiedJwt::<Claims>::parse(parts.next().unwrap()).unwrap();
        Self {
            header: jwt.header().clone(),
            payload: jwt.dangerous_claims().unwrap(),
            disclosures: parts.map(ToOwned::to_owned).collect(),
        }
    }

    /// Signs the parts again as the issuer, without key binding.
    pub(crate) fn issued(&self, issuer: &SigningKey) -> String {
        let jwt = sekisho_jose::sign(issuer, &self.header, &self.payload).unwrap();
        let mut out = format!("{jwt}~");
        for disclosure in &self.disclosures {
            out.push_str(disclosure);
            out.push('~');
        }
        out
    }

    /// Signs the parts again as the issuer, and binds them again as the holder.
    pub(crate) fn presented(&self, issuer: &SigningKey, holder: &SigningKey) -> String {
        sd_jwt::bind(&self.issued(issuer), CLIENT_ID, NONCE, NOW, holder).unwrap()
    }

    /// Returns the position of the disclosure of the claim called `name`.
    pub(crate) fn position(&self, name: &str) -> usize {
        let is = |encoded: &String| decode(encoded)[1] == name;
        self.disclosures.iter().position(is).unwrap()
    }

    /// Adds a disclosure, and its digest at the top level.
    fn add(&mut self, encoded: String) {
        self.digests().push(digest(&encoded).into());
        self.disclosures.push(encoded);
    }

    fn digests(&mut self) -> &mut Vec<Value> {
        self.payload["_sd"].as_array_mut().unwrap()
    }

    /// Replaces the text of a disclosure, and its digest.
    fn replace(&mut self, position: usize, encoded: String) {
        let old = digest(&self.disclosures[position]);
        for slot in self.digests() {
            if *slot == old {
                *slot = digest(&encoded).into();
            }
        }
        self.disclosures[position] = encoded;
    }
}

/// Decodes a disclosure.
pub(crate) fn decode(encoded: &str) -> Value {
    serde_json::from_slice(&b64u::decode(encoded).unwrap()).unwrap()
}

/// Encodes JSON as a disclosure.
pub(crate) fn encode(json: impl ToString) -> String {
    b64u::encode(json.to_string())
}

/// Returns the digest that stands for a disclosure.
pub(crate) fn digest(encoded: &str) -> String {
    b64u::encode(sekisho_ambient::sha256(encoded.as_bytes()))
}

/// One way to malform a credential, and the error that must follow.
pub(crate) struct Mutation {
    pub(crate) case: &'static str,
    pub(crate) name: &'static str,
    pub(crate) apply: fn(&mut Forge),
    pub(crate) expect: fn(&DisclosureError) -> bool,
}

macro_rules! mutation {
    ($case:literal, $name:literal, $apply:expr, $($expect:tt)+) => {
        Mutation {
            case: $case,
            name: $name,
            apply: $apply,
            expect: |error| matches!(error, DisclosureError::$($expect)+),
        }
    };
}

/// All mutations of the issuer's payload and the disclosures.
pub(crate) fn mutations() -> Vec<Mutation> {
    let mut all = structure();
    all.extend(encoding());
    all.extend(sizes());
    all
}

fn structure() -> Vec<Mutation> {
    vec![
        mutation!(
            "SD-01",
            "unreferenced member",
            |f| f.disclosures.push(member("x", 1)),
            Unreferenced
        ),
        mutation!(
            "SD-01",
            "unreferenced element",
            |f| f.disclosures.push(element(1)),
            Unreferenced
        ),
        mutation!(
            "SD-01",
            "child without its parent",
            |f| drop(f.disclosures.remove(f.position("address"))),
            Unreferenced
        ),
        mutation!(
            "SD-02",
            "digest twice at one level",
            |f| {
                let twice = f.digests()[0].clone();
                f.digests().push(twice);
            },
            DuplicateDigest
        ),
        mutation!(
            "SD-02",
            "digest of another level",
            |f| {
                let again = f.digests()[0].clone();
                f.payload.insert("nested".into(), json!({"_sd": [again]}));
            },
            DuplicateDigest
        ),
        mutation!(
            "SD-02",
            "member's digest in an array",
            |f| {
                let again = f.digests()[0].clone();
                f.payload.insert("nested".into(), json!([{"...": again}]));
            },
            MemberInArray
        ),
        mutation!(
            "SD-02",
            "digest again inside a disclosure",
            |f| {
                let again = f.digests()[0].clone();
                f.add(member("nested", json!({"_sd": [again]})));
            },
            DuplicateDigest
        ),
        mutation!(
            "SD-02",
            "decoy twice",
            |f| {
                f.digests().extend(["decoy".into(), "decoy".into()]);
            },
            DuplicateDigest
        ),
        mutation!(
            "SD-02",
            "disclosure twice",
            |f| {
                let again = f.disclosures[0].clone();
                f.disclosures.push(again);
            },
            Repeated
        ),
        mutation!("SD-03", "name _sd", |f| f.add(member("_sd", json!([]))), ReservedName(_)),
        mutation!("SD-03", "name ...", |f| f.add(member("...", "x")), ReservedName(_)),
        mutation!(
            "SD-03",
            "name _sd_alg",
            |f| f.add(member("_sd_alg", "sha-256")),
            ReservedName(_)
        ),
        mutation!("SD-04", "name in the open", |f| f.add(member("open", 2)), NameTaken(_)),
        mutation!("SD-04", "name disclosed twice", |f| f.add(member("name", "x")), NameTaken(_)),
        mutation!("SD-05", "member of 4", |f| f.add(encode(json!(["s", "n", 1, 2]))), Elements(4)),
        mutation!("SD-05", "member of 2", |f| f.add(element(1)), ElementInObject),
        mutation!("SD-05", "array of 1", |f| f.add(encode(json!(["s"]))), Elements(1)),
        mutation!("SD-05", "array of 0", |f| f.add(encode(json!([]))), Elements(0)),
        mutation!(
            "SD-05",
            "element of 3",
            |f| {
                let encoded = member("n", 1);
                f.payload.insert("list".into(), json!([{"...": digest(&encoded)}]));
                f.disclosures.push(encoded);
            },
            MemberInArray
        ),
        mutation!("SD-05", "object", |f| f.add(encode(json!({"s": 1}))), NotAnArray),
        mutation!(
            "SD-05",
            "salt is a number",
            |f| f.add(encode(json!([1, "n", 1]))),
            SaltNotAString
        ),
        mutation!(
            "SD-05",
            "name is a number",
            |f| f.add(encode(json!(["s", 1, 1]))),
            NameNotAString
        ),
        mutation!(
            "SD-06",
            "... beside a member",
            |f| {
                let encoded = element(1);
                f.payload.insert("list".into(), json!([{"...": digest(&encoded), "x": 1}]));
                f.disclosures.push(encoded);
            },
            StrayEllipsis
        ),
        mutation!(
            "SD-06",
            "... is a number",
            |f| {
                f.payload.insert("list".into(), json!([{"...": 1}]));
            },
            StrayEllipsis
        ),
        mutation!(
            "SD-06",
            "... in an object",
            |f| {
                f.payload.insert("object".into(), json!({"...": "x"}));
            },
            StrayEllipsis
        ),
        mutation!(
            "SD-06",
            "... in a disclosure",
            |f| f.add(member("o", json!({"...": "x"}))),
            StrayEllipsis
        ),
        mutation!(
            "SD-06",
            "_sd is an object",
            |f| {
                f.payload.insert("nested".into(), json!({"_sd": {}}));
            },
            MalformedDigests
        ),
        mutation!("SD-06", "_sd holds a number", |f| f.digests().push(1.into()), MalformedDigests),
        mutation!("SD-07", "sha-256-32", |f| alg(f, json!("sha-256-32")), HashAlgorithm),
        mutation!("SD-07", "sha-1", |f| alg(f, json!("sha-1")), HashAlgorithm),
        mutation!("SD-07", "md5", |f| alg(f, json!("md5")), HashAlgorithm),
        mutation!("SD-07", "SHA-256", |f| alg(f, json!("SHA-256")), HashAlgorithm),
        mutation!("SD-07", "unknown", |f| alg(f, json!("x")), HashAlgorithm),
        mutation!("SD-07", "array", |f| alg(f, json!(["sha-256"])), HashAlgorithm),
        mutation!("SD-07", "null", |f| alg(f, Value::Null), HashAlgorithm),
        mutation!(
            "SD-07",
            "nested",
            |f| {
                f.payload.insert("nested".into(), json!({"_sd_alg": "sha-256"}));
            },
            NestedHashAlgorithm
        ),
        mutation!(
            "SD-07",
            "in a disclosure",
            |f| {
                f.add(member("nested", json!({"_sd_alg": "sha-256"})));
            },
            NestedHashAlgorithm
        ),
        mutation!("SD-09", "iss disclosed", |f| hide(f, "iss"), Protected(_)),
        mutation!("SD-09", "exp disclosed", |f| hide(f, "exp"), Protected(_)),
        mutation!("SD-09", "nbf disclosed", |f| f.add(member("nbf", 1)), Protected(_)),
        mutation!("SD-09", "cnf disclosed", |f| hide(f, "cnf"), Protected(_)),
        mutation!("SD-09", "aud disclosed", |f| f.add(member("aud", "x")), Protected(_)),
        mutation!("SD-09", "status disclosed", |f| f.add(member("status", 1)), Protected(_)),
        mutation!("SD-09", "vct disclosed", |f| hide(f, "vct"), Protected(_)),
        mutation!(
            "SD-09",
            "vct#integrity disclosed",
            |f| f.add(member("vct#integrity", "")),
            Protected(_)
        ),
    ]
}

fn encoding() -> Vec<Mutation> {
    vec![
        mutation!("SD-14", "padding", |f| respell(f, |text| text + "="), Base64),
        mutation!("SD-14", "line feed", |f| respell(f, |text| text + "\n"), Base64),
        mutation!("SD-14", "space", |f| respell(f, |text| format!(" {text}")), Base64),
        mutation!("SD-14", "standard alphabet", |f| f.add("+/+/".into()), Base64),
        mutation!(
            "SD-14",
            "loose last bits",
            |f| {
                // One byte more than a multiple of three leaves four trailing bits, which must be
                // 0.
                let mut json = json!(["s", "n", ""]).to_string();
                while json.len() % 3 != 1 {
                    json.insert(json.len() - 2, 'x');
                }
                let mut encoded = encode(json);
                assert_eq!(encoded.pop(), Some('Q'));
                encoded.push('R');
                f.add(encoded);
            },
            Base64
        ),
        mutation!("SD-14", "not UTF-8", |f| f.add(b64u::encode(b"[\"\xff\",1]")), Json(_)),
        mutation!("SD-14", "not JSON", |f| f.add(encode("[\"s\",")), Json(_)),
        mutation!("SD-14", "something behind", |f| f.add(encode("[\"s\",\"n\",1] 2")), Json(_)),
        mutation!("SD-14", "empty", |f| f.disclosures.push(String::new()), Empty),
        mutation!("SD-14", "empty in between", |f| f.disclosures.insert(1, String::new()), Empty),
        mutation!(
            "SD-15",
            "member twice",
            |f| {
                f.add(encode(r#"["s","n",{"a":1,"a":2}]"#));
            },
            Json(_)
        ),
        mutation!(
            "SD-15",
            "member twice in other spellings",
            |f| {
                f.add(encode(r#"["s","n",{"a":1,"\u0061":2}]"#));
            },
            Json(_)
        ),
    ]
}

fn sizes() -> Vec<Mutation> {
    vec![
        mutation!(
            "SD-11",
            "disclosures in each other, 40 deep",
            |f| {
                let mut value = json!(1);
                for _ in 0..40 {
                    let encoded = member("n", value);
                    value = json!({"_sd": [digest(&encoded)]});
                    f.disclosures.push(encoded);
                }
                f.payload.insert("bomb".into(), value);
            },
            TooDeep
        ),
        mutation!(
            "SD-11",
            "elements in each other, 40 deep",
            |f| {
                let mut value = json!(1);
                for _ in 0..40 {
                    let encoded = element(value);
                    value = json!([{"...": digest(&encoded)}]);
                    f.disclosures.push(encoded);
                }
                f.payload.insert("bomb".into(), value);
            },
            TooDeep
        ),
        mutation!(
            "SD-11",
            "one disclosure nested",
            |f| {
                f.add(encode(format!("[\"s\",\"n\",{}{}]", "[".repeat(500), "]".repeat(500))));
            },
            Json(_)
        ),
        mutation!(
            "SD-11",
            "too many disclosures",
            |f| {
                f.disclosures.extend((0..600).map(|n| member("n", n)));
            },
            TooMany(_)
        ),
        mutation!(
            "SD-11",
            "one disclosure too long",
            |f| {
                f.add(member("n", "x".repeat(60_000)));
            },
            TooLong(_)
        ),
    ]
}

fn member(name: &str, value: impl Into<Value>) -> String {
    encode(json!(["c2FsdA", name, value.into()]))
}

fn element(value: impl Into<Value>) -> String {
    encode(json!(["c2FsdA", value.into()]))
}

fn alg(forge: &mut Forge, value: Value) {
    forge.payload.insert("_sd_alg".into(), value);
}

/// Moves a claim from the open into a disclosure.
fn hide(forge: &mut Forge, name: &str) {
    let value = forge.payload.remove(name).unwrap();
    forge.add(member(name, value));
}

/// Spells a disclosure in another way, with the digest of the new text.
fn respell(forge: &mut Forge, spell: fn(String) -> String) {
    let position = forge.position("name");
    let text = spell(forge.disclosures[position].clone());
    forge.replace(position, text);
}
