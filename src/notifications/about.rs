//! The comment a mail is about, with what the mail says of its place.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{AddressId, ArticleId, CommentId, ReaderId, StaffId};
use crate::core::status::{ArticleState, CommentStatus};
use crate::core::text;
use crate::db::DbError;
use crate::db::schema::{articles, comments, revisions};
use crate::mail::message::Headers;
use crate::notifications::letterhead::Letterhead;

/// A comment everyone can see, as mails tell of it.
#[derive(Debug, Clone)]
pub struct About {
    /// The comment.
    pub id: CommentId,
    /// Its article.
    pub article_id: ArticleId,
    /// The article's title.
    pub title: String,
    /// The comment it answers.
    pub parent_id: Option<CommentId>,
    /// The top comment of its thread.
    pub root_id: CommentId,
    /// Its writer's name.
    pub name: String,
    /// The title its writer has on the team; empty for readers.
    pub title_on_team: String,
    /// Its writer's address.
    pub address_id: Option<AddressId>,
    /// Its writer, where the address was proved.
    pub reader_id: Option<ReaderId>,
    /// Its writer on the team.
    pub staff_id: Option<StaffId>,
    /// Its text, as typed.
    pub body: String,
}

/// The comment, if everyone can see it: approved, under a published article.
pub async fn find(conn: &mut AsyncPgConnection, id: CommentId) -> Result<Option<About>, DbError> {
    type Row = (
        CommentId,
        ArticleId,
        String,
        Option<CommentId>,
        CommentId,
        String,
        String,
        Option<AddressId>,
        Option<ReaderId>,
        Option<StaffId>,
        String,
    );
    let row: Option<Row> = comments::table
        .inner_join(
            articles::table
                .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable()))),
        )
        .filter(comments::id.eq(id))
        .filter(comments::status.eq(CommentStatus::Approved))
        .filter(articles::state.eq(ArticleState::Published))
        .select((
            comments::id,
            comments::article_id,
            revisions::title,
            comments::parent_id,
            comments::root_id,
            comments::name,
            comments::badge_title,
            comments::address_id,
            comments::reader_id,
            comments::staff_id,
            comments::body,
        ))
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(
        |(id, article_id, title, parent_id, root_id, name, title_on_team, address_id, reader_id, staff_id, body)| {
            About {
                id,
                article_id,
                title,
                parent_id,
                root_id,
                name,
                title_on_team,
                address_id,
                reader_id,
                staff_id,
                body,
            }
        },
    ))
}

impl About {
    /// Where it can be read.
    #[must_use]
    pub fn link(&self, head: &Letterhead) -> String {
        head.comment_link(self.id)
    }

    /// The comment's paragraphs, each a list of lines.
    #[must_use]
    pub fn paragraphs(&self) -> Vec<Vec<&str>> {
        paragraphs(&self.body)
    }

    /// Headers that put the mail into its conversation.
    #[must_use]
    pub fn headers(&self, head: &Letterhead, unsubscribe: Option<String>) -> Headers {
        let mut references = vec![head.article_mark(self.article_id)];
        if let Some(parent) = self.parent_id {
            references = vec![head.comment_mark(self.root_id)];
            if parent != self.root_id {
                references.push(head.comment_mark(parent));
            }
        }
        Headers {
            in_reply_to: references.iter().next_back().cloned(),
            references,
            list: Some(head.list()),
            unsubscribe,
        }
    }
}

/// A text's paragraphs, each a list of lines.
#[must_use]
pub fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let mut found: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        match found.last_mut() {
            Some(last) if !line.trim().is_empty() => last.push(line),
            _ => found.push(Vec::new()),
        }
    }
    found.retain(|paragraph| !paragraph.is_empty());
    found
}

/// About two lines of the reader's own text, if everyone can still see it.
pub async fn find_quote(conn: &mut AsyncPgConnection, id: CommentId) -> Result<Option<String>, DbError> {
    let body: Option<String> = comments::table
        .filter(comments::id.eq(id))
        .filter(comments::status.eq(CommentStatus::Approved))
        .select(comments::body)
        .first(conn)
        .await
        .optional()?;
    Ok(body.map(|body| text::excerpt(&body, 160)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_parted_by_empty_lines() {
        assert_eq!(paragraphs("\none\ntwo\n \n\nthree\n"), vec![vec!["one", "two"], vec!["three"]]);
        assert!(paragraphs("").is_empty());
    }
}
