//! Test vectors that others published: RFC 9901's reference implementation, and the examples of
//! Token Status List. They are kept beside the repository; if they are absent, the tests print
//! that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sekisho_ambient::Timestamp;
use sekisho_credential::sd_jwt::{
    self, Binding, Presentation, Processed, Requirements, SdJwt, SdJwtError,
};
use sekisho_credential::status::{Status, StatusList};
use sekisho_jose::{
    Ahead, Algorithm, Claims, Expected, HeaderError, JwsError, JwtError, PublicJwk, json,
};
use serde_json::json;

/// Returns the folder of vectors. If there is none, prints the reason.
fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SEKISHO_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no vectors at {} (set SEKISHO_VECTORS)", folder.display());
    None
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap().split_whitespace().collect()
}

fn object(path: &Path) -> Claims {
    json::parse_object(&fs::read(path).unwrap()).unwrap()
}

/// Reads the issuer's public key from `settings.yml`, where it is the first key.
fn issuer_key(folder: &Path) -> PublicJwk {
    let settings = fs::read_to_string(folder.join("settings.yml")).unwrap();
    let member = |name: &str| {
        let prefix = format!("{name}: ");
        settings.lines().find_map(|line| line.trim().strip_prefix(&prefix)).unwrap().to_owned()
    };
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": member("x"), "y": member("y")});
    PublicJwk::from_value(&jwk).unwrap()
}

fn process(root: &Path, case: &Path) -> Result<Processed, SdJwtError> {
    let presented = text(&case.join("sd_jwt_presentation.txt"));
    let presentation = Presentation::parse(&presented)?;
    let algorithms = &[Algorithm::Es256];
    let issuer_jwt = Expected { typ: &["example+sd-jwt"], algorithms, allow_missing_typ: false };
    let proof = case.join("kb_jwt_payload.json");
    let proof = proof.is_file().then(|| object(&proof));
    let made = proof.and_then(|proof| proof["iat"].as_i64()).map(Timestamp::from_unix);
    let binding = made.map(|now| Binding {
        audience: "https://example.com/verifier",
        nonce: "1234567890",
        now,
        ahead: Ahead::default(),
    });
    let requirements = Requirements { issuer_jwt, binding };
    sd_jwt::process(&presentation, &issuer_key(root).verifying_key().unwrap(), &requirements)
}

fn check(name: &str) {
    let Some(root) = folder("sd-jwt") else { return };
    let case = root.join(name);
    let processed = process(&root, &case).unwrap();
    // Compare the JSON texts, so that 3.14 keeps its digits.
    assert_eq!(processed.claims, object(&case.join("verified_contents.json")));
    assert_eq!(processed.holder_key.is_some(), case.join("kb_jwt_payload.json").is_file());
    let mut held = SdJwt::parse(&text(&case.join("sd_jwt_issuance.txt"))).unwrap().claims();
    for added in ["iss", "iat", "exp", "cnf"] {
        held.shift_remove(added);
    }
    assert_eq!(held, object(&case.join("user_claims.json")));
}

macro_rules! vectors {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { check(stringify!($name)); })+
        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

vectors!(
    array_data_types,
    array_full_sd,
    array_in_sd,
    array_nested_in_plain,
    array_none_disclosed,
    array_of_nulls,
    array_of_objects,
    array_of_scalars,
    array_recursive_sd,
    array_recursive_sd_some_disclosed,
    key_binding,
    no_sd,
    object_data_types,
    recursions,
);

/// Its header has a number as `kid`, which RFC 7515, section 4.1.4 says is a string.
#[test]
fn header_mod() {
    let Some(root) = folder("sd-jwt") else { return };
    let refused = process(&root, &root.join("header_mod"));
    assert!(matches!(
        refused,
        Err(SdJwtError::Jwt(JwtError::Jws(JwsError::Header(HeaderError::Malformed("kid")))))
    ));
}

#[test]
fn json_serializations_are_refused_by_name() {
    let Some(root) = folder("sd-jwt") else { return };
    for name in ["json_serialization_flattened", "json_serialization_general"] {
        for file in ["sd_jwt_presentation.json", "sd_jwt_issuance.json"] {
            let json = fs::read_to_string(root.join(name).join(file)).unwrap();
            let refused = Presentation::parse(&json);
            assert!(matches!(refused, Err(SdJwtError::JsonSerialization)), "{name} {file}");
        }
    }
}

#[test]
fn no_vector_is_left_out() {
    let Some(root) = folder("sd-jwt") else { return };
    let others = ["header_mod", "json_serialization_flattened", "json_serialization_general"];
    for entry in fs::read_dir(root).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let known = NAMES.contains(&name.as_str()) || others.contains(&name.as_str());
        assert!(known || !entry.path().is_dir(), "{name}");
    }
}

/// Reads the list in one of the drafts' examples.
fn example(file: &str) -> Option<StatusList> {
    let text = text(&folder("token-status-list")?.join(file));
    let json = &text[text.find('{').unwrap()..];
    Some(StatusList::from_value(&json::parse(json.as_bytes()).unwrap(), 1 << 21).unwrap())
}

fn statuses(list: &StatusList, range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(|index| list.status(index).unwrap().value()).collect()
}

#[test]
fn the_short_examples_are_read_least_significant_bits_first() {
    if let Some(list) = example("status_list_encoding_json.md") {
        let expected = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
        assert_eq!(statuses(&list, 0..16), expected);
        assert_eq!(list.entries(), 16);
    }
    if let Some(list) = example("status_list_encoding2_json.md") {
        assert_eq!(statuses(&list, 0..12), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
    }
}

/// All entries that are set in the long examples (appendix "Test vectors for Status List
/// encoding"), of 2^20 each.
#[test]
fn the_long_examples_have_their_values() {
    let places =
        [0, 1993, 25460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345];
    let spread = [
        (0, 1),
        (1993, 2),
        (35460, 3),
        (459_495, 4),
        (595_669, 5),
        (754_353, 6),
        (845_645, 7),
        (923_232, 8),
        (924_445, 9),
        (934_534, 10),
        (1_004_534, 11),
        (1_000_345, 12),
        (1_030_203, 13),
        (1_030_204, 14),
        (1_030_205, 15),
    ];
    let one = BTreeMap::from(places.map(|place| (place, 1)));
    let two = places.into_iter().zip([1, 2, 1, 3, 1, 1, 2, 1, 1, 2, 3]).collect();
    for (file, bits, expected) in [
        ("status_list_encoding1_long_json.md", 1, one),
        ("status_list_encoding2_long_json.md", 2, two),
        ("status_list_encoding4_json.md", 4, BTreeMap::from(spread)),
    ] {
        let Some(list) = example(file) else { return };
        assert_eq!((list.bits(), list.entries()), (bits, 1 << 20), "{file}");
        let set: BTreeMap<u64, u8> = (0..1 << 20)
            .filter_map(|index| match list.status(index).unwrap() {
                Status::Valid => None,
                other => Some((index, other.value())),
            })
            .collect();
        assert_eq!(set, expected, "{file}");
    }
}

#[test]
fn the_eight_bit_example_has_all_values() {
    let Some(list) = example("status_list_encoding8_json.md") else { return };
    let found: std::collections::BTreeSet<u8> = statuses(&list, 0..1 << 20).into_iter().collect();
    assert_eq!(found.len(), 256);
}

#[test]
fn the_example_token_has_the_members_that_are_read_here() {
    let Some(folder) = folder("token-status-list") else { return };
    let token = text(&folder.join("status_list_jwt.md"));
    let (header, payload) = token.split_once("}.{").unwrap();
    let header = json::parse_object(format!("{header}}}").as_bytes()).unwrap();
    assert_eq!(header["typ"], "statuslist+jwt");
    let claims = json::parse_object(format!("{{{payload}").as_bytes()).unwrap();
    assert_eq!(claims["sub"], "https://example.com/statuslists/1");
    let list = StatusList::from_value(&claims["status_list"], 1024).unwrap();
    assert_eq!(statuses(&list, 0..16), [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
}
