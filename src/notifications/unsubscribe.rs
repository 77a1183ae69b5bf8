//! Stopping mail without signing in: signed links that name one subscription, or one address.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor};
use crate::core::ids::{AddressId, SubscriptionId};
use crate::core::secret::Secret;
use crate::db::schema::{addresses, articles, revisions, subscriptions};
use crate::db::{DbError, Tx};

const PURPOSE: &str = "unsubscribe";

/// What a link stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Mails of one subscription.
    Subscription(SubscriptionId),
    /// Every mail to an address.
    Address(AddressId),
}

/// The token of a link that stops one subscription. It does not expire: old mails must keep working.
#[must_use]
pub fn token_for(secret: &Secret, id: SubscriptionId) -> String {
    secret.sign(PURPOSE, &format!("s{id}"))
}

/// The token of a link that stops every mail to an address.
#[must_use]
pub fn token_for_all(secret: &Secret, id: AddressId) -> String {
    secret.sign(PURPOSE, &format!("a{id}"))
}

/// What a token stops; `None` for a text this site did not sign.
#[must_use]
pub fn read(secret: &Secret, token: &str) -> Option<Target> {
    let message = secret.verify(PURPOSE, token)?;
    if let Some(id) = message.strip_prefix('s') {
        return id.parse().ok().map(Target::Subscription);
    }
    message.strip_prefix('a')?.parse().ok().map(Target::Address)
}

/// What the page of a link shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whose mails, in full: whoever holds the link has the mailbox.
    pub address_id: AddressId,
    /// The article of the subscription.
    pub article: Option<String>,
    /// When the subscription ended, or all mail was stopped.
    pub stopped_at: Option<DateTime<Utc>>,
    /// When every mail to the address was stopped.
    pub all_stopped_at: Option<DateTime<Utc>>,
}

/// What a link is about; `None` when the subscription or the address is gone, which stops its mails as well.
pub async fn find(conn: &mut AsyncPgConnection, target: Target) -> Result<Option<Shown>, DbError> {
    match target {
        Target::Address(id) => {
            let row: Option<Option<DateTime<Utc>>> =
                addresses::table.find(id).select(addresses::mail_stopped_at).first(conn).await.optional()?;
            Ok(row.map(|stopped| Shown { address_id: id, article: None, stopped_at: stopped, all_stopped_at: stopped }))
        }
        Target::Subscription(id) => {
            type Row = (AddressId, Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<String>);
            let row: Option<Row> = subscriptions::table
                .inner_join(addresses::table)
                .inner_join(
                    articles::table
                        .left_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable()))),
                )
                .filter(subscriptions::id.eq(id))
                .select((
                    subscriptions::address_id,
                    subscriptions::ended_at,
                    addresses::mail_stopped_at,
                    revisions::title.nullable(),
                ))
                .first(conn)
                .await
                .optional()?;
            Ok(row.map(|(address_id, ended, all, article)| Shown {
                address_id,
                article,
                stopped_at: ended.or(all),
                all_stopped_at: all,
            }))
        }
    }
}

/// Ends one subscription; nothing happens when it has ended. `false`: there was none open.
pub async fn stop(tx: &mut Tx, id: SubscriptionId) -> Result<bool, DbError> {
    let now = tx.now;
    let ended = diesel::update(subscriptions::table)
        .filter(subscriptions::id.eq(id))
        .filter(subscriptions::ended_at.is_null())
        .set(subscriptions::ended_at.eq(now))
        .execute(tx.conn())
        .await?;
    if ended > 0 {
        told(tx, "subscription.end", "subscription", id.0).await?;
    }
    Ok(ended > 0)
}

/// Stops every mail to an address and ends its subscriptions. `false`: it was stopped already.
pub async fn stop_all(tx: &mut Tx, id: AddressId) -> Result<bool, DbError> {
    let now = tx.now;
    let stopped = diesel::update(addresses::table)
        .filter(addresses::id.eq(id))
        .filter(addresses::mail_stopped_at.is_null())
        .set(addresses::mail_stopped_at.eq(now))
        .execute(tx.conn())
        .await?;
    diesel::update(subscriptions::table)
        .filter(subscriptions::address_id.eq(id))
        .filter(subscriptions::ended_at.is_null())
        .set(subscriptions::ended_at.eq(now))
        .execute(tx.conn())
        .await?;
    if stopped > 0 {
        told(tx, "address.stop_mail", "address", id.0).await?;
    }
    Ok(stopped > 0)
}

async fn told(tx: &mut Tx, action: &str, subject: &str, id: i64) -> Result<(), DbError> {
    let entry =
        audit::Entry { actor: Actor::Reader, action, subject, subject_id: Some(id), detail: json!({}), evidence: None };
    audit::append(tx, entry).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stops_what_it_was_made_for_and_nothing_else() {
        let secret = Secret::new([9; 32]);
        let one = token_for(&secret, SubscriptionId(12));
        assert_eq!(read(&secret, &one), Some(Target::Subscription(SubscriptionId(12))));
        assert_eq!(read(&secret, &token_for_all(&secret, AddressId(12))), Some(Target::Address(AddressId(12))));
        assert_eq!(read(&secret, &one.replace("s12", "a12")), None);
        assert_eq!(read(&secret, &secret.sign("confirm", "s12")), None);
        assert_eq!(read(&secret, ""), None);
    }
}
