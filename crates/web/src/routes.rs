//! The router, on one screen.

mod authorize;
mod consent;
mod documents;
mod issuer;
mod login;
mod logout;
mod token;
mod userinfo;
mod wallet;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use sekisho_site::paths::{
    AUTHORIZATION_SERVER, AUTHORIZE, CANCEL, COMPLETE, CONSENT, CREDENTIAL, DID, INTROSPECT,
    ISSUER, ISSUER_APPENDED, JWKS, JWT_VC_ISSUER, LOGIN, LOGOUT, LOGOUT_CONFIRM, LOGOUT_DONE,
    NONCE, NUMBER, OFFER, OPENID_CONFIGURATION, ORG_DID, PHONE, PHONE_DECLINED, RENEW, REQUEST,
    RESPONSE, REVOKE, STATUS_LIST, TOKEN, TYPE, USERINFO,
};

use crate::app::App;

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// The longest authorization request by POST, in bytes. It is limited because it is redirected as a
/// query.
const MAX_POSTED_REQUEST: usize = 16 * 1024;

pub(crate) fn router() -> Router<App> {
    let router = Router::new()
        // browsers
        .route(AUTHORIZE, get(authorize::by_query))
        .route(AUTHORIZE, post(authorize::by_form).layer(DefaultBodyLimit::max(MAX_POSTED_REQUEST)))
        .route(LOGIN, get(login::page))
        .route(COMPLETE, get(login::complete))
        .route(NUMBER, post(login::number))
        .route(CANCEL, post(login::cancel))
        .route(RENEW, post(login::renew))
        .route(PHONE, get(login::phone))
        .route(PHONE_DECLINED, get(login::phone_declined))
        .route(CONSENT, get(consent::page).post(consent::answer))
        .route(LOGOUT, get(logout::by_query))
        .route(LOGOUT, post(logout::by_form).layer(DefaultBodyLimit::max(MAX_POSTED_REQUEST)))
        .route(LOGOUT_CONFIRM, get(logout::question).post(logout::answer))
        .route(LOGOUT_DONE, get(logout::done))
        // wallets
        .route(REQUEST, get(wallet::request).post(wallet::request_by_post))
        .route(RESPONSE, post(wallet::response))
        .route(OFFER, get(issuer::offer))
        .route(NONCE, post(issuer::nonce))
        .route(CREDENTIAL, post(issuer::credential))
        // relying parties
        .route(TOKEN, post(token::token))
        .route(INTROSPECT, post(token::introspect))
        .route(REVOKE, post(token::revoke))
        .route(USERINFO, get(userinfo::by_get).post(userinfo::by_post))
        // documents
        .route(OPENID_CONFIGURATION, get(documents::discovery))
        .route(AUTHORIZATION_SERVER, get(documents::discovery))
        .route(JWKS, get(documents::jwks))
        .route(DID, get(documents::did))
        .route(ORG_DID, get(documents::organization_did))
        .route(ISSUER, get(documents::issuer))
        .route(ISSUER_APPENDED, get(documents::issuer))
        .route(JWT_VC_ISSUER, get(documents::jwt_vc_issuer))
        .route(STATUS_LIST, get(documents::status_list))
        .route(TYPE, get(documents::credential_type))
        .layer(DefaultBodyLimit::max(MAX_BODY));
    crate::pages::ASSETS.iter().fold(router, |router, (path, content_type, body)| {
        router.route(path, get(move || std::future::ready(documents::asset(content_type, body))))
    })
}
