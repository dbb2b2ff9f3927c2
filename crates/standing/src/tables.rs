//! The tables that this crate owns.

use sekisho_ambient::Timestamp;
use sekisho_credential::status::Status;
use sekisho_store::table;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Relied;
use crate::holders::Holder;

table!(/// Status lists: issuer's corporate number and number of the list → its size and version.
    pub(crate) StatusLists = "status_lists_1": (String, u64) => StatusListRow);
table!(/// Allocated status entries: `{corporate number}/{list}` and index → value and credential.
    /// A row is never deleted, so that no index is given twice.
    pub(crate) StatusEntries = "status_entries_1": (String, u64) => StatusEntry);
table!(/// Links of holders: `{corporate number}/{list}` and index of a credential's entry → the persons
    /// that its holder is.
    pub(crate) Holders = "holders_1": (String, u64) => Holder);

/// A status list of an organization. It belongs to one credential key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StatusListRow {
    /// Number of entries, allocated or not.
    pub(crate) size: u64,
    /// Number of entries that are taken, by credentials and by decoys.
    pub(crate) allocated: u64,
    /// Grows by one with every change of an entry.
    pub(crate) version: u64,
    /// The `kid` of the credential key to which the list belongs: it signs the credentials that have
    /// an entry here, and it signs the list. `None` in a row of an earlier version, until
    /// `Standing::adopt_lists` gives the list to a key.
    #[serde(default)]
    pub(crate) kid: Option<String>,
    /// When the last credential ends that has an entry here; 1970 while there is none. `None` in a
    /// list of an earlier version, which did not write it down.
    #[serde(default)]
    pub(crate) ends: Option<Timestamp>,
}

/// One allocated entry of a status list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StatusEntry {
    /// The status; only its number is stored.
    #[serde(rename = "value", serialize_with = "write_value", deserialize_with = "read_value")]
    pub(crate) status: Status,
    /// The id of the credential; empty for a decoy.
    pub(crate) credential: String,
    /// What the credential is. `None` for a decoy, and for an entry of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bearer: Option<Bearer>,
}

/// What tells the credential of an entry from the credentials of other entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bearer {
    /// The name of its type.
    pub(crate) type_name: String,
    /// RFC 7638 thumbprint of its holder's key.
    pub(crate) holder: String,
}

impl StatusEntry {
    /// An entry that belongs to no credential and looks revoked.
    pub(crate) fn decoy() -> Self {
        Self { status: Status::Invalid, credential: String::new(), bearer: None }
    }

    /// Whether this can be the entry of that credential. What is not known of one of them, because an
    /// earlier version wrote it, is not compared.
    pub(crate) fn is_of(&self, credential: &Relied) -> bool {
        let (Some(bearer), Some(holder)) = (&self.bearer, &credential.holder) else { return true };
        bearer.type_name == credential.type_name && bearer.holder == *holder
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn write_value<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(status.value())
}

fn read_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
    u8::deserialize(deserializer).map(Status::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_stored_as_its_value() {
        let credential = "c".to_owned();
        let entry = StatusEntry { status: Status::Suspended, credential, bearer: None };
        let stored = serde_json::to_string(&entry).unwrap();
        assert_eq!(stored, r#"{"value":2,"credential":"c"}"#);
        assert_eq!(serde_json::from_str::<StatusEntry>(&stored).unwrap().status, entry.status);
    }
}
