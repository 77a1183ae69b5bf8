//! Who waits for news of an article: readers with its conversation in view. Nothing is kept and nothing is done for an
//! article nobody waits for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::core::ids::ArticleId;
use crate::core::limits;

/// The readers who wait, on one node.
#[derive(Default)]
pub struct Live(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    articles: HashMap<ArticleId, watch::Sender<()>>,
    is_closed: bool,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// Waits for news of an article: the receiver changes when its page or conversation did, and closes when the server
    /// stops. `None`: [`limits::LIVE_READERS_MAX`] wait already, or the server is stopping.
    #[must_use]
    pub fn wait_for(&self, article: ArticleId) -> Option<watch::Receiver<()>> {
        let mut inner = self.lock();
        // Whoever went away is forgotten here, where others come.
        inner.articles.retain(|_, sender| sender.receiver_count() > 0);
        let waiting: usize = inner.articles.values().map(watch::Sender::receiver_count).sum();
        if inner.is_closed || waiting >= limits::LIVE_READERS_MAX {
            return None;
        }
        Some(inner.articles.entry(article).or_insert_with(|| watch::Sender::new(())).subscribe())
    }

    /// Tells whoever waits for this article.
    pub fn tell(&self, article: ArticleId) {
        if let Some(sender) = self.lock().articles.get(&article) {
            sender.send_replace(());
        }
    }

    /// Ends all waiting: the server stops.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        inner.articles.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_of_their_article_only_and_let_go_at_the_end() {
        let live = Live::default();
        let mut one = live.wait_for(ArticleId(1)).unwrap();
        let other = live.wait_for(ArticleId(2)).unwrap();
        live.tell(ArticleId(1));
        live.tell(ArticleId(3));
        assert!(one.has_changed().unwrap());
        one.mark_unchanged();
        assert!(!other.has_changed().unwrap());
        live.close();
        assert!(one.has_changed().is_err());
        assert!(live.wait_for(ArticleId(1)).is_none());
    }

    #[test]
    fn there_is_room_again_when_somebody_leaves() {
        let live = Live::default();
        let mut all: Vec<_> = (0..limits::LIVE_READERS_MAX).map(|_| live.wait_for(ArticleId(1)).unwrap()).collect();
        assert!(live.wait_for(ArticleId(2)).is_none());
        all.pop();
        assert!(live.wait_for(ArticleId(2)).is_some());
    }
}
