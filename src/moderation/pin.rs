//! The pinned answer: one comment of the team an article, in a card above the threads (reader.md 4, goal sheet M39).

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor};
use crate::core::ids::{ArticleId, CommentId, StaffId};
use crate::core::page_store::Tag;
use crate::core::status::CommentStatus;
use crate::db::schema::{comments, pins};
use crate::db::{DbError, Tx};
use crate::moderation::decide;
use crate::staff::authority::MayDecide;
use crate::text_enum;

text_enum! {
    /// What is done with a comment.
    pub enum Act { Pin = "pin", Unpin = "unpin" }
}

/// The answer that is pinned already.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Present {
    /// Its id.
    pub comment: CommentId,
    /// Its writer.
    pub name: String,
    /// Its text as readers see it.
    pub html: String,
}

/// Why nothing was pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// No such comment of the team that everyone can see, or not under an article this person answers for.
    #[error("no such comment")]
    NotFound,
    /// Another one is pinned, and nobody has said that it goes.
    #[error("another answer is pinned")]
    Other(Box<Present>),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(PinError);

/// Which comment is pinned under an article.
pub async fn find(conn: &mut AsyncPgConnection, article: ArticleId) -> Result<Option<CommentId>, DbError> {
    Ok(pins::table.find(article).select(pins::comment_id).get_result(conn).await.optional()?)
}

/// Which of these comments are pinned.
pub(super) async fn among(conn: &mut AsyncPgConnection, of: &[CommentId]) -> Result<Vec<CommentId>, DbError> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    Ok(pins::table.filter(pins::comment_id.eq_any(of)).select(pins::comment_id).load(conn).await?)
}

/// Pins a comment; `replaces` is the one a person was told goes for it. One that is pinned already stays so.
pub async fn pin(
    tx: &mut Tx,
    who: &MayDecide,
    comment: CommentId,
    replaces: Option<CommentId>,
) -> Result<(), PinError> {
    let article = lock(tx, who, comment).await?;
    let present: Option<Present> = pins::table
        .inner_join(comments::table.on(comments::id.eq(pins::comment_id)))
        .filter(pins::article_id.eq(article))
        .select((comments::id, comments::name, comments::html))
        .get_result(tx.conn())
        .await
        .optional()?;
    match present {
        Some(present) if present.comment == comment => return Ok(()),
        Some(present) if replaces != Some(present.comment) => return Err(PinError::Other(Box::new(present))),
        Some(_) | None => {}
    }
    let values = (pins::comment_id.eq(comment), pins::pinned_by.eq(who.staff_id()), pins::pinned_at.eq(tx.now));
    diesel::insert_into(pins::table)
        .values((pins::article_id.eq(article), values))
        .on_conflict(pins::article_id)
        .do_update()
        .set(values)
        .execute(tx.conn())
        .await?;
    tx.touch(Tag::Article(article));
    let detail = json!({"article": article.0, "replaces": replaces});
    append(tx, who.actor(), "comment.pin", comment, detail).await?;
    Ok(())
}

/// Takes a pin away; a comment that has none stays as it is.
pub async fn unpin(tx: &mut Tx, who: &MayDecide, comment: CommentId) -> Result<(), PinError> {
    lock(tx, who, comment).await?;
    take_away(tx, who.actor(), comment).await?;
    Ok(())
}

/// The comment is not public any more, and its pin goes with that.
pub(super) async fn gone(tx: &mut Tx, comment: CommentId) -> Result<(), DbError> {
    take_away(tx, Actor::System, comment).await
}

async fn take_away(tx: &mut Tx, actor: Actor, comment: CommentId) -> Result<(), DbError> {
    let article: Option<ArticleId> = diesel::delete(pins::table.filter(pins::comment_id.eq(comment)))
        .returning(pins::article_id)
        .get_result(tx.conn())
        .await
        .optional()?;
    let Some(article) = article else { return Ok(()) };
    tx.touch(Tag::Article(article));
    append(tx, actor, "comment.unpin", comment, json!({"article": article.0})).await
}

async fn append(
    tx: &mut Tx,
    actor: Actor,
    action: &'static str,
    comment: CommentId,
    detail: serde_json::Value,
) -> Result<(), DbError> {
    let entry = audit::Entry { actor, action, subject: "comment", subject_id: Some(comment.0), detail, evidence: None };
    audit::append(tx, entry).await?;
    Ok(())
}

/// Locks a comment that may be pinned; its article.
async fn lock(tx: &mut Tx, who: &MayDecide, comment: CommentId) -> Result<ArticleId, PinError> {
    decide::lock_all(tx, &[comment]).await?;
    let row: Option<(ArticleId, CommentStatus, Option<StaffId>)> = comments::table
        .find(comment)
        .select((comments::article_id, comments::status, comments::staff_id))
        .get_result(tx.conn())
        .await
        .optional()?;
    match row {
        Some((article, CommentStatus::Approved, Some(_))) if decide::covers(tx.conn(), who, article).await? => {
            Ok(article)
        }
        Some(_) | None => Err(PinError::NotFound),
    }
}
