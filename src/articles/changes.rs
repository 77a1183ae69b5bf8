//! What a published version changed, for readers: the version a correction note belongs to beside the one that was
//! public before it. Only versions with a note can be compared in public: a silent change may have taken something
//! out that must not be shown.

use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{ArticleId, RevisionId};
use crate::core::status::{ArticleState, CorrectionClass, RevisionCause};
use crate::db::DbError;
use crate::db::schema::{articles, corrections, revision_renderings, revisions};
use crate::render::plain::{self, Block, Kind};
use crate::render::sanitize::SanitizedHtml;

/// A change readers were told of.
#[derive(Debug, Clone)]
pub struct Change {
    /// The article.
    pub article: ArticleId,
    /// Its title now.
    pub title: String,
    /// Its language.
    pub language: String,
    /// What kind of change.
    pub class: CorrectionClass,
    /// What readers were told.
    pub note: String,
    /// When.
    pub told_at: DateTime<Utc>,
    /// When the version before it was published.
    pub before_at: DateTime<Utc>,
    /// The words before.
    pub before: Vec<Block>,
    /// The words after.
    pub after: Vec<Block>,
}

/// Causes of versions that readers saw; the others are drafts.
const PUBLIC: [RevisionCause; 4] =
    [RevisionCause::Publish, RevisionCause::Schedule, RevisionCause::Source, RevisionCause::Import];

/// The change that version `number` of a published article made; `None` when readers were told of none.
pub async fn find(conn: &mut AsyncPgConnection, slug: &str, number: i32) -> Result<Option<Change>, DbError> {
    type Row = (ArticleId, Option<RevisionId>, RevisionId, CorrectionClass, String, DateTime<Utc>);
    let row: Option<Row> = articles::table
        .inner_join(corrections::table)
        .inner_join(revisions::table.on(corrections::revision_id.eq(revisions::id)))
        .filter(articles::slug.eq(slug))
        .filter(articles::state.eq(ArticleState::Published))
        .filter(revisions::number.eq(number))
        .order(corrections::id.desc())
        .select((
            articles::id,
            articles::published_revision_id,
            revisions::id,
            corrections::class,
            corrections::text,
            corrections::published_at,
        ))
        .first(conn)
        .await
        .optional()?;
    let Some((article, Some(public), revision, class, note, told_at)) = row else { return Ok(None) };
    let before: Option<i32> = revisions::table
        .filter(revisions::article_id.eq(article))
        .filter(revisions::number.lt(number))
        .filter(revisions::cause.eq_any(PUBLIC))
        .select(max(revisions::number))
        .get_result(conn)
        .await?;
    let Some(before) = before else { return Ok(None) };
    let before: RevisionId = revisions::table
        .filter(revisions::article_id.eq(article))
        .filter(revisions::number.eq(before))
        .select(revisions::id)
        .get_result(conn)
        .await?;
    let (title, language): (String, String) =
        revisions::table.find(public).select((revisions::title, revisions::language)).get_result(conn).await?;
    let (before_at, before) = words(conn, before).await?;
    let (_, after) = words(conn, revision).await?;
    Ok(Some(Change { article, title, language, class, note, told_at, before_at, before, after }))
}

/// A version's words, block by block: title, dek, takeaways, text.
async fn words(conn: &mut AsyncPgConnection, id: RevisionId) -> Result<(DateTime<Utc>, Vec<Block>), DbError> {
    type Row = (DateTime<Utc>, String, String, Vec<Option<String>>, String);
    let (made_at, title, dek, takeaways, html): Row = revisions::table
        .inner_join(revision_renderings::table)
        .filter(revisions::id.eq(id))
        .select((revisions::made_at, revisions::title, revisions::dek, revisions::takeaways, revision_renderings::html))
        .get_result(conn)
        .await?;
    let mut blocks = vec![Block { kind: Kind::Heading, text: title }, Block { kind: Kind::Text, text: dek }];
    blocks.extend(takeaways.into_iter().flatten().map(|text| Block { kind: Kind::Item, text }));
    blocks.retain(|block| !block.text.is_empty());
    blocks.extend(plain::blocks(&SanitizedHtml::from_revision_column(html)));
    Ok((made_at, blocks))
}
