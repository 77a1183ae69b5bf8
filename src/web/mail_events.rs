//! `POST /hooks/mail-events`: what mail servers and providers report about mail they took.
//!
//! Who may report is told by a token (the desk's mail page shows the whole address to give to the provider), as a
//! bearer token or as the password of basic authentication. What is read is in `mail/events.rs`.

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use data_encoding::BASE64;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;

use crate::app::App;
use crate::core::limits;
use crate::core::secret::Secret;
use crate::mail::events;
use crate::readers::bounce;
use crate::web::error::AppError;
use crate::web::rate_limit;

const PURPOSE: &str = "hook";
const NAME: &str = "mail-events";

/// The token that may report. It changes with the site's key only.
#[must_use]
pub fn token(secret: &Secret) -> String {
    secret.sign(PURPOSE, NAME)
}

/// A report, as it came; nothing where the token is not right.
#[derive(Debug)]
pub struct Report(Option<Vec<u8>>);

impl FromRequest for Report {
    type Error = AppError;
    type Future = LocalBoxFuture<'static, Result<Self, AppError>>;

    // Nothing of a stranger's body is read.
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let may = request.app_data::<web::Data<App>>().is_some_and(|app| may_report(app, request));
        let payload = payload.take();
        Box::pin(async move {
            if !may {
                return Ok(Self(None));
            }
            let body = tokio::time::timeout(limits::BODY_TIMEOUT, collect(payload));
            Ok(Self(Some(body.await.map_err(|_| AppError::TooSlow)??)))
        })
    }
}

async fn collect(mut payload: Payload) -> Result<Vec<u8>, AppError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        body.extend_from_slice(&chunk.map_err(|_| AppError::BadRequest("The report did not arrive whole."))?);
        if body.len() > limits::MAIL_EVENTS_BYTES_MAX {
            return Err(AppError::TooLarge);
        }
    }
    Ok(body)
}

fn may_report(app: &App, request: &HttpRequest) -> bool {
    let Some(given) = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let token = match given.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            let pair = BASE64.decode(pair.trim().as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some((_, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else { return false };
            password.to_owned()
        }
        _ => return false,
    };
    app.secret().verify(PURPOSE, &token) == Some(NAME)
}

/// `POST /hooks/mail-events`
pub async fn submit(app: web::Data<App>, request: HttpRequest, report: Report) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let Some(report) = report.0 else {
        let mut refusal = plain(StatusCode::UNAUTHORIZED, "Send the token of the desk's mail page.\n");
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer, Basic"));
        return Ok(refusal);
    };
    let Ok(events) = events::read(&report) else {
        return Ok(plain(StatusCode::BAD_REQUEST, "Neither JSON nor a delivery report (RFC 3464).\n"));
    };
    app.db
        .transact(async |tx| {
            for event in &events {
                bounce::suppress(tx, event).await?;
            }
            Ok::<_, crate::db::DbError>(())
        })
        .await?;
    Ok(HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}

fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text)
}
