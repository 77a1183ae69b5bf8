//! `POST /comments/{id}/helpful`: a button under a comment. Who has not confirmed an address is told how.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::comments::helpful::{self, Vote, VoteError};
use crate::core::ids::CommentId;
use crate::urls;
use crate::web::error::AppError;
use crate::web::extract::form::{Fields, Form, Sender};
use crate::web::extract::path;
use crate::web::page::PublicShell;
use crate::web::talk::Viewer;
use crate::web::{cached_pages, rate_limit, shell};

/// The button.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct VoteForm {
    vote: String,
}

impl Fields for VoteForm {
    const NAMES: &'static [&'static str] = &["vote"];
}

#[derive(Debug, Template)]
#[template(path = "comments/not_counted.html")]
struct NotCountedPage {
    page: PublicShell,
    sentence: &'static str,
    back_href: String,
}

/// `POST /comments/{id}/helpful`
pub async fn submit(app: web::Data<App>, request: HttpRequest, form: Form<VoteForm>) -> Result<HttpResponse, AppError> {
    const UNREADABLE: AppError =
        AppError::BadRequest("The vote can’t be read. Load the page again and press the button there.");
    rate_limit::count(&app, &request)?;
    let id: CommentId = path::segment(&request, "id")?;
    let vote: Vote = form.fields.vote.parse().map_err(|_| UNREADABLE)?;
    // A post that no page of ours sent is nobody's: cookies are not looked at (decisions 8).
    let viewer = match form.sender {
        Sender::OwnPage => Viewer::load(&app, &request).await?,
        Sender::Unknown => Viewer::default(),
    };
    let sentence = match app.db.transact(async |tx| helpful::vote(tx, viewer.browser.as_ref(), id, vote).await).await {
        Ok(()) => {
            return Ok(HttpResponse::SeeOther()
                .insert_header((header::LOCATION, urls::comment(id)))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .finish());
        }
        Err(VoteError::NotFound) => return Err(AppError::NotFound),
        Err(VoteError::Db(error)) => return Err(error.into()),
        Err(VoteError::Own) => "This comment is your own.",
        Err(VoteError::Unconfirmed) => {
            "So that everyone counts once, we count readers who have confirmed their email. To confirm yours, tick \
             “Email me when someone replies to this” the next time you comment, and open the link in the mail we send \
             you in this browser."
        }
    };
    let settings = app.settings(&mut app.db.read().await?).await?;
    let mut page = shell::public(&app, &settings, &request, Some("Your vote was not counted"));
    page.noindex = true;
    let body = NotCountedPage { page, sentence, back_href: urls::comment(id) }.render()?;
    Ok(cached_pages::private(&request, StatusCode::FORBIDDEN, body).await)
}
