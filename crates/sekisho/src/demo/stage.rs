//! The folder of the demonstration and its three addresses.

use std::fs::DirBuilder;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sekisho_ambient::LOCALHOST;
use tokio::net::TcpListener;

use super::notes::Notes;
use crate::serve::listen;
use crate::settings::{Sample, Settings, TlsSample};
use crate::{Failure, Surroundings, init};

/// The folder of the demonstration, given or temporary.
pub(super) struct Place {
    folder: PathBuf,
    temporary: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl Place {
    /// Takes the folder that the user named, or makes a temporary one.
    pub(super) fn choose(
        asked: Option<&Path>,
        surroundings: &Surroundings,
    ) -> Result<Self, Failure> {
        let temporary = asked.is_none();
        let drawn = || format!("sekisho-demo-{}", surroundings.entropy.id());
        let folder = asked.map_or_else(|| std::env::temp_dir().join(drawn()), Path::to_owned);
        let made = DirBuilder::new().recursive(!temporary).mode(0o700).create(&folder);
        made.map_err(Failure::file("make", &folder))?;
        let folder = folder.canonicalize().map_err(Failure::file("find", folder))?;
        Ok(Self { folder, temporary })
    }

    /// The path of the configuration file.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("sekisho.toml")
    }

    /// The folder of the wallet that has a page.
    pub(super) fn wallet(&self) -> PathBuf {
        self.folder.join("wallet")
    }

    /// The folder of the wallet for the command line.
    pub(super) fn other_wallet(&self) -> PathBuf {
        self.folder.join("wallet-cli")
    }

    /// The path of the notes.
    pub(super) fn notes(&self) -> PathBuf {
        self.folder.join("demo.json")
    }
}

/// A bound address, with the origin that leads to it.
pub(super) struct Booth {
    pub(super) origin: String,
    pub(super) listener: TcpListener,
}

impl Booth {
    fn new(listener: TcpListener) -> Result<Self, Failure> {
        Ok(Self { origin: format!("http://{}", address(&listener)?), listener })
    }
}

/// What is needed before the broker opens.
pub(super) struct Stage {
    pub(super) settings: Settings,
    pub(super) broker: TcpListener,
    pub(super) console: Booth,
    pub(super) wallet: Booth,
}

impl Stage {
    /// Binds the addresses, which on a later start are those of the notes. On a first start it runs
    /// `init`.
    pub(super) async fn set(
        place: &Place,
        wanted: &str,
        tls: bool,
        surroundings: &Surroundings,
    ) -> Result<Self, Failure> {
        let notes = Notes::read(&place.notes())?;
        let (host, mut at) = resolve(wanted).await?;
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (mut console, mut wallet) = (loopback(0), loopback(0));
        if let Some(notes) = &notes {
            fits(notes, at, tls, place)?;
            (at, console, wallet) = (notes.listen, notes.console, notes.wallet);
        } else if place.config().exists() {
            return Err(Failure::Exists(format!(
                "{} was not made by demo: name another folder with --data",
                place.config().display()
            )));
        }
        let broker = listen(at).await?;
        let console = Booth::new(listen(console).await?)?;
        let wallet = Booth::new(listen(wallet).await?)?;
        let notes = if let Some(notes) = notes {
            notes
        } else {
            let listen = address(&broker)?;
            let notes = Notes {
                origin: origin(&host, listen, tls)?,
                listen,
                console: address(&console.listener)?,
                wallet: address(&wallet.listener)?,
                clients: Vec::new(),
            };
            notes.write(&place.notes())?;
            notes
        };
        let settings = settings(place, &notes, &wallet.origin, surroundings).await?;
        Ok(Self { settings, broker, console, wallet })
    }
}

async fn settings(
    place: &Place,
    notes: &Notes,
    wallet: &str,
    surroundings: &Surroundings,
) -> Result<Settings, Failure> {
    let path = place.config();
    if path.exists() {
        return Ok(Settings::read(&path)?);
    }
    let secure = notes.origin.starts_with("https:");
    let sample = Sample {
        origin: &notes.origin,
        listen: vec![notes.listen],
        data_dir: Path::new("data"),
        systemd: false,
        tls: if secure { TlsSample::Own } else { TlsSample::None },
        wallet: Some(format!("{wallet}/authorize")),
        facts: true,
    };
    init::init(&path, &sample, surroundings).await
}

/// Refuses a port or TLS that differs from what this folder was made for.
fn fits(notes: &Notes, at: SocketAddr, tls: bool, place: &Place) -> Result<(), Failure> {
    let port = at.port() == 0 || at.port() == notes.listen.port();
    let secure = !tls || notes.origin.starts_with("https:");
    if port && secure {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} was made for {}: start it without --listen and --tls, or name another folder",
        place.folder.display(),
        notes.origin
    )))
}

/// Resolves `HOST:PORT` to the host and a socket address.
async fn resolve(wanted: &str) -> Result<(String, SocketAddr), Failure> {
    let usage = |why: &dyn std::fmt::Display| Failure::Usage(format!("--listen {wanted}: {why}"));
    let (host, port) = wanted.rsplit_once(':').ok_or_else(|| usage(&"expected HOST:PORT"))?;
    if host.eq_ignore_ascii_case("localhost") {
        let port = port.parse().map_err(|error| usage(&error))?;
        let [mut address, _] = LOCALHOST;
        address.set_port(port);
        return Ok((host.to_owned(), address));
    }
    let found = tokio::net::lookup_host(wanted).await.map_err(|error| usage(&error))?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    let address = found.first().ok_or_else(|| usage(&"no such host"))?;
    Ok((host.to_owned(), *address))
}

/// The origin at which browsers reach the broker: on this machine, or with TLS from others too.
fn origin(host: &str, at: SocketAddr, tls: bool) -> Result<String, Failure> {
    let own = at.ip().is_loopback() || at.ip().is_unspecified();
    let host = if own { "localhost" } else { host };
    match (tls, own) {
        (true, _) => Ok(format!("https://{host}:{}", at.port())),
        (false, true) => Ok(format!("http://{host}:{}", at.port())),
        (false, false) => Err(Failure::Usage(format!(
            "--listen {at}: http is for this machine only, so add --tls"
        ))),
    }
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|source| Failure::Listen { address: "a free port".to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// RFC 6761, section 6.3. This test has no async runtime, so a look-up could not be awaited.
    #[test]
    fn no_resolver_is_asked_for_localhost() {
        let resolved =
            |wanted| match pin!(resolve(wanted)).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok((_, address))) => address.to_string(),
                Poll::Ready(Err(failure)) => failure.to_string(),
                Poll::Pending => "it waits".to_owned(),
            };
        assert_eq!(resolved("localhost:8080"), "127.0.0.1:8080");
        assert_eq!(resolved("LocalHost:0"), "127.0.0.1:0");
        assert!(resolved("localhost:http").contains("--listen localhost:http"));
    }

    #[test]
    fn http_is_for_this_machine_only() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(origin("127.0.0.1", at("127.0.0.1:1"), false).unwrap(), "http://localhost:1");
        assert_eq!(origin("0.0.0.0", at("0.0.0.0:1"), true).unwrap(), "https://localhost:1");
        assert_eq!(origin("a.test", at("10.0.0.1:1"), true).unwrap(), "https://a.test:1");
        assert_eq!(origin("a.test", at("10.0.0.1:1"), false).unwrap_err().exit_code(), 2);
    }
}
