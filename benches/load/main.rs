//! The load runner: starts the real binary on a temporary data folder filled with generated content, drives it
//! with wrk and prints a table, next to the ceilings of this machine taken in the same run. `benches/README.md`
//! says how to read it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::format_collect,
    clippy::match_same_arms,
    clippy::large_futures,
    clippy::zombie_processes,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::wrong_self_convention,
    reason = "a measurement that cannot go on ends"
)]
#![allow(clippy::cast_precision_loss, reason = "figures are printed with two digits")]
#![allow(missing_docs, reason = "a program, not a library")]

mod bare;
mod content;
mod drive;
mod processes;
mod table;

#[allow(dead_code, reason = "shared with the integration tests, which use the rest")]
#[path = "../../tests/it/support/browser.rs"]
mod browser;
#[allow(dead_code, reason = "shared with the integration tests, which use the rest")]
#[path = "../../tests/it/support/process.rs"]
mod process;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use browser::Browser;
use drive::{Load, Tools};
use process::Process;
use table::{Row, Table};
use tempfile::TempDir;

/// Connections of the load generator for pages, and of writers.
const READERS: usize = 32;
const WRITERS: usize = 16;
/// Different pages of the memory's measurement (performance P9).
const PAGES: i64 = 10_000;

/// What is measured with; everything can be set for a quick look.
struct Bench {
    binary: PathBuf,
    rounds: usize,
    seconds: u32,
    /// Where the first start listened: the address the site was set up with.
    listen: String,
    data: TempDir,
    tools: Tools,
    table: Table,
    /// Parts to run, by name; empty: all.
    parts: Vec<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, folder] = arguments.as_slice()
        && command == "bare"
    {
        return bare::serve(Path::new(folder)).unwrap();
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("The load runner measures a release build: cargo bench --bench load");
        return;
    }
    let number = |name: &str, usual| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual);
    let tools = match Tools::find() {
        Ok(tools) => tools,
        Err(sentence) => {
            eprintln!("{sentence}");
            std::process::exit(1);
        }
    };
    let bench = Bench {
        binary: std::env::var_os("STET_BENCH_BINARY")
            .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_stet")), PathBuf::from),
        rounds: number("STET_BENCH_ROUNDS", 3) as usize,
        seconds: number("STET_BENCH_SECONDS", 4),
        listen: "127.0.0.1:0".to_owned(),
        data: process::data_folder(),
        tools,
        table: Table::default(),
        parts: arguments.into_iter().filter(|argument| !argument.starts_with('-')).collect(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(bench.run());
}

impl Bench {
    async fn run(mut self) {
        println!(
            "{} rounds of {} s, medians; {READERS} connections for pages, {WRITERS} for posts; {} cores",
            self.rounds,
            self.seconds,
            std::thread::available_parallelism().unwrap()
        );
        let site = self.start(&[]);
        self.listen = site.address().to_string();
        println!("first start: address told after {:.2?}", site.started_in());
        let owner = content::claim(&site).await;
        let began = Instant::now();
        content::generate(&site).await;
        println!(
            "content made in {:.1?}: 200 articles, threads of 7, 1,000, 20,000 and 100,000 comments, 10,000 held",
            began.elapsed()
        );
        drop(owner);
        site.stop();

        if self.wants("memory") {
            self.from_memory().await;
        }
        if self.wants("drawn") {
            self.from_the_database().await;
        }
        if self.wants("posts") {
            self.posts().await;
        }
        if self.wants("queue") {
            self.queue().await;
        }
        if self.wants("pages") {
            self.many_pages().await;
        }
        if self.wants("sizes") {
            self.sizes().await;
        }
        self.table.print();
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    fn start(&self, settings: &[(&str, &str)]) -> Process {
        let fixed = [
            ("STET_LISTEN", self.listen.as_str()),
            // Each post comes from a network of its own, so that the throttle on comments does its work as usual.
            ("STET_TRUSTED_PROXIES", "127.0.0.1/32"),
            ("STET_REQUESTS_A_MINUTE", "0"),
        ];
        Process::start(&self.binary, self.data.path(), &[&fixed, settings].concat())
    }

    /// Articles, home and feed as most readers get them, beside the same bytes from a bare handler and nginx.
    async fn from_memory(&mut self) {
        let site = self.start(&[]);
        let idle = processes::memory(&site);
        println!("idle: {} of Stet, {} of its Postgres", table::megabytes(idle.0), table::megabytes(idle.1));
        for (what, path, words) in [
            ("article, 7 comments", "/seven", "Seven voices"),
            ("home", "/", "/seven"),
            ("feed", "/feed.xml", "<entry>"),
        ] {
            let answer = drive::fetch(&site, path, &[("accept-encoding", "gzip")]).await;
            answer.expect(200, "gzip", words);
            settle(&site, path).await;
            let folder = tempfile::tempdir().unwrap();
            let fresh =
                drive::fetch(&site, path, &[("accept-encoding", "gzip"), ("if-none-match", answer.header("etag"))])
                    .await;
            assert_eq!(fresh.status, 304, "{path}");
            bare::keep(folder.path(), &answer, &fresh);
            let ceiling = bare::Bare::start(folder.path());
            let nginx = drive::Nginx::start(&self.tools, &answer);
            let gzip = [("Accept-Encoding".to_owned(), "gzip".to_owned())];
            let known = [gzip.as_slice(), &[("If-None-Match".to_owned(), answer.header("etag").to_owned())]].concat();
            self.beside(
                &site,
                what,
                "from memory, gzip",
                path,
                &gzip,
                &ceiling,
                "/page",
                nginx.as_ref(),
                answer.body.len(),
            );
            if path == "/seven" {
                self.beside(&site, what, "304", path, &known, &ceiling, "/known", None, 0);
            }
        }
        let used = processes::memory(&site);
        println!("after these: {} of Stet", table::megabytes(used.0));
        site.stop();
    }

    #[allow(clippy::too_many_arguments, reason = "one row of the table and its two ceilings")]
    fn beside(
        &mut self,
        site: &Process,
        what: &str,
        how: &str,
        path: &str,
        headers: &[(String, String)],
        ceiling: &bare::Bare,
        bare_path: &str,
        nginx: Option<&drive::Nginx>,
        bytes: usize,
    ) {
        let ours = Load::get(format!("{}{path}", site.base()), READERS, headers);
        let bare = Load::get(format!("{}{bare_path}", ceiling.base()), READERS, headers);
        let static_file = nginx.map(|nginx| Load::get(nginx.address(), READERS, headers));
        let mut rows = [
            Row::new(what, how),
            Row::new(what, &format!("bare handler, {how}")),
            Row::new(what, &format!("nginx, {how}")),
        ];
        for round in 0..=self.rounds {
            let seconds = if round == 0 { 1 } else { self.seconds };
            let runs = [
                Some(processes::cost(site, || drive::wrk(&self.tools, &ours, seconds))),
                Some(processes::cost_of(&[ceiling.id()], || drive::wrk(&self.tools, &bare, seconds))),
                static_file
                    .as_ref()
                    .map(|load| processes::cost_of(&nginx.unwrap().ids(), || drive::wrk(&self.tools, load, seconds))),
            ];
            if round > 0 {
                rows.iter_mut().zip(runs).for_each(|(row, run)| row.runs.extend(run));
            }
        }
        let memory = processes::memory(site);
        let [mut row, bare, file] = rows.map(|row| Row { bytes: Some(bytes), ..row });
        row.memory = Some(memory);
        let (rate, ceiling, nginx) = (row.rate(), bare.rate(), file.rate());
        self.table.rows.extend([row, bare]);
        let gate = (what == "article, 7 comments").then_some(0.8);
        self.table.ratio(&format!("{what}, {how} : bare handler"), rate / ceiling, gate, Some(0.95));
        if !file.runs.is_empty() {
            self.table.rows.push(file);
            self.table.ratio(&format!("{what}, {how} : nginx"), rate / nginx, None, Some(0.95));
        }
    }

    /// Pages drawn for every request: the store is off.
    async fn from_the_database(&mut self) {
        let site = self.start(&[("STET_PAGE_STORE_BYTES", "0")]);
        let mut cpu = std::collections::HashMap::new();
        let mut worst = std::collections::HashMap::new();
        let mut rate = std::collections::HashMap::new();
        for (what, path, words) in [
            ("article, 7 comments", "/seven", "Seven voices"),
            ("article, 1,000 comments", "/thousand", "of 1,000"),
            ("article, 20,000 comments", "/twenty-thousand", "of 20,000"),
            ("article, 100,000 comments", "/hundred-thousand", "of 100,000"),
            ("home", "/", "/seven"),
            ("feed", "/feed.xml", "<entry>"),
        ] {
            for encoding in ["identity", "gzip"] {
                let answer = drive::fetch(&site, path, &[("accept-encoding", encoding)]).await;
                answer.expect(200, encoding, if words.starts_with("of ") { "comment-" } else { words });
                let load = Load::get(
                    format!("{}{path}", site.base()),
                    READERS,
                    &[("Accept-Encoding".to_owned(), encoding.to_owned())],
                );
                let row = self.alone(&site, Row::new(what, &format!("drawn, {encoding}")), &load, answer.body.len());
                if encoding == "identity" {
                    cpu.insert(what, row.cpu_ms());
                    worst.insert(what, row.p99_ms());
                    rate.insert(what, row.rate());
                }
                self.table.rows.push(row);
            }
        }
        let select = self.selects(&site);
        self.table.rows.push(select);
        let seven = cpu["article, 7 comments"];
        let thousand = cpu["article, 1,000 comments"];
        self.table.at_most("article with 7 comments, drawn: CPU ms", seven, None, Some(2.0));
        self.table.at_most("article with 1,000 comments, drawn: CPU ms", thousand, None, Some(4.0));
        self.table.ratio("article with 7 comments, drawn: a second", rate["article, 7 comments"], Some(1_000.0), None);
        for many in ["20,000", "100,000"] {
            let of_many = cpu[format!("article, {many} comments").as_str()];
            let what = format!("first page of {many} comments over 1,000: CPU");
            self.table.at_most(&what, of_many / thousand, Some(1.3), Some(1.3));
        }
        self.table.at_most(
            &format!("first page of 100,000 comments, {READERS} readers: p99 ms"),
            worst["article, 100,000 comments"],
            None,
            None,
        );
        // By itself, as the readers of a cold page are: with 32 at once the queue for the cores is what is measured.
        let path = format!("{}/hundred-thousand", site.base());
        let load = Load::get(path, 2, &[("Accept-Encoding".to_owned(), "identity".to_owned())]);
        let few = self.alone(&site, Row::new("article, 100,000 comments", "drawn, 2 readers"), &load, 0);
        self.table.at_most("first page of 100,000 comments, 2 readers: p99 ms", few.p99_ms(), Some(25.0), None);
        self.table.rows.push(few);
        site.stop();
    }

    fn alone(&self, site: &Process, mut row: Row, load: &Load, bytes: usize) -> Row {
        drive::wrk(&self.tools, load, 1);
        for _ in 0..self.rounds {
            row.runs.push(processes::cost(site, || drive::wrk(&self.tools, load, self.seconds)));
        }
        row.memory = Some(processes::memory(site));
        row.bytes = Some(bytes);
        row
    }

    /// One comment after another, each new, under every rule; beside one-row commits on the same cluster.
    async fn posts(&mut self) {
        for (what, moderation) in [("comment post, held", "newcomers"), ("comment post, at once public", "none")] {
            let site = self.start(&[("STET_MODERATION", moderation)]);
            content::check_post(&site).await;
            let mut row = Row::new(what, "form");
            let mut ceiling = Row::new("one-row commits", "pgbench insert");
            let database = drive::database(&site).await;
            let before = drive::count(&database).await;
            let mut posted = 0;
            for round in 0..=self.rounds {
                let seconds = if round == 0 { 1 } else { self.seconds };
                let load = Load::post(&site, &format!("{moderation}-{round}"), WRITERS);
                let run = processes::cost(&site, || drive::wrk(&self.tools, &load, seconds));
                posted += run.run.requests;
                let one_row =
                    processes::cost(&site, || drive::pgbench(&self.tools, &site, WRITERS, seconds, drive::INSERT));
                if round > 0 {
                    row.runs.push(run);
                    ceiling.runs.push(one_row);
                }
            }
            // Those under way when the time was over were written but not counted by the load generator.
            let written = u64::try_from(drive::count(&database).await - before).unwrap();
            let most = posted + (WRITERS * (self.rounds + 1)) as u64;
            assert!((posted..=most).contains(&written), "{posted} answers, but {written} comments are there");
            row.memory = Some(processes::memory(&site));
            let (rate, of, cpu) = (row.rate(), ceiling.rate(), row.cpu_ms());
            self.table.rows.extend([row, ceiling]);
            let is_gate = moderation == "newcomers";
            self.table.ratio(&format!("{what} : one-row commits"), rate / of, is_gate.then_some(0.08), Some(0.2));
            self.table.at_most(&format!("{what}: CPU ms"), cpu, is_gate.then_some(3.0), Some(1.2));
            site.stop();
        }
    }

    fn selects(&self, site: &Process) -> Row {
        let mut row = Row::new("article and 50 comments", "pgbench select");
        for _ in 0..self.rounds {
            row.runs.push(processes::cost(site, || {
                drive::pgbench(&self.tools, site, WRITERS, self.seconds, drive::SELECT)
            }));
        }
        row
    }

    /// The moderation queue as a signed-in person gets it.
    async fn queue(&mut self) {
        let site = self.start(&[]);
        let cookie = content::sign_in(&site).await;
        let path = "/desk/comments?queue=held";
        for encoding in ["identity", "gzip"] {
            let answer = drive::fetch(&site, path, &[("accept-encoding", encoding), ("cookie", &cookie)]).await;
            answer.expect(200, encoding, "1,000+");
            let headers = [("Accept-Encoding".to_owned(), encoding.to_owned()), ("Cookie".to_owned(), cookie.clone())];
            let load = Load::get(format!("{}{path}", site.base()), WRITERS, &headers);
            let row = self.alone(
                &site,
                Row::new("queue page, over 10,000 held", &format!("drawn, {encoding}")),
                &load,
                answer.body.len(),
            );
            if encoding == "identity" {
                self.table.at_most("queue page: CPU ms", row.cpu_ms(), None, Some(5.0));
            }
            self.table.rows.push(row);
        }
        site.stop();
    }

    /// Memory after ten thousand different pages were drawn and kept: the threads of the longest conversation.
    async fn many_pages(&mut self) {
        let site = self.start(&[]);
        let database = drive::database(&site).await;
        let roots = database
            .query(
                "select root_id from comments where parent_id is null and status = 'approved'
                    and article_id = (select id from articles where slug = 'hundred-thousand') order by id limit $1",
                &[&PAGES],
            )
            .await
            .unwrap();
        let client = reqwest::Client::new();
        for some in roots.chunks(16) {
            let pages = some.iter().map(|root| {
                let address = format!("{}/hundred-thousand/threads/{}", site.base(), root.get::<_, i64>(0));
                client.get(address).header("accept-encoding", "gzip").send()
            });
            for page in futures_util::future::join_all(pages).await {
                let page = page.unwrap();
                assert_eq!(page.status(), 200);
                page.bytes().await.unwrap();
            }
        }
        let (ours, _) = processes::memory(&site);
        self.table.at_most(
            &format!("after {} different pages: MB of Stet", roots.len()),
            ours as f64 / 1_000_000.0,
            Some(150.0),
            Some(150.0),
        );
        site.stop();
    }

    /// What is told once: how long a start takes, the bytes of a long article, the size of the program.
    async fn sizes(&mut self) {
        let mut starts: Vec<f64> = Vec::new();
        for _ in 0..self.rounds {
            let began = Instant::now();
            let site = self.start(&[]);
            drive::fetch(&site, "/seven", &[]).await.expect(200, "identity", "Seven voices");
            starts.push(began.elapsed().as_secs_f64());
            site.stop();
        }
        self.table.at_most(
            "start on a data folder that exists, to the first page: s",
            table::median(starts),
            None,
            Some(1.5),
        );
        let site = self.start(&[]);
        for encoding in ["gzip", "br"] {
            let long = drive::fetch(&site, "/long", &[("accept-encoding", encoding)]).await;
            long.expect(200, encoding, "comment-");
            self.table.at_most(
                &format!("6,000 words, 91 references, 40 comments, {encoding}: KB"),
                long.body.len() as f64 / 1_000.0,
                None,
                Some(70.0),
            );
        }
        site.stop();
        let size = std::fs::metadata(&self.binary).unwrap().len();
        self.table.at_most("the program: MB", size as f64 / 1_000_000.0, None, Some(40.0));
    }
}

/// Until the page comes from memory: the process has begun to listen for purges.
async fn settle(site: &Process, path: &str) {
    let browser = Browser::new(&site.base());
    let from_memory = async || {
        let text = browser.get("/metrics").await.text;
        let line =
            text.lines().find(|line| line.starts_with("stet_pages_from_memory_total ")).unwrap_or_default().to_owned();
        line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
    };
    for _ in 0..500 {
        let before = from_memory().await;
        browser.get(path).await;
        if from_memory().await > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} is not kept in memory");
}
