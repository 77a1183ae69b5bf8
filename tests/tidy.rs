//! The shape of the house: what may import what, where things may stand, what may not be written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each rank may use the ranks before it; modules of one rank may not use one another, except as `ALSO` says.
const RANKS: &[(u8, &[&str])] = &[
    (0, &["core", "render", "urls"]),
    (1, &["db"]),
    (2, &["jobs"]),
    (3, &["mail", "media", "audit", "settings"]),
    (4, &["staff", "readers"]),
    (5, &["references"]),
    (6, &["articles"]),
    (7, &["notifications"]),
    (8, &["moderation"]),
    (9, &["comments", "app"]),
    (10, &["transfer", "web", "worker"]),
    (11, &["boot", "config", "cli", "telemetry", "main", "lib"]),
];

/// Neighbours that may be used, each with its reason beside it.
const ALSO: &[(&str, &str)] = &[
    ("render", "core"),    // limits of the text
    ("urls", "core"),      // ids in addresses
    ("settings", "audit"), // a change of settings is logged
    ("media", "audit"),    // so is a new file
    ("mail", "audit"),     // so is a mail sent again
    ("app", "comments"),   // posts on their way are kept with the process, to be written together
    ("boot", "config"),
    ("cli", "boot"),
    ("cli", "config"),
    ("cli", "telemetry"),
    ("telemetry", "config"),
    ("main", "cli"),
    ("lib", "boot"),
];

fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(root)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "node_modules")
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)))
        .collect();
    files.sort();
    files
}

fn short(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path).display().to_string()
}

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(_, modules)| modules.contains(&module)).map(|(rank, _)| *rank)
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Modules named as `crate::module` in code; comments and the tests at a file's end are left out.
fn named_modules(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut modules = BTreeSet::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            if let Some(group) = part.strip_prefix('{') {
                for entry in group.split(',') {
                    modules.insert(word(entry.trim()));
                }
            } else {
                modules.insert(word(part));
            }
        }
    }
    modules.retain(|module| !module.is_empty() && module.chars().next().is_some_and(char::is_lowercase));
    modules
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_use_only_what_stands_below_them() {
    let mut breaks = Vec::new();
    for path in files("src", &["rs"]) {
        let module = module_of(&path);
        let own = rank(&module)
            .unwrap_or_else(|| panic!("{} is in no rank: add it to tests/tidy.rs and the map", short(&path)));
        for used in named_modules(&fs::read_to_string(&path).unwrap()) {
            let Some(other) = rank(&used) else { continue }; // a macro of ours
            let allowed = used == module || other < own || ALSO.contains(&(module.as_str(), used.as_str()));
            if !allowed {
                breaks.push(format!("{} (rank {own}) uses {used} (rank {other})", short(&path)));
            }
        }
    }
    assert!(breaks.is_empty(), "{}", breaks.join("\n"));
}

#[test]
fn only_web_knows_actix_and_it_holds_no_diesel() {
    let mut breaks = Vec::new();
    for path in files("src", &["rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let is_web = module_of(&path) == "web";
        if !is_web && code.contains("actix_web::") {
            breaks.push(format!("{} uses actix", short(&path)));
        }
        if is_web && (code.contains("use diesel") || code.contains("db::schema")) {
            breaks.push(format!("{} asks the database itself: move the query to its noun", short(&path)));
        }
    }
    assert!(breaks.is_empty(), "{}", breaks.join("\n"));
}

#[test]
fn mod_files_are_a_table_of_contents() {
    for path in files("src", &["rs"]) {
        if !path.ends_with("mod.rs") || path.ends_with("db/mod.rs") || path.ends_with("cli/mod.rs") {
            continue; // db and cli: see the decisions in src/README.md
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let plain = line.is_empty()
                || line.starts_with("//!")
                || line.starts_with("pub mod ")
                || line.starts_with("mod ")
                || line.starts_with("pub(crate) mod ");
            assert!(plain, "{}: {line}", short(&path));
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for path in files("src", &["rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        let generated = path.ends_with("db/schema.rs");
        assert!(generated || text.starts_with("//!"), "{} has no module doc", short(&path));
    }
    for folder in ["migrations"] {
        for path in files(folder, &["sql"]) {
            assert!(
                fs::read_to_string(&path).unwrap().starts_with("--"),
                "{}: the first line says why and whether it is safe under traffic",
                short(&path)
            );
        }
    }
}

/// Lines of a function at most; past 70 its middle wants a name (style), a hundred is where the test says so.
const FUNCTION_LINES_MAX: usize = 100;

#[test]
fn functions_are_one_thought() {
    let mut long = Vec::new();
    for path in files("src", &["rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        let mut start: Option<(usize, usize, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let is_head = [
                "fn ",
                "pub fn ",
                "async fn ",
                "pub async fn ",
                "pub(crate) fn ",
                "pub(super) fn ",
                "const fn ",
                "pub const fn ",
                "pub(super) async fn ",
                "pub(crate) async fn ",
            ]
            .iter()
            .any(|word| head.starts_with(word));
            if is_head && start.is_none() && !head.ends_with(';') {
                start = Some((number, indent, head.chars().take(60).collect()));
            }
            if let Some((from, depth, name)) = &start
                && (line == format!("{}}}", " ".repeat(*depth)) || (number == *from && head.ends_with('}')))
            {
                if number - from > FUNCTION_LINES_MAX {
                    long.push(format!("{}:{} {} lines: {name}", short(&path), from + 1, number - from));
                }
                start = None;
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn templates_escape_everything_and_write_no_style_or_script() {
    for path in files("templates", &["html"]) {
        let text = fs::read_to_string(&path).unwrap();
        let mail = path.components().any(|part| part.as_os_str() == "mail");
        for forbidden in ["|safe", "| safe", "escape none", "<style", "onclick=", "onload=", "javascript:"] {
            assert!(!text.contains(forbidden), "{}: {forbidden}", short(&path));
        }
        if !mail {
            assert!(!text.contains(" style=\""), "{}: the policy forbids inline styles", short(&path));
            let by_hand = [
                "href=\"/desk",
                "action=\"/desk",
                "href=\"/comments",
                "action=\"/comments",
                "href=\"/topics",
                "href=\"/authors",
            ];
            for address in by_hand {
                assert!(!text.contains(address), "{}: {address}: addresses come from urls.rs", short(&path));
            }
        }
    }
}

#[test]
fn style_sheets_are_layered_logical_and_without_force() {
    for path in files("static/css", &["css"]) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name != "print.css" {
            assert!(!text.contains("!important"), "{name} uses !important");
        }
        for physical in [
            "margin-left",
            "margin-right",
            "padding-left",
            "padding-right",
            "text-align: left",
            "text-align: right",
            "border-left",
            "border-right",
        ] {
            assert!(!text.contains(physical), "{name}: {physical}: use the logical property");
        }
        if name != "tokens.css" {
            for (number, line) in text.lines().enumerate() {
                let outside = ["url(http", "@import"].iter().any(|sign| line.contains(sign));
                assert!(!outside, "{name}:{}: nothing comes from elsewhere", number + 1);
            }
        }
    }
}

#[test]
fn crates_with_known_wounds_are_new_enough() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    for (name, least) in [("actix-http", [3, 12, 1]), ("ammonia", [4, 2, 3]), ("lettre", [0, 11, 23])] {
        let head = format!("name = \"{name}\"\nversion = \"");
        let version = lock.split(&head).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let parts: Vec<u32> = version.split(['.', '-', '+']).take(3).map(|part| part.parse().unwrap()).collect();
        assert!(parts.as_slice() >= least.as_slice(), "{name} {version} is older than {least:?}");
    }
}

#[test]
fn every_dependency_stands_beside_its_reason() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut said = false;
    let mut inside = false;
    let mut silent = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies]");
            said = false;
        } else if inside && line.starts_with('#') {
            said = true;
        } else if inside && line.is_empty() {
            said = false;
        } else if inside && line.contains('=') && !said && !line.contains('#') {
            silent.push(line.to_owned());
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn nothing_large_or_of_others_is_kept_here() {
    let kinds = ["woff2", "woff", "ttf", "otf", "png", "jpg", "gif", "webp", "avif", "wasm"];
    let found: Vec<String> = ["src", "static", "templates", "tests"]
        .iter()
        .flat_map(|folder| files(folder, &kinds))
        .map(|path| short(&path))
        .collect();
    assert!(found.is_empty(), "fonts, pictures and scripts of others come from the lock file at build time: {found:?}");
}
