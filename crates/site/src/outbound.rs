//! The only client that makes outbound requests. Without configuration it makes none (RFC 9101,
//! section 10.4.1; RFC 9700, section 2.6).
//!
//! Invariant: the broker fetches only from hosts that the operator listed, whatever URL a peer
//! sends. It uses only https, follows no redirect, and reads at most one megabyte within five
//! seconds. The host is compared with the list before any name is resolved, so an IP address is
//! refused like every other host that is not listed.

use std::collections::BTreeSet;
use std::time::Duration;

use sekisho_ambient::{LOCALHOST, plain_text};
use serde::{Deserialize, Serialize};
use url::Url;

/// The hosts that the broker may call. An empty list means that it calls nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundConfig {
    /// Hosts that may be called over https, each as `host` or `host:port`.
    pub allow_hosts: Vec<String>,
    /// A PEM file with further root certificates for those calls.
    pub ca_file: Option<String>,
}

/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// The longest time that one call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The reason why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The text is not an https URL, or the URL contains a user name.
    #[error("not an https URL that may be fetched")]
    Url,
    /// The host is not on the operator's list.
    #[error("host {0:?} is not in outbound.allow_hosts")]
    NotAllowed(String),
    /// The peer did not answer, or answered with an error.
    #[error("the peer did not answer as expected: {0}")]
    Peer(String),
    /// The answer is too large.
    #[error("the answer is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// The client could not be built.
    #[error("outbound client: {0}")]
    Setup(String),
}

/// The client that calls only listed hosts.
#[derive(Clone)]
pub struct Outbound {
    client: Option<reqwest::Client>,
    allow: BTreeSet<String>,
}

impl Outbound {
    /// Builds the client. If no host is listed, it refuses every call.
    pub fn new(config: &OutboundConfig) -> Result<Self, OutboundError> {
        let allow: BTreeSet<String> = config.allow_hosts.iter().cloned().collect();
        if allow.is_empty() {
            return Ok(Self { client: None, allow });
        }
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .resolve_to_addrs("localhost", &LOCALHOST)
            .no_proxy();
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path).map_err(|error| setup(format!("{path}: {error}")))?;
            plain_text(&pem).map_err(|found| setup(format!("{path}: {found}")))?;
            for root in reqwest::Certificate::from_pem_bundle(&pem).map_err(setup)? {
                builder = builder.add_root_certificate(root);
            }
        }
        Ok(Self { client: Some(builder.build().map_err(setup)?), allow })
    }

    /// Fetches `url` with GET and asks for the media type `accept`. Returns the body.
    pub async fn fetch(&self, url: &str, accept: &str) -> Result<Vec<u8>, OutboundError> {
        let url = self.admit(url)?;
        let client =
            self.client.as_ref().ok_or_else(|| OutboundError::NotAllowed(url.to_string()))?;
        let request = client.get(url).header("accept", accept);
        let mut answer = request.send().await.map_err(peer)?.error_for_status().map_err(peer)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(peer)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn admit(&self, url: &str) -> Result<Url, OutboundError> {
        let url = Url::parse(url).map_err(|_| OutboundError::Url)?;
        let plain =
            url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| plain).ok_or(OutboundError::Url)?;
        let name = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if self.allow.contains(&name) { Ok(url) } else { Err(OutboundError::NotAllowed(name)) }
    }
}

fn setup(error: impl std::fmt::Display) -> OutboundError {
    OutboundError::Setup(error.to_string())
}

fn peer(error: reqwest::Error) -> OutboundError {
    OutboundError::Peer(error.without_url().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(hosts: &[&str]) -> Outbound {
        let allow = hosts.iter().map(|&host| host.to_owned()).collect();
        Outbound { client: None, allow }
    }

    /// GEN-17, NET-01, OA-21.
    #[test]
    fn only_listed_hosts_are_admitted() {
        let outbound = outbound(&["lists.example.jp", "localhost:8443"]);
        assert!(outbound.admit("https://lists.example.jp/1").is_ok());
        assert!(outbound.admit("https://localhost:8443/1").is_ok());
        for bad in [
            "http://lists.example.jp/1",
            "https://lists.example.jp:444/1",
            "https://lists.example.jp@evil.test/",
            "https://evil.test/lists.example.jp",
            "https://127.0.0.1/",
            "https://[::ffff:127.0.0.1]/",
            "https://2130706433/",
            "https://localhost./",
            "https://user@lists.example.jp/",
            "file:///etc/passwd",
            "not a url",
        ] {
            assert!(outbound.admit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_list_nothing_is_admitted() {
        assert!(outbound(&[]).admit("https://example.jp/").is_err());
    }
}
