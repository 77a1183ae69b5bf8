//! The `stet` command: parses the command line, runs one command, exits with its code.

use std::process::ExitCode;

// Multi-threaded because migrations block their thread, which actix's own single-threaded runtimes refuse.
#[tokio::main]
async fn main() -> ExitCode {
    stet::cli::run().await
}
