//! Shows credentials to a verifier: the wallet's side of OpenID4VP 1.0, with a signed request
//! object that is passed by reference.
//!
//! [`Wallet::prepare`] fetches and verifies the request, and finds out who asks, for what and why.
//! It sends nothing to the verifier. [`Wallet::present`] or [`Wallet::decline`] answers.
//!
//! A verifier is unknown if its certificate leads to no authority of the wallet. Its request is
//! shown with a warning, and only the holder can answer it ([`Prepared::unattended`]).
//!
//! Invariant: the wallet sends only what [`Prepared`] showed. The presentations are reduced to the
//! requested claims when the request is prepared. Only the key binding is added later.

use std::collections::BTreeMap;

use sekisho_ambient::Text;
use sekisho_credential::sd_jwt::{self, SdJwt};
use sekisho_jose::x5c::ChainError;
use sekisho_jose::{ClaimError, Claims};
use sekisho_openid4vp::dcql::{self, Candidate, Match};
use sekisho_openid4vp::request::{
    self, RequestLink, RequestRefusal, RequestTrust, RequestUriMethod, VerifiedRequest,
};
use sekisho_openid4vp::response;
use sekisho_profile::Code;
use serde::Serialize;
use serde_json::Value;

use crate::fetch::{allowed, printable};
use crate::held::{Claim, Held, lines};
use crate::{Wallet, WalletError, label};

/// The media type of a request object (section 5.10).
const MEDIA_TYPE: &str = "application/oauth-authz-req+jwt";

/// A verified request, and what the wallet would send.
#[derive(Clone)]
pub struct Prepared {
    /// The verifier, and the service for which it asks.
    pub who: Who,
    /// Why it asks. Empty if the verifier does not say.
    pub why: Text,
    /// The credentials that are asked for.
    pub asks: Vec<Ask>,
    /// The credentials that would be sent.
    pub chosen: Vec<Chosen>,
    /// The names of required credentials that the wallet lacks. If there are any, it cannot send
    /// anything.
    pub missing: Vec<Text>,
    /// The names of optional credentials that the wallet lacks.
    pub not_held: Vec<Text>,
    request: VerifiedRequest,
}

/// A verifier, and the service for which it asks.
#[derive(Clone, Debug, Serialize)]
pub struct Who {
    /// The service's name as the verifier states it. If it states none, the host.
    pub name: Text,
    /// The organization that runs the service. Empty if the verifier does not say.
    pub operator: Text,
    /// The corporate number of that organization, if the verifier states it.
    pub corporate_number: Option<String>,
    /// Where the service keeps data. Empty if the verifier does not say.
    pub residency: Text,
    /// The address to which the answer goes: scheme, host and port.
    pub address: String,
    /// The verifier's client identifier, with its prefix.
    pub client_id: String,
    /// Whether the verifier's certificate chain leads to an authority of this wallet.
    pub anchored: bool,
}

/// One credential that is asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Ask {
    /// The id of the credential query.
    pub query: String,
    /// The name of the type, in both languages.
    pub name: Text,
    /// The names of the claims that are asked for.
    pub claims: Vec<Text>,
}

/// One credential that would be sent.
#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    /// The id of the credential query.
    pub query: String,
    /// The id of the credential in this wallet.
    pub credential: String,
    /// The name of the type, in both languages.
    pub name: Text,
    /// The name of the issuer, in both languages.
    pub issuer_name: Text,
    /// The claims that are disclosed because they are asked for.
    pub leaves: Vec<Claim>,
    /// The claims that cannot be hidden, and so are always sent with the credential.
    pub always: Vec<Claim>,
    /// The SD-JWT, reduced to the requested claims, without key binding.
    #[serde(skip)]
    presentation: String,
}

/// An answer as it is sent to a verifier.
#[derive(Clone)]
pub(crate) struct Reply {
    response_uri: url::Url,
    form: Vec<(String, String)>,
}

/// The verifier's answer.
#[derive(Clone, Debug, Serialize)]
pub struct PresentOutcome {
    /// The URL at which the holder's browser continues. The wallet itself does not follow it.
    pub redirect_uri: Option<String>,
    /// Whether that URL has another origin than the one that the wallet sent its answer to.
    pub foreign: bool,
}

impl Prepared {
    /// Checks that the wallet may send credentials without asking the holder: nothing is missing,
    /// and an authority of the wallet vouches for the verifier. The error says which of these
    /// fails.
    pub fn unattended(&self) -> Result<(), WalletError> {
        if !self.missing.is_empty() {
            return Err(WalletError::Missing(self.missing.clone()));
        }
        if self.who.anchored { Ok(()) } else { Err(WalletError::Unknown(self.who.address.clone())) }
    }
}

impl Wallet {
    /// Fetches the request that `link` leads to, verifies it, and chooses credentials that answer
    /// it.
    pub async fn prepare(&self, link: &str) -> Result<Prepared, WalletError> {
        let link = request::parse_link(link.trim())
            .map_err(|error| WalletError::Link(error.to_string()))?;
        let (jwt, wallet_nonce) = self.fetch_request(&link).await?;
        let request = self.verify(&jwt, &link.client_id, wallet_nonce.as_deref())?;
        self.fetch.check(request.response_uri())?;
        self.choose(request)
    }

    /// Fetches the request object. If the link asks for a POST, a fresh nonce goes with it, which
    /// the object has to contain (section 5.10).
    async fn fetch_request(
        &self,
        link: &RequestLink,
    ) -> Result<(String, Option<String>), WalletError> {
        let (answer, wallet_nonce) = match link.method {
            RequestUriMethod::Get => (self.fetch.read(&link.request_uri, MEDIA_TYPE).await?, None),
            RequestUriMethod::Post => {
                let nonce = self.entropy.token().expose().clone();
                let form = [("wallet_nonce".to_owned(), nonce.clone())];
                let answer = self.fetch.post_form(&link.request_uri, MEDIA_TYPE, &form).await?;
                (answer, Some(nonce))
            }
        };
        let jwt = String::from_utf8(answer.bytes(MEDIA_TYPE)?)
            .map_err(|_| WalletError::Request("not a token".to_owned()))?;
        Ok((jwt.trim().to_owned(), wallet_nonce))
    }

    /// Verifies a request object. If its chain leads to no authority, it must at least be signed
    /// with the certificate whose hash is the client identifier. A chain that leads to an authority
    /// but has expired is refused: a verifier that is known does not become one that is unknown.
    fn verify(
        &self,
        jwt: &str,
        client_id: &str,
        wallet_nonce: Option<&str>,
    ) -> Result<VerifiedRequest, WalletError> {
        let anchors = self.anchors()?;
        let verify = |trust| request::verify(jwt, client_id, &trust, self.now(), wallet_nonce);
        let verified = match verify(RequestTrust::Anchors(&anchors)) {
            Err(RequestRefusal::Chain(no_path @ ChainError::Path(_))) => {
                match verify(RequestTrust::DangerousAnyLeaf) {
                    // Only a hash works without an authority. For another client identifier, the
                    // error is that no authority vouches for it.
                    Err(RequestRefusal::Prefix(_)) => Err(RequestRefusal::Chain(no_path)),
                    unknown => unknown,
                }
            }
            other => other,
        };
        verified.map_err(refused)
    }

    fn choose(&self, request: VerifiedRequest) -> Result<Prepared, WalletError> {
        let usable = self.usable()?;
        let holder = self.holder_key().thumbprint();
        let candidates: Vec<Candidate<'_>> = usable
            .iter()
            .map(|(_, vct, claims)| Candidate { vct, claims, holder: &holder })
            .collect();
        let choice = dcql::choose(request.query(), &candidates);
        let mut chosen = Vec::new();
        for (query, found) in choice.required.iter().chain(&choice.optional) {
            let Some((held, vct, _)) = usable.get(found.candidate) else { continue };
            chosen.push(cut(query, held, vct, found)?);
        }
        let missing = choice.missing.iter().map(|missing| type_name(&missing.vct_values));
        Ok(Prepared {
            who: who(&request)?,
            why: request.service().map(|service| text(&service.purpose)).unwrap_or_default(),
            asks: request.query().credentials.iter().map(ask).collect(),
            missing: missing.collect(),
            not_held: not_held(request.query(), &choice),
            chosen,
            request,
        })
    }

    /// The credentials that have not expired, the newest first.
    fn usable(&self) -> Result<Vec<(Held, String, Claims)>, WalletError> {
        let now = self.now();
        let mut usable = Vec::new();
        for held in self.held()? {
            let view = self.view(&held)?;
            if view.expires.is_some_and(|expires| expires <= now) {
                continue;
            }
            let claims = read(&held.sd_jwt)?.claims();
            usable.push((held, view.vct, claims));
        }
        Ok(usable)
    }

    /// Sends the credentials that `prepared` shows, and returns the verifier's answer.
    pub async fn present(&self, prepared: Prepared) -> Result<PresentOutcome, WalletError> {
        self.send(&self.consent(&prepared)?).await
    }

    /// Makes the answer with the credentials that `prepared` shows.
    pub(crate) fn consent(&self, prepared: &Prepared) -> Result<Reply, WalletError> {
        if !prepared.missing.is_empty() {
            return Err(WalletError::Missing(prepared.missing.clone()));
        }
        let request = &prepared.request;
        let mut vp_token = BTreeMap::new();
        for chosen in &prepared.chosen {
            let bound = sd_jwt::bind(
                &chosen.presentation,
                request.client_id(),
                request.nonce(),
                self.now(),
                &self.holder,
            )
            .map_err(|error| WalletError::Key(error.to_string()))?;
            vp_token.insert(chosen.query.clone(), vec![bound]);
        }
        let form = response::build(&vp_token, request, &self.entropy)
            .map_err(|error| WalletError::Request(error.to_string()))?;
        Ok(Reply { response_uri: allowed(request.response_uri())?, form })
    }

    /// Tells the verifier only that the holder declined (section 8.5).
    pub async fn decline(&self, prepared: Prepared) -> Result<PresentOutcome, WalletError> {
        self.send(&refuse(&prepared)?).await
    }

    /// Sends an answer. After a lost reply, the same answer is sent again: a verifier can then tell
    /// that it has it already.
    pub(crate) async fn send(&self, reply: &Reply) -> Result<PresentOutcome, WalletError> {
        let Reply { response_uri, form } = reply;
        let answer =
            self.fetch.post_form(response_uri.as_str(), "application/json", form).await?.json()?;
        let Some(to) = answer.get("redirect_uri").and_then(Value::as_str) else {
            return Ok(PresentOutcome { redirect_uri: None, foreign: false });
        };
        let to = redirect(to)?;
        let foreign = to.origin() != response_uri.origin();
        Ok(PresentOutcome { redirect_uri: Some(to.into()), foreign })
    }
}

/// The answer that only says that the holder declined.
pub(crate) fn refuse(prepared: &Prepared) -> Result<Reply, WalletError> {
    let form = response::refuse(response::WalletError::AccessDenied, &prepared.request);
    Ok(Reply { response_uri: allowed(prepared.request.response_uri())?, form })
}

/// Checks a URL that a browser may be sent to: https, or http to this machine. It may have a
/// fragment, which may carry the response code.
fn redirect(text: &str) -> Result<url::Url, WalletError> {
    let (base, _) = text.split_once('#').unwrap_or((text, ""));
    allowed(base)?;
    url::Url::parse(text).map_err(|_| WalletError::Insecure(printable(text)))
}

fn refused(error: RequestRefusal) -> WalletError {
    match error {
        RequestRefusal::Time(ClaimError::Expired(_)) => WalletError::Expired,
        RequestRefusal::Time(ClaimError::Future { .. }) => WalletError::Clock,
        RequestRefusal::Chain(ChainError::Time) => WalletError::VerifierCertificate,
        other => WalletError::Request(printable(&other.to_string())),
    }
}

fn read(sd_jwt: &str) -> Result<SdJwt, WalletError> {
    SdJwt::parse(sd_jwt).map_err(|error| WalletError::Credential {
        code: Code::BadSignature,
        why: error.to_string(),
    })
}

/// Reduces the credential to what `found` discloses.
fn cut(query: &str, held: &Held, vct: &str, found: &Match) -> Result<Chosen, WalletError> {
    let sd_jwt = read(&held.sd_jwt)?;
    let presentation = sd_jwt.select(&found.disclose);
    let always = lines(vct, &read(&sd_jwt.select(&[]))?.claims());
    let mut leaves = lines(vct, &read(&presentation)?.claims());
    leaves.retain(|claim| !always.contains(claim));
    Ok(Chosen {
        query: query.to_owned(),
        credential: held.id.clone(),
        name: held.name.clone(),
        issuer_name: held.issuer_name.clone(),
        leaves,
        always,
        presentation,
    })
}

fn who(request: &VerifiedRequest) -> Result<Who, WalletError> {
    let address = allowed(request.response_uri())?.origin().ascii_serialization();
    let service = request.service().map(|statement| statement.service);
    let operator = service.as_ref().and_then(|service| service.operator.as_ref());
    let residency = service.as_ref().and_then(|service| service.residency.as_ref());
    Ok(Who {
        name: service.as_ref().map_or_else(|| Text::same(&address), |service| text(&service.name)),
        operator: operator.map(|operator| text(&operator.name)).unwrap_or_default(),
        corporate_number: operator.map(|operator| printable(&operator.corporate_number)),
        residency: residency.map(text).unwrap_or_default(),
        client_id: printable(request.client_id()),
        anchored: request.is_trusted(),
        address,
    })
}

fn text(text: &sekisho_ambient::Text) -> Text {
    Text::new(printable(&text.ja), printable(&text.en))
}

fn type_name(vct_values: &[String]) -> Text {
    vct_values.first().map(|vct| label::credential_type(vct)).unwrap_or_default()
}

fn ask(query: &dcql::CredentialQuery) -> Ask {
    let vct = query.vct_values.first().map(String::as_str).unwrap_or_default();
    let claims = query.claims.iter().map(|claim| label::asked(vct, &claim.path)).collect();
    Ask { query: query.id.clone(), name: type_name(&query.vct_values), claims }
}

/// The names of the optional credentials that no option could use.
fn not_held(query: &dcql::Query, choice: &dcql::Choice) -> Vec<Text> {
    let held = |id: &String| choice.matches.get(id).is_some_and(|matches| !matches.is_empty());
    let optional = query.credential_sets.iter().filter(|set| !set.required);
    let unanswered =
        optional.filter(|set| !set.options.iter().any(|option| option.iter().all(held)));
    let lacking = unanswered.filter_map(|set| set.options.first()).flatten().filter(|id| !held(id));
    let queries = lacking.filter_map(|id| query.credential(id));
    queries.map(|query| type_name(&query.vct_values)).collect()
}
