//! What wallets call: the request object and the response endpoint (OpenID4VP 1.0, sections 5.10
//! and 8.2).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use sekisho_ambient::Handle;
use sekisho_broker::Broker;
use sekisho_broker::login::WalletRefusal;
use serde_json::json;

use crate::extract::{Form, InPath};
use crate::reply::{code_of, json};

/// Media type of a request object (RFC 9101, section 9.1).
const REQUEST_OBJECT: &str = "application/oauth-authz-req+jwt";

pub(crate) async fn request(State(broker): State<Broker>, InPath(request): InPath) -> Response {
    object(&broker, &request, None).await
}

pub(crate) async fn request_by_post(
    State(broker): State<Broker>,
    InPath(request): InPath,
    Form(form): Form,
) -> Response {
    let nonce = form.one("wallet_nonce").ok().flatten();
    object(&broker, &request, nonce).await
}

async fn object(broker: &Broker, request: &Handle, wallet_nonce: Option<&str>) -> Response {
    match broker.request_object(request, wallet_nonce).await {
        Ok(object) => ([(CONTENT_TYPE, REQUEST_OBJECT)], object).into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

pub(crate) async fn response(
    State(broker): State<Broker>,
    InPath(request): InPath,
    Form(form): Form,
) -> Response {
    match broker.wallet_answers(&request, &form).await {
        Ok(answered) => json(200, &json!({"redirect_uri": answered.redirect_uri})),
        Err(refusal) => refuse(&refusal),
    }
}

/// Synchronously 400 (VP-24), with a code that the person can look up.
fn refuse(refusal: &WalletRefusal) -> Response {
    let (status, error, code) = match refusal {
        WalletRefusal::Code(code) => (400, "invalid_request", *code),
        WalletRefusal::Broker(refusal) => {
            let (code, _) = code_of(refusal);
            let status = code.entry().status;
            let error = if status == 503 { "temporarily_unavailable" } else { "server_error" };
            (status, error, code)
        }
    };
    let cause = code.entry().cause.en;
    json(status, &json!({"error": error, "error_description": format!("{code}: {cause}")}))
}
