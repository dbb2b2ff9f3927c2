//! Reads and verifies an SD-JWT with or without key binding (RFC 9901, sections 4 and 7).

use sekisho_jose::{
    Algorithm, Claims, Expected, Header, JwtError, PublicJwk, UnverifiedJwt, VerifyingKey,
};
use thiserror::Error;

use super::disclosure::Disclosure;
use super::key_binding::{self, Binding, KeyBindingError};
use super::reveal::{self, DisclosureError};
use super::{MAX_BYTES, MAX_DISCLOSURES};
use crate::claim_path::Step;

/// The reason why an SD-JWT was refused.
#[derive(Debug, Error)]
pub enum SdJwtError {
    /// The text is longer than [`MAX_BYTES`](super::MAX_BYTES).
    #[error("an SD-JWT of {0} bytes, at most {MAX_BYTES} are read")]
    TooLong(usize),
    /// The text is a JWS JSON Serialization (RFC 9901, section 8), which is not supported.
    #[error("JWS JSON serialization is not supported")]
    JsonSerialization,
    /// The text has no `~`: it is a plain JWT.
    #[error("not an SD-JWT: no ~")]
    NotAnSdJwt,
    /// The text after the last `~` is not a JWT.
    #[error("the last disclosure is not followed by ~")]
    MissingFinalTilde,
    /// The issuer-signed JWT was refused.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// A disclosure was refused, or a digest in the claims.
    #[error(transparent)]
    Disclosure(#[from] DisclosureError),
    /// The key binding was refused.
    #[error(transparent)]
    KeyBinding(#[from] KeyBindingError),
}

/// The parts of an SD-JWT. None of them has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'a> {
    issuer_jwt: &'a str,
    /// The disclosures without the last `~`; empty if there are none.
    disclosures: &'a str,
    /// The text up to and including the last `~`.
    bound: &'a str,
    key_binding: Option<&'a str>,
}

/// What the verifier expects of an SD-JWT.
#[derive(Clone, Copy, Debug)]
pub struct Requirements<'a> {
    /// The type and algorithms of the issuer-signed JWT.
    pub issuer_jwt: Expected<'a>,
    /// What the holder must have signed. If it is `None`, there must be no key binding.
    pub binding: Option<Binding<'a>>,
}

/// The claims of an SD-JWT whose signature, disclosures and key binding were checked. Its times
/// (`exp`, `nbf`, `iat`) were not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Processed {
    /// The header of the issuer-signed JWT.
    pub header: Header,
    /// The claims that the issuer signed and the holder disclosed.
    pub claims: Claims,
    /// The holder's key, proven by the key binding; `None` if none was required.
    pub holder_key: Option<PublicJwk>,
    /// The places of the values that the holder disclosed.
    pub(crate) disclosed: Vec<Vec<Step>>,
    /// The places of the objects and arrays in which the holder withheld something, or a decoy is.
    pub(crate) withheld: Vec<Vec<Step>>,
}

impl<'a> Presentation<'a> {
    /// Splits an SD-JWT into its parts.
    pub fn parse(text: &'a str) -> Result<Self, SdJwtError> {
        if text.len() > MAX_BYTES {
            return Err(SdJwtError::TooLong(text.len()));
        }
        if text.trim_start().starts_with('{') {
            return Err(SdJwtError::JsonSerialization);
        }
        let (bound, last) = text
            .rfind('~')
            .and_then(|tilde| text.split_at_checked(tilde + 1))
            .ok_or(SdJwtError::NotAnSdJwt)?;
        let key_binding = match last {
            "" => None,
            last if last.contains('.') => Some(last),
            _ => return Err(SdJwtError::MissingFinalTilde),
        };
        let (issuer_jwt, disclosures) = bound.split_once('~').ok_or(SdJwtError::NotAnSdJwt)?;
        Ok(Self { issuer_jwt, disclosures, bound, key_binding })
    }

    /// Returns the text of the issuer-signed JWT.
    pub fn issuer_jwt(&self) -> &'a str {
        self.issuer_jwt
    }

    /// Returns the issuer-signed JWT before it is checked. Use it only to look up the issuer's key.
    pub fn unverified_issuer_jwt(&self) -> Result<UnverifiedJwt, SdJwtError> {
        Ok(UnverifiedJwt::parse(self.issuer_jwt)?)
    }

    /// Returns the text up to and including the last `~`, which a key binding signs.
    pub(super) fn bound(&self) -> &'a str {
        self.bound
    }

    pub(super) fn key_binding(&self) -> Option<&'a str> {
        self.key_binding
    }

    /// Reads the disclosures one by one.
    pub(super) fn disclosures(&self) -> Result<Vec<Disclosure>, DisclosureError> {
        let Some(joined) = self.disclosures.strip_suffix('~') else {
            return match self.disclosures {
                "" => Ok(Vec::new()),
                // Never happens: the text between the first and the last `~` ends with `~`.
                _ => Err(DisclosureError::Empty),
            };
        };
        let count = joined.split('~').count();
        if count > MAX_DISCLOSURES {
            return Err(DisclosureError::TooMany(count));
        }
        joined
            .split('~')
            .map(|part| {
                if part.is_empty() { Err(DisclosureError::Empty) } else { Disclosure::parse(part) }
            })
            .collect()
    }
}

/// Checks an SD-JWT with the issuer's `key` (section 7.1), and checks its key binding (section
/// 7.3).
pub fn process(
    presentation: &Presentation<'_>,
    key: &VerifyingKey,
    requirements: &Requirements<'_>,
) -> Result<Processed, SdJwtError> {
    let disclosures = presentation.disclosures()?;
    let jwt = presentation.unverified_issuer_jwt()?.verify(key, &requirements.issuer_jwt)?;
    let header = jwt.header().clone();
    let revealed = reveal::reveal(jwt.into_claims(), &disclosures)?;
    let holder_key =
        key_binding::check(presentation, &revealed.claims, requirements.binding.as_ref())?;
    let reveal::Revealed { claims, places: disclosed, withheld } = revealed;
    Ok(Processed { header, claims, holder_key, disclosed, withheld })
}

/// The algorithms that issuers may sign with (HAIP 1.0, section 7). Requests to wallets must offer
/// exactly these.
pub const ISSUER_ALGORITHMS: &[Algorithm] = &[Algorithm::Es256];
