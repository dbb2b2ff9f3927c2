//! (to come)

pub mod pages;
mod texts;
