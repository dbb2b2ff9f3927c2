//! (to come)

pub mod codes;
