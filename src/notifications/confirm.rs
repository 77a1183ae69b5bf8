//! The one mail that goes to an address nobody has confirmed.
//!
//! Its link is made when it is sent, once per try, so that the outbox and a backup hold no working link:
//! the stored text has [`LINK`] in its place.

use askama::Template;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::core::ids::AddressId;
use crate::core::limits;
use crate::core::rng::{Rng, Token};
use crate::db::schema::{address_confirmations, addresses};
use crate::db::{Db, DbError, Tx};
use crate::jobs::job::{Job, NewJob, Outcome};
use crate::mail::message::{self, Headers};
use crate::mail::outbox::{self, Draft, Mail};
use crate::notifications::letterhead::{Letterhead, rendered, split_subject};

/// The job; its payload is `{"address": id}`.
pub const KIND: &str = "notify.confirm";

/// Stands for the link in the stored text.
pub const LINK: &str = "{confirmation-link}";

/// Asks for a confirmation mail. Costs the same whether the address is known, confirmed, stopped or was just
/// mailed: that is looked at when the job runs. At most one an hour is sent (requirements S11, D6).
#[must_use]
pub fn job(address: AddressId, now: DateTime<Utc>) -> NewJob<'static> {
    // Several comments within a minute are one request.
    let minute = now.timestamp().div_euclid(60);
    NewJob {
        kind: KIND,
        payload: json!({ "address": address }),
        unique_key: Some(format!("{KIND}:{address}:{minute}")),
        run_at: now,
        attempts_max: 20,
    }
}

/// Puts the mail into the outbox, unless one went there within the hour or its owner stopped all mail.
pub async fn run(db: &Db, head: &Letterhead, job: &Job) -> Outcome {
    let Some(address) = job.id_of("address").map(AddressId) else {
        return Outcome::GiveUp { reason: "the job names no address".into() };
    };
    match db.transact(async |tx| ask(tx, head, address).await).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

#[derive(Template)]
#[template(path = "mail/confirm.txt")]
struct Text<'a> {
    head: &'a Letterhead,
    link: &'a str,
    days: u64,
}

#[derive(Template)]
#[template(path = "mail/confirm.html")]
struct Html<'a> {
    head: &'a Letterhead,
    link: &'a str,
    days: u64,
    subject: &'a str,
}

async fn ask(tx: &mut Tx, head: &Letterhead, address: AddressId) -> Result<(), DbError> {
    let now = tx.now;
    let due: Option<(String, String)> = diesel::update(addresses::table)
        .filter(addresses::id.eq(address))
        .filter(addresses::mail_stopped_at.is_null())
        .filter(addresses::bounced_at.is_null().or(addresses::bounced_at.le(now - limits::BOUNCE_QUIET)))
        .filter(
            addresses::confirmation_sent_at
                .is_null()
                .or(addresses::confirmation_sent_at.le(now - limits::CONFIRMATION_EVERY)),
        )
        .set(addresses::confirmation_sent_at.eq(now))
        .returning((addresses::email, addresses::canonical))
        .get_result(tx.conn())
        .await
        .optional()?;
    let Some((email, canonical)) = due else { return Ok(()) };
    let days = limits::CONFIRMATION_LIFE.as_secs() / 86_400;
    let text = rendered(&Text { head, link: LINK, days })?;
    let (subject, text) = split_subject(&text);
    let html = rendered(&Html { head, link: LINK, days, subject })?;
    let unique_key = format!("confirm:{address}:{}", now.timestamp());
    let draft = Draft {
        kind: "confirm",
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

/// Whether the address's owner stopped all mail, mail came back since the link was asked for, or the address is gone.
pub(super) async fn is_stopped(conn: &mut AsyncPgConnection, address: AddressId) -> Result<bool, DbError> {
    type Row = (Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
    let row: Option<Row> = addresses::table
        .find(address)
        .select((addresses::mail_stopped_at, addresses::bounced_at, addresses::confirmation_sent_at))
        .first(conn)
        .await
        .optional()?;
    Ok(row.is_none_or(|(stopped, bounced, asked)| stopped.is_some() || bounced.is_some_and(|at| asked < Some(at))))
}

/// A link that proves the address when it is followed; open for [`limits::CONFIRMATION_LIFE`]. Earlier ones stay good.
pub async fn make_link(tx: &mut Tx, rng: Rng, address: AddressId) -> Result<Token, DbError> {
    let token = rng.token();
    diesel::insert_into(address_confirmations::table)
        .values((
            address_confirmations::address_id.eq(address),
            address_confirmations::token_hash.eq(token.hash()),
            address_confirmations::created_at.eq(tx.now),
            address_confirmations::expires_at.eq(tx.now + limits::CONFIRMATION_LIFE),
        ))
        .execute(tx.conn())
        .await?;
    Ok(token)
}

/// The mail with a fresh link in its texts. An earlier try may have arrived, so that its link stays good as well.
pub(super) async fn with_link(
    db: &Db,
    rng: Rng,
    head: &Letterhead,
    mut mail: Mail,
    address: AddressId,
) -> Result<Mail, DbError> {
    let token = db.transact(async |tx| make_link(tx, rng, address).await).await?;
    let link = head.confirm_link(&token.reveal());
    mail.body_text = mail.body_text.replace(LINK, &link);
    mail.body_html = mail.body_html.replace(LINK, &link);
    Ok(mail)
}
