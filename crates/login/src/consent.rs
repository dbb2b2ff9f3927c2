//! Consent: what the person sees before anything is released, and what the person decides.

use sekisho_ambient::Text;
use sekisho_grants::{ClaimsByType, GrantedPermit};
use sekisho_jose::Claims;
use sekisho_oauth::authorization::{AuthorizationRequest, AuthorizationResponse};
use sekisho_oauth::client::OFFLINE_ACCESS;
use sekisho_profile::{Act, Code, Outcome, scopes};
use sekisho_registry::sectors::Member;
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, entry};
use serde_json::Value;

use crate::asked::{Asked, asked_name};
use crate::settle::{At, Settled};
use crate::tables::{Decided, End, Login, LoginState, Logins as Rows};
use crate::ticket::Over;
use crate::{LoginCookie, Logins, OpenLogin, ServiceFacts};

/// The data of the consent page.
pub struct ConsentQuestion {
    /// The client and the service that ask the person to log in.
    pub facts: ServiceFacts,
    /// The claims that would be released, by their names in the relying party's response.
    pub released: Vec<ReleasedClaim>,
    /// The permitted use of a GPU service, if it was asked for.
    pub permit: Option<GrantedPermit>,
    /// Claims that the credentials disclosed but that are not released, as `type/claim`.
    pub not_released: Vec<String>,
    /// Whether the service may read the claims again while the person is away.
    pub offline: bool,
    /// The other servers that get an access token, with the scopes that it has there.
    pub resources: Vec<AskedResource>,
    /// The names of the other services that know the person by the same name.
    pub shared: Vec<Text>,
}

/// Another server that a service asks an access token for.
pub struct AskedResource {
    /// Its name, as registered.
    pub name: Text,
    /// The scopes that are granted there.
    pub scopes: Vec<String>,
}

/// A claim that would be released.
pub struct ReleasedClaim {
    /// The name of the claim in the relying party's response.
    pub name: String,
    /// The value, shown to the person.
    pub value: Value,
    /// Whether the person may leave the claim out.
    pub optional: bool,
}

/// What the person decided.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Release everything except the optional claims that are not in the list.
    Allow {
        /// The optional claims to release, by name.
        optional: Vec<String>,
    },
    /// Release nothing; the relying party gets `access_denied`.
    Deny,
}

/// Where the browser goes after the person answered.
pub enum Consented {
    /// To the relying party. The cookie says that the login is over.
    Respond(AuthorizationResponse, LoginCookie),
    /// To the login's page, which shows why access was refused or that a device was answered, or leads
    /// to the question anew because what is decided now is not what was shown.
    Login,
}

impl Logins {
    /// The question of this login, to the browser that began it.
    pub async fn consent_question(&self, login: &OpenLogin) -> Result<ConsentQuestion, Refusal> {
        let (request, decided) = (&login.request, awaiting_consent(login)?);
        let looked = self.standing.look(&decided.evidence.relied, self.site.now()).await;
        if let Some(fallen) = looked.fallen() {
            return Err(login.refusal(fallen.code));
        }
        let facts = self.facts_of(login).await?;
        let claims = self.grants.open_claims(&decided.evidence).await?;
        let place = facts.party.named_at();
        let account = self.grants.account_to_be(&place, &decided.evidence, &claims).await?;
        let ours = self.grants.ours(&account);
        let named: Vec<&str> = request.claims.names().map(String::as_str).collect();
        let release =
            |claims: &ClaimsByType| scopes::release_named(&request.scopes, &named, claims, &ours);
        let released = release(&claims)
            .into_iter()
            .map(|(name, value)| {
                let optional = scopes::is_optional(&name);
                ReleasedClaim { name, value, optional }
            })
            .collect::<Vec<_>>();
        let released = if account.ids.is_none() && self.grants.has_ids(&place, &claims).await? {
            with_ids(released, &request.scopes, &named)
        } else {
            released
        };
        let not_released = not_released(&claims, &release);
        let offline = request.asks_for(OFFLINE_ACCESS);
        let permit = decided.permit.clone();
        let shared = self.names_of(&decided.shared).await?;
        let resources = self.asked_resources(request).await?;
        Ok(ConsentQuestion { facts, released, permit, not_released, offline, resources, shared })
    }

    async fn asked_resources(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<Vec<AskedResource>, Refusal> {
        let resources = self.registry.resources().await?;
        let named = request.resources.iter().filter_map(|name| resources.of_audience(name));
        let asked = named.map(|resource| AskedResource {
            name: resource.name.clone(),
            scopes: request.scopes.iter().filter(|one| resource.has_scope(one)).cloned().collect(),
        });
        Ok(asked.collect())
    }

    /// The names of the services behind these registrations, each once. What was removed in the
    /// meantime is left out.
    async fn names_of(&self, members: &[Member]) -> Result<Vec<Text>, Refusal> {
        let mut names = Vec::new();
        for member in members {
            let party = self.registry.find_client(&member.client_id).await?;
            if party.is_none_or(|party| party.generation != member.generation) {
                continue;
            }
            let name = self.service_facts(&member.client_id).await?.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Takes the person's answer. The decision is made again before a code is minted. Once there is
    /// an answer, another one changes nothing and leads to the same place.
    pub async fn consent(&self, login: &OpenLogin, answer: &Answer) -> Result<Consented, Refusal> {
        let decided = match login.row.as_ref() {
            Some(row) if !matches!(row.state, LoginState::AwaitingConsent(_)) => {
                return self.consented_before(login, row);
            }
            _ => awaiting_consent(login)?,
        };
        let now = self.site.now();
        let Answer::Allow { optional } = answer else {
            let end = login.cancelled();
            return self.finish_refused(login, decided, Act::ConsentDeny, end).await;
        };
        let relied = &decided.evidence.relied;
        let looked = self.standing.look(relied, now).await;
        if let Some(fallen) = looked.fallen() {
            if !fallen.is_final() {
                return Err(login.refusal(fallen.code));
            }
            let end = End::Refused(fallen.code);
            return self.finish_refused(login, decided, Act::ConsentLate, end).await;
        }
        let withheld = scopes::optional_claims()
            .filter(|name| !optional.iter().any(|chosen| chosen == name))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let asked = Asked::new(&self.registry, &login.party, &login.request)
            .map_err(|_| login.refusal(Code::ScopeNotAllowed))?;
        let evidence = &decided.evidence;
        let prepared = self.prepare(&login.party, &login.request, &asked, evidence, now).await?;
        let key = login.handle.key();
        let at = At { key: &key, request: &login.request, shown: true, waits: true, given: None };
        let settled = self
            .standing
            .decide(relied, looked, |tx, stands| {
                let Some(row) = tx.get::<Rows>(&key)? else { return Ok(Err(None)) };
                let LoginState::AwaitingConsent(decided) = row.state.clone() else {
                    return Ok(Err(Some(Box::new(row))));
                };
                prepared.settle_with_consent(tx, stands, at, row, &decided, &withheld).map(Ok)
            })
            .await?;
        match settled {
            Ok(Settled::Respond(answer)) => {
                Ok(Consented::Respond(answer, self.over(login, Over::Answered)?))
            }
            Ok(Settled::Denied | Settled::Device) => {
                self.answered_device(&login.request);
                Ok(Consented::Login)
            }
            Ok(Settled::Consent) => Ok(Consented::Login),
            Ok(Settled::Refused(code)) => Err(login.refusal(code)),
            Err(Some(row)) => self.consented_before(login, &row),
            Err(None) => Err(login.refusal(Code::AlreadyUsed)),
        }
    }

    /// Where the browser goes if the login went on before this answer.
    fn consented_before(&self, login: &OpenLogin, row: &Login) -> Result<Consented, Refusal> {
        match &row.state {
            LoginState::Finished(End::Answered { body, .. }) => {
                let over = self.over(login, Over::Answered)?;
                Ok(Consented::Respond(self.answer(login, body.clone()), over))
            }
            LoginState::Finished(End::Refused(code)) => Err(login.refusal(*code)),
            LoginState::Denied(_) | LoginState::Finished(End::Device { .. }) => {
                Ok(Consented::Login)
            }
            _ => Err(login.refusal(Code::AlreadyUsed)),
        }
    }

    /// Ends a login that waits for consent, unless it was answered in the meantime.
    async fn finish_refused(
        &self,
        login: &OpenLogin,
        decided: &Decided,
        act: Act,
        end: End,
    ) -> Result<Consented, Refusal> {
        let now = self.site.now();
        let key = login.handle.key();
        let actor = Actor::Person(decided.evidence.person);
        let row = self
            .site
            .store()
            .transact(|tx| {
                let Some(row) = tx.get::<Rows>(&key)? else { return Ok(None) };
                if !matches!(row.state, LoginState::AwaitingConsent(_)) {
                    return Ok(Some(row));
                }
                if matches!(end, End::Device { .. }) {
                    self.deny_device_in(tx, &login.request, now)?;
                }
                let row = Login { state: LoginState::Finished(end.clone()), ..row };
                tx.put::<Rows>(&key, &row)?;
                tx.append(entry(now, &actor, act, key.reference(), Outcome::Refused));
                Ok(Some(row))
            })
            .await?;
        self.answered_device(&login.request);
        self.consented_before(login, &row.ok_or_else(|| login.refusal(Code::LoginExpired))?)
    }
}

/// The decision of a login that waits for consent.
fn awaiting_consent(login: &OpenLogin) -> Result<&Decided, Refusal> {
    match login.state() {
        Some(LoginState::AwaitingConsent(decided)) => Ok(decided),
        _ => Err(login.refusal(Code::AlreadyUsed)),
    }
}

/// Adds the numbers that the login will assign, without a value.
fn with_ids(
    mut released: Vec<ReleasedClaim>,
    asked: &[String],
    named: &[&str],
) -> Vec<ReleasedClaim> {
    for name in ["uid_number", "gid_number"] {
        let is_asked = named.contains(&name) || scopes::claims_supported(asked).contains(&name);
        if is_asked && !released.iter().any(|claim| claim.name == name) {
            let (name, value) = (name.to_owned(), Value::Null);
            released.push(ReleasedClaim { name, value, optional: false });
        }
    }
    released
}

/// Claims that were disclosed to us but do not change what is released.
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
            let ours = scopes::Ours { preferred_username: Some("u1"), ids: None, authority: "h" };
            not_released(&claims, &|claims| scopes::release(&scopes, claims, &ours))
        };
        assert_eq!(
            not_given(&["openid", "profile", "organization", "training"]),
            ["affiliation/member_ref", "ai-training/completed_on"],
        );
        assert_eq!(not_given(&["openid"]).len(), 7);
    }
}
