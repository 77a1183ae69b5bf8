//! The comment desk: queues, the open row, decisions and their receipts, as plain forms (moderation.md).

use std::fmt::Write as _;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::app::App;
use crate::comments::answer::{self, AnswerError};
use crate::comments::create::{self, CreateError, Post};
use crate::comments::model::{self, Words};
use crate::core::ids::{AddressId, ArticleId, CommentId, DecisionId};
use crate::core::limits;
use crate::core::status::CommentStatus;
use crate::core::text;
use crate::db::Conn;
use crate::moderation::bulk;
use crate::moderation::decide::{self, DecideError, Decision, Meanwhile};
use crate::moderation::model::{Reason, RuleId, Verdict, reason_label};
use crate::moderation::pin::Act;
use crate::moderation::queue::{self, After, Card, Filter, Queue, shown_count};
use crate::moderation::report;
use crate::settings::Settings;
use crate::staff::authority::MayDecide;
use crate::urls;
use crate::web::desk::frame;
use crate::web::error::AppError;
use crate::web::extract::authority::StaffForm;
use crate::web::extract::form::Fields;
use crate::web::extract::path;
use crate::web::page::{DeskShell, NoticeKind};
use crate::web::{cached_pages, shell, talk};

/// Characters of a text in a closed row; two lines are shown.
const ROW_CHARS: usize = 320;
/// Characters of the comment that is answered, above an open row.
const PARENT_CHARS: usize = 400;

// ---- the address -----------------------------------------------------------------------------------------------

/// What of the address makes the page.
#[derive(Debug, Clone, Default)]
struct Ask {
    queue: Option<Queue>,
    reason: Option<String>,
    article: Option<ArticleId>,
    address: Option<AddressId>,
    after: Option<After>,
    open: Option<CommentId>,
    done: Option<DecisionId>,
    bulk: Option<DecisionId>,
    left: usize,
}

impl Ask {
    fn of(request: &HttpRequest) -> Self {
        Self::read(request.uri().query().unwrap_or_default())
    }

    fn read(query: &str) -> Self {
        let mut ask = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "queue" => ask.queue = value.parse().ok(),
                "reason" => {
                    ask.reason = (value.parse::<RuleId>().is_ok() || value.parse::<Reason>().is_ok())
                        .then(|| value.into_owned());
                }
                "article" => ask.article = value.parse().ok(),
                "from" => ask.address = value.parse().ok(),
                "after" => ask.after = value.parse().ok(),
                "open" => ask.open = value.parse().ok(),
                "done" => ask.done = value.parse().ok(),
                "bulk" => ask.bulk = value.parse().ok(),
                "left" => ask.left = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        ask
    }

    /// The list without what was just done in it: where forms lead back to.
    fn list(&self, queue: Queue) -> String {
        let mut address = urls::queue(queue.as_str());
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = write!(address, "&{name}={value}");
            }
        };
        add("reason", self.reason.clone());
        add("article", self.article.map(|id| id.to_string()));
        add("from", self.address.map(|id| id.to_string()));
        add("after", self.after.map(|id| id.to_string()));
        address
    }
}

/// Where a form leads back to: a list of this desk, whatever the form said.
fn back(to: &str) -> String {
    let query = shell::own_path(to).and_then(|path| path.strip_prefix("/desk/comments?")).unwrap_or_default();
    let ask = Ask::read(query.split('#').next().unwrap_or_default());
    ask.list(ask.queue.unwrap_or(Queue::Held))
}

// ---- the page --------------------------------------------------------------------------------------------------

#[derive(Debug, Template)]
#[template(path = "desk/comments/queue.html")]
struct QueuePage {
    page: DeskShell,
    tabs: Vec<Tab>,
    list_href: String,
    queue: &'static str,
    reasons: Vec<(String, &'static str, bool)>,
    filter_href: Option<String>,
    items: Vec<Item>,
    empty: Option<Empty>,
    next_href: Option<String>,
    bulk: BulkView,
    panel: Option<Panel>,
}

#[derive(Debug)]
struct Tab {
    label: &'static str,
    href: String,
    count: Option<String>,
    is_current: bool,
}

/// A place in the list: the receipt of a decision, or a comment.
#[derive(Debug)]
struct Item {
    receipt: Option<ReceiptView>,
    row: Option<RowView>,
}

#[derive(Debug)]
struct ReceiptView {
    anchor: String,
    text: String,
    title: String,
    undo: Option<UndoView>,
}

#[derive(Debug)]
struct UndoView {
    action: String,
    field: &'static str,
    id: DecisionId,
    return_to: String,
}

#[derive(Debug)]
struct Empty {
    heading: &'static str,
    sentence: String,
    link: Option<(String, &'static str)>,
}

#[derive(Debug)]
struct BulkView {
    action: String,
    key: String,
    return_to: String,
    moves: Vec<(&'static str, &'static str)>,
}

#[derive(Debug)]
struct RowView {
    id: CommentId,
    version: i32,
    name: String,
    facts: Vec<(&'static str, String)>,
    when: String,
    when_iso: String,
    article_href: String,
    title: String,
    revision: Option<i32>,
    answers: Option<String>,
    text: String,
    reported: Option<String>,
    badges: Vec<(bool, String)>,
    open_href: String,
    action: String,
    key: String,
    return_to: String,
    moves: Vec<(&'static str, &'static str, &'static str)>,
    /// The pin's button, under the team's own: word, label.
    pin: Option<(&'static str, &'static str)>,
    pin_action: String,
    open: Option<OpenView>,
}

#[derive(Debug)]
struct OpenView {
    notice: Option<(NoticeKind, String)>,
    parent: Option<(String, String, String, String)>,
    paragraphs: Vec<Vec<Vec<Piece>>>,
    why_heading: String,
    why: Vec<String>,
    links: Vec<String>,
    can_reply: bool,
    reply_label: &'static str,
    reported: Option<(&'static str, String)>,
    said: Vec<(&'static str, String)>,
    reply: String,
    reply_error: Option<String>,
    reply_key: String,
    as_who: String,
    initials: String,
    public_href: Option<String>,
}

/// A stretch of a text, marked where a rule saw it.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    is_marked: bool,
    text: String,
}

#[derive(Debug)]
struct Panel {
    name: String,
    initials: String,
    email: Option<String>,
    tally: queue::Tally,
    facts: Vec<(&'static str, String)>,
    others: Vec<(String, String)>,
    others_href: Option<String>,
    events: Vec<(String, String, String)>,
}

/// What a refused form adds to the page.
#[derive(Debug, Default)]
struct Refused {
    comment: Option<CommentId>,
    notice: Option<(NoticeKind, String)>,
    reply: String,
    reply_error: Option<String>,
}

/// `GET /desk/comments`
pub async fn show(app: web::Data<App>, request: HttpRequest, who: MayDecide) -> Result<HttpResponse, AppError> {
    let ask = Ask::of(&request);
    page(&app, &request, &who, ask, Refused::default(), StatusCode::OK).await
}

async fn page(
    app: &App,
    request: &HttpRequest,
    who: &MayDecide,
    ask: Ask,
    refused: Refused,
    status: StatusCode,
) -> Result<HttpResponse, AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let opened = match ask.open {
        Some(id) => queue::find(&mut conn, who, id).await?,
        None => None,
    };
    let queue = ask.queue.or(opened.as_ref().map(|card| queue_of(card.status))).unwrap_or(Queue::Held);
    let filter =
        Filter { queue, reason: ask.reason.clone(), article: ask.article, address: ask.address, after: ask.after };
    let counts = queue::counts(&conn, who, app.now()).await?;
    let listed = queue::list(&mut conn, who, &filter, app.now()).await?;
    let mut cards = listed.cards;
    // A comment opened from elsewhere stands at the top, whether it belongs to this page or not.
    if let Some(card) = opened.filter(|card| !cards.iter().any(|listed| listed.id == card.id)) {
        cards.insert(0, card);
    }
    let draw = Draw { app, settings: &settings, who, ask: &ask, queue };
    let receipts = draw.receipts(&mut conn).await?;
    let panel = match cards.iter().find(|card| Some(card.id) == ask.open) {
        Some(card) => Some(draw.panel(&mut conn, card).await?),
        None => None,
    };
    let shown = match cards.iter().find(|card| Some(card.id) == ask.open) {
        Some(card) => draw.shown(&mut conn, card).await?,
        None => Shown::default(),
    };
    let title = counts.of(queue).map_or_else(
        || format!("{}, Comments", queue.label()),
        |count| format!("{} ({}), Comments", queue.label(), shown_count(count)),
    );
    let mut frame = frame::frame(app, &settings, request, who.session(), &title);
    frame.has_errors = refused.reply_error.is_some();
    frame::waiting(&mut frame, &urls::desk_comments(), counts.waiting());
    let is_filtered = ask.reason.is_some() || ask.article.is_some() || ask.address.is_some();
    let page = QueuePage {
        page: frame,
        tabs: tabs(queue, counts),
        list_href: urls::desk_comments(),
        queue: queue.as_str(),
        reasons: reasons(queue, ask.reason.as_deref()),
        filter_href: is_filtered.then(|| urls::queue(queue.as_str())),
        empty: cards.is_empty().then(|| empty(queue, counts, is_filtered)),
        items: draw.items(&cards, receipts, &refused, &shown),
        next_href: listed.next.map(|after| Ask { after: Some(after), ..ask.clone() }.list(queue)),
        bulk: BulkView {
            action: urls::desk_bulk(),
            key: app.rng().form_key(),
            return_to: ask.list(queue),
            moves: moves(queue_status(queue), i64::from(queue == Queue::Reported))
                .into_iter()
                .map(|(to, label, _)| (to, label))
                .collect(),
        },
        panel,
    };
    Ok(cached_pages::private(request, status, page.render()?).await)
}

fn queue_of(status: CommentStatus) -> Queue {
    match status {
        CommentStatus::Held => Queue::Held,
        CommentStatus::Approved => Queue::Approved,
        CommentStatus::Spam => Queue::Spam,
        CommentStatus::Trash => Queue::Trash,
    }
}

fn queue_status(queue: Queue) -> CommentStatus {
    match queue {
        Queue::Held => CommentStatus::Held,
        Queue::Approved | Queue::Reported | Queue::Unanswered => CommentStatus::Approved,
        Queue::Spam => CommentStatus::Spam,
        Queue::Trash => CommentStatus::Trash,
    }
}

/// The decisions that are possible: word, button, icon. What was reported may be kept: approved once more.
fn moves(from: CommentStatus, reports: i64) -> Vec<(&'static str, &'static str, &'static str)> {
    let approve = match from {
        CommentStatus::Trash => "Restore",
        CommentStatus::Spam => "Not spam",
        CommentStatus::Approved => "Keep",
        CommentStatus::Held => "Approve",
    };
    [
        (CommentStatus::Approved, approve, "check"),
        (CommentStatus::Spam, "Spam", "ban"),
        (CommentStatus::Trash, "Trash", "trash-2"),
    ]
    .into_iter()
    .filter(|(to, ..)| {
        decide::is_legal(from, *to, decide::By::Person)
            || (*to == from && from == CommentStatus::Approved && reports > 0)
    })
    .map(|(to, label, icon)| (to.as_str(), label, icon))
    .collect()
}

fn tabs(current: Queue, counts: queue::Counts) -> Vec<Tab> {
    Queue::ALL
        .iter()
        .map(|queue| Tab {
            label: queue.label(),
            href: urls::queue(queue.as_str()),
            count: counts.of(*queue).map(shown_count),
            is_current: *queue == current,
        })
        .collect()
}

fn reasons(queue: Queue, picked: Option<&str>) -> Vec<(String, &'static str, bool)> {
    let codes: Vec<&'static str> = match queue {
        Queue::Held => RuleId::ALL
            .iter()
            .filter(|rule| !matches!(rule, RuleId::Trap | RuleId::Speed))
            .map(|rule| rule.as_str())
            .collect(),
        Queue::Spam => {
            vec![RuleId::Trap.as_str(), RuleId::Speed.as_str(), RuleId::Words.as_str(), Reason::StaffSpam.as_str()]
        }
        Queue::Trash => vec![Reason::StaffTrash.as_str(), Reason::Withdrawn.as_str(), Reason::Undone.as_str()],
        Queue::Approved | Queue::Reported | Queue::Unanswered => Vec::new(),
    };
    codes.into_iter().map(|code| (code.to_owned(), reason_label(code), picked == Some(code))).collect()
}

fn empty(queue: Queue, counts: queue::Counts, is_filtered: bool) -> Empty {
    if is_filtered {
        return Empty {
            heading: "Nothing found",
            sentence: "No comment here matches the filter.".into(),
            link: Some((urls::queue(queue.as_str()), "Show all")),
        };
    }
    match queue {
        Queue::Held if counts.unanswered > 0 => {
            let unit =
                if counts.unanswered == 1 { "approved comment still waits" } else { "approved comments still wait" };
            let sentence = format!("Nothing is held. {} {unit} for an answer.", shown_count(counts.unanswered));
            Empty {
                heading: "All caught up",
                sentence,
                link: Some((urls::queue(Queue::Unanswered.as_str()), "Answer them")),
            }
        }
        Queue::Held => Empty { heading: "All caught up", sentence: "Nothing is held.".into(), link: None },
        Queue::Reported => Empty {
            heading: "No open reports",
            sentence: "Comments that readers report are listed here.".into(),
            link: None,
        },
        Queue::Spam => Empty { heading: "No spam", sentence: "No spam in the last 30 days.".into(), link: None },
        Queue::Approved => {
            Empty { heading: "No comments yet", sentence: "Approved comments are listed here.".into(), link: None }
        }
        Queue::Trash => Empty {
            heading: "Trash is empty",
            sentence: "Removed and withdrawn comments are listed here.".into(),
            link: None,
        },
        Queue::Unanswered => Empty {
            heading: "Everything is answered",
            sentence: "No question of the last 60 days waits for an answer.".into(),
            link: None,
        },
    }
}

/// What an open row shows besides its card.
#[derive(Debug, Default)]
struct Shown {
    /// "As Miriam Achebe, author".
    as_who: String,
    /// What reporters said: "Unsafe health advice", and their words.
    said: Vec<(&'static str, String)>,
}

struct Draw<'a> {
    app: &'a App,
    settings: &'a Settings,
    who: &'a MayDecide,
    ask: &'a Ask,
    queue: Queue,
}

impl Draw<'_> {
    async fn receipts(&self, conn: &mut Conn) -> Result<Vec<(Option<CommentId>, ReceiptView)>, AppError> {
        let mut receipts = Vec::new();
        if let Some(done) = self.ask.done
            && let Some(receipt) = queue::receipt(conn, self.who, done).await?
        {
            receipts.push((Some(receipt.comment), self.receipt(receipt)));
        }
        if let Some(bulk) = self.ask.bulk
            && let Some(receipt) = queue::bulk_receipt(conn, bulk).await?
        {
            receipts.push((None, self.bulk_receipt(bulk, receipt)));
        }
        Ok(receipts)
    }

    fn receipt(&self, receipt: queue::Receipt) -> ReceiptView {
        let text = if receipt.is_undone {
            let mail = if receipt.mail_has_gone { " The email about your reply has already been sent." } else { "" };
            if receipt.from == receipt.to {
                format!("Undone. The reports of {}’s comment are open again.{mail} It stands on", receipt.name)
            } else {
                format!("Undone. {}’s comment is {} again.{mail} It stands on", receipt.name, status_word(receipt.from))
            }
        } else {
            let act = match (receipt.to, receipt.reply.is_some()) {
                (CommentStatus::Approved, true) if receipt.from == receipt.to => "Kept and answered",
                (CommentStatus::Approved, false) if receipt.from == receipt.to => "Kept",
                (CommentStatus::Approved, true) => "Approved and answered",
                (CommentStatus::Approved, false) => "Approved",
                (CommentStatus::Spam, _) => "Marked as spam:",
                (CommentStatus::Trash, _) => "Moved to trash:",
                (CommentStatus::Held, _) => "Held again:",
            };
            format!("{act} {}’s comment to", receipt.name)
        };
        let undo = (!receipt.is_undone).then(|| self.undo("decision", receipt.decision));
        ReceiptView { anchor: format!("after-{}", receipt.comment), text, title: receipt.title, undo }
    }

    fn bulk_receipt(&self, bulk: DecisionId, receipt: queue::BulkReceipt) -> ReceiptView {
        let comments = |count: i64| if count == 1 { "1 comment".to_owned() } else { format!("{count} comments") };
        let mut text = if receipt.moved == 0 {
            format!("Undone. {} put back.", comments(receipt.undone))
        } else {
            match receipt.to {
                CommentStatus::Approved => format!("Approved {}.", comments(receipt.moved)),
                to @ (CommentStatus::Held | CommentStatus::Spam | CommentStatus::Trash) => {
                    format!("Moved {} to {}.", comments(receipt.moved), to.as_str())
                }
            }
        };
        if self.ask.left > 0 {
            let _ = write!(text, " {} left: changed meanwhile.", self.ask.left);
        }
        let undo = (receipt.moved > 0).then(|| self.undo("bulk", bulk));
        ReceiptView { anchor: format!("bulk-{bulk}"), text, title: String::new(), undo }
    }

    fn undo(&self, field: &'static str, id: DecisionId) -> UndoView {
        UndoView { action: urls::desk_undo(), field, id, return_to: self.ask.list(self.queue) }
    }

    /// Rows with the receipts at the places of their comments.
    fn items(
        &self,
        cards: &[Card],
        receipts: Vec<(Option<CommentId>, ReceiptView)>,
        refused: &Refused,
        shown: &Shown,
    ) -> Vec<Item> {
        let mut items: Vec<(Option<CommentId>, Item)> = cards
            .iter()
            .map(|card| (Some(card.id), Item { receipt: None, row: Some(self.row(card, refused, shown)) }))
            .collect();
        for (comment, receipt) in receipts {
            let is_past = |id: Option<CommentId>| match (id, comment) {
                // By number of reports, which it has no more: first of all.
                _ if self.queue == Queue::Reported => true,
                (Some(id), Some(comment)) if self.queue.is_oldest_first() => id >= comment,
                (Some(id), Some(comment)) => id <= comment,
                _ => true,
            };
            let at = items.iter().position(|(id, _)| is_past(*id)).unwrap_or(items.len());
            items.insert(at, (comment, Item { receipt: Some(receipt), row: None }));
        }
        items.into_iter().map(|(_, item)| item).collect()
    }

    fn row(&self, card: &Card, refused: &Refused, shown: &Shown) -> RowView {
        let list = self.ask.list(self.queue);
        // What it was held for is no news of a comment everyone can read.
        let outcomes = if card.status == CommentStatus::Approved { &[][..] } else { &card.screening.0[..] };
        let mut badges: Vec<(bool, String)> =
            outcomes.iter().map(|outcome| (outcome.verdict == Verdict::Spam, outcome.badge.clone())).collect();
        let reason_by_person = card.status_reason.as_deref().filter(|code| code.parse::<Reason>().is_ok());
        badges.extend(reason_by_person.map(|code| (false, reason_label(code).to_owned())));
        let is_open = self.ask.open == Some(card.id);
        RowView {
            id: card.id,
            version: card.version,
            name: card.name.clone(),
            facts: facts(card),
            when: shell::date_and_time(card.created_at, self.settings),
            when_iso: shell::machine_time(card.created_at),
            article_href: urls::article(&card.slug),
            title: card.title.clone(),
            revision: card.revision_is_old.then_some(card.revision_number),
            answers: card.parent.as_ref().map(|parent| parent.name.clone()),
            text: text::excerpt(&card.body, ROW_CHARS),
            reported: card.reports.as_ref().map(report::Open::badge),
            badges,
            open_href: format!("{list}&open={}#r{}", card.id, card.id),
            action: urls::decision(card.id),
            key: self.app.rng().form_key(),
            return_to: list,
            moves: moves(card.status, open_reports(card)),
            pin: pin_of(card),
            pin_action: urls::desk_pin(card.id),
            open: is_open.then(|| self.open(card, refused, shown)),
        }
    }

    fn open(&self, card: &Card, refused: &Refused, shown: &Shown) -> OpenView {
        let is_refused = refused.comment == Some(card.id);
        let parent = card.parent.as_ref().map(|parent| {
            (
                parent.name.clone(),
                shell::date_short(parent.created_at, self.settings),
                text::excerpt(&parent.body, PARENT_CHARS),
                urls::comment(parent.id),
            )
        });
        let count = card.screening.0.len();
        let rules = if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") };
        let why_heading = match (count, card.status) {
            (0, _) => String::new(),
            (_, CommentStatus::Held) if !is_held_by_reports(card) => format!("Held by {rules}."),
            (_, CommentStatus::Spam) => format!("Filed as spam by {rules}."),
            (_, CommentStatus::Held | CommentStatus::Approved | CommentStatus::Trash) => {
                format!("{rules} spoke when it was posted.")
            }
        };
        let links = card.screening.0.iter().filter(|outcome| outcome.rule == RuleId::Links).flat_map(|outcome| {
            outcome
                .evidence
                .get("links")
                .and_then(|links| links.as_array())
                .into_iter()
                .flatten()
                .filter_map(|link| link.as_str().map(str::to_owned))
        });
        let approves = card.status == CommentStatus::Held;
        OpenView {
            notice: refused.notice.clone().filter(|_| is_refused),
            parent,
            paragraphs: paragraphs(card),
            why_heading,
            why: card.screening.0.iter().map(|outcome| outcome.sentence.clone()).collect(),
            links: links.collect(),
            can_reply: approves || card.status == CommentStatus::Approved,
            reply_label: match (approves, open_reports(card)) {
                (true, _) => "Reply and approve",
                (false, 0) => "Reply",
                (false, _) => "Reply and keep",
            },
            reported: card.reports.as_ref().map(|open| {
                let held = if is_held_by_reports(card) { "Held by reports." } else { "Reported." };
                (held, open.sentence())
            }),
            said: shown.said.clone(),
            reply: if is_refused { refused.reply.clone() } else { String::new() },
            reply_error: refused.reply_error.clone().filter(|_| is_refused),
            reply_key: self.app.rng().form_key(),
            as_who: shown.as_who.clone(),
            initials: text::initials(self.who.session().name()),
            public_href: (card.status == CommentStatus::Approved).then(|| urls::comment(card.id)),
        }
    }

    async fn shown(&self, conn: &mut Conn, card: &Card) -> Result<Shown, AppError> {
        let said = match &card.reports {
            Some(_) => report::words(conn, card.id).await?,
            None => Vec::new(),
        };
        let said = said.into_iter().map(|(reason, words)| (reason.label(), words)).collect();
        Ok(Shown { as_who: self.as_who(conn, card).await?, said })
    }

    /// "As Miriam Achebe, author": the badge readers will see.
    async fn as_who(&self, conn: &mut Conn, card: &Card) -> Result<String, AppError> {
        let session = self.who.session();
        let Some(place) = model::place(conn, &card.slug).await? else { return Ok(session.name().to_owned()) };
        let badge = create::badge(conn, session.staff_id(), place.revision).await?;
        let label = talk::badge_label(badge, session.title());
        let mut chars = label.chars();
        let lower = chars.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
        Ok(format!("As {}, {lower}{}", session.name(), chars.as_str()))
    }

    async fn panel(&self, conn: &mut Conn, card: &Card) -> Result<Panel, AppError> {
        let others = match &card.address {
            Some(writer) => queue::others(conn, writer.id, card.id).await?,
            None => Vec::new(),
        };
        let events = queue::history(conn, card.id).await?;
        let mut facts = Vec::new();
        if let Some(writer) = &card.address {
            facts.push(("First seen", shell::date_short(writer.first_seen_at, self.settings)));
            let confirmed = if writer.confirmed_at.is_some() { "Confirmed" } else { "Not confirmed" };
            let shown = if card.is_proved { ", by this writer" } else { "" };
            facts.push(("Email", format!("{confirmed}{shown}")));
        }
        facts.extend(card.network.clone().map(|network| ("Network", network)));
        facts.push(("Revision", format!("Written on revision {}", card.revision_number)));
        let mut log: Vec<(String, String, String)> = events.iter().map(|event| self.event(event)).collect();
        log.push((self.log_time(card.created_at), shell::machine_time(card.created_at), "Posted".to_owned()));
        let mut tally = card.tally;
        if card.address.is_none() {
            tally = queue::Tally::default();
        }
        Ok(Panel {
            name: card.name.clone(),
            initials: text::initials(&card.name),
            email: card.address.as_ref().map(|writer| writer.email.clone()),
            tally,
            facts,
            others: others
                .iter()
                .map(|other| {
                    (
                        text::excerpt(&other.body, 120),
                        format!(
                            "{}, {}",
                            capital(status_word(other.status)),
                            shell::date_short(other.created_at, self.settings)
                        ),
                    )
                })
                .collect(),
            others_href: card
                .address
                .as_ref()
                .filter(|_| !others.is_empty())
                .map(|writer| format!("{}&from={}", urls::queue(Queue::Approved.as_str()), writer.id)),
            events: log,
        })
    }

    fn event(&self, event: &queue::Event) -> (String, String, String) {
        let act = match (event.is_undo, event.to) {
            (true, to) => format!("put back to {}", to.as_str()),
            (false, CommentStatus::Approved) if event.from == event.to => "kept".to_owned(),
            (false, CommentStatus::Approved) => "approved".to_owned(),
            (false, CommentStatus::Held) => "held".to_owned(),
            (false, CommentStatus::Spam) => "marked as spam".to_owned(),
            (false, CommentStatus::Trash) => "moved to trash".to_owned(),
        };
        let by = match (&event.by, event.reason.as_deref()) {
            (Some(name), _) => format!("{name} {act} it"),
            (None, Some("withdrawn")) => "Withdrawn by its writer".to_owned(),
            (None, Some("reports")) => "Held by readers’ reports".to_owned(),
            (None, _) => format!("A rule {act} it"),
        };
        (self.log_time(event.at), shell::machine_time(event.at), by)
    }

    /// "10:08" today, else "12 Nov".
    fn log_time(&self, at: DateTime<Utc>) -> String {
        let zone = shell::zone(self.settings);
        let (at, now) = (at.with_timezone(&zone), self.app.now().with_timezone(&zone));
        let is_today = at.date_naive() == now.date_naive();
        at.format(if is_today { "%H:%M" } else { "%-d %b" }).to_string()
    }
}

fn pin_of(card: &Card) -> Option<(&'static str, &'static str)> {
    let may_be = card.badge.is_some() && card.status == CommentStatus::Approved;
    let (act, label) = if card.is_pinned { (Act::Unpin, "Unpin") } else { (Act::Pin, "Pin above the threads") };
    may_be.then(|| (act.as_str(), label))
}

fn open_reports(card: &Card) -> i64 {
    card.reports.as_ref().map_or(0, report::Open::total)
}

fn is_held_by_reports(card: &Card) -> bool {
    card.status == CommentStatus::Held && card.status_reason.as_deref() == Some(RuleId::Reports.as_str())
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn status_word(status: CommentStatus) -> &'static str {
    match status {
        CommentStatus::Held => "held",
        CommentStatus::Approved => "approved",
        CommentStatus::Spam => "spam",
        CommentStatus::Trash => "in the trash",
    }
}

/// The text as written, in paragraphs and lines, with links and listed words marked. Not as readers see it:
/// nothing in it can be clicked.
fn paragraphs(card: &Card) -> Vec<Vec<Vec<Piece>>> {
    let terms = marked_terms(card);
    card.body.split("\n\n").map(|paragraph| paragraph.lines().map(|line| pieces(line, &terms)).collect()).collect()
}

/// What the rules saw in the text: addresses and words.
fn marked_terms(card: &Card) -> Vec<&str> {
    let mut terms = Vec::new();
    for outcome in &card.screening.0 {
        let links = outcome.evidence.get("links").and_then(serde_json::Value::as_array).into_iter().flatten();
        terms.extend(links.filter_map(serde_json::Value::as_str));
        let matches = outcome.evidence.get("matches").and_then(serde_json::Value::as_array).into_iter().flatten();
        terms.extend(matches.filter_map(|found| found.get("text").and_then(serde_json::Value::as_str)));
    }
    terms.retain(|term| !term.is_empty());
    terms
}

fn pieces(line: &str, terms: &[&str]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        // The first term there is; of several at one place the longest.
        let next = terms
            .iter()
            .filter_map(|term| rest.find(term).map(|at| (at, *term)))
            .min_by_key(|(at, term)| (*at, std::cmp::Reverse(term.len())));
        let Some((at, term)) = next else { break };
        let (before, after) = (rest.get(..at).unwrap_or(""), rest.get(at + term.len()..).unwrap_or(""));
        if !before.is_empty() {
            pieces.push(Piece { is_marked: false, text: before.to_owned() });
        }
        pieces.push(Piece { is_marked: true, text: term.to_owned() });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece { is_marked: false, text: rest.to_owned() });
    }
    pieces
}

/// At most two facts about the writer, the weightiest first (moderation.md 3).
fn facts(card: &Card) -> Vec<(&'static str, String)> {
    if let Some((badge, title)) = &card.badge {
        let pinned = card.is_pinned.then(|| ("badge badge--accent", "Pinned".to_owned()));
        return std::iter::once(("badge badge--accent", talk::badge_label(*badge, title))).chain(pinned).collect();
    }
    let tally = card.tally;
    let own = |status: CommentStatus| i64::from(card.status == status);
    let spam = tally.spam - own(CommentStatus::Spam);
    let removed = tally.trash - own(CommentStatus::Trash);
    let approved = tally.approved - own(CommentStatus::Approved);
    let mut facts = Vec::new();
    if spam > 0 {
        facts.push(("badge badge--danger", format!("{spam} marked spam")));
    }
    if removed > 0 {
        facts.push(("badge badge--danger", format!("{removed} removed")));
    }
    if tally.approved + tally.held + tally.spam + tally.trash <= 1 {
        facts.push(("badge badge--info", "First comment".to_owned()));
    }
    if approved > 0 {
        facts.push(("badge", format!("{approved} approved")));
    }
    if card.edited_at.is_some() {
        facts.push(("badge", "Edited".to_owned()));
    }
    facts.truncate(2);
    facts
}

// ---- deciding --------------------------------------------------------------------------------------------------

/// A decision, with or without a reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DecisionForm {
    to: String,
    revision: String,
    reply: String,
    reason: String,
    submission_key: String,
    #[serde(rename = "return")]
    return_to: String,
}

impl Fields for DecisionForm {
    const NAMES: &'static [&'static str] = &["to", "revision", "reply", "reason", "submission_key", "return"];
    const BYTES_MAX: usize = limits::COMMENT_BODY_BYTES_MAX;
}

const UNREADABLE: AppError =
    AppError::BadRequest("The decision can’t be read. Load the page again and decide from there.");

fn key_of(text: &str) -> Option<&str> {
    (!text.is_empty() && text.len() <= 64).then_some(text)
}

/// `POST /desk/comments/{id}/decision`
pub async fn decide(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayDecide, DecisionForm>,
) -> Result<HttpResponse, AppError> {
    let id: CommentId = path::segment(&request, "id")?;
    let StaffForm { who, fields } = form;
    let to: CommentStatus = fields.to.parse().map_err(|_| UNREADABLE)?;
    let version: i32 = fields.revision.parse().map_err(|_| UNREADABLE)?;
    let reason =
        if fields.reason.is_empty() { None } else { Some(fields.reason.parse::<Reason>().map_err(|_| UNREADABLE)?) };
    let decision = Decision { comment: id, to, version, reason, submission_key: key_of(&fields.submission_key) };
    if !fields.reply.trim().is_empty() {
        return reply(&app, &request, &who, decision, &fields).await;
    }
    match app.db.transact(async |tx| decide::decide(tx, &who, decision).await).await {
        Ok(decided) => Ok(done(&fields.return_to, &format!("done={}#after-{id}", decided.decision))),
        Err(error) => not_decided(&app, &request, &who, &fields, id, error).await,
    }
}

async fn reply(
    app: &App,
    request: &HttpRequest,
    who: &MayDecide,
    decision: Decision<'_>,
    fields: &DecisionForm,
) -> Result<HttpResponse, AppError> {
    let id = decision.comment;
    if decision.to != CommentStatus::Approved {
        let notice = "A reply goes with approving only. Take the text out, or approve the comment.";
        return refuse(
            app,
            request,
            who,
            fields,
            id,
            Refused { reply_error: Some(notice.into()), ..Refused::default() },
            StatusCode::UNPROCESSABLE_ENTITY,
        )
        .await;
    }
    let mut conn = app.db.read().await?;
    let card = queue::find(&mut conn, who, id).await?.ok_or(AppError::NotFound)?;
    let place = model::place(&mut conn, &card.slug).await?.ok_or(AppError::NotFound)?;
    let references = model::references(&mut conn, place.revision, &fields.reply).await?;
    drop(conn);
    let words = match Words::parse(&fields.reply, &references) {
        Ok(words) => words,
        Err(error) => {
            return refuse(
                app,
                request,
                who,
                fields,
                id,
                Refused { reply_error: Some(error.message), ..Refused::default() },
                StatusCode::UNPROCESSABLE_ENTITY,
            )
            .await;
        }
    };
    let post = Post { place: &place, parent: Some(id), words: &words, submission_key: decision.submission_key };
    match app.db.transact(async |tx| answer::answer(tx, who, decision, post).await).await {
        Ok(answered) => Ok(match answered.decided {
            Some(decided) => done(&fields.return_to, &format!("done={}#after-{id}", decided.decision)),
            None => done(&fields.return_to, &format!("open={id}#r{id}")),
        }),
        Err(AnswerError::Decide(error)) => not_decided(app, request, who, fields, id, error).await,
        Err(AnswerError::Reply(
            CreateError::Closed | CreateError::NotFound | CreateError::ParentGone | CreateError::Paused(_),
        )) => {
            let notice = Some((
                NoticeKind::Danger,
                "The reply could not be posted: the article takes no comments any more. Nothing was changed."
                    .to_owned(),
            ));
            refuse(app, request, who, fields, id, Refused { notice, ..Refused::default() }, StatusCode::CONFLICT).await
        }
        Err(AnswerError::Reply(CreateError::Invalid(error))) => {
            refuse(
                app,
                request,
                who,
                fields,
                id,
                Refused { reply_error: Some(error.message), ..Refused::default() },
                StatusCode::UNPROCESSABLE_ENTITY,
            )
            .await
        }
        Err(AnswerError::Reply(CreateError::TooFast { .. })) => Err(AppError::TooMany { retry_after_seconds: 60 }),
        Err(AnswerError::Reply(CreateError::Db(error)) | AnswerError::Db(error)) => Err(error.into()),
    }
}

async fn not_decided(
    app: &App,
    request: &HttpRequest,
    who: &MayDecide,
    fields: &DecisionForm,
    id: CommentId,
    error: DecideError,
) -> Result<HttpResponse, AppError> {
    let notice = match error {
        DecideError::NotFound => return Err(AppError::NotFound),
        DecideError::Db(error) => return Err(error.into()),
        DecideError::Stale(meanwhile) => {
            let settings = app.parts.settings.last_known();
            what_happened(&meanwhile, &settings, app.now())
        }
        DecideError::NotAllowed { from, .. } => format!("It is {} already.", status_word(from)),
        DecideError::UndoIsOver => "This can’t be taken back any more.".into(),
    };
    let kept = if fields.reply.trim().is_empty() { "" } else { " Your reply is still here." };
    let refused = Refused { notice: Some((NoticeKind::Info, format!("{notice}{kept}"))), ..Refused::default() };
    refuse(app, request, who, fields, id, refused, StatusCode::CONFLICT).await
}

async fn refuse(
    app: &App,
    request: &HttpRequest,
    who: &MayDecide,
    fields: &DecisionForm,
    id: CommentId,
    refused: Refused,
    status: StatusCode,
) -> Result<HttpResponse, AppError> {
    let query = back(&fields.return_to);
    let ask = Ask { open: Some(id), ..Ask::read(query.split_once('?').map_or("", |(_, query)| query)) };
    page(app, request, who, ask, Refused { comment: Some(id), reply: fields.reply.clone(), ..refused }, status).await
}

/// "Ana approved this at 10:44, while you were reading."
fn what_happened(meanwhile: &Meanwhile, settings: &Settings, now: DateTime<Utc>) -> String {
    let Some(made) = &meanwhile.decision else {
        return "The writer changed the text. Read it again before deciding.".into();
    };
    let at = if now - made.at < TimeDelta::hours(20) {
        format!("at {}", made.at.with_timezone(&shell::zone(settings)).format("%H:%M"))
    } else {
        format!("on {}", shell::date_and_time(made.at, settings))
    };
    let act = match (made.is_undo, made.to) {
        (true, to) => format!("put this back to {}", to.as_str()),
        (false, CommentStatus::Approved) => "approved this".into(),
        (false, CommentStatus::Held) => "held this".into(),
        (false, CommentStatus::Spam) => "marked this as spam".into(),
        (false, CommentStatus::Trash) => "moved this to trash".into(),
    };
    match &made.by {
        Some(name) => format!("{name} {act} {at}, while you were reading."),
        None if made.to == CommentStatus::Trash => format!("Its writer withdrew it {at}."),
        None if made.reason.as_deref() == Some(RuleId::Reports.as_str()) => format!("Reports by readers {act} {at}."),
        None => format!("A rule {act} {at}: the writer changed the text."),
    }
}

fn done(return_to: &str, rest: &str) -> HttpResponse {
    let location = format!("{}&{rest}", back(return_to));
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// Taking back: a decision, or all of a bulk decision.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct UndoForm {
    decision: String,
    bulk: String,
    #[serde(rename = "return")]
    return_to: String,
}

impl Fields for UndoForm {
    const NAMES: &'static [&'static str] = &["decision", "bulk", "return"];
}

/// `POST /desk/comments/undo`
pub async fn undo(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayDecide, UndoForm>,
) -> Result<HttpResponse, AppError> {
    let StaffForm { who, fields } = form;
    if !fields.bulk.is_empty() {
        let id: DecisionId = fields.bulk.parse().map_err(|_| UNREADABLE)?;
        return match app.db.transact(async |tx| bulk::undo(tx, &who, id).await).await {
            Ok(outcome) => Ok(done(&fields.return_to, &format!("bulk={id}&left={}#bulk-{id}", outcome.left))),
            Err(DecideError::Db(error)) => Err(error.into()),
            Err(_) => Err(AppError::NotFound),
        };
    }
    let id: DecisionId = fields.decision.parse().map_err(|_| UNREADABLE)?;
    match app.db.transact(async |tx| decide::undo(tx, &who, id).await).await {
        Ok(undone) => Ok(done(&fields.return_to, &format!("done={id}#after-{}", undone.decided.comment))),
        Err(DecideError::Stale(meanwhile)) => {
            let decision = DecisionForm { return_to: fields.return_to, ..DecisionForm::default() };
            let comment = meanwhile.comment;
            not_decided(&app, &request, &who, &decision, comment, DecideError::Stale(meanwhile)).await
        }
        // Taken back already, by a second press of the button or by somebody else: the receipt says so.
        Err(DecideError::UndoIsOver) => Ok(done(&fields.return_to, &format!("done={id}"))),
        Err(DecideError::NotFound | DecideError::NotAllowed { .. }) => Err(AppError::NotFound),
        Err(DecideError::Db(error)) => Err(error.into()),
    }
}

/// The same decision on all picked rows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BulkForm {
    /// `id.version` of each picked row.
    picked: Vec<String>,
    to: String,
    submission_key: String,
    #[serde(rename = "return")]
    return_to: String,
}

impl Fields for BulkForm {
    const NAMES: &'static [&'static str] = &["picked", "to", "submission_key", "return"];
    const REPEATED: &'static [&'static str] = &["picked"];
}

/// `POST /desk/comments/bulk`
pub async fn bulk(app: web::Data<App>, form: StaffForm<MayDecide, BulkForm>) -> Result<HttpResponse, AppError> {
    let StaffForm { who, fields } = form;
    let to: CommentStatus = fields.to.parse().map_err(|_| UNREADABLE)?;
    let mut picked = Vec::with_capacity(fields.picked.len());
    for row in &fields.picked {
        let (id, version) = row.split_once('.').ok_or(UNREADABLE)?;
        picked
            .push((id.parse::<CommentId>().map_err(|_| UNREADABLE)?, version.parse::<i32>().map_err(|_| UNREADABLE)?));
    }
    if picked.is_empty() {
        return Ok(done(&fields.return_to, "#bulk"));
    }
    match app.db.transact(async |tx| bulk::bulk(tx, &who, &picked, to, key_of(&fields.submission_key)).await).await {
        Ok(bulk::Bulk { bulk: Some(id), left, .. }) => {
            Ok(done(&fields.return_to, &format!("bulk={id}&left={left}#bulk-{id}")))
        }
        Ok(bulk::Bulk { bulk: None, .. }) => Ok(done(&fields.return_to, "#bulk")),
        Err(DecideError::Db(error)) => Err(error.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_lead_back_to_a_list_of_the_desk_only() {
        assert_eq!(back("/desk/comments?queue=spam&after=7&done=3#after-3"), "/desk/comments?queue=spam&after=7");
        for foreign in [
            "",
            "https://evil.example/desk/comments?queue=spam",
            "//evil.example",
            "/desk/staff",
            "/desk/comments?queue=nonsense",
        ] {
            assert_eq!(back(foreign), "/desk/comments?queue=held", "{foreign}");
        }
    }

    #[test]
    fn what_the_rules_saw_is_marked() {
        let shown = |line: &str| {
            let pieces = pieces(line, &["drops.example", "drops.example/uk", "cheap"]);
            pieces
                .into_iter()
                .map(|piece| if piece.is_marked { format!("[{}]", piece.text) } else { piece.text })
                .collect::<String>()
        };
        assert_eq!(shown("see https://drops.example/uk, cheap"), "see https://[drops.example/uk], [cheap]");
        assert_eq!(shown("nothing here"), "nothing here");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn every_button_is_a_legal_move() {
        for &from in CommentStatus::ALL {
            let words: Vec<&str> = moves(from, 0).into_iter().map(|(to, ..)| to).collect();
            assert!(
                !words.contains(&from.as_str()) && !words.contains(&"held") && words.len() >= 2,
                "{from}: {words:?}"
            );
        }
        let keep = moves(CommentStatus::Approved, 2);
        assert_eq!(keep.first().map(|(to, label, _)| (*to, *label)), Some(("approved", "Keep")));
    }
}
