//! Sectors: the services of one sector know a person by the same subject and the same user name
//! (OpenID Connect Core 1.0, section 8.1).
//!
//! A client's sector is the host of its redirect URI, the client alone, or one that the operator
//! chose. Services of a chosen sector can tell that a person is the same, so the consent page names
//! them.
//!
//! Invariant: a chosen sector is stored as `sector/NAME`. No host has a `/`, and no URI is without a
//! `:`, so no client comes into a chosen sector unless the operator puts it there.
//!
//! Leaves to others: how subjects and names are computed.

use std::collections::BTreeMap;

use sekisho_ambient::Timestamp;
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{Registry, RelyingParty, tables};

/// What the stored form of a chosen sector begins with.
const CHOSEN: &str = "sector/";
/// The most characters of a chosen sector's name.
const MAX_NAME: usize = 63;

/// By which rules a registration knows people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// Of registrations of before: the user name is the client's alone, and a subject may begin with
    /// `-`. Services keep these, because a subject is never reassigned.
    #[default]
    Client,
    /// The user name is the sector's, and no subject begins with `-`.
    Sector,
}

/// Where people get a subject and a user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAt {
    /// The sector.
    pub sector: String,
    /// The client id, if it was registered under [`Naming::Client`].
    pub of_before: Option<String>,
}

impl NamedAt {
    /// Where the people of a sector are named.
    pub fn sector(sector: impl Into<String>) -> Self {
        Self { sector: sector.into(), of_before: None }
    }
}

/// What proposes the user name of a person at the first login in a sector. It binds nothing: the table
/// of names does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameSource {
    /// Nothing: names are `u` and 16 hexadecimal digits.
    #[default]
    Opaque,
    /// What stands before the `@` of the credential's e-mail address.
    Email,
    /// The credential's member reference.
    MemberRef,
}

/// A sector, as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sector {
    /// The name that the operator chose.
    pub name: String,
    /// What proposes user names.
    pub names: NameSource,
    /// The numbers of the accounts of each organization's people.
    #[serde(default)]
    pub ids: Vec<IdRange>,
    /// When it was described first.
    pub created: Timestamp,
}

/// The numbers of accounts of one organization's people in a sector. The first is that of the
/// organization's group, the others are people's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdRange {
    /// The corporate number of the organization.
    pub organization: String,
    /// The first number.
    pub first: u32,
    /// The last number.
    pub last: u32,
}

/// Why ranges of numbers are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdRangeError {
    /// The range is empty, or reaches numbers that machines give themselves.
    #[error(
        "{0}-{1} is no range of account numbers: at least two, from 1000 to 2147483647, without 65534 and 65535"
    )]
    Bounds(u32, u32),
    /// Two ranges have numbers in common.
    #[error("the ranges of {0} and {1} have numbers in common")]
    Overlap(String, String),
    /// Two ranges are of one organization.
    #[error("{0} has two ranges")]
    Twice(String),
    /// A range that people may have numbers of was changed or left out.
    #[error(
        "the range of {0} stays as it is, except that it may end later: people have numbers of it"
    )]
    Changed(String),
}

/// The numbers below are those of accounts of machines.
const FIRST_ID: u32 = 1000;
/// Some systems take numbers as signed.
const LAST_ID: u32 = 2_147_483_647;
/// The account without rights (`nobody`), and the number that means none, where numbers have 16 bits.
const NOBODY: [u32; 2] = [65_534, 65_535];

/// Whether a sector can have these ranges.
pub fn check_ranges(ranges: &[IdRange]) -> Result<(), IdRangeError> {
    for (at, range) in ranges.iter().enumerate() {
        let IdRange { organization, first, last } = range;
        let within = *first >= FIRST_ID && *last <= LAST_ID && first < last;
        if !within || NOBODY.iter().any(|id| (first..=last).contains(&id)) {
            return Err(IdRangeError::Bounds(*first, *last));
        }
        for other in ranges.iter().take(at) {
            if other.organization == *organization {
                return Err(IdRangeError::Twice(organization.clone()));
            }
            if other.first <= *last && *first <= other.last {
                let (one, two) = (other.organization.clone(), organization.clone());
                return Err(IdRangeError::Overlap(one, two));
            }
        }
    }
    Ok(())
}

/// Whether `now` keeps all that people may have of `before`.
fn keep_ranges(before: &[IdRange], now: &[IdRange]) -> Result<(), IdRangeError> {
    let kept = |old: &IdRange| {
        let same = |new: &&IdRange| new.organization == old.organization && new.first == old.first;
        now.iter().find(same).is_some_and(|new| new.last >= old.last)
    };
    match before.iter().find(|old| !kept(old)) {
        Some(old) => Err(IdRangeError::Changed(old.organization.clone())),
        None => Ok(()),
    }
}

/// A client of a chosen sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The client id.
    pub client_id: String,
    /// The number of its registration. A later one of the same id is another service.
    pub generation: u64,
}

/// Why a sector cannot have this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be the name of a sector: a-z, 0-9 and '-' only, beginning with a letter or digit, at most 63 characters; no dot, because a host is no chosen sector"
)]
pub struct SectorNameError(pub String);

/// The stored form of a sector that an operator calls `name`.
pub fn chosen(name: &str) -> Result<String, SectorNameError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let well_formed =
        (1..=MAX_NAME).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('-');
    if well_formed { Ok(format!("{CHOSEN}{name}")) } else { Err(SectorNameError(name.to_owned())) }
}

/// The name that an operator gave a sector; `None` if nobody chose it.
pub fn chosen_name(sector: &str) -> Option<&str> {
    sector.strip_prefix(CHOSEN)
}

/// A sector as operators read it: the name that they chose, else its stored form.
pub fn told(sector: &str) -> String {
    chosen_name(sector).unwrap_or(sector).to_owned()
}

/// Puts a client into the list of its sector, if that was chosen, and tells it what proposes names
/// there.
pub(crate) fn join_in(tx: &mut Tx, client: &mut RelyingParty) -> Result<(), StoreError> {
    let Some(at) = listed_at(client) else { return Ok(()) };
    client.names_from =
        tx.get::<tables::Sectors>(&at)?.map(|sector| sector.names).unwrap_or_default();
    let mut members = tx.get::<tables::SectorClients>(&at)?.unwrap_or_default();
    members.push(member(client));
    tx.put::<tables::SectorClients>(&at, &members)
}

/// Takes a client out of the list of its sector.
pub(crate) fn leave_in(tx: &mut Tx, client: &RelyingParty) -> Result<(), StoreError> {
    let Some(at) = listed_at(client) else { return Ok(()) };
    let mut members = tx.get::<tables::SectorClients>(&at)?.unwrap_or_default();
    members.retain(|other| other.client_id != client.client.client_id);
    tx.put::<tables::SectorClients>(&at, &members)
}

/// Writes a sector, and the copies that its clients have.
fn put_in(tx: &mut Tx, at: &String, sector: &Sector) -> Result<(), StoreError> {
    let members = tx.get::<tables::SectorClients>(at)?.unwrap_or_default();
    for member in &members {
        tx.want::<tables::Clients>(&member.client_id);
    }
    let mut clients = Vec::new();
    for member in members {
        clients.extend(tx.get::<tables::Clients>(&member.client_id)?);
    }
    for client in clients {
        let client = RelyingParty { names_from: sector.names, ..client };
        tx.put::<tables::Clients>(&client.client.client_id, &client)?;
    }
    tx.put::<tables::Sectors>(at, sector)
}

fn listed_at(client: &RelyingParty) -> Option<String> {
    chosen_name(&client.sector).map(|_| client.sector.clone())
}

fn member(client: &RelyingParty) -> Member {
    Member { client_id: client.client.client_id.clone(), generation: client.generation }
}

impl Registry {
    /// The other clients of a client's sector, if an operator chose it. They know people by the same
    /// subject and the same user name.
    pub fn others_in_sector_in(
        &self,
        tx: &mut Tx,
        client: &RelyingParty,
    ) -> Result<Vec<Member>, StoreError> {
        let Some(at) = listed_at(client) else { return Ok(Vec::new()) };
        let mut members = tx.get::<tables::SectorClients>(&at)?.unwrap_or_default();
        members.retain(|other| other.client_id != client.client.client_id);
        Ok(members)
    }

    /// Describes a sector. Returns `false` and writes nothing if it is described already.
    pub fn add_sector_in(&self, tx: &mut Tx, sector: &Sector) -> Result<bool, StoreError> {
        let Ok(at) = chosen(&sector.name) else { return Ok(false) };
        if tx.contains::<tables::Sectors>(&at)? {
            return Ok(false);
        }
        put_in(tx, &at, sector)?;
        Ok(true)
    }

    /// Describes a sector anew: what proposes names from now on, and further ranges of numbers, or
    /// longer ones. Returns it; `None` if it is not described.
    pub fn edit_sector_in(
        &self,
        tx: &mut Tx,
        at: &String,
        names: Option<NameSource>,
        ids: &[IdRange],
    ) -> Result<Option<Result<Sector, IdRangeError>>, StoreError> {
        let Some(mut sector) = tx.get::<tables::Sectors>(at)? else { return Ok(None) };
        let before = sector.ids.clone();
        sector.names = names.unwrap_or(sector.names);
        for range in ids {
            match sector.ids.iter_mut().find(|old| old.organization == range.organization) {
                Some(old) => old.clone_from(range),
                None => sector.ids.push(range.clone()),
            }
        }
        if let Err(error) =
            check_ranges(&sector.ids).and_then(|()| keep_ranges(&before, &sector.ids))
        {
            return Ok(Some(Err(error)));
        }
        put_in(tx, at, &sector)?;
        Ok(Some(Ok(sector)))
    }

    /// The numbers of an organization's people in a sector, if it has any.
    pub fn id_range_in(
        &self,
        tx: &mut Tx,
        at: &str,
        organization: &str,
    ) -> Result<Option<IdRange>, StoreError> {
        let sector = tx.get::<tables::Sectors>(&at.to_owned())?;
        let ranges = sector.into_iter().flat_map(|sector| sector.ids);
        Ok(ranges.into_iter().find(|range| range.organization == organization))
    }

    /// Whether a chosen sector is described, or has or had a client.
    pub fn has_sector_in(&self, tx: &mut Tx, at: &String) -> Result<bool, StoreError> {
        Ok(tx.contains::<tables::Sectors>(at)? || tx.contains::<tables::SectorClients>(at)?)
    }

    /// What an operator said of a chosen sector, if anything.
    pub async fn sector(&self, at: &str) -> Result<Option<Sector>, StoreError> {
        self.site.store().get::<tables::Sectors>(&at.to_owned()).await
    }

    /// All sectors that are described or have or had a client: the stored form, what is said of it,
    /// and its clients.
    pub async fn list_sectors(
        &self,
    ) -> Result<Vec<(String, Option<Sector>, Vec<Member>)>, StoreError> {
        let store = self.site.store();
        let mut all: BTreeMap<String, (Option<Sector>, Vec<Member>)> = BTreeMap::new();
        for (at, members) in store.scan_all::<tables::SectorClients>().await? {
            all.entry(at).or_default().1 = members;
        }
        for (at, sector) in store.scan_all::<tables::Sectors>().await? {
            all.entry(at).or_default().0 = Some(sector);
        }
        Ok(all.into_iter().map(|(at, (sector, members))| (at, sector, members)).collect())
    }

    /// The clients of a chosen sector, in the order in which they came.
    pub async fn sector_clients(&self, sector: &str) -> Result<Vec<Member>, StoreError> {
        let members = self.site.store().get::<tables::SectorClients>(&sector.to_owned()).await?;
        Ok(members.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_apart_and_only_grow() {
        let range = |organization: &str, first, last| IdRange {
            organization: organization.to_owned(),
            first,
            last,
        };
        let (one, two) = (range("1", 2000, 2999), range("2", 3000, 3999));
        assert_eq!(check_ranges(&[one.clone(), two.clone()]), Ok(()));
        for (first, last) in [(999, 2000), (5, 4), (2000, 2000), (60_000, 70_000), (9000, 1 << 31)]
        {
            assert!(check_ranges(&[range("1", first, last)]).is_err(), "{first}-{last}");
        }
        for other in [range("2", 2999, 3999), range("1", 5000, 5999), range("2", 1000, 9000)] {
            assert!(check_ranges(&[one.clone(), other]).is_err());
        }
        assert_eq!(
            keep_ranges(std::slice::from_ref(&one), &[two.clone(), range("1", 2000, 2999)]),
            Ok(())
        );
        for now in [vec![], vec![range("1", 2000, 2998)], vec![range("1", 1999, 2999)], vec![two]] {
            assert!(keep_ranges(std::slice::from_ref(&one), &now).is_err(), "{now:?}");
        }
    }

    #[test]
    fn a_chosen_sector_is_no_host_no_uri_and_no_client() {
        assert_eq!(chosen("hpc-1").as_deref(), Ok("sector/hpc-1"));
        assert_eq!(chosen_name("sector/hpc-1"), Some("hpc-1"));
        let long = "s".repeat(64);
        for wrong in ["", "-hpc", "HPC", "gpu.example.jp", "client:cli", "a b", "計算", &long] {
            assert_eq!(chosen(wrong), Err(SectorNameError(wrong.to_owned())));
        }
        for other in ["gpu.example.jp", "client:cli", "hpc"] {
            assert_eq!(chosen_name(other), None);
        }
    }
}
