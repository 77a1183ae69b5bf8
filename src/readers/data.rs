//! Everything that is kept about an address, for its owner: the page behind a data link, and the file (goal sheet
//! R48). What the file holds is described in the repository's README; a new kind of record about a reader is added
//! here and in `readers/erase.rs`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;

use crate::core::ids::{AddressId, ArticleId, BrowserId, CommentId, MailId, ReaderId, ReportId, SubscriptionId};
use crate::core::status::{CommentStatus, DoorPurpose, DoorStage, MailFrequency, MailState, SubscriptionScope, Trust};
use crate::db::DbError;
use crate::db::schema::{
    address_confirmations, addresses, articles, comment_decisions, comment_revisions, comments, digest_items,
    helpful_votes, mail_messages, reader_browsers, reader_links, readers, reports, revisions, subscriptions,
};

/// The file's own version: raised when a field goes or changes its meaning, not when one is added.
pub const FORMAT: u32 = 1;

/// Everything kept about an address. Texts in the order they were written, newest first elsewhere.
#[derive(Debug, Serialize)]
pub struct Data {
    /// [`FORMAT`].
    pub format: u32,
    /// When this was read.
    pub made_at: DateTime<Utc>,
    /// The address.
    pub address: Address,
    /// The reader, once the address was confirmed.
    pub reader: Option<Reader>,
    /// Comments under the address, oldest first.
    pub comments: Vec<Comment>,
    /// Which comments the reader said helped.
    pub helpful: Vec<Vote>,
    /// Reports the reader made.
    pub reports: Vec<Report>,
    /// What mail was asked for.
    pub subscriptions: Vec<Subscription>,
    /// Comments of others kept for the next digest.
    pub digest: Vec<Kept>,
    /// Mails to the address that are remembered.
    pub mails: Vec<Mail>,
    /// Browsers in which the reader proved the address.
    pub browsers: Vec<Browser>,
    /// Links that confirm the address.
    pub confirmations: Vec<Link>,
    /// Links such as the one this was asked for with.
    pub links: Vec<Door>,
}

/// An address.
#[derive(Debug, Serialize, Queryable)]
pub struct Address {
    /// As it was typed first.
    pub email: String,
    /// As it is compared.
    pub canonical: String,
    /// When it was typed first.
    pub created_at: DateTime<Utc>,
    /// When its owner confirmed it.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When the last confirmation was sent.
    pub confirmation_sent_at: Option<DateTime<Utc>>,
    /// When all mail to it was stopped.
    pub mail_stopped_at: Option<DateTime<Utc>>,
    /// Whether each comment has a mail of its own, or how often a digest goes.
    pub mail_frequency: MailFrequency,
    /// When mail to it came back for good, or was complained of.
    pub bounced_at: Option<DateTime<Utc>>,
    /// Why, as a code.
    pub bounce_code: String,
}

/// A reader.
#[derive(Debug, Clone, Copy, Serialize, Queryable)]
pub struct Reader {
    /// The number by which the site knows them.
    pub id: ReaderId,
    /// What their word is worth to the rules: `new`, `trusted`, `always_hold`.
    pub trust: Trust,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A comment.
#[derive(Debug, Serialize)]
pub struct Comment {
    /// Its number.
    pub id: CommentId,
    /// The article's title when it was written.
    pub article: String,
    /// The article's address.
    pub slug: String,
    /// What it answers.
    pub parent_id: Option<CommentId>,
    /// The name it was signed with.
    pub name: String,
    /// Whether its writer proved the address: else somebody typed it.
    pub is_proved: bool,
    /// Where it is.
    pub status: CommentStatus,
    /// The code of the rule or reason that put it there.
    pub reason: Option<String>,
    /// What the rules said of it when it came.
    pub screening: Value,
    /// Its text.
    pub body: String,
    /// Texts it had before, oldest first.
    pub earlier: Vec<Earlier>,
    /// Every change of where it is, oldest first.
    pub decisions: Vec<Decision>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When everyone could see it first.
    pub published_at: Option<DateTime<Utc>>,
    /// When it was changed.
    pub edited_at: Option<DateTime<Utc>>,
    /// How many readers it helped.
    pub helpful: i32,
    /// The network it came from, shortened, until it is forgotten.
    pub network: Option<String>,
}

/// A text a comment had.
#[derive(Debug, Serialize)]
pub struct Earlier {
    /// The text.
    pub body: String,
    /// When it was replaced.
    pub replaced_at: DateTime<Utc>,
    /// Whether the team replaced it; else its writer.
    pub is_by_team: bool,
}

/// A change of where a comment is.
#[derive(Debug, Serialize)]
pub struct Decision {
    /// When.
    pub at: DateTime<Utc>,
    /// From where.
    pub from: CommentStatus,
    /// To where.
    pub to: CommentStatus,
    /// The code of the rule or reason.
    pub reason: Option<String>,
    /// Whether somebody on the team decided; else a rule or its writer.
    pub is_by_team: bool,
    /// When it was taken back.
    pub undone_at: Option<DateTime<Utc>>,
}

/// A vote that a comment helped.
#[derive(Debug, Serialize, Queryable)]
pub struct Vote {
    /// The comment.
    pub comment_id: CommentId,
    /// When.
    pub cast_at: DateTime<Utc>,
    /// When it was taken back.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A report.
#[derive(Debug, Serialize, Queryable)]
pub struct Report {
    /// Its number.
    pub number: ReportId,
    /// About which comment.
    pub comment_id: CommentId,
    /// What was chosen.
    pub reason: String,
    /// What was written, until it is erased.
    pub words: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was dealt with.
    pub closed_at: Option<DateTime<Utc>>,
    /// How.
    pub outcome: Option<String>,
}

/// A wish for mail.
#[derive(Debug, Serialize, Queryable)]
pub struct Subscription {
    /// Its number.
    pub id: SubscriptionId,
    /// `replies`, `thread`, `article`.
    pub scope: SubscriptionScope,
    /// Under which article.
    pub article_id: ArticleId,
    /// That article's address.
    pub slug: String,
    /// About which comment.
    pub comment_id: Option<CommentId>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A comment of somebody else that waits for a digest.
#[derive(Debug, Serialize, Queryable)]
pub struct Kept {
    /// The comment.
    pub comment_id: CommentId,
    /// When the digest goes.
    pub due_at: DateTime<Utc>,
}

/// A mail.
#[derive(Debug, Serialize, Queryable)]
pub struct Mail {
    /// Its number.
    pub id: MailId,
    /// What it is: `confirm`, `reply`, `approved`, `data_link`.
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// Where it is.
    pub state: MailState,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was sent, given up or withdrawn.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A browser with the cookie `stet_reader`.
#[derive(Debug, Serialize, Queryable)]
pub struct Browser {
    /// Its number.
    pub id: BrowserId,
    /// When it posted first.
    pub created_at: DateTime<Utc>,
    /// When its cookie ends.
    pub expires_at: DateTime<Utc>,
    /// When it was ended before.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A link in a mail.
#[derive(Debug, Serialize, Queryable)]
pub struct Link {
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
}

/// A link to a page about the address.
#[derive(Debug, Serialize, Queryable)]
pub struct Door {
    /// What it is good for.
    pub purpose: DoorPurpose,
    /// Whether it was mailed, or opened by the press of a mailed one.
    pub stage: DoorStage,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
}

/// Reads everything. `None`: there is no such address any more.
pub async fn find(
    conn: &mut AsyncPgConnection,
    address: AddressId,
    now: DateTime<Utc>,
) -> Result<Option<Data>, DbError> {
    let known: Option<Address> = addresses::table
        .find(address)
        .select((
            addresses::email,
            addresses::canonical,
            addresses::created_at,
            addresses::confirmed_at,
            addresses::confirmation_sent_at,
            addresses::mail_stopped_at,
            addresses::mail_frequency,
            addresses::bounced_at,
            addresses::bounce_code,
        ))
        .first(conn)
        .await
        .optional()?;
    let Some(known) = known else { return Ok(None) };
    let reader: Option<Reader> = readers::table
        .filter(readers::address_id.eq(address))
        .select((readers::id, readers::trust, readers::created_at))
        .first(conn)
        .await
        .optional()?;
    let id = reader.map(|reader| reader.id);
    Ok(Some(Data {
        format: FORMAT,
        made_at: now,
        address: known,
        reader,
        comments: list_comments(conn, address).await?,
        helpful: list_votes(conn, id).await?,
        reports: list_reports(conn, id).await?,
        subscriptions: list_subscriptions(conn, address).await?,
        digest: list_kept(conn, address).await?,
        mails: list_mails(conn, address).await?,
        browsers: list_browsers(conn, id).await?,
        confirmations: list_confirmations(conn, address).await?,
        links: list_doors(conn, address).await?,
    }))
}

async fn list_comments(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Vec<Comment>, DbError> {
    let rows: Vec<Row> = comments::table
        .inner_join(articles::table)
        .inner_join(revisions::table)
        .filter(comments::address_id.eq(address))
        .select(Row::as_select())
        .order(comments::id)
        .load(conn)
        .await?;
    let ids: Vec<CommentId> = rows.iter().map(|row| row.id).collect();
    let earlier: Vec<(CommentId, String, DateTime<Utc>, Option<i64>)> = comment_revisions::table
        .filter(comment_revisions::comment_id.eq_any(&ids))
        .select((
            comment_revisions::comment_id,
            comment_revisions::body,
            comment_revisions::made_at,
            comment_revisions::staff_id,
        ))
        .order((comment_revisions::comment_id, comment_revisions::version))
        .load(conn)
        .await?;
    let decisions: Vec<DecisionRow> = comment_decisions::table
        .filter(comment_decisions::comment_id.eq_any(&ids))
        .select(DecisionRow::as_select())
        .order(comment_decisions::id)
        .load(conn)
        .await?;
    let told = |row: Row| {
        let of = row.id;
        let earlier = earlier.iter().filter(|(id, ..)| *id == of);
        let decisions = decisions.iter().filter(|decision| decision.comment_id == of);
        row.told(
            earlier
                .map(|(_, body, replaced_at, by)| Earlier {
                    body: body.clone(),
                    replaced_at: *replaced_at,
                    is_by_team: by.is_some(),
                })
                .collect(),
            decisions.map(DecisionRow::told).collect(),
        )
    };
    Ok(rows.into_iter().map(told).collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = comments, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: CommentId,
    #[diesel(select_expression = revisions::title)]
    article: String,
    #[diesel(select_expression = articles::slug)]
    slug: String,
    parent_id: Option<CommentId>,
    name: String,
    reader_id: Option<ReaderId>,
    status: CommentStatus,
    status_reason: Option<String>,
    screening: Value,
    body: String,
    created_at: DateTime<Utc>,
    published_at: Option<DateTime<Utc>>,
    edited_at: Option<DateTime<Utc>>,
    helpful: i32,
    network: Option<String>,
}

impl Row {
    fn told(self, earlier: Vec<Earlier>, decisions: Vec<Decision>) -> Comment {
        Comment {
            id: self.id,
            article: self.article,
            slug: self.slug,
            parent_id: self.parent_id,
            name: self.name,
            is_proved: self.reader_id.is_some(),
            status: self.status,
            reason: self.status_reason,
            screening: self.screening,
            body: self.body,
            earlier,
            decisions,
            created_at: self.created_at,
            published_at: self.published_at,
            edited_at: self.edited_at,
            helpful: self.helpful,
            network: self.network,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = comment_decisions, check_for_backend(diesel::pg::Pg))]
struct DecisionRow {
    comment_id: CommentId,
    from_status: CommentStatus,
    to_status: CommentStatus,
    reason: Option<String>,
    staff_id: Option<i64>,
    decided_at: DateTime<Utc>,
    undone_at: Option<DateTime<Utc>>,
}

impl DecisionRow {
    fn told(&self) -> Decision {
        Decision {
            at: self.decided_at,
            from: self.from_status,
            to: self.to_status,
            reason: self.reason.clone(),
            is_by_team: self.staff_id.is_some(),
            undone_at: self.undone_at,
        }
    }
}

async fn list_votes(conn: &mut AsyncPgConnection, reader: Option<ReaderId>) -> Result<Vec<Vote>, DbError> {
    let Some(reader) = reader else { return Ok(Vec::new()) };
    Ok(helpful_votes::table
        .filter(helpful_votes::reader_id.eq(reader))
        .select((helpful_votes::comment_id, helpful_votes::cast_at, helpful_votes::ended_at))
        .order(helpful_votes::id.desc())
        .load(conn)
        .await?)
}

async fn list_reports(conn: &mut AsyncPgConnection, reader: Option<ReaderId>) -> Result<Vec<Report>, DbError> {
    let Some(reader) = reader else { return Ok(Vec::new()) };
    Ok(reports::table
        .filter(reports::reader_id.eq(reader))
        .select((
            reports::id,
            reports::comment_id,
            reports::reason,
            reports::words,
            reports::created_at,
            reports::closed_at,
            reports::outcome,
        ))
        .order(reports::id.desc())
        .load(conn)
        .await?)
}

async fn list_subscriptions(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Vec<Subscription>, DbError> {
    Ok(subscriptions::table
        .inner_join(articles::table)
        .filter(subscriptions::address_id.eq(address))
        .select((
            subscriptions::id,
            subscriptions::scope,
            subscriptions::article_id,
            articles::slug,
            subscriptions::comment_id,
            subscriptions::created_at,
            subscriptions::ended_at,
        ))
        .order(subscriptions::id.desc())
        .load(conn)
        .await?)
}

async fn list_kept(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Vec<Kept>, DbError> {
    Ok(digest_items::table
        .filter(digest_items::address_id.eq(address))
        .filter(digest_items::mail_id.is_null())
        .select((digest_items::comment_id, digest_items::due_at))
        .order(digest_items::id.desc())
        .load(conn)
        .await?)
}

async fn list_mails(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Vec<Mail>, DbError> {
    Ok(mail_messages::table
        .filter(mail_messages::address_id.eq(address))
        .select((
            mail_messages::id,
            mail_messages::kind,
            mail_messages::subject,
            mail_messages::state,
            mail_messages::created_at,
            mail_messages::finished_at,
        ))
        .order(mail_messages::id.desc())
        .load(conn)
        .await?)
}

async fn list_browsers(conn: &mut AsyncPgConnection, reader: Option<ReaderId>) -> Result<Vec<Browser>, DbError> {
    let Some(reader) = reader else { return Ok(Vec::new()) };
    Ok(reader_browsers::table
        .filter(reader_browsers::reader_id.eq(reader))
        .select((
            reader_browsers::id,
            reader_browsers::created_at,
            reader_browsers::expires_at,
            reader_browsers::revoked_at,
        ))
        .order(reader_browsers::id.desc())
        .load(conn)
        .await?)
}

async fn list_confirmations(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Vec<Link>, DbError> {
    Ok(address_confirmations::table
        .filter(address_confirmations::address_id.eq(address))
        .select((address_confirmations::created_at, address_confirmations::expires_at, address_confirmations::used_at))
        .order(address_confirmations::id.desc())
        .load(conn)
        .await?)
}

async fn list_doors(conn: &mut AsyncPgConnection, address: AddressId) -> Result<Vec<Door>, DbError> {
    Ok(reader_links::table
        .filter(reader_links::address_id.eq(address))
        .select((
            reader_links::purpose,
            reader_links::stage,
            reader_links::created_at,
            reader_links::expires_at,
            reader_links::used_at,
        ))
        .order(reader_links::id.desc())
        .load(conn)
        .await?)
}
