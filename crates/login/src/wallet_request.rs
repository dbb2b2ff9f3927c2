//! The part of a login that travels in the `request_uri` of its links, sealed: what the wallet's
//! side needs to know of it.
//!
//! ```text
//! version and channel (1) | handle of the login (32) | ciphertext | tag (16)
//! ```
//!
//! The ciphertext holds 17 bytes and the client's id, so that the QR code of a link stays below 300
//! characters. The nonce of the seal is derived from the handle and the channel; a login seals the
//! same content each time, so its links stay the same.

use sekisho_ambient::{Handle, HandleKey, sha256};
use sekisho_jose::b64u;
use sekisho_jose::jwe::DecryptionKey;
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_profile::{Channel, scopes};

use crate::device::Device;
use crate::epoch::EpochKey;
use crate::ticket::{Asking, KeyTag, Ticket};
use crate::{ClientIdPrefix, ResponseMode};

/// The version of the form of links, in the upper bits of the first byte.
const VERSION: u8 = 0b10;
/// Bytes before the ciphertext.
const HEAD: usize = 33;

/// What a link says of its login.
#[derive(Clone)]
pub(crate) struct WalletRequest {
    /// The handle of the login.
    pub(crate) login: Handle,
    /// Whether the wallet answers on the same device or on another one.
    pub(crate) channel: Channel,
    /// How the broker names itself to the wallet, and how it wants its answer.
    pub(crate) asking: Asking,
    /// The browser that began the login.
    pub(crate) device: Device,
    /// The client's id.
    pub(crate) client_id: String,
    /// The scopes that it asks for.
    pub(crate) scopes: Vec<String>,
    /// The claims that it names one by one.
    pub(crate) claims: Vec<String>,
    /// Whether it asks for access to a GPU service.
    pub(crate) access: bool,
}

impl WalletRequest {
    /// The link of a login over one channel.
    pub(crate) fn new(
        login: &Handle,
        ticket: &Ticket,
        request: &AuthorizationRequest,
        channel: Channel,
    ) -> Self {
        Self {
            login: login.clone(),
            channel,
            asking: ticket.asking.clone(),
            device: ticket.device,
            client_id: request.client_id.clone(),
            scopes: request.scopes.clone(),
            claims: request.claims.names().cloned().collect(),
            access: crate::asked::asks_for_access(request),
        }
    }

    /// The key of the login's row.
    pub(crate) fn key(&self) -> HandleKey {
        self.login.key()
    }

    /// The text that stands in the link; `None` if the cipher fails.
    pub(crate) fn seal(&self, key: &EpochKey) -> Option<String> {
        let head = head(&self.login, self.channel);
        let sealed = key.seal().seal(&nonce(key, &head), &head, &self.content())?;
        Some(b64u::encode([head.as_slice(), &sealed].concat()))
    }

    /// The handle of the login of a link, which says under which key it was sealed.
    pub(crate) fn login_of(text: &str) -> Option<Handle> {
        let bytes = b64u::decode(text).ok()?;
        Handle::from_bytes(bytes.get(1..HEAD)?)
    }

    /// Reads a link; `None` if it was not sealed with this key.
    pub(crate) fn open(text: &str, key: &EpochKey) -> Option<Self> {
        let bytes = b64u::decode(text).ok()?;
        let (head, sealed) = bytes.split_first_chunk::<HEAD>()?;
        let (first, login) = head.split_first()?;
        let channel = match first ^ (VERSION << 1) {
            0 => Channel::SameDevice,
            1 => Channel::CrossDevice,
            _ => return None,
        };
        let content = key.seal().open(&nonce(key, head), head, sealed)?;
        Self::read(Handle::from_bytes(login)?, channel, content.expose())
    }

    fn content(&self) -> Vec<u8> {
        let Asking { signer, prefix, mode, other_device } = &self.asking;
        let flags = [
            *prefix == ClientIdPrefix::X509SanDns,
            *mode == ResponseMode::DirectPost,
            *other_device,
            self.access,
        ];
        let claims = vocabulary();
        let mut out = vec![bits(flags), self.device.to_byte(), edition()];
        out.extend(signer);
        let scopes = set(&scopes::supported(), &self.scopes);
        out.extend(u16::try_from(scopes).unwrap_or_default().to_be_bytes());
        out.extend(set(&claims, &self.claims).to_be_bytes());
        out.extend(self.client_id.as_bytes());
        out
    }

    fn read(login: Handle, channel: Channel, content: &[u8]) -> Option<Self> {
        let ([flags, device, written], rest) = content.split_first_chunk()?;
        if *written != edition() {
            return None;
        }
        let (signer, rest) = rest.split_first_chunk::<8>()?;
        let (asked, rest) = rest.split_first_chunk::<2>()?;
        let (claims, client_id) = rest.split_first_chunk::<4>()?;
        let has = |bit: u8| flags & (1 << bit) != 0;
        let prefix = if has(0) { ClientIdPrefix::X509SanDns } else { ClientIdPrefix::X509Hash };
        let mode = if has(1) { ResponseMode::DirectPost } else { ResponseMode::DirectPostJwt };
        let signer: KeyTag = *signer;
        Some(Self {
            login,
            channel,
            asking: Asking { signer, prefix, mode, other_device: has(2) },
            device: Device::from_byte(*device),
            client_id: String::from_utf8(client_id.to_vec()).ok()?,
            scopes: members(&scopes::supported(), u32::from(u16::from_be_bytes(*asked))),
            claims: members(&vocabulary(), u32::from_be_bytes(*claims)),
            access: has(3),
        })
    }

    /// The nonce that the presentation must contain.
    pub(crate) fn nonce(&self, key: &EpochKey) -> String {
        b64u::encode(key.derive_short(&[b"nonce", &head(&self.login, self.channel)]))
    }

    /// The key for decrypting the answer; `None` if answers are not encrypted.
    pub(crate) fn response_key(&self, key: &EpochKey) -> Option<DecryptionKey> {
        if self.asking.mode == ResponseMode::DirectPost {
            return None;
        }
        let head = head(&self.login, self.channel);
        // One number in 2³² is no scalar of the curve.
        (0..=u8::MAX).find_map(|attempt| {
            let scalar = key.derive(&[b"response key", &head, &[attempt]]);
            DecryptionKey::from_bytes(&scalar).ok()
        })
    }

    /// The response code for an answer with this digest. The same answer gets the same code.
    pub(crate) fn response_code(&self, key: &EpochKey, answer: &[u8; 32]) -> Handle {
        let head = head(&self.login, self.channel);
        let secret = key.derive_short(&[b"response code", &head, answer]);
        Handle::derived(self.key().expires(), &secret)
    }
}

fn head(login: &Handle, channel: Channel) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[0] = (VERSION << 1) | u8::from(channel == Channel::CrossDevice);
    head[1..].copy_from_slice(&login.to_bytes());
    head
}

fn nonce(key: &EpochKey, head: &[u8; HEAD]) -> [u8; sekisho_store::SEAL_NONCE] {
    key.derive_short(&[b"seal of a link", head, &[edition()]])
}

/// All claims that a request can name, in the order of their bits.
fn vocabulary() -> Vec<&'static str> {
    let all: Vec<String> = scopes::supported().into_iter().map(str::to_owned).collect();
    scopes::claims_supported(&all)
}

/// A byte that changes with the list of scopes and claims, so that a link of another version of the
/// program is not misread.
fn edition() -> u8 {
    let words = [scopes::supported(), vocabulary()].concat().join(" ");
    sha256(words.as_bytes())[0]
}

fn bits<const N: usize>(flags: [bool; N]) -> u8 {
    flags.iter().rev().fold(0, |bits, flag| (bits << 1) | u8::from(*flag))
}

/// The members of `all` that are in `chosen`, as bits.
fn set(all: &[&str], chosen: &[String]) -> u32 {
    let place = |name: &String| all.iter().position(|known| known == name);
    let bit = |place: usize| u32::try_from(place).ok().and_then(|place| 1_u32.checked_shl(place));
    chosen.iter().filter_map(place).filter_map(bit).fold(0, |set, bit| set | bit)
}

fn members(all: &[&str], set: u32) -> Vec<String> {
    let inside = |(place, _): &(usize, &&str)| {
        u32::try_from(*place)
            .ok()
            .and_then(|at| 1_u32.checked_shl(at))
            .is_some_and(|b| set & b != 0)
    };
    all.iter().enumerate().filter(inside).map(|(_, name)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::{Entropy, Timestamp};

    use super::*;

    #[test]
    fn every_scope_and_claim_has_a_bit() {
        assert!(scopes::supported().len() <= 16);
        assert!(vocabulary().len() <= 32);
        let names: Vec<String> = vocabulary().into_iter().map(str::to_owned).collect();
        assert_eq!(members(&vocabulary(), set(&vocabulary(), &names)), names);
    }

    fn sample(channel: Channel) -> WalletRequest {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        WalletRequest {
            login: Handle::new(Timestamp::from_unix(77), &Entropy::seeded(3)),
            channel,
            asking: Asking {
                signer: [1, 2, 3, 4, 5, 6, 7, 8],
                prefix: ClientIdPrefix::X509Hash,
                mode: ResponseMode::DirectPostJwt,
                other_device: true,
            },
            device: Device::from_user_agent("Firefox/140 Linux"),
            client_id: "hokkai-gpu-cloud-console".to_owned(),
            scopes: words(&["openid", "training", "offline_access"]),
            claims: words(&["email", "groups"]),
            access: true,
        }
    }

    #[test]
    fn a_link_says_what_was_sealed_and_every_bit_counts() {
        let key = EpochKey::new(&[7; 32]).unwrap();
        let (same, other) = (sample(Channel::SameDevice), sample(Channel::CrossDevice));
        let link = same.seal(&key).unwrap();
        assert_eq!(same.seal(&key).unwrap(), link, "the link of a login stays the same");
        let read = WalletRequest::open(&link, &key).unwrap();
        assert_eq!(read.content(), same.content());
        assert_eq!((read.key(), read.channel), (same.key(), Channel::SameDevice));
        assert_eq!((read.scopes, read.claims), (same.scopes.clone(), same.claims.clone()));
        assert!(read.access && read.asking == same.asking && read.device == same.device);

        let bytes = b64u::decode(&link).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(WalletRequest::open(&b64u::encode(changed), &key).is_none(), "{at} {bit}");
            }
        }
        assert!(WalletRequest::open(&link, &EpochKey::new(&[8; 32]).unwrap()).is_none());
        for length in 0..bytes.len() {
            assert!(WalletRequest::open(&b64u::encode(&bytes[..length]), &key).is_none());
        }

        assert_ne!(same.nonce(&key), other.nonce(&key));
        let public = |request: &WalletRequest| request.response_key(&key).unwrap().public_jwk();
        assert_ne!(public(&same).thumbprint(), public(&other).thumbprint());
        let code = |digest: u8| same.response_code(&key, &[digest; 32]).key();
        assert!(code(1) == code(1) && code(1) != code(2));
    }

    #[test]
    fn a_qr_code_at_a_usual_host_stays_below_300_characters() {
        let link = sample(Channel::CrossDevice).seal(&EpochKey::new(&[7; 32]).unwrap()).unwrap();
        let hash = "UvTHHtFnA4SPVUbTuVLEgNxCq8RyKAhK6RnvpR9Sx5Y";
        let uri = format!("https://sekisho.gpu-cloud.example.jp/request/{link}");
        let url = sekisho_openid4vp::request::wallet_url(
            "openid4vp://",
            &format!("x509_hash:{hash}"),
            &uri,
        );
        assert!(url.len() < 300, "{}", url.len());
    }

    #[test]
    fn a_handle_stands_in_the_head() {
        let login = Handle::new(Timestamp::from_unix(77), &Entropy::seeded(3));
        let text = b64u::encode([head(&login, Channel::CrossDevice).as_slice(), b"x"].concat());
        assert_eq!(WalletRequest::login_of(&text).unwrap().key(), login.key());
        assert!(WalletRequest::login_of("AAAA").is_none());
    }
}
