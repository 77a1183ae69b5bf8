//! Cited works: what a record holds, how it is read in, shown, checked and stored.
//!
//! `csl`, `evidence`, `formats`, `identifiers`, `lint`, `merge` and `style` are pure: no database, no HTTP. `store` and
//! `import` keep records, `judge` goes over all of them.

pub mod csl;
pub mod evidence;
pub mod formats;
pub mod identifiers;
pub mod import;
pub mod judge;
pub mod lint;
pub mod merge;
pub mod model;
pub mod store;
pub mod style;
pub mod trust;
