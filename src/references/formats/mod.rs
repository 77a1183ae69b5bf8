//! Files of references: told apart by content, read entry by entry, and written.

pub mod bibtex;
pub mod csl_json;
pub mod latex;
pub mod nbib;
pub mod parts;
pub mod read;
pub mod ris;
