//! Beginning an article and saving its working copy.

use data_encoding::HEXLOWER;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::articles::model::{self, Draft, Fault, Fields};
use crate::articles::terms;
use crate::audit::{self, Entry};
use crate::core::ids::ArticleId;
use crate::core::page_store::Tag;
use crate::core::status::{ArticleKind, ArticleState, CommentsMode, CreditRole};
use crate::db::schema::{article_drafts, articles, redirects};
use crate::db::{DbError, Tx};
use crate::staff::authority::MayEdit;
use crate::urls;

/// Why a working copy was not saved. Nothing typed is lost: the form is shown again with it.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// There is no such article.
    #[error("there is no such article")]
    NotFound,
    /// It belongs to somebody else, and the role covers own articles only.
    #[error("this article belongs to somebody else")]
    NotYours,
    /// Somebody saved after this form was opened; the copy that is stored now.
    #[error("somebody saved this article after it was opened here")]
    Conflict(Box<Draft>),
    /// Fields that cannot be kept as they are.
    #[error("some fields cannot be kept as they are")]
    Fields(Vec<Fault>),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(SaveError);

/// Begins an article: an empty draft, its writer credited as the author. The address is a placeholder until the
/// first publication, made from `key`, the form's random key: the same form posted twice begins one article.
pub async fn create(
    tx: &mut Tx,
    who: &MayEdit,
    kind: ArticleKind,
    language: &str,
    key: &str,
) -> Result<ArticleId, SaveError> {
    let slug = placeholder(who, key);
    if let Some(begun) = find_begun(tx.conn(), &slug).await? {
        return Ok(begun);
    }
    let id: Option<ArticleId> = diesel::insert_into(articles::table)
        .values((
            articles::kind.eq(kind),
            articles::slug.eq(&slug),
            articles::comments_mode.eq(match kind {
                ArticleKind::Article => CommentsMode::Open,
                ArticleKind::Page => CommentsMode::Off,
            }),
            articles::created_by.eq(who.staff_id()),
            articles::created_at.eq(tx.now),
        ))
        .on_conflict_do_nothing()
        .returning(articles::id)
        .get_result(tx.conn())
        .await
        .optional()?;
    let Some(id) = id else {
        return find_begun(tx.conn(), &slug).await?.ok_or(SaveError::NotFound);
    };
    let credits = match kind {
        ArticleKind::Article => json!([{ "staff_id": who.staff_id(), "role": CreditRole::Author }]),
        ArticleKind::Page => json!([]),
    };
    diesel::insert_into(article_drafts::table)
        .values((
            article_drafts::article_id.eq(id),
            article_drafts::slug.eq(""),
            article_drafts::credits.eq(credits),
            article_drafts::language.eq(language),
            article_drafts::saved_by.eq(who.staff_id()),
            article_drafts::saved_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    let detail = json!({ "kind": kind });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "article.create",
            subject: "article",
            subject_id: Some(id.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(id)
}

/// The article that was begun under a placeholder: it still has it, or had it before it was published.
async fn find_begun(conn: &mut AsyncPgConnection, slug: &str) -> Result<Option<ArticleId>, DbError> {
    let begun: Option<ArticleId> =
        articles::table.filter(articles::slug.eq(slug)).select(articles::id).first(conn).await.optional()?;
    if begun.is_some() {
        return Ok(begun);
    }
    let moved: Option<Option<ArticleId>> = redirects::table
        .filter(redirects::path.eq(urls::article(slug)))
        .select(redirects::article_id)
        .first(conn)
        .await
        .optional()?;
    Ok(moved.flatten())
}

fn placeholder(who: &MayEdit, key: &str) -> String {
    let digest = Sha256::digest(format!("{}:{key}", who.staff_id()).as_bytes());
    format!("untitled-{}", HEXLOWER.encode(digest.get(..8).unwrap_or(&digest)))
}

/// Saves the working copy over the one with save counter `opened`; answers the new counter.
///
/// The same form posted twice lands on its first result.
///
/// **Errors** [`SaveError::Conflict`] with the stored copy when somebody else saved meanwhile.
pub async fn save(
    tx: &mut Tx,
    who: &MayEdit,
    article: ArticleId,
    opened: i32,
    fields: &Fields,
) -> Result<i32, SaveError> {
    let faults = fields.faults();
    if !faults.is_empty() {
        return Err(SaveError::Fields(faults));
    }
    if !who.covers(&model::people(tx.conn(), article).await?) {
        return Err(SaveError::NotYours);
    }
    let fields = &terms::settle(tx.conn(), fields.clone()).await?;
    let saved: Option<i32> = diesel::update(
        article_drafts::table
            .filter(article_drafts::article_id.eq(article))
            .filter(article_drafts::revision.eq(opened)),
    )
    .set((
        article_drafts::revision.eq(article_drafts::revision + 1),
        article_drafts::title.eq(&fields.title),
        article_drafts::slug.eq(&fields.slug),
        article_drafts::dek.eq(&fields.dek),
        article_drafts::takeaways.eq(&fields.takeaways),
        article_drafts::body.eq(&fields.body),
        article_drafts::topic_id.eq(fields.topic_id),
        article_drafts::tags.eq(&fields.tags),
        article_drafts::series.eq(fields.part.as_ref().map_or("", |part| part.series.as_str())),
        article_drafts::series_part.eq(fields.part.as_ref().map(|part| part.number)),
        article_drafts::lead_media_id.eq(fields.lead_media_id),
        article_drafts::credits.eq(json!(fields.credits)),
        article_drafts::language.eq(&fields.language),
        article_drafts::description.eq(&fields.description),
        article_drafts::saved_by.eq(who.staff_id()),
        article_drafts::saved_at.eq(tx.now),
    ))
    .returning(article_drafts::revision)
    .get_result(tx.conn())
    .await
    .optional()?;
    let Some(revision) = saved else {
        let stored = model::find_draft(tx.conn(), article).await?.ok_or(SaveError::NotFound)?;
        if stored.fields == *fields && stored.saved_by == Some(who.staff_id()) {
            return Ok(stored.revision);
        }
        return Err(SaveError::Conflict(Box::new(stored)));
    };
    let detail = json!({ "save": revision });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "article.save",
            subject: "article",
            subject_id: Some(article.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(revision)
}

/// Opens, closes or switches off comments. Readers of a published article see it at once.
pub async fn set_comments(tx: &mut Tx, who: &MayEdit, article: ArticleId, mode: CommentsMode) -> Result<(), SaveError> {
    if !who.covers(&model::people(tx.conn(), article).await?) {
        return Err(SaveError::NotYours);
    }
    let closed_at = (mode == CommentsMode::Closed).then_some(tx.now);
    let state: Option<ArticleState> =
        diesel::update(articles::table.filter(articles::id.eq(article)).filter(articles::comments_mode.ne(mode)))
            .set((articles::comments_mode.eq(mode), articles::comments_closed_at.eq(closed_at)))
            .returning(articles::state)
            .get_result(tx.conn())
            .await
            .optional()?;
    let Some(state) = state else { return Ok(()) };
    if state == ArticleState::Published {
        tx.touch(Tag::Article(article));
    }
    let detail = json!({ "comments": mode });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "article.comments",
            subject: "article",
            subject_id: Some(article.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(())
}
