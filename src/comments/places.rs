//! The places people comment on, in memory: a rush of comments is about few articles.

use std::sync::Arc;

use diesel_async::AsyncPgConnection;
use quick_cache::sync::Cache;

use crate::comments::model::{self, Place};
use crate::core::limits;
use crate::core::page_store::{Mark, PageStore, Tag};
use crate::db::DbError;

/// Places by their address. One is believed while its article's tag was not purged since it was read.
#[derive(Debug)]
pub struct Places {
    pages: Arc<PageStore>,
    held: Cache<String, (Mark, Arc<Place>)>,
}

impl Places {
    /// Nothing read yet.
    #[must_use]
    pub fn new(pages: Arc<PageStore>) -> Self {
        Self { pages, held: Cache::new(limits::PLACES_KEPT) }
    }

    /// The published article at an address ([`model::place`]).
    pub async fn find(&self, conn: &mut AsyncPgConnection, slug: &str) -> Result<Option<Arc<Place>>, DbError> {
        if let Some((mark, place)) = self.held.get(slug)
            && self.pages.is_current(Tag::Article(place.article), mark)
        {
            return Ok(Some(place));
        }
        let mark = self.pages.mark();
        let Some(place) = model::place(conn, slug).await?.map(Arc::new) else { return Ok(None) };
        self.held.insert(slug.to_owned(), (mark, Arc::clone(&place)));
        Ok(Some(place))
    }
}
