//! The command line: one sub-command a file. Exit codes: 0 done, 1 failed (one clear sentence), 2 wrong usage.

pub mod check;
pub mod demo;
pub mod import;
pub mod migrate;
pub mod serve;
pub mod staff;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Given, Mistake};
use crate::telemetry;

/// A publishing desk for long, cited articles and the conversations under them.
#[derive(Debug, Parser)]
#[command(name = "stet", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Settings every command takes; each can also be given in the environment or in `stet.toml`.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingFlags {
    /// File of settings (default: stet.toml in this folder, where there is one)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on (STET_LISTEN)
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The site's address as readers type it (STET_BASE_URL)
    #[arg(long, global = true, value_name = "URL")]
    base_url: Option<String>,
    /// Data folder (STET_DATA_DIR)
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate, serve pages and run the worker (what bare `stet` does)
    Serve(serve::Serve),
    /// Apply missing migrations
    Migrate,
    /// Check settings, database, mail, clock, disk and address
    Check(check::Check),
    /// Bring in what other programs wrote
    #[command(subcommand)]
    Import(import::Import),
    /// Staff accounts without a browser
    Staff(staff::Staff),
}

impl SettingFlags {
    /// What was given: flags, environment, file.
    pub fn given(&self) -> Result<Given, Vec<Mistake>> {
        let flags: Vec<(&'static str, String)> =
            [("listen", &self.listen), ("base_url", &self.base_url), ("data_dir", &self.data_dir)]
                .into_iter()
                .filter_map(|(key, value)| value.clone().map(|value| (key, value)))
                .collect();
        let in_folder = PathBuf::from("stet.toml");
        let file = self.config.clone().or_else(|| in_folder.exists().then_some(in_folder));
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment = |name: &str| std::env::var(name).ok();
        Given::collect(&flags, environment, file.as_deref())
    }

    /// The settings, checked; logging is started with them.
    pub fn config(&self) -> anyhow::Result<Config> {
        let config = self.given().and_then(|given| Config::check(&given)).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", lines.join("\n"))
        })?;
        telemetry::start(&config.log, config.log_format).map_err(anyhow::Error::msg)?;
        Ok(config)
    }
}

/// Parses the command line and runs one command.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => serve::run(&cli.settings, &serve::Serve::default()).await,
        Some(Command::Serve(serve)) => serve::run(&cli.settings, &serve).await,
        Some(Command::Migrate) => migrate::run(&cli.settings).await,
        Some(Command::Check(check)) => check::run(&cli.settings, &check).await,
        Some(Command::Import(what)) => import::run(&cli.settings, &what).await,
        Some(Command::Staff(staff)) => staff::run(&cli.settings, &staff).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line of progress for the person at the console.
#[expect(clippy::print_stdout, reason = "this is the console")]
pub fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "this is the console")]
fn say_error(line: &str) {
    eprintln!("{line}");
}
