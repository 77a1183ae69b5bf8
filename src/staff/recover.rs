//! Choosing another password: by a reset link, or signed in with the old one. Either ends all other sessions.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::audit::Actor;
use crate::core::ids::StaffId;
use crate::core::rng::{Rng, Token};
use crate::core::status::{LinkPurpose, StaffState};
use crate::db::schema::staff;
use crate::db::{DbError, Tx};
use crate::staff::authority::Session;
use crate::staff::link;
use crate::staff::model::{self, By, ChangeError};
use crate::staff::password::Hashed;
use crate::staff::session::{self, Opened, Whence};

/// Makes a reset link to be handed over on another way than by mail: on the console, or for somebody one manages.
///
/// **Errors** [`ChangeError`].
pub async fn reset_link(tx: &mut Tx, rng: Rng, by: By<'_>, id: StaffId) -> Result<Token, ChangeError> {
    let person = model::find(tx.conn(), id).await?.ok_or(ChangeError::Unknown)?;
    if matches!(by, By::Manager(_)) && person.role == crate::core::status::Role::Owner {
        return Err(ChangeError::IsOwner);
    }
    match person.state {
        StaffState::Active | StaffState::Invited => {}
        StaffState::Suspended | StaffState::Profile => return Err(ChangeError::WrongState),
    }
    let token = link::make(tx, rng, id, LinkPurpose::Reset).await?;
    model::log(tx, by.actor(), "staff.reset_link", id, json!({})).await?;
    Ok(token)
}

/// Sets the password by a reset link: every session ends, a new one begins. `None` when the link works no more.
pub async fn reset(
    tx: &mut Tx,
    rng: Rng,
    token: &Token,
    password: &Hashed,
    whence: &Whence<'_>,
) -> Result<Option<Opened>, DbError> {
    let Some(holder) = link::take(tx, token, LinkPurpose::Reset).await? else { return Ok(None) };
    replace(tx, rng, holder.staff_id, password, whence).await.map(Some)
}

/// Sets another password for somebody signed in, who has just given the old one: every session ends, a new one begins.
pub async fn change(
    tx: &mut Tx,
    rng: Rng,
    session: &Session,
    password: &Hashed,
    whence: &Whence<'_>,
) -> Result<Opened, DbError> {
    replace(tx, rng, session.staff_id(), password, whence).await
}

async fn replace(
    tx: &mut Tx,
    rng: Rng,
    id: StaffId,
    password: &Hashed,
    whence: &Whence<'_>,
) -> Result<Opened, DbError> {
    store(tx, id, password).await?;
    let ended = session::end_all(tx, id, None).await?;
    model::log(tx, Actor::Staff(id), "staff.password", id, json!({ "sessions_ended": ended })).await?;
    session::open(tx, rng, id, whence).await
}

/// Stores a password; the account is active from then on, and links that set one are void.
pub(super) async fn store(tx: &mut Tx, id: StaffId, password: &Hashed) -> Result<(), DbError> {
    diesel::update(staff::table.find(id))
        .set((
            staff::password_hash.eq(password.as_str()),
            staff::password_changed_at.eq(tx.now),
            staff::state.eq(StaffState::Active),
        ))
        .execute(tx.conn())
        .await?;
    link::void(tx, id, LinkPurpose::Reset).await?;
    link::void(tx, id, LinkPurpose::Invite).await?;
    Ok(())
}
