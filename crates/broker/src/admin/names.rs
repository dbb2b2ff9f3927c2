//! Administration of sectors, and of the user names that people have in them.
//!
//! Invariant: the audit log has no user name, only a digest of it: a name may be that of a person.

use std::collections::BTreeSet;

use sekisho_ambient::Timestamp;
use sekisho_grants::listing::Which;
use sekisho_grants::names::Named;
use sekisho_profile::scopes::Ids;
use sekisho_profile::{Act, usernames};
use sekisho_registry::sectors::{IdRange, Member, NameSource, Sector, check_ranges, chosen, told};
use sekisho_site::audit::short;
use serde::{Deserialize, Serialize};

use super::{AdminError, By, Change, Changed, Listing, Part};
use crate::Broker;

/// A request to describe a sector.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddSector {
    /// Its name: a-z, 0-9 and `-`.
    pub name: String,
    /// What proposes the user names of people at their first login in it.
    #[serde(default)]
    pub names: NameSource,
    /// The numbers of the accounts of each organization's people.
    #[serde(default)]
    pub ids: Vec<IdRange>,
}

/// A request to describe a sector anew. Names and numbers that people have stay theirs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditSector {
    /// What proposes user names from now on.
    #[serde(default)]
    pub names: Option<NameSource>,
    /// Ranges to add, or to make longer.
    #[serde(default)]
    pub ids: Vec<IdRange>,
}

/// A sector, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SectorRow {
    /// Its name.
    pub name: String,
    /// What proposes user names.
    pub names: NameSource,
    /// The numbers of the accounts of each organization's people.
    pub ids: Vec<IdRange>,
    /// The ids of its clients.
    pub clients: Vec<String>,
}

/// A request to give a person a user name in a sector. The person is named by the digest that lists
/// and the audit log show, or by issuer (or organization here) and member reference, also before the
/// first login.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetName {
    /// The user name.
    pub name: String,
    /// Keyed digest of the person, 16 hexadecimal digits.
    #[serde(default)]
    pub person: Option<String>,
    /// The identifier of the issuer of the login credential, which must be trusted.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The corporate number of that issuer, if it is an organization here.
    #[serde(default)]
    pub organization: Option<String>,
    /// The `member_ref` by which that issuer knows the person.
    #[serde(default)]
    pub member_ref: Option<String>,
}

/// A person with a user name, as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NameRow {
    /// The name of the sector.
    pub sector: String,
    /// The user name; `None` if it was released, or the person was erased.
    pub name: Option<String>,
    /// Keyed digest of the person, 16 hexadecimal digits.
    pub person: String,
    /// Since when; `None` if it was released.
    pub since: Option<Timestamp>,
    /// Whether an operator gave it; otherwise it was proposed, or is opaque.
    pub given: bool,
    /// The numbers of the account; `None` if none were asked for.
    pub ids: Option<Ids>,
}

impl Broker {
    /// Describes a sector.
    pub async fn add_sector(
        &self,
        by: &By,
        add: &AddSector,
    ) -> Result<Changed<SectorRow>, AdminError> {
        let at = chosen(&add.name).map_err(AdminError::invalid)?;
        check_ranges(&add.ids).map_err(AdminError::invalid)?;
        let created = self.site.now();
        let (name, ids) = (add.name.clone(), add.ids.clone());
        let sector = Sector { name, names: add.names, ids, created };
        let clients = self.registry.sector_clients(&at).await?;
        let row = sector_row(&at, Some(sector.clone()), clients);
        let change = Change::new(Act::SectorAdd, &add.name).with("names", word(add.names));
        self.change(by, change, |tx| {
            let fresh = self.registry.add_sector_in(tx, &sector)?;
            Ok(if fresh { Ok(row.clone()) } else { Err(AdminError::exists("sector", &add.name)) })
        })
        .await
    }

    /// Describes a sector anew.
    pub async fn edit_sector(
        &self,
        by: &By,
        name: &str,
        edit: &EditSector,
    ) -> Result<Changed<SectorRow>, AdminError> {
        let at = chosen(name).map_err(AdminError::invalid)?;
        let clients = self.registry.sector_clients(&at).await?;
        let names = edit.names.map(word);
        let change = Change::new(Act::SectorEdit, name).with("names", names);
        self.change(by, change, |tx| {
            let edited = self.registry.edit_sector_in(tx, &at, edit.names, &edit.ids)?;
            Ok(match edited {
                None => Err(AdminError::not_found("sector", name)),
                Some(Err(error)) => Err(AdminError::invalid(error)),
                Some(Ok(sector)) => Ok(sector_row(&at, Some(sector), clients.clone())),
            })
        })
        .await
    }

    /// Lists the sectors that operators chose.
    pub async fn list_sectors(&self) -> Result<Vec<SectorRow>, AdminError> {
        let all = self.registry.list_sectors().await?;
        let rows = all.into_iter().map(|(at, sector, clients)| sector_row(&at, sector, clients));
        Ok(rows.collect())
    }

    /// Lists the people with user names in a sector.
    pub async fn list_names(
        &self,
        sector: &str,
        part: &Part,
    ) -> Result<Listing<NameRow>, AdminError> {
        let at = chosen(sector).map_err(AdminError::invalid)?;
        let limit = part.limit()?;
        let after = part.after.as_deref().map(person_of).transpose()?;
        let named = self.grants.named_in_sector(&at, after, limit).await?;
        let next =
            if named.len() < limit { None } else { named.last().map(|it| cursor(&it.person)) };
        let rows = named.iter().map(|named| name_row(sector, named)).collect();
        Ok(Listing { rows, next })
    }

    /// Gives a person a user name, in place of the one before, which is released.
    pub async fn set_name(
        &self,
        by: &By,
        sector: &str,
        set: &SetName,
    ) -> Result<Changed<NameRow>, AdminError> {
        let at = chosen(sector).map_err(AdminError::invalid)?;
        usernames::check(&set.name).map_err(AdminError::invalid)?;
        let person = self.person_named(&at, set).await?;
        let given = self.grants.give_name(&at, person, &set.name, by.rehearsal).await?;
        let row = NameRow {
            sector: sector.to_owned(),
            name: Some(set.name.clone()),
            person: short(&person),
            since: Some(self.site.now()),
            given: true,
            ids: None,
        };
        let change = Change::new(Act::NameSet, sector)
            .with("person", short(&person))
            .with("name_digest", short(&self.site.digests().name(&at, &set.name)));
        self.change(by, change, |tx| {
            if !self.registry.has_sector_in(tx, &at)? {
                return Ok(Err(AdminError::not_found("sector", sector)));
            }
            let refused = |why| AdminError::Invalid(format!("{:?}: {why}", set.name));
            Ok(self.grants.give_name_in(tx, &given)?.map(|()| row.clone()).map_err(refused))
        })
        .await
    }

    /// Takes a user name from its person. Nobody gets it again.
    pub async fn release_name(
        &self,
        by: &By,
        sector: &str,
        name: &str,
    ) -> Result<Changed<NameRow>, AdminError> {
        let at = chosen(sector).map_err(AdminError::invalid)?;
        let change = Change::new(Act::NameRelease, sector)
            .with("name_digest", short(&self.site.digests().name(&at, name)));
        self.change(by, change, |tx| {
            let person = self.grants.release_name_in(tx, &at, name)?;
            let row = |person| NameRow {
                sector: sector.to_owned(),
                name: Some(name.to_owned()),
                person: short(&person),
                since: None,
                given: false,
                ids: None,
            };
            Ok(person.map(row).ok_or_else(|| AdminError::not_found("name", name)))
        })
        .await
    }

    /// The person whom a request names.
    async fn person_named(&self, at: &str, set: &SetName) -> Result<[u8; 32], AdminError> {
        let issuer = match (&set.issuer, &set.organization) {
            (None, Some(number)) => Some(self.site.origin().organization(number)),
            (Some(issuer), None) => Some(issuer.clone()),
            (None, None) => None,
            (Some(_), Some(_)) => return Err(unclear()),
        };
        match (&set.person, issuer, &set.member_ref) {
            (None, Some(issuer), Some(member_ref)) => {
                self.check_issuer(&issuer).await?;
                Ok(self.site.digests().person(&issuer, member_ref))
            }
            (Some(person), None, None) => self.person_known(at, person).await,
            _ => Err(unclear()),
        }
    }

    /// A name that is given to nobody, because its issuer was misspelt, would be nobody's for ever.
    async fn check_issuer(&self, issuer: &str) -> Result<(), AdminError> {
        let own = self.site.origin().organization_of(issuer);
        let is_own = match own {
            Some(number) => self.registry.organization(number).await?.is_some(),
            None => false,
        };
        let is_trusted = self.list_trust().iter().any(|trusted| trusted.issuer == issuer);
        if is_own || is_trusted { Ok(()) } else { Err(AdminError::not_found("issuer", issuer)) }
    }

    /// The person with this short digest, who is logged in, has a grant, or has a name in the sector.
    async fn person_known(&self, at: &str, person: &str) -> Result<[u8; 32], AdminError> {
        let mut found = BTreeSet::new();
        let sessions =
            self.logins.sessions(None, usize::MAX, |it| short(&it.person) == person).await?;
        found.extend(sessions.rows.into_iter().map(|(_, session)| session.person));
        let which = Which { person: Some(person.to_owned()), ..Which::default() };
        let grants = self.grants.all(&which).await?;
        found.extend(grants.into_iter().map(|(_, grant)| grant.evidence.person));
        let named = self.grants.named_in_sector(at, None, usize::MAX).await?;
        let named = named.into_iter().filter(|named| short(&named.person) == person);
        found.extend(named.map(|named| named.person));
        match found.into_iter().collect::<Vec<_>>().as_slice() {
            [person] => Ok(*person),
            _ => Err(AdminError::not_found("person", person)),
        }
    }
}

fn sector_row(at: &str, sector: Option<Sector>, clients: Vec<Member>) -> SectorRow {
    let (names, ids) = sector.map(|sector| (sector.names, sector.ids)).unwrap_or_default();
    let clients = clients.into_iter().map(|client| client.client_id).collect();
    SectorRow { name: told(at), names, ids, clients }
}

fn unclear() -> AdminError {
    let ways = "name the person by person, or by issuer or organization and member_ref";
    AdminError::Invalid(ways.to_owned())
}

fn name_row(sector: &str, named: &Named) -> NameRow {
    NameRow {
        sector: sector.to_owned(),
        name: named.name.clone(),
        person: short(&named.person),
        since: named.since,
        given: named.given,
        ids: named.ids,
    }
}

fn word(names: NameSource) -> &'static str {
    match names {
        NameSource::Opaque => "opaque",
        NameSource::Email => "email",
        NameSource::MemberRef => "member_ref",
    }
}

/// A whole digest as text, for `next`.
fn cursor(digest: &[u8; 32]) -> String {
    sekisho_jose::b64u::encode(digest)
}

fn person_of(text: &str) -> Result<[u8; 32], AdminError> {
    let unknown = || AdminError::Invalid("after is not the end of a page".to_owned());
    let bytes = sekisho_jose::b64u::decode(text).map_err(|_| unknown())?;
    bytes.try_into().map_err(|_| unknown())
}
