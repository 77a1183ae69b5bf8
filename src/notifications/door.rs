//! The mail with a link that opens a page about the address it goes to (`readers/door.rs`).
//!
//! The link is made when the mail is sent, so that neither the outbox nor a backup holds a working one: the stored
//! text has [`LINK`] in its place.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use std::time::Duration;

use crate::core::ids::AddressId;
use crate::core::limits;
use crate::core::rng::Rng;
use crate::core::status::DoorPurpose;
use crate::db::schema::{addresses, mail_messages};
use crate::db::{Db, DbError, Tx};
use crate::jobs::job::{Job, NewJob, Outcome};
use crate::jobs::queue;
use crate::mail::message::{self, Headers};
use crate::mail::outbox::{self, Draft, Mail};
use crate::notifications::letterhead::{Letterhead, rendered, split_subject};
use crate::readers::door;

/// The job; its payload is `{"address": id, "purpose": "data"}`.
pub const KIND: &str = "notify.door";

/// Stands for the link in the stored text.
pub const LINK: &str = "{mailed-link}";

/// Kind of the mail that carries a link of this purpose.
fn kind_of(purpose: DoorPurpose) -> &'static str {
    match purpose {
        DoorPurpose::Data => "data_link",
        DoorPurpose::Preferences => "preferences_link",
    }
}

/// The purpose of a mail of this kind.
pub(super) fn purpose_of(kind: &str) -> Option<DoorPurpose> {
    DoorPurpose::ALL.iter().copied().find(|purpose| kind_of(*purpose) == kind)
}

/// Asks for the mail. `address` is `None` where nobody has the address that was typed: the same is queued, and comes
/// to nothing when the job runs (requirements D6). `asked_for` names the address without saying it, so that several
/// requests within a minute are one.
pub async fn enqueue(
    tx: &mut Tx,
    purpose: DoorPurpose,
    address: Option<AddressId>,
    asked_for: &str,
) -> Result<(), DbError> {
    let minute = tx.now.timestamp().div_euclid(60);
    let job = NewJob {
        kind: KIND,
        payload: json!({ "address": address.unwrap_or(AddressId(0)), "purpose": purpose }),
        unique_key: Some(format!("{KIND}:{purpose}:{asked_for}:{minute}")),
        run_at: tx.now,
        attempts_max: 20,
    };
    queue::enqueue(tx, job).await
}

/// Puts the mail into the outbox, unless nobody has the address or it had one just now.
pub async fn run(db: &Db, head: &Letterhead, job: &Job) -> Outcome {
    let purpose = job.payload.get("purpose").and_then(|word| word.as_str()).and_then(|word| word.parse().ok());
    let (Some(address), Some(purpose)) = (job.id_of("address").map(AddressId), purpose) else {
        return Outcome::GiveUp { reason: "the job names no address or no purpose".into() };
    };
    match db.transact(async |tx| write(tx, head, address, purpose).await).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

#[derive(Template)]
#[template(path = "mail/door.txt")]
struct Text<'a> {
    head: &'a Letterhead,
    link: &'a str,
    is_data: bool,
    life: &'a str,
}

#[derive(Template)]
#[template(path = "mail/door.html")]
struct Html<'a> {
    head: &'a Letterhead,
    link: &'a str,
    is_data: bool,
    life: &'a str,
    subject: &'a str,
}

async fn write(tx: &mut Tx, head: &Letterhead, address: AddressId, purpose: DoorPurpose) -> Result<(), DbError> {
    let Some((email, canonical, every)) = recipient(tx.conn(), address, purpose).await? else { return Ok(()) };
    if had_one(tx, address, purpose, every).await? {
        return Ok(());
    }
    let hours = door::life(purpose).as_secs() / 3_600;
    let life = if hours == 1 { "one hour".to_owned() } else { format!("{hours} hours") };
    let is_data = purpose == DoorPurpose::Data;
    let text = rendered(&Text { head, link: LINK, is_data, life: &life })?;
    let (subject, text) = split_subject(&text);
    let html = rendered(&Html { head, link: LINK, is_data, life: &life, subject })?;
    let kind = kind_of(purpose);
    let unique_key = format!("{kind}:{address}:{}", tx.now.timestamp_micros());
    let draft = Draft {
        kind,
        message_id: head.message_id(&unique_key),
        unique_key,
        recipient: message::recipient(&email, &canonical),
        address_id: Some(address),
        staff_id: None,
        comment_id: None,
        subject,
        text,
        html: &html,
        headers: &Headers::default(),
    };
    outbox::enqueue(tx, &draft).await?;
    Ok(())
}

/// Where the mail goes, and how long after the last one. Mails are chosen by those who proved the address; what is
/// kept about an address, its owner may see also where somebody else typed it. The row is locked, so that of two
/// jobs the second sees the first one's mail.
async fn recipient(
    conn: &mut AsyncPgConnection,
    address: AddressId,
    purpose: DoorPurpose,
) -> Result<Option<(String, String, Duration)>, DbError> {
    type Row = (String, String, Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
    let row: Option<Row> = addresses::table
        .find(address)
        .select((
            addresses::email,
            addresses::canonical,
            addresses::confirmed_at,
            addresses::mail_stopped_at,
            addresses::bounced_at,
        ))
        .for_no_key_update()
        .first(conn)
        .await
        .optional()?;
    let open = row.filter(|(_, _, confirmed, ..)| purpose == DoorPurpose::Data || confirmed.is_some());
    Ok(open.map(|(email, canonical, _, stopped, bounced)| {
        let every =
            if stopped.or(bounced).is_some() { limits::DOOR_MAIL_EVERY_STOPPED } else { limits::DOOR_MAIL_EVERY };
        (email, canonical, every)
    }))
}

async fn had_one(tx: &mut Tx, address: AddressId, purpose: DoorPurpose, every: Duration) -> Result<bool, DbError> {
    let since = tx.now - TimeDelta::from_std(every).unwrap_or(TimeDelta::zero());
    let recent = mail_messages::table
        .filter(mail_messages::address_id.eq(address))
        .filter(mail_messages::kind.eq(kind_of(purpose)))
        .filter(mail_messages::created_at.gt(since));
    Ok(diesel::select(exists(recent)).get_result(tx.conn()).await?)
}

/// The mail with a fresh link in its texts. An earlier try may have arrived, so that its link stays good as well.
pub(super) async fn with_link(
    db: &Db,
    rng: Rng,
    head: &Letterhead,
    mut mail: Mail,
    address: AddressId,
    purpose: DoorPurpose,
) -> Result<Mail, DbError> {
    let token = db.transact(async |tx| door::add(tx, rng, address, purpose).await).await?;
    let link = head.door_link(purpose, &token.reveal());
    mail.body_text = mail.body_text.replace(LINK, &link);
    mail.body_html = mail.body_html.replace(LINK, &link);
    Ok(mail)
}
