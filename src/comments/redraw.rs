//! Drawing comments again that an older renderer wrote (requirements D1).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::comments::model::{self, Words};
use crate::core::ids::{ArticleId, CommentId, RevisionId};
use crate::core::page_store::Tag;
use crate::core::status::CommentStatus;
use crate::db::schema::comments;
use crate::db::{Db, DbError};
use crate::render::markdown::RENDERER_VERSION;

#[derive(Queryable)]
struct Outdated {
    id: CommentId,
    article: ArticleId,
    revision: RevisionId,
    version: i32,
    status: CommentStatus,
    body: String,
    html: String,
}

/// Draws the next comments an older renderer wrote, behind `after` in the order of their ids, at most `limit`;
/// answers the last of them, `None` when there are none. A text that is no comment any more (a withdrawn one is
/// empty) stays as it is.
pub async fn redraw_next(db: &Db, after: CommentId, limit: i64) -> Result<Option<CommentId>, DbError> {
    let mut conn = db.read().await?;
    let outdated = list_outdated(&mut conn, after, limit).await?;
    let mut drawn = Vec::new();
    let mut references: BTreeMap<RevisionId, BTreeSet<u32>> = BTreeMap::new();
    for comment in &outdated {
        let Entry::Vacant(unknown) = references.entry(comment.revision) else { continue };
        let numbers = model::references(&mut conn, comment.revision, &comment.body).await?;
        // None: this text points to nothing, or there is nothing. Another may point.
        if !numbers.is_empty() {
            unknown.insert(numbers);
        }
    }
    drop(conn);
    let none = BTreeSet::new();
    for comment in &outdated {
        let numbers = references.get(&comment.revision).unwrap_or(&none);
        let words = Words::parse(&comment.body, numbers).ok();
        let html = words.map_or_else(|| comment.html.clone(), |words| words.text.html.as_str().to_owned());
        drawn.push((comment, html));
    }
    db.transact(async |tx| {
        for (comment, html) in &drawn {
            // One that was edited meanwhile has the new drawing already.
            let changed =
                diesel::update(comments::table.find(comment.id).filter(comments::version.eq(comment.version)))
                    .set((comments::html.eq(html), comments::renderer_version.eq(RENDERER_VERSION)))
                    .execute(tx.conn())
                    .await?;
            if changed > 0 && comment.status == CommentStatus::Approved && *html != comment.html {
                tx.touch(Tag::Article(comment.article));
            }
        }
        Ok::<_, DbError>(())
    })
    .await?;
    Ok(outdated.last().map(|comment| comment.id))
}

async fn list_outdated(conn: &mut AsyncPgConnection, after: CommentId, limit: i64) -> Result<Vec<Outdated>, DbError> {
    let outdated = comments::table
        .filter(comments::id.gt(after))
        .filter(comments::renderer_version.lt(RENDERER_VERSION))
        .order(comments::id)
        .limit(limit)
        .select((
            comments::id,
            comments::article_id,
            comments::revision_id,
            comments::version,
            comments::status,
            comments::body,
            comments::html,
        ))
        .load(conn)
        .await?;
    Ok(outdated)
}
