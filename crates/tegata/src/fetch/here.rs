//! Which programs on this machine the wallet calls.
//!
//! A link can name any address. A page of another site that could make the wallet call programs on
//! this machine would reach what no other machine can reach. So the wallet's page confines the
//! wallet, and asks the holder about each origin on this machine.
//!
//! Invariant: the check sees what the connection will use. A literal address is compared after it
//! was parsed, so that `127.1`, `2130706433` and `[::ffff:127.0.0.1]` are the same; a name is
//! checked by the resolver of the client that connects.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The origins on this machine that may be called.
#[derive(Clone, Default)]
pub(super) enum Here {
    /// All, because the holder named the address.
    #[default]
    All,
    /// These, which the holder has agreed to.
    Only(BTreeSet<String>),
}

impl Here {
    pub(super) fn permits(&self, origin: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(origins) => origins.contains(origin),
        }
    }
}

/// Whether the host is an address or name of this machine's loopback.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether a connection to the host would lead to this machine, as far as the URL says it. It is
/// wider than [`is_loopback`], because systems connect to more than those addresses.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_own(address.into()),
        Some(Host::Ipv6(address)) => is_own(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Whether a connection to this address leads to this machine: loopback, and the unspecified
/// addresses, which systems take for it.
fn is_own(address: IpAddr) -> bool {
    let v4 = |address: Ipv4Addr| address.is_loopback() || address.octets().first() == Some(&0);
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => address.is_loopback() || address.to_ipv4().is_some_and(v4),
    }
}

/// A resolver that refuses names of this machine.
#[derive(Clone, Copy)]
pub(super) struct Elsewhere;

/// The name leads to this machine.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to this machine")]
struct LeadsHere;

impl Resolve for Elsewhere {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| is_own(address.ip())) {
                return Err(LeadsHere.into());
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// Whether a call failed because [`Elsewhere`] refused its name.
pub(super) fn leads_here(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<LeadsHere>() {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_in_every_spelling() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "127.0.0.1",
            "127.1",
            "127.0.1.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0.0.0.0",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
        ] {
            assert!(is_here(&Url::parse(&format!("https://{host}/")).unwrap()), "{host}");
        }
        for host in
            ["issuer.example", "localhost.example", "10.0.0.1", "[2001:db8::1]", "128.0.0.1"]
        {
            assert!(!is_here(&Url::parse(&format!("https://{host}/")).unwrap()), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_here_is_not_resolved() {
        let resolve = |name: &str| Elsewhere.resolve(name.parse().unwrap());
        // A literal address needs no name server.
        assert!(resolve("127.0.0.1").await.is_err());
        assert!(resolve("192.0.2.1").await.is_ok());
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let client = client.dns_resolver(std::sync::Arc::new(Elsewhere)).build().unwrap();
        let called = client.get("http://localhost:9/").send().await.unwrap_err();
        assert!(leads_here(&called), "{called:?}");
    }
}
