//! Addresses mail cannot reach, or whose owners do not want it: nothing more is sent there.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::audit::{self, Actor};
use crate::core::ids::{AddressId, MailId};
use crate::core::status::MailState;
use crate::db::schema::{addresses, mail_messages};
use crate::db::{DbError, Tx};
use crate::mail::events::Event;

/// How long after it was sent a mail is taken for the one that came back.
const COMES_BACK_WITHIN: TimeDelta = TimeDelta::days(7);

/// Suppresses an address a report is about; its newest mail is shown as failed. Nothing happens for an address nobody
/// knows, or that is suppressed already; what was asked for under it stays, for the day its owner confirms it anew.
pub async fn suppress(tx: &mut Tx, event: &Event) -> Result<(), DbError> {
    let now = tx.now;
    let suppressed: Option<AddressId> = diesel::update(addresses::table)
        .filter(addresses::canonical.eq(&event.canonical))
        .filter(addresses::bounced_at.is_null())
        .set((addresses::bounced_at.eq(now), addresses::bounce_code.eq(event.kind.code())))
        .returning(addresses::id)
        .get_result(tx.conn())
        .await
        .optional()?;
    let Some(address) = suppressed else { return Ok(()) };
    let newest: Option<MailId> = mail_messages::table
        .filter(mail_messages::address_id.eq(address))
        .filter(mail_messages::state.eq(MailState::Sent))
        .filter(mail_messages::finished_at.gt(now - COMES_BACK_WITHIN))
        .order(mail_messages::id.desc())
        .select(mail_messages::id)
        .first(tx.conn())
        .await
        .optional()?;
    if let Some(mail) = newest {
        diesel::update(mail_messages::table.find(mail))
            .set((
                mail_messages::state.eq(MailState::Failed),
                mail_messages::last_error.eq(format!("Came back: {}", event.kind.code())),
            ))
            .execute(tx.conn())
            .await?;
    }
    let entry = audit::Entry {
        actor: Actor::System,
        action: "address.bounce",
        subject: "address",
        subject_id: Some(address.0),
        detail: json!({ "code": event.kind.code() }),
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(())
}
