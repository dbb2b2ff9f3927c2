//! `sekisho init`, `serve` and `status`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sekisho_ambient::listen_address;
use sekisho_broker::admin::BrokerState;
use sekisho_site::Origin;
use serde_json::json;
use tokio::sync::oneshot;

use super::session::{Session, read, time};
use crate::api::Call;
use crate::serve::{Server, told_to_stop};
use crate::settings::{Sample, Settings, TlsSample};
use crate::{Failure, init, words};

/// The default port for a first try of the program.
const PORT: u16 = 8080;

/// Arguments of `init`.
#[derive(Args)]
#[command(after_help = "Examples:
  sekisho init
  sekisho init --origin 'http://[::1]:8080'
  sekisho init --origin https://auth.example.jp --tls own
  sekisho init --origin https://auth.example.jp --listen 0.0.0.0:443 --listen '[::]:443'
  sekisho init --origin https://auth.example.jp --tls files --certificate tls.pem --key tls.key
  sekisho --config /etc/sekisho/sekisho.toml init --origin https://auth.example.jp --tls proxy --proxy 10.0.0.2 --listen 10.0.0.1:8080 --data-dir /var/lib/sekisho")]
pub(super) struct Init {
    /// Where people reach the broker: scheme, host, port. Cannot be changed later
    #[arg(long, value_name = "URL", default_value_t = format!("http://localhost:{PORT}"))]
    origin: String,
    /// Where the server listens; once for each address [default: the origin's port, on this machine
    /// only for http]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    listen: Vec<SocketAddr>,
    /// The folder of the store, from the folder of the configuration file
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
    /// Who ends TLS [default: none for http, own for https]
    #[arg(long, value_enum)]
    tls: Option<TlsKind>,
    /// Your certificate, PEM, the leaf first
    #[arg(long, value_name = "PEM", required_if_eq("tls", "files"))]
    certificate: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "PEM", required_if_eq("tls", "files"))]
    key: Option<PathBuf>,
    /// Addresses of the proxy that ends TLS
    #[arg(long, value_name = "ADDRESS", required_if_eq("tls", "proxy"))]
    proxy: Vec<IpAddr>,
    /// Where the root key is kept
    #[arg(long, value_enum, default_value_t = RootKeyKind::File)]
    root_key: RootKeyKind,
    /// The authorization endpoint of a wallet on the web, whose button shall come first
    #[arg(long, value_name = "URL")]
    wallet: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum TlsKind {
    /// Nobody
    None,
    /// The server, under its own root
    Own,
    /// The server, with your certificate
    Files,
    /// A proxy
    Proxy,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RootKeyKind {
    /// A file of mode 0600 in the data folder
    File,
    /// The systemd credential sekisho-root-key
    Systemd,
}

impl Init {
    fn tls(&self, secure: bool) -> TlsSample {
        match (self.tls, &self.certificate, &self.key) {
            (None, ..) if !secure => TlsSample::None,
            (Some(TlsKind::None), ..) => TlsSample::None,
            (Some(TlsKind::Files), Some(certificate), Some(key)) => {
                TlsSample::Files { certificate: certificate.clone(), key: key.clone() }
            }
            (Some(TlsKind::Proxy), ..) => TlsSample::Proxy(self.proxy.clone()),
            (None | Some(TlsKind::Own | TlsKind::Files), ..) => TlsSample::Own,
        }
    }
}

impl Session<'_, '_> {
    pub(super) async fn init(&mut self, arguments: &Init) -> Result<(), Failure> {
        let origin = Origin::parse(&arguments.origin)
            .map_err(|error| Failure::Usage(format!("--origin: {error}")))?;
        let addresses = if arguments.listen.is_empty() {
            vec![listen(&origin)]
        } else {
            arguments.listen.clone()
        };
        let sample = Sample {
            origin: origin.as_str(),
            listen: addresses,
            data_dir: &arguments.data_dir,
            systemd: arguments.root_key == RootKeyKind::Systemd,
            tls: arguments.tls(origin.is_secure()),
            wallet: arguments.wallet.clone(),
            facts: false,
        };
        let settings = init::init(&self.config, &sample, &self.surroundings).await?;
        self.made(&settings);
        Ok(())
    }

    fn made(&mut self, settings: &Settings) {
        let config = settings.path.display().to_string();
        let data_dir = settings.data_dir.display().to_string();
        let ca_file = settings.ca_file().display().to_string();
        let issuer = settings.broker.origin.as_str();
        if self.json {
            let made = json!({
                "issuer": issuer, "config": config, "data_dir": data_dir, "ca_file": ca_file,
            });
            return self.say(&made.to_string());
        }
        let values = [
            ("config", config.as_str()),
            ("data_dir", data_dir.as_str()),
            ("ca_file", ca_file.as_str()),
        ];
        self.say(&words::INIT_DONE.fill(self.lang, &values));
    }

    pub(super) async fn serve(&mut self) -> Result<(), Failure> {
        let settings = self.settings()?;
        let line = json!({
            "issuer": settings.broker.origin.as_str(),
            "admin_socket": settings.admin_socket.display().to_string(),
        });
        let stop = told_to_stop()?;
        let server = Server::bind(settings)?;
        let (ready, is_ready) = oneshot::channel();
        let surroundings = self.surroundings.clone();
        let serving = server.run(&surroundings, ready, stop);
        let announce = async {
            if is_ready.await.is_ok() && self.json {
                self.say(&line.to_string());
            }
        };
        let (served, ()) = tokio::join!(serving, announce);
        served
    }

    pub(super) async fn status(&mut self) -> Result<(), Failure> {
        let settings = self.settings()?;
        let answer = self.call(&Call::get("/v1/status")).await?;
        if self.json {
            self.say(&answer.to_string());
            return Ok(());
        }
        let state: BrokerState = read(answer)?;
        self.fact(&words::ISSUER, &state.issuer);
        self.fact(&words::VERSION, &state.version);
        let running = tokio::net::UnixStream::connect(&settings.admin_socket).await.is_ok();
        let running = if running { words::RUNNING } else { words::NOT_RUNNING };
        self.fact(&words::SERVER, running.say(self.lang));
        self.fact(&words::ORGANIZATIONS, &state.organizations.to_string());
        self.fact(&words::CLIENTS, &state.clients.to_string());
        self.fact(&words::TRUSTED, &state.trusted.to_string());
        let keys: Vec<String> =
            state.keys.iter().map(|(state, count)| format!("{count} {state}")).collect();
        self.fact(&words::KEYS, &keys.join(", "));
        self.fact(&words::AUDIT_RECORDS, &state.audit_records.to_string());
        if let Some(checkpoint) = &state.checkpoint {
            let told = match (&checkpoint.failure, checkpoint.written) {
                (Some(failure), _) => {
                    words::CHECKPOINT_FAILED.fill(self.lang, &[("failure", failure)])
                }
                (None, written) => written.map(time).unwrap_or_default(),
            };
            self.fact(&words::CHECKPOINT, &told);
        }
        self.fact(&words::POLICY_VERSION, &state.policy_version);
        if !settings.broker.origin.is_secure() {
            self.remark(&words::PLAIN_HTTP);
        }
        self.room(&state);
        Ok(())
    }

    /// Says how much of the reserve is held, and whether the disk is full.
    fn room(&mut self, state: &BrokerState) {
        let (held, whole) = (mebibytes(state.reserve_held), mebibytes(state.reserve_whole));
        self.fact(&words::RESERVE, &format!("{held} / {whole} MiB"));
        if state.reserve_held < state.reserve_whole {
            self.remark(&words::RESERVE_IN_USE);
        }
        if state.disk_full {
            self.remark(&words::DISK_FULL);
        }
    }
}

/// Bytes as MiB, with one digit after the point.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The default address to listen on for this origin. Without TLS, only this machine can reach it.
fn listen(origin: &Origin) -> SocketAddr {
    let standard = if origin.is_secure() { 443 } else { 80 };
    let address = match (origin.is_secure(), origin.host()) {
        (true, _) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        (false, "[::1]") => IpAddr::from(Ipv6Addr::LOCALHOST),
        (false, _) => IpAddr::from(Ipv4Addr::LOCALHOST),
    };
    let port = origin.port().unwrap_or(standard);
    SocketAddr::new(address, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_only_this_machine_is_served() {
        let at = |origin: &str| listen(&Origin::parse(origin).unwrap()).to_string();
        assert_eq!(at("http://localhost:8080"), "127.0.0.1:8080");
        assert_eq!(at("https://auth.example.jp"), "0.0.0.0:443");
        assert_eq!(at("https://auth.example.jp:8443"), "0.0.0.0:8443");
        assert_eq!(at("http://[::1]"), "[::1]:80");
        assert_eq!(at("http://[::1]:8080"), "[::1]:8080");
    }
}
