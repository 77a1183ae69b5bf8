//! What a job is, how one ends, and what carries it out.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde_json::Value;

use crate::core::ids::JobId;

/// A job to be put into the queue.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// What is to be done; `worker.rs` lists the kinds.
    pub kind: &'a str,
    /// Ids of what it is about; never texts, addresses or tokens.
    pub payload: Value,
    /// At most one job ever carries a key: a second one of the same key is not queued.
    pub unique_key: Option<String>,
    /// Not before.
    pub run_at: DateTime<Utc>,
    /// Failed attempts after which it is given up.
    pub attempts_max: i32,
}

/// A job this worker has claimed.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// Ids of what it is about.
    pub payload: Value,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// Failed attempts after which it is given up.
    pub attempts_max: i32,
}

impl Job {
    /// An id of the payload, such as `job.id_of("comment")`.
    #[must_use]
    pub fn id_of(&self, key: &str) -> Option<i64> {
        self.payload.get(key).and_then(Value::as_i64)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Finished, or nothing was left to do.
    Done,
    /// Failed; to be tried again.
    Retry {
        /// When, counted from now; `None`: the queue's own backoff.
        after: Option<Duration>,
        /// Why, for staff: no address, text or token.
        reason: String,
    },
    /// Could not be tried at all for a reason outside of it (the mail server is away): not counted as an attempt.
    Later {
        /// When, counted from now.
        after: Duration,
    },
    /// Failed for good.
    GiveUp {
        /// Why, for staff: no address, text or token.
        reason: String,
    },
}

/// How many jobs of a kind may be under way at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// As many as the handler allows.
    Open,
    /// One, to see whether it works again.
    One,
    /// None until then.
    Shut {
        /// When to look again.
        until: DateTime<Utc>,
    },
}

type Work = Box<dyn Fn(Job) -> LocalBoxFuture<'static, Outcome>>;

/// What carries out the jobs of one kind. Its futures run on the worker's thread and outside any transaction.
pub struct Handler {
    pub(super) kind: &'static str,
    pub(super) at_once: usize,
    pub(super) gate: Box<dyn Fn() -> Gate>,
    pub(super) work: Work,
}

impl Handler {
    /// For jobs of `kind`, two at once at most. `work` may be run twice for one job (a lost lease, a kill):
    /// it must look before it acts.
    pub fn new<F>(kind: &'static str, work: impl Fn(Job) -> F + 'static) -> Self
    where
        F: Future<Output = Outcome> + 'static,
    {
        Self { kind, at_once: 2, gate: Box::new(|| Gate::Open), work: Box::new(move |job| work(job).boxed_local()) }
    }

    /// The same with at most `count` under way on this node.
    #[must_use]
    pub fn at_once(mut self, count: usize) -> Self {
        self.at_once = count;
        self
    }

    /// The same, claimed only as `gate` allows.
    #[must_use]
    pub fn gated(mut self, gate: impl Fn() -> Gate + 'static) -> Self {
        self.gate = Box::new(gate);
        self
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("kind", &self.kind).field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

/// A job that is queued again and again: once in every span of `every`, counted from 1970 plus `offset`,
/// on one node only (the span's number is part of its unique key).
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// What is to be done.
    pub kind: &'static str,
    /// How often.
    pub every: Duration,
    /// How far into the span: three hours into the day for what is done at night.
    pub offset: Duration,
}

impl Schedule {
    /// The number of the span `now` is in and the unique key of its job.
    #[must_use]
    pub fn slot(&self, now: DateTime<Utc>) -> (i64, String) {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let slot = (now.timestamp() - seconds(self.offset)).div_euclid(seconds(self.every).max(1));
        (slot, format!("{}:{slot}", self.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_job_has_one_key_from_night_to_night() {
        let nightly =
            Schedule { kind: "recount", every: Duration::from_secs(86_400), offset: Duration::from_secs(3 * 3600) };
        let at = |text: &str| nightly.slot(text.parse().unwrap());
        assert_eq!(at("2026-11-23T03:00:00Z"), at("2026-11-24T02:59:59Z"));
        assert_ne!(at("2026-11-23T02:59:59Z"), at("2026-11-23T03:00:00Z"));
        assert!(at("2026-11-23T03:00:00Z").1.starts_with("recount:"));
    }
}
