//! Client authentication at the token endpoint (RFC 6749, 2.3; Core, 9).
//!
//! Invariant: a request authenticates by one method, and it is the one that the client registered.
//! [`AuthenticatedClient`] is made by [`authenticate`] alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::{Secret, constant_time_eq, sha256};

use crate::client::{Client, ClientAuthentication};
use crate::params::{self, Params};
use crate::token::TokenError;

/// How a request says who sends it, unchecked.
#[derive(Clone)]
pub enum Presented {
    /// `Authorization: Basic`.
    Basic {
        /// `client_id`.
        id: String,
        /// The secret.
        secret: Secret<String>,
    },
    /// `client_id` and `client_secret` in the body.
    Post {
        /// `client_id`.
        id: String,
        /// The secret.
        secret: Secret<String>,
    },
    /// `client_id` alone: a public client.
    None {
        /// `client_id`.
        client_id: String,
    },
    /// Nothing at all, which only the pre-authorized code grant allows (OpenID4VCI 1.0, 6.1).
    Anonymous,
}

/// A client that has proven to be itself, as far as it is registered to.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Client);

impl Presented {
    /// Reads the `Authorization` header, if there is one, and the body of a token request.
    pub fn from_request(authorization: Option<&str>, params: &Params) -> Result<Self, TokenError> {
        let body_id = params.one("client_id")?;
        let body_secret = params.one("client_secret")?;
        if params.has("client_assertion") || params.has("client_assertion_type") {
            let alone = authorization.is_none() && body_secret.is_none();
            // Never a reason to look at the other method (attack OA-24).
            let refusal =
                if alone { TokenError::UnsupportedMethod } else { TokenError::SeveralMethods };
            return Err(refusal);
        }
        match (authorization, body_id, body_secret) {
            (Some(_), _, Some(_)) => Err(TokenError::SeveralMethods),
            (Some(header), body_id, None) => {
                let (id, secret) = basic(header)?;
                if body_id.is_some_and(|body_id| body_id != id) {
                    return Err(TokenError::OtherClientId);
                }
                Ok(Self::Basic { id, secret })
            }
            (None, Some(id), Some(secret)) => {
                Ok(Self::Post { id: id.to_owned(), secret: Secret::new(secret.to_owned()) })
            }
            (None, Some(id), None) => Ok(Self::None { client_id: id.to_owned() }),
            (None, None, Some(_)) => Err(TokenError::Missing("client_id")),
            (None, None, None) => Ok(Self::Anonymous),
        }
    }

    /// Who the request says that it comes from, for looking up the client.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Basic { id, .. } | Self::Post { id, .. } => Some(id),
            Self::None { client_id } => Some(client_id),
            Self::Anonymous => None,
        }
    }

    /// Whether `WWW-Authenticate: Basic` belongs into a refusal (RFC 6749, 5.2).
    pub fn is_basic(&self) -> bool {
        matches!(self, Self::Basic { .. })
    }
}

/// The same as [`Presented::from_request`].
pub fn from_request(authorization: Option<&str>, params: &Params) -> Result<Presented, TokenError> {
    Presented::from_request(authorization, params)
}

/// Reads `Basic` credentials; each half is form-urlencoded first (RFC 6749, 2.3.1).
fn basic(header: &str) -> Result<(String, Secret<String>), TokenError> {
    let (scheme, encoded) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(TokenError::UnsupportedMethod);
    }
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| TokenError::MalformedBasic)?;
    let text = String::from_utf8(decoded).map_err(|_| TokenError::MalformedBasic)?;
    let (id, secret) = text.split_once(':').ok_or(TokenError::MalformedBasic)?;
    let half = |text| params::decode(text).map_err(|_| TokenError::MalformedBasic);
    Ok((half(id)?, Secret::new(half(secret)?)))
}

/// Checks that `presented` is what `client` registered. In constant time as to the secret.
pub fn authenticate(
    presented: &Presented,
    client: &Client,
) -> Result<AuthenticatedClient, TokenError> {
    if presented.client_id() != Some(&client.client_id) {
        return Err(TokenError::UnknownClient { basic: presented.is_basic() });
    }
    let (secret, digest) = match (presented, &client.authentication) {
        (Presented::None { .. }, ClientAuthentication::None) => {
            return Ok(AuthenticatedClient(client.clone()));
        }
        (Presented::Basic { secret, .. }, ClientAuthentication::SecretBasic { digest })
        | (Presented::Post { secret, .. }, ClientAuthentication::SecretPost { digest }) => {
            (secret, digest)
        }
        _ => return Err(TokenError::OtherMethod { basic: presented.is_basic() }),
    };
    if !constant_time_eq(&sha256(secret.expose().as_bytes()), digest) {
        return Err(TokenError::WrongSecret { basic: presented.is_basic() });
    }
    Ok(AuthenticatedClient(client.clone()))
}

impl AuthenticatedClient {
    /// The client.
    pub fn client(&self) -> &Client {
        &self.0
    }

    /// Its identifier.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }
}
