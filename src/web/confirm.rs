//! The page behind the link of a confirmation mail (decisions 10): looking changes nothing, the form acts.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::comments::standing;
use crate::core::ids::CommentId;
use crate::core::limits;
use crate::core::rng::Token;
use crate::readers::browser;
use crate::readers::confirm::{self, ConfirmError, Waiting};
use crate::urls;
use crate::web::error::AppError;
use crate::web::extract::form::{Fields, Form, Sender};
use crate::web::page::PublicShell;
use crate::web::talk::{READER_COOKIE, Viewer};
use crate::web::{cached_pages, cookies, rate_limit, shell};

#[derive(Debug, Template)]
#[template(path = "comments/confirm.html")]
struct ConfirmPage {
    page: PublicShell,
    waiting: Waiting,
    comments: Vec<Line>,
    action: String,
}

/// A comment to be ticked.
#[derive(Debug)]
struct Line {
    id: CommentId,
    article: String,
    excerpt: String,
    when: String,
    when_iso: String,
    /// The page that says where it is.
    standing_href: String,
}

fn token(request: &HttpRequest) -> Result<Token, AppError> {
    request.match_info().get("token").and_then(Token::parse).ok_or(AppError::NotFound)
}

/// `GET /mail/confirm/{token}`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let token = token(&request)?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let waiting = confirm::find(&mut conn, &token, app.now()).await?.ok_or(AppError::NotFound)?;
    let comments = waiting
        .comments
        .iter()
        .map(|comment| Line {
            id: comment.id,
            article: comment.article.clone(),
            excerpt: comment.excerpt.clone(),
            when: shell::date_short(comment.created_at, &settings),
            when_iso: shell::machine_time(comment.created_at),
            standing_href: urls::my_comment(&standing::token_for(app.secret(), comment.id)),
        })
        .collect();
    let mut page = shell::public(&app, &settings, &request, Some("Confirm your email address"));
    page.noindex = true;
    page.canonical = None;
    page.return_to = urls::home(); // the address of this page is a secret
    let body = ConfirmPage { page, waiting, comments, action: urls::mail_confirm(&token.reveal()) }.render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

/// What the reader says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConfirmForm {
    act: String,
    comment: Vec<String>,
}

impl Fields for ConfirmForm {
    const NAMES: &'static [&'static str] = &["act", "comment"];
    const REPEATED: &'static [&'static str] = &["comment"];
}

/// `POST /mail/confirm/{token}`
pub async fn submit(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form<ConfirmForm>,
) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let token = token(&request)?;
    let ticked: Vec<CommentId> = form.fields.comment.iter().filter_map(|id| id.parse().ok()).collect();
    let known = match form.sender {
        Sender::OwnPage => Viewer::load(&app, &request).await?.browser,
        Sender::Unknown => None,
    };
    let is_ours = form.sender == Sender::OwnPage;
    let outcome: Result<Option<Token>, ConfirmError> = app
        .db
        .transact(async |tx| {
            if form.fields.act == "refuse" {
                confirm::refuse(tx, &token).await?;
                return Ok(None);
            }
            let (browser, new) = match known {
                Some(known) => (Some(known), None),
                None if is_ours => {
                    browser::open(tx, app.rng()).await.map(|(browser, token)| (Some(browser), Some(token)))?
                }
                None => (None, None),
            };
            confirm::confirm(tx, &token, &ticked, browser.map(|browser| browser.id)).await?;
            Ok(new)
        })
        .await;
    let mut response = HttpResponse::SeeOther();
    response
        .insert_header((header::LOCATION, urls::mail_confirm(&token.reveal())))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    match outcome {
        Ok(Some(new)) => {
            response.cookie(cookies::set(&app, READER_COOKIE, new.reveal(), limits::READER_COOKIE_LIFE));
        }
        // A second press of the button: the page says that the link was used.
        Ok(None) | Err(ConfirmError::Ended) => {}
        Err(ConfirmError::Unknown) => return Err(AppError::NotFound),
        Err(ConfirmError::Db(error)) => return Err(error.into()),
    }
    Ok(response.finish())
}
