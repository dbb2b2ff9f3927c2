//! The errors of the wallet: one enum, with exit codes and codes that a person can look up.
//!
//! Invariant: no message contains a key, a code, a token or a claim's value.

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
    /// A transaction code is needed but was not given, or was given but is not expected.
    #[error("transaction code: {0}")]
    TxCode(&'static str),
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
            Self::Link(_) | Self::TxCode(_) | Self::AlreadyThere(_) => 2,
            Self::Refused { .. } | Self::Declined | Self::Unknown(_) => 3,
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
            Self::TxCode(_) => "tx_code",
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
            Self::Link(why) => text::E_LINK.fill(lang, &[("0", why)]),
            Self::TxCode(_) => text::E_TX_CODE.say(lang).to_owned(),
            Self::Insecure(address) => text::E_INSECURE.fill(lang, &[("0", address)]),
            Self::Unreachable { address, .. } => text::E_UNREACHABLE.fill(lang, &[("0", address)]),
            Self::Answer { address, why } => {
                text::E_ANSWER.fill(lang, &[("0", address), ("1", why)])
            }
            Self::Refused { address, error, .. } => {
                text::E_REFUSED.fill(lang, &[("0", address), ("1", error)])
            }
            Self::Offer(why) => text::E_OFFER.fill(lang, &[("0", why)]),
            Self::Credential { why, .. } => text::E_CREDENTIAL.fill(lang, &[("0", why)]),
            Self::Request(why) => text::E_REQUEST.fill(lang, &[("0", why)]),
            Self::Expired => text::E_EXPIRED.say(lang).to_owned(),
            Self::Unknown(address) => text::E_UNKNOWN.fill(lang, &[("0", address)]),
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
    fn what_is_missing_is_named_in_both_languages() {
        let error = WalletError::Missing(vec![
            Text::from(Words::new("社員証", "Affiliation")),
            Text::from(Words::new("研修", "Training")),
        ]);
        assert!(error.explain(Lang::Ja).contains("社員証、研修"));
        assert!(error.explain(Lang::En).contains("Affiliation, Training"));
    }
}
