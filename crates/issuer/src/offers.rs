//! Offers of a credential from an organization to one person, until a wallet redeems them
//! (OpenID4VCI 1.0, sections 4 and 6).

use sekisho_ambient::{Handle, Secret, Timestamp};
use sekisho_credential::types::{REGISTERED, TypeError, expiry, validate};
use sekisho_jose::Claims;
use sekisho_oauth::token::{TokenError, TokenResponse};
use sekisho_openid4vci::offer::{self, CredentialOffer, InputMode, PreAuthorizedGrant, TxCode};
use sekisho_openid4vci::pre_authorized::{PreAuthorized, TxCodeDigest, draw_tx_code};
use sekisho_profile::types::{self, MEMBER_REF};
use sekisho_profile::{Act, Outcome, lifetimes};
use sekisho_registry::{Named, TokenFailure};
use sekisho_site::Refusal;
use sekisho_site::audit::{Actor, Detail as _, entry};
use sekisho_store::{StoreError, Tx};
use serde_json::Value;

use crate::Issuer;
use crate::tables::{IssuanceToken, IssuanceTokens, OfferLink, OfferLinks, OfferRow, Offers};

/// The label under which an offer's claims are sealed, besides the person.
pub(crate) const OFFERED: &str = "offered claims";
const TX_CODE_DIGITS: u32 = 6;
/// The label for deriving the key of the digests of transaction codes.
const TX_CODE_KEY: &str = "tx-code";
/// What a link begins with if the request names no wallet.
const ANY_WALLET: &str = "openid-credential-offer://";
const DAY: i64 = 86_400;
/// The longest name of an anonymous wallet that is kept, in bytes. A longer one is ignored.
const MAX_NAME: usize = 512;

/// The offer that an operator asks for.
pub struct OfferRequest<'a> {
    /// The corporate number of the organization that issues.
    pub organization: &'a str,
    /// The name of the credential type.
    pub type_name: &'a str,
    /// The claims that the credential will contain.
    pub claims: &'a Claims,
    /// The issuer's reference for the person, if the type has no `member_ref`.
    pub subject: Option<&'a str>,
    /// The id of a credential whose holder gets this one too.
    pub holder: Option<&'a str>,
    /// Whether the holder must type a code that reaches them by another channel.
    pub tx_code: bool,
    /// Days until the credential ends; the limit of the type applies too.
    pub days: Option<u32>,
    /// Whether the link contains the whole offer; else it refers to it.
    pub by_value: bool,
    /// What the link begins with; a link for any wallet if absent.
    pub wallet: Option<&'a str>,
}

/// Why a credential cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The credential type does not exist.
    #[error("there is no credential type {0:?}")]
    UnknownType(String),
    /// The claims include one that the issuer sets itself.
    #[error("{0} is set by the issuer")]
    Registered(&'static str),
    /// The claims break a rule of the type.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// The claims attest another organization than the one that issues.
    #[error("org_corporate_number must be the issuing organization's")]
    OtherOrganization,
    /// The credential would end before it is issued.
    #[error("days must be 1 or more")]
    Days,
    /// Neither `member_ref` nor `subject` says whose credential it is.
    #[error("subject is needed for a type without member_ref")]
    NoSubject,
}

/// An offer that was checked but not stored. Before [`Issuer::seal_offer`] nothing is written.
pub struct DraftOffer {
    organization: String,
    type_name: String,
    claims: Claims,
    holder: Option<String>,
    by_value: bool,
    wallet: String,
    code: Handle,
    link: Handle,
    /// Keyed digest of the person whose credential it is.
    pub person: [u8; 32],
    /// The transaction code, which the operator sees once; `None` if the offer needs none.
    pub tx_code: Option<Secret<String>>,
    /// When the offer ends.
    pub expires: Timestamp,
    /// When the credential will end.
    pub credential_expires: Timestamp,
}

/// An offer with its claims sealed, ready to be stored.
pub struct SealedOffer {
    /// The link for the wallet.
    pub uri: String,
    code: Handle,
    row: OfferRow,
    link: Option<(Handle, OfferLink)>,
}

impl DraftOffer {
    /// The name of the offer in the audit log.
    pub fn reference(&self) -> String {
        self.code.key().reference()
    }

    fn document(&self, issuer: String) -> CredentialOffer {
        CredentialOffer {
            credential_issuer: issuer,
            credential_configuration_ids: vec![self.type_name.clone()],
            pre_authorized: Some(PreAuthorizedGrant {
                code: self.code.expose().to_owned(),
                tx_code: self.tx_code.is_some().then_some(TxCode {
                    input_mode: InputMode::Numeric,
                    length: Some(TX_CODE_DIGITS),
                    description: None,
                }),
                authorization_server: None,
            }),
        }
    }
}

impl Issuer {
    /// Checks the requested offer, and draws its codes.
    pub fn draft_offer(&self, request: &OfferRequest<'_>) -> Result<DraftOffer, OfferError> {
        let claims = request.claims;
        let unknown = || OfferError::UnknownType(request.type_name.to_owned());
        let credential_type = types::find(request.type_name).ok_or_else(unknown)?;
        if let Some(name) = REGISTERED.into_iter().find(|name| claims.contains_key(*name)) {
            return Err(OfferError::Registered(name));
        }
        validate(credential_type, claims)?;
        let attested = claims.get("org_corporate_number").and_then(Value::as_str);
        if attested.is_some_and(|attested| attested != request.organization) {
            return Err(OfferError::OtherOrganization);
        }
        let (now, entropy) = (self.site.now(), self.site.entropy());
        let wanted = request.days.map(|days| now.plus(i64::from(days).saturating_mul(DAY)));
        let credential_expires = expiry(credential_type, now, wanted);
        if credential_expires <= now {
            return Err(OfferError::Days);
        }
        let member_ref = claims.get(MEMBER_REF).and_then(Value::as_str);
        let subject = member_ref.or(request.subject).ok_or(OfferError::NoSubject)?;
        let issuer = self.site.origin().organization(request.organization);
        let expires = now.plus(lifetimes::OFFER);
        Ok(DraftOffer {
            organization: request.organization.to_owned(),
            type_name: request.type_name.to_owned(),
            claims: claims.clone(),
            holder: request.holder.map(str::to_owned),
            by_value: request.by_value,
            wallet: request.wallet.unwrap_or(ANY_WALLET).to_owned(),
            code: Handle::new(expires, entropy),
            link: Handle::new(expires, entropy),
            person: self.site.digests().person(&issuer, subject),
            tx_code: request.tx_code.then(|| draw_tx_code(TX_CODE_DIGITS, entropy)),
            expires,
            credential_expires,
        })
    }

    /// Seals the claims of a draft under the key of the person. Makes that key if the person has
    /// none.
    pub async fn seal_offer(&self, draft: &DraftOffer) -> Result<SealedOffer, Refusal> {
        let (store, entropy) = (self.site.store(), self.site.entropy());
        let document = draft.document(self.site.origin().organization(&draft.organization));
        let uri = if draft.by_value {
            document.link_by_value(&draft.wallet)
        } else {
            offer::link_by_reference(&draft.wallet, &self.site.origin().offer(&draft.link))
        };
        let mac_key = store.mac_key(TX_CODE_KEY);
        let digest = draft.tx_code.as_ref();
        let digest = digest.map(|code| TxCodeDigest::new(code.expose(), &mac_key, entropy));
        let key = store.person_key(&draft.person).await?;
        let row = OfferRow {
            organization: draft.organization.clone(),
            type_name: draft.type_name.clone(),
            person: draft.person,
            claims: key.seal_json(OFFERED, &draft.claims, entropy)?,
            credential_expires: draft.credential_expires,
            holder: draft.holder.clone(),
            state: PreAuthorized::offered(digest),
        };
        let code = draft.code.clone();
        let link = OfferLink { document: document.to_value(), offer: code.key() };
        let link = (!draft.by_value).then(|| (draft.link.clone(), link));
        Ok(SealedOffer { uri, code, row, link })
    }

    /// Stores an offer.
    pub fn keep_offer_in(&self, tx: &mut Tx, offer: &SealedOffer) -> Result<(), StoreError> {
        tx.put::<Offers>(&offer.code.key(), &offer.row)?;
        match &offer.link {
            Some((link, row)) => tx.put::<OfferLinks>(&link.key(), row),
            None => Ok(()),
        }
    }

    /// The document of an offer by reference; `Refusal::NotFound` once the offer is redeemed or
    /// over.
    pub async fn offer_document(&self, link: &Handle) -> Result<Value, Refusal> {
        if link.key().expires() <= self.site.now() {
            return Err(Refusal::NotFound);
        }
        let store = self.site.store();
        let row = store.get::<OfferLinks>(&link.key()).await?.ok_or(Refusal::NotFound)?;
        match store.get::<Offers>(&row.offer).await? {
            Some(offer) if matches!(offer.state, PreAuthorized::Offered { .. }) => Ok(row.document),
            _ => Err(Refusal::NotFound),
        }
    }

    /// Redeems a pre-authorized code for an access token. A wallet may stay anonymous, also under a name
    /// that is registered nowhere; its proof of possession may then carry that name or none.
    pub async fn redeem_offer(
        &self,
        client: &Named,
        code: &str,
        tx_code: Option<&str>,
    ) -> Result<TokenResponse, TokenFailure> {
        let now = self.site.now();
        let code = Handle::parse(code).ok_or(TokenError::InvalidGrant)?.key();
        if code.expires() <= now {
            return Err(TokenError::InvalidGrant.into());
        }
        let client_id = match client {
            Named::Client(client) => Some(client.client_id().to_owned()),
            Named::Nobody(name) => name.clone().filter(|name| name.len() <= MAX_NAME),
        };
        let token = Handle::new(now.plus(lifetimes::ISSUANCE_TOKEN), self.site.entropy());
        let mac_key = self.site.store().mac_key(TX_CODE_KEY);
        let outcome = self
            .site
            .store()
            .transact(|tx| {
                let Some(mut offer) = tx.get::<Offers>(&code)? else {
                    return Ok(Err(TokenError::InvalidGrant));
                };
                let outcome = offer.state.clone().redeem(tx_code, &mac_key);
                offer.state = outcome.state;
                tx.put::<Offers>(&code, &offer)?;
                let attempt =
                    |how| entry(now, &Actor::Public, Act::OfferRedeem, code.reference(), how);
                match outcome.result {
                    Ok(()) => {
                        let issuance = IssuanceToken::of(&offer, client_id.clone());
                        tx.put::<IssuanceTokens>(&token.key(), &issuance)?;
                        tx.append(attempt(Outcome::Done));
                        Ok(Ok(()))
                    }
                    Err(error) => {
                        tx.append(attempt(Outcome::Refused).because(error));
                        Ok(Err(TokenError::from(error)))
                    }
                }
            })
            .await?;
        outcome?;
        Ok(TokenResponse::bearer(token.expose(), lifetimes::ISSUANCE_TOKEN))
    }
}
