//! Versions: whole, immutable snapshots of an article. `make` is the only place that writes them from a text;
//! [`crate::articles::sources`] copies one with a source changed.

use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::articles::layout::Layout;
use crate::articles::model::{self, Credit, Fields};
use crate::articles::terms;
use crate::audit::{self, Entry};
use crate::core::ids::{ArticleId, ReferenceId, RevisionId, StaffId};
use crate::core::status::RevisionCause;
use crate::db::schema::{
    article_drafts, article_headings, articles, reference_records, revision_citations, revision_credits,
    revision_media, revision_renderings, revisions, staff,
};
use crate::db::{DbError, Tx};
use crate::render::finding::Finding;
use crate::render::markdown::RENDERER_VERSION;
use crate::staff::authority::MayEdit;

/// Why a version was not made.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// There is no such article.
    #[error("there is no such article")]
    NotFound,
    /// It belongs to somebody else.
    #[error("this article belongs to somebody else")]
    NotYours,
    /// A cited source was edited between laying out and keeping: lay out again.
    #[error("a cited source changed just now")]
    SourcesChanged,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(RevisionError);

/// What a new version is made of.
#[derive(Debug)]
pub(crate) struct NewRevision<'a> {
    pub(crate) cause: RevisionCause,
    pub(crate) note: &'a str,
    pub(crate) layout: &'a Layout,
    pub(crate) findings: &'a [Finding],
    pub(crate) override_reason: &'a str,
    pub(crate) made_by: StaffId,
}

/// Keeps the working copy as a version with an optional note. Nothing new is made when the last version says the same.
pub async fn keep(
    tx: &mut Tx,
    who: &MayEdit,
    article: ArticleId,
    layout: &Layout,
    note: &str,
) -> Result<RevisionId, RevisionError> {
    if !who.covers(&model::people(tx.conn(), article).await?) {
        return Err(RevisionError::NotYours);
    }
    lock_sources(tx, layout).await?;
    let last: Option<RevisionId> = revisions::table
        .filter(revisions::article_id.eq(article))
        .order(revisions::number.desc())
        .select(revisions::id)
        .first(tx.conn())
        .await
        .optional()?;
    if let Some(last) = last
        && find(tx.conn(), article, last).await?.is_some_and(|kept| kept.fields == layout.fields)
    {
        return Ok(last);
    }
    let new = NewRevision {
        cause: RevisionCause::Save,
        note,
        layout,
        findings: &layout.findings,
        override_reason: "",
        made_by: who.staff_id(),
    };
    let id = make(tx, article, new).await?;
    let detail = json!({ "revision": id });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "article.keep",
            subject: "article",
            subject_id: Some(article.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(id)
}

/// Writes a version with everything it holds and makes it the base of the working copy. The caller has locked the
/// sources with [`lock_sources`]; the article's row is locked here, so that numbers have no gaps.
pub(crate) async fn make(tx: &mut Tx, article: ArticleId, new: NewRevision<'_>) -> Result<RevisionId, RevisionError> {
    let locked: Option<ArticleId> =
        articles::table.find(article).select(articles::id).for_update().first(tx.conn()).await.optional()?;
    locked.ok_or(RevisionError::NotFound)?;
    let number: Option<i32> = revisions::table
        .filter(revisions::article_id.eq(article))
        .select(max(revisions::number))
        .get_result(tx.conn())
        .await?;
    let fields = &new.layout.fields;
    let id: RevisionId = diesel::insert_into(revisions::table)
        .values((
            revisions::article_id.eq(article),
            revisions::number.eq(number.unwrap_or(0) + 1),
            revisions::cause.eq(new.cause),
            revisions::note.eq(new.note),
            revisions::title.eq(&fields.title),
            revisions::slug.eq(&fields.slug),
            revisions::dek.eq(&fields.dek),
            revisions::takeaways.eq(&fields.takeaways),
            revisions::body.eq(&fields.body),
            revisions::topic_id.eq(fields.topic_id),
            revisions::lead_media_id.eq(fields.lead_media_id),
            revisions::language.eq(&fields.language),
            revisions::description.eq(&fields.description),
            revisions::findings.eq(json!(new.findings)),
            revisions::override_reason.eq(new.override_reason),
            revisions::made_by.eq(new.made_by),
            revisions::made_at.eq(tx.now),
        ))
        .returning(revisions::id)
        .get_result(tx.conn())
        .await?;
    write_parts(tx, id, new.layout).await?;
    terms::attach(tx, id, fields).await?;
    remember_headings(tx, article, new.layout).await?;
    diesel::update(article_drafts::table.find(article))
        .set(article_drafts::base_revision_id.eq(id))
        .execute(tx.conn())
        .await?;
    Ok(id)
}

/// Holds the cited sources as they were laid out until the transaction ends. Before the article's own lock, which is
/// the order of [`crate::articles::sources::edit`] too.
pub(crate) async fn lock_sources(tx: &mut Tx, layout: &Layout) -> Result<(), RevisionError> {
    let ids: Vec<ReferenceId> = layout.sources.iter().map(|source| source.id).collect();
    let now: Vec<(ReferenceId, i32)> = reference_records::table
        .filter(reference_records::id.eq_any(ids))
        .select((reference_records::id, reference_records::version))
        .order(reference_records::id)
        .for_share()
        .load(tx.conn())
        .await?;
    let is_same = layout.sources.iter().all(|source| now.contains(&(source.id, source.version)));
    if is_same { Ok(()) } else { Err(RevisionError::SourcesChanged) }
}

async fn write_parts(tx: &mut Tx, id: RevisionId, layout: &Layout) -> Result<(), DbError> {
    let rendered = &layout.rendered;
    diesel::insert_into(revision_renderings::table)
        .values((
            revision_renderings::revision_id.eq(id),
            revision_renderings::renderer_version.eq(RENDERER_VERSION),
            revision_renderings::html.eq(rendered.html.as_str()),
            revision_renderings::outline.eq(json!(rendered.outline)),
            revision_renderings::products.eq(json!(layout.products)),
            revision_renderings::action.eq(rendered.action.as_ref().map(|action| json!(action))),
            revision_renderings::word_count.eq(i32::try_from(rendered.word_count).unwrap_or(i32::MAX)),
            revision_renderings::rendered_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    let credits: Vec<_> = layout
        .fields
        .credits
        .iter()
        .zip(0_i16..)
        .map(|(credit, position)| {
            (
                revision_credits::revision_id.eq(id),
                revision_credits::staff_id.eq(credit.staff_id),
                revision_credits::role.eq(credit.role),
                revision_credits::position.eq(position),
            )
        })
        .collect();
    diesel::insert_into(revision_credits::table).values(credits).execute(tx.conn()).await?;
    let citations: Vec<_> = rendered
        .citations
        .iter()
        .filter_map(|cited| {
            let source = layout.sources.iter().find(|source| source.id.0 == cited.reference)?;
            Some((
                revision_citations::revision_id.eq(id),
                revision_citations::reference_id.eq(source.id),
                revision_citations::number.eq(i32::try_from(cited.number).unwrap_or(i32::MAX)),
                revision_citations::marks.eq(&cited.marks),
                revision_citations::csl.eq(&source.csl),
            ))
        })
        .collect();
    diesel::insert_into(revision_citations::table).values(citations).execute(tx.conn()).await?;
    let known = crate::media::store::find_many(tx.conn(), &rendered.media).await?;
    let media: Vec<_> =
        known.iter().map(|media| (revision_media::revision_id.eq(id), revision_media::media_id.eq(media.id))).collect();
    diesel::insert_into(revision_media::table).values(media).execute(tx.conn()).await?;
    Ok(())
}

/// Anchors once given stay known, with what they are another name of.
async fn remember_headings(tx: &mut Tx, article: ArticleId, layout: &Layout) -> Result<(), DbError> {
    let mut rows = Vec::new();
    for heading in &layout.rendered.outline {
        let mut row = |anchor: &str, alias_of: Option<&str>| {
            rows.push((
                article_headings::article_id.eq(article),
                article_headings::anchor.eq(anchor.to_owned()),
                article_headings::text.eq(heading.text.clone()),
                article_headings::alias_of.eq(alias_of.map(str::to_owned)),
            ));
        };
        row(&heading.id, None);
        heading.aliases.iter().for_each(|alias| row(alias, Some(&heading.id)));
    }
    diesel::insert_into(article_headings::table)
        .values(rows)
        .on_conflict((article_headings::article_id, article_headings::anchor))
        .do_update()
        .set((
            article_headings::text.eq(diesel::upsert::excluded(article_headings::text)),
            article_headings::alias_of.eq(diesel::upsert::excluded(article_headings::alias_of)),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// One line of an article's history.
#[derive(Debug, Clone, Queryable)]
pub struct Line {
    /// Its id.
    pub id: RevisionId,
    /// Its number within the article, from 1.
    pub number: i32,
    /// Why it was made.
    pub cause: RevisionCause,
    /// What its maker wrote about it; may be empty.
    pub note: String,
    /// Who made it; `None`: the system, because a source changed.
    pub made_by: Option<String>,
    /// When.
    pub made_at: DateTime<Utc>,
    /// Words of its text.
    pub word_count: i32,
}

/// An article's versions, newest first, at most `limit`, those numbered below `before`.
pub async fn list(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<Line>, DbError> {
    let lines = revisions::table
        .inner_join(revision_renderings::table)
        .left_join(staff::table)
        .filter(revisions::article_id.eq(article))
        .filter(revisions::number.lt(before.unwrap_or(i32::MAX)))
        .order(revisions::number.desc())
        .limit(limit)
        .select((
            revisions::id,
            revisions::number,
            revisions::cause,
            revisions::note,
            staff::name.nullable(),
            revisions::made_at,
            revision_renderings::word_count,
        ))
        .load(conn)
        .await?;
    Ok(lines)
}

/// A version as it was kept.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its id.
    pub id: RevisionId,
    /// Its number.
    pub number: i32,
    /// Why it was made.
    pub cause: RevisionCause,
    /// A note; may be empty.
    pub note: String,
    /// What it holds.
    pub fields: Fields,
    /// What was wrong with it.
    pub findings: Vec<Finding>,
    /// Why it was published all the same; may be empty.
    pub override_reason: String,
    /// Who made it.
    pub made_by: Option<StaffId>,
    /// When.
    pub made_at: DateTime<Utc>,
}

type RevisionRow = (
    (RevisionId, i32, RevisionCause, String, serde_json::Value, String, Option<StaffId>, DateTime<Utc>),
    (String, String, String, Vec<Option<String>>, String),
    (Option<crate::core::ids::TopicId>, Option<crate::core::ids::MediaId>, String, String),
);

/// A version of this article; `None` when it is another's, or there is none.
pub async fn find(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    id: RevisionId,
) -> Result<Option<Revision>, DbError> {
    use revisions as r;
    let row: Option<RevisionRow> = r::table
        .filter(r::id.eq(id))
        .filter(r::article_id.eq(article))
        .select((
            (r::id, r::number, r::cause, r::note, r::findings, r::override_reason, r::made_by, r::made_at),
            (r::title, r::slug, r::dek, r::takeaways, r::body),
            (r::topic_id, r::lead_media_id, r::language, r::description),
        ))
        .first(conn)
        .await
        .optional()?;
    let Some((about, text, rest)) = row else { return Ok(None) };
    let credits = revision_credits::table
        .filter(revision_credits::revision_id.eq(id))
        .order(revision_credits::position)
        .select((revision_credits::staff_id, revision_credits::role))
        .load::<(StaffId, crate::core::status::CreditRole)>(conn)
        .await?
        .into_iter()
        .map(|(staff_id, role)| Credit { staff_id, role })
        .collect();
    let (id, number, cause, note, findings, override_reason, made_by, made_at) = about;
    let (title, slug, dek, takeaways, body) = text;
    let (topic_id, lead_media_id, language, description) = rest;
    let (tags, part) = terms::of_revision(conn, id).await?;
    let fields = Fields {
        title,
        slug,
        dek,
        takeaways: takeaways.into_iter().flatten().collect(),
        body,
        topic_id,
        tags,
        part,
        lead_media_id,
        credits,
        language,
        description,
    };
    let findings = serde_json::from_value(findings).unwrap_or_default();
    Ok(Some(Revision { id, number, cause, note, fields, findings, override_reason, made_by, made_at }))
}
