//! Mail: the outbox, the messages made from it, and the way out.
//!
//! Nothing here is called inside a request except to queue a mail or to look at the outbox.

pub mod breaker;
pub mod events;
pub mod message;
pub mod outbox;
pub mod send;
pub mod transport;
