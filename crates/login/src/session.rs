//! The session of a browser: a login begins it, and `end_in` is the only function that ends it.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_profile::{Act, Outcome, Reason};
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::Fallen;
use sekisho_store::{AuditEntry, StoreError, Tx};

use crate::tables::Sessions;

/// Why a session ends.
pub(crate) enum End<'a> {
    /// One of its credentials no longer stands.
    Fallen(&'a Fallen),
    /// The person logged out, at the request of this client if one is named.
    LoggedOut(Option<&'a str>),
    /// The person logged in again in the same browser.
    Replaced,
}

/// Ends a session, with one entry in the audit log. Does nothing if there is no such session.
pub(crate) fn end_in(
    tx: &mut Tx,
    key: &HandleKey,
    end: &End<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(session) = tx.take::<Sessions>(key)? else { return Ok(()) };
    let person = Actor::Person(session.evidence.person);
    let ended = entry(now, &person, Act::SessionEnd, key.reference(), Outcome::Done);
    tx.append(why(ended, end));
    Ok(())
}

fn why(entry: AuditEntry, end: &End<'_>) -> AuditEntry {
    match end {
        End::Fallen(fallen) => {
            entry.because(fallen.code).with("credential", fallen.credential.as_str())
        }
        End::LoggedOut(client) => {
            entry.because(Reason::LoggedOut).with("client", client.unwrap_or_default())
        }
        End::Replaced => entry.because(Reason::SessionReplaced),
    }
}
