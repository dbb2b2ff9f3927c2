//! JWE in compact serialization (RFC 7516) with ECDH-ES on P-256 (RFC 7518, section 4.6) and
//! AES-GCM (section 5.3), as the encrypted responses of OpenID4VP use it.
//!
//! Invariant: the algorithms are compared with a fixed list before any work is done. `zip` is
//! refused, so a token's content never grows when it is read. The PBES2 family, `dir` and RSA are
//! absent, so a peer cannot decide how expensive it is to read a token. The content is confidential
//! but not authenticated: anyone can encrypt to a public key, so it is never treated as signed.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm as AeadAlgorithm, LessSafeKey};
use aws_lc_rs::aead::{NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use sekisho_ambient::{Entropy, Secret, sha256};
use serde_json::{Value, json};
use thiserror::Error;

use crate::jwk::{Curve, Material};
use crate::{Claims, JwkError, PublicJwk, b64u, json};

/// The longest token that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// Bytes of an AES-GCM tag.
const TAG_LEN: usize = 16;

/// Members that change how a token is processed, none of which is implemented.
const REFUSED: [&str; 4] = ["crit", "zip", "p2c", "p2s"];

/// The algorithm that encrypts the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentEncryption {
    /// `A128GCM`: AES-128-GCM.
    A128Gcm,
    /// `A256GCM`: AES-256-GCM.
    A256Gcm,
}

impl ContentEncryption {
    /// All content encryptions that are supported.
    pub const ALL: [Self; 2] = [Self::A128Gcm, Self::A256Gcm];

    /// Returns the value of `enc` in a header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// Returns the content encryption of this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|enc| enc.name() == name)
    }

    /// Returns the length of a key in bytes.
    const fn key_len(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm => 32,
        }
    }

    fn aead(self) -> &'static AeadAlgorithm {
        match self {
            Self::A128Gcm => &AES_128_GCM,
            Self::A256Gcm => &AES_256_GCM,
        }
    }
}

/// The reason why a token was not encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JweError {
    /// The token is longer than [`MAX_BYTES`]. The number is its length.
    #[error("token of {0} bytes, at most {MAX_BYTES} are read")]
    TooLong(usize),
    /// The token does not have five parts. The number is that of its parts.
    #[error("not an encrypted token in compact form: {0} parts, not 5")]
    Parts(usize),
    /// A part is not base64url, or has a wrong length.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The header has a member that changes processing and is not implemented.
    #[error("header: {0} is not supported")]
    Unsupported(&'static str),
    /// `alg` is not `ECDH-ES`.
    #[error("header: alg is not ECDH-ES")]
    Algorithm,
    /// `enc` is not one of [`ContentEncryption::ALL`].
    #[error("header: enc is neither A128GCM nor A256GCM")]
    Encryption,
    /// `kid` in the header names another key.
    #[error("header: kid is of another key")]
    Kid,
    /// A public key was refused.
    #[error("public key: {0}")]
    Jwk(#[from] JwkError),
    /// The public key is not for ECDH-ES on P-256.
    #[error("not a key for ECDH-ES on P-256")]
    Recipient,
    /// The bytes are not a private key on P-256.
    #[error("not a private key on P-256")]
    PrivateKey,
    /// The content cannot be decrypted with this key.
    #[error("decryption failed")]
    Decryption,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
}

/// A private key on P-256 that decrypts tokens. Clones share it.
#[derive(Clone)]
pub struct DecryptionKey {
    private: Arc<PrivateKey>,
    scalar: Secret<[u8; 32]>,
    public: PublicJwk,
}

impl DecryptionKey {
    /// Makes a fresh random key.
    pub fn generate(entropy: &Entropy) -> Self {
        loop {
            // Fails if the number is zero or not below the group's order: a chance of one in 2^32.
            if let Ok(key) = Self::from_bytes(Secret::new(entropy.bytes::<32>()).expose()) {
                return key;
            }
        }
    }

    /// Reads what [`DecryptionKey::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JweError> {
        let scalar = Secret::new(bytes.try_into().map_err(|_| JweError::PrivateKey)?);
        let private = private_key(&scalar)?;
        let public = PublicJwk::from_material(public_half(&private)?)?.for_agreement();
        let kid = public.thumbprint();
        Ok(Self { private: Arc::new(private), scalar, public: public.with_kid(kid) })
    }

    /// Returns the private scalar, big-endian.
    pub fn to_bytes(&self) -> Secret<[u8; 32]> {
        self.scalar.clone()
    }

    /// Returns the public half with `kid` (its thumbprint), `alg` `ECDH-ES` and `use` `enc`.
    pub fn public_jwk(&self) -> PublicJwk {
        self.public.clone()
    }

    /// Decrypts a token that was encrypted to this key.
    pub fn decrypt(&self, compact: &str) -> Result<Vec<u8>, JweError> {
        let token = Token::parse(compact)?;
        if token.kid.as_deref().is_some_and(|kid| Some(kid) != self.public.kid()) {
            return Err(JweError::Kid);
        }
        let key = agree(&self.private, &token.epk, token.enc, &token.apu, &token.apv)?;
        token.open(&key)
    }
}

/// Encrypts `plaintext` to `recipient`, a public key. The header names the key's `kid`. `apu` and
/// `apv` are further values that both parties bind into the key (RFC 7518, section 4.6.1).
pub fn encrypt(
    recipient: &Value,
    enc: ContentEncryption,
    plaintext: &[u8],
    apu: Option<&[u8]>,
    apv: Option<&[u8]>,
    entropy: &Entropy,
) -> Result<String, JweError> {
    let recipient = PublicJwk::from_value(recipient)?;
    let point = recipient.agreement_point().ok_or(JweError::Recipient)?;
    let ephemeral = DecryptionKey::generate(entropy);
    let mut header =
        json!({"alg": "ECDH-ES", "enc": enc.name(), "epk": ephemeral.public.minimal()});
    let party = |info: Option<&[u8]>| info.map(|info| Value::from(b64u::encode(info)));
    let kid = recipient.kid().map(Value::from);
    for (name, value) in [("kid", kid), ("apu", party(apu)), ("apv", party(apv))] {
        if let (Some(value), Some(members)) = (value, header.as_object_mut()) {
            members.insert(name.to_owned(), value);
        }
    }
    let protected = b64u::encode(header.to_string());
    let key =
        agree(&ephemeral.private, &point, enc, apu.unwrap_or_default(), apv.unwrap_or_default())?;
    seal(&key, enc, &protected, plaintext, entropy)
}

fn seal(
    key: &Secret<Vec<u8>>,
    enc: ContentEncryption,
    protected: &str,
    plaintext: &[u8],
    entropy: &Entropy,
) -> Result<String, JweError> {
    let iv = entropy.bytes::<NONCE_LEN>();
    let mut content = plaintext.to_vec();
    let tag = aead_key(key, enc)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(protected.as_bytes()),
            &mut content,
        )
        .map_err(|_| JweError::Library)?;
    let (iv, content, tag) = (b64u::encode(iv), b64u::encode(content), b64u::encode(tag));
    Ok(format!("{protected}..{iv}.{content}.{tag}"))
}

/// A token whose header was accepted.
struct Token<'a> {
    protected: &'a str,
    enc: ContentEncryption,
    kid: Option<String>,
    epk: Vec<u8>,
    apu: Vec<u8>,
    apv: Vec<u8>,
    iv: [u8; NONCE_LEN],
    /// The ciphertext, followed by the tag.
    sealed: Vec<u8>,
}

impl<'a> Token<'a> {
    fn parse(compact: &'a str) -> Result<Self, JweError> {
        if compact.len() > MAX_BYTES {
            return Err(JweError::TooLong(compact.len()));
        }
        let parts: Vec<&str> = compact.split('.').take(6).collect();
        let &[protected, key, iv, ciphertext, tag] = parts.as_slice() else {
            return Err(JweError::Parts(compact.split('.').count()));
        };
        let header = read_header(protected)?;
        if !key.is_empty() {
            // With direct agreement, there is no encrypted key (RFC 7516, section 5.2, step 10).
            return Err(JweError::Malformed("encrypted key"));
        }
        let enc = text(&header, "enc")?.and_then(ContentEncryption::from_name);
        let epk = PublicJwk::from_value(header.get("epk").ok_or(JweError::Malformed("epk"))?)?;
        let mut sealed = decode(ciphertext, "ciphertext")?;
        let tag: [u8; TAG_LEN] =
            decode(tag, "tag")?.try_into().map_err(|_| JweError::Malformed("tag"))?;
        sealed.extend_from_slice(&tag);
        Ok(Self {
            protected,
            enc: enc.ok_or(JweError::Encryption)?,
            kid: text(&header, "kid")?.map(ToOwned::to_owned),
            epk: epk.agreement_point().ok_or(JweError::Recipient)?,
            apu: party_info(&header, "apu")?,
            apv: party_info(&header, "apv")?,
            iv: decode(iv, "iv")?.try_into().map_err(|_| JweError::Malformed("iv"))?,
            sealed,
        })
    }

    fn open(mut self, key: &Secret<Vec<u8>>) -> Result<Vec<u8>, JweError> {
        let key = aead_key(key, self.enc)?;
        let nonce = Nonce::assume_unique_for_key(self.iv);
        let aad = Aad::from(self.protected.as_bytes());
        let plaintext = key.open_in_place(nonce, aad, &mut self.sealed);
        plaintext.map(|plaintext| plaintext.to_vec()).map_err(|_| JweError::Decryption)
    }
}

fn read_header(protected: &str) -> Result<Claims, JweError> {
    let bytes = decode(protected, "header")?;
    let header = json::parse_object(&bytes).map_err(|_| JweError::Malformed("header"))?;
    if let Some(name) = REFUSED.into_iter().find(|name| header.contains_key(*name)) {
        return Err(JweError::Unsupported(name));
    }
    match text(&header, "alg")? {
        Some("ECDH-ES") => Ok(header),
        _ => Err(JweError::Algorithm),
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, JweError> {
    b64u::decode(part).map_err(|_| JweError::Malformed(name))
}

fn text<'h>(header: &'h Claims, name: &'static str) -> Result<Option<&'h str>, JweError> {
    match header.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(JweError::Malformed(name)),
    }
}

fn party_info(header: &Claims, name: &'static str) -> Result<Vec<u8>, JweError> {
    decode(text(header, name)?.unwrap_or_default(), name)
}

fn private_key(scalar: &Secret<[u8; 32]>) -> Result<PrivateKey, JweError> {
    PrivateKey::from_private_key(&ECDH_P256, scalar.expose()).map_err(|_| JweError::PrivateKey)
}

fn public_half(private: &PrivateKey) -> Result<Material, JweError> {
    let public = private.compute_public_key().map_err(|_| JweError::Library)?;
    Ok(Material::ec_point(Curve::P256, public.as_ref())?)
}

fn aead_key(key: &Secret<Vec<u8>>, enc: ContentEncryption) -> Result<LessSafeKey, JweError> {
    let key = UnboundKey::new(enc.aead(), key.expose()).map_err(|_| JweError::Library)?;
    Ok(LessSafeKey::new(key))
}

/// Computes the content encryption key that `private` and the owner of `point` share.
fn agree(
    private: &PrivateKey,
    point: &[u8],
    enc: ContentEncryption,
    apu: &[u8],
    apv: &[u8],
) -> Result<Secret<Vec<u8>>, JweError> {
    let peer = UnparsedPublicKey::new(&ECDH_P256, point);
    agreement::agree(private, peer, JweError::Decryption, |shared| {
        Ok(concat_kdf(shared, enc, apu, apv))
    })
}

/// The Concat KDF (NIST SP 800-56A, section 5.8.1) with the inputs of RFC 7518, section 4.6.2. One
/// round of SHA-256 is long enough for both key lengths.
fn concat_kdf(shared: &[u8], enc: ContentEncryption, apu: &[u8], apv: &[u8]) -> Secret<Vec<u8>> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let mut input = 1_u32.to_be_bytes().to_vec();
    input.extend_from_slice(shared);
    for field in [enc.name().as_bytes(), apu, apv] {
        input.extend_from_slice(&number(field.len()));
        input.extend_from_slice(field);
    }
    input.extend_from_slice(&number(enc.key_len() * 8));
    let input = Secret::new(input);
    let digest = Secret::new(sha256(input.expose()));
    Secret::new(digest.expose().iter().copied().take(enc.key_len()).collect())
}

#[cfg(test)]
mod tests;
