//! The protocol: discovery, the authorization request, and what is compared before anybody is
//! logged in (OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636; RFC 9207; RFC 9396).

use sekisho_ambient::{Secret, sha256};
use sekisho_jose::{
    Algorithm, Claims, Expected, JwkSet, TimeRule, UnverifiedJwt, b64u, numeric_date,
};
use serde_json::{Map, Value, json};
use url::Url;

use super::Console;
use super::visitors::{Pending, Session};

/// The scopes that the console asks for.
const SCOPE: &str = "openid profile organization training gpu_access";
/// The algorithms that it accepts for ID tokens.
const ALGORITHMS: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Es256];
/// How far the provider's clock may differ, in seconds.
const SKEW: i64 = 60;
/// The longest answer that is read from the provider, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The provider answered with an error.
    #[error("the provider answered {error}: {description}")]
    Refused {
        /// `error` of the answer.
        error: String,
        /// `error_description` of the answer, empty if absent.
        description: String,
    },
    /// This browser made no request that the answer belongs to.
    #[error("the answer belongs to no request of this browser")]
    NotAsked,
    /// The provider cannot be reached, or its answer cannot be used.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// A value in the answer is not the expected one.
    #[error("{0} does not fit")]
    Mismatch(&'static str),
}

/// The endpoints that the discovery document names.
struct Provider {
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
}

/// An authorization request that the browser can be sent to.
pub(super) struct Begun {
    pub(super) url: String,
    pub(super) state: String,
    pub(super) pending: Pending,
}

impl Console {
    /// Makes the authorization request for this many GPUs and GPU-hours.
    pub(super) async fn begin(
        &self,
        browser: &str,
        gpus: u32,
        gpu_hours: u32,
    ) -> Result<Begun, ExchangeError> {
        let provider = self.discover().await?;
        let (state, nonce) = (self.entropy.id(), self.entropy.id());
        let verifier = self.entropy.token();
        let challenge = b64u::encode(sha256(verifier.expose().as_bytes()));
        let details = json!([{
            "type": "gpu_access",
            "service": self.config.service,
            "actions": ["submit"],
            "gpus": gpus,
            "gpu_hours": gpu_hours,
        }]);
        let mut url = endpoint(&provider.authorization_endpoint)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", SCOPE)
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("authorization_details", &details.to_string());
        let browser = browser.to_owned();
        let pending = Pending { browser, nonce, verifier, started: self.clock.now() };
        Ok(Begun { url: url.into(), state, pending })
    }

    /// Makes a session from the answer at the redirect URI, after all checks.
    pub(super) async fn finish(
        &self,
        answer: &Map<String, Value>,
        browser: &str,
    ) -> Result<Session, ExchangeError> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let now = self.clock.now();
        let state = text("state").ok_or(ExchangeError::NotAsked)?;
        let pending = self.visitors.take(state, browser, now).ok_or(ExchangeError::NotAsked)?;
        if text("iss") != Some(&self.config.issuer) {
            return Err(ExchangeError::Mismatch("iss"));
        }
        if let Some(error) = text("error") {
            let description = text("error_description").unwrap_or_default().to_owned();
            return Err(ExchangeError::Refused { error: error.to_owned(), description });
        }
        let code = text("code").ok_or(ExchangeError::Mismatch("code"))?;
        let provider = self.discover().await?;
        let tokens = self.redeem(&provider, code, &pending.verifier).await?;
        let member = |name| tokens.get(name).and_then(Value::as_str);
        let access_token = member("access_token").ok_or(ExchangeError::Mismatch("access_token"))?;
        let id_token = member("id_token").ok_or(ExchangeError::Mismatch("id_token"))?;
        let claims = self.verify(&provider, id_token, access_token, &pending.nonce).await?;
        let request = self.http.get(&provider.userinfo_endpoint).bearer_auth(access_token);
        let userinfo = read(request).await?;
        if userinfo.get("sub").is_none() || userinfo.get("sub") != claims.get("sub") {
            return Err(ExchangeError::Mismatch("sub of userinfo"));
        }
        let granted = tokens.get("authorization_details").and_then(|details| details.get(0));
        let granted = granted.and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Session { userinfo, granted, started: now })
    }

    async fn discover(&self) -> Result<Provider, ExchangeError> {
        let issuer = &self.config.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = read(self.http.get(url)).await?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(ExchangeError::Mismatch("issuer of the discovery document"));
        }
        let member = |name: &'static str| {
            let found = document.get(name).and_then(Value::as_str);
            found.map(str::to_owned).ok_or(ExchangeError::Mismatch(name))
        };
        Ok(Provider {
            authorization_endpoint: member("authorization_endpoint")?,
            token_endpoint: member("token_endpoint")?,
            userinfo_endpoint: member("userinfo_endpoint")?,
            jwks_uri: member("jwks_uri")?,
        })
    }

    async fn redeem(
        &self,
        provider: &Provider,
        code: &str,
        verifier: &Secret<String>,
    ) -> Result<Map<String, Value>, ExchangeError> {
        let redirect_uri = self.redirect_uri();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", verifier.expose()),
        ];
        let secret = self.config.client_secret.expose();
        let request = self
            .http
            .post(&provider.token_endpoint)
            .basic_auth(&self.config.client_id, Some(secret))
            .form(&form);
        let tokens = read(request).await?;
        let kind = tokens.get("token_type").and_then(Value::as_str);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err(ExchangeError::Mismatch("token_type"));
        }
        Ok(tokens)
    }

    /// The claims of an ID token, if it is for this client and this request and has not expired.
    async fn verify(
        &self,
        provider: &Provider,
        id_token: &str,
        access_token: &str,
        nonce: &str,
    ) -> Result<Claims, ExchangeError> {
        let jwt = UnverifiedJwt::<Claims>::parse(id_token).map_err(unfit("the ID token"))?;
        let keys = Value::Object(read(self.http.get(&provider.jwks_uri)).await?);
        let keys = JwkSet::from_value(&keys).map_err(unfit("the key set"))?;
        let kid = jwt.header().kid.clone().ok_or(ExchangeError::Mismatch("kid"))?;
        let algorithm = jwt.header().algorithm;
        let key = keys.with_kid(&kid).next().ok_or(ExchangeError::Mismatch("kid"))?;
        let key = key.verifying_key().map_err(unfit("the key"))?;
        let expected = Expected { typ: &["JWT"], algorithms: ALGORITHMS, allow_missing_typ: true };
        let claims = jwt.verify(&key, &expected).map_err(unfit("the signature"))?.into_claims();
        let is = |name: &str, value: &str| claims.get(name).and_then(Value::as_str) == Some(value);
        if !is("iss", &self.config.issuer) {
            return Err(ExchangeError::Mismatch("iss of the ID token"));
        }
        if !is("aud", &self.config.client_id) {
            return Err(ExchangeError::Mismatch("aud"));
        }
        if !is("nonce", nonce) {
            return Err(ExchangeError::Mismatch("nonce"));
        }
        if !is("at_hash", &half_hash(access_token)) || algorithm == Algorithm::Es384 {
            return Err(ExchangeError::Mismatch("at_hash"));
        }
        let rule = TimeRule {
            leeway_past: SKEW,
            leeway_future: SKEW,
            require_exp: true,
            require_iat: true,
            max_age: None,
        };
        numeric_date::check(&claims, self.clock.now(), &rule).map_err(unfit("the time"))?;
        Ok(claims)
    }
}

fn unfit<E>(what: &'static str) -> impl FnOnce(E) -> ExchangeError {
    move |_| ExchangeError::Mismatch(what)
}

/// The left half of the SHA-256, which is `at_hash` for RS256 and ES256 (Core, section 3.1.3.6).
fn half_hash(access_token: &str) -> String {
    let hash = sha256(access_token.as_bytes());
    b64u::encode(hash.get(..16).unwrap_or_default())
}

fn endpoint(url: &str) -> Result<Url, ExchangeError> {
    Url::parse(url).map_err(|_| ExchangeError::Mismatch("an endpoint"))
}

/// Sends a request and reads the JSON object of its answer.
async fn read(request: reqwest::RequestBuilder) -> Result<Map<String, Value>, ExchangeError> {
    let unreachable =
        |error: reqwest::Error| ExchangeError::Unreachable(error.without_url().to_string());
    let mut answer = request.send().await.map_err(unreachable)?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Err(ExchangeError::Unreachable("the answer is too large".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    let document = sekisho_jose::json::parse_object(&body);
    if status.is_success() {
        return document.map_err(|_| ExchangeError::Unreachable("no JSON object".to_owned()));
    }
    let document = document.unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let error = text("error").unwrap_or_else(|| status.to_string());
    Err(ExchangeError::Refused {
        error,
        description: text("error_description").unwrap_or_default(),
    })
}
