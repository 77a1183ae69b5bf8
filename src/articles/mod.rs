//! Articles: the working copy, the versions, what is public and where it was before.
//!
//! Invariants, as absences: knows nothing of comments; no HTML is made here ([`crate::render`] does); a revision is
//! written once, whole, by [`revisions`] alone; the public state of an article is changed by [`publish`] and, when
//! a cited source changes, by [`sources`].

pub mod changes;
pub mod corrections;
pub mod house;
pub mod index;
pub mod layout;
pub mod links;
pub mod model;
pub mod page;
pub mod publish;
pub mod redraw;
pub mod revisions;
pub mod save;
pub mod search;
pub mod sources;
pub mod terms;
pub mod topics;
