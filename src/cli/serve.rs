//! `stet serve`: the private Postgres, migrations, pages and the worker, until Ctrl-C or SIGTERM.

use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::app::{App, Parts};
use crate::articles::search;
use crate::boot;
use crate::cli::{SettingFlags, demo, say};
use crate::core::clock::Clock;
use crate::core::limits;
use crate::db::listen;
use crate::staff::setup;
use crate::urls;
use crate::web::server;
use crate::worker;

/// Migrate, serve pages and run the worker
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// Load the demo site into an empty database first
    #[arg(long)]
    demo: bool,
}

/// Serves until told to stop.
pub async fn run(settings: &SettingFlags, serve: &Serve) -> anyhow::Result<()> {
    let config = settings.config()?;
    let stop = stop_signal()?;
    server::allow_many_connections();
    let listener = server::bind(config.listen).map_err(anyhow::Error::msg)?;
    let address = listener.local_addr()?;
    let reached = boot::reach_database(&config, true, say).await?;
    let served = async {
        boot::migrate(&config, &reached, say).await?;
        let parts = boot::parts(&config, reached.url.clone(), Clock::system(), address)?;
        let listening = tokio::spawn(listen::listen(Arc::clone(&parts.db)));
        let app = App::for_thread(&parts, limits::DB_CONNECTIONS_A_WORKER);
        if serve.demo {
            demo::run(&app, say).await?;
        }
        worker::redraw::enqueue_if_due(&app.db).await?;
        tell_address(&app).await?;
        let served = serve_until(&parts, listener, config.workers, stop).await;
        listening.abort(); // before the database goes, which it would take for a loss
        served
    }
    .await;
    if let Some(private) = reached.private {
        private.stop().await?;
    }
    served
}

async fn serve_until(
    parts: &Arc<Parts>,
    listener: std::net::TcpListener,
    workers: usize,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let jobs = worker::start(Arc::clone(parts), stop.clone())?;
    server::serve(Arc::clone(parts), listener, workers, stop).await?;
    // Jobs under way finish, or are given back to the queue, before the database goes.
    tokio::task::spawn_blocking(move || jobs.join())
        .await?
        .map_err(|_| anyhow::anyhow!("the worker ended in a fault; the log says which"))?;
    say("Stopped");
    Ok(())
}

async fn tell_address(app: &App) -> anyhow::Result<()> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    if let Some(lacking) = search::lacking_told(&search::lacking(&mut conn).await?) {
        say(&lacking);
    }
    drop(conn);
    if let Some(token) = app.db.transact(async |tx| setup::ensure_link(tx, app.rng()).await).await? {
        let link = app.base_url(&settings).join(&urls::setup(&token.reveal()))?;
        say("The site has no owner yet. This link sets it up, once:");
        say(link.as_str());
    }
    say(&format!("{} is at {}", settings.site.name, app.base_url(&settings)));
    Ok(())
}

/// Turns true at the first SIGINT or SIGTERM.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        say("Stopping: requests in flight are finished first");
        stop.send_replace(true);
        // Kept until the process ends, so that receivers never see it closed.
        std::future::pending::<()>().await;
    });
    Ok(stopped)
}
