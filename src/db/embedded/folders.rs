//! The data folder's lock and secret, the folder of the socket, and the user that root's server runs as.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Environment, PORT, PrivatePostgresError, effective_user};

/// The longest socket path Linux takes (108 bytes with the closing NUL; macOS: 104 with it).
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// Postgres's own limit is 1,023 (MAXPGPATH); file names below the folder need the rest.
const DATA_DIR_BYTES_MAX: usize = 900;
/// A command that only asks whether a Stet is running holds the lock for a blink; a start waits that out.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

pub(super) fn io_error(act: &'static str, path: &Path, source: io::Error) -> PrivatePostgresError {
    if source.kind() == io::ErrorKind::StorageFull {
        return PrivatePostgresError::DiskFull { folder: path.parent().unwrap_or(path).to_path_buf() };
    }
    PrivatePostgresError::Io { act, path: path.to_path_buf(), source }
}

/// Postgres's own folder in the data folder.
pub(super) fn cluster_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}

/// Makes the data folder where it is missing, and gives its real path.
pub(super) fn open_data_dir(data_dir: &Path) -> Result<PathBuf, PrivatePostgresError> {
    let refuse_long = |path: &Path| match path.as_os_str().len() {
        length if length > DATA_DIR_BYTES_MAX => {
            Err(PrivatePostgresError::PathTooLong { length, longest: DATA_DIR_BYTES_MAX })
        }
        _ => Ok(()),
    };
    refuse_long(data_dir)?;
    if !data_dir.is_dir() {
        if let Some(parent) = data_dir.parent() {
            fs::create_dir_all(parent).map_err(|source| io_error("make", parent, source))?;
        }
        DirBuilder::new().mode(0o700).create(data_dir).map_err(|source| io_error("make", data_dir, source))?;
    }
    let real = fs::canonicalize(data_dir).map_err(|source| io_error("open", data_dir, source))?;
    refuse_long(&real)?;
    Ok(real)
}

/// Takes the data folder's lock, which ends with the file's closing, that is, with the process at the latest.
pub(super) fn lock(data_dir: &Path) -> Result<File, PrivatePostgresError> {
    let path = data_dir.join("stet.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| io_error("open", &path, source))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => {
                // The number is told to the next one who is refused; the lock itself does not depend on it.
                let written = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
                return written.map(|()| file).map_err(|source| io_error("write", &path, source));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &path, source)),
        }
    }
    let mut pid = String::new();
    let _ = file.read_to_string(&mut pid);
    Err(PrivatePostgresError::AlreadyRunning {
        folder: data_dir.to_path_buf(),
        pid: if pid.is_empty() { "unknown".to_owned() } else { pid },
    })
}

/// Whether a Stet holds the data folder.
pub(super) fn is_locked(data_dir: &Path) -> Result<bool, PrivatePostgresError> {
    let path = data_dir.join("stet.lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(io_error("open", &path, source)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(io_error("lock", &path, source)),
    }
}

/// The superuser's password, if there is one yet.
pub(super) fn read_secret(data_dir: &Path) -> Result<Option<String>, PrivatePostgresError> {
    let path = data_dir.join("postgres-password");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|secret| !secret.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io_error("read", &path, source)),
    }
}

/// A new random password for the superuser, kept in the data folder.
pub(super) fn make_secret(data_dir: &Path) -> Result<String, PrivatePostgresError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(PrivatePostgresError::Random)?;
    let secret = data_encoding::BASE64URL_NOPAD.encode(&bytes);
    let path = data_dir.join("postgres-password");
    let staging = data_dir.join("postgres-password.new");
    write_private(&staging, &secret).map_err(|source| io_error("write", &staging, source))?;
    fs::rename(&staging, &path).map_err(|source| io_error("write", &path, source))?;
    sync_folder(data_dir)?;
    Ok(secret)
}

/// Writes a file that only we can read, and waits for the disk.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    // An older file could have been opened by someone; a new one cannot.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes a rename in a folder last over a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<(), PrivatePostgresError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(|source| io_error("sync", folder, source))
}

/// The user that root's server runs as.
#[derive(Clone, Debug)]
pub(super) struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// Nobody to become for an ordinary user. For root: the cluster's owner when there is a cluster already, else
    /// `postgres`, else `nobody`.
    pub(super) fn choose(data_dir: &Path) -> Result<Option<Self>, PrivatePostgresError> {
        let user = effective_user();
        let cluster = cluster_folder(data_dir);
        let owner = fs::symlink_metadata(&cluster).ok().map(|meta| meta.uid());
        if user != 0 {
            return match owner {
                Some(owner) if owner != user => Err(PrivatePostgresError::WrongOwner { folder: cluster, owner }),
                Some(_) | None => Ok(None),
            };
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let owner = owner.filter(|owner| *owner != 0);
        let wanted = |account: &Self| match owner {
            Some(owner) => account.uid == owner,
            None => account.name == "postgres" || account.name == "nobody",
        };
        let mut fitting: Vec<Self> = users.lines().filter_map(Self::parse).filter(wanted).collect();
        fitting.sort_by_key(|account| account.name != "postgres");
        match (fitting.into_iter().next(), owner) {
            (Some(account), _) => Ok(Some(account)),
            (None, Some(owner)) => Err(PrivatePostgresError::WrongOwner { folder: cluster, owner }),
            (None, None) => Err(PrivatePostgresError::NoAccount),
        }
    }

    /// A line of /etc/passwd: `name:x:uid:gid:…`. Root is no use.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let account = Self { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? };
        if account.uid == 0 { None } else { Some(account) }
    }

    /// Runs a command as this user. The standard library drops root's further groups with it.
    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a file or folder to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), PrivatePostgresError> {
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .map_err(|source| io_error("give away", path, source))
    }

    /// Gives a folder with all that is in it to this user, following no link out of it.
    pub(super) fn own_all(&self, folder: &Path) -> Result<(), PrivatePostgresError> {
        for entry in fs::read_dir(folder).map_err(|source| io_error("list", folder, source))? {
            let entry = entry.map_err(|source| io_error("list", folder, source))?;
            let kind = entry.file_type().map_err(|source| io_error("look at", &entry.path(), source))?;
            if kind.is_dir() { self.own_all(&entry.path())? } else { self.own(&entry.path())? }
        }
        self.own(folder)
    }

    /// Makes sure this user can get to the data folder.
    ///
    /// The folder itself is opened for the user's group when it was closed to any group; folders above are the
    /// machine owner's, and are only ever looked at.
    pub(super) fn reach(&self, data_dir: &Path) -> Result<(), PrivatePostgresError> {
        let meta = fs::metadata(data_dir).map_err(|source| io_error("look at", data_dir, source))?;
        if !self.may_enter(&meta) && meta.uid() == 0 && meta.mode() & 0o070 == 0 {
            std::os::unix::fs::chown(data_dir, None, Some(self.gid))
                .and_then(|()| fs::set_permissions(data_dir, Permissions::from_mode(meta.mode() & 0o7777 | 0o010)))
                .map_err(|source| io_error("open", data_dir, source))?;
        }
        for folder in data_dir.ancestors() {
            let meta = fs::metadata(folder).map_err(|source| io_error("look at", folder, source))?;
            if !self.may_enter(&meta) {
                let folder = folder.to_path_buf();
                return Err(PrivatePostgresError::NotTraversable { folder, user: self.name.clone() });
            }
        }
        Ok(())
    }

    fn may_enter(&self, folder: &fs::Metadata) -> bool {
        let bit = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        folder.mode() & bit != 0
    }
}

/// A private folder short enough for the socket: `/run` for root, `XDG_RUNTIME_DIR`, `/tmp`, and last the data folder.
pub(super) fn open_run_folder(
    environment: &Environment,
    data_dir: &Path,
    account: Option<&Account>,
) -> Result<PathBuf, PrivatePostgresError> {
    let digest = Sha256::digest(data_dir.as_os_str().as_bytes());
    let mut name = String::from("stet-");
    data_encoding::HEXLOWER.encode_append(digest.get(..6).unwrap_or_default(), &mut name);
    let run = Path::new("/run");
    let candidates = [
        account.filter(|_| run.is_dir()).map(|_| run.join(&name)),
        environment.runtime_dir.as_ref().filter(|_| account.is_none()).map(|folder| folder.join(&name)),
        Some(Path::new("/tmp").join(&name)),
        Some(data_dir.join("run")),
    ];
    let mut reasons = Vec::new();
    for folder in candidates.into_iter().flatten() {
        match claim(&folder, account) {
            Ok(()) => return Ok(folder),
            Err(reason) => reasons.push(format!("{}: {reason}", folder.display())),
        }
    }
    Err(PrivatePostgresError::RunFolder { reasons: reasons.join("; ") })
}

/// Makes a folder ours alone, or says why it is not. A folder that someone else laid out in `/tmp` is never used:
/// making it fails on whatever is there (a link too), and what is there must be a folder of ours, closed to others.
fn claim(folder: &Path, account: Option<&Account>) -> Result<(), String> {
    let socket = folder.join(format!(".s.PGSQL.{PORT}"));
    if !folder.is_absolute() || socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(format!("too long for a socket (at most {SOCKET_PATH_BYTES_MAX} bytes)"));
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.to_string()),
    }
    let meta = fs::symlink_metadata(folder).map_err(|error| error.to_string())?;
    let server_user = account.map_or_else(effective_user, |account| account.uid);
    let is_ours = meta.uid() == effective_user() || meta.uid() == server_user;
    if !meta.is_dir() || !is_ours || meta.mode() & 0o077 != 0 {
        return Err("it is there already, and not a folder of ours closed to others".to_owned());
    }
    account.map_or(Ok(()), |account| account.own(folder)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_folder_laid_out_by_someone_else_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let open = place.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        assert!(claim(&open, None).unwrap_err().contains("closed to others"));

        let link = place.path().join("link");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(claim(&link, None).is_err());

        let fresh = place.path().join("fresh");
        claim(&fresh, None).unwrap();
        assert_eq!(fs::metadata(&fresh).unwrap().mode() & 0o777, 0o700);
        claim(&fresh, None).unwrap();

        let long = place.path().join("x".repeat(120));
        assert!(claim(&long, None).unwrap_err().contains("too long"));
    }

    #[test]
    fn a_line_of_the_user_list_is_read_and_root_is_not_taken() {
        let postgres = Account::parse("postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash").unwrap();
        assert_eq!((postgres.name.as_str(), postgres.uid, postgres.gid), ("postgres", 101, 104));
        assert!(Account::parse("root:x:0:0:root:/root:/bin/bash").is_none());
        assert!(Account::parse("").is_none());
    }

    #[test]
    fn a_path_that_postgres_would_cut_is_refused() {
        let long = Path::new("/tmp").join("y".repeat(DATA_DIR_BYTES_MAX));
        assert!(matches!(open_data_dir(&long), Err(PrivatePostgresError::PathTooLong { .. })));
    }
}
