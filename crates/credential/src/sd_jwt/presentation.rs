//! Reading and processing an SD-JWT with or without key binding (RFC 9901, sections 4 and 7).

use sekisho_jose::{
    Algorithm, Claims, Expected, Header, JwtError, PublicJwk, UnverifiedJwt, VerifyingKey,
};
use thiserror::Error;

use super::disclosure::Disclosure;
use super::key_binding::{self, Binding, KeyBindingError};
use super::reveal::{self, DisclosureError};
use super::{MAX_BYTES, MAX_DISCLOSURES};

/// Why an SD-JWT was refused.
#[derive(Debug, Error)]
pub enum SdJwtError {
    /// Longer than [`MAX_BYTES`](super::MAX_BYTES).
    #[error("an SD-JWT of {0} bytes, at most {MAX_BYTES} are read")]
    TooLong(usize),
    /// A JWS JSON Serialization (RFC 9901, section 8), which is not supported.
    #[error("JWS JSON serialization is not supported")]
    JsonSerialization,
    /// There is no `~`: a plain JWT.
    #[error("not an SD-JWT: no ~")]
    NotAnSdJwt,
    /// What stands after the last `~` is no JWT.
    #[error("the last disclosure is not followed by ~")]
    MissingFinalTilde,
    /// The issuer-signed JWT was refused.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// A disclosure, or the digests, were refused.
    #[error(transparent)]
    Disclosure(#[from] DisclosureError),
    /// The key binding was refused.
    #[error(transparent)]
    KeyBinding(#[from] KeyBindingError),
}

/// The parts of an SD-JWT, none of which has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'a> {
    issuer_jwt: &'a str,
    /// Without the last `~`; empty if there is none.
    disclosures: &'a str,
    /// Everything up to the last `~`, with it.
    bound: &'a str,
    key_binding: Option<&'a str>,
}

/// What an SD-JWT has to be.
#[derive(Clone, Copy, Debug)]
pub struct Requirements<'a> {
    /// The type and algorithms of the issuer-signed JWT.
    pub issuer_jwt: Expected<'a>,
    /// What the holder must have signed; without it a key binding must be absent.
    pub binding: Option<Binding<'a>>,
}

/// Claims of an SD-JWT whose signature, disclosures and key binding were checked. Their times were
/// not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Processed {
    /// The header of the issuer-signed JWT.
    pub header: Header,
    /// The claims that the issuer signed and the holder disclosed.
    pub claims: Claims,
    /// The key that the holder proved; `None` if no binding was asked for.
    pub holder_key: Option<PublicJwk>,
}

impl<'a> Presentation<'a> {
    /// Takes an SD-JWT apart.
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

    /// The JWT that the issuer signed, as text.
    pub fn issuer_jwt(&self) -> &'a str {
        self.issuer_jwt
    }

    /// The JWT that the issuer signed, unchecked: good for looking up the issuer's key.
    pub fn unverified_issuer_jwt(&self) -> Result<UnverifiedJwt, SdJwtError> {
        Ok(UnverifiedJwt::parse(self.issuer_jwt)?)
    }

    /// Everything up to the last `~`, with it: what a key binding is over.
    pub(super) fn bound(&self) -> &'a str {
        self.bound
    }

    pub(super) fn key_binding(&self) -> Option<&'a str> {
        self.key_binding
    }

    /// The disclosures, read one by one.
    pub(super) fn disclosures(&self) -> Result<Vec<Disclosure>, DisclosureError> {
        let Some(joined) = self.disclosures.strip_suffix('~') else {
            return match self.disclosures {
                "" => Ok(Vec::new()),
                // Cannot be: what stands between the first and the last `~` ends with one.
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

/// Checks an SD-JWT with the issuer's `key` (section 7.1), and its key binding (section 7.3).
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
    Ok(Processed { header, claims: revealed.claims, holder_key })
}

/// Algorithms of issuers (HAIP 1.0, section 7). What asks a wallet advertises exactly these.
pub const ISSUER_ALGORITHMS: &[Algorithm] = &[Algorithm::Es256];
