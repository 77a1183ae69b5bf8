//! The load generators: wrk for pages and forms, pgbench for what the database could do at best.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio_postgres::{Client, NoTls};

use crate::process::Process;

/// One row as large as a comment, by itself in a transaction.
pub const INSERT: &str = "insert into bench_rows (article_id, name, email, body, html) values (7, 'Ines Prado', 'ines@mail.example', repeat('A comment of the usual length. ', 10), '<p>' || repeat('A comment of the usual length. ', 10) || '</p>');";
/// An article and 50 comments, as two plain statements.
pub const SELECT: &str = "select a.*, r.title, r.dek, r.takeaways, h.html, h.outline from articles a join revisions r on r.id = a.published_revision_id join revision_renderings h on h.revision_id = r.id where a.slug = 'thousand';
select id, root_id, parent_id, name, html, created_at from comments where article_id = (select id from articles where slug = 'thousand') order by id limit 50;";

/// The programs that are needed.
pub struct Tools {
    pgbench: PathBuf,
    nginx: Option<PathBuf>,
}

impl Tools {
    /// Looks for them; a missing one is one sentence.
    pub fn find() -> Result<Self, String> {
        let in_path = |name: &str| {
            std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .map(|folder| folder.join(name))
                .find(|file| file.is_file())
        };
        if in_path("wrk").is_none() {
            return Err("wrk is missing. Install it with: apt-get install wrk".to_owned());
        }
        let of_debian = || {
            let mut all: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
                .ok()?
                .filter_map(|entry| Some(entry.ok()?.path().join("bin/pgbench")))
                .filter(|file| file.is_file())
                .collect();
            all.sort();
            all.pop()
        };
        let own = std::env::var_os("STET_PG_BIN")
            .map(|folder| PathBuf::from(folder).join("pgbench"))
            .filter(|file| file.is_file());
        let pgbench = own
            .or_else(of_debian)
            .or_else(|| in_path("pgbench"))
            .ok_or("pgbench is missing. Install it with: apt-get install postgresql")?;
        let nginx = in_path("nginx").or_else(|| Some(PathBuf::from("/usr/sbin/nginx")).filter(|file| file.is_file()));
        if nginx.is_none() {
            println!("nginx is not installed: its rows are left out (apt-get install nginx)");
        }
        Ok(Self { pgbench, nginx })
    }
}

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub requests: u64,
    pub seconds: f64,
    pub errors: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// One kind of request again and again.
pub struct Load {
    url: String,
    connections: usize,
    headers: Vec<(String, String)>,
    script: NamedTempFile,
}

/// Lua: one line with what is wanted. Times are in microseconds.
const REPORT: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"#;

impl Load {
    /// The same page.
    pub fn get(url: String, connections: usize, headers: &[(String, String)]) -> Self {
        Self { url, connections, headers: headers.to_vec(), script: script(REPORT) }
    }

    /// A comment each time, with words and an address of its own.
    pub fn post(site: &Process, run: &str, connections: usize) -> Self {
        let address = site.base();
        let lua = format!(
            r#"
local number = 0
local headers = {{ ["Content-Type"] = "application/x-www-form-urlencoded", ["Origin"] = "{address}" }}
function request()
  number = number + 1
  headers["X-Forwarded-For"] = "10." .. math.floor(number / 65536) % 256 .. "." .. math.floor(number / 256) % 256 .. "." .. number % 256
  local body = "parent=&submission_key=&stamp=&dwell_ms=&homepage=&act=post&name=Ines+Prado&email=bench-{run}-" .. number .. "%40mail.example&body=Comment+{run}-" .. number .. "%3A+" .. string.rep("what+helped+most+was+light+early+on.+", 8)
  return wrk.format("POST", "/article-10/comments", headers, body)
end
{REPORT}"#
        );
        Self { url: address, connections, headers: Vec::new(), script: script(&lua) }
    }
}

fn script(lua: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".lua").tempfile().unwrap();
    file.write_all(lua.as_bytes()).unwrap();
    file
}

/// Runs wrk with one thread: the server has the other core.
pub fn wrk(_: &Tools, load: &Load, seconds: u32) -> Run {
    let mut command = Command::new("wrk");
    command
        .args(["-t1", &format!("-c{}", load.connections), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
        .arg(load.script.path());
    for (name, value) in &load.headers {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    let output = command.arg(&load.url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .unwrap_or_else(|| panic!("wrk says: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let numbers: Vec<f64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    Run {
        requests: whole(numbers[0]),
        seconds: numbers[1] / 1e6,
        errors: whole(numbers[2]),
        p50_ms: numbers[3] / 1e3,
        p99_ms: numbers[4] / 1e3,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts that were printed as whole numbers")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// Runs one script of statements over and over, each a transaction of its own, on the site's own cluster.
pub fn pgbench(tools: &Tools, site: &Process, clients: usize, seconds: u32, sql: &str) -> Run {
    let config: tokio_postgres::Config = site.owner_url().parse().unwrap();
    let tokio_postgres::config::Host::Unix(folder) = &config.get_hosts()[0] else {
        panic!("the private Postgres is at a socket")
    };
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(sql.as_bytes()).unwrap();
    let output = Command::new(&tools.pgbench)
        .args(["-n", "-M", "prepared", "-j", "1", "-c", &clients.to_string(), "-T", &seconds.to_string(), "-p", "5432"])
        .arg("-h")
        .arg(folder)
        .args(["-U", config.get_user().unwrap(), "-f"])
        .arg(file.path())
        .arg(config.get_dbname().unwrap())
        .env("PGPASSWORD", std::str::from_utf8(config.get_password().unwrap()).unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = |sign: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(sign))
            .and_then(|rest| rest.split([' ', '/']).find_map(|word| word.parse::<f64>().ok()))
    };
    let told = || panic!("pgbench says: {text}{}", String::from_utf8_lossy(&output.stderr));
    let transactions = after("number of transactions actually processed: ").unwrap_or_else(told);
    let rate = after("tps = ").unwrap_or_else(told);
    let average_ms = after("latency average = ").unwrap_or_else(told);
    let failed = after("number of failed transactions: ").unwrap_or(0.0);
    Run {
        requests: whole(transactions),
        seconds: transactions / rate,
        errors: whole(failed),
        p50_ms: average_ms,
        p99_ms: f64::NAN,
    }
}

/// The site's database as the owner of its tables.
pub async fn database(site: &Process) -> Client {
    let (client, connection) = tokio_postgres::connect(&site.owner_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Comments that are there.
pub async fn count(database: &Client) -> i64 {
    database.query_one("select count(*) from comments", &[]).await.unwrap().get(0)
}

/// An answer as it came over the wire.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Asks once.
pub async fn fetch(site: &Process, path: &str, headers: &[(&str, &str)]) -> Answer {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut request = client.get(format!("{}{path}", site.base()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let headers =
        answer.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    Answer { status: answer.status().as_u16(), headers, body: answer.bytes().await.unwrap().to_vec() }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The right page, in the encoding that was asked for.
    #[track_caller]
    pub fn expect(&self, status: u16, encoding: &str, words: &str) {
        let mut text = Vec::new();
        match self.header("content-encoding") {
            "gzip" => flate2::read::GzDecoder::new(self.body.as_slice()).read_to_end(&mut text).unwrap(),
            "br" => brotli::Decompressor::new(self.body.as_slice(), 4_096).read_to_end(&mut text).unwrap(),
            _ => text.write(&self.body).unwrap(),
        };
        let text = String::from_utf8_lossy(&text);
        assert!(self.status == status && text.contains(words), "{} without “{words}”: {text}", self.status);
        let used = Some(self.header("content-encoding")).filter(|used| !used.is_empty()).unwrap_or("identity");
        assert_eq!(used, encoding);
    }
}

/// nginx with the same bytes as a ready-compressed file.
pub struct Nginx {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Nginx {
    pub fn start(tools: &Tools, page: &Answer) -> Option<Self> {
        let program = tools.nginx.as_ref()?;
        let folder = crate::process::data_folder();
        let at = folder.path();
        fs::create_dir(at.join("files")).unwrap();
        fs::write(at.join("files/page"), b"").unwrap();
        fs::write(at.join("files/page.gz"), &page.body).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let fixed =
            ["content-length", "date", "connection", "content-encoding", "content-type", "etag", "transfer-encoding"];
        let headers: String = page
            .headers
            .iter()
            .filter(|(name, _)| !fixed.contains(&name.as_str()))
            .map(|(name, value)| format!("add_header {name} \"{value}\";\n"))
            .collect();
        let config = format!(
            "daemon off; worker_processes 2; pid {0}/pid; error_log {0}/error.log;
            events {{ worker_connections 1024; }}
            http {{ access_log off; sendfile on; tcp_nopush on; gzip_static on; default_type text/html; keepalive_requests 100000000;
                server {{ listen 127.0.0.1:{port} backlog=2048; root {0}/files; {headers} }} }}",
            at.display()
        );
        let file = at.join("nginx.conf");
        fs::write(&file, config).unwrap();
        open_to_workers(at);
        let child = Command::new(program).arg("-p").arg(at).arg("-c").arg(&file).stderr(Stdio::null()).spawn().unwrap();
        let nginx = Self { child, address: format!("http://127.0.0.1:{port}/page"), _folder: folder };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(nginx);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nginx does not start");
    }

    pub fn address(&self) -> String {
        self.address.clone()
    }

    pub fn ids(&self) -> Vec<u32> {
        let mut ids = crate::processes::children(self.child.id());
        ids.push(self.child.id());
        ids
    }
}

// As root nginx drops its workers to another user, who must reach the file.
fn open_to_workers(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for place in [folder.to_owned(), folder.join("files")] {
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        crate::process::signal("-QUIT", self.child.id());
        drop(self.child.wait());
    }
}
