//! Receives credentials: the wallet's side of OpenID4VCI 1.0, with the pre-authorized code grant.
//!
//! An offer is text from a stranger (attack VI-12). [`Wallet::prepare_offer`] finds out who offers
//! what, and changes nothing. [`Wallet::receive`] redeems the code. A credential is kept only if it
//! has the type that was offered, comes from the issuer that offered it, is signed under a chain to
//! an authority of the wallet, and is bound to the wallet's holder key.
//!
//! Invariant: a credential is written to disk only after [`Wallet::check`] has passed it.

mod token;

use std::collections::BTreeMap;

use sekisho_ambient::{Text, constant_time_eq, sha256};
use sekisho_credential::sd_jwt::{self, SdJwt};
use sekisho_credential::types::Rules;
use sekisho_credential::vc::{self, Binding, Check, Format, TrustList, TrustedIssuer};
use sekisho_jose::{Ahead, b64u};
use sekisho_openid4vci::credential::{self, CredentialRequest};
use sekisho_openid4vci::metadata::{self, IssuerMetadata};
use sekisho_openid4vci::offer::{
    self, CredentialOffer, InputMode, OfferLink, PRE_AUTHORIZED_CODE_GRANT, PreAuthorizedGrant,
};
use sekisho_openid4vci::proof;
use sekisho_profile::Code;
use serde_json::{Value, json};

use crate::fetch::{allowed, printable};
use crate::{Credential, Wallet, WalletError, label};
use token::Token;

/// The only format that this wallet keeps.
const FORMAT: &str = "dc+sd-jwt";

/// An offer, together with its issuer's metadata.
#[derive(Clone)]
pub struct PreparedOffer {
    /// The credential issuer identifier.
    pub issuer: String,
    /// The issuer's name, as the issuer states it.
    pub issuer_name: Text,
    /// The names of the offered credentials.
    pub credentials: Vec<Text>,
    /// How the transaction code looks, if one has to be typed.
    pub tx_code: Option<TxCodeHint>,
    grant: PreAuthorizedGrant,
    offered: Vec<Offered>,
    metadata: IssuerMetadata,
    token_endpoint: String,
}

impl PreparedOffer {
    /// A digest that is the same whenever this offer comes again.
    pub(crate) fn digest(&self) -> String {
        let code = [self.issuer.as_bytes(), b"\0", self.grant.code.as_bytes()].concat();
        b64u::encode(sha256(&code))
    }
}

/// How a transaction code looks.
#[derive(Clone, Debug)]
pub struct TxCodeHint {
    /// Whether it consists of digits only.
    pub numeric: bool,
    /// Its length in characters.
    pub length: Option<u32>,
    /// Where the holder finds it, as the issuer describes it.
    pub description: Option<String>,
}

/// One offered credential.
#[derive(Clone)]
struct Offered {
    configuration: String,
    vct: String,
    name: Text,
}

impl Wallet {
    /// Receives everything that the offer in `link` holds.
    pub async fn accept(
        &self,
        link: &str,
        tx_code: Option<&str>,
    ) -> Result<Vec<Credential>, WalletError> {
        let offer = self.prepare_offer(link).await?;
        self.receive(&offer, tx_code).await
    }

    /// Reads the offer in `link` (by value or by reference) and its issuer's metadata.
    pub async fn prepare_offer(&self, link: &str) -> Result<PreparedOffer, WalletError> {
        let offer = self.read_offer(link).await?;
        let Some(grant) = offer.pre_authorized else {
            return Err(WalletError::Offer(
                "no pre-authorized code, which is the only grant of this wallet".to_owned(),
            ));
        };
        let metadata = self.issuer_metadata(&offer.credential_issuer).await?;
        let offered = offer.credential_configuration_ids.iter().map(|id| offered(id, &metadata));
        let offered = offered.collect::<Result<Vec<_>, _>>()?;
        let server = authorization_server(&grant, &metadata)?.to_owned();
        let token_endpoint = self.token_endpoint(&server).await?;
        for address in [&token_endpoint, &metadata.credential_endpoint] {
            self.fetch.check(address)?;
        }
        metadata.nonce_endpoint.iter().try_for_each(|address| self.fetch.check(address))?;
        let tx_code = grant.tx_code.as_ref().map(|tx_code| TxCodeHint {
            numeric: tx_code.input_mode == InputMode::Numeric,
            length: tx_code.length,
            description: tx_code.description.as_deref().map(printable),
        });
        Ok(PreparedOffer {
            issuer: offer.credential_issuer,
            issuer_name: both(&metadata.names),
            credentials: offered.iter().map(|offered| offered.name.clone()).collect(),
            tx_code,
            grant,
            offered,
            metadata,
            token_endpoint,
        })
    }

    /// Receives everything that `offer` holds; `tx_code` is what the holder typed. If this wallet
    /// has received it before, the result is the same, and the issuer is not asked again.
    pub async fn receive(
        &self,
        offer: &PreparedOffer,
        tx_code: Option<&str>,
    ) -> Result<Vec<Credential>, WalletError> {
        let before = self.received_before(offer)?;
        if !before.is_empty() {
            return Ok(before);
        }
        let tx_code = match (&offer.tx_code, tx_code) {
            (Some(_), None) => return Err(WalletError::TxCode("needed, none was given")),
            (None, Some(_)) => return Err(WalletError::TxCode("none is expected")),
            (Some(hint), Some(typed)) => Some(hint.read(typed)),
            (None, None) => None,
        };
        let token = self.token(offer, tx_code.as_deref()).await?;
        let mut received = Vec::new();
        for offered in &offer.offered {
            for sd_jwt in self.credential(offer, offered, &token).await? {
                self.check(&sd_jwt, &offer.issuer, &offered.vct)?;
                let held = self.fresh(offer, offered.name.clone(), sd_jwt);
                received.push(self.keep(&held)?);
            }
        }
        Ok(received)
    }

    /// The credentials that this wallet keeps from the same offer. Empty unless it has them all.
    fn received_before(&self, offer: &PreparedOffer) -> Result<Vec<Credential>, WalletError> {
        let digest = offer.digest();
        let mut held = self.held()?;
        let is_same = |offer: &str| constant_time_eq(offer.as_bytes(), digest.as_bytes());
        held.retain(|held| held.offer.as_deref().is_some_and(is_same));
        if held.len() < offer.offered.len() {
            return Ok(Vec::new());
        }
        held.iter().map(|held| self.view(held)).collect()
    }

    async fn read_offer(&self, link: &str) -> Result<CredentialOffer, WalletError> {
        let refused = |error: offer::OfferError| WalletError::Offer(error.to_string());
        let link =
            offer::parse_link(link.trim()).map_err(|error| WalletError::Link(error.to_string()))?;
        let offer = match link {
            OfferLink::Value(offer) => offer,
            OfferLink::Reference(url) => {
                let document = self.fetch.read(&url, "application/json").await?.json();
                let document = document.map_err(|error| match error {
                    WalletError::Refused { status: 400 | 404 | 410, .. } => WalletError::OfferEnded,
                    other => other,
                })?;
                CredentialOffer::from_value(&Value::Object(document)).map_err(refused)?
            }
        };
        allowed(&offer.credential_issuer)?;
        Ok(offer)
    }

    async fn issuer_metadata(&self, issuer: &str) -> Result<IssuerMetadata, WalletError> {
        let refused = |error: metadata::MetadataError| WalletError::Offer(error.to_string());
        let url = metadata::well_known_url(issuer).map_err(refused)?;
        let document = self.fetch.read(&url, "application/json").await?.json()?;
        metadata::read(issuer, &Value::Object(document)).map_err(refused)
    }

    /// Finds the token endpoint of the authorization server `issuer` (RFC 8414, section 3; if there
    /// is no such document, OpenID Connect Discovery 1.0, section 4).
    async fn token_endpoint(&self, issuer: &str) -> Result<String, WalletError> {
        let url = allowed(issuer)?;
        let origin = url.origin().ascii_serialization();
        let path = url.path().trim_end_matches('/');
        let first = format!("{origin}/.well-known/oauth-authorization-server{path}");
        let mut answer = self.fetch.read(&first, "application/json").await?;
        if answer.status == 404 {
            let second = format!("{origin}{path}/.well-known/openid-configuration");
            answer = self.fetch.read(&second, "application/json").await?;
        }
        let document = answer.json()?;
        let member = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
        if member("issuer") != issuer {
            let why = format!(
                "authorization server is {:?}, expected {issuer:?}",
                printable(member("issuer"))
            );
            return Err(WalletError::Offer(why));
        }
        allowed(member("token_endpoint")).map(String::from)
    }

    /// Sends the token request (section 6.1). The wallet has no client id there; the code is
    /// enough.
    async fn token(
        &self,
        offer: &PreparedOffer,
        tx_code: Option<&str>,
    ) -> Result<Token, WalletError> {
        let mut form = vec![
            ("grant_type".to_owned(), PRE_AUTHORIZED_CODE_GRANT.to_owned()),
            ("pre-authorized_code".to_owned(), offer.grant.code.clone()),
        ];
        if let Some(tx_code) = tx_code {
            form.push(("tx_code".to_owned(), tx_code.to_owned()));
        }
        let answer = self.fetch.post_form(&offer.token_endpoint, "application/json", &form).await?;
        let answer = answer.json().map_err(|error| match error {
            WalletError::Refused { error, description, .. } if error == "invalid_grant" => {
                refused_grant(tx_code.is_some(), description.as_deref())
            }
            other => other,
        })?;
        token::read(&answer).map_err(|why| answer_error(&offer.token_endpoint, why))
    }

    async fn nonce(&self, metadata: &IssuerMetadata) -> Result<Option<String>, WalletError> {
        let Some(endpoint) = &metadata.nonce_endpoint else { return Ok(None) };
        let answer = self.fetch.post_json(endpoint, None, None).await?.json()?;
        match answer.get("c_nonce").and_then(Value::as_str) {
            Some(nonce) => Ok(Some(nonce.to_owned())),
            None => Err(answer_error(endpoint, "no c_nonce")),
        }
    }

    /// Sends the credential request (section 8.2): one for each identifier, or one for the
    /// configuration.
    async fn credential(
        &self,
        offer: &PreparedOffer,
        offered: &Offered,
        token: &Token,
    ) -> Result<Vec<String>, WalletError> {
        let mut received = Vec::new();
        match token.identifiers.get(&offered.configuration) {
            None => {
                let proof = self.proof(offer).await?;
                let body = CredentialRequest::for_configuration(&offered.configuration, &proof);
                received.extend(self.request(offer, token, &body).await?);
            }
            Some(identifiers) => {
                for identifier in identifiers {
                    let proof = self.proof(offer).await?;
                    let body =
                        json!({"credential_identifier": identifier, "proofs": {"jwt": [proof]}});
                    received.extend(self.request(offer, token, &body).await?);
                }
            }
        }
        Ok(received)
    }

    async fn proof(&self, offer: &PreparedOffer) -> Result<String, WalletError> {
        let nonce = self.nonce(&offer.metadata).await?;
        let nonce = nonce.as_deref().unwrap_or_default();
        proof::build(&self.holder, &offer.issuer, nonce, None, self.now())
            .map_err(|error| WalletError::Key(error.to_string()))
    }

    async fn request(
        &self,
        offer: &PreparedOffer,
        token: &Token,
        body: &Value,
    ) -> Result<Vec<String>, WalletError> {
        let endpoint = &offer.metadata.credential_endpoint;
        let answer = self.fetch.post_json(endpoint, Some(&token.access_token), Some(body)).await?;
        credential::read_response(&answer.bytes("application/json")?)
            .map_err(|error| answer_error(endpoint, error.to_string()))
    }

    /// Makes a presentation of the credential and verifies it as a verifier would, before the
    /// credential is kept. The key binding is valid only if `cnf` is this wallet's holder key.
    fn check(&self, sd_jwt: &str, issuer: &str, vct: &str) -> Result<(), WalletError> {
        let refused = |why: String| WalletError::Credential { code: Code::BadSignature, why };
        SdJwt::parse(sd_jwt).map_err(|error| refused(error.to_string()))?;
        let nonce = self.entropy.id();
        let binding =
            Binding { audience: issuer, nonce: &nonce, response_uri: None, encryption_key: None };
        let presentation =
            sd_jwt::bind(sd_jwt, binding.audience, binding.nonce, self.now(), &self.holder)
                .map_err(|error| refused(error.to_string()))?;
        let trust = TrustList(vec![TrustedIssuer {
            issuer: issuer.to_owned(),
            types: vec![vct.to_owned()],
            organizations: Vec::new(),
            anchors: self.anchors()?,
        }]);
        let types = [vct.to_owned()];
        let check = Check {
            now: self.now(),
            trust: &trust,
            types: &types,
            // Whom the credential may speak for is its verifier's question.
            rules: &Rules::new(),
            binding,
            ahead: Ahead::default(),
        };
        vc::verify(Format::DcSdJwt, &presentation, &check).map(|_| ()).map_err(|error| {
            WalletError::Credential { code: Code::from(&error), why: error.to_string() }
        })
    }
}

/// What the issuer's metadata says about the configuration `id`.
fn offered(id: &str, metadata: &IssuerMetadata) -> Result<Offered, WalletError> {
    let shown = printable(id);
    let configuration = metadata.configurations.get(id);
    let configuration = configuration
        .ok_or_else(|| WalletError::Offer(format!("the issuer publishes no {shown}")))?;
    if configuration.format != FORMAT {
        let format = printable(&configuration.format);
        return Err(WalletError::Offer(format!("{shown} has format {format}, expected {FORMAT}")));
    }
    let Some(vct) = configuration.vct.clone() else {
        return Err(WalletError::Offer(format!("{shown} has no vct")));
    };
    let name = both(&configuration.names);
    let name = if name.is_empty() { label::credential_type(&vct) } else { name };
    Ok(Offered { configuration: id.to_owned(), vct, name })
}

/// The authorization server that redeems the code (section 4.1.1).
fn authorization_server<'a>(
    grant: &PreAuthorizedGrant,
    metadata: &'a IssuerMetadata,
) -> Result<&'a str, WalletError> {
    let servers = &metadata.authorization_servers;
    let found = match &grant.authorization_server {
        Some(named) => servers.iter().find(|server| *server == named),
        None => servers.first(),
    };
    found.map(String::as_str).ok_or_else(|| {
        WalletError::Offer("names an authorization server that is not the issuer's".to_owned())
    })
}

/// What `invalid_grant` means: the transaction code is wrong, or the offer was used or has expired
/// (section 6.3). Only the description can tell them apart.
fn refused_grant(tx_code: bool, description: Option<&str>) -> WalletError {
    let description = description.unwrap_or_default().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| description.contains(word));
    if !tx_code {
        return WalletError::OfferEnded;
    }
    if says(&["transaction code", "tx_code", "pin"]) {
        return WalletError::WrongTxCode { certain: true };
    }
    if says(&["used", "expired", "redeemed", "unknown"]) {
        return WalletError::OfferEnded;
    }
    WalletError::WrongTxCode { certain: false }
}

impl TxCodeHint {
    /// Reads what the holder typed. Where the code consists of digits, full-width digits count as
    /// digits, and spaces and hyphens between them do not count.
    pub(crate) fn read(&self, typed: &str) -> String {
        if !self.numeric {
            return typed.trim().to_owned();
        }
        typed.chars().filter(|c| !is_between_digits(*c)).map(half_width).collect()
    }
}

/// Whether the character is one that people write between digits: a space or a hyphen.
fn is_between_digits(c: char) -> bool {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let hyphen = matches!(
        c,
        '-' | '\u{ad}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{2212}'
                | '\u{2500}'
                | '\u{2501}'
                | '\u{30fc}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{ff70}'
    );
    c.is_whitespace() || c.is_control() || invisible || hyphen
}

/// The ASCII digit of a full-width digit; any other character as it is.
fn half_width(c: char) -> char {
    match c {
        '\u{ff10}'..='\u{ff19}' => {
            char::from_digit(u32::from(c).saturating_sub(0xff10), 10).unwrap_or(c)
        }
        other => other,
    }
}

fn answer_error(address: &str, why: impl Into<String>) -> WalletError {
    WalletError::Answer { address: address.to_owned(), why: why.into() }
}

/// The Japanese and the English name among names by locale. If neither is there, any other name for
/// both.
fn both(names: &BTreeMap<String, String>) -> Text {
    let find = |language: &str| names.iter().find(|(locale, _)| locale.get(..2) == Some(language));
    let any = names.values().next().map(|name| printable(name)).unwrap_or_default();
    let form = |language| find(language).map(|(_, name)| printable(name));
    let (ja, en) = (form("ja"), form("en"));
    if ja.is_none() && en.is_none() {
        return Text::same(any);
    }
    Text::new(ja.unwrap_or_default(), en.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Words;

    use super::*;

    #[test]
    fn digits_are_read_however_they_are_typed() {
        let hint = |numeric| TxCodeHint { numeric, length: Some(6), description: None };
        for typed in [
            "493536",
            " 493536\n",
            "４９３５３６",
            "493 536",
            "493-536",
            "４９３　５３６",
            "４９３－５３６",
            "493‐536",
            "493ー536",
            "4 9 3 5 3 6",
            "493−536",
        ] {
            assert_eq!(hint(true).read(typed), "493536", "{typed}");
        }
        assert_eq!(hint(true).read("49353a"), "49353a");
        assert_eq!(hint(false).read(" Ab-１ 2 "), "Ab-１ 2");
    }

    #[test]
    fn a_refused_grant_is_told_apart_where_the_issuer_says_more() {
        let certain = |error: WalletError| match error {
            WalletError::WrongTxCode { certain } => Some(certain),
            _ => None,
        };
        let told = |tx_code, description| certain(refused_grant(tx_code, description));
        assert_eq!(told(true, Some("the transaction code is wrong")), Some(true));
        assert_eq!(told(true, Some("the code is unknown, used or expired")), None);
        assert_eq!(told(true, None), Some(false));
        assert_eq!(told(false, None), None);
    }

    #[test]
    fn names_are_found_by_language() {
        let names = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        assert_eq!(
            both(&names(&[("ja-JP", "社員証"), ("en-US", "Affiliation")])),
            Text::from(Words::new("社員証", "Affiliation"))
        );
        assert_eq!(both(&names(&[("fr", "Carte")])), Text::same("Carte"));
    }
}
