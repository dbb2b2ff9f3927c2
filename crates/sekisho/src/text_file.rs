//! Text files that people wrote. Every file that a command reads as text is read here.

use std::io::{Error, ErrorKind};
use std::path::Path;

use sekisho_ambient::plain_text;

/// Reads a UTF-8 file. The error of another one says what it is.
pub(crate) fn read(path: impl AsRef<Path>) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    match plain_text(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(found) => Err(Error::new(ErrorKind::InvalidData, found)),
    }
}
