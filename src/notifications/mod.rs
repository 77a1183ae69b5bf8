//! Who is told what by mail. Never changes a comment; reads comments and articles through `db::schema`.
//!
//! Every mail is decided twice: when it is queued, and again just before it is sent (`last_look`).

pub mod about;
pub mod approved;
pub mod confirm;
pub mod digest;
pub mod door;
pub mod forget;
pub mod last_look;
pub mod letterhead;
pub mod preferences;
pub mod reply;
pub mod staff_answer;
pub mod staff_link;
pub mod unsubscribe;
