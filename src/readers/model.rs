//! Addresses and readers as records.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{AddressId, ReaderId};
use crate::core::status::Trust;
use crate::core::text::Email;
use crate::db::schema::{addresses, readers};
use crate::db::{DbError, Tx};

/// An e-mail address somebody typed.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = addresses, check_for_backend(diesel::pg::Pg))]
pub struct Address {
    /// Its id.
    pub id: AddressId,
    /// The form that is unique and compared.
    pub canonical: String,
    /// When its owner proved it.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When the last confirmation mail was asked for.
    pub confirmation_sent_at: Option<DateTime<Utc>>,
    /// When its owner stopped every mail.
    pub mail_stopped_at: Option<DateTime<Utc>>,
}

/// A person who proved an address.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = readers, check_for_backend(diesel::pg::Pg))]
pub struct Reader {
    /// Their id.
    pub id: ReaderId,
    /// The address they proved.
    pub address_id: AddressId,
    /// What their word is worth to the rules.
    pub trust: Trust,
}

/// The record of an address, made if it is new.
pub async fn address(tx: &mut Tx, email: &Email) -> Result<Address, DbError> {
    if let Some(known) = find_address(tx.conn(), &email.canonical).await? {
        return Ok(known);
    }
    diesel::insert_into(addresses::table)
        .values((
            addresses::canonical.eq(&email.canonical),
            addresses::email.eq(&email.typed),
            addresses::created_at.eq(tx.now),
        ))
        .on_conflict(addresses::canonical)
        .do_nothing()
        .execute(tx.conn())
        .await?;
    Ok(addresses::table
        .filter(addresses::canonical.eq(&email.canonical))
        .select(Address::as_select())
        .get_result(tx.conn())
        .await?)
}

/// An address by its canonical form.
pub async fn find_address(conn: &mut AsyncPgConnection, canonical: &str) -> Result<Option<Address>, DbError> {
    Ok(addresses::table
        .filter(addresses::canonical.eq(canonical))
        .select(Address::as_select())
        .get_result(conn)
        .await
        .optional()?)
}
