//! Forgetting on schedule: what has served its purpose is deleted, in small statements.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::time::Duration;

use crate::app::App;
use crate::core::limits;
use crate::db::DbError;
use crate::db::schema::{
    address_confirmations, comments, helpful_votes, reader_browsers, reader_links, reports, sign_in_failures,
    staff_links, staff_sessions,
};
use crate::jobs::queue;
use crate::mail::outbox;
use crate::mail::send::Mailer;
use crate::mail::transport::Transport;

/// Purges everything whose time has come. Each statement is a transaction of its own: stopped half-way, the rest
/// is done an hour later.
pub(super) async fn run(app: &App, mailer: &Mailer) -> Result<(), DbError> {
    let now = app.now();
    let before = |kept: Duration| now - TimeDelta::from_std(kept).unwrap_or(TimeDelta::MAX);
    let conn = &mut *app.db.read().await?;
    until_none(async |conn| forget_comment_networks(conn, before(limits::NETWORK_KEPT)).await, conn).await?;
    until_none(async |conn| forget_report_networks(conn, before(limits::NETWORK_KEPT)).await, conn).await?;
    until_none(async |conn| forget_report_words(conn, before(limits::REPORT_WORDS_KEPT)).await, conn).await?;
    until_none(async |conn| end_votes(conn, before(limits::ENDED_VOTE_KEPT)).await, conn).await?;
    until_none(async |conn| forget_session_networks(conn, before(limits::NETWORK_KEPT)).await, conn).await?;
    until_none(async |conn| end_sessions(conn, before(limits::ENDED_KEPT)).await, conn).await?;
    until_none(async |conn| end_links(conn, before(limits::ENDED_KEPT)).await, conn).await?;
    until_none(async |conn| end_confirmations(conn, before(limits::ENDED_KEPT)).await, conn).await?;
    until_none(async |conn| end_doors(conn, before(limits::ENDED_KEPT)).await, conn).await?;
    until_none(async |conn| end_failures(conn, before(limits::FAILURES_KEPT)).await, conn).await?;
    until_none(async |conn| end_browsers(conn, now).await, conn).await?;
    until_none(async |conn| queue::purge(conn, before(limits::JOBS_KEPT), limits::PURGE_ROWS).await, conn).await?;
    until_none(async |conn| outbox::erase_bodies(conn, before(limits::MAIL_BODY_KEPT), limits::PURGE_ROWS).await, conn)
        .await?;
    until_none(async |conn| outbox::purge(conn, before(limits::MAIL_KEPT), limits::PURGE_ROWS).await, conn).await?;
    erase_files(mailer, conn).await
}

/// Deletes the files of mails that are gone, now.
pub(super) async fn files(app: &App, mailer: &Mailer) -> Result<(), DbError> {
    erase_files(mailer, &mut *app.db.read().await?).await
}

async fn until_none(
    step: impl AsyncFn(&mut AsyncPgConnection) -> Result<usize, DbError>,
    conn: &mut AsyncPgConnection,
) -> Result<(), DbError> {
    while step(conn).await? > 0 {}
    Ok(())
}

async fn forget_comment_networks(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let old: Vec<i64> = comments::table
        .filter(comments::created_at.lt(before))
        .filter(comments::network_key.is_not_null().or(comments::network.is_not_null()))
        .select(comments::id)
        .limit(limits::PURGE_ROWS)
        .load(conn)
        .await?;
    let forgotten = diesel::update(comments::table.filter(comments::id.eq_any(old)))
        .set((comments::network.eq(None::<String>), comments::network_key.eq(None::<Vec<u8>>)))
        .execute(conn)
        .await?;
    Ok(forgotten)
}

async fn forget_report_networks(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let old: Vec<i64> = reports::table
        .filter(reports::created_at.lt(before))
        .filter(reports::network_key.is_not_null())
        .select(reports::id)
        .limit(limits::PURGE_ROWS)
        .load(conn)
        .await?;
    let forgotten = diesel::update(reports::table.filter(reports::id.eq_any(old)))
        .set(reports::network_key.eq(None::<Vec<u8>>))
        .execute(conn)
        .await?;
    Ok(forgotten)
}

async fn forget_report_words(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let old: Vec<i64> = reports::table
        .filter(reports::closed_at.lt(before))
        .filter(reports::words.ne(""))
        .select(reports::id)
        .limit(limits::PURGE_ROWS)
        .load(conn)
        .await?;
    Ok(diesel::update(reports::table.filter(reports::id.eq_any(old))).set(reports::words.eq("")).execute(conn).await?)
}

async fn end_votes(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let old: Vec<i64> = helpful_votes::table
        .filter(helpful_votes::ended_at.lt(before))
        .select(helpful_votes::id)
        .limit(limits::PURGE_ROWS)
        .load(conn)
        .await?;
    Ok(diesel::delete(helpful_votes::table).filter(helpful_votes::id.eq_any(old)).execute(conn).await?)
}

async fn forget_session_networks(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let forgotten = diesel::update(staff_sessions::table)
        .filter(staff_sessions::last_seen_at.lt(before))
        .filter(staff_sessions::network.is_not_null())
        .set(staff_sessions::network.eq(None::<String>))
        .execute(conn)
        .await?;
    Ok(forgotten)
}

async fn end_sessions(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let over = staff_sessions::ended_at.lt(before).or(staff_sessions::expires_at.lt(before).nullable());
    Ok(diesel::delete(staff_sessions::table).filter(over).execute(conn).await?)
}

async fn end_links(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let over = staff_links::used_at.lt(before).or(staff_links::expires_at.lt(before));
    Ok(diesel::delete(staff_links::table).filter(over).execute(conn).await?)
}

async fn end_confirmations(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    Ok(diesel::delete(address_confirmations::table)
        .filter(address_confirmations::expires_at.lt(before))
        .execute(conn)
        .await?)
}

async fn end_doors(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let old: Vec<i64> = reader_links::table
        .filter(reader_links::expires_at.lt(before))
        .select(reader_links::id)
        .limit(limits::PURGE_ROWS)
        .load(conn)
        .await?;
    Ok(diesel::delete(reader_links::table).filter(reader_links::id.eq_any(old)).execute(conn).await?)
}

async fn end_failures(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> Result<usize, DbError> {
    let old: Vec<i64> = sign_in_failures::table
        .filter(sign_in_failures::failed_at.lt(before))
        .select(sign_in_failures::id)
        .limit(limits::PURGE_ROWS)
        .load(conn)
        .await?;
    Ok(diesel::delete(sign_in_failures::table).filter(sign_in_failures::id.eq_any(old)).execute(conn).await?)
}

// Comments keep their text and lose only the tie to the browser (on delete set null).
async fn end_browsers(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<usize, DbError> {
    let old: Vec<i64> = reader_browsers::table
        .filter(reader_browsers::expires_at.lt(now))
        .select(reader_browsers::id)
        .limit(limits::PURGE_ROWS)
        .load(conn)
        .await?;
    Ok(diesel::delete(reader_browsers::table).filter(reader_browsers::id.eq_any(old)).execute(conn).await?)
}

/// Deletes `.eml` files of mails that are gone or whose texts were erased.
async fn erase_files(mailer: &Mailer, conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    let Transport::Eml(files) = mailer.transport() else { return Ok(()) };
    let Ok(ids) = files.list().await else {
        tracing::warn!("the folder of mail files cannot be read");
        return Ok(());
    };
    for some in ids.chunks(500) {
        let kept = outbox::list_kept(conn, some).await?;
        for id in some.iter().filter(|id| !kept.contains(id)) {
            if files.erase(*id).await.is_err() {
                tracing::warn!(mail.id = id.0, "a mail file cannot be deleted");
            }
        }
    }
    Ok(())
}
