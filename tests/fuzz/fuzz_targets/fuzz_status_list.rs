//! A status list (Token Status List, section 4): however it is compressed, it takes no more memory
//! than allowed; every entry has a status; and the list survives being written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_credential::status::StatusList;
use sekisho_jose::{b64u, json};
use serde_json::json;

const MAX_BYTES: usize = 4096;

fn check(value: &serde_json::Value) {
    let Ok(list) = StatusList::from_value(value, MAX_BYTES) else { return };
    let entries = list.entries();
    let most = u64::try_from(MAX_BYTES * 8).unwrap_or(0) / u64::from(list.bits());
    assert!(entries <= most);
    for index in 0..entries {
        assert!(list.status(index).is_ok());
    }
    assert!(list.status(entries).is_err());
    let written = list.to_value().expect("what was read is written");
    let again = StatusList::from_value(&written, MAX_BYTES).expect("what we write is read");
    assert_eq!(again.entries(), entries);
    assert!((0..entries).all(|index| list.status(index).ok() == again.status(index).ok()));
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::parse(bytes) {
        check(&value);
    }
    // Fuzz the compressed list itself, too; the first byte chooses the width of its entries.
    if let Some((bits, compressed)) = bytes.split_first() {
        check(&json!({"bits": 1_u8 << (bits % 4), "lst": b64u::encode(compressed)}));
    }
});
