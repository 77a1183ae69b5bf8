//! Text that people wrote, made into HTML that is safe to send.
//!
//! There are two grammars and two profiles: articles ([`markdown`]) and comments ([`comment_markup`]). Both
//! parse with one parser ([`parse`]) under limits on input, nesting, steps and output, write their own HTML, and
//! end in [`sanitize`], which alone can make a [`sanitize::SanitizedHtml`]. Nothing edits HTML after that.
//!
//! Invariants, as absences: no database, no HTTP, no clock, no settings. What an article cites or shows is asked
//! of the caller through [`markdown::Resolve`]; what is wrong with a text comes back as [`finding::Finding`]s
//! with a line, never as a log entry.
//!
//! A change of what is written for an unchanged text raises [`markdown::RENDERER_VERSION`], which stands
//! beside every stored text; `worker/redraw.rs` draws older ones again (requirements D1).

pub mod citations;
pub mod comment_markup;
pub mod containers;
pub mod diff;
pub mod finding;
pub mod html;
pub mod markdown;
pub mod outline;
pub mod parse;
pub mod plain;
pub mod sanitize;
pub mod tables;
