//! `serve`: runs one broker on its public address and its admin socket, until it is told to stop.
//!
//! Invariants: the address is bound before the store is opened; a second server on the same store
//! does not start. At SIGTERM or SIGINT, running requests get `FAREWELL` to end; then the program
//! ends with exit code 0.

mod admin_socket;
mod checkpoints;
mod connections;
mod house;
mod tls;
mod upkeep;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use sekisho_broker::Broker;
use sekisho_store::StoreError;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::{oneshot, watch};

use crate::settings::Settings;
use crate::{Failure, Surroundings, development_keys, opening};
use admin_socket::AdminSocket;
use connections::{Entrance, Peers};

/// How many connections may wait in the system's queue.
const BACKLOG: i32 = 1024;
/// How long running requests may take to end once the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// A server whose addresses are bound. It has opened no store yet.
pub(crate) struct Server {
    settings: Settings,
    listeners: Vec<TcpListener>,
}

impl Server {
    /// Binds the configured addresses.
    pub(crate) fn bind(settings: Settings) -> Result<Self, Failure> {
        let both = settings.listen.len() > 1;
        let bound = settings.listen.iter().map(|address| listen_apart(*address, both));
        let listeners = bound.collect::<Result<_, _>>()?;
        Ok(Self { settings, listeners })
    }

    /// Takes a listener that is bound already.
    pub(crate) fn with_listener(settings: Settings, listener: TcpListener) -> Self {
        Self { settings, listeners: vec![listener] }
    }

    /// Opens the store, signals `ready`, and serves until `stop` completes.
    pub(crate) async fn run(
        self,
        surroundings: &Surroundings,
        ready: oneshot::Sender<()>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let Self { settings, listeners } = self;
        let broker = open(&settings, surroundings).await?;
        development_keys::refuse(&settings, &broker).await?;
        let checkpoints = checkpoints::Keeper::begin(&settings.audit, &broker).await?;
        let tls = tls::Identity::load(&settings, &broker).await?.map(Arc::new);
        let socket = AdminSocket::bind(&settings.admin_socket)?;

        let (stopping, stopped) = watch::channel(false);
        connections::raise_limits();
        let acceptor = tls.as_ref().map(|identity| identity.acceptor());
        let router = sekisho_web::router(broker.clone());
        let entrance = Entrance::new(listeners, acceptor, Peers::of(&settings.tls), router);
        let public = tokio::spawn(entrance.serve(stopped.clone()));
        let router = sekisho_web::admin::router(broker.clone());
        let admin = tokio::spawn(socket.serve(router, stopped.clone()));
        let checkpoints = tokio::spawn(checkpoints.keep(stopped.clone()));
        let upkeep = tokio::spawn(upkeep::keep(broker.clone(), tls, stopped));
        announce(&settings);
        let _ = ready.send(());

        stop.await;
        tracing::info!("stopping");
        let _ = stopping.send(true);
        let farewell = async { tokio::join!(public, admin, upkeep) };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        if let Err(error) = broker.write_last_counts().await {
            tracing::error!(%error, "counts could not be written into the audit log");
        }
        if let Ok(mut checkpoints) = checkpoints.await {
            checkpoints.end().await;
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Serves `router` without TLS at `listener` until told to stop.
pub(crate) async fn plain(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) {
    Entrance::new(vec![listener], None, Peers::All, router).serve(stopped).await;
}

/// Binds an address and listens at it.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Failure::Listen { address: address.to_string(), source })
}

/// Binds an address and listens at it. With `apart`, an IPv6 address takes no IPv4 connections, which
/// have an address of their own.
fn listen_apart(address: SocketAddr, apart: bool) -> Result<TcpListener, Failure> {
    let bind = || -> std::io::Result<TcpListener> {
        let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, apart)?;
        }
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|source| Failure::Listen { address: address.to_string(), source })
}

/// Reads the certificates of a PEM file, each as DER.
pub(crate) fn certificates(path: &std::path::Path) -> Result<Vec<Vec<u8>>, Failure> {
    Ok(tls::chain(path)?.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// Opens the store. If a command is just using it, waits until that has ended.
async fn open(settings: &Settings, surroundings: &Surroundings) -> Result<Broker, Failure> {
    let mut tries = opening::Tries::default();
    loop {
        match opening::open_sound(settings, surroundings).await {
            Err(Failure::Store(StoreError::Locked(store))) => {
                if UnixStream::connect(&settings.admin_socket).await.is_ok() {
                    return Err(Failure::SecondServer(store));
                }
                tries.again(settings).await?;
            }
            opened => return opened,
        }
    }
}

fn announce(settings: &Settings) {
    let origin = &settings.broker.origin;
    tracing::info!(
        issuer = origin.as_str(),
        listen = %settings.addresses(),
        admin_socket = %settings.admin_socket.display(),
        "serving"
    );
    if !origin.is_secure() && !settings.listen.iter().all(|address| address.ip().is_loopback()) {
        tracing::warn!(
            listen = %settings.addresses(),
            "http without TLS is reachable from other machines: listen at 127.0.0.1"
        );
    }
}

/// Returns a future that completes at SIGTERM or SIGINT. From this call on, these signals are
/// caught.
pub(crate) fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
