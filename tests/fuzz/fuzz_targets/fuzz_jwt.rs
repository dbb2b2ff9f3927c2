//! A signed token (RFC 7515, RFC 7519): what was read survives being written and read again, and
//! nothing verifies under a key that signed nothing.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sekisho_ambient::{Entropy, Timestamp};
use sekisho_jose::{Algorithm, Expected, SigningKey, TimeRule, UnverifiedJwt, numeric_date};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::generate(Algorithm::Es256, &Entropy::seeded(0x5e_4157)).expect("a key")
});

fuzz_target!(|text: &str| {
    let Ok(jwt) = UnverifiedJwt::<sekisho_jose::Claims>::parse(text) else { return };
    let header = serde_json::Value::Object(jwt.header().to_claims()).to_string();
    let again = format!("{}.e30.AA", sekisho_jose::b64u::encode(header));
    let again =
        UnverifiedJwt::<sekisho_jose::Claims>::parse(&again).expect("what we write is read");
    assert_eq!(again.header(), jwt.header());
    if let Ok(claims) = jwt.dangerous_claims() {
        for rule in [TimeRule::LENIENT, TimeRule { require_exp: true, ..TimeRule::LENIENT }] {
            let _ = numeric_date::check(&claims, Timestamp::from_unix(1_795_564_800), &rule);
        }
    }
    let expected = Expected { typ: &["JWT"], algorithms: &Algorithm::ALL, allow_missing_typ: true };
    assert!(jwt.verify(&KEY.verifying_key(), &expected).is_err());
});
