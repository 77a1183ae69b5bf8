//! People on the team: who they are, how they sign in, what each role may do.

pub mod authority;
pub mod invite;
pub mod link;
pub mod model;
pub mod names;
pub mod password;
pub mod recover;
pub mod roles;
pub mod session;
pub mod setup;
pub mod sign_in;
