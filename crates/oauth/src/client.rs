//! Relying parties as they are registered (OpenID Connect Registration 1.0, 2; RFC 7591, 2).
//!
//! Invariant: a client that passes [`validate_registration`] is public or authenticates in one way,
//! which for a secret may leave open where it is sent. Answers may go to each of its redirect URIs, and
//! its ID token algorithm is published. Only the SHA-256 of a secret is known here. The callers store
//! clients.

mod registration;
mod secrets;

use sekisho_ambient::{Text, Timestamp};
use sekisho_jose::{Algorithm, PublicJwk};
use serde::{Deserialize, Serialize};

pub use registration::{RegistrationError, validate_registration};
pub use secrets::{LivingSecret, Secrets};

use crate::redirect_uri;
use crate::token::GrantType;

/// Algorithms of client assertions (`token_endpoint_auth_signing_alg_values_supported`).
pub const ASSERTION_ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

/// The scope that a client needs for refresh tokens (Core, 11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Algorithms of ID tokens that a client may register, the default first.
pub const ID_TOKEN_ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

/// How a client authenticates at the token endpoint (`token_endpoint_auth_method`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// `none`: a public client, which has no secret.
    None,
    /// `client_secret_basic`: the secret is sent in the `Authorization` header.
    SecretBasic(Secrets),
    /// `client_secret_post`: the secret is sent in the body.
    SecretPost(Secrets),
    /// Either of the two: the secret is sent in the header or in the body. For programs that choose
    /// by themselves, or that nobody can configure.
    Secret(Secrets),
    /// `private_key_jwt`: the client signs an assertion.
    PrivateKeyJwt {
        /// The client's public keys, or where to fetch them.
        keys: ClientKeys,
    },
}

/// The public keys of a client (Registration, 2: `jwks` or `jwks_uri`, never both).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// `jwks`: the keys themselves.
    Jwks(Vec<PublicJwk>),
    /// `jwks_uri`: the URL from which the keys are fetched when they are needed.
    JwksUri(String),
}

/// The names of the authentication methods, used by the checks and the metadata.
pub const AUTHENTICATION_METHODS: [&str; 4] =
    ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// An OpenID Connect relying party.
    #[default]
    Oidc,
}

/// `application_type` (Registration, 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationType {
    /// The client runs on a server or in a browser.
    #[default]
    Web,
    /// The client runs on the person's own device (RFC 8252).
    Native,
}

/// A registered relying party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The client's identifier.
    pub client_id: String,
    /// The client's name, as people see it.
    pub client_name: Text,
    /// How the client authenticates at the token endpoint.
    pub authentication: ClientAuthentication,
    /// The URIs that answers may go to, in normal form.
    pub redirect_uris: Vec<String>,
    /// The scopes that the client may ask for.
    pub scopes: Vec<String>,
    /// The grants that the client may use, each once (RFC 7591, section 2). Registrations of before
    /// this member existed have those of a login.
    #[serde(default = "GrantType::of_a_login")]
    pub grant_types: Vec<GrantType>,
    /// The algorithm of the client's ID tokens: RS256 or ES256.
    pub id_token_signed_response_alg: Algorithm,
    /// The protocol that the client speaks.
    #[serde(default)]
    pub profile: Profile,
    /// Whether the client is a web or a native application.
    #[serde(default)]
    pub application_type: ApplicationType,
    /// Whether scope claims stand in the ID token too, for services that never call userinfo. New
    /// registrations have it; those of before it was the default keep what they had.
    #[serde(default)]
    pub claims_in_id_token: bool,
    /// Whether the client has to use PKCE although it is confidential. Public clients always have
    /// to.
    #[serde(default)]
    pub require_pkce: bool,
    /// The `acr` that a login needs for this client. A login without it is refused.
    #[serde(default)]
    pub required_acr: Option<String>,
    /// `default_max_age`: how old a login may be if the request does not say, in seconds.
    #[serde(default)]
    pub default_max_age: Option<i64>,
    /// The URIs that a browser may go to after logging out. They are compared as strings.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// When the client was registered.
    pub created: Timestamp,
}

impl ClientAuthentication {
    /// The way to authenticate of this name, with these secrets; `None` for a name that needs
    /// something else, or that is none.
    pub fn with_secrets(method: &str, secrets: Secrets) -> Option<Self> {
        match method {
            "client_secret_basic" => Some(Self::SecretBasic(secrets)),
            "client_secret_post" => Some(Self::SecretPost(secrets)),
            "client_secret" => Some(Self::Secret(secrets)),
            _ => None,
        }
    }

    /// The client's secrets, if it authenticates with one.
    pub fn secrets(&self) -> Option<&Secrets> {
        match self {
            Self::SecretBasic(secrets) | Self::SecretPost(secrets) | Self::Secret(secrets) => {
                Some(secrets)
            }
            Self::PrivateKeyJwt { .. } | Self::None => None,
        }
    }

    /// The keys that were registered by value; none if the client has none, or publishes them.
    pub fn keys(&self) -> &[PublicJwk] {
        match self {
            Self::PrivateKeyJwt { keys: ClientKeys::Jwks(keys) } => keys,
            _ => &[],
        }
    }

    /// The method's name in `token_endpoint_auth_method`; `client_secret` is ours.
    pub fn method(&self) -> &'static str {
        match self {
            Self::SecretBasic(_) => "client_secret_basic",
            Self::SecretPost(_) => "client_secret_post",
            Self::Secret(_) => "client_secret",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::None => "none",
        }
    }
}

/// Prints only the method: the digest of a short secret would reveal it.
impl std::fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.method())
    }
}

impl Client {
    /// Whether the client is public, that is, has no way to authenticate.
    pub fn is_public(&self) -> bool {
        self.authentication == ClientAuthentication::None
    }

    /// Whether the client's authorization requests need a `code_challenge` (checklist AUTH-31).
    pub fn needs_pkce(&self) -> bool {
        self.is_public() || self.require_pkce
    }

    /// Whether the client may use `grant`. A pre-authorized code belongs to an offer, so no client
    /// needs to be registered for it.
    pub fn may_use(&self, grant: GrantType) -> bool {
        grant == GrantType::PreAuthorizedCode || self.grant_types.contains(&grant)
    }

    /// Whether people log in for the client: at the authorization endpoint, or on another device.
    pub fn logs_people_in(&self) -> bool {
        [GrantType::AuthorizationCode, GrantType::DeviceCode]
            .iter()
            .any(|grant| self.may_use(*grant))
    }

    /// Whether the client is registered for `scope`.
    pub fn may_ask_for(&self, scope: &str) -> bool {
        self.scopes.iter().any(|registered| registered == scope)
    }
}

/// Whether `client` registered the redirect URI `uri` of a request.
pub fn redirect_uri_matches(client: &Client, uri: &str) -> bool {
    redirect_uri::matches(&client.redirect_uris, client.application_type, uri)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The scopes of the server.
    pub(crate) const SCOPES: [&str; 5] =
        ["openid", "profile", "email", "gpu_access", OFFLINE_ACCESS];

    /// A confidential client that may ask for everything.
    pub(crate) fn client() -> Client {
        let text = |text: &str| Text { ja: text.to_owned(), en: text.to_owned() };
        Client {
            client_id: "portal".to_owned(),
            client_name: text("Portal"),
            authentication: ClientAuthentication::SecretBasic(Secrets::new("s3cret", None)),
            redirect_uris: vec!["https://rp.example/cb".to_owned()],
            scopes: SCOPES.map(str::to_owned).to_vec(),
            grant_types: GrantType::of_a_login(),
            id_token_signed_response_alg: Algorithm::Rs256,
            profile: Profile::Oidc,
            application_type: ApplicationType::Web,
            claims_in_id_token: false,
            require_pkce: false,
            required_acr: None,
            default_max_age: None,
            post_logout_redirect_uris: vec!["https://rp.example/bye".to_owned()],
            created: Timestamp::from_unix(1_795_239_120),
        }
    }

    #[test]
    fn a_client_of_before_has_the_grants_of_a_login() {
        let mut row = serde_json::to_value(client()).unwrap();
        row.as_object_mut().unwrap().remove("grant_types");
        let read: Client = serde_json::from_value(row).unwrap();
        assert_eq!(read, client());
        assert!(
            read.may_use(GrantType::AuthorizationCode) && read.may_use(GrantType::RefreshToken)
        );
        assert!(
            !read.may_use(GrantType::ClientCredentials) && !read.may_use(GrantType::DeviceCode)
        );
        assert!(read.may_use(GrantType::PreAuthorizedCode), "an offer is nobody's registration");
    }

    #[test]
    fn a_secret_of_before_is_read() {
        let row = serde_json::json!({"secret_post": {"digest": sekisho_ambient::sha256(b"old")}});
        let read: ClientAuthentication = serde_json::from_value(row.clone()).unwrap();
        let now = Timestamp::from_unix(0);
        assert!(read.secrets().unwrap().find("old", now).is_some());
        assert_eq!(read.method(), "client_secret_post");
        assert_eq!(serde_json::to_value(&read).unwrap(), row, "and written as it was");
    }

    #[test]
    fn a_public_client_always_needs_pkce() {
        assert!(!client().needs_pkce());
        assert!(Client { require_pkce: true, ..client() }.needs_pkce());
        let public = Client { authentication: ClientAuthentication::None, ..client() };
        assert!(public.is_public() && public.needs_pkce());
    }

    #[test]
    fn debug_shows_no_digest() {
        let shown = format!("{:?}", client());
        assert!(shown.contains("authentication: client_secret_basic,"), "{shown}");
    }
}
