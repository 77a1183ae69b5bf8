//! Moderation: what the rules say of a comment, what people decide, and the lists they work through.
//!
//! Invariants, as absences: it never imports `comments` (it reads the rows through `db::schema`), and no other
//! module writes a comment's `status` after it was inserted: [`decide`] is the only writer.

pub mod bulk;
pub mod decide;
pub mod facts;
pub mod model;
pub mod pin;
pub mod policy;
pub mod queue;
pub mod report;
pub mod rules;
pub mod screen;
pub mod waiting;
pub mod word_lists;
