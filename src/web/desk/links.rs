//! `/desk/invite/{token}` and `/desk/reset/{token}`: choosing a password with a link that was handed over.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::rng::Token;
use crate::core::status::LinkPurpose;
use crate::core::text::Email;
use crate::notifications::staff_link;
use crate::staff::link::{self, Holder};
use crate::staff::model;
use crate::staff::password::{Hashed, NewPassword};
use crate::staff::{invite, recover};
use crate::urls;
use crate::web::desk::sign_in::{lead_to, with_cookies};
use crate::web::error::AppError;
use crate::web::extract::authority::Origin;
use crate::web::extract::form::{Fields, Form};
use crate::web::extract::path;
use crate::web::page::{BareShell, FormErrors};
use crate::web::{cached_pages, rate_limit, shell};

/// A new password.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choose {
    password: String,
}

impl Fields for Choose {
    const NAMES: &'static [&'static str] = &["password"];
}

#[derive(Template)]
#[template(path = "desk/choose_password.html")]
struct ChoosePage {
    page: BareShell,
    heading: String,
    intro: &'static str,
    email_masked: String,
    errors: FormErrors,
}

async fn holder_of(app: &App, request: &HttpRequest, purpose: LinkPurpose) -> Result<(Token, Holder), AppError> {
    rate_limit::count(app, request)?;
    let text: String = path::segment(request, "token")?;
    let token = Token::parse(&text).ok_or(AppError::NotFound)?;
    let mut conn = app.db.read().await?;
    app.settings(&mut conn).await?;
    let holder = link::find(&mut conn, &token, purpose, app.now()).await?.ok_or(AppError::NotFound)?;
    Ok((token, holder))
}

async fn page(
    app: &App,
    request: &HttpRequest,
    purpose: LinkPurpose,
    holder: &Holder,
    status: StatusCode,
    errors: FormErrors,
) -> Result<HttpResponse, AppError> {
    let settings = app.parts.settings.last_known();
    let (heading, intro) = match purpose {
        LinkPurpose::Invite => (format!("Welcome, {}", holder.name), "Choose a password, and you are on the team."),
        LinkPurpose::Reset | LinkPurpose::Setup => {
            ("Choose a new password".to_owned(), "It replaces the old one. Other browsers are signed out.")
        }
    };
    let mut shell = shell::bare(app, &settings, request, "Choose a password");
    shell.has_errors = !errors.is_empty();
    let body =
        ChoosePage { page: shell, heading, intro, email_masked: holder.email_masked.clone(), errors }.render()?;
    Ok(cached_pages::private(request, status, body).await)
}

/// The checked and hashed password, or the page with what is wrong with it.
async fn hashed(
    app: &App,
    request: &HttpRequest,
    purpose: LinkPurpose,
    holder: &Holder,
    typed: &str,
) -> Result<Result<Hashed, HttpResponse>, AppError> {
    let site = app.parts.settings.last_known().site.name.clone();
    let [name, email] = holder.about();
    match NewPassword::check(typed, &[&site, name, email]) {
        Ok(password) => Ok(Ok(app.passwords().hash(&password).await.map_err(|_| AppError::Unavailable)?)),
        Err(weak) => {
            let mut errors = FormErrors::default();
            errors.add("password", weak.to_string());
            Ok(Err(page(app, request, purpose, holder, StatusCode::UNPROCESSABLE_ENTITY, errors).await?))
        }
    }
}

/// `GET /desk/invite/{token}`
pub async fn show_invite(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let (_, holder) = holder_of(&app, &request, LinkPurpose::Invite).await?;
    page(&app, &request, LinkPurpose::Invite, &holder, StatusCode::OK, FormErrors::default()).await
}

/// `POST /desk/invite/{token}`
pub async fn accept(app: web::Data<App>, request: HttpRequest, form: Form<Choose>) -> Result<HttpResponse, AppError> {
    let (token, holder) = holder_of(&app, &request, LinkPurpose::Invite).await?;
    let password = match hashed(&app, &request, LinkPurpose::Invite, &holder, &form.fields.password).await? {
        Ok(password) => password,
        Err(page) => return Ok(page),
    };
    let origin = Origin::of(&app, &request);
    let opened = app
        .db
        .transact(async |tx| invite::accept(tx, app.rng(), &token, &password, &origin.whence()).await)
        .await?
        .ok_or(AppError::NotFound)?;
    with_cookies(&app, lead_to(urls::desk()), &opened)
}

/// The address a reset is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Forgotten {
    email: String,
}

impl Fields for Forgotten {
    const NAMES: &'static [&'static str] = &["email"];
}

#[derive(Template)]
#[template(path = "desk/forgotten.html")]
struct ForgottenPage<'a> {
    page: BareShell,
    email: &'a str,
    errors: FormErrors,
    is_asked: bool,
    action: String,
    sign_in_href: String,
}

async fn forgotten_page(
    app: &App,
    request: &HttpRequest,
    status: StatusCode,
    email: &str,
    errors: FormErrors,
    is_asked: bool,
) -> Result<HttpResponse, AppError> {
    let settings = app.parts.settings.last_known();
    let mut page = shell::bare(app, &settings, request, "Reset your password");
    page.has_errors = !errors.is_empty();
    let body =
        ForgottenPage { page, email, errors, is_asked, action: urls::forgotten(), sign_in_href: urls::sign_in(None) }
            .render()?;
    Ok(cached_pages::private(request, status, body).await)
}

/// `GET /desk/reset`
pub async fn show_forgotten(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    forgotten_page(&app, &request, StatusCode::OK, "", FormErrors::default(), false).await
}

/// `POST /desk/reset`: the same answer and the same work whether or not somebody has the address.
pub async fn forgotten(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form<Forgotten>,
) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let typed = &form.fields.email;
    let Some(email) = Email::parse(typed) else {
        let mut errors = FormErrors::default();
        errors.add("email", "Enter an email address, such as name@example.com");
        return forgotten_page(&app, &request, StatusCode::UNPROCESSABLE_ENTITY, typed, errors, false).await;
    };
    let mac = app.secret().mac("account", email.canonical.as_bytes());
    let asked_for = data_encoding::HEXLOWER.encode(mac.get(..8).unwrap_or(&mac));
    app.db
        .transact(async |tx| {
            let person = model::find_by_email(tx.conn(), &email).await?;
            staff_link::enqueue(tx, LinkPurpose::Reset, person.map(|person| person.id), &asked_for).await
        })
        .await?;
    forgotten_page(&app, &request, StatusCode::OK, "", FormErrors::default(), true).await
}

/// `GET /desk/reset/{token}`
pub async fn show_reset(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let (_, holder) = holder_of(&app, &request, LinkPurpose::Reset).await?;
    page(&app, &request, LinkPurpose::Reset, &holder, StatusCode::OK, FormErrors::default()).await
}

/// `POST /desk/reset/{token}`
pub async fn reset(app: web::Data<App>, request: HttpRequest, form: Form<Choose>) -> Result<HttpResponse, AppError> {
    let (token, holder) = holder_of(&app, &request, LinkPurpose::Reset).await?;
    let password = match hashed(&app, &request, LinkPurpose::Reset, &holder, &form.fields.password).await? {
        Ok(password) => password,
        Err(page) => return Ok(page),
    };
    let origin = Origin::of(&app, &request);
    let opened = app
        .db
        .transact(async |tx| recover::reset(tx, app.rng(), &token, &password, &origin.whence()).await)
        .await?
        .ok_or(AppError::NotFound)?;
    with_cookies(&app, lead_to(format!("{}?done=password", urls::account())), &opened)
}
