//! The last look at a mail before it leaves: is it still wanted?

use diesel_async::AsyncPgConnection;

use crate::core::ids::{AddressId, MailId};
use crate::core::rng::Rng;
use crate::core::status::MailState;
use crate::db::{Db, DbError};
use crate::mail::outbox::{self, Mail};
use crate::notifications::about::{self, About};
use crate::notifications::letterhead::Letterhead;
use crate::notifications::{approved, confirm, digest, door, reply, staff_answer, staff_link};

/// What a last look found.
#[derive(Debug)]
pub enum Look {
    /// It is wanted; its texts are whole.
    Wanted(Box<Mail>),
    /// It is not, for this reason: withdraw it.
    Unwanted(&'static str),
    /// It is not waiting any more.
    Over,
}

/// Looks once more whether the comment is still public, the address confirmed and the subscription open, and
/// fills in the links that are made when a mail leaves.
pub async fn look(db: &Db, rng: Rng, head: &Letterhead, id: MailId) -> Result<Look, DbError> {
    let mut conn = db.read().await?;
    let Some(mail) = outbox::find(&mut conn, id).await? else { return Ok(Look::Over) };
    if mail.state != MailState::Queued {
        return Ok(Look::Over);
    }
    if let Some(why) = objection(&mut conn, &mail).await? {
        return Ok(Look::Unwanted(why));
    }
    drop(conn);
    if let (Some(staff), Some(purpose)) = (mail.staff_id, staff_link::purpose_of(&mail.kind)) {
        return Ok(Look::Wanted(Box::new(staff_link::with_link(db, rng, head, mail, staff, purpose).await?)));
    }
    if let (Some(address), Some(purpose)) = (mail.address_id, door::purpose_of(&mail.kind)) {
        return Ok(Look::Wanted(Box::new(door::with_link(db, rng, head, mail, address, purpose).await?)));
    }
    match mail.address_id {
        Some(address) if mail.kind == "confirm" => {
            Ok(Look::Wanted(Box::new(confirm::with_link(db, rng, head, mail, address).await?)))
        }
        _ if mail.kind == digest::KIND => {
            let mail = digest::look_again(db, head, mail).await?;
            Ok(mail.map_or(Look::Unwanted("nothing of it is wanted any more"), |mail| Look::Wanted(Box::new(mail))))
        }
        _ => Ok(Look::Wanted(Box::new(mail))),
    }
}

async fn objection(conn: &mut AsyncPgConnection, mail: &Mail) -> Result<Option<&'static str>, DbError> {
    match (mail.kind.as_str(), mail.address_id, mail.staff_id) {
        ("confirm", Some(address), _) => {
            Ok(confirm::is_stopped(conn, address).await?.then_some("mail to this address was stopped"))
        }
        ("reply" | "approved" | "staff_answer", address, staff) => {
            let about = match mail.comment_id {
                Some(comment) => about::find(conn, comment).await?,
                None => None,
            };
            let Some(about) = about else { return Ok(Some("the comment is no longer public")) };
            match (address, staff) {
                (Some(address), _) => objection_of_reader(conn, &about, address).await,
                (None, Some(staff)) => {
                    Ok((!staff_answer::is_reachable(conn, staff).await?).then_some("the person wants no mail"))
                }
                (None, None) => Ok(Some("the address is gone")),
            }
        }
        (kind, _, Some(staff)) => match staff_link::purpose_of(kind) {
            Some(purpose) => Ok((!staff_link::is_wanted(conn, staff, purpose).await?)
                .then_some("the person can’t use the link any more")),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

async fn objection_of_reader(
    conn: &mut AsyncPgConnection,
    about: &About,
    address: AddressId,
) -> Result<Option<&'static str>, DbError> {
    if !reply::is_reachable(conn, address).await? {
        return Ok(Some("mail to this address was stopped"));
    }
    let is_own = about.address_id == Some(address);
    let wanted = if is_own {
        approved::find_subscription(conn, about, address).await?.is_some()
    } else {
        reply::is_followed_by(conn, about, address).await?
    };
    Ok((!wanted).then_some("the subscription has ended"))
}
