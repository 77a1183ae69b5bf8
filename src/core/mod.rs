//! The ground everything stands on: no database connection, no HTTP, no settings.

pub mod clock;
pub mod fold;
pub mod ids;
pub mod kept;
pub mod limits;
pub mod live;
pub mod network;
pub mod page_store;
pub mod rng;
pub mod secret;
pub mod status;
pub mod text;
pub mod text_enum;
