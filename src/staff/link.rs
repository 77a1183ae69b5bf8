//! One-time links: 256 bits, stored hashed, for one purpose (requirements D6).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::StaffId;
use crate::core::limits;
use crate::core::rng::{Rng, Token};
use crate::core::status::{LinkPurpose, StaffState};
use crate::core::text::Email;
use crate::db::schema::{staff, staff_links};
use crate::db::{DbError, Tx};
use crate::staff::session::span;

/// What a link needs of a person to work.
#[must_use]
pub fn fits(purpose: LinkPurpose, state: StaffState) -> bool {
    match purpose {
        LinkPurpose::Invite => state == StaffState::Invited,
        // An invited person who lost the invitation chooses a password by a reset link.
        LinkPurpose::Reset => matches!(state, StaffState::Active | StaffState::Invited),
        LinkPurpose::Setup => false,
    }
}

/// A new link for a person; earlier ones of the same purpose stop working.
pub(super) async fn make(tx: &mut Tx, rng: Rng, staff_id: StaffId, purpose: LinkPurpose) -> Result<Token, DbError> {
    void(tx, staff_id, purpose).await?;
    add(tx, rng, staff_id, purpose).await
}

/// A new link for a person beside earlier ones: for the mail that carries it, each time it is tried.
pub async fn add(tx: &mut Tx, rng: Rng, staff_id: StaffId, purpose: LinkPurpose) -> Result<Token, DbError> {
    let life = match purpose {
        LinkPurpose::Invite => limits::INVITE_LINK_LIFE,
        LinkPurpose::Reset | LinkPurpose::Setup => limits::RESET_LINK_LIFE,
    };
    let token = rng.token();
    diesel::insert_into(staff_links::table)
        .values((
            staff_links::staff_id.eq(staff_id),
            staff_links::purpose.eq(purpose),
            staff_links::token_hash.eq(token.hash()),
            staff_links::created_at.eq(tx.now),
            staff_links::expires_at.eq(tx.now + span(life)),
        ))
        .execute(tx.conn())
        .await?;
    Ok(token)
}

/// Ends a person's open links of a purpose.
pub(super) async fn void(tx: &mut Tx, staff_id: StaffId, purpose: LinkPurpose) -> Result<(), DbError> {
    let open = staff_links::table
        .filter(staff_links::staff_id.eq(staff_id))
        .filter(staff_links::purpose.eq(purpose))
        .filter(staff_links::used_at.is_null());
    diesel::update(open).set(staff_links::used_at.eq(tx.now)).execute(tx.conn()).await?;
    Ok(())
}

/// Whom a working link is for.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The person.
    pub staff_id: StaffId,
    /// Their name.
    pub name: String,
    /// Their address, mostly left out.
    pub email_masked: String,
    pub(super) canonical: String,
}

impl Holder {
    /// What a password of theirs must not be made of.
    #[must_use]
    pub fn about(&self) -> [&str; 2] {
        [&self.name, &self.canonical]
    }
}

/// Whom a link is for, while it works.
pub async fn find(
    conn: &mut AsyncPgConnection,
    token: &Token,
    purpose: LinkPurpose,
    now: DateTime<Utc>,
) -> Result<Option<Holder>, DbError> {
    let row: Option<(StaffId, String, Option<String>, StaffState)> = staff_links::table
        .inner_join(staff::table)
        .filter(staff_links::token_hash.eq(token.hash()))
        .filter(staff_links::purpose.eq(purpose))
        .filter(staff_links::used_at.is_null())
        .filter(staff_links::expires_at.gt(now))
        .select((staff::id, staff::name, staff::email_canonical, staff::state))
        .first(conn)
        .await
        .optional()?;
    Ok(row.filter(|(.., state)| fits(purpose, *state)).map(|(staff_id, name, email, _)| {
        let canonical = email.unwrap_or_default();
        Holder { staff_id, name, email_masked: Email::masked(&canonical), canonical }
    }))
}

/// Uses a link up, with the person's row locked; `None` when it works no more.
pub(super) async fn take(tx: &mut Tx, token: &Token, purpose: LinkPurpose) -> Result<Option<Holder>, DbError> {
    let used = diesel::update(
        staff_links::table
            .filter(staff_links::token_hash.eq(token.hash()))
            .filter(staff_links::purpose.eq(purpose))
            .filter(staff_links::used_at.is_null())
            .filter(staff_links::expires_at.gt(tx.now)),
    )
    .set(staff_links::used_at.eq(tx.now))
    .returning(staff_links::staff_id)
    .get_result::<Option<StaffId>>(tx.conn())
    .await
    .optional()?;
    let Some(staff_id) = used.flatten() else { return Ok(None) };
    let (name, email, state): (String, Option<String>, StaffState) = staff::table
        .find(staff_id)
        .select((staff::name, staff::email_canonical, staff::state))
        .for_update()
        .first(tx.conn())
        .await?;
    if !fits(purpose, state) {
        return Ok(None);
    }
    let canonical = email.unwrap_or_default();
    Ok(Some(Holder { staff_id, name, email_masked: Email::masked(&canonical), canonical }))
}
