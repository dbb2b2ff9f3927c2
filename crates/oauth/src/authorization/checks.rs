//! The ordered checks of an authorization request (RFC 6749, 4.1.1; Core, 3.1.2.2; RFC 7636, 4.3;
//! RFC 9396, 5).
//!
//! Invariant: the redirect URI is checked first, because the errors of all later checks are sent to
//! it.

use sekisho_jose::{Claims, json};
use serde_json::Value;

use super::{
    AuthorizationError, AuthorizationErrorCode as Code, AuthorizationRequest, ErrorRedirect,
    PageErrorCode, Prompt, RESPONSE_TYPES, ResponseMode, ServerRules, Target, TargetError, target,
};
use crate::claims_request::ClaimsRequest;
use crate::client::{self, Client};
use crate::description::Description;
use crate::params::Params;
use crate::pkce::CodeChallenge;
use crate::scope;
use crate::token::GrantType;

/// The longest `state` and `nonce` that are accepted, in bytes. Longer ones are refused, never cut.
const MAX_ECHO: usize = 4096;
/// The longest hint that is kept, in bytes; longer ones are ignored.
const MAX_HINT: usize = 8192;
/// The most entries of `authorization_details`.
const MAX_DETAILS: usize = 16;
/// Parameters that may be repeated (RFC 8707, 2).
const REPEATABLE: &[&str] = &["resource"];

/// One check: reads parameters, fills in the request, or refuses.
pub type Check = fn(&mut Draft<'_>) -> Result<(), AuthorizationError>;

/// All checks in their order. The first that refuses decides the answer.
pub const CHECKS: &[(&str, Check)] = &[
    ("redirect_uri", redirect_uri),
    ("state", state),
    ("duplicates", duplicates),
    ("response_mode", response_mode),
    ("request_object", request_object),
    ("response_type", response_type),
    ("grant", grant),
    ("resources", resources),
    ("scope", scope),
    ("nonce", nonce),
    ("prompt", prompt),
    ("max_age", max_age),
    ("hints", hints),
    ("claims", claims),
    ("pkce", pkce),
    ("authorization_details", authorization_details),
    ("something_asked", something_asked),
];

/// Those that apply to a request of a device, which names no redirect URI (RFC 8628, 3.1).
pub const DEVICE_CHECKS: &[(&str, Check)] = &[
    ("resources", resources),
    ("scope", scope),
    ("max_age", max_age),
    ("authorization_details", authorization_details),
    ("something_asked", something_asked),
];

/// A request that is being checked: its parameters, and the part of the result that is ready.
pub struct Draft<'a> {
    params: &'a Params,
    client: &'a Client,
    rules: &'a ServerRules<'a>,
    request: AuthorizationRequest,
}

impl<'a> Draft<'a> {
    /// A draft with nothing filled in but the client, which the caller has looked up.
    pub(super) fn new(params: &'a Params, client: &'a Client, rules: &'a ServerRules<'a>) -> Self {
        let client_id = client.client_id.clone();
        let request = AuthorizationRequest { client_id, ..AuthorizationRequest::default() };
        Self { params, client, rules, request }
    }

    /// The finished request. Called after the last check.
    pub(super) fn into_request(self) -> AuthorizationRequest {
        self.request
    }

    /// The value of the parameter `name`. Refuses a parameter that occurs twice.
    fn one(&self, name: &str) -> Result<Option<&'a str>, AuthorizationError> {
        let value = self.params.one(name);
        value.map_err(|duplicate| self.refuse(Code::InvalidRequest, &duplicate.to_string()))
    }

    /// The values of a list separated by spaces.
    fn list(&self, name: &str) -> Result<Vec<&'a str>, AuthorizationError> {
        let words = |text: &'a str| text.split(' ').filter(|word| !word.is_empty()).collect();
        Ok(self.one(name)?.map(words).unwrap_or_default())
    }

    fn refuse(&self, error: Code, description: &str) -> AuthorizationError {
        AuthorizationError::Redirect(ErrorRedirect {
            redirect_uri: self.request.redirect_uri.clone(),
            mode: self.request.response_mode,
            error,
            description: Description::new(description),
            state: self.request.state.clone(),
            iss: self.rules.issuer.to_owned(),
        })
    }
}

/// The request names exactly one redirect URI, and the client registered it (RFC 6749, 3.1.2.3;
/// Core, 3.1.2.1). OpenID Connect requires the parameter even of a client with only one URI.
fn redirect_uri(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let named = draft.params.one("redirect_uri").ok().flatten();
    let registered = named.filter(|uri| client::redirect_uri_matches(draft.client, uri));
    let uri = registered.ok_or(AuthorizationError::Page(PageErrorCode::RedirectUri))?;
    uri.clone_into(&mut draft.request.redirect_uri);
    draft.request.redirect_uri_in_request = true;
    // From here on errors are sent as the request wants its answer, if that is possible.
    let named = draft.params.one("response_mode").ok().flatten();
    draft.request.response_mode = named.and_then(|name| mode(draft, name)).unwrap_or_default();
    Ok(())
}

/// The mode of this name, if an answer can be sent so: a form can be posted to web addresses only.
fn mode(draft: &Draft<'_>, name: &str) -> Option<ResponseMode> {
    let mode = ResponseMode::ALL.into_iter().find(|mode| mode.name() == name)?;
    let to = &draft.request.redirect_uri;
    let web = to.starts_with("https:") || to.starts_with("http:");
    (mode != ResponseMode::FormPost || web).then_some(mode)
}

/// `state` is accepted whole or refused. It is checked early, so that later errors can echo it; the
/// error about its length echoes it too, or the client could not tell to what it belongs (RFC 6749,
/// 4.1.2.1).
fn state(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let state = draft.one("state")?;
    draft.request.state = state.map(ToOwned::to_owned);
    if state.is_some_and(|state| state.len() > MAX_ECHO) {
        let why = format!("state is longer than {MAX_ECHO} bytes");
        return Err(draft.refuse(Code::InvalidRequest, &why));
    }
    Ok(())
}

/// No parameter occurs twice, whether it is known or not (RFC 6749, 3.1).
fn duplicates(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    match draft.params.duplicate(REPEATABLE) {
        Some(duplicate) => Err(draft.refuse(Code::InvalidRequest, &duplicate.to_string())),
        None => Ok(()),
    }
}

/// `query`, which is the default for `code`, or `form_post`. An error about the mode is sent in the
/// query.
fn response_mode(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    match draft.one("response_mode")? {
        Some(name) if mode(draft, name).is_none() => Err(draft
            .refuse(Code::InvalidRequest, "response_mode is query, or form_post to a web address")),
        _ => Ok(()),
    }
}

/// Requests by value, by reference and self-registration are not supported (Core, 3.1.2.6).
fn request_object(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let refused = [
        ("request", Code::RequestNotSupported),
        ("request_uri", Code::RequestUriNotSupported),
        ("registration", Code::RegistrationNotSupported),
    ];
    match refused.into_iter().find(|(name, _)| draft.params.has(name)) {
        Some((name, code)) => Err(draft.refuse(code, &format!("{name} is not supported"))),
        None => Ok(()),
    }
}

/// Only `code` (checklist AUTH-4).
fn response_type(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    match draft.one("response_type")? {
        Some(value) if RESPONSE_TYPES.contains(&value) => Ok(()),
        Some(_) => {
            Err(draft.refuse(Code::UnsupportedResponseType, "only response_type code is supported"))
        }
        None => Err(draft.refuse(Code::InvalidRequest, "response_type is missing")),
    }
}

/// The client is registered for authorization codes (RFC 6749, 4.1.2.1; checklist AUTH-4).
fn grant(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    if draft.client.may_use(GrantType::AuthorizationCode) {
        return Ok(());
    }
    Err(draft.refuse(Code::UnauthorizedClient, "this client may not ask for authorization codes"))
}

/// Every resource that is named is registered, and the client may ask for it (RFC 8707, 2).
fn resources(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let refuse = |error: TargetError| draft.refuse(Code::InvalidTarget, &error.to_string());
    let mut resources = Vec::new();
    for name in target::named(draft.params).map_err(refuse)? {
        let known = draft.rules.targets.iter().find(|target| target.is_called(&name));
        let audience = match known {
            Some(target) => target.audience.clone(),
            None if name == draft.rules.issuer => name,
            None => return Err(refuse(TargetError::Unknown)),
        };
        if !resources.contains(&audience) {
            resources.push(audience);
        }
    }
    draft.request.resources = resources;
    Ok(())
}

/// Scopes that are known and that the client may ask for are kept, and those of the resources that
/// are asked for; others are ignored (checklist AUTH-7).
fn scope(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let text = draft.one("scope")?.unwrap_or_default();
    let asked =
        scope::parse(text).map_err(|error| draft.refuse(Code::InvalidScope, &error.to_string()))?;
    let supported = &draft.rules.scopes_supported;
    let named = |target: &&Target| draft.request.resources.contains(&target.audience);
    let targets: Vec<&Target> = draft.rules.targets.iter().filter(named).collect();
    let own = scope::allowed(&asked, supported, &draft.client.scopes);
    let of_resource = |scope: &String| {
        targets.iter().flat_map(|target| &target.scopes).any(|own| scope::covers(own, scope))
    };
    let kept = asked.into_iter().filter(|scope| own.contains(scope) || of_resource(scope));
    draft.request.scopes = kept.collect();
    Ok(())
}

/// `nonce` is accepted whole or refused. If it is absent, none is made up.
fn nonce(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let nonce = draft.one("nonce")?;
    if nonce.is_some_and(|nonce| nonce.len() > MAX_ECHO) {
        return Err(draft.refuse(Code::InvalidRequest, "nonce is too long"));
    }
    draft.request.nonce = nonce.map(ToOwned::to_owned);
    Ok(())
}

/// `none` must be the only value. Unknown values are ignored (Core, 3.1.2.1).
fn prompt(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let names = draft.list("prompt")?;
    if names.contains(&Prompt::None.name()) && names.len() > 1 {
        return Err(draft.refuse(Code::InvalidRequest, "prompt none with another value"));
    }
    let named = |prompt: &Prompt| names.contains(&prompt.name());
    draft.request.prompt = Prompt::ALL.into_iter().filter(named).collect();
    Ok(())
}

/// `max_age` is a number of seconds, 0 or more. If it is absent, the client's default applies.
fn max_age(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    draft.request.max_age = draft.client.default_max_age;
    let Some(text) = draft.one("max_age")? else { return Ok(()) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse::<i64>().ok().filter(|_| digits);
    let wrong = || draft.refuse(Code::InvalidRequest, "max_age is not a number of seconds");
    draft.request.max_age = Some(seconds.ok_or_else(wrong)?);
    Ok(())
}

/// Hints never make a request fail: a hint that cannot be used is ignored (checklist AUTH-9).
fn hints(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let owned = |words: Vec<&str>| -> Vec<String> {
        words.into_iter().filter(|word| word.len() <= 128).take(16).map(ToOwned::to_owned).collect()
    };
    let short = |hint: Option<&str>| hint.filter(|text| text.len() <= MAX_HINT).map(str::to_owned);
    draft.request.ui_locales = owned(draft.list("ui_locales")?);
    draft.request.acr_values = owned(draft.list("acr_values")?);
    draft.request.login_hint = short(draft.one("login_hint")?);
    draft.request.id_token_hint = short(draft.one("id_token_hint")?);
    Ok(())
}

/// Reads `claims`: single claims, of the scopes that the client is registered for (Core, 5.5).
fn claims(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let Some(text) = draft.one("claims")? else { return Ok(()) };
    let allowed = (draft.rules.claims_of)(&draft.client.scopes);
    let request = ClaimsRequest::parse(text, &allowed)
        .map_err(|reason| draft.refuse(Code::InvalidRequest, &reason))?;
    draft.request.claims = request;
    Ok(())
}

/// PKCE with S256, required of public clients and of clients registered to need it (RFC 9700,
/// 2.1.1; checklist AUTH-31).
fn pkce(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let (challenge, method) = (draft.one("code_challenge")?, draft.one("code_challenge_method")?);
    let challenge = CodeChallenge::from_parameters(challenge, method)
        .map_err(|error| draft.refuse(Code::InvalidRequest, &error.to_string()))?;
    if challenge.is_none() && draft.client.needs_pkce() {
        return Err(draft.refuse(Code::InvalidRequest, "this client needs a code_challenge (S256)"));
    }
    draft.request.code_challenge = challenge;
    Ok(())
}

/// A JSON array of objects whose `type` is supported and allowed to this client (RFC 9396, 2 and
/// 5). The other members of an object are checked by the code that owns its type.
fn authorization_details(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    let Some(text) = draft.one("authorization_details")? else { return Ok(()) };
    let entries = read_details(draft, text)
        .map_err(|reason| draft.refuse(Code::InvalidAuthorizationDetails, &reason))?;
    draft.request.authorization_details = entries;
    Ok(())
}

fn read_details(draft: &Draft<'_>, text: &str) -> Result<Vec<Claims>, String> {
    let value =
        json::parse(text.as_bytes()).map_err(|error| format!("authorization_details: {error}"))?;
    let Value::Array(entries) = value else {
        return Err("authorization_details is not a JSON array".to_owned());
    };
    if entries.is_empty() || entries.len() > MAX_DETAILS {
        return Err(format!("authorization_details has to have 1 to {MAX_DETAILS} entries"));
    }
    entries.into_iter().map(|entry| read_detail(draft, entry)).collect()
}

fn read_detail(draft: &Draft<'_>, entry: Value) -> Result<Claims, String> {
    let Value::Object(entry) = entry else {
        return Err("an entry of authorization_details is not an object".to_owned());
    };
    let Some(kind) = entry.get("type").and_then(Value::as_str) else {
        return Err("an entry of authorization_details has no type".to_owned());
    };
    if !draft.rules.authorization_details_types_supported.contains(&kind) {
        return Err(format!("unknown type {kind} in authorization_details"));
    }
    // A scope of the same name as the type decides whether the client may ask for it.
    if !draft.client.may_ask_for(kind) {
        return Err(format!("this client may not ask for {kind}"));
    }
    Ok(entry)
}

/// The request still asks for something: at least one scope or one of `authorization_details` was
/// accepted (RFC 6749, 3.3).
fn something_asked(draft: &mut Draft<'_>) -> Result<(), AuthorizationError> {
    if draft.request.scopes.is_empty() && draft.request.authorization_details.is_empty() {
        return Err(draft.refuse(Code::InvalidScope, "no scope that this client may ask for"));
    }
    Ok(())
}
