//! The job queue: work that happens after a transaction, at least once, on whichever node has room.
//!
//! It names no job kind; `worker.rs` is the list of them.

pub mod job;
pub mod queue;
pub mod run;
