//! The outbox: table `mail_messages`. Each mail as it was or will be sent, and where it is.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};

use crate::audit::{self, Actor};
use crate::core::ids::{AddressId, CommentId, MailId, StaffId};
use crate::core::limits;
use crate::core::status::MailState;
use crate::db::schema::{digest_items, mail_messages};
use crate::db::{DbError, Tx};
use crate::jobs::job::NewJob;
use crate::jobs::queue;
use crate::mail::message::{Content, Headers};

/// The job that sends one mail; its payload is `{"mail": id}`.
pub const SEND: &str = "mail.send";

/// A mail to be queued.
#[derive(Debug)]
pub struct Draft<'a> {
    /// What it is: `reply`, `approved`, `staff_answer`, `confirm`.
    pub kind: &'static str,
    /// What it is about and for whom: the same mail is never queued twice.
    pub unique_key: String,
    /// From [`crate::mail::message::message_id`].
    pub message_id: String,
    /// Where it goes.
    pub recipient: String,
    /// The reader's address it goes to.
    pub address_id: Option<AddressId>,
    /// The person on the team it goes to.
    pub staff_id: Option<StaffId>,
    /// The comment it is about; a mail whose comment is taken down before it is sent is withdrawn.
    pub comment_id: Option<CommentId>,
    /// Its subject.
    pub subject: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The same as HTML.
    pub html: &'a str,
    /// The rest.
    pub headers: &'a Headers,
}

/// Puts a mail into the outbox and a job to send it into the queue. `None`: it was there already.
pub async fn enqueue(tx: &mut Tx, draft: &Draft<'_>) -> Result<Option<MailId>, DbError> {
    let headers = serde_json::to_value(draft.headers)
        .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
    let id: Option<MailId> = diesel::insert_into(mail_messages::table)
        .values((
            mail_messages::kind.eq(draft.kind),
            mail_messages::unique_key.eq(&draft.unique_key),
            mail_messages::message_id.eq(&draft.message_id),
            mail_messages::recipient.eq(&draft.recipient),
            mail_messages::address_id.eq(draft.address_id),
            mail_messages::staff_id.eq(draft.staff_id),
            mail_messages::comment_id.eq(draft.comment_id),
            mail_messages::subject.eq(draft.subject),
            mail_messages::body_text.eq(draft.text),
            mail_messages::body_html.eq(draft.html),
            mail_messages::headers.eq(headers),
            mail_messages::created_at.eq(tx.now),
            mail_messages::next_try_at.eq(tx.now),
        ))
        .on_conflict(mail_messages::unique_key)
        .do_nothing()
        .returning(mail_messages::id)
        .get_result(tx.conn())
        .await
        .optional()?;
    if let Some(id) = id {
        enqueue_send(tx, id, "first").await?;
    }
    Ok(id)
}

// Tries are counted by the mail, not by the job: an outage of days must not use them up.
async fn enqueue_send(tx: &mut Tx, id: MailId, round: &str) -> Result<(), DbError> {
    let job = NewJob {
        kind: SEND,
        payload: json!({ "mail": id }),
        unique_key: Some(format!("{SEND}:{id}:{round}")),
        run_at: tx.now,
        attempts_max: 10_000,
    };
    queue::enqueue(tx, job).await
}

/// A mail of the outbox with its texts.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = mail_messages)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// What it is.
    pub kind: String,
    /// `<…@host>`.
    pub message_id: String,
    /// Where it goes.
    pub recipient: String,
    /// The reader's address it goes to.
    pub address_id: Option<AddressId>,
    /// The person on the team it goes to.
    pub staff_id: Option<StaffId>,
    /// The comment it is about.
    pub comment_id: Option<CommentId>,
    /// Its subject.
    pub subject: String,
    /// Its text; empty once it was erased.
    pub body_text: String,
    /// The same as HTML.
    pub body_html: String,
    headers: Value,
    /// Where it is.
    pub state: MailState,
    /// How often it was tried.
    pub attempts: i32,
    /// What the server said last.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// When it is tried next.
    pub next_try_at: Option<DateTime<Utc>>,
    /// When it was sent, given up or withdrawn.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Mail {
    /// What it carries besides its text.
    #[must_use]
    pub fn headers(&self) -> Headers {
        serde_json::from_value(self.headers.clone()).unwrap_or_default()
    }

    /// Its line in the list.
    #[must_use]
    pub fn into_line(self) -> Line {
        Line {
            id: self.id,
            kind: self.kind,
            recipient: self.recipient,
            comment_id: self.comment_id,
            subject: self.subject,
            state: self.state,
            attempts: self.attempts,
            last_error: self.last_error,
            created_at: self.created_at,
            next_try_at: self.next_try_at,
            finished_at: self.finished_at,
        }
    }

    /// Its words, to make the message from.
    #[must_use]
    pub fn content<'a>(&'a self, headers: &'a Headers) -> Content<'a> {
        Content {
            recipient: &self.recipient,
            subject: &self.subject,
            text: &self.body_text,
            html: &self.body_html,
            message_id: &self.message_id,
            headers,
        }
    }
}

/// One mail.
pub async fn find(conn: &mut AsyncPgConnection, id: MailId) -> Result<Option<Mail>, DbError> {
    Ok(mail_messages::table.find(id).select(Mail::as_select()).first(conn).await.optional()?)
}

/// A line of the outbox.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = mail_messages)]
pub struct Line {
    /// Its id.
    pub id: MailId,
    /// What it is.
    pub kind: String,
    /// Where it goes.
    pub recipient: String,
    /// The comment it is about.
    pub comment_id: Option<CommentId>,
    /// Its subject.
    pub subject: String,
    /// Where it is.
    pub state: MailState,
    /// How often it was tried.
    pub attempts: i32,
    /// What the server said last.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// When it is tried next.
    pub next_try_at: Option<DateTime<Utc>>,
    /// When it was sent, given up or withdrawn.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The outbox newest first, of one state or of all, at most [`limits::DESK_ROWS`] before the mail `before`.
pub async fn list(
    conn: &mut AsyncPgConnection,
    state: Option<MailState>,
    before: Option<MailId>,
) -> Result<Vec<Line>, DbError> {
    let mut query = mail_messages::table
        .select(Line::as_select())
        .filter(mail_messages::id.lt(before.map_or(i64::MAX, |id| id.0)))
        .order(mail_messages::id.desc())
        .limit(limits::DESK_ROWS)
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(mail_messages::state.eq(state));
    }
    Ok(query.load(conn).await?)
}

/// How many mails are in a state, counted up to [`limits::COUNT_EXACT_MAX`] and one more (decisions 6).
pub async fn count(conn: &mut AsyncPgConnection, state: MailState) -> Result<usize, DbError> {
    let found: Vec<MailId> = mail_messages::table
        .filter(mail_messages::state.eq(state))
        .select(mail_messages::id)
        .limit(limits::COUNT_EXACT_MAX + 1)
        .load(conn)
        .await?;
    Ok(found.len())
}

/// Why a mail is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is no such mail.
    #[error("there is no such mail")]
    Unknown,
    /// It has not failed: it waits, was sent or was withdrawn.
    #[error("only a mail that failed can be tried again")]
    NotFailed,
    /// Its text was erased.
    #[error("its text has been erased")]
    Erased,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(RetryError);

/// Puts a mail that was given up back into the queue, with the `Message-ID` it had.
pub async fn retry(tx: &mut Tx, by: Actor, id: MailId) -> Result<(), RetryError> {
    let (state, text): (MailState, String) = mail_messages::table
        .find(id)
        .select((mail_messages::state, mail_messages::body_text))
        .for_update()
        .first(tx.conn())
        .await
        .optional()?
        .ok_or(RetryError::Unknown)?;
    match state {
        MailState::Failed if text.is_empty() => return Err(RetryError::Erased),
        MailState::Failed => {}
        MailState::Queued | MailState::Sent | MailState::Withdrawn => return Err(RetryError::NotFailed),
    }
    let now = tx.now;
    diesel::update(mail_messages::table.find(id))
        .set((
            mail_messages::state.eq(MailState::Queued),
            mail_messages::attempts.eq(0),
            mail_messages::next_try_at.eq(now),
            mail_messages::finished_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(tx.conn())
        .await?;
    enqueue_send(tx, id, &now.timestamp_micros().to_string()).await?;
    let entry = audit::Entry {
        actor: by,
        action: "mail.retry",
        subject: "mail",
        subject_id: Some(id.0),
        detail: json!({}),
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(())
}

/// Erases the texts of mails finished before `before`, up to `rows_max`; answers how many.
pub async fn erase_bodies(
    conn: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    rows_max: i64,
) -> Result<usize, DbError> {
    let old: Vec<MailId> = mail_messages::table
        .filter(mail_messages::finished_at.lt(before))
        .filter(mail_messages::body_text.ne(""))
        .select(mail_messages::id)
        .limit(rows_max)
        .load(conn)
        .await?;
    let erased = diesel::update(mail_messages::table.filter(mail_messages::id.eq_any(old)))
        .set((mail_messages::body_text.eq(""), mail_messages::body_html.eq("")))
        .execute(conn)
        .await?;
    Ok(erased)
}

/// A mail that tells of a comment.
#[derive(Debug, Clone, Queryable)]
pub struct Told {
    /// Its id.
    pub id: MailId,
    /// The comment it is about; none for one that tells of several.
    pub comment_id: Option<CommentId>,
    /// Where it is.
    pub state: MailState,
}

/// Mails that tell of any of these comments: those about one, and digests with one in them.
pub async fn list_about(conn: &mut AsyncPgConnection, about: &[CommentId]) -> Result<Vec<Told>, DbError> {
    let mut told: Vec<Told> = mail_messages::table
        .filter(mail_messages::comment_id.eq_any(about))
        .select((mail_messages::id, mail_messages::comment_id, mail_messages::state))
        .load(conn)
        .await?;
    let of_several: Vec<Told> = digest_items::table
        .inner_join(mail_messages::table)
        .filter(digest_items::comment_id.eq_any(about))
        .select((mail_messages::id, mail_messages::comment_id, mail_messages::state))
        .distinct()
        .load(conn)
        .await?;
    told.extend(of_several);
    Ok(told)
}

/// Erases what mails say, their subjects included; that they were sent stays.
pub async fn erase(tx: &mut Tx, ids: &[MailId]) -> Result<(), DbError> {
    diesel::update(mail_messages::table.filter(mail_messages::id.eq_any(ids)))
        .set((
            mail_messages::subject.eq("Erased at a reader’s wish"),
            mail_messages::body_text.eq(""),
            mail_messages::body_html.eq(""),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes mails out of the outbox that wait, as if they had never been put there.
pub async fn take_back(tx: &mut Tx, ids: &[MailId]) -> Result<(), DbError> {
    diesel::delete(mail_messages::table.filter(mail_messages::id.eq_any(ids))).execute(tx.conn()).await?;
    Ok(())
}

/// Deletes mails finished before `before`, up to `rows_max`; answers how many.
pub async fn purge(conn: &mut AsyncPgConnection, before: DateTime<Utc>, rows_max: i64) -> Result<usize, DbError> {
    let old: Vec<MailId> = mail_messages::table
        .filter(mail_messages::finished_at.lt(before))
        .select(mail_messages::id)
        .limit(rows_max)
        .load(conn)
        .await?;
    Ok(diesel::delete(mail_messages::table).filter(mail_messages::id.eq_any(old)).execute(conn).await?)
}

/// Of these mails, those that still have a text.
pub async fn list_kept(conn: &mut AsyncPgConnection, ids: &[MailId]) -> Result<Vec<MailId>, DbError> {
    let kept = mail_messages::table
        .filter(mail_messages::id.eq_any(ids))
        .filter(mail_messages::body_text.ne(""))
        .select(mail_messages::id)
        .load(conn)
        .await?;
    Ok(kept)
}
