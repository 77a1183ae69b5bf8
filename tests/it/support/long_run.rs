//! What the tests of the program as a process of its own share.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};

use crate::support::browser::Browser;
use crate::support::cluster;
use crate::support::process::Process;

/// Nothing a test waits for takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Name, address and password of who claims a site.
pub const STAFF: (&str, &str, &str) = ("Orsolya Brindlecombe", "orsolya@harbour.example", "kelp-otter-winch-93");

/// Claims an empty site through the link on the console, as its owner would; the token of that link.
pub async fn claim(site: &Process, browser: &Browser) -> String {
    let said = site.said();
    let link = said.iter().find_map(|line| line.split_whitespace().find(|word| word.contains("/desk/setup/"))).unwrap();
    let path = &link[link.find("/desk/setup/").unwrap()..];
    let mut form = browser.get(path).await.form("form.setup");
    if form.value("base_url").is_some() {
        form = form.fill("base_url", &site.base());
    }
    let form =
        form.fill("site_name", "Harbour Health").fill("name", STAFF.0).fill("email", STAFF.1).fill("password", STAFF.2);
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    path.rsplit('/').next().unwrap().to_owned()
}

/// Signs in as who claimed the site.
pub async fn sign_in(browser: &Browser) {
    let form = browser.get("/desk/sign-in").await.form("main form").fill("email", STAFF.1).fill("password", STAFF.2);
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
}

/// How many: a sample, the full figure under `STET_SOAK=1`, or what the variable says.
pub fn amount(name: &str, sample: usize, full: usize) -> usize {
    let whole = std::env::var_os("STET_SOAK").is_some_and(|value| value == "1");
    let given = std::env::var(name).ok().and_then(|value| value.parse().ok());
    given.unwrap_or(if whole { full } else { sample })
}

/// The program under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_stet"))
}

/// A published article that takes comments, at `/tides`; its page is about as long as most.
pub async fn publish_article(url: &str) {
    let paragraph =
        "<p>The moon pulls, the basin answers, and the harbour master reads the table for neither of them.</p>";
    let html = paragraph.repeat(200);
    let statements = format!(
        "insert into articles (slug, created_at) values ('tides', now());
         insert into revisions (article_id, number, cause, title, slug, dek, takeaways, body, language, description, made_at)
             select id, 1, 'publish', 'How tides are told', slug, 'From the moon to the table on the quay.', '{{}}', 'Tides', 'en', '', now() from articles where slug = 'tides';
         insert into revision_renderings (revision_id, renderer_version, html, outline, word_count, rendered_at)
             select id, 1, '{html}', '[]', 3400, now() from revisions where slug = 'tides';
         update articles set state = 'published', published_revision_id = (select id from revisions where slug = 'tides'),
             first_published_at = now(), published_at = now(), updated_at = now() where slug = 'tides'"
    );
    cluster::connect(url).await.batch_execute(&statements).await.unwrap();
}

/// Waits until it can serve.
pub async fn until_ready(base: &str) {
    let client = Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let began = Instant::now();
    loop {
        let answer = client.get(format!("{base}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
