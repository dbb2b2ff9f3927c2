//! The router, on one screen.

mod authorize;
mod consent;
mod device;
mod documents;
mod forward;
mod issuer;
mod login;
mod logout;
mod token;
mod userinfo;
mod wallet;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use sekisho_site::paths::{
    AUTHORIZATION_SERVER, AUTHORIZE, CANCEL, COMPLETE, CONSENT, CREDENTIAL, DEVICE,
    DEVICE_AUTHORIZATION, DID, FORWARD_AUTH, GUARD_CALLBACK, GUARD_LOGIN, GUARD_LOGOUT,
    GUARD_METADATA, INTROSPECT, ISSUER, ISSUER_APPENDED, JWKS, JWT_VC_ISSUER, LOGIN, LOGOUT,
    LOGOUT_CONFIRM, LOGOUT_DONE, NONCE, NUMBER, OFFER, OPENID_CONFIGURATION, ORG_DID, PHONE,
    PHONE_DECLINED, RENEW, REQUEST, RESOURCE_JWKS, RESPONSE, REVOKE, STATUS_LIST, TOKEN, TYPE,
    USERINFO,
};

use crate::app::App;
use crate::cors;

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// The longest authorization request by POST, in bytes. It is limited because it is redirected as a
/// query.
const MAX_POSTED_REQUEST: usize = 16 * 1024;

pub(crate) fn router(app: &App) -> Router<App> {
    let open = wallets().merge(documents()).route_layer(middleware::from_fn(cors::anybody));
    let clients =
        of_clients().route_layer(middleware::from_fn_with_state(app.clone(), cors::of_clients));
    let router = browsers()
        .merge(guarded())
        .merge(open)
        .merge(clients)
        .layer(DefaultBodyLimit::max(MAX_BODY));
    crate::pages::ASSETS.iter().fold(router, |router, (path, content_type, body)| {
        router.route(path, get(move || std::future::ready(documents::asset(content_type, body))))
    })
}

/// What browsers open, and what is for a client's server alone. No page of another origin reads it.
fn browsers() -> Router<App> {
    let short = DefaultBodyLimit::max(MAX_POSTED_REQUEST);
    Router::new()
        .route(AUTHORIZE, get(authorize::by_query).merge(post(authorize::by_form).layer(short)))
        .route(LOGIN, get(login::page))
        .route(COMPLETE, get(login::complete))
        .route(NUMBER, post(login::number))
        .route(CANCEL, post(login::cancel))
        .route(RENEW, post(login::renew))
        .route(PHONE, get(login::phone))
        .route(PHONE_DECLINED, get(login::phone_declined))
        .route(CONSENT, get(consent::page).post(consent::answer))
        .route(DEVICE, get(device::page).post(device::typed))
        .route(LOGOUT, get(logout::by_query).merge(post(logout::by_form).layer(short)))
        .route(LOGOUT_CONFIRM, get(logout::question).post(logout::answer))
        .route(LOGOUT_DONE, get(logout::done))
        .route(INTROSPECT, post(token::introspect))
}

/// What the proxies of guarded origins ask, and what they pass on to us.
fn guarded() -> Router<App> {
    Router::new()
        .route(FORWARD_AUTH, get(forward::decide))
        .route(GUARD_LOGIN, get(forward::login))
        .route(GUARD_CALLBACK, get(forward::callback))
        .route(GUARD_LOGOUT, get(forward::logout))
        .route(GUARD_METADATA, get(forward::metadata))
}

/// What relying parties call, also from their pages.
fn of_clients() -> Router<App> {
    Router::new()
        .route(TOKEN, post(token::token))
        .route(DEVICE_AUTHORIZATION, post(device::authorize))
        .route(REVOKE, post(token::revoke))
        .route(USERINFO, get(userinfo::by_get).post(userinfo::by_post))
}

fn wallets() -> Router<App> {
    Router::new()
        .route(REQUEST, get(wallet::request).post(wallet::request_by_post))
        .route(RESPONSE, post(wallet::response))
        .route(OFFER, get(issuer::offer))
        .route(NONCE, post(issuer::nonce))
        .route(CREDENTIAL, post(issuer::credential))
}

fn documents() -> Router<App> {
    Router::new()
        .route(OPENID_CONFIGURATION, get(documents::discovery))
        .route(AUTHORIZATION_SERVER, get(documents::discovery))
        .route(JWKS, get(documents::jwks))
        .route(RESOURCE_JWKS, get(documents::resource_jwks))
        .route(DID, get(documents::did))
        .route(ORG_DID, get(documents::organization_did))
        .route(ISSUER, get(documents::issuer))
        .route(ISSUER_APPENDED, get(documents::issuer))
        .route(JWT_VC_ISSUER, get(documents::jwt_vc_issuer))
        .route(STATUS_LIST, get(documents::status_list))
        .route(TYPE, get(documents::credential_type))
}
