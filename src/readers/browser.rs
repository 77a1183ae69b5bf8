//! Readers' browsers: the cookie `stet_reader`, which lets a writer see and change what they wrote.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{AddressId, BrowserId, ReaderId};
use crate::core::limits;
use crate::core::rng::{Rng, Token};
use crate::db::schema::{reader_browsers, readers};
use crate::db::{DbError, Tx};

/// A browser somebody has posted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Browser {
    /// Its id.
    pub id: BrowserId,
    /// The reader who confirmed an address in it, with that address.
    pub reader: Option<(ReaderId, AddressId)>,
    /// When the cookie is worth nothing any more.
    pub expires_at: DateTime<Utc>,
}

impl Browser {
    /// The reader, if this browser proved that this address is theirs.
    #[must_use]
    pub fn reader_of(&self, address: AddressId) -> Option<ReaderId> {
        self.reader.filter(|(_, proved)| *proved == address).map(|(reader, _)| reader)
    }

    /// Whether a comment with these columns was written here, or by the reader who confirmed here.
    #[must_use]
    pub fn wrote(&self, browser: Option<BrowserId>, reader: Option<ReaderId>) -> bool {
        browser == Some(self.id) || (reader.is_some() && reader == self.reader.map(|(id, _)| id))
    }
}

/// The browser that carries this token, unless it was revoked or its time is over.
pub async fn find(conn: &mut AsyncPgConnection, token: &Token, now: DateTime<Utc>) -> Result<Option<Browser>, DbError> {
    type Row = (BrowserId, DateTime<Utc>, Option<ReaderId>, Option<AddressId>);
    let row: Option<Row> = reader_browsers::table
        .left_join(readers::table)
        .filter(reader_browsers::token_hash.eq(token.hash()))
        .filter(reader_browsers::revoked_at.is_null())
        .filter(reader_browsers::expires_at.gt(now))
        .select((
            reader_browsers::id,
            reader_browsers::expires_at,
            readers::id.nullable(),
            readers::address_id.nullable(),
        ))
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(|(id, expires_at, reader, address)| Browser { id, reader: reader.zip(address), expires_at }))
}

/// A new browser with its token: for the cookie, stored only as a hash. One that posts its first comment is written
/// with it (`comments/write.rs`).
pub async fn open(tx: &mut Tx, rng: Rng) -> Result<(Browser, Token), DbError> {
    let token = rng.token();
    let expires_at = tx.now + limits::READER_COOKIE_LIFE;
    let id = diesel::insert_into(reader_browsers::table)
        .values((
            reader_browsers::token_hash.eq(token.hash()),
            reader_browsers::created_at.eq(tx.now),
            reader_browsers::expires_at.eq(expires_at),
        ))
        .returning(reader_browsers::id)
        .get_result(tx.conn())
        .await?;
    Ok((Browser { id, reader: None, expires_at }, token))
}

/// Lets a browser that posts again live its 30 days from now; written at most once a day.
pub async fn renew(tx: &mut Tx, browser: &Browser) -> Result<(), DbError> {
    let expires_at = tx.now + limits::READER_COOKIE_LIFE;
    if expires_at - browser.expires_at > chrono::TimeDelta::days(1) {
        diesel::update(reader_browsers::table.find(browser.id))
            .set(reader_browsers::expires_at.eq(expires_at))
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}
