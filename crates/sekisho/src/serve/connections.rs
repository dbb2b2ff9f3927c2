//! Connections to the public address. Their number is limited, in all and for each address, and so
//! is the time for the handshake, the headers and the request.
//!
//! Invariant: a peer that sends nothing, or sends slowly, holds its place for at most [`PATIENCE`]
//! at each step and [`REQUEST`] for a body. No address can hold all places.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::crowd::Crowd;
use crate::settings::Tls;

/// How many connections may be open at once.
const CONNECTIONS: usize = 4096;
/// How long a handshake may take, and how long the headers of one request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may take, including its body. No request of ours works that long.
const REQUEST: Duration = Duration::from_secs(20);
/// How long to wait when the system has no more file descriptors.
const BREATH: Duration = Duration::from_millis(100);
/// How many requests one HTTP/2 connection may make at once.
const STREAMS: u32 = 64;
/// How many bytes of headers one HTTP/2 request may have (GEN-21). This fits chains, proofs and
/// cookies together.
const HEADERS: u32 = 64 * 1024;

/// The peers that may connect.
#[derive(Clone, Debug)]
pub(super) enum Peers {
    /// Everybody may connect.
    All,
    /// Only a proxy at one of these addresses may connect.
    Only(Vec<IpAddr>),
}

impl Peers {
    pub(super) fn of(tls: &Tls) -> Self {
        match tls {
            Tls::Proxy(addresses) => Self::Only(addresses.clone()),
            _ => Self::All,
        }
    }

    fn admit(&self, peer: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Only(addresses) => addresses.contains(&peer.to_canonical()),
        }
    }
}

/// The public address, and the router that answers there.
pub(super) struct Entrance {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) peers: Peers,
    pub(super) router: Router,
    crowd: Crowd,
}

impl Entrance {
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        peers: Peers,
        router: Router,
    ) -> Self {
        let router = router.layer(middleware::from_fn(in_time));
        Self { listener, tls, peers, router, crowd: Crowd::default() }
    }

    /// Accepts connections until told to stop, and returns when the last request has ended.
    pub(super) async fn serve(self, mut stopped: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let next = async {
                // If all places are taken, the next connection waits in the system's queue.
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            if !self.peers.admit(peer.ip()) {
                tracing::warn!(peer = %peer.ip(), "not the proxy");
                continue;
            }
            let admitted = match &self.peers {
                Peers::All => self.crowd.admit(peer.ip()).map(Some),
                // All connections come from the proxy, which has to limit its own clients.
                Peers::Only(_) => Some(None),
            };
            let Some(admitted) = admitted else {
                tracing::debug!(peer = %peer.ip(), "too many connections from one address");
                continue;
            };
            let _ = stream.set_nodelay(true);
            let connection = Connection {
                tls: self.tls.clone(),
                router: self.router.clone(),
                watcher: graceful.watcher(),
                stopped: stopped.clone(),
            };
            tokio::spawn(async move {
                connection.serve(stream).await;
                drop((admitted, place));
            });
        }
        drop(self.listener);
        graceful.shutdown().await;
    }
}

struct Connection {
    tls: Option<TlsAcceptor>,
    router: Router,
    watcher: Watcher,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream) {
        // Browsers open connections before they need them. A connection without data must not delay
        // the stop.
        let mut first = [0];
        let spoken = tokio::select! {
            spoken = tokio::time::timeout(PATIENCE, stream.peek(&mut first)) => {
                matches!(spoken, Ok(Ok(1..)))
            }
            _ = self.stopped.wait_for(|stopped| *stopped) => false,
        };
        if !spoken {
            return;
        }
        let Some(tls) = self.tls else {
            return http(stream, Version::One, self.router, self.watcher).await;
        };
        match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let version = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Version::Two,
                    _ => Version::One,
                };
                http(stream, version, self.router, self.watcher).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        }
    }
}

/// Limits a request to [`REQUEST`]. A peer that sends its body more slowly gets a 408, and the
/// connection is closed.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")]).into_response(),
    }
}

/// Raises the limit of open files as far as the system allows, because each connection needs one.
pub(super) fn raise_limits() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, ..limits };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the number of open files stays as it was");
    }
}

/// The version of HTTP. It is fixed before the first byte, so no peer can hold a place by delaying
/// the choice.
#[derive(Clone, Copy)]
pub(super) enum Version {
    One,
    Two,
}

/// Serves one connection until it ends.
pub(super) async fn http<I>(stream: I, version: Version, router: Router, watcher: Watcher)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = match version {
        Version::One => builder.http1_only(),
        Version::Two => builder.http2_only(),
    };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PATIENCE)
        .keep_alive_timeout(PATIENCE)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_proxy_nobody_else_may_connect() {
        let proxy = Peers::of(&Tls::Proxy(vec!["10.0.0.2".parse().unwrap()]));
        assert!(proxy.admit("10.0.0.2".parse().unwrap()));
        assert!(proxy.admit("::ffff:10.0.0.2".parse().unwrap()));
        assert!(!proxy.admit("127.0.0.1".parse().unwrap()));
        assert!(Peers::of(&Tls::Own).admit("192.0.2.1".parse().unwrap()));
    }
}
