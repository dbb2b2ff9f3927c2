//! By which subject and user name a service knows a person.
//!
//! A subject is computed. So is a user name in a sector that nobody chose. In a chosen sector, a table
//! binds the name to the person (issuer and member reference): a credential only proposes one, at the
//! first login in which a name is released, and whoever comes first has it.
//!
//! Numbers of accounts are allocated likewise, each in the range of the person's organization.
//!
//! Invariant: a subject, a user name and a number are never those of another person, not even later. A name is
//! bound in the batch that mints the code, so of two people who race for one, one gets it. A released
//! name is nobody's again.

use sekisho_ambient::Timestamp;
use sekisho_profile::scopes::Ids;
use sekisho_profile::types::{LOGIN, MEMBER_REF};
use sekisho_profile::{Code, scopes, usernames};
use sekisho_registry::sectors::{NameSource, NamedAt, chosen_name};
use sekisho_site::Refusal;
use sekisho_store::{PersonKey, StoreError, Tx};

use crate::tables::{HeldName, Holder, NameHolders, NameRow, Names, NextIds};
use crate::{ClaimsByType, Evidence, Grants};

/// The claim with the corporate number of the person's organization.
const ORGANIZATION: &str = "org_corporate_number";

/// How a person is known at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The subject (`sub`).
    pub sub: String,
    /// What else tells the person from others there.
    pub account: Account,
}

/// What a person has at a place besides a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The user name (`preferred_username`); `None` if the person has none there.
    pub username: Option<String>,
    /// The numbers (`uid_number`, `gid_number`); `None` likewise.
    pub ids: Option<Ids>,
}

/// What is to be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The user name.
    pub name: bool,
    /// The numbers of the account.
    pub ids: bool,
}

/// What a login binds to a person in a chosen sector.
pub struct Proposal {
    at: (String, [u8; 32]),
    person_key: PersonKey,
    /// The name, or the code of the refusal if the credential proposes none; `None` if no name is to
    /// be bound.
    wanted: Option<Result<HeldName, Code>>,
    /// The organization in whose range a number is; `None` if none is to be bound.
    numbers_of: Option<String>,
}

/// A person with a user name, as operators see it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Keyed digest of the person.
    pub person: [u8; 32],
    /// The name; `None` if it was released, or the person was erased.
    pub name: Option<String>,
    /// Since when; `None` if it was released.
    pub since: Option<Timestamp>,
    /// Whether an operator gave it.
    pub given: bool,
    /// The numbers of the account, if any were asked for.
    pub ids: Option<Ids>,
}

/// Why an operator cannot give a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    /// It is another person's.
    #[error("somebody has this user name in this sector")]
    Taken,
    /// It was somebody's. Files and records may still be under it.
    #[error("this user name was released in this sector, and nobody gets it again")]
    Released,
}

impl Grants {
    /// How the person of `evidence` is known at `place`: at a client
    /// ([`sekisho_registry::RelyingParty::named_at`]), or in a sector ([`NamedAt::sector`]). A name
    /// that is not bound yet is not told.
    pub async fn known_at(&self, place: &NamedAt, evidence: &Evidence) -> Result<Known, Refusal> {
        let claims = self.open_claims(evidence).await?;
        Ok(Known {
            sub: self.subject(place, evidence, &claims)?,
            account: self.account(place, evidence).await?,
        })
    }

    /// The subject at `place` of the person with these claims. `Code::NoMemberReference` if nothing
    /// tells the person from others.
    pub fn subject(
        &self,
        place: &NamedAt,
        evidence: &Evidence,
        claims: &ClaimsByType,
    ) -> Result<String, Refusal> {
        let member_ref = of_login(claims, MEMBER_REF);
        let member_ref = member_ref.ok_or_else(|| Refusal::code(Code::NoMemberReference, ""))?;
        let (digests, sector) = (self.site.digests(), &place.sector);
        Ok(match place.of_before {
            None => digests.subject(sector, &evidence.issuer, member_ref),
            Some(_) => digests.subject_of_before(sector, &evidence.issuer, member_ref),
        })
    }

    /// What the person of `evidence` has at `place`.
    pub async fn account(&self, place: &NamedAt, evidence: &Evidence) -> Result<Account, Refusal> {
        let (digests, person) = (self.site.digests(), &evidence.person);
        let computed = |username| Account { username: Some(username), ids: None };
        if let Some(client_id) = &place.of_before {
            return Ok(computed(digests.username_of_before(client_id, person)));
        }
        if chosen_name(&place.sector).is_none() {
            return Ok(computed(digests.username(&place.sector, person)));
        }
        let at = (place.sector.clone(), *person);
        let holder = self.site.store().get::<NameHolders>(&at).await?.unwrap_or_default();
        Ok(Account { username: self.read_name(&at, &holder).await?, ids: holder.ids })
    }

    /// What the person has at `place`, with the user name that a completed login will bind.
    pub async fn account_to_be(
        &self,
        place: &NamedAt,
        evidence: &Evidence,
        claims: &ClaimsByType,
    ) -> Result<Account, Refusal> {
        let mut account = self.account(place, evidence).await?;
        if account.username.is_none() && chosen_name(&place.sector).is_some() {
            account.username = self.proposed_name(&place.sector, evidence, claims).await?;
        }
        Ok(account)
    }

    /// Whether people of the organization in these claims have numbers at `place`.
    pub async fn has_ids(
        &self,
        place: &NamedAt,
        claims: &ClaimsByType,
    ) -> Result<bool, StoreError> {
        let Some(organization) = of_login(claims, ORGANIZATION) else { return Ok(false) };
        let sector = self.registry.sector(&place.sector).await?;
        let mut ranges = sector.iter().flat_map(|sector| &sector.ids);
        Ok(ranges.any(|range| range.organization == organization))
    }

    /// What a service gets from us and from no credential, for [`scopes::release_named`].
    pub fn ours<'o>(&'o self, account: &'o Account) -> scopes::Ours<'o> {
        scopes::Ours {
            preferred_username: account.username.as_deref(),
            ids: account.ids,
            authority: self.site.origin().host(),
        }
    }

    /// What a login with these claims binds in the sector of `place`; `None` if nothing. Ask for it
    /// before the transaction that mints.
    pub async fn propose(
        &self,
        place: &NamedAt,
        bind: Bind,
        evidence: &Evidence,
        claims: &ClaimsByType,
    ) -> Result<Option<Proposal>, Refusal> {
        if chosen_name(&place.sector).is_none() || !(bind.name || bind.ids) {
            return Ok(None);
        }
        let at = (place.sector.clone(), evidence.person);
        let person_key = self.site.store().person_key(&evidence.person).await?;
        let wanted = if bind.name {
            Some(match self.proposed_name(&at.0, evidence, claims).await? {
                Some(name) => Ok(self.held(&at.0, &name, &person_key, false)?),
                None => Err(Code::NoUserName),
            })
        } else {
            None
        };
        let organization = of_login(claims, ORGANIZATION).filter(|_| bind.ids);
        let numbers_of = organization.map(str::to_owned);
        Ok(Some(Proposal { at, person_key, wanted, numbers_of }))
    }

    async fn proposed_name(
        &self,
        sector: &str,
        evidence: &Evidence,
        claims: &ClaimsByType,
    ) -> Result<Option<String>, StoreError> {
        let described = self.registry.sector(sector).await?;
        let source = described.map(|sector| sector.names).unwrap_or_default();
        Ok(match source {
            NameSource::Opaque => Some(self.site.digests().username(sector, &evidence.person)),
            NameSource::Email => of_login(claims, "email").and_then(usernames::of_email),
            NameSource::MemberRef => {
                of_login(claims, MEMBER_REF).and_then(usernames::of_member_ref)
            }
        })
    }

    fn held(
        &self,
        sector: &str,
        name: &str,
        person_key: &PersonKey,
        given: bool,
    ) -> Result<HeldName, Refusal> {
        let entropy = self.site.entropy();
        let sealed = person_key.seal_json(&sealed_for(sector), &name, entropy)?;
        let key = self.site.digests().name(sector, name);
        Ok(HeldName { key, sealed, since: self.site.now(), given })
    }

    /// Whether the person can have the proposed name, without writing it.
    pub fn check_in(
        &self,
        tx: &mut Tx,
        proposal: &Proposal,
    ) -> Result<Result<(), Code>, StoreError> {
        Ok(proposal.name_to_write(tx)?.map(|_| ()))
    }

    /// Binds what is proposed, as far as the person has none. Returns whether anything was bound now.
    pub fn bind_in(
        &self,
        tx: &mut Tx,
        proposal: &Proposal,
    ) -> Result<Result<bool, Code>, StoreError> {
        let name = match proposal.name_to_write(tx)? {
            Ok(name) => name,
            Err(code) => return Ok(Err(code)),
        };
        let holder = tx.get::<NameHolders>(&proposal.at)?.unwrap_or_default();
        let ids = match &proposal.numbers_of {
            Some(organization) if holder.ids.is_none() => {
                self.next_ids_in(tx, &proposal.at.0, organization)?
            }
            _ => None,
        };
        if name.is_none() && ids.is_none() {
            return Ok(Ok(false));
        }
        if let Some(name) = name {
            tx.put::<Names>(&name.key, &NameRow::Of(proposal.at.1))?;
        }
        let name = name.cloned().or(holder.name);
        tx.put::<NameHolders>(&proposal.at, &Holder { name, ids: ids.or(holder.ids) })?;
        Ok(Ok(true))
    }

    /// Takes the next number of the organization's range in a sector; `None` if it has no range, or
    /// all its numbers are given. The first number of a range is that of the organization's group.
    fn next_ids_in(
        &self,
        tx: &mut Tx,
        sector: &str,
        organization: &str,
    ) -> Result<Option<Ids>, StoreError> {
        let Some(range) = self.registry.id_range_in(tx, sector, organization)? else {
            return Ok(None);
        };
        let at = (sector.to_owned(), organization.to_owned());
        let first = range.first.saturating_add(1);
        let uid = tx.get::<NextIds>(&at)?.map_or(first, |next| next.max(first));
        if uid > range.last {
            return Ok(None);
        }
        tx.put::<NextIds>(&at, &uid.saturating_add(1))?;
        Ok(Some(Ids { uid, gid: range.first }))
    }

    /// A name that an operator gives a person in a chosen sector. In a rehearsal, nothing is sealed
    /// and no key is made.
    pub async fn give_name(
        &self,
        sector: &str,
        person: [u8; 32],
        name: &str,
        rehearsal: bool,
    ) -> Result<Given, Refusal> {
        let key = self.site.digests().name(sector, name);
        let held = if rehearsal {
            None
        } else {
            let person_key = self.site.store().person_key(&person).await?;
            Some(self.held(sector, name, &person_key, true)?)
        };
        Ok(Given { at: (sector.to_owned(), person), key, held })
    }

    /// Whether the person can have the name.
    pub fn may_give_name_in(
        &self,
        tx: &mut Tx,
        given: &Given,
    ) -> Result<Result<(), NameRefused>, StoreError> {
        Ok(match tx.get::<Names>(&given.key)? {
            Some(NameRow::Released) => Err(NameRefused::Released),
            Some(NameRow::Of(person)) if person != given.at.1 => Err(NameRefused::Taken),
            Some(NameRow::Of(_)) | None => Ok(()),
        })
    }

    /// Gives the name, and releases the one before.
    pub fn give_name_in(
        &self,
        tx: &mut Tx,
        given: &Given,
    ) -> Result<Result<(), NameRefused>, StoreError> {
        if let Err(refused) = self.may_give_name_in(tx, given)? {
            return Ok(Err(refused));
        }
        let holder = tx.get::<NameHolders>(&given.at)?.unwrap_or_default();
        if let Some(before) = holder.name.as_ref().filter(|before| before.key != given.key) {
            tx.put::<Names>(&before.key, &NameRow::Released)?;
        }
        tx.put::<Names>(&given.key, &NameRow::Of(given.at.1))?;
        tx.put::<NameHolders>(&given.at, &Holder { name: given.held.clone(), ..holder }).map(Ok)
    }

    /// Takes a name from its person. Nobody gets it again. Returns the person; `None` if nobody has
    /// it.
    pub fn release_name_in(
        &self,
        tx: &mut Tx,
        sector: &str,
        name: &str,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let key = self.site.digests().name(sector, name);
        let Some(NameRow::Of(person)) = tx.get::<Names>(&key)? else { return Ok(None) };
        let at = (sector.to_owned(), person);
        let holder = tx.get::<NameHolders>(&at)?.unwrap_or_default();
        tx.put::<Names>(&key, &NameRow::Released)?;
        tx.put::<NameHolders>(&at, &Holder { name: None, ..holder })?;
        Ok(Some(person))
    }

    /// A page of the people with names in a chosen sector, in the order of their digests, after the
    /// person `after`.
    pub async fn named_in_sector(
        &self,
        sector: &str,
        after: Option<[u8; 32]>,
        limit: usize,
    ) -> Result<Vec<Named>, Refusal> {
        let store = self.site.store();
        let rows = match after {
            None => store.scan_prefix::<NameHolders>(sector, limit).await?,
            Some(person) => {
                let at = (sector.to_owned(), person);
                store.scan_prefix_after::<NameHolders>(sector, &at, limit).await?
            }
        };
        let mut named = Vec::new();
        for (at, holder) in rows {
            named.push(Named {
                person: at.1,
                name: self.read_name(&at, &holder).await?,
                since: holder.name.as_ref().map(|name| name.since),
                ids: holder.ids,
                given: holder.name.is_some_and(|name| name.given),
            });
        }
        Ok(named)
    }

    /// The name in a row; `None` if it was released, or its person was erased.
    async fn read_name(
        &self,
        at: &(String, [u8; 32]),
        holder: &Holder,
    ) -> Result<Option<String>, Refusal> {
        let Some(held) = &holder.name else { return Ok(None) };
        let key = self.site.store().existing_person_key(&at.1).await?;
        Ok(key.and_then(|key| key.open_json(&sealed_for(&at.0), &held.sealed).ok()))
    }
}

/// A name that an operator gives, made before the transaction that writes it.
pub struct Given {
    at: (String, [u8; 32]),
    key: [u8; 32],
    held: Option<HeldName>,
}

impl Proposal {
    /// The name to be written; `None` if there is nothing to write. Who was erased and comes back has
    /// only the digest of the name, and gets the same name again.
    fn name_to_write(&self, tx: &mut Tx) -> Result<Result<Option<&HeldName>, Code>, StoreError> {
        let Some(wanted) = &self.wanted else { return Ok(Ok(None)) };
        let holder = tx.get::<NameHolders>(&self.at)?;
        let before = holder.and_then(|holder| holder.name);
        if before.as_ref().is_some_and(|before| self.can_read(before)) {
            return Ok(Ok(None));
        }
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(code) => return Ok(Err(*code)),
        };
        let is_free = match tx.get::<Names>(&wanted.key)? {
            None => true,
            Some(NameRow::Of(person)) => person == self.at.1,
            Some(NameRow::Released) => false,
        };
        let is_another = before.is_some_and(|before| before.key != wanted.key);
        Ok(if is_free && !is_another { Ok(Some(wanted)) } else { Err(Code::NameTaken) })
    }

    fn can_read(&self, held: &HeldName) -> bool {
        self.person_key.open(&sealed_for(&self.at.0), &held.sealed).is_ok()
    }
}

/// The place for which a name is sealed.
fn sealed_for(sector: &str) -> String {
    format!("user name in {sector}")
}

fn of_login<'c>(claims: &'c ClaimsByType, name: &str) -> Option<&'c str> {
    claims.get(LOGIN)?.get(name)?.as_str()
}
