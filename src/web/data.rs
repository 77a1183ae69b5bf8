//! `/privacy/data`: what is kept about an address, for its owner to see, take away and erase.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::app::App;
use crate::comments::erase::Choice;
use crate::comments::standing;
use crate::core::ids::CommentId;
use crate::core::limits;
use crate::core::status::{CommentStatus, DoorPurpose, DoorStage, MailFrequency, MailState, SubscriptionScope};
use crate::moderation::model::{ReportReason, Screening};
use crate::readers::data::{self, Comment, Data};
use crate::settings::Settings;
use crate::urls;
use crate::web::door::{self, AskForm, Door, Press};
use crate::web::error::AppError;
use crate::web::extract::form::Form;
use crate::web::page::PublicShell;
use crate::web::shell;
use crate::web::views::When;
use crate::web::whereabouts::{self, Whereabouts};

/// The way in.
pub(super) const DOOR: Door = Door {
    purpose: DoorPurpose::Data,
    title: "Your data",
    intro: "We send a link to your email address. Behind it stands everything we keep about that address: to read, to take away as a file, and to erase.",
    life: "24 hours",
    button: "Show my data",
};

/// What of the address concerns the page of the form.
#[derive(Debug, Deserialize)]
pub struct Asked {
    erased: Option<Choice>,
}

/// After everything was erased.
#[derive(Debug, Template)]
#[template(path = "doors/erased.html")]
struct ErasedPage {
    page: PublicShell,
    keeps: bool,
}

/// `GET /privacy/data`
pub async fn show_form(
    app: web::Data<App>,
    request: HttpRequest,
    asked: Result<web::Query<Asked>, actix_web::Error>,
) -> Result<HttpResponse, AppError> {
    let Some(choice) = asked.ok().and_then(|asked| asked.erased) else {
        return door::ask_page(&app, &request, &DOOR).await;
    };
    let settings = app.settings(&mut app.db.read().await?).await?;
    let page = door::shell(&app, &settings, &request, "Erased");
    let body = ErasedPage { page, keeps: choice == Choice::Keep }.render()?;
    Ok(door::private(&request, StatusCode::OK, body).await)
}

/// `POST /privacy/data`
pub async fn ask(app: web::Data<App>, request: HttpRequest, form: Form<AskForm>) -> Result<HttpResponse, AppError> {
    door::ask(&app, &request, &DOOR, &form.fields).await
}

/// `GET /privacy/data/{token}`
pub async fn show_mailed(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    door::mailed_page(&app, &request, &DOOR).await
}

/// `POST /privacy/data/{token}`
pub async fn open(app: web::Data<App>, request: HttpRequest, _form: Form<Press>) -> Result<HttpResponse, AppError> {
    door::open(&app, &request, &DOOR).await
}

/// Everything kept about the address.
#[derive(Debug, Template)]
#[template(path = "doors/data.html")]
struct DataPage<'a> {
    page: PublicShell,
    data: &'a Data,
    /// "14 November 2026".
    since: String,
    confirmed: Option<String>,
    stopped: Option<String>,
    comments: Vec<CommentLine<'a>>,
    /// How many older comments are only in the file.
    left_out: usize,
    lists: Vec<List>,
    file_href: String,
    erase_href: String,
}

#[derive(Debug)]
struct CommentLine<'a> {
    comment: &'a Comment,
    article_href: String,
    written: When,
    place: Whereabouts,
    link: Option<String>,
    /// The page that says where it is.
    standing_href: String,
    /// What happened to it, newest last.
    events: Vec<String>,
    earlier: Vec<(&'a str, String)>,
    said: Vec<String>,
}

/// A list of other records: a heading and a line for each.
#[derive(Debug)]
struct List {
    heading: &'static str,
    lines: Vec<Line>,
    /// What is said where there is none.
    none: &'static str,
}

/// A record: what it is about, where that can be seen, and what is kept.
#[derive(Debug)]
struct Line {
    about: Option<(String, String)>,
    words: String,
}

impl From<String> for Line {
    fn from(words: String) -> Self {
        Self { about: None, words }
    }
}

impl Line {
    /// About a comment; where it is not public any more its page says so.
    fn about(comment: CommentId, words: String) -> Self {
        Self { about: Some((format!("Comment {comment}"), urls::comment(comment))), words }
    }
}

/// `GET /privacy/data/open/{token}`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let (opened, token) = match door::opened(&app, &request, &DOOR).await? {
        Ok(opened) => opened,
        Err(over) => return Ok(over),
    };
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let data = data::find(&mut conn, opened.address, app.now()).await?.ok_or(AppError::NotFound)?;
    drop(conn);
    let left_out = data.comments.len().saturating_sub(limits::DATA_COMMENTS_SHOWN);
    let view = DataPage {
        page: door::shell(&app, &settings, &request, DOOR.title),
        since: shell::date_in_words(data.address.created_at, &settings),
        confirmed: data.address.confirmed_at.map(|at| shell::date_in_words(at, &settings)),
        stopped: data.address.mail_stopped_at.map(|at| shell::date_in_words(at, &settings)),
        comments: data
            .comments
            .iter()
            .rev()
            .take(limits::DATA_COMMENTS_SHOWN)
            .map(|comment| comment_line(&app, comment, &settings))
            .collect(),
        left_out,
        lists: lists(&data, &settings),
        file_href: urls::data_file(&token.reveal()),
        erase_href: urls::data_erase(&token.reveal()),
        data: &data,
    };
    let body = view.render()?;
    Ok(door::private(&request, StatusCode::OK, body).await)
}

fn comment_line<'a>(app: &App, comment: &'a Comment, settings: &Settings) -> CommentLine<'a> {
    let when = |at| shell::date_and_time(at, settings);
    let place = whereabouts::of(comment.status, comment.reason.as_deref());
    let decided = |decision: &data::Decision| {
        let to = whereabouts::of(decision.to, decision.reason.as_deref());
        let by = if decision.is_by_team { ", decided by the team" } else { "" };
        let undone = decision.undone_at.map(|at| format!("; taken back {}", when(at))).unwrap_or_default();
        format!("{}: {}{by}{undone}", when(decision.at), to.words.to_lowercase())
    };
    CommentLine {
        article_href: urls::article(&comment.slug),
        written: When::minute(comment.created_at, settings),
        link: (comment.status == CommentStatus::Approved).then(|| urls::comment(comment.id)),
        standing_href: urls::my_comment(&standing::token_for(app.secret(), comment.id)),
        events: comment.decisions.iter().map(decided).collect(),
        earlier: comment.earlier.iter().map(|text| (text.body.as_str(), when(text.replaced_at))).collect(),
        said: Screening::from_column(comment.screening.clone()).0.into_iter().map(|said| said.sentence).collect(),
        place,
        comment,
    }
}

fn lists(data: &Data, settings: &Settings) -> Vec<List> {
    let when = |at| shell::date_and_time(at, settings);
    let ended = |at: Option<DateTime<Utc>>| at.map(|at| format!(", ended {}", when(at))).unwrap_or_default();
    vec![
        List { heading: "Emails you asked for", lines: wishes(data, settings), none: "None." },
        List {
            heading: "Emails we sent",
            lines: data.mails.iter().map(|mail| mail_line(mail, settings).into()).collect(),
            none: "None that is remembered.",
        },
        List {
            heading: "Comments that helped you",
            lines: data
                .helpful
                .iter()
                .map(|vote| Line::about(vote.comment_id, format!("{}{}", when(vote.cast_at), ended(vote.ended_at))))
                .collect(),
            none: "None.",
        },
        List {
            heading: "Reports you made",
            lines: data.reports.iter().map(|report| report_line(report, settings)).collect(),
            none: "None with this address.",
        },
        List {
            heading: "Browsers in which you confirmed the address",
            lines: data
                .browsers
                .iter()
                .map(|browser| format!("Since {}, until {}", when(browser.created_at), when(browser.expires_at)).into())
                .collect(),
            none: "None that is remembered.",
        },
        List { heading: "Links we made for you", lines: links(data, settings), none: "None that is remembered." },
    ]
}

/// What mail was asked for, how often it comes, and what waits for the next.
fn wishes(data: &Data, settings: &Settings) -> Vec<Line> {
    let when = |at| shell::date_and_time(at, settings);
    let ended = |at: Option<DateTime<Utc>>| at.map(|at| format!(", ended {}", when(at))).unwrap_or_default();
    let wish = |wish: &data::Subscription| {
        let what = match wish.scope {
            SubscriptionScope::Replies => "Replies to a comment of yours",
            SubscriptionScope::Thread => "A conversation",
            SubscriptionScope::Article => "Every comment",
        };
        Line::from(format!("{what} under /{}, since {}{}", wish.slug, when(wish.created_at), ended(wish.ended_at)))
    };
    let mut lines: Vec<Line> = data.subscriptions.iter().map(wish).collect();
    let often = match data.address.mail_frequency {
        MailFrequency::Instant => None,
        MailFrequency::Hourly => Some("All together, once an hour"),
        MailFrequency::Daily => Some("All together, once a day"),
        MailFrequency::Weekly => Some("All together, once a week"),
    };
    lines.extend(often.map(|often| often.to_owned().into()));
    let kept =
        |kept: &data::Kept| Line::about(kept.comment_id, format!("waits for the email of {}", when(kept.due_at)));
    lines.extend(data.digest.iter().map(kept));
    let bounced = |at| format!("Emails came back on {} ({}): none is sent", when(at), data.address.bounce_code);
    lines.extend(data.address.bounced_at.map(|at| bounced(at).into()));
    lines
}

fn mail_line(mail: &data::Mail, settings: &Settings) -> String {
    let state = match mail.state {
        MailState::Queued => "waiting to be sent",
        MailState::Sent => "sent",
        MailState::Failed => "could not be sent",
        MailState::Withdrawn => "not sent after all",
    };
    let at = mail.finished_at.unwrap_or(mail.created_at);
    format!("“{}”, {state}, {}", mail.subject, shell::date_and_time(at, settings))
}

fn report_line(report: &data::Report, settings: &Settings) -> Line {
    let what = report.reason.parse::<ReportReason>().map_or("something else", ReportReason::short);
    let words = if report.words.is_empty() { String::new() } else { format!(": “{}”", report.words) };
    let end = match report.closed_at {
        Some(at) => format!("dealt with {}", shell::date_and_time(at, settings)),
        None => "not dealt with yet".to_owned(),
    };
    let at = shell::date_and_time(report.created_at, settings);
    Line::about(report.comment_id, format!("report {}, {at}, {what}{words}; {end}", report.number))
}

fn links(data: &Data, settings: &Settings) -> Vec<Line> {
    let when = |at| shell::date_and_time(at, settings);
    let used =
        |at: Option<DateTime<Utc>>| at.map_or_else(|| ", not used".to_owned(), |at| format!(", used {}", when(at)));
    let confirming = data
        .confirmations
        .iter()
        .map(|link| format!("To confirm the address, {}{}", when(link.created_at), used(link.used_at)));
    let mailed = data.links.iter().filter(|link| link.stage == DoorStage::Mailed);
    let doors = mailed.map(|link| {
        let to = match link.purpose {
            DoorPurpose::Data => "To this page",
            DoorPurpose::Preferences => "To choose your emails",
        };
        format!("{to}, {}{}", when(link.created_at), used(link.used_at))
    });
    confirming.chain(doors).map(Line::from).collect()
}

/// `GET /privacy/data/open/{token}/data.json`
pub async fn file(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let opened = match door::opened(&app, &request, &DOOR).await? {
        Ok((opened, _)) => opened,
        Err(over) => return Ok(over),
    };
    let data = data::find(&mut *app.db.read().await?, opened.address, app.now()).await?.ok_or(AppError::NotFound)?;
    let body = serde_json::to_vec_pretty(&data).map_err(|error| AppError::internal(&error))?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"my-data.json\""))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("X-Robots-Tag", "noindex"))
        .body(body))
}
