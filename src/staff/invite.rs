//! Inviting people: a link with which they choose their own password.

use serde_json::json;

use crate::audit::Actor;
use crate::core::ids::StaffId;
use crate::core::rng::{Rng, Token};
use crate::core::status::{LinkPurpose, StaffState};
use crate::db::{DbError, Tx};
use crate::staff::link;
use crate::staff::model::{self, By, ChangeError, CreateError, NewPerson};
use crate::staff::password::Hashed;
use crate::staff::recover;
use crate::staff::session::{self, Opened, Whence};

/// Adds a person (whose standing is `Invited`) and makes the link.
///
/// **Errors** [`CreateError`].
pub async fn invite(tx: &mut Tx, rng: Rng, by: By<'_>, new: &NewPerson<'_>) -> Result<(StaffId, Token), CreateError> {
    let id = model::create(tx, by, new).await?;
    let token = link::make(tx, rng, id, LinkPurpose::Invite).await?;
    Ok((id, token))
}

/// Makes a new link for somebody who has not come yet; the earlier one stops working.
///
/// **Errors** [`ChangeError`].
pub async fn again(tx: &mut Tx, rng: Rng, by: By<'_>, id: StaffId) -> Result<Token, ChangeError> {
    let person = model::find(tx.conn(), id).await?.ok_or(ChangeError::Unknown)?;
    if person.state != StaffState::Invited {
        return Err(ChangeError::WrongState);
    }
    let token = link::make(tx, rng, id, LinkPurpose::Invite).await?;
    model::log(tx, by.actor(), "staff.invite_again", id, json!({})).await?;
    Ok(token)
}

/// Takes an invitation: the person has a password and is signed in. `None` when the link works no more.
pub async fn accept(
    tx: &mut Tx,
    rng: Rng,
    token: &Token,
    password: &Hashed,
    whence: &Whence<'_>,
) -> Result<Option<Opened>, DbError> {
    let Some(holder) = link::take(tx, token, LinkPurpose::Invite).await? else { return Ok(None) };
    recover::store(tx, holder.staff_id, password).await?;
    model::log(tx, Actor::Staff(holder.staff_id), "staff.join", holder.staff_id, json!({})).await?;
    session::open(tx, rng, holder.staff_id, whence).await.map(Some)
}
