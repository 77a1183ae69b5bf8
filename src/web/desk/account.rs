//! `/desk/account`: one's own sessions and password.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::ids::SessionId;
use crate::staff::authority::Session;
use crate::staff::password::NewPassword;
use crate::staff::sign_in::{self, Desk, SignInError};
use crate::staff::{recover, session};
use crate::urls;
use crate::web::desk::frame::{frame, receipt};
use crate::web::desk::sign_in::{lead_to, with_cookies};
use crate::web::error::AppError;
use crate::web::extract::authority::{NoFields, Origin, StaffForm};
use crate::web::extract::form::Fields;
use crate::web::extract::path;
use crate::web::page::{DeskShell, Flash, FormErrors};
use crate::web::{cached_pages, shell};

/// The form for another password.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Change {
    current: String,
    password: String,
}

impl Fields for Change {
    const NAMES: &'static [&'static str] = &["current", "password"];
}

struct Line {
    browser: String,
    network: String,
    seen_at: String,
    seen_at_machine: String,
    since: String,
    is_this: bool,
    end_href: String,
}

#[derive(Template)]
#[template(path = "desk/account.html")]
struct AccountPage {
    page: DeskShell,
    name: String,
    email_masked: String,
    lines: Vec<Line>,
    has_others: bool,
    errors: FormErrors,
    password_href: String,
    sessions_href: String,
}

/// What was just done.
#[derive(Debug, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

fn told(done: Option<&str>) -> Option<Flash> {
    match done? {
        "password" => Some(receipt("Your password is changed. Other browsers are signed out.")),
        "ended" => Some(receipt("That browser is signed out.")),
        "others" => Some(receipt("All other browsers are signed out.")),
        _ => None,
    }
}

/// `GET /desk/account`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    page(&app, &request, &session, StatusCode::OK, told(asked.done.as_deref()), FormErrors::default()).await
}

async fn page(
    app: &App,
    request: &HttpRequest,
    session: &Session,
    status: StatusCode,
    flash: Option<Flash>,
    errors: FormErrors,
) -> Result<HttpResponse, AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let sessions = session::list(&mut conn, session.staff_id(), app.now()).await?;
    drop(conn);
    let lines: Vec<Line> = sessions
        .into_iter()
        .map(|line| Line {
            browser: line.browser.unwrap_or_else(|| "Another program".to_owned()),
            network: line.network.unwrap_or_default(),
            seen_at: shell::date_and_time(line.last_seen_at, &settings),
            seen_at_machine: shell::machine_time(line.last_seen_at),
            since: shell::date_short(line.created_at, &settings),
            is_this: Some(line.id) == session.id(),
            end_href: urls::account_session(line.id),
        })
        .collect();
    let mut shell = frame(app, &settings, request, session, "Your account");
    shell.flash = flash;
    shell.has_errors = !errors.is_empty();
    let body = AccountPage {
        page: shell,
        name: session.name().to_owned(),
        email_masked: session.email_masked().to_owned(),
        has_others: lines.len() > 1,
        lines,
        errors,
        password_href: urls::account_password(),
        sessions_href: urls::account_sessions(),
    }
    .render()?;
    Ok(cached_pages::private(request, status, body).await)
}

/// `POST /desk/account/sessions/{id}`: ends one of one's own.
pub async fn end(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<Session, NoFields>,
) -> Result<HttpResponse, AppError> {
    let id: SessionId = path::segment(&request, "id")?;
    let is_this = form.who.id() == Some(id);
    if !app.db.transact(async |tx| session::revoke(tx, &form.who, id).await).await? {
        return Err(AppError::NotFound);
    }
    Ok(lead_to(if is_this { urls::sign_in(None) } else { format!("{}?done=ended", urls::account()) }))
}

/// `POST /desk/account/sessions`: ends all others.
pub async fn end_others(app: web::Data<App>, form: StaffForm<Session, NoFields>) -> Result<HttpResponse, AppError> {
    app.db.transact(async |tx| session::revoke_others(tx, &form.who).await).await?;
    Ok(lead_to(format!("{}?done=others", urls::account())))
}

/// `POST /desk/account/password`
pub async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<Session, Change>,
) -> Result<HttpResponse, AppError> {
    let (session, fields) = (&form.who, &form.fields);
    let site = app.parts.settings.last_known().site.name.clone();
    let mut errors = FormErrors::default();
    if fields.current.is_empty() {
        errors.add("current", "Enter your present password");
    }
    let checked = NewPassword::check(&fields.password, &[&site, session.name()]);
    if let Err(weak) = &checked {
        errors.add("password", weak.to_string());
    }
    let Ok(password) = checked else {
        return page(&app, &request, session, StatusCode::UNPROCESSABLE_ENTITY, None, errors).await;
    };
    if !errors.is_empty() {
        return page(&app, &request, session, StatusCode::UNPROCESSABLE_ENTITY, None, errors).await;
    }
    let origin = Origin::of(&app, &request);
    let desk = Desk { db: &app.db, passwords: app.passwords(), secret: app.secret(), rng: app.rng() };
    match sign_in::confirm(desk, session, &fields.current, &origin.whence()).await {
        Ok(()) => {}
        Err(SignInError::Mismatch { .. }) => {
            errors.add("current", "That is not your present password");
            return page(&app, &request, session, StatusCode::UNPROCESSABLE_ENTITY, None, errors).await;
        }
        Err(SignInError::TooMany { wait }) => {
            errors.add("current", "Too many tries. Wait a few minutes and try again");
            let mut response = page(&app, &request, session, StatusCode::TOO_MANY_REQUESTS, None, errors).await?;
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(wait.as_secs().max(1)));
            return Ok(response);
        }
        Err(SignInError::Busy) => return Err(AppError::Unavailable),
        Err(SignInError::Db(error)) => return Err(error.into()),
    }
    let hashed = app.passwords().hash(&password).await.map_err(|_| AppError::Unavailable)?;
    let opened =
        app.db.transact(async |tx| recover::change(tx, app.rng(), session, &hashed, &origin.whence()).await).await?;
    with_cookies(&app, lead_to(format!("{}?done=password", urls::account())), &opened)
}
