//! The rules, one a file. Each says nothing, or what it does to the comment and why, in the words of the desk.

pub mod after_removal;
pub mod everything;
pub mod first_time;
pub mod flood;
pub mod links;
pub mod same_text;
pub mod speed;
pub mod throwaway;
pub mod trap;
pub mod words;
