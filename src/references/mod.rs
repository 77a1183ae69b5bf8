//! Cited works: what a record holds, how it is read in, shown, checked and stored.
//!
//! `csl`, `formats`, `identifiers`, `lint` and `style` are pure: no database, no HTTP. `store` and `import` keep records.

pub mod csl;
pub mod formats;
pub mod identifiers;
pub mod import;
pub mod lint;
pub mod model;
pub mod store;
pub mod style;
pub mod trust;
