//! `/healthz`, `/readyz` and `/metrics`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::db::migrate;
use crate::web::error::AppError;
use crate::web::metrics;

/// The process lives.
pub async fn live() -> HttpResponse {
    plain(StatusCode::OK, "ok\n")
}

/// The process can serve: the database answers and is migrated.
pub async fn ready(app: web::Data<App>) -> HttpResponse {
    let current = async {
        let mut conn = app.db.read().await.ok()?;
        migrate::is_current(&mut conn).await.ok()
    };
    match current.await {
        Some(true) => plain(StatusCode::OK, "ready\n"),
        Some(false) => plain(StatusCode::SERVICE_UNAVAILABLE, "the database is not migrated\n"),
        None => plain(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n"),
    }
}

/// Prometheus metrics, for callers on this machine only.
pub async fn metrics_text(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let peer_is_local = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    // A proxy on this machine forwards strangers: its requests carry a forwarding header.
    if !peer_is_local
        || request.headers().contains_key("x-forwarded-for")
        || request.headers().contains_key("forwarded")
    {
        return Err(AppError::NotFound);
    }
    let (pages, bytes) = app.pages().size();
    Ok(HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(metrics::text(pages, bytes)))
}

fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .body(text)
}
