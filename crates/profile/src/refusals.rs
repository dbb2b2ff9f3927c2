//! Turns the refusals of the protocol crates into the codes that people are told.

use sekisho_credential::sd_jwt::KeyBindingError;
use sekisho_credential::vc::CredentialError;
use sekisho_jose::ClaimError;
use sekisho_oauth::authorization::PageErrorCode;
use sekisho_openid4vp::presentation::{EndReason, PresentationError};
use sekisho_openid4vp::response::{ResponseError, WalletError};

use crate::Code;

impl From<&CredentialError> for Code {
    fn from(error: &CredentialError) -> Self {
        use CredentialError as E;
        match error {
            E::Time(ClaimError::Expired(_)) => Self::Expired,
            E::Time(ClaimError::Future { .. }) => Self::NotYetValid,
            E::Type(_) | E::UntrustedIssuer(_) | E::Organization(_) => Self::UntrustedIssuer,
            E::HolderKey(KeyBindingError::Time(error)) if error.is_of_the_clock() => {
                Self::HolderClock
            }
            E::HolderKey(_) => Self::HolderKey,
            E::Status(_) => Self::StatusUnknown,
            E::Algorithm(_) => Self::AlgorithmRefused,
            E::Forbidden(_) => Self::ForbiddenElement,
            E::Hidden(_) | E::Claim(_) | E::Time(_) => Self::AgainstItsType,
            E::Endless | E::Lifetime { .. } => Self::EndsTooLate,
            E::SdJwt(_) => Self::BadSignature,
        }
    }
}

impl From<&ResponseError> for Code {
    /// A refused credential has its own code. Every other error means that the answer does not fit
    /// the request.
    fn from(error: &ResponseError) -> Self {
        use ResponseError as E;
        match error {
            E::Credential { error, .. } => error.into(),
            E::Malformed(_) | E::Mode | E::Encryption(_) | E::Query(_) => Self::AnswerDoesNotFit,
        }
    }
}

impl From<WalletError> for Code {
    /// `access_denied` means that the wallet declined. Every other error means that no wallet can
    /// answer.
    fn from(error: WalletError) -> Self {
        match error {
            WalletError::AccessDenied => Self::WalletDeclined,
            _ => Self::NoWallet,
        }
    }
}

impl From<PresentationError> for Code {
    fn from(error: PresentationError) -> Self {
        use PresentationError as E;
        match error {
            E::NotAnswered => Self::NotAnswered,
            E::AlreadyAnswered => Self::AlreadyUsed,
            E::Declined(error) => error.into(),
            E::ResponseCode => Self::OtherBrowser,
            E::Ended(reason) => reason.into(),
        }
    }
}

impl From<EndReason> for Code {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Expired => Self::LoginExpired,
            EndReason::WrongNumber => Self::WrongNumber,
            EndReason::LateNumber => Self::LateNumber,
        }
    }
}

impl From<PageErrorCode> for Code {
    fn from(error: PageErrorCode) -> Self {
        match error {
            PageErrorCode::UnknownClient => Self::UnknownClient,
            PageErrorCode::RedirectUri => Self::RedirectUri,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// VP-25: what a person is told of each refusal.
    #[test]
    fn each_refusal_of_a_presentation_has_its_code() {
        for (error, id) in [
            (PresentationError::NotAnswered, "A-1014"),
            (PresentationError::AlreadyAnswered, "A-1004"),
            (PresentationError::Declined(WalletError::AccessDenied), "A-1002"),
            (PresentationError::Declined(WalletError::WalletUnavailable), "A-1003"),
            (PresentationError::ResponseCode, "A-1005"),
            (PresentationError::Ended(EndReason::Expired), "A-1001"),
            (PresentationError::Ended(EndReason::WrongNumber), "A-1006"),
            (PresentationError::Ended(EndReason::LateNumber), "A-1012"),
        ] {
            assert_eq!(Code::from(error).id(), id, "{error}");
        }
    }
}
