//! The errors of the wallet: one enum, with exit codes and codes that a person can look up.
//!
//! An error has two texts: `Display` is for programs and support, [`WalletError::explain`] for the
//! holder.
//!
//! Invariant: no message contains a key, a code, a token or a claim's value. What the holder reads
//! contains no URL and no error code of a protocol.

use std::net::SocketAddr;
use std::path::PathBuf;

use sekisho_ambient::{Lang, Text};
use sekisho_profile::Code;

use crate::text;

/// Why the wallet did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// There is no wallet in this folder.
    #[error("no wallet in {}", .0.display())]
    NoWallet(PathBuf),
    /// There is a wallet in this folder already.
    #[error("a wallet is already in {}", .0.display())]
    AlreadyThere(PathBuf),
    /// A file could not be read, written or locked.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: `read`, `write`, `lock`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Other users of this machine can read the key file.
    #[error("{} has mode {mode:o}, expected 600", path.display())]
    KeyMode {
        /// The key file.
        path: PathBuf,
        /// The file's permission bits.
        mode: u32,
    },
    /// A file of the wallet cannot be decrypted with its key, or has the wrong content.
    #[error("{} is damaged or not of this wallet: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with the content.
        why: String,
    },
    /// A key could not be made or used.
    #[error("key: {0}")]
    Key(String),
    /// The file is not a list of certificates.
    #[error("certificates: {0}")]
    Certificates(String),
    /// The link is not a credential offer or a presentation request.
    #[error("link: {0}")]
    Link(String),
    /// The page can be served only at an address of this machine.
    #[error("{0} is not an address of this machine only")]
    Listen(SocketAddr),
    /// A transaction code is needed but was not given, or was given but is not expected.
    #[error("transaction code: {0}")]
    TxCode(&'static str),
    /// The issuer refused the transaction code, or the offer.
    #[error("transaction code: the issuer refused it, or the offer was used or has expired")]
    WrongTxCode {
        /// Whether the issuer said that it is the code.
        certain: bool,
    },
    /// The offer was used already, or has expired.
    #[error("offer: used already, or expired")]
    OfferEnded,
    /// A link leads to a program on this machine, and the holder has not agreed to that. The text
    /// is the program's origin.
    #[error("{0} is on this machine, and the holder has not agreed to call it")]
    ThisMachine(String),
    /// An address is neither https nor http to this machine.
    #[error("address refused, expected https: {0}")]
    Insecure(String),
    /// The peer could not be reached in time.
    #[error("{address}: {why}")]
    Unreachable {
        /// The peer's address: scheme, host and path.
        address: String,
        /// What went wrong.
        why: String,
    },
    /// The peer's answer does not follow the specification.
    #[error("{address}: unexpected answer: {why}")]
    Answer {
        /// The peer's address: scheme, host and path.
        address: String,
        /// What was found and what was expected.
        why: String,
    },
    /// The peer refused the request.
    #[error("{address} refused ({status}): {error}{}", description.as_ref().map_or(String::new(), |text| format!(": {text}")))]
    Refused {
        /// The peer's address: scheme, host and path.
        address: String,
        /// The HTTP status of its answer.
        status: u16,
        /// The OAuth error code of its answer.
        error: String,
        /// The peer's explanation of the error, if it gave one.
        description: Option<String>,
    },
    /// The offer does not fit the issuer's metadata or the specification.
    #[error("offer: {0}")]
    Offer(String),
    /// The credential that came is not the one that was offered, or no trusted authority signed it.
    #[error("credential: {why}")]
    Credential {
        /// The code of the cause, such as `C-2005`.
        code: Code,
        /// What was found in the credential.
        why: String,
    },
    /// The presentation request breaks a rule that this wallet insists on.
    #[error("request: {0}")]
    Request(String),
    /// The presentation request has expired.
    #[error("request: expired")]
    Expired,
    /// The request is dated so far ahead that this device's clock or the verifier's is wrong.
    #[error("request: dated ahead of this device's clock")]
    Clock,
    /// An authority of the wallet vouches for the verifier, but not at this time: a certificate has
    /// expired or is not valid yet.
    #[error("request: the verifier's certificate is not valid at this time")]
    VerifierCertificate,
    /// No authority of the wallet vouches for the verifier, and the holder was not asked.
    #[error("{0}: no authority of the wallet vouches for this verifier")]
    Unknown(String),
    /// The wallet lacks a credential that the request requires.
    #[error("the wallet lacks a required credential: {}", names(.0, Lang::En))]
    Missing(Vec<Text>),
    /// The holder declined.
    #[error("declined by the holder")]
    Declined,
    /// There is no such credential in the wallet.
    #[error("no credential {0}")]
    NotFound(String),
}

fn names(list: &[Text], lang: Lang) -> String {
    let separator = if lang == Lang::Ja { "、" } else { ", " };
    list.iter().map(|name| name.say(lang)).collect::<Vec<_>>().join(separator)
}

impl WalletError {
    /// The exit code of the command line: 1 failed, 2 usage, 3 denied, 4 not found, 5 unreachable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Link(_) | Self::Listen(_) | Self::TxCode(_) | Self::AlreadyThere(_) => 2,
            Self::Refused { .. }
            | Self::WrongTxCode { .. }
            | Self::OfferEnded
            | Self::ThisMachine(_)
            | Self::Declined
            | Self::VerifierCertificate
            | Self::Unknown(_) => 3,
            Self::NoWallet(_) | Self::NotFound(_) | Self::Missing(_) => 4,
            Self::Unreachable { .. } => 5,
            _ => 1,
        }
    }

    /// A short name of the error for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoWallet(_) => "no_wallet",
            Self::AlreadyThere(_) => "already_there",
            Self::File { .. } => "file",
            Self::KeyMode { .. } => "key_mode",
            Self::Damaged { .. } => "damaged",
            Self::Key(_) => "key",
            Self::Certificates(_) => "certificates",
            Self::Link(_) => "link",
            Self::Listen(_) => "listen",
            Self::TxCode(_) => "tx_code",
            Self::WrongTxCode { .. } => "wrong_tx_code",
            Self::OfferEnded => "offer_ended",
            Self::ThisMachine(_) => "this_machine",
            Self::Clock => "clock",
            Self::VerifierCertificate => "verifier_certificate",
            Self::Insecure(_) => "insecure_address",
            Self::Unreachable { .. } => "unreachable",
            Self::Answer { .. } => "unexpected_answer",
            Self::Refused { .. } => "refused",
            Self::Offer(_) => "offer",
            Self::Credential { .. } => "credential",
            Self::Request(_) => "request",
            Self::Expired => "expired",
            Self::Unknown(_) => "unknown_verifier",
            Self::Missing(_) => "missing_credential",
            Self::Declined => "declined",
            Self::NotFound(_) => "not_found",
        }
    }

    /// The code that `sekisho explain` knows, if the error has one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Credential { code, .. } => Some(*code),
            Self::Expired => Some(Code::LoginExpired),
            Self::Declined => Some(Code::WalletDeclined),
            Self::Clock => Some(Code::HolderClock),
            Self::Refused { description, .. } => description.as_deref().and_then(code_in),
            _ => None,
        }
    }

    /// Explains the error to the holder in one or two sentences.
    pub fn explain(&self, lang: Lang) -> String {
        let sentence = match self {
            Self::NoWallet(path) => {
                text::E_NO_WALLET.fill(lang, &[("0", &path.display().to_string())])
            }
            Self::AlreadyThere(path) => {
                text::E_ALREADY_THERE.fill(lang, &[("0", &path.display().to_string())])
            }
            Self::KeyMode { path, .. } => {
                text::E_KEY_MODE.fill(lang, &[("0", &path.display().to_string())])
            }
            Self::File { .. } | Self::Damaged { .. } | Self::Key(_) => {
                text::E_FILE.fill(lang, &[("0", &self.to_string())])
            }
            Self::Certificates(why) => text::E_CERTIFICATES.fill(lang, &[("0", why)]),
            Self::Link(_) => text::E_LINK.say(lang).to_owned(),
            Self::Listen(address) => text::E_LISTEN.fill(lang, &[("0", &address.to_string())]),
            Self::TxCode(_) => text::E_TX_CODE.say(lang).to_owned(),
            Self::WrongTxCode { certain: true } => text::E_WRONG_TX_CODE.say(lang).to_owned(),
            Self::WrongTxCode { certain: false } => text::E_TX_CODE_OR_ENDED.say(lang).to_owned(),
            Self::OfferEnded => text::E_OFFER_ENDED.say(lang).to_owned(),
            Self::ThisMachine(origin) => text::E_THIS_MACHINE.fill(lang, &[("0", host(origin))]),
            Self::Insecure(_) => text::E_INSECURE.say(lang).to_owned(),
            Self::Unreachable { address, .. } => {
                text::E_UNREACHABLE.fill(lang, &[("0", host(address))])
            }
            Self::Answer { address, .. } => text::E_ANSWER.fill(lang, &[("0", host(address))]),
            Self::Refused { description, .. } => refusal(description.as_deref(), lang),
            Self::Offer(_) => text::E_OFFER.say(lang).to_owned(),
            Self::Credential { code, .. } => {
                text::E_CREDENTIAL.fill(lang, &[("0", code.entry().cause.say(lang))])
            }
            Self::Request(_) => text::E_REQUEST.say(lang).to_owned(),
            Self::Expired => text::E_EXPIRED.say(lang).to_owned(),
            Self::Clock => text::E_CLOCK.say(lang).to_owned(),
            Self::VerifierCertificate => text::E_VERIFIER_CERTIFICATE.say(lang).to_owned(),
            Self::Unknown(address) => text::E_UNKNOWN.fill(lang, &[("0", host(address))]),
            Self::Missing(list) => text::E_MISSING.fill(lang, &[("0", &names(list, lang))]),
            Self::Declined => text::E_DECLINED.say(lang).to_owned(),
            Self::NotFound(id) => text::E_NOT_FOUND.fill(lang, &[("0", id)]),
        };
        match self.code() {
            Some(code) => format!("{sentence} ({code})"),
            None => sentence,
        }
    }
}

/// Why a peer refused, in words: those of the code in its description, or else the description.
fn refusal(description: Option<&str>, lang: Lang) -> String {
    let Some(description) = description else { return text::E_REFUSED.say(lang).to_owned() };
    if let Some(code) = code_in(description) {
        let entry = code.entry();
        let space = if lang == Lang::Ja { "" } else { " " };
        return format!("{}{space}{}", entry.cause.say(lang), entry.user.say(lang));
    }
    let words = description.split_whitespace().filter(|word| !word.contains("://"));
    let words = words.collect::<Vec<_>>().join(" ");
    text::E_REFUSED_BECAUSE.fill(lang, &[("0", &words)])
}

/// The first code of ours in a peer's text, such as `C-2007`.
fn code_in(text: &str) -> Option<Code> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.into_iter().find_map(Code::from_id)
}

/// The host and port of an address. People recognise them, and they are no link.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Words;

    use super::*;

    #[test]
    fn exit_codes_tell_the_kinds_apart() {
        let code = |error: WalletError| error.exit_code();
        assert_eq!(code(WalletError::Expired), 1);
        assert_eq!(code(WalletError::Link(String::new())), 2);
        assert_eq!(code(WalletError::Declined), 3);
        assert_eq!(code(WalletError::NotFound(String::new())), 4);
        let unreachable = WalletError::Unreachable { address: String::new(), why: String::new() };
        assert_eq!(code(unreachable), 5);
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        let told = |description: Option<&str>, lang| {
            let refused = WalletError::Refused {
                address: "https://verifier.example/response/secret".to_owned(),
                status: 400,
                error: "invalid_request".to_owned(),
                description: description.map(str::to_owned),
            };
            refused.explain(lang)
        };
        let coded = Some("C-2001: This credential was revoked by its issuer.");
        assert!(
            told(coded, Lang::Ja).starts_with("この証明書は発行元によって取り消されています。")
        );
        assert!(told(coded, Lang::En).ends_with("(C-2001)"));
        let worded = Some("the nonce is stale, see https://verifier.example/help");
        assert!(told(worded, Lang::Ja).contains("「the nonce is stale, see」"));
        for lang in [Lang::Ja, Lang::En] {
            for description in [None, coded, worded, Some("C-9999")] {
                let told = told(description, lang);
                assert!(!told.contains("://") && !told.contains("invalid_request"), "{told}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named_in_both_languages() {
        let error = WalletError::Missing(vec![
            Text::from(Words::new("社員証", "Affiliation")),
            Text::from(Words::new("研修", "Training")),
        ]);
        assert!(error.explain(Lang::Ja).contains("社員証、研修"));
        assert!(error.explain(Lang::En).contains("Affiliation, Training"));
    }
}
