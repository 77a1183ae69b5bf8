//! Log lines. No names, addresses, bodies or tokens: what is logged are messages that can be read alone and
//! fields that can be queried.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging to standard error. A second call does nothing (tests).
///
/// **Errors** a filter that cannot be read, with its name.
pub fn start(filter: &str, format: Option<LogFormat>) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|_| format!("STET_LOG: “{filter}” is no log filter. Use info, or like stet=debug,warn"))?;
    let json = match format {
        Some(format) => format == LogFormat::Json,
        None => !std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started =
        if json { lines.json().flatten_event(true).try_init() } else { lines.compact().with_target(false).try_init() };
    drop(started); // an error says that logging was started before
    Ok(())
}
