//! `POST /desk/comments/{id}/pin`: pins an answer above the threads of its article, or takes the pin away. Where
//! another one is pinned, a page asks once whether it goes.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::ids::CommentId;
use crate::core::text;
use crate::moderation::pin::{self, Act, PinError};
use crate::render::plain;
use crate::render::sanitize::SanitizedHtml;
use crate::staff::authority::MayDecide;
use crate::urls;
use crate::web::desk::frame::frame;
use crate::web::error::AppError;
use crate::web::extract::authority::StaffForm;
use crate::web::extract::form::Fields;
use crate::web::extract::path;
use crate::web::page::DeskShell;
use crate::web::{cached_pages, shell};

/// Characters of the answer that would go.
const EXCERPT_CHARS: usize = 280;

/// The button.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PinForm {
    to: String,
    /// The answer a person has said may go.
    replaces: String,
    #[serde(rename = "return")]
    return_to: String,
}

impl Fields for PinForm {
    const NAMES: &'static [&'static str] = &["to", "replaces", "return"];
}

#[derive(Debug, Template)]
#[template(path = "desk/comments/pin.html")]
struct PinPage {
    page: DeskShell,
    name: String,
    excerpt: String,
    action: String,
    replaces: CommentId,
    return_to: String,
}

/// `POST /desk/comments/{id}/pin`
pub async fn submit(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayDecide, PinForm>,
) -> Result<HttpResponse, AppError> {
    const UNREADABLE: AppError =
        AppError::BadRequest("The button can’t be read. Load the page again and press it there.");
    let id: CommentId = path::segment(&request, "id")?;
    let StaffForm { who, fields } = form;
    let act: Act = fields.to.parse().map_err(|_| UNREADABLE)?;
    let replaces: Option<CommentId> = fields.replaces.parse().ok();
    let return_to = shell::own_path(&fields.return_to).map_or_else(|| urls::comment(id), str::to_owned);
    let outcome = app
        .db
        .transact(async |tx| match act {
            Act::Pin => pin::pin(tx, &who, id, replaces).await,
            Act::Unpin => pin::unpin(tx, &who, id).await,
        })
        .await;
    match outcome {
        Ok(()) => Ok(HttpResponse::SeeOther()
            .insert_header((header::LOCATION, return_to))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish()),
        Err(PinError::Other(present)) => {
            let settings = app.settings(&mut app.db.read().await?).await?;
            let page = frame(&app, &settings, &request, who.session(), "Another answer is pinned");
            let body = PinPage {
                page,
                name: present.name,
                excerpt: text::excerpt(&plain::text(&SanitizedHtml::from_comment_column(present.html)), EXCERPT_CHARS),
                action: urls::desk_pin(id),
                replaces: present.comment,
                return_to,
            }
            .render()?;
            Ok(cached_pages::private(&request, StatusCode::CONFLICT, body).await)
        }
        Err(PinError::NotFound) => Err(AppError::NotFound),
        Err(PinError::Db(error)) => Err(error.into()),
    }
}
