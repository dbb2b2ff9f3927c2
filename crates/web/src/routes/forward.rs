//! What reverse proxies ask about the visitors of guarded origins, and the pages below `/.sekisho/` of
//! those origins, which they pass on to us. `proxied` reads what they say.

mod proxied;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use sekisho_broker::forward::{ForwardAuth, Guarded, Proof, Verdict};
use sekisho_profile::Code;
use sekisho_site::{Mismatch, Refusal, Site};

use crate::cookies::GuardCookie;
use crate::extract::PageQuery;
use crate::reply::{bare, json, see_other};
use proxied::{Proxied, Way};

/// Whether a visitor may pass: 200 with what the service is told, else 401 or 403 with a challenge. A
/// browser that may log in is sent there; nginx takes no redirect from us, so it gets 401 with a
/// `Location`, and makes the redirect itself.
pub(crate) async fn decide(State(forward): State<ForwardAuth>, asked: Proxied) -> Response {
    let at = match asked.at(&forward) {
        Ok(at) => at,
        Err(refusal) => return refuse(&asked.site, &refusal),
    };
    // The proxy asks about a path that it has to pass on: the login would never be reached.
    if asked.is_about_us() {
        return refuse(&asked.site, &Refusal::code(Code::NotGuarded, ""));
    }
    let sessions = GuardCookie::session(at).read(&asked.headers);
    let proof = match asked.bearer() {
        Some(token) => Proof::Token(token),
        None => Proof::Sessions(&sessions),
    };
    let verdict = match forward.decide(at, proof).await {
        Ok(verdict) => verdict,
        Err(refusal) => return bare(&refusal),
    };
    match verdict {
        Verdict::Pass(told) => pass(told),
        Verdict::LogIn if asked.is_navigation() => to_login(at, &asked, &verdict),
        Verdict::LogIn | Verdict::InvalidToken => {
            challenge(at, &verdict, StatusCode::UNAUTHORIZED.into_response())
        }
        Verdict::Insufficient(_) => {
            challenge(at, &verdict, refuse(&asked.site, &at.missing_group()))
        }
    }
}

fn pass(told: Vec<(&'static str, String)>) -> Response {
    let mut response = StatusCode::OK.into_response();
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn to_login(at: Guarded<'_>, asked: &Proxied, verdict: &Verdict) -> Response {
    let url = at.login_url(asked.path());
    match asked.way() {
        Way::Forwarded => challenge(at, verdict, see_other(&url)),
        Way::Original => {
            let mut response = challenge(at, verdict, StatusCode::UNAUTHORIZED.into_response());
            if let Ok(url) = HeaderValue::from_str(&url) {
                response.headers_mut().insert(LOCATION, url);
            }
            response
        }
    }
}

fn challenge(at: Guarded<'_>, verdict: &Verdict, mut response: Response) -> Response {
    if let Ok(value) = HeaderValue::from_str(&at.challenge(verdict)) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// Begins a login at a guarded origin.
pub(crate) async fn login(
    State(forward): State<ForwardAuth>,
    asked: Proxied,
    PageQuery(params): PageQuery,
) -> Response {
    let answer = async {
        let at = asked.at(&forward)?;
        let to = params.one("to").map_err(|_| Refusal::code(Code::RedirectUri, ""))?;
        let cookie = GuardCookie::binder(at);
        let begun = forward.begin(at, to, &cookie.read(&asked.headers)).await?;
        let mut response = see_other(&begun.url);
        cookie.set(response.headers_mut(), &begun.binder, asked.site.now());
        Ok::<_, Refusal>(response)
    };
    answer.await.unwrap_or_else(|refusal| refuse(&asked.site, &refusal))
}

/// Ends a login at a guarded origin: begins the session, and sends the browser where it wanted to go.
pub(crate) async fn callback(
    State(forward): State<ForwardAuth>,
    asked: Proxied,
    PageQuery(params): PageQuery,
) -> Response {
    let answer = async {
        let at = asked.at(&forward)?;
        let binders = GuardCookie::binder(at).read(&asked.headers);
        let completed = forward.complete(at, &params, &binders).await?;
        let mut response = see_other(&completed.url);
        let cookie = GuardCookie::session(at);
        cookie.set(response.headers_mut(), &completed.session, asked.site.now());
        Ok::<_, Refusal>(response)
    };
    answer.await.unwrap_or_else(|refusal| refuse(&asked.site, &refusal))
}

/// Ends the session at a guarded origin, and leads to the broker's own log-out. A link or an image of
/// another site ends nothing.
pub(crate) async fn logout(State(forward): State<ForwardAuth>, asked: Proxied) -> Response {
    let answer = async {
        let at = asked.at(&forward)?;
        if asked.is_cross_site() {
            return Err(Refusal::code(Code::LogoutRequest, ""));
        }
        let cookie = GuardCookie::session(at);
        let url = forward.end(at, &cookie.read(&asked.headers)).await?;
        let mut response = see_other(&url);
        cookie.forget(response.headers_mut());
        Ok::<_, Refusal>(response)
    };
    answer.await.unwrap_or_else(|refusal| refuse(&asked.site, &refusal))
}

/// The protected resource metadata of a guarded origin (RFC 9728).
pub(crate) async fn metadata(State(forward): State<ForwardAuth>, asked: Proxied) -> Response {
    let answer = async { forward.metadata(asked.at(&forward)?).await };
    match answer.await {
        Ok(document) => json(200, &document),
        Err(refusal) => refuse(&asked.site, &refusal),
    }
}

/// A refusal as text, in both languages: styles and pictures of ours are not at a guarded origin. It
/// names the reference of its line in the log.
fn refuse(site: &Site, refusal: &Refusal) -> Response {
    let code = refusal.told();
    let entry = code.entry();
    let reference = site.fresh_reference();
    let unknown = Mismatch::default();
    let facts = match refusal {
        Refusal::Client { facts, .. } => facts,
        _ => &unknown,
    };
    if let Refusal::Store(error) = refusal {
        tracing::error!(reference, %error, "the store did not answer");
    } else {
        site.log_refusal(&reference, code.id(), facts);
    }
    let status = StatusCode::from_u16(entry.status).unwrap_or(StatusCode::FORBIDDEN);
    let (ja, en) = (
        format!("{}{}", entry.cause.ja, entry.user.ja),
        format!("{} {}", entry.cause.en, entry.user.en),
    );
    let body = format!("{code}\n{ja}\n{en}\n({reference})\n");
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(CONTENT_TYPE, text)], body).into_response()
}
