//! Answers people on the team gave to readers' comments, newest first: for the front page and for their own pages.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{ArticleId, CommentId, StaffId};
use crate::core::status::{ArticleKind, ArticleState, CommentStatus, CommentsMode};
use crate::db::DbError;
use crate::db::schema::{articles, comments, revisions, staff};
use crate::render::plain;
use crate::render::sanitize::SanitizedHtml;

/// An answer everyone can see, with the comment it answers, which everyone can see too.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer.
    pub id: CommentId,
    /// When it was given.
    pub at: DateTime<Utc>,
    /// Who gave it.
    pub by: String,
    /// Address of their page; theirs only if they are credited on something.
    pub by_slug: String,
    /// Who asked.
    pub asked_by: String,
    /// What was asked, without marks.
    pub question: String,
    /// The article.
    pub article: ArticleId,
    /// Its title.
    pub title: String,
}

/// Whose answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Everybody's, given since then.
    AnybodySince(DateTime<Utc>),
    /// One person's.
    Person(StaffId),
}

type Row = ((CommentId, DateTime<Utc>), (String, String), (String, String), (ArticleId, String));

/// The newest answers, at most `limit`.
pub async fn list(conn: &mut AsyncPgConnection, by: By, limit: i64) -> Result<Vec<Answer>, DbError> {
    let asked = diesel::alias!(comments as asked);
    let mut query = comments::table
        .inner_join(staff::table.on(comments::staff_id.eq(staff::id.nullable())))
        .inner_join(asked.on(comments::parent_id.eq(asked.field(comments::id).nullable())))
        .inner_join(articles::table.on(comments::article_id.eq(articles::id)))
        .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable())))
        .filter(comments::status.eq(CommentStatus::Approved))
        .filter(asked.field(comments::status).eq(CommentStatus::Approved))
        .filter(asked.field(comments::staff_id).is_null())
        .filter(articles::state.eq(ArticleState::Published))
        .filter(articles::kind.eq(ArticleKind::Article))
        .filter(articles::comments_mode.ne(CommentsMode::Off))
        .order((comments::created_at.desc(), comments::id.desc()))
        .limit(limit)
        .select((
            (comments::id, comments::created_at),
            (staff::name, staff::slug),
            (asked.field(comments::name), asked.field(comments::html)),
            (articles::id, revisions::title),
        ))
        .into_boxed();
    match by {
        By::AnybodySince(since) => {
            query = query.filter(comments::staff_id.is_not_null()).filter(comments::created_at.ge(since));
        }
        By::Person(person) => query = query.filter(comments::staff_id.eq(person)),
    }
    let rows: Vec<Row> = query.load(conn).await?;
    let answers = rows.into_iter().map(|((id, at), (by, by_slug), (asked_by, html), (article, title))| {
        let question = plain::own_words(&SanitizedHtml::from_comment_column(html));
        Answer { id, at, by, by_slug, asked_by, question, article, title }
    });
    Ok(answers.collect())
}
