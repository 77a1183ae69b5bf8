//! Changing one's comment within the edit window (reader.md 4). The changed text passes the rules that look at
//! the text; an approved one that runs into them waits again.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor};
use crate::comments::create;
use crate::comments::model::{FieldError, Words};
use crate::core::ids::{AddressId, ArticleId, BrowserId, CommentId, ReaderId, RevisionId};
use crate::core::page_store::Tag;
use crate::core::status::{CommentStatus, ModerationMode};
use crate::db::schema::{articles, comment_revisions, comments, revisions};
use crate::db::{DbError, Tx};
use crate::moderation::decide::{self, DecideError};
use crate::moderation::facts::{self, Subject};
use crate::moderation::model::{Outcome, RuleId, Screening, Verdict};
use crate::moderation::screen::{self, Case};
use crate::moderation::word_lists;
use crate::readers::browser::Browser;
use crate::render::markdown::RENDERER_VERSION;
use crate::settings;

/// What a changed text is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// How comments are taken.
    pub settings: &'a settings::Comments,
    /// The word lists.
    pub words: &'a word_lists::Cached,
}

/// A comment its writer may look at, change or withdraw.
#[derive(Debug, Clone)]
pub struct Own {
    /// Its id.
    pub id: CommentId,
    /// The top of its thread.
    pub root: CommentId,
    /// Its article.
    pub article: ArticleId,
    /// The article's address.
    pub slug: String,
    /// The article's title.
    pub title: String,
    /// The revision it was written on: whose references it can point to.
    pub revision: RevisionId,
    /// Where it is.
    pub status: CommentStatus,
    /// The rule or reason that put it there.
    pub status_reason: Option<String>,
    /// Its text.
    pub body: String,
    /// Its version.
    pub version: i32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl Own {
    /// Until when it may be changed.
    #[must_use]
    pub fn editable_until(&self, window_minutes: u32) -> DateTime<Utc> {
        self.created_at + TimeDelta::minutes(i64::from(window_minutes))
    }

    /// Whether its writer can still do anything with it.
    #[must_use]
    pub fn is_living(&self) -> bool {
        matches!(self.status, CommentStatus::Held | CommentStatus::Approved | CommentStatus::Spam)
            && !self.body.is_empty()
    }
}

/// Why a comment was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// No such comment of this browser's, or it was removed.
    #[error("no such comment")]
    NotFound,
    /// The time for editing is over.
    #[error("the time for editing is over")]
    TooLate,
    /// Something is wrong with the text.
    #[error("the text is not right")]
    Invalid(FieldError),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(EditError);

impl From<DecideError> for EditError {
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

/// A comment, if it was written in this browser or by the reader who confirmed in it.
pub async fn find_own(conn: &mut AsyncPgConnection, browser: &Browser, id: CommentId) -> Result<Option<Own>, DbError> {
    type Ids = (CommentId, CommentId, ArticleId, RevisionId, Option<BrowserId>, Option<ReaderId>);
    type Rest = (CommentStatus, Option<String>, String, i32, DateTime<Utc>, String, String);
    let row: Option<(Ids, Rest)> = comments::table
        .inner_join(articles::table)
        .inner_join(revisions::table)
        .filter(comments::id.eq(id))
        .filter(comments::staff_id.is_null())
        .select((
            (
                comments::id,
                comments::root_id,
                comments::article_id,
                comments::revision_id,
                comments::browser_id,
                comments::reader_id,
            ),
            (
                comments::status,
                comments::status_reason,
                comments::body,
                comments::version,
                comments::created_at,
                articles::slug,
                revisions::title,
            ),
        ))
        .get_result(conn)
        .await
        .optional()?;
    let Some((
        (id, root, article, revision, by, reader),
        (status, status_reason, body, version, created_at, slug, title),
    )) = row
    else {
        return Ok(None);
    };
    let own = Own { id, root, article, slug, title, revision, status, status_reason, body, version, created_at };
    Ok(browser.wrote(by, reader).then_some(own))
}

/// Gives a comment a new text. Answers where it is then.
pub async fn edit(
    tx: &mut Tx,
    rules: Rules<'_>,
    browser: &Browser,
    id: CommentId,
    words: &Words,
) -> Result<CommentStatus, EditError> {
    words.check_links().map_err(EditError::Invalid)?;
    let own = find_own(tx.conn(), browser, id).await?.filter(Own::is_living).ok_or(EditError::NotFound)?;
    if tx.now >= own.editable_until(rules.settings.edit_window_minutes) {
        return Err(EditError::TooLate);
    }
    if own.body == words.body() {
        return Ok(own.status);
    }
    let before = lock(tx, id).await?;
    if before.version != own.version {
        return Err(EditError::NotFound); // decided on at this very moment
    }
    replace_text(tx, &own, &before, words).await?;
    let screening = judge(tx, rules, browser, &own, &before, words).await?;
    let detail = json!({"version": own.version + 1, "rules": screening.codes()});
    audit::append(
        tx,
        audit::Entry {
            actor: Actor::Reader,
            action: "comment.edit",
            subject: "comment",
            subject_id: Some(id.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    if own.status == CommentStatus::Approved {
        tx.touch(Tag::Article(own.article));
        if !screening.0.is_empty() {
            let screening = edited(&before, tx.now, screening);
            return Ok(decide::hold_again(tx, id, &screening).await?.to);
        }
    }
    Ok(own.status)
}

#[derive(Queryable)]
struct Before {
    version: i32,
    address: Option<AddressId>,
    published_at: Option<DateTime<Utc>>,
    moderation: Option<ModerationMode>,
}

async fn lock(tx: &mut Tx, id: CommentId) -> Result<Before, DbError> {
    let (version, article, address, published_at): (i32, ArticleId, Option<AddressId>, Option<DateTime<Utc>>) =
        comments::table
            .find(id)
            .select((comments::version, comments::article_id, comments::address_id, comments::published_at))
            .for_no_key_update()
            .get_result(tx.conn())
            .await?;
    let moderation = articles::table.find(article).select(articles::moderation_mode).get_result(tx.conn()).await?;
    Ok(Before { version, address, published_at, moderation })
}

async fn replace_text(tx: &mut Tx, own: &Own, before: &Before, words: &Words) -> Result<(), DbError> {
    diesel::insert_into(comment_revisions::table)
        .values((
            comment_revisions::comment_id.eq(own.id),
            comment_revisions::version.eq(own.version),
            comment_revisions::body.eq(&own.body),
            comment_revisions::made_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    diesel::update(comments::table.find(own.id))
        .set((
            comments::body.eq(words.body()),
            comments::html.eq(words.text.html.as_str()),
            comments::renderer_version.eq(RENDERER_VERSION),
            comments::text_digest.eq(words.folded.digest()),
            comments::version.eq(own.version + 1),
            // "Edited" is said only of a text that others could have read before.
            comments::edited_at.eq(before.published_at.map(|_| tx.now)),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn judge(
    tx: &mut Tx,
    rules: Rules<'_>,
    browser: &Browser,
    own: &Own,
    before: &Before,
    words: &Words,
) -> Result<Screening, EditError> {
    let Some(address) = before.address else { return Ok(Screening::default()) };
    let lists = rules.words.lists(tx.conn()).await?;
    let digest = words.folded.digest();
    let subject = Subject {
        article: own.article,
        address: Some(address),
        reader: browser.reader_of(address),
        text_digest: digest.as_deref(),
        newcomer_until: rules.settings.newcomer_until,
    };
    let now = tx.now;
    let facts = facts::look_up(tx.conn(), &[subject], now, &lists).await?;
    let facts = facts.into_iter().next().ok_or(diesel::result::Error::NotFound)?;
    Ok(screen::screen_edit(&Case {
        text: words.body(),
        folded: &words.folded,
        links: &words.links,
        is_trapped: false,
        is_throwaway: false,
        dwell_seconds: None,
        facts,
        policy: create::policy(rules.settings, before.moderation),
    }))
}

/// The outcomes with the reason for looking again in front.
fn edited(before: &Before, now: DateTime<Utc>, screening: Screening) -> Screening {
    let minutes = before.published_at.map_or(0, |at| (now - at).num_minutes());
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    let first = Outcome {
        rule: RuleId::Edited,
        version: 1,
        verdict: Verdict::Hold,
        badge: "Edited after approval".into(),
        sentence: format!("The writer changed it {minutes} {unit} after it was approved."),
        evidence: json!({"minutes": minutes}),
    };
    Screening(std::iter::once(first).chain(screening.0).collect())
}
