//! Where a comment is, for its writer: the page behind a signed link that names it (goal sheet R28, N18).
//!
//! The link is shown to whoever wrote the comment and to nobody else, does not end, and works without cookies. It lets
//! its holder look, nothing more.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{BrowserId, CommentId, ReaderId};
use crate::core::secret::Secret;
use crate::core::status::{ArticleState, CommentStatus};
use crate::db::DbError;
use crate::db::schema::{articles, comments, revisions};

const PURPOSE: &str = "own comment";

/// The token of the link to a comment's page.
#[must_use]
pub fn token_for(secret: &Secret, id: CommentId) -> String {
    secret.sign(PURPOSE, &format!("c{id}"))
}

/// The comment a token names; `None` for a text this site did not sign.
#[must_use]
pub fn read(secret: &Secret, token: &str) -> Option<CommentId> {
    secret.verify(PURPOSE, token)?.strip_prefix('c')?.parse().ok()
}

/// A comment, as far as its writer is told of it.
#[derive(Debug, Clone, Queryable)]
pub struct Standing {
    /// Its id.
    pub id: CommentId,
    /// The title of the article when it was written.
    pub title: String,
    /// The article's address.
    pub slug: String,
    /// Whether readers find the article.
    pub article: ArticleState,
    /// Where it is.
    pub status: CommentStatus,
    /// The code of the rule or reason that put it there.
    pub reason: Option<String>,
    /// Its text; empty once it was erased.
    pub body: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When everyone could see it first.
    pub published_at: Option<DateTime<Utc>>,
    /// When it came to where it is.
    pub status_changed_at: DateTime<Utc>,
    /// The browser it was written in.
    pub browser: Option<BrowserId>,
    /// Its writer, where the address was proved.
    pub reader: Option<ReaderId>,
}

/// A reader's comment; `None` when it is gone, or somebody on the team wrote it.
pub async fn find(conn: &mut AsyncPgConnection, id: CommentId) -> Result<Option<Standing>, DbError> {
    Ok(comments::table
        .inner_join(articles::table)
        .inner_join(revisions::table)
        .filter(comments::id.eq(id))
        .filter(comments::staff_id.is_null())
        .select((
            comments::id,
            revisions::title,
            articles::slug,
            articles::state,
            comments::status,
            comments::status_reason,
            comments::body,
            comments::created_at,
            comments::published_at,
            comments::status_changed_at,
            comments::browser_id,
            comments::reader_id,
        ))
        .first(conn)
        .await
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_one_comment_and_cannot_be_made_by_others() {
        let secret = Secret::new([9; 32]);
        let token = token_for(&secret, CommentId(12));
        assert_eq!(read(&secret, &token), Some(CommentId(12)));
        assert_eq!(read(&secret, &token.replace("c12", "c13")), None);
        assert_eq!(read(&Secret::new([8; 32]), &token), None);
        assert_eq!(read(&secret, &secret.sign("unsubscribe", "c12")), None);
        assert_eq!(read(&secret, ""), None);
    }
}
