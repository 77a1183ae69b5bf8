//! What a node keeps in memory of a few rows every request needs, read again after its tag was purged.

use std::sync::{Arc, PoisonError, RwLock};

use crate::core::page_store::{Mark, PageStore, Tag};

/// One value, as good as the database's: a change purges its tag in the transaction that makes it, on every node.
#[derive(Debug)]
pub struct Kept<T> {
    pages: Arc<PageStore>,
    tag: Tag,
    held: RwLock<Option<(Mark, Arc<T>)>>,
}

impl<T> Kept<T> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(pages: Arc<PageStore>, tag: Tag) -> Self {
        Self { pages, tag, held: RwLock::new(None) }
    }

    /// The value; from memory while nothing has changed it, else by `read`.
    pub async fn get<E>(&self, read: impl AsyncFnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some((mark, value)) = &*self.held.read().unwrap_or_else(PoisonError::into_inner)
            && self.pages.is_current(self.tag, *mark)
        {
            return Ok(Arc::clone(value));
        }
        let mark = self.pages.mark();
        let fresh = Arc::new(read().await?);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some((mark, Arc::clone(&fresh)));
        Ok(fresh)
    }

    /// The value last read, however old.
    #[must_use]
    pub fn last_known(&self) -> Option<Arc<T>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, value)| Arc::clone(value))
    }
}
