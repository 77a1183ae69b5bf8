//! Mail to people on the team: answers to what they wrote, and comments on their articles.

use askama::Template;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{CommentId, StaffId};
use crate::core::status::{CreditRole, MailFrequency, StaffState};
use crate::db::schema::{articles, comments, revision_credits, staff};
use crate::db::{Db, DbError, Tx};
use crate::jobs::job::{Job, Outcome};
use crate::mail::message;
use crate::mail::outbox::{self, Draft};
use crate::notifications::about::{self, About};
use crate::notifications::digest::{self, To};
use crate::notifications::letterhead::{Letterhead, rendered, split_subject};

/// The job; its payload is `{"comment": id}`. Queued with [`crate::notifications::reply::enqueue`].
pub const KIND: &str = "notify.staff";

/// Puts one mail per person into the outbox.
pub async fn run(db: &Db, head: &Letterhead, job: &Job) -> Outcome {
    let Some(comment) = job.id_of("comment").map(CommentId) else {
        return Outcome::GiveUp { reason: "the job names no comment".into() };
    };
    match db.transact(async |tx| tell(tx, head, comment).await).await {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

#[derive(Debug, Queryable)]
struct Person {
    id: StaffId,
    email: Option<String>,
    canonical: Option<String>,
    /// `each` or `digest`.
    wish: String,
}

async fn tell(tx: &mut Tx, head: &Letterhead, comment: CommentId) -> Result<(), DbError> {
    let Some(about) = about::find(tx.conn(), comment).await? else { return Ok(()) };
    let answered = find_answered(tx.conn(), &about).await?;
    let authors = list_authors(tx.conn(), &about).await?;
    let quote = match about.parent_id {
        Some(parent) if answered.is_some() => about::find_quote(tx.conn(), parent).await?,
        _ => None,
    };
    for author in authors.iter().filter(|author| answered.as_ref().is_none_or(|person| person.id != author.id)) {
        queue_mail(tx, head, &about, None, author, Concern::Article).await?;
    }
    if let Some(person) = &answered {
        queue_mail(tx, head, &about, quote.as_deref(), person, Concern::Answer).await?;
    }
    Ok(())
}

/// Why a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Concern {
    /// It answers what they wrote.
    Answer,
    /// It stands under their article.
    Article,
}

/// The person on the team whose comment this one answers, if they want mail and did not write it themselves.
async fn find_answered(conn: &mut AsyncPgConnection, about: &About) -> Result<Option<Person>, DbError> {
    let Some(parent) = about.parent_id else { return Ok(None) };
    let person = comments::table
        .inner_join(staff::table.on(comments::staff_id.eq(staff::id.nullable())))
        .filter(comments::id.eq(parent))
        .filter(staff::id.ne(about.staff_id.unwrap_or(StaffId(0))))
        .filter(staff::state.eq(StaffState::Active))
        .filter(staff::comment_mail.ne("none"))
        .select((staff::id, staff::email, staff::email_canonical, staff::comment_mail))
        .first(conn)
        .await
        .optional()?;
    Ok(person)
}

/// The authors of the published revision who want mail, but for the writer.
async fn list_authors(conn: &mut AsyncPgConnection, about: &About) -> Result<Vec<Person>, DbError> {
    let authors = articles::table
        .inner_join(
            revision_credits::table.on(articles::published_revision_id.eq(revision_credits::revision_id.nullable())),
        )
        .inner_join(staff::table.on(revision_credits::staff_id.eq(staff::id)))
        .filter(articles::id.eq(about.article_id))
        .filter(revision_credits::role.eq(CreditRole::Author))
        .filter(staff::id.ne(about.staff_id.unwrap_or(StaffId(0))))
        .filter(staff::state.eq(StaffState::Active))
        .filter(staff::comment_mail.ne("none"))
        .order(revision_credits::position)
        .select((staff::id, staff::email, staff::email_canonical, staff::comment_mail))
        .load(conn)
        .await?;
    Ok(authors)
}

/// Whether a person on the team still wants mail.
pub(super) async fn is_reachable(conn: &mut AsyncPgConnection, id: StaffId) -> Result<bool, DbError> {
    let row: Option<(StaffState, String)> =
        staff::table.find(id).select((staff::state, staff::comment_mail)).first(conn).await.optional()?;
    Ok(row.is_some_and(|(state, wish)| state == StaffState::Active && wish != "none"))
}

#[derive(Template)]
#[template(path = "mail/staff_answer.txt")]
struct Text<'a> {
    head: &'a Letterhead,
    about: &'a About,
    concern: Concern,
    quote: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "mail/staff_answer.html")]
struct Html<'a> {
    head: &'a Letterhead,
    about: &'a About,
    quote: Option<&'a str>,
    subject: &'a str,
}

async fn queue_mail(
    tx: &mut Tx,
    head: &Letterhead,
    about: &About,
    quote: Option<&str>,
    person: &Person,
    concern: Concern,
) -> Result<(), DbError> {
    let (Some(email), Some(canonical)) = (&person.email, &person.canonical) else { return Ok(()) };
    if person.wish == "digest" {
        let due_at = digest::next_due(MailFrequency::Daily, tx.now, head.zone).unwrap_or(tx.now);
        return digest::keep(tx, To::Staff(person.id), about.id, due_at).await;
    }
    let text = rendered(&Text { head, about, concern, quote })?;
    let (subject, text) = split_subject(&text);
    let html = rendered(&Html { head, about, quote, subject })?;
    let unique_key = format!("staff:{}:{}", about.id, person.id);
    let draft = Draft {
        kind: "staff_answer",
        message_id: head.message_id(&unique_key),
        unique_key,
        recipient: message::recipient(email, canonical),
        address_id: None,
        staff_id: Some(person.id),
        comment_id: Some(about.id),
        subject,
        text,
        html: &html,
        headers: &about.headers(head, None),
    };
    outbox::enqueue(tx, &draft).await?;
    Ok(())
}
