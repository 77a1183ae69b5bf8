//! The job queue: at least once, never twice by key, and nothing lost when a worker goes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use chrono::DateTime;
use diesel_async::RunQueryDsl;
use stet::core::clock::Clock;
use stet::core::rng::Rng;
use stet::db::Db;
use stet::jobs::job::{Gate, Handler, NewJob, Outcome, Schedule};
use stet::jobs::queue::{self, Claimant};
use stet::jobs::run::{self, Worker};
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::support::scratch::{Scratch, pool};

fn job<'a>(site: &Scratch, kind: &'a str, key: Option<&str>) -> NewJob<'a> {
    NewJob {
        kind,
        payload: serde_json::json!({ "comment": 7 }),
        unique_key: key.map(str::to_owned),
        run_at: site.app.now(),
        attempts_max: 3,
    }
}

async fn enqueue(site: &Scratch, kind: &str, key: Option<&str>) {
    let job = job(site, kind, key);
    site.change(async |tx| queue::enqueue(tx, job).await).await;
}

fn worker(site: &Scratch, handlers: Vec<Handler>) -> Worker {
    Worker::new(site.app.db.clone(), site.site.clock.clone(), Rng::system(), handlers, Vec::new())
}

/// A handler that counts and ends as told.
fn counting(kind: &'static str, outcome: Outcome) -> (Handler, Rc<Cell<u32>>) {
    let count = Rc::new(Cell::new(0));
    let counter = Rc::clone(&count);
    let handler = Handler::new(kind, move |_| {
        counter.set(counter.get() + 1);
        std::future::ready(outcome.clone())
    });
    (handler, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_queued_once_even_after_the_job_is_done() {
    let site = Scratch::start(None).await;
    let (handler, count) = counting("test", Outcome::Done);
    enqueue(&site, "test", Some("one")).await;
    enqueue(&site, "test", Some("one")).await;
    assert_eq!(run::drain(worker(&site, vec![handler])).await.unwrap(), 1);
    enqueue(&site, "test", Some("one")).await;
    let (handler, again) = counting("test", Outcome::Done);
    assert_eq!(run::drain(worker(&site, vec![handler])).await.unwrap(), 0);
    assert_eq!((count.get(), again.get()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_leaves_no_job() {
    let site = Scratch::start(None).await;
    let job = job(&site, "test", None);
    let failed: Result<(), stet::db::DbError> = site
        .app
        .db
        .transact(async |tx| {
            queue::enqueue(tx, job).await?;
            Err(stet::db::DbError::Unavailable)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(site.number("select count(*) from jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_waits_longer_each_time_and_is_given_up() {
    let site = Scratch::start(None).await;
    enqueue(&site, "test", None).await;
    for (attempt, pause) in [(1, 13), (2, 26), (3, 60)] {
        let (handler, count) = counting("test", Outcome::Retry { after: None, reason: "no luck".into() });
        assert_eq!(run::drain(worker(&site, vec![handler])).await.unwrap(), 1);
        assert_eq!(count.get(), 1, "attempt {attempt}: not again at once");
        site.wait(pause);
    }
    assert_eq!(
        site.number("select count(*) from jobs where state = 'gave_up' and attempts = 3 and last_error = 'no luck'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_a_handler_is_a_failed_attempt() {
    let site = Scratch::start(None).await;
    enqueue(&site, "test", None).await;
    let broken = Handler::new("test", |_| async { panic!("a fault made by a test") });
    assert_eq!(run::drain(worker(&site, vec![broken])).await.unwrap(), 1);
    assert_eq!(site.number("select count(*) from jobs where state = 'waiting' and attempts = 1").await, 1);
    site.wait(60);
    let (handler, _) = counting("test", Outcome::Done);
    assert_eq!(run::drain(worker(&site, vec![handler])).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_something_else_uses_up_no_attempt() {
    let site = Scratch::start(None).await;
    enqueue(&site, "test", None).await;
    for _ in 0..10 {
        let (handler, _) = counting("test", Outcome::Later { after: Duration::from_secs(30) });
        assert_eq!(run::drain(worker(&site, vec![handler])).await.unwrap(), 1);
        site.wait(30);
    }
    assert_eq!(site.number("select attempts from jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_claimed_by_one_worker_and_again_when_that_one_is_gone() {
    let site = Scratch::start(None).await;
    enqueue(&site, "test", None).await;
    let mut conn = site.app.db.read().await.unwrap();
    let by = |name: &str| Claimant { name: name.into(), now: site.app.now() };
    let room = [("test", 5)];
    assert_eq!(queue::claim(&mut conn, &by("first"), &room, 5).await.unwrap().len(), 1);
    assert_eq!(queue::claim(&mut conn, &by("second"), &room, 5).await.unwrap().len(), 0);
    assert_eq!(queue::reclaim(&mut conn, site.app.now()).await.unwrap(), 0, "the lease holds");
    site.wait(301);
    assert_eq!(queue::reclaim(&mut conn, site.app.now()).await.unwrap(), 1);
    let second = queue::claim(&mut conn, &by("second"), &room, 5).await.unwrap().pop().unwrap();
    assert_eq!((second.attempt, second.id_of("comment")), (2, Some(7)));
    queue::finish(&mut conn, &by("first"), &second, &Outcome::Done, 0.5).await.unwrap();
    assert_eq!(
        site.number("select count(*) from jobs where state = 'running'").await,
        1,
        "the first has no say any more"
    );
    queue::finish(&mut conn, &by("second"), &second, &Outcome::Done, 0.5).await.unwrap();
    assert_eq!(site.number("select count(*) from jobs where state = 'done'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_worker_every_time_is_given_up() {
    let site = Scratch::start(None).await;
    enqueue(&site, "test", None).await;
    let mut conn = site.app.db.read().await.unwrap();
    for _ in 0..3 {
        let by = Claimant { name: "dying".into(), now: site.app.now() };
        assert_eq!(queue::claim(&mut conn, &by, &[("test", 1)], 1).await.unwrap().len(), 1);
        site.wait(301);
        assert_eq!(queue::reclaim(&mut conn, site.app.now()).await.unwrap(), 1);
    }
    assert_eq!(site.number("select count(*) from jobs where state = 'gave_up'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_have_room_of_their_own_and_closed_gates_are_respected() {
    let site = Scratch::start(None).await;
    for _ in 0..4 {
        enqueue(&site, "slow", None).await;
    }
    enqueue(&site, "quick", None).await;
    let mut conn = site.app.db.read().await.unwrap();
    let by = Claimant { name: "one".into(), now: site.app.now() };
    let mut kinds: Vec<_> = queue::claim(&mut conn, &by, &[("slow", 2), ("quick", 2)], 8)
        .await
        .unwrap()
        .into_iter()
        .map(|job| job.kind)
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["quick", "slow", "slow"]);
    drop(conn);
    let until = site.app.now();
    let (handler, count) = counting("slow", Outcome::Done);
    assert_eq!(run::drain(worker(&site, vec![handler.gated(move || Gate::Shut { until })])).await.unwrap(), 0);
    assert_eq!(count.get(), 0);
}

fn at_once<'a>(kind: &'a str, key: Option<&str>) -> NewJob<'a> {
    NewJob {
        kind,
        payload: serde_json::json!({}),
        unique_key: key.map(str::to_owned),
        run_at: DateTime::UNIX_EPOCH,
        attempts_max: 3,
    }
}

async fn count(db: &Db, condition: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        number: i64,
    }
    let query = diesel::sql_query(format!("select count(*) as number from jobs where {condition}"));
    let row: Number = query.get_result(&mut *db.read().await.unwrap()).await.unwrap();
    row.number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_worker_is_woken_by_the_commit_and_stops_when_told() {
    let db = pool(Clock::system()).await;
    let (done, mut seen) = watch::channel(0);
    let handler = Handler::new("test", move |_| {
        done.send_modify(|count| *count += 1);
        std::future::ready(Outcome::Done)
    });
    let (stop, stopped) = watch::channel(false);
    let worker = Worker::new(db.clone(), Clock::system(), Rng::system(), vec![handler], Vec::new());
    let act = async {
        db.transact(async |tx| queue::enqueue(tx, at_once("test", None)).await).await.unwrap();
        seen.wait_for(|count| *count == 1).await.unwrap();
        // Without the bell the next look would come only after five seconds, or thirty.
        let began = tokio::time::Instant::now();
        db.transact(async |tx| queue::enqueue(tx, at_once("test", None)).await).await.unwrap();
        seen.wait_for(|count| *count == 2).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        stop.send_replace(true);
    };
    LocalSet::new().run_until(async { tokio::join!(run::run(worker, stopped), act) }).await;
    assert_eq!(count(&db, "state = 'done'").await, 2, "jobs under way at the stop were finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_runs_once_for_all_nodes() {
    let db = pool(Clock::system()).await;
    let schedule = Schedule { kind: "hourly", every: Duration::from_hours(1_000_000), offset: Duration::ZERO };
    let (done, mut seen) = watch::channel(0);
    let (stop, stopped) = watch::channel(false);
    let node = || {
        let done = done.clone();
        let handler = Handler::new("hourly", move |_| {
            done.send_modify(|count| *count += 1);
            std::future::ready(Outcome::Done)
        });
        run::run(
            Worker::new(db.clone(), Clock::system(), Rng::system(), vec![handler], vec![schedule]),
            stopped.clone(),
        )
    };
    let (first, second, third) = (node(), node(), node());
    let act = async {
        seen.wait_for(|count| *count == 1).await.unwrap();
        stop.send_replace(true);
    };
    LocalSet::new().run_until(async { tokio::join!(first, second, third, act) }).await;
    assert_eq!(*seen.borrow(), 1);
    assert_eq!(count(&db, "true").await, 1);
}
