//! What must survive: kills, stops, slow clients and a database that is away (requirements R2, R3, R5, S19).
//!
//! Run with the rest, this is a sample of each. `STET_SOAK=1` (`tests/soak`) takes the full figures, and
//! `STET_SOAK_KILLS` and `STET_SOAK_SLOW` any others.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use stet::db::embedded::{Options, PrivatePostgres, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::browser::Browser;
use crate::support::cluster;
use crate::support::long_run::{PATIENCE, amount, binary, publish_article, until_ready};
use crate::support::process::{Process, data_folder, signal};

/// Threads that post at once (requirements R2).
const WRITERS: usize = 8;
/// Stet is ready again within this after a kill -9 of its own, and of Postgres (requirements R2).
const READY_AGAIN: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(30));
/// A stop takes no longer (requirements R3).
const STOPPED: Duration = Duration::from_secs(30);
/// A slow connection lives no longer (requirements S19).
const CUT: Duration = Duration::from_secs(20);
/// Measuring a cut from outside is late by a look.
const LOOK: Duration = Duration::from_millis(1_500);

/// Limits on one network's comments and requests are not what is tried here; nor is screening.
const OPEN: &[(&str, &str)] =
    &[("STET_COMMENTS_A_MINUTE", "1000000"), ("STET_REQUESTS_A_MINUTE", "0"), ("STET_MODERATION", "none")];

fn start(data: &Path) -> Process {
    Process::start(binary(), data, OPEN)
}

// ---- writers -----------------------------------------------------------------------------------------------------

/// A comment that was answered 303.
#[derive(Debug)]
struct Told {
    id: i64,
    body: String,
}

/// Threads that post one comment after another. One that is not answered 303 is sent again, as people do.
struct Writers {
    base: watch::Sender<String>,
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<Told>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    fn begin(base: String) -> Self {
        let (base, at) = watch::channel(base);
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let tasks = (0..WRITERS)
            .map(|number| tokio::spawn(write(number, at.clone(), Arc::clone(&stop), Arc::clone(&told))))
            .collect();
        Self { base, stop, told, tasks }
    }

    fn moved(&self, base: String) {
        self.base.send_replace(base);
    }

    fn count(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    /// Waits until so many more were answered 303.
    async fn write(&self, more: usize) {
        let (goal, began) = (self.count() + more, Instant::now());
        while self.count() < goal {
            assert!(began.elapsed() < PATIENCE, "no comment goes in: {} of {goal}", self.count());
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a writer was refused");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) -> Vec<Told> {
        self.stop.store(true, Ordering::Release);
        for task in self.tasks {
            task.await.unwrap();
        }
        Arc::into_inner(self.told).unwrap().into_inner().unwrap()
    }
}

async fn write(number: usize, at: watch::Receiver<String>, stop: Arc<AtomicBool>, told: Arc<Mutex<Vec<Told>>>) {
    let client =
        Client::builder().timeout(Duration::from_secs(20)).redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for turn in 0.. {
        let words = format!("word{number} and more words of turn {turn}, ").repeat(8);
        let body = format!("Writer {number}, turn {turn}: {}", words.trim_end_matches(", "));
        let email = format!("writer-{number}-{turn}@mail.example");
        loop {
            if stop.load(Ordering::Acquire) {
                return;
            }
            let base = at.borrow().clone();
            let form =
                [("body", body.as_str()), ("name", "Ines P."), ("email", &email), ("parent", ""), ("act", "post")];
            let answer = client.post(format!("{base}/tides/comments")).header("origin", &base).form(&form).send().await;
            match answer {
                Ok(answer) if answer.status() == StatusCode::SEE_OTHER => {
                    let location = answer.headers()["location"].to_str().unwrap();
                    let id = location.rsplit_once("#comment-").unwrap().1.parse().unwrap();
                    told.lock().unwrap().push(Told { id, body: body.clone() });
                    break;
                }
                Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => {
                    panic!("a comment was answered {}: {}", answer.status(), answer.text().await.unwrap_or_default());
                }
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Every comment that was answered 303 is there, once and whole, under the id it was told.
async fn check_kept(url: &str, told: &[Told]) {
    let rows = cluster::connect(url).await.query("select id, body from comments", &[]).await.unwrap();
    let mut kept: HashMap<String, Vec<i64>> = HashMap::new();
    for row in rows {
        kept.entry(row.get(1)).or_default().push(row.get(0));
    }
    let lost: Vec<&Told> = told.iter().filter(|told| kept.get(&told.body) != Some(&vec![told.id])).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged comments are not there once and whole: {lost:?}",
        lost.len(),
        told.len()
    );
    let twice: Vec<_> = kept.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "there twice: {twice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_keeps_every_acknowledged_comment() {
    let kills = amount("STET_SOAK_KILLS", 4, 75);
    let place = data_folder();
    let mut site = start(place.path());
    publish_article(&site.owner_url()).await;
    let writers = Writers::begin(site.base());
    let (mut after_stet, mut after_postgres) = (Vec::new(), Vec::new());
    for kill in 0..kills {
        writers.write(2 * WRITERS).await;
        let began = Instant::now();
        if kill % 2 == 0 {
            site.kill();
            site = start(place.path());
            writers.moved(site.base());
            until_ready(&site.base()).await;
            after_stet.push(began.elapsed());
        } else {
            let killed = site.postgres().unwrap();
            signal("-KILL", killed);
            while site.postgres().is_none_or(|now| now == killed) {
                assert!(began.elapsed() < PATIENCE, "no new Postgres:\n{}", site.log());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            until_ready(&site.base()).await;
            after_postgres.push(began.elapsed());
        }
    }
    writers.write(WRITERS).await;
    let told = writers.end().await;
    check_kept(&site.owner_url(), &told).await;
    let (stet, postgres) = (after_stet.iter().max().unwrap(), after_postgres.iter().max().unwrap());
    println!(
        "{kills} kills, {} comments acknowledged and kept; ready again after at most {stet:.1?} (Stet killed), {postgres:.1?} (Postgres killed)",
        told.len()
    );
    assert!(*stet <= READY_AGAIN.0 && *postgres <= READY_AGAIN.1, "{stet:?} {postgres:?}");
    let (status, _) = site.stop();
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_loses_nothing_acknowledged_and_releases_the_jobs() {
    let place = data_folder();
    let site = start(place.path());
    publish_article(&site.owner_url()).await;
    let writers = Writers::begin(site.base());
    writers.write(3 * WRITERS).await;
    let (status, took) = site.stop();
    let told = writers.end().await;
    assert!(status.success(), "{status}");
    assert!(took <= STOPPED, "the stop took {took:?}");
    println!("stopped in {took:.1?}, {} comments acknowledged", told.len());

    let options = Options {
        data_dir: place.path().to_owned(),
        durable: true,
        max_connections: 20,
        environment: cluster::environment(),
    };
    let postgres = PrivatePostgres::start(options, |_| {}).await.unwrap();
    check_kept(&postgres.url(Role::Owner, "stet"), &told).await;
    let database = cluster::connect(&postgres.url(Role::Owner, "stet")).await;
    let running: i64 =
        database.query_one("select count(*) from jobs where state = 'running'", &[]).await.unwrap().get(0);
    assert_eq!(running, 0, "jobs that nobody runs");
    drop(database);
    postgres.stop().await.unwrap();
}

// ---- slow clients ------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slow {
    /// Says nothing at all.
    Silent,
    /// Headers, a byte a second.
    Headers,
    /// A comment, a byte a second.
    Body,
    /// One request, then nothing.
    Idle,
    /// Asks for much and does not read.
    Deaf,
}

impl Slow {
    const ALL: [Self; 5] = [Self::Silent, Self::Headers, Self::Body, Self::Idle, Self::Deaf];

    /// Behaves so until it is cut; how long that took.
    async fn last(self, address: SocketAddr) -> Duration {
        let socket = TcpSocket::new_v4().unwrap();
        if self == Self::Deaf {
            socket.set_recv_buffer_size(4_096).unwrap();
        }
        let mut stream = socket.connect(address).await.unwrap();
        let began = Instant::now();
        if self == Self::Deaf {
            return deaf(stream, began).await;
        }
        let opening = match self {
            Self::Silent | Self::Deaf => String::new(),
            Self::Headers => "GET /tides HTTP/1.1\r\nHost: stet.example\r\nX-Slow: ".to_owned(),
            Self::Body => "POST /tides/comments HTTP/1.1\r\nHost: stet.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\nbody=".to_owned(),
            Self::Idle => "GET /healthz HTTP/1.1\r\nHost: stet.example\r\n\r\n".to_owned(),
        };
        stream.write_all(opening.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let dribbles = matches!(self, Self::Headers | Self::Body);
        let mut answer = [0; 4_096];
        loop {
            match tokio::time::timeout(Duration::from_secs(1), reading.read(&mut answer)).await {
                Ok(Ok(0) | Err(_)) => return began.elapsed(),
                Ok(Ok(_)) => {}
                Err(_) if dribbles && writing.write_all(b"x").await.is_err() => return began.elapsed(),
                Err(_) => assert!(began.elapsed() < PATIENCE, "{self:?} is never cut"),
            }
        }
    }
}

// The server's kernel gives up without a word; whoever writes then is told.
async fn deaf(mut stream: TcpStream, began: Instant) -> Duration {
    let request = "GET /tides HTTP/1.1\r\nHost: stet.example\r\n\r\n".repeat(150);
    if tokio::time::timeout(Duration::from_secs(2), stream.write_all(request.as_bytes()))
        .await
        .is_ok_and(|written| written.is_err())
    {
        return began.elapsed();
    }
    loop {
        let told = tokio::time::timeout(Duration::from_secs(1), stream.write_all(b"\r")).await;
        if told.is_ok_and(|written| written.is_err()) {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "a client that does not read is never cut");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Reads a page again and again, each time on a connection of its own; how long each took, `None` where it failed.
async fn read_on(base: String, stop: watch::Receiver<bool>) -> Vec<Option<Duration>> {
    let client = Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(10)).build().unwrap();
    let mut reads = Vec::new();
    while !*stop.borrow() {
        let began = Instant::now();
        let text = async { client.get(format!("{base}/tides")).send().await?.error_for_status()?.text().await }.await;
        reads.push(text.is_ok_and(|text| text.contains("How tides are told")).then(|| began.elapsed()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    reads
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_are_cut_and_leave_room_for_readers() {
    let count = amount("STET_SOAK_SLOW", 100, 1_000);
    let place = data_folder();
    let site = start(place.path());
    publish_article(&site.owner_url()).await;
    until_ready(&site.base()).await;
    let (stop, stopped) = watch::channel(false);
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(read_on(site.base(), stopped.clone()))).collect();
    let address = site.address();
    let slow: Vec<_> = (0..count)
        .map(|number| Slow::ALL[number % Slow::ALL.len()])
        .map(|kind| (kind, tokio::spawn(kind.last(address))))
        .collect();
    let mut longest: HashMap<Slow, Duration> = HashMap::new();
    for (kind, task) in slow {
        let lasted = task.await.unwrap();
        let known = longest.entry(kind).or_default();
        *known = lasted.max(*known);
    }
    stop.send_replace(true);
    let mut reads = Vec::new();
    for reader in readers {
        reads.extend(reader.await.unwrap());
    }
    let all = reads.len();
    let mut good: Vec<Duration> = reads.into_iter().flatten().collect();
    good.sort();
    let p95 = good[good.len() * 95 / 100];
    println!(
        "{count} slow connections: {} of {all} reads succeeded, p95 {p95:.1?}; cut at the latest: {longest:.1?}",
        good.len()
    );
    assert!(good.len() * 100 >= all * 99, "{} of {all} reads succeeded", good.len());
    assert!(p95 <= Duration::from_millis(500), "{p95:?}");
    assert!(longest.values().all(|lasted| *lasted <= CUT + LOOK), "{longest:?}");
}

// ---- the database away -------------------------------------------------------------------------------------------

/// Stands between Stet and its database, and can take it away.
struct Between {
    url: String,
    open: watch::Sender<bool>,
}

impl Between {
    /// In front of the database at `url`, which is at a unix socket.
    async fn start(url: &str) -> Self {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let tokio_postgres::config::Host::Unix(folder) = &config.get_hosts()[0] else {
            panic!("not at a unix socket: {:?}", config.get_hosts())
        };
        let socket = folder.join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let password = std::str::from_utf8(config.get_password().unwrap()).unwrap();
        let url =
            format!("postgres://{}:{password}@{address}/{}", config.get_user().unwrap(), config.get_dbname().unwrap());
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            let (mut listener, mut is_open) = (Some(listener), is_open);
            loop {
                if !*is_open.borrow_and_update() {
                    drop(listener.take()); // whoever connects now is refused
                    is_open.wait_for(|open| *open).await.unwrap();
                    listener = Some(TcpListener::bind(address).await.unwrap());
                }
                tokio::select! {
                    accepted = listener.as_ref().unwrap().accept() => drop(tokio::spawn(pass_on(accepted.unwrap().0, socket.clone(), is_open.clone()))),
                    changed = is_open.changed() => changed.unwrap(),
                }
            }
        });
        Self { url, open }
    }

    fn take_away(&self) {
        self.open.send_replace(false);
    }

    fn bring_back(&self) {
        self.open.send_replace(true);
    }
}

async fn pass_on(mut from: TcpStream, socket: std::path::PathBuf, mut is_open: watch::Receiver<bool>) {
    let mut to = UnixStream::connect(socket).await.unwrap();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
        _ = is_open.wait_for(|open| !*open) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_pages_are_read_and_nothing_typed_is_lost() {
    let database = cluster::database().await;
    publish_article(&database.owner_url).await;
    let (app, owner) = (Between::start(&database.url).await, database.owner_url.as_str());
    let place = data_folder();
    let fixed = [
        ("DATABASE_URL", app.url.as_str()),
        ("STET_DATABASE_OWNER_URL", owner),
        ("STET_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("STET_ALLOW_UNSAFE_DATABASE", "1"),
    ];
    let site = Process::start(binary(), place.path(), &[OPEN, &fixed].concat());
    let browser = Browser::new(&site.base());
    until_kept(&browser).await;
    let comment = |page: &crate::support::browser::Page, words: &str| {
        page.form("#reply form")
            .fill("body", words)
            .fill("name", "Ines P.")
            .fill("email", "ines@mail.example")
            .choose("act", "post")
    };
    let page = browser.get("/tides").await;
    let form = comment(&page, "Kept while nothing could be kept.");

    app.take_away();
    let (stop, stopped) = watch::channel(false);
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(read_on(site.base(), stopped.clone()))).collect();
    let refused = browser.submit(&form).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.header("retry-after").is_some());
    let again = refused.form("form[action*='/tides/comments']");
    assert_eq!(
        (again.value("body"), again.value("name"), again.value("email")),
        (Some("Kept while nothing could be kept."), Some("Ines P."), Some("ines@mail.example"))
    );
    let cold = browser.get("/a-page-nobody-read-before").await;
    assert_eq!(cold.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::sleep(Duration::from_secs(3)).await; // of outage: enough reads to tell one in a hundred
    stop.send_replace(true);
    let mut reads = Vec::new();
    for reader in readers {
        reads.extend(reader.await.unwrap());
    }
    let good: Vec<Duration> = reads.iter().flatten().copied().collect();
    let slowest = good.iter().max().unwrap();
    println!(
        "database away: {} of {} reads of a warm page succeeded, the slowest in {slowest:.1?}",
        good.len(),
        reads.len()
    );
    assert!(good.len() * 100 >= reads.len() * 99, "{} of {} reads of a warm page succeeded", good.len(), reads.len());
    assert!(*slowest <= Duration::from_secs(3), "{slowest:?}");

    app.bring_back();
    let began = Instant::now();
    let again = again.choose("act", "post");
    loop {
        let answer = browser.submit(&again).await;
        if answer.status == StatusCode::SEE_OTHER {
            break;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text);
        assert!(began.elapsed() <= Duration::from_secs(10), "posting does not work again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("posting works {:.1?} after the database is back", began.elapsed());
    let kept: i64 = cluster::connect(owner)
        .await
        .query_one("select count(*) from comments where body = 'Kept while nothing could be kept.'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(kept, 1);
}

/// Until the article's page comes from memory: the process listens for purges.
async fn until_kept(browser: &Browser) {
    let began = Instant::now();
    loop {
        browser.get("/tides").await;
        if browser
            .get("/metrics")
            .await
            .text
            .lines()
            .any(|line| line.starts_with("stet_pages_from_memory_total ") && !line.ends_with(" 0"))
        {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "the page is not kept in memory");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
