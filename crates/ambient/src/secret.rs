//! A value that is not shown.

use zeroize::{Zeroize, Zeroizing};

/// A value that is neither printed nor serialized, and is overwritten when dropped.
///
/// Invariant: there is no `Debug`, `Display` or `Serialize` for it, so no log line and no answer can
/// contain it by accident.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes `value` into keeping.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Shows the value to code that must have it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}
