//! The discovery document (OpenID Connect Discovery 1.0, 3; RFC 8414, 2; RFC 9207, 3; RFC 9396, 10;
//! RFC 8628, 4).
//!
//! Invariant: only what is mounted is advertised. Endpoints are passed in as options, and lists
//! come from the tables that the checks use. An empty list is left out, and a feature that this
//! server lacks is written as false (checklist DISC-3, DISC-5, DISC-15).

use sekisho_jose::{Algorithm, Claims};
use serde_json::{Value, json};

use crate::authorization::{RESPONSE_TYPES, ResponseMode};
use crate::client::{ASSERTION_ALGORITHMS, AUTHENTICATION_METHODS, OFFLINE_ACCESS};
use crate::pkce;
use crate::token::GrantType;

/// What is mounted and enabled at this server.
#[derive(Clone, Debug, Default)]
pub struct Enabled {
    /// The issuer identifier, copied byte for byte.
    pub issuer: String,
    /// URL of the authorization endpoint, if it is mounted.
    pub authorization_endpoint: Option<String>,
    /// URL of the token endpoint, if it is mounted.
    pub token_endpoint: Option<String>,
    /// URL of the device authorization endpoint, if it is mounted (RFC 8628, 4).
    pub device_authorization_endpoint: Option<String>,
    /// URL of the userinfo endpoint, if it is mounted.
    pub userinfo_endpoint: Option<String>,
    /// URL of the key set, if it is mounted.
    pub jwks_uri: Option<String>,
    /// URL of the introspection endpoint, if it is mounted.
    pub introspection_endpoint: Option<String>,
    /// URL of the revocation endpoint, if it is mounted.
    pub revocation_endpoint: Option<String>,
    /// URL of the log-out endpoint, if it is mounted.
    pub end_session_endpoint: Option<String>,
    /// The algorithms of the active keys for ID tokens.
    pub id_token_algorithms: Vec<Algorithm>,
    /// The `acr` values that a login can have.
    pub acr_values: Vec<String>,
    /// The types of `authorization_details` that are supported.
    pub authorization_details_types: Vec<String>,
    /// The scopes that are supported.
    pub scopes: Vec<String>,
    /// The claims that these scopes can release.
    pub claims: Vec<String>,
    /// Whether wallets may redeem pre-authorized codes, which they may do without a `client_id`.
    pub pre_authorized_code: bool,
    /// Languages of the pages, as BCP 47 tags.
    pub ui_locales: Vec<String>,
    /// URL of documentation for people who write clients.
    pub service_documentation: Option<String>,
}

/// Builds the discovery document.
pub fn build(enabled: &Enabled) -> Value {
    let mut document = Claims::new();
    document.insert("issuer".to_owned(), json!(enabled.issuer));
    for (name, value) in endpoints(enabled) {
        if let Some(value) = value {
            document.insert(name.to_owned(), json!(value));
        }
    }
    for (name, values) in lists(enabled) {
        if !values.is_empty() {
            document.insert(name.to_owned(), json!(values));
        }
    }
    for (name, value) in booleans(enabled) {
        document.insert(name.to_owned(), json!(value));
    }
    Value::Object(document)
}

fn endpoints(enabled: &Enabled) -> [(&'static str, &Option<String>); 9] {
    [
        ("authorization_endpoint", &enabled.authorization_endpoint),
        ("token_endpoint", &enabled.token_endpoint),
        ("device_authorization_endpoint", &enabled.device_authorization_endpoint),
        ("userinfo_endpoint", &enabled.userinfo_endpoint),
        ("jwks_uri", &enabled.jwks_uri),
        ("introspection_endpoint", &enabled.introspection_endpoint),
        ("revocation_endpoint", &enabled.revocation_endpoint),
        ("end_session_endpoint", &enabled.end_session_endpoint),
        ("service_documentation", &enabled.service_documentation),
    ]
}

fn lists(enabled: &Enabled) -> [(&'static str, Vec<String>); 20] {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let algorithms: Vec<String> =
        enabled.id_token_algorithms.iter().map(ToString::to_string).collect();
    let modes = ResponseMode::ALL.map(ResponseMode::name);
    let methods = owned(&AUTHENTICATION_METHODS);
    let assertions: Vec<String> = ASSERTION_ALGORITHMS.iter().map(ToString::to_string).collect();
    let introspection = enabled.introspection_endpoint.is_some();
    // Introspection is for confidential clients: a public client cannot prove that a token is its
    // own (RFC 7662, 2.1).
    let confidential: Vec<String> =
        methods.iter().filter(|name| introspection && *name != "none").cloned().collect();
    let at_introspection = if introspection { assertions.clone() } else { Vec::new() };
    let signed = if introspection { algorithms.clone() } else { Vec::new() };
    let revocation = enabled.revocation_endpoint.is_some();
    let (at_revocation, revoking) =
        if revocation { (assertions.clone(), methods.clone()) } else { (Vec::new(), Vec::new()) };
    [
        ("response_types_supported", owned(RESPONSE_TYPES)),
        ("response_modes_supported", owned(&modes)),
        ("grant_types_supported", grant_types(enabled)),
        ("subject_types_supported", owned(&["pairwise"])),
        ("id_token_signing_alg_values_supported", algorithms),
        ("token_endpoint_auth_methods_supported", methods),
        ("token_endpoint_auth_signing_alg_values_supported", assertions),
        ("introspection_endpoint_auth_methods_supported", confidential),
        ("introspection_endpoint_auth_signing_alg_values_supported", at_introspection),
        ("introspection_signing_alg_values_supported", signed),
        ("revocation_endpoint_auth_methods_supported", revoking),
        ("revocation_endpoint_auth_signing_alg_values_supported", at_revocation),
        ("code_challenge_methods_supported", owned(pkce::METHODS)),
        ("claims_supported", enabled.claims.clone()),
        ("claim_types_supported", owned(&["normal"])),
        ("scopes_supported", enabled.scopes.clone()),
        ("acr_values_supported", enabled.acr_values.clone()),
        ("authorization_details_types_supported", enabled.authorization_details_types.clone()),
        ("ui_locales_supported", enabled.ui_locales.clone()),
        ("prompt_values_supported", prompts()),
    ]
}

fn grant_types(enabled: &Enabled) -> Vec<String> {
    let mounted = |grant: &GrantType| match grant {
        GrantType::AuthorizationCode => enabled.authorization_endpoint.is_some(),
        GrantType::RefreshToken => {
            enabled.authorization_endpoint.is_some()
                && enabled.scopes.iter().any(|scope| scope == OFFLINE_ACCESS)
        }
        GrantType::DeviceCode => enabled.device_authorization_endpoint.is_some(),
        GrantType::PreAuthorizedCode => enabled.pre_authorized_code,
        GrantType::ClientCredentials | GrantType::TokenExchange => enabled.token_endpoint.is_some(),
    };
    GrantType::ALL.into_iter().filter(mounted).map(|grant| grant.name().to_owned()).collect()
}

/// `prompt_values_supported`, which Initiating User Registration via OpenID Connect 1.0, 4.1
/// registers.
fn prompts() -> Vec<String> {
    crate::authorization::Prompt::ALL.map(|prompt| prompt.name().to_owned()).to_vec()
}

fn booleans(enabled: &Enabled) -> [(&'static str, bool); 10] {
    [
        ("claims_parameter_supported", enabled.authorization_endpoint.is_some()),
        ("request_parameter_supported", false),
        ("request_uri_parameter_supported", false),
        ("require_request_uri_registration", false),
        ("require_pushed_authorization_requests", false),
        ("authorization_response_iss_parameter_supported", true),
        ("tls_client_certificate_bound_access_tokens", false),
        ("frontchannel_logout_supported", false),
        ("backchannel_logout_supported", false),
        ("pre-authorized_grant_anonymous_access_supported", enabled.pre_authorized_code),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn enabled() -> Enabled {
        let url = |path: &str| Some(format!("https://auth.example.jp{path}"));
        Enabled {
            issuer: "https://auth.example.jp".to_owned(),
            authorization_endpoint: url("/authorize"),
            token_endpoint: url("/token"),
            device_authorization_endpoint: url("/device_authorization"),
            userinfo_endpoint: url("/userinfo"),
            jwks_uri: url("/jwks"),
            introspection_endpoint: url("/introspect"),
            revocation_endpoint: url("/revoke"),
            end_session_endpoint: url("/logout"),
            id_token_algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
            acr_values: vec!["phr".to_owned()],
            authorization_details_types: vec!["gpu_access".to_owned()],
            scopes: owned(&["openid", "email", "gpu_access", "offline_access"]),
            claims: owned(&["sub", "email", "email_verified"]),
            pre_authorized_code: true,
            ui_locales: vec!["ja-JP".to_owned(), "en-US".to_owned()],
            ..Enabled::default()
        }
    }

    #[test]
    fn the_document_is_this() {
        let expected = json!({
            "issuer": "https://auth.example.jp",
            "authorization_endpoint": "https://auth.example.jp/authorize",
            "token_endpoint": "https://auth.example.jp/token",
            "device_authorization_endpoint": "https://auth.example.jp/device_authorization",
            "userinfo_endpoint": "https://auth.example.jp/userinfo",
            "jwks_uri": "https://auth.example.jp/jwks",
            "introspection_endpoint": "https://auth.example.jp/introspect",
            "revocation_endpoint": "https://auth.example.jp/revoke",
            "end_session_endpoint": "https://auth.example.jp/logout",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": [
                "authorization_code", "refresh_token",
                "urn:ietf:params:oauth:grant-type:pre-authorized_code", "client_credentials",
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported":
                ["RS256", "PS256", "ES256", "EdDSA"],
            "introspection_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "introspection_endpoint_auth_signing_alg_values_supported":
                ["RS256", "PS256", "ES256", "EdDSA"],
            "introspection_signing_alg_values_supported": ["RS256", "ES256"],
            "revocation_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "revocation_endpoint_auth_signing_alg_values_supported":
                ["RS256", "PS256", "ES256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "email", "email_verified"],
            "claim_types_supported": ["normal"],
            "scopes_supported": ["openid", "email", "gpu_access", "offline_access"],
            "acr_values_supported": ["phr"],
            "authorization_details_types_supported": ["gpu_access"],
            "ui_locales_supported": ["ja-JP", "en-US"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_parameter_supported": true,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "require_request_uri_registration": false,
            "require_pushed_authorization_requests": false,
            "authorization_response_iss_parameter_supported": true,
            "tls_client_certificate_bound_access_tokens": false,
            "frontchannel_logout_supported": false,
            "backchannel_logout_supported": false,
            "pre-authorized_grant_anonymous_access_supported": true,
        });
        assert_eq!(build(&enabled()), expected);
    }

    #[test]
    fn what_is_not_mounted_is_not_advertised() {
        let document = build(&Enabled { issuer: "i".to_owned(), ..Enabled::default() });
        for name in
            ["authorization_endpoint", "jwks_uri", "grant_types_supported", "acr_values_supported"]
        {
            assert!(document.get(name).is_none(), "{name}");
        }
        assert_eq!(document["pre-authorized_grant_anonymous_access_supported"], false);
        let narrow = Enabled { scopes: owned(&["openid"]), ..enabled() };
        let grants = build(&narrow)["grant_types_supported"].to_string();
        assert!(!grants.contains("refresh_token"), "{grants}");
    }
}
