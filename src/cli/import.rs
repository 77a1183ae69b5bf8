//! `stet import references FILE`

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use crate::audit::Actor;
use crate::boot;
use crate::cli::{SettingFlags, say};
use crate::core::clock::Clock;
use crate::core::limits::REFERENCES_REFUSED_LISTED;
use crate::core::text;
use crate::references::formats::read;
use crate::references::import::{self, Report};
use crate::settings;

/// What can be brought in.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Reference records from a file of CSL-JSON, BibTeX, RIS or NBIB (told by its content), merged by identifier or
    /// by title and year; an item's id or BibTeX key becomes its citation key
    References {
        /// The file
        file: PathBuf,
    },
}

/// Runs one import, starting the private Postgres for as long as it takes.
pub async fn run(flags: &SettingFlags, what: &Import) -> anyhow::Result<()> {
    let Import::References { file } = what;
    let bytes = std::fs::read(file).with_context(|| format!("{} can’t be read", file.display()))?;
    let reading =
        read::read(&text::decode(&bytes)).with_context(|| format!("nothing of {} was imported", file.display()))?;
    let config = flags.config()?;
    let reached = boot::reach_database(&config, false, say).await?;
    let imported = async {
        boot::migrate(&config, &reached, say).await?;
        let parts = boot::parts(&config, reached.url.clone(), Clock::system(), config.listen)?;
        let db = parts.db.pool(1);
        let settings = settings::load(&mut *db.read().await?).await?;
        anyhow::Ok(import::import(&db, Actor::Console, reading, &settings.sources).await?)
    };
    let imported = imported.await;
    if let Some(private) = reached.private {
        private.stop().await?;
    }
    tell(&imported?)
}

fn tell(report: &Report) -> anyhow::Result<()> {
    say(&format!(
        "{}: {} new, {} merged, {} refused",
        report.format.name(),
        report.added,
        report.merged,
        report.refused.len()
    ));
    for (asked, key) in &report.renamed {
        say(&format!("  {asked} is [@{key}] in the library"));
    }
    for refused in report.refused.iter().take(REFERENCES_REFUSED_LISTED) {
        let place = if refused.line > 0 { format!("line {}, ", refused.line) } else { String::new() };
        say(&format!("  refused: {place}{}: {}", refused.label, refused.cause));
    }
    if report.refused.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "{} entries were refused; mend them and import the file again, what is in already is merged",
        report.refused.len()
    );
}
