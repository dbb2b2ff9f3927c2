//! Client authentication at the token, introspection and revocation endpoints (RFC 6749, 2.3; Core, 9).
//!
//! Invariant: a request authenticates by one method, and it is one that the client registered.
//! [`AuthenticatedClient`] is made by [`authenticate`] alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ambient::{Secret, Timestamp, constant_time_eq, sha256};

use crate::assertion::{ASSERTION_TYPE, Assertion};
use crate::client::{Client, ClientAuthentication};
use crate::params::{self, Params};
use crate::token::TokenError;

/// The client authentication that a request carries. Nothing has been checked yet.
#[derive(Clone)]
pub enum Presented {
    /// `Authorization: Basic`, with identifier and secret.
    Basic {
        /// `client_id`, decoded.
        id: String,
        /// `client_secret`, decoded.
        secret: Secret<String>,
    },
    /// `client_id` and `client_secret` in the body.
    Post {
        /// `client_id` of the body.
        id: String,
        /// `client_secret` of the body.
        secret: Secret<String>,
    },
    /// `client_id` alone: a public client.
    None {
        /// `client_id` of the body.
        client_id: String,
    },
    /// `client_assertion`: an assertion for `private_key_jwt`.
    Assertion(Box<Assertion>),
    /// Nothing at all, which only the pre-authorized code grant allows (OpenID4VCI 1.0, 6.1).
    Anonymous,
}

/// A client that has authenticated with the method that it registered. A public client has only
/// named itself.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Client);

impl Presented {
    /// Reads the `Authorization` header, if there is one, and the body of a token request.
    pub fn from_request(authorization: Option<&str>, params: &Params) -> Result<Self, TokenError> {
        let body_id = params.one("client_id")?;
        let body_secret = params.one("client_secret")?;
        if params.has("client_assertion") || params.has("client_assertion_type") {
            let alone = authorization.is_none() && body_secret.is_none();
            // A broken assertion is an error. The other methods are never tried instead (attack
            // OA-24).
            return if alone {
                assertion(params, body_id)
            } else {
                Err(TokenError::SeveralMethods)
            };
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

    /// The client that the request claims to come from, so that the caller can look it up.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Basic { id, .. } | Self::Post { id, .. } => Some(id),
            Self::None { client_id } => Some(client_id),
            Self::Assertion(assertion) => Some(assertion.client_id()),
            Self::Anonymous => None,
        }
    }

    /// The name of the method that the request uses.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "client_secret_basic",
            Self::Post { .. } => "client_secret_post",
            Self::None { .. } | Self::Anonymous => "none",
            Self::Assertion(_) => "private_key_jwt",
        }
    }

    /// Whether the request sends a secret with one of these digests, in the header or in the body.
    /// All of them are compared, each in constant time.
    pub fn is_secret_of(&self, digests: &[&[u8; 32]]) -> bool {
        let (Self::Basic { secret, .. } | Self::Post { secret, .. }) = self else { return false };
        let digest = sha256(secret.expose().as_bytes());
        digests.iter().fold(false, |found, known| constant_time_eq(&digest, *known) | found)
    }

    /// Whether a refusal has to carry `WWW-Authenticate: Basic` (RFC 6749, 5.2).
    pub fn is_basic(&self) -> bool {
        matches!(self, Self::Basic { .. })
    }
}

/// Reads a client assertion (RFC 7521, 4.2). If there is a `client_id` too, it has to be the same.
fn assertion(params: &Params, body_id: Option<&str>) -> Result<Presented, TokenError> {
    if params.one("client_assertion_type")? != Some(ASSERTION_TYPE) {
        return Err(TokenError::UnsupportedMethod);
    }
    let text = params.one("client_assertion")?.ok_or(TokenError::Missing("client_assertion"))?;
    let assertion = Assertion::parse(text)?;
    if body_id.is_some_and(|body_id| body_id != assertion.client_id()) {
        return Err(TokenError::OtherClientId);
    }
    Ok(Presented::Assertion(Box::new(assertion)))
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

/// The `Authorization` header with these credentials, as a client sends it (RFC 6749, 2.3.1).
pub fn basic_header(id: &str, secret: &str) -> String {
    let half = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", half(id), half(secret))))
}

/// Checks that `presented` is what `client` registered, and compares secrets in constant time. An
/// assertion is not checked here but by [`crate::assertion::verify`].
pub fn authenticate(
    presented: &Presented,
    client: &Client,
    now: Timestamp,
) -> Result<AuthenticatedClient, TokenError> {
    if presented.client_id() != Some(&client.client_id) {
        return Err(TokenError::UnknownClient { basic: presented.is_basic() });
    }
    let (secret, secrets) = match (presented, &client.authentication) {
        (Presented::None { .. }, ClientAuthentication::None) => {
            return Ok(AuthenticatedClient(client.clone()));
        }
        // An empty secret is none, sent or left out (RFC 6749, 2.3.1); programs send it for public clients.
        (
            Presented::Basic { secret, .. } | Presented::Post { secret, .. },
            ClientAuthentication::None,
        ) if secret.expose().is_empty() => return Ok(AuthenticatedClient(client.clone())),
        (Presented::Basic { secret, .. }, ClientAuthentication::SecretBasic(secrets))
        | (Presented::Post { secret, .. }, ClientAuthentication::SecretPost(secrets))
        | (
            Presented::Basic { secret, .. } | Presented::Post { secret, .. },
            ClientAuthentication::Secret(secrets),
        ) => (secret, secrets),
        _ => return Err(TokenError::OtherMethod { basic: presented.is_basic() }),
    };
    if secrets.find(secret.expose(), now).is_none() {
        return Err(TokenError::WrongSecret { basic: presented.is_basic() });
    }
    Ok(AuthenticatedClient(client.clone()))
}

impl AuthenticatedClient {
    /// Made only by [`crate::assertion::verify`], which has checked the assertion.
    pub(crate) fn by_assertion(client: &Client) -> Self {
        Self(client.clone())
    }

    /// The registration of the client.
    pub fn client(&self) -> &Client {
        &self.0
    }

    /// The client's identifier.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use sekisho_ambient::Entropy;
    use sekisho_jose::{Algorithm, Header, SigningKey};
    use serde_json::json;

    use super::*;
    use crate::client::Secrets;
    use crate::client::tests::client;
    use crate::token::TokenErrorCode;

    const NOW: Timestamp = Timestamp::from_unix(1_795_239_120);

    fn post() -> Client {
        let secrets = Secrets::new("s3cret", None);
        Client { authentication: ClientAuthentication::SecretPost(secrets), ..client() }
    }

    fn public() -> Client {
        Client { authentication: ClientAuthentication::None, ..client() }
    }

    fn header(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    /// `client`, authenticated as registered: public, or with the secret of the sample.
    pub(crate) fn authenticated(client: &Client) -> AuthenticatedClient {
        let id = client.client_id.clone();
        let secret = Secret::new("s3cret".to_owned());
        let presented = match client.authentication {
            ClientAuthentication::None => Presented::None { client_id: id },
            ClientAuthentication::SecretBasic(_) | ClientAuthentication::Secret(_) => {
                Presented::Basic { id, secret }
            }
            ClientAuthentication::SecretPost(_) => Presented::Post { id, secret },
            ClientAuthentication::PrivateKeyJwt { .. } => panic!("see crate::assertion"),
        };
        authenticate(&presented, client, NOW).unwrap()
    }

    fn run(authorization: Option<&str>, body: &str, client: &Client) -> Result<(), TokenError> {
        let params = Params::parse(body).unwrap();
        let presented = Presented::from_request(authorization, &params)?;
        authenticate(&presented, client, NOW).map(|authenticated| {
            assert_eq!(authenticated.client(), client);
        })
    }

    #[test]
    fn each_method_passes_as_registered() {
        assert_eq!(run(Some(&header("portal:s3cret")), "", &client()), Ok(()));
        assert_eq!(run(Some(&header("portal:s3cret")), "client_id=portal", &client()), Ok(()));
        let lower = header("portal:s3cret").replace("Basic", "bAsIC");
        assert_eq!(run(Some(&lower), "", &client()), Ok(()));
        assert_eq!(run(None, "client_id=portal&client_secret=s3cret", &post()), Ok(()));
        assert_eq!(run(None, "client_id=portal", &public()), Ok(()));
    }

    #[test]
    fn a_secret_may_be_registered_for_header_and_body() {
        let secrets = client().authentication.secrets().unwrap().clone();
        let both = Client { authentication: ClientAuthentication::Secret(secrets), ..client() };
        let (basic, body) = (header("portal:s3cret"), "client_id=portal&client_secret=s3cret");
        assert_eq!(run(Some(&basic), "", &both), Ok(()));
        assert_eq!(run(None, body, &both), Ok(()));
        assert_eq!(run(Some(&basic), body, &both), Err(TokenError::SeveralMethods));
        let wrong = header("portal:other");
        assert_eq!(run(Some(&wrong), "", &both), Err(TokenError::WrongSecret { basic: true }));
        let none = run(None, "client_id=portal", &both);
        assert_eq!(none, Err(TokenError::OtherMethod { basic: false }));
    }

    #[test]
    fn an_empty_secret_is_no_secret() {
        let body = "client_id=portal&client_secret=";
        assert_eq!(run(Some(&header("portal:")), "", &public()), Ok(()));
        assert_eq!(run(None, body, &public()), Ok(()));
        let basic = run(Some(&header("portal:")), "", &client());
        assert_eq!(basic, Err(TokenError::WrongSecret { basic: true }));
        assert_eq!(run(None, body, &post()), Err(TokenError::OtherMethod { basic: false }));
    }

    #[test]
    fn another_method_than_the_registered_one_is_refused() {
        let basic = header("portal:s3cret");
        let body = "client_id=portal&client_secret=s3cret";
        assert_eq!(run(None, body, &client()), Err(TokenError::OtherMethod { basic: false }));
        let alone = run(None, "client_id=portal", &client());
        assert_eq!(alone, Err(TokenError::OtherMethod { basic: false }));
        assert_eq!(run(Some(&basic), "", &post()), Err(TokenError::OtherMethod { basic: true }));
        assert_eq!(run(Some(&basic), "", &public()), Err(TokenError::OtherMethod { basic: true }));
        assert_eq!(run(None, body, &public()), Err(TokenError::OtherMethod { basic: false }));
    }

    #[test]
    fn two_methods_in_one_request_are_refused() {
        let basic = header("portal:s3cret");
        let both = run(Some(&basic), "client_id=portal&client_secret=s3cret", &client());
        assert_eq!(both, Err(TokenError::SeveralMethods));
        let assertion = "client_assertion=a.b.c&client_id=portal&client_secret=s3cret";
        assert_eq!(run(None, assertion, &post()), Err(TokenError::SeveralMethods));
        assert_eq!(
            run(Some(&basic), "client_assertion=a.b.c", &client()),
            Err(TokenError::SeveralMethods)
        );
        let alone = run(None, "client_assertion=a.b.c&client_id=portal", &public());
        assert_eq!(alone, Err(TokenError::UnsupportedMethod));
        let twice = "client_id=portal&client_secret=s3cret&client_secret=s3cret";
        assert!(matches!(run(None, twice, &post()), Err(TokenError::Duplicate(_))));
    }

    #[test]
    fn a_wrong_secret_or_name_is_refused() {
        for secret in ["", "s3cre", "s3cret ", "S3cret", "s3crets"] {
            let wrong = run(Some(&header(&format!("portal:{secret}"))), "", &client());
            assert_eq!(wrong, Err(TokenError::WrongSecret { basic: true }), "{secret}");
        }
        let post_wrong = run(None, "client_id=portal&client_secret=x", &post());
        assert_eq!(post_wrong, Err(TokenError::WrongSecret { basic: false }));
        let other = run(Some(&header("other:s3cret")), "", &client());
        assert_eq!(other, Err(TokenError::UnknownClient { basic: true }));
        let mixed = run(Some(&header("portal:s3cret")), "client_id=other", &client());
        assert_eq!(mixed, Err(TokenError::OtherClientId));
    }

    #[test]
    fn both_halves_of_basic_are_form_encoded() {
        let odd = Client {
            client_id: "https://rp.example".to_owned(),
            authentication: ClientAuthentication::SecretBasic(Secrets::new("a b:%神+", None)),
            ..client()
        };
        let text = "https%3A%2F%2Frp.example:a+b%3A%25%E7%A5%9E%2B";
        assert_eq!(run(Some(&header(text)), "", &odd), Ok(()));
        assert_eq!(basic_header("https://rp.example", "a b:%神+"), header(text));
    }

    #[test]
    fn malformed_headers_are_refused() {
        for value in
            ["Basic", "Basic ", "Basic !!!", "Basic cG9ydGFs", "Basic /w==", "Basic JUZGOmE="]
        {
            let refused = run(Some(value), "", &client());
            assert_eq!(refused, Err(TokenError::MalformedBasic), "{value}");
        }
        for value in ["Bearer abc", "DPoP abc", "", "basi cG9ydGFsOnMzY3JldA=="] {
            let refused = run(Some(value), "client_id=portal", &public());
            assert_eq!(refused, Err(TokenError::UnsupportedMethod), "{value}");
        }
    }

    /// CA-1: `client_id` beside an assertion may only say the same (RFC 7521, 4.2).
    #[test]
    fn an_assertion_and_a_client_id_name_one_client() {
        let key = SigningKey::generate(Algorithm::Es256, &Entropy::seeded(1)).unwrap();
        let header = Header::for_key(&key, "JWT");
        let text = sekisho_jose::sign(&key, &header, &json!({"sub": "portal"})).unwrap();
        let body = |id: &str| {
            let body =
                format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={text}&{id}");
            Presented::from_request(None, &Params::parse(&body).unwrap())
        };
        for id in ["", "client_id=portal"] {
            assert!(matches!(body(id), Ok(Presented::Assertion(_))), "{id}");
        }
        assert_eq!(body("client_id=other").err(), Some(TokenError::OtherClientId));
    }

    #[test]
    fn nobody_is_anonymous_to_a_client() {
        let presented = Presented::from_request(None, &Params::default()).unwrap();
        assert!(matches!(presented, Presented::Anonymous));
        let refused = authenticate(&presented, &public(), NOW).unwrap_err();
        assert_eq!(refused.code(), TokenErrorCode::InvalidClient);
        let secret = Params::parse("client_secret=x").unwrap();
        assert!(Presented::from_request(None, &secret).is_err());
    }

    #[test]
    fn a_refusal_does_not_tell_which_clients_exist() {
        let unknown = TokenError::UnknownClient { basic: true };
        let wrong = TokenError::WrongSecret { basic: true };
        assert_eq!(unknown.body(), wrong.body());
        let body = json!({
            "error": "invalid_client", "error_description": "client authentication failed",
        });
        assert_eq!(wrong.body(), body);
        assert_eq!(unknown.www_authenticate(), wrong.www_authenticate());
        assert!(wrong.www_authenticate().is_some());
        assert_eq!(TokenError::WrongSecret { basic: false }.www_authenticate(), None);
        assert_eq!((unknown.status(), wrong.status()), (401, 401));
        assert!(TokenError::MalformedBasic.www_authenticate().is_some());
        assert_eq!(TokenError::InvalidGrant.www_authenticate(), None);
    }
}
