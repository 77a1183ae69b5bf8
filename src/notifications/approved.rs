//! "Your comment is up": to a writer whose held comment was approved and who follows it.

use askama::Template;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{AddressId, CommentId, SubscriptionId};
use crate::core::status::CommentStatus;
use crate::db::schema::{addresses, comments, subscriptions};
use crate::db::{Db, DbError, Tx};
use crate::jobs::job::{Job, Outcome};
use crate::jobs::queue;
use crate::mail::message;
use crate::mail::outbox::{self, Draft};
use crate::notifications::about::{self, About};
use crate::notifications::letterhead::{Letterhead, rendered, split_subject};
use crate::notifications::reply;

/// The job; its payload is `{"comment": id}`.
pub const KIND: &str = "notify.approved";

/// Tells the writer of a held comment that was approved, if they asked for mail and proved that the address and
/// the comment are theirs. Waits like every mail about a decision, which may be undone.
pub async fn enqueue(tx: &mut Tx, comment: CommentId) -> Result<(), DbError> {
    let version: i32 = comments::table.find(comment).select(comments::version).first(tx.conn()).await?;
    let job = reply::job(KIND, comment, version, tx.now);
    queue::enqueue(tx, job).await
}

/// Puts the mail into the outbox.
pub async fn run(db: &Db, head: &Letterhead, job: &Job) -> Outcome {
    let Some(comment) = job.id_of("comment").map(CommentId) else {
        return Outcome::GiveUp { reason: "the job names no comment".into() };
    };
    match db.transact(async |tx| tell(tx, head, comment).await).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

#[derive(Template)]
#[template(path = "mail/approved.txt")]
struct Text<'a> {
    head: &'a Letterhead,
    about: &'a About,
    stop: &'a str,
    stop_all: &'a str,
}

#[derive(Template)]
#[template(path = "mail/approved.html")]
struct Html<'a> {
    head: &'a Letterhead,
    about: &'a About,
    stop: &'a str,
    stop_all: &'a str,
    subject: &'a str,
}

async fn tell(tx: &mut Tx, head: &Letterhead, comment: CommentId) -> Result<(), DbError> {
    let Some(about) = about::find(tx.conn(), comment).await? else { return Ok(()) };
    // Without a proved writer the address may have been typed by somebody else.
    let (Some(address_id), Some(_)) = (about.address_id, about.reader_id) else { return Ok(()) };
    if !reply::is_reachable(tx.conn(), address_id).await? {
        return Ok(());
    }
    // Approved and answered in one act: the answer's own mail says both.
    if is_answered_by_staff(tx.conn(), comment).await? {
        return Ok(());
    }
    let follows = find_subscription(tx.conn(), &about, address_id).await?;
    let Some((subscription, email, canonical)) = follows else { return Ok(()) };
    queue_mail(tx, head, &about, address_id, subscription, message::recipient(&email, &canonical)).await
}

async fn is_answered_by_staff(conn: &mut AsyncPgConnection, comment: CommentId) -> Result<bool, DbError> {
    let answer = comments::table
        .filter(comments::parent_id.eq(comment))
        .filter(comments::staff_id.is_not_null())
        .filter(comments::status.eq(CommentStatus::Approved));
    Ok(diesel::select(exists(answer)).get_result(conn).await?)
}

/// The subscription by which an address follows its own comment, with the address as typed and canonical.
pub(super) async fn find_subscription(
    conn: &mut AsyncPgConnection,
    about: &About,
    address: AddressId,
) -> Result<Option<(SubscriptionId, String, String)>, DbError> {
    let found = subscriptions::table
        .inner_join(addresses::table)
        .filter(subscriptions::address_id.eq(address))
        .filter(subscriptions::ended_at.is_null())
        .filter(subscriptions::article_id.eq(about.article_id))
        .filter(subscriptions::comment_id.is_null().or(subscriptions::comment_id.eq_any([about.id, about.root_id])))
        .order((subscriptions::comment_id.is_null(), subscriptions::id))
        .select((subscriptions::id, addresses::email, addresses::canonical))
        .first(conn)
        .await
        .optional()?;
    Ok(found)
}

async fn queue_mail(
    tx: &mut Tx,
    head: &Letterhead,
    about: &About,
    address_id: AddressId,
    subscription: SubscriptionId,
    recipient: String,
) -> Result<(), DbError> {
    let (stop, stop_all) = (head.stop_link(subscription), head.stop_all_link(address_id));
    let (stop, stop_all) = (stop.as_str(), stop_all.as_str());
    let text = rendered(&Text { head, about, stop, stop_all })?;
    let (subject, text) = split_subject(&text);
    let html = rendered(&Html { head, about, stop, stop_all, subject })?;
    let unique_key = format!("approved:{}:{address_id}", about.id);
    let draft = Draft {
        kind: "approved",
        message_id: head.message_id(&unique_key),
        unique_key,
        recipient,
        address_id: Some(address_id),
        staff_id: None,
        comment_id: Some(about.id),
        subject,
        text,
        html: &html,
        headers: &about.headers(head, Some(stop.to_owned())),
    };
    outbox::enqueue(tx, &draft).await?;
    Ok(())
}
