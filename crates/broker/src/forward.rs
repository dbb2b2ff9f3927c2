//! Forward authentication: a reverse proxy asks, for every request to a guarded origin, whether its
//! visitor may pass, and whom to tell the service about.
//!
//! Two things let a visitor pass: an access token for the guard's resource or client, or a session that a login
//! at the guarded origin began ([`login`]). Both are asked about anew each time, so a credential that
//! was revoked counts nowhere from the next request on. Nothing is written for who may pass.
//!
//! Invariant: what a request says about itself is believed only from a proxy of that very guard; what
//! no guard names is refused. What a service is told comes from verified credentials, of scopes that
//! the person agreed to, as visible ASCII.

pub mod login;

use std::net::IpAddr;

use sekisho_ambient::Handle;
use sekisho_grants::{Grants, Shown, UserinfoFailure};
use sekisho_jose::Claims;
use sekisho_login::Logins;
use sekisho_oauth::userinfo::BearerError;
use sekisho_profile::Code;
use sekisho_registry::{Guard, Registry};
use sekisho_site::{Mismatch, Refusal, Site, paths, registered_list};
use serde_json::{Value, json};

/// The longest value that a service is told in one header, in bytes. nginx has room for 4 KiB of
/// headers in an answer.
const LONGEST: usize = 2048;

/// The questions of reverse proxies, with the parts of the broker that answer them.
#[derive(Clone)]
pub struct ForwardAuth {
    pub(crate) site: Site,
    pub(crate) registry: Registry,
    pub(crate) grants: Grants,
    pub(crate) logins: Logins,
}

/// A guarded origin, named by a proxy of its guard. Only [`ForwardAuth::at`] makes one.
#[derive(Clone, Copy)]
pub struct Guarded<'f> {
    guard: &'f Guard,
    origin: &'f str,
}

/// What a visitor shows.
pub enum Proof<'a> {
    /// An access token, or what stands in its place.
    Token(Result<&'a str, BearerError>),
    /// The sessions that the cookies of a browser name.
    Sessions(&'a [Handle]),
}

/// Whether a visitor may pass.
pub enum Verdict {
    /// The visitor passes; the service is told this, by names and values of headers.
    Pass(Vec<(&'static str, String)>),
    /// The visitor shows nothing, or a session that is not good enough any more, and may log in.
    LogIn,
    /// The access token is not good here.
    InvalidToken,
    /// The visitor is known and may not pass.
    Insufficient(&'static str),
}

impl Guarded<'_> {
    /// The guard.
    pub fn guard(&self) -> &Guard {
        self.guard
    }

    /// The origin, as it is configured.
    pub fn origin(&self) -> &str {
        self.origin
    }

    fn realm(&self) -> &str {
        self.guard.realm(self.origin)
    }

    /// The value of `WWW-Authenticate` (RFC 6750, section 3; RFC 9728, section 5.1).
    pub fn challenge(&self, verdict: &Verdict) -> String {
        let metadata = format!("{}{}", self.origin, paths::GUARD_METADATA);
        let error = match verdict {
            Verdict::Pass(_) | Verdict::LogIn => String::new(),
            Verdict::InvalidToken => error("invalid_token", "the access token is not good here"),
            Verdict::Insufficient(why) => error("insufficient_scope", why),
        };
        let scope = self.guard.scopes.join(" ");
        format!("Bearer resource_metadata=\"{metadata}\"{error}, scope=\"{scope}\"")
    }
}

fn error(name: &str, description: &str) -> String {
    format!(", error=\"{name}\", error_description=\"{description}\"")
}

impl ForwardAuth {
    /// The guarded origin that the proxy at `peer` asks about.
    ///
    /// # Errors
    ///
    /// `Code::NotGuarded` if no guard names the origin, or its guard does not believe this peer.
    pub fn at(&self, peer: Option<IpAddr>, origin: &str) -> Result<Guarded<'_>, Refusal> {
        let found = self.registry.guards().at(origin);
        if let (Some((guard, origin)), Some(peer)) = (found, peer)
            && guard.believes(peer)
        {
            return Ok(Guarded { guard, origin });
        }
        let from = peer.map_or_else(|| "an unknown address".to_owned(), |peer| peer.to_string());
        let proxies = found.map(|(guard, _)| {
            let proxies: Vec<_> = guard.proxies.iter().map(ToString::to_string).collect();
            registered_list(&proxies)
        });
        let sent = Some(format!("{origin} from {from}"));
        Err(Refusal::client(
            Code::NotGuarded,
            Mismatch { sent, registered: proxies, ..Mismatch::default() },
        ))
    }

    /// Whether the visitor may pass.
    pub async fn decide(&self, at: Guarded<'_>, proof: Proof<'_>) -> Result<Verdict, Refusal> {
        match proof {
            Proof::Token(Err(_)) => Ok(Verdict::InvalidToken),
            Proof::Token(Ok(token)) => match known(self.grants.shown(at.guard, token).await)? {
                None => Ok(Verdict::InvalidToken),
                Some(shown) => match self.unmet(at, &shown) {
                    Some(why) => Ok(Verdict::Insufficient(why)),
                    None => self.admit(at, shown).await,
                },
            },
            Proof::Sessions(sessions) => {
                for session in sessions {
                    if let Some(shown) = self.session(at, session).await? {
                        return self.admit(at, shown).await;
                    }
                }
                Ok(Verdict::LogIn)
            }
        }
    }

    /// What a session is good for, if it is good enough here: another login would give no more.
    async fn session(&self, at: Guarded<'_>, session: &Handle) -> Result<Option<Shown>, Refusal> {
        let found = self.grants.guarded(at.guard, at.realm(), session).await;
        let Some(shown) = known(found)?.filter(|shown| self.unmet(at, shown).is_none()) else {
            return Ok(None);
        };
        let goes_on = match &shown.grant.session {
            Some(key) => self.logins.has_session(key).await?,
            None => false,
        };
        Ok(goes_on.then_some(shown))
    }

    /// What the guard demands and the grant does not have; a wider login may give it.
    fn unmet(&self, at: Guarded<'_>, shown: &Shown) -> Option<&'static str> {
        let grant = &shown.grant;
        if !at.guard.scopes.iter().all(|scope| grant.scopes.contains(scope)) {
            return Some("the access token lacks a scope");
        }
        let ended = at.guard.demands_permit() && grant.permit(self.site.now()).is_none();
        ended.then_some("there is no permit for GPUs, or it has ended")
    }

    async fn admit(&self, at: Guarded<'_>, shown: Shown) -> Result<Verdict, Refusal> {
        let sub = shown.grant.sub.clone();
        let claims = self.grants.claims_for(shown, &at.guard.scopes).await?;
        let groups = texts(claims.get("groups"));
        let wanted = &at.guard.groups;
        if !wanted.is_empty() && !wanted.iter().any(|group| groups.contains(&group.as_str())) {
            return Ok(Verdict::Insufficient("the person has none of the groups that are needed"));
        }
        let mut told = told(&sub, &claims);
        told.retain(|(name, value)| {
            let fits = value.len() <= LONGEST;
            if !fits {
                let guard = at.guard.id.as_str();
                tracing::warn!(guard, name, "a value is too long for a header and is left out");
            }
            fits
        });
        Ok(Verdict::Pass(told))
    }

    /// The protected resource metadata of a guarded origin (RFC 9728, section 2).
    pub async fn metadata(&self, at: Guarded<'_>) -> Result<Value, Refusal> {
        let resources = self.registry.resources().await?;
        let resource = at.guard.resource.as_deref().and_then(|name| resources.called(name));
        Ok(json!({
            "resource": resource.map_or(at.origin, |resource| resource.audience.as_str()),
            "authorization_servers": [self.site.origin().as_str()],
            "scopes_supported": at.guard.scopes,
            "bearer_methods_supported": ["header"],
        }))
    }
}

/// What is shown, if it is good for anything. An error if that cannot be said now.
fn known<T>(result: Result<Option<T>, UserinfoFailure>) -> Result<Option<T>, Refusal> {
    match result {
        Ok(found) => Ok(found),
        Err(UserinfoFailure::Bearer(_)) => Ok(None),
        Err(UserinfoFailure::Broker(refusal)) => Err(refusal),
    }
}

/// What a service is told of its visitor.
fn told(sub: &str, claims: &Claims) -> Vec<(&'static str, String)> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(visible);
    let mut told = vec![("x-auth-request-user", visible(sub))];
    let mut tell = |name, value: Option<String>| told.extend(value.map(|value| (name, value)));
    tell("x-auth-request-preferred-username", text("preferred_username"));
    let unverified = claims.get("email_verified") == Some(&Value::Bool(false));
    tell("x-auth-request-email", text("email").filter(|_| !unverified));
    let groups: Vec<String> = texts(claims.get("groups")).into_iter().map(visible).collect();
    tell("x-auth-request-groups", (!groups.is_empty()).then(|| groups.join(",")));
    let details = claims.get("authorization_details").map(|details| escaped(&details.to_string()));
    tell("x-auth-request-authorization-details", details);
    told
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A text as visible ASCII: everything else is percent-encoded as UTF-8 (RFC 3986, section 2.1), and
/// so are the comma, which stands between groups, and the percent sign itself.
fn visible(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b',' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// JSON in ASCII (RFC 8259, section 7).
fn escaped(json: &str) -> String {
    use std::fmt::Write as _;
    let mut units = [0; 2];
    json.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii() && !c.is_ascii_control() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_is_told_is_visible_ascii() {
        let claims = json!({
            "preferred_username": "u1",
            "email": "a@b.example\r\nx-admin: 1",
            "groups": ["gpu-user", "研究", "x,admin", "100%", "a b", 7],
            "authorization_details": [{"partition": "神\u{1f600}\u{7f}"}],
            "name": "山田 太郎",
        });
        let Value::Object(claims) = claims else { unreachable!() };
        let told = told("s", &claims);
        let expected = [
            ("x-auth-request-user", "s"),
            ("x-auth-request-preferred-username", "u1"),
            ("x-auth-request-email", "a@b.example%0D%0Ax-admin:%201"),
            ("x-auth-request-groups", "gpu-user,%E7%A0%94%E7%A9%B6,x%2Cadmin,100%25,a%20b"),
            (
                "x-auth-request-authorization-details",
                r#"[{"partition":"\u795e\ud83d\ude00\u007f"}]"#,
            ),
        ];
        assert_eq!(told, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn an_address_that_is_said_to_be_unverified_is_not_told() {
        let of = |claims: Value| match claims {
            Value::Object(claims) => told("s", &claims).len(),
            _ => 0,
        };
        assert_eq!(of(json!({"email": "a@b.example", "email_verified": false})), 1);
        assert_eq!(of(json!({"email": "a@b.example", "email_verified": true})), 2);
        assert_eq!(of(json!({"email": "a@b.example"})), 2);
        assert_eq!(of(json!({"groups": []})), 1);
    }
}
