//! Stet: a publishing desk for long, cited articles and the conversations under them.
//!
//! The modules in reading order; `src/README.md` is the map, with "Where is…?", the invariants and the decisions.
#![doc = include_str!("README.md")]

pub mod core;
pub mod urls;

pub mod render;

pub mod db;

pub mod jobs;

pub mod audit;
pub mod mail;
pub mod media;
pub mod settings;

pub mod staff;

pub mod readers;

pub mod references;

pub mod articles;

pub mod notifications;

pub mod moderation;

pub mod comments;

pub mod app;

pub mod web;
pub mod worker;

pub mod boot;
pub mod cli;
pub mod config;
pub mod telemetry;
