//! The routes: each takes the request apart, makes one call to the wallet, and renders the result.

use std::sync::Arc;

use axum::extract::{Path, RawForm, RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use sekisho_ambient::{Lang, Timestamp, Words};

use super::State;
use super::guard::{Question, Unanswerable};
use super::pages::{self, Accept, Card, Frame, List, Message, Present};
use crate::text;
use crate::{Credential, Prepared, PreparedOffer, PresentOutcome, WalletError};

type Wallets = Shared<Arc<State>>;

/// The wallet's own address. It also takes the links that the two questions take, because it may be
/// registered as the address for all links.
pub(super) async fn home(
    state: Wallets,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let has = |name| parameter(query.as_deref().unwrap_or_default().as_bytes(), name).is_some();
    if has("credential_offer") || has("credential_offer_uri") {
        ask_to_accept(state, uri, RawQuery(query), headers).await
    } else if has("request_uri") {
        ask_to_present(state, uri, RawQuery(query), headers).await
    } else {
        list(&state, &uri, &headers)
    }
}

fn list(state: &State, uri: &Uri, headers: &HeaderMap) -> Response {
    let frame = frame(state, uri, headers);
    match state.wallet.credentials() {
        Ok(credentials) => {
            let now = state.wallet.now();
            let card = |credential: Credential| card(credential, frame.lang, now);
            let credentials = credentials.into_iter().map(card).collect();
            pages::render(StatusCode::OK, &List { frame, credentials })
        }
        Err(error) => pages::failure(frame, &error),
    }
}

pub(super) async fn ask_to_accept(
    Shared(state): Wallets,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let frame = frame(&state, &uri, &headers);
    let query = query.unwrap_or_default();
    let offer = match state.wallet.prepare_offer(&link("openid-credential-offer", &query)).await {
        Ok(offer) => offer,
        Err(error) => return pages::failure(frame, &error),
    };
    if !state.auto {
        return accept_page(&state, frame, offer, None);
    }
    match state.wallet.receive(&offer, parameter(query.as_bytes(), "tx_code").as_deref()).await {
        Ok(_) => Redirect::to("/").into_response(),
        Err(error) => pages::failure(frame, &error),
    }
}

pub(super) async fn accept(
    Shared(state): Wallets,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    let frame = Frame { other: String::new(), ..frame(&state, &uri, &headers) };
    let token = parameter(&form, "token").unwrap_or_default();
    let offer = match state.questions.answered(&id, &token, &headers, state.wallet.now()) {
        Ok(Question::Accept(offer)) => *offer,
        Ok(_) => return unanswerable(frame, &Unanswerable::NotOurs),
        Err(reason) => return unanswerable(frame, &reason),
    };
    if parameter(&form, "answer").as_deref() != Some("accept") {
        return Redirect::to("/").into_response();
    }
    match state.wallet.receive(&offer, parameter(&form, "tx_code").as_deref()).await {
        Ok(_) => Redirect::to("/").into_response(),
        // A mistyped code may be typed again, until the issuer refuses more tries.
        Err(error) if offer.tx_code.is_some() && is_mistyped(&error) => {
            let failure = error.explain(frame.lang);
            accept_page(&state, frame, offer, Some(failure))
        }
        Err(error) => pages::failure(frame, &error),
    }
}

fn accept_page(
    state: &State,
    frame: Frame,
    offer: PreparedOffer,
    failure: Option<String>,
) -> Response {
    let status = if failure.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let offer = Box::new(offer);
    let question = Question::Accept(offer.clone());
    let asked = state.questions.ask(question, "/accept", state.wallet.now(), &state.wallet.entropy);
    let page = Accept { frame, offer: &offer, id: &asked.id, token: &asked.token, failure };
    pages::question(status, &page, &asked)
}

pub(super) async fn ask_to_present(
    Shared(state): Wallets,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let frame = frame(&state, &uri, &headers);
    let query = query.unwrap_or_default();
    let prepared = match state.wallet.prepare(&link("openid4vp", &query)).await {
        Ok(prepared) => prepared,
        Err(error) => return pages::failure(frame, &error),
    };
    if state.auto && prepared.unattended().is_ok() {
        return match state.wallet.present(prepared).await {
            Ok(PresentOutcome { redirect_uri: Some(to), .. }) => found(&to),
            outcome => returned(frame, outcome, text::DONE_TITLE, text::DONE_LEAD),
        };
    }
    present_page(&state, frame, prepared)
}

fn present_page(state: &State, frame: Frame, prepared: Prepared) -> Response {
    let status = if prepared.missing.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let prepared = Box::new(prepared);
    let question = Question::Present(prepared.clone());
    let asked =
        state.questions.ask(question, "/authorize", state.wallet.now(), &state.wallet.entropy);
    let page = Present { frame, prepared: &prepared, id: &asked.id, token: &asked.token };
    pages::question(status, &page, &asked)
}

pub(super) async fn present(
    Shared(state): Wallets,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    let frame = Frame { other: String::new(), ..frame(&state, &uri, &headers) };
    let token = parameter(&form, "token").unwrap_or_default();
    let prepared = match state.questions.answered(&id, &token, &headers, state.wallet.now()) {
        Ok(Question::Present(prepared)) => *prepared,
        Ok(_) => return unanswerable(frame, &Unanswerable::NotOurs),
        Err(reason) => return unanswerable(frame, &reason),
    };
    match parameter(&form, "answer").as_deref() {
        Some("present") => {
            returned(frame, state.wallet.present(prepared).await, text::DONE_TITLE, text::DONE_LEAD)
        }
        _ => returned(
            frame,
            state.wallet.decline(prepared).await,
            text::DECLINED_TITLE,
            text::DECLINED_LEAD,
        ),
    }
}

/// The error of a wrong transaction code is `invalid_grant` (OpenID4VCI 1.0, section 6.3).
fn is_mistyped(error: &WalletError) -> bool {
    match error {
        WalletError::TxCode(_) => true,
        WalletError::Refused { error, .. } => error == "invalid_grant",
        _ => false,
    }
}

/// Sends the browser back to the verifier, or shows a page that says that all is done.
fn returned(
    frame: Frame,
    outcome: Result<PresentOutcome, WalletError>,
    title: Words,
    lead: Words,
) -> Response {
    let lang = frame.lang;
    let (sentence, next) = match outcome {
        Err(error) => return pages::failure(frame, &error),
        Ok(PresentOutcome { redirect_uri: Some(to), foreign: false }) => return found(&to),
        Ok(PresentOutcome { redirect_uri: Some(to), foreign: true }) => {
            (text::CONTINUE_LEAD.say(lang).to_owned(), Some(to))
        }
        Ok(PresentOutcome { redirect_uri: None, .. }) => (lead.say(lang).to_owned(), None),
    };
    pages::render(StatusCode::OK, &Message { frame, title, sentence, next, failed: false })
}

fn found(to: &str) -> Response {
    Redirect::to(to).into_response()
}

fn unanswerable(frame: Frame, reason: &Unanswerable) -> Response {
    let (status, sentence) = match reason {
        Unanswerable::NotOurs => (StatusCode::FORBIDDEN, text::NOT_OURS),
        Unanswerable::Ended => (StatusCode::GONE, text::ENDED),
    };
    let sentence = sentence.say(frame.lang).to_owned();
    let page = Message { frame, title: text::ERROR_TITLE, sentence, next: None, failed: true };
    pages::render(status, &page)
}

/// Chooses the language of the answer, and makes this page's address in the other language.
fn frame(state: &State, uri: &Uri, headers: &HeaderMap) -> Frame {
    let query = uri.query().unwrap_or_default();
    let chosen = parameter(query.as_bytes(), "lang").and_then(|lang| Lang::parse(&lang));
    let accepted = || Lang::from_list(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
    let lang = chosen.or_else(accepted).unwrap_or(state.lang);
    let other = if lang == Lang::Ja { Lang::En } else { Lang::Ja };
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(without_lang(query));
    pairs.append_pair("lang", other.tag());
    Frame { lang, other: format!("{}?{}", uri.path(), pairs.finish()) }
}

/// The link that was opened here, written with the scheme that a wallet would be opened by.
fn link(scheme: &str, query: &str) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(without_lang(query));
    format!("{scheme}://?{}", pairs.finish())
}

fn without_lang(
    query: &str,
) -> impl Iterator<Item = (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "lang")
}

fn parameter(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(form).filter(|(found, _)| found == name);
    pairs.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn card(credential: Credential, lang: Lang, now: Timestamp) -> Card {
    let time =
        |time: Timestamp| if lang == Lang::Ja { time.to_japanese() } else { time.to_english() };
    let expires = credential.expires.map_or_else(|| text::NO_EXPIRY.say(lang).to_owned(), time);
    let expired = credential.expires.is_some_and(|expires| expires <= now);
    Card { expires, expired, received: time(credential.received), credential }
}
