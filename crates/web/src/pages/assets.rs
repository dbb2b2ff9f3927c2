//! The style sheet and the script of the pages, under paths that contain their content's hash.

/// Path, content type and body of every file that the pages load.
pub const ASSETS: &[(&str, &str, &str)] = &[];
