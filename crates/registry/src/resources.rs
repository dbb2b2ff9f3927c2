//! Protected resources: whom access tokens are for (RFC 8707, section 2).

use sekisho_profile::lifetimes;

use crate::Registry;

/// A service that takes our access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its identifier, which is the audience of its tokens.
    pub audience: String,
    /// Seconds for which one of its tokens is good.
    pub lifetime: i64,
    /// How its tokens are written.
    pub format: TokenFormat,
}

/// How an access token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// A random handle, which says something to us alone.
    Opaque,
}

impl Registry {
    /// The userinfo endpoint, the resource of every access token so far.
    pub fn userinfo(&self) -> Resource {
        Resource {
            audience: self.site.origin().as_str().to_owned(),
            lifetime: lifetimes::ACCESS_TOKEN,
            format: TokenFormat::Opaque,
        }
    }
}
