//! What a guarded site's visitor may be let in with: an access token, or a session that a login at
//! the site began (forward-auth).
//!
//! Invariant: both are looked up anew at every request, with the grant and the credentials behind
//! them, and nothing is written for a visitor who may pass. A code is redeemed only with the binding
//! that its login was begun with; the same browser that repeats its way back gets the same session.

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::client::redirect_uri_matches;
use sekisho_oauth::token::{CodeBinding, GrantType};
use sekisho_profile::scopes::GPU_ACCESS;
use sekisho_profile::{Act, Code, Outcome, Reason};
use sekisho_registry::{Guard, RelyingParty};
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Stands};
use sekisho_store::{AuditEntry, StoreError, Tx};

use crate::access::{Presented, details_at};
use crate::code::Kind;
use crate::grant::{End, live_in, told};
use crate::tables::{CodeRow, GuardSession};
use crate::{Grant, Grants, UserinfoFailure, tables};

/// What an access token or a session of a guarded site is good for now.
pub struct Shown {
    /// The client to which the person agreed.
    pub party: RelyingParty,
    /// The grant behind it, reduced to what the token has. A permit that does not reach the site is
    /// left out.
    pub grant: Grant,
}

/// A login at a guarded site that came back with its code.
pub struct Opening<'a> {
    /// The client of the guard.
    pub party: &'a RelyingParty,
    /// The code.
    pub code: &'a str,
    /// The redirect URI of the login.
    pub redirect_uri: &'a str,
    /// The PKCE verifier of the login.
    pub verifier: &'a str,
    /// The random part of the session, which the same browser derives again from the same code.
    pub secret: [u8; 24],
    /// The guard.
    pub guard: &'a Guard,
    /// The origin or the domain in which the session counts.
    pub realm: &'a str,
}

impl Grants {
    /// What this access token is good for at a guarded site; `None` if for nothing there. A token for
    /// the resource of the guard counts, or if the guard has none, one of its client that is for no
    /// resource.
    pub async fn shown(
        &self,
        guard: &Guard,
        bearer: &str,
    ) -> Result<Option<Shown>, UserinfoFailure> {
        let now = self.site.now();
        let Some(Presented::OfGrant(_, row)) = self.presented(bearer, now).await? else {
            return Ok(None);
        };
        let Some(grant) = self.site.store().get::<tables::Grants>(&row.grant).await? else {
            return Ok(None);
        };
        let resources = self.registry.resources().await?;
        let resource = guard.resource.as_deref().map(|name| resources.called(name));
        let Some(resource) = resource.map_or(Some(None), |found| found.map(Some)) else {
            return Ok(None);
        };
        let audience = resource.map(|resource| resource.audience.as_str());
        let of = row.client_id(&grant);
        // Check first whose token it is, so that a question of another site does not end the grant.
        let counts = row.resource.as_deref() == audience
            && (resource.is_some() || of == guard.client)
            && self.is_reached(&row, &grant).await?;
        let found = if counts { self.alive(&row.grant, now).await? } else { None };
        Ok(found.map(|Shown { party, grant }| {
            let mut grant = grant.limited_to(&row).within(&party);
            if resource.is_some_and(|resource| details_at(resource, &grant, now).is_none()) {
                grant.permit = None;
            }
            Shown { party, grant }
        }))
    }

    /// What this session of a guarded site is good for; `None` if it is over, or counts elsewhere.
    pub async fn guarded(
        &self,
        guard: &Guard,
        realm: &str,
        session: &Handle,
    ) -> Result<Option<Shown>, UserinfoFailure> {
        let (now, key) = (self.site.now(), session.key());
        if key.expires() <= now {
            return Ok(None);
        }
        let row = self.site.store().get::<tables::GuardSessions>(&key).await?;
        let Some(row) = row.filter(|row| row.counts_at(guard, realm)) else { return Ok(None) };
        let found = self.alive(&row.grant, now).await?;
        // The configuration may name another client meanwhile.
        Ok(found.filter(|shown| shown.grant.client_id == guard.client))
    }

    /// A grant that is alive, of a client that is still registered, on credentials that stand.
    async fn alive(
        &self,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<Option<Shown>, UserinfoFailure> {
        let Some(grant) = self.site.store().get::<tables::Grants>(key).await? else {
            return Ok(None);
        };
        let party = self.registry.find_client(&grant.client_id).await?;
        let Some(party) = party.filter(|party| grant.suits(party)) else { return Ok(None) };
        let grant = told(self.looked(key, grant, now).await?);
        Ok(grant.map(|grant| Shown { grant: grant.within(&party), party }))
    }

    /// The claims of these scopes that the person released, and the permit if the scopes ask for one.
    pub async fn claims_for(&self, shown: Shown, scopes: &[String]) -> Result<Claims, Refusal> {
        let Shown { party, mut grant } = shown;
        if !scopes.iter().any(|scope| scope == GPU_ACCESS) {
            grant.permit = None;
        }
        self.released_claims(&party, &grant, scopes, &[], self.site.now()).await
    }

    /// Redeems the code of a login at a guarded site, and begins the session there. It ends with the
    /// grant. `None` if the code is not good, or not for this login.
    pub async fn open_guarded(
        &self,
        opening: &Opening<'_>,
    ) -> Result<Option<(Handle, Grant)>, UserinfoFailure> {
        let now = self.site.now();
        let Some(code) = Handle::parse(opening.code).map(|code| code.key()) else {
            return Ok(None);
        };
        let minted = self.minted(Kind::Authorization, &code).await?;
        let (relied, looked) = match minted {
            Some((key, grant)) => match self.looked(&key, grant, now).await? {
                Some((grant, looked)) => (grant.evidence.relied, looked),
                None => return Ok(None),
            },
            None => (Vec::new(), self.standing.look(&[], now).await),
        };
        let redeemed = self.standing.decide(&relied, looked, |tx, stands| {
            self.open_guarded_in(tx, stands, opening, &code, now)
        });
        let Some((key, grant)) = redeemed.await? else { return Ok(None) };
        Ok(Some((opening.session(&key), grant)))
    }

    /// Redeems the code once. The very same browser gets its session again; anybody else who knows
    /// a used code ends its grant.
    fn open_guarded_in(
        &self,
        tx: &mut Tx,
        stands: Result<Stands, &Fallen>,
        opening: &Opening<'_>,
        code: &HandleKey,
        now: Timestamp,
    ) -> Result<Option<(HandleKey, Grant)>, StoreError> {
        let (key, binding) = match tx.get::<tables::Codes>(code)? {
            Some(CodeRow::Redeemed { grant, client_id }) if client_id == opening.client_id() => {
                return opening.again(tx, code, &grant, now);
            }
            Some(CodeRow::Minted { binding, grant }) if code.expires() > now => (grant, binding),
            _ => return Ok(None),
        };
        let refused = |tx: &mut Tx, reason: Reason| {
            tx.append(opening.entry(code, Outcome::Refused, now).because(reason));
            Ok(None)
        };
        if !opening.fits(&binding) {
            return refused(tx, Code::Pkce.into());
        }
        let Some(grant) = live_in(tx, &key)? else { return Ok(None) };
        if let Err(fallen) = stands {
            if fallen.is_final() {
                grant.end_in(tx, &key, &End::Fallen(fallen), now)?;
            }
            return refused(tx, fallen.code.into());
        }
        if !grant.suits(opening.party) || !self.registry.is_registered_in(tx, opening.party)? {
            return refused(tx, Code::UnknownClient.into());
        }
        let client_id = opening.client_id().to_owned();
        tx.put::<tables::Codes>(code, &CodeRow::Redeemed { grant: key, client_id })?;
        let (guard, realm) = (opening.guard.id.clone(), opening.realm.to_owned());
        let row = GuardSession { grant: key, guard, realm };
        tx.put::<tables::GuardSessions>(&opening.session(&key).key(), &row)?;
        let done = opening.entry(code, Outcome::Done, now);
        tx.append(done.with("grant", key.reference()).with("guard", opening.guard.id.as_str()));
        Ok(Some((key, grant)))
    }

    /// Ends a session at a guarded site, and its grant with it. Does nothing if it counts elsewhere.
    pub async fn end_guarded(
        &self,
        guard: &Guard,
        realm: &str,
        session: &Handle,
    ) -> Result<(), StoreError> {
        let (key, now) = (session.key(), self.site.now());
        let end = |tx: &mut Tx| {
            let row = tx.get::<tables::GuardSessions>(&key)?;
            let Some(row) = row.filter(|row| row.counts_at(guard, realm)) else { return Ok(()) };
            tx.delete::<tables::GuardSessions>(&key)?;
            match live_in(tx, &row.grant)? {
                Some(grant) => {
                    let actor = Actor::Person(grant.evidence.person);
                    grant.end_in(tx, &row.grant, &End::Because(Reason::LoggedOut, actor), now)
                }
                None => Ok(()),
            }
        };
        self.site.store().transact_reserved(end).await
    }
}

impl Opening<'_> {
    fn client_id(&self) -> &str {
        &self.party.client.client_id
    }

    /// The session, which ends with its grant.
    fn session(&self, grant: &HandleKey) -> Handle {
        Handle::derived(grant.expires(), &self.secret)
    }

    fn fits(&self, binding: &CodeBinding) -> bool {
        let challenge = binding.code_challenge.as_ref();
        self.party.client.may_use(GrantType::AuthorizationCode)
            && redirect_uri_matches(&self.party.client, &binding.redirect_uri)
            && binding.client_id == self.client_id()
            && binding.redirect_uri == self.redirect_uri
            && challenge.is_some_and(|challenge| challenge.verify(self.verifier).is_ok())
    }

    fn entry(&self, code: &HandleKey, outcome: Outcome, now: Timestamp) -> AuditEntry {
        let actor = Actor::Client(self.client_id().to_owned());
        entry(now, &actor, Act::CodeRedeem, code.reference(), outcome)
    }

    /// A code that was redeemed before: by this very login, or by somebody else.
    fn again(
        &self,
        tx: &mut Tx,
        code: &HandleKey,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<Option<(HandleKey, Grant)>, StoreError> {
        let Some(grant) = live_in(tx, key)? else { return Ok(None) };
        if tx.contains::<tables::GuardSessions>(&self.session(key).key())? {
            return Ok(Some((*key, grant)));
        }
        tx.append(self.entry(code, Outcome::Refused, now).because(Reason::CodeReplayed));
        let actor = Actor::Client(self.client_id().to_owned());
        grant.end_in(tx, key, &End::Because(Reason::CodeReplayed, actor), now)?;
        Ok(None)
    }
}
