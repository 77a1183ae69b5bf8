//! Putting a version before readers and taking the article back.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::articles::layout::Layout;
use crate::articles::links;
use crate::articles::model::{self, Article};
use crate::articles::revisions::{self, NewRevision, RevisionError};
use crate::articles::terms;
use crate::audit::{self, Entry};
use crate::core::ids::{ArticleId, RevisionId};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::{ArticleKind, ArticleState, CorrectionClass, RevisionCause};
use crate::core::text;
use crate::db::schema::{articles, corrections};
use crate::db::{DbError, Tx};
use crate::render::finding::{Finding, FindingLevel, any_blocks};
use crate::staff::authority::MayPublish;

/// What readers are told of a change to a published article; chosen before publishing, never guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing: the date stays.
    Cosmetic,
    /// A dated note on the page.
    Noted {
        /// Its kind.
        class: CorrectionClass,
        /// What it says, at most 2,000 characters.
        text: String,
    },
}

/// A wish to publish a text as it was laid out.
#[derive(Debug)]
pub struct Publication<'a> {
    /// The text.
    pub layout: &'a Layout,
    /// What readers are told; needed when they have seen the article already.
    pub change: Option<&'a Change>,
    /// Why it is published in spite of what blocks it; empty: it is not.
    pub override_reason: &'a str,
    /// A note for the history; may be empty.
    pub note: &'a str,
}

/// Why an article was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no such article.
    #[error("there is no such article")]
    NotFound,
    /// It belongs to somebody else.
    #[error("this article belongs to somebody else")]
    NotYours,
    /// The checks found what blocks, and no reason was given.
    #[error("some checks block publishing")]
    Blocked(Vec<Finding>),
    /// The address cannot be had, as a sentence for its field. No reason helps here.
    #[error("the address cannot be had")]
    Address(String),
    /// A cited source was edited between laying out and keeping: lay out again.
    #[error("a cited source changed just now")]
    SourcesChanged,
    /// There is nothing public to withdraw.
    #[error("the article is not published")]
    NotPublished,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(PublishError);

impl From<RevisionError> for PublishError {
    fn from(error: RevisionError) -> Self {
        match error {
            RevisionError::NotFound => Self::NotFound,
            RevisionError::NotYours => Self::NotYours,
            RevisionError::SourcesChanged => Self::SourcesChanged,
            RevisionError::Db(error) => Self::Db(error),
        }
    }
}

/// Every finding about an article that is to be published (decisions 24), of its text, its sources and its fields; what
/// blocks comes first. What is said of the change is asked only where readers have seen the article.
#[must_use]
pub fn checks(article: &Article, layout: &Layout, change: Option<&Change>) -> Vec<Finding> {
    let fields = &layout.fields;
    let mut findings = Vec::new();
    let mut find = |code: &str, level, text: &str| findings.push(Finding::new(code, level, 0, text, ""));
    let is_article = article.kind == ArticleKind::Article;
    if fields.title.is_empty() {
        find("title.missing", FindingLevel::Blocks, "The article has no title.");
    }
    if is_article && fields.authors().next().is_none() {
        find("author.missing", FindingLevel::Blocks, "Nobody is credited as the author.");
    }
    if is_article && fields.dek.is_empty() {
        find("dek.missing", FindingLevel::Warns, "There is no dek: one sentence that says what readers get.");
    }
    if is_article && fields.topic_id.is_none() {
        find("topic.missing", FindingLevel::Warns, "No topic is set, so the article is in no topic’s list.");
    }
    if is_article && fields.takeaways.is_empty() {
        find("takeaways.missing", FindingLevel::Note, "There are no key takeaways.");
    }
    if article.state == ArticleState::Published && change.is_none() {
        find(
            "change.undecided",
            FindingLevel::Blocks,
            "Say what readers are told of this change: nothing, or a dated note.",
        );
    }
    findings.extend(layout.findings.iter().cloned());
    findings.sort_by_key(|finding| (finding.level, finding.line));
    findings
}

/// Publishes a text: makes a version of it, gives the article its address (the old one leads on), and dates it.
/// Publishing what is public already makes nothing and answers the version that stands.
///
/// Touches the article and the lists. Locks the article's row and the cited sources.
pub async fn publish(
    tx: &mut Tx,
    who: &MayPublish,
    id: ArticleId,
    what: Publication<'_>,
) -> Result<RevisionId, PublishError> {
    revisions::lock_sources(tx, what.layout).await?;
    let article = lock(tx, who, id).await?;
    let fields = &what.layout.fields;
    if article.state == ArticleState::Published
        && let Some(public) = article.published_revision_id
        && revisions::find(tx.conn(), id, public).await?.is_some_and(|public| public.fields == *fields)
    {
        return Ok(public);
    }
    if let Some(fault) = links::address_fault(tx.conn(), id, &fields.slug).await? {
        return Err(PublishError::Address(fault));
    }
    let findings = checks(&article, what.layout, what.change);
    let reason = text::tidy_multiline(what.override_reason);
    let is_overridden = any_blocks(&findings);
    if is_overridden && reason.is_empty() {
        return Err(PublishError::Blocked(findings));
    }
    let reason = if is_overridden { reason } else { String::new() };
    let new = NewRevision {
        cause: RevisionCause::Publish,
        note: what.note,
        layout: what.layout,
        findings: &findings,
        override_reason: &reason,
        made_by: who.staff_id(),
    };
    let revision = revisions::make(tx, id, new).await?;
    if article.slug != fields.slug {
        // The placeholder of a draft leads on too: it is how a second post of the form that began it is recognised.
        links::change_address(tx, id, &article.slug, &fields.slug).await?;
    }
    date(tx, &article, revision, what.change).await?;
    if let (Some(Change::Noted { class, text }), true) = (what.change, article.first_published_at.is_some()) {
        note(tx, who, id, revision, *class, text).await?;
    }
    touch(tx, id, [article.published_revision_id, Some(revision)]).await?;
    let codes: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.level == FindingLevel::Blocks)
        .map(|finding| finding.code.as_str())
        .collect();
    let detail = json!({ "revision": revision, "overridden": codes });
    let evidence = is_overridden.then_some(reason.as_str());
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "article.publish",
            subject: "article",
            subject_id: Some(id.0),
            detail,
            evidence,
        },
    )
    .await?;
    Ok(revision)
}

/// What shows an article: its page, the lists, and the other parts of the series it was or is in.
async fn touch(tx: &mut Tx, id: ArticleId, versions: [Option<RevisionId>; 2]) -> Result<(), DbError> {
    tx.touch(Tag::Article(id));
    tx.touch(Tag::Listing);
    let versions: Vec<RevisionId> = versions.into_iter().flatten().collect();
    for series in terms::series_of(tx.conn(), &versions).await? {
        tx.touch(Tag::Series(series));
    }
    Ok(())
}

async fn lock(tx: &mut Tx, who: &MayPublish, id: ArticleId) -> Result<Article, PublishError> {
    let article: Option<Article> =
        articles::table.find(id).select(Article::as_select()).for_update().first(tx.conn()).await.optional()?;
    let article = article.ok_or(PublishError::NotFound)?;
    if !who.covers(&model::people(tx.conn(), id).await?) {
        return Err(PublishError::NotYours);
    }
    Ok(article)
}

/// Sets state and dates. The place in lists is that of the first publication, or of the return from withdrawal;
/// `updated_at` moves only when readers are told of the change.
async fn date(tx: &mut Tx, article: &Article, revision: RevisionId, change: Option<&Change>) -> Result<(), DbError> {
    let was_public = article.state == ArticleState::Published;
    let is_silent = was_public && matches!(change, Some(Change::Cosmetic));
    let published_at = article.published_at.filter(|_| was_public).unwrap_or(tx.now);
    let updated_at = article.updated_at.filter(|_| is_silent).unwrap_or(tx.now);
    diesel::update(articles::table.find(article.id))
        .set((
            articles::state.eq(ArticleState::Published),
            articles::published_revision_id.eq(revision),
            articles::first_published_at.eq(article.first_published_at.unwrap_or(tx.now)),
            articles::published_at.eq(published_at),
            articles::updated_at.eq(updated_at),
            articles::withdrawn_at.eq(None::<chrono::DateTime<chrono::Utc>>),
            articles::withdrawn_reason.eq(""),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn note(
    tx: &mut Tx,
    who: &MayPublish,
    article: ArticleId,
    revision: RevisionId,
    class: CorrectionClass,
    text: &str,
) -> Result<(), DbError> {
    diesel::insert_into(corrections::table)
        .values((
            corrections::article_id.eq(article),
            corrections::revision_id.eq(revision),
            corrections::class.eq(class),
            corrections::text.eq(text),
            corrections::made_by.eq(who.staff_id()),
            corrections::published_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Characters of a correction note; the column's check says the same.
pub const NOTE_CHARS_MAX: usize = 2_000;
/// Characters of the reason readers see on a withdrawn article's page.
pub const REASON_CHARS_MAX: usize = limits::DEK_CHARS_MAX;

/// Takes an article back: its address answers "withdrawn" with the reason, if one is given for readers.
pub async fn unpublish(tx: &mut Tx, who: &MayPublish, id: ArticleId, reason: &str) -> Result<(), PublishError> {
    let article = lock(tx, who, id).await?;
    match article.state {
        ArticleState::Withdrawn => return Ok(()),
        ArticleState::Published => {}
        ArticleState::Draft | ArticleState::InReview | ArticleState::Scheduled | ArticleState::Trash => {
            return Err(PublishError::NotPublished);
        }
    }
    diesel::update(articles::table.find(id))
        .set((
            articles::state.eq(ArticleState::Withdrawn),
            articles::withdrawn_at.eq(tx.now),
            articles::withdrawn_reason.eq(text::tidy_line(reason)),
        ))
        .execute(tx.conn())
        .await?;
    touch(tx, id, [article.published_revision_id, None]).await?;
    let detail = json!({ "revision": article.published_revision_id });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "article.withdraw",
            subject: "article",
            subject_id: Some(id.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(())
}
