//! Topics: what an article is about, one each, in two levels.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Entry};
use crate::core::ids::TopicId;
use crate::core::page_store::Tag;
use crate::core::text;
use crate::db::schema::topics;
use crate::db::{DbError, Tx};
use crate::staff::authority::MayPublish;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// The topic it belongs to.
    pub parent_id: Option<TopicId>,
    /// Its address: `/topics/{slug}`.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// One paragraph; may be empty.
    pub description: String,
}

/// Why a topic was not made.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// Its address or name cannot be kept.
    #[error("a topic needs a name, and an address of small letters, digits and hyphens")]
    Malformed,
    /// Another topic has the address.
    #[error("another topic has this address")]
    Taken,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(TopicError);

/// All topics in the owner's order.
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<Topic>, DbError> {
    Ok(topics::table.select(Topic::as_select()).order((topics::position, topics::name)).load(conn).await?)
}

/// The topic at an address.
pub async fn find(conn: &mut AsyncPgConnection, slug: &str) -> Result<Option<Topic>, DbError> {
    Ok(topics::table.filter(topics::slug.eq(slug)).select(Topic::as_select()).first(conn).await.optional()?)
}

/// Makes a topic; it stands last in the order.
pub async fn create(
    tx: &mut Tx,
    who: &MayPublish,
    slug: &str,
    name: &str,
    description: &str,
) -> Result<TopicId, TopicError> {
    if !text::is_slug(slug) || slug.len() > 80 || name.is_empty() || name.chars().count() > 80 {
        return Err(TopicError::Malformed);
    }
    let count: i64 = topics::table.count().get_result(tx.conn()).await?;
    let id: Option<TopicId> = diesel::insert_into(topics::table)
        .values((
            topics::slug.eq(slug),
            topics::name.eq(name),
            topics::description.eq(description),
            topics::position.eq(i32::try_from(count).unwrap_or(i32::MAX)),
            topics::created_at.eq(tx.now),
        ))
        .on_conflict_do_nothing()
        .returning(topics::id)
        .get_result(tx.conn())
        .await
        .optional()?;
    let id = id.ok_or(TopicError::Taken)?;
    tx.touch(Tag::Listing);
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "topic.create",
            subject: "topic",
            subject_id: Some(id.0),
            detail: json!({}),
            evidence: None,
        },
    )
    .await?;
    Ok(id)
}
