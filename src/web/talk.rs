//! The conversation under an article, ready to print: threads, their order, the form with what was typed in it.
//!
//! The article's template includes `comments/_talk.html` with a [`Talk`] as its variable `talk`. A page is the
//! same for everybody, and may be kept, unless [`Query::is_private`] or the reader's cookies say otherwise.

use std::collections::HashSet;
use std::ops::Range;

use actix_web::HttpRequest;
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;

use crate::app::App;
use crate::comments::helpful;
use crate::comments::model::{Notify, Place, Words};
use crate::comments::preview;
use crate::comments::standing;
use crate::comments::thread::{self, Ask, Comment, Show, Sort, Stretch, Thread, Which};
use crate::core::ids::{ArticleId, CommentId};
use crate::core::limits;
use crate::core::rng::Token;
use crate::core::secret::Secret;
use crate::core::status::{Badge, CommentsMode};
use crate::core::text;
use crate::db::{Conn, DbError};
use crate::moderation::decide;
use crate::moderation::pin::{self, Act};
use crate::moderation::waiting::{self, Usual};
use crate::readers::browser::{self, Browser};
use crate::render::sanitize::SanitizedHtml;
use crate::settings::Settings;
use crate::staff::authority::{Capability as _, MayDecide, Session};
use crate::urls::{self, TalkPart};
use crate::web::avatar::{self, Look};
use crate::web::error::AppError;
use crate::web::extract::authority;
use crate::web::page::{FormErrors, NoticeKind};
use crate::web::{cookies, shell, whereabouts};

/// Cookie of a writer's browser.
pub const READER_COOKIE: &str = "stet_reader";
/// Cookie that keeps a reader's name and address for the form.
pub const REMEMBER_COOKIE: &str = "stet_remember";

/// How long a comment is greeted as just posted.
const JUST_POSTED: TimeDelta = TimeDelta::seconds(60);

/// What of the address concerns the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Order of threads.
    pub sort: Sort,
    /// The page after this top comment.
    pub after: Option<CommentId>,
    /// The order in which threads stood then; where they stand by a number.
    pub as_of: Option<DateTime<Utc>>,
    /// All on one page.
    pub is_all: bool,
    /// To print or to keep: nothing is folded away.
    pub is_print: bool,
    /// The article without what people said about it.
    pub is_alone: bool,
    /// The page that holds this top comment.
    pub at: Option<CommentId>,
    /// The form stands under this comment.
    pub reply: Option<CommentId>,
    /// A comment that was asked for is not there any more.
    pub is_gone: bool,
    /// A confirmation mail is on its way.
    pub asks_to_confirm: bool,
}

impl Query {
    /// Nothing asked for.
    pub const PLAIN: Self = Self {
        sort: Sort::Oldest,
        after: None,
        as_of: None,
        is_all: false,
        is_print: false,
        is_alone: false,
        at: None,
        reply: None,
        is_gone: false,
        asks_to_confirm: false,
    };

    /// Reads the known parameters; others, and values that mean nothing, are passed over.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let mut query = Self::PLAIN;
        for (name, value) in url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "sort" => query.sort = value.parse().unwrap_or(Sort::Oldest),
                "after" => query.after = value.parse().ok(),
                "as_of" => query.as_of = value.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
                "all" => query.is_all = value == "1",
                "print" => query.is_print = value == "1",
                "comments" => query.is_alone = value == "0",
                "at" => query.at = value.parse().ok(),
                "reply" => query.reply = value.parse().ok(),
                "gone" => query.is_gone = value == "1",
                "confirm" => query.asks_to_confirm = value == "1",
                _ => {}
            }
        }
        // A thread that is asked for stands among its neighbours in time, whatever the order it was found in.
        if query.at.is_some() || query.reply.is_some() {
            query.sort = Sort::Oldest;
        }
        if !query.sort.is_by_number() || query.after.is_none() {
            query.as_of = None;
        }
        query
    }

    /// Whether such a page is never kept, whoever asks (decisions 3).
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.at.is_some() || self.reply.is_some() || self.is_gone || self.asks_to_confirm
    }

    /// The address under which the page is kept: known parameters in a fixed order.
    #[must_use]
    pub fn address(&self, slug: &str) -> String {
        let part = match (self.is_all, self.after) {
            (true, _) => TalkPart::All,
            (false, Some(after)) => TalkPart::After(after, self.as_of.map(|at| at.timestamp())),
            (false, None) => TalkPart::First,
        };
        let mut address = urls::talk_page(slug, self.sort_word(), part);
        for (word, is_asked) in [("print=1", self.is_print), ("comments=0", self.is_alone)] {
            if is_asked {
                address.push(if address.contains('?') { '&' } else { '?' });
                address.push_str(word);
            }
        }
        address
    }

    fn sort_word(&self) -> Option<&'static str> {
        (self.sort != Sort::Oldest).then(|| self.sort.as_str())
    }
}

/// Who looks at the page.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// A browser somebody has posted from.
    pub browser: Option<Browser>,
    /// A signed-in person.
    pub staff: Option<Session>,
    /// Name and address kept in this browser.
    pub remembered: Option<(String, String)>,
}

impl Viewer {
    /// Whether the page is theirs alone.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.browser.is_some() || self.staff.is_some() || self.remembered.is_some()
    }

    /// Whether a request carries a cookie that may make the page its own: then [`Viewer`] is to be loaded.
    #[must_use]
    pub fn may_be_known(app: &App, request: &HttpRequest) -> bool {
        [READER_COOKIE, REMEMBER_COOKIE, cookies::SESSION]
            .iter()
            .any(|name| cookies::read(app, request, name).is_some())
    }

    /// Who sends a request.
    pub async fn load(app: &App, request: &HttpRequest) -> Result<Self, AppError> {
        let staff = authority::session_of(app, request).await?;
        let token = cookies::read(app, request, READER_COOKIE).and_then(|value| Token::parse(&value));
        let browser = match token {
            Some(token) => browser::find(&mut *app.db.read().await?, &token, app.now()).await?,
            None => None,
        };
        let remembered = cookies::read(app, request, REMEMBER_COOKIE).and_then(|value| remembered(&value));
        Ok(Self { browser, staff, remembered })
    }
}

/// Name and address out of the cookie: two parts of base64url, divided by a dot.
fn remembered(value: &str) -> Option<(String, String)> {
    let (name, email) = value.split_once('.')?;
    let decode =
        |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (name, email) = (decode(name)?, decode(email)?);
    let fits = name.chars().count() <= limits::NAME_CHARS_MAX
        && email.len() <= limits::EMAIL_CHARS_MAX
        && !text::has_control(&name)
        && !text::has_control(&email);
    fits.then_some((name, email))
}

/// The value that [`Viewer::load`] reads back.
#[must_use]
pub fn remember(name: &str, email: &str) -> String {
    format!("{}.{}", BASE64URL_NOPAD.encode(name.as_bytes()), BASE64URL_NOPAD.encode(email.as_bytes()))
}

// ---- the stamp of a form ---------------------------------------------------------------------------------------

/// When a form was drawn, signed: `u` on a page for one reader, `c` on one that may be kept (decisions 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the page was made for this reader, so that the time since then is their own.
    pub is_fresh: bool,
}

impl Stamp {
    const PURPOSE: &'static str = "comment form";

    /// As the hidden field carries it.
    #[must_use]
    pub fn sign(self, secret: &Secret) -> String {
        let kind = if self.is_fresh { 'u' } else { 'c' };
        secret.sign(Self::PURPOSE, &format!("{kind}{}", self.at.timestamp()))
    }

    /// Reads a stamp that is ours, whatever its age.
    #[must_use]
    pub fn read(secret: &Secret, signed: &str) -> Option<Self> {
        let message = secret.verify(Self::PURPOSE, signed)?;
        let is_fresh = message.starts_with('u');
        let at = DateTime::from_timestamp(message.get(1..)?.parse().ok()?, 0)?;
        Some(Self { at, is_fresh })
    }

    /// Whether the page was open for longer than a stamp is good for.
    #[must_use]
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        now - self.at > TimeDelta::from_std(limits::FORM_STAMP_LIFE).unwrap_or(TimeDelta::days(2))
    }
}

// ---- the view --------------------------------------------------------------------------------------------------

/// The comments section of an article's page.
#[derive(Debug, Default)]
pub struct Talk {
    /// "7 comments".
    pub heading: String,
    /// The article news of which are waited for: on a first page that takes comments.
    pub live: Option<ArticleId>,
    /// Whether there is anything to sort or read.
    pub is_empty: bool,
    /// Where the sort form goes.
    pub sort_href: String,
    /// Orders: word, label, whether it is the present one.
    pub sorts: Vec<(&'static str, &'static str, bool)>,
    /// One line of house rules; may be empty.
    pub rules: String,
    /// A sentence above the threads.
    pub notice: Option<(NoticeKind, String)>,
    /// The pinned answer, on a first page.
    pub pinned: Option<PinnedView>,
    /// The threads of this page.
    pub threads: Vec<ThreadView>,
    /// The first page, when this one is not it.
    pub first_href: Option<String>,
    /// The next page: where, and what it says.
    pub next: Option<(String, String)>,
    /// Where all of a short conversation stands on one page, unless it does here.
    pub all_href: Option<String>,
    /// Why nothing can be written now.
    pub closed: Option<String>,
    /// A text that came too late, for its writer to copy.
    pub kept: Option<String>,
    /// The form.
    pub form: Option<FormView>,
    /// Under which comment the form stands; at the end without one.
    pub form_under: Option<CommentId>,
    /// Where the form at the end is, when it stands under a comment.
    pub new_comment_href: String,
}

impl Talk {
    /// Whether its form was refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.form.as_ref().is_some_and(|form| !form.errors.is_empty())
    }
}

/// The pinned answer.
#[derive(Debug)]
pub struct PinnedView {
    /// The comment; the card has no id of its own.
    pub comment: CommentView,
    /// Where it stands in the conversation.
    pub href: String,
}

/// A thread.
#[derive(Debug)]
pub struct ThreadView {
    /// The top comment.
    pub top: CommentView,
    /// Replies, first part.
    pub replies: Replies,
    /// "3 replies, 1 from staff"; empty without any.
    pub summary: String,
    /// "Show 14 more replies", and where they are.
    pub more: Option<(String, String)>,
    /// Replies after what is left out.
    pub last: Vec<CommentView>,
}

/// Replies in reading order, nested by the lists they open and close.
#[derive(Debug)]
pub struct Replies {
    /// The replies.
    pub all: Vec<ReplyView>,
    /// Lists still open after the last one.
    open_lists: usize,
}

impl Replies {
    /// One for each list still open after the last one.
    #[must_use]
    pub fn closing(&self) -> Range<usize> {
        0..self.open_lists
    }
}

/// A reply with the lists it opens and closes: the template has no recursion.
#[derive(Debug)]
pub struct ReplyView {
    /// Whether it opens a list inside the reply before it.
    pub opens: bool,
    /// Lists that end before it.
    closes: usize,
    /// Whether the reply before it ends here.
    pub ends_item: bool,
    /// The comment.
    pub comment: CommentView,
}

impl ReplyView {
    /// One for each list that ends before it.
    #[must_use]
    pub fn closing(&self) -> Range<usize> {
        0..self.closes
    }
}

/// A comment.
#[derive(Debug)]
pub struct CommentView {
    /// Its id.
    pub id: CommentId,
    /// `public`, `waiting`, `removed`, `withdrawn`.
    pub show: &'static str,
    /// Its writer.
    pub name: String,
    /// For the avatar.
    pub initials: String,
    /// Its look, for a reader who proved their address.
    pub look: Option<Look>,
    /// "Author", "Staff, sleep physician".
    pub badge: Option<String>,
    /// Whether this browser wrote it.
    pub is_own: bool,
    /// Whether it was changed after others could see it.
    pub is_edited: bool,
    /// "Written before the update of 14 November 2026", and what that changed, where readers can look at it.
    pub before_update: Option<(String, Option<String>)>,
    /// "9 Nov 2026".
    pub when: String,
    /// The same for programs.
    pub when_iso: String,
    /// The comment itself.
    pub href: String,
    /// What it answers.
    pub parent: Option<CommentId>,
    /// Whom it answers, and where that is.
    pub to: Option<(String, String)>,
    /// The text.
    pub html: SanitizedHtml,
    /// Where it is answered.
    pub reply_href: Option<String>,
    /// Where it is changed, and how many minutes are left.
    pub edit: Option<(String, String)>,
    /// Where it is withdrawn.
    pub withdraw_href: Option<String>,
    /// What its writer is told above it.
    pub note: Option<String>,
    /// The page that says where it is, for the writer of one that waits.
    pub standing_href: Option<String>,
    /// Whether it was just posted: what is told is read first.
    pub is_new: bool,
    /// The button that says it helped, and how many it helped; nothing where there is neither.
    pub helpful: Option<HelpfulView>,
    /// Where it is reported.
    pub report_href: Option<String>,
    /// Where staff decide on it.
    pub desk_href: Option<String>,
    /// The button with which staff pin it.
    pub pin: Option<PinView>,
    /// Whether the form stands under it.
    pub has_form: bool,
}

/// A button that pins a comment of the team, or takes the pin away.
#[derive(Debug)]
pub struct PinView {
    /// Where it sends.
    pub action: String,
    /// The session's token.
    pub csrf_token: String,
    /// Where it leads back to.
    pub return_to: String,
    /// `pin` or `unpin`.
    pub act: &'static str,
    /// "Pin" or "Unpin".
    pub label: &'static str,
}

/// "Helpful · 3".
#[derive(Debug)]
pub struct HelpfulView {
    /// Where the button sends; none under one's own comment.
    pub action: Option<String>,
    /// The form it sends: the other of what was said before.
    pub form: &'static str,
    /// Whether this reader said so; `None` where nobody knows who reads.
    pub is_said: Option<bool>,
    /// "Helpful · 3".
    pub label: String,
}

/// The form with what was typed in it.
#[derive(Debug, Default)]
pub struct FormView {
    /// Where it is posted.
    pub action: String,
    /// "Leave a comment" or "Reply to Dele A.".
    pub heading: String,
    /// The comment that is answered.
    pub parent: Option<CommentId>,
    /// Its first words.
    pub quote: String,
    /// Fresh key, on a page that is not kept.
    pub key: Option<String>,
    /// Signed time.
    pub stamp: String,
    /// What was typed.
    pub typed: Typed,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// A sentence above the fields.
    pub alert: Option<(NoticeKind, String)>,
    /// Private details the writer is asked about; posting it again posts it as it is.
    pub details: Vec<&'static str>,
    /// A comment the alert or an error points to.
    pub see_href: Option<String>,
    /// The comment as it will look.
    pub preview: Option<PreviewView>,
    /// "Miriam Achebe, author": staff write without name and address.
    pub staff: Option<String>,
    /// The session's token, for staff.
    pub csrf_token: Option<String>,
    /// Whether "remember" is offered: after the first post.
    pub offers_to_remember: bool,
}

/// What was typed, as it came.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// The text.
    pub body: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// What mail is asked for, as the form's word; empty for none.
    pub notify: String,
    /// Whether name and address are to be kept in the browser.
    pub remember: bool,
}

/// A preview.
#[derive(Debug)]
pub struct PreviewView {
    /// The name it will stand under.
    pub name: String,
    /// For the avatar.
    pub initials: String,
    /// The text.
    pub html: SanitizedHtml,
    /// What will happen to it.
    pub notes: Vec<String>,
}

/// What a handler adds to the form: what was typed, what is wrong with it.
#[derive(Debug, Default)]
pub struct FormState {
    /// What was typed.
    pub typed: Option<Typed>,
    /// What is wrong.
    pub errors: FormErrors,
    /// A sentence above the fields.
    pub alert: Option<(NoticeKind, String)>,
    /// A comment it points to.
    pub see: Option<CommentId>,
    /// The key the form had; a fresh one without.
    pub key: Option<String>,
    /// The stamp the form had, if it is still good.
    pub stamp: Option<Stamp>,
    /// The text, to be shown as it will look.
    pub preview: Option<Words>,
    /// Private details in it, which its writer is asked about before it is posted.
    pub details: Vec<&'static str>,
}

/// What a page's conversation is made from.
#[derive(Debug)]
pub struct Given<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The article.
    pub place: &'a Place,
    /// Comments everyone can see.
    pub count: i32,
    /// Who looks.
    pub viewer: &'a Viewer,
    /// What of the address concerns it.
    pub query: &'a Query,
    /// What the form holds.
    pub form: FormState,
    /// Whether the page may be kept: its form then has no key of its own.
    pub is_kept: bool,
}

/// Loads a page's conversation. `None` where an article has none.
pub async fn talk(app: &App, conn: &mut Conn, given: Given<'_>) -> Result<Option<Talk>, DbError> {
    if given.place.mode == CommentsMode::Off {
        return Ok(None);
    }
    let query = given.query;
    let fits_one_page = i64::from(given.count) <= limits::COMMENTS_ON_ONE_PAGE;
    let which = match (query.at.or(query.reply), query.after) {
        (Some(id), _) => Which::Around(root_of(conn, &given, id).await?),
        (None, _) if query.is_all && fits_one_page => Which::All,
        (None, Some(after)) => query.as_of.map_or(Which::After(after), |as_of| Which::AfterAsOf(after, as_of)),
        (None, None) => Which::First,
    };
    let ask = Ask {
        article: given.place.article,
        sort: query.sort,
        which,
        depth: given.settings.comments.depth,
        browser: given.viewer.browser,
    };
    let page = thread::page(conn, ask).await?;
    let is_first = !page.has_earlier && query.after.is_none();
    let pinned =
        if is_first { thread::pinned(conn, given.place.article, given.viewer.browser.as_ref()).await? } else { None };
    let marks = Marks::load(app, conn, &given, drawn_of(&page.threads)).await?;
    let draw = Draw { app, given: &given, now: app.now(), newest_own: newest_own(&page.threads), marks: &marks };
    let pinned = pinned.map(|comment| PinnedView {
        href: match find(&page.threads, comment.id) {
            Some(_) => format!("#comment-{}", comment.id),
            None => urls::comment(comment.id),
        },
        comment: draw.comment(&comment),
    });
    let threads: Vec<ThreadView> = page.threads.iter().map(|thread| draw.thread(thread)).collect();
    let drawn = query.reply.and_then(|id| find(&page.threads, id)).filter(|parent| parent.show == Show::Public);
    // A comment far down in a long thread is not on this page; the form then stands at the end.
    let far = match query.reply {
        Some(id) if drawn.is_none() => thread::one(conn, given.place.article, id).await?,
        Some(_) | None => None,
    };
    let parent = drawn.or(far.as_ref());
    let closed = draw.closed();
    let slug = &given.place.slug;
    let part_href = |part| urls::talk_page(slug, query.sort_word(), part) + "#comments";
    let as_of = query.sort.is_by_number().then(|| query.as_of.unwrap_or_else(|| app.now()).timestamp());
    let next =
        page.next.map(|after| (part_href(TalkPart::After(after, as_of)), next_label(page.next_count, given.count)));
    let first_href = (page.has_earlier || query.after.is_some()).then(|| part_href(TalkPart::First));
    let is_part = next.is_some() || first_href.is_some() || page.threads.iter().any(|thread| thread.folded > 0);
    let all_href = (fits_one_page && is_part).then(|| part_href(TalkPart::All));
    let heading = heading(given.count);
    let sorts = Sort::ALL.iter().map(|sort| (sort.as_str(), sort.label(), *sort == query.sort)).collect();
    let notice = draw.notice(query.reply.is_some() && parent.is_none());
    let form_under = drawn.map(|parent| parent.id);
    let form = closed.is_none().then(|| draw.form(parent));
    let kept = given.form.typed.as_ref().filter(|_| closed.is_some()).map(|typed| typed.body.clone());
    Ok(Some(Talk {
        heading,
        live: (is_first && form.is_some()).then_some(given.place.article),
        is_empty: threads.is_empty(),
        sort_href: urls::article(slug),
        sorts,
        rules: given.settings.comments.house_rules.clone(),
        notice,
        pinned,
        threads,
        first_href,
        next,
        all_href,
        new_comment_href: format!("{}#reply", urls::article(slug)),
        form: match (form, given.form) {
            (Some(form), state) => Some(fill(app, form, state, given.settings, given.is_kept, given.viewer)),
            (None, _) => None,
        },
        form_under,
        closed,
        kept,
    }))
}

async fn root_of(conn: &mut Conn, given: &Given<'_>, id: CommentId) -> Result<CommentId, DbError> {
    Ok(thread::find(conn, id, given.viewer.browser.as_ref()).await?.map_or(id, |found| found.root))
}

/// What of the comments is known of, or open to, the one who looks.
#[derive(Debug, Default)]
pub struct Marks {
    /// Those this reader found helpful: known of whoever confirmed an address.
    voted: HashSet<CommentId>,
    /// Whether this person decides on comments here.
    decides: bool,
    /// The pinned answer, where they do.
    pinned: Option<CommentId>,
    /// How long comments wait, where one of the reader's own does.
    usual: Option<Usual>,
}

impl Marks {
    /// Of these comments of a page.
    pub async fn load<'a>(
        app: &App,
        conn: &mut Conn,
        given: &Given<'_>,
        comments: impl Iterator<Item = &'a Comment> + Clone,
    ) -> Result<Self, DbError> {
        let mut marks = Self::default();
        if comments.clone().any(|comment| comment.show == Show::Waiting) {
            marks.usual = waiting::usual(conn, app.now()).await?;
        }
        let article = given.place.article;
        if let Some(who) = given.viewer.staff.as_ref().and_then(|staff| MayDecide::of(staff).ok())
            && decide::covers(conn, &who, article).await?
        {
            marks.decides = true;
            marks.pinned = pin::find(conn, article).await?;
        }
        let reader = given.viewer.browser.as_ref().filter(|browser| browser.reader.is_some());
        if reader.is_some() {
            let public = comments.filter(|comment| comment.show == Show::Public);
            marks.voted = helpful::of_reader(conn, reader, public.map(|comment| comment.id).collect()).await?;
        }
        Ok(marks)
    }
}

fn drawn_of(threads: &[Thread]) -> impl Iterator<Item = &Comment> + Clone {
    threads.iter().flat_map(|thread| std::iter::once(&thread.top).chain(&thread.replies).chain(&thread.last))
}

fn find(threads: &[Thread], id: CommentId) -> Option<&Comment> {
    drawn_of(threads).find(|comment| comment.id == id)
}

/// What this browser wrote last, of what is drawn: greeted right after posting.
fn newest_own(threads: &[Thread]) -> Option<CommentId> {
    drawn_of(threads).filter(|comment| comment.is_own).map(|comment| comment.id).max()
}

fn heading(count: i32) -> String {
    match count {
        ..=0 => "No comments yet".into(),
        1 => "1 comment".into(),
        more => format!("{} comments", text::grouped(usize::try_from(more).unwrap_or(0))),
    }
}

fn next_label(next: usize, count: i32) -> String {
    format!("Next {next} of {}", heading(count))
}

/// Draws comments for one page.
struct Draw<'a> {
    app: &'a App,
    given: &'a Given<'a>,
    now: DateTime<Utc>,
    newest_own: Option<CommentId>,
    marks: &'a Marks,
}

impl Draw<'_> {
    fn closed(&self) -> Option<String> {
        if let Some(sentence) = &self.given.settings.comments.paused {
            return Some(sentence.clone());
        }
        if self.given.place.mode == CommentsMode::Open {
            return None;
        }
        let on = self
            .given
            .place
            .closed_at
            .map(|at| format!(" on {}", shell::date_in_words(at, self.given.settings)))
            .unwrap_or_default();
        Some(format!("Comments closed{on}. You can still read them."))
    }

    fn notice(&self, parent_is_gone: bool) -> Option<(NoticeKind, String)> {
        if parent_is_gone {
            return Some((
                NoticeKind::Info,
                "The comment you were answering was removed. You can post yours on its own.".into(),
            ));
        }
        if self.given.query.is_gone {
            return Some((NoticeKind::Info, "That comment is no longer here.".into()));
        }
        let sentence = "To get replies by email, open the mail we have just sent you and confirm your address.";
        self.given.query.asks_to_confirm.then(|| (NoticeKind::Info, sentence.into()))
    }

    fn thread(&self, thread: &Thread) -> ThreadView {
        let replies = nested(thread.replies.iter().map(|reply| (reply.level, self.comment(reply))));
        let replies_label =
            |count: usize| if count == 1 { "1 reply".to_owned() } else { format!("{} replies", text::grouped(count)) };
        let drawn = thread.replies.len() + thread.last.len();
        let mut summary = if drawn == 0 { String::new() } else { replies_label(thread.reply_count.max(1)) };
        if thread.staff_count > 0 && drawn > 0 {
            summary = format!("{summary}, {} from staff", thread.staff_count);
        }
        let href = urls::thread(&self.given.place.slug, thread.top.id);
        ThreadView {
            top: self.comment(&thread.top),
            replies,
            summary,
            more: (thread.folded > 0).then(|| {
                (
                    if thread.folded == 1 {
                        "Show 1 more reply".to_owned()
                    } else {
                        format!("Show {} more replies", text::grouped(thread.folded))
                    },
                    href,
                )
            }),
            last: thread.last.iter().map(|reply| self.comment(reply)).collect(),
        }
    }

    fn comment(&self, comment: &Comment) -> CommentView {
        let settings = self.given.settings;
        let is_public = comment.show == Show::Public;
        let is_open = self.closed().is_none();
        let is_living = is_public || comment.show == Show::Waiting;
        let can_change = comment.is_own && is_living && comment.badge.is_none();
        let decides = self.marks.decides;
        // Under its own parent a reply needs no line; anywhere else it says whom it answers.
        let to = comment.parent.filter(|_| comment.is_flattened).zip(comment.parent_name.clone());
        CommentView {
            id: comment.id,
            show: match comment.show {
                Show::Public => "public",
                Show::Waiting => "waiting",
                Show::Removed => "removed",
                Show::Withdrawn => "withdrawn",
            },
            name: comment.name.clone(),
            initials: text::initials(&comment.name),
            look: comment.reader.map(|reader| avatar::of(self.app.secret(), reader)),
            badge: comment.badge.as_ref().map(|(badge, title)| badge_label(*badge, title)),
            is_own: comment.is_own && comment.badge.is_none(),
            is_edited: comment.edited_at.is_some() && is_public,
            before_update: self.before_update(comment),
            when: shell::date_short(comment.created_at, settings),
            when_iso: shell::machine_time(comment.created_at),
            href: urls::comment(comment.id),
            parent: comment.parent,
            to: to.map(|(parent, name)| (name, format!("#comment-{parent}"))),
            html: comment.html.clone(),
            reply_href: (is_public && is_open).then(|| urls::reply(&self.given.place.slug, comment.id)),
            edit: can_change
                .then(|| self.minutes_left(comment))
                .flatten()
                .map(|left| (urls::comment_edit(comment.id), left)),
            withdraw_href: can_change.then(|| urls::comment_withdraw(comment.id)),
            note: self.note(comment),
            standing_href: (comment.show == Show::Waiting)
                .then(|| urls::my_comment(&standing::token_for(self.app.secret(), comment.id))),
            is_new: self.is_new(comment),
            has_form: is_public && is_open && self.given.query.reply == Some(comment.id),
            helpful: (is_public && (comment.helpful > 0 || !comment.is_own)).then(|| self.helpful(comment)),
            report_href: (is_public && !comment.is_own && !decides).then(|| urls::comment_report(comment.id)),
            desk_href: (is_living && decides).then(|| urls::desk_comment(comment.id)),
            pin: self.pin(comment).filter(|_| is_public),
        }
    }

    /// What the article said then may have changed (goal sheet R37). Said at the top of a thread: what answers it is
    /// read in that light.
    fn before_update(&self, comment: &Comment) -> Option<(String, Option<String>)> {
        if comment.parent.is_some() {
            return None;
        }
        let place = self.given.place;
        let updated = place.updated_at.filter(|updated| comment.created_at < *updated)?;
        let sentence = format!("Written before the update of {}", shell::date_in_words(updated, self.given.settings));
        Some((sentence, place.update_number.map(|number| urls::changes(&place.slug, number))))
    }

    /// Of the team's comments, for those who decide here.
    fn pin(&self, comment: &Comment) -> Option<PinView> {
        let staff = self.given.viewer.staff.as_ref().filter(|_| self.marks.decides && comment.badge.is_some())?;
        let (act, label) =
            if self.marks.pinned == Some(comment.id) { (Act::Unpin, "Unpin") } else { (Act::Pin, "Pin") };
        Some(PinView {
            action: urls::desk_pin(comment.id),
            csrf_token: staff.csrf().to_owned(),
            return_to: urls::comment(comment.id),
            act: act.as_str(),
            label,
        })
    }

    fn helpful(&self, comment: &Comment) -> HelpfulView {
        let is_known = self.given.viewer.browser.is_some_and(|browser| browser.reader.is_some());
        let is_said = self.marks.voted.contains(&comment.id);
        HelpfulView {
            action: (!comment.is_own).then(|| urls::comment_helpful(comment.id)),
            form: if is_said { "vote-no" } else { "vote-yes" },
            is_said: is_known.then_some(is_said),
            label: match comment.helpful {
                0 => "Helpful".to_owned(),
                count => format!("Helpful · {}", text::grouped(usize::try_from(count).unwrap_or(0))),
            },
        }
    }

    fn minutes_left(&self, comment: &Comment) -> Option<String> {
        let window = TimeDelta::minutes(i64::from(self.given.settings.comments.edit_window_minutes));
        let left = comment.created_at + window - self.now;
        (left > TimeDelta::zero()).then(|| {
            let minutes = (left.num_seconds() + 59) / 60;
            if minutes == 1 { "1 minute left".to_owned() } else { format!("{minutes} minutes left") }
        })
    }

    fn note(&self, comment: &Comment) -> Option<String> {
        if comment.show == Show::Waiting {
            let reason = comment.reason.as_deref().and_then(|code| code.parse().ok()).map_or("", whereabouts::held);
            if comment.is_spam {
                let why = comment.reason.as_deref().and_then(|code| code.parse().ok()).map_or("", whereabouts::spam);
                return Some(format!("Filed as spam. Only you can see this. {why}"));
            }
            let usual = self
                .marks
                .usual
                .map_or_else(String::new, |usual| format!("; most comments are checked {}", usual.words()));
            return Some(format!("Waiting for a moderator. Only you can see this for now{usual}. {reason}"));
        }
        let minutes = self.given.settings.comments.edit_window_minutes;
        (comment.show == Show::Public && self.is_new(comment)).then(|| {
            if minutes == 0 {
                "Your comment is up.".to_owned()
            } else {
                format!("Your comment is up. You can edit it for {minutes} minutes.")
            }
        })
    }

    /// Whether it was posted with the request before this one.
    fn is_new(&self, comment: &Comment) -> bool {
        self.newest_own == Some(comment.id)
            && self.given.query.at.is_some()
            && self.now - comment.created_at < JUST_POSTED
    }

    fn form(&self, parent: Option<&Comment>) -> FormView {
        let name = parent.map(|parent| parent.name.clone());
        FormView {
            action: urls::comments_of(&self.given.place.slug),
            heading: name.map_or_else(|| "Leave a comment".to_owned(), |name| format!("Reply to {name}")),
            parent: parent.map(|parent| parent.id),
            quote: parent.map(|parent| text::excerpt(&plain(parent.html.as_str()), 160)).unwrap_or_default(),
            stamp: self
                .given
                .form
                .stamp
                .unwrap_or(Stamp { at: self.app.now(), is_fresh: !self.given.is_kept })
                .sign(self.app.secret()),
            see_href: self.given.form.see.map(urls::comment),
            ..FormView::default()
        }
    }
}

/// What was typed and what is wrong with it, into a form.
fn fill(
    app: &App,
    mut form: FormView,
    state: FormState,
    settings: &Settings,
    is_kept: bool,
    viewer: &Viewer,
) -> FormView {
    form.key = state.key.or_else(|| (!is_kept).then(|| app.rng().form_key()));
    form.staff = viewer.staff.as_ref().map(|staff| {
        if staff.title().is_empty() { staff.name().to_owned() } else { format!("{}, {}", staff.name(), staff.title()) }
    });
    form.csrf_token = viewer.staff.as_ref().map(|staff| staff.csrf().to_owned());
    form.offers_to_remember = viewer.browser.is_some() || viewer.remembered.is_some();
    form.typed = state.typed.unwrap_or_else(|| {
        let (name, email) = viewer.remembered.clone().unwrap_or_default();
        Typed { remember: viewer.remembered.is_some(), name, email, ..Typed::default() }
    });
    form.preview = state.preview.map(|words| {
        let name =
            viewer.staff.as_ref().map_or_else(|| text::tidy_name(&form.typed.name), |staff| staff.name().to_owned());
        let notes = if viewer.staff.is_some() { Vec::new() } else { preview::notes(&words, &settings.comments) };
        PreviewView { initials: text::initials(&name), name, html: words.text.html, notes }
    });
    form.errors = state.errors;
    form.alert = state.alert;
    form.details = state.details;
    form
}

/// The page of one long thread.
#[must_use]
pub fn stretch_view(app: &App, given: &Given<'_>, stretch: &Stretch, marks: &Marks) -> (CommentView, Replies) {
    let draw = Draw {
        app,
        given,
        now: app.now(),
        newest_own: stretch.replies.iter().filter(|reply| reply.is_own).map(|reply| reply.id).max(),
        marks,
    };
    // The reference list is on the article's page.
    let article = urls::article(&given.place.slug);
    let comment = |comment: &Comment| {
        let drawn = draw.comment(comment);
        CommentView { html: drawn.html.away_from(&article), ..drawn }
    };
    let replies = nested(stretch.replies.iter().map(|reply| (reply.level, comment(reply))));
    (comment(&stretch.top), replies)
}

/// Turns levels into lists to open and close. Level 1 is the outermost list, which the template opens.
fn nested(comments: impl Iterator<Item = (usize, CommentView)>) -> Replies {
    let mut above: Option<usize> = None;
    let mut out = Vec::new();
    for (level, comment) in comments {
        let level = level.max(1);
        let (opens, closes, ends_item, now) = match above {
            None => (false, 0, false, 1),
            Some(above) if level > above => (true, 0, false, above + 1),
            Some(above) => (false, above - level, true, level),
        };
        above = Some(now);
        out.push(ReplyView { opens, closes, ends_item, comment });
    }
    Replies { all: out, open_lists: above.map_or(0, |level| level - 1) }
}

/// "Author", "Reviewer", "Staff, sleep physician".
#[must_use]
pub fn badge_label(badge: Badge, title: &str) -> String {
    match badge {
        Badge::Author => "Author".into(),
        Badge::Reviewer => "Reviewer".into(),
        Badge::Staff if title.is_empty() => "Staff".into(),
        Badge::Staff => {
            let mut chars = title.chars();
            let first = chars.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
            // "CEO" stays, "Sleep physician" becomes part of the sentence.
            let is_word = chars.clone().next().is_none_or(char::is_lowercase);
            if is_word { format!("Staff, {first}{}", chars.as_str()) } else { format!("Staff, {title}") }
        }
    }
}

/// The words of sanitised HTML, for a quote of two lines.
fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => {
                in_tag = true;
                out.push(' ');
            }
            '>' => in_tag = false,
            _ if !in_tag => out.push(c),
            _ => {}
        }
    }
    out.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

/// Whether a form's word for mail is ticked in its check box.
#[must_use]
pub fn wants_mail(word: &str) -> bool {
    word.parse::<Notify>().is_ok_and(|notify| notify != Notify::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_and_ends() {
        let secret = Secret::new([3; 32]);
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for is_fresh in [true, false] {
            let stamp = Stamp { at, is_fresh };
            assert_eq!(Stamp::read(&secret, &stamp.sign(&secret)), Some(stamp));
        }
        let stamp = Stamp { at, is_fresh: true };
        assert_eq!(Stamp::read(&Secret::new([4; 32]), &stamp.sign(&secret)), None);
        assert_eq!(Stamp::read(&secret, "u1800000000"), None);
        assert!(!stamp.is_over(at + TimeDelta::hours(48)) && stamp.is_over(at + TimeDelta::hours(49)));
    }

    #[test]
    fn name_and_address_come_back_out_of_the_cookie() {
        assert_eq!(
            remembered(&remember("Zoë; K.", "z@mail.example")),
            Some(("Zoë; K.".into(), "z@mail.example".into()))
        );
        for wrong in ["", "x", "!.!", "YQ", "AA.YQ"] {
            assert_eq!(remembered(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn titles_become_part_of_the_badge() {
        assert_eq!(badge_label(Badge::Staff, "Sleep physician"), "Staff, sleep physician");
        assert_eq!(badge_label(Badge::Staff, "CEO"), "Staff, CEO");
        assert_eq!(badge_label(Badge::Staff, ""), "Staff");
        assert_eq!(badge_label(Badge::Author, "Sleep physician"), "Author");
    }
}
