//! Applying the migrations that are built into the binary.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// Every migration, in order.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// The advisory lock that lets one process migrate at a time: "stet" in ASCII.
const LOCK: i64 = 0x7374_6574;

/// Why the migrations were not applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be reached.
    #[error("the database cannot be reached: {0}")]
    Connect(#[from] diesel::ConnectionError),
    /// Another process has been migrating for a long time.
    #[error("another Stet has been migrating this database for ten minutes; look at its output, then start again")]
    Busy,
    /// The database is older than Stet can use.
    #[error("this database is PostgreSQL {0}; Stet needs 15 or newer. Move it to a newer version and start again")]
    TooOld(i32),
    /// The server may lose what it has acknowledged.
    #[error(
        "this database runs with {0}: what was acknowledged can be lost. Switch it on, or set STET_ALLOW_UNSAFE_DATABASE=1 if losing data is meant"
    )]
    NotDurable(&'static str),
    /// The database was migrated by a newer Stet.
    #[error(
        "the database knows migration {0}, this Stet does not: it was migrated by a newer version. Start that version"
    )]
    Newer(String),
    /// A statement outside a migration failed.
    #[error("preparing the database failed: {0}")]
    Query(#[from] diesel::result::Error),
    /// A migration failed; the database is as it was before it.
    #[error("a migration failed: {0}")]
    Migration(String),
}

#[derive(diesel::QueryableByName)]
struct Setting {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

#[derive(diesel::QueryableByName)]
struct Got {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    got: bool,
}

/// Applies what is missing, under an advisory lock: of several processes one migrates, the others wait.
/// Answers the names applied. Needs a multi-threaded runtime (the harness blocks its thread).
pub async fn migrate(url: &str, allow_unsafe: bool) -> Result<Vec<String>, MigrateError> {
    let mut conn = AsyncPgConnection::establish(url).await?;
    check_server(&mut conn, allow_unsafe).await?;
    lock(&mut conn).await?;
    let mut harness = AsyncMigrationHarness::new(conn);
    let known = names(&known_migrations()?);
    if let Some(newer) = harness
        .applied_migrations()
        .map_err(text)?
        .iter()
        .map(ToString::to_string)
        .find(|version| !known.contains(version))
    {
        return Err(MigrateError::Newer(newer));
    }
    let applied = harness.run_pending_migrations(MIGRATIONS).map_err(text)?.iter().map(ToString::to_string).collect();
    let mut conn = harness.into_inner();
    diesel::sql_query(format!("select pg_advisory_unlock({LOCK})")).execute(&mut conn).await?;
    Ok(applied)
}

/// Whether nothing is missing: for /readyz and `stet check`.
pub async fn is_current(conn: &mut AsyncPgConnection) -> diesel::QueryResult<bool> {
    let applied: Vec<Setting> =
        diesel::sql_query("select version as value from __diesel_schema_migrations").load(conn).await?;
    let known = MIGRATION_COUNT.get_or_init(|| {
        diesel::migration::MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS).map_or(0, |list| list.len())
    });
    Ok(applied.len() == *known)
}

static MIGRATION_COUNT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();

fn known_migrations() -> Result<Vec<Box<dyn diesel::migration::Migration<diesel::pg::Pg>>>, MigrateError> {
    diesel::migration::MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS).map_err(text)
}

fn names(migrations: &[Box<dyn diesel::migration::Migration<diesel::pg::Pg>>]) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().version().to_string()).collect()
}

async fn check_server(conn: &mut AsyncPgConnection, allow_unsafe: bool) -> Result<(), MigrateError> {
    let version: Setting =
        diesel::sql_query("select current_setting('server_version_num') as value").get_result(conn).await?;
    let major = version.value.parse::<i32>().unwrap_or(0) / 10_000;
    if major < 15 {
        return Err(MigrateError::TooOld(major));
    }
    for (name, shown) in [("fsync", "fsync=off"), ("synchronous_commit", "synchronous_commit=off")] {
        let setting: Setting =
            diesel::sql_query(format!("select current_setting('{name}') as value")).get_result(conn).await?;
        if setting.value == "off" && !allow_unsafe {
            return Err(MigrateError::NotDurable(shown));
        }
    }
    Ok(())
}

async fn lock(conn: &mut AsyncPgConnection) -> Result<(), MigrateError> {
    conn.batch_execute("set lock_timeout = '5s'; set client_min_messages = warning").await?;
    for _ in 0..1_200 {
        let got: Got =
            diesel::sql_query(format!("select pg_try_advisory_lock({LOCK}) as got")).get_result(conn).await?;
        if got.got {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(MigrateError::Busy)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn text(error: Box<dyn std::error::Error + Send + Sync>) -> MigrateError {
    MigrateError::Migration(error.to_string())
}
