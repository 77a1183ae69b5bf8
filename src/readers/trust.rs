//! What is known of a writer when a comment of theirs is screened.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::try_join;

use crate::core::ids::{AddressId, ReaderId};
use crate::core::status::{CommentStatus, Trust};
use crate::db::DbError;
use crate::db::schema::{comments, readers};

/// How far back a removal weighs.
pub const REMOVAL_DAYS: i64 = 30;

/// What is known of a writer. What is proved (`trust`, `approved_as_reader`) comes from the reader, the rest
/// from the address, which anybody may have typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What the reader's word is worth; `New` for anybody who has not confirmed.
    pub trust: Trust,
    /// Approved comments of the confirmed reader, counted up to the limit asked for; 0 for anybody else.
    pub approved_as_reader: i64,
    /// Whether somebody approved a comment from this address.
    pub address_was_approved: bool,
    /// Whether a comment from this address was removed by a person in the last [`REMOVAL_DAYS`].
    pub address_was_removed: bool,
}

impl Standing {
    /// Of somebody who gave no address and is nobody known.
    pub const NOBODY: Self =
        Self { trust: Trust::New, approved_as_reader: 0, address_was_approved: false, address_was_removed: false };
}

/// The standing of a writer; `approved_max` is how far approved comments are counted.
pub async fn standing(
    conn: &AsyncPgConnection,
    address: AddressId,
    reader: Option<ReaderId>,
    approved_max: i64,
    now: DateTime<Utc>,
) -> Result<Standing, DbError> {
    let (mut a, mut b) = (conn, conn);
    let since = now - TimeDelta::days(REMOVAL_DAYS);
    let approved = exists(
        comments::table.filter(comments::address_id.eq(address)).filter(comments::status.eq(CommentStatus::Approved)),
    );
    let removed = exists(
        comments::table
            .filter(comments::address_id.eq(address))
            .filter(comments::status.eq(CommentStatus::Trash))
            .filter(comments::status_reason.ne("withdrawn"))
            .filter(comments::status_changed_at.gt(since)),
    );
    let proved = async {
        let Some(reader) = reader else { return Ok((Trust::New, 0)) };
        let trust = readers::table.find(reader).select(readers::trust).get_result(&mut b).await?;
        let approved: Vec<i32> = comments::table
            .filter(comments::reader_id.eq(reader))
            .filter(comments::status.eq(CommentStatus::Approved))
            .select(comments::version)
            .limit(approved_max.max(1))
            .load(&mut b)
            .await?;
        Ok((trust, i64::try_from(approved.len()).unwrap_or(i64::MAX)))
    };
    let of_address = diesel::select((approved, removed)).get_result(&mut a);
    let ((address_was_approved, address_was_removed), (trust, approved_as_reader)) = try_join!(of_address, proved)?;
    Ok(Standing { trust, approved_as_reader, address_was_approved, address_was_removed })
}
