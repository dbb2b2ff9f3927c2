//! The entries of the table of codes, in the order of the codes.

use super::Code;

/// All codes, in their order.
pub const ALL: &[Code] = &[];
