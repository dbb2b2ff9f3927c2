//! Relying parties as they are registered (OpenID Connect Registration 1.0, 2; RFC 7591, 2).
//!
//! Invariant: a client that passes [`validate_registration`] is public or authenticates in one way,
//! which for a secret may leave open where it is sent. Answers may go to each of its redirect URIs, and its ID token algorithm is published.
//! Only the SHA-256 of its secret is known here. The callers store clients.

use sekisho_ambient::{Text, Timestamp, sha256};
use sekisho_jose::{Algorithm, PublicJwk};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::redirect_uri::{self, RedirectUriError};

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
    SecretBasic {
        /// SHA-256 of the secret, which has 256 bits of randomness.
        digest: [u8; 32],
    },
    /// `client_secret_post`: the secret is sent in the body.
    SecretPost {
        /// SHA-256 of the secret, which has 256 bits of randomness.
        digest: [u8; 32],
    },
    /// Either of the two: the secret is sent in the header or in the body. For programs that choose
    /// by themselves, or that nobody can configure.
    Secret {
        /// SHA-256 of the secret, which has 256 bits of randomness.
        digest: [u8; 32],
    },
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

/// Why a client may not be registered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RegistrationError {
    /// The client identifier is not 1 to 255 printable ASCII characters without space, `"` and `\`.
    #[error("client_id is not 1 to 255 printable ASCII characters")]
    ClientId,
    /// A name is missing or too long.
    #[error("client_name is needed in Japanese and English, 200 characters at most")]
    ClientName,
    /// A name has a character that cannot be seen, or that changes how others are seen.
    #[error("client_name has a control character, or one that cannot be seen")]
    InvisibleName,
    /// There is no redirect URI.
    #[error("at least one redirect_uri is needed")]
    NoRedirectUri,
    /// A redirect URI is refused.
    #[error("redirect_uri {uri}: {reason}")]
    RedirectUri {
        /// The URI as it was given.
        uri: String,
        /// Why it is refused.
        reason: RedirectUriError,
    },
    /// A scope that does not exist.
    #[error("scope {0} does not exist")]
    Scope(String),
    /// The scope `openid` is missing: this server's clients log people in.
    #[error("scope openid is needed")]
    NoOpenid,
    /// An algorithm other than RS256 and ES256.
    #[error("id_token_signed_response_alg {0}, only RS256 and ES256 are published")]
    Algorithm(Algorithm),
    /// `default_max_age` is negative.
    #[error("default_max_age is negative")]
    MaxAge,
    /// `private_key_jwt`, but none of the keys can verify an assertion.
    #[error("private_key_jwt needs a key for RS256, PS256, ES256 or EdDSA in jwks, or a jwks_uri")]
    NoKey,
    /// `jwks_uri` is no https URL.
    #[error("jwks_uri is not an https URL")]
    JwksUri,
}

impl ClientAuthentication {
    /// `client_secret_basic` with the digest of `secret`.
    pub fn secret_basic(secret: &str) -> Self {
        Self::SecretBasic { digest: sha256(secret.as_bytes()) }
    }

    /// `client_secret_post` with the digest of `secret`.
    pub fn secret_post(secret: &str) -> Self {
        Self::SecretPost { digest: sha256(secret.as_bytes()) }
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
            Self::SecretBasic { .. } => "client_secret_basic",
            Self::SecretPost { .. } => "client_secret_post",
            Self::Secret { .. } => "client_secret",
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

    /// Whether the client is registered for `scope`.
    pub fn may_ask_for(&self, scope: &str) -> bool {
        self.scopes.iter().any(|registered| registered == scope)
    }
}

/// Whether `client` registered the redirect URI `uri` of a request.
pub fn redirect_uri_matches(client: &Client, uri: &str) -> bool {
    redirect_uri::matches(&client.redirect_uris, client.application_type, uri)
}

/// Checks that `client` may be registered at a server that knows these scopes (checklist DCR-2 and
/// DCR-3).
pub fn validate_registration(
    client: &Client,
    scopes_supported: &[&str],
) -> Result<(), RegistrationError> {
    let id_byte = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let id = &client.client_id;
    if id.is_empty() || id.len() > 255 || !id.bytes().all(id_byte) {
        return Err(RegistrationError::ClientId);
    }
    let names = [&client.client_name.ja, &client.client_name.en];
    if names.iter().any(|name| name.trim().is_empty() || name.chars().count() > 200) {
        return Err(RegistrationError::ClientName);
    }
    if !client.client_name.is_visible() {
        return Err(RegistrationError::InvisibleName);
    }
    check_redirect_uris(client)?;
    check_keys(client)?;
    check_scopes(client, scopes_supported)?;
    let algorithm = client.id_token_signed_response_alg;
    if !ID_TOKEN_ALGORITHMS.contains(&algorithm) {
        return Err(RegistrationError::Algorithm(algorithm));
    }
    if client.default_max_age.is_some_and(|seconds| seconds < 0) {
        return Err(RegistrationError::MaxAge);
    }
    Ok(())
}

fn check_redirect_uris(client: &Client) -> Result<(), RegistrationError> {
    if client.redirect_uris.is_empty() {
        return Err(RegistrationError::NoRedirectUri);
    }
    for uri in client.redirect_uris.iter().chain(&client.post_logout_redirect_uris) {
        redirect_uri::check_registration(uri, client.application_type)
            .map_err(|reason| RegistrationError::RedirectUri { uri: uri.clone(), reason })?;
    }
    Ok(())
}

fn check_keys(client: &Client) -> Result<(), RegistrationError> {
    let ClientAuthentication::PrivateKeyJwt { keys } = &client.authentication else {
        return Ok(());
    };
    match keys {
        ClientKeys::Jwks(keys) => {
            let fits = |key: &PublicJwk| {
                key.verifying_key().is_ok_and(|key| {
                    ASSERTION_ALGORITHMS.iter().any(|algorithm| key.supports(*algorithm))
                })
            };
            if keys.iter().any(fits) { Ok(()) } else { Err(RegistrationError::NoKey) }
        }
        ClientKeys::JwksUri(uri) => {
            let https = url::Url::parse(uri)
                .is_ok_and(|url| url.scheme() == "https" && url.fragment().is_none());
            if https { Ok(()) } else { Err(RegistrationError::JwksUri) }
        }
    }
}

fn check_scopes(client: &Client, known: &[&str]) -> Result<(), RegistrationError> {
    match client.scopes.iter().find(|scope| !known.contains(&scope.as_str())) {
        Some(scope) => Err(RegistrationError::Scope(scope.clone())),
        None if !client.may_ask_for("openid") => Err(RegistrationError::NoOpenid),
        None => Ok(()),
    }
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
            authentication: ClientAuthentication::secret_basic("s3cret"),
            redirect_uris: vec!["https://rp.example/cb".to_owned()],
            scopes: SCOPES.map(str::to_owned).to_vec(),
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

    fn refused(change: impl FnOnce(&mut Client)) -> RegistrationError {
        let mut client = client();
        change(&mut client);
        validate_registration(&client, &SCOPES).unwrap_err()
    }

    #[test]
    fn a_client_is_registered_and_read_back() {
        assert_eq!(validate_registration(&client(), &SCOPES), Ok(()));
        let stored = serde_json::to_string(&client()).unwrap();
        assert_eq!(serde_json::from_str::<Client>(&stored).unwrap(), client());
    }

    #[test]
    fn a_client_that_cannot_be_right_is_refused() {
        use RegistrationError as E;
        assert_eq!(refused(|c| c.client_id = String::new()), E::ClientId);
        assert_eq!(refused(|c| c.client_id = "a b".to_owned()), E::ClientId);
        assert_eq!(refused(|c| c.client_id = "a\"b".to_owned()), E::ClientId);
        assert_eq!(refused(|c| c.client_id = "x".repeat(256)), E::ClientId);
        assert_eq!(refused(|c| c.client_name.en = " ".to_owned()), E::ClientName);
        for hidden in ["a\nb", "a\u{1b}[31mb", "a\u{202e}b", "a\u{200b}b", "\u{feff}a"] {
            assert_eq!(refused(|c| c.client_name.ja = hidden.to_owned()), E::InvisibleName);
        }
        assert_eq!(refused(|c| c.client_name.ja = "字".repeat(201)), E::ClientName);
        assert_eq!(refused(|c| c.redirect_uris.clear()), E::NoRedirectUri);
        assert_eq!(refused(|c| c.scopes.push("admin".to_owned())), E::Scope("admin".to_owned()));
        assert_eq!(refused(|c| c.scopes.retain(|scope| scope != "openid")), E::NoOpenid);
        for algorithm in [Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Es384] {
            let wrong = refused(|c| c.id_token_signed_response_alg = algorithm);
            assert_eq!(wrong, E::Algorithm(algorithm));
        }
        assert_eq!(refused(|c| c.default_max_age = Some(-1)), E::MaxAge);
    }

    #[test]
    fn what_is_just_within_the_limits_is_registered() {
        let widest = Client {
            client_id: "x".repeat(255),
            client_name: Text { ja: "字".repeat(200), en: "x".repeat(200) },
            default_max_age: Some(0),
            ..client()
        };
        assert_eq!(validate_registration(&widest, &SCOPES), Ok(()));
    }

    /// CA-7: the registered keys have to include one that can sign an assertion, or the URL of the
    /// keys has to be one that can be fetched.
    #[test]
    fn keys_have_to_be_good_for_assertions() {
        let with = |keys| {
            let authentication = ClientAuthentication::PrivateKeyJwt { keys };
            validate_registration(&Client { authentication, ..client() }, &SCOPES)
        };
        let key = |algorithm| {
            sekisho_jose::SigningKey::generate(algorithm, &sekisho_ambient::Entropy::seeded(1))
                .unwrap()
                .public_jwk()
        };
        let (good, other) = (key(Algorithm::Es256), key(Algorithm::Es384));
        assert_eq!(with(ClientKeys::Jwks(vec![good.clone()])), Ok(()));
        assert_eq!(with(ClientKeys::Jwks(vec![other.clone(), good])), Ok(()));
        for keys in [vec![], vec![other]] {
            assert_eq!(with(ClientKeys::Jwks(keys)), Err(RegistrationError::NoKey));
        }
        let uri = |uri: &str| with(ClientKeys::JwksUri(uri.to_owned()));
        assert_eq!(uri("https://rp.example/jwks"), Ok(()));
        for wrong in ["http://rp.example/jwks", "https://rp.example/jwks#a", "jwks", ""] {
            assert_eq!(uri(wrong), Err(RegistrationError::JwksUri), "{wrong}");
        }
    }

    #[test]
    fn every_redirect_uri_is_checked() {
        let second = refused(|c| c.redirect_uris.push("http://rp.example/cb".to_owned()));
        assert!(matches!(second, RegistrationError::RedirectUri { .. }));
        let private = refused(|c| c.redirect_uris.push("jp.example.app:/cb".to_owned()));
        assert!(matches!(private, RegistrationError::RedirectUri { .. }));
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
