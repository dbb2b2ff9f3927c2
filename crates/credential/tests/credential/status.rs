//! Tests of status lists: what an issuer signs, and what a verifier refuses.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use sekisho_ambient::{Entropy, Timestamp};
use sekisho_credential::status::{
    self, CheckToken, IssueToken, MAX_LIST_BYTES, MAX_TTL, Status, StatusError, StatusList,
    StatusReference, VerifiedStatusList,
};
use sekisho_credential::vc::{TrustList, UntrustedError};
use sekisho_jose::{ClaimError, Header, JwtError, b64u};
use sekisho_profile::types;
use serde_json::{Value, json};

use crate::parties::{AUTHORITY, ISSUER, Issuer, NOW, STATUS_URI, key};

fn list() -> StatusList {
    let mut list = StatusList::new(2, 100_000).unwrap();
    list.set(7, 1).unwrap();
    list.set(8, 2).unwrap();
    list.set(9, 3).unwrap();
    list
}

fn issue() -> IssueToken<'static> {
    IssueToken { uri: STATUS_URI, iat: NOW, exp: Some(NOW.plus(3600)), ttl: Some(300) }
}

fn token(issuer: &Issuer, issue: &IssueToken<'_>) -> String {
    status::issue_token(&list(), issue, &issuer.status_header(), &issuer.key).unwrap()
}

fn check_with(
    token: &str,
    trust: &TrustList,
    change: impl FnOnce(&mut CheckToken<'_>),
) -> Result<VerifiedStatusList, StatusError> {
    let vct = types::vct(AUTHORITY, "affiliation");
    let mut check = CheckToken {
        uri: STATUS_URI,
        now: NOW,
        issuer: ISSUER,
        trust,
        vct: &vct,
        not_older_than: None,
    };
    change(&mut check);
    status::verify_token(token, &check)
}

fn check(token: &str, issuer: &Issuer) -> Result<VerifiedStatusList, StatusError> {
    check_with(token, &issuer.trust(), |_| {})
}

/// Makes a token with these claims, signed as the issuer signs.
fn forged(
    issuer: &Issuer,
    change: impl FnOnce(&mut Value),
) -> Result<VerifiedStatusList, StatusError> {
    let mut claims = json!({
        "sub": STATUS_URI,
        "iat": NOW.unix(),
        "exp": NOW.unix() + 3600,
        "ttl": 300,
        "status_list": list().to_value().unwrap(),
    });
    change(&mut claims);
    let token = sekisho_jose::sign(&issuer.key, &issuer.status_header(), &claims).unwrap();
    check(&token, issuer)
}

fn remove(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().shift_remove(name);
}

#[test]
fn a_list_says_what_was_set() {
    let issuer = Issuer::new();
    let verified = check(&token(&issuer, &issue()), &issuer).unwrap();
    let status = |index| verified.status(index).unwrap();
    assert_eq!(status(0), Status::Valid);
    assert_eq!(status(7), Status::Invalid);
    assert_eq!(status(8), Status::Suspended);
    assert_eq!(status(9), Status::Other(3));
    assert_eq!(status(99_999), Status::Valid);
    assert_eq!(verified.ttl(), Some(300));
    assert_eq!(verified.issued_at(), NOW);
    assert_eq!(verified.expires(), Some(NOW.plus(3600)));
}

/// ST-01, TSL-6.
#[test]
fn an_index_that_is_not_there_is_an_error() {
    let issuer = Issuer::new();
    let verified = check(&token(&issuer, &issue()), &issuer).unwrap();
    for index in [100_000, u64::MAX, u64::MAX / 2] {
        assert!(matches!(verified.status(index), Err(StatusError::Index { .. })));
    }
    let empty = StatusList::new(1, 0).unwrap();
    assert!(matches!(empty.status(0), Err(StatusError::Index { entries: 0, .. })));
}

/// TSL-1.
#[test]
fn every_width_keeps_its_entries_apart() {
    for bits in [1_u8, 2, 4, 8] {
        let mut list = StatusList::new(bits, 64).unwrap();
        let most = u8::MAX >> (8 - bits);
        let value = |index: u64| u8::try_from(index % 7).unwrap() & most;
        for index in 0..64 {
            list.set(index, most).unwrap();
            list.set(index, value(index)).unwrap();
        }
        let read = StatusList::from_value(&list.to_value().unwrap(), 1024).unwrap();
        assert_eq!(read, list);
        assert!((0..64).all(|index| read.status(index).unwrap() == Status::from(value(index))));
        if bits < 8 {
            assert!(matches!(list.set(0, most + 1), Err(StatusError::Value { .. })));
        }
        assert!(list.set(64, 0).is_err());
    }
    for bits in [0, 3, 5, 16, 255] {
        assert!(matches!(StatusList::new(bits, 8), Err(StatusError::Bits(_))));
    }
}

#[test]
fn a_list_that_nobody_would_read_is_not_made() {
    assert!(StatusList::new(8, 1 << 24).is_ok());
    for entries in [(1 << 24) + 1, u64::MAX] {
        assert!(matches!(StatusList::new(8, entries), Err(StatusError::TooLarge(_))));
    }
}

/// TSL-3.
#[test]
fn the_header_has_chain_key_and_type() {
    let issuer = Issuer::new();
    let header = issuer.status_header();
    assert_eq!(header.typ.as_deref(), Some("statuslist+jwt"));
    assert_eq!(header.x5c, issuer.x5c);
    assert_eq!(header.kid.as_deref(), Some(issuer.key.kid()));
    assert!(header.jwk.is_some());
}

fn compress(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn inflate(compressed: &[u8], max: usize) -> Result<StatusList, StatusError> {
    let value = json!({"bits": 1, "lst": b64u::encode(compressed)});
    StatusList::from_value(&value, max)
}

/// TSL-1, ST-01.
#[test]
fn every_level_of_zlib_is_read_and_the_best_is_written() {
    let bytes: Vec<u8> = (0..5000_u32).map(|n| u8::try_from(n * n % 251).unwrap()).collect();
    for level in [0, 1, 6, 9] {
        assert!(inflate(&compress(&bytes, level), 5000).is_ok());
    }
    let list = inflate(&compress(&bytes, 1), 5000).unwrap();
    assert_eq!(list.to_value().unwrap()["lst"], b64u::encode(compress(&bytes, 9)));
}

#[test]
fn a_bomb_is_refused_at_the_cap() {
    // About 10 kB that inflate to 10 MB, refused after 64 KiB. The real limit is tested the same
    // way.
    let bomb = compress(&vec![0; 10_000_000], 9);
    assert!(bomb.len() < 11_000);
    assert!(matches!(inflate(&bomb, 64 * 1024), Err(StatusError::TooLarge(_))));
    let larger = compress(&vec![0; MAX_LIST_BYTES + 1], 9);
    assert!(matches!(inflate(&larger, MAX_LIST_BYTES), Err(StatusError::TooLarge(_))));
    let exact = compress(&vec![0; 64 * 1024], 9);
    assert!(inflate(&exact, 64 * 1024).is_ok());
    assert!(inflate(&exact, 64 * 1024 - 1).is_err());
}

/// ST-01.
#[test]
fn a_bomb_of_gigabytes_costs_no_memory() {
    // A stream of 512 MiB of zeros, far more than the largest list that is inflated.
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let chunk = vec![0; 1 << 20];
    for _ in 0..512 {
        encoder.write_all(&chunk).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let before = peak_kib();
    assert!(matches!(inflate(&bomb, MAX_LIST_BYTES), Err(StatusError::TooLarge(_))));
    let grown = peak_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB");
}

/// Returns the most memory that this process has used, in KiB; 0 if the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.map(|line| line.chars().filter(char::is_ascii_digit).collect::<String>());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

#[test]
fn what_is_not_one_whole_zlib_stream_is_refused() {
    let good = compress(b"abc", 9);
    let mut wrong_sum = good.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(b"abc").unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(b"abc").unwrap();
    for bad in [
        good[..good.len() - 1].to_vec(),
        good[..2].to_vec(),
        Vec::new(),
        [good.as_slice(), b"x"].concat(),
        [good.as_slice(), &good].concat(),
        wrong_sum,
        deflate.finish().unwrap(),
        gzip.finish().unwrap(),
        b"abc".to_vec(),
    ] {
        assert!(matches!(inflate(&bad, 1024), Err(StatusError::Compression)), "{bad:?}");
    }
    let padded = json!({"bits": 1, "lst": format!("{}=", b64u::encode(&good))});
    assert!(matches!(StatusList::from_value(&padded, 1024), Err(StatusError::Compression)));
}

#[test]
fn a_malformed_list_is_refused() {
    let lst = list().to_value().unwrap()["lst"].clone();
    for value in [
        Value::Null,
        json!({}),
        json!({"bits": 2}),
        json!({"lst": lst}),
        json!({"bits": "2", "lst": lst}),
        json!({"bits": 2, "lst": [1]}),
    ] {
        let issuer = Issuer::new();
        let refused = forged(&issuer, |claims| claims["status_list"] = value.clone());
        assert!(matches!(refused, Err(StatusError::List)), "{value}");
    }
    for bits in [0, 3, 16] {
        let value = json!({"bits": bits, "lst": lst});
        assert!(matches!(StatusList::from_value(&value, 1 << 20), Err(StatusError::Bits(_))));
    }
}

/// ST-03, TSL-6.
#[test]
fn a_list_of_another_uri_is_refused() {
    let issuer = Issuer::new();
    let token = token(&issuer, &issue());
    for uri in ["https://auth.example.jp/orgs/7900000000002/status/2", "", ISSUER] {
        let refused = check_with(&token, &issuer.trust(), |check| check.uri = uri);
        assert!(matches!(refused, Err(StatusError::Subject { .. })));
    }
    let without = forged(&issuer, |claims| remove(claims, "sub"));
    assert!(matches!(without, Err(StatusError::Subject { .. })));
}

/// ST-03, TSL-6.
#[test]
fn a_list_of_somebody_else_is_refused() {
    let issuer = Issuer::new();
    let good = token(&issuer, &issue());
    let stranger = Issuer::new();
    let chain = check(&token(&stranger, &issue()), &issuer);
    assert!(matches!(chain, Err(StatusError::Untrusted(UntrustedError::Chain(_)))));
    let other = "https://auth.example.jp/orgs/8900000000001";
    let unknown = check_with(&good, &issuer.trust(), |check| check.issuer = other);
    assert!(matches!(unknown, Err(StatusError::Untrusted(UntrustedError::Issuer { .. }))));
    let other_type = check_with(&good, &issuer.trust(), |check| check.vct = "x");
    assert!(matches!(other_type, Err(StatusError::Untrusted(UntrustedError::Issuer { .. }))));
    // Another organization under the same root.
    let mut trust = issuer.trust();
    trust.0[0].issuer = other.to_owned();
    let swapped = check_with(&good, &trust, |check| check.issuer = other);
    assert!(matches!(swapped, Err(StatusError::Untrusted(UntrustedError::Name(_)))));
    let named = forged(&issuer, |claims| claims["iss"] = other.into());
    assert!(matches!(named, Err(StatusError::Issuer(_))));
    assert!(forged(&issuer, |claims| claims["iss"] = ISSUER.into()).is_ok());
}

/// ST-03, TSL-6.
#[test]
fn another_key_or_type_is_refused() {
    let issuer = Issuer::new();
    let liar = key(66);
    let header = status::header(&liar, issuer.x5c.clone());
    let forged = status::issue_token(&list(), &issue(), &header, &liar).unwrap();
    assert!(matches!(check(&forged, &issuer), Err(StatusError::Jwt(JwtError::Jws(_)))));
    // The key in the header is for verifiers that only check the signature. We do not trust it.
    let header = status::header(&liar, Vec::new());
    let forged = status::issue_token(&list(), &issue(), &header, &liar).unwrap();
    assert!(matches!(
        check(&forged, &issuer),
        Err(StatusError::Untrusted(UntrustedError::NoChain))
    ));
    for typ in ["JWT", "dc+sd-jwt", "statuslist+cwt"] {
        let header = Header { typ: Some(typ.to_owned()), ..issuer.status_header() };
        let token = status::issue_token(&list(), &issue(), &header, &issuer.key).unwrap();
        assert!(matches!(check(&token, &issuer), Err(StatusError::Jwt(JwtError::Typ { .. }))));
    }
}

#[test]
fn a_list_counts_in_its_time_only() {
    let issuer = Issuer::new();
    let token = token(&issuer, &issue());
    let at = |seconds: i64| check_with(&token, &issuer.trust(), |c| c.now = NOW.plus(seconds));
    assert!(at(3600).is_ok());
    assert!(matches!(at(3610), Err(StatusError::Time(ClaimError::Expired(_)))));
    assert!(at(-10).is_ok());
    assert!(matches!(at(-11), Err(StatusError::Time(ClaimError::Future { .. }))));
    let without_iat = forged(&issuer, |claims| remove(claims, "iat"));
    assert!(matches!(without_iat, Err(StatusError::Time(ClaimError::Missing("iat")))));
    for (name, value) in [("iat", json!("1")), ("exp", Value::Null)] {
        let malformed = forged(&issuer, |claims| claims[name] = value);
        assert!(matches!(malformed, Err(StatusError::Time(ClaimError::Malformed(_)))));
    }
}

#[test]
fn a_list_without_an_end_is_good_for_a_day() {
    let issuer = Issuer::new();
    let endless = IssueToken { exp: None, ..issue() };
    let token = token(&issuer, &endless);
    let at = |seconds: i64| check_with(&token, &issuer.trust(), |c| c.now = NOW.plus(seconds));
    assert!(at(MAX_TTL).is_ok());
    assert!(matches!(at(MAX_TTL + 1), Err(StatusError::Stale)));
    let neither = forged(&issuer, |claims| {
        remove(claims, "exp");
        remove(claims, "ttl");
    });
    assert!(matches!(neither, Err(StatusError::Stale)));
}

/// Makes a list of ten mebibytes that compresses well, and a token of almost four that does not.
#[test]
fn large_lists_are_read() {
    let issuer = Issuer::new();
    let read = |list: &StatusList| {
        let token = status::issue_token(list, &issue(), &issuer.status_header(), &issuer.key);
        let token = token.unwrap();
        (token.len(), check(&token, &issuer))
    };
    let wide = StatusList::new(1, 80 << 20).unwrap();
    assert_eq!(read(&wide).1.unwrap().entries(), 80 << 20);
    let noise = |entries: usize| {
        let mut values = vec![0; entries];
        Entropy::seeded(1).fill(&mut values);
        let mut list = StatusList::new(8, values.len().try_into().unwrap()).unwrap();
        for (index, value) in (0_u64..).zip(values) {
            list.set(index, value).unwrap();
        }
        list
    };
    let (length, found) = read(&noise(2_200_000));
    assert!(length > 3_700_000 && found.is_ok(), "{length}");
    let (length, found) = read(&noise(2_500_000));
    assert!(length > status::MAX_TOKEN_BYTES && found.is_err(), "{length}");
}

/// ST-02.
#[test]
fn an_absurd_ttl_is_refused_or_cut() {
    let issuer = Issuer::new();
    for ttl in [json!(0), json!(0.5), json!(-1), json!("300"), Value::Null] {
        let refused = forged(&issuer, |claims| claims["ttl"] = ttl.clone());
        assert!(matches!(refused, Err(StatusError::Ttl)), "{ttl}");
    }
    let cut = forged(&issuer, |claims| claims["ttl"] = json!(1_000_000_000)).unwrap();
    assert_eq!(cut.ttl(), Some(MAX_TTL));
    let shortest = forged(&issuer, |claims| claims["ttl"] = json!(1)).unwrap();
    assert_eq!(shortest.ttl(), Some(1));
    let without = forged(&issuer, |claims| remove(claims, "ttl")).unwrap();
    assert_eq!(without.ttl(), None);
}

/// ST-03.
#[test]
fn an_older_list_than_one_that_was_seen_is_refused() {
    let issuer = Issuer::new();
    let token = token(&issuer, &issue());
    let seen = |time: Timestamp| {
        check_with(&token, &issuer.trust(), |check| check.not_older_than = Some(time))
    };
    assert!(seen(NOW).is_ok());
    assert!(matches!(seen(NOW.plus(1)), Err(StatusError::Rollback)));
}

#[test]
fn a_reference_is_written_as_it_is_read() {
    let reference = StatusReference { uri: STATUS_URI.to_owned(), index: 7 };
    let claim = reference.to_claim();
    assert_eq!(claim, json!({"status_list": {"idx": 7, "uri": STATUS_URI}}));
    assert_eq!(StatusReference::from_claim(&claim).unwrap(), reference);
}
