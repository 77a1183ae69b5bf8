//! Where readers' comments wait for their turn: those that arrive while others are being written are written
//! together, in one transaction, so that a rush of them costs the database a fraction of what each alone would.
//! One that arrives alone is written at once.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::comments::create::{self, CreateError, Created, Outcome, Site, Submission};
use crate::core::limits;
use crate::db::{Db, DbError};

/// The line of one thread: a web worker's requests are written by its own tasks over its own connections.
#[derive(Debug, Clone)]
pub struct Intake(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    site: Site,
    hasher: RandomState,
    line: Mutex<Line<Entry>>,
}

#[derive(Debug)]
struct Entry {
    submission: Submission,
    since: Instant,
    answer: oneshot::Sender<Outcome>,
}

impl Intake {
    /// An empty line.
    #[must_use]
    pub fn new(db: Db, site: Site) -> Self {
        Self(Arc::new(Inner { db, site, hasher: RandomState::new(), line: Mutex::default() }))
    }

    /// Writes a comment; returns when it is durable, or refused. To be called on a thread that runs local tasks.
    /// A caller that goes away does not stop it.
    pub async fn post(&self, submission: Submission) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let keys = self.0.keys(&submission);
        if self.0.line().push(Entry { submission, since: Instant::now(), answer }, keys) {
            let inner = Arc::clone(&self.0);
            tokio::task::spawn_local(async move { inner.write_all().await });
        }
        outcome.await.unwrap_or(Err(CreateError::Db(DbError::Unavailable)))
    }
}

impl Inner {
    fn line(&self) -> MutexGuard<'_, Line<Entry>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By what two submissions weigh on one another: such are never written together.
    fn keys(&self, post: &Submission) -> Vec<u64> {
        let own = [
            Some((0, post.email.canonical.as_bytes())),
            Some((1, post.network_key.as_slice())),
            post.text_digest.as_deref().map(|digest| (2, digest)),
            post.submission_key.as_deref().map(|key| (3, key.as_bytes())),
            Some((4, post.replay_digest.as_slice())),
        ];
        own.into_iter().flatten().map(|key| self.hasher.hash_one(key)).collect()
    }

    /// Writes what waits, until nothing does.
    async fn write_all(&self) {
        loop {
            let Some(Batch { entries, keys }) = self.line().take(limits::COMMENTS_WRITTEN_TOGETHER) else { return };
            let is_late = |entry: &Entry| entry.since.elapsed() > limits::COMMENT_WAIT;
            let (late, entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_late);
            for entry in late {
                entry.give(Err(CreateError::Db(DbError::Unavailable)));
            }
            self.write(entries).await;
            self.line().release(&keys);
        }
    }

    async fn write(&self, entries: Vec<Entry>) {
        let batch: Vec<&Submission> = entries.iter().map(|entry| &entry.submission).collect();
        match self.create(&batch).await {
            Ok(outcomes) => entries.into_iter().zip(outcomes).for_each(|(entry, outcome)| entry.give(outcome)),
            // One of them spoiled the transaction for all, or ran into another node's: each by itself. One alone is
            // tried again where what it points to went meanwhile.
            Err(error) if (entries.len() > 1 || error.is_overtaken()) && !error.is_passing() => {
                tracing::warn!(%error, comments = entries.len(), "comments are written one by one");
                for entry in entries {
                    let outcome = self.create(&[&entry.submission]).await;
                    entry.give(outcome.map_err(CreateError::Db).and_then(alone));
                }
            }
            Err(error) => {
                let mut errors = Some(error);
                for entry in entries {
                    entry.give(Err(CreateError::Db(errors.take().unwrap_or(DbError::Unavailable))));
                }
            }
        }
    }

    async fn create(&self, batch: &[&Submission]) -> Result<Vec<Outcome>, DbError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let locks: Vec<i64> = batch.iter().map(|post| post.lock()).collect();
        self.db.transact_under(&locks, async |tx| create::create(tx, &self.site, batch).await).await
    }
}

/// The only outcome.
fn alone(outcomes: Vec<Outcome>) -> Result<Created, CreateError> {
    outcomes.into_iter().next().unwrap_or(Err(CreateError::Db(DbError::Unavailable)))
}

impl Entry {
    fn give(self, outcome: Outcome) {
        drop(self.answer.send(outcome)); // whoever waited may have gone
    }
}

/// What waits in order, and what is being written. Of two that share a key the earlier is always taken first.
#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<(T, Vec<u64>)>,
    /// Keys of what is being written.
    busy: HashSet<u64>,
    writers: usize,
}

struct Batch<T> {
    entries: Vec<T>,
    keys: Vec<u64>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), busy: HashSet::new(), writers: 0 }
    }
}

impl<T> Line<T> {
    /// Puts one at the end; `true`: a writer is to be started.
    fn push(&mut self, entry: T, keys: Vec<u64>) -> bool {
        self.waiting.push_back((entry, keys));
        let is_wanted = self.writers < limits::COMMENT_WRITERS;
        if is_wanted {
            self.writers += 1;
        }
        is_wanted
    }

    /// What a writer writes next, at most so many; `None`: nothing can be taken, and the writer ends.
    fn take(&mut self, entries_max: usize) -> Option<Batch<T>> {
        let mut batch = Batch { entries: Vec::new(), keys: Vec::new() };
        let mut passed: HashSet<u64> = HashSet::new();
        let mut rest = VecDeque::with_capacity(self.waiting.len());
        while let Some((entry, keys)) = self.waiting.pop_front() {
            if batch.entries.len() == entries_max {
                rest.push_back((entry, keys));
                break;
            }
            if keys.iter().any(|key| self.busy.contains(key) || passed.contains(key)) {
                passed.extend(&keys);
                rest.push_back((entry, keys));
            } else {
                self.busy.extend(&keys);
                batch.keys.extend(keys);
                batch.entries.push(entry);
            }
        }
        rest.append(&mut self.waiting);
        self.waiting = rest;
        if batch.entries.is_empty() {
            self.writers -= 1;
            return None;
        }
        Some(batch)
    }

    fn release(&mut self, keys: &[u64]) {
        for key in keys {
            self.busy.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(line: &mut Line<char>, entries_max: usize) -> Option<(String, Vec<u64>)> {
        line.take(entries_max).map(|batch| (batch.entries.into_iter().collect(), batch.keys))
    }

    #[test]
    fn what_shares_a_key_is_written_one_after_the_other_in_order() {
        let mut line = Line::default();
        assert!(line.push('a', vec![1, 10]));
        for (entry, keys) in [('b', vec![2, 20]), ('c', vec![1, 30]), ('d', vec![30, 40]), ('e', vec![5])] {
            line.push(entry, keys);
        }
        let (first, keys) = taken(&mut line, 9).unwrap();
        assert_eq!(first, "abe"); // c waits for a, and d, which shares a key with c, for c
        line.push('f', vec![2]);
        assert_eq!(taken(&mut line, 9), None);
        line.release(&keys);
        let (second, keys) = taken(&mut line, 9).unwrap();
        assert_eq!(second, "cf");
        line.release(&keys);
        assert_eq!(taken(&mut line, 9).unwrap().0, "d");
    }

    #[test]
    fn no_more_are_taken_than_fit_and_none_is_lost() {
        let mut line = Line::default();
        for (place, entry) in ('a'..='g').enumerate() {
            line.push(entry, vec![place as u64]);
        }
        assert_eq!(taken(&mut line, 3).unwrap().0, "abc");
        assert_eq!(taken(&mut line, 3).unwrap().0, "def");
        assert_eq!(taken(&mut line, 3).unwrap().0, "g");
        assert_eq!(taken(&mut line, 3), None);
    }

    #[test]
    fn writers_are_started_up_to_their_number_and_again_when_one_ended() {
        let mut line = Line::default();
        let started = (0..5).filter(|key| line.push('x', vec![*key])).count();
        assert_eq!(started, limits::COMMENT_WRITERS);
        assert!(taken(&mut line, 9).is_some());
        assert!(taken(&mut line, 9).is_none());
        assert!(line.push('y', vec![9]));
    }
}
