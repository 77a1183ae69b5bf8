//! Erasing a reader: afterwards a dump of the database and the mail files hold neither name, address nor network,
//! and everything others wrote stands as it was. And the schedule that forgets networks by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use stet::audit::{self, Verdict};
use stet::core::ids::AddressId;
use stet::core::network::Network;
use stet::core::rng::Rng;
use stet::core::status::DoorPurpose;
use stet::jobs::job::NewJob;
use stet::jobs::queue;
use stet::mail::send::{Mailer, Wiring};
use stet::mail::transport::Patience;
use stet::readers::door;
use stet::worker;

use crate::support::browser::{Browser, Filled, Page};
use crate::support::cluster;
use crate::support::conversation::{self, ARTICLE, approve_all, public_comments, reader, signed_in, sql};
use crate::support::site::Site;

const NAME: &str = "Quillon Fetherby";
const TYPED: &str = "Quillon.F@Mail.example";
const CANONICAL: &str = "quillon.f@mail.example";
const ADDRESS: &str = "198.51.100.77";
const NETWORK: &str = "198.51.100.0/24";
const SAME_ORIGIN: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

/// A site with mail files, behind a proxy that says where requests come from.
struct House {
    site: Site,
    mailer: Arc<Mailer>,
    /// Of the one who is erased.
    browser: Browser,
    desk: Browser,
}

impl House {
    async fn work(&self) {
        worker::drain(&self.site.app, &self.mailer).await.unwrap();
    }

    /// The schedule that forgets comes round.
    async fn purge(&self) {
        let change = async |tx: &mut stet::db::Tx| {
            let job = NewJob {
                kind: "purge",
                payload: serde_json::json!({}),
                unique_key: None,
                run_at: tx.now,
                attempts_max: 1,
            };
            queue::enqueue(tx, job).await
        };
        self.site.app.db.transact(change).await.unwrap();
        self.work().await;
    }

    async fn count(&self, query: &str) -> i64 {
        self.site.one(query).await
    }

    /// A comment through the form of the article, or under another comment.
    async fn post(&self, browser: &Browser, who: (&str, &str), network: &str, under: Option<i64>, body: &str) {
        let address = under.map_or_else(|| ARTICLE.to_owned(), |id| format!("{ARTICLE}?reply={id}"));
        let form = browser
            .look(&address)
            .await
            .form("#reply form")
            .fill("body", body)
            .fill("name", who.0)
            .fill("email", who.1)
            .choose("notify", "replies")
            .choose("act", "post");
        self.site.later(TimeDelta::seconds(40));
        let answer = self.send(browser, &form, network).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        self.site.later(TimeDelta::minutes(3));
    }

    async fn send(&self, browser: &Browser, form: &Filled, network: &str) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", network)];
        browser.send(Method::POST, &form.action, &headers, Some(body)).await
    }

    /// The token of an opened data link of an address.
    async fn opened(&self, canonical: &str) -> String {
        let id: i64 = self.site.one(&format!("select id from addresses where canonical = '{canonical}'")).await;
        let rng = self.site.app.rng();
        let mailed = self
            .site
            .app
            .db
            .transact(async |tx| door::add(tx, rng, AddressId(id), DoorPurpose::Data).await)
            .await
            .unwrap();
        let address = format!("/privacy/data/{}", mailed.reveal());
        let opened = self.site.browser().send(Method::POST, &address, &SAME_ORIGIN, Some(String::new())).await;
        opened.location().unwrap()
    }

    /// What of the reader a dump and the mail files show, by where.
    async fn sweep(&self) -> BTreeMap<String, BTreeSet<String>> {
        let key = Network::of(ADDRESS.parse().unwrap()).key(self.site.app.secret());
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut found = sweep(&self.site, &[NAME, TYPED, CANONICAL, NETWORK, &key]).await;
        for (file, text) in files(self.site.data.path()) {
            for needle in [NAME, TYPED, CANONICAL].map(str::to_lowercase) {
                if text.contains(&needle) {
                    found.entry("files".into()).or_default().insert(format!("{needle} in {file}"));
                }
            }
        }
        found
    }
}

/// Looks for words in every row of every table, as a dump would show it.
async fn sweep(site: &Site, needles: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let client = cluster::connect(&site.database.owner_url).await;
    let tables = client
        .query("select table_name::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'", &[])
        .await
        .unwrap();
    assert!(tables.len() > 30, "every table is looked at");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for table in tables {
        let table: String = table.get(0);
        for row in client.query(&format!("select lower(t::text) from {table} t"), &[]).await.unwrap() {
            let row: String = row.get(0);
            for needle in needles {
                if row.contains(&needle.to_lowercase()) {
                    found.entry(table.clone()).or_default().insert((*needle).to_owned());
                }
            }
        }
    }
    found
}

/// Every file under a folder with its text in small letters, soft line breaks of mails joined.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).replace("=\r\n", "").to_lowercase();
            all.push((path.display().to_string(), text));
        }
    }
    all
}

/// A reader with comments that are public, edited, answered, reported, voted on, held, filed as spam and withdrawn,
/// with votes, reports, subscriptions, mails sent and waiting, and jobs to come.
async fn house() -> House {
    let site = conversation::site_with(&[("STET_TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    public_comments(&site, &[("Ruth K.", None)]).await;
    let wiring = Wiring {
        smtp_url: None,
        from: Some("desk@harbour.example"),
        host: "harbour.example",
        data_dir: site.data.path(),
        patience: Patience::default(),
    };
    let mailer = Arc::new(Mailer::configured(&wiring, site.clock.clone(), Rng::system()).unwrap());
    let desk = signed_in(&site, 2).await;
    let house = House { browser: site.browser(), mailer, desk, site };
    let (me, jonas) = ((NAME, TYPED), ("Jonas", "jonas@mail.example"));
    let other = reader(&house.site, "jonas@mail.example").await;
    sql(&house.site, "insert into subscriptions (address_id, scope, article_id, created_at) select id, 'article', 1, '2026-11-14T09:00:00Z' from addresses").await;

    // 2: public, edited, answered (3), reported, voted on.
    house.post(&house.browser, me, ADDRESS, None, "Forwards turns are easier for me.").await;
    approve_all(&house.desk).await;
    conversation::confirm(&house.site, CANONICAL).await;
    let form = house.browser.look("/comments/2/edit").await.form(".reply-form form");
    let form = form.fill("body", "Forwards turns are far easier for me.");
    assert_eq!(house.browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    approve_all(&house.desk).await;
    house.post(&other, jonas, "203.0.113.9", Some(2), "The same here, after a week.").await;
    approve_all(&house.desk).await;
    // 4: public, nothing hangs on it. 5: under 3, the end of a thread.
    house.post(&house.browser, me, ADDRESS, None, "Earplugs helped more than curtains.").await;
    house.post(&house.browser, me, ADDRESS, Some(3), "A week, and then it held.").await;
    house.site.later(TimeDelta::minutes(6));
    approve_all(&house.desk).await;
    house.work().await;
    // 6: held. 7: spam. 8: withdrawn. 9: held with an answer of the team, so that its place must stay.
    house.site.later(TimeDelta::minutes(15));
    for body in [
        "Is melatonin the same thing?",
        "Cheap pills here for all.",
        "Never mind this one, please.",
        "May I take it with tea?",
    ] {
        house.post(&house.browser, me, ADDRESS, None, body).await;
    }
    house.site.later(TimeDelta::minutes(2));
    approve_all(&house.desk).await;
    sql(
        &house.site,
        &format!(
            "update comments set status = 'held', status_reason = 'words', published_at = null,
                    screening = '[{{\"rule\": \"words\", \"version\": 1, \"verdict\": \"hold\", \"badge\": \"b\", \"sentence\": \"Contains {NAME}.\", \"evidence\": {{}}}}]' where id in (6, 9);
             update comments set status = 'spam', status_reason = 'staff_spam', published_at = null where id = 7;
             update comments set status = 'trash', status_reason = 'withdrawn' where id = 8;
             insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, staff_id, badge, body, html, renderer_version, created_at, published_at, status_changed_at)
             values (1, 1, 9, 0, 0, 'approved', 'Dr Tomas Hale', 'x', 2, 'staff', 'With tea is fine.', '<p>With tea is fine.</p>', 1, now(), now(), now());
             update comments root set public_replies = (select count(*) from comments c where c.root_id = root.id and c.parent_id is not null and c.status = 'approved') where parent_id is null;
             update articles set comment_count = (select count(*) from comments where status = 'approved') where id = 1;"
        ),
    )
    .await;
    furnish(&house, &other).await;
    house
}

/// Votes, reports, mails that wait, words kept beside the log.
async fn furnish(house: &House, other: &Browser) {
    for (browser, comment) in [(&house.browser, 3), (other, 2)] {
        let answer = browser
            .send(Method::POST, &format!("/comments/{comment}/helpful"), &SAME_ORIGIN, Some("vote=helpful".into()))
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    for (browser, comment, words, network) in [
        (&house.browser, 3, format!("{NAME} asks for a source."), ADDRESS),
        (other, 2, format!("This {NAME} sells earplugs."), "203.0.113.9"),
        (&house.site.browser(), 1, "I did not like it.".to_owned(), ADDRESS),
    ] {
        let form = browser.look(&format!("/comments/{comment}/report")).await.form("form[data-report-form]");
        let answer = house.send(browser, &form.choose("reason", "other").fill("words", &words), network).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    house.work().await;
    // One mail to somebody else waits still, one tells of several comments, a confirmation is asked for.
    sql(
        &house.site,
        &format!(
            "update mail_messages set state = 'queued', finished_at = null where id = (select max(id) from mail_messages where comment_id = 5 and recipient = 'jonas@mail.example');
             insert into mail_messages (kind, unique_key, message_id, recipient, address_id, subject, body_text, body_html, state, created_at, finished_at)
             select 'digest', 'digest:1', '<d1@x>', email, id, 'Five new comments', '{NAME} wrote: http://x/comments/4', '<p>{NAME}</p>', 'sent', now(), now() from addresses where canonical = 'jonas@mail.example';
             insert into digest_items (address_id, comment_id, due_at, mail_id) select m.address_id, 4, now(), m.id from mail_messages m where m.unique_key = 'digest:1';
             insert into digest_items (address_id, comment_id, due_at) select id, 3, now() + interval '1 day' from addresses where canonical = '{CANONICAL}';
             insert into jobs (kind, payload, run_at, attempts_max, created_at) select 'notify.confirm', jsonb_build_object('address', id), now() + interval '1 day', 20, now() from addresses where canonical = '{CANONICAL}';
             insert into audit_evidence (entry_id, evidence) select min(id), 'Signed by {NAME}' from audit_entries where subject = 'comment' and subject_id = 2;"
        ),
    )
    .await;
}

async fn erase(house: &House, choice: &str) -> Page {
    let opened = house.opened(CANONICAL).await;
    let page = house.browser.look(&opened).await;
    assert!(page.text_at("main").contains("Earplugs helped more than curtains."));
    let before = house.sweep().await;
    // Choosing is looking: what will happen is said, and nothing happens.
    let form = page.form("#erase ~ form").choose("choice", choice);
    let page = house.browser.submit(&form).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for words in [
        "3 public comments",
        "4 comments of yours that aren’t public are deleted",
        CANONICAL,
        "What others wrote stays",
    ] {
        assert!(page.text_at("main").contains(words), "{words:?} is missing:\n{}", page.text_at("main"));
    }
    for (headers, body) in [
        ([("sec-fetch-site", "cross-site")], format!("choice={choice}")),
        (SAME_ORIGIN, "choice=all".into()),
        (SAME_ORIGIN, String::new()),
    ] {
        let refused = house.browser.send(Method::POST, &format!("{opened}/erase"), &headers, Some(body)).await;
        assert!(refused.status == 403 || refused.status == 400, "{}", refused.status);
    }
    assert_eq!(house.sweep().await, before, "nothing has happened yet");
    // The sweep sees what is to be found: in these places, whatever others there are.
    for table in ["addresses", "comments", "mail_messages", "reports", "audit_evidence", "files"] {
        assert!(before.contains_key(table), "{table} is not in {before:?}");
    }
    let kinds: BTreeSet<&String> = before["comments"].iter().collect();
    assert!(kinds.len() == 3, "name, network and its key: {kinds:?}");

    let answer = house.browser.submit(&page.form("main form").choose("choice", choice)).await;
    assert_eq!(
        (answer.status, answer.location().unwrap()),
        (StatusCode::SEE_OTHER, format!("/privacy/data?erased={choice}"))
    );
    assert!(
        answer.headers.get_all("set-cookie").iter().any(|cookie| cookie.to_str().unwrap().starts_with("stet_reader=;"))
    );
    assert_eq!(house.browser.look(&opened).await.status, 404, "the door went with the address");
    house.work().await;
    assert_eq!(house.sweep().await, BTreeMap::new());
    house.browser.get(&answer.location().unwrap()).await
}

/// What everyone sees agrees with the rows.
async fn counts_are_right(house: &House) {
    let wrong = house
        .count(
            "select (select count(*) from comments root where root.parent_id is null and root.public_replies <>
                        (select count(*) from comments c where c.root_id = root.id and c.parent_id is not null and c.status = 'approved'))
                  + (select count(*) from articles a where a.comment_count <> (select count(*) from comments c where c.article_id = a.id and c.status = 'approved'))
                  + (select count(*) from comments c where c.helpful <> (select count(*) from helpful_votes v where v.comment_id = c.id and v.ended_at is null))
                  + (select count(*) from comments c where c.open_reports <> (select count(*) from reports r where r.comment_id = c.id and r.closed_at is null))
                  + (select count(*) from comments c full join comment_search s on s.comment_id = c.id where (c.status = 'approved') <> (s.comment_id is not null) or c.id is null)",
        )
        .await;
    assert_eq!(wrong, 0);
    let mut conn = house.site.app.db.read().await.unwrap();
    assert!(matches!(audit::verify(&mut conn).await.unwrap(), Verdict::Whole(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_can_stay_without_a_name_and_nothing_else_does() {
    let house = house().await;
    let stranger = house.site.browser();
    assert_eq!(stranger.look(ARTICLE).await.text_at("#comment-2 h3"), NAME);
    let said = erase(&house, "keep").await;
    assert!(said.text_at("main").contains("Your public comments stand without your name."));
    let page = stranger.look(ARTICLE).await;
    for comment in [2, 4, 5] {
        assert_eq!(page.text_at(&format!("#comment-{comment} h3")), "Former reader");
        assert!(!page.has(&format!("#comment-{comment} .avatar[class*=avatar--t]")));
    }
    assert!(page.text_at("#comment-2 [data-comment-body]").contains("far easier for me"));
    assert_eq!(page.text_at("#comment-3 h3"), "Jonas");
    assert!(page.text_at("#comment-2").contains("Helpful · 1") && !page.text_at("#comment-3").contains("Helpful · "));
    assert!(!page.text.contains(NAME));
    assert!(!stranger.look("/night-shift/comments.xml").await.text.contains(NAME));
    assert_eq!(house.count("select count(*) from comments where id in (6, 7, 8)").await, 0);
    assert_eq!(house.count("select count(*) from comments where id = 9 and status = 'trash' and body = ''").await, 1);
    counts_are_right(&house).await;
    // The mail to Jonas that waited is told anew, without the name.
    house.site.later(TimeDelta::seconds(61));
    house.work().await;
    assert_eq!(house.sweep().await, BTreeMap::new());
    let anew = "select count(*) from mail_messages where comment_id = 5 and recipient = 'jonas@mail.example' and state = 'sent' and subject like 'Former reader%'";
    assert_eq!(house.count(anew).await, 1);
    // The log says that it happened, and nothing of whom.
    let detail: String = house.site.one("select detail::text from audit_entries where action = 'reader.erase'").await;
    assert_eq!(detail, "{\"kept\": 3, \"choice\": \"keep\", \"reader\": 2, \"comments\": 7}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_can_go_and_what_others_wrote_stays_in_its_place() {
    let house = house().await;
    let stranger = house.site.browser();
    let said = erase(&house, "delete").await;
    assert!(said.text_at("main").contains("Your comments are deleted."));
    let page = stranger.look(ARTICLE).await;
    assert_eq!(page.text_at("#comment-2"), "Withdrawn by its writer.");
    assert_eq!(page.text_at("#comment-3 h3"), "Jonas");
    assert!(!page.has("#comment-4") && !page.has("#comment-5") && !page.text.contains(NAME));
    assert_eq!(page.text_at("#talk-h"), "3 comments", "Ruth's, Jonas's and the team's");
    assert_eq!(house.count("select count(*) from comments where id in (4, 5, 6, 7, 8)").await, 0);
    assert_eq!(
        sweep(&house.site, &["far easier", "Earplugs helped", "Cheap pills", "with tea?"]).await,
        BTreeMap::new()
    );
    assert!(!stranger.look("/search?q=earplugs").await.text.contains("Earplugs helped"));
    counts_are_right(&house).await;
    // An empty place stays what it is, whatever is decided on it.
    let token =
        house.desk.look("/desk/comments?queue=trash").await.attribute("input[name=csrf_token]", "value").unwrap();
    let version: i32 = house.site.one("select version from comments where id = 2").await;
    let body = format!("csrf_token={token}&to=approved&revision={version}&submission_key=abcdefghijklmnopqrstuv");
    let answer = house.desk.send(Method::POST, "/desk/comments/2/decision", &SAME_ORIGIN, Some(body)).await;
    assert!(!answer.status.is_server_error(), "{}", answer.status);
    assert_eq!(house.site.one::<String>("select status from comments where id = 2").await, "trash");
    // Somebody who writes with the address again begins anew.
    house.site.later(TimeDelta::hours(1));
    house.post(&house.site.browser(), (NAME, TYPED), ADDRESS, None, "Here I am once more, as new.").await;
    assert_eq!(house.count("select count(*) from comments where status = 'held' and status_reason = 'first_time' and reader_id is null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_erasures_that_race_one_happens_and_a_comment_on_its_way_begins_anew() {
    let house = house().await;
    let opened = house.opened(CANONICAL).await;
    let stranger = house.site.browser();
    let address = format!("{opened}/erase");
    let erase = || stranger.send(Method::POST, &address, &SAME_ORIGIN, Some("choice=delete".into()));
    let form = stranger
        .look(ARTICLE)
        .await
        .form("#reply form")
        .fill("body", "On its way while the rest goes.")
        .fill("name", NAME)
        .fill("email", TYPED)
        .choose("act", "post");
    let (erased, posted) = tokio::join!(join_all((0..4).map(|_| erase())), house.send(&stranger, &form, ADDRESS));
    let done = erased.iter().filter(|page| page.status == StatusCode::SEE_OTHER).count();
    assert_eq!(done, 1, "{:?}", erased.iter().map(|page| page.status).collect::<Vec<_>>());
    assert!(erased.iter().all(|page| !page.status.is_server_error()));
    // Before it or after it, never in the middle: nothing of the old address is left.
    assert_eq!(posted.status, StatusCode::SEE_OTHER, "{}", posted.text);
    house.work().await;
    let old =
        "select count(*) from comments where name = 'Quillon Fetherby' and body <> 'On its way while the rest goes.'";
    assert_eq!(house.count(old).await, 0);
    assert_eq!(house.count("select count(*) from audit_entries where action = 'reader.erase'").await, 1);
    counts_are_right(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_erases_its_own_address_and_no_other() {
    let house = house().await;
    let mine = house.opened(CANONICAL).await;
    let theirs = house.opened("jonas@mail.example").await;
    let answer = house
        .site
        .browser()
        .send(Method::POST, &format!("{theirs}/erase"), &SAME_ORIGIN, Some("choice=delete".into()))
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("set-cookie").is_none(), "another's cookies are left alone");
    assert_eq!(house.count("select count(*) from addresses where canonical = 'jonas@mail.example'").await, 0);
    assert_eq!(house.count(&format!("select count(*) from comments where name = '{NAME}'")).await, 7);
    // Too late, and with a link that was mailed but not opened.
    house.site.later(TimeDelta::minutes(31));
    let late =
        house.browser.send(Method::POST, &format!("{mine}/erase"), &SAME_ORIGIN, Some("choice=delete".into())).await;
    assert_eq!(late.status, StatusCode::GONE);
    assert_eq!(house.count(&format!("select count(*) from addresses where canonical = '{CANONICAL}'")).await, 1);
    assert_eq!(house.browser.look("/privacy/data?erased=nonsense").await.text_at("h1"), "Your data");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_network_is_left_after_its_time_and_limits_count_within_it() {
    let house = house().await;
    let key = Network::of(ADDRESS.parse().unwrap()).key(house.site.app.secret());
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    sql(
        &house.site,
        &format!(
            "insert into staff_sessions (staff_id, token_hash, created_at, last_seen_at, expires_at, network)
             values (2, sha256('s'), '2026-11-14T10:00:00Z', '2026-11-14T10:00:00Z', '2027-11-14T10:00:00Z', '{NETWORK}');
             insert into sign_in_failures (account_key, network_key, failed_at) values (sha256('a'), '\\x{key}', '2026-11-14T10:00:00Z')"
        ),
    )
    .await;
    let found = sweep(&house.site, &[NETWORK, &key]).await;
    let tables: Vec<&String> = found.keys().collect();
    assert_eq!(tables, ["comments", "reports", "sign_in_failures", "staff_sessions"]);
    // Within its time the network's pace counts: the eleventh comment of a minute waits.
    let mut last = StatusCode::OK;
    for number in 0..11 {
        let browser = house.site.browser();
        let form = browser
            .look(ARTICLE)
            .await
            .form("#reply form")
            .fill("body", &format!("A thought of mine, and it is number {number}."))
            .fill("name", &format!("Reader {number}"))
            .fill("email", &format!("reader{number}@mail.example"))
            .choose("act", "post");
        last = house.send(&browser, &form, ADDRESS).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    house.site.later(TimeDelta::days(89));
    house.purge().await;
    assert!(sweep(&house.site, &[NETWORK]).await.contains_key("comments"), "not a day too early");
    house.site.later(TimeDelta::days(2));
    house.purge().await;
    assert_eq!(sweep(&house.site, &[NETWORK, &key, "203.0.113."]).await, BTreeMap::new());
}
