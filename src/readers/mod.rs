//! Readers: addresses as typed, the people who proved one, the browsers they write from.
//!
//! Facts shown to staff follow the address; trust, edit rights and subscriptions follow the reader, who exists
//! only once an address was confirmed by a link in a mail (decisions 10). A typed address proves nothing.

pub mod bounce;
pub mod browser;
pub mod confirm;
pub mod data;
pub mod door;
pub mod erase;
pub mod model;
pub mod subscriptions;
pub mod trust;
