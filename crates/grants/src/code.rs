//! Codes: minted once, redeemed once (RFC 6749, sections 4.1.2 and 4.1.3). A device code that a person
//! agreed to is redeemed in the same way (RFC 8628, section 3.5).

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_oauth::client::OFFLINE_ACCESS;
use sekisho_oauth::refresh::{Family, RefreshToken};
use sekisho_oauth::token::{self, CodeBinding, TokenError, TokenRequest, TokenResponse};
use sekisho_profile::{Act, Code, Outcome, Reason, lifetimes};
use sekisho_registry::{Authenticated, Registration, TokenFailure};
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Stands};
use sekisho_store::{Store, StoreError, Tx};

use crate::grant::{End, live_in};
use crate::tables::{AccessToken, CodeRow, DeviceRow};
use crate::{Grant, Grants, tables};

/// The two kinds of codes that stand for a grant, each with a table of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A code of the authorization endpoint.
    Authorization,
    /// A device code.
    Device,
}

impl Kind {
    async fn row(self, store: &Store, code: &HandleKey) -> Result<Option<CodeRow>, StoreError> {
        match self {
            Self::Authorization => store.get::<tables::Codes>(code).await,
            Self::Device => {
                let row = store.get::<tables::DeviceCodes>(code).await?;
                Ok(row.and_then(DeviceRow::granted))
            }
        }
    }

    fn row_in(self, tx: &mut Tx, code: &HandleKey) -> Result<Option<CodeRow>, StoreError> {
        match self {
            Self::Authorization => tx.get::<tables::Codes>(code),
            Self::Device => Ok(tx.get::<tables::DeviceCodes>(code)?.and_then(DeviceRow::granted)),
        }
    }

    fn put_in(self, tx: &mut Tx, code: &HandleKey, row: CodeRow) -> Result<(), StoreError> {
        match self {
            Self::Authorization => tx.put::<tables::Codes>(code, &row),
            Self::Device => tx.put::<tables::DeviceCodes>(code, &DeviceRow::Granted(row)),
        }
    }

    fn check(
        self,
        binding: &CodeBinding,
        client: &Authenticated,
        request: &TokenRequest,
    ) -> Result<(), TokenError> {
        match self {
            Self::Authorization => token::check_code(binding, client.proof(), request),
            Self::Device => token::check_device_code(binding, client.proof(), request),
        }
    }

    const fn act(self) -> Act {
        match self {
            Self::Authorization => Act::CodeRedeem,
            Self::Device => Act::DeviceRedeem,
        }
    }

    const fn replayed(self) -> Reason {
        match self {
            Self::Authorization => Reason::CodeReplayed,
            Self::Device => Reason::DeviceCodeReplayed,
        }
    }
}

/// A new code and the key of its grant, drawn before the transaction that stores them.
pub struct Mint {
    /// The authorization code, which goes to the relying party.
    pub code: Handle,
    /// The key of the grant's row. It contains the time at which the grant ends.
    pub grant: HandleKey,
}

/// The result of the transaction that redeems a code.
enum Redeemed {
    Granted(HandleKey, Box<(Grant, AccessToken)>),
    Rejected(TokenError),
}

impl Grants {
    /// Draws a code, and the key for a grant that lives until `ends`.
    pub fn draw(&self, ends: Timestamp, now: Timestamp) -> Mint {
        let entropy = self.site.entropy();
        Mint {
            code: Handle::new(now.plus(lifetimes::CODE), entropy),
            grant: Handle::new(ends, entropy).key(),
        }
    }

    /// Stores a grant and its code. The caller must hold the proof that the credentials stand.
    pub fn mint_in(
        &self,
        tx: &mut Tx,
        _: Stands,
        mint: &Mint,
        binding: CodeBinding,
        grant: &Grant,
    ) -> Result<(), StoreError> {
        tx.put::<tables::Grants>(&mint.grant, grant)?;
        let row = CodeRow::Minted { binding, grant: mint.grant };
        tx.put::<tables::Codes>(&mint.code.key(), &row)
    }

    /// Exchanges an authorization code for tokens.
    pub async fn redeem_code(
        &self,
        client: &Authenticated,
        request: &TokenRequest,
        code: &str,
    ) -> Result<TokenResponse, TokenFailure> {
        let code = Handle::parse(code).ok_or(TokenError::InvalidGrant)?.key();
        self.redeem_kind(Kind::Authorization, client, request, &code).await
    }

    /// Exchanges a code of this kind for tokens.
    pub(crate) async fn redeem_kind(
        &self,
        kind: Kind,
        client: &Authenticated,
        request: &TokenRequest,
        code: &HandleKey,
    ) -> Result<TokenResponse, TokenFailure> {
        let now = self.site.now();
        let (grant, looked) = match self.minted(kind, code).await? {
            Some((key, grant)) => {
                let looked =
                    self.looked(&key, grant, now).await?.ok_or(TokenError::InvalidGrant)?;
                (Some(looked.0), looked.1)
            }
            None => (None, self.standing.look(&[], now).await),
        };
        let relied = grant.as_ref().map_or(&[][..], |grant| &grant.evidence.relied);
        // A wrong resource uses up nothing, like any other mistake of the request.
        let (resource, token) = match grant.as_ref().filter(|grant| grant.is_of(client.party())) {
            Some(grant) => {
                let names = request.targets();
                let resource = self.resource_for(client.party(), grant, names).await?;
                let token = self.draw_access(resource.as_ref(), grant, now);
                (resource, token)
            }
            None => (None, Handle::new(now, self.site.entropy())),
        };
        let (token_key, looked_at) = (token.key(), grant.as_ref());
        let audience = resource.as_ref().map(|resource| resource.audience.as_str());
        let token_of = (&token_key, audience);
        let attempt = Attempt { kind, client, request, code, token: token_of, looked_at, now };
        let redeemed = self
            .standing
            .decide(relied, looked, |tx, stands| self.redeem(tx, stands, &attempt))
            .await?;
        let (key, (grant, row)) = match redeemed {
            Redeemed::Granted(key, granted) => (key, *granted),
            Redeemed::Rejected(error) => return Err(error.into()),
        };
        let refresh = grant.refresh.map(|_| RefreshToken { family: key, generation: 0 });
        let of = (resource.as_ref(), &token);
        self.token_response(client, grant, &row, of, refresh, now).await
    }

    /// The grant of a code that was not redeemed yet.
    pub(crate) async fn minted(
        &self,
        kind: Kind,
        code: &HandleKey,
    ) -> Result<Option<(HandleKey, Grant)>, StoreError> {
        let store = self.site.store();
        let Some(CodeRow::Minted { grant: key, .. }) = kind.row(store, code).await? else {
            return Ok(None);
        };
        let grant = store.get::<tables::Grants>(&key).await?;
        Ok(grant.map(|grant| (key, grant)))
    }

    /// Redeems the code once: the first valid request succeeds, and any later request of the same
    /// client ends the grant. A request that does not match what the code is bound to does not use
    /// it up.
    fn redeem(
        &self,
        tx: &mut Tx,
        stands: Result<Stands, &Fallen>,
        attempt: &Attempt<'_>,
    ) -> Result<Redeemed, StoreError> {
        let rejected = || Ok(Redeemed::Rejected(TokenError::InvalidGrant));
        let Attempt { kind, client, code, now, .. } = *attempt;
        match kind.row_in(tx, code)? {
            None => rejected(),
            Some(CodeRow::Redeemed { grant, client_id }) => {
                // An attempt of another client changes nothing. Otherwise a client could end other
                // people's logins.
                if client_id == client.client_id() {
                    attempt.end_replayed(tx, &grant)?;
                }
                rejected()
            }
            Some(CodeRow::Minted { .. }) if code.expires() <= now => rejected(),
            Some(CodeRow::Minted { binding, grant }) => {
                if let Err(error) = kind.check(&binding, client, attempt.request) {
                    tx.append(attempt.entry(Outcome::Refused).because(&error));
                    return Ok(Redeemed::Rejected(error));
                }
                match live_in(tx, &grant)? {
                    Some(row) => self.redeem_minted(tx, stands, attempt, grant, row),
                    None => rejected(),
                }
            }
        }
    }

    fn redeem_minted(
        &self,
        tx: &mut Tx,
        stands: Result<Stands, &Fallen>,
        attempt: &Attempt<'_>,
        key: HandleKey,
        mut grant: Grant,
    ) -> Result<Redeemed, StoreError> {
        let Attempt { kind, client, request, code, token, looked_at, now } = *attempt;
        let Some(looked_at) = looked_at else {
            return Ok(Redeemed::Rejected(TokenError::InvalidGrant));
        };
        if let Err(fallen) = stands {
            tx.append(attempt.entry(Outcome::Refused).because(fallen.code));
            if !fallen.is_final() {
                return Ok(Redeemed::Rejected(TokenError::TemporarilyUnavailable));
            }
            grant.end_in(tx, &key, &End::Fallen(fallen), now)?;
            return Ok(Redeemed::Rejected(TokenError::InvalidGrant));
        }
        let party = client.party();
        match self.registry.registered_in(tx, party)? {
            Registration::AsKnown if grant.suits(party) => {}
            // What the client may have now is not what was looked at. It tries again.
            Registration::Changed => {
                return Ok(Redeemed::Rejected(TokenError::TemporarilyUnavailable));
            }
            Registration::AsKnown | Registration::Gone => {
                tx.append(attempt.entry(Outcome::Refused).because(Code::UnknownClient));
                return Ok(Redeemed::Rejected(TokenError::InvalidGrant));
            }
        }
        grant.permit.clone_from(&looked_at.permit);
        let given = grant.clone().within(party);
        let details = match given.narrow(request.authorization_details(), now) {
            Ok(details) => details,
            Err(error) => {
                tx.append(attempt.entry(Outcome::Refused).because(&error));
                return Ok(Redeemed::Rejected(error));
            }
        };
        if given.has_scope(OFFLINE_ACCESS) {
            grant.refresh = Some(Family::begin(now));
            tx.put::<tables::Grants>(&key, &grant)?;
        }
        let client_id = client.client_id().to_owned();
        kind.put_in(tx, code, CodeRow::Redeemed { grant: key, client_id })?;
        let bearer = AccessToken::bearer(key, now);
        let (token, audience) = token;
        let resource = audience.map(str::to_owned);
        let access = AccessToken { authorization_details: details, resource, ..bearer };
        tx.put::<tables::AccessTokens>(token, &access)?;
        tx.append(attempt.entry(Outcome::Done).with("grant", key.reference()));
        let grant = grant.limited_to(&access);
        Ok(Redeemed::Granted(key, Box::new((grant, access))))
    }
}

/// One request that redeems a code.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    kind: Kind,
    client: &'a Authenticated,
    request: &'a TokenRequest,
    code: &'a HandleKey,
    /// The key of the new access token, and the audience of its resource.
    token: (&'a HandleKey, Option<&'a str>),
    /// The code's grant before the transaction, with what is permitted now.
    looked_at: Option<&'a Grant>,
    now: Timestamp,
}

impl Attempt<'_> {
    fn actor(&self) -> Actor {
        Actor::Client(self.client.client_id().to_owned())
    }

    fn entry(&self, outcome: Outcome) -> sekisho_store::AuditEntry {
        entry(self.now, &self.actor(), self.kind.act(), self.code.reference(), outcome)
    }

    /// Ends the grant of a code that was presented twice, because somebody may have stolen the code
    /// and used it (RFC 6749, section 4.1.2).
    fn end_replayed(&self, tx: &mut Tx, key: &HandleKey) -> Result<(), StoreError> {
        let reason = self.kind.replayed();
        tx.append(self.entry(Outcome::Refused).because(reason));
        match live_in(tx, key)? {
            Some(grant) => {
                let end = End::Because(reason, self.actor());
                grant.end_in(tx, key, &end, self.now)
            }
            None => Ok(()),
        }
    }
}
