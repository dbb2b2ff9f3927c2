//! Reads our credentials with an independent implementation (`sd-jwt-payload`).

use sekisho_credential::sd_jwt::SdJwt;

use crate::parties::{Issuer, key, yamada};

#[test]
fn another_implementation_reads_the_same_claims() {
    let issued = Issuer::new().affiliation(&key(2));
    let theirs = sd_jwt_payload::SdJwt::parse(&issued).unwrap();
    let theirs = theirs.into_disclosed_object(&sd_jwt_payload::Sha256Hasher::new()).unwrap();
    let ours = SdJwt::parse(&issued).unwrap().claims();
    for (name, value) in yamada() {
        assert_eq!(theirs.get(&name), Some(&value), "{name}");
        assert_eq!(ours.get(&name), Some(&value), "{name}");
    }
}
