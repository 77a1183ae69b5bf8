//! The product as people run it: its own process on a data folder with a private Postgres. Started, killed, stopped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stet::db::embedded::{PrivatePostgres, Role};
use tempfile::TempDir;

/// Longest wait for a first start: initdb and every migration on a busy machine.
const FIRST_START: Duration = Duration::from_secs(60);

/// A running Stet. Killed when dropped; its Postgres follows it.
pub struct Process {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
    said: Arc<Mutex<Vec<String>>>,
    started_in: Duration,
}

/// A data folder a server's own user may reach.
pub fn data_folder() -> TempDir {
    tempfile::Builder::new().prefix("stet-run-").tempdir_in("/tmp").unwrap()
}

impl Process {
    /// Starts `binary` on a data folder, with settings by the names of their environment variables, and waits
    /// until it tells its address. Nothing else of the environment is handed on.
    #[track_caller]
    pub fn start(binary: &Path, data: &Path, settings: &[(&str, &str)]) -> Self {
        let log = fs::OpenOptions::new().create(true).append(true).open(data.join("stet.log")).unwrap();
        let kept = ["PATH", "HOME", "STET_PG_BIN", "XDG_RUNTIME_DIR"]
            .into_iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        let began = Instant::now();
        // Under the tightest usual limit on open files, which Stet raises by itself.
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -Sn 256 && exec \"$0\" serve"])
            .arg(binary)
            .current_dir(data)
            .env_clear()
            .envs(kept)
            .env("STET_LISTEN", "127.0.0.1:0")
            .env("STET_DATA_DIR", data)
            .env("STET_LOG", "warn")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let keep = Arc::clone(&said);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| keep.lock().unwrap().push(line)));
        let address =
            loop {
                let told =
                    said.lock().unwrap().iter().rev().find_map(|line: &String| {
                        line.split_once(" is at http://")?.1.trim_end_matches('/').parse().ok()
                    });
                if let Some(address) = told {
                    break address;
                }
                let ended = child.try_wait().unwrap();
                assert!(
                    ended.is_none() && began.elapsed() < FIRST_START,
                    "no start ({ended:?}): {:?}\n{}",
                    said.lock().unwrap(),
                    log_of(data)
                );
                std::thread::sleep(Duration::from_millis(5));
            };
        Self { child, address, data: data.to_owned(), said, started_in: began.elapsed() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it told the console so far.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// From the start to the line with the address.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Its log.
    pub fn log(&self) -> String {
        log_of(&self.data)
    }

    /// Its database, as the owner of the tables.
    pub fn owner_url(&self) -> String {
        PrivatePostgres::running(&self.data).unwrap().expect("the private Postgres runs").url(Role::Owner, "stet")
    }

    /// The number of its Postgres.
    pub fn postgres(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data.join("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended after how long.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        signal("-TERM", self.id());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, began.elapsed());
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a signal by its name to a process we know.
pub fn signal(name: &str, process: u32) {
    assert!(
        Command::new("kill").args([name, &process.to_string()]).status().unwrap().success(),
        "kill {name} {process}"
    );
}

fn log_of(data: &Path) -> String {
    fs::read_to_string(data.join("stet.log")).unwrap_or_default()
}
