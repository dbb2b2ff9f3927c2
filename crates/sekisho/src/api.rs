//! The admin API, as a command uses it. If a server holds the store, requests go over that server's
//! socket. Otherwise the command opens the store and calls the same router in its own process.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::{Extension, Router};
use sekisho_broker::Broker;
use sekisho_store::StoreError;
use sekisho_web::admin::{self, Peer};
use serde_json::Value;
use tokio::net::UnixStream;
use tower::ServiceExt as _;

use crate::settings::Settings;
use crate::{Failure, Surroundings, opening};

/// How long a command waits for an answer. Making the keys of an organization takes longest.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read from the router in this process, in bytes.
const MAX_ANSWER: usize = 256 << 20;

/// Access to the admin API, over a socket or in this process.
pub struct Api(Way);

enum Way {
    Socket { path: PathBuf, client: reqwest::Client },
    InProcess(Router),
}

/// A request to the admin API.
#[derive(Clone, Debug)]
pub struct Call {
    /// The HTTP method of the request.
    pub method: Method,
    /// The path, with a query if there is one.
    pub path: String,
    /// The JSON body; `None` for requests without one.
    pub body: Option<Value>,
}

impl Call {
    /// A request that reads.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    /// A request that changes something.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body) }
    }

    /// A request that changes a part of something.
    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PATCH, path: path.into(), body: Some(body) }
    }

    /// A request that removes something.
    pub fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, path: path.into(), body: None }
    }

    /// The same request with one more query parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let mark = if self.path.contains('?') { '&' } else { '?' };
        self.path = format!("{}{mark}{name}={value}", self.path);
        self
    }
}

/// Escapes `text` for use as one segment of a path.
pub fn segment(text: &str) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    escaped.replace('+', "%20")
}

impl Api {
    /// Connects to the running server, or opens the store if there is none.
    pub async fn find(settings: &Settings, surroundings: &Surroundings) -> Result<Self, Failure> {
        let mut tries = opening::Tries::default();
        loop {
            match UnixStream::connect(&settings.admin_socket).await {
                Ok(_) => return Self::at(&settings.admin_socket),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return Err(Failure::Denied(settings.admin_socket.clone()));
                }
                Err(_) => {}
            }
            match opening::open(settings, surroundings).await {
                // A server is just starting or stopping, or another command is running. Both end
                // soon.
                Err(Failure::Store(StoreError::Locked(_))) => tries.again(settings).await?,
                opened => return opened.map(Self::of),
            }
        }
    }

    /// Uses the server whose socket is at `path`. This does not connect yet.
    pub fn at(path: &Path) -> Result<Self, Failure> {
        let client = reqwest::Client::builder()
            .unix_socket(path.to_owned())
            // The socket needs no TLS, and this way the client can be made on a machine without
            // authorities.
            .tls_certs_only([])
            .timeout(PATIENCE)
            .build()
            .map_err(|error| unreachable(path, &error))?;
        Ok(Self(Way::Socket { path: path.to_owned(), client }))
    }

    /// Uses a broker that this process opened.
    pub(crate) fn of(broker: Broker) -> Self {
        let peer = Peer { uid: rustix::process::geteuid().as_raw() };
        Self(Way::InProcess(admin::router(broker).layer(Extension(peer))))
    }

    /// Sends a request and returns the answer's JSON. Any status but success is an error.
    pub async fn call(&self, call: &Call) -> Result<Value, Failure> {
        let (status, body) = self.send(call).await?;
        let read = serde_json::from_slice::<Value>(&body);
        match read {
            Ok(value) if status.is_success() => Ok(value),
            Ok(value) => Err(refused(&value)),
            Err(error) => Err(Failure::Refused {
                name: "answer".to_owned(),
                message: format!("the admin API answered {status} and no JSON: {error}"),
            }),
        }
    }

    /// The root certificate of the broker's certificates, as PEM.
    pub async fn root(&self) -> Result<String, Failure> {
        let (status, body) = self.send(&Call::get("/v1/root")).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            return Ok(text);
        }
        Err(refused(&serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    async fn send(&self, call: &Call) -> Result<(StatusCode, Vec<u8>), Failure> {
        match &self.0 {
            Way::Socket { path, client } => {
                let request = client.request(call.method.clone(), url(call));
                let request = match &call.body {
                    Some(body) => request.json(body),
                    None => request,
                };
                let answer = request.send().await.map_err(|error| unreachable(path, &error))?;
                let status = answer.status();
                let body = answer.bytes().await.map_err(|error| unreachable(path, &error))?;
                Ok((status, body.to_vec()))
            }
            Way::InProcess(router) => {
                let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
                let request = Request::builder().method(call.method.clone()).uri(&call.path);
                let request = request.body(Body::from(body)).map_err(|error| broken(&error))?;
                let Ok(answer) = router.clone().oneshot(request).await;
                let (parts, body) = answer.into_parts();
                let body =
                    axum::body::to_bytes(body, MAX_ANSWER).await.map_err(|error| broken(&error))?;
                Ok((parts.status, body.to_vec()))
            }
        }
    }
}

/// The URL of a request. HTTP requires a host, but the socket ignores it.
fn url(call: &Call) -> String {
    format!("http://sekisho{}", call.path)
}

fn refused(value: &Value) -> Failure {
    let member = |name: &str, otherwise: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or(otherwise).to_owned()
    };
    Failure::Refused {
        name: member("error", "unknown"),
        message: member("message", "the admin API gave no reason"),
    }
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::Refused { name: "request".to_owned(), message: error.to_string() }
}

fn unreachable(path: &Path, error: &reqwest::Error) -> Failure {
    let reason =
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    Failure::Unreachable { socket: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_a_path_or_a_query_are_escaped() {
        assert_eq!(segment("a b/c?d"), "a%20b%2Fc%3Fd");
        let call = Call::get("/v1/trust").with("issuer", "https://a.example/?x=1&y").with("z", "1");
        assert_eq!(call.path, "/v1/trust?issuer=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y&z=1");
    }
}
