//! Search in what was said under articles: approved comments by words. The tables it asks are kept by the database and
//! hold nothing else.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::AsyncPgConnection;

use crate::articles::search::{self, Excerpt, Hits, Place, Ranked, Words};
use crate::core::ids::CommentId;
use crate::core::status::Badge;
use crate::db::DbError;

/// A comment that was found.
#[derive(Debug, Clone)]
pub struct FoundComment {
    /// Its id.
    pub id: CommentId,
    /// Its writer.
    pub name: String,
    /// Whether they are on the team.
    pub badge: Option<Badge>,
    /// The article's title.
    pub title: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// Where the words are.
    pub excerpt: Excerpt,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    total: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    rank: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    badge: Option<String>,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    excerpt: String,
}

impl Ranked for Row {
    type Item = FoundComment;

    fn place(&self) -> (i64, Place) {
        (self.total, Place { rank: self.rank, id: self.id })
    }

    fn item(self) -> FoundComment {
        FoundComment {
            id: CommentId(self.id),
            name: self.name,
            badge: self.badge.and_then(|badge| badge.parse().ok()),
            title: self.title,
            created_at: self.created_at,
            excerpt: Excerpt::read(&self.excerpt),
        }
    }
}

// The state is asked for again: the table is the truth, the search only finds its rows.
const COMMENTS: &str = "
    with wanted as materialized (select search_config($1) as config, websearch_to_tsquery(search_config($1), $2) as query),
    candidates as materialized (
        select s.comment_id as id, s.vector from comment_search s join articles a on a.id = s.article_id
         where s.vector @@ websearch_to_tsquery(search_config($1), $2)
           and a.state = 'published' and a.kind = 'article' and a.comments_mode <> 'off'
         order by s.comment_id desc limit $3),
    ranked as materialized (
        select id, floor(1e6 * ts_rank_cd(vector, query, 1))::bigint as rank from candidates, wanted),
    page as materialized (
        select id, rank from ranked where $4 < 0 or (rank, id) < ($4, $5) order by rank desc, id desc limit $6)
    select (select count(*) from ranked) as total, p.id, p.rank, c.name, c.badge, r.title, c.created_at,
           ts_headline(w.config, translate(s.body, E'\\x01\\x02\\x03', ''), w.query, $7) as excerpt
      from page p
     cross join wanted w
      join comments c on c.id = p.id and c.status = 'approved'
      join comment_search s on s.comment_id = p.id
      join articles a on a.id = c.article_id
      join revisions r on r.id = a.published_revision_id
     order by p.rank desc, p.id desc";

/// Approved comments under published articles with these words, best first.
pub async fn comments(
    conn: &mut AsyncPgConnection,
    language: &str,
    words: &Words,
    after: Option<Place>,
) -> Result<Hits<FoundComment>, DbError> {
    search::ask::<Row>(conn, COMMENTS, (language, words), after).await
}
