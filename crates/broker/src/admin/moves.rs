//! Moves a client to another sector, with the people whom it knows.
//!
//! Subjects and user names are those of a sector. So a client cannot change its sector, or the host
//! that is its sector, like any other member of its registration: it would take the people whom it
//! knows for others. A move says by which subject and name it knew each person and by which it will,
//! and takes the names along.
//!
//! Invariant: a move that would give somebody another person's name changes nothing.

use std::collections::BTreeMap;

use sekisho_grants::listing::Which;
use sekisho_grants::names::Given;
use sekisho_grants::{Evidence, Known};
use sekisho_oauth::client::{self, Client};
use sekisho_profile::{Act, scopes};
use sekisho_registry::RelyingParty;
use sekisho_registry::clients::sector_of;
use sekisho_registry::sectors::{NamedAt, chosen, chosen_name, told};
use sekisho_site::audit::short;
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed};
use crate::Broker;

/// A request to move a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveClient {
    /// The sector to which it goes; if absent, the host of its first redirect URI, or the client alone.
    #[serde(default)]
    pub sector: Option<String>,
    /// Its redirect URIs from now on; those that it has if absent.
    #[serde(default)]
    pub redirect_uris: Option<Vec<String>>,
}

/// A client that was moved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MovedClient {
    /// Its id.
    pub client_id: String,
    /// The sector that it left.
    pub from: String,
    /// Its sector now.
    pub to: String,
    /// Its redirect URIs now.
    pub redirect_uris: Vec<String>,
    /// The people whom it knows: those with a living grant for it.
    pub people: Vec<MovedPerson>,
}

/// How a client that is moved knows a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MovedPerson {
    /// Keyed digest of the person, 16 hexadecimal digits.
    pub person: String,
    /// The subject until now.
    pub subject_before: String,
    /// The subject from now on.
    pub subject: String,
    /// The user name until now, if there was one.
    pub username_before: Option<String>,
    /// The user name from now on.
    pub username: Option<String>,
}

impl Broker {
    /// Moves a client to another sector. Its codes and tokens end, and people log in again.
    pub async fn move_client(
        &self,
        by: &By,
        client_id: &str,
        to: &MoveClient,
    ) -> Result<Changed<MovedClient>, AdminError> {
        let unknown = || AdminError::not_found("client", client_id);
        let party = self.registry.find_client(client_id).await?.ok_or_else(unknown)?;
        let uris = to.redirect_uris.as_ref().unwrap_or(&party.client.redirect_uris).clone();
        let client = Client { redirect_uris: uris.clone(), ..party.client.clone() };
        client::validate_registration(&client, &scopes::supported())
            .map_err(AdminError::invalid)?;
        let no_sector = || AdminError::Invalid("no redirect URI gives a sector".to_owned());
        let sector = match &to.sector {
            Some(name) => chosen(name).map_err(AdminError::invalid)?,
            None => sector_of(client_id, &uris).ok_or_else(no_sector)?,
        };
        let (people, given) = self.people_moved(&party, &sector, by.rehearsal).await?;
        let moved = MovedClient {
            client_id: client_id.to_owned(),
            from: told(&party.sector),
            to: told(&sector),
            redirect_uris: uris.clone(),
            people,
        };
        let change = Change::new(Act::ClientMove, client_id)
            .with("from", told(&party.sector))
            .with("to", told(&sector));
        let changed = self
            .change(by, change, |tx| {
                for (name, given) in &given {
                    if let Err(why) = self.grants.may_give_name_in(tx, given)? {
                        return Ok(Err(AdminError::Invalid(format!("{name:?}: {why}; give this person another name in {} first, with name set", told(&sector)))));
                    }
                }
                if !self.registry.move_client_in(tx, &party, &uris, &sector)? {
                    let changed = "the client was changed meanwhile; try again";
                    return Ok(Err(AdminError::Invalid(changed.to_owned())));
                }
                for (_, given) in &given {
                    let _ = self.grants.give_name_in(tx, given)?;
                }
                Ok(Ok(moved.clone()))
            })
            .await;
        self.registry.forget_client_origins();
        changed
    }

    /// The people with a living grant for the client, and the names that they take along.
    async fn people_moved(
        &self,
        party: &RelyingParty,
        sector: &str,
        rehearsal: bool,
    ) -> Result<(Vec<MovedPerson>, Vec<(String, Given)>), AdminError> {
        let client = Some(party.client.client_id.clone());
        let grants = self.grants.all(&Which { client, ..Which::default() }).await?;
        let living = grants.into_iter().filter(|(_, grant)| grant.is_of(party));
        let people: BTreeMap<[u8; 32], Evidence> =
            living.map(|(_, grant)| (grant.evidence.person, grant.evidence)).collect();
        let (mut moved, mut given) = (Vec::new(), Vec::new());
        for (person, evidence) in people {
            let before = self.grants.known_at(&party.named_at(), &evidence).await?;
            let now = self.grants.known_at(&NamedAt::sector(sector), &evidence).await?;
            let name = carried(&before, &now, sector);
            if let Some(name) = &name {
                let give = self.grants.give_name(sector, person, name, rehearsal).await?;
                given.push((name.clone(), give));
            }
            moved.push(MovedPerson {
                person: short(&person),
                subject_before: before.sub,
                subject: now.sub,
                username_before: before.account.username,
                username: name.or(now.account.username),
            });
        }
        Ok((moved, given))
    }
}

/// The name that a person takes along to a sector with a table of names, where the person has none.
fn carried(before: &Known, now: &Known, sector: &str) -> Option<String> {
    let has_table = chosen_name(sector).is_some();
    before.account.username.clone().filter(|_| has_table && now.account.username.is_none())
}
