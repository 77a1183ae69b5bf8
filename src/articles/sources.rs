//! Editing a cited source: a new version, by the system, of each published article that cites it (decisions 21).

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor, Entry};
use crate::core::ids::{ArticleId, ReferenceId, RevisionId};
use crate::core::page_store::Tag;
use crate::core::status::{ArticleState, RevisionCause};
use crate::db::schema::{
    article_drafts, articles, reference_records, revision_citations, revision_credits, revision_media,
    revision_renderings, revision_terms, revisions,
};
use crate::db::{DbError, Tx};
use crate::references::store::{self, EditError, Edited};
use crate::staff::authority::MayEdit;

/// Changes a record of the library. Published articles that cite it get a version with the record as it is now;
/// their text, dates and order stay. Answers how many.
///
/// Locks the record, then each of those articles in the order of their ids.
pub async fn edit(tx: &mut Tx, who: &MayEdit, id: ReferenceId, edited: Edited<'_>) -> Result<usize, EditError> {
    if !store::edit(tx, who, id, edited).await? {
        return Ok(0);
    }
    let citing: Vec<(ArticleId, RevisionId)> = articles::table
        .inner_join(
            revision_citations::table
                .on(articles::published_revision_id.eq(revision_citations::revision_id.nullable())),
        )
        .filter(revision_citations::reference_id.eq(id))
        .filter(articles::state.eq(ArticleState::Published))
        .order(articles::id)
        .select((articles::id, revision_citations::revision_id))
        .for_update()
        .load(tx.conn())
        .await?;
    for (article, revision) in &citing {
        follow(tx, *article, *revision, id).await?;
    }
    if !citing.is_empty() {
        tx.touch(Tag::Listing);
    }
    Ok(citing.len())
}

/// Copies the public version with the record as it is now and makes the copy public.
async fn follow(tx: &mut Tx, article: ArticleId, old: RevisionId, source: ReferenceId) -> Result<(), DbError> {
    let new = copy(tx, article, old).await?;
    copy_parts(tx, old, new).await?;
    let csl: serde_json::Value =
        reference_records::table.find(source).select(reference_records::csl).get_result(tx.conn()).await?;
    diesel::update(revision_citations::table.find((new, source)))
        .set(revision_citations::csl.eq(csl))
        .execute(tx.conn())
        .await?;
    diesel::update(articles::table.find(article))
        .set(articles::published_revision_id.eq(new))
        .execute(tx.conn())
        .await?;
    diesel::update(
        article_drafts::table
            .filter(article_drafts::article_id.eq(article))
            .filter(article_drafts::base_revision_id.eq(old)),
    )
    .set(article_drafts::base_revision_id.eq(new))
    .execute(tx.conn())
    .await?;
    tx.touch(Tag::Article(article));
    let detail = json!({ "revision": new, "source": source });
    audit::append(
        tx,
        Entry {
            actor: Actor::System,
            action: "article.source",
            subject: "article",
            subject_id: Some(article.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(())
}

async fn copy(tx: &mut Tx, article: ArticleId, old: RevisionId) -> Result<RevisionId, DbError> {
    use revisions as r;
    let number: Option<i32> =
        r::table.filter(r::article_id.eq(article)).select(diesel::dsl::max(r::number)).get_result(tx.conn()).await?;
    let now = tx.now;
    let copy = r::table.find(old).select((
        r::article_id,
        number.unwrap_or(0).saturating_add(1).into_sql::<diesel::sql_types::Integer>(),
        RevisionCause::Source.into_sql::<diesel::sql_types::Text>(),
        "A cited source changed".into_sql::<diesel::sql_types::Text>(),
        (r::title, r::slug, r::dek, r::takeaways, r::body),
        (r::topic_id, r::lead_media_id, r::language, r::description, r::findings, r::override_reason),
        now.into_sql::<diesel::sql_types::Timestamptz>(),
    ));
    let id = diesel::insert_into(r::table)
        .values(copy)
        .into_columns((
            r::article_id,
            r::number,
            r::cause,
            r::note,
            (r::title, r::slug, r::dek, r::takeaways, r::body),
            (r::topic_id, r::lead_media_id, r::language, r::description, r::findings, r::override_reason),
            r::made_at,
        ))
        .returning(r::id)
        .get_result(tx.conn())
        .await?;
    Ok(id)
}

async fn copy_parts(tx: &mut Tx, old: RevisionId, new: RevisionId) -> Result<(), DbError> {
    use diesel::sql_types::BigInt;
    use {
        revision_citations as c, revision_credits as p, revision_media as m, revision_renderings as h,
        revision_terms as t,
    };
    let rendering = h::table.find(old).select((
        new.into_sql::<BigInt>(),
        h::renderer_version,
        h::html,
        h::outline,
        h::products,
        h::action,
        h::word_count,
        h::rendered_at,
    ));
    diesel::insert_into(h::table)
        .values(rendering)
        .into_columns((
            h::revision_id,
            h::renderer_version,
            h::html,
            h::outline,
            h::products,
            h::action,
            h::word_count,
            h::rendered_at,
        ))
        .execute(tx.conn())
        .await?;
    let credits =
        p::table.filter(p::revision_id.eq(old)).select((new.into_sql::<BigInt>(), p::staff_id, p::role, p::position));
    diesel::insert_into(p::table)
        .values(credits)
        .into_columns((p::revision_id, p::staff_id, p::role, p::position))
        .execute(tx.conn())
        .await?;
    let terms =
        t::table.filter(t::revision_id.eq(old)).select((new.into_sql::<BigInt>(), t::term_id, t::kind, t::position));
    diesel::insert_into(t::table)
        .values(terms)
        .into_columns((t::revision_id, t::term_id, t::kind, t::position))
        .execute(tx.conn())
        .await?;
    let citations = c::table.filter(c::revision_id.eq(old)).select((
        new.into_sql::<BigInt>(),
        c::reference_id,
        c::number,
        c::marks,
        c::csl,
    ));
    diesel::insert_into(c::table)
        .values(citations)
        .into_columns((c::revision_id, c::reference_id, c::number, c::marks, c::csl))
        .execute(tx.conn())
        .await?;
    let media = m::table.filter(m::revision_id.eq(old)).select((new.into_sql::<BigInt>(), m::media_id));
    diesel::insert_into(m::table).values(media).into_columns((m::revision_id, m::media_id)).execute(tx.conn()).await?;
    Ok(())
}

/// Published articles that cite a source, with their titles, at most 100.
pub async fn list_citing(
    conn: &mut AsyncPgConnection,
    source: ReferenceId,
) -> Result<Vec<(ArticleId, String)>, DbError> {
    let citing = articles::table
        .inner_join(
            revision_citations::table
                .on(articles::published_revision_id.eq(revision_citations::revision_id.nullable())),
        )
        .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable())))
        .filter(revision_citations::reference_id.eq(source))
        .filter(articles::state.eq(ArticleState::Published))
        .order(articles::id)
        .limit(100)
        .select((articles::id, revisions::title))
        .load(conn)
        .await?;
    Ok(citing)
}
