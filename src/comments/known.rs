//! What must be known before a reader's comment is taken: the article as it is now, an earlier post of the same
//! form, the throttles, the comment that is answered, the address. For several posts at once, in one statement;
//! all of it by index.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use crate::comments::create::{CreateError, Submission};
use crate::comments::model::{Field, FieldError};
use crate::core::ids::{AddressId, ArticleId, CommentId, ReaderId, RevisionId};
use crate::core::limits;
use crate::core::status::{CommentsMode, ModerationMode};
use crate::db::{DbError, Tx};

crate::statement! {
    struct LookUp<'a> -> (
        Nullable<Text>, Nullable<BigInt>, Nullable<Text>, Nullable<BigInt>, Nullable<Timestamptz>, Nullable<BigInt>,
        Nullable<BigInt>, Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<BigInt>
    ) {
        "select articles.comments_mode, articles.published_revision_id, articles.moderation_mode,
                coalesce((select id from comments where submission_key = asked.submission_key),
                         (select id from comments
                           where replay_digest = asked.replay_digest and status <> 'trash' and created_at > "
            replay_since: Timestamptz = DateTime<Utc>,
        "         limit 1)),
                (select created_at from comments
                  where network_key = asked.network_key and created_at > " minute_since: Timestamptz = DateTime<Utc>,
        "         order by created_at desc limit 1 offset " a_minute_before: BigInt = i64,
        "       ),
                (select id from comments
                  where id = asked.parent_id and article_id = asked.article_id and status = 'approved'),
                addresses.id, addresses.mail_stopped_at,
                case when writer.reader_id is not null
                     then (select created_at from comments where reader_id = writer.reader_id
                            order by id desc limit 1 offset " of_a_person_before: BigInt = i64,
        ")           else (select created_at from comments where address_id = addresses.id
                            order by id desc limit 1 offset $4) end,
                (select id from comments
                  where text_digest = asked.text_digest and article_id = asked.article_id
                    and address_id = addresses.id and status <> 'trash' and created_at > $1
                  limit 1)
           from unnest(" articles: Array<BigInt> = Vec<ArticleId>,
        ", " parents: Array<Nullable<BigInt>> = Vec<Option<CommentId>>,
        ", " submission_keys: Array<Nullable<Text>> = Vec<Option<&'a str>>,
        ", " replay_digests: Array<Binary> = Vec<&'a [u8]>,
        ", " network_keys: Array<Binary> = Vec<&'a [u8]>,
        ", " text_digests: Array<Nullable<Binary>> = Vec<Option<&'a [u8]>>,
        ", " canonical: Array<Text> = Vec<&'a str>,
        ", " readers: Array<Nullable<BigInt>> = Vec<Option<ReaderId>>,
        ", " proved_addresses: Array<Nullable<BigInt>> = Vec<Option<AddressId>>,
    } ") with ordinality as asked (article_id, parent_id, submission_key, replay_digest, network_key, text_digest,
                                   canonical, reader_id, proved_address_id, place)
           left join articles on articles.id = asked.article_id and articles.state = 'published'
           left join addresses on addresses.canonical = asked.canonical
          cross join lateral (
                select case when addresses.id = asked.proved_address_id then asked.reader_id end as reader_id
                ) as writer
          order by asked.place"
}

/// What is known of one post.
#[derive(Debug, Queryable)]
pub(super) struct Known {
    /// `None`: the article is not published.
    mode: Option<CommentsMode>,
    revision: Option<RevisionId>,
    moderation: Option<ModerationMode>,
    /// An earlier post of the same form.
    pub replay: Option<CommentId>,
    /// The time of the oldest of as many comments as a network may post a minute, if all are of the last minute.
    network_full_since: Option<DateTime<Utc>>,
    parent: Option<CommentId>,
    /// The address, if somebody has typed it before.
    pub address: Option<AddressId>,
    /// When its owner stopped every mail.
    pub mail_stopped_at: Option<DateTime<Utc>>,
    /// The time of the oldest of as many comments as a person may post in their window. Who proved their address is
    /// counted by what they wrote themselves, so that nobody uses up their turn by typing it.
    person_full_since: Option<DateTime<Utc>>,
    /// The same words under the same article and address, in other dress or place.
    said: Option<CommentId>,
}

/// An article that takes a comment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// The revision readers see.
    pub revision: RevisionId,
    /// Who waits, where the article says so itself.
    pub moderation: Option<ModerationMode>,
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Looks up what is known of several posts, in their order; `comments_a_minute` is the ceiling of a network, 0: none.
pub(super) async fn look_up(tx: &mut Tx, batch: &[&Submission], comments_a_minute: i64) -> Result<Vec<Known>, DbError> {
    let proved = || batch.iter().map(|post| post.browser.and_then(|browser| browser.reader));
    let statement = LookUp {
        replay_since: tx.now - limits::REPLAY_WINDOW,
        minute_since: tx.now - MINUTE,
        a_minute_before: comments_a_minute.max(1) - 1,
        of_a_person_before: limits::COMMENTS_PER_READER - 1,
        articles: batch.iter().map(|post| post.article).collect(),
        parents: batch.iter().map(|post| post.parent).collect(),
        submission_keys: batch.iter().map(|post| post.submission_key.as_deref()).collect(),
        replay_digests: batch.iter().map(|post| post.replay_digest.as_slice()).collect(),
        network_keys: batch.iter().map(|post| post.network_key.as_slice()).collect(),
        text_digests: batch.iter().map(|post| post.text_digest.as_deref()).collect(),
        canonical: batch.iter().map(|post| post.email.canonical.as_str()).collect(),
        readers: proved().map(|proved| proved.map(|(reader, _)| reader)).collect(),
        proved_addresses: proved().map(|proved| proved.map(|(_, address)| address)).collect(),
    };
    Ok(statement.load(tx.conn()).await?)
}

impl Known {
    /// Whether the comment is taken at all; the throttles are decisions 7.
    pub(super) fn check(
        &self,
        post: &Submission,
        comments_a_minute: i64,
        now: DateTime<Utc>,
    ) -> Result<Open, CreateError> {
        let (Some(mode), Some(revision)) = (self.mode, self.revision) else { return Err(CreateError::NotFound) };
        if mode != CommentsMode::Open {
            return Err(CreateError::Closed);
        }
        if let Some(sentence) = &post.settings.comments.paused {
            return Err(CreateError::Paused(sentence.clone()));
        }
        if let Some(oldest) = self.network_full_since.filter(|_| comments_a_minute > 0) {
            return Err(CreateError::TooFast { is_network: true, again_at: oldest + MINUTE });
        }
        if post.parent.is_some() && self.parent.is_none() {
            return Err(CreateError::ParentGone);
        }
        let window = TimeDelta::from_std(limits::READER_WINDOW).unwrap_or(TimeDelta::minutes(10));
        if let Some(oldest) = self.person_full_since.filter(|oldest| *oldest > now - window) {
            return Err(CreateError::TooFast { is_network: false, again_at: oldest + window });
        }
        if let Some(said) = self.said {
            let message = "You have posted this already.".into();
            return Err(CreateError::Invalid(FieldError { field: Field::Body, message, see: Some(said) }));
        }
        Ok(Open { revision, moderation: self.moderation })
    }
}
