//! What an address follows and how often mail comes, chosen behind a door (`readers/door.rs`) by whoever reads its mail.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor};
use crate::core::ids::{AddressId, ArticleId, CommentId, SubscriptionId};
use crate::core::limits;
use crate::core::status::{CommentStatus, MailFrequency, SubscriptionScope};
use crate::core::text;
use crate::db::schema::{addresses, articles, comments, revisions, subscriptions};
use crate::db::{DbError, Tx};
use crate::notifications::{digest, unsubscribe};
use crate::readers::subscriptions::{self as wishes, Wish};
use crate::render::plain;
use crate::render::sanitize::SanitizedHtml;

/// What an address gets.
#[derive(Debug, Clone)]
pub struct Preferences {
    /// The address, canonical.
    pub canonical: String,
    /// How often mail comes.
    pub frequency: MailFrequency,
    /// When every mail to it was stopped.
    pub stopped_at: Option<DateTime<Utc>>,
    /// When mail to it came back.
    pub bounced_at: Option<DateTime<Utc>>,
    /// What it follows, newest first, at most [`limits::FOLLOWS_SHOWN`].
    pub follows: Vec<Follow>,
}

/// An open subscription.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Its id.
    pub id: SubscriptionId,
    /// What it is about.
    pub scope: SubscriptionScope,
    /// Title of the article.
    pub title: String,
    /// Address of the article.
    pub slug: String,
    /// The first words of the comment it is about, where everyone can see that.
    pub excerpt: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Follow {
    /// What it may be changed to: the same or wider.
    #[must_use]
    pub fn scopes(&self) -> &'static [SubscriptionScope] {
        let all = SubscriptionScope::ALL;
        all.iter().position(|scope| *scope == self.scope).and_then(|at| all.get(at..)).unwrap_or(all)
    }
}

/// What an address gets; `None` when it is gone.
pub async fn find(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Option<Preferences>, DbError> {
    type Row = (String, MailFrequency, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
    let row: Option<Row> = addresses::table
        .find(address)
        .select((addresses::canonical, addresses::mail_frequency, addresses::mail_stopped_at, addresses::bounced_at))
        .first(conn)
        .await
        .optional()?;
    let Some((canonical, frequency, stopped_at, bounced_at)) = row else { return Ok(None) };
    let follows = list(conn, address).await?;
    Ok(Some(Preferences { canonical, frequency, stopped_at, bounced_at, follows }))
}

async fn list(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Vec<Follow>, DbError> {
    type Row =
        (SubscriptionId, SubscriptionScope, String, String, Option<CommentStatus>, Option<String>, DateTime<Utc>);
    let rows: Vec<Row> = subscriptions::table
        .inner_join(
            articles::table
                .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable()))),
        )
        .left_join(comments::table.on(subscriptions::comment_id.eq(comments::id.nullable())))
        .filter(subscriptions::address_id.eq(address))
        .filter(subscriptions::ended_at.is_null())
        .order(subscriptions::id.desc())
        .limit(limits::FOLLOWS_SHOWN)
        .select((
            subscriptions::id,
            subscriptions::scope,
            revisions::title,
            articles::slug,
            comments::status.nullable(),
            comments::html.nullable(),
            subscriptions::created_at,
        ))
        .load(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, scope, title, slug, status, html, since)| {
            let excerpt = html
                .filter(|_| status == Some(CommentStatus::Approved))
                .map(|html| text::excerpt(&plain::text(&SanitizedHtml::from_comment_column(html)), 120));
            Follow { id, scope, title, slug, excerpt, since }
        })
        .collect())
}

/// What its owner wants from now on.
#[derive(Debug, Clone)]
pub struct Choice {
    /// How often mail comes.
    pub frequency: MailFrequency,
    /// For each subscription what it is about now; `None` ends it. Those that are not named stay as they are.
    pub follows: Vec<(SubscriptionId, Option<SubscriptionScope>)>,
}

/// Saves a choice. Who gets here has read the address's mail: it reaches them.
pub async fn save(tx: &mut Tx, address: AddressId, zone: Tz, choice: &Choice) -> Result<(), DbError> {
    let now = tx.now;
    diesel::update(addresses::table.find(address))
        .set((
            addresses::mail_frequency.eq(choice.frequency),
            addresses::bounced_at.eq(None::<DateTime<Utc>>),
            addresses::bounce_code.eq(""),
        ))
        .execute(tx.conn())
        .await?;
    digest::reschedule(tx, address, digest::next_due(choice.frequency, now, zone).unwrap_or(now)).await?;
    for (id, scope) in &choice.follows {
        change(tx, address, *id, *scope).await?;
    }
    told(tx, "address.choose_mail", address, json!({ "frequency": choice.frequency })).await
}

/// Ends a subscription of this address, or lets it be about something wider.
async fn change(
    tx: &mut Tx,
    address: AddressId,
    id: SubscriptionId,
    scope: Option<SubscriptionScope>,
) -> Result<(), DbError> {
    type Row = (SubscriptionScope, ArticleId, Option<CommentId>);
    let row: Option<Row> = subscriptions::table
        .find(id)
        .filter(subscriptions::address_id.eq(address))
        .filter(subscriptions::ended_at.is_null())
        .select((subscriptions::scope, subscriptions::article_id, subscriptions::comment_id))
        .for_update()
        .first(tx.conn())
        .await
        .optional()?;
    let Some((before, article, comment)) = row else { return Ok(()) };
    if scope == Some(before) {
        return Ok(());
    }
    unsubscribe::stop(tx, id).await?;
    let wish = match (scope, comment) {
        (None, _) => return Ok(()),
        (Some(SubscriptionScope::Article), _) | (Some(_), None) => Wish::Article,
        (Some(SubscriptionScope::Thread), Some(comment)) => Wish::Thread(root_of(tx, comment).await?),
        (Some(SubscriptionScope::Replies), Some(comment)) => Wish::Replies(comment),
    };
    wishes::subscribe(tx, address, article, wish).await
}

async fn root_of(tx: &mut Tx, comment: CommentId) -> Result<CommentId, DbError> {
    Ok(comments::table.find(comment).select(comments::root_id).first(tx.conn()).await?)
}

/// Mail may come again; what was followed before has ended.
pub async fn resume(tx: &mut Tx, address: AddressId) -> Result<(), DbError> {
    let resumed = diesel::update(addresses::table.find(address))
        .filter(addresses::mail_stopped_at.is_not_null())
        .set(addresses::mail_stopped_at.eq(None::<DateTime<Utc>>))
        .execute(tx.conn())
        .await?;
    if resumed > 0 {
        told(tx, "address.resume_mail", address, json!({})).await?;
    }
    Ok(())
}

async fn told(tx: &mut Tx, action: &str, address: AddressId, detail: serde_json::Value) -> Result<(), DbError> {
    let subject_id = Some(address.0);
    let entry = audit::Entry { actor: Actor::Reader, action, subject: "address", subject_id, detail, evidence: None };
    audit::append(tx, entry).await?;
    Ok(())
}
