//! Erasing a reader at their wish: everything under an address, in one transaction (goal sheet R49).
//!
//! What everyone can read stays without its writer's name, or goes, as they choose. What nobody can read goes either
//! way. Where replies hang on a comment that goes, its place says that its writer withdrew it; replies of others
//! stay. Afterwards name, address and network stand in no table and no mail file: `tests/it/erase.rs` reads them all.
//! A new kind of record about a reader is added here and in `readers/data.rs`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};

use crate::audit::{self, Actor};
use crate::core::ids::{AddressId, ArticleId, BrowserId, CommentId, ReaderId};
use crate::core::page_store::Tag;
use crate::core::status::CommentStatus;
use crate::core::text;
use crate::db::schema::{comment_revisions, comments, readers};
use crate::db::{DbError, Tx};
use crate::jobs::job::NewJob;
use crate::jobs::queue;
use crate::moderation::decide::{self, DecideError};
use crate::moderation::report;
use crate::notifications::forget;
use crate::readers::erase;
use crate::text_enum;

/// The name of comments whose writer was erased.
pub const NAMELESS: &str = "Former reader";

/// The job that deletes the files of mails that are gone; its payload says nothing.
pub const FORGET_FILES: &str = "mail.forget_files";

text_enum! {
    /// What becomes of comments everyone can read.
    pub enum Choice { Keep = "keep", Delete = "delete" }
}

/// What erasing would do to an address's comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prospect {
    /// Comments everyone can read.
    pub public: usize,
    /// Of those, how many have an answer.
    pub answered: usize,
    /// Comments that wait, were filed away, removed or withdrawn.
    pub others: usize,
}

/// Why nothing was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is no such address any more.
    #[error("no such address")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(EraseError);

impl From<DecideError> for EraseError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Db(error) => Self::Db(error),
            DecideError::NotFound
            | DecideError::Stale(_)
            | DecideError::NotAllowed { .. }
            | DecideError::UndoIsOver => Self::NotFound,
        }
    }
}

/// What erasing would do.
pub async fn foresee(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Prospect, DbError> {
    let rows: Vec<(CommentId, CommentStatus)> = comments::table
        .filter(comments::address_id.eq(address))
        .select((comments::id, comments::status))
        .load(conn)
        .await?;
    let public: Vec<CommentId> =
        rows.iter().filter(|(_, status)| *status == CommentStatus::Approved).map(|(id, _)| *id).collect();
    let answered: Vec<Option<CommentId>> = comments::table
        .filter(comments::parent_id.eq_any(&public))
        .filter(comments::status.eq(CommentStatus::Approved))
        .select(comments::parent_id)
        .distinct()
        .load(conn)
        .await?;
    Ok(Prospect { public: public.len(), answered: answered.len(), others: rows.len() - public.len() })
}

/// Erases an address and everything under it.
///
/// Locks the address, then the comments and the tops of their threads. Enqueues the deletion of mail files, and anew
/// the mails to others that were taken back.
pub async fn erase(tx: &mut Tx, address: AddressId, choice: Choice) -> Result<(), EraseError> {
    let doomed = erase::lock(tx, address).await?.ok_or(EraseError::NotFound)?;
    let written = list_written(tx, address).await?;
    let ids: Vec<CommentId> = written.iter().map(|comment| comment.id).collect();
    let reader: Option<ReaderId> =
        readers::table.filter(readers::address_id.eq(address)).select(readers::id).first(tx.conn()).await.optional()?;

    forget::forget(tx, &ids).await?;
    forget_evidence(tx, address, reader, &ids).await?;
    let stays = |comment: &&Written| choice == Choice::Keep && comment.status == CommentStatus::Approved;
    let kept: Vec<&Written> = written.iter().filter(stays).collect();
    let gone: Vec<&Written> = written.iter().filter(|comment| !stays(comment)).collect();
    take_away(tx, &gone).await?;
    take_name_off(tx, &kept).await?;
    let mut said: Vec<&str> = written.iter().map(|comment| comment.name.as_str()).collect();
    said.extend([doomed.email.as_str(), doomed.canonical.as_str()]);
    let networks: Vec<&[u8]> = written.iter().filter_map(|comment| comment.network_key.as_deref()).collect();
    report::forget_reader(tx, reader, &ids, &said, &networks).await?;
    queue::forget(tx, "address", address.0).await?;
    let browsers: Vec<BrowserId> = written.iter().filter_map(|comment| comment.browser_id).collect();
    erase::erase(tx, address, &browsers).await?;
    forget_files(tx, address).await?;
    let entry = audit::Entry {
        actor: Actor::Reader,
        action: "reader.erase",
        subject: "address",
        subject_id: Some(address.0),
        detail: json!({"choice": choice, "comments": written.len(), "kept": kept.len(), "reader": reader}),
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(())
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = comments, check_for_backend(diesel::pg::Pg))]
struct Written {
    id: CommentId,
    article_id: ArticleId,
    status: CommentStatus,
    name: String,
    browser_id: Option<BrowserId>,
    network_key: Option<Vec<u8>>,
}

/// The address's comments, locked with the tops of their threads.
async fn list_written(tx: &mut Tx, address: AddressId) -> Result<Vec<Written>, DbError> {
    let ids: Vec<CommentId> =
        comments::table.filter(comments::address_id.eq(address)).select(comments::id).load(tx.conn()).await?;
    decide::lock_all(tx, &ids).await?;
    Ok(comments::table
        .filter(comments::id.eq_any(ids))
        .select(Written::as_select())
        .order(comments::id)
        .load(tx.conn())
        .await?)
}

async fn forget_evidence(
    tx: &mut Tx,
    address: AddressId,
    reader: Option<ReaderId>,
    written: &[CommentId],
) -> Result<(), DbError> {
    let ids: Vec<i64> = written.iter().map(|id| id.0).collect();
    audit::erase_evidence(tx, "comment", &ids).await?;
    audit::erase_evidence(tx, "address", &[address.0]).await?;
    audit::erase_evidence(tx, "reader", &reader.map(|reader| reader.0).into_iter().collect::<Vec<_>>()).await
}

/// Takes comments out of sight, deletes those nothing hangs on and empties the others.
async fn take_away(tx: &mut Tx, gone: &[&Written]) -> Result<(), EraseError> {
    for comment in gone.iter().filter(|comment| comment.status == CommentStatus::Approved) {
        decide::withdraw(tx, comment.id).await?;
    }
    let mut left: Vec<CommentId> = gone.iter().map(|comment| comment.id).collect();
    loop {
        // Those without an answer; then those whose only answers were theirs as well.
        let answered: Vec<Option<CommentId>> = comments::table
            .filter(comments::parent_id.eq_any(&left))
            .select(comments::parent_id)
            .distinct()
            .load(tx.conn())
            .await?;
        let (bound, free): (Vec<CommentId>, Vec<CommentId>) =
            left.iter().copied().partition(|id| answered.contains(&Some(*id)));
        if free.is_empty() {
            break;
        }
        diesel::delete(comments::table.filter(comments::id.eq_any(free))).execute(tx.conn()).await?;
        left = bound;
    }
    let waiting = [CommentStatus::Held, CommentStatus::Spam];
    for comment in gone.iter().filter(|comment| left.contains(&comment.id) && waiting.contains(&comment.status)) {
        decide::withdraw(tx, comment.id).await?;
    }
    diesel::update(comments::table.filter(comments::id.eq_any(&left)))
        .set((comments::body.eq(""), comments::html.eq(""), comments::text_digest.eq(None::<Vec<u8>>)))
        .execute(tx.conn())
        .await?;
    part(tx, &left).await?;
    Ok(())
}

/// Lets comments stay as nobody's.
async fn take_name_off(tx: &mut Tx, kept: &[&Written]) -> Result<(), DbError> {
    let ids: Vec<CommentId> = kept.iter().map(|comment| comment.id).collect();
    for comment in kept {
        tx.touch(Tag::Article(comment.article_id));
    }
    if !kept.is_empty() {
        tx.touch(Tag::Listing); // questions on the front page have names
    }
    part(tx, &ids).await
}

/// Parts comments from whoever wrote them, and from what was known of how they came.
async fn part(tx: &mut Tx, ids: &[CommentId]) -> Result<(), DbError> {
    diesel::delete(comment_revisions::table.filter(comment_revisions::comment_id.eq_any(ids)))
        .execute(tx.conn())
        .await?;
    diesel::update(comments::table.filter(comments::id.eq_any(ids)))
        .set((
            comments::name.eq(NAMELESS),
            comments::name_skeleton.eq(text::skeleton(NAMELESS)),
            comments::address_id.eq(None::<AddressId>),
            comments::reader_id.eq(None::<ReaderId>),
            comments::browser_id.eq(None::<BrowserId>),
            comments::screening.eq(Value::Array(Vec::new())),
            comments::submission_key.eq(None::<String>),
            comments::replay_digest.eq(None::<Vec<u8>>),
            comments::network.eq(None::<String>),
            comments::network_key.eq(None::<Vec<u8>>),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn forget_files(tx: &mut Tx, address: AddressId) -> Result<(), DbError> {
    let now: DateTime<Utc> = tx.now;
    let job = NewJob {
        kind: FORGET_FILES,
        payload: json!({}),
        unique_key: Some(format!("{FORGET_FILES}:{address}")),
        run_at: now,
        attempts_max: 20,
    };
    queue::enqueue(tx, job).await
}
