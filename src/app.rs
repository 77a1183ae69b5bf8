//! What pages and jobs are handed: the database, the clock, chance, the key, the settings.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use url::Url;

use crate::comments::create;
use crate::comments::intake::Intake;
use crate::comments::places::Places;
use crate::core::clock::Clock;
use crate::core::page_store::PageStore;
use crate::core::rng::Rng;
use crate::core::secret::Secret;
use crate::core::status::ModerationMode;
use crate::db::{self, Conn, Db, DbError};
use crate::mail::send::Mailer;
use crate::moderation::word_lists;
use crate::settings::{self, Settings};
use crate::staff::names;
use crate::staff::password::Passwords;

/// One process's parts, shared by its threads.
#[derive(Debug)]
pub struct Parts {
    /// What database pools share.
    pub db: Arc<db::Shared>,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub rng: Rng,
    /// The site's key.
    pub secret: Secret,
    /// argon2, two at a time.
    pub passwords: Passwords,
    /// What sends mail.
    pub mailer: Arc<Mailer>,
    /// What the owner set in the desk.
    pub settings: settings::Cached,
    /// The word lists of the rules, compiled.
    pub word_lists: Arc<word_lists::Cached>,
    /// The names of the team.
    pub team: names::Cached,
    /// The places people comment on.
    pub places: Places,
    /// The site's address where flag, environment or file fixed it; wins over the desk's.
    pub fixed_base_url: Option<Url>,
    /// Used until the site has an address: `http://` and the listening address.
    pub fallback_base_url: Url,
    /// Proxies whose forwarding header is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The data folder: media files, `.eml` files.
    pub data_dir: PathBuf,
    /// Ceilings that can be set for tests and measurements.
    pub ceilings: Ceilings,
    /// Overrides the desk's setting of who waits.
    pub moderation: Option<ModerationMode>,
}

/// Ceilings of requests.
#[derive(Debug, Clone, Copy)]
pub struct Ceilings {
    /// Requests that reach the database, a minute and network; 0: none.
    pub requests_a_minute: u32,
    /// Comments a minute from one network.
    pub comments_a_minute: i64,
}

/// The parts with a pool of the thread's own. One for each web worker and one for the job worker.
#[derive(Debug, Clone)]
pub struct App {
    /// This thread's connections.
    pub db: Db,
    /// Readers' comments on their way into the database.
    pub intake: Intake,
    /// What all threads share.
    pub parts: Arc<Parts>,
}

impl App {
    /// For the calling thread, with at most `connections_max` connections.
    #[must_use]
    pub fn for_thread(parts: &Arc<Parts>, connections_max: usize) -> Self {
        let db = parts.db.pool(connections_max);
        let site = create::Site {
            words: Arc::clone(&parts.word_lists),
            comments_a_minute: parts.ceilings.comments_a_minute,
            rng: parts.rng,
        };
        Self { intake: Intake::new(db.clone(), site), db, parts: Arc::clone(parts) }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.parts.clock.now()
    }

    /// Chance.
    #[must_use]
    pub fn rng(&self) -> Rng {
        self.parts.rng
    }

    /// The site's key.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.parts.secret
    }

    /// argon2.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.parts.passwords
    }

    /// The stored pages.
    #[must_use]
    pub fn pages(&self) -> &PageStore {
        &self.parts.db.pages
    }

    /// The settings, usually from memory; what the process's own configuration overrides is applied.
    pub async fn settings(&self, conn: &mut Conn) -> Result<Arc<Settings>, DbError> {
        let settings = self.parts.settings.settings(&mut *conn).await?;
        Ok(match self.parts.moderation {
            Some(mode) if settings.comments.moderation != mode => {
                let mut changed = Settings::clone(&settings);
                changed.comments.moderation = mode;
                Arc::new(changed)
            }
            Some(_) | None => settings,
        })
    }

    /// The site's address: as configured, else as set in the desk, else where we listen. Links in mails and
    /// redirects are made from it, never from `Host` (requirements S13).
    #[must_use]
    pub fn base_url(&self, settings: &Settings) -> Url {
        let set = || settings.site.base_url.as_deref().and_then(|text| Url::parse(text).ok());
        self.parts.fixed_base_url.clone().or_else(set).unwrap_or_else(|| self.parts.fallback_base_url.clone())
    }

    /// Whether readers reach the site by https: cookies are then `__Host-` and `Secure`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        // Asked for every answer: looks at the scheme without parsing the address.
        match &self.parts.fixed_base_url {
            Some(url) => url.scheme() == "https",
            None => {
                self.parts.settings.last_known().site.base_url.as_deref().is_some_and(|url| url.starts_with("https://"))
            }
        }
    }

    /// Whether a forwarding header from this peer is believed.
    #[must_use]
    pub fn trusts_proxy(&self, peer: IpAddr) -> bool {
        self.parts.trusted_proxies.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}
