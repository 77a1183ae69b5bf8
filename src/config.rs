//! Settings of the process as given (flags, environment, `stet.toml`) → settings checked. All mistakes are
//! reported at once, each with the setting's name and what to do.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ipnet::IpNet;
use url::Url;

use crate::core::limits;
use crate::core::secret::Secret;
use crate::db::embedded::Environment;

/// One setting that can be given.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its key in `stet.toml`; its flag is the same with hyphens.
    pub key: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Whether its value is masked when printed.
    pub secret: bool,
    /// What it is for, its default and unit.
    pub about: &'static str,
}

const fn known(key: &'static str, env: &'static str, about: &'static str) -> Known {
    Known { key, env, secret: false, about }
}

const fn hidden(key: &'static str, env: &'static str, about: &'static str) -> Known {
    Known { key, env, secret: true, about }
}

/// Every setting, in the order of the README's table.
pub const KNOWN: &[Known] = &[
    known("listen", "STET_LISTEN", "address and port to listen on; 127.0.0.1:8080"),
    known("base_url", "STET_BASE_URL", "the site's address as readers type it; wins over the setup page's"),
    known(
        "data_dir",
        "STET_DATA_DIR",
        "folder of the private Postgres, media, mail files and the secret key; ./data, for root /var/lib/stet",
    ),
    hidden(
        "database_url",
        "DATABASE_URL",
        "a Postgres of your own (15 or newer); unset: a private one in the data folder",
    ),
    hidden(
        "database_owner_url",
        "STET_DATABASE_OWNER_URL",
        "the same database as the role that owns the tables: migrations run as it",
    ),
    hidden(
        "secret_key",
        "STET_SECRET_KEY",
        "32 bytes as base64 or hex; required with DATABASE_URL; unset: secret.key in the data folder",
    ),
    hidden(
        "smtp_url",
        "STET_SMTP_URL",
        "smtp://user:password@host:587?tls=required; unset: mail is written as .eml files under the data folder",
    ),
    known("mail_from", "STET_MAIL_FROM", "sender of mails, such as Harbour Health <hello@harbour.example>"),
    known(
        "trusted_proxies",
        "STET_TRUSTED_PROXIES",
        "networks whose X-Forwarded-For is believed, separated by commas; none",
    ),
    known("workers", "STET_WORKERS", "web worker threads; as many as cores"),
    known(
        "page_store_bytes",
        "STET_PAGE_STORE_BYTES",
        "memory for finished pages, bytes; 67108864; 0 switches the store off",
    ),
    known(
        "requests_a_minute",
        "STET_REQUESTS_A_MINUTE",
        "requests that reach the database, a minute and network; 1200; 0: no ceiling",
    ),
    known("comments_a_minute", "STET_COMMENTS_A_MINUTE", "comments a minute from one network; 10; test switch"),
    known(
        "moderation",
        "STET_MODERATION",
        "who waits: none, newcomers, everyone; overrides the desk's setting; test switch",
    ),
    known(
        "allow_unsafe_database",
        "STET_ALLOW_UNSAFE_DATABASE",
        "1: start although the database may lose what it acknowledged",
    ),
    known("pg_bin", "STET_PG_BIN", "folder of the Postgres programs for the private Postgres"),
    known("log", "STET_LOG", "what is logged, such as info or stet=debug; info, without the web server’s own start"),
    known("log_format", "STET_LOG_FORMAT", "text or json; text on a terminal, else json"),
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The file of settings.
    File(PathBuf),
    /// Stet's own.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Settings as given, not yet looked at.
#[derive(Debug, Default, Clone)]
pub struct Given(BTreeMap<&'static str, (String, Source)>, Environment);

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// How it was given: flag, variable or key.
    pub setting: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl Given {
    /// Collects flags, environment and file, in this order of precedence. An empty variable counts as unset.
    ///
    /// **Errors** an unreadable file or unknown key, as mistakes.
    pub fn collect(
        flags: &[(&'static str, String)],
        environment: impl Fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> Result<Self, Vec<Mistake>> {
        let machine = Environment {
            pg_bin: None,
            path: environment("PATH").unwrap_or_default().into(),
            runtime_dir: environment("XDG_RUNTIME_DIR").map(PathBuf::from),
            install_folders: Environment::usual_install_folders(),
        };
        let mut given = Self(BTreeMap::new(), machine);
        if let Some(path) = file {
            given.add_file(path)?;
        }
        for setting in KNOWN {
            if let Some(value) = environment(setting.env).filter(|value| !value.trim().is_empty()) {
                given.0.insert(setting.key, (value, Source::Environment));
            }
        }
        for (key, value) in flags {
            given.0.insert(key, (value.clone(), Source::Flag));
        }
        Ok(given)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), Vec<Mistake>> {
        let mistake = |problem: String| vec![Mistake { setting: path.display().to_string(), problem }];
        let text = std::fs::read_to_string(path)
            .map_err(|error| mistake(format!("cannot be read ({error}). Check the path and its permissions")))?;
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| mistake(format!("is not TOML: {}", error.message())))?;
        for (key, value) in table {
            let Some(setting) = KNOWN.iter().find(|setting| setting.key == key) else {
                return Err(mistake(format!("has an unknown key “{key}”. `stet check --print` lists the known ones")));
            };
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => {
                    if flag {
                        "1".into()
                    } else {
                        "0".into()
                    }
                }
                toml::Value::Array(list) => list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(","),
                toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
                    return Err(mistake(format!("“{key}” must be a text, a number or a list of texts")));
                }
            };
            self.0.insert(setting.key, (text, Source::File(path.to_owned())));
        }
        Ok(())
    }

    /// Each setting with its value (secrets masked) and where it came from, for `stet check --print`.
    #[must_use]
    pub fn print(&self) -> Vec<(&'static Known, String, Source)> {
        KNOWN
            .iter()
            .map(|setting| match self.0.get(setting.key) {
                None => (setting, "(not set)".to_owned(), Source::Default),
                Some((_, source)) if setting.secret => (setting, "(set, hidden)".to_owned(), source.clone()),
                Some((value, source)) => (setting, value.clone(), source.clone()),
            })
            .collect()
    }
}

/// Settings that can be used as they are.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The site's address, where the owner of the machine fixed it.
    pub base_url: Option<Url>,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Where the database is.
    pub database: Database,
    /// The key given; `None`: from the data folder.
    pub secret: Option<Secret>,
    /// Where mail goes; `None`: files.
    pub smtp_url: Option<Url>,
    /// Sender of mails.
    pub mail_from: Option<String>,
    /// Networks whose forwarding header is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Web worker threads.
    pub workers: usize,
    /// Memory for finished pages; 0: none are kept.
    pub page_store_bytes: u64,
    /// Ceiling of requests that reach the database, a minute and network; 0: none.
    pub requests_a_minute: u32,
    /// Comments a minute from one network.
    pub comments_a_minute: i64,
    /// Overrides the desk's setting of who waits.
    pub moderation: Option<crate::core::status::ModerationMode>,
    /// Start although the database is not durable.
    pub allow_unsafe_database: bool,
    /// What the machine offers the private Postgres: its programs and run folders.
    pub machine: Environment,
    /// What is logged.
    pub log: String,
    /// `text` or `json`; `None`: by terminal.
    pub log_format: Option<LogFormat>,
}

/// Where the database is.
#[derive(Clone)]
pub enum Database {
    /// A private Postgres in the data folder.
    Private,
    /// One of the owner's, as the application's role and as the role that migrates.
    At {
        /// `DATABASE_URL`.
        url: String,
        /// `STET_DATABASE_OWNER_URL`, else the same.
        owner_url: String,
    },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => "Private",
            Self::At { .. } => "At(postgres://…)",
        })
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Config {
    /// Checks everything given; either all of it can be used, or every mistake is named.
    pub fn check(given: &Given) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader { given, mistakes: Vec::new() };
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let default_data = if is_root() { "/var/lib/stet" } else { "./data" };
        let config = Self {
            listen: reader.parse("listen", "must be an address and a port, such as 127.0.0.1:8080", |text| text.parse().ok()).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            base_url: reader.parse("base_url", "must start with https:// or http:// and name a host, such as https://harbour.example", base_url),
            data_dir: reader.text("data_dir").unwrap_or_else(|| default_data.to_owned()).into(),
            database: reader.database(),
            secret: reader.parse("secret_key", "must be 32 bytes as base64 or hex, such as the output of `openssl rand -base64 32`", secret),
            smtp_url: reader.parse("smtp_url", "must be like smtp://user:password@host:587?tls=required, with tls one of required, opportunistic, none (none only to this machine), or smtps://…", smtp_url),
            mail_from: reader.parse("mail_from", "must be like Harbour Health <hello@harbour.example>", |text| text.parse::<lettre::message::Mailbox>().ok().map(|mailbox| mailbox.to_string())),
            trusted_proxies: reader.parse("trusted_proxies", "must be networks separated by commas, such as 127.0.0.1/32,10.0.0.0/8", networks).unwrap_or_default(),
            workers: reader.number("workers", 1, 256).and_then(|count| usize::try_from(count).ok()).unwrap_or(cores),
            page_store_bytes: reader.number("page_store_bytes", 0, 1 << 40).unwrap_or(limits::PAGE_STORE_BYTES),
            requests_a_minute: reader.number("requests_a_minute", 0, u64::from(u32::MAX)).and_then(|count| u32::try_from(count).ok()).unwrap_or(1_200),
            comments_a_minute: reader.number("comments_a_minute", 1, 1_000_000_000).map_or(limits::COMMENTS_A_MINUTE_PER_NETWORK, u64::cast_signed),
            moderation: reader.parse("moderation", "must be none, newcomers or everyone", |text| text.parse().ok()),
            allow_unsafe_database: reader.parse("allow_unsafe_database", "must be 1 or 0", flag).unwrap_or(false),
            machine: Environment { pg_bin: reader.text("pg_bin").map(PathBuf::from), ..given.1.clone() },
            log: reader.text("log").unwrap_or_else(|| "info,actix_server=warn".to_owned()),
            log_format: reader.parse("log_format", "must be text or json", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            }),
        };
        if matches!(config.database, Database::At { .. })
            && config.secret.is_none()
            && !reader
                .mistakes
                .iter()
                .any(|mistake| mistake.setting.contains("SECRET_KEY") || mistake.setting.contains("secret"))
        {
            reader.mistakes.push(Mistake {
                setting: "STET_SECRET_KEY".into(),
                problem: "is needed with DATABASE_URL, so that every process and every backup has the same key. Set it to the output of `openssl rand -base64 32` and keep it with your backups".into(),
            });
        }
        if reader.mistakes.is_empty() { Ok(config) } else { Err(reader.mistakes) }
    }
}

struct Reader<'a> {
    given: &'a Given,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> Option<String> {
        self.given.0.get(key).map(|(value, _)| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn parse<T>(&mut self, key: &'static str, rule: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(key)?;
        let value = parse(&text);
        if value.is_none() {
            self.mistakes.push(Mistake { setting: self.name(key), problem: rule.to_owned() });
        }
        value
    }

    fn number(&mut self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        self.parse(key, &format!("must be a whole number from {min} to {max}"), |text| {
            text.parse().ok().filter(|number| (min..=max).contains(number))
        })
    }

    fn name(&self, key: &'static str) -> String {
        let env = KNOWN.iter().find(|setting| setting.key == key).map_or(key, |setting| setting.env);
        match self.given.0.get(key).map(|(_, source)| source) {
            Some(Source::Flag) => format!("--{}", key.replace('_', "-")),
            Some(Source::File(path)) => format!("{key} in {}", path.display()),
            Some(Source::Environment | Source::Default) | None => env.to_owned(),
        }
    }

    fn database(&mut self) -> Database {
        let rule = "must be like postgres://user:password@host/database (a unix socket: postgres:///database?host=/run/postgresql)";
        let plain = |text: &str| text.parse::<tokio_postgres::Config>().ok().map(|_| text.to_owned());
        let url = self.parse("database_url", rule, plain);
        let owner_url = self.parse("database_owner_url", rule, plain);
        match url {
            None => Database::Private,
            Some(url) => Database::At { owner_url: owner_url.unwrap_or_else(|| url.clone()), url },
        }
    }
}

/// Reads a site address: http or https, a host, no query; the path is only a slash.
#[must_use]
pub fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.path() == "/";
    plain.then_some(url)
}

fn secret(text: &str) -> Option<Secret> {
    // 64 hex digits are base64 too, of another length: the length tells them apart.
    let decoded = [BASE64.decode(text.as_bytes()).ok(), HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()];
    decoded.into_iter().flatten().find_map(|bytes| bytes.try_into().ok()).map(Secret::new)
}

fn smtp_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let tls = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let fits = match (url.scheme(), tls.as_deref()) {
        ("smtps", None) | ("smtp", None | Some("required" | "opportunistic")) => true,
        ("smtp", Some("none")) => local,
        _ => false,
    };
    (fits && url.has_host() && url.query_pairs().all(|(key, _)| key == "tls")).then_some(url)
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<IpNet>().ok().or_else(|| part.parse::<std::net::IpAddr>().ok().map(IpNet::from)))
        .collect()
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "yes" => Some(true),
        "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

fn is_root() -> bool {
    // Reading the owner of our own process folder needs no system call of our own.
    std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)]) -> Result<Config, Vec<Mistake>> {
        let env = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::check(&Given::collect(&[], env, None)?)
    }

    #[test]
    fn nothing_given_is_a_whole_configuration() {
        let config = check(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(matches!(config.database, Database::Private));
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let mistakes = check(&[
            ("STET_LISTEN", "everywhere"),
            ("STET_BASE_URL", "harbour.example"),
            ("STET_SECRET_KEY", "short"),
            ("STET_SMTP_URL", "smtp://mail.example?tls=none"),
            ("STET_TRUSTED_PROXIES", "10.0.0.0/99"),
        ])
        .unwrap_err();
        let named: Vec<_> = mistakes.iter().map(|mistake| mistake.setting.as_str()).collect();
        assert_eq!(named, ["STET_LISTEN", "STET_BASE_URL", "STET_SECRET_KEY", "STET_SMTP_URL", "STET_TRUSTED_PROXIES"]);
    }

    #[test]
    fn a_database_of_ones_own_needs_a_key_that_is_kept() {
        let mistakes = check(&[("DATABASE_URL", "postgres://a@b/c")]).unwrap_err();
        assert_eq!(mistakes[0].setting, "STET_SECRET_KEY");
        assert!(check(&[("DATABASE_URL", "postgres://a@b/c"), ("STET_SECRET_KEY", &"ab".repeat(32))]).is_ok());
    }

    #[test]
    fn flags_win_over_the_environment_and_it_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stet.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:1\"\nworkers = 3\n").unwrap();
        let env = |name: &str| (name == "STET_LISTEN").then(|| "127.0.0.1:2".to_owned());
        let given = Given::collect(&[("listen", "127.0.0.1:3".into())], env, Some(&file)).unwrap();
        let config = Config::check(&given).unwrap();
        assert_eq!((config.listen.port(), config.workers), (3, 3));
        std::fs::write(&file, "lisen = 1").unwrap();
        assert!(Given::collect(&[], env, Some(&file)).unwrap_err()[0].problem.contains("lisen"));
    }

    #[test]
    fn secrets_are_not_printed() {
        let env = |name: &str| (name == "DATABASE_URL").then(|| "postgres://a:geheim@b/c".to_owned());
        let given = Given::collect(&[], env, None).unwrap();
        assert!(given.print().iter().all(|(_, value, _)| !value.contains("geheim")));
    }

    #[test]
    fn the_address_is_a_site_and_nothing_more() {
        assert_eq!(base_url("https://harbour.example/").unwrap().as_str(), "https://harbour.example/");
        for wrong in [
            "harbour.example",
            "ftp://a.example",
            "https://a.example/blog",
            "https://a.example/?x",
            "https://u@a.example",
        ] {
            assert!(base_url(wrong).is_none(), "{wrong}");
        }
    }
}
