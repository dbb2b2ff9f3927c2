//! What operators see of grants, and how they end them.

use sekisho_ambient::{HandleKey, Timestamp};
use sekisho_profile::Reason;
use sekisho_site::Page;
use sekisho_site::audit::{Actor, short};
use sekisho_store::{StoreError, Tx};

use crate::grant::{End, live_in};
use crate::{Grant, Grants, tables};

/// Which grants are listed. A member that is absent selects nothing.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// Those of this client.
    pub client: Option<String>,
    /// Those of this person, by the digest that the audit log has.
    pub person: Option<String>,
    /// Those with this subject.
    pub subject: Option<String>,
    /// Those of the session with this `sid`.
    pub sid: Option<String>,
    /// Also those that have ended.
    pub ended: bool,
}

impl Which {
    fn selects(&self, grant: &Grant) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        (self.ended || grant.ended.is_none())
            && is(&self.client, &grant.client_id)
            && is(&self.person, &short(&grant.evidence.person))
            && is(&self.subject, &grant.sub)
            && is(&self.sid, &grant.sid)
    }
}

impl Grants {
    /// A page of the grants that `which` selects, in the order in which they expire.
    pub async fn page(
        &self,
        which: &Which,
        after: Option<HandleKey>,
        limit: usize,
    ) -> Result<Page<Grant>, StoreError> {
        self.site.page::<tables::Grants>(after, limit, |_, grant| which.selects(grant)).await
    }

    /// All grants that `which` selects.
    pub async fn all(&self, which: &Which) -> Result<Vec<(HandleKey, Grant)>, StoreError> {
        self.site.all::<tables::Grants>(|_, grant| which.selects(grant)).await
    }

    /// The living grants with this name in the audit log. A name belongs to one grant, unless
    /// somebody has computed two that have the same.
    pub async fn named(&self, reference: &str) -> Result<Vec<(HandleKey, Grant)>, StoreError> {
        let named =
            |key: &HandleKey, grant: &Grant| grant.ended.is_none() && key.reference() == reference;
        self.site.all::<tables::Grants>(named).await
    }

    /// Ends a grant for an operator, whose change is its entry in the audit log. Returns `false` if
    /// it has ended already.
    pub fn end_told_in(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        end_as(tx, key, &End::OnRecord, now)
    }

    /// Ends a grant because an operator ended the session in which the person agreed. Returns
    /// `false` if it has ended already.
    pub fn end_with_session_in(
        &self,
        tx: &mut Tx,
        key: &HandleKey,
        operator: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let end = End::Because(Reason::SessionEnded, operator.clone());
        end_as(tx, key, &end, now)
    }
}

fn end_as(tx: &mut Tx, key: &HandleKey, end: &End<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let Some(grant) = live_in(tx, key)? else { return Ok(false) };
    grant.end_in(tx, key, end, now)?;
    Ok(true)
}
