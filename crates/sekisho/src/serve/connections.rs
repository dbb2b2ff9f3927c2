//! Connections to the public address. Their number is limited, in all and for each address, and so
//! is the time for the handshake, the headers and the request.
//!
//! Invariant: a peer that sends nothing, or sends slowly, holds its place for at most [`PATIENCE`]
//! at each step and [`REQUEST`] for a body. What a connection without a request may do is in
//! [`super::house`].

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use http_body::{Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sekisho_web::{DirectPeer, PeerAddress};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::house::{Full, Guest, House, Visit};
use crate::settings::Tls;

/// How many connections may be open at once.
const CONNECTIONS: usize = 4096;
/// How long a handshake may take, and how long the headers of one request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may take, including its body. No request of ours works that long.
const REQUEST: Duration = Duration::from_secs(20);
/// How long a connection that has to leave may take to say so.
const FAREWELL: Duration = Duration::from_millis(250);
/// File descriptors that are not for connections: the store, logs, sockets, and fetches.
const RESERVED: u64 = 128;
/// How long to wait when all places are taken, or when the system has no more file descriptors.
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

/// The public addresses, and the router that answers there.
pub(super) struct Entrance {
    listeners: Vec<TcpListener>,
    tls: Option<TlsAcceptor>,
    peers: Peers,
    router: Router,
    house: House,
}

impl Entrance {
    pub(super) fn new(
        listeners: Vec<TcpListener>,
        tls: Option<TlsAcceptor>,
        peers: Peers,
        router: Router,
    ) -> Self {
        let router = router.layer(middleware::from_fn(in_time));
        Self { listeners, tls, peers, router, house: House::new(places()) }
    }

    /// Accepts connections until told to stop, and returns when the last request has ended.
    pub(super) async fn serve(mut self, stopped: watch::Receiver<bool>) {
        let listeners = std::mem::take(&mut self.listeners);
        let entrance = Arc::new(self);
        let mut doors = tokio::task::JoinSet::new();
        for listener in listeners {
            doors.spawn(Arc::clone(&entrance).attend(listener, stopped.clone()));
        }
        doors.join_all().await;
        entrance.house.empty().await;
    }

    /// Accepts connections at one address until told to stop.
    async fn attend(self: Arc<Self>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
        loop {
            let next = tokio::select! {
                next = self.next(&listener) => next,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            let Some((stream, peer, guest)) = next else { continue };
            let _ = stream.set_nodelay(true);
            let connection = Connection {
                tls: self.tls.clone(),
                router: self.router.clone(),
                peer,
                guest: Arc::new(guest),
                stopped: stopped.clone(),
            };
            tokio::spawn(connection.serve(stream));
        }
    }

    /// The next connection that has a place. `None` if one was refused.
    async fn next(&self, listener: &TcpListener) -> Option<(TcpStream, IpAddr, Guest)> {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                self.house.make_room();
                tokio::time::sleep(BREATH).await;
                return None;
            }
        };
        if !self.peers.admit(peer.ip()) {
            tracing::warn!(peer = %peer.ip(), "not the proxy");
            return None;
        }
        // Behind a proxy all connections come from it, and it has to limit its own clients.
        let address = matches!(self.peers, Peers::All).then_some(peer.ip());
        loop {
            match self.house.admit(address) {
                Ok(guest) => return Some((stream, peer.ip(), guest)),
                Err(Full::Address) => {
                    tracing::debug!(peer = %peer.ip(), "too many requests from one address");
                    return None;
                }
                // Every place has a request in flight. The next connections wait in the system's
                // queue.
                Err(Full::House) => {
                    let _ = tokio::time::timeout(BREATH, self.house.freed()).await;
                }
            }
        }
    }
}

/// How many connections may be open: fewer than [`CONNECTIONS`] where the system allows fewer open
/// files.
fn places() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(RESERVED).max(1))
        .map_or(CONNECTIONS, |n| n.min(CONNECTIONS))
}

struct Connection {
    tls: Option<TlsAcceptor>,
    router: Router,
    peer: IpAddr,
    guest: Arc<Guest>,
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
            () = self.guest.dismissed() => false,
            _ = self.stopped.wait_for(|stopped| *stopped) => false,
        };
        if !spoken {
            return;
        }
        let Some(tls) = self.tls.clone() else {
            return self.http(stream, Version::One).await;
        };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(PATIENCE, tls.accept(stream)) => shaken,
            () = self.guest.dismissed() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let version = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Version::Two,
                    _ => Version::One,
                };
                self.http(stream, version).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        }
    }

    /// Serves the connection until it ends, or has to leave.
    async fn http<I>(mut self, stream: I, version: Version)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let guest = Arc::clone(&self.guest);
        let service = Counted { router: self.router, peer: self.peer, guest };
        let builder = builder(version);
        let connection =
            builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut connection = pin!(connection);
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return;
                }
                () = self.guest.dismissed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(FAREWELL, connection.as_mut()).await;
                    return;
                }
                () = told(&mut self.stopped), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Completes when the server is told to stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The router, with each request counted as in flight until its answer is sent. It is told from where
/// the request comes.
#[derive(Clone)]
struct Counted {
    router: Router,
    peer: IpAddr,
    guest: Arc<Guest>,
}

impl<B> Service<Request<B>> for Counted
where
    Router: Service<Request<B>, Response = Response, Error = Infallible>,
    <Router as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(DirectPeer(self.peer));
        if let Some(address) = self.guest.address() {
            request.extensions_mut().insert(PeerAddress(address));
        }
        let visit = self.guest.visit();
        let answer = self.router.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Body::new(InFlight { body, _visit: visit })))
        })
    }
}

/// The body of an answer whose request is in flight.
struct InFlight {
    body: Body,
    _visit: Visit,
}

impl http_body::Body for InFlight {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

/// The limits of a connection of this version.
fn builder(version: Version) -> Builder<TokioExecutor> {
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
    builder
}

/// Serves one connection of the admin socket until it ends.
pub(super) async fn http<I>(stream: I, version: Version, router: Router, watcher: Watcher)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = builder(version);
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
