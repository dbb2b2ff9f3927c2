//! The routes: each takes the request apart, makes one call to the wallet, and renders the result.

use std::future::Future;
use std::sync::Arc;

use axum::extract::{Path, RawForm, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use sekisho_ambient::{Lang, Timestamp, constant_time_eq, sha256};

use super::State;
use super::owner::is_led_from_elsewhere;
use super::pages::{self, Accept, Again, Card, Connect, Frame, List, Message, Present};
use super::questions::{Answered, Asked, Attempts, Done, Kind, Link, Question, Unanswerable};
use crate::text;
use crate::{Credential, Prepared, PreparedOffer, PresentOutcome, Wallet, WalletError};

type Wallets = Shared<Arc<State>>;

/// The path of the question whether the wallet may call a program on this machine.
const CONNECT: &str = "/connect";
/// How many programs on this machine one link may lead to, the known ones included.
const MOST_PROGRAMS: usize = 8;

/// The wallet's own address. It also takes the links that the two questions take, because it may be
/// registered as the address for all links.
pub(super) async fn home(state: Wallets, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default();
    let has = |name| parameter(query.as_bytes(), name).is_some();
    if has("credential_offer") || has("credential_offer_uri") {
        ask_to_accept(state, uri, headers).await
    } else if has("request_uri") {
        ask_to_present(state, uri, headers).await
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
        Err(error) => pages::failure(frame, None, &error, None),
    }
}

pub(super) async fn ask_to_accept(state: Wallets, uri: Uri, headers: HeaderMap) -> Response {
    open(state, Kind::Accept, &uri, &headers).await
}

pub(super) async fn ask_to_present(state: Wallets, uri: Uri, headers: HeaderMap) -> Response {
    open(state, Kind::Present, &uri, &headers).await
}

/// Opens the link that stands in the query of this page's address.
async fn open(Shared(state): Wallets, kind: Kind, uri: &Uri, headers: &HeaderMap) -> Response {
    let frame = frame(&state, uri, headers);
    let query = query_without(uri, "lang");
    let link = Link { kind, query, here: state.known.clone() };
    // Scripts say yes to programs on this machine too, but not where another site led here.
    let connects = state.auto && !is_led_from_elsewhere(headers);
    follow(&state, frame, link, connects).await
}

/// Finds out what the link asks for, and asks the holder. `connects` says whether the wallet may call
/// programs on this machine without asking.
async fn follow(state: &State, frame: Frame, mut link: Link, connects: bool) -> Response {
    loop {
        let wallet = state.wallet_for(&link);
        let url = wallet_link(&link);
        let opened = match link.kind {
            Kind::Accept => {
                wallet.prepare_offer(&url).await.map(|offer| Opened::Offer(Box::new(offer)))
            }
            Kind::Present => {
                wallet.prepare(&url).await.map(|request| Opened::Request(Box::new(request)))
            }
        };
        match opened {
            Ok(Opened::Offer(offer)) => return offered(state, frame, link, offer).await,
            Ok(Opened::Request(request)) => return requested(state, frame, link, request).await,
            Err(WalletError::ThisMachine(origin)) if link.here.len() < MOST_PROGRAMS => {
                link.here.push(origin);
                if !connects {
                    return connect_page(state, frame, link);
                }
            }
            Err(error) => {
                let again = Again::Link(page_of(&link, &frame));
                return pages::failure(frame, Some(link.kind), &error, Some(again));
            }
        }
    }
}

/// What a link led to.
enum Opened {
    Offer(Box<PreparedOffer>),
    Request(Box<Prepared>),
}

fn connect_page(state: &State, frame: Frame, link: Link) -> Response {
    let origin = link.here.last().cloned().unwrap_or_default();
    let asked = state.ask(Question::Connect(link), CONNECT);
    let page = Connect { frame, origin: &origin, id: &asked.id, token: &asked.token };
    pages::question(StatusCode::OK, &page, &asked)
}

pub(super) async fn connect(
    Shared(state): Wallets,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    let frame = Frame { other: String::new(), ..frame(&state, &uri, &headers) };
    let link = match state.answered(&id, CONNECT, &form, &headers) {
        Ok(Answered { question: Question::Connect(link), .. }) => link,
        Ok(_) => return unanswerable(frame, &Unanswerable::NotOurs),
        Err(reason) => return unanswerable(frame, &reason),
    };
    match parameter(&form, "answer").as_deref() {
        Some("connect") => follow(&state, frame, link, false).await,
        _ => Redirect::to("/").into_response(),
    }
}

async fn offered(state: &State, frame: Frame, link: Link, offer: Box<PreparedOffer>) -> Response {
    if !state.auto {
        let question = Question::Accept(link, offer.clone());
        let asked = state.ask(question, Kind::Accept.path());
        return accept_page(frame, &offer, &asked, None);
    }
    let tx_code = parameter(link.query.as_bytes(), "tx_code");
    match state.wallet_for(&link).receive(&offer, tx_code.as_deref()).await {
        Ok(_) => Redirect::to("/").into_response(),
        Err(error) => pages::failure(frame, Some(Kind::Accept), &error, None),
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
    let answered = match state.answered(&id, Kind::Accept.path(), &form, &headers) {
        Ok(answered) => answered,
        Err(reason) => return unanswerable(frame, &reason),
    };
    let Answered { question: Question::Accept(link, offer), attempts, asked } = answered else {
        return unanswerable(frame, &Unanswerable::NotOurs);
    };
    to_the_end(async move {
        let mut attempts = attempts.lock().await;
        if attempts.done.is_none() && parameter(&form, "answer").as_deref() != Some("accept") {
            attempts.done = Some(Done::List);
        }
        if let Some(done) = &attempts.done {
            return finished(frame, done);
        }
        let typed = parameter(&form, "tx_code");
        let received = receive(&state.wallet_for(&link), &offer, typed, &mut attempts).await;
        match received {
            Ok(()) => finished(frame, attempts.done.insert(Done::List)),
            // The form stays open: a mistyped code may be typed again, until the issuer refuses more
            // tries, and a peer that was not reached may be reached next time.
            Err(error) if may_be_sent_again(&offer, &error) => {
                accept_page(frame, &offer, &asked, Some(&error))
            }
            Err(error) => pages::failure(frame, Some(Kind::Accept), &error, None),
        }
    })
    .await
}

/// Receives what is offered. A transaction code that was refused before is not sent again.
async fn receive(
    wallet: &Wallet,
    offer: &PreparedOffer,
    typed: Option<String>,
    attempts: &mut Attempts,
) -> Result<(), WalletError> {
    let code = offer.tx_code.as_ref().zip(typed.as_ref()).map(|(hint, typed)| hint.read(typed));
    let digest = code.map(|code| sha256(code.as_bytes()));
    let is_same = |wrong: &[u8; 32]| digest.is_some_and(|typed| constant_time_eq(wrong, &typed));
    let refused = attempts.wrong.iter().find(|(wrong, _)| is_same(wrong));
    if let Some((_, certain)) = refused {
        return Err(WalletError::WrongTxCode { certain: *certain });
    }
    let received = wallet.receive(offer, typed.as_deref()).await;
    if let (Err(WalletError::WrongTxCode { certain }), Some(digest)) = (&received, digest) {
        attempts.wrong.push((digest, *certain));
    }
    received.map(drop)
}

fn may_be_sent_again(offer: &PreparedOffer, error: &WalletError) -> bool {
    match error {
        WalletError::TxCode(_) | WalletError::WrongTxCode { .. } => offer.tx_code.is_some(),
        WalletError::Unreachable { .. } => true,
        _ => false,
    }
}

fn accept_page(
    frame: Frame,
    offer: &PreparedOffer,
    asked: &Asked,
    error: Option<&WalletError>,
) -> Response {
    let status = error.map_or(StatusCode::OK, pages::status);
    let failure = error.map(|error| error.explain(frame.lang));
    let page = Accept { frame, offer, id: &asked.id, token: &asked.token, failure };
    pages::question(status, &page, asked)
}

async fn requested(state: &State, frame: Frame, link: Link, prepared: Box<Prepared>) -> Response {
    if state.auto && prepared.unattended().is_ok() {
        return match state.wallet_for(&link).present(*prepared).await {
            Ok(PresentOutcome { redirect_uri: Some(to), .. }) => found(&to),
            Ok(outcome) => finished(frame, &Done::Returned { declined: false, outcome }),
            Err(error) => pages::failure(frame, Some(Kind::Present), &error, None),
        };
    }
    let status = if prepared.missing.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let asked = state.ask(Question::Present(link, prepared.clone()), Kind::Present.path());
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
    let answered = match state.answered(&id, Kind::Present.path(), &form, &headers) {
        Ok(answered) => answered,
        Err(reason) => return unanswerable(frame, &reason),
    };
    let Answered { question: Question::Present(link, prepared), attempts, asked } = answered else {
        return unanswerable(frame, &Unanswerable::NotOurs);
    };
    let declined = parameter(&form, "answer").as_deref() != Some("present");
    to_the_end(async move {
        let mut attempts = attempts.lock().await;
        if let Some(done) = &attempts.done {
            return finished(frame, done);
        }
        match reply(&state.wallet_for(&link), &prepared, declined, &mut attempts).await {
            Ok(outcome) => {
                finished(frame, attempts.done.insert(Done::Returned { declined, outcome }))
            }
            Err(error @ WalletError::Unreachable { .. }) => {
                let action = format!("/authorize/{}?lang={}", asked.id, frame.lang.tag());
                let answer = if declined { "decline" } else { "present" };
                let again = Again::Form { action, token: asked.token, answer };
                pages::failure(frame, Some(Kind::Present), &error, Some(again))
            }
            Err(error) => {
                let again = Again::Link(page_of(&link, &frame));
                pages::failure(frame, Some(Kind::Present), &error, Some(again))
            }
        }
    })
    .await
}

/// Answers the verifier. After a failure, the same answer is sent again.
async fn reply(
    wallet: &Wallet,
    prepared: &Prepared,
    declined: bool,
    attempts: &mut Attempts,
) -> Result<PresentOutcome, WalletError> {
    let made = attempts.reply.take().filter(|(declines, _)| *declines == declined);
    let reply = match made {
        Some((_, reply)) => reply,
        None if declined => crate::present::refuse(prepared)?,
        None => wallet.consent(prepared)?,
    };
    let (_, reply) = attempts.reply.insert((declined, reply));
    wallet.send(reply).await
}

/// Does this to its end, even if the browser goes away meanwhile: a code that was redeemed must not
/// be lost with the connection.
async fn to_the_end(work: impl Future<Output = Response> + Send + 'static) -> Response {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Sends the browser on, or shows a page that says that all is done.
fn finished(frame: Frame, done: &Done) -> Response {
    let (declined, outcome) = match done {
        Done::List => return Redirect::to("/").into_response(),
        Done::Returned { declined, outcome } => (*declined, outcome.clone()),
    };
    let (title, lead) = if declined {
        (text::DECLINED_TITLE, text::DECLINED_LEAD)
    } else {
        (text::DONE_TITLE, text::DONE_LEAD)
    };
    let (sentence, next) = match outcome {
        PresentOutcome { redirect_uri: Some(to), foreign: false } => return found(&to),
        PresentOutcome { redirect_uri: Some(to), foreign: true } => {
            (text::CONTINUE_LEAD.say(frame.lang), Some(to))
        }
        PresentOutcome { redirect_uri: None, .. } => (lead.say(frame.lang), None),
    };
    let sentences = vec![sentence.to_owned()];
    let page = Message { frame, title, sentences, next, again: None, failed: false };
    pages::render(StatusCode::OK, &page)
}

fn found(to: &str) -> Response {
    Redirect::to(to).into_response()
}

fn unanswerable(frame: Frame, reason: &Unanswerable) -> Response {
    let (status, sentence) = match reason {
        Unanswerable::NotOurs => (StatusCode::FORBIDDEN, text::NOT_OURS),
        Unanswerable::Ended => (StatusCode::GONE, text::ENDED),
    };
    pages::render(status, &Message::failed(frame, text::ERROR_TITLE, &[sentence]))
}

/// Chooses the language of the answer, and makes this page's address in the other language.
pub(super) fn frame(state: &State, uri: &Uri, headers: &HeaderMap) -> Frame {
    let query = uri.query().unwrap_or_default();
    let chosen = parameter(query.as_bytes(), "lang").and_then(|lang| Lang::parse(&lang));
    let accepted = || Lang::from_list(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
    let lang = chosen.or_else(accepted).unwrap_or(state.lang);
    let other = if lang == Lang::Ja { Lang::En } else { Lang::Ja };
    let query = query_without(uri, "lang");
    let separator = if query.is_empty() { "" } else { "&" };
    Frame { lang, other: format!("{}?{query}{separator}lang={}", uri.path(), other.tag()) }
}

/// The link that was opened here, written with the scheme that a wallet would be opened by.
fn wallet_link(link: &Link) -> String {
    let scheme = match link.kind {
        Kind::Accept => "openid-credential-offer",
        Kind::Present => "openid4vp",
    };
    format!("{scheme}://?{}", link.query)
}

/// The address of the page that opens this link.
fn page_of(link: &Link, frame: &Frame) -> String {
    format!("{}?{}&lang={}", link.kind.path(), link.query, frame.lang.tag())
}

/// The path and query of an address, without the parameter `name`.
pub(super) fn without(uri: &Uri, name: &str) -> String {
    let query = query_without(uri, name);
    if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) }
}

fn query_without(uri: &Uri, name: &str) -> String {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(pairs.filter(|(found, _)| found != name));
    out.finish()
}

impl State {
    fn ask(&self, question: Question, path: &str) -> Asked {
        self.questions.ask(question, path, self.wallet.now(), &self.wallet.entropy)
    }

    fn answered(
        &self,
        id: &str,
        path: &str,
        form: &[u8],
        headers: &HeaderMap,
    ) -> Result<Answered, Unanswerable> {
        let token = parameter(form, "token").unwrap_or_default();
        self.questions.answered(id, path, &token, headers, self.wallet.now())
    }
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
