//! What tests share: a cluster, a database and a site for each test, and a browser without script.
#![allow(dead_code, reason = "shared by two test binaries, each of which uses a part")]

pub mod browser;
pub mod cluster;
pub mod conversation;
pub mod long_run;
pub mod people;
pub mod process;
pub mod scratch;
pub mod site;
pub mod smtp;
