//! Who asked for mail about what. No mail goes out before the address is confirmed; the sender asks again then.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::core::ids::{AddressId, ArticleId, CommentId};
use crate::core::status::SubscriptionScope;
use crate::db::schema::subscriptions;
use crate::db::{DbError, Tx};

/// What an address wants mail about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Replies to one comment.
    Replies(CommentId),
    /// Everything under a top comment.
    Thread(CommentId),
    /// Everything under the article.
    Article,
}

/// Adds a wish; a second one of the same kind does nothing.
pub async fn subscribe(tx: &mut Tx, address: AddressId, article: ArticleId, wish: Wish) -> Result<(), DbError> {
    let (scope, comment) = match wish {
        Wish::Replies(comment) => (SubscriptionScope::Replies, Some(comment)),
        Wish::Thread(root) => (SubscriptionScope::Thread, Some(root)),
        Wish::Article => (SubscriptionScope::Article, None),
    };
    diesel::insert_into(subscriptions::table)
        .values((
            subscriptions::address_id.eq(address),
            subscriptions::scope.eq(scope),
            subscriptions::article_id.eq(article),
            subscriptions::comment_id.eq(comment),
            subscriptions::created_at.eq(tx.now),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await?;
    Ok(())
}
