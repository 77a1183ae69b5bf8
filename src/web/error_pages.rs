//! The outermost middleware: turns refusals, failures, unknown addresses and panics into pages, and sets the
//! headers of every answer. It also logs what failed or was slow; everything else is only counted.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use askama::Template;
use futures_util::FutureExt;

use crate::app::App;
use crate::articles::search;
use crate::core::limits;
use crate::core::page_store::Trust;
use crate::urls;
use crate::web::desk::sign_in;
use crate::web::error::{AppError, reference};
use crate::web::{headers, metrics, page, shell};

/// Answers slower than this are logged.
const SLOW: Duration = Duration::from_secs(1);

/// See the module.
pub async fn pages(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let app = request.app_data::<web::Data<App>>().map(|app| app.get_ref().clone());
    let https = app.as_ref().is_some_and(App::is_https);
    let started = Instant::now();
    let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let Ok(answer) = outcome else {
        let reference = reference();
        tracing::error!(error.reference = %reference, "a handler panicked");
        metrics::count(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            app.map_or_else(|| HttpResponse::InternalServerError().finish(), |app| failed(&app, &reference));
        headers::secure(response.headers_mut(), https);
        return Err(actix_web::error::InternalError::from_response("a handler panicked", response).into());
    };
    let mut response = answer?;
    if let Some(app) = &app
        && needs_page(&response)
    {
        let near = close_titles(app, &response).await;
        response = with_page(app, response, near);
    }
    // Pages of the desk are kept by nobody, under any spelling of their path (requirements S13).
    let is_desk = response.request().match_pattern().is_some_and(|pattern| pattern.starts_with("/desk"));
    if is_desk && !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("private, no-store"));
    }
    headers::secure(response.headers_mut(), https);
    metrics::count(response.status());
    log(&response, started.elapsed());
    Ok(response)
}

fn needs_page(response: &ServiceResponse<BoxBody>) -> bool {
    let status = response.status();
    let own_body = response.headers().contains_key(header::CONTENT_TYPE) && response.response().error().is_none();
    (status.is_client_error() || status.is_server_error()) && !own_body && status != StatusCode::EXPECTATION_FAILED
}

/// Articles with a title close to an address that leads nowhere. Not while the database is away, and not for the
/// site's own addresses; a failure here is no failure of the page.
async fn close_titles(app: &App, response: &ServiceResponse<BoxBody>) -> Vec<page::NavLink> {
    let path = response.request().path();
    let first = path.trim_start_matches('/').split(['/', '.']).next().unwrap_or_default();
    let is_ours = urls::is_reserved(first) || path.len() > limits::PATH_CHARS_MAX;
    if response.status() != StatusCode::NOT_FOUND || is_ours || app.pages().trust() != Trust::Live {
        return Vec::new();
    }
    let Some(words) = search::Words::parse(&words_of(path)) else { return Vec::new() };
    let found = async { search::close_titles(&mut *app.db.read().await?, &words).await };
    let link = |(slug, label): (String, String)| page::NavLink { label, href: urls::article(&slug), current: false };
    found.await.map(|found| found.into_iter().map(link).collect()).unwrap_or_default()
}

fn with_page(app: &App, response: ServiceResponse<BoxBody>, near: Vec<page::NavLink>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let (request, old) = response.into_parts();
    let body = match old.error().and_then(|error| error.as_error::<AppError>()) {
        None | Some(AppError::NotFound) if status == StatusCode::NOT_FOUND => not_found(app, &request, near),
        None => by_status(app, &request, status),
        Some(error) => by_error(app, &request, error),
    };
    let mut new = HttpResponse::build(status);
    for kept in [header::RETRY_AFTER, header::ALLOW, header::SET_COOKIE] {
        for value in old.headers().get_all(&kept) {
            new.append_header((kept.clone(), value.clone()));
        }
    }
    new.insert_header((header::CACHE_CONTROL, "no-store"));
    new.content_type("text/html; charset=utf-8");
    ServiceResponse::new(
        request,
        new.body(body.unwrap_or_else(|_| status.canonical_reason().unwrap_or("Error").to_owned())),
    )
}

fn by_error(app: &App, request: &HttpRequest, error: &AppError) -> Result<String, askama::Error> {
    match error {
        AppError::Gone { withdrawn_at, reason } => {
            let settings = app.parts.settings.last_known();
            page::Gone {
                page: shell::public(app, &settings, request, Some("Withdrawn")),
                withdrawn_on: shell::date_in_words(*withdrawn_at, &settings),
                withdrawn_on_iso: withdrawn_at.format("%Y-%m-%d").to_string(),
                reason: (!reason.is_empty()).then(|| reason.clone()),
            }
            .render()
        }
        AppError::SignedOut(again) => sign_in::page_instead(app, request, again),
        AppError::Internal { reference } => failed_page(app, reference).render(),
        AppError::CrossSite => plain(
            app,
            request,
            "That form was not sent from this site",
            "Open the page itself and send the form from there. If your browser hides where a form comes from, allow it for this site.",
        ),
        AppError::BadRequest(what) => plain(app, request, "That request can’t be read", what),
        AppError::TooLarge => plain(
            app,
            request,
            "That is too large",
            "The form holds more than this page can take. Go back, shorten it, and send it again; your browser keeps what you typed.",
        ),
        AppError::UnsupportedForm => {
            plain(app, request, "That request can’t be read", "Forms are sent as application/x-www-form-urlencoded.")
        }
        AppError::TooSlow => plain(
            app,
            request,
            "That took too long to arrive",
            "The connection was too slow for the form. Go back and send it again; your browser keeps what you typed.",
        ),
        AppError::NotFound
        | AppError::Moved(_)
        | AppError::Forbidden
        | AppError::TooMany { .. }
        | AppError::Unavailable => by_status(app, request, actix_web::ResponseError::status_code(error)),
    }
}

fn by_status(app: &App, request: &HttpRequest, status: StatusCode) -> Result<String, askama::Error> {
    let settings = app.parts.settings.last_known();
    match status {
        StatusCode::NOT_FOUND => not_found(app, request, Vec::new()),
        StatusCode::FORBIDDEN => {
            page::Forbidden { page: shell::public(app, &settings, request, Some("You can’t see this page")) }.render()
        }
        StatusCode::TOO_MANY_REQUESTS => {
            page::TooManyRequests { page: shell::public(app, &settings, request, Some("That was a lot of requests")) }
                .render()
        }
        StatusCode::SERVICE_UNAVAILABLE => page::Unavailable {
            page: shell::bare(app, &settings, request, "Back in a few minutes"),
            again_href: shell::address_of(request),
        }
        .render(),
        StatusCode::METHOD_NOT_ALLOWED => {
            plain(app, request, "That can’t be done here", "This address takes no request of that kind.")
        }
        status if status.is_server_error() => {
            let reference = reference();
            tracing::error!(error.reference = %reference, status = status.as_u16(), "a request failed without saying why");
            failed_page(app, &reference).render()
        }
        _ => plain(app, request, "That request can’t be read", "Go back and try again."),
    }
}

fn not_found(app: &App, request: &HttpRequest, suggestions: Vec<page::NavLink>) -> Result<String, askama::Error> {
    let settings = app.parts.settings.last_known();
    let page = shell::public(app, &settings, request, Some("Page not found"));
    page::NotFound { page, words: words_of(request.path()), suggestions }.render()
}

fn plain(app: &App, request: &HttpRequest, heading: &str, sentence: &str) -> Result<String, askama::Error> {
    let settings = app.parts.settings.last_known();
    Plain { page: shell::public(app, &settings, request, Some(heading)), heading, sentence }.render()
}

/// Any other refusal: a heading and what to do.
#[derive(Debug, Template)]
#[template(path = "errors/plain.html")]
struct Plain<'a> {
    page: page::PublicShell,
    heading: &'a str,
    sentence: &'a str,
}

fn failed_page(app: &App, reference: &str) -> page::ServerFailed {
    let settings = app.parts.settings.last_known();
    page::ServerFailed {
        page: shell::bare_for(&settings, "Something went wrong"),
        reference: reference.to_owned(),
        home_href: urls::home(),
    }
}

fn failed(app: &App, reference: &str) -> HttpResponse {
    let body = failed_page(app, reference).render().unwrap_or_default();
    HttpResponse::InternalServerError()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

// Words of the address for the search box: letters and digits only.
fn words_of(path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let words: Vec<&str> =
        decoded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(8).collect();
    words.join(" ")
}

// The route's pattern, never the path: paths can carry tokens.
fn log<B: MessageBody>(response: &ServiceResponse<B>, took: Duration) {
    let status = response.status();
    if !status.is_server_error() && took < SLOW {
        return;
    }
    let pattern = response.request().match_pattern().unwrap_or_else(|| "(no route)".to_owned());
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::warn!(http.route = %pattern, http.method = %response.request().method(), http.status = status.as_u16(), duration_ms, "answered with a failure");
    } else {
        tracing::info!(http.route = %pattern, http.method = %response.request().method(), http.status = status.as_u16(), duration_ms, "answered slowly");
    }
}
