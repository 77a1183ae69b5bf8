//! Checked settings → the parts of the process; the same for `main` and for tests.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use url::Url;

use crate::app::{Ceilings, Parts};
use crate::config::{Config, Database};
use crate::core::clock::Clock;
use crate::core::page_store::PageStore;
use crate::core::rng::Rng;
use crate::core::secret::Secret;
use crate::db::embedded::{self, PrivatePostgres, Role};
use crate::db::{self, migrate};
use crate::mail::send::{Mailer, Wiring};
use crate::mail::transport::Patience;
use crate::settings;

/// Name of the database in the private Postgres.
const DATABASE: &str = "stet";

/// Where the database is, and the private Postgres if this process started it.
#[derive(Debug)]
pub struct Reached {
    /// As the application's role.
    pub url: String,
    /// As the role that migrates.
    pub owner_url: String,
    /// To be stopped at the end, when this process started it.
    pub private: Option<PrivatePostgres>,
}

/// Makes the data folder and finds the database: the one configured, or the private one, started when it is
/// not up. `exclusive`: this process serves, so a data folder another Stet holds is refused.
pub async fn reach_database(config: &Config, exclusive: bool, say: impl Fn(&str)) -> anyhow::Result<Reached> {
    if let Database::At { url, owner_url } = &config.database {
        return Ok(Reached { url: url.clone(), owner_url: owner_url.clone(), private: None });
    }
    if !exclusive && let Some(running) = PrivatePostgres::running(&config.data_dir)? {
        return Ok(Reached {
            url: running.url(Role::App, DATABASE),
            owner_url: running.url(Role::Owner, DATABASE),
            private: None,
        });
    }
    let options = embedded::Options {
        data_dir: config.data_dir.clone(),
        durable: true,
        max_connections: 200,
        environment: config.machine.clone(),
    };
    let private = PrivatePostgres::start(options, say).await?;
    Ok(Reached {
        url: private.url(Role::App, DATABASE),
        owner_url: private.url(Role::Owner, DATABASE),
        private: Some(private),
    })
}

/// Applies missing migrations, telling each.
pub async fn migrate(config: &Config, reached: &Reached, say: impl Fn(&str)) -> anyhow::Result<()> {
    let applied = migrate::migrate(&reached.owner_url, config.allow_unsafe_database).await?;
    if !applied.is_empty() {
        say(&format!("Prepared the database: {} migrations applied", applied.len()));
    }
    Ok(())
}

/// The parts of the process over a migrated database.
pub fn parts(
    config: &Config,
    database_url: String,
    clock: Clock,
    listen: std::net::SocketAddr,
) -> anyhow::Result<Arc<Parts>> {
    let secret = match &config.secret {
        Some(secret) => secret.clone(),
        None => secret_of(&config.data_dir)?,
    };
    let pages = Arc::new(PageStore::new(config.page_store_bytes));
    let fallback_base_url =
        Url::parse(&format!("http://{listen}/")).context("the listening address is no web address")?;
    let mailer = mailer(config, &fallback_base_url, &clock)?;
    Ok(Arc::new(Parts {
        mailer,
        settings: settings::Cached::new(Arc::clone(&pages)),
        word_lists: Arc::new(crate::moderation::word_lists::Cached::new(Arc::clone(&pages))),
        team: crate::staff::names::Cached::new(Arc::clone(&pages)),
        places: crate::comments::places::Places::new(Arc::clone(&pages)),
        db: db::Shared::new(database_url, clock.clone(), pages),
        clock,
        rng: Rng::system(),
        secret,
        passwords: crate::staff::password::Passwords::new(),
        fixed_base_url: config.base_url.clone(),
        fallback_base_url,
        trusted_proxies: config.trusted_proxies.clone(),
        data_dir: config.data_dir.clone(),
        ceilings: Ceilings { requests_a_minute: config.requests_a_minute, comments_a_minute: config.comments_a_minute },
        moderation: config.moderation,
    }))
}

/// What sends mail: through the configured server, else into files in the data folder.
fn mailer(config: &Config, fallback: &Url, clock: &Clock) -> anyhow::Result<Arc<Mailer>> {
    let wiring = Wiring {
        smtp_url: config.smtp_url.as_ref().map(Url::as_str),
        from: config.mail_from.as_deref(),
        host: config.base_url.as_ref().unwrap_or(fallback).host_str().unwrap_or("localhost"),
        data_dir: &config.data_dir,
        patience: Patience::default(),
    };
    Ok(Arc::new(Mailer::configured(&wiring, clock.clone(), Rng::system())?))
}

/// The key in the data folder, made at the first start (mode 0600).
fn secret_of(data_dir: &Path) -> anyhow::Result<Secret> {
    let path = data_dir.join("secret.key");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let bytes = data_encoding::BASE64
                .decode(text.trim().as_bytes())
                .ok()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let Some(bytes) = bytes else {
                bail!(
                    "{} does not hold a key. Bring it back from a backup; without it, links in sent mails and signed-in browsers stop working",
                    path.display()
                )
            };
            Ok(Secret::new(bytes))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            Rng::system().fill(&mut key);
            write_private(&path, &format!("{}\n", data_encoding::BASE64.encode(&key)))
                .with_context(|| format!("the key cannot be written to {}", path.display()))?;
            Ok(Secret::new(key))
        }
        Err(error) => bail!("{} cannot be read ({error}). Check its owner and permissions", path.display()),
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
