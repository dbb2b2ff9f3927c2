//! The wallet's calls to issuers and verifiers: https only (http where the host is this machine),
//! no redirects, ten seconds, bounded sizes.
//!
//! Invariant: no other file of this crate opens a connection. A wallet that is confined (see
//! [`Here`]) calls a program on this machine only if the holder has agreed to its origin.

mod here;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use sekisho_ambient::LOCALHOST;
use sekisho_jose::Claims;
use url::Url;

use crate::WalletError;
use here::{Elsewhere, Here, is_here};

pub(crate) use here::is_loopback;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const LIMIT: usize = 512 * 1024;

/// An HTTP client that keeps the wallet's rules.
#[derive(Clone)]
pub(crate) struct Fetch {
    client: reqwest::Client,
    /// The client for names that may not lead to this machine.
    elsewhere: reqwest::Client,
    here: Here,
}

/// A peer's answer, read in full.
pub(crate) struct Answer {
    address: String,
    pub(crate) status: u16,
    content_type: String,
    body: Vec<u8>,
}

impl Fetch {
    /// Makes a client that trusts the system's authorities and those of `roots` (PEM).
    pub(crate) fn new(roots: Option<&[u8]>) -> Result<Self, WalletError> {
        let roots = match roots {
            None => Vec::new(),
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| WalletError::Certificates(error.to_string()))?,
        };
        let build = |resolver: Option<Elsewhere>| {
            let builder = || {
                let builder = reqwest::Client::builder()
                    .redirect(reqwest::redirect::Policy::none())
                    .no_proxy()
                    .timeout(TIMEOUT)
                    .connect_timeout(TIMEOUT);
                match resolver {
                    None => builder.resolve_to_addrs("localhost", &LOCALHOST),
                    Some(resolver) => builder.dns_resolver(Arc::new(resolver)),
                }
            };
            let client = builder().tls_certs_merge(roots.clone()).build();
            // On a machine without authorities, the client still accepts the given ones.
            client.or_else(|_| builder().tls_certs_only(roots.clone()).build())
        };
        let unusable = |error: reqwest::Error| WalletError::Certificates(error.to_string());
        let client = build(None).map_err(unusable)?;
        let elsewhere = build(Some(Elsewhere)).map_err(unusable)?;
        Ok(Self { client, elsewhere, here: Here::default() })
    }

    /// Calls programs on this machine only at these origins from now on.
    pub(crate) fn confine(&mut self, origins: impl IntoIterator<Item = String>) {
        self.here = Here::Only(origins.into_iter().collect());
    }

    /// Checks that this address may be called, without calling it.
    pub(crate) fn check(&self, url: &str) -> Result<(), WalletError> {
        self.client_for(&allowed(url)?).map(drop)
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, WalletError> {
        let origin = url.origin().ascii_serialization();
        if self.here.permits(&origin) {
            return Ok(&self.client);
        }
        if is_here(url) { Err(WalletError::ThisMachine(origin)) } else { Ok(&self.elsewhere) }
    }

    /// Sends a GET that accepts one media type.
    pub(crate) async fn read(&self, url: &str, accept: &str) -> Result<Answer, WalletError> {
        let url = allowed(url)?;
        let request = self.client_for(&url)?.get(url.clone());
        self.send(&url, request.header(ACCEPT, accept)).await
    }

    /// Sends a POST with a form.
    pub(crate) async fn post_form(
        &self,
        url: &str,
        accept: &str,
        form: &[(String, String)],
    ) -> Result<Answer, WalletError> {
        let url = allowed(url)?;
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client_for(&url)?.post(url.clone()).header(ACCEPT, accept);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        self.send(&url, request).await
    }

    /// Sends a POST with JSON, and with an access token if there is one. The body is empty for
    /// `None`.
    pub(crate) async fn post_json(
        &self,
        url: &str,
        token: Option<&str>,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, WalletError> {
        let url = allowed(url)?;
        let request = self.client_for(&url)?.post(url.clone());
        let mut request = request.header(ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.send(&url, request).await
    }

    async fn send(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, WalletError> {
        let address = shown(url);
        let unreachable = |error: reqwest::Error| {
            if here::leads_here(&error) {
                return WalletError::ThisMachine(url.origin().ascii_serialization());
            }
            WalletError::Unreachable { address: address.clone(), why: reason(&error) }
        };
        let mut response =
            request.header(CACHE_CONTROL, "no-store").send().await.map_err(unreachable)?;
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = media_type(content_type.unwrap_or_default());
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LIMIT {
                let why = format!("more than {LIMIT} bytes");
                return Err(WalletError::Answer { address, why });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { address, status, content_type, body })
    }
}

impl Answer {
    /// The body, if the status is 200 and the media type is `media_type`.
    pub(crate) fn bytes(self, media_type: &str) -> Result<Vec<u8>, WalletError> {
        let answer = self.success()?;
        if answer.content_type == media_type {
            return Ok(answer.body);
        }
        let why = format!("content type {:?}, expected {media_type}", answer.content_type);
        Err(WalletError::Answer { address: answer.address, why })
    }

    /// The body as a JSON object, if the status is 200.
    pub(crate) fn json(self) -> Result<Claims, WalletError> {
        let address = self.address.clone();
        let body = self.bytes("application/json")?;
        sekisho_jose::json::parse_object(&body)
            .map_err(|error| WalletError::Answer { address, why: error.to_string() })
    }

    /// Returns the answer if its status is 200, otherwise the error that it describes.
    fn success(self) -> Result<Self, WalletError> {
        match self.status {
            200 => Ok(self),
            400..=499 => Err(self.refusal()),
            500..=599 => Err(WalletError::Unreachable {
                why: format!("status {}", self.status),
                address: self.address,
            }),
            status => Err(WalletError::Answer {
                address: self.address,
                why: format!("status {status}, expected 200"),
            }),
        }
    }

    fn refusal(self) -> WalletError {
        let error = sekisho_jose::json::parse_object(&self.body).unwrap_or_default();
        let member = |name: &str| error.get(name).and_then(|value| value.as_str()).map(printable);
        WalletError::Refused {
            address: self.address,
            status: self.status,
            error: member("error").unwrap_or_else(|| format!("status {}", self.status)),
            description: member("error_description"),
        }
    }
}

/// A peer's text in a form that is safe to show: no control characters, nothing that reverses the
/// direction of writing, at most 200 characters.
pub(crate) fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !turns(*c)).take(200).collect()
}

/// Parses a URL and checks that the wallet may call it.
pub(crate) fn allowed(text: &str) -> Result<Url, WalletError> {
    let refused = || WalletError::Insecure(printable(text));
    let url = Url::parse(text).map_err(|_| refused())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if plain && secure && url.host().is_some() { Ok(url) } else { Err(refused()) }
}

/// The URL's scheme, host, port and path. The query is left out, because it may carry secrets.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn media_type(header: &str) -> String {
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Why a call failed, without the URL, because its query may carry secrets.
fn reason(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out" } else { "no connection" }.to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_called() {
        for good in [
            "https://issuer.example/a?b",
            "http://127.0.0.1:8080/",
            "http://localhost:1/x",
            "http://[::1]:1/",
        ] {
            assert!(allowed(good).is_ok(), "{good}");
        }
        for bad in [
            "http://issuer.example/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "https://user@issuer.example/",
            "https://issuer.example/#part",
            "issuer.example",
            "",
        ] {
            assert!(allowed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_query() {
        let url = Url::parse("https://issuer.example:8443/token?code=secret").unwrap();
        assert_eq!(shown(&url), "https://issuer.example:8443/token");
    }

    #[test]
    fn a_peers_text_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a[2Jb");
        assert_eq!(printable("moc.\u{202e}evil"), "moc.evil");
        assert_eq!(printable(&"x".repeat(900)).len(), 200);
    }
}
