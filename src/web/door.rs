//! Pages about one address, opened by a link in a mail to it (`readers/door.rs`): the form that asks for the mail,
//! the page of the mailed link, and the way in.
//!
//! Looking changes nothing: a mail scanner that opens every link uses none up. The answer to an address that was typed
//! is the same whether it is known, unknown, stopped or was mailed just now. These pages are kept by nobody, send no
//! referrer and set no cookie; the token in the address is the whole authority.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::rng::Token;
use crate::core::status::DoorPurpose;
use crate::core::text::Email;
use crate::notifications;
use crate::readers::door::{self, OpenError, Opened};
use crate::readers::model;
use crate::settings::Settings;
use crate::urls;
use crate::web::error::AppError;
use crate::web::extract::form::Fields;
use crate::web::page::{FormErrors, PublicShell};
use crate::web::{cached_pages, rate_limit, shell};

/// The words of a door.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// What its links are good for.
    pub purpose: DoorPurpose,
    /// The page's name: "Your data".
    pub title: &'static str,
    /// What the page of the form says.
    pub intro: &'static str,
    /// How long the link works, in words.
    pub life: &'static str,
    /// What the button behind the mailed link says.
    pub button: &'static str,
}

/// The address a link is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AskForm {
    email: String,
}

impl Fields for AskForm {
    const NAMES: &'static [&'static str] = &["email"];
}

/// A button whose address says everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Press {}

impl Fields for Press {
    const NAMES: &'static [&'static str] = &[];
    const BY_TOKEN: bool = true;
}

/// The form, and what it answers.
#[derive(Debug, Template)]
#[template(path = "doors/ask.html")]
struct AskPage<'a> {
    page: PublicShell,
    door: &'a Door,
    action: String,
    email: &'a str,
    errors: FormErrors,
    is_asked: bool,
}

/// The page of the mailed link.
#[derive(Debug, Template)]
#[template(path = "doors/mailed.html")]
struct MailedPage<'a> {
    page: PublicShell,
    door: &'a Door,
    /// The address, shortened, and where the button sends; none when the link is over.
    open: Option<(String, String)>,
    ask_href: String,
}

/// The form that asks for a link.
pub async fn ask_page(app: &App, request: &HttpRequest, door: &Door) -> Result<HttpResponse, AppError> {
    rate_limit::count(app, request)?;
    draw_ask(app, request, door, "", FormErrors::default(), false).await
}

async fn draw_ask(
    app: &App,
    request: &HttpRequest,
    door: &Door,
    email: &str,
    errors: FormErrors,
    is_asked: bool,
) -> Result<HttpResponse, AppError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut page = shell(app, &settings, request, door.title);
    page.has_errors = !errors.is_empty();
    let body = AskPage { page, door, action: urls::door(door.purpose), email, errors, is_asked }.render()?;
    Ok(private(request, status, body).await)
}

/// Asks for a link: the same work and the same answer whoever has the address.
pub async fn ask(app: &App, request: &HttpRequest, door: &Door, form: &AskForm) -> Result<HttpResponse, AppError> {
    rate_limit::count(app, request)?;
    let Some(email) = Email::parse(&form.email) else {
        let mut errors = FormErrors::default();
        errors.add("email", "Enter an email address, such as name@example.com");
        return draw_ask(app, request, door, &form.email, errors, false).await;
    };
    let mac = app.secret().mac("door", email.canonical.as_bytes());
    let asked_for = data_encoding::HEXLOWER.encode(mac.get(..8).unwrap_or(&mac));
    app.db
        .transact(async |tx| {
            let known = model::find_address(tx.conn(), &email.canonical).await?;
            notifications::door::enqueue(tx, door.purpose, known.map(|address| address.id), &asked_for).await
        })
        .await?;
    draw_ask(app, request, door, "", FormErrors::default(), true).await
}

/// The page of a mailed link: a button, or that the link is over. Changes nothing.
pub async fn mailed_page(app: &App, request: &HttpRequest, door: &Door) -> Result<HttpResponse, AppError> {
    rate_limit::count(app, request)?;
    let token = token(request)?;
    let mailed = door::find_mailed(&mut *app.db.read().await?, &token, door.purpose, app.now()).await?;
    let mailed = mailed.ok_or(AppError::NotFound)?;
    let action = urls::door_mailed(door.purpose, &token.reveal());
    draw_mailed(app, request, door, (!mailed.is_over).then_some((mailed.address_masked, action))).await
}

async fn draw_mailed(
    app: &App,
    request: &HttpRequest,
    door: &Door,
    open: Option<(String, String)>,
) -> Result<HttpResponse, AppError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let (title, status) = match open {
        Some(_) => (door.title, StatusCode::OK),
        None => ("This link is over", StatusCode::GONE),
    };
    let page = shell(app, &settings, request, title);
    let body = MailedPage { page, door, open, ask_href: urls::door(door.purpose) }.render()?;
    Ok(private(request, status, body).await)
}

/// Uses the mailed link up and leads to the opened one.
pub async fn open(app: &App, request: &HttpRequest, door: &Door) -> Result<HttpResponse, AppError> {
    rate_limit::count(app, request)?;
    let token = token(request)?;
    match app.db.transact(async |tx| door::open(tx, app.rng(), &token, door.purpose).await).await {
        Ok(opened) => Ok(lead_to(&urls::door_opened(door.purpose, &opened.reveal()))),
        Err(OpenError::Ended) => draw_mailed(app, request, door, None).await,
        Err(OpenError::Unknown) => Err(AppError::NotFound),
        Err(OpenError::Db(error)) => Err(error.into()),
    }
}

/// Who came in through an opened link, with its token; or the page that says that it is over.
pub async fn opened(
    app: &App,
    request: &HttpRequest,
    door: &Door,
) -> Result<Result<(Opened, Token), HttpResponse>, AppError> {
    rate_limit::count(app, request)?;
    let token = token(request)?;
    let opened = door::find_opened(&mut *app.db.read().await?, &token, door.purpose, app.now()).await?;
    let opened = opened.ok_or(AppError::NotFound)?;
    if opened.is_over {
        return Ok(Err(draw_mailed(app, request, door, None).await?));
    }
    Ok(Ok((opened, token)))
}

fn token(request: &HttpRequest) -> Result<Token, AppError> {
    request.match_info().get("token").and_then(Token::parse).ok_or(AppError::NotFound)
}

/// The shell of a page whose address nobody else is to learn.
#[must_use]
pub fn shell(app: &App, settings: &Settings, request: &HttpRequest, title: &str) -> PublicShell {
    let mut page = shell::public(app, settings, request, Some(title));
    page.noindex = true;
    page.canonical = None;
    page.return_to = urls::home();
    page
}

/// A page for one person that tells other sites nothing.
pub async fn private(request: &HttpRequest, status: StatusCode, body: String) -> HttpResponse {
    let mut response = cached_pages::private(request, status, body).await;
    response.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    response
}

/// 303 to an address that nobody else is to learn.
#[must_use]
pub fn lead_to(address: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, address))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}
