//! Consent: what the person sees before anything is released, and what they decide.

use sekisho_ambient::Handle;
use sekisho_jose::Claims;
use sekisho_oauth::authorization::AuthorizationErrorCode;
use sekisho_oauth::client::OFFLINE_ACCESS;
use sekisho_profile::scopes;
use sekisho_profile::{Act, Code, Outcome};
use serde_json::Value;

use crate::Broker;
use crate::ask::asked_name;
use crate::audit::{Actor, entry};
use crate::login::{Refusal, ServiceFacts, Visitor};
use crate::settle::Settled;
use crate::tables::{ClaimsByType, Decided, Granted, Login, LoginState, Logins};

/// What the consent page shows.
pub struct ConsentQuestion {
    /// Who asks.
    pub facts: ServiceFacts,
    /// The claims that would be released, by their name in the relying party's answer.
    pub released: Vec<ReleasedClaim>,
    /// What was granted of a GPU service.
    pub granted: Option<Granted>,
    /// Claims that the credentials had and that are not released, as `type/claim`.
    pub not_released: Vec<String>,
    /// Whether the service may read it again while the person is away.
    pub offline: bool,
}

/// A claim that would be released.
pub struct ReleasedClaim {
    /// Its name.
    pub name: String,
    /// Its value, for the person to see.
    pub value: Value,
    /// Whether the person may leave it out.
    pub optional: bool,
}

/// What the person decided.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Release, but for the optional claims that are not in the list.
    Allow {
        /// The optional claims to release, by name.
        optional: Vec<String>,
    },
    /// Release nothing.
    Deny,
}

/// Where the browser goes after its answer.
pub enum Consented {
    /// To the relying party.
    Redirect(String),
    /// To the login's page, which shows why not.
    Login,
}

impl Broker {
    /// The question of this login, for the browser that began it.
    pub async fn consent_question(
        &self,
        login: &Handle,
        visitor: &Visitor,
    ) -> Result<ConsentQuestion, Refusal> {
        let (row, decided) = self.awaiting_consent(login, visitor).await?;
        let facts = self.service_facts(&row.request.client_id).await?;
        let claims = self.open_claims(&decided.evidence).await?;
        let client_id = &facts.client.client_id;
        let username = self.digests().username(client_id, &decided.evidence.person);
        let named: Vec<&str> = row.request.claims.names().map(String::as_str).collect();
        let release = |claims: &ClaimsByType| {
            scopes::release_named(&row.request.scopes, &named, claims, &username)
        };
        let released = release(&claims)
            .into_iter()
            .map(|(name, value)| {
                let optional = scopes::is_optional(&name);
                ReleasedClaim { name, value, optional }
            })
            .collect::<Vec<_>>();
        let not_released = not_released(&claims, &release);
        let offline = row.request.asks_for(OFFLINE_ACCESS);
        let granted = decided.granted;
        Ok(ConsentQuestion { facts, released, granted, not_released, offline })
    }

    /// Takes the person's answer; the decision is made again before a code is minted.
    pub async fn consent(
        &self,
        login: &Handle,
        visitor: &Visitor,
        answer: &Answer,
    ) -> Result<Consented, Refusal> {
        let (row, decided) = self.awaiting_consent(login, visitor).await?;
        let now = self.clock().now();
        let Answer::Allow { optional } = answer else {
            self.finish_refused(login, &decided, Act::ConsentDeny).await?;
            let denied = AuthorizationErrorCode::AccessDenied;
            return Ok(Consented::Redirect(self.error_url(&row.request, denied, None)));
        };
        if let Some(fallen) = self.fallen(&decided.evidence.relied, now).await {
            self.finish_refused(login, &decided, Act::ConsentLate).await?;
            return Err(Refusal::code(fallen.code, login.key().reference()));
        }
        let withheld = scopes::optional_claims()
            .filter(|name| !optional.iter().any(|chosen| chosen == name))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let prepared = self.prepare(&row.request, &decided.evidence, now).await?;
        let key = login.key();
        let settled = self
            .store()
            .transact(|tx| {
                let Some(row) = tx.get::<Logins>(&key)? else { return Ok(None) };
                let LoginState::AwaitingConsent(decided) = row.state.clone() else {
                    return Ok(None);
                };
                prepared.settle_with_consent(tx, &key, row, &decided, &withheld).map(Some)
            })
            .await?;
        match settled {
            Some(Settled::Redirect(url)) => Ok(Consented::Redirect(url)),
            Some(Settled::Denied) => Ok(Consented::Login),
            Some(Settled::Refused(code)) => Err(Refusal::code(code, key.reference())),
            Some(Settled::Consent) | None => Err(Refusal::code(Code::AlreadyUsed, key.reference())),
        }
    }

    async fn awaiting_consent(
        &self,
        login: &Handle,
        visitor: &Visitor,
    ) -> Result<(Login, Decided), Refusal> {
        let row = self.login_of(login, visitor).await?;
        match row.state.clone() {
            LoginState::AwaitingConsent(decided) => Ok((row, decided)),
            _ => Err(Refusal::code(Code::AlreadyUsed, login.key().reference())),
        }
    }

    /// Ends a login that waits for consent, unless it was answered in the meantime.
    async fn finish_refused(
        &self,
        login: &Handle,
        decided: &Decided,
        act: Act,
    ) -> Result<(), Refusal> {
        let now = self.clock().now();
        let key = login.key();
        let actor = Actor::Person(decided.evidence.person);
        let finished = self
            .store()
            .transact(|tx| {
                let row = tx.get::<Logins>(&key)?;
                let open = |row: &Login| matches!(row.state, LoginState::AwaitingConsent(_));
                let Some(row) = row.filter(open) else { return Ok(false) };
                tx.put::<Logins>(&key, &Login { state: LoginState::Finished, ..row })?;
                tx.append(entry(now, &actor, act, key.reference(), Outcome::Refused));
                Ok(true)
            })
            .await?;
        if finished { Ok(()) } else { Err(Refusal::code(Code::AlreadyUsed, key.reference())) }
    }
}

/// Claims that were disclosed to us and make no difference to what is released.
fn not_released(claims: &ClaimsByType, release: &dyn Fn(&ClaimsByType) -> Claims) -> Vec<String> {
    let released = release(claims);
    let mut names = Vec::new();
    for (type_name, of_type) in claims {
        for name in of_type.keys() {
            let mut others = claims.clone();
            others.entry(type_name.clone()).or_default().remove(name);
            if release(&others) == released {
                names.push(asked_name(type_name, std::slice::from_ref(name)));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_given_is_what_makes_no_difference() {
        let claims: ClaimsByType = serde_json::from_value(json!({
            "affiliation": {
                "member_ref": "m-0001",
                "org_corporate_number": "7900000000002",
                "name": "山田 太郎",
            },
            "ai-training": {
                "achievement_id": "ai-safety-basic",
                "level_gte_1": true,
                "valid_through": "2027-11-25",
                "completed_on": "2026-10-26",
            },
        }))
        .unwrap();
        let not_given = |scopes: &[&str]| {
            let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
            not_released(&claims, &|claims| scopes::release(&scopes, claims, "u1"))
        };
        assert_eq!(
            not_given(&["openid", "profile", "organization", "training"]),
            ["affiliation/member_ref", "ai-training/completed_on"],
        );
        assert_eq!(not_given(&["openid"]).len(), 7);
    }
}
