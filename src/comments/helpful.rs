//! "Helpful": one vote a confirmed reader and comment, never for one's own (goal sheet R34).
//!
//! The database counts the votes on the comment, so that nothing can make the number wrong; it stays with a comment
//! that is removed and comes back.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{ArticleId, BrowserId, CommentId, ReaderId};
use crate::core::page_store::Tag;
use crate::core::status::{ArticleState, CommentStatus};
use crate::db::schema::{articles, comments, helpful_votes};
use crate::db::{DbError, Tx};
use crate::readers::browser::Browser;
use crate::text_enum;

text_enum! {
    /// What a reader says of a comment; saying it again changes nothing.
    pub enum Vote { Helpful = "helpful", Nothing = "nothing" }
}

/// Why a vote was not taken.
#[derive(Debug, thiserror::Error)]
pub enum VoteError {
    /// No such comment that everyone can see.
    #[error("no such comment")]
    NotFound,
    /// Nobody has confirmed an address in this browser.
    #[error("nobody has confirmed an address in this browser")]
    Unconfirmed,
    /// The reader wrote the comment.
    #[error("one's own comment")]
    Own,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(VoteError);

/// Sets what a reader says of a comment; the article's pages are purged where that changes the number.
pub async fn vote(tx: &mut Tx, browser: Option<&Browser>, id: CommentId, vote: Vote) -> Result<(), VoteError> {
    type Row = (ArticleId, Option<BrowserId>, Option<ReaderId>);
    let row: Option<Row> = comments::table
        .inner_join(articles::table)
        .filter(comments::id.eq(id))
        .filter(comments::status.eq(CommentStatus::Approved))
        .filter(articles::state.eq(ArticleState::Published))
        .select((comments::article_id, comments::browser_id, comments::reader_id))
        .get_result(tx.conn())
        .await
        .optional()?;
    let (article, written_in, written_by) = row.ok_or(VoteError::NotFound)?;
    let Some((browser, (reader, _))) = browser.and_then(|browser| browser.reader.map(|reader| (browser, reader)))
    else {
        return Err(VoteError::Unconfirmed);
    };
    if browser.wrote(written_in, written_by) {
        return Err(VoteError::Own);
    }
    let changed = match vote {
        Vote::Helpful => {
            diesel::insert_into(helpful_votes::table)
                .values((
                    helpful_votes::comment_id.eq(id),
                    helpful_votes::article_id.eq(article),
                    helpful_votes::reader_id.eq(reader),
                    helpful_votes::cast_at.eq(tx.now),
                ))
                .on_conflict_do_nothing()
                .execute(tx.conn())
                .await?
        }
        Vote::Nothing => {
            diesel::update(helpful_votes::table)
                .filter(helpful_votes::comment_id.eq(id))
                .filter(helpful_votes::reader_id.eq(reader))
                .filter(helpful_votes::ended_at.is_null())
                .set(helpful_votes::ended_at.eq(tx.now))
                .execute(tx.conn())
                .await?
        }
    };
    if changed > 0 {
        tx.touch(Tag::Article(article));
    }
    Ok(())
}

/// Which of these comments helped this browser's reader.
pub async fn of_reader(
    conn: &mut AsyncPgConnection,
    browser: Option<&Browser>,
    ids: Vec<CommentId>,
) -> Result<HashSet<CommentId>, DbError> {
    let Some((reader, _)) = browser.and_then(|browser| browser.reader) else { return Ok(HashSet::new()) };
    let voted: Vec<CommentId> = helpful_votes::table
        .filter(helpful_votes::reader_id.eq(reader))
        .filter(helpful_votes::comment_id.eq_any(ids))
        .filter(helpful_votes::ended_at.is_null())
        .select(helpful_votes::comment_id)
        .load(conn)
        .await?;
    Ok(voted.into_iter().collect())
}
