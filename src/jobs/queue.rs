//! The table `jobs`: putting work in, claiming it under a lease, ending it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::core::ids::JobId;
use crate::core::limits;
use crate::core::status::JobState;
use crate::core::text;
use crate::db::schema::jobs;
use crate::db::{DbError, Tx};
use crate::jobs::job::{Job, NewJob, Outcome};

crate::statement! {
    struct Enqueue<'a> -> () {
        "insert into jobs (kind, payload, unique_key, state, run_at, attempts_max, created_at)
         select kind, payload, unique_key, 'waiting', run_at, attempts_max, created_at
           from unnest(" kinds: Array<Text> = Vec<&'a str>,
        ", " payloads: Array<Jsonb> = Vec<&'a Value>,
        ", " unique_keys: Array<Nullable<Text>> = Vec<Option<&'a str>>,
        ", " run_at: Array<Timestamptz> = Vec<DateTime<Utc>>,
        ", " attempts_max: Array<Integer> = Vec<i32>,
        ") with ordinality as job (kind, payload, unique_key, run_at, attempts_max, place)
          cross join (select " created_at: Timestamptz = DateTime<Utc>,
    } " as created_at) as now
          order by place
         on conflict do nothing"
}

/// Puts a job into the queue with the transaction; does nothing when one of the same `unique_key` was ever queued.
/// The worker is woken after commit.
pub async fn enqueue(tx: &mut Tx, job: NewJob<'_>) -> Result<(), DbError> {
    enqueue_all(tx, &[job]).await
}

/// [`enqueue`] for several jobs, in one statement.
pub async fn enqueue_all(tx: &mut Tx, jobs: &[NewJob<'_>]) -> Result<(), DbError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let statement = Enqueue {
        kinds: jobs.iter().map(|job| job.kind).collect(),
        payloads: jobs.iter().map(|job| &job.payload).collect(),
        unique_keys: jobs.iter().map(|job| job.unique_key.as_deref()).collect(),
        run_at: jobs.iter().map(|job| job.run_at).collect(),
        attempts_max: jobs.iter().map(|job| job.attempts_max).collect(),
        created_at: tx.now,
    };
    statement.execute(tx.conn()).await?;
    tx.wake_worker();
    Ok(())
}

/// Who claims, at what time.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// Name of this run of the worker, new at every start.
    pub name: String,
    /// Now.
    pub now: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Jsonb)]
    payload: Value,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    attempts_max: i32,
}

// Rows that another node is about to claim are passed over, so that nodes do not wait for one another.
const CLAIM: &str = "
    with picked as materialized (
        select due.id
          from unnest($1, $2) as room (kind, places)
         cross join lateral (
               select jobs.id, jobs.run_at
                 from jobs
                where jobs.state = 'waiting' and jobs.kind = room.kind and jobs.run_at <= $3
                order by jobs.run_at, jobs.id
                limit room.places
                  for update skip locked
         ) as due
         order by due.run_at, due.id
         limit $4
    )
    update jobs
       set state = 'running', attempts = attempts + 1, leased_by = $5, leased_until = $6
      from picked
     where jobs.id = picked.id
    returning jobs.id, jobs.kind, jobs.payload, jobs.attempts, jobs.attempts_max";

/// Claims up to `jobs_max` due jobs, of each kind at most as many as there is room for, the longest due first.
pub async fn claim(
    conn: &mut AsyncPgConnection,
    by: &Claimant,
    room: &[(&str, usize)],
    jobs_max: usize,
) -> Result<Vec<Job>, DbError> {
    let kinds: Vec<&str> = room.iter().map(|(kind, _)| *kind).collect();
    let places: Vec<i32> = room.iter().map(|(_, places)| i32::try_from(*places).unwrap_or(i32::MAX)).collect();
    let mut claimed: Vec<Claimed> = diesel::sql_query(CLAIM)
        .bind::<Array<Text>, _>(kinds)
        .bind::<Array<Integer>, _>(places)
        .bind::<Timestamptz, _>(by.now)
        .bind::<BigInt, _>(i64::try_from(jobs_max).unwrap_or(i64::MAX))
        .bind::<Text, _>(&by.name)
        .bind::<Timestamptz, _>(by.now + limits::JOB_LEASE)
        .load(conn)
        .await?;
    claimed.sort_unstable_by_key(|job| job.id);
    Ok(claimed
        .into_iter()
        .map(|row| Job {
            id: JobId(row.id),
            kind: row.kind,
            payload: row.payload,
            attempt: row.attempts,
            attempts_max: row.attempts_max,
        })
        .collect())
}

/// Ends an attempt in one statement of its own. Does nothing when the lease was lost meanwhile.
/// `jitter` is between 0 and 1.
pub async fn finish(
    conn: &mut AsyncPgConnection,
    by: &Claimant,
    job: &Job,
    outcome: &Outcome,
    jitter: f64,
) -> Result<(), DbError> {
    let (state, run_at, error) = match outcome {
        Outcome::Done => (JobState::Done, None, None),
        Outcome::GiveUp { reason } => (JobState::GaveUp, None, Some(reason)),
        Outcome::Retry { reason, .. } if job.attempt >= job.attempts_max => (JobState::GaveUp, None, Some(reason)),
        Outcome::Retry { after, reason } => {
            (JobState::Waiting, Some(by.now + after.unwrap_or_else(|| backoff(job.attempt, jitter))), Some(reason))
        }
        Outcome::Later { after } => (JobState::Waiting, Some(by.now + *after), None),
    };
    let uncounted = i32::from(matches!(outcome, Outcome::Later { .. }));
    diesel::update(jobs::table)
        .filter(jobs::id.eq(job.id))
        .filter(jobs::state.eq(JobState::Running))
        .filter(jobs::leased_by.eq(&by.name))
        .set((
            jobs::state.eq(state),
            run_at.map(|at| jobs::run_at.eq(at)),
            jobs::attempts.eq(jobs::attempts - uncounted),
            jobs::leased_until.eq(None::<DateTime<Utc>>),
            jobs::leased_by.eq(None::<String>),
            jobs::last_error.eq(error.map(|reason| text::excerpt(reason, limits::ERROR_CHARS_MAX))),
            jobs::finished_at.eq(run_at.is_none().then_some(by.now)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// The pause after the `attempt`-th failure: 10 seconds doubled each time up to an hour, a quarter more or less.
#[must_use]
pub fn backoff(attempt: i32, jitter: f64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(9);
    let plain = limits::JOB_BACKOFF_FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(limits::JOB_BACKOFF_MAX);
    plain.mul_f64(0.75 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// Gives back every job this worker still holds, as if it had not been tried: for a stop.
pub async fn release(conn: &mut AsyncPgConnection, by: &Claimant) -> Result<usize, DbError> {
    let released = diesel::update(jobs::table)
        .filter(jobs::state.eq(JobState::Running))
        .filter(jobs::leased_by.eq(&by.name))
        .set((
            jobs::state.eq(JobState::Waiting),
            jobs::attempts.eq(jobs::attempts - 1),
            jobs::leased_until.eq(None::<DateTime<Utc>>),
            jobs::leased_by.eq(None::<String>),
        ))
        .execute(conn)
        .await?;
    Ok(released)
}

/// Takes jobs whose lease ran out (their worker was killed) back into the queue, or gives them up when that was
/// their last attempt. Answers how many.
pub async fn reclaim(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<usize, DbError> {
    let lost = "the worker stopped in the middle of it";
    let over = diesel::update(jobs::table)
        .filter(jobs::state.eq(JobState::Running))
        .filter(jobs::leased_until.lt(now))
        .filter(jobs::attempts.ge(jobs::attempts_max))
        .set((
            jobs::state.eq(JobState::GaveUp),
            jobs::finished_at.eq(now),
            jobs::leased_until.eq(None::<DateTime<Utc>>),
            jobs::leased_by.eq(None::<String>),
            jobs::last_error.eq(lost),
        ))
        .execute(conn)
        .await?;
    let again = diesel::update(jobs::table)
        .filter(jobs::state.eq(JobState::Running))
        .filter(jobs::leased_until.lt(now))
        .set((
            jobs::state.eq(JobState::Waiting),
            jobs::leased_until.eq(None::<DateTime<Utc>>),
            jobs::leased_by.eq(None::<String>),
            jobs::last_error.eq(lost),
        ))
        .execute(conn)
        .await?;
    Ok(over + again)
}

/// Makes every waiting job of a kind due now: what they waited for has come.
pub async fn hasten(conn: &mut AsyncPgConnection, kind: &str, now: DateTime<Utc>) -> Result<usize, DbError> {
    let hastened = diesel::update(jobs::table)
        .filter(jobs::state.eq(JobState::Waiting))
        .filter(jobs::kind.eq(kind))
        .filter(jobs::run_at.gt(now))
        .set(jobs::run_at.eq(now))
        .execute(conn)
        .await?;
    Ok(hastened)
}

/// When the next waiting job of these kinds is due.
pub async fn next_run_at(conn: &mut AsyncPgConnection, kinds: &[&str]) -> Result<Option<DateTime<Utc>>, DbError> {
    let next = jobs::table
        .filter(jobs::state.eq(JobState::Waiting))
        .filter(jobs::kind.eq_any(kinds))
        .select(diesel::dsl::min(jobs::run_at))
        .first(conn)
        .await?;
    Ok(next)
}

/// Deletes up to `rows_max` jobs that ended before `before`; answers how many. Their unique keys go with them.
pub async fn purge(conn: &mut AsyncPgConnection, before: DateTime<Utc>, rows_max: i64) -> Result<usize, DbError> {
    let old: Vec<JobId> =
        jobs::table.filter(jobs::finished_at.lt(before)).select(jobs::id).limit(rows_max).load(conn).await?;
    let purged = diesel::delete(jobs::table).filter(jobs::id.eq_any(old)).execute(conn).await?;
    Ok(purged)
}

/// Deletes every job, waiting or over, whose payload names this record, such as `"address": 12`.
pub async fn forget(tx: &mut Tx, name: &str, id: i64) -> Result<(), DbError> {
    let mut named = serde_json::Map::new();
    named.insert(name.to_owned(), id.into());
    diesel::delete(jobs::table.filter(jobs::payload.contains(Value::Object(named)))).execute(tx.conn()).await?;
    Ok(())
}

/// How long until `at`, nothing when it has passed.
#[must_use]
pub fn until(now: DateTime<Utc>, at: DateTime<Utc>) -> Duration {
    (at - now).max(TimeDelta::zero()).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_never_meet() {
        assert_eq!(backoff(1, 0.5), Duration::from_secs(10));
        assert_eq!(backoff(3, 0.5), Duration::from_secs(40));
        assert_eq!(backoff(50, 0.5), limits::JOB_BACKOFF_MAX);
        assert!(backoff(4, 0.0) < backoff(4, 0.9));
        assert!(backoff(i32::MAX, 1.0) <= limits::JOB_BACKOFF_MAX.mul_f64(1.25));
    }
}
