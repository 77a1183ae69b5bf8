//! Comments: reading them in threads, writing, changing and withdrawing them.
//!
//! Invariant, as an absence: nothing here writes `status` of a comment that exists; that is `moderation::decide`.

pub mod answer;
pub mod answers;
pub mod create;
pub mod edit;
pub mod erase;
pub mod helpful;
pub mod intake;
mod known;
pub mod model;
pub mod places;
pub mod preview;
pub mod private_details;
pub mod redraw;
pub mod search;
pub mod standing;
pub mod thread;
pub mod withdraw;
mod write;
