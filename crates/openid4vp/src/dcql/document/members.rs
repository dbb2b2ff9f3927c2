//! Reads members of a JSON object by their expected form. Each error names the member's place.

use serde_json::{Map, Value};

use super::DcqlError;

/// An object of the query, and its place there.
pub(super) struct Members<'v> {
    object: &'v Map<String, Value>,
    at: String,
}

/// The elements of an array, each with its place.
pub(super) type Elements<'v> = Vec<(&'v Value, String)>;

impl<'v> Members<'v> {
    pub(super) fn new(value: &'v Value, at: &str) -> Result<Self, DcqlError> {
        let object = value.as_object().ok_or_else(|| malformed(at, "not an object"))?;
        Ok(Self { object, at: at.to_owned() })
    }

    pub(super) fn malformed(&self, name: &str, problem: &str) -> DcqlError {
        malformed(&self.place(name), problem)
    }

    fn place(&self, name: &str) -> String {
        format!("{}.{name}", self.at)
    }

    pub(super) fn member(&self, name: &str) -> Option<&'v Value> {
        self.object.get(name)
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<String>, DcqlError> {
        let read = |value: &Value| match value.as_str() {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(self.malformed(name, "not a string, or empty")),
        };
        self.member(name).map(read).transpose()
    }

    pub(super) fn bool(&self, name: &str) -> Result<Option<bool>, DcqlError> {
        let read =
            |value: &Value| value.as_bool().ok_or_else(|| self.malformed(name, "not a boolean"));
        self.member(name).map(read).transpose()
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, DcqlError> {
        self.member(name).map(|value| Members::new(value, &self.place(name))).transpose()
    }

    /// Reads the array `name`, which must not be empty. `None` if it is absent.
    pub(super) fn array(&self, name: &str) -> Result<Option<Elements<'v>>, DcqlError> {
        self.member(name).map(|value| elements(value, &self.place(name))).transpose()
    }

    pub(super) fn strings(&self, name: &str) -> Result<Option<Vec<String>>, DcqlError> {
        self.member(name).map(|value| strings(value, &self.place(name))).transpose()
    }

    /// Reads `id`: letters, digits, `_` and `-` (sections 6.1 and 6.3).
    pub(super) fn id(&self) -> Result<Option<String>, DcqlError> {
        let id = self.string("id")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match &id {
            Some(text) if !text.chars().all(allowed) => {
                Err(self.malformed("id", "not letters, digits, _ and - only"))
            }
            _ => Ok(id),
        }
    }

    /// Reads lists of ids. Each id has to be in `known`.
    pub(super) fn id_lists(
        &self,
        name: &str,
        known: &[&str],
    ) -> Result<Option<Vec<Vec<String>>>, DcqlError> {
        let Some(lists) = self.array(name)? else { return Ok(None) };
        let lists = lists.iter().map(|(value, at)| {
            let ids = strings(value, at)?;
            match ids.iter().find(|id| !known.contains(&id.as_str())) {
                Some(id) => Err(DcqlError::UnknownId { at: at.clone(), id: id.clone() }),
                None => Ok(ids),
            }
        });
        lists.collect::<Result<_, _>>().map(Some)
    }
}

fn malformed(at: &str, problem: &str) -> DcqlError {
    DcqlError::Malformed { at: at.to_owned(), problem: problem.to_owned() }
}

fn elements<'v>(value: &'v Value, at: &str) -> Result<Elements<'v>, DcqlError> {
    match value.as_array() {
        Some(array) if !array.is_empty() => {
            let place = |(index, value)| (value, format!("{at}[{index}]"));
            Ok(array.iter().enumerate().map(place).collect())
        }
        _ => Err(malformed(at, "not an array, or empty")),
    }
}

/// Reads an array of strings, which must not be empty.
pub(super) fn strings(value: &Value, at: &str) -> Result<Vec<String>, DcqlError> {
    let string = |(value, at): &(&Value, String)| match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(malformed(at, "not a string, or empty")),
    };
    elements(value, at)?.iter().map(string).collect()
}

/// Refuses an id that occurs twice.
pub(super) fn unique<'i>(ids: impl Iterator<Item = &'i str>, at: &str) -> Result<(), DcqlError> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(DcqlError::DuplicateId { at: at.to_owned(), id: id.to_owned() });
        }
    }
    Ok(())
}
