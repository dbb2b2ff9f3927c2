//! A new secret for a client, and how long the one before stays good.

use sekisho_ambient::Timestamp;
use sekisho_oauth::client::{ClientAuthentication, LivingSecret};
use sekisho_profile::Act;
use sekisho_registry::RelyingParty;
use serde::{Deserialize, Serialize};

use super::super::{AdminError, By, Change, Changed};
use crate::Broker;

/// How long the secret before stays good if the operator does not say, in seconds: a day.
pub const KEEP_OLD: i64 = 24 * 60 * 60;
/// The longest that it may stay good, in seconds: 30 days.
pub const KEEP_OLD_MAX: i64 = 30 * KEEP_OLD;

/// A request for a new secret.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateSecret {
    /// How long the present secret stays good, in seconds; 0 ends it at once.
    #[serde(default = "keep_old")]
    pub keep_old_for: i64,
}

fn keep_old() -> i64 {
    KEEP_OLD
}

/// The answer to a rotation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RotatedSecret {
    /// The client's id.
    pub client_id: String,
    /// The new secret. It is shown only this once; `None` for a rehearsal.
    pub client_secret: Option<String>,
    /// When the secret before it ends.
    pub old_ends: Timestamp,
    /// When an even older secret would have ended, which has ended now: two are good at most.
    pub ended_early: Option<Timestamp>,
}

impl Broker {
    /// Gives a client a new secret, and lets the one before be good for a while.
    pub async fn rotate_secret(
        &self,
        by: &By,
        client_id: &str,
        rotate: &RotateSecret,
    ) -> Result<Changed<RotatedSecret>, AdminError> {
        let keep = rotate.keep_old_for;
        if !(0..=KEEP_OLD_MAX).contains(&keep) {
            let days = KEEP_OLD_MAX / KEEP_OLD;
            return Err(AdminError::Invalid(format!(
                "the secret before stays good for {days} days at most"
            )));
        }
        let now = self.site.now();
        let secret = self.site.entropy().token();
        let ends = now.plus(keep);
        let change = Change::new(Act::ClientRotateSecret, client_id).with("keep_old_for", keep);
        self.change(by, change, |tx| {
            let Some(party) = self.registry.client_in(tx, client_id)? else {
                return Ok(Err(AdminError::not_found("client", client_id)));
            };
            let (after, ended_early) = match rotated(&party, secret.expose(), now, ends) {
                Ok(rotated) => rotated,
                Err(error) => return Ok(Err(error)),
            };
            self.registry.change_client_in(tx, &after)?;
            Ok(Ok(RotatedSecret {
                client_id: client_id.to_owned(),
                client_secret: (!by.rehearsal).then(|| secret.expose().clone()),
                old_ends: ends,
                ended_early,
            }))
        })
        .await
    }
}

/// The registration with a new secret, and when the secret would have ended that has to end now.
fn rotated(
    party: &RelyingParty,
    secret: &str,
    now: Timestamp,
    ends: Timestamp,
) -> Result<(RelyingParty, Option<Timestamp>), AdminError> {
    let method = party.client.authentication.method();
    let none = || {
        let id = &party.client.client_id;
        AdminError::Invalid(format!("client {id:?} has no secret: it authenticates by {method}"))
    };
    let secrets = party.client.authentication.secrets().ok_or_else(none)?;
    let ended_early = secrets.living(now).into_iter().find_map(|LivingSecret { ends, .. }| ends);
    let rotated = secrets.rotated(secret, now, ends);
    let authentication = ClientAuthentication::with_secrets(method, rotated).ok_or_else(none)?;
    let mut after = party.clone();
    after.client.authentication = authentication;
    Ok((after, ended_early))
}
