//! Mail to readers who follow a comment, a thread or an article, when a comment there is public.

use askama::Template;
use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::core::ids::{AddressId, CommentId, SubscriptionId};
use crate::core::limits;
use crate::core::status::{MailFrequency, SubscriptionScope};
use crate::db::schema::{addresses, comments, digest_items, mail_messages, staff, subscriptions};
use crate::db::{Db, DbError, Tx};
use crate::jobs::job::{Job, NewJob, Outcome};
use crate::jobs::queue;
use crate::mail::message;
use crate::mail::outbox::{self, Draft};
use crate::notifications::about::{self, About};
use crate::notifications::digest::{self, To};
use crate::notifications::letterhead::{Letterhead, rendered, split_subject};
use crate::notifications::staff_answer;

/// The job that finds a comment's followers; its payload is `{"comment": id}`.
pub const KIND: &str = "notify.reply";

/// Tells followers, the person answered on the team, and the article's authors of a comment that has just become
/// public. They are told after [`limits::REPLY_MAIL_DELAY`], if it still is.
///
/// May be called again when the comment comes back after a removal: nobody gets the same mail twice.
pub async fn enqueue(tx: &mut Tx, comment: CommentId) -> Result<(), DbError> {
    let version: i32 = comments::table.find(comment).select(comments::version).first(tx.conn()).await?;
    let jobs = jobs(comment, version, tx.now);
    queue::enqueue_all(tx, &jobs).await
}

/// What [`enqueue`] queues, for a version of the comment.
#[must_use]
pub fn jobs(comment: CommentId, version: i32, now: DateTime<Utc>) -> [NewJob<'static>; 2] {
    [KIND, staff_answer::KIND].map(|kind| job(kind, comment, version, now))
}

// The version is part of the key: a comment taken down within the delay and put back has a new one.
pub(super) fn job(kind: &'static str, comment: CommentId, version: i32, now: DateTime<Utc>) -> NewJob<'static> {
    NewJob {
        kind,
        payload: json!({ "comment": comment }),
        unique_key: Some(format!("{kind}:{comment}:{version}")),
        run_at: now + limits::REPLY_MAIL_DELAY,
        attempts_max: 20,
    }
}

/// Puts one mail per follower into the outbox.
pub async fn run(db: &Db, head: &Letterhead, job: &Job) -> Outcome {
    let Some(comment) = job.id_of("comment").map(CommentId) else {
        return Outcome::GiveUp { reason: "the job names no comment".into() };
    };
    match tell(db, head, comment).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

async fn tell(db: &Db, head: &Letterhead, comment: CommentId) -> Result<(), DbError> {
    let mut after = AddressId(0);
    loop {
        // In batches, each a transaction of its own: an article may have ten thousand followers.
        let last = db.transact(async |tx| tell_batch(tx, head, comment, after).await).await?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

async fn tell_batch(
    tx: &mut Tx,
    head: &Letterhead,
    comment: CommentId,
    after: AddressId,
) -> Result<Option<AddressId>, DbError> {
    let Some(about) = about::find(tx.conn(), comment).await? else { return Ok(None) };
    let followers = list_followers(tx.conn(), &about, after).await?;
    let quote = match about.parent_id {
        Some(parent) => about::find_quote(tx.conn(), parent).await?,
        None => None,
    };
    let now = tx.now;
    for follower in &followers {
        match digest::next_due(follower.frequency, now, head.zone) {
            Some(due_at) => digest::keep(tx, To::Address(follower.address_id), about.id, due_at).await?,
            None => queue_mail(tx, head, &about, quote.as_deref(), follower).await?,
        }
    }
    Ok(followers.last().map(|follower| follower.address_id))
}

// A subscription covers a comment's place: the comment it answers, its thread, its article. A new thread has no
// followers of its own yet. A macro, because the expression's type is different in every query.
macro_rules! covers {
    ($about:expr) => {{
        let root = $about.parent_id.map(|_| $about.root_id);
        let replies = subscriptions::scope
            .eq(SubscriptionScope::Replies)
            .and(subscriptions::comment_id.is_not_distinct_from($about.parent_id));
        let thread = subscriptions::scope
            .eq(SubscriptionScope::Thread)
            .and(subscriptions::comment_id.is_not_distinct_from(root));
        let whole = subscriptions::scope.eq(SubscriptionScope::Article);
        subscriptions::article_id.eq($about.article_id).and(replies.or(thread).or(whole))
    }};
}

/// Someone who follows a comment's place, by their nearest subscription.
#[derive(Debug, Queryable)]
struct Follower {
    address_id: AddressId,
    email: String,
    canonical: String,
    subscription_id: SubscriptionId,
    scope: SubscriptionScope,
    frequency: MailFrequency,
}

/// Followers by address, at most [`limits::RECIPIENTS_A_BATCH`]: those mail may go to and who were not told of it in a
/// mail or a digest yet; never the writer.
/// One line each: `replies` before `thread` before `article`.
async fn list_followers(
    conn: &mut AsyncPgConnection,
    about: &About,
    after: AddressId,
) -> Result<Vec<Follower>, DbError> {
    // Addresses of people on the team who wrote this are left out by their canonical form.
    let writer_on_team = staff::table
        .filter(staff::id.nullable().eq(about.staff_id))
        .filter(staff::email_canonical.eq(addresses::canonical.nullable()));
    let told = digest_items::table
        .filter(digest_items::address_id.eq(addresses::id.nullable()))
        .filter(digest_items::comment_id.eq(about.id));
    let mailed = mail_messages::table
        .filter(mail_messages::address_id.eq(addresses::id.nullable()))
        .filter(mail_messages::comment_id.eq(about.id))
        .filter(mail_messages::kind.eq("reply"));
    let followers = subscriptions::table
        .inner_join(addresses::table)
        .filter(subscriptions::ended_at.is_null())
        .filter(covers!(about))
        .filter(addresses::confirmed_at.is_not_null())
        .filter(addresses::mail_stopped_at.is_null())
        .filter(addresses::bounced_at.is_null())
        .filter(diesel::dsl::not(exists(told)))
        .filter(diesel::dsl::not(exists(mailed)))
        .filter(addresses::id.gt(after))
        .filter(addresses::id.ne(about.address_id.unwrap_or(AddressId(0))))
        .filter(diesel::dsl::not(exists(writer_on_team)))
        .distinct_on(addresses::id)
        // "replies" before "thread" before "article": the order of the alphabet from behind, but for the first two.
        .order((addresses::id, subscriptions::comment_id.is_null(), subscriptions::scope, subscriptions::id))
        .limit(limits::RECIPIENTS_A_BATCH)
        .select((
            addresses::id,
            addresses::email,
            addresses::canonical,
            subscriptions::id,
            subscriptions::scope,
            addresses::mail_frequency,
        ))
        .load(conn)
        .await?;
    Ok(followers)
}

/// Whether an address still follows a comment's place, so that a mail about it is wanted.
pub(super) async fn is_followed_by(
    conn: &mut AsyncPgConnection,
    about: &About,
    address: AddressId,
) -> Result<bool, DbError> {
    let open = subscriptions::table
        .filter(subscriptions::address_id.eq(address))
        .filter(subscriptions::ended_at.is_null())
        .filter(covers!(about));
    Ok(diesel::select(exists(open)).get_result(conn).await?)
}

/// Whether mail other than a confirmation may go to an address at all.
pub(super) async fn is_reachable(conn: &mut AsyncPgConnection, address: AddressId) -> Result<bool, DbError> {
    let reachable = addresses::table
        .filter(addresses::id.eq(address))
        .filter(addresses::confirmed_at.is_not_null())
        .filter(addresses::mail_stopped_at.is_null())
        .filter(addresses::bounced_at.is_null());
    Ok(diesel::select(exists(reachable)).get_result(conn).await?)
}

#[derive(Template)]
#[template(path = "mail/reply.txt")]
struct Text<'a> {
    head: &'a Letterhead,
    about: &'a About,
    scope: SubscriptionScope,
    quote: Option<&'a str>,
    stop: &'a str,
    stop_all: &'a str,
}

#[derive(Template)]
#[template(path = "mail/reply.html")]
struct Html<'a> {
    head: &'a Letterhead,
    about: &'a About,
    scope: SubscriptionScope,
    quote: Option<&'a str>,
    stop: &'a str,
    stop_all: &'a str,
    subject: &'a str,
}

async fn queue_mail(
    tx: &mut Tx,
    head: &Letterhead,
    about: &About,
    quote: Option<&str>,
    follower: &Follower,
) -> Result<(), DbError> {
    let (stop, stop_all) = (head.stop_link(follower.subscription_id), head.stop_all_link(follower.address_id));
    let (stop, stop_all, scope) = (stop.as_str(), stop_all.as_str(), follower.scope);
    let text = rendered(&Text { head, about, scope, quote, stop, stop_all })?;
    let (subject, text) = split_subject(&text);
    let html = rendered(&Html { head, about, scope, quote, stop, stop_all, subject })?;
    let unique_key = format!("reply:{}:{}", about.id, follower.address_id);
    let draft = Draft {
        kind: "reply",
        message_id: head.message_id(&unique_key),
        unique_key,
        recipient: message::recipient(&follower.email, &follower.canonical),
        address_id: Some(follower.address_id),
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
