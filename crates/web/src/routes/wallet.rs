//! The endpoints for wallets: the request object and the response endpoint (OpenID4VP 1.0, sections
//! 5.10 and 8.2).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use sekisho_login::{Logins, WalletRefusal};
use serde_json::json;

use crate::extract::{Form, LinkInPath};
use crate::reply::{json, log};

/// The longest `wallet_nonce`, in bytes. Wallets send 16 to 64.
const MAX_NONCE: usize = 256;

fn is_nonce(text: &str) -> bool {
    text.len() <= MAX_NONCE && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Media type of a request object (RFC 9101, section 9.1).
const REQUEST_OBJECT: &str = "application/oauth-authz-req+jwt";

pub(crate) async fn request(
    State(logins): State<Logins>,
    LinkInPath(link): LinkInPath,
) -> Response {
    object(&logins, &link, None).await
}

pub(crate) async fn request_by_post(
    State(logins): State<Logins>,
    LinkInPath(link): LinkInPath,
    Form(form): Form,
) -> Response {
    // It comes back in the signed request, which is kept until it expires (OpenID4VP 1.0, section
    // 5.10): whatever a stranger writes there is as long as we let it be.
    match form.one("wallet_nonce") {
        Ok(nonce) if nonce.is_none_or(is_nonce) => object(&logins, &link, nonce).await,
        _ => json(
            400,
            &json!({
                "error": "invalid_request",
                "error_description": format!("wallet_nonce is not 1 to {MAX_NONCE} characters of ASCII"),
            }),
        ),
    }
}

async fn object(logins: &Logins, link: &str, wallet_nonce: Option<&str>) -> Response {
    match logins.request_object(link, wallet_nonce).await {
        Ok(object) => ([(CONTENT_TYPE, REQUEST_OBJECT)], object).into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

pub(crate) async fn response(
    State(logins): State<Logins>,
    LinkInPath(link): LinkInPath,
    Form(form): Form,
) -> Response {
    match logins.wallet_answers(&link, &form).await {
        Ok(answered) => json(200, &json!({"redirect_uri": answered.redirect_uri})),
        Err(refusal) => refuse(&refusal),
    }
}

/// The wallet gets the error in the same exchange; a refusal is a 400 (VP-24). The description has
/// a code that the person can look up.
fn refuse(refusal: &WalletRefusal) -> Response {
    let (status, error, code) = match refusal {
        WalletRefusal::Code(code) => (400, "invalid_request", *code),
        WalletRefusal::Broker(refusal) => {
            log(refusal);
            let code = refusal.told();
            let status = code.entry().status;
            let error = if status == 503 { "temporarily_unavailable" } else { "server_error" };
            (status, error, code)
        }
    };
    let cause = code.entry().cause.en;
    json(status, &json!({"error": error, "error_description": format!("{code}: {cause}")}))
}
