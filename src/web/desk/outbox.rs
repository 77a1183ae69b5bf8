//! `/desk/mail`: the outbox. What waits, what was sent, what was given up and why; trying again.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::ids::MailId;
use crate::core::limits;
use crate::core::status::MailState;
use crate::mail::outbox::{self, RetryError};
use crate::mail::transport::Transport;
use crate::settings::Settings;
use crate::staff::authority::MaySeeMail;
use crate::urls;
use crate::web::desk::frame::{frame, receipt};
use crate::web::desk::sign_in::lead_to;
use crate::web::error::AppError;
use crate::web::extract::authority::{NoFields, StaffForm};
use crate::web::extract::path;
use crate::web::page::{DeskShell, Flash, NoticeKind};
use crate::web::{cached_pages, mail_events, shell};

/// A tab of the list.
struct Tab {
    label: &'static str,
    href: String,
    current: bool,
    count: Option<String>,
}

struct Line {
    id: MailId,
    at: String,
    at_machine: String,
    recipient: String,
    subject: String,
    kind: &'static str,
    state: &'static str,
    tone: &'static str,
    about: String,
    error: Option<String>,
    may_retry: bool,
}

impl Line {
    fn href(&self) -> String {
        urls::desk_mail(self.id)
    }

    fn retry_href(&self) -> String {
        urls::desk_mail_retry(self.id)
    }
}

#[derive(Template)]
#[template(path = "desk/outbox.html")]
struct OutboxPage {
    page: DeskShell,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    /// What everybody should know about the mail server.
    notice: Option<(NoticeKind, String)>,
    next_href: Option<String>,
    /// Where a provider reports what came back, with its token.
    hook: String,
}

/// Which part of the list, and what was just done.
#[derive(Debug, Deserialize)]
pub struct Asked {
    state: Option<String>,
    before: Option<String>,
    done: Option<String>,
}

/// `GET /desk/mail`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    who: MaySeeMail,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    let state: Option<MailState> =
        asked.state.as_deref().map(str::parse).transpose().map_err(|_| AppError::NotFound)?;
    let before: Option<MailId> = asked.before.as_deref().map(str::parse).transpose().map_err(|_| AppError::NotFound)?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let lines = outbox::list(&mut conn, state, before).await?;
    let waiting = outbox::count(&mut conn, MailState::Queued).await?;
    let failed = outbox::count(&mut conn, MailState::Failed).await?;
    drop(conn);
    let is_full = i64::try_from(lines.len()) == Ok(limits::DESK_ROWS);
    let next_href =
        lines.last().filter(|_| is_full).map(|last| urls::desk_outbox_before(state.map(MailState::as_str), last.id));
    let mut page = frame(&app, &settings, &request, who.session(), "Mail");
    page.flash = done(asked.done.as_deref());
    let body = OutboxPage {
        page,
        tabs: tabs(state, waiting, failed),
        lines: lines.into_iter().map(|mail| line(mail, &settings)).collect(),
        notice: notice(&app, &settings),
        next_href,
        hook: hook(&app, &settings),
    }
    .render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

/// The hook's address as providers take it: with name and password in it.
fn hook(app: &App, settings: &Settings) -> String {
    let mut address = app.base_url(settings);
    address.set_path(&urls::mail_events());
    let token = mail_events::token(app.secret());
    if address.set_username("stet").and_then(|()| address.set_password(Some(&token))).is_err() {
        return String::new(); // cannot happen: the site's address has a host
    }
    address.into()
}

fn done(code: Option<&str>) -> Option<Flash> {
    match code {
        Some("retry") => Some(receipt("It is on its way again.")),
        Some("not-failed") => Some(Flash {
            kind: NoticeKind::Info,
            text: "Nothing to do: this mail waits, was sent, or is not wanted any more.".into(),
            undo: None,
        }),
        Some("erased") => Some(Flash {
            kind: NoticeKind::Warn,
            text: "Its text has been erased, so it can’t be sent again.".into(),
            undo: None,
        }),
        Some(_) | None => None,
    }
}

fn notice(app: &App, settings: &Settings) -> Option<(NoticeKind, String)> {
    let mailer = &app.parts.mailer;
    if let Some(since) = mailer.away_since() {
        let since = shell::date_and_time(since, settings);
        return Some((
            NoticeKind::Warn,
            format!("The mail server hasn’t answered since {since}. It is tried every 30 seconds; nothing is lost."),
        ));
    }
    match mailer.transport() {
        Transport::Eml(_) => Some((
            NoticeKind::Info,
            "No mail server is set up. Mails are written as .eml files to the folder “mail” in the data folder.".into(),
        )),
        Transport::Smtp(_) => None,
    }
}

fn tabs(chosen: Option<MailState>, waiting: usize, failed: usize) -> Vec<Tab> {
    let counted = |count: usize| {
        let exact = usize::try_from(limits::COUNT_EXACT_MAX).unwrap_or(usize::MAX);
        if count > exact { "1,000+".to_owned() } else { count.to_string() }
    };
    let tab = |label, state: Option<MailState>, count| Tab {
        label,
        href: urls::desk_outbox_of(state.map(MailState::as_str)),
        current: state == chosen,
        count,
    };
    vec![
        tab("All", None, None),
        tab("Waiting", Some(MailState::Queued), Some(counted(waiting))),
        tab("Failed", Some(MailState::Failed), Some(counted(failed))),
        tab("Sent", Some(MailState::Sent), None),
        tab("Withdrawn", Some(MailState::Withdrawn), None),
    ]
}

fn line(mail: outbox::Line, settings: &Settings) -> Line {
    let in_words = |at| shell::date_and_time(at, settings);
    let about = match (mail.state, mail.finished_at, mail.next_try_at) {
        (MailState::Queued, _, Some(next)) if mail.attempts > 0 => {
            format!("tried {}, next {}", times(mail.attempts), in_words(next))
        }
        (MailState::Sent | MailState::Failed | MailState::Withdrawn, Some(at), _) => in_words(at),
        (MailState::Queued | MailState::Sent | MailState::Failed | MailState::Withdrawn, _, _) => String::new(),
    };
    Line {
        id: mail.id,
        at: in_words(mail.created_at),
        at_machine: shell::machine_time(mail.created_at),
        recipient: mail.recipient,
        subject: mail.subject,
        kind: kind_label(&mail.kind),
        state: state_label(mail.state),
        tone: tone(mail.state),
        about,
        error: mail.last_error.filter(|_| mail.state != MailState::Sent),
        may_retry: mail.state == MailState::Failed,
    }
}

fn times(count: i32) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

fn kind_label(kind: &str) -> &'static str {
    match kind {
        "reply" => "Reply to a reader",
        "approved" => "Comment approved",
        "staff_answer" => "To the team",
        "confirm" => "Confirmation",
        "data_link" => "Link to their data",
        "preferences_link" => "Link to their choices",
        _ => "Account",
    }
}

fn state_label(state: MailState) -> &'static str {
    match state {
        MailState::Queued => "Waiting",
        MailState::Sent => "Sent",
        MailState::Failed => "Failed",
        MailState::Withdrawn => "Withdrawn",
    }
}

fn tone(state: MailState) -> &'static str {
    match state {
        MailState::Queued | MailState::Withdrawn => "badge",
        MailState::Sent => "badge badge--ok",
        MailState::Failed => "badge badge--danger",
    }
}

#[derive(Template)]
#[template(path = "desk/mail.html")]
struct MailPage {
    page: DeskShell,
    outbox_href: String,
    line: Line,
    message_id: String,
    text: Option<String>,
    comment_href: Option<String>,
}

/// `GET /desk/mail/{id}`: one mail as text.
pub async fn show_one(app: web::Data<App>, request: HttpRequest, who: MaySeeMail) -> Result<HttpResponse, AppError> {
    let id: MailId = path::segment(&request, "id")?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let mail = outbox::find(&mut conn, id).await?.ok_or(AppError::NotFound)?;
    drop(conn);
    let page = frame(&app, &settings, &request, who.session(), "Mail");
    let (message_id, comment, text) = (mail.message_id.clone(), mail.comment_id, mail.body_text.clone());
    let body = MailPage {
        page,
        outbox_href: urls::desk_outbox(),
        line: line(mail.into_line(), &settings),
        message_id,
        text: Some(text).filter(|text| !text.is_empty()),
        comment_href: comment.map(urls::comment),
    }
    .render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

/// `POST /desk/mail/{id}/retry`
pub async fn retry(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MaySeeMail, NoFields>,
) -> Result<HttpResponse, AppError> {
    let id: MailId = path::segment(&request, "id")?;
    let by = form.who.actor();
    let code = match app.db.transact(async |tx| outbox::retry(tx, by, id).await).await {
        Ok(()) => "retry",
        Err(RetryError::NotFailed) => "not-failed",
        Err(RetryError::Erased) => "erased",
        Err(RetryError::Unknown) => return Err(AppError::NotFound),
        Err(RetryError::Db(error)) => return Err(error.into()),
    };
    Ok(lead_to(urls::desk_outbox_done(code)))
}
