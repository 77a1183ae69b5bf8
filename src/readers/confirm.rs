//! Confirming an address: the page behind the link of a confirmation mail (decisions 10).
//!
//! The link shows what waits under the address; only its POST confirms, and only ticked comments become the
//! reader's. "I didn't write these" ends the mails asked for and attaches nothing.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor};
use crate::core::ids::{AddressId, BrowserId, CommentId, ReaderId};
use crate::core::rng::Token;
use crate::core::status::{CommentStatus, Trust};
use crate::core::text::{Email, excerpt};
use crate::db::schema::{
    address_confirmations, addresses, articles, comments, reader_browsers, readers, revisions, subscriptions,
};
use crate::db::{DbError, Tx};

/// Why a confirmation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// No such link was ever sent.
    #[error("no such confirmation link")]
    Unknown,
    /// The link was used, or its time is over.
    #[error("this confirmation link has ended")]
    Ended,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(ConfirmError);

/// What the page behind a link shows.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The address, shortened: `r…k@mail.example`.
    pub address_masked: String,
    /// Whether the link was used or its time is over.
    pub is_over: bool,
    /// Whether the address is confirmed.
    pub is_confirmed: bool,
    /// Comments under this address that belong to nobody yet, newest first, at most 50.
    pub comments: Vec<WaitingComment>,
}

/// A comment to be ticked.
#[derive(Debug, Clone)]
pub struct WaitingComment {
    /// Its id.
    pub id: CommentId,
    /// Title of the article it stands under.
    pub article: String,
    /// Its first words.
    pub excerpt: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// What a link shows; changes nothing. `None` for a token that was never sent.
pub async fn find(conn: &mut AsyncPgConnection, token: &Token, now: DateTime<Utc>) -> Result<Option<Waiting>, DbError> {
    type Link = (AddressId, String, Option<DateTime<Utc>>, DateTime<Utc>, Option<DateTime<Utc>>);
    let row: Option<Link> = address_confirmations::table
        .inner_join(addresses::table)
        .filter(address_confirmations::token_hash.eq(token.hash()))
        .select((
            addresses::id,
            addresses::canonical,
            addresses::confirmed_at,
            address_confirmations::expires_at,
            address_confirmations::used_at,
        ))
        .get_result(conn)
        .await
        .optional()?;
    let Some((address, canonical, confirmed_at, expires_at, used_at)) = row else { return Ok(None) };
    let rows: Vec<(CommentId, String, String, DateTime<Utc>)> = comments::table
        .inner_join(articles::table)
        .inner_join(revisions::table)
        .filter(comments::address_id.eq(address))
        .filter(comments::reader_id.is_null())
        .filter(comments::status.eq_any([CommentStatus::Held, CommentStatus::Approved]))
        .select((comments::id, revisions::title, comments::body, comments::created_at))
        .order(comments::id.desc())
        .limit(50)
        .load(conn)
        .await?;
    let comments = rows
        .into_iter()
        .map(|(id, article, body, created_at)| WaitingComment { id, article, excerpt: excerpt(&body, 160), created_at })
        .collect();
    Ok(Some(Waiting {
        address_masked: Email::masked(&canonical),
        is_over: used_at.is_some() || expires_at <= now,
        is_confirmed: confirmed_at.is_some(),
        comments,
    }))
}

/// Confirms the address of a link: its owner becomes a reader, the ticked comments theirs, and the browser
/// (if any) one that has proved the address. Answers the reader.
pub async fn confirm(
    tx: &mut Tx,
    token: &Token,
    ticked: &[CommentId],
    browser: Option<BrowserId>,
) -> Result<ReaderId, ConfirmError> {
    let address = use_link(tx, token).await?;
    diesel::update(addresses::table.find(address))
        .filter(addresses::confirmed_at.is_null())
        .set(addresses::confirmed_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    // Mail has reached it.
    diesel::update(addresses::table.find(address))
        .filter(addresses::bounced_at.is_not_null())
        .set((addresses::bounced_at.eq(None::<DateTime<Utc>>), addresses::bounce_code.eq("")))
        .execute(tx.conn())
        .await?;
    diesel::insert_into(readers::table)
        .values((readers::address_id.eq(address), readers::trust.eq(Trust::New), readers::created_at.eq(tx.now)))
        .on_conflict(readers::address_id)
        .do_nothing()
        .execute(tx.conn())
        .await?;
    let reader: ReaderId =
        readers::table.filter(readers::address_id.eq(address)).select(readers::id).get_result(tx.conn()).await?;
    let attached = diesel::update(comments::table)
        .filter(comments::address_id.eq(address))
        .filter(comments::reader_id.is_null())
        .filter(comments::id.eq_any(ticked))
        .set(comments::reader_id.eq(reader))
        .execute(tx.conn())
        .await?;
    if let Some(browser) = browser {
        diesel::update(reader_browsers::table.find(browser))
            .set(reader_browsers::reader_id.eq(reader))
            .execute(tx.conn())
            .await?;
    }
    let detail = json!({"address": address.0, "comments": attached});
    let entry = audit::Entry {
        actor: Actor::Reader,
        action: "reader.confirm",
        subject: "reader",
        subject_id: Some(reader.0),
        detail,
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(reader)
}

/// "I didn't write these": the link is used up, mails asked for under the address end, nothing is attached.
pub async fn refuse(tx: &mut Tx, token: &Token) -> Result<(), ConfirmError> {
    let address = use_link(tx, token).await?;
    diesel::update(subscriptions::table)
        .filter(subscriptions::address_id.eq(address))
        .filter(subscriptions::ended_at.is_null())
        .set(subscriptions::ended_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    let entry = audit::Entry {
        actor: Actor::Reader,
        action: "reader.refuse",
        subject: "address",
        subject_id: Some(address.0),
        detail: json!({}),
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(())
}

async fn use_link(tx: &mut Tx, token: &Token) -> Result<AddressId, ConfirmError> {
    type Link = (i64, AddressId, DateTime<Utc>, Option<DateTime<Utc>>);
    let row: Option<Link> = address_confirmations::table
        .filter(address_confirmations::token_hash.eq(token.hash()))
        .select((
            address_confirmations::id,
            address_confirmations::address_id,
            address_confirmations::expires_at,
            address_confirmations::used_at,
        ))
        .for_update()
        .get_result(tx.conn())
        .await
        .optional()?;
    let (id, address, expires_at, used_at) = row.ok_or(ConfirmError::Unknown)?;
    if used_at.is_some() || expires_at <= tx.now {
        return Err(ConfirmError::Ended);
    }
    diesel::update(address_confirmations::table.find(id))
        .set(address_confirmations::used_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    Ok(address)
}
