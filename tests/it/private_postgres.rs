//! The private Postgres, as real servers on real folders: it starts, it survives, it refuses with a sentence.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use stet::db::embedded::{Environment, Options, PrivatePostgres, PrivatePostgresError, Role, State};
use tempfile::TempDir;

const HOLD: &str = "STET_TEST_HOLD";

fn environment() -> Environment {
    Environment {
        pg_bin: std::env::var_os("STET_PG_BIN").map(PathBuf::from),
        path: std::env::var_os("PATH").unwrap_or_default(),
        runtime_dir: std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from),
        install_folders: Environment::usual_install_folders(),
    }
}

fn options(data_dir: &Path) -> Options {
    Options { data_dir: data_dir.to_path_buf(), durable: true, max_connections: 20, environment: environment() }
}

fn data_dir() -> TempDir {
    tempfile::Builder::new().prefix("stet-data-").tempdir_in("/tmp").unwrap()
}

async fn start(data_dir: &Path) -> PrivatePostgres {
    PrivatePostgres::start(options(data_dir), |_| {}).await.unwrap()
}

async fn refusal(options: Options) -> PrivatePostgresError {
    PrivatePostgres::start(options, |_| {}).await.unwrap_err()
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn notes(url: &str) -> Vec<String> {
    let rows = connect(url).await.query("select words from notes order by words", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn server_pid(data_dir: &Path) -> String {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
    text.lines().next().unwrap().to_owned()
}

fn signal(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[tokio::test]
async fn a_new_folder_becomes_a_database_that_the_app_may_fill_but_not_change() {
    let place = data_dir();
    let lines = std::sync::Mutex::new(Vec::new());
    let postgres = PrivatePostgres::start(options(place.path()), |line| lines.lock().unwrap().push(line.to_owned()))
        .await
        .unwrap();
    let said = lines.into_inner().unwrap().join("\n");
    assert!(said.contains("Preparing a private Postgres"), "{said}");

    let owner = connect(&postgres.url(Role::Owner, "stet")).await;
    owner.batch_execute("create table notes (id bigint generated always as identity, words text)").await.unwrap();
    owner.batch_execute("create extension pg_trgm; create extension unaccent").await.unwrap();
    let app = connect(&postgres.url(Role::App, "stet")).await;
    app.batch_execute("insert into notes (words) values ('ÄRGER')").await.unwrap();
    let row = app.query_one("select lower(words), similarity(words, 'ärger') from notes", &[]).await.unwrap();
    assert_eq!((row.get::<_, String>(0), row.get::<_, f32>(1)), ("ärger".to_owned(), 1.0));
    for forbidden in ["create table mine (id int)", "drop table notes", "create database more", "create role me"] {
        assert!(app.batch_execute(forbidden).await.is_err(), "{forbidden}");
    }
    for (setting, value) in
        [("fsync", "on"), ("synchronous_commit", "on"), ("data_checksums", "on"), ("listen_addresses", "")]
    {
        let row = app.query_one("select current_setting($1)", &[&setting]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{setting}");
    }
    postgres.stop().await.unwrap();

    // A warm start, and nothing left of the first one's lock.
    let postgres = start(place.path()).await;
    assert_eq!(notes(&postgres.url(Role::App, "stet")).await, ["ÄRGER"]);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn secrets_are_readable_by_their_owner_only_and_the_password_is_asked_for() {
    let place = data_dir();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data = place.path().join("made by stet");
    let postgres = start(&data).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&data.join("postgres-password")), 0o600);
    assert_eq!(mode(&data.join("postgres.log")), 0o600);
    assert_eq!(mode(&data.join("postgres")), 0o700);
    assert_eq!(mode(&data) & 0o007, 0);
    let url = postgres.url(Role::App, "stet");
    let pid_file = fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
    let socket_folder = Path::new(pid_file.lines().nth(4).unwrap());
    assert_eq!(mode(socket_folder), 0o700);
    assert!(socket_folder.join(".s.PGSQL.5432").exists() && !socket_folder.join("password").exists());
    connect(&url).await.batch_execute("select 1").await.unwrap();
    let (user, rest) = url.split_once("stet_app:").unwrap();
    let (_, place_of_server) = rest.split_once('@').unwrap();
    let guess = format!("{user}stet_app:guess@{place_of_server}");
    assert!(tokio_postgres::connect(&guess, tokio_postgres::NoTls).await.is_err());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn what_readers_typed_stays_out_of_the_server_log() {
    let place = data_dir();
    let postgres = start(place.path()).await;
    let app = connect(&postgres.url(Role::Owner, "stet")).await;
    app.batch_execute("create table readers (email text unique)").await.unwrap();
    for _ in 0..2 {
        let _ = app.execute("insert into readers values ($1)", &[&"ada@example.org"]).await;
    }
    let _ = app.batch_execute("select 'ada@example.org'::int").await;
    let _ = app.batch_execute("do $$ begin raise warning 'ada@example.org'; end $$").await;
    postgres.stop().await.unwrap();
    let log = fs::read_to_string(place.path().join("postgres.log")).unwrap();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("ada@"), "{log}");
}

#[tokio::test]
async fn a_second_start_on_a_folder_is_refused_and_a_command_finds_the_first() {
    let place = data_dir();
    assert!(PrivatePostgres::running(place.path()).unwrap().is_none());
    let postgres = start(place.path()).await;
    let error = refusal(options(place.path())).await;
    assert!(matches!(error, PrivatePostgresError::AlreadyRunning { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    let running = PrivatePostgres::running(place.path()).unwrap().unwrap();
    assert_eq!(running.url(Role::App, "stet"), postgres.url(Role::App, "stet"));
    postgres.stop().await.unwrap();
    assert!(PrivatePostgres::running(place.path()).unwrap().is_none());
}

#[tokio::test]
async fn a_killed_postgres_comes_back_with_every_commit() {
    let place = data_dir();
    let postgres = start(place.path()).await;
    let mut state = postgres.state();
    connect(&postgres.url(Role::Owner, "stet")).await.batch_execute("create table notes (words text)").await.unwrap();
    for word in ["first", "second"] {
        let app = connect(&postgres.url(Role::App, "stet")).await;
        app.execute("insert into notes values ($1)", &[&word]).await.unwrap();
        let killed = server_pid(place.path());
        signal("-KILL", &killed);
        state.wait_for(|state| *state == State::Restarting).await.unwrap();
        state.wait_for(|state| *state == State::Ready).await.unwrap();
        assert_ne!(server_pid(place.path()), killed);
    }
    assert_eq!(notes(&postgres.url(Role::App, "stet")).await, ["first", "second"]);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_postgres_that_cannot_come_back_is_given_up_with_a_sentence() {
    let place = data_dir();
    let postgres = start(place.path()).await;
    let mut state = postgres.state();
    fs::remove_file(place.path().join("postgres/global/pg_control")).unwrap();
    signal("-KILL", &server_pid(place.path()));
    let last = state.wait_for(|state| matches!(state, State::GaveUp(_))).await.unwrap().clone();
    let State::GaveUp(sentence) = last else { unreachable!("waited for it") };
    assert!(sentence.contains("pg_control") && sentence.contains("postgres.log"), "{sentence}");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_stet_leaves_no_postgres_behind_and_no_commit_out() {
    if let Some(folder) = std::env::var_os(HOLD) {
        // This is the process that will be killed: this very test, started again by itself below.
        let postgres = start(Path::new(&folder)).await;
        println!("HOLDS {}", postgres.url(Role::Owner, "stet"));
        std::future::pending::<()>().await;
    }
    let place = data_dir();
    let (mut holder, url) = hold(place.path());
    let owner = connect(&url).await;
    owner.batch_execute("create table notes (words text); insert into notes values ('kept')").await.unwrap();
    let orphan = server_pid(place.path());
    assert!(PrivatePostgres::running(place.path()).unwrap().is_some());
    holder.kill().unwrap();
    holder.wait().unwrap();

    let postgres = start(place.path()).await;
    assert_ne!(server_pid(place.path()), orphan);
    assert_eq!(notes(&postgres.url(Role::App, "stet")).await, ["kept"]);
    postgres.stop().await.unwrap();

    // The same with both killed at once: nobody shuts down, the next start recovers.
    let (mut holder, url) = hold(place.path());
    connect(&url).await.batch_execute("insert into notes values ('kept too')").await.unwrap();
    let server = server_pid(place.path());
    signal("-STOP", &server);
    holder.kill().unwrap();
    holder.wait().unwrap();
    signal("-KILL", &server);
    let postgres = start(place.path()).await;
    assert_eq!(notes(&postgres.url(Role::App, "stet")).await, ["kept", "kept too"]);
    postgres.stop().await.unwrap();
}

/// Another process that holds the folder, and the address it tells.
fn hold(data_dir: &Path) -> (Child, String) {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["private_postgres::a_killed_stet_leaves_no_postgres_behind_and_no_commit_out", "--exact", "--nocapture"])
        .env(HOLD, data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let url = lines.map(Result::unwrap).find_map(|line| Some(line.split_once("HOLDS ")?.1.to_owned())).unwrap();
    (holder, url)
}

#[tokio::test]
async fn a_stale_lock_whose_number_went_to_another_process_is_cleared() {
    let place = data_dir();
    start(place.path()).await.stop().await.unwrap();
    // Of the same user as the cluster: Postgres alone would take it for a running server and refuse.
    let cluster = place.path().join("postgres");
    let owner = fs::metadata(&cluster).unwrap();
    let mut command = Command::new("sleep");
    command.arg("600").current_dir("/");
    if is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut other = command.spawn().unwrap();
    let stale =
        format!("{}\n{}\n1700000000\n5432\n/nowhere\n\n  5432001    0\nready   \n", other.id(), cluster.display());
    fs::write(cluster.join("postmaster.pid"), stale).unwrap();
    start(place.path()).await.stop().await.unwrap();
    assert!(other.try_wait().unwrap().is_none(), "the other process was touched");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_lost_password_file_is_made_anew() {
    let place = data_dir();
    start(place.path()).await.stop().await.unwrap();
    fs::remove_file(place.path().join("postgres-password")).unwrap();
    let postgres = start(place.path()).await;
    connect(&postgres.url(Role::App, "stet")).await.batch_execute("select 1").await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_first_start_cut_short_is_begun_again() {
    let place = data_dir();
    fs::create_dir(place.path().join("postgres.new")).unwrap();
    fs::write(place.path().join("postgres.new/PG_VERSION"), "15").unwrap();
    start(place.path()).await.stop().await.unwrap();
    assert!(!place.path().join("postgres.new").exists());
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_refused_with_both_named() {
    let place = data_dir();
    start(place.path()).await.stop().await.unwrap();
    let version = place.path().join("postgres/PG_VERSION");
    let ours = fs::read_to_string(&version).unwrap();
    fs::write(&version, "9\n").unwrap();
    let error = refusal(options(place.path())).await;
    let sentence = error.to_string();
    assert!(
        sentence.contains("made by Postgres 9,") && sentence.contains(&format!("is {}", ours.trim())),
        "{sentence}"
    );
    // Untouched: with its own version it starts.
    fs::write(&version, ours).unwrap();
    start(place.path()).await.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_no_cluster_is_left_alone() {
    let place = data_dir();
    let cluster = place.path().join("postgres");
    fs::create_dir(&cluster).unwrap();
    fs::write(cluster.join("holiday.txt"), "kept").unwrap();
    let error = refusal(options(place.path())).await;
    assert!(matches!(error, PrivatePostgresError::NotACluster { .. }), "{error}");
    assert_eq!(fs::read_to_string(cluster.join("holiday.txt")).unwrap(), "kept");
}

#[tokio::test]
async fn a_folder_too_deep_for_a_socket_works_all_the_same() {
    let place = data_dir();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let deep = place.path().join("d".repeat(150));
    let postgres = start(&deep).await;
    connect(&postgres.url(Role::App, "stet")).await.batch_execute("select 1").await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_closed_parent_is_refused_for_root_with_the_remedy() {
    let place = data_dir();
    let parent = place.path().join("closed");
    fs::DirBuilder::new().mode(0o700).create(&parent).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if is_root() {
        let sentence = refusal(options(&parent.join("data"))).await.to_string();
        assert!(sentence.contains(&format!("chmod o+x {}", parent.display())), "{sentence}");
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o711)).unwrap();
    }
    // Opened, or without root, where the server runs as ourselves, it starts.
    start(&parent.join("data")).await.stop().await.unwrap();
}

#[tokio::test]
async fn without_postgres_and_npm_the_sentence_says_how_to_install_it() {
    let place = data_dir();
    let nothing = Environment { path: "/nowhere".into(), ..Environment::default() };
    let error = refusal(Options { environment: nothing, ..options(place.path()) }).await;
    assert!(matches!(error, PrivatePostgresError::NoBinaries { .. }), "{error}");
    assert!(error.to_string().contains("install"), "{error}");

    let wrong = Environment { pg_bin: Some("/nowhere".into()), ..environment() };
    let error = refusal(Options { environment: wrong, ..options(place.path()) }).await;
    assert!(error.to_string().starts_with("the Postgres in /nowhere cannot be run"), "{error}");
}

#[tokio::test]
async fn a_dropped_start_gives_the_folder_free() {
    let place = data_dir();
    drop(start(place.path()).await);
    // The shutdown goes on behind; the lock is waited for by asking, not by time.
    while !matches!(PrivatePostgres::running(place.path()), Ok(None)) {
        tokio::task::yield_now().await;
    }
    start(place.path()).await.stop().await.unwrap();
}
