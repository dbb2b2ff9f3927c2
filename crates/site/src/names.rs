//! Checks the names that operators give to entries of the configuration.

use std::collections::BTreeSet;

/// The reason why a name is refused.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// Two entries have the same name.
    #[error("{kind} {name:?} stands twice in the configuration")]
    Twice {
        /// The kind of the entries, for the message.
        kind: &'static str,
        /// The name of the entries.
        name: String,
    },
    /// The name has characters that are not allowed in a URL, page id or Cedar entity.
    #[error("{kind} name {name:?} may have only a-z, 0-9, '-' and '_'")]
    Characters {
        /// The kind of the entry, for the message.
        kind: &'static str,
        /// The name of the entry.
        name: String,
    },
}

impl NameError {
    /// Returns the refused name.
    pub fn name(&self) -> &str {
        match self {
            Self::Twice { name, .. } | Self::Characters { name, .. } => name,
        }
    }
}

/// Checks that each name has only allowed characters and occurs once.
pub fn check_names<'n>(
    kind: &'static str,
    names: impl Iterator<Item = &'n str>,
) -> Result<(), NameError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(NameError::Characters { kind, name: name.to_owned() });
        }
        if !seen.insert(name) {
            return Err(NameError::Twice { kind, name: name.to_owned() });
        }
    }
    Ok(())
}
