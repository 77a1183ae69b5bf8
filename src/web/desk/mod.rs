//! The desk: what people on the team see and do.

pub mod account;
pub mod audit;
pub mod frame;
pub mod links;
pub mod people;
pub mod setup;
pub mod sign_in;
pub mod today;
