//! Grants, by their names in `grant_type` (RFC 6749, 1.3; RFC 8628, 3.4; RFC 8693, 2.1; OpenID4VCI
//! 1.0, 4.1.1), and which of them a client registers (RFC 7591, 2).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A grant, used by the checks, the registration and the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrantType {
    /// An authorization code (RFC 6749, 4.1).
    AuthorizationCode,
    /// A refresh token (RFC 6749, 6).
    RefreshToken,
    /// The client's own credentials (RFC 6749, 4.4).
    ClientCredentials,
    /// A device code (RFC 8628, 3.4).
    DeviceCode,
    /// A token for another token (RFC 8693, 2.1).
    TokenExchange,
    /// A pre-authorized code (OpenID4VCI 1.0, 4.1.1). It belongs to an offer, not to a client.
    PreAuthorizedCode,
}

impl GrantType {
    /// Every grant that has a name here.
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::PreAuthorizedCode,
        Self::ClientCredentials,
        Self::TokenExchange,
        Self::DeviceCode,
    ];

    /// The grants that a client can be registered for.
    pub const REGISTRABLE: [Self; 5] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::TokenExchange,
    ];

    /// The grants of a client whose registration names none. Refresh tokens still need the scope
    /// `offline_access`.
    pub fn of_a_login() -> Vec<Self> {
        vec![Self::AuthorizationCode, Self::RefreshToken]
    }

    /// The grant as sent in `grant_type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::PreAuthorizedCode => "urn:ietf:params:oauth:grant-type:pre-authorized_code",
        }
    }

    /// The grant as operators write it.
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::DeviceCode => "device_code",
            Self::TokenExchange => "token_exchange",
            other => other.name(),
        }
    }

    /// The grant that an operator means, by either name; `None` if a client cannot be registered
    /// for it.
    pub fn registrable(name: &str) -> Option<Self> {
        let is = |grant: &Self| grant.name() == name || grant.short_name() == name;
        Self::REGISTRABLE.into_iter().find(is)
    }
}

impl Serialize for GrantType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for GrantType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::registrable(&name).ok_or_else(|| D::Error::custom(UnknownGrant))
    }
}

/// The name of a grant is not one that a client can be registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a grant is authorization_code, refresh_token, client_credentials, device_code or token_exchange"
)]
pub struct UnknownGrant;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_by_either_name_and_written_by_its_own() {
        for grant in GrantType::REGISTRABLE {
            assert_eq!(GrantType::registrable(grant.name()), Some(grant));
            assert_eq!(GrantType::registrable(grant.short_name()), Some(grant));
            let written = serde_json::to_string(&grant).unwrap();
            assert_eq!(written, format!("\"{}\"", grant.name()));
            assert_eq!(serde_json::from_str::<GrantType>(&written).unwrap(), grant);
        }
        for other in ["", "implicit", "password", "Authorization_Code", "pre-authorized_code"] {
            assert_eq!(GrantType::registrable(other), None, "{other}");
        }
        assert_eq!(GrantType::registrable(GrantType::PreAuthorizedCode.name()), None);
    }
}
