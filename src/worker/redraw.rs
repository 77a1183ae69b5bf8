//! After an update that changed the renderer: every version and every comment is drawn again, a stretch at a time.

use std::time::Instant;

use serde_json::json;

use crate::app::App;
use crate::articles::redraw as articles;
use crate::comments::redraw as comments;
use crate::core::ids::{CommentId, RevisionId};
use crate::core::limits;
use crate::db::{Db, DbError, Tx};
use crate::jobs::job::{Job, NewJob, Outcome};
use crate::jobs::queue;
use crate::render::markdown::RENDERER_VERSION;
use crate::settings::{self, Renderer};

/// The job; its payload is `{"revision": id, "comment": id}`: what is behind these is still to be looked at.
pub const KIND: &str = "render.again";

/// Queues the work if this renderer has not gone through everything yet. Called at each start.
pub async fn enqueue_if_due(db: &Db) -> Result<(), DbError> {
    let done: Renderer = settings::load_one(&mut *db.read().await?).await?;
    if done.version == RENDERER_VERSION {
        return Ok(());
    }
    db.transact(async |tx| enqueue(tx, RevisionId(0), CommentId(0)).await).await
}

async fn enqueue(tx: &mut Tx, revision: RevisionId, comment: CommentId) -> Result<(), DbError> {
    // A day in the key: work that was given up is taken up by a start on another day.
    let day = tx.now.date_naive();
    let job = NewJob {
        kind: KIND,
        payload: json!({ "revision": revision, "comment": comment }),
        unique_key: Some(format!("{KIND}:{RENDERER_VERSION}:{day}:{revision}:{comment}")),
        run_at: tx.now,
        attempts_max: 20,
    };
    queue::enqueue(tx, job).await
}

/// Goes on where the job says, for a while; what is left is a job of its own.
pub(super) async fn run(app: &App, job: &Job) -> Outcome {
    let mut revision = RevisionId(job.id_of("revision").unwrap_or(0));
    let mut comment = CommentId(job.id_of("comment").unwrap_or(0));
    match go_on(app, &mut revision, &mut comment).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

async fn go_on(app: &App, revision: &mut RevisionId, comment: &mut CommentId) -> Result<(), DbError> {
    let began = Instant::now();
    let is_time = || began.elapsed() < limits::JOB_TIME_MAX / 2;
    while is_time() {
        let outdated =
            articles::list_outdated(&mut *app.db.read().await?, *revision, limits::REVISIONS_REDRAWN_AT_ONCE).await?;
        if outdated.is_empty() {
            break;
        }
        for (id, article) in outdated {
            articles::redraw(&app.db, article, id).await?;
            *revision = id;
        }
    }
    while is_time() {
        let Some(last) = comments::redraw_next(&app.db, *comment, limits::COMMENTS_REDRAWN_AT_ONCE).await? else {
            let done = Renderer { version: RENDERER_VERSION };
            return app.db.transact(async |tx| settings::save(tx, &done).await).await;
        };
        *comment = last;
    }
    app.db.transact(async |tx| enqueue(tx, *revision, *comment).await).await
}
