//! People on the team: who they are, how they sign in, what each role may do.

pub mod authority;
pub mod roles;
