//! Doors: pages about one address that are opened by a link in a mail to it.
//!
//! The mailed link works once, and not by being looked at: its page has a button, whose press makes an opened link
//! that lives for half an hour. Only hashes are stored. Whoever holds an opened link has read the mailbox.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::time::Duration;

use crate::core::ids::AddressId;
use crate::core::limits;
use crate::core::rng::{Rng, Token};
use crate::core::status::{DoorPurpose, DoorStage};
use crate::core::text::Email;
use crate::db::schema::{addresses, reader_links};
use crate::db::{DbError, Tx};

/// How long a mailed link works.
#[must_use]
pub fn life(purpose: DoorPurpose) -> Duration {
    match purpose {
        DoorPurpose::Data => limits::DATA_LINK_LIFE,
        DoorPurpose::Preferences => limits::PREFERENCES_LINK_LIFE,
    }
}

/// What stands behind a mailed link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailed {
    /// The address, shortened: `r…k@mail.example`.
    pub address_masked: String,
    /// Whether it was pressed, or its time is over.
    pub is_over: bool,
}

/// What stands behind an opened link.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Whose page it is.
    pub address: AddressId,
    /// That address as it is compared.
    pub canonical: String,
    /// Whether it was closed, or its time is over.
    pub is_over: bool,
}

/// Why a mailed link did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such link was ever sent.
    #[error("no such link")]
    Unknown,
    /// It was pressed, or its time is over.
    #[error("this link has ended")]
    Ended,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(OpenError);

/// A link for a mail, beside earlier ones: each try to send the mail makes one.
pub async fn add(tx: &mut Tx, rng: Rng, address: AddressId, purpose: DoorPurpose) -> Result<Token, DbError> {
    insert(tx, rng, address, purpose, DoorStage::Mailed, life(purpose)).await
}

async fn insert(
    tx: &mut Tx,
    rng: Rng,
    address: AddressId,
    purpose: DoorPurpose,
    stage: DoorStage,
    life: Duration,
) -> Result<Token, DbError> {
    let token = rng.token();
    diesel::insert_into(reader_links::table)
        .values((
            reader_links::address_id.eq(address),
            reader_links::purpose.eq(purpose),
            reader_links::stage.eq(stage),
            reader_links::token_hash.eq(token.hash()),
            reader_links::created_at.eq(tx.now),
            reader_links::expires_at.eq(tx.now + TimeDelta::from_std(life).unwrap_or(TimeDelta::zero())),
        ))
        .execute(tx.conn())
        .await?;
    Ok(token)
}

/// What a mailed link shows; changes nothing. `None`: none with this token was ever sent.
pub async fn find_mailed(
    conn: &mut AsyncPgConnection,
    token: &Token,
    purpose: DoorPurpose,
    now: DateTime<Utc>,
) -> Result<Option<Mailed>, DbError> {
    let row = find(conn, token, purpose, DoorStage::Mailed).await?;
    Ok(row.map(|row| Mailed { address_masked: Email::masked(&row.canonical), is_over: row.is_over(now) }))
}

/// Uses a mailed link up and answers the token of the opened one.
pub async fn open(tx: &mut Tx, rng: Rng, token: &Token, purpose: DoorPurpose) -> Result<Token, OpenError> {
    let used: Option<AddressId> = diesel::update(
        reader_links::table
            .filter(reader_links::token_hash.eq(token.hash()))
            .filter(reader_links::purpose.eq(purpose))
            .filter(reader_links::stage.eq(DoorStage::Mailed))
            .filter(reader_links::used_at.is_null())
            .filter(reader_links::expires_at.gt(tx.now)),
    )
    .set(reader_links::used_at.eq(tx.now))
    .returning(reader_links::address_id)
    .get_result(tx.conn())
    .await
    .optional()?;
    let Some(address) = used else {
        let known = find(tx.conn(), token, purpose, DoorStage::Mailed).await?;
        return Err(if known.is_some() { OpenError::Ended } else { OpenError::Unknown });
    };
    Ok(insert(tx, rng, address, purpose, DoorStage::Opened, limits::OPENED_LINK_LIFE).await?)
}

/// Whose page an opened link shows. `None`: there is none with this token.
pub async fn find_opened(
    conn: &mut AsyncPgConnection,
    token: &Token,
    purpose: DoorPurpose,
    now: DateTime<Utc>,
) -> Result<Option<Opened>, DbError> {
    let row = find(conn, token, purpose, DoorStage::Opened).await?;
    Ok(row.map(|row| Opened { address: row.address, is_over: row.is_over(now), canonical: row.canonical }))
}

#[derive(Queryable)]
struct Row {
    address: AddressId,
    canonical: String,
    expires_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

impl Row {
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.used_at.is_some() || self.expires_at <= now
    }
}

async fn find(
    conn: &mut AsyncPgConnection,
    token: &Token,
    purpose: DoorPurpose,
    stage: DoorStage,
) -> Result<Option<Row>, DbError> {
    Ok(reader_links::table
        .inner_join(addresses::table)
        .filter(reader_links::token_hash.eq(token.hash()))
        .filter(reader_links::purpose.eq(purpose))
        .filter(reader_links::stage.eq(stage))
        .select((addresses::id, addresses::canonical, reader_links::expires_at, reader_links::used_at))
        .get_result(conn)
        .await
        .optional()?)
}
