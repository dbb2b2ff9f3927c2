//! Names that operators give to entries of the configuration.

use std::collections::BTreeSet;

/// Why a name is refused.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// Two entries have one name.
    #[error("{kind} {name:?} stands twice in the configuration")]
    Twice {
        /// What kind of entry.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A name has characters that no URL, page id or Cedar entity may have.
    #[error("{kind} name {name:?} may have only a-z, 0-9, '-' and '_'")]
    Characters {
        /// What kind of entry.
        kind: &'static str,
        /// Its name.
        name: String,
    },
}

impl NameError {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Twice { name, .. } | Self::Characters { name, .. } => name,
        }
    }
}

/// Checks that each name is plain and stands once.
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
