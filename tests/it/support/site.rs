//! A whole site for one test: the real server on a port of the kernel's, over a database of its own.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use stet::app::{App, Parts};
use stet::boot;
use stet::config::{Config, Given};
use stet::core::clock::Clock;
use stet::db::listen;
use stet::web::server;
use tempfile::TempDir;
use tokio::sync::watch;

use super::browser::Browser;
use super::cluster::{self, TestDatabase};

/// A running site. It stops when dropped.
pub struct Site {
    /// For verbs a test calls directly, to arrange.
    pub app: App,
    /// `http://127.0.0.1:PORT`
    pub base: String,
    /// Stands still until moved.
    pub clock: Clock,
    /// The data folder: `.eml` files, media.
    pub data: TempDir,
    /// The database.
    pub database: TestDatabase,
    stop: watch::Sender<bool>,
    server: Option<std::thread::JoinHandle<()>>,
}

/// When tests begin: a Saturday morning.
pub fn beginning() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 14, 10, 0, 0).unwrap()
}

impl Site {
    /// With default settings.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With settings by the names of their environment variables.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let database = cluster::database().await;
        let data = tempfile::Builder::new().prefix("stet-site-").tempdir().unwrap();
        let config = config(settings, &database, &data);
        let clock = Clock::fixed(beginning());
        let listener = server::bind(config.listen).unwrap();
        let address = listener.local_addr().unwrap();
        let parts = boot::parts(&config, database.url.clone(), clock.clone(), address).unwrap();
        let (stop, stopped) = watch::channel(false);
        let server = serve(Arc::clone(&parts), listener, stopped);
        let site = Self {
            app: App::for_thread(&parts, 8),
            base: format!("http://{address}"),
            clock,
            data,
            database,
            stop,
            server: Some(server),
        };
        site.wait_until_listening().await;
        site
    }

    // Pages are kept only once notifications arrive.
    async fn wait_until_listening(&self) {
        for _ in 0..200 {
            if self.app.pages().trust() == stet::core::page_store::Trust::Live {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the site does not listen for notifications");
    }

    /// A browser without script and without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.base)
    }

    /// Moves the site's clock.
    pub fn later(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// One value a test asks of the database.
    pub async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, query: &str) -> T {
        cluster::connect(&self.database.owner_url).await.query_one(query, &[]).await.unwrap().get(0)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            drop(server.join());
        }
    }
}

fn config(settings: &[(&str, &str)], database: &TestDatabase, data: &TempDir) -> Config {
    let fixed = [
        ("STET_LISTEN", "127.0.0.1:0"),
        ("DATABASE_URL", database.url.as_str()),
        ("STET_DATABASE_OWNER_URL", database.owner_url.as_str()),
        ("STET_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("STET_DATA_DIR", data.path().to_str().unwrap()),
        ("STET_ALLOW_UNSAFE_DATABASE", "1"),
    ];
    let environment =
        |name: &str| settings.iter().chain(&fixed).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Config::check(&Given::collect(&[], environment, None).unwrap()).unwrap()
}

fn serve(
    parts: Arc<Parts>,
    listener: std::net::TcpListener,
    stopped: watch::Receiver<bool>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let listening = tokio::spawn(listen::listen(Arc::clone(&parts.db)));
            server::serve(parts, listener, 1, stopped).await.unwrap();
            listening.abort();
        });
        runtime.shutdown_background();
    })
}
