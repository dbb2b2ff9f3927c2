//! All URL paths, each defined once. The router, the documents and every URL are made from them.
//!
//! A name in braces stands for one path segment, as routers write it; [`fill`] replaces it with a
//! value.

/// Authorization endpoint.
pub const AUTHORIZE: &str = "/authorize";
/// The page of a login.
pub const LOGIN: &str = "/login/{login}";
/// A wallet on the same device sends the browser here.
pub const COMPLETE: &str = "/login/{login}/complete";
/// The form for the number is sent here.
pub const NUMBER: &str = "/login/{login}/number";
/// The person cancels the login here.
pub const CANCEL: &str = "/login/{login}/cancel";
/// The page asks for a new QR code here.
pub const RENEW: &str = "/login/{login}/renew";
/// A wallet on another device sends its own browser here.
pub const PHONE: &str = "/login/{login}/phone";
/// A wallet on another device sends its own browser here after it declined.
pub const PHONE_DECLINED: &str = "/login/{login}/phone/declined";
/// The consent page of a login.
pub const CONSENT: &str = "/consent/{login}";
/// A wallet fetches a presentation request here (`request_uri`).
pub const REQUEST: &str = "/request/{request}";
/// A wallet sends its answer here (`response_uri`).
pub const RESPONSE: &str = "/response/{request}";
/// Token endpoint.
pub const TOKEN: &str = "/token";
/// Device authorization endpoint.
pub const DEVICE_AUTHORIZATION: &str = "/device_authorization";
/// The page on which a person types the code of a device.
pub const DEVICE: &str = "/device";
/// Introspection endpoint.
pub const INTROSPECT: &str = "/introspect";
/// Revocation endpoint.
pub const REVOKE: &str = "/revoke";
/// Logout endpoint.
pub const LOGOUT: &str = "/logout";
/// The page that asks whether to log out.
pub const LOGOUT_CONFIRM: &str = "/logout/confirm";
/// The page that is shown after logging out.
pub const LOGOUT_DONE: &str = "/logout/done";
/// A reverse proxy asks here whether a request may pass.
pub const FORWARD_AUTH: &str = "/access/v1/forward-auth";
/// Begins a login at a guarded origin. Its proxy passes on to here what is below `/.sekisho/`.
pub const GUARD_LOGIN: &str = "/.sekisho/login";
/// A login at a guarded origin ends here: the redirect URI of its client.
pub const GUARD_CALLBACK: &str = "/.sekisho/callback";
/// Ends the session at a guarded origin.
pub const GUARD_LOGOUT: &str = "/.sekisho/logout";
/// The protected resource metadata of a guarded origin (RFC 9728).
pub const GUARD_METADATA: &str = "/.sekisho/oauth-protected-resource";
/// Userinfo endpoint.
pub const USERINFO: &str = "/userinfo";
/// The public keys that verify ID tokens (`jwks_uri`).
pub const JWKS: &str = "/jwks";
/// The public keys that verify access tokens for one resource: its id, then `.json`.
pub const RESOURCE_JWKS: &str = "/jwks/{resource}";
/// The discovery document of OpenID Connect.
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// The discovery document of RFC 8414.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The broker's DID document.
pub const DID: &str = "/.well-known/did.json";
/// An organization's DID document.
pub const ORG_DID: &str = "/orgs/{org}/did.json";
/// The metadata of a credential issuer. The well-known part comes before the path.
pub const ISSUER: &str = "/.well-known/openid-credential-issuer/orgs/{org}";
/// The same metadata with the well-known part after the path, where some wallets look.
pub const ISSUER_APPENDED: &str = "/orgs/{org}/.well-known/openid-credential-issuer";
/// The JWT VC Issuer Metadata of an organization.
pub const JWT_VC_ISSUER: &str = "/.well-known/jwt-vc-issuer/orgs/{org}";
/// A signed status list of an organization.
pub const STATUS_LIST: &str = "/orgs/{org}/status/{list}";
/// Nonce endpoint of an organization.
pub const NONCE: &str = "/orgs/{org}/nonce";
/// Credential endpoint of an organization.
pub const CREDENTIAL: &str = "/orgs/{org}/credential";
/// A wallet fetches a credential offer here.
pub const OFFER: &str = "/offers/{link}";
/// The metadata of a credential type.
pub const TYPE: &str = "/types/{name}/{major}";

/// Returns the path of `template`, in which the names are replaced with `values` in their order.
///
/// Values are handles and numbers, which need no escape in a path.
pub fn fill(template: &str, values: &[&str]) -> String {
    let mut out = String::new();
    let mut rest = template;
    let mut values = values.iter();
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str(values.next().copied().unwrap_or_default());
        rest = after.split_once('}').map_or("", |(_, tail)| tail);
    }
    out.push_str(rest);
    out
}

/// Returns the path of a login's page.
pub fn login(login: &str) -> String {
    fill(LOGIN, &[login])
}

/// Returns the path of a login's consent page.
pub fn consent(login: &str) -> String {
    fill(CONSENT, &[login])
}

/// Returns the path of the keys of a resource.
pub fn resource_jwks(id: &str) -> String {
    fill(RESOURCE_JWKS, &[&format!("{id}.json")])
}

/// Returns the path with which all URLs of an organization begin.
pub fn organization(corporate_number: &str) -> String {
    fill("/orgs/{org}", &[corporate_number])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_filled_in_its_turn() {
        assert_eq!(fill(STATUS_LIST, &["790", "3"]), "/orgs/790/status/3");
        assert_eq!(fill(TOKEN, &[]), "/token");
        assert_eq!(login("x"), "/login/x");
    }
}
