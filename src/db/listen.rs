//! Notifications from the database: purges of other nodes and woken workers.
//!
//! One connection of its own, outside the pools. While it is lost the page store is not believed
//! (decisions 2): bypassed while the database answers, stale while it does not.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;

use crate::core::page_store::Trust;
use crate::db::Shared;

/// Channel of page purges; the payload is a list of tags.
pub const PAGES_CHANNEL: &str = "stet_pages";
/// Channel that wakes the workers of other nodes; no payload.
pub const JOBS_CHANNEL: &str = "stet_jobs";

/// Between two tries to connect.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Listens until the process ends: purges pages, wakes the worker, and keeps the page store's trust true.
pub async fn listen(shared: Arc<Shared>) {
    let mut pause = PAUSE_MIN;
    loop {
        match shared.connect().await {
            Ok(conn) => {
                let began = tokio::time::Instant::now();
                let ended = follow(&shared, conn).await;
                // Lost. Whether the database still answers is told by the next connection; until then both can be.
                shared.pages.set_trust(Trust::Bypass);
                tracing::warn!(error = ?ended.err(), "the notification connection was lost; pages are not served from memory until it is back");
                pause = PAUSE_MIN;
                if began.elapsed() > PAUSE_MAX {
                    continue; // tried again at once: every moment of not knowing is one without stored pages
                }
            }
            Err(_) => shared.pages.set_trust(Trust::Stale),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn follow(shared: &Shared, mut conn: AsyncPgConnection) -> diesel::QueryResult<()> {
    conn.batch_execute(&format!("listen {PAGES_CHANNEL}; listen {JOBS_CHANNEL}")).await?;
    shared.pages.set_trust(Trust::Live); // empties the store: a purge may have been missed
    let mut notifications = std::pin::pin!(conn.notifications_stream());
    while let Some(notification) = notifications.next().await {
        let notification = notification?;
        match notification.channel.as_str() {
            PAGES_CHANNEL => purge(shared, &notification.payload),
            JOBS_CHANNEL => shared.jobs_waiting.notify_one(),
            _ => {}
        }
    }
    Ok(())
}

// A tag this version does not know (another node runs a newer one) empties the whole store.
fn purge(shared: &Shared, payload: &str) {
    match payload.split_whitespace().map(str::parse).collect::<Result<Vec<_>, _>>() {
        Ok(tags) => shared.pages.purge(&tags),
        Err(_) => shared.pages.purge_all(),
    }
}
