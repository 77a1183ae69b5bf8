//! `/mail/unsubscribe/{token}`: stopping mail without signing in.
//!
//! GET shows a form and changes nothing, so that a mail program that opens links stops nothing. POST acts: from
//! the page, or from a mail program's own button (RFC 8058), which sends no cookie and no `Origin`. The signed
//! token is the whole authority, so where the form came from is not asked.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use askama::Template;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;

use crate::app::App;
use crate::core::limits;
use crate::core::status::DoorPurpose;
use crate::db::DbError;
use crate::notifications::unsubscribe::{self, Shown, Target};
use crate::urls;
use crate::web::error::AppError;
use crate::web::page::PublicShell;
use crate::web::shell;

/// The page of a link, before and after.
#[derive(Debug, Template)]
#[template(path = "subscriptions/unsubscribe.html")]
struct StopPage<'a> {
    page: PublicShell,
    shown: &'a Shown,
    action: String,
    /// Whether the link is about every mail to the address.
    is_all: bool,
    preferences_href: String,
}

/// The button pressed: everything, or what the link is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Every mail to the address.
    All,
    /// What the link is about: the page's first button, and every mail program's.
    This,
}

impl FromRequest for Pressed {
    type Error = AppError;
    type Future = LocalBoxFuture<'static, Result<Self, AppError>>;

    // Mail programs send `List-Unsubscribe=One-Click` urlencoded or as multipart/form-data (RFC 8058, section 3.2);
    // the page's second button sends `stop=all`. Nothing else in the body matters.
    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move {
            let body =
                tokio::time::timeout(limits::BODY_TIMEOUT, collect(payload)).await.map_err(|_| AppError::TooSlow)??;
            Ok(if body == b"stop=all" { Self::All } else { Self::This })
        })
    }
}

async fn collect(mut payload: Payload) -> Result<Vec<u8>, AppError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        body.extend_from_slice(
            &chunk.map_err(|_| AppError::BadRequest("The form did not arrive whole. Send it again."))?,
        );
        if body.len() > limits::FORM_BODY_BYTES_MAX {
            return Err(AppError::TooLarge);
        }
    }
    Ok(body)
}

/// Shows what the link is about. Changes nothing.
pub async fn show(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let target = target(&app, &request)?;
    let mut conn = app.db.read().await?;
    let shown = unsubscribe::find(&mut conn, target).await?.ok_or(AppError::NotFound)?;
    let settings = app.settings(&mut conn).await?;
    drop(conn);
    let title = if shown.stopped_at.is_some() { "Emails stopped" } else { "Stop emails" };
    let mut page = shell::public(&app, &settings, &request, Some(title));
    page.noindex = true;
    page.canonical = None;
    let is_all = matches!(target, Target::Address(_));
    let action = urls::mail_unsubscribe(request.match_info().query("token"));
    let body = StopPage { page, shown: &shown, action, is_all, preferences_href: urls::door(DoorPurpose::Preferences) }
        .render()?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(body))
}

/// Stops the mails and leads back to the page, which says so. A second time changes nothing.
pub async fn stop(app: Data<App>, request: HttpRequest, pressed: Pressed) -> Result<HttpResponse, AppError> {
    let target = target(&app, &request)?;
    app.db.transact(async |tx| stop_what(tx, target, pressed).await).await?;
    let back = urls::mail_unsubscribe(request.match_info().query("token"));
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, back))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

async fn stop_what(tx: &mut crate::db::Tx, target: Target, pressed: Pressed) -> Result<(), DbError> {
    match (target, pressed) {
        (Target::Address(id), _) => unsubscribe::stop_all(tx, id).await?,
        (Target::Subscription(id), Pressed::This) => unsubscribe::stop(tx, id).await?,
        (Target::Subscription(_), Pressed::All) => match unsubscribe::find(tx.conn(), target).await? {
            Some(shown) => unsubscribe::stop_all(tx, shown.address_id).await?,
            None => false,
        },
    };
    Ok(())
}

fn target(app: &App, request: &HttpRequest) -> Result<Target, AppError> {
    unsubscribe::read(app.secret(), request.match_info().query("token")).ok_or(AppError::NotFound)
}
