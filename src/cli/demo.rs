//! `stet serve --demo`: the demo site, an invented publication that shows every part of Stet at real size.
//!
//! Its texts, people, readers and sources stand as files in `src/cli/demo/` and are read by [`content`].

pub mod content;
