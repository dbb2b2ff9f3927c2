//! The data that the pages of a login show.

use sekisho_ambient::{Handle, Text, Timestamp};
use sekisho_oauth::authorization::{AuthorizationErrorCode, AuthorizationResponse, ResponseBody};
use sekisho_oauth::device::WaitingDevice;
use sekisho_openid4vp::presentation::PresentationState;
use sekisho_profile::{Channel, Code, lifetimes};
use sekisho_registry::{RelyingParty, Service};
use sekisho_site::Refusal;

use crate::asked::Asked;
use crate::begin::begun_at;
use crate::tables::{DeniedLogin, End, LoginState, Logins as Rows};
use crate::ticket::Over;
use crate::wallet_request::WalletRequest;
use crate::{Logins, MAX_FAILURES, OpenLogin, WalletEntry};

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
    /// The wallet has answered on this device, and sends the browser back itself.
    Answered {
        /// The client and the service that ask the person to log in.
        facts: ServiceFacts,
    },
    /// The person has to consent, on a page of its own.
    Consent,
    /// The policies refused access.
    Denied {
        /// The client and the service that ask the person to log in.
        facts: ServiceFacts,
        /// The conditions that are not met, and when that was decided.
        denied: DeniedLogin,
        /// The error for the relying party, if the person goes back there; `None` for a device.
        answer: Option<AuthorizationResponse>,
    },
    /// The login is over, and the person is logged in.
    Done {
        /// The client and the service that asked.
        facts: ServiceFacts,
    },
    /// The login is over, and the device that waited is logged in.
    DeviceDone {
        /// The client and the service that asked.
        facts: ServiceFacts,
    },
    /// The wallet or the person declined, or the login ended in another way.
    Over {
        /// The code of the reason.
        code: Code,
        /// The error for the relying party, if the person goes back there; `None` for a device.
        answer: Option<AuthorizationResponse>,
    },
}

/// The data of the login page.
pub struct AskScreen {
    /// The client and the service that ask the person to log in.
    pub facts: ServiceFacts,
    /// The wallets, each with the link that opens it.
    pub wallets: Vec<(WalletEntry, String)>,
    /// Whether a wallet on another device may answer.
    pub other_device: bool,
    /// The link for a wallet on another device; `None` if there is none, or it has expired.
    pub cross_device: Option<String>,
    /// The claims that are asked for, as `type/claim`.
    pub asks: Vec<String>,
    /// Seconds until the links expire.
    pub remaining: i64,
    /// Whether the links have expired or were tried too often, so that the person must ask for new
    /// ones.
    pub expired: bool,
    /// Why the last answer of a wallet was refused, and how many were; `None` if none was.
    pub refused: Option<(Code, u8)>,
}

/// Who asks the person to log in.
#[derive(Clone)]
pub struct ServiceFacts {
    /// The relying party, as registered.
    pub party: RelyingParty,
    /// The service, if the client stands for one.
    pub service: Option<Service>,
    /// The device that waits for the answer, if the request came from one.
    pub device: Option<WaitingDevice>,
}

impl Logins {
    /// The page to show for a login, to the browser that began it.
    pub async fn login_screen(&self, login: &OpenLogin) -> Result<Screen, Refusal> {
        let now = self.site.now();
        let facts = self.facts_of(login).await?;
        if login.ticket.over == Some(Over::Cancelled) {
            return Ok(self.ended(login, Code::Cancelled));
        }
        let Some(state) = login.state() else {
            return match self.waiting.at(&login.handle.key()).declined {
                Some(error) => Ok(self.ended(login, error.into())),
                None => self.ask_screen(login, facts, now).map(Screen::Ask),
            };
        };
        Ok(match state {
            LoginState::Presentation(PresentationState::AwaitingWallet) => {
                Screen::Ask(self.ask_screen(login, facts, now)?)
            }
            LoginState::Presentation(PresentationState::Presented(answer)) => {
                match &answer.number {
                    None => Screen::Answered { facts },
                    Some(number) if number.remaining(now) == 0 => {
                        self.ended(login, Code::LateNumber)
                    }
                    Some(number) => Screen::Number {
                        facts,
                        tries_left: number.tries_left(),
                        remaining: number.remaining(now),
                    },
                }
            }
            LoginState::Presentation(PresentationState::Declined { error }) => {
                self.ended(login, (*error).into())
            }
            LoginState::Presentation(PresentationState::Ended { reason }) => {
                self.ended(login, (*reason).into())
            }
            LoginState::AwaitingConsent(_) => Screen::Consent,
            LoginState::Denied(denied) => {
                let codes: Vec<&str> =
                    denied.reasons.iter().map(|reason| reason.code.id()).collect();
                let answer = self.way_back(login, &codes.join(" "));
                let facts = ServiceFacts { device: None, ..facts };
                Screen::Denied { facts, denied: denied.clone(), answer }
            }
            LoginState::Finished(End::Answered { body: ResponseBody::Code(_), .. }) => {
                Screen::Done { facts }
            }
            LoginState::Finished(End::Device { why: None }) => {
                Screen::DeviceDone { facts: ServiceFacts { device: None, ..facts } }
            }
            LoginState::Finished(End::Answered { why, .. }) => {
                self.ended(login, why.unwrap_or(Code::AlreadyUsed))
            }
            LoginState::Finished(End::Refused(code) | End::Device { why: Some(code) }) => {
                self.ended(login, *code)
            }
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
        let refused = |code| Refusal::code(code, login.key().reference());
        let row = self.site.store().get::<Rows>(&login.key()).await?;
        let row = row.ok_or_else(|| refused(Code::LoginExpired))?;
        let code = response_code.key();
        match &row.state {
            LoginState::Presentation(PresentationState::Ended { reason }) => {
                Err(refused((*reason).into()))
            }
            LoginState::Presentation(presented) => {
                let number = presented.number_for(&code).ok_or(Refusal::NotFound)?;
                if number.remaining(now) == 0 {
                    return Err(refused(Code::LateNumber));
                }
                let facts = self.service_facts(&row.client_id).await?;
                Ok((facts, number.digits().to_owned(), number.remaining(now)))
            }
            _ => Err(refused(Code::AlreadyUsed)),
        }
    }

    pub(crate) async fn service_facts(&self, client_id: &str) -> Result<ServiceFacts, Refusal> {
        let party = self.registry.client(client_id).await?;
        let service = party.service.as_deref().and_then(|id| self.registry.services().service(id));
        let service = service.cloned();
        Ok(ServiceFacts { party, service, device: None })
    }

    /// Who asks the person of this login, and whether a device waits for the answer.
    pub(crate) async fn facts_of(&self, login: &OpenLogin) -> Result<ServiceFacts, Refusal> {
        let facts = self.service_facts(&login.request.client_id).await?;
        Ok(ServiceFacts { device: login.request.device.clone(), ..facts })
    }

    fn ended(&self, login: &OpenLogin, code: Code) -> Screen {
        Screen::Over { code, answer: self.way_back(login, code.id()) }
    }

    /// The error that takes the person back to the relying party; `None` if a device waits.
    fn way_back(&self, login: &OpenLogin, why: &str) -> Option<AuthorizationResponse> {
        let denied = AuthorizationErrorCode::AccessDenied;
        let to_party = login.request.device.is_none();
        to_party.then(|| self.error_response(&login.request, denied, Some(why)))
    }

    fn ask_screen(
        &self,
        login: &OpenLogin,
        facts: ServiceFacts,
        now: Timestamp,
    ) -> Result<AskScreen, Refusal> {
        let arrived = self.waiting.at(&login.handle.key());
        let ends = begun_at(&login.handle).plus(lifetimes::PRESENTATION_REQUEST);
        let remaining = ends.since(now).max(0);
        let expired = remaining == 0 || arrived.failures >= MAX_FAILURES;
        let asked = Asked::new(&self.registry, &facts.party, &login.request)
            .map_err(|_| login.refusal(Code::ScopeNotAllowed))?;
        // A key that was compromised meanwhile signs nothing, so there is no link.
        let verifier = self.verifier(&login.ticket.asking, &self.keyring.ring()).ok();
        let link = |channel| {
            let verifier = verifier.as_ref().filter(|_| !expired)?;
            let request = WalletRequest::new(&login.handle, &login.ticket, &login.request, channel);
            Some((verifier, request.seal(&login.key)?))
        };
        let same = link(Channel::SameDevice);
        let wallets = self.wallets.entries().iter().filter_map(|wallet| {
            let (verifier, request) = same.as_ref()?;
            let endpoint = &wallet.authorization_endpoint;
            Some((wallet.clone(), self.wallet_url(endpoint, verifier, request)))
        });
        let wallets: Vec<_> = wallets.collect();
        let cross = login.ticket.asking.other_device.then(|| link(Channel::CrossDevice)).flatten();
        let cross_device =
            cross.map(|(verifier, request)| self.wallet_url("openid4vp://", verifier, &request));
        Ok(AskScreen {
            facts,
            expired: expired || wallets.is_empty(),
            wallets,
            other_device: login.ticket.asking.other_device,
            cross_device,
            asks: asked.names(),
            remaining,
            refused: arrived.last.map(|code| (code, arrived.failures)),
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
