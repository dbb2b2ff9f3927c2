//! Refuses the keys of `keys-dev/` where other machines could reach the server, because their
//! private halves are public in the repository.

use sekisho_broker::Broker;
use sekisho_jose::x5c;
use sekisho_profile::is_development_key;

use crate::Failure;
use crate::settings::{Settings, Tls};

/// Refuses to serve other machines with a key whose private half is public. Checks the root of our
/// own certificates, the trusted anchors, the keys of clients, the certificate for TLS, and the
/// roots for outbound calls. What is said while the server runs is checked where it is said.
pub(crate) async fn refuse(settings: &Settings, broker: &Broker) -> Result<(), Failure> {
    if !settings.broker.exposed {
        return Ok(());
    }
    let root = broker.keyring().authority().await.map_err(sekisho_broker::StartError::from)?;
    check("the root certificate", root.anchor().to_der())?;
    for issuer in &broker.registry().trust().list.0 {
        for anchor in &issuer.anchors {
            check(&format!("the trust in {}", issuer.issuer), anchor.to_der())?;
        }
    }
    for party in broker.registry().list_clients().await? {
        let client = &party.client;
        if client.authentication.keys().iter().any(|key| is_development_key(&key.thumbprint())) {
            return Err(Failure::DevelopmentKey(format!("the client {}", client.client_id)));
        }
    }
    if let Tls::Files { certificate, .. } = &settings.tls {
        for certificate in crate::serve::certificates(certificate)? {
            check("tls", &certificate)?;
        }
    }
    if let Some(ca_file) = &settings.broker.outbound.ca_file {
        for certificate in crate::serve::certificates(std::path::Path::new(ca_file))? {
            check("outbound.ca_file", &certificate)?;
        }
    }
    Ok(())
}

/// Refuses a certificate under a development key. `what` says where it was found.
pub(crate) fn check(what: &str, certificate: &[u8]) -> Result<(), Failure> {
    // A certificate with an unsupported kind of key has none of the development keys.
    let Ok(read) = x5c::dangerous_leaf(certificate) else { return Ok(()) };
    if is_development_key(&read.key.jwk().thumbprint()) {
        return Err(Failure::DevelopmentKey(what.to_owned()));
    }
    Ok(())
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
}
