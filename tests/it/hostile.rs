//! Requests and texts made to hurt, sent to the program as a process of its own (requirements S5, S6, S18): every
//! answer is a clean refusal or a page, none is a 5xx, and memory stays flat.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Client, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::cluster;
use crate::support::long_run::{amount, binary, publish_article, until_ready};
use crate::support::process::{Process, data_folder};

const OPEN: &[(&str, &str)] =
    &[("STET_COMMENTS_A_MINUTE", "1000000"), ("STET_REQUESTS_A_MINUTE", "0"), ("STET_MODERATION", "none")];

async fn site() -> (tempfile::TempDir, Process) {
    let place = data_folder();
    let site = Process::start(binary(), place.path(), OPEN);
    publish_article(&site.owner_url()).await;
    until_ready(&site.base()).await;
    (place, site)
}

/// Bytes in memory now, and at the most so far.
fn memory(site: &Process) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", site.id())).unwrap();
    let of = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Sends bytes as they are; what came back until the server closed or was silent for a while.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before it has read everything.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let mut part = [0; 16 * 1024];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_secs(3), stream.read(&mut part)).await {
        answer.extend_from_slice(&part[..count]);
        if is_whole(&answer) {
            // Whoever asked one thing gets one answer.
            let more = tokio::time::timeout(Duration::from_millis(150), stream.read(&mut part)).await;
            if let Ok(Ok(count @ 1..)) = more {
                answer.extend_from_slice(&part[..count]);
            }
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_one_clean_refusal() {
    let (_place, site) = site().await;
    let post = |headers: &str, body: &str| {
        format!("POST /tides/comments HTTP/1.1\r\nHost: stet.example\r\nOrigin: {}\r\n{headers}\r\n{body}", site.base())
            .into_bytes()
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let get =
        |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: stet.example\r\n{headers}\r\n").into_bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a chunk of no length", post(&format!("{form}Transfer-Encoding: chunked\r\n"), "zz\r\nbody=x\r\n0\r\n\r\n")),
        (
            "a chunk larger than numbers",
            post(&format!("{form}Transfer-Encoding: chunked\r\n"), "fffffffffffffffffff\r\nx"),
        ),
        (
            "both lengths",
            post(
                &format!("{form}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
                "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            ),
        ),
        ("two lengths", post(&format!("{form}Content-Length: 6\r\nContent-Length: 7\r\n"), "body=xx")),
        ("a negative length", post(&format!("{form}Content-Length: -1\r\n"), "")),
        ("a length of words", post(&format!("{form}Content-Length: many\r\n"), "")),
        ("no length at all", post(form, "")),
        ("a header of 200 KB", get("/tides", &format!("X-Long: {}\r\n", "a".repeat(200 * 1024)))),
        ("5,000 headers", get("/tides", &"X-Many: 1\r\n".repeat(5_000))),
        ("NUL in a header", get("/tides", "X-Nul: a\0b\r\n")),
        ("NUL in the path", get("/ti\0des", "")),
        ("an encoded NUL in the path", get("/ti%00des", "")),
        ("bad UTF-8 in the path", get("/%ff%fe", "")),
        ("bad UTF-8 in the query", get("/tides?sort=%ff", "")),
        ("bad UTF-8 in a form", post(&format!("{form}Content-Length: 8\r\n"), "body=%ff")),
        (
            "raw bad UTF-8 in a cookie",
            [b"GET /tides HTTP/1.1\r\nHost: a\r\nCookie: stet_reader=\xff\xfe\r\n\r\n".as_slice()].concat(),
        ),
        ("a path of 70 KB", get(&format!("/{}", "a".repeat(70 * 1024)), "")),
        ("no path", b"GET HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("another protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("HTTP/9", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n".to_vec()),
        ("a method of our own", b"BREW /tides HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("a field twice", post(&format!("{form}Content-Length: 13\r\n"), "body=a&body=b")),
        ("a field nobody asked for", post(&format!("{form}Content-Length: 15\r\n"), "status=approved")),
        (
            "a part without end",
            post(
                "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 40\r\n",
                "--x\r\nContent-Disposition: form-data; na",
            ),
        ),
        ("climbing out", get("/static/../../etc/passwd", "")),
        ("climbing out, encoded", get("/media/%2e%2e%2f%2e%2e%2fetc/passwd", "")),
    ];
    for (what, bytes) in cases {
        let began = Instant::now();
        let answer = raw(site.address(), &bytes).await;
        assert!(began.elapsed() < Duration::from_secs(25), "{what}: hangs");
        assert_eq!(answer.matches("HTTP/1.1 ").count().max(1), 1, "{what}: more than one answer:\n{answer}");
        let status: u16 = answer.split_whitespace().nth(1).map_or(400, |code| code.parse().unwrap());
        let is_fine = (200..500).contains(&status);
        assert!(is_fine, "{what}: {status}\n{answer}");
        for inside in ["panicked", "src/", ".rs:", "actix", "diesel", "ParseError", "root:"] {
            assert!(!answer.contains(inside), "{what}: tells of its insides ({inside}):\n{answer}");
        }
    }
    until_ready(&site.base()).await;
    assert!(!site.log().contains("panicked"), "{}", site.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_not_unpacked() {
    let (_place, site) = site().await;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(b"body=").unwrap();
    let spaces = vec![b'a'; 1 << 20];
    (0..100).for_each(|_| packed.write_all(&spaces).unwrap());
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 256 * 1024, "as posted it is within the limits: {}", packed.len());
    let before = memory(&site).1;
    let client = Client::new();
    for _ in 0..5 {
        let answer = client
            .post(format!("{}/tides/comments", site.base()))
            .header("origin", site.base())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-encoding", "gzip")
            .body(packed.clone())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_client_error(), "{}", answer.status());
    }
    let cost = memory(&site).1.saturating_sub(before);
    println!("100 MB as gzip, five times: {} KB of memory", cost / 1024);
    assert!(cost <= 80 << 20, "{cost} bytes");
}

/// Texts in which a parser of Markdown or HTML may lose itself, as large as a comment may be.
fn blow_ups(size: usize) -> Vec<(&'static str, String)> {
    let fill = |part: &str| part.repeat(size / part.len());
    let both = |open: &str, close: &str| {
        let count = size / (open.len() + close.len());
        format!("{}{}", open.repeat(count), close.repeat(count))
    };
    vec![
        ("quotes in quotes", fill("> ")),
        ("brackets", both("[", "]")),
        ("links in links", both("[a](", ")")),
        ("stars", fill("*a ")),
        ("stars that close", fill("*a**b***")),
        ("underscores", fill("_a __b ")),
        (
            "back ticks of all lengths",
            (1..)
                .map(|n| format!("a{}", "`".repeat(n)))
                .scan(0, |sum, part| {
                    *sum += part.len();
                    (*sum <= size).then_some(part)
                })
                .collect(),
        ),
        (
            "lists in lists",
            (0..)
                .map(|n: usize| format!("{}- a\n", "  ".repeat(n)))
                .scan(0, |sum, part| {
                    *sum += part.len();
                    (*sum <= size).then_some(part)
                })
                .collect(),
        ),
        ("a table of pipes", format!("{}\n{}\n", fill_to("a|", size / 2), fill_to("-|", size / 2))),
        ("references that are never defined", fill("[a][b]")),
        ("references that are defined", format!("[a]: /x\n\n{}", fill_to("[a]", size - 10))),
        ("open HTML", fill("<div>")),
        ("open comments", fill("<!--")),
        ("half an entity", fill("&#x")),
        ("addresses", fill("http://a.b ")),
        ("an address that goes on", format!("http://{}", fill_to("a.", size - 8))),
        ("an address with an at sign", fill("a@b.c ")),
        ("combining marks", fill("e\u{301}\u{327}\u{323}")),
        ("one word", fill("a")),
        ("joined emoji", fill("👩‍👩‍👧‍👦")),
        ("directions", fill("\u{202e}a\u{2067}b")),
        ("citations", fill("[@a; @b, p. 4]")),
        ("footnotes", fill("[^a]")),
        ("callouts", fill("> [!NOTE]\n")),
        ("containers", fill(":::: accordion x\n")),
        ("tildes", fill("~~a")),
        ("mathematical letters", fill("𝓪𝔟")),
    ]
}

fn fill_to(part: &str, size: usize) -> String {
    part.repeat(size / part.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_a_comment_costs_much_or_breaks_the_page() {
    let (_place, site) = site().await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let is_release = !cfg!(debug_assertions);
    let mut slowest = (Duration::ZERO, "");
    let before = memory(&site).1;
    // The limit for a comment is 5,000 characters: one text beyond it in bytes, one at the body's own limit.
    for size in [4_900, amount("STET_SOAK_TEXT", 60_000, 250_000)] {
        for (what, text) in blow_ups(size) {
            for act in ["preview", "post"] {
                let form = [
                    ("body", text.as_str()),
                    ("name", text.get(..40).unwrap_or("Ines P.")),
                    ("email", "ines@mail.example"),
                    ("parent", ""),
                    ("act", act),
                ];
                let began = Instant::now();
                let answer = client
                    .post(format!("{}/tides/comments", site.base()))
                    .header("origin", site.base())
                    .form(&form)
                    .send()
                    .await
                    .unwrap();
                let status = answer.status();
                drop(answer.text().await.unwrap());
                assert!(!status.is_server_error(), "{what}, {size} bytes, {act}: {status}");
                slowest = slowest.max((began.elapsed(), what));
            }
        }
    }
    let cost = memory(&site).1.saturating_sub(before);
    println!("comments made to hurt: at most {:.0?} ({}), {} KB more memory", slowest.0, slowest.1, cost / 1024);
    assert!(cost <= 200 << 20, "{cost} bytes");
    assert!(!is_release || slowest.0 <= Duration::from_secs(1), "{slowest:?}");
    let page = client.get(format!("{}/tides", site.base())).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("How tides are told"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_ten_thousand_replies_is_a_page_like_any_other() {
    let (_place, site) = site().await;
    let links = amount("STET_SOAK_CHAIN", 2_000, 10_000);
    let database = cluster::connect(&site.owner_url()).await;
    let chain = format!(
        "do $$
         declare parent bigint; begin
           for n in 1..{links} loop
             insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
               select id, published_revision_id, parent, 0, 0, 'approved', 'Reader', 'reader', 'Reply', '<p>Reply</p>', 1, now(), now(), now() from articles
               returning id into parent;
           end loop;
           update comments set public_replies = {links} - 1 where parent_id is null;
           update articles set comment_count = {links};
         end $$"
    );
    database.batch_execute(&chain).await.unwrap();
    let last: i64 = database.query_one("select max(id) from comments", &[]).await.unwrap().get(0);
    let client = Client::new();
    let began = Instant::now();
    for address in ["/tides".to_owned(), format!("/comments/{last}")] {
        let answer = client.get(format!("{}{address}", site.base())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        let page = answer.text().await.unwrap();
        let (mut depth, mut deepest) = (0_i32, 0_i32);
        for part in page.split('<').skip(1) {
            let name = part.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            if ["ol", "li", "article", "details", "div", "section"].contains(&name) {
                depth += if part.starts_with('/') { -1 } else { 1 };
                deepest = deepest.max(depth);
            }
        }
        assert!(deepest <= 200, "{address}: {deepest} elements deep");
    }
    let took = began.elapsed();
    println!("a chain of {links} replies: two pages in {took:.0?}");
    assert!(cfg!(debug_assertions) || took <= Duration::from_secs(2), "{took:?}");
}
