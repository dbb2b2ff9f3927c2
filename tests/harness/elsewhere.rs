//! A TLS server outside the broker, which the broker may be allowed to call. It answers what a test
//! tells it to, and counts requests.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sekisho_broker::config::Config;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The answer to every request: status, further header lines, body.
type Answer = (u16, String, Vec<u8>);

/// A TLS server on loopback, with its own certificate authority.
pub struct Elsewhere {
    pub url: String,
    host: String,
    authority: NamedTempFile,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
}

impl Elsewhere {
    pub async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().unwrap();
        let root = params.self_signed(&root_key).unwrap();
        let mut authority = NamedTempFile::new().unwrap();
        authority.write_all(root.pem().as_bytes()).unwrap();
        let issuer = Issuer::new(params, root_key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("localhost:{}", listener.local_addr().unwrap().port());
        let answer = Arc::new(Mutex::new((404, String::new(), Vec::new())));
        let asked = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, acceptor, Arc::clone(&answer), Arc::clone(&asked)));
        Self { url: format!("https://{host}"), host, authority, answer, asked }
    }

    /// Adds this server to the hosts that the broker may call, as an operator would.
    pub fn allow(&self, config: &mut Config) {
        config.outbound.allow_hosts = vec![self.host.clone()];
        config.outbound.ca_file = Some(self.authority.path().display().to_string());
    }

    pub fn answers(&self, status: u16, body: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = (status, String::new(), body.into());
    }

    pub fn redirects(&self, to: &str) {
        *self.answer.lock().unwrap() = (302, format!("location: {to}\r\n"), Vec::new());
    }

    /// How many requests it got.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        asked.fetch_add(1, Ordering::SeqCst);
        let (status, lines, body) = answer.lock().unwrap().clone();
        let head = format!(
            "HTTP/1.1 {status} Said\r\n{lines}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        // The caller may have closed the connection already, which is no fault.
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&body).await;
        let _ = stream.shutdown().await;
    }
}
