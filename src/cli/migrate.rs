//! `stet migrate`

use crate::boot;
use crate::cli::{SettingFlags, say};

/// Applies missing migrations, starting the private Postgres for as long as it takes.
pub async fn run(settings: &SettingFlags) -> anyhow::Result<()> {
    let config = settings.config()?;
    let reached = boot::reach_database(&config, false, say).await?;
    let migrated = boot::migrate(&config, &reached, say).await;
    if let Some(private) = reached.private {
        private.stop().await?;
    }
    migrated?;
    say("The database is up to date");
    Ok(())
}
