//! TLS of the public address. The certificate is under our own root, or it is the operator's and is
//! read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sekisho_ambient::Secret;
use sekisho_broker::Broker;
use tokio_rustls::TlsAcceptor;

use crate::settings::{Settings, Tls};
use crate::{Failure, development_keys, text_file};

/// The server's certificate and key.
pub(super) struct Identity {
    presented: Arc<Presented>,
    config: Arc<ServerConfig>,
    files: Option<Files>,
}

/// The certificate that is shown at present.
#[derive(Debug)]
struct Presented(RwLock<Arc<CertifiedKey>>);

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    read: RwLock<Option<SystemTime>>,
    /// Whether other machines reach the server, so that no key of `keys-dev/` may be shown.
    exposed: bool,
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Identity {
    /// Loads the configured certificate. `None` if there is no TLS or a proxy ends it.
    pub(super) async fn load(
        settings: &Settings,
        broker: &Broker,
    ) -> Result<Option<Self>, Failure> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        match &settings.tls {
            Tls::Off | Tls::Proxy(_) => Ok(None),
            Tls::Own => {
                let key = own(broker, &provider).await?;
                Self::new(key, None, provider).map(Some)
            }
            Tls::Files { certificate, key } => {
                Self::of_files(certificate, key, settings.broker.exposed, provider).map(Some)
            }
        }
    }

    fn of_files(
        certificate: &Path,
        key: &Path,
        exposed: bool,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Failure> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            read: RwLock::new(changed(certificate)),
            exposed,
        };
        Self::new(from_files(certificate, key, &provider)?, Some(files), provider)
    }

    fn new(
        key: CertifiedKey,
        files: Option<Files>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Failure> {
        let presented = Arc::new(Presented(RwLock::new(Arc::new(key))));
        let resolver: Arc<dyn ResolvesServerCert> = presented.clone();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { presented, config: Arc::new(config), files })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Reads the operator's files again if the certificate changed. If certificate and key do not
    /// match, this is logged, and the old pair stays in use.
    pub(super) fn refresh(&self) {
        let Some(files) = &self.files else { return };
        let now = changed(&files.certificate);
        if now == *files.read.read().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        let renewed = files.may_be_shown().and_then(|()| {
            from_files(&files.certificate, &files.key, self.config.crypto_provider())
        });
        match renewed {
            Ok(key) => {
                *self.presented.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                *files.read.write().unwrap_or_else(PoisonError::into_inner) = now;
                tracing::info!("the TLS certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the TLS certificate was not read again"),
        }
    }
}

impl Files {
    /// Refuses a renewed certificate under a key of `keys-dev/`.
    fn may_be_shown(&self) -> Result<(), Failure> {
        if !self.exposed {
            return Ok(());
        }
        let chain = chain(&self.certificate)?;
        chain.iter().try_for_each(|certificate| development_keys::check("tls", certificate))
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

async fn own(broker: &Broker, provider: &CryptoProvider) -> Result<CertifiedKey, Failure> {
    let authority = broker.keyring().authority().await.map_err(tls)?;
    let site = broker.site();
    let host = site.origin().host();
    let identity = authority.tls_identity(host, site.now(), site.entropy()).map_err(tls)?;
    let chain = identity.chain.into_iter().map(CertificateDer::from).collect();
    let key = PrivatePkcs8KeyDer::from(identity.private.expose().clone());
    CertifiedKey::from_der(chain, PrivateKeyDer::from(key), provider).map_err(tls)
}

fn from_files(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Failure> {
    let at = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Tls(format!("{}: {error}", path.display()))
    };
    let chain = chain(certificate)?;
    let text = Secret::new(text_file::read(key).map_err(|error| at(key, &error))?);
    let private =
        PrivateKeyDer::from_pem_slice(text.expose().as_bytes()).map_err(|error| at(key, &error))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| at(certificate, &error))
}

/// Reads the certificates of a PEM file.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let at = |error: &dyn std::fmt::Display| Failure::Tls(format!("{}: {error}", path.display()));
    let text = text_file::read(path).map_err(|error| at(&error))?;
    let read = CertificateDer::pem_slice_iter(text.as_bytes());
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| at(&error))?;
    if chain.is_empty() { Err(at(&"no certificate found")) } else { Ok(chain) }
}

fn tls(error: impl std::fmt::Display) -> Failure {
    Failure::Tls(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn development(name: &str) -> PathBuf {
        PathBuf::from(format!("{}/../../keys-dev/{name}", env!("CARGO_MANIFEST_DIR")))
    }

    #[test]
    fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.pem"), dir.path().join("tls.key"));
        let put = |name: &str, at: i64| {
            std::fs::copy(development(&format!("{name}.key")), &key).unwrap();
            std::fs::copy(development(&format!("{name}.pem")), &certificate).unwrap();
            touch(&certificate, at);
        };
        put("localhost", 1);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let identity = Identity::of_files(&certificate, &key, false, provider).unwrap();
        let shown = || identity.presented.0.read().unwrap().cert[0].to_vec();
        let first = shown();
        put("issuer", 2);
        identity.refresh();
        let second = shown();
        assert_ne!(second, first);
        std::fs::write(&certificate, "not a certificate").unwrap();
        touch(&certificate, 3);
        identity.refresh();
        assert_eq!(shown(), second);
        put("localhost", 4);
        identity.refresh();
        assert_eq!(shown(), first);
    }

    /// Where other machines reach the server, a renewed certificate under a key of `keys-dev/` is
    /// not shown.
    #[test]
    fn word_08_a_development_key_is_refused_when_the_certificate_is_renewed() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("tls.pem"), dir.path().join("tls.key"));
        let put = |name: &str, at: i64| {
            std::fs::copy(development(&format!("{name}.key")), &key).unwrap();
            std::fs::copy(development(&format!("{name}.pem")), &certificate).unwrap();
            touch(&certificate, at);
        };
        put("localhost", 1);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let identity = Identity::of_files(&certificate, &key, true, provider).unwrap();
        let shown = || identity.presented.0.read().unwrap().cert[0].to_vec();
        let first = shown();
        put("issuer", 2);
        identity.refresh();
        assert_eq!(shown(), first);
    }

    /// Sets the modification time of a file, because two quick writes may get the same one.
    fn touch(path: &Path, seconds: i64) {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
    }
}
