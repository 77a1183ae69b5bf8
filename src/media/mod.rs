//! Pictures of articles: files kept once by their content, and their records.
//!
//! Only SVG so far: a photograph must be decoded and made again in several sizes before it may be shown
//! (requirements: location data, bombs), which needs a decoder this version does not have.

pub mod model;
pub mod store;
pub mod svg;
pub mod upload;
