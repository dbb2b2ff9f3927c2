//! Logins at guarded origins. We are the relying party here, on behalf of a service that knows
//! nothing of OpenID Connect: the login begins and ends below `/.sekisho/` of the guarded origin,
//! which its proxy passes on to us.
//!
//! No row is written until the code comes back. The browser keeps a random handle (the binder) in a
//! cookie of the guarded origin; `state` says where the browser wanted to go, and the PKCE verifier is
//! derived from both. Several tabs share one binder.
//!
//! Invariant: a code is redeemed only in the browser that began, at the guard where it began, and the
//! browser ends at an origin of that guard, nowhere else.

use sekisho_ambient::{Handle, Timestamp, constant_time_eq};
use sekisho_grants::{Opening, UserinfoFailure};
use sekisho_jose::b64u;
use sekisho_oauth::params::Params;
use sekisho_oauth::pkce::CodeChallenge;
use sekisho_profile::{Code, lifetimes};
use sekisho_registry::RelyingParty;
use sekisho_site::{Mismatch, Refusal, paths, sent_uri};
use sekisho_store::StoreError;

use super::{ForwardAuth, Guarded};

/// The longest address to which a login leads back, in bytes. A longer one leads to the start page.
const MAX_RETURN: usize = 1024;
/// How long a login may take until its code is back, in seconds.
const LOGIN: i64 = lifetimes::LOGIN + lifetimes::CODE;

/// A login that has begun.
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps.
    pub binder: Handle,
}

/// A login that has ended well.
pub struct Completed {
    /// Where the browser wanted to go.
    pub url: String,
    /// The session, which ends when this handle expires.
    pub session: Handle,
}

/// What a valid `state` says.
struct State {
    to: String,
    verifier: String,
    binder: Handle,
}

impl ForwardAuth {
    /// Begins a login that leads back to `to`, a path of this origin or a URL of its guard.
    ///
    /// # Errors
    ///
    /// `Code::RedirectUri` if `to` leads elsewhere, `Code::UnknownClient` and `Code::ScopeNotAllowed`
    /// if the client of the guard is not registered, or not for what the guard demands.
    pub async fn begin(
        &self,
        at: Guarded<'_>,
        to: Option<&str>,
        binders: &[Handle],
    ) -> Result<Begun, Refusal> {
        let to = to.unwrap_or("/");
        let elsewhere = || at.refusal(Code::RedirectUri, Some(sent_uri(to)));
        let to = at.way_back(to).ok_or_else(elsewhere)?;
        let party = self.client_of(at).await?;
        let now = self.site.now();
        let lasts = |binder: &&Handle| {
            let left = binder.key().expires().since(now);
            (LOGIN..=2 * LOGIN).contains(&left)
        };
        let binder = binders.iter().find(lasts).cloned();
        let binder =
            binder.unwrap_or_else(|| Handle::new(now.plus(2 * LOGIN), self.site.entropy()));
        let payload =
            [&now.plus(LOGIN).to_sortable()[..], &self.site.entropy().bytes::<16>(), to.as_bytes()]
                .concat();
        let state = b64u::encode([&self.seal(at, &binder, &payload)[..], &payload].concat());
        let challenge = CodeChallenge::of(&self.verifier(at, &binder, &payload));
        let challenge = challenge.map_err(|_| Refusal::NoKey)?.to_string();
        let (scope, redirect_uri) = (at.guard.scopes.join(" "), at.guard.callback(at.origin));
        let pairs = [
            ("response_type", "code"),
            ("client_id", &party.client.client_id),
            ("redirect_uri", &redirect_uri),
            ("scope", &scope),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query = Params::from_pairs(pairs).to_query();
        let url = self.site.origin().join(&format!("{}?{query}", paths::AUTHORIZE));
        Ok(Begun { url, binder })
    }

    /// Ends a login that comes back to the guarded origin with a code.
    pub async fn complete(
        &self,
        at: Guarded<'_>,
        params: &Params,
        binders: &[Handle],
    ) -> Result<Completed, Refusal> {
        let redirect_uri = at.guard.callback(at.origin);
        if redirect_uri != format!("{}{}", at.origin, paths::GUARD_CALLBACK) {
            return Err(Refusal::NotFound);
        }
        let foreign = || at.refusal(Code::OtherBrowser, None);
        if params.duplicate(&[]).is_some() {
            return Err(foreign());
        }
        let one = |name| params.one(name).ok().flatten();
        if one("iss") != Some(self.site.origin().as_str()) {
            return Err(foreign());
        }
        let state = self.open_state(at, one("state").unwrap_or_default(), binders)?;
        let Some(code) = one("code") else { return Err(at.refusal(why(one("error")), None)) };
        let party = self.client_of(at).await?;
        let opening = Opening {
            party: &party,
            code,
            redirect_uri: &redirect_uri,
            verifier: &state.verifier,
            secret: self.session_secret(at, code, &state.binder),
            guard: at.guard,
            realm: at.realm(),
        };
        let opened = self.grants.open_guarded(&opening).await.map_err(|failure| match failure {
            UserinfoFailure::Broker(refusal) => refusal,
            UserinfoFailure::Bearer(_) => at.refusal(Code::AlreadyUsed, None),
        })?;
        let (session, grant) = opened.ok_or_else(|| at.refusal(Code::AlreadyUsed, None))?;
        // Otherwise the proxy would send the browser here again and again.
        let lacks = !at.guard.scopes.iter().all(|scope| grant.scopes.contains(scope));
        if lacks || (at.guard.demands_permit() && grant.permit.is_none()) {
            return Err(at.refusal(Code::ScopeNotAllowed, Some(grant.scopes.join(" "))));
        }
        Ok(Completed { url: state.to, session })
    }

    /// Ends those of these sessions that count at this origin. Returns where the person can log out
    /// of the broker too.
    pub async fn end(&self, at: Guarded<'_>, sessions: &[Handle]) -> Result<String, StoreError> {
        for session in sessions {
            self.grants.end_guarded(at.guard, at.realm(), session).await?;
        }
        let client = ("client_id".to_owned(), at.guard.client.clone());
        let query = Params::from_pairs([client]).to_query();
        Ok(self.site.origin().join(&format!("{}?{query}", paths::LOGOUT)))
    }

    /// The client of the guard, which has to be registered for what the guard demands.
    async fn client_of(&self, at: Guarded<'_>) -> Result<RelyingParty, Refusal> {
        let party = self.registry.find_client(&at.guard.client).await?;
        let party = party.ok_or_else(|| at.refusal(Code::UnknownClient, None))?;
        let registered = &party.client.scopes;
        if at.guard.scopes.iter().all(|scope| registered.contains(scope)) {
            return Ok(party);
        }
        Err(at.refusal(Code::ScopeNotAllowed, Some(at.guard.scopes.join(" "))))
    }

    fn seal(&self, at: Guarded<'_>, binder: &Handle, payload: &[u8]) -> [u8; 32] {
        self.derive(at, b"state", binder, payload)
    }

    fn verifier(&self, at: Guarded<'_>, binder: &Handle, payload: &[u8]) -> String {
        b64u::encode(self.derive(at, b"verifier", binder, payload))
    }

    fn session_secret(&self, at: Guarded<'_>, code: &str, binder: &Handle) -> [u8; 24] {
        let mut secret = [0; 24];
        let derived = self.derive(at, b"session", binder, code.as_bytes());
        for (to, from) in secret.iter_mut().zip(derived) {
            *to = from;
        }
        secret
    }

    fn derive(&self, at: Guarded<'_>, what: &[u8], binder: &Handle, of: &[u8]) -> [u8; 32] {
        let (guard, realm) = (at.guard.id.as_bytes(), at.realm().as_bytes());
        self.site.digests().guard(&[what, guard, realm, binder.expose().as_bytes(), of])
    }

    /// Reads a `state` that one of these binders began here.
    fn open_state(
        &self,
        at: Guarded<'_>,
        state: &str,
        binders: &[Handle],
    ) -> Result<State, Refusal> {
        let foreign = || at.refusal(Code::OtherBrowser, None);
        let bytes = b64u::decode(state).map_err(|_| foreign())?;
        let (seal, payload) = bytes.split_first_chunk::<32>().ok_or_else(foreign)?;
        let mine = |binder: &&Handle| constant_time_eq(&self.seal(at, binder, payload), seal);
        let binder = binders.iter().find(mine).ok_or_else(foreign)?;
        let (expires, rest) = payload.split_first_chunk::<8>().ok_or_else(foreign)?;
        let (_, to) = rest.split_first_chunk::<16>().ok_or_else(foreign)?;
        if Timestamp::from_sortable(*expires) <= self.site.now() {
            return Err(at.refusal(Code::LoginExpired, None));
        }
        let to = std::str::from_utf8(to).map_err(|_| foreign())?.to_owned();
        let verifier = self.verifier(at, binder, payload);
        Ok(State { to, verifier, binder: binder.clone() })
    }
}

/// What the person is told whose login came back with an error.
fn why(error: Option<&str>) -> Code {
    match error {
        Some("access_denied") => Code::Cancelled,
        Some("invalid_scope" | "invalid_authorization_details") => Code::ScopeNotAllowed,
        Some("temporarily_unavailable" | "server_error") => Code::Busy,
        _ => Code::LoginExpired,
    }
}

impl Guarded<'_> {
    /// The refusal of a visitor who is known and may not pass, for its page and its line in the log.
    pub fn missing_group(&self) -> Refusal {
        self.refusal(Code::GroupMissing, None)
    }

    fn refusal(&self, code: Code, sent: Option<String>) -> Refusal {
        let client = Some(self.guard.client.clone());
        Refusal::client(code, Mismatch { client, known: true, sent, registered: None })
    }

    /// Where a browser begins a login that leads back to the path `to`, or else to the start page.
    pub fn login_url(&self, to: &str) -> String {
        let to = Some(to).filter(|to| to.starts_with('/') && self.way_back(to).is_some());
        let query = Params::from_pairs([("to".to_owned(), to.unwrap_or("/").to_owned())]);
        format!("{}{}?{}", self.origin, paths::GUARD_LOGIN, query.to_query())
    }

    /// The URL to which a login leads back: at an origin of this guard, and not to our own pages
    /// there. `None` for any other place.
    fn way_back(&self, to: &str) -> Option<String> {
        let (origin, path) = if to.starts_with('/') {
            (self.origin, to)
        } else {
            let origins = self.guard.origins.iter().map(String::as_str);
            let mut whole = origins.filter_map(|origin| Some((origin, to.strip_prefix(origin)?)));
            whole.find(|(_, rest)| rest.is_empty() || rest.starts_with('/'))?
        };
        let path = if path.is_empty() { "/" } else { path };
        let second = path.as_bytes().get(1);
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !plain || second == Some(&b'/') || path.starts_with("/.sekisho/") {
            return None;
        }
        let path = if path.len() > MAX_RETURN { "/" } else { path };
        Some(format!("{origin}{path}"))
    }
}

#[cfg(test)]
mod tests {
    use sekisho_registry::Guard;

    use super::*;

    #[test]
    fn a_login_leads_back_to_its_guard_and_nowhere_else() {
        let guard = Guard {
            id: "lab".to_owned(),
            origins: ["https://a.lab.jp", "https://b.lab.jp"].map(str::to_owned).to_vec(),
            client: "lab".to_owned(),
            resource: None,
            proxies: Vec::new(),
            scopes: Vec::new(),
            groups: Vec::new(),
            cookie_domain: Some("lab.jp".to_owned()),
        };
        let at = Guarded { guard: &guard, origin: "https://b.lab.jp" };
        for (to, back) in [
            ("/", "https://b.lab.jp/"),
            ("/x?y=z&u=https://evil.test/#f", "https://b.lab.jp/x?y=z&u=https://evil.test/#f"),
            ("https://a.lab.jp", "https://a.lab.jp/"),
            ("https://a.lab.jp/x", "https://a.lab.jp/x"),
        ] {
            assert_eq!(at.way_back(to).as_deref(), Some(back), "{to}");
        }
        let long = format!("/{}", "x".repeat(MAX_RETURN));
        assert_eq!(at.way_back(&long).as_deref(), Some("https://b.lab.jp/"));
        for to in [
            "",
            "x",
            "//evil.test",
            "/\\evil.test",
            "\\/evil.test",
            "https://evil.test/",
            "https://a.lab.jp.evil.test/",
            "https://a.lab.jp@evil.test/",
            "https://a.lab.jp:444/",
            "http://a.lab.jp/",
            "https:evil.test",
            "javascript:1",
            "/x y",
            "/\r\nset-cookie: x",
            "/神",
            "/.sekisho/logout",
            "https://a.lab.jp//evil.test",
            "https://a.lab.jp\\x",
        ] {
            assert_eq!(at.way_back(to), None, "{to}");
        }
    }
}
