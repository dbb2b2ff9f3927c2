//! Relying parties, as operators register them.

use sekisho_ambient::Text;
use sekisho_oauth::client::Client;
use sekisho_profile::Code;
use sekisho_site::{Refusal, is_loopback};
use sekisho_store::{StoreError, Tx};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use url::Url;

use crate::sectors::{self, NameSource, NamedAt, Naming};
use crate::{Registry, tables};

/// The key of the one row in `tables::Registrations`.
const REGISTRATIONS: &str = "clients";

/// A relying party: the OAuth client, and what this product adds to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelyingParty {
    /// The members that OAuth and OpenID Connect define.
    #[serde(flatten)]
    pub client: Client,
    /// The id of the configured service that people use through this client, if any.
    pub service: Option<String>,
    /// Why it asks people to log in; shown to them.
    pub purpose: Text,
    /// Whether a wallet on another device may answer.
    pub cross_device: bool,
    /// The sector from which its pairwise subjects are computed (OpenID Connect Core 1.0, section
    /// 8.1): a host, the client alone, or one that the operator chose ([`crate::sectors`]).
    pub sector: String,
    /// By which rules it knows people. A registration keeps them as long as it lives.
    pub naming: Naming,
    /// What proposes user names in its sector. It is a copy of what stands with the sector, and
    /// changes in the same transaction.
    pub names_from: NameSource,
    /// The number of this registration. No other registration has it, not even a later one of the
    /// same id. Whatever was given to a client carries it, and ends with the registration. 0 for
    /// registrations of before, whose ids a later registration never has under this number.
    pub generation: u64,
}

/// How a registration that was read compares with the one of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is the same.
    AsKnown,
    /// It was changed in between.
    Changed,
    /// It was removed, even if another one has its id now.
    Gone,
}

/// The members of a stored row that are not part of `Client`.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    purpose: Text,
    #[serde(default)]
    cross_device: bool,
    sector: Option<String>,
    #[serde(default)]
    naming: Naming,
    #[serde(default)]
    names_from: NameSource,
    #[serde(default)]
    generation: u64,
}

impl<'de> Deserialize<'de> for RelyingParty {
    /// Reads the row in two passes: serde's flattening cannot read numbers where serde_json keeps
    /// them as they are written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = Value::deserialize(deserializer)?;
        let client = Client::deserialize(&row).map_err(D::Error::custom)?;
        let Beside { service, purpose, cross_device, sector, naming, names_from, generation } =
            Beside::deserialize(&row).map_err(D::Error::custom)?;
        // Rows written before `sector` existed: compute it as it was computed then.
        let sector = sector.or_else(|| host_of(&client.redirect_uris));
        let sector = sector.ok_or_else(|| D::Error::custom("no redirect URI gives a sector"))?;
        Ok(Self { client, service, purpose, cross_device, sector, naming, names_from, generation })
    }
}

impl RelyingParty {
    /// Where people get the subject and the user name by which this client knows them.
    pub fn named_at(&self) -> NamedAt {
        let client_id = &self.client.client_id;
        let of_before = (self.naming == Naming::Client).then(|| client_id.clone());
        NamedAt { sector: self.sector.clone(), of_before }
    }
}

/// The sector of a new client with these redirect URIs: the host of the first URI. Programs on
/// people's own devices share their hosts (`127.0.0.1`, `localhost`, `[::1]`) and may share a private
/// scheme, so each of them is a sector of its own: two programs on one machine could compare their
/// users otherwise. A client without a redirect URI is a sector of its own too. `None` if the first URI
/// is none.
pub fn sector_of(client_id: &str, redirect_uris: &[String]) -> Option<String> {
    let Some(first) = redirect_uris.first() else { return Some(format!("client:{client_id}")) };
    let first = Url::parse(first).ok()?;
    match first.host_str() {
        // No host begins so, and no URI of a client of before.
        None => Some(format!("client:{client_id}")),
        Some(host) if is_loopback(host) => Some(format!("client:{client_id}")),
        Some(host) => Some(host.to_owned()),
    }
}

/// Whether a registration with other redirect URIs may keep its sector: one of them still gives it, or
/// none gave it before, because an operator chose it. A client that has none keeps its sector, and one
/// that had none and was a sector of its own may get some.
pub fn keeps_sector(before: &RelyingParty, after: &[String]) -> bool {
    let id = &before.client.client_id;
    let gives = |uri: &String| {
        let alone = std::slice::from_ref(uri);
        [sector_of(id, alone), host_of(alone)].iter().flatten().any(|it| *it == before.sector)
    };
    let uris = &before.client.redirect_uris;
    let chosen = if uris.is_empty() {
        sector_of(id, &[]).as_ref() == Some(&before.sector)
    } else {
        !uris.iter().any(gives)
    };
    after.is_empty() || chosen || after.iter().any(gives)
}

/// The sector as it was computed before each native client had its own.
fn host_of(redirect_uris: &[String]) -> Option<String> {
    let first = redirect_uris.first()?;
    let host = Url::parse(first).ok().and_then(|url| url.host_str().map(str::to_owned));
    Some(host.unwrap_or_else(|| first.clone()))
}

impl Registry {
    /// The client with this id, or `None` if it is not registered.
    pub async fn find_client(&self, client_id: &str) -> Result<Option<RelyingParty>, StoreError> {
        self.site.store().get::<tables::Clients>(&client_id.to_owned()).await
    }

    /// The client with this id; `Code::UnknownClient` if it is not registered.
    pub async fn client(&self, client_id: &str) -> Result<RelyingParty, Refusal> {
        let client = self.find_client(client_id).await?;
        client.ok_or_else(|| Refusal::code(Code::UnknownClient, ""))
    }

    /// Whether the client is still registered exactly as `known`. Ask this in the transaction that
    /// decides: the client may have been removed or changed meanwhile, also by another broker.
    pub fn registered_in(
        &self,
        tx: &mut Tx,
        known: &RelyingParty,
    ) -> Result<Registration, StoreError> {
        Ok(match tx.get::<tables::Clients>(&known.client.client_id)? {
            Some(now) if now == *known => Registration::AsKnown,
            Some(now) if now.generation == known.generation => Registration::Changed,
            _ => Registration::Gone,
        })
    }

    /// Whether [`Registry::registered_in`] is [`Registration::AsKnown`].
    pub fn is_registered_in(&self, tx: &mut Tx, known: &RelyingParty) -> Result<bool, StoreError> {
        Ok(self.registered_in(tx, known)? == Registration::AsKnown)
    }

    /// The client with this id, read in a transaction.
    pub fn client_in(&self, tx: &mut Tx, id: &str) -> Result<Option<RelyingParty>, StoreError> {
        tx.get::<tables::Clients>(&id.to_owned())
    }

    /// Registers a client under the next generation. Returns `false` and writes nothing if its id
    /// is taken.
    pub fn add_client_in(&self, tx: &mut Tx, client: &RelyingParty) -> Result<bool, StoreError> {
        let (id, at) = (&client.client.client_id, REGISTRATIONS.to_owned());
        if tx.contains::<tables::Clients>(id)? {
            return Ok(false);
        }
        let generation =
            tx.get::<tables::Registrations>(&at)?.unwrap_or_default().saturating_add(1);
        tx.put::<tables::Registrations>(&at, &generation)?;
        let mut client = RelyingParty { generation, ..client.clone() };
        sectors::join_in(tx, &mut client)?;
        tx.put::<tables::Clients>(id, &client)?;
        Ok(true)
    }

    /// Writes a changed registration in place of the one of the same id and generation. What was given
    /// to the client goes on, within what it may have from now on.
    pub fn change_client_in(&self, tx: &mut Tx, client: &RelyingParty) -> Result<(), StoreError> {
        tx.put::<tables::Clients>(&client.client.client_id, client)
    }

    /// Moves a client to another sector, under the next generation: what it was given before ends.
    /// Returns `false` and writes nothing if it is not registered as `known` any more.
    pub fn move_client_in(
        &self,
        tx: &mut Tx,
        known: &RelyingParty,
        redirect_uris: &[String],
        sector: &str,
    ) -> Result<bool, StoreError> {
        if !self.is_registered_in(tx, known)? {
            return Ok(false);
        }
        let moved = RelyingParty {
            client: Client { redirect_uris: redirect_uris.to_vec(), ..known.client.clone() },
            sector: sector.to_owned(),
            naming: Naming::Sector,
            names_from: NameSource::default(),
            ..known.clone()
        };
        self.remove_client_in(tx, &known.client.client_id)?;
        self.add_client_in(tx, &moved)
    }

    /// Removes a client and returns it; `None` if there was none.
    pub fn remove_client_in(
        &self,
        tx: &mut Tx,
        client_id: &str,
    ) -> Result<Option<RelyingParty>, StoreError> {
        let removed = tx.take::<tables::Clients>(&client_id.to_owned())?;
        if let Some(client) = &removed {
            sectors::leave_in(tx, client)?;
        }
        Ok(removed)
    }

    /// All clients, in the order of their ids.
    pub async fn list_clients(&self) -> Result<Vec<RelyingParty>, StoreError> {
        let rows = self.site.store().scan_all::<tables::Clients>().await?;
        Ok(rows.into_iter().map(|(_, client)| client).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A row as it was stored before `RelyingParty` had `sector` and a `Client` inside.
    fn old_row() -> Value {
        json!({
            "client_id": "portal",
            "client_name": {"ja": "ポータル", "en": "Portal"},
            "authentication": {"secret_basic": {"digest": vec![7_u8; 32]}},
            "redirect_uris": ["https://rp.example/cb", "https://other.example/cb"],
            "scopes": ["openid"],
            "id_token_signed_response_alg": "RS256",
            "cross_device": true,
            "service": "hokkai",
            "default_max_age": 60,
            "purpose": {"ja": "確認", "en": "Checking"},
            "created": 1_795_239_120,
        })
    }

    #[test]
    fn a_row_of_before_is_read_and_written_with_its_sector() {
        let party: RelyingParty = serde_json::from_value(old_row()).unwrap();
        assert_eq!(party.client.default_max_age, Some(60));
        assert_eq!(party.service.as_deref(), Some("hokkai"));
        assert!(party.cross_device);
        assert_eq!(party.purpose.en, "Checking");
        assert_eq!(party.sector, "rp.example");
        // It goes on to know people as it did.
        assert_eq!(party.naming, Naming::Client);
        assert_eq!(party.named_at().of_before.as_deref(), Some("portal"));
        let written = serde_json::to_string(&party).unwrap();
        assert_eq!(serde_json::from_str::<RelyingParty>(&written).unwrap(), party);
    }

    #[test]
    fn a_sector_is_kept_where_a_redirect_uri_still_gives_it() {
        let party = |sector: &str, uris: &[&str]| {
            let mut row = old_row();
            row["redirect_uris"] = uris.iter().copied().collect();
            row["sector"] = sector.into();
            serde_json::from_value::<RelyingParty>(row).unwrap()
        };
        let keeps = |sector, before: &[&str], after: &[&str]| {
            let after: Vec<String> = after.iter().map(ToString::to_string).collect();
            keeps_sector(&party(sector, before), &after)
        };
        let (a, b) = ("https://a.example/cb", "https://b.example/cb");
        let here = "http://127.0.0.1:4000/cb";
        for (sector, before, after, kept) in [
            ("a.example", &[a][..], &[a, b][..], true),
            ("a.example", &[a], &[b, a], true),
            ("a.example", &[a, b], &[b], false),
            ("a.example", &[a], &["https://a.example:8443/other"], true),
            ("a.example", &[a], &[], true),
            ("a.example", &[], &[b], false),
            ("a.example", &[], &[a], true),
            ("client:portal", &[], &[b], true),
            ("client:portal", &[here], &["http://localhost:1/cb"], true),
            ("client:portal", &[here], &[b], false),
            ("127.0.0.1", &[here], &[b], false),
            ("cluster", &[a], &[b], true),
        ] {
            assert_eq!(keeps(sector, before, after), kept, "{sector} {before:?} {after:?}");
        }
    }

    #[test]
    fn the_sector_is_a_host_or_the_client_itself_on_peoples_devices() {
        let sector = |uri: &str| sector_of("cli", &[uri.to_owned()]);
        assert_eq!(sector("https://rp.example:8443/cb").as_deref(), Some("rp.example"));
        for own in [
            "jp.example.app:/cb",
            "http://127.0.0.1:4000/cb",
            "http://localhost/cb",
            "http://[::1]:1/cb",
            "https://localhost:8443/cb",
        ] {
            assert_eq!(sector(own).as_deref(), Some("client:cli"), "{own}");
        }
        assert_eq!(sector_of("cli", &[]).as_deref(), Some("client:cli"));
        assert_eq!(sector("no uri"), None);
        let before = |uri: &str| host_of(&[uri.to_owned()]);
        assert_eq!(before("jp.example.app:/cb").as_deref(), Some("jp.example.app:/cb"));
        assert_eq!(before("http://127.0.0.1:4000/cb").as_deref(), Some("127.0.0.1"));
    }
}
