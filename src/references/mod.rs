//! Cited works: what a record holds, how it is read in, shown and checked.
//!
//! The files here are pure: no database, no HTTP. Looking works up and storing them is written beside them.

pub mod csl;
pub mod formats;
pub mod identifiers;
pub mod lint;
pub mod style;
