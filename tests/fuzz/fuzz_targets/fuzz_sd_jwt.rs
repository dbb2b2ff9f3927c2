//! An SD-JWT and a presentation of it (RFC 9901): a presentation that discloses nothing can be read
//! again and has the same header, and nothing verifies for an issuer that signed nothing.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sekisho_ambient::{Entropy, Timestamp};
use sekisho_credential::sd_jwt::{self, Binding, Presentation, Requirements, SdJwt};
use sekisho_jose::{Ahead, Algorithm, Expected, SigningKey};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::generate(Algorithm::Es256, &Entropy::seeded(0x5e_4157)).expect("a key")
});

fuzz_target!(|text: &str| {
    if let Ok(held) = SdJwt::parse(text) {
        let nothing = held.select(&[]);
        let bare = SdJwt::parse(&nothing).expect("what we write is read");
        assert_eq!(bare.disclosures(), 0);
        assert_eq!(bare.header(), held.header());
    }
    let Ok(presentation) = Presentation::parse(text) else { return };
    let issuer_jwt =
        Expected { typ: &["dc+sd-jwt"], algorithms: &Algorithm::ALL, allow_missing_typ: true };
    let now = Timestamp::from_unix(1_795_564_800);
    let binding = Binding { audience: "a", nonce: "n", now, ahead: Ahead::default() };
    let requirements = Requirements { issuer_jwt, binding: Some(binding) };
    assert!(sd_jwt::process(&presentation, &KEY.verifying_key(), &requirements).is_err());
});
