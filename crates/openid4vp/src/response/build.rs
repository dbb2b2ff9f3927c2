//! The wallet's side: building the form.
use super::{ResponseError, VpToken, WalletError};
use crate::request::VerifiedRequest;
use sekisho_ambient::Entropy;

/// Names and values of a form, to be posted to `response_uri`.
pub type FormPairs = Vec<(String, String)>;

/// The form that answers `request` with `vp_token`, encrypted if the request asks for it.
pub fn build(
    vp_token: &VpToken,
    request: &VerifiedRequest,
    entropy: &Entropy,
) -> Result<FormPairs, ResponseError> {
    let _ = (vp_token, request, entropy);
    todo!()
}

/// The form that declines `request`.
pub fn refuse(error: WalletError, request: &VerifiedRequest) -> FormPairs {
    let _ = (error, request);
    todo!()
}
