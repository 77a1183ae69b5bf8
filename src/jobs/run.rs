//! Running jobs: claim what is due, carry it out, end it, sleep until the next one.
//!
//! One run belongs to one thread: futures of handlers need not be `Send`. Call [`run`] inside a `LocalSet`.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::core::clock::Clock;
use crate::core::limits;
use crate::core::rng::Rng;
use crate::db::{Db, DbError};
use crate::jobs::job::{Gate, Handler, Job, NewJob, Outcome, Schedule};
use crate::jobs::queue::{self, Claimant};

/// A worker to be: where its jobs are and who carries them out.
#[derive(Debug)]
pub struct Worker {
    db: Db,
    clock: Clock,
    rng: Rng,
    name: String,
    handlers: Vec<Rc<Handler>>,
    schedules: Vec<Schedule>,
}

impl Worker {
    /// A worker of its own name.
    #[must_use]
    pub fn new(db: Db, clock: Clock, rng: Rng, handlers: Vec<Handler>, schedules: Vec<Schedule>) -> Self {
        Self { db, clock, rng, name: rng.form_key(), handlers: handlers.into_iter().map(Rc::new).collect(), schedules }
    }

    fn claimant(&self) -> Claimant {
        Claimant { name: self.name.clone(), now: self.clock.now() }
    }

    fn handler(&self, kind: &str) -> Option<Rc<Handler>> {
        self.handlers.iter().find(|handler| handler.kind == kind).map(Rc::clone)
    }

    /// Of which kinds how many jobs may be claimed now.
    fn room(&self, under_way: &HashMap<&'static str, usize>) -> Vec<(&'static str, usize)> {
        let places = |handler: &Rc<Handler>| {
            let most = match (handler.gate)() {
                Gate::Open => handler.at_once,
                Gate::One => 1,
                Gate::Shut { .. } => 0,
            };
            (handler.kind, most.saturating_sub(under_way.get(handler.kind).copied().unwrap_or(0)))
        };
        self.handlers.iter().map(places).filter(|(_, places)| *places > 0).collect()
    }

    async fn claim(&self, room: &[(&'static str, usize)], slots: usize) -> Result<Vec<Job>, DbError> {
        if slots == 0 || room.is_empty() {
            return Ok(Vec::new());
        }
        queue::claim(&mut *self.db.read().await?, &self.claimant(), room, slots).await
    }

    /// Queues the jobs of the spans that have begun since `last`.
    async fn enqueue_scheduled(&self, last: &mut HashMap<&'static str, i64>) -> Result<(), DbError> {
        let now = self.clock.now();
        for schedule in &self.schedules {
            let (slot, key) = schedule.slot(now);
            if last.get(schedule.kind) == Some(&slot) {
                continue;
            }
            let job = NewJob {
                kind: schedule.kind,
                payload: serde_json::json!({}),
                unique_key: Some(key),
                run_at: now,
                attempts_max: 5,
            };
            self.db.transact(async |tx| queue::enqueue(tx, job).await).await?;
            last.insert(schedule.kind, slot);
        }
        Ok(())
    }

    /// One attempt, a panic or an overlong one included, and its end in the table.
    async fn attempt(self: Rc<Self>, job: Job) -> &'static str {
        let Some(handler) = self.handler(&job.kind) else { return "" };
        let work = AssertUnwindSafe((handler.work)(job.clone())).catch_unwind();
        let outcome = match tokio::time::timeout(limits::JOB_TIME_MAX, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Retry { after: None, reason: "a fault in the program; the log says which".into() },
            Err(_) => Outcome::Retry { after: None, reason: "it took too long".into() },
        };
        tell(&job, &outcome);
        self.finish(&job, &outcome).await;
        handler.kind
    }

    // The end of a job is worth a few tries: without it the job would be done again when its lease has run out.
    async fn finish(&self, job: &Job, outcome: &Outcome) {
        for pause in limits::FINISH_PAUSES {
            if self.write_end(job, outcome).await.is_ok() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        tracing::warn!(
            job.id = job.id.0,
            job.kind,
            "the end of a job could not be written; it will be looked at again when its lease has run out"
        );
    }

    async fn write_end(&self, job: &Job, outcome: &Outcome) -> Result<(), DbError> {
        #[expect(clippy::cast_precision_loss, reason = "a thousand steps")]
        let jitter = self.rng.below(1_000) as f64 / 1_000.0;
        queue::finish(&mut *self.db.read().await?, &self.claimant(), job, outcome, jitter).await
    }

    /// How long nothing will be due, at most `poll`.
    async fn pause(&self, under_way: &HashMap<&'static str, usize>, poll: Duration) -> Result<Duration, DbError> {
        let now = self.clock.now();
        let kinds: Vec<&str> = self.room(under_way).into_iter().map(|(kind, _)| kind).collect();
        let mut wake_at: Option<DateTime<Utc>> = queue::next_run_at(&mut *self.db.read().await?, &kinds).await?;
        for handler in &self.handlers {
            if let Gate::Shut { until } = (handler.gate)() {
                wake_at = Some(wake_at.map_or(until, |at| at.min(until)));
            }
        }
        Ok(wake_at.map_or(poll, |at| queue::until(now, at).clamp(limits::JOB_PAUSE_MIN, poll)))
    }
}

fn tell(job: &Job, outcome: &Outcome) {
    match outcome {
        Outcome::Done | Outcome::Later { .. } => tracing::debug!(job.id = job.id.0, job.kind, "job ended"),
        Outcome::Retry { reason, .. } if job.attempt < job.attempts_max => {
            tracing::warn!(job.id = job.id.0, job.kind, job.attempt, reason, "a job failed and will be tried again");
        }
        Outcome::Retry { reason, .. } | Outcome::GiveUp { reason } => {
            tracing::error!(job.id = job.id.0, job.kind, job.attempt, reason, "a job was given up");
        }
    }
}

/// Runs jobs until `stop` says true: then claims no more, waits for those under way
/// ([`limits::JOB_STOP_TIMEOUT`]), and gives the rest back to the queue. Needs a `LocalSet`.
pub async fn run(worker: Worker, mut stop: watch::Receiver<bool>) {
    let worker = Rc::new(worker);
    let mut tasks = JoinSet::new();
    let mut under_way: HashMap<&'static str, usize> = HashMap::new();
    let mut last_slots = HashMap::new();
    let mut poll = limits::JOB_POLL;
    while !*stop.borrow() {
        let pause = match turn(&worker, &mut tasks, &mut under_way, &mut last_slots, poll).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "the job queue cannot be read");
                limits::JOB_POLL
            }
        };
        let bell = worker.db.shared().jobs_waiting.notified();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopping| *stopping) => break,
            Some(ended) = tasks.join_next() => {
                count_down(&mut under_way, ended.unwrap_or(""));
                poll = limits::JOB_POLL;
            }
            () = bell => poll = limits::JOB_POLL,
            () = tokio::time::sleep(pause) => poll = if pause >= poll { limits::JOB_POLL_IDLE } else { limits::JOB_POLL },
        }
    }
    wind_down(&worker, tasks).await;
}

/// Claims and starts what is due; answers how long to sleep when nothing happens.
async fn turn(
    worker: &Rc<Worker>,
    tasks: &mut JoinSet<&'static str>,
    under_way: &mut HashMap<&'static str, usize>,
    last_slots: &mut HashMap<&'static str, i64>,
    poll: Duration,
) -> Result<Duration, DbError> {
    worker.enqueue_scheduled(last_slots).await?;
    let lost = queue::reclaim(&mut *worker.db.read().await?, worker.clock.now()).await?;
    if lost > 0 {
        tracing::warn!(jobs = lost, "jobs of a worker that is gone were taken back");
    }
    let slots = limits::JOBS_AT_ONCE.saturating_sub(tasks.len());
    for job in worker.claim(&worker.room(under_way), slots).await? {
        if let Some(handler) = worker.handler(&job.kind) {
            *under_way.entry(handler.kind).or_default() += 1;
        }
        tasks.spawn_local(Rc::clone(worker).attempt(job));
    }
    if tasks.len() >= limits::JOBS_AT_ONCE {
        return Ok(poll);
    }
    worker.pause(under_way, poll).await
}

fn count_down(under_way: &mut HashMap<&'static str, usize>, kind: &str) {
    if let Some(count) = under_way.get_mut(kind) {
        *count = count.saturating_sub(1);
    }
}

async fn wind_down(worker: &Worker, mut tasks: JoinSet<&'static str>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(limits::JOB_STOP_TIMEOUT, all).await.is_ok();
    if in_time {
        return;
    }
    tasks.shutdown().await;
    let released = async { queue::release(&mut *worker.db.read().await?, &worker.claimant()).await };
    match released.await {
        Ok(count) => tracing::info!(jobs = count, "jobs were given back to the queue"),
        Err(error) => tracing::warn!(%error, "jobs under way could not be given back; their leases will run out"),
    }
}

/// Carries out, one after the other, every job that is due now and those they lead to; answers how many attempts
/// that took. For tests and for commands that must not leave work behind. Needs no `LocalSet`.
pub async fn drain(worker: Worker) -> Result<usize, DbError> {
    let worker = Rc::new(worker);
    let mut count = 0;
    loop {
        let claimed = worker.claim(&worker.room(&HashMap::new()), 1).await?;
        let Some(job) = claimed.into_iter().next() else { return Ok(count) };
        Rc::clone(&worker).attempt(job).await;
        count += 1;
    }
}
