//! Status list tokens in JWT form (Token Status List, sections 5.1 and 8.3).

use sekisho_ambient::Timestamp;
use sekisho_jose::{
    Claims, Expected, Header, SigningKey, TimeRule, UnverifiedJwt, numeric_date, sign,
};
use serde_json::Value;

use super::{Status, StatusError, StatusList};
use crate::sd_jwt::ISSUER_ALGORITHMS;
use crate::vc::TrustList;

const TYP: &str = "statuslist+jwt";

/// The largest list that is inflated or made, in bytes.
pub const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;
/// The longest token that is read, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4 * 1024 * 1024;
/// The longest `ttl` that is honoured, in seconds; a longer one counts as this. A token without
/// `exp` is too old when it was issued longer ago.
pub const MAX_TTL: i64 = 24 * 3600;

/// A token to be issued.
#[derive(Clone, Copy, Debug)]
pub struct IssueToken<'a> {
    /// `sub`: the URI that stands in credentials.
    pub uri: &'a str,
    /// Now.
    pub iat: Timestamp,
    /// When it ends.
    pub exp: Option<Timestamp>,
    /// How long it may be kept, in seconds.
    pub ttl: Option<i64>,
}

/// What a token is checked against.
#[derive(Clone, Copy, Debug)]
pub struct CheckToken<'a> {
    /// The URI in the credential.
    pub uri: &'a str,
    /// Now.
    pub now: Timestamp,
    /// The credential's issuer.
    pub issuer: &'a str,
    /// Who may issue what.
    pub trust: &'a TrustList,
    /// The credential's type.
    pub vct: &'a str,
    /// `iat` of the newest token of this URI that was seen before.
    pub not_older_than: Option<Timestamp>,
}

/// A status list that the issuer signed. There is no constructor: [`verify_token`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedStatusList {
    list: StatusList,
    issued_at: Timestamp,
    expires: Option<Timestamp>,
    ttl: Option<i64>,
}

impl VerifiedStatusList {
    /// What the entry at `index` says.
    pub fn status(&self, index: u64) -> Result<Status, StatusError> {
        self.list.status(index)
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        self.list.entries()
    }

    /// `iat`.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// `exp`.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// `ttl`, in seconds, at most [`MAX_TTL`].
    pub fn ttl(&self) -> Option<i64> {
        self.ttl
    }
}

/// The header of a token of `key`: chain for strict verifiers, and the key itself for those that
/// only check the signature (HAIP 1.0, section 6.1).
pub fn header(key: &SigningKey, x5c: Vec<Vec<u8>>) -> Header {
    Header::for_key(key, TYP).with_x5c(x5c).with_jwk(key.public_jwk())
}

/// Signs `list`.
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

/// Verifies a token (section 8.3): its type and signature, that it is of this URI and of the
/// credential's issuer, and that it counts now.
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
    let list = StatusList::from_value(list, MAX_LIST_BYTES)?;
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

/// A positive number of seconds; more than [`MAX_TTL`] counts as that.
fn read_ttl(claims: &Claims) -> Result<Option<i64>, StatusError> {
    let ttl = numeric_date::read(claims, "ttl").map_err(|_| StatusError::Ttl)?;
    match ttl.map(Timestamp::unix) {
        Some(seconds) if seconds < 1 => Err(StatusError::Ttl),
        ttl => Ok(ttl.map(|seconds| seconds.min(MAX_TTL))),
    }
}
