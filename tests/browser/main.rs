//! Journeys in a real Chromium, one binary. It is found by itself; `STET_SKIP_BROWSER=1` leaves these tests out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::format_collect,
    clippy::match_same_arms,
    clippy::large_futures,
    clippy::zombie_processes,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::wrong_self_convention,
    reason = "a test may fail loudly"
)]
#![allow(missing_docs, reason = "the names of tests say it")]

#[path = "../it/support/mod.rs"]
mod support;

mod checks;
mod demo_pages;
mod desk_pages;
mod driver;
mod hostile;
mod journeys;
mod look;
mod plain_pages;
mod privacy_pages;
mod reader_life;
mod reader_script;
mod skipped;
