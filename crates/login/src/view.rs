//! The data that the pages of a login show.

use sekisho_ambient::{Handle, Text, Timestamp};
use sekisho_oauth::authorization::{AuthorizationErrorCode, AuthorizationResponse};
use sekisho_openid4vp::presentation::PresentationState;
use sekisho_profile::{Channel, Code, lifetimes};
use sekisho_registry::{RelyingParty, Service};
use sekisho_site::{Refusal, paths};

use crate::tables::{DeniedLogin, Login, LoginState, Logins as Rows, OpenRequest};
use crate::{Logins, OpenLogin, WalletEntry};

/// The page to show for a login, depending on its state.
pub enum Screen {
    /// Ask for a wallet.
    Ask(AskScreen),
    /// The wallet on another device has answered: ask the person for the number that it shows.
    Number {
        /// The client and the service that ask the person to log in.
        facts: ServiceFacts,
        /// How many tries are left.
        tries_left: u8,
        /// For how many seconds the number is valid.
        remaining: i64,
    },
    /// The wallet has answered on this device. It will send the browser back itself.
    Answered,
    /// The person has to consent, on a page of its own.
    Consent,
    /// The policies refused access.
    Denied {
        /// The client and the service that ask the person to log in.
        facts: ServiceFacts,
        /// The conditions that are not met, and when that was decided.
        denied: DeniedLogin,
        /// The error for the relying party, if the person goes back there.
        answer: AuthorizationResponse,
    },
    /// The wallet or the person declined, or the login ended in another way.
    Over {
        /// The code of the reason.
        code: Code,
        /// The error for the relying party, if the person goes back there.
        answer: AuthorizationResponse,
    },
}

/// The data of the login page.
pub struct AskScreen {
    /// The client and the service that ask the person to log in.
    pub facts: ServiceFacts,
    /// The wallets, each with the link that opens it.
    pub wallets: Vec<(WalletEntry, String)>,
    /// The link for a wallet on another device; `None` if no other device may be used.
    pub cross_device: Option<String>,
    /// The claims that are asked for, as `type/claim`.
    pub asks: Vec<String>,
    /// Seconds until the links expire.
    pub remaining: i64,
    /// Whether the links have expired, so that the person must ask for new ones.
    pub expired: bool,
    /// The path and query that repeat the authorization request, for the link to new ones.
    pub again: String,
}

/// Who asks the person to log in.
#[derive(Clone)]
pub struct ServiceFacts {
    /// The relying party, as registered.
    pub party: RelyingParty,
    /// The service, if the client stands for one.
    pub service: Option<Service>,
}

impl Logins {
    /// The page to show for a login, to the browser that began it.
    pub async fn login_screen(&self, login: &OpenLogin) -> Result<Screen, Refusal> {
        let row = &login.row;
        let now = self.site.now();
        let facts = self.service_facts(&row.request.client_id).await?;
        Ok(match &row.state {
            LoginState::Presentation(PresentationState::AwaitingWallet) => {
                Screen::Ask(self.ask_screen(row, facts, now)?)
            }
            LoginState::Presentation(PresentationState::Presented(answer)) => {
                match &answer.number {
                    None => Screen::Answered,
                    Some(number) => Screen::Number {
                        facts,
                        tries_left: number.tries_left(),
                        remaining: number.remaining(now),
                    },
                }
            }
            LoginState::Presentation(PresentationState::Declined { error }) => {
                self.over(row, (*error).into())
            }
            LoginState::Presentation(PresentationState::Ended { reason }) => {
                self.over(row, (*reason).into())
            }
            LoginState::AwaitingConsent(_) => Screen::Consent,
            LoginState::Denied(denied) => {
                let codes: Vec<&str> =
                    denied.reasons.iter().map(|reason| reason.code.id()).collect();
                let refused = AuthorizationErrorCode::AccessDenied;
                let answer = self.error_response(&row.request, refused, Some(&codes.join(" ")));
                Screen::Denied { facts, denied: denied.clone(), answer }
            }
            LoginState::Finished => self.over(row, Code::AlreadyUsed),
        })
    }

    /// The number that the phone shows after it answered for another device. Requires the response
    /// code; returns also how many seconds the number stays valid.
    pub async fn phone_number(
        &self,
        login: &Handle,
        response_code: &Handle,
    ) -> Result<(ServiceFacts, String, i64), Refusal> {
        let now = self.site.now();
        let row = self.site.store().get::<Rows>(&login.key()).await?.ok_or(Refusal::NotFound)?;
        let LoginState::Presentation(presented) = &row.state else {
            return Err(Refusal::NotFound);
        };
        let number = presented.number_for(&response_code.key()).ok_or(Refusal::NotFound)?;
        let facts = self.service_facts(&row.request.client_id).await?;
        Ok((facts, number.digits().to_owned(), number.remaining(now)))
    }

    pub(crate) async fn service_facts(&self, client_id: &str) -> Result<ServiceFacts, Refusal> {
        let party = self.registry.client(client_id).await?;
        let service = party.service.as_deref().and_then(|id| self.registry.services().service(id));
        let service = service.cloned();
        Ok(ServiceFacts { party, service })
    }

    fn over(&self, row: &Login, code: Code) -> Screen {
        let denied = AuthorizationErrorCode::AccessDenied;
        Screen::Over { code, answer: self.error_response(&row.request, denied, Some(code.id())) }
    }

    fn ask_screen(
        &self,
        row: &Login,
        facts: ServiceFacts,
        now: Timestamp,
    ) -> Result<AskScreen, Refusal> {
        let request = |channel| row.requests.iter().find(|request| request.channel == channel);
        let url = |endpoint: &str, request: &OpenRequest| {
            self.wallet_url(endpoint, &request.verifier, &request.handle)
        };
        let same = request(Channel::SameDevice).ok_or(Refusal::NotFound)?;
        let wallet =
            |wallet: &WalletEntry| (wallet.clone(), url(&wallet.authorization_endpoint, same));
        let remaining = row.started.plus(lifetimes::PRESENTATION_REQUEST).since(now).max(0);
        Ok(AskScreen {
            facts,
            wallets: self.wallets.entries().iter().map(wallet).collect(),
            cross_device: request(Channel::CrossDevice).map(|request| url("openid4vp://", request)),
            asks: row.asked.names(),
            remaining,
            expired: remaining == 0,
            again: format!("{}?{}", paths::AUTHORIZE, row.request.to_query()),
        })
    }
}

impl ServiceFacts {
    /// The name of the service, or of the client if it belongs to no service.
    pub fn name(&self) -> Text {
        match &self.service {
            Some(service) => service.name.clone(),
            None => self.party.client.client_name.clone(),
        }
    }
}
