//! One private Postgres for all tests of a run, and a database of its own for each test.
//!
//! With nextest every test is a process, so the cluster lives in one that outlasts them: the holder, this same
//! test binary started again for one "test". It ends when nobody has used it for a while, and takes the data along.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use stet::core::rng::Rng;
use stet::db::embedded::{Environment, Options, PrivatePostgres, Role};
use stet::db::migrate;
use tokio_postgres::{Client, NoTls};

const HOLD: &str = "STET_TEST_CLUSTER";
const IDLE: Duration = Duration::from_secs(40);

/// The databases of the cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    owner_url: String,
    app_url: String,
    template: String,
}

/// A migrated, empty database, as the application's role and as the owner.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    pub url: String,
    pub owner_url: String,
}

/// The environment in which Postgres is looked for.
pub fn environment() -> Environment {
    Environment {
        pg_bin: std::env::var_os("STET_PG_BIN").map(PathBuf::from),
        path: std::env::var_os("PATH").unwrap_or_default(),
        runtime_dir: None,
        install_folders: Environment::usual_install_folders(),
    }
}

// One folder for each user and version of the product's binary: two checkouts do not meet.
fn folder() -> PathBuf {
    let here = Sha256::digest(env!("CARGO_MANIFEST_DIR").as_bytes());
    std::env::temp_dir().join(format!("stet-tests-{}", data_encoding::HEXLOWER.encode(&here[..5])))
}

// Named after the migrations, so that an edited one makes a new template.
fn template_name() -> String {
    let mut hash = Sha256::new();
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    for file in files {
        hash.update(fs::read(file).unwrap());
    }
    format!("template_{}", data_encoding::HEXLOWER.encode(&hash.finalize()[..8]))
}

/// A database of the calling test's own, cloned from the migrated template.
pub async fn database() -> TestDatabase {
    let cluster = cluster().await;
    let mut bytes = [0; 8];
    Rng::system().fill(&mut bytes);
    let name = format!("test_{}", data_encoding::HEXLOWER.encode(&bytes));
    let admin = connect(&cluster.owner_url).await;
    admin
        .batch_execute(&format!("create database {name} template {} strategy wal_log", cluster.template))
        .await
        .unwrap();
    TestDatabase { url: named(&cluster.app_url, &name), owner_url: named(&cluster.owner_url, &name) }
}

/// An empty database without tables, for tests of the migrations themselves; its owner's URL.
pub async fn empty_database() -> String {
    let cluster = cluster().await;
    let mut bytes = [0; 8];
    Rng::system().fill(&mut bytes);
    let name = format!("test_{}", data_encoding::HEXLOWER.encode(&bytes));
    connect(&cluster.owner_url).await.batch_execute(&format!("create database {name}")).await.unwrap();
    named(&cluster.owner_url, &name)
}

/// A plain client, for facts a test asks of the database.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn named(url: &str, database: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

async fn cluster() -> Cluster {
    let folder = folder();
    fs::create_dir_all(&folder).unwrap();
    touch(&folder);
    let lock = File::create(folder.join("start.lock")).unwrap();
    let lock = tokio::task::spawn_blocking(move || {
        lock.lock().unwrap();
        lock
    })
    .await
    .unwrap();
    let running = if let Ok(Some(running)) = PrivatePostgres::running(&folder.join("data")) {
        running
    } else {
        start_holder(&folder);
        wait_for(&folder.join("data")).await
    };
    let cluster = Cluster {
        owner_url: running.url(Role::Owner, "stet"),
        app_url: running.url(Role::App, "stet"),
        template: template_name(),
    };
    ensure_template(&cluster).await;
    drop(lock);
    cluster
}

fn touch(folder: &Path) {
    fs::write(folder.join("used"), b"").unwrap();
}

fn start_holder(folder: &Path) {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "support::cluster::tests::the_cluster_answers", "--nocapture"])
        .env(HOLD, folder)
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("holder.log")).unwrap())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
}

async fn wait_for(data_dir: &Path) -> stet::db::embedded::Running {
    let started = Instant::now();
    loop {
        if let Ok(Some(running)) = PrivatePostgres::running(data_dir)
            && tokio_postgres::connect(&running.url(Role::Owner, "stet"), NoTls).await.is_ok()
        {
            return running;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the test cluster did not start: see {}/holder.log",
            folder().display()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ensure_template(cluster: &Cluster) {
    let admin = connect(&cluster.owner_url).await;
    let ready = admin.query_opt("select 1 from pg_database where datname = $1", &[&cluster.template]).await.unwrap();
    if ready.is_some() {
        return;
    }
    let making = format!("{}_making", cluster.template);
    admin.batch_execute(&format!("drop database if exists {making}")).await.unwrap();
    admin.batch_execute(&format!("create database {making}")).await.unwrap();
    let url = named(&cluster.owner_url, &making);
    migrate::migrate(&url, true).await.unwrap();
    admin.batch_execute(&format!("alter database {making} rename to {}", cluster.template)).await.unwrap();
}

async fn hold(folder: &Path) {
    let data_dir = folder.join("data");
    drop(fs::remove_dir_all(&data_dir));
    let options =
        Options { data_dir: data_dir.clone(), durable: false, max_connections: 400, environment: environment() };
    let postgres = PrivatePostgres::start(options, |_| {}).await.unwrap();
    let admin = connect(&postgres.url(Role::Owner, "stet")).await;
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop_unused(&admin).await;
        let busy =
            admin.query_one("select count(*) from pg_stat_activity where datname like 'test\\_%'", &[]).await.unwrap();
        let used =
            fs::metadata(folder.join("used")).and_then(|meta| meta.modified()).unwrap().elapsed().unwrap_or_default();
        if busy.get::<_, i64>(0) == 0 && used > IDLE {
            break;
        }
    }
    // Under the start lock, so that no test finds a cluster that is going away.
    let lock = File::create(folder.join("start.lock")).unwrap();
    if lock.try_lock().is_ok() {
        postgres.stop().await.unwrap();
        drop(fs::remove_dir_all(&data_dir));
    }
}

// A database nobody is connected to, twice in a row five seconds apart, belonged to a test that has ended.
async fn drop_unused(admin: &Client) {
    let unused = admin
        .query(
            "select datname from pg_database d where datname like 'test\\_%'
               and not exists (select from pg_stat_activity a where a.datname = d.datname)
               and (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - interval '120 seconds'",
            &[],
        )
        .await;
    for row in unused.unwrap_or_default() {
        drop(admin.batch_execute(&format!("drop database if exists {}", row.get::<_, String>(0))).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_cluster_answers() {
        if let Some(folder) = std::env::var_os(HOLD) {
            return hold(Path::new(&folder)).await;
        }
        let database = database().await;
        let tables = connect(&database.url).await.query_one("select count(*) from articles", &[]).await.unwrap();
        assert_eq!(tables.get::<_, i64>(0), 0);
    }
}
