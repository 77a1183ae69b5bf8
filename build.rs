//! Makes the front-end assets and the table through which the library embeds them.
//!
//! The sources are in `static/`; nothing is ever written there. The work is done in `assets/` of the target
//! folder, which all profiles share: `assets/npm-HASH/` holds a copy of the sources with its `node_modules`
//! (HASH: of the lock file), `assets/HASH/` the finished files (HASH: of everything in `static/`). Both are
//! kept, so an unchanged tree never starts npm again.
//!
//! `STET_ASSETS_DIR` names a finished folder (one `assets/HASH/` from another machine); then neither Node nor
//! npm is needed.
#![allow(clippy::disallowed_methods, reason = "a build script is told everything by its environment")]
#![allow(
    clippy::unnecessary_debug_formatting,
    reason = "Debug writes a path as a Rust literal, which is what is wanted"
)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};
use std::{env, io};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// What the assets are made of, relative to `static/`. Named one by one, so that a `node_modules` someone
/// keeps there for their editor is neither hashed nor watched.
const SOURCES: [&str; 8] =
    [".npmrc", "package.json", "package-lock.json", "bundle.mjs", "icons.mjs", "css", "icons", "js"];
/// The oldest Node whose standard library the bundling relies on.
const NODE_MAJOR_MIN: u32 = 20;
const INSTALL_NODE: &str =
    "install it with `apt install nodejs npm` or `brew install node`, or set STET_ASSETS_DIR to ready-made assets";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // diesel's embed_migrations! cannot watch the folder itself.
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-env-changed=STET_ASSETS_DIR");
    for source in SOURCES {
        println!("cargo::rerun-if-changed=static/{source}");
    }
    if let Err(sentence) = make() {
        println!("cargo::error={sentence}");
    }
}

fn make() -> Result<(), String> {
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let assets = match env::var_os("STET_ASSETS_DIR") {
        Some(folder) => fs::canonicalize(&folder)
            .map_err(|error| format!("STET_ASSETS_DIR ({}) cannot be read: {error}", folder.display()))?,
        None => bundled(&out_dir)?,
    };
    // Should someone empty the folder, the next build must notice.
    println!("cargo::rerun-if-changed={}", assets.join("manifest.tsv").display());
    // For the browser tests only; the product never names it.
    println!("cargo::rustc-env=STET_AXE_JS={}", assets.join("axe.min.js").display());
    let table = table(&assets)?;
    fs::write(out_dir.join("assets.rs"), table).map_err(|error| format!("cannot write the asset table: {error}"))
}

/// The folder of finished assets for the present sources, made if it is not there yet.
fn bundled(out_dir: &Path) -> Result<PathBuf, String> {
    let sources = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("static");
    let shared = target_folder(out_dir)?.join("assets");
    let say = |error: io::Error| format!("cannot make the front-end assets in {}: {error}", shared.display());
    fs::create_dir_all(&shared).map_err(say)?;

    let finished = shared.join(digest(&sources, &SOURCES).map_err(say)?);
    if finished.join("manifest.tsv").is_file() {
        return Ok(finished);
    }
    // Two profiles may be built at once; the second finds the first one's work.
    let lock = File::create(shared.join(".lock")).map_err(say)?;
    lock.lock().map_err(say)?;
    if finished.join("manifest.tsv").is_file() {
        return Ok(finished);
    }

    require_node()?;
    let workshop = shared.join(format!("npm-{}", digest(&sources, &["package-lock.json"]).map_err(say)?));
    for folder in ["css", "icons", "js"] {
        remove_folder(&workshop.join(folder)).map_err(say)?;
    }
    for source in SOURCES {
        copy(&sources.join(source), &workshop.join(source)).map_err(say)?;
    }
    if !workshop.join(".installed").is_file() {
        // No package runs code of its own while it is installed.
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run("npm", &arguments, &workshop)?;
        fs::write(workshop.join(".installed"), "").map_err(say)?;
    }
    let unfinished = shared.join("unfinished");
    remove_folder(&unfinished).map_err(say)?;
    run("node", &["bundle.mjs", &unfinished.to_string_lossy()], &workshop)?;
    // Older than this run: cargo would otherwise take the manifest, watched below, for a later change.
    let manifest = File::options().append(true).open(unfinished.join("manifest.tsv")).map_err(say)?;
    manifest.set_modified(UNIX_EPOCH + Duration::from_secs(86_400)).map_err(say)?;
    remove_folder(&finished).map_err(say)?;
    fs::rename(&unfinished, &finished).map_err(say)?;
    Ok(finished)
}

/// The nearest folder above OUT_DIR that cargo marked as its own; it is shared by all profiles and targets.
fn target_folder(out_dir: &Path) -> Result<PathBuf, String> {
    let marked = out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    // OUT_DIR is TARGET/PROFILE/build/PACKAGE-HASH/out.
    marked
        .or_else(|| out_dir.ancestors().nth(4))
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} is not inside a cargo target folder", out_dir.display()))
}

fn require_node() -> Result<(), String> {
    let Ok(answer) = Command::new("node").arg("--version").output() else {
        return Err(format!(
            "Node.js {NODE_MAJOR_MIN} or newer is needed to build the front-end assets; {INSTALL_NODE}"
        ));
    };
    let version = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        return Err(format!(
            "Node.js {NODE_MAJOR_MIN} or newer is needed to build the front-end assets, this is {version}; {INSTALL_NODE}"
        ));
    }
    Ok(())
}

/// Runs one step; on failure its last words become the build's one sentence.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Result<(), String> {
    let answer =
        Command::new(program).args(arguments).current_dir(folder).output().map_err(|error| {
            format!("`{program}` is needed to build the front-end assets ({error}); {INSTALL_NODE}")
        })?;
    if answer.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&answer.stderr);
    let cause = said
        .lines()
        .map(str::trim)
        .find(|line| line.contains("Error: ") || line.starts_with("npm error") || line.contains("[ERROR]"))
        .or_else(|| said.lines().map(str::trim).find(|line| !line.is_empty()))
        .unwrap_or("no reason given");
    let first = arguments.first().copied().unwrap_or_default();
    Err(format!("`{program} {first}` could not make the front-end assets: {cause}"))
}

/// The Rust source of the table: one `Asset` a line of the manifest, sorted by logical name.
fn table(assets: &Path) -> Result<String, String> {
    let manifest = fs::read_to_string(assets.join("manifest.tsv"))
        .map_err(|error| format!("{} holds no assets made by a build of Stet: {error}", assets.display()))?;
    let mut rows: Vec<&str> = manifest.lines().collect();
    rows.sort_unstable();
    let mut source = String::from("&[\n");
    for row in rows {
        let mut fields = row.split('\t');
        let (Some(name), Some(file), Some(content_type)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(format!("a line of {} is damaged: {row:?}", assets.join("manifest.tsv").display()));
        };
        let url = format!("/static/{file}");
        let _ = writeln!(
            source,
            "Asset {{ name: {name:?}, file: {file:?}, url: {url:?}, content_type: {content_type:?}, \
             plain: include_bytes!({:?}), gzip: {}, brotli: {} }},",
            assets.join(file),
            variant(assets, file, "gz"),
            variant(assets, file, "br"),
        );
    }
    source.push_str("]\n");
    Ok(source)
}

fn variant(assets: &Path, file: &str, extension: &str) -> String {
    let path = assets.join(format!("{file}.{extension}"));
    if path.is_file() { format!("Some(include_bytes!({path:?}))") } else { "None".to_owned() }
}

/// A short digest over names and contents, in a fixed order.
fn digest(folder: &Path, names: &[&str]) -> io::Result<String> {
    let mut files = Vec::new();
    for name in names {
        collect(&folder.join(name), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().as_bytes());
        hash.update(b"\0");
        hash.update(Sha256::digest(fs::read(&file)?));
    }
    Ok(HEXLOWER.encode(&hash.finalize()).chars().take(16).collect())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    collect(from, &mut files)?;
    for file in files {
        let target = match file.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => to.to_path_buf(),
            Ok(rest) => to.join(rest),
            Err(_) => continue,
        };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&target, fs::read(&file)?)?;
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo did not set {name}"))
}
