//! Addresses and readers as records.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{AddressId, ReaderId};
use crate::core::status::Trust;
use crate::db::DbError;
use crate::db::schema::{addresses, readers};

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

/// An address by its canonical form.
pub async fn find_address(mut conn: &AsyncPgConnection, canonical: &str) -> Result<Option<Address>, DbError> {
    Ok(addresses::table
        .filter(addresses::canonical.eq(canonical))
        .select(Address::as_select())
        .get_result(&mut conn)
        .await
        .optional()?)
}
