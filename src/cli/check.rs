//! `stet check`: settings, database, mail, clock, disk, address; each with one line that says what to do.

use clap::Args;

use crate::articles::search;
use crate::audit::{self, Verdict};
use crate::boot;
use crate::cli::{SettingFlags, say};
use crate::config::Config;
use crate::core::clock::Clock;
use crate::db::migrate;

/// Check settings, database, mail, clock, disk and address
#[derive(Debug, Default, Args)]
pub struct Check {
    /// Print each setting and where it came from, secrets hidden
    #[arg(long)]
    print: bool,
}

/// Runs every check; fails when one does.
pub async fn run(settings: &SettingFlags, check: &Check) -> anyhow::Result<()> {
    if check.print {
        print(settings)?;
    }
    let config = settings.config()?;
    say("ok    settings");
    let mut failures = 0;
    for outcome in [disk(&config), address(&config), mail(&config)].into_iter().chain(database(&config).await) {
        match outcome {
            Ok(line) => say(&format!("ok    {line}")),
            Err(line) => {
                failures += 1;
                say(&format!("FAIL  {line}"));
            }
        }
    }
    anyhow::ensure!(failures == 0, "{failures} of the checks failed; each line above says what to do");
    Ok(())
}

fn print(settings: &SettingFlags) -> anyhow::Result<()> {
    let given = settings.given().map_err(|mistakes| {
        anyhow::anyhow!("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    for (setting, value, source) in given.print() {
        say(&format!("{:<28} {value}  [{source}]  {}", setting.env, setting.about));
    }
    Ok(())
}

type Outcome = Result<String, String>;

fn disk(config: &Config) -> Outcome {
    let folder = config.data_dir.display();
    std::fs::create_dir_all(&config.data_dir).map_err(|error| {
        format!("data folder {folder}: cannot be made ({error}). Set STET_DATA_DIR to a folder this user can write")
    })?;
    let probe = config.data_dir.join(".write-probe");
    let written = std::fs::write(&probe, vec![0; 65_536]).and_then(|()| std::fs::remove_file(&probe));
    written
        .map(|()| format!("data folder {folder} can be written"))
        .map_err(|error| format!("data folder {folder}: cannot be written ({error}). Free space or change its owner"))
}

fn address(config: &Config) -> Outcome {
    match &config.base_url {
        Some(url) if url.scheme() == "https" => Ok(format!("address {url}")),
        Some(url) if url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.")) => {
            Ok(format!("address {url}, this machine only"))
        }
        Some(url) => Err(format!(
            "address {url} is not https: passwords would travel in the clear. Put a reverse proxy with a certificate in front and set STET_BASE_URL to https://…"
        )),
        None => Ok("address: as set in the desk (STET_BASE_URL is not set)".into()),
    }
}

fn mail(config: &Config) -> Outcome {
    let Some(url) = &config.smtp_url else {
        return Ok("mail is written as .eml files (STET_SMTP_URL is not set)".into());
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().unwrap_or(if url.scheme() == "smtps" { 465 } else { 587 });
    let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host, port))
        .map_err(|error| format!("mail server {host}:{port} has no address ({error}). Check STET_SMTP_URL"))?;
    for address in addresses {
        if std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_secs(5)).is_ok() {
            return if config.mail_from.is_some() {
                Ok(format!("mail server {host}:{port} answers"))
            } else {
                Err("STET_MAIL_FROM is not set: mail servers refuse mail without a sender they know".into())
            };
        }
    }
    Err(format!("mail server {host}:{port} does not answer. Check STET_SMTP_URL and the firewall"))
}

async fn database(config: &Config) -> Vec<Outcome> {
    let reached = match boot::reach_database(config, false, |_| {}).await {
        Ok(reached) => reached,
        Err(error) => return vec![Err(format!("database: {error:#}"))],
    };
    let outcomes =
        look_into(config, &reached.url).await.unwrap_or_else(|error| vec![Err(format!("database: {error:#}"))]);
    if let Some(private) = reached.private
        && let Err(error) = private.stop().await
    {
        return vec![Err(format!("database: {error}"))];
    }
    outcomes
}

#[derive(diesel::QueryableByName)]
struct Facts {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    now: chrono::DateTime<chrono::Utc>,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    may_change_log: bool,
}

async fn look_into(config: &Config, url: &str) -> anyhow::Result<Vec<Outcome>> {
    use diesel_async::RunQueryDsl;
    let parts = boot::parts(config, url.to_owned(), Clock::system(), config.listen)?;
    let mut conn = parts.db.connect().await?;
    if !migrate::is_current(&mut conn).await.unwrap_or(false) {
        return Ok(vec![Err("database: migrations are missing. Run `stet migrate`, or start `stet serve`".into())]);
    }
    let facts: Facts = diesel::sql_query(
        "select current_setting('server_version') as version, clock_timestamp() as now, has_table_privilege('audit_entries', 'update') as may_change_log",
    )
    .get_result(&mut conn)
    .await?;
    let apart = (facts.now - parts.clock.now()).abs();
    let clock = if apart.num_seconds() <= 5 {
        Ok("clock agrees with the database".to_owned())
    } else {
        Err(format!("clock: this machine and the database are {} seconds apart. Set both by NTP", apart.num_seconds()))
    };
    let log = match audit::verify(&mut conn).await? {
        Verdict::Whole(entries) => Ok(format!("audit log is whole, {entries} entries")),
        Verdict::Changed(entry) => {
            Err(format!("audit log: entry {entry} was changed after it was written. Compare it with a backup"))
        }
        Verdict::Broken(seal) => {
            Err(format!("audit log: entries under seal {seal} are missing or were exchanged. Compare with a backup"))
        }
    };
    let role = if facts.may_change_log {
        "audit log is protected by a trigger only: this role owns it. Give the application a role of its own and set STET_DATABASE_OWNER_URL to the owner's"
    } else {
        "audit log cannot be changed by the application's role"
    };
    let search = search::lacking_told(&search::lacking(&mut conn).await?);
    let search = search.unwrap_or_else(|| "search knows accents and typing mistakes".to_owned());
    let migrated = format!("database PostgreSQL {}, migrated", facts.version);
    Ok(vec![Ok(migrated), clock, log, Ok(role.to_owned()), Ok(search)])
}
