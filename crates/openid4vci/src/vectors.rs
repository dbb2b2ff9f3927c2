//! Finds the specification's examples for tests. They are not part of the repository.

use std::path::PathBuf;

/// The folder of examples, or a line that says why the test is skipped.
pub(crate) fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("SEKISHO_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    let folder = root.join("openid4vci");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no vectors in {} (set SEKISHO_VECTORS)", folder.display());
    None
}
