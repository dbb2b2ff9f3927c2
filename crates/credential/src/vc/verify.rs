//! Verifies a presented credential (SD-JWT VC, sections 3.4 and 3.5; HAIP 1.0, section 6.1.1).

use sekisho_ambient::{Timestamp, sha256};
use sekisho_jose::{Ahead, Claims, Expected, PublicJwk, TimeRule, numeric_date};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CredentialError, TYP, TrustList, TrustedIssuer};
use crate::credential_type;
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
    /// For types about an organization: the name of the claim with its corporate number. The issuer
    /// must be trusted to attest for that organization.
    pub organization_claim: Option<&'a str>,
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
    let (issuer, vct) = (text(&unverified_claims, "iss")?, text(&unverified_claims, "vct")?);
    if !check.types.contains(&vct) {
        return Err(CredentialError::Type(vct));
    }
    let x5c = &unverified_jwt.header().x5c;
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
    let holder_key =
        processed.holder_key.ok_or(CredentialError::HolderKey(sd_jwt::KeyBindingError::Missing))?;
    let claims = processed.claims;
    let (status, expires) = check_life(&claims, check.now)?;
    check_content(&claims, check, &entries)?;
    let digest = sha256(presentation.issuer_jwt().as_bytes());
    let anchor = leaf.anchor.ok_or(CredentialError::Claim("x5c"))?;
    let signed = Signed { key: leaf.thumbprint, anchor };
    Ok(VerifiedCredential { issuer, vct, claims, holder_key, status, expires, digest, signed })
}

/// Checks `exp`, `nbf`, `iat` and `status`. At least one of `exp` and `status` is required (HAIP,
/// 6.1).
fn check_life(
    claims: &Claims,
    now: Timestamp,
) -> Result<(Option<StatusReference>, Option<Timestamp>), CredentialError> {
    numeric_date::check(claims, now, &TimeRule::LENIENT)?;
    let expires = numeric_date::read(claims, "exp")?;
    let status = claims.get("status").map(StatusReference::from_claim).transpose()?;
    if expires.is_none() && status.is_none() {
        return Err(CredentialError::Endless);
    }
    Ok((status, expires))
}

fn check_content(
    claims: &Claims,
    check: &Check<'_>,
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
    let Some(name) = check.organization_claim else { return Ok(()) };
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
