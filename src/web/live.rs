//! `/events?article=ID`: server-sent events (WHATWG HTML, 9.2) for readers who have a conversation in view.
//!
//! An event says that something under the article changed, and nothing else: script looks at the page again, which
//! comes from memory. Nothing is asked of the database, and nothing done for articles nobody waits for.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::app::App;
use crate::core::ids::ArticleId;
use crate::core::limits;
use crate::web::error::AppError;
use crate::web::rate_limit;

/// Which article.
#[derive(Debug, Deserialize)]
pub struct Asked {
    article: ArticleId,
}

const HELLO: Bytes = Bytes::from_static(b"retry: 15000\n\n");
const CHANGED: Bytes = Bytes::from_static(b"event: changed\ndata: \n\n");
/// A comment, so that proxies and the kernel see that both ends live.
const STILL_HERE: Bytes = Bytes::from_static(b":\n\n");

/// Several comments that become public together are one event.
const GATHERED: Duration = Duration::from_secs(1);

struct Wait {
    news: watch::Receiver<()>,
    until: Instant,
    is_new: bool,
}

/// `GET /events`
pub async fn events(
    app: web::Data<App>,
    request: HttpRequest,
    asked: Result<web::Query<Asked>, actix_web::Error>,
) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let asked = asked.map_err(|_| AppError::BadRequest("Say which article: /events?article=12"))?;
    let Some(news) = app.pages().live().wait_for(asked.article) else {
        // 204 tells a browser not to come back: the page works without.
        return Ok(HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, "no-store")).finish());
    };
    let wait = Wait { news, until: Instant::now() + limits::LIVE_LIFE, is_new: true };
    let body =
        stream::unfold(wait, |wait| async { next(wait).await.map(|(bytes, wait)| (Ok::<_, Infallible>(bytes), wait)) });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no")) // nginx would hold events back
        .streaming(body))
}

/// The next bytes; `None` ends the connection, and the browser opens another.
async fn next(mut wait: Wait) -> Option<(Bytes, Wait)> {
    if wait.is_new {
        wait.is_new = false;
        return Some((HELLO, wait));
    }
    if Instant::now() >= wait.until {
        return None;
    }
    match timeout(limits::LIVE_HEARTBEAT, wait.news.changed()).await {
        Ok(Ok(())) => {
            sleep(GATHERED).await;
            wait.news.mark_unchanged();
            Some((CHANGED, wait))
        }
        Ok(Err(_)) => None,
        Err(_) => Some((STILL_HERE, wait)),
    }
}
