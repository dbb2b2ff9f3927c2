//! A device asks for a login, and a person types its code (RFC 8628, sections 3.1 to 3.3).
//!
//! From there on it is a login like any other, with three differences, all because somebody else may
//! have begun it and sent the code to the person (RFC 8628, 5.4): the person is always asked for
//! consent, which is never remembered; the login has no `acr`; and the answer goes to the device, so the
//! browser stays here.

use sekisho_ambient::Timestamp;
use sekisho_grants::device::DeviceRequest;
use sekisho_oauth::authorization::{
    AuthorizationErrorCode, AuthorizationRequest, Prompt, ResponseBody,
};
use sekisho_oauth::description::Description;
use sekisho_oauth::device::{
    DeviceAuthorization, DeviceParameters, INTERVAL, UserCode, WaitingDevice,
};
use sekisho_oauth::token::{GrantType, TokenError, TokenErrorCode};
use sekisho_profile::{Code, lifetimes};
use sekisho_registry::{Authenticated, ClientEvidence, RelyingParty, TokenFailure};
use sekisho_site::{Refusal, paths};
use sekisho_store::{StoreError, Tx};

use crate::asked::Asked;
use crate::begin::still_allowed;
use crate::parked::Place;
use crate::{Begin, Logins, OpenLogin, Visitor};

/// What became of a code that a person typed.
pub enum TypedCode {
    /// It belongs to a device that waits: the login has begun.
    Right(Box<Begin>),
    /// No device waits for it.
    Wrong,
    /// Too many were wrong. So many seconds have to pass before the next one is looked at.
    TooMany(i64),
}

impl Logins {
    /// Takes a device's request, and gives it its codes. `from` is where the request came from.
    pub async fn authorize_device(
        &self,
        evidence: &ClientEvidence<'_>,
        from: &Visitor,
    ) -> Result<DeviceAuthorization, TokenFailure> {
        let asked = DeviceParameters::parse(evidence.form)?;
        let client = self.registry.authenticate(evidence).await?;
        let may_use = client.client().may_use(GrantType::DeviceCode);
        // A login for a device has no `acr`, so a client that needs one could never be answered.
        if !may_use || client.client().required_acr.is_some() {
            return Err(TokenError::UnauthorizedClient.into());
        }
        let targets = self.registry.resources().await?.targets_of(client.client_id());
        let request = asked.request(client.client(), &self.authorization_rules(&targets))?;
        if let Err(error) = Asked::new(&self.registry, client.party(), &request) {
            let code = TokenErrorCode::InvalidAuthorizationDetails;
            return Err(TokenError::Asked(code, Description::new(&error.to_string())).into());
        }
        self.keep_device(&client, request, from).await
    }

    async fn keep_device(
        &self,
        client: &Authenticated,
        mut request: AuthorizationRequest,
        from: &Visitor,
    ) -> Result<DeviceAuthorization, TokenFailure> {
        if !self.site.store().has_room().await? {
            return Err(StoreError::Unavailable("the disk is full".to_owned()).into());
        }
        let now = self.site.now();
        let draw = self.grants.draw_device(now);
        let code = draw.code.key();
        let client_id = client.client_id().to_owned();
        if !self.devices.take(Place { key: code, client_id, address: from.address }, now) {
            return Err(TokenError::TemporarilyUnavailable.into());
        }
        request.prompt = vec![Prompt::Consent];
        request.device = Some(WaitingDevice { code, asked: now, place: from.device.name() });
        let waiting = DeviceRequest { request, generation: client.party().generation };
        let keep = |tx: &mut Tx| self.grants.keep_device_in(tx, &draw, &waiting, now);
        let kept = self.site.store().transact(keep).await;
        if !matches!(kept, Ok(Some(_))) {
            self.devices.free(&code);
        }
        let user_code = kept?.ok_or(TokenError::TemporarilyUnavailable)?.to_string();
        let page = self.site.origin().join(paths::DEVICE);
        Ok(DeviceAuthorization {
            device_code: draw.code.expose().to_owned(),
            verification_uri_complete: format!("{page}?user_code={user_code}"),
            verification_uri: page,
            user_code,
            expires_in: lifetimes::DEVICE_CODE,
            interval: INTERVAL,
        })
    }

    /// Begins the login of the device that shows the code which a person typed.
    pub async fn begin_device(&self, typed: &str, visitor: &Visitor) -> Result<TypedCode, Refusal> {
        if typed.trim().is_empty() {
            return Ok(TypedCode::Wrong);
        }
        let now = self.site.now();
        let guess = match self.guesses.take(visitor.address, now) {
            Ok(guess) => guess,
            Err(wait) => return Ok(TypedCode::TooMany(wait)),
        };
        let waiting = match UserCode::read(typed) {
            Some(code) => self.grants.waiting_device(&code, now).await?,
            None => None,
        };
        let Some(DeviceRequest { request, generation }) = waiting else {
            return Ok(TypedCode::Wrong);
        };
        self.guesses.give_back(&guess);
        let party = self.registry.find_client(&request.client_id).await?;
        let party = party.filter(|party| party.generation == generation);
        let party = party.ok_or_else(|| Refusal::code(Code::UnknownClient, ""))?;
        still_allowed(&party, &request).map_err(|code| Refusal::code(code, ""))?;
        let begun = self.ask_for_device(&party, &request, visitor).await?;
        Ok(TypedCode::Right(Box::new(begun)))
    }

    /// Begins the login of a device anew, in the browser that has typed its code already. `None` if the
    /// login is for no device that waits.
    pub async fn begin_device_again(
        &self,
        login: &OpenLogin,
        visitor: &Visitor,
    ) -> Result<Option<Begin>, Refusal> {
        let Some(device) = &login.request.device else { return Ok(None) };
        if !self.grants.device_waits(&device.code, self.site.now()).await? {
            return Ok(None);
        }
        self.ask_for_device(&login.party, &login.request, visitor).await.map(Some)
    }

    /// Begins a login whose answer goes to a device, so that no error can be sent to the relying party.
    async fn ask_for_device(
        &self,
        party: &RelyingParty,
        request: &AuthorizationRequest,
        visitor: &Visitor,
    ) -> Result<Begin, Refusal> {
        match self.answer_or_ask(party, request, visitor).await? {
            Begin::Respond(refused) => {
                let busy = AuthorizationErrorCode::TemporarilyUnavailable;
                let is_busy =
                    matches!(refused.body, ResponseBody::Error { error, .. } if error == busy);
                let code = if is_busy { Code::Busy } else { Code::ScopeNotAllowed };
                Err(Refusal::code(code, ""))
            }
            begun => Ok(begun),
        }
    }

    /// Refuses the device that waits for this request, if one does.
    pub(crate) fn deny_device_in(
        &self,
        tx: &mut Tx,
        request: &AuthorizationRequest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(device) = &request.device {
            self.grants.deny_device_in(tx, &device.code, now)?;
        }
        Ok(())
    }

    /// Gives back the place of a device that was answered.
    pub(crate) fn answered_device(&self, request: &AuthorizationRequest) {
        if let Some(device) = &request.device {
            self.devices.free(&device.code);
        }
    }
}
