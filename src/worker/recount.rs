//! The nightly recount of comments. A difference is a fault somewhere else: it is reported, and the page put right.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::app::App;
use crate::audit::{self, Actor};
use crate::core::ids::ArticleId;
use crate::core::page_store::Tag;
use crate::core::status::CommentStatus;
use crate::db::schema::{articles, comments};
use crate::db::{DbError, Tx};

#[derive(QueryableByName)]
struct Difference {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Integer)]
    comment_count: i32,
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

// One statement sees one moment, and count and comment change in the same transactions: no difference is by chance.
const DIFFERENCES: &str = "
    select articles.id, articles.comment_count, coalesce(counts.counted, 0) as counted
      from articles
      left join (select article_id, count(*) as counted from comments where status = 'approved' group by article_id) as counts
        on counts.article_id = articles.id
     where articles.comment_count <> coalesce(counts.counted, 0)";

/// Compares every article's count with its comments.
pub(super) async fn run(app: &App) -> Result<(), DbError> {
    for difference in list_differences(&mut *app.db.read().await?).await? {
        tracing::error!(
            article.id = difference.id,
            stored = difference.comment_count,
            counted = difference.counted,
            "an article's number of comments was wrong and has been put right"
        );
        app.db.transact(async |tx| put_right(tx, ArticleId(difference.id)).await).await?;
    }
    Ok(())
}

async fn list_differences(conn: &mut AsyncPgConnection) -> Result<Vec<Difference>, DbError> {
    Ok(diesel::sql_query(DIFFERENCES).load(conn).await?)
}

// Counted again under the article's lock: every transaction that changes the count holds it.
async fn put_right(tx: &mut Tx, id: ArticleId) -> Result<(), DbError> {
    let stored: i32 = articles::table.find(id).select(articles::comment_count).for_update().first(tx.conn()).await?;
    let counted: i64 = comments::table
        .filter(comments::article_id.eq(id))
        .filter(comments::status.eq(CommentStatus::Approved))
        .count()
        .get_result(tx.conn())
        .await?;
    let counted = i32::try_from(counted).unwrap_or(i32::MAX);
    diesel::update(articles::table.find(id)).set(articles::comment_count.eq(counted)).execute(tx.conn()).await?;
    tx.touch(Tag::Article(id));
    let detail = json!({ "stored": stored, "counted": counted });
    let entry = audit::Entry {
        actor: Actor::System,
        action: "article.recount",
        subject: "article",
        subject_id: Some(id.0),
        detail,
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(())
}
