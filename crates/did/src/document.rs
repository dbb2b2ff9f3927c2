//! DID documents (DID Core 1.0, section 5).
//!
//! Invariant: a key is found only by the relationship for which it is needed. The id by which it is
//! found is unique and belongs to the document's DID, and the DID itself controls the key.

use sekisho_jose::{JwkError, PublicJwk, json};
use serde_json::{Map, Value, json};

use crate::DidError;
use crate::offline::from_multikey;

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// The most verification methods that a document may have.
const MAX_METHODS: usize = 64;

/// A purpose of keys, called a verification relationship (section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relationship {
    /// `authentication`: to log in.
    Authentication,
    /// `assertionMethod`: to issue credentials.
    AssertionMethod,
    /// `keyAgreement`: to encrypt to.
    KeyAgreement,
}

impl Relationship {
    /// All relationships that are read.
    const ALL: [Self; 3] = [Self::Authentication, Self::AssertionMethod, Self::KeyAgreement];

    /// Returns the name of its member in a document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::AssertionMethod => "assertionMethod",
            Self::KeyAgreement => "keyAgreement",
        }
    }
}

/// A key in a document (verification method).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationMethod {
    /// The DID URL of the key, absolute.
    pub id: String,
    /// The DID that controls the key.
    pub controller: String,
    /// The public key.
    pub jwk: PublicJwk,
}

/// A DID document: its keys of supported kinds, and the purpose of each key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DidDocument {
    /// The DID that the document describes.
    pub id: String,
    /// All keys of supported kinds.
    pub verification_methods: Vec<VerificationMethod>,
    /// The ids of the keys for `authentication`.
    pub authentication: Vec<String>,
    /// The ids of the keys for `assertionMethod`.
    pub assertion_method: Vec<String>,
    /// The ids of the keys for `keyAgreement`.
    pub key_agreement: Vec<String>,
}

impl DidDocument {
    /// Makes a document of `did`. Its `keys` are for authentication and for issuing. Each has its
    /// `kid` or its thumbprint as id.
    pub fn for_keys(did: &str, keys: &[PublicJwk]) -> Self {
        let method = |key: &PublicJwk| {
            let kid = key.kid().map_or_else(|| key.thumbprint(), ToOwned::to_owned);
            VerificationMethod {
                id: format!("{did}#{kid}"),
                controller: did.to_owned(),
                jwk: key.clone(),
            }
        };
        let verification_methods: Vec<_> = keys.iter().map(method).collect();
        let ids: Vec<_> = verification_methods.iter().map(|method| method.id.clone()).collect();
        Self {
            id: did.to_owned(),
            verification_methods,
            authentication: ids.clone(),
            assertion_method: ids,
            key_agreement: Vec::new(),
        }
    }

    /// Reads the document of `expected_did` from at most [`MAX_DOCUMENT_BYTES`].
    pub fn from_bytes(expected_did: &str, bytes: &[u8]) -> Result<Self, DidError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(DidError::TooLarge(bytes.len()));
        }
        Self::from_value(expected_did, &json::parse(bytes)?)
    }

    /// Reads the document of `expected_did`; its `id` must be that DID. Keys of unsupported kinds
    /// are left out. A document that contains a private key is refused.
    pub fn from_value(expected_did: &str, value: &Value) -> Result<Self, DidError> {
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
        if id != expected_did || id.is_empty() {
            let (found, expected) = (id.to_owned(), expected_did.to_owned());
            return Err(DidError::Id { found, expected });
        }
        let mut reader = Reader { did: id, ids: Vec::new(), methods: Vec::new() };
        for method in array(value, "verificationMethod")? {
            reader.method(method)?;
        }
        let declared = reader.ids.clone();
        let mut relationships =
            Relationship::ALL.into_iter().map(|name| reader.relationship(value, name, &declared));
        let mut next = || relationships.next().unwrap_or(Err(DidError::Malformed("relationship")));
        let ids = [next()?, next()?, next()?];
        drop(relationships);
        let methods = reader.methods;
        let kept = |id: &String| methods.iter().any(|method| method.id == *id);
        let [authentication, assertion_method, key_agreement] =
            ids.map(|ids| ids.into_iter().filter(kept).collect());
        Ok(Self {
            id: id.to_owned(),
            verification_methods: methods,
            authentication,
            assertion_method,
            key_agreement,
        })
    }

    /// Writes the document as JSON.
    pub fn to_value(&self) -> Value {
        let method = |method: &VerificationMethod| {
            json!({
                "id": method.id,
                "type": "JsonWebKey2020",
                "controller": method.controller,
                "publicKeyJwk": method.jwk.to_value(),
            })
        };
        let mut members = Map::new();
        let mut set = |name: &str, value| members.insert(name.to_owned(), value);
        set(
            "@context",
            json!(["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"]),
        );
        set("id", self.id.as_str().into());
        set("verificationMethod", self.verification_methods.iter().map(method).collect());
        for relationship in Relationship::ALL {
            let ids = self.ids(relationship);
            if !ids.is_empty() {
                set(relationship.name(), ids.into());
            }
        }
        Value::Object(members)
    }

    fn ids(&self, relationship: Relationship) -> &[String] {
        match relationship {
            Relationship::Authentication => &self.authentication,
            Relationship::AssertionMethod => &self.assertion_method,
            Relationship::KeyAgreement => &self.key_agreement,
        }
    }

    /// Returns the key for `relationship` with this `name`: its id, absolute or as `#fragment`, or
    /// its `kid`. The DID itself must control the key. `None` if no key or more than one fits.
    pub fn key_for(&self, relationship: Relationship, name: &str) -> Option<&PublicJwk> {
        let absolute = absolute(&self.id, name);
        let ids = self.ids(relationship);
        let fits = |method: &&VerificationMethod| {
            ids.contains(&method.id)
                && method.controller == self.id
                && (method.id == absolute || method.jwk.kid() == Some(name))
        };
        let mut found = self.verification_methods.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(method), None) => Some(&method.jwk),
            _ => None,
        }
    }
}

/// State of reading one document.
struct Reader<'a> {
    did: &'a str,
    /// The ids of all methods, also of unsupported kinds.
    ids: Vec<String>,
    methods: Vec<VerificationMethod>,
}

impl Reader<'_> {
    /// Reads a verification method and returns its id.
    fn method(&mut self, value: &Value) -> Result<String, DidError> {
        let text = |name| value.get(name).and_then(Value::as_str);
        let id = text("id").ok_or(DidError::Malformed("verificationMethod"))?;
        let id = absolute(self.did, id);
        let own = id.strip_prefix(self.did).is_some_and(|rest| rest.starts_with('#'));
        if !own || self.ids.len() >= MAX_METHODS {
            return Err(DidError::Malformed("verificationMethod"));
        }
        if self.ids.contains(&id) {
            return Err(DidError::Duplicate(id));
        }
        let controller = text("controller").ok_or(DidError::Malformed("controller"))?.to_owned();
        self.ids.push(id.clone());
        if let Some(jwk) = read_key(value)? {
            self.methods.push(VerificationMethod { id: id.clone(), controller, jwk });
        }
        Ok(id)
    }

    /// Returns the ids of a relationship. A method that is embedded in the relationship is for this
    /// relationship only.
    fn relationship(
        &mut self,
        document: &Value,
        relationship: Relationship,
        declared: &[String],
    ) -> Result<Vec<String>, DidError> {
        let mut ids = Vec::new();
        for entry in array(document, relationship.name())? {
            match entry {
                Value::String(reference) => {
                    let id = absolute(self.did, reference);
                    let own = id.starts_with(&format!("{}#", self.did));
                    if own && !declared.contains(&id) {
                        return Err(DidError::Dangling(id));
                    }
                    // Methods of other documents are skipped: their keys are not keys of this DID.
                    ids.extend(own.then_some(id));
                }
                embedded => ids.push(self.method(embedded)?),
            }
        }
        Ok(ids)
    }
}

/// Reads the key of a method; `None` if it is of an unsupported kind.
fn read_key(method: &Value) -> Result<Option<PublicJwk>, DidError> {
    if let Some(jwk) = method.get("publicKeyJwk") {
        return match PublicJwk::from_value(jwk) {
            Ok(jwk) => Ok(Some(jwk)),
            Err(error @ JwkError::Private(_)) => Err(error.into()),
            Err(_) => Ok(None),
        };
    }
    let multibase = method.get("publicKeyMultibase").and_then(Value::as_str);
    let is_multikey = method.get("type").and_then(Value::as_str) == Some("Multikey");
    let Some(multibase) = multibase.filter(|_| is_multikey) else { return Ok(None) };
    Ok(from_multikey(multibase).ok())
}

fn array<'v>(document: &'v Value, name: &'static str) -> Result<&'v [Value], DidError> {
    match document.get(name) {
        None => Ok(&[]),
        Some(Value::Array(elements)) if elements.len() <= MAX_METHODS => Ok(elements),
        Some(_) => Err(DidError::Malformed(name)),
    }
}

/// Completes `#fragment` to a DID URL of `did`. Other texts are returned unchanged.
fn absolute(did: &str, id: &str) -> String {
    if id.starts_with('#') { format!("{did}{id}") } else { id.to_owned() }
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Entropy;
    use sekisho_jose::{Algorithm, SigningKey};

    use super::*;

    const DID: &str = "did:web:auth.example.jp:orgs:7900000000002";

    fn key(seed: u64) -> PublicJwk {
        SigningKey::generate(Algorithm::Es256, &Entropy::seeded(seed)).unwrap().public_jwk()
    }

    fn method(id: &str, key: &PublicJwk) -> Value {
        json!({"id": id, "type": "JsonWebKey", "controller": DID, "publicKeyJwk": key.to_value()})
    }

    #[allow(clippy::needless_pass_by_value, reason = "literals are moved")]
    fn document(members: Value) -> Result<DidDocument, DidError> {
        let mut document = json!({"id": DID});
        for (name, value) in members.as_object().unwrap() {
            document[name] = value.clone();
        }
        DidDocument::from_value(DID, &document)
    }

    #[test]
    fn our_own_document_is_read_back() {
        let keys = [key(1), key(2)];
        let document = DidDocument::for_keys(DID, &keys);
        let read = DidDocument::from_value(DID, &document.to_value()).unwrap();
        assert_eq!(read, document);
        let kid = keys[1].kid().unwrap();
        assert_eq!(read.key_for(Relationship::AssertionMethod, kid), Some(&keys[1]));
        let id = format!("{DID}#{kid}");
        assert_eq!(read.key_for(Relationship::AssertionMethod, &id), Some(&keys[1]));
    }

    /// DID-01.
    #[test]
    fn a_document_counts_for_its_own_did_only() {
        let value = DidDocument::for_keys(DID, &[key(1)]).to_value();
        for other in ["did:web:auth.example.jp", &DID.to_uppercase(), &format!("{DID}:x"), ""] {
            let refused = DidDocument::from_value(other, &value);
            assert!(matches!(refused, Err(DidError::Id { .. })), "{other}");
        }
        assert!(matches!(
            DidDocument::from_value("", &json!({"id": ""})),
            Err(DidError::Id { .. })
        ));
    }

    /// DID-03.
    #[test]
    fn a_key_is_found_through_its_relationship_only() {
        let key = key(1);
        let read = document(json!({
            "verificationMethod": [method("#a", &key)],
            "authentication": ["#a"],
        }));
        let read = read.unwrap();
        assert_eq!(read.key_for(Relationship::Authentication, "#a"), Some(&key));
        assert_eq!(read.key_for(Relationship::AssertionMethod, "#a"), None);
        assert_eq!(read.key_for(Relationship::Authentication, "a"), None);
        let unlisted = document(json!({"verificationMethod": [method("#a", &key)]})).unwrap();
        assert_eq!(unlisted.key_for(Relationship::Authentication, "#a"), None);
    }

    /// DID-03.
    #[test]
    fn an_embedded_key_is_for_its_relationship_only() {
        let key = key(1);
        let read = document(json!({"assertionMethod": [method("#a", &key)]})).unwrap();
        assert_eq!(read.key_for(Relationship::AssertionMethod, "#a"), Some(&key));
        assert_eq!(read.key_for(Relationship::Authentication, "#a"), None);
        // A method that is embedded in one relationship cannot be used by reference in another.
        let borrowed = document(json!({
            "authentication": [method("#a", &key)],
            "assertionMethod": ["#a"],
        }));
        assert!(matches!(borrowed, Err(DidError::Dangling(_))));
    }

    /// DID-03.
    #[test]
    fn one_id_has_one_method() {
        let twice = document(json!({
            "verificationMethod": [method("#a", &key(1)), method(&format!("{DID}#a"), &key(2))],
        }));
        assert!(matches!(twice, Err(DidError::Duplicate(_))));
        let embedded = document(json!({
            "verificationMethod": [method("#a", &key(1))],
            "assertionMethod": [method("#a", &key(2))],
        }));
        assert!(matches!(embedded, Err(DidError::Duplicate(_))));
    }

    #[test]
    fn two_keys_of_one_kid_are_no_key() {
        let (a, b) = (key(1).with_kid("k"), key(2).with_kid("k"));
        let read = document(json!({
            "verificationMethod": [method("#a", &a), method("#b", &b)],
            "assertionMethod": ["#a", "#b"],
        }));
        let read = read.unwrap();
        assert_eq!(read.key_for(Relationship::AssertionMethod, "k"), None);
        assert_eq!(read.key_for(Relationship::AssertionMethod, "#b"), Some(&b));
    }

    #[test]
    fn a_key_that_another_did_controls_is_not_found() {
        let mut foreign = method("#a", &key(1));
        foreign["controller"] = "did:web:evil.test".into();
        let read = document(json!({"assertionMethod": [foreign]})).unwrap();
        assert_eq!(read.key_for(Relationship::AssertionMethod, "#a"), None);
    }

    #[test]
    fn a_method_of_another_did_is_refused_and_a_reference_gives_no_key() {
        let other = method("did:web:evil.test#a", &key(1));
        let declared = document(json!({"verificationMethod": [other]}));
        assert!(matches!(declared, Err(DidError::Malformed(_))));
        let prefix = method(&format!("{DID}1#a"), &key(1));
        assert!(document(json!({"verificationMethod": [prefix]})).is_err());
        let reference = document(json!({"authentication": ["did:web:evil.test#a"]})).unwrap();
        assert!(reference.authentication.is_empty());
    }

    #[test]
    fn a_reference_that_leads_nowhere_is_refused() {
        let dangling = document(json!({"authentication": ["#a"]}));
        assert!(matches!(dangling, Err(DidError::Dangling(_))));
    }

    #[test]
    fn keys_of_other_kinds_are_left_out_and_private_ones_refused() {
        let mut unknown = method("#a", &key(1));
        unknown["publicKeyJwk"] = json!({"kty": "OKP", "crv": "X25519", "x": "AA"});
        let read = document(json!({
            "verificationMethod": [unknown],
            "keyAgreement": ["#a"],
        }));
        let read = read.unwrap();
        assert!(read.verification_methods.is_empty());
        assert!(read.key_agreement.is_empty(), "what is left out is not referred to");
        assert_eq!(read.key_for(Relationship::KeyAgreement, "#a"), None);
        let mut private = method("#a", &key(1));
        private["publicKeyJwk"]["d"] = "AQ".into();
        let refused = document(json!({"verificationMethod": [private]}));
        assert!(matches!(refused, Err(DidError::Jwk(JwkError::Private(_)))));
    }

    #[test]
    fn a_multikey_is_read() {
        let key = key(1);
        let multibase = crate::did_key(&key).unwrap().replace("did:key:", "");
        let multikey = json!({
            "id": "#a", "type": "Multikey", "controller": DID, "publicKeyMultibase": multibase,
        });
        let read = document(json!({"assertionMethod": [multikey]})).unwrap();
        let found = read.key_for(Relationship::AssertionMethod, "#a").unwrap();
        assert_eq!(found.minimal(), key.minimal());
    }

    #[test]
    fn size_and_number_are_bounded() {
        let large = vec![b' '; MAX_DOCUMENT_BYTES + 1];
        assert!(matches!(DidDocument::from_bytes(DID, &large), Err(DidError::TooLarge(_))));
        let many: Vec<Value> = (0..65).map(|n| json!(format!("#{n}"))).collect();
        assert!(matches!(
            document(json!({"authentication": many})),
            Err(DidError::Malformed("authentication"))
        ));
        let twice = format!(r#"{{"id":"x","id":"{DID}"}}"#);
        assert!(matches!(DidDocument::from_bytes(DID, twice.as_bytes()), Err(DidError::Json(_))));
    }
}
