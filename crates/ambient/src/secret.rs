//! A wrapper for values that must not appear in logs or answers.

use zeroize::{Zeroize, Zeroizing};

/// A value that is neither printed nor serialized, and is overwritten when dropped.
///
/// Invariant: there is no `Debug`, `Display` or `Serialize` for it, so no log line and no answer can
/// contain it by accident.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Returns the value, for code that needs it in clear.
    pub fn expose(&self) -> &T {
        &self.0
    }
}
