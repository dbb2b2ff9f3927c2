//! Paths, each once: the router, the documents and every URL are made from them.
//!
//! A name in braces stands for one segment, as routers write it; [`fill`] puts a value there.

/// Authorization endpoint.
pub const AUTHORIZE: &str = "/authorize";
/// A login's page.
pub const LOGIN: &str = "/login/{login}";
/// Where a wallet on the same device sends the browser.
pub const COMPLETE: &str = "/login/{login}/complete";
/// Where the number is typed.
pub const NUMBER: &str = "/login/{login}/number";
/// Where the person gives up.
pub const CANCEL: &str = "/login/{login}/cancel";
/// Where a new QR code is asked for.
pub const RENEW: &str = "/login/{login}/renew";
/// Where a wallet on another device sends its browser.
pub const PHONE: &str = "/login/{login}/phone";
/// A login's consent page.
pub const CONSENT: &str = "/consent/{login}";
/// A presentation request.
pub const REQUEST: &str = "/request/{request}";
/// A wallet's answer.
pub const RESPONSE: &str = "/response/{request}";
/// Token endpoint.
pub const TOKEN: &str = "/token";
/// Introspection endpoint.
pub const INTROSPECT: &str = "/introspect";
/// Revocation endpoint.
pub const REVOKE: &str = "/revoke";
/// Logout endpoint.
pub const LOGOUT: &str = "/logout";
/// The question whether to log out.
pub const LOGOUT_CONFIRM: &str = "/logout/confirm";
/// Shown after logging out.
pub const LOGOUT_DONE: &str = "/logout/done";
/// Userinfo endpoint.
pub const USERINFO: &str = "/userinfo";
/// Keys of ID tokens.
pub const JWKS: &str = "/jwks";
/// Discovery (OpenID Connect).
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// Discovery (RFC 8414).
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The broker's DID document.
pub const DID: &str = "/.well-known/did.json";
/// An organization's DID document.
pub const ORG_DID: &str = "/orgs/{org}/did.json";
/// Issuer metadata, the well-known part inserted before the path.
pub const ISSUER: &str = "/.well-known/openid-credential-issuer/orgs/{org}";
/// The same, appended to the path, where some wallets look.
pub const ISSUER_APPENDED: &str = "/orgs/{org}/.well-known/openid-credential-issuer";
/// JWT VC Issuer Metadata.
pub const JWT_VC_ISSUER: &str = "/.well-known/jwt-vc-issuer/orgs/{org}";
/// A status list.
pub const STATUS_LIST: &str = "/orgs/{org}/status/{list}";
/// Nonce endpoint of an organization.
pub const NONCE: &str = "/orgs/{org}/nonce";
/// Credential endpoint of an organization.
pub const CREDENTIAL: &str = "/orgs/{org}/credential";
/// An offer by reference.
pub const OFFER: &str = "/offers/{link}";
/// Type metadata.
pub const TYPE: &str = "/types/{name}/{major}";

/// The path of `template` with `values` in the places of its names, in their order.
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

/// The page of a login.
pub fn login(login: &str) -> String {
    fill(LOGIN, &[login])
}

/// The consent page of a login.
pub fn consent(login: &str) -> String {
    fill(CONSENT, &[login])
}

/// What all URLs of an organization begin with.
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
