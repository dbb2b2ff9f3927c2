//! The words of the audit log: acts, their outcomes, and the reasons.
//!
//! Invariant: the text of a variant never changes, because it is in written logs. The variant
//! itself may be renamed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Code;

/// Makes an enum. Each variant has a fixed text, which is written to the log.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// All variants.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the text that is written.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// An act that the log records.
    Act {
        /// The policies decided on a request for access.
        AccessDecide = "access.decide",
        /// A certificate authority was made.
        AuthorityCreate = "authority.create",
        /// A relying party was registered.
        ClientAdd = "client.add",
        /// A relying party's registration was changed.
        ClientEdit = "client.edit",
        /// A relying party was moved to another sector.
        ClientMove = "client.move",
        /// A relying party was removed.
        ClientRemove = "client.remove",
        /// A relying party got a new secret.
        ClientRotateSecret = "client.rotate_secret",
        /// A client got access tokens for itself: one entry for each client, resource and minute.
        ClientToken = "client.token",
        /// An authorization code was minted.
        CodeIssue = "code.issue",
        /// A client presented an authorization code.
        CodeRedeem = "code.redeem",
        /// The person refused to release anything.
        ConsentDeny = "consent.deny",
        /// The person agreed, but a credential had meanwhile become invalid.
        ConsentLate = "consent.late",
        /// A credential was issued.
        CredentialIssue = "credential.issue",
        /// A credential was offered.
        CredentialOffer = "credential.offer",
        /// A suspended credential was resumed.
        CredentialResume = "credential.resume",
        /// A credential was revoked.
        CredentialRevoke = "credential.revoke",
        /// A credential was suspended.
        CredentialSuspend = "credential.suspend",
        /// The person agreed to what a device asked for.
        DeviceApprove = "device.approve",
        /// A client presented a device code after the person had answered.
        DeviceRedeem = "device.redeem",
        /// A grant ended, and with it its code, its refresh tokens and its access tokens.
        GrantEnd = "grant.end",
        /// A spare key became active.
        KeyActivate = "key.activate",
        /// An operator declared a key compromised.
        KeyCompromise = "key.compromise",
        /// A key was made.
        KeyCreate = "key.create",
        /// A prepared key was published.
        KeyPublish = "key.publish",
        /// An active key stopped signing.
        KeyRetire = "key.retire",
        /// An operator asked for a rotation.
        KeyRotate = "key.rotate",
        /// A key was removed from every document.
        KeyUnpublish = "key.unpublish",
        /// The person gave up on the login page.
        LoginCancel = "login.cancel",
        /// The person typed a number that was wrong or too late.
        LoginNumber = "login.number",
        /// A login was refused when it was to be completed.
        LoginSettle = "login.settle",
        /// A person got a user name at the first login in a sector.
        NameBind = "name.bind",
        /// An operator took a user name from a person. Nobody gets it again.
        NameRelease = "name.release",
        /// An operator gave a person a user name.
        NameSet = "name.set",
        /// A wallet presented an offer.
        OfferRedeem = "offer.redeem",
        /// An organization was added.
        OrganizationAdd = "organization.add",
        /// A wallet sent a presentation that was verified.
        PresentationAccept = "presentation.accept",
        /// A resource was registered.
        ResourceAdd = "resource.add",
        /// A resource was changed.
        ResourceEdit = "resource.edit",
        /// A resource was removed.
        ResourceRemove = "resource.remove",
        /// A resource got a secret for introspection.
        ResourceSecret = "resource.secret",
        /// A sector was described.
        SectorAdd = "sector.add",
        /// A sector was described anew.
        SectorEdit = "sector.edit",
        /// A session began.
        SessionBegin = "session.begin",
        /// A session ended.
        SessionEnd = "session.end",
        /// A client exchanged an access token for another one.
        TokenExchange = "token.exchange",
        /// A client presented a refresh token.
        TokenRefresh = "token.refresh",
        /// A client revoked an access token.
        TokenRevoke = "token.revoke",
        /// An issuer was trusted.
        TrustAdd = "trust.add",
        /// An issuer is not trusted any more.
        TrustRemove = "trust.remove",
    }
}

impl Act {
    /// Whether the act must succeed on a full disk too, because it ends what should not go on: a
    /// credential, a session, a grant, a key, trust. What a stranger can do is not among these.
    pub const fn must_succeed(self) -> bool {
        matches!(
            self,
            Self::ClientRemove
                | Self::ClientRotateSecret
                | Self::CredentialRevoke
                | Self::CredentialSuspend
                | Self::GrantEnd
                | Self::KeyCompromise
                | Self::SessionEnd
                | Self::TrustRemove
        )
    }
}

words! {
    /// The outcome of an act.
    Outcome {
        /// It was done.
        Done = "done",
        /// It was refused.
        Refused = "refused",
    }
}

/// The reason of a refusal or of an end, where it is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The reason is a code that people are told.
    Code(Code),
    /// An authorization code was presented a second time.
    CodeReplayed,
    /// A device code was presented again after it had been redeemed.
    DeviceCodeReplayed,
    /// A refresh token was presented that had been replaced.
    RefreshReused,
    /// The client revoked the refresh token.
    RevokedByClient,
    /// The person logged out.
    LoggedOut,
    /// The request expects another person than the one who logged in.
    OtherSubject,
    /// The person logged in anew in the same browser.
    SessionReplaced,
    /// The wallet asked for the credential again, so the one before was revoked.
    CredentialReplaced,
    /// A credential of the same offer was changed, so this one was too.
    SameOffer,
    /// An operator ended the session in which the person agreed.
    SessionEnded,
    /// An operator ended it.
    EndedByOperator,
}

impl Reason {
    const FIXED: [Self; 11] = [
        Self::CodeReplayed,
        Self::DeviceCodeReplayed,
        Self::RefreshReused,
        Self::RevokedByClient,
        Self::LoggedOut,
        Self::OtherSubject,
        Self::SessionReplaced,
        Self::CredentialReplaced,
        Self::SameOffer,
        Self::SessionEnded,
        Self::EndedByOperator,
    ];

    /// Returns the text that is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code(code) => code.id(),
            Self::CodeReplayed => "code replayed",
            Self::DeviceCodeReplayed => "device code replayed",
            Self::RefreshReused => "refresh token reused",
            Self::RevokedByClient => "revoked by the client",
            Self::LoggedOut => "logged out",
            Self::OtherSubject => "another subject was expected",
            Self::SessionReplaced => "replaced by another login",
            Self::CredentialReplaced => "replaced by a later request of the wallet",
            Self::SameOffer => "of the same offer",
            Self::SessionEnded => "its session was ended",
            Self::EndedByOperator => "ended by an operator",
        }
    }

    /// Returns the reason whose text is `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        let fixed = Self::FIXED.into_iter().find(|reason| reason.name() == name);
        fixed.or_else(|| Code::from_id(name).map(Self::Code))
    }
}

impl From<Code> for Reason {
    fn from(code: Code) -> Self {
        Self::Code(code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom("an unknown reason"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_text_is_written_for_one_act() {
        let names: BTreeSet<_> = Act::ALL.iter().map(|act| act.name()).collect();
        assert_eq!(names.len(), Act::ALL.len());
        assert!(names.iter().all(|name| name.split('.').count() == 2));
    }

    #[test]
    fn a_reason_is_read_as_it_was_written() {
        let codes = Code::ALL.iter().map(|code| Reason::Code(*code));
        for reason in Reason::FIXED.into_iter().chain(codes) {
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
        assert_eq!(Reason::from_name("something else"), None);
    }
}
