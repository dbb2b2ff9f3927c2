//! The pages that a person sees: each is a function from a view to HTML.
//!
//! A view holds everything that its page shows, already chosen and formatted by the caller. A page
//! decides nothing, reads no clock and writes no header. Templates are compiled and escape every
//! value; no template marks a value as safe, which a test checks. Fixed texts come from
//! [`crate::texts`], texts of error codes from [`sekisho_profile::codes`].
//!
//! Invariant: a page works without a script, loads nothing from another origin, and has no inline
//! script, style or event handler. So it works under a content security policy without
//! `unsafe-inline`. The routes set headers (GEN-20) and status codes.
//!
//! Every form posts a `form_token`. Paths are derived from the view's base path:
//!
//! | page | posts to | fields |
//! |---|---|---|
//! | login, answered, number entry | `{login_path}/cancel` | `form_token` |
//! | login, answered | `{login_path}/renew` | `form_token` |
//! | number entry | `{login_path}/number` | `form_token`, `number` |
//! | consent | `{consent_path}` | `form_token`, `decision` = `allow`, `deny`; `optional` repeated |
//! | code of a device | `{device_path}` | `form_token`, `user_code` |
//! | log-out question | `{logout_path}` | `form_token`, `decision` = `yes`, `no` |
//! | answer by form, and the ways back of error and denial | the redirect URI | the answer, no `form_token` |

mod answered;
mod assets;
mod consent;
mod denied;
mod device;
mod error;
mod form_post;
mod language;
mod layout;
mod login;
mod message;
mod number;
mod operator;
mod qr;
#[cfg(test)]
mod samples;

pub use answered::{AnsweredView, DoneView, ElsewhereView, answered, done, elsewhere};
pub use assets::ASSETS;
pub use consent::{ClaimItem, ConsentView, Fact, consent};
pub use denied::{DeniedView, Reason, ReasonLink, denied};
pub use device::{DeviceView, device};
pub use error::{ErrorView, error};
pub use form_post::{WayBack, form_post};
pub use language::{Lang, choose_language, from_accept_language, from_ui_locales};
pub use login::{CrossDevice, LoginView, ServiceCard, WalletLink, login};
pub use message::{
    LogoutView, Message, MessageView, SignedOutView, logout_confirm, message, signed_out,
};
pub use number::{NumberEntryView, NumberShowView, number_entry, number_show};
pub(crate) use operator::signed_by;
