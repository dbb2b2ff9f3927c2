//! What the pages of a login show.

use sekisho_ambient::{Handle, Text, Timestamp};
use sekisho_oauth::authorization::AuthorizationErrorCode;
use sekisho_oauth::client::Client;
use sekisho_openid4vp::presentation::Presentation;
use sekisho_profile::{Channel, Code, lifetimes};

use super::{Refusal, Visitor, remaining};
use crate::Broker;
use crate::ask::Ask;
use crate::config::{Service, WalletEntry};
use crate::tables::{DeniedLogin, Login, LoginState, Logins};

/// What a login's page shows, by how far the login has come.
pub enum Screen {
    /// A wallet is asked.
    Ask(AskScreen),
    /// The wallet on another device has answered: the number is asked for.
    Number {
        /// Who asks.
        facts: ServiceFacts,
        /// Tries left.
        tries_left: u8,
        /// Seconds left.
        remaining: i64,
    },
    /// The wallet has answered on this device, and sends the browser back itself.
    Answered,
    /// The person is asked for consent, on its own page.
    Consent,
    /// Access was refused.
    Denied {
        /// Who asks.
        facts: ServiceFacts,
        /// The reasons.
        denied: DeniedLogin,
        /// Back to the relying party, with an error.
        return_url: String,
    },
    /// The wallet or the person declined, or the attempt ended.
    Over {
        /// The code.
        code: Code,
        /// Back to the relying party, with an error.
        return_url: String,
    },
}

/// The login page.
pub struct AskScreen {
    /// Who asks.
    pub facts: ServiceFacts,
    /// The wallets, each with the link that opens it.
    pub wallets: Vec<(WalletEntry, String)>,
    /// The link for a wallet on another device.
    pub cross_device: Option<String>,
    /// Names of what is asked for, as `type/claim`.
    pub asks: Vec<String>,
    /// Seconds until the links are over.
    pub remaining: i64,
    /// Whether the links are over and new ones must be asked for.
    pub expired: bool,
    /// The same authorization request again, for the link that renews.
    pub again: String,
}

/// Who asks, for people.
#[derive(Clone)]
pub struct ServiceFacts {
    /// The client.
    pub client: Client,
    /// The service, if the client stands for one.
    pub service: Option<Service>,
}

impl Broker {
    /// The page of a login, for the browser that began it.
    pub async fn login_screen(&self, login: &Handle, visitor: &Visitor) -> Result<Screen, Refusal> {
        let row = self.login_of(login, visitor).await?;
        let now = self.clock().now();
        let facts = self.service_facts(&row.request.client_id).await?;
        Ok(match &row.state {
            LoginState::Presentation(Presentation::AwaitingWallet) => {
                Screen::Ask(self.ask_screen(&row, facts, now)?)
            }
            LoginState::Presentation(Presentation::Presented(answer)) => match &answer.number {
                None => Screen::Answered,
                Some(number) => Screen::Number {
                    facts,
                    tries_left: number.tries_left(),
                    remaining: number.remaining(now),
                },
            },
            LoginState::Presentation(Presentation::Declined { error }) => {
                self.over(&row, (*error).into(), AuthorizationErrorCode::AccessDenied)
            }
            LoginState::Presentation(Presentation::Ended { reason }) => {
                self.over(&row, (*reason).into(), AuthorizationErrorCode::AccessDenied)
            }
            LoginState::AwaitingConsent(_) => Screen::Consent,
            LoginState::Denied(denied) => {
                let codes: Vec<&str> =
                    denied.reasons.iter().map(|reason| reason.code.id()).collect();
                let refused = AuthorizationErrorCode::AccessDenied;
                let return_url = self.error_url(&row.request, refused, Some(&codes.join(" ")));
                Screen::Denied { facts, denied: denied.clone(), return_url }
            }
            LoginState::Finished => {
                self.over(&row, Code::AlreadyUsed, AuthorizationErrorCode::AccessDenied)
            }
        })
    }

    /// The origin of the relying party's redirect URI, to which the forms of this login may lead in
    /// the end; `None` if this browser did not begin the login, or the URI has none.
    pub async fn return_origin(&self, login: &Handle, visitor: &Visitor) -> Option<String> {
        let row = self.login_of(login, visitor).await.ok()?;
        let origin = url::Url::parse(&row.request.redirect_uri).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    }

    /// The `ui_locales` of the login's request; empty if this browser did not begin the login.
    pub async fn ui_locales(&self, login: &Handle, visitor: &Visitor) -> String {
        let row = self.login_of(login, visitor).await;
        row.map(|row| row.request.ui_locales.join(" ")).unwrap_or_default()
    }

    /// The number that the phone shows after a cross-device answer: only with the response code.
    pub async fn phone_number(
        &self,
        login: &Handle,
        response_code: &Handle,
    ) -> Result<(ServiceFacts, String, i64), Refusal> {
        let now = self.clock().now();
        let row = self.store().get::<Logins>(&login.key()).await?.ok_or(Refusal::NotFound)?;
        let LoginState::Presentation(presented) = &row.state else {
            return Err(Refusal::NotFound);
        };
        let number = presented.number_for(&response_code.key()).ok_or(Refusal::NotFound)?;
        let facts = self.service_facts(&row.request.client_id).await?;
        Ok((facts, number.digits().to_owned(), number.remaining(now)))
    }

    pub(crate) async fn service_facts(&self, client_id: &str) -> Result<ServiceFacts, Refusal> {
        let client = self.client(client_id).await?;
        let service = client.service.as_deref().and_then(|id| self.config().service(id)).cloned();
        Ok(ServiceFacts { client, service })
    }

    fn over(&self, row: &Login, code: Code, error: AuthorizationErrorCode) -> Screen {
        Screen::Over { code, return_url: self.error_url(&row.request, error, Some(code.id())) }
    }

    fn ask_screen(
        &self,
        row: &Login,
        facts: ServiceFacts,
        now: Timestamp,
    ) -> Result<AskScreen, Refusal> {
        let request = |wanted| {
            let found = row.requests.iter().find(|(channel, _)| *channel == wanted);
            found.map(|(_, handle)| handle.as_str())
        };
        let same = request(Channel::SameDevice).unwrap_or_default();
        let mut wallets = Vec::new();
        for wallet in &self.config().wallets {
            let url = self.wallet_url(&wallet.authorization_endpoint, same)?;
            wallets.push((wallet.clone(), url));
        }
        let cross_device = match request(Channel::CrossDevice) {
            Some(handle) => Some(self.wallet_url("openid4vp://", handle)?),
            None => None,
        };
        let asks = Ask::new(self.config(), &facts.client, &row.request)
            .map(|ask| ask.asked())
            .unwrap_or_default();
        let remaining = remaining(row.started.plus(lifetimes::PRESENTATION_REQUEST), now);
        let again = format!("/authorize?{}", row.request.to_query());
        let expired = remaining == 0;
        Ok(AskScreen { facts, wallets, cross_device, asks, remaining, expired, again })
    }
}

impl ServiceFacts {
    /// The name of the service, or of the client where it stands for none.
    pub fn name(&self) -> Text {
        match &self.service {
            Some(service) => service.name.clone(),
            None => Text {
                ja: self.client.client_name.ja.clone(),
                en: self.client.client_name.en.clone(),
            },
        }
    }
}
