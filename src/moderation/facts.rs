//! What the rules need to know beside the text: of the writer, of the same text elsewhere, of the article.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{AddressId, ArticleId, ReaderId};
use crate::core::limits;
use crate::core::status::Trust;
use crate::db::DbError;
use crate::moderation::word_lists::Lists;
use crate::readers::trust::{REMOVAL_DAYS, Standing};

/// What is known beside the text.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Of the writer.
    pub standing: Standing,
    /// Articles the same text stands under since yesterday, this one counted.
    pub same_text_articles: usize,
    /// Comments this article got in [`limits::FLOOD_WINDOW`], counted up to [`limits::FLOOD_COMMENTS`].
    pub recent_on_article: i64,
    /// The word lists.
    pub words: Arc<Lists>,
}

/// Who wrote what where.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The article.
    pub article: ArticleId,
    /// The address typed; `None` for one nobody has typed before.
    pub address: Option<AddressId>,
    /// The reader, where this browser has proved the address.
    pub reader: Option<ReaderId>,
    /// Digest of the folded text, for a text of some length.
    pub text_digest: Option<&'a [u8]>,
    /// How far approved comments are counted.
    pub newcomer_until: i64,
}

crate::statement! {
    /// The facts of each subject, in their order. An article's newest comments are counted once, however many of
    /// the subjects are under it.
    struct LookUp<'a> -> (Nullable<Text>, BigInt, Bool, Bool, BigInt, BigInt) {
        "with asked as (select * from unnest(" articles: Array<BigInt> = Vec<ArticleId>,
        ", " addresses: Array<Nullable<BigInt>> = Vec<Option<AddressId>>,
        ", " readers: Array<Nullable<BigInt>> = Vec<Option<ReaderId>>,
        ", " text_digests: Array<Nullable<Binary>> = Vec<Option<&'a [u8]>>,
        ", " newcomer_until: Array<BigInt> = Vec<i64>,
        ") with ordinality as given (article_id, address_id, reader_id, text_digest, newcomer_until, place)),
        flood as materialized (
            select id,
                   (select count(*)
                      from (select created_at from comments where article_id = articles.id order by id desc limit "
            flood_comments: BigInt = i64,
        ") as newest where created_at > " flood_since: Timestamptz = DateTime<Utc>,
        ") as recent
              from articles where id = any ($1)
        )
        select (select trust from readers where id = asked.reader_id),
               (select count(*)
                  from (select from comments
                         where reader_id = asked.reader_id and status = 'approved'
                         limit greatest(asked.newcomer_until, 1)) as counted),
               exists (select from comments where address_id = asked.address_id and status = 'approved'),
               exists (select from comments
                        where address_id = asked.address_id and status = 'trash' and status_reason <> 'withdrawn'
                          and status_changed_at > " removed_since: Timestamptz = DateTime<Utc>,
        "),
               (select count(distinct article_id)
                  from (select article_id from comments
                         where text_digest = asked.text_digest and article_id <> asked.article_id
                           and staff_id is null and created_at > " text_since: Timestamptz = DateTime<Utc>,
    } " limit 200) as said),
               coalesce(flood.recent, 0)
          from asked left join flood on flood.id = asked.article_id
         order by asked.place"
}

#[derive(Queryable)]
struct Found {
    trust: Option<Trust>,
    approved_as_reader: i64,
    address_was_approved: bool,
    address_was_removed: bool,
    articles_with_text: i64,
    recent_on_article: i64,
}

/// Looks up the facts of several subjects at once, in their order.
pub async fn look_up(
    conn: &mut AsyncPgConnection,
    subjects: &[Subject<'_>],
    now: DateTime<Utc>,
    words: &Arc<Lists>,
) -> Result<Vec<Facts>, DbError> {
    let statement = LookUp {
        articles: subjects.iter().map(|subject| subject.article).collect(),
        addresses: subjects.iter().map(|subject| subject.address).collect(),
        readers: subjects.iter().map(|subject| subject.reader).collect(),
        text_digests: subjects.iter().map(|subject| subject.text_digest).collect(),
        newcomer_until: subjects.iter().map(|subject| subject.newcomer_until).collect(),
        flood_comments: limits::FLOOD_COMMENTS,
        flood_since: now - limits::FLOOD_WINDOW,
        removed_since: now - TimeDelta::days(REMOVAL_DAYS),
        text_since: now - limits::REPLAY_WINDOW,
    };
    let found: Vec<Found> = statement.load(conn).await?;
    Ok(found
        .into_iter()
        .map(|found| Facts {
            standing: Standing {
                trust: found.trust.unwrap_or(Trust::New),
                approved_as_reader: found.approved_as_reader,
                address_was_approved: found.address_was_approved,
                address_was_removed: found.address_was_removed,
            },
            same_text_articles: 1 + usize::try_from(found.articles_with_text).unwrap_or(0),
            recent_on_article: found.recent_on_article,
            words: Arc::clone(words),
        })
        .collect())
}
