//! The desk: what people on the team see and do.

pub mod account;
pub mod articles;
pub mod audit;
pub mod comment_settings;
pub mod comments;
pub mod editor;
pub mod frame;
pub mod links;
pub mod outbox;
pub mod people;
pub mod pins;
pub mod references;
pub mod revisions;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod source_settings;
pub mod today;
