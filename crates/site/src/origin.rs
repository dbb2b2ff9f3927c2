//! The broker's origin, and the URLs that are derived from it.

use sekisho_ambient::Handle;
use url::Url;

use crate::paths;

/// The text is not an origin.
#[derive(Debug, thiserror::Error)]
#[error("origin {0:?} is not an https origin (http is for loopback hosts only): {1}")]
pub struct OriginError(String, &'static str);

impl OriginError {
    /// Returns the refused text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The origin of a broker: scheme, host and port, without a path. A broker has only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    host: String,
    authority: String,
    port: Option<u16>,
    secure: bool,
}

impl Origin {
    /// Reads an origin such as `https://auth.example.jp` or `http://localhost:8080`.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let refuse = |why| OriginError(text.to_owned(), why);
        let url = Url::parse(text).map_err(|_| refuse("not a URL"))?;
        let host = url.host_str().ok_or_else(|| refuse("no host"))?.to_owned();
        let secure = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&host) => false,
            "http" => return Err(refuse("http on a host that is not loopback")),
            _ => return Err(refuse("unknown scheme")),
        };
        let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let canonical = format!("{}://{authority}", url.scheme());
        if canonical != text {
            return Err(refuse(
                "write it as scheme://host[:port], without a path or a default port",
            ));
        }
        Ok(Self { text: canonical, host, authority, port: url.port(), secure })
    }

    /// Returns the origin as text, such as `https://auth.example.jp`. It is also the issuer
    /// identifier.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the host without its port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, if the origin names one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns host and port in the form of a Host header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether the origin is https. Cookies are then `Secure` and named `__Host-…`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the host is the machine itself, such as `localhost`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Returns a URL below the origin. `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Returns the credential issuer identifier of the organization with this corporate number.
    pub fn organization(&self, corporate_number: &str) -> String {
        self.join(&paths::organization(corporate_number))
    }

    /// Returns the corporate number of the organization whose credential issuer identifier this is;
    /// `None` if it is not one of ours.
    pub fn organization_of<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let number = issuer.rsplit('/').next()?;
        (self.organization(number) == issuer).then_some(number)
    }

    /// Returns the credential endpoint of an organization.
    pub fn credential_endpoint(&self, corporate_number: &str) -> String {
        self.join(&paths::fill(paths::CREDENTIAL, &[corporate_number]))
    }

    /// Returns the nonce endpoint of an organization.
    pub fn nonce_endpoint(&self, corporate_number: &str) -> String {
        self.join(&paths::fill(paths::NONCE, &[corporate_number]))
    }

    /// Returns the URL of a status list of an organization.
    pub fn status_list(&self, corporate_number: &str, number: u64) -> String {
        self.join(&paths::fill(paths::STATUS_LIST, &[corporate_number, &number.to_string()]))
    }

    /// Returns the URL of a credential offer.
    pub fn offer(&self, link: &Handle) -> String {
        self.join(&paths::fill(paths::OFFER, &[link.expose()]))
    }

    /// Returns the URL of a presentation request (`request_uri`).
    pub fn request(&self, request: &str) -> String {
        self.join(&paths::fill(paths::REQUEST, &[request]))
    }

    /// Returns the URL to which the wallet sends its answer (`response_uri`).
    pub fn response(&self, request: &str) -> String {
        self.join(&paths::fill(paths::RESPONSE, &[request]))
    }

    /// Returns the URL of a login's page.
    pub fn login(&self, login: &str) -> String {
        self.join(&paths::login(login))
    }

    /// Returns the URL to which a wallet sends the browser of its own device.
    pub fn complete(&self, login: &str, response_code: &Handle) -> String {
        self.with_code(paths::COMPLETE, login, response_code)
    }

    /// Returns the URL to which a wallet on another device sends its own browser.
    pub fn phone(&self, login: &str, response_code: &Handle) -> String {
        self.with_code(paths::PHONE, login, response_code)
    }

    /// Returns the URL to which a wallet on another device sends its own browser after it declined.
    pub fn phone_declined(&self, login: &str) -> String {
        self.join(&paths::fill(paths::PHONE_DECLINED, &[login]))
    }

    fn with_code(&self, template: &str, login: &str, response_code: &Handle) -> String {
        let path = paths::fill(template, &[login]);
        self.join(&format!("{path}?response_code={}", response_code.expose()))
    }
}

/// Whether `host` is this machine itself.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host == "127.0.0.1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_or_loopback_and_nothing_more() {
        for good in ["https://auth.example.jp", "http://localhost:8080", "http://127.0.0.1:1"] {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "http://auth.example.jp",
            "https://auth.example.jp/",
            "https://auth.example.jp:443",
            "https://auth.example.jp/path",
            "https://user@auth.example.jp",
            "https://AUTH.example.jp",
            "ftp://localhost",
            "localhost",
            "http://localhost.evil.test",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_stand_below_the_origin() {
        let origin = Origin::parse("https://auth.example.jp").unwrap();
        let number = "7900000000002";
        for (url, path) in [
            (origin.organization(number), "/orgs/7900000000002"),
            (origin.credential_endpoint(number), "/orgs/7900000000002/credential"),
            (origin.nonce_endpoint(number), "/orgs/7900000000002/nonce"),
            (origin.status_list(number, 3), "/orgs/7900000000002/status/3"),
            (origin.request("r"), "/request/r"),
            (origin.login("l"), "/login/l"),
        ] {
            assert_eq!(url, format!("https://auth.example.jp{path}"));
        }
    }
}
