//! The last part of erasing a reader: what belongs to the address itself. The whole is `comments/erase.rs`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::core::ids::{AddressId, ArticleId, BrowserId};
use crate::core::page_store::Tag;
use crate::db::schema::{addresses, comments, helpful_votes, reader_browsers, readers};
use crate::db::{DbError, Tx};

/// An address to be erased, locked: nobody writes under it until the transaction ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// As it was typed.
    pub email: String,
    /// As it is compared.
    pub canonical: String,
}

/// Locks an address. `None`: it is gone already.
pub async fn lock(tx: &mut Tx, address: AddressId) -> Result<Option<Doomed>, DbError> {
    let row: Option<(String, String)> = addresses::table
        .find(address)
        .select((addresses::email, addresses::canonical))
        .for_update()
        .first(tx.conn())
        .await
        .optional()?;
    Ok(row.map(|(email, canonical)| Doomed { email, canonical }))
}

/// Deletes the address, and by it the reader, their votes, browsers, links, subscriptions, confirmations and the
/// mails to it. Comments must have been parted from it; `browsers` are those they were written in.
pub async fn erase(tx: &mut Tx, address: AddressId, browsers: &[BrowserId]) -> Result<(), DbError> {
    let voted_on: Vec<ArticleId> = helpful_votes::table
        .inner_join(readers::table)
        .filter(readers::address_id.eq(address))
        .filter(helpful_votes::ended_at.is_null())
        .select(helpful_votes::article_id)
        .distinct()
        .load(tx.conn())
        .await?;
    for article in voted_on {
        tx.touch(Tag::Article(article)); // comments stand with one vote less
    }
    diesel::delete(addresses::table.find(address)).execute(tx.conn()).await?;
    let used = comments::table.filter(comments::browser_id.eq(reader_browsers::id.nullable()));
    diesel::delete(reader_browsers::table)
        .filter(reader_browsers::id.eq_any(browsers))
        .filter(reader_browsers::reader_id.is_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(used)))
        .execute(tx.conn())
        .await?;
    Ok(())
}
