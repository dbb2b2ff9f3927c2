//! Refuses the keys of `keys-dev/` where other machines could reach the server, because their
//! private halves are public in the repository.

use std::net::IpAddr;

use sekisho_broker::Broker;
use sekisho_jose::x5c;

use crate::Failure;
use crate::settings::{Settings, Tls};

/// SHA-256 thumbprints (RFC 7638) of the keys in `keys-dev/`.
const THUMBPRINTS: [&str; 3] = [
    "7ap-USmqSPQxxaq-2tQJN2X288Ow6V5HJJk_c1av1RA",
    "jK_Z7QsL8XNI037gO2mwL6-cFjOVgqJjZFuen5W1Hv0",
    "rUo7biTZQV7oiGxOEaRIFpgn-U5M69CoeglYTqa8Mjw",
];

/// Refuses to serve other machines with a key whose private half is public. Checks the root of our
/// own certificates, the trusted anchors, and the certificate for TLS.
pub(crate) async fn refuse(settings: &Settings, broker: &Broker) -> Result<(), Failure> {
    if reaches_only_this_machine(settings) {
        return Ok(());
    }
    let root = broker.keyring().authority().await.map_err(sekisho_broker::StartError::from)?;
    check("the root certificate", root.anchor().to_der())?;
    for issuer in &broker.registry().trust().list.0 {
        for anchor in &issuer.anchors {
            check(&format!("the trust in {}", issuer.issuer), anchor.to_der())?;
        }
    }
    if let Tls::Files { certificate, .. } = &settings.tls {
        for certificate in crate::serve::certificates(certificate)? {
            check("tls", &certificate)?;
        }
    }
    Ok(())
}

fn reaches_only_this_machine(settings: &Settings) -> bool {
    settings.broker.origin.is_loopback()
        && settings.listen.iter().all(|address| is_loopback(address.ip()))
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn check(what: &str, certificate: &[u8]) -> Result<(), Failure> {
    // A certificate with an unsupported kind of key has none of the development keys.
    let Ok(read) = x5c::dangerous_leaf(certificate) else { return Ok(()) };
    if is_development_key(&read.key.jwk().thumbprint()) {
        return Err(Failure::DevelopmentKey(what.to_owned()));
    }
    Ok(())
}

fn is_development_key(thumbprint: &str) -> bool {
    THUMBPRINTS.contains(&thumbprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str) -> Vec<u8> {
        let path = format!("{}/../../keys-dev/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        crate::serve::certificates(std::path::Path::new(&path)).unwrap().remove(0)
    }

    #[test]
    fn every_development_key_is_known() {
        for name in ["root", "localhost", "issuer"] {
            let der = certificate(name);
            let thumbprint = x5c::dangerous_leaf(&der).unwrap().key.jwk().thumbprint();
            assert!(is_development_key(&thumbprint), "{name}: {thumbprint}");
            assert!(matches!(check(name, &der), Err(Failure::DevelopmentKey(_))), "{name}");
        }
    }

    #[test]
    fn only_loopback_addresses_are_this_machine() {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(is_loopback(address.parse().unwrap()), "{address}");
        }
        for address in ["0.0.0.0", "::", "10.0.0.1"] {
            assert!(!is_loopback(address.parse().unwrap()), "{address}");
        }
    }
}
