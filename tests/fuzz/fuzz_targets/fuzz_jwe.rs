//! An encrypted token (RFC 7516): nothing can be decrypted that was not encrypted to this key.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sekisho_ambient::Entropy;
use sekisho_jose::jwe::DecryptionKey;

static KEY: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate(&Entropy::seeded(0x5e_4157)));

fuzz_target!(|text: &str| {
    assert!(KEY.decrypt(text).is_err());
    // Fuzz the header alone, too, followed by parts of the right length.
    let header = sekisho_jose::b64u::encode(text);
    let parts = [12, 1, 16].map(|length| sekisho_jose::b64u::encode(vec![0; length]));
    assert!(KEY.decrypt(&format!("{header}..{}", parts.join("."))).is_err());
});
