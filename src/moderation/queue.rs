//! The lists of the comment desk: held, reported, spam, approved, trash, and questions nobody answered.
//!
//! A list is read by keyset and its cards in one query with everything a decision needs; totals are computed on
//! read and exact up to 1,000 (decisions 6).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{exists, not};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::try_join;

use crate::core::ids::{AddressId, ArticleId, CommentId, DecisionId, NotAnId, StaffId};
use crate::core::limits;
use crate::core::status::{Badge, CommentStatus, CreditRole};
use crate::core::text;
use crate::db::DbError;
use crate::db::schema::{addresses, articles, comment_decisions, comments, revision_credits, revisions, staff};
use crate::moderation::model::Screening;
use crate::moderation::pin;
use crate::moderation::report::{self, Open};
use crate::staff::authority::MayDecide;
use crate::text_enum;

/// How long a question counts as unanswered.
const UNANSWERED_DAYS: i64 = 60;

text_enum! {
    /// A list of the comment desk.
    pub enum Queue {
        Held = "held", Reported = "reported", Spam = "spam", Approved = "approved", Trash = "trash",
        Unanswered = "unanswered",
    }
}

impl Queue {
    /// Whether the oldest comes first: where people wait.
    #[must_use]
    pub const fn is_oldest_first(self) -> bool {
        matches!(self, Self::Held | Self::Unanswered)
    }

    /// As its tab is named.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Held => "Held",
            Self::Reported => "Reported",
            Self::Spam => "Spam",
            Self::Approved => "Approved",
            Self::Trash => "Trash",
            Self::Unanswered => "Unanswered",
        }
    }
}

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The list.
    pub queue: Queue,
    /// Only what this rule or reason put there.
    pub reason: Option<String>,
    /// Only under this article.
    pub article: Option<ArticleId>,
    /// Only from this address.
    pub address: Option<AddressId>,
    /// Go on after this comment.
    pub after: Option<After>,
}

/// A place in a list: a comment, and on the list of reported ones by how many, as it was when the page was read.
/// Written `381`, or `381.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The comment.
    pub id: CommentId,
    /// Open reports of it then.
    pub reports: i32,
}

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.reports {
            0 => self.id.fmt(f),
            reports => write!(f, "{}.{reports}", self.id),
        }
    }
}

impl std::str::FromStr for After {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (id, reports) = text.split_once('.').unwrap_or((text, "0"));
        Ok(Self { id: id.parse()?, reports: reports.parse().ok().filter(|count| *count >= 0).ok_or(NotAnId)? })
    }
}

/// A page of a list, at most [`limits::QUEUE_ROWS`] cards.
#[derive(Debug, Clone)]
pub struct Page {
    /// The cards.
    pub cards: Vec<Card>,
    /// After which comment the next page goes on, if there is more.
    pub next: Option<After>,
}

/// A comment with all that is needed to decide on it.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its id.
    pub id: CommentId,
    /// Its version: what a decision is made on.
    pub version: i32,
    /// Where it is.
    pub status: CommentStatus,
    /// The rule or reason that put it there.
    pub status_reason: Option<String>,
    /// What the rules said.
    pub screening: Screening,
    /// Name as written.
    pub name: String,
    /// Badge and title of a staff comment.
    pub badge: Option<(Badge, String)>,
    /// Text as written.
    pub body: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its writer changed it.
    pub edited_at: Option<DateTime<Utc>>,
    /// Its article.
    pub article: ArticleId,
    /// The article's address.
    pub slug: String,
    /// The article's title when it was written.
    pub title: String,
    /// The revision it was written on.
    pub revision_number: i32,
    /// Whether the article has been changed since.
    pub revision_is_old: bool,
    /// What it answers.
    pub parent: Option<Parent>,
    /// Whether it is the pinned answer of its article.
    pub is_pinned: bool,
    /// What readers reported and nobody has dealt with.
    pub reports: Option<Open>,
    /// Its address, for staff alone.
    pub address: Option<Writer>,
    /// Whether the writer has proved the address.
    pub is_proved: bool,
    /// Comments from that address.
    pub tally: Tally,
    /// The writer's network, shortened; forgotten after a time.
    pub network: Option<String>,
}

/// The comment that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its id.
    pub id: CommentId,
    /// Its writer.
    pub name: String,
    /// Its text.
    pub body: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// The address a comment came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Its id.
    pub id: AddressId,
    /// The address.
    pub email: String,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was first seen.
    pub first_seen_at: DateTime<Utc>,
}

/// How many of an address's last thousand comments are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Approved.
    pub approved: i64,
    /// Held.
    pub held: i64,
    /// Spam.
    pub spam: i64,
    /// Removed or withdrawn.
    pub trash: i64,
}

/// Totals of the tabs, exact up to [`limits::COUNT_EXACT_MAX`]; one more means "more than".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Held.
    pub held: i64,
    /// Public, with open reports.
    pub reported: i64,
    /// Spam.
    pub spam: i64,
    /// Questions without a staff reply.
    pub unanswered: i64,
}

impl Counts {
    /// What waits for a decision: the number in the menu of the desk (moderation.md 1).
    #[must_use]
    pub const fn waiting(self) -> i64 {
        self.held + self.reported
    }

    /// The number of a tab, where it has one.
    #[must_use]
    pub const fn of(self, queue: Queue) -> Option<i64> {
        match queue {
            Queue::Held => Some(self.held),
            Queue::Reported => Some(self.reported),
            Queue::Spam => Some(self.spam),
            Queue::Unanswered => Some(self.unanswered),
            Queue::Approved | Queue::Trash => None,
        }
    }
}

/// A total as it is shown: "23", or "1,000+".
#[must_use]
pub fn shown_count(count: i64) -> String {
    if count > limits::COUNT_EXACT_MAX {
        "1,000+".to_owned()
    } else {
        text::grouped(usize::try_from(count).unwrap_or(0))
    }
}

type Condition = Box<dyn BoxableExpression<comments::table, Pg, SqlType = Bool>>;

diesel::alias! {
    const ANSWERS: Alias<Answers> = comments as answers;
    const PARENTS: Alias<Parents> = comments as parents;
}

fn is_in(queue: Queue, now: DateTime<Utc>) -> Condition {
    let status = |status: CommentStatus| Box::new(comments::status.eq(status)) as Condition;
    match queue {
        Queue::Held => status(CommentStatus::Held),
        // The words of the partial index, as below.
        Queue::Reported => {
            Box::new(diesel::dsl::sql::<Bool>("comments.status = 'approved' and comments.open_reports > 0"))
        }
        Queue::Spam => status(CommentStatus::Spam),
        Queue::Approved => status(CommentStatus::Approved),
        Queue::Trash => status(CommentStatus::Trash),
        Queue::Unanswered => {
            let answered = exists(
                ANSWERS
                    .filter(ANSWERS.field(comments::parent_id).eq(comments::id.nullable()))
                    .filter(ANSWERS.field(comments::staff_id).is_not_null())
                    .filter(ANSWERS.field(comments::status).eq(CommentStatus::Approved)),
            );
            // The words of the partial index: as parameters they would not match it.
            let question = diesel::dsl::sql::<Bool>(
                "comments.status = 'approved' and comments.staff_id is null and comments.body like '%?'",
            );
            Box::new(question.and(comments::created_at.gt(now - TimeDelta::days(UNANSWERED_DAYS))).and(not(answered)))
        }
    }
}

/// Comments under the articles a person answers for, where they do not answer for all.
fn is_covered(own: StaffId) -> Condition {
    let credited = revision_credits::table
        .inner_join(articles::table.on(articles::published_revision_id.eq(revision_credits::revision_id.nullable())))
        .filter(revision_credits::staff_id.eq(own))
        .filter(revision_credits::role.eq(CreditRole::Author))
        .select(articles::id);
    let began = articles::table.filter(articles::created_by.eq(own)).select(articles::id);
    Box::new(comments::article_id.eq_any(credited).or(comments::article_id.eq_any(began)))
}

/// The totals of the tabs for a person.
pub async fn counts(conn: &AsyncPgConnection, who: &MayDecide, now: DateTime<Utc>) -> Result<Counts, DbError> {
    let (held, reported, spam, unanswered) = try_join!(
        count(conn, who, Queue::Held, now),
        count(conn, who, Queue::Reported, now),
        count(conn, who, Queue::Spam, now),
        count(conn, who, Queue::Unanswered, now)
    )?;
    Ok(Counts { held, reported, spam, unanswered })
}

async fn count(conn: &AsyncPgConnection, who: &MayDecide, queue: Queue, now: DateTime<Utc>) -> Result<i64, DbError> {
    let mut conn = conn;
    let mut query = comments::table
        .select(comments::id)
        .filter(is_in(queue, now))
        .limit(limits::COUNT_EXACT_MAX + 1)
        .into_boxed::<Pg>();
    if let Some(own) = who.bound_to() {
        query = query.filter(is_covered(own));
    }
    let ids: Vec<CommentId> = query.load(&mut conn).await?;
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
}

/// A page of a list.
pub async fn list(
    conn: &mut AsyncPgConnection,
    who: &MayDecide,
    filter: &Filter,
    now: DateTime<Utc>,
) -> Result<Page, DbError> {
    let mut query = comments::table
        .select((comments::id, comments::open_reports))
        .filter(is_in(filter.queue, now))
        .limit(limits::QUEUE_ROWS + 1)
        .into_boxed::<Pg>();
    if let Some(own) = who.bound_to() {
        query = query.filter(is_covered(own));
    }
    if let Some(reason) = &filter.reason {
        query = query.filter(comments::status_reason.eq(reason));
    }
    if let Some(article) = filter.article {
        query = query.filter(comments::article_id.eq(article));
    }
    if let Some(address) = filter.address {
        query = query.filter(comments::address_id.eq(address));
    }
    query = match (filter.queue, filter.after) {
        // Most reports first, then oldest; a row that got one more while the page was read is met again or moved up.
        (Queue::Reported, Some(after)) => {
            let fewer = comments::open_reports.lt(after.reports);
            let later = comments::open_reports.eq(after.reports).and(comments::id.gt(after.id));
            query.filter(fewer.or(later))
        }
        (Queue::Held | Queue::Unanswered, Some(after)) => query.filter(comments::id.gt(after.id)),
        (Queue::Spam | Queue::Approved | Queue::Trash, Some(after)) => query.filter(comments::id.lt(after.id)),
        (_, None) => query,
    };
    query = match filter.queue {
        // The expression of the index.
        Queue::Reported => query.order((diesel::dsl::sql::<Integer>("(-comments.open_reports)"), comments::id.asc())),
        Queue::Held | Queue::Unanswered => query.order(comments::id.asc()),
        Queue::Spam | Queue::Approved | Queue::Trash => query.order(comments::id.desc()),
    };
    let mut rows: Vec<(CommentId, i32)> = query.load(conn).await?;
    let page = usize::try_from(limits::QUEUE_ROWS).unwrap_or(usize::MAX);
    let has_more = rows.len() > page;
    rows.truncate(page);
    let reports = |count: i32| if filter.queue == Queue::Reported { count } else { 0 };
    let next = rows.last().filter(|_| has_more).map(|(id, count)| After { id: *id, reports: reports(*count) });
    let ids: Vec<CommentId> = rows.into_iter().map(|(id, _)| id).collect();
    Ok(Page { cards: cards(conn, &ids).await?, next })
}

/// One comment as a card, if the person answers for it.
pub async fn find(conn: &mut AsyncPgConnection, who: &MayDecide, id: CommentId) -> Result<Option<Card>, DbError> {
    let card = cards(conn, &[id]).await?.into_iter().next();
    match card {
        Some(card) if super::decide::covers(conn, who, card.article).await? => Ok(Some(card)),
        Some(_) | None => Ok(None),
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = comments, check_for_backend(Pg))]
struct Row {
    id: CommentId,
    version: i32,
    status: CommentStatus,
    status_reason: Option<String>,
    screening: serde_json::Value,
    name: String,
    badge: Option<Badge>,
    badge_title: String,
    body: String,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    article_id: ArticleId,
    reader_id: Option<i64>,
    network: Option<String>,
    revision_id: i64,
    open_reports: i32,
}

type ParentRow = (CommentId, String, String, DateTime<Utc>);
type WriterRow = (AddressId, String, Option<DateTime<Utc>>, DateTime<Utc>);
type CardRow = (Row, (String, Option<i64>), (String, i32), Option<ParentRow>, Option<WriterRow>);

/// The cards of these comments, in this order: one query, and one for the writers' tallies.
async fn cards(conn: &mut AsyncPgConnection, ids: &[CommentId]) -> Result<Vec<Card>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let parent = (
        PARENTS.field(comments::id),
        PARENTS.field(comments::name),
        PARENTS.field(comments::body),
        PARENTS.field(comments::created_at),
    );
    let rows: Vec<CardRow> = comments::table
        .inner_join(articles::table)
        .inner_join(revisions::table)
        .left_join(addresses::table)
        .left_join(PARENTS.on(PARENTS.field(comments::id).nullable().eq(comments::parent_id)))
        .filter(comments::id.eq_any(ids))
        .select((
            Row::as_select(),
            (articles::slug, articles::published_revision_id),
            (revisions::title, revisions::number),
            parent.nullable(),
            (addresses::id, addresses::email, addresses::confirmed_at, addresses::created_at).nullable(),
        ))
        .load(conn)
        .await?;
    let of: Vec<AddressId> = rows.iter().filter_map(|(.., writer)| writer.as_ref().map(|(id, ..)| *id)).collect();
    let tallies = tallies(conn, &of).await?;
    let reported: Vec<CommentId> =
        rows.iter().filter(|(row, ..)| row.open_reports > 0).map(|(row, ..)| row.id).collect();
    let by_staff: Vec<CommentId> =
        rows.iter().filter(|(row, ..)| row.badge.is_some()).map(|(row, ..)| row.id).collect();
    let mut open = report::list_open(conn, &reported).await?;
    let pinned = pin::among(conn, &by_staff).await?;
    let mut cards: Vec<Card> = rows.into_iter().map(|row| card(row, &tallies)).collect();
    for card in &mut cards {
        let at = open.iter().position(|(id, _)| *id == card.id);
        card.reports = at.map(|at| open.swap_remove(at).1);
        card.is_pinned = pinned.contains(&card.id);
    }
    cards.sort_by_key(|card| ids.iter().position(|id| *id == card.id));
    Ok(cards)
}

fn card(
    (row, (slug, published), (title, revision_number), parent, writer): CardRow,
    tallies: &[(AddressId, Tally)],
) -> Card {
    let address =
        writer.map(|(id, email, confirmed_at, first_seen_at)| Writer { id, email, confirmed_at, first_seen_at });
    let tally =
        address.as_ref().and_then(|writer| tallies.iter().find(|(id, _)| *id == writer.id)).map(|(_, tally)| *tally);
    Card {
        id: row.id,
        version: row.version,
        status: row.status,
        status_reason: row.status_reason,
        screening: Screening::from_column(row.screening),
        name: row.name,
        badge: row.badge.map(|badge| (badge, row.badge_title)),
        body: row.body,
        created_at: row.created_at,
        edited_at: row.edited_at,
        article: row.article_id,
        slug,
        title,
        revision_number,
        revision_is_old: published != Some(row.revision_id),
        parent: parent.map(|(id, name, body, created_at)| Parent { id, name, body, created_at }),
        is_pinned: false,
        reports: None,
        address,
        is_proved: row.reader_id.is_some(),
        tally: tally.unwrap_or_default(),
        network: row.network,
    }
}

/// Where the last comments of each address are, at most [`limits::COUNT_EXACT_MAX`] an address: somebody who
/// wrote a hundred thousand must not slow the queue down.
#[derive(Debug, Clone)]
struct Tallies {
    of: Vec<AddressId>,
}

impl QueryFragment<Pg> for Tallies {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select a.id, c.status, count(*) from unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.of)?;
        out.push_sql(
            ") a (id) cross join lateral (select status from comments where address_id = a.id order by id desc limit ",
        );
        out.push_bind_param::<BigInt, _>(&limits::COUNT_EXACT_MAX)?;
        out.push_sql(") c group by a.id, c.status");
        Ok(())
    }
}

impl QueryId for Tallies {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Tallies {
    type SqlType = (BigInt, Text, BigInt);
}

async fn tallies(conn: &mut AsyncPgConnection, of: &[AddressId]) -> Result<Vec<(AddressId, Tally)>, DbError> {
    let mut of = of.to_vec();
    of.sort_unstable();
    of.dedup();
    let rows: Vec<(AddressId, CommentStatus, i64)> = Tallies { of }.load(conn).await?;
    let mut tallies: Vec<(AddressId, Tally)> = Vec::new();
    for (address, status, count) in rows {
        if !tallies.iter().any(|(known, _)| *known == address) {
            tallies.push((address, Tally::default()));
        }
        let Some((_, tally)) = tallies.iter_mut().find(|(known, _)| *known == address) else { continue };
        match status {
            CommentStatus::Approved => tally.approved = count,
            CommentStatus::Held => tally.held = count,
            CommentStatus::Spam => tally.spam = count,
            CommentStatus::Trash => tally.trash = count,
        }
    }
    Ok(tallies)
}

/// A comment of the same writer, for the panel beside the queue.
#[derive(Debug, Clone)]
pub struct Other {
    /// Its id.
    pub id: CommentId,
    /// Its text.
    pub body: String,
    /// Where it is.
    pub status: CommentStatus,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// The last three other comments from an address.
pub async fn others(
    conn: &mut AsyncPgConnection,
    address: AddressId,
    except: CommentId,
) -> Result<Vec<Other>, DbError> {
    let rows: Vec<(CommentId, String, CommentStatus, DateTime<Utc>)> = comments::table
        .filter(comments::address_id.eq(address))
        .filter(comments::id.ne(except))
        .order(comments::id.desc())
        .limit(3)
        .select((comments::id, comments::body, comments::status, comments::created_at))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, body, status, created_at)| Other { id, body, status, created_at }).collect())
}

/// An entry of a comment's history: who moved it where.
#[derive(Debug, Clone)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// Who; `None` for the writer or a rule.
    pub by: Option<String>,
    /// From where.
    pub from: CommentStatus,
    /// To where.
    pub to: CommentStatus,
    /// The reason given.
    pub reason: Option<String>,
    /// Whether it took an earlier decision back.
    pub is_undo: bool,
}

/// The decisions on a comment, newest first, at most twenty.
pub async fn history(conn: &mut AsyncPgConnection, comment: CommentId) -> Result<Vec<Event>, DbError> {
    type Made = (DateTime<Utc>, Option<String>, CommentStatus, CommentStatus, Option<String>, Option<DecisionId>);
    let rows: Vec<Made> = comment_decisions::table
        .left_join(staff::table)
        .filter(comment_decisions::comment_id.eq(comment))
        .order(comment_decisions::id.desc())
        .limit(20)
        .select((
            comment_decisions::decided_at,
            staff::name.nullable(),
            comment_decisions::from_status,
            comment_decisions::to_status,
            comment_decisions::reason,
            comment_decisions::undoes_id,
        ))
        .load(conn)
        .await?;
    let event =
        |(at, by, from, to, reason, undoes): Made| Event { at, by, from, to, reason, is_undo: undoes.is_some() };
    Ok(rows.into_iter().map(event).collect())
}

/// What a decision did, for its receipt.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The decision.
    pub decision: DecisionId,
    /// The comment.
    pub comment: CommentId,
    /// Its writer.
    pub name: String,
    /// Its article.
    pub title: String,
    /// From where.
    pub from: CommentStatus,
    /// To where.
    pub to: CommentStatus,
    /// The reply posted with it.
    pub reply: Option<CommentId>,
    /// Whether it was taken back.
    pub is_undone: bool,
    /// Whether a mail about the reply has gone out.
    pub mail_has_gone: bool,
}

/// The receipt of a decision.
pub async fn receipt(
    conn: &mut AsyncPgConnection,
    who: &MayDecide,
    decision: DecisionId,
) -> Result<Option<Receipt>, DbError> {
    type Made =
        (CommentId, ArticleId, String, String, CommentStatus, CommentStatus, Option<CommentId>, Option<DateTime<Utc>>);
    let row: Option<Made> = comment_decisions::table
        .inner_join(comments::table.on(comment_decisions::comment_id.eq(comments::id)))
        .inner_join(revisions::table.on(comments::revision_id.eq(revisions::id)))
        .filter(comment_decisions::id.eq(decision))
        .select((
            comments::id,
            comments::article_id,
            comments::name,
            revisions::title,
            comment_decisions::from_status,
            comment_decisions::to_status,
            comment_decisions::reply_id,
            comment_decisions::undone_at,
        ))
        .get_result(conn)
        .await
        .optional()?;
    let Some((comment, article, name, title, from, to, reply, undone_at)) = row else { return Ok(None) };
    if !super::decide::covers(conn, who, article).await? {
        return Ok(None);
    }
    let mail_has_gone = match reply {
        Some(reply) => super::decide::mail_has_gone(conn, reply).await?,
        None => false,
    };
    Ok(Some(Receipt { decision, comment, name, title, from, to, reply, is_undone: undone_at.is_some(), mail_has_gone }))
}

/// A bulk decision as its receipt tells it: where it went, how many are moved now, how many were taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkReceipt {
    /// Where the comments went.
    pub to: CommentStatus,
    /// Comments that are where they were put.
    pub moved: i64,
    /// Comments that were put back.
    pub undone: i64,
}

/// The receipt of a bulk decision, by the id of its first one.
pub async fn bulk_receipt(conn: &mut AsyncPgConnection, bulk: DecisionId) -> Result<Option<BulkReceipt>, DbError> {
    let rows: Vec<(CommentStatus, Option<DateTime<Utc>>)> = comment_decisions::table
        .filter(comment_decisions::bulk_id.eq(bulk.0))
        .select((comment_decisions::to_status, comment_decisions::undone_at))
        .load(conn)
        .await?;
    let Some(to) = rows.iter().map(|(to, _)| *to).next() else { return Ok(None) };
    let undone = i64::try_from(rows.iter().filter(|(_, undone_at)| undone_at.is_some()).count()).unwrap_or(0);
    let all = i64::try_from(rows.len()).unwrap_or(0);
    Ok(Some(BulkReceipt { to, moved: all - undone, undone }))
}
