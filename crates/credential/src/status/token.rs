//! Status list tokens in JWT form (Token Status List, sections 5.1 and 8.3).

use sekisho_ambient::Timestamp;
use sekisho_jose::{
    Claims, Expected, Header, SigningKey, TimeRule, UnverifiedJwt, numeric_date, sign,
};
use serde_json::Value;

use super::packed::PackedList;
use super::{Status, StatusError, StatusList};
use crate::sd_jwt::ISSUER_ALGORITHMS;
use crate::vc::TrustList;

const TYP: &str = "statuslist+jwt";

/// The largest list that is inflated or issued, in bytes.
pub const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;
/// The longest token that is accepted, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4 * 1024 * 1024;
/// The longest `ttl` that is used, in seconds; a longer one is read as this. A token without `exp`
/// is too old when more seconds than this have passed since it was issued.
pub const MAX_TTL: i64 = 24 * 3600;

/// The content of a token to be issued.
#[derive(Clone, Copy, Debug)]
pub struct IssueToken<'a> {
    /// `sub`: the URI in the credentials that use the list.
    pub uri: &'a str,
    /// `iat`: the present time.
    pub iat: Timestamp,
    /// `exp`: when the token ends; `None` if it does not say.
    pub exp: Option<Timestamp>,
    /// `ttl`: how long verifiers may keep the token, in seconds.
    pub ttl: Option<i64>,
}

/// What the verifier expects of a token.
#[derive(Clone, Copy, Debug)]
pub struct CheckToken<'a> {
    /// The URI in the credential.
    pub uri: &'a str,
    /// The present time.
    pub now: Timestamp,
    /// The issuer of the credential.
    pub issuer: &'a str,
    /// The issuers that are trusted, and what for.
    pub trust: &'a TrustList,
    /// The type of the credential.
    pub vct: &'a str,
    /// `iat` of the newest token at this URI that was seen before, if any.
    pub not_older_than: Option<Timestamp>,
}

/// A status list whose signature was checked. There is no constructor: only [`verify_token`] makes
/// it.
#[derive(Clone, Debug)]
pub struct VerifiedStatusList {
    list: PackedList,
    issued_at: Timestamp,
    expires: Option<Timestamp>,
    ttl: Option<i64>,
}

impl VerifiedStatusList {
    /// Returns the meaning of the entry at `index`.
    pub fn status(&self, index: u64) -> Result<Status, StatusError> {
        self.list.status(index)
    }

    /// Returns the number of entries.
    pub fn entries(&self) -> u64 {
        self.list.entries()
    }

    /// Returns the number of bytes that the list takes in memory. It is kept compressed.
    pub fn size(&self) -> usize {
        self.list.size()
    }

    /// Returns `iat`.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// Returns `exp`, if the token has one.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Returns `ttl` in seconds, at most [`MAX_TTL`]; `None` if the token has none.
    pub fn ttl(&self) -> Option<i64> {
        self.ttl
    }
}

/// Makes the header of a token that `key` signs. It contains the chain for strict verifiers, and
/// the key for verifiers that only check the signature (HAIP 1.0, section 6.1). That key keeps its
/// `kid`, by which such a verifier finds it (RFC 7515, section 4.1.4).
pub fn header(key: &SigningKey, x5c: Vec<Vec<u8>>) -> Header {
    Header::for_key(key, TYP).with_x5c(x5c).with_jwk(key.public_jwk().with_kid(key.kid()))
}

/// Signs `list` with `key` as a token.
pub fn issue_token(
    list: &StatusList,
    issue: &IssueToken<'_>,
    header: &Header,
    key: &SigningKey,
) -> Result<String, StatusError> {
    let mut claims = Claims::new();
    claims.insert("sub".into(), issue.uri.into());
    claims.insert("iat".into(), issue.iat.unix().into());
    if let Some(exp) = issue.exp {
        claims.insert("exp".into(), exp.unix().into());
    }
    if let Some(ttl) = issue.ttl {
        claims.insert("ttl".into(), ttl.into());
    }
    claims.insert("status_list".into(), list.to_value()?);
    Ok(sign(key, header, &claims)?)
}

/// Verifies a token (section 8.3): its type and signature, its URI, its issuer, which must be the
/// credential's, and its times.
pub fn verify_token(
    token: &str,
    check: &CheckToken<'_>,
) -> Result<VerifiedStatusList, StatusError> {
    let unverified_jwt = UnverifiedJwt::<Claims>::parse_bounded(token, MAX_TOKEN_BYTES)?;
    let x5c = &unverified_jwt.header().x5c;
    let (leaf, _) = check.trust.signer(check.issuer, check.vct, x5c, check.now)?;
    let expected =
        Expected { typ: &[TYP], algorithms: ISSUER_ALGORITHMS, allow_missing_typ: false };
    let claims = unverified_jwt.verify(&leaf.key, &expected)?.into_claims();
    check_names(&claims, check)?;
    let (issued_at, expires, ttl) = check_times(&claims, check)?;
    let list = claims.get("status_list").ok_or(StatusError::List)?;
    let list = PackedList::from_value(list, MAX_LIST_BYTES)?;
    Ok(VerifiedStatusList { list, issued_at, expires, ttl })
}

fn check_names(claims: &Claims, check: &CheckToken<'_>) -> Result<(), StatusError> {
    let sub = claims.get("sub").and_then(Value::as_str);
    if sub != Some(check.uri) {
        return Err(StatusError::Subject {
            found: sub.unwrap_or_default().to_owned(),
            expected: check.uri.to_owned(),
        });
    }
    match claims.get("iss") {
        Some(iss) if iss != check.issuer => Err(StatusError::Issuer(iss.to_string())),
        _ => Ok(()),
    }
}

type Times = (Timestamp, Option<Timestamp>, Option<i64>);

fn check_times(claims: &Claims, check: &CheckToken<'_>) -> Result<Times, StatusError> {
    let rule = TimeRule { require_iat: true, ..TimeRule::LENIENT };
    numeric_date::check(claims, check.now, &rule)?;
    let issued_at = numeric_date::read(claims, "iat")?.ok_or(StatusError::Stale)?;
    let expires = numeric_date::read(claims, "exp")?;
    let ttl = read_ttl(claims)?;
    if expires.is_none() && (ttl.is_none() || check.now.since(issued_at) > MAX_TTL) {
        return Err(StatusError::Stale);
    }
    if check.not_older_than.is_some_and(|newest| issued_at < newest) {
        return Err(StatusError::Rollback);
    }
    Ok((issued_at, expires, ttl))
}

/// Reads `ttl`, a positive number of seconds. More than [`MAX_TTL`] is read as [`MAX_TTL`].
fn read_ttl(claims: &Claims) -> Result<Option<i64>, StatusError> {
    let ttl = numeric_date::read(claims, "ttl").map_err(|_| StatusError::Ttl)?;
    match ttl.map(Timestamp::unix) {
        Some(seconds) if seconds < 1 => Err(StatusError::Ttl),
        ttl => Ok(ttl.map(|seconds| seconds.min(MAX_TTL))),
    }
}
