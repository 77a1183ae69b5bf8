//! The quick ceilings in memory: requests that reach the database, a minute and network (decisions 7,
//! requirements S11). Pages from memory are not counted: they cost what a static file costs.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use actix_web::HttpRequest;

use crate::app::App;
use crate::web::error::AppError;
use crate::web::extract::client_address;

/// Networks remembered at most; past it the table starts anew, which lets a flood of networks through once.
const NETWORKS_MAX: usize = 100_000;

struct Window {
    minute: i64,
    counts: HashMap<[u8; 16], u32>,
}

static WINDOW: LazyLock<Mutex<Window>> = LazyLock::new(|| Mutex::new(Window { minute: 0, counts: HashMap::new() }));

/// Counts this request against its network's ceiling.
///
/// **Errors** [`AppError::TooMany`] with the seconds to the next minute.
pub fn count(app: &App, request: &HttpRequest) -> Result<(), AppError> {
    let ceiling = app.parts.ceilings.requests_a_minute;
    if ceiling == 0 {
        return Ok(());
    }
    let now = app.now().timestamp();
    let key = client_address::of(app, request).block();
    let mut window = WINDOW.lock().unwrap_or_else(PoisonError::into_inner);
    if window.minute != now / 60 || window.counts.len() >= NETWORKS_MAX {
        window.minute = now / 60;
        window.counts.clear();
    }
    let count = window.counts.entry(key).or_insert(0);
    *count = count.saturating_add(1);
    if *count > ceiling {
        return Err(AppError::TooMany { retry_after_seconds: u64::try_from(60 - now.rem_euclid(60)).unwrap_or(60) });
    }
    Ok(())
}
