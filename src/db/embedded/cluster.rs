//! The cluster on disk: made once, checked at each start, freed of what a killed server left behind.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::binaries::{self, Binaries};
use super::folders::{self, Account, io_error};
use super::{Access, Options, PORT, PrivatePostgresError, Role, role_password, signal_process, tie_to_this_thread};

/// How long a server of an earlier Stet may take to end: its shutdown writes a checkpoint.
const ORPHAN_WAIT: Duration = Duration::from_secs(30);
const ORPHAN_PAUSE: Duration = Duration::from_millis(50);

/// A cluster that is ready to be served, locked for this process.
pub(super) struct Cluster {
    pub(super) folder: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) binaries: Binaries,
    pub(super) access: Access,
    account: Option<Account>,
    settings: Vec<String>,
    // Invariant: held as long as a server of ours may run. The lock ends with this file's closing.
    _lock: fs::File,
}

impl Cluster {
    /// Locks the data folder, finds the binaries, makes the cluster if there is none, and clears away what is stale.
    pub(super) fn prepare(options: &Options, say: &dyn Fn(&str)) -> Result<Self, PrivatePostgresError> {
        let data_dir = folders::open_data_dir(&options.data_dir)?;
        let lock = folders::lock(&data_dir)?;
        let account = Account::choose(&data_dir)?;
        if let Some(account) = &account {
            account.reach(&data_dir)?;
        }
        let folder = folders::cluster_folder(&data_dir);
        let theirs = read_version(&folder)?;
        let binaries = binaries::find(&options.environment, &data_dir, account.as_ref(), theirs, say)?;
        if let Some(theirs) = theirs.filter(|theirs| *theirs != binaries.major) {
            let (ours, binaries) = (binaries.major, binaries.folder);
            return Err(PrivatePostgresError::OtherVersion { folder, theirs, ours, binaries });
        }
        let socket_folder = folders::open_run_folder(&options.environment, &data_dir, account.as_ref())?;
        let secret = folders::read_secret(&data_dir)?;
        let is_new_secret = secret.is_none();
        let secret = secret.map_or_else(|| folders::make_secret(&data_dir), Ok)?;
        let settings = settings(options, &socket_folder);
        let access = Access { secret, socket_folder };
        let cluster = Self { folder, data_dir, binaries, access, account, settings, _lock: lock };
        if theirs.is_none() {
            say(&format!(
                "Preparing a private Postgres {} in {} (first start only)…",
                cluster.binaries.major,
                cluster.folder.display()
            ));
            cluster.make(options)?;
        } else {
            cluster.take_over()?;
            cluster.clear_stale_locks(say)?;
            if is_new_secret {
                say("The file postgres-password was missing: setting new passwords…");
                cluster.run_alone(&cluster.folder, &change_passwords(&cluster.access.secret))?;
            }
        }
        Ok(cluster)
    }

    /// The server's command line, its log going to a pipe.
    pub(super) fn server_command(&self) -> Command {
        let mut command = self.command("postgres");
        command.arg("-D").arg(&self.folder);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Where what the server says is kept.
    pub(super) fn log_path(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    /// Whether the server with this number answers.
    pub(super) fn is_ready(&self, pid: u32) -> bool {
        matches!(PidFile::read(&self.folder), Ok(Some(file)) if file.pid == pid && file.is_ready)
    }

    /// Removes the lock files of a server that is gone, after waiting for one that is about to go.
    ///
    /// We hold the data folder, so whatever server still runs on it has lost its Stet and is shutting down, or
    /// recovering from a kill. A number in the file that now belongs to some other process means nothing.
    pub(super) fn clear_stale_locks(&self, say: &dyn Fn(&str)) -> Result<(), PrivatePostgresError> {
        if let Some(file) = PidFile::read(&self.folder)? {
            self.await_orphan(file.pid, say)?;
            remove_file(&self.folder.join("postmaster.pid"))?;
        }
        // The socket's own lock also holds a number that may be another process's by now.
        let socket = format!(".s.PGSQL.{PORT}");
        remove_file(&self.access.socket_folder.join(format!("{socket}.lock")))?;
        remove_file(&self.access.socket_folder.join(socket))
    }

    /// Tidies up after a clean shutdown; nothing depends on it.
    pub(super) fn leave(&self) {
        let _ = fs::remove_dir(&self.access.socket_folder);
    }

    fn await_orphan(&self, pid: u32, say: &dyn Fn(&str)) -> Result<(), PrivatePostgresError> {
        if !is_server_of(pid, &self.folder) {
            return Ok(());
        }
        say("Waiting for the Postgres of an earlier run to finish…");
        // It has the death signal already on Linux; elsewhere nobody else will tell it.
        signal_process(pid, libc::SIGINT);
        let mut waited = Duration::ZERO;
        while is_server_of(pid, &self.folder) {
            if waited >= ORPHAN_WAIT {
                let (folder, waited_s) = (self.folder.clone(), ORPHAN_WAIT.as_secs());
                return Err(PrivatePostgresError::StillRunning { folder, pid, waited_s });
            }
            std::thread::sleep(ORPHAN_PAUSE);
            waited += ORPHAN_PAUSE;
        }
        Ok(())
    }

    /// Makes the cluster beside its place and moves it there whole, so that a start cut short leaves nothing half made.
    fn make(&self, options: &Options) -> Result<(), PrivatePostgresError> {
        let staging = self.folder.with_extension("new");
        self.init_in_some_locale(&staging, options)?;
        self.run_alone(&staging, &first_statements(&self.access.secret, options))?;
        // An empty folder of that name gives way; anything else was refused when its version was read.
        fs::rename(&staging, &self.folder).map_err(|source| io_error("move", &staging, source))?;
        folders::sync_folder(&self.data_dir)
    }

    /// C.UTF-8 sorts the same everywhere; where the C library lacks it, Postgres 17 has its own, and then there is
    /// the locale that nearly every machine has. Plain C breaks `lower` and text search outside ASCII.
    fn init_in_some_locale(&self, staging: &Path, options: &Options) -> Result<(), PrivatePostgresError> {
        let own: &[&str] = &["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
        let locales: [(u32, &[&str]); 3] = [(0, &["--locale=C.UTF-8"]), (17, own), (0, &["--locale=en_US.UTF-8"])];
        for (_, locale) in locales.into_iter().filter(|(since, _)| *since <= self.binaries.major) {
            let output = self.init(staging, locale, options)?;
            if output.status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&output.stderr);
            if !said.contains("invalid locale") {
                return Err(self.explain_init(staging, &said));
            }
        }
        Err(PrivatePostgresError::Locale)
    }

    fn init(&self, staging: &Path, locale: &[&str], options: &Options) -> Result<Output, PrivatePostgresError> {
        binaries::remove_folder(staging)?;
        fs::DirBuilder::new().mode(0o700).create(staging).map_err(|source| io_error("make", staging, source))?;
        // initdb reads the password as the server's user, so for the moment it lies in that user's own folder.
        let password = self.access.socket_folder.join("password");
        folders::write_private(&password, &self.access.secret)
            .map_err(|source| io_error("write", &password, source))?;
        if let Some(account) = &self.account {
            account.own(staging)?;
            account.own(&password)?;
        }
        let mut command = self.command("initdb");
        command.arg("-D").arg(staging).arg(format!("--pwfile={}", password.display()));
        command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"]);
        command.args(["--no-instructions"]).args(locale).args((!options.durable).then_some("--no-sync"));
        let output = command.stdin(Stdio::null()).output();
        remove_file(&password)?;
        output.map_err(|source| PrivatePostgresError::Spawn { what: "initdb".to_owned(), source })
    }

    /// Runs statements, one a line, in a server that serves nobody else, before anyone can connect.
    fn run_alone(&self, folder: &Path, statements: &str) -> Result<(), PrivatePostgresError> {
        let spawn_error = |source| PrivatePostgresError::Spawn { what: "postgres --single".to_owned(), source };
        let mut command = self.command("postgres");
        command.args(["--single", "-D"]).arg(folder);
        // The statements hold passwords: none may reach a log, nor may a failed one go unnoticed.
        for setting in ["exit_on_error=on", "log_min_error_statement=panic", "log_statement=none", "lc_messages=C"] {
            command.args(["-c", setting]);
        }
        command.arg("template1").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(spawn_error)?;
        // A few hundred bytes: less than a pipe holds, so this cannot wait on a child that waits on us.
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(statements.as_bytes()));
        let output = child.wait_with_output().map_err(spawn_error)?;
        if output.status.success() && written.is_ok() {
            return Ok(());
        }
        Err(self.explain_init(folder, &String::from_utf8_lossy(&output.stderr)))
    }

    fn explain_init(&self, folder: &Path, said: &str) -> PrivatePostgresError {
        if is_disk_full(said) {
            // What was begun takes space that nothing will use.
            if folder != self.folder {
                let _ = binaries::remove_folder(folder);
            }
            return PrivatePostgresError::DiskFull { folder: self.data_dir.clone() };
        }
        PrivatePostgresError::Init { folder: folder.to_path_buf(), detail: last_complaint(said) }
    }

    /// A cluster copied or restored by root belongs to root; its server does not run as root.
    fn take_over(&self) -> Result<(), PrivatePostgresError> {
        let meta = fs::metadata(&self.folder).map_err(|source| io_error("look at", &self.folder, source))?;
        if let Some(account) = self.account.as_ref().filter(|_| meta.uid() == 0) {
            account.own_all(&self.folder)?;
        }
        // Postgres refuses a folder that is open to others, which a restored one may be.
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))
                .map_err(|source| io_error("close", &self.folder, source))?;
        }
        Ok(())
    }

    /// One of Postgres's programs, as the server's user, tied to this thread. Only a known environment: variables
    /// like `PGOPTIONS`, `PGPORT` or `TZ` would change the server. `LC_ALL` keeps initdb's messages in English, and
    /// macOS wants some locale set; the server replaces it by its own settings.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.program(name));
        command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin").current_dir(&self.data_dir);
        if let Some(account) = &self.account {
            account.apply(&mut command);
        }
        tie_to_this_thread(&mut command);
        command
    }
}

/// What a running server writes into `postmaster.pid`.
pub(super) struct PidFile {
    pub(super) pid: u32,
    pub(super) socket_folder: PathBuf,
    pub(super) is_ready: bool,
}

impl PidFile {
    /// The file as it stands; `None` when it is missing or not written to its end yet.
    pub(super) fn read(cluster: &Path) -> Result<Option<Self>, PrivatePostgresError> {
        let path = cluster.join("postmaster.pid");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error("read", &path, source)),
        }
    }

    /// Lines (miscadmin.h of Postgres): number, data folder, start time, port, socket folder, address, memory key, status.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next()?.parse().ok()?;
        let socket_folder = PathBuf::from(lines.nth(3).unwrap_or_default());
        Some(Self { pid, socket_folder, is_ready: lines.nth(2) == Some("ready") })
    }
}

/// Whether the kernel or Postgres complained of a full disk.
pub(super) fn is_disk_full(said: &str) -> bool {
    said.contains("No space left on device") || said.contains("Disk quota exceeded")
}

/// The last line that tells of a failure, without Postgres's own prefix.
pub(super) fn last_complaint(said: &str) -> String {
    let marks = ["PANIC:", "FATAL:", "ERROR:", "error:"];
    let found = said.lines().rev().find_map(|line| {
        let (_, rest) = marks.iter().find_map(|mark| line.split_once(mark))?;
        Some(rest.trim().to_owned())
    });
    found.or_else(|| said.lines().next_back().map(str::to_owned)).unwrap_or_else(|| "it gave no reason".to_owned())
}

/// The cluster's major version; `None` where there is none yet.
fn read_version(cluster: &Path) -> Result<Option<u32>, PrivatePostgresError> {
    match fs::read_to_string(cluster.join("PG_VERSION")) {
        Ok(text) => match text.trim().parse() {
            Ok(version) => Ok(Some(version)),
            Err(_) => Err(PrivatePostgresError::NotACluster { folder: cluster.to_path_buf() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = fs::read_dir(cluster).map_or(true, |mut entries| entries.next().is_none());
            if is_empty { Ok(None) } else { Err(PrivatePostgresError::NotACluster { folder: cluster.to_path_buf() }) }
        }
        Err(source) => Err(io_error("read", &cluster.join("PG_VERSION"), source)),
    }
}

/// Whether a process is a Postgres that works in this cluster: its program is postgres, and its working folder is the
/// cluster. A zombie has neither, and a number that went to another process has others.
#[cfg(target_os = "linux")]
fn is_server_of(pid: u32, cluster: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let is_postgres = fs::read_link(process.join("exe"))
        .is_ok_and(|exe| exe.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres")));
    let (Ok(works_in), Ok(cluster)) = (fs::metadata(process.join("cwd")), fs::metadata(cluster)) else { return false };
    is_postgres && (works_in.dev(), works_in.ino()) == (cluster.dev(), cluster.ino())
}

/// Whether a process is a Postgres started on this cluster, by its command line.
#[cfg(not(target_os = "linux"))]
fn is_server_of(pid: u32, cluster: &Path) -> bool {
    let output = Command::new("/bin/ps").args(["-ww", "-o", "command=", "-p"]).arg(pid.to_string()).output();
    output.is_ok_and(|output| {
        let line = String::from_utf8_lossy(&output.stdout);
        line.contains("postgres") && line.contains(&*cluster.to_string_lossy())
    })
}

fn remove_file(path: &Path) -> Result<(), PrivatePostgresError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Everything set on the command line, where no file and no ALTER SYSTEM overrides it.
fn settings(options: &Options, socket_folder: &Path) -> Vec<String> {
    let on_or_off = if options.durable { "on" } else { "off" };
    let mut settings = vec![
        format!("unix_socket_directories={}", socket_folder.display()),
        format!("port={PORT}"),
        format!("max_connections={}", options.max_connections),
        format!("fsync={on_or_off}"),
        format!("synchronous_commit={on_or_off}"),
        format!("full_page_writes={on_or_off}"),
        format!("shared_buffers={}", if options.durable { "128MB" } else { "32MB" }),
    ];
    let fixed = [
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "password_encryption=scram-sha-256",
        "cluster_name=stet",
        "timezone=UTC",
        "log_timezone=UTC",
        "lc_messages=C",
        // Short queries: compiling them costs more than it saves.
        "jit=off",
        // The log comes to us over a pipe. From LOG upwards, terse: no ERROR lines, no DETAIL, no statement, because
        // those quote what readers typed ("Key (email)=(…) already exists"). The errors themselves reach Stet.
        "logging_collector=off",
        "log_destination=stderr",
        "log_min_messages=log",
        "log_error_verbosity=terse",
        "log_min_error_statement=panic",
        "log_statement=none",
        "log_min_duration_statement=-1",
        "log_min_duration_sample=-1",
        "log_parameter_max_length=0",
        "log_parameter_max_length_on_error=0",
    ];
    settings.extend(fixed.map(str::to_owned));
    settings
}

/// Roles, their rights and the database. Rights are given in `template1`, so that every database made later has them:
/// what `stet_owner` makes, `stet_app` may read and write, but not change in shape.
fn first_statements(secret: &str, options: &Options) -> String {
    let (owner, app) = (role_password(secret, Role::Owner), role_password(secret, Role::App));
    let may_create = if options.durable { "nocreatedb" } else { "createdb" };
    [
        format!("create role stet_owner login nosuperuser nocreaterole {may_create} password '{owner}';"),
        format!("create role stet_app login nosuperuser nocreaterole nocreatedb password '{app}';"),
        // Postgres 14 lets everyone create in `public`; later ones do not.
        "revoke create on schema public from public;".to_owned(),
        "grant all on schema public to stet_owner;".to_owned(),
        "grant usage on schema public to stet_app;".to_owned(),
        "alter default privileges for role stet_owner grant select, insert, update, delete on tables to stet_app;"
            .to_owned(),
        "alter default privileges for role stet_owner grant usage, select, update on sequences to stet_app;".to_owned(),
        "create database stet owner stet_owner;".to_owned(),
        "revoke all on database stet from public;".to_owned(),
        "grant connect on database stet to stet_app;".to_owned(),
    ]
    .join("\n")
        + "\n"
}

/// Passwords are base64url, so they need no quoting.
fn change_passwords(secret: &str) -> String {
    let (owner, app) = (role_password(secret, Role::Owner), role_password(secret, Role::App));
    format!(
        "alter role postgres password '{secret}';\nalter role stet_owner password '{owner}';\nalter role stet_app password '{app}';\n"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_complaints() {
        let full = "PANIC:  could not write to file \"pg_wal/xlogtemp.9\": No space left on device\n";
        assert!(is_disk_full(full));
        let other = "2026-01-01 UTC [9] LOG:  starting\n2026-01-01 UTC [9] FATAL:  data directory has wrong ownership\nHINT: x\n";
        assert!(!is_disk_full(other));
        assert_eq!(last_complaint(other), "data directory has wrong ownership");
        assert_eq!(last_complaint(""), "it gave no reason");
    }

    #[test]
    fn the_pid_file_of_a_starting_server_is_not_taken_for_ready() {
        let ready = "123\n/data/postgres\n1700000000\n5432\n/run/stet-1\n\n  5432001   7\nready   \n";
        let file = PidFile::parse(ready).unwrap();
        assert_eq!((file.pid, file.is_ready), (123, true));
        assert_eq!(file.socket_folder, Path::new("/run/stet-1"));
        assert!(!PidFile::parse(&ready.replace("ready", "starting")).unwrap().is_ready);
        assert!(!PidFile::parse("123\n").unwrap().is_ready);
        assert!(PidFile::parse("").is_none());
    }
}
