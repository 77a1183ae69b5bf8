//! Public pages through the page store: found, or rendered once and kept; and fresh pages for one person.
//!
//! A handler builds its key address from typed parameters, and gives a render that says what the page shows.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::core::page_store::{Key, Rendered, StoredPage, Tag};
use crate::web::compress::{self, Effort, Encoding};
use crate::web::error::AppError;
use crate::web::{metrics, rate_limit, shell};

/// HTML pages.
pub const HTML: &str = "text/html; charset=utf-8";

/// A page that was just rendered.
#[derive(Debug)]
pub struct Page {
    /// Its text.
    pub body: String,
    /// Its type.
    pub content_type: &'static str,
    /// What it shows; every page also has [`Tag::Site`].
    pub tags: Vec<Tag>,
    /// How long it may be kept.
    pub life: Duration,
}

/// Answers a public page that is the same for everyone: from memory, or rendered and kept.
///
/// `address` is the page's path and the typed parameters that matter, in a fixed order. `render` must read
/// from the main database (never a replica).
pub async fn public(
    app: &App,
    request: &HttpRequest,
    address: String,
    render: impl AsyncFnOnce() -> Result<Page, AppError>,
) -> Result<HttpResponse, AppError> {
    let encoding = compress::negotiate(request.headers());
    let key = Key { address, theme: theme_number(request), encoding: encoding.number() };
    if let Some(page) = app.pages().find(&key, app.now()) {
        metrics::page_from_memory();
        return Ok(answer(request, &page));
    }
    rate_limit::count(app, request)?;
    let mark = app.pages().mark();
    let rendered_at = app.now();
    let page = match render().await {
        // Readers go on reading while the database is away (decisions 2, requirements R5).
        Err(AppError::Unavailable) => {
            let stored = app.pages().find_stale(&key, app.now());
            return stored.map(|page| answer(request, &page)).ok_or(AppError::Unavailable);
        }
        rendered => rendered?,
    };
    metrics::page_rendered();
    let (content_type, life, mut tags) = (page.content_type, page.life, page.tags);
    tags.push(Tag::Site);
    let (body, used) = encode(page.body.into_bytes(), encoding, Effort::Kept).await?;
    let stored = app.pages().store(
        key,
        Rendered {
            etag: etag(&body, used),
            body,
            content_type,
            rendered_at,
            life,
            tags,
            mark,
            encoded: used != Encoding::Identity,
        },
    );
    Ok(answer(request, &stored))
}

/// Answers a page that was rendered for one person: compressed, never kept by anyone.
pub async fn private(request: &HttpRequest, status: actix_web::http::StatusCode, body: String) -> HttpResponse {
    let encoding = compress::negotiate(request.headers());
    let Ok((body, used)) = encode(body.into_bytes(), encoding, Effort::Once).await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, HTML));
    response.insert_header((header::CACHE_CONTROL, "private, no-store"));
    response.insert_header((header::VARY, "Accept-Encoding, Cookie"));
    if let Some(token) = used.token() {
        response.insert_header((header::CONTENT_ENCODING, token));
    }
    response.body(body)
}

fn answer(request: &HttpRequest, page: &Arc<StoredPage>) -> HttpResponse {
    let known = compress::names_tag(compress::header_text(request.headers(), &header::IF_NONE_MATCH), &page.etag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    if let Ok(tag) = HeaderValue::from_str(&page.etag) {
        response.insert_header((header::ETAG, tag));
    }
    response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    response.insert_header((header::VARY, HeaderValue::from_static("Accept-Encoding, Cookie")));
    if known {
        return response.finish();
    }
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(page.content_type)));
    if page.encoded {
        let encoding = compress::negotiate(request.headers());
        if let Some(token) = encoding.token() {
            response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static(token)));
        }
    }
    response.body(page.body.clone())
}

// A long page takes brotli tens of milliseconds: off the threads that answer.
async fn encode(body: Vec<u8>, encoding: Encoding, effort: Effort) -> Result<(Bytes, Encoding), AppError> {
    const LONG: usize = 64 * 1024;
    if encoding == Encoding::Identity || body.len() < LONG {
        return Ok(compress::encode(body, encoding, effort));
    }
    match actix_web::web::block(move || compress::encode(body, encoding, effort)).await {
        Ok(encoded) => Ok(encoded),
        Err(_) => Err(AppError::Unavailable), // the pool is gone: the process is stopping
    }
}

fn etag(body: &[u8], encoding: Encoding) -> String {
    let digest = Sha256::digest(body);
    let short = digest.get(..12).unwrap_or(&digest);
    format!("\"{}-{}\"", data_encoding::BASE64URL_NOPAD.encode(short), encoding.number())
}

fn theme_number(request: &HttpRequest) -> u8 {
    // Looking for the word first spares parsing the cookies of most requests.
    if !request.headers().contains_key(header::COOKIE) {
        return 0;
    }
    match shell::theme_of(request) {
        crate::web::page::Theme::Auto => 0,
        crate::web::page::Theme::Light => 1,
        crate::web::page::Theme::Dark => 2,
    }
}
