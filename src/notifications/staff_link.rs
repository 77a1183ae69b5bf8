//! Mails with a link that chooses a password: an invitation, or a reset somebody asked for.
//!
//! The link is made when the mail is sent, so that the outbox and a backup hold no working one: the stored text
//! has [`LINK`] in its place.

use askama::Template;
use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::core::ids::StaffId;
use crate::core::limits;
use crate::core::rng::Rng;
use crate::core::status::{LinkPurpose, StaffState};
use crate::db::schema::{mail_messages, staff};
use crate::db::{Db, DbError, Tx};
use crate::jobs::job::{Job, NewJob, Outcome};
use crate::jobs::queue;
use crate::mail::message::{self, Headers};
use crate::mail::outbox::{self, Draft, Mail};
use crate::notifications::letterhead::{Letterhead, rendered, split_subject};
use crate::staff::link;

/// The job; its payload is `{"staff": id, "purpose": "reset"}`.
pub const KIND: &str = "notify.staff_link";

/// Stands for the link in the stored text.
pub const LINK: &str = "{password-link}";

/// Kind of the mail by its link's purpose; `None`: no mail carries such a link.
fn kind_of(purpose: LinkPurpose) -> Option<&'static str> {
    match purpose {
        LinkPurpose::Invite => Some("invite"),
        LinkPurpose::Reset => Some("reset"),
        LinkPurpose::Setup => None,
    }
}

/// The purpose of a mail of this kind.
pub(super) fn purpose_of(kind: &str) -> Option<LinkPurpose> {
    [LinkPurpose::Invite, LinkPurpose::Reset].into_iter().find(|purpose| kind_of(*purpose) == Some(kind))
}

/// Asks for the mail. `staff` is `None` where a reset was asked for an address nobody has: the same is queued, and
/// comes to nothing when the job runs (requirements D6). `asked_for` names who it was asked for without saying it,
/// so that several requests within a minute are one.
pub async fn enqueue(
    tx: &mut Tx,
    purpose: LinkPurpose,
    staff: Option<StaffId>,
    asked_for: &str,
) -> Result<(), DbError> {
    let minute = tx.now.timestamp().div_euclid(60);
    let job = NewJob {
        kind: KIND,
        payload: json!({ "staff": staff.unwrap_or(StaffId(0)), "purpose": purpose }),
        unique_key: Some(format!("{KIND}:{purpose}:{asked_for}:{minute}")),
        run_at: tx.now,
        attempts_max: 20,
    };
    queue::enqueue(tx, job).await
}

/// Puts the mail into the outbox, unless the person cannot use such a link or had [`limits::RESET_MAILS`] just now.
pub async fn run(db: &Db, head: &Letterhead, job: &Job) -> Outcome {
    let purpose = job.payload.get("purpose").and_then(|word| word.as_str()).and_then(|word| word.parse().ok());
    let (Some(id), Some(purpose)) = (job.id_of("staff").map(StaffId), purpose) else {
        return Outcome::GiveUp { reason: "the job names no person or no purpose".into() };
    };
    match db.transact(async |tx| write(tx, head, id, purpose).await).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

#[derive(Template)]
#[template(path = "mail/staff_link.txt")]
struct Text<'a> {
    head: &'a Letterhead,
    name: &'a str,
    link: &'a str,
    is_invitation: bool,
    days: u64,
    minutes: u64,
}

#[derive(Template)]
#[template(path = "mail/staff_link.html")]
struct Html<'a> {
    head: &'a Letterhead,
    name: &'a str,
    link: &'a str,
    is_invitation: bool,
    days: u64,
    minutes: u64,
    subject: &'a str,
}

async fn write(tx: &mut Tx, head: &Letterhead, id: StaffId, purpose: LinkPurpose) -> Result<(), DbError> {
    let Some(kind) = kind_of(purpose) else { return Ok(()) };
    let Some((name, email, canonical)) = reachable(tx.conn(), id, purpose).await? else { return Ok(()) };
    let since = tx.now - TimeDelta::from_std(limits::RESET_WINDOW).unwrap_or(TimeDelta::zero());
    let recent = mail_messages::table
        .filter(mail_messages::staff_id.eq(id))
        .filter(mail_messages::kind.eq(kind))
        .filter(mail_messages::created_at.gt(since));
    let sent: i64 = recent.count().get_result(tx.conn()).await?;
    if sent >= limits::RESET_MAILS {
        return Ok(());
    }
    let is_invitation = purpose == LinkPurpose::Invite;
    let (days, minutes) = (limits::INVITE_LINK_LIFE.as_secs() / 86_400, limits::RESET_LINK_LIFE.as_secs() / 60);
    let text = rendered(&Text { head, name: &name, link: LINK, is_invitation, days, minutes })?;
    let (subject, text) = split_subject(&text);
    let html = rendered(&Html { head, name: &name, link: LINK, is_invitation, days, minutes, subject })?;
    let unique_key = format!("{kind}:{id}:{}", tx.now.timestamp_micros());
    let draft = Draft {
        kind,
        message_id: head.message_id(&unique_key),
        unique_key,
        recipient: message::recipient(&email, &canonical),
        address_id: None,
        staff_id: Some(id),
        comment_id: None,
        subject,
        text,
        html: &html,
        headers: &Headers::default(),
    };
    outbox::enqueue(tx, &draft).await?;
    Ok(())
}

/// Name and address of a person who can use a link of this purpose.
async fn reachable(
    conn: &mut AsyncPgConnection,
    id: StaffId,
    purpose: LinkPurpose,
) -> Result<Option<(String, String, String)>, DbError> {
    let row: Option<(String, Option<String>, Option<String>, StaffState)> = staff::table
        .find(id)
        .select((staff::name, staff::email, staff::email_canonical, staff::state))
        .first(conn)
        .await
        .optional()?;
    Ok(row.and_then(|(name, email, canonical, state)| {
        Some((name, email?, canonical?)).filter(|_| link::fits(purpose, state))
    }))
}

/// Whether the person can still use the link.
pub(super) async fn is_wanted(
    conn: &mut AsyncPgConnection,
    id: StaffId,
    purpose: LinkPurpose,
) -> Result<bool, DbError> {
    Ok(reachable(conn, id, purpose).await?.is_some())
}

/// The mail with a fresh link in its texts. An earlier try may have arrived, so that its link stays good as well.
pub(super) async fn with_link(
    db: &Db,
    rng: Rng,
    head: &Letterhead,
    mut mail: Mail,
    id: StaffId,
    purpose: LinkPurpose,
) -> Result<Mail, DbError> {
    let token = db.transact(async |tx| link::add(tx, rng, id, purpose).await).await?;
    let link = head.password_link(purpose, &token.reveal());
    mail.body_text = mail.body_text.replace(LINK, &link);
    mail.body_html = mail.body_html.replace(LINK, &link);
    Ok(mail)
}
