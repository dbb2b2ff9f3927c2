//! Paths, each once: the router, the documents and the tests agree on them.

/// Authorization endpoint.
pub(crate) const AUTHORIZE: &str = "/authorize";
/// A login's page.
pub(crate) const LOGIN: &str = "/login/{login}";
/// Where a wallet on the same device sends the browser.
pub(crate) const COMPLETE: &str = "/login/{login}/complete";
/// Where the number is typed.
pub(crate) const NUMBER: &str = "/login/{login}/number";
/// Where the person gives up.
pub(crate) const CANCEL: &str = "/login/{login}/cancel";
/// Where a new QR code is asked for.
pub(crate) const RENEW: &str = "/login/{login}/renew";
/// Where a wallet on another device sends its browser.
pub(crate) const PHONE: &str = "/login/{login}/phone";
/// A login's consent page.
pub(crate) const CONSENT: &str = "/consent/{login}";
/// A presentation request.
pub(crate) const REQUEST: &str = "/request/{request}";
/// A wallet's answer.
pub(crate) const RESPONSE: &str = "/response/{request}";
/// Token endpoint.
pub(crate) const TOKEN: &str = "/token";
/// Introspection endpoint.
pub(crate) const INTROSPECT: &str = "/introspect";
/// Revocation endpoint.
pub(crate) const REVOKE: &str = "/revoke";
/// Logout endpoint.
pub(crate) const LOGOUT: &str = "/logout";
/// The question whether to log out.
pub(crate) const LOGOUT_CONFIRM: &str = "/logout/confirm";
/// Shown after logging out.
pub(crate) const LOGOUT_DONE: &str = "/logout/done";
/// Userinfo endpoint.
pub(crate) const USERINFO: &str = "/userinfo";
/// Keys of ID tokens.
pub(crate) const JWKS: &str = "/jwks";
/// Discovery (OpenID Connect).
pub(crate) const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// Discovery (RFC 8414).
pub(crate) const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The broker's DID document.
pub(crate) const DID: &str = "/.well-known/did.json";
/// An organization's DID document.
pub(crate) const ORG_DID: &str = "/orgs/{org}/did.json";
/// Issuer metadata, the well-known part inserted before the path.
pub(crate) const ISSUER: &str = "/.well-known/openid-credential-issuer/orgs/{org}";
/// The same, appended to the path, where some wallets look.
pub(crate) const ISSUER_APPENDED: &str = "/orgs/{org}/.well-known/openid-credential-issuer";
/// JWT VC Issuer Metadata.
pub(crate) const JWT_VC_ISSUER: &str = "/.well-known/jwt-vc-issuer/orgs/{org}";
/// A status list.
pub(crate) const STATUS_LIST: &str = "/orgs/{org}/status/{list}";
/// Nonce endpoint of an organization.
pub(crate) const NONCE: &str = "/orgs/{org}/nonce";
/// Credential endpoint of an organization.
pub(crate) const CREDENTIAL: &str = "/orgs/{org}/credential";
/// An offer by reference.
pub(crate) const OFFER: &str = "/offers/{link}";
/// Type metadata.
pub(crate) const TYPE: &str = "/types/{name}/{major}";
