//! Counts of answers and the state of caches and pools, for `/metrics`.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::StatusCode;

/// Answers by class of status, 1xx to 5xx; relaxed counters cost a nanosecond on the cached path.
static ANSWERS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
static PAGES_FROM_MEMORY: AtomicU64 = AtomicU64::new(0);
static PAGES_RENDERED: AtomicU64 = AtomicU64::new(0);
static STARTED: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

/// Counts an answer.
pub fn count(status: StatusCode) {
    let class = usize::from(status.as_u16() / 100).saturating_sub(1);
    if let Some(counter) = ANSWERS.get(class) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts a public page served from memory.
pub fn page_from_memory() {
    PAGES_FROM_MEMORY.fetch_add(1, Ordering::Relaxed);
}

/// Counts a public page rendered.
pub fn page_rendered() {
    PAGES_RENDERED.fetch_add(1, Ordering::Relaxed);
}

/// All of it in the Prometheus text format; `pages` and `bytes` are what the page store holds.
#[must_use]
pub fn text(pages: usize, bytes: u64) -> String {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::counter::ConstCounter;
    use prometheus_client::metrics::gauge::ConstGauge;
    use prometheus_client::registry::Registry;

    let mut registry = Registry::with_prefix("stet");
    registry.register(
        "uptime_seconds",
        "Seconds since the start",
        ConstGauge::new(i64::try_from(STARTED.elapsed().as_secs()).unwrap_or(i64::MAX)),
    );
    for (class, counter) in ANSWERS.iter().enumerate() {
        registry.sub_registry_with_label(("class".into(), format!("{}xx", class + 1).into())).register(
            "answers",
            "Answers by class of status",
            ConstCounter::new(counter.load(Ordering::Relaxed)),
        );
    }
    registry.register(
        "pages_from_memory",
        "Public pages served from memory",
        ConstCounter::new(PAGES_FROM_MEMORY.load(Ordering::Relaxed)),
    );
    registry.register(
        "pages_rendered",
        "Public pages rendered",
        ConstCounter::new(PAGES_RENDERED.load(Ordering::Relaxed)),
    );
    registry.register("page_store_pages", "Pages in memory", ConstGauge::new(i64::try_from(pages).unwrap_or(i64::MAX)));
    registry.register(
        "page_store_bytes",
        "Bytes of pages in memory",
        ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX)),
    );
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        text.clear();
    }
    text
}
