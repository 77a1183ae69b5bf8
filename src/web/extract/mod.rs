//! Parsing at the edge: forms, paths, client addresses, authority. What comes out is typed and within limits.

pub mod authority;
pub mod client_address;
pub mod form;
mod multipart;
pub mod path;
