//! A picture's record.

use diesel::prelude::*;

use crate::core::ids::MediaId;
use crate::db::schema::media;

/// A picture: where its bytes are and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = media)]
pub struct Media {
    /// Its id: `media:ID` in texts.
    pub id: MediaId,
    /// SHA-256 of its bytes in hex: where the store keeps them.
    pub hash: String,
    /// File name: small letters, digits, dots, hyphens.
    pub name: String,
    /// Such as `image/svg+xml`.
    pub content_type: String,
    width: Option<i32>,
    height: Option<i32>,
    /// What it shows; `None` and not decorative: nobody has said yet.
    pub alt: Option<String>,
    /// Nothing to describe.
    pub decorative: bool,
    /// Caption; may be empty.
    pub caption: String,
    /// Credit; may be empty.
    pub credit: String,
}

impl Media {
    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width.and_then(|width| u32::try_from(width).ok()).unwrap_or(0)
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height.and_then(|height| u32::try_from(height).ok()).unwrap_or(0)
    }
}
