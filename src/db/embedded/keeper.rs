//! The keeper: the thread that starts the server, waits on it, starts it again and shuts it down.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc as tokio_mpsc, oneshot, watch};

use super::cluster::{Cluster, is_disk_full, last_complaint};
use super::{Access, Options, PrivatePostgresError, State, signal_child};

/// How often a starting server is asked whether it is ready. A warm start takes about 80 ms.
const START_PAUSE: Duration = Duration::from_millis(5);
/// How often a serving one is looked at: a death is noticed within this time.
const WATCH_PAUSE: Duration = Duration::from_millis(100);
/// A line of progress while a server replays its log after a crash.
const PATIENCE: Duration = Duration::from_secs(5);
/// A server that served this long was well: its death starts a new count of failures.
const WELL_AFTER: Duration = Duration::from_mins(1);
/// With the pauses below, about 11 seconds of trying.
const FAILURES_MAX: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A fast shutdown writes a checkpoint first. Stet itself has 30 seconds (requirements R3).
const STOP_WAIT: Duration = Duration::from_secs(20);
const STOP_PAUSE: Duration = Duration::from_millis(5);
const LAST_WORDS_WAIT: Duration = Duration::from_millis(500);
/// The log and one older one are kept, each at most this long.
const LOG_BYTES_MAX: u64 = 4 << 20;
const LOG_LINES_KEPT: usize = 30;

/// What the keeper tells whoever started it.
pub(super) enum News {
    /// A line for a person to read.
    Progress(String),
    /// The server answers.
    Ready(Access),
    /// There will be none.
    Failed(PrivatePostgresError),
}

/// What the keeper is told.
pub(super) enum Order {
    /// Shut down, then answer if anyone wants to know.
    Stop(Option<oneshot::Sender<Result<(), PrivatePostgresError>>>),
}

/// The keeper thread's life: from preparing the cluster to the server's end.
pub(super) fn keep(
    options: &Options,
    news: &tokio_mpsc::UnboundedSender<News>,
    orders: &Receiver<Order>,
    state: &watch::Sender<State>,
) {
    // Nobody listens any more when the start was given up; then the next order is to stop.
    let say = |line: &str| drop(news.send(News::Progress(line.to_owned())));
    let cluster = match Cluster::prepare(options, &say) {
        Ok(cluster) => cluster,
        Err(error) => return drop(news.send(News::Failed(error))),
    };
    say(&format!("Starting Postgres {}…", cluster.binaries.major));
    let keeper = Keeper { cluster: &cluster, orders, state, news, say: &say };
    let order = keeper.serve();
    cluster.leave();
    state.send_replace(State::Stopped);
    // The lock goes before the answer, so that whoever waited for the stop can start again at once.
    drop(cluster);
    if let Some((answer, result)) = order {
        drop(answer.send(result));
    }
}

type Answer = (oneshot::Sender<Result<(), PrivatePostgresError>>, Result<(), PrivatePostgresError>);

struct Keeper<'a> {
    cluster: &'a Cluster,
    orders: &'a Receiver<Order>,
    state: &'a watch::Sender<State>,
    news: &'a tokio_mpsc::UnboundedSender<News>,
    say: &'a dyn Fn(&str),
}

/// How one server's life ended.
enum End {
    Ordered(Option<Answer>),
    Died { well: bool, reason: Reason },
}

/// What its last words say.
#[derive(Debug, PartialEq, Eq)]
enum Reason {
    DiskFull,
    /// Processes of a killed server still hold its shared memory. They end by themselves.
    MemoryInUse,
    Other(String),
}

impl Keeper<'_> {
    /// Runs one server after another until told to stop, or until it makes no sense. The answer to an order, if any.
    fn serve(&self) -> Option<Answer> {
        let mut failures: u32 = 0;
        loop {
            let (well, reason) = match self.run_once() {
                Ok(End::Ordered(answer)) => return answer,
                Ok(End::Died { well, reason }) => (well, reason),
                Err(error) => (false, Reason::Other(error.to_string())),
            };
            failures = if well { 1 } else { failures.saturating_add(1) };
            let never_ready = *self.state.borrow() == State::Starting;
            let passes = match &reason {
                Reason::MemoryInUse => !never_ready || failures < FAILURES_MAX,
                // Once there is room again it starts by itself (requirements R5).
                Reason::DiskFull => !never_ready,
                Reason::Other(_) => !never_ready && failures < FAILURES_MAX,
            };
            if !passes {
                return self.give_up(never_ready, reason);
            }
            if !never_ready {
                tracing::error!(failures, reason = reason.words(), "Postgres ended unexpectedly; starting it again");
                self.state.send_replace(State::Restarting);
            }
            let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE);
            if let Some(Order::Stop(answer)) = self.order_within(pause) {
                return answer.map(|answer| (answer, Ok(())));
            }
        }
    }

    /// Starts a server and stays with it to its end.
    fn run_once(&self) -> Result<End, PrivatePostgresError> {
        self.cluster.clear_stale_locks(self.say)?;
        let mut child = self
            .cluster
            .server_command()
            .spawn()
            .map_err(|source| PrivatePostgresError::Spawn { what: "postgres".to_owned(), source })?;
        let words = LastWords::default();
        let log = child.stderr.take().and_then(|pipe| keep_log(pipe, self.cluster.log_path(), words.clone()));
        let (mut is_ready, mut served, mut waited) = (false, Duration::ZERO, Duration::ZERO);
        loop {
            let pause = if is_ready { WATCH_PAUSE } else { START_PAUSE };
            if let Some(Order::Stop(answer)) = self.order_within(pause) {
                let result = shut_down(&mut child);
                return Ok(End::Ordered(answer.map(|answer| (answer, result))));
            }
            if !is_alive(&mut child) {
                await_last_words(log.as_ref());
                return Ok(End::Died { well: served >= WELL_AFTER, reason: words.reason() });
            }
            if is_ready {
                served += pause;
                continue;
            }
            waited += pause;
            is_ready = self.cluster.is_ready(child.id());
            if is_ready {
                self.tell_ready();
            } else if waited >= PATIENCE {
                waited = Duration::ZERO;
                (self.say)("Postgres is still starting (after a crash it replays its log)…");
            }
        }
    }

    fn tell_ready(&self) {
        if self.state.send_replace(State::Ready) == State::Restarting {
            tracing::info!("Postgres is back");
        }
        drop(self.news.send(News::Ready(self.cluster.access.clone())));
    }

    /// An order that comes within this time. When whoever could give one is gone, that is an order to stop.
    fn order_within(&self, pause: Duration) -> Option<Order> {
        match self.orders.recv_timeout(pause) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Order::Stop(None)),
        }
    }

    /// At the first start, tells why; later, keeps the folder locked and the state readable until told to stop.
    fn give_up(&self, never_ready: bool, reason: Reason) -> Option<Answer> {
        let log = self.cluster.log_path();
        let error = match reason {
            Reason::DiskFull => PrivatePostgresError::DiskFull { folder: self.cluster.data_dir.clone() },
            other => PrivatePostgresError::Start { detail: other.words(), log },
        };
        if never_ready {
            drop(self.news.send(News::Failed(error)));
            return None;
        }
        tracing::error!("Postgres ended too often and is not started again; mend the cause and restart stet");
        self.state.send_replace(State::GaveUp(error.to_string()));
        let Ok(Order::Stop(answer)) = self.orders.recv() else { return None };
        answer.map(|answer| (answer, Ok(())))
    }
}

impl Reason {
    fn words(&self) -> String {
        match self {
            Self::DiskFull => "the disk is full".to_owned(),
            Self::MemoryInUse => "processes of an earlier server still hold its memory".to_owned(),
            Self::Other(words) => words.clone(),
        }
    }
}

/// A child we cannot ask about is treated as gone: starting a second one is refused by Postgres itself.
fn is_alive(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

/// Fast shutdown; if that takes too long, an immediate one, from which the next start recovers; then the kernel's.
fn shut_down(child: &mut Child) -> Result<(), PrivatePostgresError> {
    signal_child(child, libc::SIGINT);
    if ends_within(child, STOP_WAIT) {
        return Ok(());
    }
    signal_child(child, libc::SIGQUIT);
    if !ends_within(child, STOP_WAIT / 4) {
        let _ = child.kill();
        let _ = child.wait();
    }
    Err(PrivatePostgresError::ForcedStop { waited_s: STOP_WAIT.as_secs() })
}

fn ends_within(child: &mut Child, wait: Duration) -> bool {
    let mut waited = Duration::ZERO;
    while is_alive(child) {
        if waited >= wait {
            return false;
        }
        std::thread::sleep(STOP_PAUSE);
        waited += STOP_PAUSE;
    }
    true
}

/// The last lines of a server's log, for the sentence that says why it ended.
#[derive(Clone, Default)]
struct LastWords(Arc<Mutex<VecDeque<String>>>);

impl LastWords {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LOG_LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    fn reason(&self) -> Reason {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        if is_disk_full(&said) {
            Reason::DiskFull
        } else if said.contains("pre-existing shared memory block") {
            Reason::MemoryInUse
        } else {
            Reason::Other(last_complaint(&said))
        }
    }
}

/// Copies what the server says into a file of limited length. It must read to the end even when it cannot write: a
/// server whose pipe is full would stand still.
fn keep_log(pipe: ChildStderr, path: PathBuf, words: LastWords) -> Option<JoinHandle<()>> {
    let copy = move || {
        let mut log = Log::open(path);
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(lines.read_until(b'\n', &mut line), Ok(length) if length > 0) {
            words.push(String::from_utf8_lossy(&line).trim_end());
            log.append(&line);
            line.clear();
        }
    };
    std::thread::Builder::new()
        .name("postgres-log".into())
        .spawn(copy)
        .inspect_err(|error| tracing::warn!(%error, "the log of Postgres is not kept: no thread for it"))
        .ok()
}

/// What a server that ended had still written is read in a moment. Not longer: processes of a killed server hold the
/// pipe open until they end too.
fn await_last_words(log: Option<&JoinHandle<()>>) {
    let mut waited = Duration::ZERO;
    while waited < LAST_WORDS_WAIT && log.is_some_and(|log| !log.is_finished()) {
        std::thread::sleep(STOP_PAUSE);
        waited += STOP_PAUSE;
    }
}

struct Log {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Log {
    fn open(path: PathBuf) -> Self {
        let file = open_to_append(&path)
            .inspect_err(|error| tracing::warn!(%error, "the log of Postgres cannot be written"))
            .ok();
        let length = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len());
        Self { path, file, length }
    }

    fn append(&mut self, line: &[u8]) {
        if self.length >= LOG_BYTES_MAX && fs::rename(&self.path, self.path.with_extension("log.1")).is_ok() {
            self.file = open_to_append(&self.path).ok();
            self.length = 0;
        }
        if self.length < LOG_BYTES_MAX
            && let Some(file) = &mut self.file
            && file.write_all(line).is_ok()
        {
            self.length += line.len() as u64;
        }
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn the_log_is_turned_over_at_its_limit() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("postgres.log");
        let mut log = Log::open(path.clone());
        let line = vec![b'x'; 1 << 20];
        for _ in 0..10 {
            log.append(&line);
        }
        assert!(fs::metadata(&path).unwrap().len() <= LOG_BYTES_MAX);
        assert_eq!(fs::metadata(place.path().join("postgres.log.1")).unwrap().len(), LOG_BYTES_MAX);
    }

    #[test]
    fn the_last_words_tell_a_full_disk_and_held_memory() {
        let words = LastWords::default();
        words.push("FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use");
        assert_eq!(words.reason(), Reason::MemoryInUse);
        words.push("PANIC:  could not write: No space left on device");
        assert_eq!(words.reason(), Reason::DiskFull);
        for _ in 0..LOG_LINES_KEPT {
            words.push("FATAL:  the rest");
        }
        assert_eq!(words.reason(), Reason::Other("the rest".to_owned()));
    }
}
