//! Protected resources: the servers that accept our access tokens (RFC 8707, section 2).

use sekisho_profile::lifetimes;

use crate::Registry;

/// A server that accepts our access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its identifier; the audience of its access tokens.
    pub audience: String,
    /// How long an access token for it is valid, in seconds.
    pub lifetime: i64,
    /// The format of its access tokens.
    pub format: TokenFormat,
}

/// The format of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// A random handle. Only this broker can look up what it means.
    Opaque,
}

impl Registry {
    /// Our userinfo endpoint. So far every access token is for it.
    pub fn userinfo(&self) -> Resource {
        Resource {
            audience: self.site.origin().as_str().to_owned(),
            lifetime: lifetimes::ACCESS_TOKEN,
            format: TokenFormat::Opaque,
        }
    }
}
