//! Drawing versions again that an older renderer wrote (requirements D1). What they say stays as it was kept.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::articles::layout::{self, Layout, LayoutError};
use crate::articles::revisions;
use crate::core::ids::{ArticleId, ReferenceId, RevisionId};
use crate::core::page_store::Tag;
use crate::db::schema::{revision_citations, revision_renderings, revisions as versions};
use crate::db::{Db, DbError, Tx};
use crate::render::markdown::RENDERER_VERSION;

/// Versions drawn by an older renderer, in the order of their ids, behind `after`.
pub async fn list_outdated(
    conn: &mut AsyncPgConnection,
    after: RevisionId,
    limit: i64,
) -> Result<Vec<(RevisionId, ArticleId)>, DbError> {
    let outdated = revision_renderings::table
        .inner_join(versions::table)
        .filter(revision_renderings::revision_id.gt(after))
        .filter(revision_renderings::renderer_version.lt(RENDERER_VERSION))
        .order(revision_renderings::revision_id)
        .limit(limit)
        .select((versions::id, versions::article_id))
        .load(conn)
        .await?;
    Ok(outdated)
}

/// Draws a version again; its numbers, sources and anchors stay. `false`: it cannot be drawn from what the library
/// holds today (a source it cites is gone), and stays as it is.
pub async fn redraw(db: &Db, article: ArticleId, id: RevisionId) -> Result<bool, DbError> {
    let Some(version) = revisions::find(&mut *db.read().await?, article, id).await? else { return Ok(false) };
    let layout = match layout::lay_out_again(db, id, version.fields).await {
        Ok(layout) => layout,
        Err(LayoutError::Db(error)) => return Err(error),
        Err(error @ (LayoutError::Text(_) | LayoutError::Stopped)) => {
            tracing::warn!(revision.id = id.0, %error, "a version keeps its old drawing");
            return Ok(false);
        }
    };
    db.transact(async |tx| replace(tx, article, id, &layout).await).await
}

async fn replace(tx: &mut Tx, article: ArticleId, id: RevisionId, layout: &Layout) -> Result<bool, DbError> {
    use {revision_citations as c, revision_renderings as h};
    let kept: Vec<(ReferenceId, i32)> = c::table
        .filter(c::revision_id.eq(id))
        .order(c::number)
        .select((c::reference_id, c::number))
        .load(tx.conn())
        .await?;
    let rendered = &layout.rendered;
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let drawn: Vec<(ReferenceId, i32)> =
        rendered.citations.iter().map(|cited| (ReferenceId(cited.reference), number(cited.number))).collect();
    if kept != drawn {
        tracing::warn!(revision.id = id.0, "a version keeps its old drawing: its sources are not what they were");
        return Ok(false);
    }
    diesel::update(h::table.find(id))
        .set((
            h::renderer_version.eq(RENDERER_VERSION),
            h::html.eq(rendered.html.as_str()),
            h::outline.eq(json!(rendered.outline)),
            h::products.eq(json!(layout.products)),
            h::action.eq(rendered.action.as_ref().map(|action| json!(action))),
            h::word_count.eq(number(rendered.word_count)),
            h::rendered_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    for cited in &rendered.citations {
        diesel::update(c::table.find((id, ReferenceId(cited.reference))))
            .set(c::marks.eq(&cited.marks))
            .execute(tx.conn())
            .await?;
    }
    tx.touch(Tag::Article(article));
    Ok(true)
}
