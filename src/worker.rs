//! The list of job kinds and schedules, and the thread they run on.

mod purge;
mod recount;
pub mod redraw;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::app::{App, Parts};
use crate::articles::search;
use crate::audit;
use crate::comments::erase;
use crate::core::ids::MailId;
use crate::db::DbError;
use crate::jobs::job::{Handler, Job, Outcome, Schedule};
use crate::jobs::run::{self, Worker};
use crate::mail::outbox;
use crate::mail::send::{self, Mailer};
use crate::notifications::last_look::{self, Look};
use crate::notifications::letterhead::Letterhead;
use crate::notifications::{approved, confirm, digest, door, reply, staff_answer, staff_link};

const SEAL: &str = "audit.seal";
const PURGE: &str = "purge";
const DIGESTS: &str = "digests";
const RECOUNT: &str = "recount";
const MEND_SEARCH: &str = "search.mend";

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What is done again and again.
pub const SCHEDULES: &[Schedule] = &[
    Schedule { kind: SEAL, every: Duration::from_mins(5), offset: Duration::ZERO },
    // A minute after the times digests are due at (`notifications/digest.rs`), and every ten minutes what is late.
    Schedule { kind: DIGESTS, every: Duration::from_mins(10), offset: Duration::from_mins(1) },
    Schedule { kind: PURGE, every: HOUR, offset: Duration::from_mins(17) },
    Schedule { kind: RECOUNT, every: DAY, offset: Duration::from_mins(200) },
    Schedule { kind: MEND_SEARCH, every: DAY, offset: Duration::from_mins(215) },
];

/// Every kind of job and what carries it out.
#[must_use]
pub fn handlers(app: &App, mailer: &Arc<Mailer>) -> Vec<Handler> {
    let gate = Arc::clone(mailer);
    vec![
        with_mailer(outbox::SEND, app, mailer, async |app, mailer, job| send_mail(app, mailer, job).await)
            .at_once(crate::core::limits::MAILS_AT_ONCE)
            .gated(move || gate.gate()),
        with_letterhead(reply::KIND, app, async |app, head, job| reply::run(&app.db, head, job).await),
        with_letterhead(staff_answer::KIND, app, async |app, head, job| staff_answer::run(&app.db, head, job).await),
        with_letterhead(approved::KIND, app, async |app, head, job| approved::run(&app.db, head, job).await),
        with_letterhead(staff_link::KIND, app, async |app, head, job| staff_link::run(&app.db, head, job).await),
        with_letterhead(confirm::KIND, app, async |app, head, job| confirm::run(&app.db, head, job).await),
        with_letterhead(DIGESTS, app, async |app, head, _| ended(digest::run(&app.db, head).await)),
        with_letterhead(door::KIND, app, async |app, head, job| door::run(&app.db, head, job).await),
        with_app(SEAL, app, async |app| app.db.transact(async |tx| audit::seal(tx).await).await.map(|_| ())),
        with_mailer(PURGE, app, mailer, async |app, mailer, _| ended(purge::run(app, mailer).await)),
        with_mailer(erase::FORGET_FILES, app, mailer, async |app, mailer, _| ended(purge::files(app, mailer).await)),
        with_app(RECOUNT, app, async |app| recount::run(app).await),
        with_mailer(redraw::KIND, app, mailer, async |app, _, job| redraw::run(app, job).await),
        with_app(MEND_SEARCH, app, async |app| mend_search(app).await),
    ]
}

fn with_app(kind: &'static str, app: &App, work: impl AsyncFn(&App) -> Result<(), DbError> + 'static) -> Handler {
    let (app, work) = (app.clone(), Arc::new(work));
    Handler::new(kind, move |_| {
        let (app, work) = (app.clone(), Arc::clone(&work));
        async move { ended(work(&app).await) }
    })
}

fn with_mailer(
    kind: &'static str,
    app: &App,
    mailer: &Arc<Mailer>,
    work: impl AsyncFn(&App, &Mailer, &Job) -> Outcome + 'static,
) -> Handler {
    let (app, mailer, work) = (app.clone(), Arc::clone(mailer), Arc::new(work));
    Handler::new(kind, move |job| {
        let (app, mailer, work) = (app.clone(), Arc::clone(&mailer), Arc::clone(&work));
        async move { work(&app, &mailer, &job).await }
    })
}

fn with_letterhead(
    kind: &'static str,
    app: &App,
    work: impl AsyncFn(&App, &Letterhead, &Job) -> Outcome + 'static,
) -> Handler {
    let (app, work) = (app.clone(), Arc::new(work));
    Handler::new(kind, move |job| {
        let (app, work) = (app.clone(), Arc::clone(&work));
        async move {
            match letterhead(&app).await {
                Ok(head) => work(&app, &head, &job).await,
                Err(error) => ended(Err(error)),
            }
        }
    })
}

fn ended(result: Result<(), DbError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

/// What is missing from the search, and what was made for another language, a stretch at a time.
async fn mend_search(app: &App) -> Result<(), DbError> {
    loop {
        let at_most = crate::core::limits::SEARCH_MENDED_AT_ONCE;
        let mended = app.db.transact(async |tx| search::mend(tx.conn(), at_most).await).await?;
        if mended < i64::from(at_most) {
            return Ok(());
        }
    }
}

/// The sender of mails as the settings are now.
pub async fn letterhead(app: &App) -> Result<Letterhead, DbError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let (site, zone) = (&settings.site.name, settings.site.zone());
    Ok(Letterhead::new(site, app.base_url(&settings).as_str(), app.secret().clone(), zone))
}

async fn send_mail(app: &App, mailer: &Mailer, job: &Job) -> Outcome {
    let Some(id) = job.id_of("mail").map(MailId) else {
        return Outcome::GiveUp { reason: "the job names no mail".into() };
    };
    let looked = async {
        let head = letterhead(app).await?;
        Ok::<_, DbError>((last_look::look(&app.db, app.rng(), &head, id).await?, head))
    };
    match looked.await {
        Ok((Look::Wanted(mail), head)) => send::deliver(mailer, &app.db, &head.site, &mail).await,
        Ok((Look::Unwanted(why), _)) => {
            send::withdraw(&app.db, id, why, app.now()).await;
            Outcome::Done
        }
        Ok((Look::Over, _)) => Outcome::Done,
        Err(error) => ended(Err(error)),
    }
}

/// The worker of one thread: every kind, every schedule.
#[must_use]
pub fn worker(app: &App, mailer: &Arc<Mailer>) -> Worker {
    Worker::new(app.db.clone(), app.parts.clock.clone(), app.rng(), handlers(app, mailer), SCHEDULES.to_vec())
}

/// Starts the worker on a thread of its own. It ends when `stop` says true: jobs under way finish or are given
/// back to the queue. Join the thread before the database is shut down.
pub fn start(parts: Arc<Parts>, stop: watch::Receiver<bool>) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the worker's runtime cannot be made")?;
    let work = move || {
        let app = App::for_thread(&parts, crate::core::limits::DB_CONNECTIONS_WORKER);
        runtime.block_on(LocalSet::new().run_until(run::run(worker(&app, &parts.mailer), stop)));
    };
    std::thread::Builder::new().name("worker".into()).spawn(work).context("the worker's thread cannot be started")
}

/// Carries out every job that is due now, one after the other, and those they lead to; answers how many attempts
/// that took. For tests and commands.
pub async fn drain(app: &App, mailer: &Arc<Mailer>) -> Result<usize, DbError> {
    run::drain(worker(app, mailer)).await
}
