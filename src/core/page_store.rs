//! Finished public pages in memory: tags, and the rule that no page older than a purge is ever served.
//!
//! A page is rendered under a [`Mark`] taken before its first read. Every tag remembers the sequence number of
//! its last purge. A page is good while none of its tags was purged after its mark; that one comparison both
//! keeps a render that raced a purge out of the store and takes stored pages out of use.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::core::ids::{ArticleId, TermId};
use crate::core::limits;
use crate::core::live::Live;

/// What a page shows, and what a transaction changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tag {
    /// One article with its public comments.
    Article(ArticleId),
    /// The parts of a series: their titles, order and number stand on each of them.
    Series(TermId),
    /// Lists of articles: home, topics, feeds, the site map.
    Listing,
    /// What every page shows: the site's name, menus, settings.
    Site,
    /// The word lists: no page shows them, the rules keep them in memory.
    Words,
    /// Who is on the team: kept in memory to guard their names.
    Team,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Article(id) => write!(f, "article:{id}"),
            Self::Series(id) => write!(f, "series:{id}"),
            Self::Listing => f.write_str("listing"),
            Self::Site => f.write_str("site"),
            Self::Words => f.write_str("words"),
            Self::Team => f.write_str("team"),
        }
    }
}

impl std::str::FromStr for Tag {
    type Err = crate::core::ids::NotAnId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "listing" => Ok(Self::Listing),
            "site" => Ok(Self::Site),
            "words" => Ok(Self::Words),
            "team" => Ok(Self::Team),
            _ => match text.strip_prefix("series:") {
                Some(id) => id.parse().map(Self::Series),
                None => text.strip_prefix("article:").unwrap_or("").parse().map(Self::Article),
            },
        }
    }
}

/// The purge sequence as it stood before a render's first read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// One page in one encoding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Path and the typed query parameters that matter, in a fixed order.
    pub address: String,
    /// 0 automatic, 1 light, 2 dark.
    pub theme: u8,
    /// 0 identity, 1 gzip, 2 brotli, 3 zstd.
    pub encoding: u8,
}

/// A finished answer.
#[derive(Debug)]
pub struct StoredPage {
    /// The body, encoded as the key says.
    pub body: Bytes,
    /// Strong entity tag, quotes included, of this encoding.
    pub etag: String,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// When it was rendered.
    pub rendered_at: DateTime<Utc>,
    /// How long it may be served.
    pub life: Duration,
    /// Whether `body` is in the key's encoding; a small page is kept as it is.
    pub encoded: bool,
    mark: Mark,
    cells: Vec<Arc<AtomicU64>>,
}

impl StoredPage {
    // Invariant: a page is good while no tag of it was purged after its mark.
    fn is_good(&self) -> bool {
        self.cells.iter().all(|cell| cell.load(Ordering::Acquire) <= self.mark.0)
    }
}

/// What a render hands to [`PageStore::store`].
#[derive(Debug)]
pub struct Rendered {
    /// The body, encoded as the key says.
    pub body: Bytes,
    /// Strong entity tag, quotes included.
    pub etag: String,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// When it was rendered.
    pub rendered_at: DateTime<Utc>,
    /// How long it may be served.
    pub life: Duration,
    /// What it shows.
    pub tags: Vec<Tag>,
    /// Taken before the first read of its data.
    pub mark: Mark,
    /// Whether `body` is in the key's encoding.
    pub encoded: bool,
}

/// How far stored pages can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Purges of all nodes arrive: serve and store.
    Live,
    /// Purges of other nodes may be missed while the database answers: neither serve nor store.
    Bypass,
    /// The database cannot be reached: serve what there is, at most an hour old; store nothing.
    Stale,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Key, Arc<StoredPage>> for ByBytes {
    fn weight(&self, key: &Key, page: &Arc<StoredPage>) -> u64 {
        (key.address.len() + page.body.len() + page.etag.len() + 256) as u64
    }
}

/// The store of one node; bounded by bytes, shared by all its workers.
pub struct PageStore {
    pages: Cache<Key, Arc<StoredPage>, ByBytes>,
    sequence: AtomicU64,
    tags: RwLock<HashMap<Tag, Arc<AtomicU64>>>,
    floor: AtomicU64,
    trust: AtomicU8,
    live: Live,
}

impl fmt::Debug for PageStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageStore")
            .field("pages", &self.pages.len())
            .field("bytes", &self.pages.weight())
            .finish_non_exhaustive()
    }
}

impl PageStore {
    /// An empty store of at most `bytes_max`, believing nothing until [`PageStore::set_trust`] says so.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        let typical = 16 * 1024;
        Self {
            pages: Cache::with_weighter(usize::try_from(bytes_max / typical).unwrap_or(0).max(16), bytes_max, ByBytes),
            sequence: AtomicU64::new(0),
            tags: RwLock::new(HashMap::new()),
            floor: AtomicU64::new(0),
            trust: AtomicU8::new(1),
            live: Live::default(),
        }
    }

    /// The mark to render under; take it before the first read.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.sequence.load(Ordering::Acquire))
    }

    /// The page under `key`, if it may be served at `now`.
    #[must_use]
    pub fn find(&self, key: &Key, now: DateTime<Utc>) -> Option<Arc<StoredPage>> {
        let life_max = match self.trust() {
            Trust::Live => None,
            Trust::Bypass => return None,
            Trust::Stale => Some(limits::PAGE_STALE_MAX),
        };
        let page = self.pages.get(key)?;
        let age = (now - page.rendered_at).to_std().unwrap_or_default();
        let alive = match life_max {
            None => age < page.life,
            Some(stale) => age < stale,
        };
        if page.is_good() && alive {
            return Some(page);
        }
        if life_max.is_none() {
            self.pages.remove(key);
        }
        None
    }

    /// The page under `key` although the store is not believed: for a render that could not reach the database.
    /// At most an hour old, and nothing that was purged here.
    #[must_use]
    pub fn find_stale(&self, key: &Key, now: DateTime<Utc>) -> Option<Arc<StoredPage>> {
        let page = self.pages.get(key)?;
        let age = (now - page.rendered_at).to_std().unwrap_or_default();
        (page.is_good() && age < limits::PAGE_STALE_MAX).then_some(page)
    }

    /// Keeps a page unless one of its tags was purged since its mark, it is too large, or the store is not live.
    /// Answers the page as kept or not, so that it can be sent either way.
    pub fn store(&self, key: Key, page: Rendered) -> Arc<StoredPage> {
        let cells = page.tags.iter().map(|tag| self.cell(*tag)).collect();
        let page = Arc::new(StoredPage {
            body: page.body,
            etag: page.etag,
            content_type: page.content_type,
            rendered_at: page.rendered_at,
            life: page.life,
            encoded: page.encoded,
            mark: page.mark,
            cells,
        });
        if self.trust() == Trust::Live && page.body.len() <= limits::PAGE_BYTES_MAX && page.is_good() {
            self.pages.insert(key, Arc::clone(&page));
        }
        page
    }

    /// Whether what was read under `mark` still holds: news arrives and `tag` was not purged since.
    #[must_use]
    pub fn is_current(&self, tag: Tag, mark: Mark) -> bool {
        self.trust() == Trust::Live && self.cell(tag).load(Ordering::Acquire) <= mark.0
    }

    /// Takes every page with one of `tags` out of use, at once.
    pub fn purge(&self, tags: &[Tag]) {
        if tags.is_empty() {
            return;
        }
        let sequence = self.sequence.fetch_add(1, Ordering::AcqRel) + 1;
        for tag in tags {
            self.cell(*tag).fetch_max(sequence, Ordering::AcqRel);
            if let Tag::Article(article) = tag {
                self.live.tell(*article);
            }
        }
    }

    /// Who waits for news of an article.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Takes every page out of use and frees them.
    pub fn purge_all(&self) {
        let sequence = self.sequence.fetch_add(1, Ordering::AcqRel) + 1;
        for cell in self.tags.read().unwrap_or_else(PoisonError::into_inner).values() {
            cell.fetch_max(sequence, Ordering::AcqRel);
        }
        self.pages.clear();
    }

    /// How far pages can be believed just now.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match self.trust.load(Ordering::Acquire) {
            0 => Trust::Live,
            2 => Trust::Stale,
            _ => Trust::Bypass,
        }
    }

    /// Says how far pages can be believed. Going live empties the store first: what was stored before
    /// may have missed a purge.
    pub fn set_trust(&self, trust: Trust) {
        let value = match trust {
            Trust::Live => {
                self.purge_all();
                0
            }
            Trust::Bypass => 1,
            Trust::Stale => 2,
        };
        self.trust.store(value, Ordering::Release);
    }

    /// Pages stored and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        (self.pages.len(), self.pages.weight())
    }

    fn cell(&self, tag: Tag) -> Arc<AtomicU64> {
        if let Some(cell) = self.tags.read().unwrap_or_else(PoisonError::into_inner).get(&tag) {
            return Arc::clone(cell);
        }
        let mut tags = self.tags.write().unwrap_or_else(PoisonError::into_inner);
        // A cell no page holds can go. New cells then start at the sequence of that moment, so that a
        // render which began earlier cannot be stored past a purge the lost cell knew of.
        if tags.len() >= CELLS_MAX {
            tags.retain(|_, cell| Arc::strong_count(cell) > 1);
            self.floor.store(self.sequence.load(Ordering::Acquire), Ordering::Release);
        }
        let floor = self.floor.load(Ordering::Acquire);
        Arc::clone(tags.entry(tag).or_insert_with(|| Arc::new(AtomicU64::new(floor))))
    }
}

/// Tags remembered before those no page holds are forgotten: 65,536 of some 80 bytes are 5 MB.
const CELLS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> Key {
        Key { address: address.into(), theme: 0, encoding: 0 }
    }

    fn page(store: &PageStore, mark: Mark, tags: &[Tag], at: DateTime<Utc>) {
        let rendered = Rendered {
            body: Bytes::from_static(b"page"),
            etag: "\"1\"".into(),
            content_type: "text/html",
            rendered_at: at,
            life: Duration::from_secs(60),
            tags: tags.to_vec(),
            mark,
            encoded: false,
        };
        store.store(key("/a"), rendered);
    }

    fn live() -> PageStore {
        let store = PageStore::new(1 << 20);
        store.set_trust(Trust::Live);
        store
    }

    #[test]
    fn a_purge_takes_its_pages_and_no_others() {
        let (store, now) = (live(), DateTime::UNIX_EPOCH);
        let tag = Tag::Article(ArticleId(1));
        page(&store, store.mark(), &[tag, Tag::Site], now);
        store.purge(&[Tag::Article(ArticleId(2))]);
        assert!(store.find(&key("/a"), now).is_some());
        store.purge(&[tag]);
        assert!(store.find(&key("/a"), now).is_none());
    }

    #[test]
    fn a_render_that_raced_a_purge_is_not_served() {
        let (store, now) = (live(), DateTime::UNIX_EPOCH);
        let mark = store.mark();
        store.purge(&[Tag::Listing]);
        page(&store, mark, &[Tag::Listing], now);
        assert!(store.find(&key("/a"), now).is_none());
        page(&store, store.mark(), &[Tag::Listing], now);
        assert!(store.find(&key("/a"), now).is_some());
    }

    #[test]
    fn pages_end_and_a_store_without_news_is_not_believed() {
        let (store, now) = (live(), DateTime::UNIX_EPOCH);
        page(&store, store.mark(), &[Tag::Site], now);
        let later = now + chrono::TimeDelta::seconds(61);
        store.set_trust(Trust::Bypass);
        assert!(store.find(&key("/a"), now).is_none());
        assert!(
            store.find_stale(&key("/a"), later).is_some(),
            "a render that found no database has it to fall back on"
        );
        assert!(store.find_stale(&key("/a"), now + chrono::TimeDelta::seconds(3601)).is_none());
        store.set_trust(Trust::Stale);
        assert!(store.find(&key("/a"), later).is_some(), "stale pages are served while the database is away");
        assert!(store.find(&key("/a"), now + chrono::TimeDelta::seconds(3601)).is_none());
        store.set_trust(Trust::Live);
        assert!(store.find(&key("/a"), now).is_none(), "emptied before it is believed again");
        page(&store, store.mark(), &[Tag::Site], now);
        assert!(store.find(&key("/a"), later).is_none(), "a page ends with its life");
    }

    #[test]
    fn tags_survive_their_text() {
        for tag in [Tag::Article(ArticleId(7)), Tag::Listing, Tag::Site] {
            assert_eq!(tag.to_string().parse::<Tag>().unwrap(), tag);
        }
        assert!("article:x".parse::<Tag>().is_err());
    }
}
