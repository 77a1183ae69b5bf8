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

/// Listens until the process ends: purges pages, wakes the worker, and keeps the page store's trust true.
pub async fn listen(shared: Arc<Shared>) {
    let mut pause = Duration::from_millis(100);
    loop {
        match shared.connect().await {
            Ok(conn) => {
                if follow(&shared, conn).await.is_ok() {
                    pause = Duration::from_millis(100);
                }
                // Lost. Whether the database still answers is told by the next connection; until then both can be.
                shared.pages.set_trust(Trust::Bypass);
                tracing::warn!("the notification connection was lost; pages are not served from memory until it is back");
            }
            Err(_) => shared.pages.set_trust(Trust::Stale),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
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
