//! Refresh tokens (RFC 6749, section 6; RFC 9700, section 4.14).
//!
//! All refresh tokens of one grant form a family. The row of the grant stores the generation of the
//! newest one.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_jose::Claims;
use sekisho_oauth::client::OFFLINE_ACCESS;
use sekisho_oauth::refresh::{Family, RefreshToken, Rotation};
use sekisho_oauth::scope;
use sekisho_oauth::token::{TokenError, TokenResponse};
use sekisho_profile::{Act, Outcome, Reason};
use sekisho_registry::{Authenticated, Registration, TokenFailure};
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_standing::{Fallen, Stands};
use sekisho_store::{StoreError, Tx};

use crate::grant::{End, live_in};
use crate::tables::AccessToken;
use crate::{Grant, GrantedPermit, Grants, tables};

/// The result of the transaction that rotates a refresh token.
enum Refreshed {
    Granted(u64, Box<Grant>),
    Rejected,
    /// The status of a credential cannot be read now.
    NotNow,
}

/// The limits that a refresh request puts on its new access token.
pub struct Less<'a> {
    /// The `scope` parameter, if present.
    pub scope: Option<&'a str>,
    /// The `authorization_details` parameter, if present.
    pub details: Option<&'a Claims>,
    /// The names in `resource` and `audience`.
    pub targets: &'a [String],
}

impl Grants {
    /// Exchanges a refresh token for a new access token and the next refresh token.
    pub async fn refresh(
        &self,
        client: &Authenticated,
        token: &str,
        less: &Less<'_>,
    ) -> Result<TokenResponse, TokenFailure> {
        if !client.client().may_ask_for(OFFLINE_ACCESS) {
            return Err(TokenError::UnauthorizedClient.into());
        }
        let now = self.site.now();
        let invalid = || TokenFailure::from(TokenError::InvalidRefreshToken);
        let token = self.refresh_token(token, now).ok_or_else(invalid)?;
        let grant = self.site.store().get::<tables::Grants>(&token.family).await?;
        let grant = grant.filter(|grant| grant.suits(client.party())).ok_or_else(invalid)?;
        let looked = self.looked(&token.family, grant, now).await?;
        let (grant, looked) = looked.ok_or_else(invalid)?;
        let permitted = grant.permit.clone();
        let grant = grant.within(client.party());
        let resource = self.resource_for(client.party(), &grant, less.targets).await?;
        let row = AccessToken {
            scopes: narrowed(&grant.scopes, less.scope)?,
            authorization_details: grant.narrow(less.details, now)?,
            resource: resource.as_ref().map(|resource| resource.audience.clone()),
            ..AccessToken::bearer(token.family, now)
        };
        let access = self.draw_access(resource.as_ref(), &grant, now);
        let access_key = access.key();
        let permit = permitted.as_ref();
        let attempt = Attempt { client, token, access: &access_key, row: &row, permit, now };
        let relied = &grant.evidence.relied;
        let refreshed = self
            .standing
            .decide(relied, looked, |tx, stands| self.rotate(tx, stands, &attempt))
            .await?;
        let (generation, grant) = match refreshed {
            Refreshed::Granted(generation, grant) => (generation, grant),
            Refreshed::Rejected => return Err(invalid()),
            Refreshed::NotNow => return Err(TokenError::TemporarilyUnavailable.into()),
        };
        let successor = RefreshToken { generation, ..token };
        // Only the first ID token of a login contains the nonce (Core, 12.2).
        let grant = Grant { nonce: None, ..grant.limited_to(&row) };
        let of = (resource.as_ref(), &access);
        self.token_response(client, grant, &row, of, Some(successor), now).await
    }

    /// Reads a refresh token. `None` if we did not make it or if it has expired.
    pub(crate) fn refresh_token(&self, text: &str, now: Timestamp) -> Option<RefreshToken> {
        let token = RefreshToken::from_text(text, self.site.digests().refresh_key())?;
        (token.family.expires() > now).then_some(token)
    }

    /// Rotates the family. The newest token moves it on; for a short time the token before it gets
    /// the same successor; any older token ends the family.
    fn rotate(
        &self,
        tx: &mut Tx,
        stands: Result<Stands, &Fallen>,
        attempt: &Attempt<'_>,
    ) -> Result<Refreshed, StoreError> {
        let Attempt { client, token, access, row, permit, now } = *attempt;
        let grant = live_in(tx, &token.family)?;
        let own = grant.filter(|grant| grant.suits(client.party()));
        let Some((mut grant, family)) = own.and_then(|grant| {
            let family = grant.refresh?;
            Some((grant, family))
        }) else {
            return Ok(Refreshed::Rejected);
        };
        if let Err(fallen) = stands {
            tx.append(attempt.entry(Outcome::Refused).because(fallen.code));
            if !fallen.is_final() {
                return Ok(Refreshed::NotNow);
            }
            grant.end_in(tx, &token.family, &End::Fallen(fallen), now)?;
            return Ok(Refreshed::Rejected);
        }
        match self.registry.registered_in(tx, client.party())? {
            Registration::AsKnown => {}
            // What the client may have now is not what was looked at. It tries again.
            Registration::Changed => return Ok(Refreshed::NotNow),
            Registration::Gone => return Ok(Refreshed::Rejected),
        }
        grant.permit = permit.cloned();
        let Family { generation, .. } = match family.present(token.generation, now) {
            Rotation::Next(next) => {
                grant.refresh = Some(next);
                tx.put::<tables::Grants>(&token.family, &grant)?;
                next
            }
            Rotation::Again => family,
            Rotation::Reused => {
                tx.append(attempt.entry(Outcome::Refused).because(Reason::RefreshReused));
                let end = End::Because(Reason::RefreshReused, attempt.actor());
                grant.end_in(tx, &token.family, &end, now)?;
                return Ok(Refreshed::Rejected);
            }
            Rotation::Unknown => return Ok(Refreshed::Rejected),
        };
        tx.put::<tables::AccessTokens>(access, row)?;
        tx.append(attempt.entry(Outcome::Done).with("generation", generation));
        Ok(Refreshed::Granted(generation, Box::new(grant)))
    }
}

/// One request with a refresh token.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    client: &'a Authenticated,
    token: RefreshToken,
    access: &'a HandleKey,
    row: &'a AccessToken,
    /// What is permitted now.
    permit: Option<&'a GrantedPermit>,
    now: Timestamp,
}

impl Attempt<'_> {
    fn actor(&self) -> Actor {
        Actor::Client(self.client.client_id().to_owned())
    }

    fn entry(&self, outcome: Outcome) -> sekisho_store::AuditEntry {
        let reference = self.token.family.reference();
        entry(self.now, &self.actor(), Act::TokenRefresh, reference, outcome)
    }
}

/// The scopes that a refresh request asks for, which must all be granted; `None` if it names none
/// (RFC 6749, section 6).
fn narrowed(granted: &[String], asked: Option<&str>) -> Result<Option<Vec<String>>, TokenError> {
    let Some(asked) = asked else { return Ok(None) };
    let asked = scope::parse(asked).map_err(|_| TokenError::InvalidScope)?;
    if asked.iter().all(|scope| granted.contains(scope)) {
        Ok(Some(asked))
    } else {
        Err(TokenError::InvalidScope)
    }
}
