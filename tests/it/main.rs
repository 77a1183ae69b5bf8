//! The integration tests, one binary: each further one would link the whole library again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod private_postgres;
