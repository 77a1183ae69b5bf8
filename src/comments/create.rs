//! Writing comments. Those of readers that arrive together are written together ([`intake`](crate::comments::intake)):
//! what is known of them is looked up, the rules judge each, and one transaction holds the comments, what they
//! change for readers, the audit rows and the mails. The same form posted twice lands on the first one's result.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::audit::{self, Actor};
use crate::comments::known::{self, Known, Open};
use crate::comments::model::{FieldError, GuestName, Notify, Place, Words};
use crate::comments::write::{self, By, ByReader, NewComment, Written};
use crate::core::ids::{ArticleId, CommentId, ReaderId, RevisionId, StaffId};
use crate::core::limits;
use crate::core::network::Network;
use crate::core::rng::{Rng, Token};
use crate::core::secret::Secret;
use crate::core::status::{ArticleState, Badge, CommentStatus, CommentsMode, CreditRole, ModerationMode};
use crate::core::text::{self, Email};
use crate::db::schema::{articles, comments, revision_credits};
use crate::db::{DbError, Tx};
use crate::jobs::queue;
use crate::moderation::decide;
use crate::moderation::facts::{self, Facts, Subject};
use crate::moderation::model::{RuleId, Screening};
use crate::moderation::screen::{self, Case, Policy};
use crate::moderation::word_lists;
use crate::notifications;
use crate::readers::browser::{self, Browser};
use crate::readers::subscriptions::{self, Wish};
use crate::settings::{self, Settings};
use crate::staff::authority::Session;

/// What of the site writing comments needs.
#[derive(Debug, Clone)]
pub struct Site {
    /// The word lists.
    pub words: Arc<word_lists::Cached>,
    /// Comments a minute from one network; 0: no ceiling.
    pub comments_a_minute: i64,
    /// Chance.
    pub rng: Rng,
}

/// What is written where.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// The article, as it was when the form was read.
    pub place: &'a Place,
    /// The comment that is answered.
    pub parent: Option<CommentId>,
    /// The text.
    pub words: &'a Words,
    /// Key of an uncached form.
    pub submission_key: Option<&'a str>,
}

/// A reader without an account.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// Their name.
    pub name: &'a GuestName,
    /// Their address, as typed.
    pub email: &'a Email,
    /// The browser, if it has posted before.
    pub browser: Option<Browser>,
    /// Where the request came from.
    pub network: Network,
    /// What mail they ask for.
    pub notify: Notify,
    /// Whether the hidden field was filled in.
    pub is_trapped: bool,
    /// Seconds between opening the page and posting, where that is known.
    pub dwell_seconds: Option<i64>,
}

/// A reader's comment on its way, with everything it takes to judge it.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the key of the form is called so everywhere")]
pub struct Submission {
    pub(super) article: ArticleId,
    pub(super) parent: Option<CommentId>,
    pub(super) words: Words,
    pub(super) text_digest: Option<Vec<u8>>,
    pub(super) submission_key: Option<String>,
    pub(super) name: GuestName,
    pub(super) email: Email,
    pub(super) browser: Option<Browser>,
    pub(super) network: Network,
    pub(super) network_key: Vec<u8>,
    pub(super) notify: Notify,
    pub(super) is_trapped: bool,
    pub(super) dwell_seconds: Option<i64>,
    pub(super) settings: Arc<Settings>,
    /// Digest of article, parent, address and text: recognises a second post of the same form.
    pub(super) replay_digest: Vec<u8>,
}

impl Submission {
    /// What a reader posted, under the settings of the moment.
    #[must_use]
    pub fn of(post: Post<'_>, guest: Guest<'_>, settings: Arc<Settings>, secret: &Secret) -> Self {
        Self {
            article: post.place.article,
            parent: post.parent,
            words: post.words.clone(),
            text_digest: post.words.folded.digest(),
            submission_key: post.submission_key.map(str::to_owned),
            name: guest.name.clone(),
            email: guest.email.clone(),
            browser: guest.browser,
            network: guest.network,
            network_key: guest.network.key(secret),
            notify: guest.notify,
            is_trapped: guest.is_trapped,
            dwell_seconds: guest.dwell_seconds,
            settings,
            replay_digest: replay_digest(post, guest.email),
        }
    }

    /// The advisory lock it is written under ([`Db::transact_under`](crate::db::Db::transact_under)): two posts of
    /// the same form come one after the other, on all nodes, and the second finds the first.
    #[must_use]
    pub fn lock(&self) -> i64 {
        self.replay_digest.first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes))
    }
}

/// A comment that was written.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id.
    pub id: CommentId,
    /// The top of its thread.
    pub root: CommentId,
    /// Where it is.
    pub status: CommentStatus,
    /// The rule that put it there.
    pub reason: Option<RuleId>,
    /// Whether it was there already: the same form posted twice. Its writer's cookie is not given out then.
    pub is_replay: bool,
    /// Token of a new browser, for the cookie.
    pub new_browser: Option<Token>,
    /// Whether a confirmation mail is on its way to the address.
    pub asks_to_confirm: bool,
}

/// Why a comment was not written.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The article is not there any more.
    #[error("no such article")]
    NotFound,
    /// The article takes no comments.
    #[error("comments are closed")]
    Closed,
    /// The site takes no comments for now; the sentence readers see.
    #[error("comments are paused")]
    Paused(String),
    /// The comment that was answered is not public any more.
    #[error("the comment that was answered is gone")]
    ParentGone,
    /// Too many comments, from this person or their network.
    #[error("too many comments")]
    TooFast {
        /// Whether the person alone wrote too many, or their network.
        is_network: bool,
        /// When the next one is taken.
        again_at: DateTime<Utc>,
    },
    /// Something is wrong with what was typed.
    #[error("a field is not right")]
    Invalid(FieldError),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(CreateError);

/// What comes of each submission.
pub type Outcome = Result<Created, CreateError>;

/// Writes readers' comments, in a transaction that holds the [`Submission::lock`] of each; answers in their order.
///
/// No two of them share address, network, text or submission key: what one does cannot weigh on another (the
/// number of comments under an article apart, which is counted).
pub async fn create(tx: &mut Tx, site: &Site, batch: &[&Submission]) -> Result<Vec<Outcome>, DbError> {
    let known = known::look_up(tx, batch, site.comments_a_minute).await?;
    let mut outcomes = BTreeMap::new();
    let mut taken = Vec::new();
    for (place, (post, known)) in batch.iter().copied().zip(known).enumerate() {
        if let Some(id) = known.replay {
            outcomes.insert(place, Ok(replay(tx.conn(), id).await?));
            continue;
        }
        match known.check(post, site.comments_a_minute, tx.now) {
            Ok(open) => taken.push(Taken::new(place, post, open, known, site.rng)),
            Err(error) => drop(outcomes.insert(place, Err(error))),
        }
    }
    if !taken.is_empty() {
        judge(tx, site, &mut taken).await?;
        outcomes.extend(write(tx, taken).await?);
    }
    Ok(outcomes.into_values().collect())
}

/// A submission that is written, wherever it goes.
struct Taken<'a> {
    /// Among the batch.
    place: usize,
    post: &'a Submission,
    open: Open,
    known: Known,
    /// The reader, where this browser has proved the address.
    reader: Option<ReaderId>,
    /// Of a browser that has not posted before.
    new_browser: Option<Token>,
    screening: Screening,
}

impl<'a> Taken<'a> {
    fn new(place: usize, post: &'a Submission, open: Open, known: Known, rng: Rng) -> Self {
        let reader = post.browser.zip(known.address).and_then(|(browser, address)| browser.reader_of(address));
        let new_browser = post.browser.is_none().then(|| rng.token());
        Self { place, post, open, known, reader, new_browser, screening: Screening::default() }
    }

    fn subject(&self) -> Subject<'a> {
        Subject {
            article: self.post.article,
            address: self.known.address,
            reader: self.reader,
            text_digest: self.post.text_digest.as_deref(),
            newcomer_until: self.post.settings.comments.newcomer_until,
        }
    }

    fn screen(&self, facts: Facts) -> Screening {
        screen::screen(&Case {
            text: self.post.words.body(),
            folded: &self.post.words.folded,
            links: &self.post.words.links,
            is_trapped: self.post.is_trapped,
            is_throwaway: self.post.settings.comments.is_throwaway(&self.post.email.canonical),
            dwell_seconds: self.post.dwell_seconds,
            facts,
            policy: policy(&self.post.settings.comments, self.open.moderation),
        })
    }

    fn status(&self) -> CommentStatus {
        self.screening.decision().0
    }

    fn row(&self) -> NewComment<'_> {
        let (status, reason) = self.screening.decision();
        let post = self.post;
        NewComment {
            status,
            status_reason: reason.map(RuleId::as_str),
            screening: self.screening.to_column(),
            text_digest: post.text_digest.as_deref(),
            submission_key: post.submission_key.as_deref(),
            ..NewComment::of(
                (post.article, self.open.revision, post.parent),
                (post.name.as_str(), post.name.skeleton()),
                &post.words,
                By::Reader(ByReader {
                    address: self.known.address.ok_or(&post.email),
                    reader: self.reader,
                    browser: match (&self.new_browser, post.browser) {
                        (Some(token), _) => Err(token.hash()),
                        (None, browser) => browser.map(|browser| browser.id).ok_or_else(Vec::new),
                    },
                    replay_digest: &post.replay_digest,
                    network: post.network.shown(),
                    network_key: &post.network_key,
                }),
            )
        }
    }

    fn entry(&self, id: CommentId) -> audit::Entry<'static> {
        audit::Entry {
            actor: Actor::Reader,
            action: "comment.post",
            subject: "comment",
            subject_id: Some(id.0),
            detail: json!({"status": self.status(), "rules": self.screening.codes()}),
            evidence: None,
        }
    }
}

/// Lets the rules judge each.
async fn judge(tx: &mut Tx, site: &Site, taken: &mut [Taken<'_>]) -> Result<(), DbError> {
    let words = site.words.lists(tx.conn()).await?;
    let subjects: Vec<Subject<'_>> = taken.iter().map(Taken::subject).collect();
    let now = tx.now;
    let facts = facts::look_up(tx.conn(), &subjects, now, &words).await?;
    let mut before: BTreeMap<ArticleId, i64> = BTreeMap::new();
    for (taken, mut facts) in taken.iter_mut().zip(facts) {
        let before = before.entry(taken.post.article).or_default();
        facts.recent_on_article = (facts.recent_on_article + *before).min(limits::FLOOD_COMMENTS);
        *before += 1;
        taken.screening = taken.screen(facts);
    }
    Ok(())
}

/// Writes the comments and what follows from them.
async fn write(tx: &mut Tx, taken: Vec<Taken<'_>>) -> Result<Vec<(usize, Outcome)>, DbError> {
    for browser in taken.iter().filter_map(|taken| taken.post.browser) {
        browser::renew(tx, &browser).await?;
    }
    let rows: Vec<NewComment<'_>> = taken.iter().map(Taken::row).collect();
    let ids = write::insert(tx, &rows).await?;
    drop(rows);
    let mut outcomes = Vec::new();
    let mut written = Vec::new();
    for (taken, id) in taken.into_iter().zip(ids) {
        if let Some(id) = id {
            written.push((taken, id));
        } else {
            // Another post with the same key, from another address, committed while this one waited for it.
            let key = taken.post.submission_key.as_deref().unwrap_or_default();
            outcomes.push((taken.place, find_by_key(tx.conn(), key).await?.ok_or(CreateError::NotFound)));
        }
    }
    outcomes.extend(follow(tx, written).await?);
    Ok(outcomes)
}

/// What follows from comments that were written: the log, what readers see, mail.
async fn follow(tx: &mut Tx, written: Vec<(Taken<'_>, Written)>) -> Result<Vec<(usize, Outcome)>, DbError> {
    let entries: Vec<audit::Entry<'_>> = written.iter().map(|(taken, id)| taken.entry(id.id)).collect();
    audit::append_all(tx, &entries).await?;
    let public: Vec<Public> = written
        .iter()
        .filter(|(taken, _)| taken.status() == CommentStatus::Approved)
        .map(|(taken, id)| Public { article: taken.post.article, root: taken.post.parent.map(|_| id.root) })
        .collect();
    count(tx, &public).await?;
    let (mut jobs, mut outcomes) = (Vec::new(), Vec::new());
    for (taken, id) in written {
        if taken.status() == CommentStatus::Approved {
            jobs.extend(notifications::reply::jobs(id.id, 1, tx.now));
        }
        let asks_to_confirm = wish(tx, &taken, id).await?;
        if let Some(address) = id.address.filter(|_| asks_to_confirm) {
            jobs.push(notifications::confirm::job(address, tx.now));
        }
        let (status, reason) = taken.screening.decision();
        let created = Created {
            id: id.id,
            root: id.root,
            status,
            reason,
            is_replay: false,
            new_browser: taken.new_browser,
            asks_to_confirm,
        };
        outcomes.push((taken.place, Ok(created)));
    }
    queue::enqueue_all(tx, &jobs).await?;
    Ok(outcomes)
}

/// A comment everyone can see from now on.
struct Public {
    article: ArticleId,
    /// The top of its thread, for a reply.
    root: Option<CommentId>,
}

/// Counts comments that became public: thread tops before articles, each in order, as everybody locks them.
async fn count(tx: &mut Tx, public: &[Public]) -> Result<(), DbError> {
    let mut of_root: BTreeMap<CommentId, i32> = BTreeMap::new();
    let mut of_article: BTreeMap<ArticleId, i32> = BTreeMap::new();
    for comment in public {
        *of_article.entry(comment.article).or_default() += 1;
        if let Some(root) = comment.root {
            *of_root.entry(root).or_default() += 1;
        }
    }
    for (root, by) in of_root {
        decide::count_replies(tx, root, by).await?;
    }
    for (article, by) in of_article {
        decide::count_comments(tx, article, by).await?;
    }
    Ok(())
}

/// Writes a comment of a signed-in person, with the badge they have on this article; never held.
pub async fn create_as_staff(tx: &mut Tx, who: &Session, post: Post<'_>) -> Result<Created, CreateError> {
    if let Some(key) = post.submission_key
        && let Some(existing) = find_by_key(tx.conn(), key).await?
    {
        return Ok(existing);
    }
    let revision = check_open(tx, post.place.article).await?;
    check_parent(tx.conn(), post).await?;
    let badge = badge(tx.conn(), who.staff_id(), revision).await?;
    let (skeleton, text_digest) = (text::skeleton(who.name()), post.words.folded.digest());
    let row = NewComment {
        text_digest: text_digest.as_deref(),
        submission_key: post.submission_key,
        ..NewComment::of(
            (post.place.article, revision, post.parent),
            (who.name(), &skeleton),
            post.words,
            By::Staff { id: who.staff_id(), badge, title: who.title() },
        )
    };
    let Some(Written { id, root, .. }) = write::insert(tx, &[row]).await?.into_iter().flatten().next() else {
        let key = post.submission_key.unwrap_or_default();
        return find_by_key(tx.conn(), key).await?.ok_or(CreateError::NotFound);
    };
    let status = CommentStatus::Approved;
    let detail = json!({"status": status, "badge": badge, "parent": post.parent});
    audit::append(
        tx,
        audit::Entry {
            actor: who.actor(),
            action: "comment.post",
            subject: "comment",
            subject_id: Some(id.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    count(tx, &[Public { article: post.place.article, root: post.parent.map(|_| root) }]).await?;
    let jobs = notifications::reply::jobs(id, 1, tx.now);
    queue::enqueue_all(tx, &jobs).await?;
    Ok(Created { id, root, status, reason: None, is_replay: false, new_browser: None, asks_to_confirm: false })
}

/// The badge a person's comment carries under a revision: its author, its reviewer, else staff (decisions 13).
pub async fn badge(conn: &mut AsyncPgConnection, who: StaffId, revision: RevisionId) -> Result<Badge, DbError> {
    let roles: Vec<CreditRole> = revision_credits::table
        .filter(revision_credits::revision_id.eq(revision))
        .filter(revision_credits::staff_id.eq(who))
        .select(revision_credits::role)
        .load(conn)
        .await?;
    Ok(if roles.contains(&CreditRole::Author) {
        Badge::Author
    } else if roles.contains(&CreditRole::Reviewer) {
        Badge::Reviewer
    } else {
        Badge::Staff
    })
}

/// The revision readers see of an article that takes comments of the team.
async fn check_open(tx: &mut Tx, article: ArticleId) -> Result<RevisionId, CreateError> {
    let row: Option<(CommentsMode, Option<RevisionId>)> = articles::table
        .find(article)
        .filter(articles::state.eq(ArticleState::Published))
        .select((articles::comments_mode, articles::published_revision_id))
        .get_result(tx.conn())
        .await
        .optional()?;
    match row {
        Some((CommentsMode::Off, _)) => Err(CreateError::Closed),
        Some((_, Some(revision))) => Ok(revision),
        Some((_, None)) | None => Err(CreateError::NotFound),
    }
}

// Every part is preceded by its length, so that no two posts have the same bytes.
fn replay_digest(post: Post<'_>, email: &Email) -> Vec<u8> {
    let mut hash = Sha256::new();
    let parent = post.parent.map(|id| id.to_string()).unwrap_or_default();
    for part in [post.place.article.to_string().as_str(), &parent, &email.canonical, post.words.body()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().to_vec()
}

type Existing = (CommentId, CommentId, CommentStatus);

fn replayed((id, root, status): Existing) -> Created {
    Created { id, root, status, reason: None, is_replay: true, new_browser: None, asks_to_confirm: false }
}

async fn find_by_key(conn: &mut AsyncPgConnection, key: &str) -> Result<Option<Created>, DbError> {
    let columns = (comments::id, comments::root_id, comments::status);
    let row: Option<Existing> =
        comments::table.filter(comments::submission_key.eq(key)).select(columns).get_result(conn).await.optional()?;
    Ok(row.map(replayed))
}

/// The result of an earlier post of the same form.
async fn replay(conn: &mut AsyncPgConnection, id: CommentId) -> Result<Created, DbError> {
    let columns = (comments::id, comments::root_id, comments::status);
    Ok(replayed(comments::table.find(id).select(columns).get_result(conn).await?))
}

async fn check_parent(conn: &mut AsyncPgConnection, post: Post<'_>) -> Result<(), CreateError> {
    let Some(parent) = post.parent else { return Ok(()) };
    let found: Option<CommentId> = comments::table
        .find(parent)
        .filter(comments::article_id.eq(post.place.article))
        .filter(comments::status.eq(CommentStatus::Approved))
        .select(comments::id)
        .get_result(conn)
        .await
        .optional()?;
    found.map(|_| ()).ok_or(CreateError::ParentGone)
}

/// What the site wants of the rules on an article.
#[must_use]
pub(super) fn policy(settings: &settings::Comments, of_article: Option<ModerationMode>) -> Policy {
    Policy {
        mode: of_article.unwrap_or(settings.moderation),
        mode_is_of_article: of_article.is_some(),
        newcomer_links: settings.newcomer_links,
        newcomer_until: settings.newcomer_until,
        dwell_seconds_min: limits::DWELL_SECONDS_MIN,
    }
}

/// Notes what mail the writer wants; answers whether a confirmation is asked for: unless this browser has proved the
/// address. What is answered never depends on whether the address is known, confirmed or stopped (requirements D6):
/// the job looks at that, and sends one mail an hour at most.
async fn wish(tx: &mut Tx, taken: &Taken<'_>, written: Written) -> Result<bool, DbError> {
    let wish = match taken.post.notify {
        Notify::None => return Ok(false),
        Notify::Replies => Wish::Replies(written.id),
        Notify::Thread => Wish::Thread(written.root),
        Notify::Article => Wish::Article,
    };
    if taken.status() == CommentStatus::Spam {
        return Ok(false);
    }
    if let Some(address) = written.address.filter(|_| taken.known.mail_stopped_at.is_none()) {
        subscriptions::subscribe(tx, address, taken.post.article, wish).await?;
    }
    Ok(taken.reader.is_none())
}
