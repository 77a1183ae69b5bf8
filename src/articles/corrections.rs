//! Correction notes: what readers were told of changes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::CorrectionId;
use crate::core::status::{ArticleState, CorrectionClass};
use crate::db::DbError;
use crate::db::schema::{articles, corrections, revisions};

/// A note in the public log, with the article it belongs to.
#[derive(Debug, Clone, Queryable)]
pub struct Logged {
    /// Its id.
    pub id: CorrectionId,
    /// Its kind.
    pub class: CorrectionClass,
    /// What it says.
    pub text: String,
    /// When readers were told.
    pub published_at: DateTime<Utc>,
    /// The article's address.
    pub slug: String,
    /// The article's title.
    pub title: String,
    /// Number of the version it belongs to.
    pub revision_number: i32,
}

/// The notes of all published articles, newest first, at most `limit`, those before `before`.
pub async fn list(
    conn: &mut AsyncPgConnection,
    before: Option<CorrectionId>,
    limit: i64,
) -> Result<Vec<Logged>, DbError> {
    let of = diesel::alias!(revisions as of);
    let notes = corrections::table
        .inner_join(of.on(of.field(revisions::id).eq(corrections::revision_id)))
        .inner_join(articles::table.on(articles::id.eq(corrections::article_id)))
        .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable())))
        .filter(articles::state.eq(ArticleState::Published))
        .filter(corrections::id.lt(before.map_or(i64::MAX, |id| id.0)))
        .order(corrections::id.desc())
        .limit(limit)
        .select((
            corrections::id,
            corrections::class,
            corrections::text,
            corrections::published_at,
            articles::slug,
            revisions::title,
            of.field(revisions::number),
        ))
        .load(conn)
        .await?;
    Ok(notes)
}
