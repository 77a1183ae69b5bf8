//! Taking a reader who is erased out of the mails of others: their name and words stand in mails about their comments,
//! and their words in mails about answers to those.
//!
//! What was sent loses its texts. What waits is taken back and told anew, from what is public then; a digest that
//! waits is composed when it leaves and need only forget its draft.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::core::ids::{CommentId, MailId};
use crate::core::limits;
use crate::core::status::MailState;
use crate::db::schema::comments;
use crate::db::{DbError, Tx};
use crate::jobs::job::NewJob;
use crate::jobs::queue;
use crate::mail::outbox;
use crate::notifications::{reply, staff_answer};

/// Erases what mails to others hold of these comments. To be called while the comments are there.
pub async fn forget(tx: &mut Tx, written: &[CommentId]) -> Result<(), DbError> {
    let answers: Vec<CommentId> =
        comments::table.filter(comments::parent_id.eq_any(written)).select(comments::id).load(tx.conn()).await?;
    let about: Vec<CommentId> = written.iter().chain(&answers).copied().collect();
    let mails = outbox::list_about(tx.conn(), &about).await?;
    let is_taken_back = |mail: &&outbox::Told| mail.state == MailState::Queued && mail.comment_id.is_some();
    let waiting: Vec<MailId> = mails.iter().filter(is_taken_back).map(|mail| mail.id).collect();
    let told: Vec<MailId> = mails.iter().filter(|mail| !is_taken_back(mail)).map(|mail| mail.id).collect();
    outbox::erase(tx, &told).await?;
    outbox::take_back(tx, &waiting).await?;
    let mut again: Vec<CommentId> = mails.iter().filter(is_taken_back).filter_map(|mail| mail.comment_id).collect();
    again.sort_unstable();
    again.dedup();
    let stamp = tx.now.timestamp_micros();
    let jobs: Vec<NewJob<'_>> = again
        .into_iter()
        .flat_map(|comment| [reply::KIND, staff_answer::KIND].map(|kind| (kind, comment)))
        .map(|(kind, comment)| NewJob {
            kind,
            payload: json!({ "comment": comment }),
            unique_key: Some(format!("{kind}:{comment}:again-{stamp}")),
            run_at: tx.now + limits::REPLY_MAIL_DELAY,
            attempts_max: 20,
        })
        .collect();
    queue::enqueue_all(tx, &jobs).await
}
