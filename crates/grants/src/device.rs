//! What a device asks for, from its request until it has its tokens (RFC 8628, sections 3.2 to 3.5).
//!
//! Invariant: a request is answered once, by the transaction in which a person agrees or refuses, and
//! redeemed once. Polls before that write nothing: how often a device asks is kept in memory.
//!
//! Leaves to others: how many requests may wait, how often a code may be guessed, and the pages.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_oauth::device::{INTERVAL, UserCode};
use sekisho_oauth::token::{CodeBinding, TokenError, TokenRequest, TokenResponse};
use sekisho_profile::lifetimes;
use sekisho_registry::{Authenticated, TokenFailure};
use sekisho_standing::Stands;
use sekisho_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::code::Kind;
use crate::tables::{CodeRow, DeviceRow};
use crate::{Grant, Grants, tables};

/// How many user codes are drawn for one request. One is enough unless another request has it.
const DRAWS: usize = 4;
/// How many device codes are remembered for their polls. Beyond, the one that ends first is forgotten.
const MAX_POLLS: usize = 16_384;

/// What a device asks for, while it waits for a person.
#[derive(Clone, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// The request; its `device` is set.
    pub request: AuthorizationRequest,
    /// The generation of the client's registration by which it was validated.
    pub generation: u64,
}

/// The codes of a request, drawn before the transaction that stores them.
pub struct DeviceDraw {
    /// The device code, which goes to the device.
    pub code: Handle,
    users: [UserCode; DRAWS],
}

impl Grants {
    /// Draws the codes of a request that is made now.
    pub fn draw_device(&self, now: Timestamp) -> DeviceDraw {
        let entropy = self.site.entropy();
        DeviceDraw {
            code: Handle::new(now.plus(lifetimes::DEVICE_CODE), entropy),
            users: std::array::from_fn(|_| UserCode::draw(entropy)),
        }
    }

    /// Keeps what a device asks for. Returns the code that people type for it, which no other request
    /// has now; `None` and nothing is kept if all that were drawn are taken.
    pub fn keep_device_in(
        &self,
        tx: &mut Tx,
        draw: &DeviceDraw,
        waiting: &DeviceRequest,
        now: Timestamp,
    ) -> Result<Option<UserCode>, StoreError> {
        let code = draw.code.key();
        for user in &draw.users {
            let mut taken = false;
            for place in self.places(user, now) {
                let other = tx.get::<tables::UserCodes>(&place)?;
                taken |= other.is_some_and(|other| other.expires() > now);
            }
            if !taken {
                let row = DeviceRow::Waiting(Box::new(waiting.clone()));
                tx.put::<tables::DeviceCodes>(&code, &row)?;
                tx.put::<tables::UserCodes>(&self.place(user, code.expires()), &code)?;
                return Ok(Some(user.clone()));
            }
        }
        Ok(None)
    }

    /// What waits for a person under this code.
    pub async fn waiting_device(
        &self,
        user: &UserCode,
        now: Timestamp,
    ) -> Result<Option<DeviceRequest>, StoreError> {
        let store = self.site.store();
        for place in self.places(user, now) {
            let Some(code) = store.get::<tables::UserCodes>(&place).await? else { continue };
            let row = store.get::<tables::DeviceCodes>(&code).await?;
            if let Some(DeviceRow::Waiting(waiting)) = row
                && code.expires() > now
            {
                return Ok(Some(*waiting));
            }
        }
        Ok(None)
    }

    /// Whether a device's request still waits for a person.
    pub async fn device_waits(&self, code: &HandleKey, now: Timestamp) -> Result<bool, StoreError> {
        let row = self.site.store().get::<tables::DeviceCodes>(code).await?;
        Ok(matches!(row, Some(DeviceRow::Waiting(_))) && code.expires() > now)
    }

    /// Answers a device's request with a grant. The caller must hold the proof that the credentials
    /// stand. Returns `false` and writes nothing if the request does not wait any more.
    pub fn approve_device_in(
        &self,
        tx: &mut Tx,
        _: Stands,
        code: &HandleKey,
        (key, grant): (&HandleKey, &Grant),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(waiting) = waiting_in(tx, code, now)? else { return Ok(false) };
        let binding = CodeBinding::from(&waiting.request);
        let row = DeviceRow::Granted(CodeRow::Minted { binding, grant: *key });
        tx.put::<tables::Grants>(key, grant)?;
        tx.put::<tables::DeviceCodes>(code, &row)?;
        Ok(true)
    }

    /// Answers a device's request with a refusal. Returns `false` and writes nothing if the request
    /// does not wait any more.
    pub fn deny_device_in(
        &self,
        tx: &mut Tx,
        code: &HandleKey,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(waiting) = waiting_in(tx, code, now)? else { return Ok(false) };
        let row = DeviceRow::Denied { client_id: waiting.request.client_id };
        tx.put::<tables::DeviceCodes>(code, &row)?;
        Ok(true)
    }

    /// Answers a poll: with tokens once the person has agreed (RFC 8628, section 3.5).
    pub async fn redeem_device(
        &self,
        client: &Authenticated,
        request: &TokenRequest,
        code: &str,
    ) -> Result<TokenResponse, TokenFailure> {
        let now = self.site.now();
        let code = Handle::parse(code).ok_or(TokenError::InvalidGrant)?.key();
        let expired = code.expires() <= now;
        let row = self.site.store().get::<tables::DeviceCodes>(&code).await?;
        let Some(row) = row else {
            // An expired one may have been swept.
            let error = if expired { TokenError::ExpiredToken } else { TokenError::InvalidGrant };
            return Err(error.into());
        };
        if row.client_id() != client.client_id() {
            return Err(TokenError::InvalidGrant.into());
        }
        match row {
            DeviceRow::Granted(CodeRow::Redeemed { .. }) => {}
            _ if expired => return Err(TokenError::ExpiredToken.into()),
            DeviceRow::Granted(CodeRow::Minted { .. }) => {}
            DeviceRow::Denied { .. } => return Err(TokenError::AccessDenied.into()),
            DeviceRow::Waiting(waiting) if waiting.generation != client.party().generation => {
                return Err(TokenError::InvalidGrant.into());
            }
            DeviceRow::Waiting(_) => return Err(self.polls.poll(&code, now).into()),
        }
        self.redeem_kind(Kind::Device, client, request, &code).await
    }

    /// Where the device of a user code is found that expires at `expires`: keys begin with the end of a
    /// span of time, so that they are swept like all others.
    fn place(&self, user: &UserCode, expires: Timestamp) -> HandleKey {
        let span = lifetimes::DEVICE_CODE;
        let end = expires.unix().div_euclid(span).saturating_add(1).saturating_mul(span);
        let digest = self.site.digests().user_code(&user.letters());
        Handle::derived(Timestamp::from_unix(end), &digest).key()
    }

    /// Every place where a user code that lives now can be.
    fn places(&self, user: &UserCode, now: Timestamp) -> [HandleKey; 2] {
        [self.place(user, now), self.place(user, now.plus(lifetimes::DEVICE_CODE))]
    }
}

/// What a device asks for, if it still waits.
fn waiting_in(
    tx: &mut Tx,
    code: &HandleKey,
    now: Timestamp,
) -> Result<Option<DeviceRequest>, StoreError> {
    match tx.get::<tables::DeviceCodes>(code)? {
        Some(DeviceRow::Waiting(waiting)) if code.expires() > now => Ok(Some(*waiting)),
        _ => Ok(None),
    }
}

/// When each waiting device asked last, and how long it has to wait. Keys begin with the end of the
/// code, so the first rows are the first that can go. Each broker counts by itself.
#[derive(Default)]
pub(crate) struct Polls(Mutex<BTreeMap<HandleKey, Poll>>);

struct Poll {
    last: Timestamp,
    interval: i64,
}

impl Polls {
    /// What a device is told that asks now and has to go on waiting.
    fn poll(&self, code: &HandleKey, now: Timestamp) -> TokenError {
        let mut polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = match polls.get_mut(code) {
            None => {
                polls.insert(*code, Poll { last: now, interval: INTERVAL });
                TokenError::AuthorizationPending
            }
            Some(poll) => {
                let early = now.since(poll.last) < poll.interval;
                poll.last = now;
                if early {
                    poll.interval = poll.interval.saturating_add(INTERVAL);
                    TokenError::SlowDown
                } else {
                    TokenError::AuthorizationPending
                }
            }
        };
        while let Some(first) = polls.first_entry() {
            if first.key().expires() > now && polls.len() <= MAX_POLLS {
                break;
            }
            polls.pop_first();
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Entropy;

    use super::*;

    /// RFC 8628, 3.5: each poll that comes too early makes the interval longer by five seconds.
    #[test]
    fn who_asks_too_often_waits_longer() {
        let (polls, entropy) = (Polls::default(), Entropy::seeded(1));
        let at = Timestamp::from_unix;
        let code = Handle::new(at(600), &entropy).key();
        for (now, slow) in [
            (0, false),
            (5, false),
            (9, true),  // from here on ten seconds
            (18, true), // fifteen
            (33, false),
            (47, true), // twenty
            (67, false),
        ] {
            let told = polls.poll(&code, at(now));
            assert_eq!(told == TokenError::SlowDown, slow, "{now}");
        }
    }

    #[test]
    fn what_is_kept_of_polls_is_bounded() {
        let (polls, entropy) = (Polls::default(), Entropy::seeded(1));
        let at = Timestamp::from_unix;
        for second in 1..20_000 {
            polls.poll(&Handle::new(at(second), &entropy).key(), at(0));
        }
        assert_eq!(polls.0.lock().unwrap().len(), MAX_POLLS);
        polls.poll(&Handle::new(at(30_000), &entropy).key(), at(20_000));
        assert_eq!(polls.0.lock().unwrap().len(), 1);
    }
}
