//! Everything that knows HTTP: routes, pages, forms.

pub mod assets;
pub mod page;
