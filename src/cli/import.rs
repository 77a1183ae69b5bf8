//! `stet import references FILE`

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use crate::audit::Actor;
use crate::boot;
use crate::cli::{SettingFlags, say};
use crate::core::clock::Clock;
use crate::references::import::{self, Report};
use crate::{references, settings};

/// What can be brought in.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Reference records from a CSL-JSON file, merged by identifier; an item's id becomes its citation key
    References {
        /// The file
        file: PathBuf,
    },
}

/// Runs one import, starting the private Postgres for as long as it takes.
pub async fn run(flags: &SettingFlags, what: &Import) -> anyhow::Result<()> {
    let Import::References { file } = what;
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can’t be read", file.display()))?;
    let items = references::formats::csl_json::read(&text)
        .with_context(|| format!("{} holds no references", file.display()))?;
    let config = flags.config()?;
    let reached = boot::reach_database(&config, false, say).await?;
    let imported = async {
        boot::migrate(&config, &reached, say).await?;
        let parts = boot::parts(&config, reached.url.clone(), Clock::system(), config.listen)?;
        let db = parts.db.pool(1);
        let settings = settings::load(&mut *db.read().await?).await?;
        anyhow::Ok(import::import(&db, Actor::Console, &items, &settings.sources).await?)
    };
    let imported = imported.await;
    if let Some(private) = reached.private {
        private.stop().await?;
    }
    tell(&imported?)
}

fn tell(report: &Report) -> anyhow::Result<()> {
    say(&format!("{} references added, {} were there already", report.added, report.merged));
    for (asked, key) in &report.renamed {
        say(&format!("  {asked} is [@{key}] in the library"));
    }
    if let Some((at, error)) = report.refused.first() {
        anyhow::bail!("{} items could not be taken; the first is item {at}: {error}", report.refused.len());
    }
    Ok(())
}
