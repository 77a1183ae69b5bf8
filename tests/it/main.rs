//! The integration tests, one binary: each further one would link the whole library again.
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

mod support;

mod access;
mod articles;
mod coherence;
mod comments;
mod data;
mod demo;
mod edge;
mod endurance;
mod erase;
mod following;
mod hostile;
mod impostors;
mod jobs;
mod live;
mod logs;
mod mail;
mod migrations;
mod moderation;
mod pages;
mod pins;
mod private_postgres;
mod redraw;
mod reports;
mod search;
mod staff;
mod standing;
mod threads;
mod votes;
