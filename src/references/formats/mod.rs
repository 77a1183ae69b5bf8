//! Reading records from files, one format a file.

pub mod csl_json;
