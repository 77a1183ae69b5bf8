//! Writing a comment: the same form posted twice lands on the first one's result; then the throttles, the
//! rules, and one transaction for the comment, what it changes for readers, the audit row and the mails.
#![expect(clippy::ref_option_ref, reason = "the derive of Insertable borrows fields that are options of borrowed text")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::try_join;

use crate::audit::{self, Actor};
use crate::comments::model::{Field, FieldError, GuestName, Notify, Place, Words};
use crate::core::ids::{AddressId, ArticleId, BrowserId, CommentId, ReaderId, RevisionId, StaffId};
use crate::core::limits;
use crate::core::network::Network;
use crate::core::rng::{Rng, Token};
use crate::core::secret::Secret;
use crate::core::status::{ArticleState, Badge, CommentStatus, CommentsMode, CreditRole, ModerationMode};
use crate::core::text::{self, Email};
use crate::db::schema::{addresses, articles, comments, revision_credits};
use crate::db::{DbError, Tx};
use crate::moderation::decide;
use crate::moderation::model::RuleId;
use crate::moderation::screen::{self, Case, Facts, Policy, Subject};
use crate::moderation::word_lists::{self, Lists};
use crate::notifications;
use crate::readers::browser::{self, Browser};
use crate::readers::model::{self as readers, Address};
use crate::readers::subscriptions::{self, Wish};
use crate::render::markdown::RENDERER_VERSION;
use crate::settings;
use crate::staff::authority::Session;

/// What of the site writing a comment needs.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// How comments are taken.
    pub settings: &'a settings::Comments,
    /// The word lists.
    pub words: &'a word_lists::Cached,
    /// Comments a minute from one network; 0: no ceiling.
    pub comments_a_minute: i64,
    /// Chance.
    pub rng: Rng,
    /// The site's key, for the keyed hash of networks.
    pub secret: &'a Secret,
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

/// The advisory lock a reader's post is written under ([`Db::transact_under`](crate::db::Db::transact_under)): two
/// posts of the same form come one after the other, and the second finds the first.
#[must_use]
pub fn lock_of(post: Post<'_>, guest: Guest<'_>) -> i64 {
    replay_digest(post, guest.email).first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// Writes a reader's comment, in a transaction that holds [`lock_of`] it.
///
/// What must be known beforehand is read in two round trips, however many questions there are.
pub async fn create(tx: &mut Tx, site: Site<'_>, post: Post<'_>, guest: Guest<'_>) -> Result<Created, CreateError> {
    let digest = replay_digest(post, guest.email);
    let network_key = guest.network.key(site.secret);
    let pace = (site.comments_a_minute, network_key.as_slice());
    let (now, known) = before(tx, post, &digest, pace, guest.email).await?;
    if let Some(id) = now.replay {
        return Ok(replay(tx.conn(), id).await?);
    }
    let now = now.check(site, post, tx.now)?;
    let words = site.words.lists(tx.conn()).await?;
    let text_digest = post.words.folded.digest();
    let of = Of { post, text_digest: text_digest.as_deref(), newcomer_until: site.settings.newcomer_until };
    let (address, reader, facts, opened) = if let Some(address) = known {
        let reader = guest.browser.and_then(|browser| browser.reader_of(address.id));
        let facts = of.known(tx, &address, reader, words).await?;
        (address, reader, facts, None)
    } else {
        let (address, facts, opened) = of.first_seen(tx, site.rng, &guest, words).await?;
        (address, None, facts, opened)
    };
    let screening = screen::screen(&Case {
        text: post.words.body(),
        folded: &post.words.folded,
        links: &post.words.links,
        is_trapped: guest.is_trapped,
        dwell_seconds: guest.dwell_seconds,
        facts,
        policy: policy(site.settings, now.moderation),
    });
    let (browser, new_browser) = match (opened, guest.browser) {
        (Some((new, token)), _) => (new, Some(token)),
        (None, Some(known)) => {
            browser::renew(tx, &known).await?;
            (known, None)
        }
        (None, None) => browser::open(tx, site.rng).await.map(|(new, token)| (new, Some(token)))?,
    };
    let (status, reason) = screening.decision();
    let row = NewComment {
        network: Some(guest.network.shown()),
        network_key: Some(network_key),
        address_id: Some(address.id),
        reader_id: reader,
        browser_id: Some(browser.id),
        status,
        status_reason: reason.map(RuleId::as_str),
        published_at: (status == CommentStatus::Approved).then_some(tx.now),
        screening: screening.to_column(),
        replay_digest: Some(digest),
        text_digest,
        ..NewComment::of(post, &now, tx.now, guest.name.as_str(), guest.name.skeleton())
    };
    let Some((id, root)) = insert(tx, &row).await? else {
        // Another post with the same key, from another address, committed while this one waited for it.
        let key = post.submission_key.unwrap_or_default();
        return find_by_key(tx.conn(), key).await?.ok_or(CreateError::NotFound);
    };
    let detail = json!({"status": status, "rules": screening.codes()});
    audit::append(
        tx,
        audit::Entry {
            actor: Actor::Reader,
            action: "comment.post",
            subject: "comment",
            subject_id: Some(id.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    if status == CommentStatus::Approved {
        publish(tx, &row, id, root).await?;
    }
    let asks_to_confirm = wish(tx, post, guest.notify, (&address, reader), (id, root), status).await?;
    Ok(Created { id, root, status, reason, is_replay: false, new_browser, asks_to_confirm })
}

/// What is asked before anything else, in one statement.
#[derive(Queryable)]
struct Before {
    mode: CommentsMode,
    revision: Option<RevisionId>,
    moderation: Option<ModerationMode>,
    replay: Option<CommentId>,
    /// The time of the oldest of as many comments as a network may post a minute, if all are of the last minute.
    network_full_since: Option<DateTime<Utc>>,
    parent: Option<CommentId>,
}

impl Before {
    fn check(self, site: Site<'_>, post: Post<'_>, now: DateTime<Utc>) -> Result<Now, CreateError> {
        let Self { mode, revision: Some(revision), moderation, .. } = self else { return Err(CreateError::NotFound) };
        if mode != CommentsMode::Open {
            return Err(CreateError::Closed);
        }
        if let Some(sentence) = &site.settings.paused {
            return Err(CreateError::Paused(sentence.clone()));
        }
        if let Some(oldest) = self.network_full_since.filter(|at| site.comments_a_minute > 0 && *at > now - MINUTE) {
            return Err(CreateError::TooFast { is_network: true, again_at: oldest + MINUTE });
        }
        if post.parent.is_some() && self.parent.is_none() {
            return Err(CreateError::ParentGone);
        }
        Ok(Now { mode, revision, moderation })
    }
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// The article, an earlier post of the same form, the network's pace and the parent; and the address, if somebody
/// has typed it before. All of it by index; the throttles are decisions 7.
async fn before(
    tx: &mut Tx,
    post: Post<'_>,
    digest: &[u8],
    (a_minute, network_key): (i64, &[u8]),
    email: &Email,
) -> Result<(Before, Option<Address>), CreateError> {
    let at = tx.now;
    let by_key =
        comments::table.filter(comments::submission_key.eq(post.submission_key)).select(comments::id).single_value();
    let by_digest = comments::table
        .filter(comments::replay_digest.eq(digest))
        .filter(comments::created_at.gt(at - limits::REPLAY_WINDOW))
        .filter(comments::status.ne(CommentStatus::Trash))
        .select(comments::id)
        .single_value();
    let network = comments::table
        .filter(comments::network_key.eq(network_key))
        .filter(comments::created_at.gt(at - MINUTE))
        .order(comments::created_at.desc())
        .select(comments::created_at)
        .offset(a_minute.max(1) - 1)
        .single_value();
    let parent = comments::table
        .filter(comments::id.eq(post.parent.unwrap_or(CommentId(0))))
        .filter(comments::article_id.eq(post.place.article))
        .filter(comments::status.eq(CommentStatus::Approved))
        .select(comments::id)
        .single_value();
    let row: Option<(Before, Option<Address>)> = articles::table
        .left_join(addresses::table.on(addresses::canonical.eq(&email.canonical)))
        .filter(articles::id.eq(post.place.article))
        .filter(articles::state.eq(ArticleState::Published))
        .select((
            (
                articles::comments_mode,
                articles::published_revision_id,
                articles::moderation_mode,
                coalesce(by_key, by_digest),
                network,
                parent,
            ),
            Option::<Address>::as_select(),
        ))
        .get_result(tx.conn())
        .await
        .optional()?;
    row.ok_or(CreateError::NotFound)
}

diesel::define_sql_function! {
    /// The first that is not null.
    fn coalesce(first: Nullable<BigInt>, second: Nullable<BigInt>) -> Nullable<BigInt>;
}

/// What the writer's standing is asked about.
struct Of<'a> {
    post: Post<'a>,
    text_digest: Option<&'a [u8]>,
    newcomer_until: i64,
}

impl Of<'_> {
    fn subject(&self, tx: &Tx, writer: Option<(AddressId, Option<ReaderId>)>) -> Subject<'_> {
        Subject {
            article: self.post.place.article,
            writer,
            text_digest: self.text_digest,
            newcomer_until: self.newcomer_until,
            now: tx.now,
        }
    }

    /// Of an address somebody has posted under: what the rules need, the person's pace, and whether they said the
    /// same already.
    async fn known(
        &self,
        tx: &mut Tx,
        address: &Address,
        reader: Option<ReaderId>,
        words: Arc<Lists>,
    ) -> Result<Facts, CreateError> {
        let at = tx.now;
        let subject = self.subject(tx, Some((address.id, reader)));
        let conn: &AsyncPgConnection = tx.conn();
        let person = Person { address: address.id, reader, article: self.post.place.article };
        let facts = async { Ok(screen::facts(conn, subject, words).await?) };
        let (facts, ()) = try_join!(facts, person.check(conn, self.text_digest, at))?;
        Ok(facts)
    }

    /// Of an address nobody has typed before; it and the browser are written down beside the questions.
    async fn first_seen(
        &self,
        tx: &mut Tx,
        rng: Rng,
        guest: &Guest<'_>,
        words: Arc<Lists>,
    ) -> Result<(Address, Facts, Option<(Browser, Token)>), CreateError> {
        let at = tx.now;
        let subject = self.subject(tx, None);
        let conn: &AsyncPgConnection = tx.conn();
        let facts = async { Ok::<_, CreateError>(screen::facts(conn, subject, words).await?) };
        let address = async { Ok(readers::add_address(conn, guest.email, at).await?) };
        let opened =
            async { Ok(if guest.browser.is_none() { Some(browser::open_on(conn, rng, at).await?) } else { None }) };
        let (facts, address, opened) = try_join!(facts, address, opened)?;
        Ok((address, facts, opened))
    }
}

/// Writes a comment of a signed-in person, with the badge they have on this article; never held.
pub async fn create_as_staff(tx: &mut Tx, who: &Session, post: Post<'_>) -> Result<Created, CreateError> {
    if let Some(key) = post.submission_key
        && let Some(existing) = find_by_key(tx.conn(), key).await?
    {
        return Ok(existing);
    }
    let now = check_open(tx, post.place.article).await?;
    if now.mode == CommentsMode::Off {
        return Err(CreateError::Closed);
    }
    check_parent(tx.conn(), post).await?;
    let badge = badge(tx.conn(), who.staff_id(), now.revision).await?;
    let skeleton = text::skeleton(who.name());
    let row = NewComment {
        staff_id: Some(who.staff_id()),
        badge: Some(badge),
        badge_title: who.title(),
        text_digest: post.words.folded.digest(),
        ..NewComment::of(post, &now, tx.now, who.name(), &skeleton)
    };
    let Some((id, root)) = insert(tx, &row).await? else {
        let key = post.submission_key.unwrap_or_default();
        return find_by_key(tx.conn(), key).await?.ok_or(CreateError::NotFound);
    };
    let detail = json!({"status": row.status, "badge": badge, "parent": post.parent});
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
    publish(tx, &row, id, root).await?;
    Ok(Created {
        id,
        root,
        status: row.status,
        reason: None,
        is_replay: false,
        new_browser: None,
        asks_to_confirm: false,
    })
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

/// What the article is at the moment of writing.
struct Now {
    mode: CommentsMode,
    revision: RevisionId,
    moderation: Option<ModerationMode>,
}

async fn check_open(tx: &mut Tx, article: ArticleId) -> Result<Now, CreateError> {
    let row: Option<(CommentsMode, Option<RevisionId>, Option<ModerationMode>)> = articles::table
        .find(article)
        .filter(articles::state.eq(ArticleState::Published))
        .select((articles::comments_mode, articles::published_revision_id, articles::moderation_mode))
        .get_result(tx.conn())
        .await
        .optional()?;
    match row {
        Some((mode, Some(revision), moderation)) => Ok(Now { mode, revision, moderation }),
        Some((_, None, _)) | None => Err(CreateError::NotFound),
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

/// Who writes again. A person who proved their address is counted by what they wrote themselves, so that nobody
/// uses up their turn by typing it.
struct Person {
    address: AddressId,
    reader: Option<ReaderId>,
    article: ArticleId,
}

impl Person {
    /// The person's throttle, and the same words under the same article, in other dress or place: one statement.
    async fn check(
        &self,
        mut conn: &AsyncPgConnection,
        text_digest: Option<&[u8]>,
        now: DateTime<Utc>,
    ) -> Result<(), CreateError> {
        let window = TimeDelta::from_std(limits::READER_WINDOW).unwrap_or(TimeDelta::minutes(10));
        let said = comments::table
            .filter(comments::text_digest.eq(text_digest))
            .filter(comments::created_at.gt(now - limits::REPLAY_WINDOW))
            .filter(comments::article_id.eq(self.article))
            .filter(comments::address_id.eq(self.address))
            .filter(comments::status.ne(CommentStatus::Trash))
            .select(comments::id)
            .single_value();
        let newest = comments::table
            .select(comments::created_at)
            .order(comments::id.desc())
            .offset(limits::COMMENTS_PER_READER - 1);
        let (oldest, said): (Option<DateTime<Utc>>, Option<CommentId>) = if let Some(reader) = self.reader {
            let of_reader = newest.filter(comments::reader_id.eq(reader)).single_value();
            diesel::select((of_reader, said)).get_result(&mut conn).await?
        } else {
            let of_address = newest.filter(comments::address_id.eq(self.address)).single_value();
            diesel::select((of_address, said)).get_result(&mut conn).await?
        };
        if let Some(oldest) = oldest.filter(|oldest| *oldest > now - window) {
            return Err(CreateError::TooFast { is_network: false, again_at: oldest + window });
        }
        let message = "You have posted this already.".into();
        said.map_or(Ok(()), |id| Err(CreateError::Invalid(FieldError { field: Field::Body, message, see: Some(id) })))
    }
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

// Nothing is left to the columns' defaults: the statement is then the same for every comment, and prepared once.
#[derive(Insertable)]
#[diesel(table_name = comments, treat_none_as_default_value = false)]
struct NewComment<'a> {
    article_id: ArticleId,
    revision_id: RevisionId,
    parent_id: Option<CommentId>,
    /// Both given by the trigger; the columns are not null.
    root_id: CommentId,
    depth: i32,
    status: CommentStatus,
    status_reason: Option<&'a str>,
    screening: serde_json::Value,
    name: &'a str,
    name_skeleton: &'a str,
    address_id: Option<AddressId>,
    reader_id: Option<ReaderId>,
    browser_id: Option<BrowserId>,
    staff_id: Option<StaffId>,
    badge: Option<Badge>,
    badge_title: &'a str,
    body: &'a str,
    html: &'a str,
    renderer_version: i32,
    submission_key: Option<&'a str>,
    replay_digest: Option<Vec<u8>>,
    text_digest: Option<Vec<u8>>,
    network: Option<String>,
    network_key: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
    published_at: Option<DateTime<Utc>>,
    status_changed_at: DateTime<Utc>,
}

impl<'a> NewComment<'a> {
    /// Approved, of nobody in particular.
    fn of(post: Post<'a>, article: &Now, now: DateTime<Utc>, name: &'a str, name_skeleton: &'a str) -> Self {
        Self {
            article_id: post.place.article,
            revision_id: article.revision,
            parent_id: post.parent,
            root_id: CommentId(0),
            depth: 0,
            status: CommentStatus::Approved,
            status_reason: None,
            screening: json!([]),
            name,
            name_skeleton,
            address_id: None,
            reader_id: None,
            browser_id: None,
            staff_id: None,
            badge: None,
            badge_title: "",
            body: post.words.body(),
            html: post.words.text.html.as_str(),
            renderer_version: RENDERER_VERSION,
            submission_key: post.submission_key,
            replay_digest: None,
            text_digest: None,
            network: None,
            network_key: None,
            created_at: now,
            published_at: Some(now),
            status_changed_at: now,
        }
    }
}

/// Inserts; `None` when the submission key is taken.
async fn insert(tx: &mut Tx, row: &NewComment<'_>) -> Result<Option<(CommentId, CommentId)>, DbError> {
    let insert = diesel::insert_into(comments::table).values(row);
    let columns = (comments::id, comments::root_id);
    if row.submission_key.is_none() {
        return Ok(Some(insert.returning(columns).get_result(tx.conn()).await?)); // nothing to run into
    }
    Ok(insert.on_conflict_do_nothing().returning(columns).get_result(tx.conn()).await.optional()?)
}

async fn publish(tx: &mut Tx, row: &NewComment<'_>, id: CommentId, root: CommentId) -> Result<(), DbError> {
    decide::count_public(tx, row.article_id, row.parent_id.map(|_| root), 1).await?;
    notifications::reply::enqueue(tx, id).await
}

/// Notes what mail the writer wants, and asks for a confirmation unless this browser has proved the address. What
/// is answered never depends on whether the address is known, confirmed or stopped (requirements D6): the job
/// looks at that, and sends one mail an hour at most.
async fn wish(
    tx: &mut Tx,
    post: Post<'_>,
    notify: Notify,
    (address, reader): (&Address, Option<ReaderId>),
    (id, root): (CommentId, CommentId),
    status: CommentStatus,
) -> Result<bool, DbError> {
    let wish = match notify {
        Notify::None => return Ok(false),
        Notify::Replies => Wish::Replies(id),
        Notify::Thread => Wish::Thread(root),
        Notify::Article => Wish::Article,
    };
    if status == CommentStatus::Spam {
        return Ok(false);
    }
    if address.mail_stopped_at.is_none() {
        subscriptions::subscribe(tx, address.id, post.place.article, wish).await?;
    }
    if reader.is_some() {
        return Ok(false);
    }
    notifications::confirm::enqueue(tx, address.id).await?;
    Ok(true)
}
