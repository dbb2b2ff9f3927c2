//! Whether the credentials of one answer belong to one person (OpenID4VP 1.0, section 14.5).
//!
//! Each credential was presented by the holder of its key. That alone does not say that there is
//! one holder, because wallets make a key for each credential, and because two people can answer
//! together. What links two credentials:
//!
//! 1. the same key;
//! 2. the same person as the same issuer knows them: by the member reference in both, by `sub` in
//!    both, or by our own record of whom each was issued to;
//! 3. our own record that one was offered to the holder of the other.
//!
//! Invariant: a name, a birthday or an e-mail address links nothing. Credentials of other issuers
//! are linked only by what they say themselves, never by our records.

use sekisho_credential::vc::VerifiedCredential;
use sekisho_openid4vp::response::VerifiedPresentation;
use sekisho_profile::Code;
use sekisho_profile::types::{self, MEMBER_REF};
use sekisho_standing::Holder;
use serde_json::Value;

use crate::{Logins, WalletRefusal};

/// Something that only credentials of one holder have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    /// The thumbprint of the key to which the credential is bound.
    Key(String),
    /// A person, as an issuer knows them: a keyed digest of the issuer and its reference.
    Person([u8; 32]),
    /// The issuer, and the subject that it names in `sub`.
    Subject(String, String),
}

impl Logins {
    /// Refuses an answer whose credentials are not shown to belong to one person.
    pub(crate) async fn check_holder(
        &self,
        presentation: &VerifiedPresentation,
    ) -> Result<(), WalletRefusal> {
        let mut marks = Vec::new();
        for (type_name, credential) in presentation.credentials() {
            marks.push(self.marks(type_name, credential).await?);
        }
        if are_linked(marks) {
            return Ok(());
        }
        tracing::info!(code = %Code::HoldersNotLinked, "nothing links the credentials of an answer");
        Err(WalletRefusal::Code(Code::HoldersNotLinked))
    }

    async fn marks(
        &self,
        type_name: &str,
        credential: &VerifiedCredential,
    ) -> Result<Vec<Mark>, WalletRefusal> {
        let issuer = credential.issuer();
        let mut marks = vec![Mark::Key(credential.holder_key().thumbprint())];
        let text = |name: &str| {
            let text = credential.claims().get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        if types::rule(type_name, &[MEMBER_REF.to_owned()]).is_some()
            && let Some(member_ref) = text(MEMBER_REF)
        {
            marks.push(Mark::Person(self.site.digests().person(issuer, member_ref)));
        }
        marks.extend(text("sub").map(|sub| Mark::Subject(issuer.to_owned(), sub.to_owned())));
        let holder = self.standing.holder(issuer, credential.status()).await?;
        let persons = holder.iter().flat_map(Holder::persons);
        marks.extend(persons.map(|person| Mark::Person(*person)));
        Ok(marks)
    }
}

/// Whether all credentials, each given by its marks, hang together: each shares a mark with another
/// one that does, beginning with the first.
fn are_linked(mut others: Vec<Vec<Mark>>) -> bool {
    let Some(mut linked) = others.pop() else { return false };
    while let Some(next) =
        others.iter().position(|marks| marks.iter().any(|mark| linked.contains(mark)))
    {
        linked.extend(others.swap_remove(next));
    }
    others.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Mark {
        Mark::Key(name.to_owned())
    }

    fn subject(issuer: &str, sub: &str) -> Mark {
        Mark::Subject(issuer.to_owned(), sub.to_owned())
    }

    #[test]
    fn credentials_are_linked_if_each_shares_a_mark_with_another() {
        let (one, two) = (Mark::Person([1; 32]), Mark::Person([2; 32]));
        for (marks, linked) in [
            (vec![], false),
            (vec![vec![key("a")]], true),
            (vec![vec![key("a")], vec![key("a")]], true),
            (vec![vec![key("a")], vec![key("b")]], false),
            (vec![vec![key("a"), one.clone()], vec![key("b"), one.clone()]], true),
            (vec![vec![key("a"), one.clone()], vec![key("b"), two.clone()]], false),
            (
                vec![
                    vec![key("a"), one.clone()],
                    vec![key("b"), two.clone(), one.clone()],
                    vec![key("b")],
                ],
                true,
            ),
            (vec![vec![key("a"), one.clone()], vec![key("b"), one], vec![key("c"), two]], false),
            (vec![vec![subject("i", "s")], vec![subject("i", "s")]], true),
            (vec![vec![subject("i", "s")], vec![subject("j", "s")]], false),
        ] {
            let reversed: Vec<_> = marks.iter().rev().cloned().collect();
            assert_eq!(are_linked(marks.clone()), linked, "{marks:?}");
            assert_eq!(are_linked(reversed), linked, "reversed {marks:?}");
        }
    }
}
