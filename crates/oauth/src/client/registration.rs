//! What a client has to be to be registered (OpenID Connect Registration 1.0, 2; RFC 7591, 2; checklist
//! DCR-2 and DCR-3).

use std::collections::BTreeSet;

use sekisho_jose::{Algorithm, PublicJwk};
use thiserror::Error;

use super::{
    ASSERTION_ALGORITHMS, Client, ClientAuthentication, ClientKeys, ID_TOKEN_ALGORITHMS,
    OFFLINE_ACCESS,
};
use crate::redirect_uri::{self, RedirectUriError};
use crate::token::GrantType;

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
    /// There is no redirect URI, and the client uses authorization codes.
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
    /// The scope `openid` is missing, and the client logs people in.
    #[error("scope openid is needed")]
    NoOpenid,
    /// The scope `offline_access` without the grant of refresh tokens.
    #[error("scope offline_access needs the grant refresh_token")]
    NoRefreshToken,
    /// There is no grant, or one is registered twice.
    #[error("at least one grant is needed, and each once")]
    Grants,
    /// A grant that no client can be registered for.
    #[error("a client cannot be registered for the grant {}", .0.short_name())]
    Grant(GrantType),
    /// Refresh tokens without a grant that gives one.
    #[error("the grant refresh_token needs authorization_code or device_code beside it")]
    RefreshAlone,
    /// A grant in which a client acts by itself, and a client that cannot prove who it is.
    #[error("the grant {} needs a client that authenticates, and a public client does not", .0.short_name())]
    PublicGrant(GrantType),
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
    check_grants(client)?;
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

fn check_grants(client: &Client) -> Result<(), RegistrationError> {
    let grants = &client.grant_types;
    let distinct: BTreeSet<&GrantType> = grants.iter().collect();
    if grants.is_empty() || distinct.len() != grants.len() {
        return Err(RegistrationError::Grants);
    }
    if let Some(grant) = grants.iter().find(|grant| !GrantType::REGISTRABLE.contains(grant)) {
        return Err(RegistrationError::Grant(*grant));
    }
    let own = |grant: &&GrantType| {
        matches!(grant, GrantType::ClientCredentials | GrantType::TokenExchange)
    };
    match grants.iter().find(own) {
        Some(grant) if client.is_public() => Err(RegistrationError::PublicGrant(*grant)),
        _ if client.may_use(GrantType::RefreshToken) && !client.logs_people_in() => {
            Err(RegistrationError::RefreshAlone)
        }
        _ => Ok(()),
    }
}

fn check_redirect_uris(client: &Client) -> Result<(), RegistrationError> {
    if client.redirect_uris.is_empty() && client.may_use(GrantType::AuthorizationCode) {
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
        None if client.logs_people_in() && !client.may_ask_for("openid") => {
            Err(RegistrationError::NoOpenid)
        }
        None if client.may_ask_for(OFFLINE_ACCESS) && !client.may_use(GrantType::RefreshToken) => {
            Err(RegistrationError::NoRefreshToken)
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use sekisho_ambient::Text;

    use super::*;
    use crate::client::tests::{SCOPES, client};

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

    /// DCR-3: what the grants need is there, and nothing that they do not need is asked for.
    #[test]
    fn a_client_fits_its_grants() {
        use GrantType as G;
        use RegistrationError as E;
        let with = |grants: &[GrantType], change: fn(&mut Client)| {
            let mut client = Client { grant_types: grants.to_vec(), ..client() };
            change(&mut client);
            validate_registration(&client, &SCOPES)
        };
        let as_it_is: fn(&mut Client) = |_| {};
        let bare: fn(&mut Client) = |client| {
            client.redirect_uris.clear();
            client.scopes.clear();
        };
        let public: fn(&mut Client) = |client| client.authentication = ClientAuthentication::None;
        let online: fn(&mut Client) = |client| client.scopes = vec!["openid".to_owned()];
        let device: fn(&mut Client) = |client| {
            client.redirect_uris.clear();
            client.scopes = vec!["openid".to_owned()];
            client.authentication = ClientAuthentication::None;
        };
        for (grants, change, expected) in [
            (&[][..], as_it_is, Err(E::Grants)),
            (
                &[G::AuthorizationCode, G::RefreshToken, G::AuthorizationCode],
                as_it_is,
                Err(E::Grants),
            ),
            (&[G::PreAuthorizedCode], bare, Err(E::Grant(G::PreAuthorizedCode))),
            (&[G::AuthorizationCode], as_it_is, Err(E::NoRefreshToken)),
            (&[G::AuthorizationCode], online, Ok(())),
            (&[G::AuthorizationCode, G::RefreshToken], bare, Err(E::NoRedirectUri)),
            (&[G::DeviceCode], bare, Err(E::NoOpenid)),
            (&[G::DeviceCode], device, Ok(())),
            (&[G::DeviceCode, G::RefreshToken], device, Ok(())),
            (&[G::ClientCredentials], bare, Ok(())),
            (&[G::TokenExchange, G::ClientCredentials], bare, Ok(())),
            (&[G::ClientCredentials, G::RefreshToken], bare, Err(E::RefreshAlone)),
            (&[G::RefreshToken], as_it_is, Err(E::RefreshAlone)),
            (
                &[G::AuthorizationCode, G::ClientCredentials],
                public,
                Err(E::PublicGrant(G::ClientCredentials)),
            ),
            (&[G::TokenExchange], public, Err(E::PublicGrant(G::TokenExchange))),
        ] {
            assert_eq!(with(grants, change), expected, "{grants:?}");
        }
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
}
