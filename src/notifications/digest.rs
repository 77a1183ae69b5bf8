//! Digests: one mail about everything that gathered for an address, or for a person on the team, since the last one.
//!
//! What waits is a row per comment and recipient (`digest_items`), due at a fixed time: the full hour, seven in the
//! morning, Monday at seven. The words are made when the digest is put into the outbox and once more when it is sent,
//! so that nothing removed or withdrawn meanwhile is told.

use askama::Template;
use chrono::{DateTime, Datelike, Days, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{AddressId, ArticleId, CommentId, MailId, StaffId};
use crate::core::limits;
use crate::core::status::MailFrequency;
use crate::core::text;
use crate::db::schema::{addresses, digest_items, mail_messages, staff};
use crate::db::{Db, DbError, Tx};
use crate::mail::message::{self, Headers};
use crate::mail::outbox::{self, Draft, Mail};
use crate::notifications::about::{self, About};
use crate::notifications::letterhead::{Letterhead, rendered, split_subject};
use crate::notifications::{reply, staff_answer};

/// The kind of mail.
pub const KIND: &str = "digest";

/// Whom a digest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// A reader's address.
    Address(AddressId),
    /// A person on the team.
    Staff(StaffId),
}

/// When the next digest after `now` goes out; `None` where each comment has a mail of its own.
#[must_use]
pub fn next_due(frequency: MailFrequency, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let here = now.with_timezone(&zone);
    match frequency {
        MailFrequency::Instant => None,
        MailFrequency::Hourly => {
            let into = i64::from(here.minute()) * 60 + i64::from(here.second());
            Some(now + TimeDelta::seconds(3_600 - into))
        }
        MailFrequency::Daily => (0..=1).find_map(|days| morning(zone, here.date_naive(), days, now)),
        MailFrequency::Weekly => {
            let to_monday = (7 - u64::from(here.weekday().num_days_from_monday())) % 7;
            [to_monday, to_monday + 7].into_iter().find_map(|days| morning(zone, here.date_naive(), days, now))
        }
    }
}

/// The hour of digests so many days later, if it is still to come. Where the clock jumps over it, an hour later.
fn morning(zone: Tz, today: chrono::NaiveDate, days: u64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let day = today.checked_add_days(Days::new(days))?;
    let at = |hour| zone.from_local_datetime(&day.and_time(NaiveTime::from_hms_opt(hour, 0, 0)?)).earliest();
    let due = at(limits::DIGEST_HOUR).or_else(|| at(limits::DIGEST_HOUR + 1))?.with_timezone(&Utc);
    (due > now).then_some(due)
}

/// Keeps a comment for a recipient's next digest; nothing happens where it waits or was told already.
pub(super) async fn keep(tx: &mut Tx, to: To, comment: CommentId, due_at: DateTime<Utc>) -> Result<(), DbError> {
    let (address, person) = to.columns();
    diesel::insert_into(digest_items::table)
        .values((
            digest_items::address_id.eq(address),
            digest_items::staff_id.eq(person),
            digest_items::comment_id.eq(comment),
            digest_items::due_at.eq(due_at),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What waits for an address is due at another time: its owner chose how often mail comes.
pub async fn reschedule(tx: &mut Tx, address: AddressId, due_at: DateTime<Utc>) -> Result<(), DbError> {
    diesel::update(digest_items::table)
        .filter(digest_items::address_id.eq(address))
        .filter(digest_items::mail_id.is_null())
        .set(digest_items::due_at.eq(due_at))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Puts every digest that is due into the outbox.
pub async fn run(db: &Db, head: &Letterhead) -> Result<(), DbError> {
    loop {
        let recipients = db.transact(async |tx| queue_some(tx, head).await).await?;
        if i64::try_from(recipients).unwrap_or(i64::MAX) < limits::DIGESTS_A_BATCH {
            return Ok(());
        }
    }
}

/// Digests of some recipients; answers of how many.
async fn queue_some(tx: &mut Tx, head: &Letterhead) -> Result<usize, DbError> {
    let now = tx.now;
    let due: Vec<(Option<AddressId>, Option<StaffId>)> = digest_items::table
        .filter(digest_items::mail_id.is_null())
        .filter(digest_items::due_at.le(now))
        .select((digest_items::address_id, digest_items::staff_id))
        .distinct()
        .order((digest_items::address_id, digest_items::staff_id))
        .limit(limits::DIGESTS_A_BATCH)
        .load(tx.conn())
        .await?;
    for columns in &due {
        if let Some(to) = To::of(*columns) {
            queue_one(tx, head, to).await?;
        }
    }
    Ok(due.len())
}

async fn queue_one(tx: &mut Tx, head: &Letterhead, to: To) -> Result<(), DbError> {
    let now = tx.now;
    lock(tx.conn(), to).await?;
    let waiting: Vec<(i64, CommentId)> = to
        .items()
        .filter(digest_items::mail_id.is_null())
        .filter(digest_items::due_at.le(now))
        .order(digest_items::comment_id)
        .select((digest_items::id, digest_items::comment_id))
        .load(tx.conn())
        .await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = waiting.iter().map(|(id, _)| *id).collect();
    let comments: Vec<CommentId> = waiting.iter().map(|(_, comment)| *comment).collect();
    let queued = match recipient(tx.conn(), to).await? {
        Some(recipient) => queue_mail(tx, head, to, &recipient, &comments).await?,
        None => None,
    };
    match queued {
        Some(mail) => {
            diesel::update(digest_items::table.filter(digest_items::id.eq_any(ids)))
                .set(digest_items::mail_id.eq(mail))
                .execute(tx.conn())
                .await?
        }
        // Withdrawn, unfollowed or stopped meanwhile: nobody wants to hear of any of it.
        None => diesel::delete(digest_items::table.filter(digest_items::id.eq_any(ids))).execute(tx.conn()).await?,
    };
    Ok(())
}

async fn queue_mail(
    tx: &mut Tx,
    head: &Letterhead,
    to: To,
    recipient: &str,
    comments: &[CommentId],
) -> Result<Option<MailId>, DbError> {
    let Some(words) = compose(tx.conn(), head, to, comments).await? else { return Ok(None) };
    let (address_id, staff_id) = to.columns();
    // The first comment is in no other digest of theirs: it names this one.
    let first = comments.iter().next().map_or(0, |id| id.0);
    let unique_key = match to {
        To::Address(id) => format!("{KIND}:a{id}:{first}"),
        To::Staff(id) => format!("{KIND}:s{id}:{first}"),
    };
    let draft = Draft {
        kind: KIND,
        message_id: head.message_id(&unique_key),
        unique_key,
        recipient: recipient.to_owned(),
        address_id,
        staff_id,
        comment_id: None,
        subject: &words.subject,
        text: &words.text,
        html: &words.html,
        headers: &Headers {
            list: Some(head.list()),
            unsubscribe: address_id.map(|id| head.stop_all_link(id)),
            ..Headers::default()
        },
    };
    outbox::enqueue(tx, &draft).await
}

/// A digest as it should read now; `None` when nothing of it is wanted any more.
pub(super) async fn look_again(db: &Db, head: &Letterhead, mut mail: Mail) -> Result<Option<Mail>, DbError> {
    let Some(to) = To::of((mail.address_id, mail.staff_id)) else { return Ok(None) };
    let conn = &mut *db.read().await?;
    if recipient(conn, to).await?.is_none() {
        return Ok(None);
    }
    let comments: Vec<CommentId> = digest_items::table
        .filter(digest_items::mail_id.eq(mail.id))
        .order(digest_items::comment_id)
        .select(digest_items::comment_id)
        .load(conn)
        .await?;
    let Some(words) = compose(conn, head, to, &comments).await? else { return Ok(None) };
    if words.text != mail.body_text {
        (mail.subject, mail.body_text, mail.body_html) = (words.subject, words.text, words.html);
        // The outbox shows what was sent.
        diesel::update(mail_messages::table.find(mail.id))
            .set((
                mail_messages::subject.eq(&mail.subject),
                mail_messages::body_text.eq(&mail.body_text),
                mail_messages::body_html.eq(&mail.body_html),
            ))
            .execute(conn)
            .await?;
    }
    Ok(Some(mail))
}

/// One digest of a recipient is made at a time, on all nodes: the next one finds nothing that waits.
async fn lock(conn: &mut AsyncPgConnection, to: To) -> Result<(), DbError> {
    match to {
        To::Address(id) => {
            let _: Option<AddressId> =
                addresses::table.find(id).select(addresses::id).for_update().first(conn).await.optional()?;
        }
        To::Staff(id) => {
            let _: Option<StaffId> =
                staff::table.find(id).select(staff::id).for_update().first(conn).await.optional()?;
        }
    }
    Ok(())
}

/// Where mail to them goes, if it may.
async fn recipient(conn: &mut AsyncPgConnection, to: To) -> Result<Option<String>, DbError> {
    let found: Option<(Option<String>, Option<String>)> = match to {
        To::Address(id) if reply::is_reachable(conn, id).await? => addresses::table
            .find(id)
            .select((addresses::email.nullable(), addresses::canonical.nullable()))
            .first(conn)
            .await
            .optional()?,
        To::Staff(id) if staff_answer::is_reachable(conn, id).await? => {
            staff::table.find(id).select((staff::email, staff::email_canonical)).first(conn).await.optional()?
        }
        To::Address(_) | To::Staff(_) => None,
    };
    Ok(found.and_then(|(email, canonical)| Some(message::recipient(&email?, &canonical?))))
}

/// A comment in a digest.
#[derive(Debug)]
struct Item {
    name: String,
    title_on_team: String,
    excerpt: String,
    link: String,
}

/// An article with its comments, in their order.
#[derive(Debug)]
struct Group {
    article: ArticleId,
    title: String,
    items: Vec<Item>,
}

struct Composed {
    subject: String,
    text: String,
    html: String,
}

#[derive(Template)]
#[template(path = "mail/digest.txt")]
struct Text<'a> {
    head: &'a Letterhead,
    groups: &'a [Group],
    count: usize,
    more: usize,
    stop_all: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "mail/digest.html")]
struct Html<'a> {
    head: &'a Letterhead,
    groups: &'a [Group],
    more: usize,
    stop_all: Option<&'a str>,
    subject: &'a str,
}

async fn compose(
    conn: &mut AsyncPgConnection,
    head: &Letterhead,
    to: To,
    comments: &[CommentId],
) -> Result<Option<Composed>, DbError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut count = 0;
    for id in comments {
        let Some(about) = about::find(conn, *id).await? else { continue };
        if !is_wanted(conn, to, &about).await? {
            continue;
        }
        count += 1;
        if count <= limits::DIGEST_ITEMS_MAX {
            add(&mut groups, head, about);
        }
    }
    if groups.is_empty() {
        return Ok(None);
    }
    let stop_all = match to {
        To::Address(id) => Some(head.stop_all_link(id)),
        To::Staff(_) => None,
    };
    let (stop_all, more, groups) = (stop_all.as_deref(), count.saturating_sub(limits::DIGEST_ITEMS_MAX), &groups[..]);
    let text = rendered(&Text { head, groups, count, more, stop_all })?;
    let (subject, text) = split_subject(&text);
    let html = rendered(&Html { head, groups, more, stop_all, subject })?;
    Ok(Some(Composed { subject: subject.to_owned(), text: text.to_owned(), html }))
}

fn add(groups: &mut Vec<Group>, head: &Letterhead, about: About) {
    let item = Item {
        link: about.link(head),
        excerpt: text::excerpt(&about.body, 400),
        name: about.name,
        title_on_team: about.title_on_team,
    };
    match groups.iter_mut().find(|group| group.article == about.article_id) {
        Some(group) => group.items.push(item),
        None => groups.push(Group { article: about.article_id, title: about.title, items: vec![item] }),
    }
}

async fn is_wanted(conn: &mut AsyncPgConnection, to: To, about: &About) -> Result<bool, DbError> {
    match to {
        To::Address(id) => reply::is_followed_by(conn, about, id).await,
        To::Staff(_) => Ok(true),
    }
}

impl To {
    fn of((address, person): (Option<AddressId>, Option<StaffId>)) -> Option<Self> {
        address.map(Self::Address).or(person.map(Self::Staff))
    }

    const fn columns(self) -> (Option<AddressId>, Option<StaffId>) {
        match self {
            Self::Address(id) => (Some(id), None),
            Self::Staff(id) => (None, Some(id)),
        }
    }

    fn items(self) -> digest_items::BoxedQuery<'static, diesel::pg::Pg> {
        let all = digest_items::table.into_boxed();
        match self {
            Self::Address(id) => all.filter(digest_items::address_id.eq(id)),
            Self::Staff(id) => all.filter(digest_items::staff_id.eq(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_digest_goes_out_at_the_full_hour_and_in_the_morning_of_the_site() {
        let due =
            |frequency, now: &str| next_due(frequency, at(now), chrono_tz::Europe::Berlin).map(|due| due.to_rfc3339());
        let utc = |text: &str| Some(at(text).to_rfc3339());
        assert_eq!(due(MailFrequency::Instant, "2026-11-23T10:20:30Z"), None);
        assert_eq!(due(MailFrequency::Hourly, "2026-11-23T10:20:30Z"), utc("2026-11-23T11:00:00Z"));
        assert_eq!(due(MailFrequency::Hourly, "2026-11-23T11:00:00Z"), utc("2026-11-23T12:00:00Z"));
        assert_eq!(due(MailFrequency::Daily, "2026-11-23T05:59:59Z"), utc("2026-11-23T06:00:00Z"));
        assert_eq!(due(MailFrequency::Daily, "2026-11-23T06:00:00Z"), utc("2026-11-24T06:00:00Z"));
        assert_eq!(due(MailFrequency::Weekly, "2026-11-23T05:00:00Z"), utc("2026-11-23T06:00:00Z"));
        assert_eq!(due(MailFrequency::Weekly, "2026-11-23T06:00:00Z"), utc("2026-11-30T06:00:00Z"));
        assert_eq!(due(MailFrequency::Weekly, "2026-11-29T22:30:00Z"), utc("2026-11-30T06:00:00Z"));
        assert_eq!(due(MailFrequency::Daily, "2026-07-01T05:00:01Z"), utc("2026-07-02T05:00:00Z"));
    }
}
