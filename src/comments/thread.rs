//! Reading comments in threads.
//!
//! A page is 40 top comments by keyset with their replies in one query, capped per thread; reading order,
//! tombstones and folding are worked out in memory, without recursion: a chain of 10,000 replies is a loop. Of a
//! thread that will be folded the query brings the shape only; the few texts that are drawn follow in a second one.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::{ArticleId, BrowserId, CommentId, ReaderId};
use crate::core::limits;
use crate::core::status::{Badge, CommentStatus};
use crate::db::DbError;
use crate::db::schema::{comments, helpful_votes, pins};
use crate::moderation::model::Reason;
use crate::readers::browser::Browser;
use crate::render::sanitize::SanitizedHtml;
use crate::text_enum;

text_enum! {
    /// In which order threads stand. Inside a thread it is always oldest first.
    pub enum Sort { Oldest = "oldest", Newest = "newest", Replies = "replies", Helpful = "helpful" }
}

impl Sort {
    /// Whether threads stand by a number that changes while somebody turns pages.
    #[must_use]
    pub const fn is_by_number(self) -> bool {
        matches!(self, Self::Replies | Self::Helpful)
    }

    /// As the form names it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Oldest => "Oldest first",
            Self::Newest => "Newest first",
            Self::Replies => "Most replies",
            Self::Helpful => "Most helpful",
        }
    }
}

/// Which page of an article's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The first.
    First,
    /// The one after this top comment.
    After(CommentId),
    /// The same, in the order in which threads stood at that instant: replies and votes that came or went since then
    /// move threads by their number, and a reader in the middle would miss one or meet one twice.
    AfterAsOf(CommentId, DateTime<Utc>),
    /// The one that holds this thread, oldest first; the thread is not folded.
    Around(CommentId),
    /// All of a short conversation, nothing folded (reader.md 4; the caller has looked at
    /// [`limits::COMMENTS_ON_ONE_PAGE`]).
    All,
}

/// A page of threads.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The threads.
    pub threads: Vec<Thread>,
    /// After which top comment the next page goes on, if there is more.
    pub next: Option<CommentId>,
    /// How many threads the next page holds.
    pub next_count: usize,
    /// Whether there are threads before this page.
    pub has_earlier: bool,
}

/// A top comment with the replies that are drawn.
#[derive(Debug, Clone)]
pub struct Thread {
    /// The top comment.
    pub top: Comment,
    /// Replies in reading order: the first ones, all where they are few.
    pub replies: Vec<Comment>,
    /// Replies left out between `replies` and `last`.
    pub folded: usize,
    /// The last replies of a folded thread.
    pub last: Vec<Comment>,
    /// Replies everyone can see.
    pub reply_count: usize,
    /// Of these, from staff.
    pub staff_count: usize,
}

/// One comment as it is drawn.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// What it answers.
    pub parent: Option<CommentId>,
    /// Who wrote what it answers, for "In reply to".
    pub parent_name: Option<String>,
    /// Visual level: 0 at the top, at most the site's depth less one.
    pub level: usize,
    /// Whether it stands elsewhere than right under what it answers, and should say whom it answers.
    pub is_flattened: bool,
    /// How it is drawn.
    pub show: Show,
    /// The rule that holds it, while it waits.
    pub reason: Option<String>,
    /// Whether it does not wait but was filed as spam: its writer is told.
    pub is_spam: bool,
    /// Name of its writer.
    pub name: String,
    /// Badge and title of a staff comment.
    pub badge: Option<(Badge, String)>,
    /// The text.
    pub html: SanitizedHtml,
    /// Characters of the text, to clamp long ones.
    pub chars: usize,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was changed after others could see it.
    pub edited_at: Option<DateTime<Utc>>,
    /// Readers it helped.
    pub helpful: i32,
    /// Whether this browser wrote it.
    pub is_own: bool,
    /// Its writer, where the address was proved: for the look of the avatar.
    pub reader: Option<ReaderId>,
}

/// How a comment is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// To everybody.
    Public,
    /// To its writer alone: a moderator has not seen it yet.
    Waiting,
    /// A line where a comment was that has living replies.
    Removed,
    /// The same, taken back by its writer.
    Withdrawn,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The article.
    pub article: ArticleId,
    /// The order of threads.
    pub sort: Sort,
    /// Which page.
    pub which: Which,
    /// Visual depth counting the top level (decisions 16).
    pub depth: u8,
    /// The reader's browser, to show them their own waiting comments.
    pub browser: Option<Browser>,
}

/// A page of an article's threads.
pub async fn page(conn: &mut AsyncPgConnection, ask: Ask) -> Result<Page, DbError> {
    let (mut start, unfolded) = start(conn, ask).await?;
    let sort = if matches!(unfolded, Unfolded::One(_)) { Sort::Oldest } else { ask.sort };
    let size = if unfolded == Unfolded::All { limits::COMMENTS_ON_ONE_PAGE } else { limits::ROOTS_A_PAGE };
    let listed = start.cut(usize::try_from(size + 1).unwrap_or(usize::MAX));
    let query = PageQuery { article: ask.article, sort, start: start.clone(), size: size + 1, unfolded };
    let mut rows: Vec<Row> = query.load(conn).await?;
    let mut tops: Vec<CommentId> = match &start {
        Start::These(ids) => ids.iter().copied().filter(|id| rows.iter().any(|row| row.id == *id)).collect(),
        Start::First | Start::After(_) | Start::At(_) => top_order(&rows, sort),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let has_more = tops.len() > size;
    tops.truncate(size);
    let next = tops.last().copied().filter(|_| has_more);
    let two_pages = match (next, listed) {
        (None, _) => 0,
        (Some(_), Some(listed)) => listed,
        (Some(_), None) => count_two_pages(conn, ask.article, sort, start.clone()).await?,
    };
    let is_last = next.is_none();
    if let Some(browser) = ask.browser {
        let own = own_waiting(conn, ask.article, &browser).await?;
        let has_place = |row: &Row| {
            if row.parent_id.is_some() {
                tops.contains(&row.root_id)
            } else {
                is_last || unfolded == Unfolded::One(row.id)
            }
        };
        let placed: Vec<Row> = own.into_iter().filter(has_place).collect();
        let new_tops = placed.iter().filter(|row| row.parent_id.is_none()).map(|row| row.id);
        tops.extend(new_tops.filter(|id| !tops.contains(id)).collect::<Vec<_>>());
        // One that was public before stands in both lists; here it is drawn for its writer.
        rows.retain(|row| !placed.iter().any(|own| own.id == row.id));
        rows.extend(placed);
    }
    let has_earlier = !matches!(start, Start::First);
    let plans = plans(&rows, &tops, unfolded);
    bring_texts(conn, ask.article, &mut rows, &plans).await?;
    let by_id: HashMap<CommentId, &Row> = rows.iter().map(|row| (row.id, row)).collect();
    let threads = plans.iter().filter_map(|plan| plan.draw(&by_id, ask)).collect();
    Ok(Page { threads, next, next_count: two_pages.saturating_sub(size), has_earlier })
}

/// Which threads of a page are drawn whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfolded {
    /// Short ones only.
    Short,
    /// This one too.
    One(CommentId),
    /// All.
    All,
}

/// The texts of what is drawn of folded threads: the page's query left them out.
async fn bring_texts(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    rows: &mut [Row],
    plans: &[Plan],
) -> Result<(), DbError> {
    let folded = plans.iter().filter(|plan| plan.is_folded);
    let drawn: HashSet<CommentId> =
        folded.flat_map(|plan| plan.first.iter().chain(&plan.last)).map(|place| place.id).collect();
    let missing = |row: &Row| drawn.contains(&row.id) && row.html.is_empty();
    let ids: Vec<CommentId> = rows.iter().filter(|row| missing(row)).map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let whole = load_rows(conn, article, &ids).await?;
    let mut texts: HashMap<CommentId, String> = whole.into_iter().map(|row| (row.id, row.html)).collect();
    for row in rows.iter_mut().filter(|row| missing(row)) {
        row.html = texts.remove(&row.id).unwrap_or_default();
    }
    Ok(())
}

/// The top comments among these, in the order of their page.
fn top_order(rows: &[Row], sort: Sort) -> Vec<CommentId> {
    let mut tops: Vec<&Row> = rows.iter().filter(|row| row.parent_id.is_none()).collect();
    tops.sort_by_key(|row| match sort {
        Sort::Oldest => (0, row.id.0),
        Sort::Newest => (0, -row.id.0),
        Sort::Replies => (-row.public_replies, row.id.0),
        Sort::Helpful => (-row.helpful, row.id.0),
    });
    tops.into_iter().map(|row| row.id).collect()
}

/// One public comment by itself: what a form far from it answers.
pub async fn one(conn: &mut AsyncPgConnection, article: ArticleId, id: CommentId) -> Result<Option<Comment>, DbError> {
    let rows = load_rows(conn, article, &[id]).await?;
    let by_id: HashMap<CommentId, &Row> = rows.iter().map(|row| (row.id, row)).collect();
    Ok(by_id.get(&id).filter(|row| row.is_living()).map(|row| row.draw(Place { id, below: 0 }, 1, &by_id, None)))
}

/// The pinned answer of an article, as a copy for reading.
pub async fn pinned(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    browser: Option<&Browser>,
) -> Result<Option<Comment>, DbError> {
    type Ids = (CommentId, Option<CommentId>);
    let pinned: Option<Ids> = pins::table
        .inner_join(comments::table.on(comments::id.eq(pins::comment_id)))
        .filter(pins::article_id.eq(article))
        .select((comments::id, comments::parent_id))
        .get_result(conn)
        .await
        .optional()?;
    let Some((id, parent)) = pinned else { return Ok(None) };
    let ids: Vec<CommentId> = parent.into_iter().chain([id]).collect();
    let rows = load_rows(conn, article, &ids).await?;
    let by_id: HashMap<CommentId, &Row> = rows.iter().map(|row| (row.id, row)).collect();
    let drawn =
        by_id.get(&id).filter(|row| row.is_living()).map(|row| row.draw(Place { id, below: 0 }, 1, &by_id, browser));
    // It stands far from what it answers.
    Ok(drawn.map(|comment| Comment { is_flattened: true, ..comment }))
}

/// A stretch of one thread, for its own page.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// The top comment.
    pub top: Comment,
    /// Replies in reading order.
    pub replies: Vec<Comment>,
    /// After which reply the next stretch goes on, if there is more.
    pub next: Option<CommentId>,
    /// Replies everyone can see, in the whole thread.
    pub reply_count: usize,
}

/// Where a stretch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the top.
    Top,
    /// After this reply.
    After(CommentId),
    /// On the stretch that holds this reply.
    Around(CommentId),
}

/// Replies of one thread in reading order, at most [`limits::REPLIES_A_THREAD_PAGE`]. `None` when no such thread
/// is public under the article.
pub async fn stretch(
    conn: &mut AsyncPgConnection,
    ask: Ask,
    root: CommentId,
    from: From,
) -> Result<Option<Stretch>, DbError> {
    type Bone = (CommentId, Option<CommentId>, CommentStatus);
    let bones: Vec<Bone> = comments::table
        .filter(comments::root_id.eq(root))
        .filter(comments::parent_id.is_not_null())
        .filter(comments::published_at.is_not_null())
        .select((comments::id, comments::parent_id, comments::status))
        .order(comments::id)
        .limit(limits::THREAD_REPLIES_MAX)
        .load(conn)
        .await?;
    let shape: Vec<Shape> = bones
        .iter()
        .map(|(id, parent, status)| Shape { id: *id, parent: *parent, is_living: *status == CommentStatus::Approved })
        .collect();
    let order = reading_order(root, &shape);
    let reply_count = shape.iter().filter(|reply| reply.is_living).count();
    let size = usize::try_from(limits::REPLIES_A_THREAD_PAGE).unwrap_or(usize::MAX);
    let position = |id: CommentId| order.iter().position(|place| place.id == id);
    let begin = match from {
        From::Top => 0,
        From::After(id) => position(id).map_or(0, |at| at + 1),
        From::Around(id) => position(id).map_or(0, |at| at - at % size),
    };
    let picked: Vec<Place> = order.iter().skip(begin).take(size).copied().collect();
    let next = picked.last().map(|place| place.id).filter(|_| order.len() > begin + picked.len());
    let shown: HashSet<CommentId> = picked.iter().map(|place| place.id).collect();
    let parents = shape.iter().filter(|reply| shown.contains(&reply.id)).filter_map(|reply| reply.parent);
    let ids: Vec<CommentId> = shown.iter().copied().chain(parents).chain([root]).collect();
    let rows = load_rows(conn, ask.article, &ids).await?;
    let by_id: HashMap<CommentId, &Row> = rows.iter().map(|row| (row.id, row)).collect();
    let Some(top) = by_id.get(&root).filter(|row| row.parent_id.is_none() && (row.is_living() || reply_count > 0))
    else {
        return Ok(None);
    };
    let draw =
        |place: &Place| by_id.get(&place.id).map(|row| row.draw(*place, ask.depth, &by_id, ask.browser.as_ref()));
    let mut replies: Vec<Comment> = picked.iter().filter_map(draw).collect();
    flatten_gaps(&mut replies);
    let top = top.draw(Place { id: root, below: 0 }, ask.depth, &by_id, ask.browser.as_ref());
    Ok(Some(Stretch { top, replies, next, reply_count }))
}

/// Where a comment is found: its article and thread, and whether everyone can see it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The article's address.
    pub slug: String,
    /// The top of its thread.
    pub root: CommentId,
    /// Where it is.
    pub status: CommentStatus,
    /// Whether everyone could see it once.
    pub was_public: bool,
    /// Whether it stands too far down in its thread for the article page: the thread's own page shows it.
    pub is_far: bool,
    /// Whether this browser wrote it.
    pub is_own: bool,
}

/// Looks for a comment by its id under a published article.
pub async fn find(
    conn: &mut AsyncPgConnection,
    id: CommentId,
    browser: Option<&Browser>,
) -> Result<Option<Found>, DbError> {
    use crate::core::status::ArticleState;
    use crate::db::schema::articles;
    type Columns = (String, CommentId, CommentStatus, Option<DateTime<Utc>>, Option<BrowserId>, Option<ReaderId>);
    let row: Option<Columns> = comments::table
        .inner_join(articles::table)
        .filter(comments::id.eq(id))
        .filter(articles::state.eq(ArticleState::Published))
        .select((
            articles::slug,
            comments::root_id,
            comments::status,
            comments::published_at,
            comments::browser_id,
            comments::reader_id,
        ))
        .get_result(conn)
        .await
        .optional()?;
    let Some((slug, root, status, published_at, by, reader)) = row else { return Ok(None) };
    let is_own = browser.is_some_and(|browser| browser.wrote(by, reader));
    // The article page unfolds the thread that is asked for as far as replies are loaded, in order of their ids.
    // A writer's own waiting comment is loaded by itself.
    let is_far = root != id && status == CommentStatus::Approved && {
        let before: Vec<CommentId> = comments::table
            .filter(comments::root_id.eq(root))
            .filter(comments::parent_id.is_not_null())
            .filter(comments::published_at.is_not_null())
            .filter(comments::id.lt(id))
            .select(comments::id)
            .order(comments::id)
            .limit(limits::REPLIES_LOADED)
            .load(conn)
            .await?;
        i64::try_from(before.len()).is_ok_and(|before| before >= limits::REPLIES_LOADED)
    };
    Ok(Some(Found { slug, root, status, was_public: published_at.is_some(), is_far, is_own }))
}

// ---- reading order -------------------------------------------------------------------------------------------

/// A reply as far as order is concerned.
#[derive(Debug, Clone, Copy)]
struct Shape {
    id: CommentId,
    parent: Option<CommentId>,
    is_living: bool,
}

/// A reply's place: how many steps it is below the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    id: CommentId,
    below: usize,
}

impl Place {
    /// The visual level under a depth counting the top level.
    fn level(self, depth: u8) -> usize {
        self.below.min(usize::from(depth.clamp(1, 5)) - 1)
    }
}

/// Depth-first by id, with what is gone and has no living reply left out. `replies` come in order of id; a
/// reply whose parent was not loaded stands under the top. No recursion: chains may be very long.
fn reading_order(root: CommentId, replies: &[Shape]) -> Vec<Place> {
    let at: HashMap<CommentId, usize> = replies.iter().enumerate().map(|(index, reply)| (reply.id, index)).collect();
    let parent_of = |reply: &Shape| reply.parent.and_then(|parent| at.get(&parent).copied());
    // A parent has a smaller id than its replies, so that going backwards sees every reply before its parent.
    let mut living: Vec<bool> = replies.iter().map(|reply| reply.is_living).collect();
    for (index, reply) in replies.iter().enumerate().rev() {
        if living.get(index).copied().unwrap_or(false)
            && let Some(parent) = parent_of(reply)
            && let Some(flag) = living.get_mut(parent)
        {
            *flag = true;
        }
    }
    let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (index, reply) in replies.iter().enumerate() {
        if living.get(index).copied().unwrap_or(false) {
            children.entry(parent_of(reply)).or_default().push(index);
        }
    }
    let mut order = Vec::with_capacity(replies.len());
    let mut stack: Vec<(usize, usize)> =
        children.remove(&None).into_iter().flatten().rev().map(|index| (index, 1)).collect();
    while let Some((index, below)) = stack.pop() {
        if let Some(reply) = replies.get(index).filter(|reply| reply.id != root) {
            order.push(Place { id: reply.id, below });
        }
        stack.extend(children.remove(&Some(index)).into_iter().flatten().rev().map(|child| (child, below + 1)));
    }
    order
}

/// How one thread is drawn: which of its replies, and where.
#[derive(Debug)]
struct Plan {
    top: CommentId,
    first: Vec<Place>,
    last: Vec<Place>,
    is_folded: bool,
    folded: usize,
    reply_count: usize,
    staff_count: usize,
}

fn plans(rows: &[Row], tops: &[CommentId], unfolded: Unfolded) -> Vec<Plan> {
    let mut replies: HashMap<CommentId, Vec<&Row>> = HashMap::new();
    for row in rows.iter().filter(|row| row.parent_id.is_some()) {
        replies.entry(row.root_id).or_default().push(row);
    }
    let by_id: HashMap<CommentId, &Row> = rows.iter().map(|row| (row.id, row)).collect();
    let mut plans = Vec::with_capacity(tops.len());
    for top in tops.iter().filter_map(|id| by_id.get(id)) {
        let mut replies = replies.remove(&top.id).unwrap_or_default();
        // The newest of a long thread may be among the first that were loaded, too.
        replies.sort_by_key(|reply| reply.id);
        replies.dedup_by_key(|reply| reply.id);
        let plan = plan(top, &replies, unfolded);
        if !plan.first.is_empty() || matches!(top.show(), Show::Public | Show::Waiting) {
            plans.push(plan);
        }
    }
    plans
}

/// A thread with more than a few replies shows its first in reading order and its newest.
fn plan(top: &Row, replies: &[&Row], unfolded: Unfolded) -> Plan {
    // The writer's own waiting comment counts as living: it is drawn for them.
    let living = |row: &Row| row.status != CommentStatus::Trash && (row.is_living() || row.published_at.is_none());
    let shape: Vec<Shape> =
        replies.iter().map(|row| Shape { id: row.id, parent: row.parent_id, is_living: living(row) }).collect();
    let order = reading_order(top.id, &shape);
    let reply_count = usize::try_from(top.public_replies).unwrap_or(0);
    let few = usize::try_from(limits::REPLIES_UNFOLDED).unwrap_or(0);
    let is_whole = match unfolded {
        Unfolded::All => true,
        Unfolded::One(id) if id == top.id => true,
        Unfolded::One(_) | Unfolded::Short => order.len().max(reply_count) <= few,
    };
    let public = replies.iter().filter(|row| row.is_living()).count();
    // Of a thread that was not looked at whole nobody knows how many are from staff.
    let is_staffs = |row: &&&Row| row.badge.is_some() && row.is_living() && public >= reply_count;
    let staff_count = replies.iter().filter(is_staffs).count();
    if is_whole {
        // More than are loaded are on the thread's own page.
        let folded = reply_count.saturating_sub(public);
        return Plan {
            top: top.id,
            first: order,
            last: Vec::new(),
            is_folded: false,
            folded,
            reply_count,
            staff_count,
        };
    }
    let first: Vec<Place> = order.iter().take(limits::REPLIES_FOLDED_FIRST).copied().collect();
    let is_drawn = |id: CommentId| first.iter().any(|place| place.id == id);
    let rest = replies.iter().filter(|row| !is_drawn(row.id));
    let mut newest: Vec<CommentId> = rest.clone().filter(|row| row.is_living()).map(|row| row.id).collect();
    let newest = newest.split_off(newest.len().saturating_sub(limits::REPLIES_FOLDED_LAST));
    // The writer's own waiting comment is never folded away.
    let last: Vec<Place> = rest
        .filter(|row| newest.contains(&row.id) || row.show() == Show::Waiting)
        .map(|row| Place { id: row.id, below: 1 })
        .collect();
    let drawn = replies.iter().filter(|row| row.is_living() && (is_drawn(row.id) || newest.contains(&row.id))).count();
    let folded = reply_count.saturating_sub(drawn);
    Plan { top: top.id, first, last, is_folded: true, folded, reply_count, staff_count }
}

impl Plan {
    fn draw(&self, by_id: &HashMap<CommentId, &Row>, ask: Ask) -> Option<Thread> {
        let browser = ask.browser.as_ref();
        let draw = |place: &Place| by_id.get(&place.id).map(|row| row.draw(*place, ask.depth, by_id, browser));
        let top = draw(&Place { id: self.top, below: 0 })?;
        let mut replies: Vec<Comment> = self.first.iter().filter_map(draw).collect();
        flatten_gaps(&mut replies);
        let mut last: Vec<Comment> = self.last.iter().filter_map(draw).collect();
        for reply in &mut last {
            reply.is_flattened = reply.parent != Some(self.top);
        }
        let (folded, reply_count, staff_count) = (self.folded, self.reply_count, self.staff_count);
        Some(Thread { top, replies, folded, last, reply_count, staff_count })
    }
}

/// Levels go down by one step at a time, so that lists can be opened and closed one by one.
fn flatten_gaps(replies: &mut [Comment]) {
    let mut above = 0;
    for reply in replies {
        if reply.level > above + 1 {
            reply.level = above + 1;
            reply.is_flattened = true;
        }
        above = reply.level;
    }
}

// ---- queries -------------------------------------------------------------------------------------------------

/// Where a page of threads starts.
#[derive(Debug, Clone)]
enum Start {
    First,
    /// After this top comment, by id.
    After(CommentId),
    /// At this top comment, by id.
    At(CommentId),
    /// With these top comments, in this order.
    These(Vec<CommentId>),
}

impl Start {
    /// Leaves as many top comments as a page draws; answers how many there were, where they are known.
    fn cut(&mut self, most: usize) -> Option<usize> {
        let Self::These(ids) = self else { return None };
        let listed = ids.len();
        ids.truncate(most);
        Some(listed)
    }
}

/// Where the page asked for starts, and what is not folded on it.
async fn start(conn: &mut AsyncPgConnection, ask: Ask) -> Result<(Start, Unfolded), DbError> {
    match (ask.which, ask.sort) {
        (Which::First, _) => Ok((Start::First, Unfolded::Short)),
        (Which::All, _) => Ok((Start::First, Unfolded::All)),
        (Which::After(id) | Which::AfterAsOf(id, _), Sort::Oldest | Sort::Newest) => {
            let known: Option<CommentId> = comments::table
                .find(id)
                .filter(comments::article_id.eq(ask.article))
                .select(comments::id)
                .get_result(conn)
                .await
                .optional()?;
            Ok((known.map_or(Start::First, Start::After), Unfolded::Short))
        }
        (Which::After(id), Sort::Replies) => after_by(conn, Number::Replies, ask.article, id, None).await,
        (Which::After(id), Sort::Helpful) => after_by(conn, Number::Helpful, ask.article, id, None).await,
        (Which::AfterAsOf(id, at), Sort::Replies) => after_by(conn, Number::Replies, ask.article, id, Some(at)).await,
        (Which::AfterAsOf(id, at), Sort::Helpful) => after_by(conn, Number::Helpful, ask.article, id, Some(at)).await,
        (Which::Around(id), _) => {
            // Half a page before it, so that the thread stands among its neighbours.
            let before: Vec<CommentId> = comments::table
                .filter(comments::article_id.eq(ask.article))
                .filter(comments::parent_id.is_null())
                .filter(comments::published_at.is_not_null())
                .filter(comments::status.eq(CommentStatus::Approved).or(comments::public_replies.gt(0)))
                .filter(comments::id.lt(id))
                .select(comments::id)
                .order(comments::id.desc())
                .limit(limits::ROOTS_A_PAGE / 2 + 1)
                .load(conn)
                .await?;
            let half = usize::try_from(limits::ROOTS_A_PAGE / 2).unwrap_or(0);
            let start = if before.len() > half {
                before.get(half.saturating_sub(1)).copied().map_or(Start::First, Start::At)
            } else {
                Start::First
            };
            Ok((start, Unfolded::One(id)))
        }
    }
}

/// What threads are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Replies,
    Helpful,
}

impl Number {
    /// The column of a top comment.
    const fn column(self) -> &'static str {
        match self {
            Self::Replies => "public_replies",
            Self::Helpful => "helpful",
        }
    }
}

/// The page after a top comment by a number, as the numbers were at an instant.
async fn after_by(
    conn: &mut AsyncPgConnection,
    number: Number,
    article: ArticleId,
    after: CommentId,
    as_of: Option<DateTime<Utc>>,
) -> Result<(Start, Unfolded), DbError> {
    let moved = match (as_of, number) {
        (Some(as_of), Number::Replies) => replies_since(conn, article, as_of).await?,
        (Some(as_of), Number::Helpful) => votes_since(conn, article, as_of).await?,
        (None, _) => HashMap::new(),
    };
    let now: Option<(i32, i32)> = comments::table
        .find(after)
        .filter(comments::article_id.eq(article))
        .select((comments::public_replies, comments::helpful))
        .get_result(conn)
        .await
        .optional()?;
    let of = |(replies, helpful): (i32, i32)| match number {
        Number::Replies => replies,
        Number::Helpful => helpful,
    };
    let Some(now) = now.map(of) else { return Ok((Start::First, Unfolded::Short)) };
    let then = |id: CommentId, number: i32| (moved.get(&id).copied().unwrap_or(0) - number, id);
    let from = then(after, now);
    let apart: Vec<CommentId> = moved.keys().copied().collect();
    let still = ByNumber { number, article, from, apart: apart.clone(), size: 2 * limits::ROOTS_A_PAGE };
    let mut order: Vec<(i32, CommentId)> =
        still.load::<(CommentId, i32)>(conn).await?.into_iter().map(|(id, number)| (-number, id)).collect();
    let others: Vec<(CommentId, (i32, i32))> = comments::table
        .filter(comments::id.eq_any(apart))
        .filter(comments::parent_id.is_null())
        .filter(comments::published_at.is_not_null())
        .filter(comments::status.eq(CommentStatus::Approved).or(comments::public_replies.gt(0)))
        .select((comments::id, (comments::public_replies, comments::helpful)))
        .load(conn)
        .await?;
    order.extend(others.into_iter().map(|(id, numbers)| then(id, of(numbers))).filter(|place| *place > from));
    order.sort_unstable();
    let page = order.into_iter().map(|(_, id)| id).take(usize::try_from(2 * limits::ROOTS_A_PAGE).unwrap_or(0));
    Ok((Start::These(page.collect()), Unfolded::Short))
}

/// By how many public replies each thread has grown since an instant; less than nothing where it lost some. Empty
/// when more changed than is worth following: the numbers of now are used then.
async fn replies_since(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    since: DateTime<Utc>,
) -> Result<HashMap<CommentId, i32>, DbError> {
    let changed: Vec<(CommentId, CommentStatus)> = comments::table
        .filter(comments::article_id.eq(article))
        .filter(comments::parent_id.is_not_null())
        .filter(comments::published_at.is_not_null())
        .filter(comments::status_changed_at.gt(since))
        .select((comments::root_id, comments::status))
        .limit(limits::MOVES_FOLLOWED + 1)
        .load(conn)
        .await?;
    let by = |status| if status == CommentStatus::Approved { 1 } else { -1 };
    Ok(moves(changed.into_iter().map(|(root, status)| (root, by(status))).collect()))
}

/// The same by votes. Those on replies move nothing and are counted all the same.
async fn votes_since(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    since: DateTime<Utc>,
) -> Result<HashMap<CommentId, i32>, DbError> {
    let changed: Vec<(CommentId, DateTime<Utc>, Option<DateTime<Utc>>)> = helpful_votes::table
        .filter(helpful_votes::article_id.eq(article))
        // The expression of the index.
        .filter(diesel::dsl::sql::<Bool>("coalesce(ended_at, cast_at) > ").bind::<Timestamptz, _>(since))
        .select((helpful_votes::comment_id, helpful_votes::cast_at, helpful_votes::ended_at))
        .limit(limits::MOVES_FOLLOWED + 1)
        .load(conn)
        .await?;
    let by = |cast_at: DateTime<Utc>, ended_at: Option<DateTime<Utc>>| match (cast_at > since, ended_at) {
        (true, None) => 1,
        (false, Some(_)) => -1,
        (true, Some(_)) | (false, None) => 0,
    };
    Ok(moves(changed.into_iter().map(|(id, cast_at, ended_at)| (id, by(cast_at, ended_at))).collect()))
}

fn moves(changed: Vec<(CommentId, i32)>) -> HashMap<CommentId, i32> {
    let mut moved = HashMap::new();
    if i64::try_from(changed.len()).is_ok_and(|changed| changed <= limits::MOVES_FOLLOWED) {
        for (root, by) in changed {
            *moved.entry(root).or_insert(0) += by;
        }
    }
    moved
}

type RowSql = (
    (BigInt, Nullable<BigInt>, BigInt, Text, Nullable<Text>, Integer, Integer),
    (Text, Nullable<Text>, Text, Text, Integer),
    (Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>),
    (Nullable<BigInt>, Nullable<BigInt>),
);

/// Columns of [`Row`] in order.
const COLUMNS: &str = "c.id, c.parent_id, c.root_id, c.status, c.status_reason, c.public_replies, c.helpful, c.name, c.badge, c.badge_title, c.html, \
     char_length(c.body), c.created_at, c.edited_at, c.published_at, c.browser_id, c.reader_id";

/// What makes a top comment one that is drawn; word for word the predicate of its indexes.
const IS_TOP: &str =
    " and parent_id is null and published_at is not null and (status = 'approved' or public_replies > 0)";

/// Replies of the thread `t`.
const REPLIES: &str =
    "select * from comments r where r.root_id = t.id and r.parent_id is not null and r.published_at is not null";

/// Roots by keyset and their replies, capped per root. Written out so that its partial indexes
/// (`comments_top_idx`, `comments_top_replies_idx`, `comments_top_helpful_idx`, `comments_replies_idx`) are used whatever the parameters; the
/// limits are part of the text, for a plan that doesn't know them guesses a tenth of the table.
#[derive(Debug, Clone)]
struct PageQuery {
    article: ArticleId,
    sort: Sort,
    start: Start,
    size: i64,
    unfolded: Unfolded,
}

impl PageQuery {
    fn walk_top<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select * from comments where article_id = ");
        out.push_bind_param::<BigInt, _>(&self.article)?;
        out.push_sql(IS_TOP);
        match (&self.start, self.sort) {
            (Start::First, _) => {}
            (Start::At(id), _) => {
                out.push_sql(" and id >= ");
                out.push_bind_param::<BigInt, _>(id)?;
            }
            (Start::After(id), Sort::Newest) => {
                out.push_sql(" and id < ");
                out.push_bind_param::<BigInt, _>(id)?;
            }
            (Start::After(id), Sort::Oldest | Sort::Replies | Sort::Helpful) => {
                out.push_sql(" and id > ");
                out.push_bind_param::<BigInt, _>(id)?;
            }
            (Start::These(ids), _) => {
                out.push_sql(" and id = any(");
                out.push_bind_param::<Array<BigInt>, _>(ids)?;
                out.push_sql(")");
                return Ok(());
            }
        }
        out.push_sql(match self.sort {
            Sort::Oldest => " order by id limit ",
            Sort::Newest => " order by id desc limit ",
            Sort::Replies => " order by (-public_replies), id limit ",
            Sort::Helpful => " order by (-helpful), id limit ",
        });
        out.push_sql(&self.size.to_string());
        Ok(())
    }

    /// Whether a thread's texts come along: those of threads that are folded are brought afterwards.
    fn walk_is_whole<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("t.public_replies <= ");
        out.push_sql(&limits::REPLIES_UNFOLDED.to_string());
        match &self.unfolded {
            Unfolded::Short => {}
            Unfolded::One(id) => {
                out.push_sql(" or t.id = ");
                out.push_bind_param::<BigInt, _>(id)?;
            }
            Unfolded::All => out.push_sql(" or true"),
        }
        Ok(())
    }
}

impl QueryFragment<Pg> for PageQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let whole = match self.unfolded {
            Unfolded::All => limits::COMMENTS_ON_ONE_PAGE,
            Unfolded::Short | Unfolded::One(_) => limits::REPLIES_LOADED,
        };
        let shaped = limits::REPLIES_SHAPED;
        out.push_sql("with top as materialized (");
        self.walk_top(&mut out)?;
        out.push_sql(") select ");
        out.push_sql(COLUMNS);
        out.push_sql(" from top c union all select ");
        let (before, after) = COLUMNS.split_once("c.html").unwrap_or((COLUMNS, ""));
        out.push_sql(before);
        out.push_sql("case when ");
        self.walk_is_whole(&mut out)?;
        out.push_sql(" then c.html else '' end");
        out.push_sql(after);
        out.push_sql(&format!(" from top t cross join lateral ({REPLIES} order by r.id limit case when "));
        self.walk_is_whole(&mut out)?;
        out.push_sql(&format!(" then {whole} else {shaped} end) c where t.public_replies > 0"));
        // The newest of a folded thread longer than is looked at: it shows them.
        if self.unfolded == Unfolded::All {
            return Ok(());
        }
        out.push_sql(" union all select ");
        out.push_sql(COLUMNS);
        out.push_sql(&format!(
            " from top t cross join lateral ({REPLIES} and r.status = 'approved' order by r.id desc limit {}) c \
             where t.public_replies > {shaped}",
            limits::REPLIES_FOLDED_LAST
        ));
        if let Unfolded::One(id) = &self.unfolded {
            out.push_sql(" and t.id <> ");
            out.push_bind_param::<BigInt, _>(id)?;
        }
        Ok(())
    }
}

/// How many top comments the page that starts here and the next one hold.
#[derive(Debug, Clone)]
struct TwoPages(PageQuery);

impl QueryFragment<Pg> for TwoPages {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select count(*) from (");
        self.0.walk_top(&mut out)?;
        out.push_sql(") t");
        Ok(())
    }
}

impl QueryId for TwoPages {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for TwoPages {
    type SqlType = BigInt;
}

async fn count_two_pages(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    sort: Sort,
    start: Start,
) -> Result<usize, DbError> {
    let size = 2 * limits::ROOTS_A_PAGE;
    let counted: i64 =
        TwoPages(PageQuery { article, sort, start, size, unfolded: Unfolded::Short }).get_result(conn).await?;
    Ok(usize::try_from(counted).unwrap_or(0))
}

impl QueryId for PageQuery {
    type QueryId = ();
    // The text differs by sort and start: the statement cache goes by the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for PageQuery {
    type SqlType = RowSql;
}

/// These comments of an article, whatever their state; who may see them is decided in memory.
#[derive(Debug, Clone)]
struct ByIds {
    article: ArticleId,
    ids: Vec<CommentId>,
}

impl QueryFragment<Pg> for ByIds {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select ");
        out.push_sql(COLUMNS);
        out.push_sql(" from comments c where c.published_at is not null and c.article_id = ");
        out.push_bind_param::<BigInt, _>(&self.article)?;
        out.push_sql(" and c.id = any(");
        out.push_bind_param::<Array<BigInt>, _>(&self.ids)?;
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for ByIds {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for ByIds {
    type SqlType = RowSql;
}

async fn load_rows(conn: &mut AsyncPgConnection, article: ArticleId, ids: &[CommentId]) -> Result<Vec<Row>, DbError> {
    Ok(ByIds { article, ids: ids.to_vec() }.load(conn).await?)
}

/// Top comments after a place by a number, those set apart left out.
#[derive(Debug, Clone)]
struct ByNumber {
    number: Number,
    article: ArticleId,
    /// Less than nothing: the number with its sign turned, and the id.
    from: (i32, CommentId),
    apart: Vec<CommentId>,
    size: i64,
}

impl QueryFragment<Pg> for ByNumber {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let column = self.number.column();
        out.push_sql(&format!("select id, {column} from comments where article_id = "));
        out.push_bind_param::<BigInt, _>(&self.article)?;
        out.push_sql(IS_TOP);
        out.push_sql(&format!(" and ((-{column}), id) > ("));
        out.push_bind_param::<Integer, _>(&self.from.0)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.from.1)?;
        out.push_sql(") and id <> all(");
        out.push_bind_param::<Array<BigInt>, _>(&self.apart)?;
        out.push_sql(&format!(") order by (-{column}), id limit "));
        out.push_sql(&self.size.to_string());
        Ok(())
    }
}

impl QueryId for ByNumber {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for ByNumber {
    type SqlType = (BigInt, Integer);
}

/// The newest public comments of an article, for its feed.
#[derive(Debug, Clone, Copy)]
struct Newest {
    article: ArticleId,
    count: i64,
}

impl QueryFragment<Pg> for Newest {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select ");
        out.push_sql(COLUMNS);
        out.push_sql(" from comments c where c.status = 'approved' and c.article_id = ");
        out.push_bind_param::<BigInt, _>(&self.article)?;
        out.push_sql(" order by c.id desc limit ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        Ok(())
    }
}

impl QueryId for Newest {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Newest {
    type SqlType = RowSql;
}

/// The newest public comments of an article, newest first.
pub async fn newest(conn: &mut AsyncPgConnection, article: ArticleId, count: i64) -> Result<Vec<Comment>, DbError> {
    let rows: Vec<Row> = Newest { article, count }.load(conn).await?;
    let by_id: HashMap<CommentId, &Row> = rows.iter().map(|row| (row.id, row)).collect();
    Ok(rows.iter().map(|row| row.draw(Place { id: row.id, below: 0 }, 1, &by_id, None)).collect())
}

/// The browser's own comments that nobody else can see yet, newest hundred.
#[derive(Debug, Clone, Copy)]
struct OwnWaiting {
    article: ArticleId,
    browser: BrowserId,
    reader: Option<ReaderId>,
}

impl QueryFragment<Pg> for OwnWaiting {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select ");
        out.push_sql(COLUMNS);
        out.push_sql(" from comments c where c.article_id = ");
        out.push_bind_param::<BigInt, _>(&self.article)?;
        out.push_sql(" and c.status in ('held', 'spam') and (c.browser_id = ");
        out.push_bind_param::<BigInt, _>(&self.browser)?;
        out.push_sql(" or c.reader_id = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.reader)?;
        out.push_sql(") order by c.id desc limit 100");
        Ok(())
    }
}

impl QueryId for OwnWaiting {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for OwnWaiting {
    type SqlType = RowSql;
}

async fn own_waiting(conn: &mut AsyncPgConnection, article: ArticleId, browser: &Browser) -> Result<Vec<Row>, DbError> {
    let query = OwnWaiting { article, browser: browser.id, reader: browser.reader.map(|(reader, _)| reader) };
    let mut rows: Vec<Row> = query.load(conn).await?;
    for row in &mut rows {
        row.published_at = None; // drawn as waiting, even where it was public before
    }
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

type RowParts = (
    (CommentId, Option<CommentId>, CommentId, CommentStatus, Option<String>, i32, i32),
    (String, Option<Badge>, String, String, i32),
    (DateTime<Utc>, Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    (Option<BrowserId>, Option<ReaderId>),
);

#[derive(Debug)]
struct Row {
    id: CommentId,
    parent_id: Option<CommentId>,
    root_id: CommentId,
    status: CommentStatus,
    status_reason: Option<String>,
    public_replies: i32,
    helpful: i32,
    name: String,
    badge: Option<Badge>,
    badge_title: String,
    html: String,
    chars: i32,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    published_at: Option<DateTime<Utc>>,
    browser_id: Option<BrowserId>,
    reader_id: Option<ReaderId>,
}

impl Queryable<RowSql, Pg> for Row {
    type Row = RowParts;

    fn build((ids, words, times, writer): RowParts) -> diesel::deserialize::Result<Self> {
        let (id, parent_id, root_id, status, status_reason, public_replies, helpful) = ids;
        let (name, badge, badge_title, html, chars) = words;
        let (created_at, edited_at, published_at) = times;
        let (browser_id, reader_id) = writer;
        Ok(Self {
            id,
            parent_id,
            root_id,
            status,
            status_reason,
            public_replies,
            helpful,
            name,
            badge,
            badge_title,
            html,
            chars,
            created_at,
            edited_at,
            published_at,
            browser_id,
            reader_id,
        })
    }
}

impl Row {
    fn is_living(&self) -> bool {
        self.status == CommentStatus::Approved
    }

    fn show(&self) -> Show {
        match self.status {
            CommentStatus::Approved => Show::Public,
            CommentStatus::Held | CommentStatus::Spam if self.published_at.is_none() => Show::Waiting,
            CommentStatus::Trash if self.status_reason.as_deref() == Some(Reason::Withdrawn.as_str()) => {
                Show::Withdrawn
            }
            CommentStatus::Held | CommentStatus::Spam | CommentStatus::Trash => Show::Removed,
        }
    }

    /// As it is drawn; of what is gone, nothing but that is left in the result.
    fn draw(&self, place: Place, depth: u8, by_id: &HashMap<CommentId, &Row>, browser: Option<&Browser>) -> Comment {
        let show = self.show();
        let is_gone = matches!(show, Show::Removed | Show::Withdrawn);
        let parent = self.parent_id.and_then(|parent| by_id.get(&parent));
        let words = |text: &str| if is_gone { String::new() } else { text.to_owned() };
        Comment {
            id: self.id,
            parent: self.parent_id,
            parent_name: parent.filter(|parent| parent.is_living()).map(|parent| parent.name.clone()),
            level: place.level(depth),
            is_flattened: place.below > place.level(depth).max(usize::from(place.below > 0)),
            show,
            reason: self.status_reason.clone().filter(|_| show == Show::Waiting),
            is_spam: show == Show::Waiting && self.status == CommentStatus::Spam,
            name: words(&self.name),
            badge: self.badge.filter(|_| !is_gone).map(|badge| (badge, self.badge_title.clone())),
            html: SanitizedHtml::from_comment_column(words(&self.html)),
            chars: usize::try_from(self.chars).unwrap_or(0),
            created_at: self.created_at,
            edited_at: self.edited_at,
            helpful: if is_gone { 0 } else { self.helpful },
            is_own: !is_gone && browser.is_some_and(|browser| browser.wrote(self.browser_id, self.reader_id)),
            reader: self.reader_id.filter(|_| !is_gone && self.badge.is_none()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(id: i64, parent: i64) -> Shape {
        Shape { id: CommentId(id), parent: Some(CommentId(parent)), is_living: true }
    }

    fn gone(id: i64, parent: i64) -> Shape {
        Shape { is_living: false, ..reply(id, parent) }
    }

    fn order(replies: &[Shape]) -> Vec<(i64, usize)> {
        reading_order(CommentId(1), replies).into_iter().map(|place| (place.id.0, place.below)).collect()
    }

    #[test]
    fn replies_are_read_depth_first_by_id() {
        let replies = [reply(2, 1), reply(3, 1), reply(4, 2), reply(5, 3), reply(6, 2), reply(7, 4)];
        assert_eq!(order(&replies), [(2, 1), (4, 2), (7, 3), (6, 2), (3, 1), (5, 2)]);
    }

    #[test]
    fn what_is_gone_stays_only_over_living_replies() {
        let replies = [gone(2, 1), gone(3, 1), gone(4, 3), reply(5, 4)];
        assert_eq!(order(&replies), [(3, 1), (4, 2), (5, 3)]);
    }

    #[test]
    fn a_reply_whose_parent_was_not_loaded_stands_under_the_top() {
        assert_eq!(order(&[reply(9, 4)]), [(9, 1)]);
    }

    #[test]
    fn a_chain_of_ten_thousand_is_a_loop_and_is_drawn_flat() {
        let replies: Vec<Shape> = (2..10_002).map(|id| reply(id, id - 1)).collect();
        let order = reading_order(CommentId(1), &replies);
        assert_eq!(order.len(), 10_000);
        assert_eq!(order.last().map(|place| place.below), Some(10_000));
        assert!(order.iter().all(|place| place.level(2) == 1 && place.level(5) <= 4 && place.level(1) == 0));
    }
}
