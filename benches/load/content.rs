//! What the site holds while it is measured: articles through the real verbs, so that their pages are what readers
//! get; comments in bulk, each text rendered by the product's own code; one owner who signs in through the form.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use reqwest::cookie::CookieStore as _;
use serde_json::json;
use stet::articles::layout;
use stet::articles::model::{self, Credit, Fields};
use stet::articles::publish::{self, Publication};
use stet::articles::save;
use stet::core::clock::Clock;
use stet::core::ids::StaffId;
use stet::core::page_store::PageStore;
use stet::core::status::{ArticleKind, CreditRole};
use stet::db::{self, Db};
use stet::render::comment_markup;
use stet::settings::People;
use stet::staff::authority::{Capability as _, MayEdit, MayPublish};
use stet::staff::session;
use tokio_postgres::Client;

use crate::browser::{Browser, Filled};
use crate::drive;
use crate::process::Process;

const EMAIL: &str = "owner@harbour.example";
const PASSWORD: &str = "kelp-otter-winch-9";
/// Articles, the special ones included.
const ARTICLES: usize = 200;
/// Records in the library.
const SOURCES: usize = 120;
/// Different comment texts.
const TEXTS: usize = 60;

/// Sentences the texts are made of; they mean little and read like text.
const SENTENCES: [&str; 16] = [
    "The harbour keeps its own calendar, and the ferries answer to it before they answer to anyone else.",
    "A slow morning on the quay tells more about the season than any table that hangs in the office.",
    "Most of what people call habit is a queue of small decisions that nobody has looked at for a while.",
    "In the second year the crew began to write down the hours of sleep beside the hours of work.",
    "The figures were never meant to be compared, but they stood next to each other, so they were.",
    "When the wind turns, the old hands stop talking and look at the flags on the far breakwater.",
    "It takes about three weeks for a new rota to stop feeling like weather and start feeling like a clock.",
    "Nobody on the night shift believed the leaflet, and half of them did what it said all the same.",
    "There is a difference between being tired and being sleepy, and the difference has a price.",
    "Coffee moves the hour at which the body gives up; it does not move the hour at which it must.",
    "The kitchen opens at four, and by five the soup has been judged by people who have earned it.",
    "Small harbours share their doctors, their gossip and, in winter, their only good road.",
    "What helped most was light: bright at the start of the shift, little of it on the way home.",
    "Several of those who answered had changed the question first, and said so in the margin.",
    "A cup held in both hands is a measuring instrument, though nobody has agreed on the unit.",
    "The report was careful, the summary less so, and the headline had not read either of them.",
];

/// Claims the empty site through the link on the console, as its owner would.
pub async fn claim(site: &Process) -> Browser {
    let said = site.said();
    let link = said
        .iter()
        .find_map(|line| line.split_whitespace().find(|word| word.contains("/desk/setup/")))
        .unwrap_or_else(|| panic!("no setup link: {said:?}"));
    let path = link.find("/desk/setup/").map(|at| &link[at..]).unwrap();
    let browser = Browser::new(&site.base());
    let form = browser.get(path).await.form("form.setup");
    let form = form
        .fill("site_name", "Harbour Health")
        .fill("base_url", &site.base())
        .fill("name", "Ada Reed")
        .fill("email", EMAIL)
        .fill("password", PASSWORD);
    let answer = browser.submit(&form).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    browser
}

/// Signs in through the form; the cookies as a header.
pub async fn sign_in(site: &Process) -> String {
    let browser = Browser::new(&site.base());
    let form = browser.get("/desk/sign-in").await.form("main form").fill("email", EMAIL).fill("password", PASSWORD);
    let answer = browser.submit(&form).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    browser.jar.cookies(&site.base().parse().unwrap()).unwrap().to_str().unwrap().to_owned()
}

/// The comment form under an article as a reader fills it in.
async fn comment(site: &Process, words: &str, email: &str) -> (Browser, Filled) {
    let browser = Browser::new(&site.base());
    let form = browser.get("/seven").await.form("form[action*='/comments']");
    let form = form.fill("name", "Ines Prado").fill("email", email).fill("body", words).choose("act", "post");
    (browser, form)
}

/// A comment goes in through the real form.
pub async fn check_post(site: &Process) {
    let stamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let (browser, form) =
        comment(site, &format!("{} {stamp}", SENTENCES[0]), &format!("check-{stamp}@mail.example")).await;
    let answer = browser.submit(&form).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(answer.location().is_some_and(|to| to.contains("#comment-")), "{:?}", answer.location());
}

/// Fills the site.
pub async fn generate(site: &Process) {
    let database = drive::database(site).await;
    library(&database).await;
    articles(site, &database).await;
    texts(&database).await;
    for (slug, roots, replies, deeper) in [
        ("seven", 4, 2, 1),
        ("long", 40, 0, 0),
        ("thousand", 500, 350, 150),
        ("twenty-thousand", 10_000, 7_000, 3_000),
        ("hundred-thousand", 50_000, 35_000, 15_000),
    ] {
        thread(&database, slug, roots, replies, deeper).await;
    }
    check_post(site).await; // the first comment of an address waits: the pattern of those in the queue
    queue(&database).await;
    let last = "
        update comments top set public_replies = replies.number
            from (select root_id, count(*) as number from comments where parent_id is not null and status = 'approved' group by root_id) replies
            where top.id = replies.root_id;
        update articles set comment_count = (select count(*) from comments where article_id = articles.id and status = 'approved');
        create table bench_rows (id bigint generated always as identity primary key, article_id bigint not null, name text not null,
            email text not null, body text not null, html text not null, created_at timestamptz not null default now());";
    database.batch_execute(last).await.unwrap();
    database.batch_execute("vacuum analyze").await.unwrap();
}

async fn library(database: &Client) {
    for number in 1..=SOURCES {
        let title = format!("{}, part {number}", SENTENCES[number % SENTENCES.len()].trim_end_matches('.'));
        let csl = json!({
            "id": format!("reed{number}"), "type": "article-journal", "title": title, "container-title": "Journal of Harbour Medicine (sample)",
            "author": [{ "family": "Reed", "given": "Ada" }, { "family": "Hale", "given": "Tomas" }, { "family": "Okoro", "given": "Dele" }],
            "issued": { "date-parts": [[2000 + number % 25]] }, "volume": (number % 40).to_string(), "page": format!("{number}-{}", number + 11),
        });
        let year = i32::try_from(2000 + number % 25).unwrap();
        let insert = "insert into reference_records (key, csl, title, year, created_at, updated_at) values ($1, $2::text::jsonb, $3, $4, now(), now())";
        database.execute(insert, &[&format!("reed{number}"), &csl.to_string(), &title, &year]).await.unwrap();
    }
}

/// An article's text: sections of paragraphs, a list, tables, a callout, and citations one after another.
fn text(seed: usize, sections: usize, paragraphs: usize, citations: usize, tables: usize) -> String {
    let mut text = String::new();
    let total = sections * paragraphs;
    let mut cited = 0;
    for section in 0..sections {
        writeln!(
            text,
            "## {}\n",
            SENTENCES[(seed + section * 5) % SENTENCES.len()].split(',').next().unwrap().trim_end_matches('.')
        )
        .unwrap();
        for paragraph in 0..paragraphs {
            let place = section * paragraphs + paragraph;
            for sentence in 0..5 {
                text.push_str(SENTENCES[(seed + place * 3 + sentence * 7) % SENTENCES.len()]);
                text.push(' ');
            }
            while cited * total < citations * (place + 1) {
                cited += 1;
                write!(text, "Others found the same [@reed{}]. ", 1 + (seed + cited) % SOURCES).unwrap();
            }
            text.push_str("\n\n");
        }
        match section % 4 {
            0 => text.push_str("- Light early, dark late\n- One cup, not three\n- The same bed at the same hour\n\n"),
            1 => text.push_str("> [!NOTE]\n> Nothing here replaces a talk with somebody who knows you.\n\n"),
            _ => {}
        }
        if section < tables {
            text.push_str("Table: Hours by shift\n\n| Shift | Asleep | Awake | Nap |\n|---|---:|---:|---:|\n");
            (0..6).for_each(|row| {
                writeln!(
                    text,
                    "| {} | {} | {} | {} |",
                    ["Early", "Late", "Night"][row % 3],
                    5 + row % 4,
                    16 - row % 3,
                    row * 5
                )
                .unwrap();
            });
            text.push('\n');
        }
    }
    text
}

async fn articles(site: &Process, database: &Client) {
    let shared = db::Shared::new(site.owner_url(), Clock::system(), Arc::new(PageStore::new(0)));
    let db = shared.pool(2);
    let owner: i64 = database.query_one("select id from staff where role = 'owner'", &[]).await.unwrap().get(0);
    let owner = StaffId(owner);
    let session = session::act_as(&mut db.read().await.unwrap(), owner, &People::default()).await.unwrap().unwrap();
    let who = (MayEdit::of(&session).unwrap(), MayPublish::of(&session).unwrap());
    for number in 0..ARTICLES {
        let (title, body) = match number {
            0 => ("Seven voices".to_owned(), text(0, 6, 3, 14, 1)),
            1 => ("Thousand".to_owned(), text(1, 6, 3, 14, 1)),
            2 => ("Twenty thousand".to_owned(), text(2, 6, 3, 14, 1)),
            3 => ("Long".to_owned(), text(3, 12, 6, 91, 3)),
            4 => ("Hundred thousand".to_owned(), text(4, 6, 3, 14, 1)),
            _ => (format!("Article {number}"), text(number, 5, 3, 8, 1)),
        };
        let slug = if number == 0 { "seven".to_owned() } else { String::new() };
        let fields = Fields {
            title,
            slug,
            dek: SENTENCES[number % SENTENCES.len()].to_owned(),
            takeaways: (0..4).map(|line| SENTENCES[(number + line * 3) % SENTENCES.len()].to_owned()).collect(),
            body,
            credits: vec![Credit { staff_id: owner, role: CreditRole::Author }],
            ..Fields::default()
        };
        publish_one(&db, &who, number, fields.tidied()).await;
    }
    // The special ones on the front page, as an article that is talked about would be.
    database
        .batch_execute("update articles set published_at = now(), updated_at = now() where slug in ('seven', 'long')")
        .await
        .unwrap();
}

async fn publish_one(db: &Db, (may_edit, may_publish): &(MayEdit, MayPublish), number: usize, fields: Fields) {
    let key = format!("bench-{number}");
    let id = db.transact(async |tx| save::create(tx, may_edit, ArticleKind::Article, "en", &key).await).await.unwrap();
    let opened = model::find_draft(&mut db.read().await.unwrap(), id).await.unwrap().unwrap().revision;
    db.transact(async |tx| save::save(tx, may_edit, id, opened, &fields).await).await.unwrap();
    let layout = layout::lay_out(db, id, fields).await.unwrap();
    let what = Publication { layout: &layout, change: None, override_reason: "", note: "" };
    db.transact(async |tx| publish::publish(tx, may_publish, id, what).await).await.unwrap();
}

/// Comment texts with their HTML, for the bulk inserts of this connection.
async fn texts(database: &Client) {
    database
        .batch_execute(
            "create temporary table texts (number integer primary key, body text not null, html text not null)",
        )
        .await
        .unwrap();
    for number in 0..TEXTS {
        let sentences: Vec<&str> =
            (0..=number % 5).map(|sentence| SENTENCES[(number * 5 + sentence * 3) % SENTENCES.len()]).collect();
        let body = match number % 6 {
            0 => format!("> {}\n\n{}", SENTENCES[number % SENTENCES.len()], sentences.join(" ")),
            1 => format!("*Honestly:* {}\n\nMore at https://trials.example/{number}", sentences.join(" ")),
            _ => sentences.join(" "),
        };
        let html = comment_markup::comment(&body, &BTreeSet::new()).unwrap().html;
        let row = i32::try_from(number).unwrap();
        database.execute("insert into texts values ($1, $2, $3)", &[&row, &body, &html.as_str()]).await.unwrap();
    }
    let addresses = "insert into addresses (canonical, email, created_at)
        select 'reader-' || n || '@mail.example', 'reader-' || n || '@mail.example', now() - interval '90 days' from generate_series(1, 4000) n";
    database.batch_execute(addresses).await.unwrap();
}

/// Top comments, replies to them and replies to replies; a few threads are much longer than the others.
async fn thread(database: &Client, slug: &str, roots: usize, replies: usize, deeper: usize) {
    let columns = "article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, address_id, body, html, renderer_version,
        network, created_at, published_at, status_changed_at";
    let values = |parent: &str, ago: &str| {
        format!(
            "article.id, article.published_revision_id, {parent}, 0, 0, 'approved', 'Reader ' || n % 900, 'reader ' || n % 900,
            (select min(id) from addresses) + (n * 31) % 4000, texts.body, texts.html, 1, '203.0.113.0/24',
            now() - {ago}, now() - {ago}, now() - {ago}"
        )
    };
    let tops = format!(
        "insert into comments ({columns}) select {} from articles article, generate_series(1, {roots}) n join texts on texts.number = n % {TEXTS} where article.slug = '{slug}'",
        values("null::bigint", &format!("interval '40 days' + ({roots} - n) * interval '1 minute'"))
    );
    database.batch_execute(&tops).await.unwrap();
    for (level, number) in [(0, replies), (1, deeper)] {
        let insert = format!(
            "insert into comments ({columns})
            with parents as (select id, row_number() over (order by id) - 1 as place, count(*) over () as total from comments
                where depth = {level} and article_id = (select id from articles where slug = '{slug}'))
            select {} from articles article, generate_series(1, {number}) n join texts on texts.number = n % {TEXTS}
                join parents on parents.place = (case when n % 25 = 0 then 3 else n * 7919 end) % parents.total
            where article.slug = '{slug}' order by n",
            values("parents.id", &format!("interval '{} days' + ({number} - n) * interval '1 minute'", 20 - 10 * level))
        );
        if number > 0 {
            database.batch_execute(&insert).await.unwrap();
        }
    }
}

/// 10,000 held comments like the one that was just posted, all over the site.
async fn queue(database: &Client) {
    let held: i64 =
        database.query_one("select count(*) from comments where status = 'held'", &[]).await.unwrap().get(0);
    assert_eq!(held, 1, "the comment that was posted waits");
    let insert = format!(
        "insert into comments (article_id, revision_id, root_id, depth, status, status_reason, screening, name, name_skeleton, address_id, body, html,
            renderer_version, network, created_at, status_changed_at)
        with places as (select id, published_revision_id, row_number() over (order by id) as place from articles where state = 'published')
        select places.id, places.published_revision_id, 0, 0, 'held', one.status_reason, one.screening, 'Reader ' || n % 900, 'reader ' || n % 900,
            (select min(id) from addresses) + (n * 17) % 4000, texts.body, texts.html, one.renderer_version, '198.51.100.0/24',
            now() - (10000 - n) * interval '1 minute', now() - (10000 - n) * interval '1 minute'
        from generate_series(1, 9999) n join texts on texts.number = n % {TEXTS} join places on places.place = 1 + n % {ARTICLES},
            (select * from comments where status = 'held') one order by n"
    );
    database.batch_execute(&insert).await.unwrap();
}
