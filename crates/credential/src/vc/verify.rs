//! Verifies a presented credential (SD-JWT VC, sections 3.4 and 3.5; HAIP 1.0, section 6.1.1).

use sekisho_ambient::{Timestamp, sha256};
use sekisho_jose::{Ahead, Claims, Expected, PublicJwk, TimeRule, numeric_date, x5c};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CredentialError, TYP, TrustList, TrustedIssuer, conform};
use crate::credential_type::{self, CredentialType, Rules};
use crate::sd_jwt::{self, ISSUER_ALGORITHMS, Presentation, Requirements};
use crate::status::StatusReference;

/// What the verifier expects of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The present time.
    pub now: Timestamp,
    /// The issuers that are trusted, and what for.
    pub trust: &'a TrustList,
    /// The values of `vct` that were asked for.
    pub types: &'a [String],
    /// The rules of each type, by `vct`. A credential of a type about an organization is accepted
    /// only if the issuer is trusted to attest for that organization. A credential of a type without
    /// rules is not checked against any.
    pub rules: &'a Rules,
    /// The request to which the holder must have bound the presentation.
    pub binding: Binding<'a>,
    /// How far the holder's clock may be ahead of ours.
    pub ahead: Ahead,
}

/// The request that a presentation must be bound to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The verifier's full client identifier.
    pub audience: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The URL to which the wallet sends its answer, if it sends it to one. Formats with a session
    /// transcript sign it (OpenID4VP 1.0, appendix B.2.6.1); SD-JWT VC does not.
    pub response_uri: Option<&'a str>,
    /// The key to which the answer was encrypted, if it was; used by the same formats.
    pub encryption_key: Option<&'a PublicJwk>,
}

/// The format of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// SD-JWT VC.
    DcSdJwt,
}

impl Format {
    /// Returns the format's identifier (OpenID4VP 1.0, appendix B).
    pub const fn id(self) -> &'static str {
        match self {
            Self::DcSdJwt => "dc+sd-jwt",
        }
    }
}

/// Under which key a credential was signed, and what vouched for that key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The thumbprint of the issuer's key (RFC 7638).
    pub key: String,
    /// The anchor to which the issuer's chain led, by `TrustAnchor::fingerprint`.
    pub anchor: [u8; 32],
}

/// A credential that was checked: a trusted issuer issued it, it is within its time, and the holder
/// of its key presented it to us. Its status was not checked.
///
/// There is no constructor: only [`verify`] makes it. It can be serialized but not deserialized.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedCredential {
    issuer: String,
    vct: String,
    claims: Claims,
    holder_key: PublicJwk,
    status: Option<StatusReference>,
    expires: Option<Timestamp>,
    #[serde(skip)]
    digest: [u8; 32],
    #[serde(skip)]
    signed: Signed,
    #[serde(skip)]
    withholds: bool,
}

impl VerifiedCredential {
    /// Returns `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns `vct`.
    pub fn vct(&self) -> &str {
        &self.vct
    }

    /// Returns all claims that the issuer left in the open or the holder disclosed.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns the holder's key, which the holder has proven.
    pub fn holder_key(&self) -> &PublicJwk {
        &self.holder_key
    }

    /// Returns the place of its status, if it has one.
    pub fn status(&self) -> Option<&StatusReference> {
        self.status.as_ref()
    }

    /// Returns `exp`, if it has one.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Whether a claim at the top may be there and withheld: it is absent, and there is a digest that
    /// nothing was disclosed for. An issuer that keeps to the rules of its type hides nothing that
    /// must be open, but an absent claim of another issuer is unknown.
    pub fn may_hide(&self, name: &str) -> bool {
        self.withholds && !self.claims.contains_key(name)
    }

    /// Returns the SHA-256 of the issuer-signed JWT. It is the same in every presentation of the
    /// credential.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Returns under which key it is signed.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

/// Verifies a presentation. Key binding is always required.
pub fn verify(
    format: Format,
    presentation: &str,
    check: &Check<'_>,
) -> Result<VerifiedCredential, CredentialError> {
    match format {
        Format::DcSdJwt => verify_sd_jwt(presentation, check),
    }
}

fn verify_sd_jwt(
    presentation: &str,
    check: &Check<'_>,
) -> Result<VerifiedCredential, CredentialError> {
    let presentation = Presentation::parse(presentation)?;
    let unverified_jwt = presentation.unverified_issuer_jwt()?;
    let unverified_claims = unverified_jwt.dangerous_claims().map_err(sd_jwt::SdJwtError::from)?;
    let vct = text(&unverified_claims, "vct")?;
    if !check.types.contains(&vct) {
        return Err(CredentialError::Type(vct));
    }
    let x5c = &unverified_jwt.header().x5c;
    let issuer = issuer(&unverified_claims, x5c)?;
    let (leaf, entries) = check.trust.signer(&issuer, &vct, x5c, check.now)?;
    let requirements = Requirements {
        issuer_jwt: Expected {
            typ: &[TYP],
            algorithms: ISSUER_ALGORITHMS,
            allow_missing_typ: false,
        },
        binding: Some(sd_jwt::Binding {
            audience: check.binding.audience,
            nonce: check.binding.nonce,
            now: check.now,
            ahead: check.ahead,
        }),
    };
    let processed = sd_jwt::process(&presentation, &leaf.key, &requirements)?;
    let rules = check.rules.get(&vct).copied();
    let (status, expires) = check_life(&processed.claims, check.now, rules)?;
    check_content(&processed.claims, rules, &entries)?;
    if let Some(rules) = rules {
        conform::check_open(rules, &processed)?;
    }
    let withholds = processed.withheld.contains(&Vec::new());
    let sd_jwt::Processed { claims, holder_key, .. } = processed;
    let holder_key =
        holder_key.ok_or(CredentialError::HolderKey(sd_jwt::KeyBindingError::Missing))?;
    let digest = sha256(presentation.issuer_jwt().as_bytes());
    let anchor = leaf.anchor.ok_or(CredentialError::Claim("x5c"))?;
    let signed = Signed { key: leaf.thumbprint, anchor };
    Ok(VerifiedCredential {
        issuer,
        vct,
        claims,
        holder_key,
        status,
        expires,
        digest,
        signed,
        withholds,
    })
}

/// Returns the issuer: `iss`, or, where a credential does not say it, the one URI or the one DNS name
/// in its certificate (SD-JWT VC, section 3.2.2.2: `iss` is optional where the certificate conveys
/// the issuer). Whether the certificate speaks for that issuer is checked with its chain.
fn issuer(unverified_claims: &Claims, x5c: &[Vec<u8>]) -> Result<String, CredentialError> {
    if unverified_claims.contains_key("iss") {
        return text(unverified_claims, "iss");
    }
    let leaf = x5c.first().and_then(|der| x5c::dangerous_leaf(der).ok());
    let leaf = leaf.ok_or(CredentialError::Claim("iss"))?;
    match (leaf.uris.as_slice(), leaf.dns_names.as_slice()) {
        ([uri], _) => Ok(uri.clone()),
        ([], [host]) => Ok(format!("https://{host}")),
        _ => Err(CredentialError::Claim("iss")),
    }
}

/// Checks `exp`, `nbf`, `iat` and `status`. A type with rules limits the life of its credentials; of
/// others, at least one of `exp` and `status` is required (HAIP, 6.1).
fn check_life(
    claims: &Claims,
    now: Timestamp,
    rules: Option<&CredentialType>,
) -> Result<(Option<StatusReference>, Option<Timestamp>), CredentialError> {
    numeric_date::check(claims, now, &TimeRule::LENIENT)?;
    if let Some(rules) = rules {
        conform::check_end(rules, claims, now)?;
    }
    let expires = numeric_date::read(claims, "exp")?;
    let status = claims.get("status").map(StatusReference::from_claim).transpose()?;
    if expires.is_none() && status.is_none() {
        return Err(CredentialError::Endless);
    }
    Ok((status, expires))
}

fn check_content(
    claims: &Claims,
    rules: Option<&CredentialType>,
    entries: &[&TrustedIssuer],
) -> Result<(), CredentialError> {
    if let Some(name) = credential_type::forbidden(claims) {
        return Err(CredentialError::Forbidden(name));
    }
    if let Some(integrity) = claims.get("vct#integrity")
        && !integrity.as_str().is_some_and(credential_type::is_integrity)
    {
        return Err(CredentialError::Claim("vct#integrity"));
    }
    let Some(name) = rules.and_then(|rules| rules.organization_claim) else { return Ok(()) };
    let organization = claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if entries.iter().flat_map(|entry| &entry.organizations).any(|own| own == organization) {
        return Ok(());
    }
    Err(CredentialError::Organization(organization.to_owned()))
}

fn text(claims: &Claims, name: &'static str) -> Result<String, CredentialError> {
    let text = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(ToOwned::to_owned).ok_or(CredentialError::Claim(name))
}
