//! Erasing everything about an address: the page that says what will happen, and the act. Behind the door of
//! `web/data.rs`; the verb is `comments/erase.rs`.

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::comments::erase::{self, Choice, EraseError, Prospect};
use crate::core::text::Email;
use crate::readers::door::Opened;
use crate::urls;
use crate::web::data::DOOR;
use crate::web::error::AppError;
use crate::web::extract::form::{Fields, Form, Sender};
use crate::web::page::PublicShell;
use crate::web::talk::{READER_COOKIE, REMEMBER_COOKIE, Viewer};
use crate::web::{cookies, door};

/// What was chosen on the page before.
#[derive(Debug, Deserialize)]
pub struct Asked {
    choice: Option<Choice>,
}

/// The button of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EraseForm {
    choice: String,
}

impl Fields for EraseForm {
    const NAMES: &'static [&'static str] = &["choice"];
    const BY_TOKEN: bool = true;
}

#[derive(Debug, Template)]
#[template(path = "doors/erase.html")]
struct ErasePage {
    page: PublicShell,
    email: String,
    prospect: Prospect,
    keeps: bool,
    /// What the comments are called afterwards.
    nameless: &'static str,
    action: String,
    back_href: String,
    /// The other choice.
    other_href: String,
}

/// `GET /privacy/data/open/{token}/erase?choice=`: what would happen; changes nothing.
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    asked: Result<web::Query<Asked>, actix_web::Error>,
) -> Result<HttpResponse, AppError> {
    let (opened, token) = match door::opened(&app, &request, &DOOR).await? {
        Ok(opened) => opened,
        Err(over) => return Ok(over),
    };
    let token = token.reveal();
    let Some(choice) = asked.ok().and_then(|asked| asked.choice) else {
        return Ok(door::lead_to(&urls::door_opened(DOOR.purpose, &token)));
    };
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let prospect = erase::foresee(&mut conn, opened.address).await?;
    drop(conn);
    let other = match choice {
        Choice::Keep => Choice::Delete,
        Choice::Delete => Choice::Keep,
    };
    let view = ErasePage {
        page: door::shell(&app, &settings, &request, "Erase everything"),
        email: opened.canonical,
        prospect,
        keeps: choice == Choice::Keep,
        nameless: erase::NAMELESS,
        action: urls::data_erase(&token),
        back_href: urls::door_opened(DOOR.purpose, &token),
        other_href: format!("{}?choice={other}", urls::data_erase(&token)),
    };
    Ok(door::private(&request, StatusCode::OK, view.render()?).await)
}

/// `POST /privacy/data/open/{token}/erase`
pub async fn submit(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form<EraseForm>,
) -> Result<HttpResponse, AppError> {
    let opened = match door::opened(&app, &request, &DOOR).await? {
        Ok((opened, _)) => opened,
        Err(over) => return Ok(over),
    };
    let choice: Choice = form
        .fields
        .choice
        .parse()
        .map_err(|_| AppError::BadRequest("Choose what happens to your comments. Load the page again."))?;
    let stale = match form.sender {
        Sender::OwnPage => stale_cookies(&app, &request, &opened).await?,
        Sender::Unknown => Vec::new(),
    };
    match app.db.transact(async |tx| erase::erase(tx, opened.address, choice).await).await {
        Ok(()) => {}
        Err(EraseError::NotFound) => return Err(AppError::NotFound),
        Err(EraseError::Db(error)) => return Err(error.into()),
    }
    let mut response = door::lead_to(&urls::data_erased(choice.as_str()));
    for cookie in &stale {
        response.add_cookie(cookie).map_err(|error| AppError::internal(&error))?;
    }
    Ok(response)
}

/// Cookies of this browser that stand for the erased reader: worth nothing now, so they are taken away.
async fn stale_cookies(app: &App, request: &HttpRequest, opened: &Opened) -> Result<Vec<Cookie<'static>>, AppError> {
    let viewer = Viewer::load(app, request).await?;
    let mut stale = Vec::new();
    if viewer.browser.is_some_and(|browser| browser.reader_of(opened.address).is_some()) {
        stale.push(cookies::remove(app, READER_COOKIE));
    }
    let is_theirs = |email: &str| Email::parse(email).is_some_and(|email| email.canonical == opened.canonical);
    if viewer.remembered.is_some_and(|(_, email)| is_theirs(&email)) {
        stale.push(cookies::remove(app, REMEMBER_COOKIE));
    }
    Ok(stale)
}
