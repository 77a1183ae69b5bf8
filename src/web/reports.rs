//! Reporting a comment: the form, its errors, and the number of a report that was taken (reader.md 4).
//!
//! Only what everyone can see is reported; anything else is not found. Script shows the same form in a dialog.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::ids::CommentId;
use crate::core::text;
use crate::db::Conn;
use crate::moderation::model::ReportReason;
use crate::moderation::report::{self, Complaint, Fault, ReportError, Reported, Reporter};
use crate::render::plain;
use crate::settings::Settings;
use crate::urls;
use crate::web::cached_pages;
use crate::web::error::AppError;
use crate::web::extract::form::{Fields, Form, Sender};
use crate::web::extract::{client_address, path};
use crate::web::page::{FormErrors, NoticeKind, PublicShell};
use crate::web::talk::Viewer;
use crate::web::{rate_limit, shell};

/// Characters of the comment that stand above the form.
const EXCERPT_CHARS: usize = 280;

/// The form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ReportForm {
    reason: String,
    words: String,
}

impl Fields for ReportForm {
    const NAMES: &'static [&'static str] = &["reason", "words"];
}

/// What was just sent, if anything.
#[derive(Debug, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "comments/report.html")]
struct ReportPage {
    page: PublicShell,
    heading: String,
    excerpt: String,
    action: String,
    back_href: String,
    /// Choices: word, label, whether it is chosen.
    reasons: Vec<(&'static str, &'static str, bool)>,
    words: String,
    errors: FormErrors,
    alert: Option<(NoticeKind, String)>,
}

#[derive(Debug, Template)]
#[template(path = "comments/reported.html")]
struct ReportedPage {
    page: PublicShell,
    sentence: String,
    back_href: String,
}

fn reporter(app: &App, request: &HttpRequest, viewer: &Viewer) -> Reporter {
    let reader = viewer.browser.and_then(|browser| browser.reader).map(|(reader, _)| reader);
    Reporter::new(reader, client_address::of(app, request), app.secret())
}

/// `GET /comments/{id}/report`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let id: CommentId = path::segment(&request, "id")?;
    let viewer = Viewer::load(&app, &request).await?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    if let Some(done) = &asked.done {
        // Also when the report itself took the comment out of sight: its writer is still told the number.
        let by = reporter(&app, &request, &viewer);
        let number = report::find_earlier(&mut conn, id, &by).await?.ok_or(AppError::NotFound)?;
        let reported = Reported { number, is_repeat: done == "again" };
        return thanks(&app, &request, &settings, id, reported).await;
    }
    let typed = ReportForm::default();
    form_page(&At { app: &app, request: &request, settings: &settings, id }, &mut conn, &typed, Wrong::default()).await
}

async fn thanks(
    app: &App,
    request: &HttpRequest,
    settings: &Settings,
    id: CommentId,
    reported: Reported,
) -> Result<HttpResponse, AppError> {
    let number = reported.number;
    let sentence = if reported.is_repeat {
        format!("You have reported this already. Your report number is {number}.")
    } else {
        format!("Thank you. Your report number is {number}. A moderator will look at it.")
    };
    let mut page = shell::public(app, settings, request, Some("Report a comment"));
    page.noindex = true;
    let body = ReportedPage { page, sentence, back_href: urls::comment(id) }.render()?;
    Ok(cached_pages::private(request, StatusCode::OK, body).await)
}

struct At<'a> {
    app: &'a App,
    request: &'a HttpRequest,
    settings: &'a Settings,
    id: CommentId,
}

/// Why the form comes back.
#[derive(Default)]
struct Wrong {
    status: StatusCode,
    errors: FormErrors,
    alert: Option<(NoticeKind, String)>,
}

async fn form_page(at: &At<'_>, conn: &mut Conn, typed: &ReportForm, wrong: Wrong) -> Result<HttpResponse, AppError> {
    let about = report::about(conn, at.id).await?.ok_or(AppError::NotFound)?;
    let heading = format!("Report {}’s comment", about.name);
    let mut page = shell::public(at.app, at.settings, at.request, Some(&heading));
    page.noindex = true;
    page.has_errors = !wrong.errors.is_empty();
    let reasons = ReportReason::ALL;
    let body = ReportPage {
        page,
        heading,
        excerpt: text::excerpt(&plain::text(&about.html), EXCERPT_CHARS),
        action: urls::comment_report(at.id),
        back_href: urls::comment(at.id),
        reasons: reasons
            .iter()
            .map(|reason| (reason.as_str(), reason.label(), reason.as_str() == typed.reason.trim()))
            .collect(),
        words: typed.words.clone(),
        errors: wrong.errors,
        alert: wrong.alert,
    }
    .render()?;
    Ok(cached_pages::private(at.request, wrong.status, body).await)
}

/// `POST /comments/{id}/report`
pub async fn submit(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form<ReportForm>,
) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let id: CommentId = path::segment(&request, "id")?;
    // A post that no page of ours sent is nobody's: cookies are not looked at (decisions 8).
    let viewer = match form.sender {
        Sender::OwnPage => Viewer::load(&app, &request).await?,
        Sender::Unknown => Viewer::default(),
    };
    let settings = app.settings(&mut app.db.read().await?).await?;
    let at = At { app: &app, request: &request, settings: &settings, id };
    let complaint = match Complaint::parse(&form.fields.reason, &form.fields.words) {
        Ok(complaint) => complaint,
        Err(faults) => {
            let mut errors = FormErrors::default();
            for fault in faults {
                let field = if fault == Fault::NoReason { "reason" } else { "words" };
                errors.add(field, fault.to_string());
            }
            let wrong = Wrong { status: StatusCode::UNPROCESSABLE_ENTITY, errors, alert: None };
            return form_page(&at, &mut app.db.read().await?, &form.fields, wrong).await;
        }
    };
    let by = reporter(&app, &request, &viewer);
    let to_hold = settings.comments.reports_to_hold;
    match app.db.transact(async |tx| report::report(tx, id, &by, &complaint, to_hold).await).await {
        Ok(Reported { is_repeat, .. }) => Ok(HttpResponse::SeeOther()
            .insert_header((header::LOCATION, urls::comment_reported(id, is_repeat)))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish()),
        Err(ReportError::NotFound) => Err(AppError::NotFound),
        Err(ReportError::TooFast { again_at }) => {
            let clock = again_at.with_timezone(&shell::zone(&settings)) + chrono::TimeDelta::seconds(59);
            let sentence =
                format!("Many reports are coming from your network. You can send yours at {}", clock.format("%H:%M"));
            let alert = Some((NoticeKind::Warn, sentence));
            let wrong = Wrong { status: StatusCode::TOO_MANY_REQUESTS, errors: FormErrors::default(), alert };
            let mut response = form_page(&at, &mut app.db.read().await?, &form.fields, wrong).await?;
            let seconds = (again_at - app.now()).num_seconds().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
            Ok(response)
        }
        Err(ReportError::Db(error)) => Err(error.into()),
    }
}
