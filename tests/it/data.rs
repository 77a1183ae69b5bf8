//! Doors by mail, and what is behind them: everything kept about an address, to read, to take away and to erase.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;
use stet::core::ids::AddressId;
use stet::core::status::DoorPurpose;
use stet::notifications::door;

use crate::support::browser::{Browser, Page};
use crate::support::scratch::Scratch;
use crate::support::smtp::{Behaviour, Sink};

const HOUR: i64 = 3_600;
const SAME_ORIGIN: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

async fn furnished() -> (Scratch, Sink) {
    let sink = Sink::start(Behaviour::Accept).await;
    let site = Scratch::start(Some(&sink)).await;
    site.furnish().await;
    site.sql("update staff set comment_mail = 'none'").await;
    (site, sink)
}

/// Asks for a link to what is kept about an address, as the form does, and lets the worker run.
async fn ask(site: &Scratch, email: &str) -> Page {
    let browser = site.site.browser();
    let form = browser.look("/privacy/data").await.form("main form").fill("email", email);
    let page = browser.submit(&form).await;
    site.work().await;
    page
}

/// The path of the link in the last mail.
fn mailed(sink: &Sink) -> String {
    let link = sink.received().last().unwrap().link("/privacy/data/");
    link.strip_prefix("https://harbour.example").unwrap().to_owned()
}

/// Presses the button behind the last mailed link; answers where it leads.
async fn press(browser: &Browser, sink: &Sink) -> String {
    let page = browser.look(&mailed(sink)).await;
    browser.submit(&page.form("main form")).await.location().unwrap()
}

fn keeps_to_itself(page: &Page) {
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "{}", page.address);
    assert_eq!(page.header("cache-control"), Some("private, no-store"), "{}", page.address);
    assert!(page.header("set-cookie").is_none(), "{}", page.address);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_mailed_to_who_is_known_and_the_answer_is_the_same_for_all() {
    let (site, sink) = furnished().await;
    site.sql("update addresses set mail_stopped_at = '2026-11-14T09:00:00Z' where id = 2").await;
    let mut answers = Vec::new();
    for email in ["Ruth.K@Mail.example", "nobody@mail.example", "jonas@mail.example", "ruth.k@mail.example"] {
        let page = ask(&site, email).await;
        assert_eq!(page.status, 200);
        keeps_to_itself(&page);
        assert!(!page.text.contains(email) && page.text_at("main .notice").contains("If we know that email address"));
        answers.push(page.text);
    }
    assert!(answers.iter().all(|text| *text == answers[0]));
    let mut to: Vec<_> = sink.received().iter().map(|mail| mail.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["Ruth.K@mail.example", "jonas@mail.example"], "one each; nobody has the second address");
    assert_eq!(site.number("select count(*) from jobs where kind = 'notify.door'").await, 3, "queued alike");
    let wrong = ask(&site, "ruth.k at mail").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text_at(".field__error").contains("Enter an email address"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_mailed_once_an_hour_and_a_stopped_one_once_a_day() {
    let (site, sink) = furnished().await;
    site.sql("update addresses set mail_stopped_at = '2026-11-14T09:00:00Z' where id = 2").await;
    for hour in [0, 0, 1, 1, 23] {
        site.wait(hour * HOUR + 60);
        for email in ["ruth.k@mail.example", "jonas@mail.example"] {
            ask(&site, email).await;
        }
    }
    let count = |to: &str| sink.received().iter().filter(|mail| mail.to.eq_ignore_ascii_case(to)).count();
    assert_eq!((count("ruth.k@mail.example"), count("jonas@mail.example")), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_says_the_same_twice_and_neither_outbox_nor_queue_holds_its_link() {
    let (site, sink) = furnished().await;
    ask(&site, "ruth.k@mail.example").await;
    let mail = sink.received().into_iter().next_back().unwrap();
    assert_eq!(mail.header("Subject").unwrap(), "Your data at Harbour Health");
    let token = mailed(&sink).rsplit('/').next().unwrap().to_owned();
    for words in [token.as_str(), "works once, for 24 hours", "Nothing happens until you press", "If you did not ask"] {
        assert!(mail.text().contains(words) && mail.html().contains(words), "{words}");
    }
    for table in ["mail_messages", "jobs", "reader_links", "audit_entries"] {
        let held = site.number(&format!("select count(*) from {table} t where t::text like '%{token}%'")).await;
        assert_eq!(held, 0, "{table}");
    }
    assert_eq!(site.number("select count(*) from jobs where payload::text like '%mail.example%'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_link_uses_nothing_up_and_pressing_it_works_once() {
    let (site, sink) = furnished().await;
    ask(&site, "ruth.k@mail.example").await;
    let browser = site.site.browser();
    let link = mailed(&sink);
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let page = browser.send(method, &link, &[], None).await;
        assert_eq!(page.status, 200);
        keeps_to_itself(&page);
    }
    let page = browser.look(&link).await;
    assert!(page.text_at("main").contains("r…k@mail.example") && !page.text.to_lowercase().contains("ruth.k@"));
    assert_eq!(page.attribute("meta[name=robots]", "content").as_deref(), Some("noindex"));
    assert!(!page.has("link[rel=canonical]"));
    let opened = browser.submit(&page.form("main form")).await;
    assert_eq!(opened.status, 303);
    keeps_to_itself(&opened);
    let inside = browser.look(&opened.location().unwrap()).await;
    assert_eq!(inside.status, 200);
    keeps_to_itself(&inside);

    // Used up: looking says so, and so does pressing.
    assert_eq!(browser.look(&link).await.status, 410);
    let again = browser.send(Method::POST, &link, &SAME_ORIGIN, Some(String::new())).await;
    assert_eq!((again.status.as_u16(), again.text_at("h1")), (410, "This link is over".into()));
    // The mailed token opens no page, and the opened one is no mailed link.
    let (mailed, opened) = (link.rsplit('/').next().unwrap(), opened.location().unwrap());
    assert_eq!(browser.look(&format!("/privacy/data/open/{mailed}")).await.status, 404);
    assert_eq!(browser.look(&opened.replace("/open", "")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_presses_that_race_one_opens() {
    let (site, sink) = furnished().await;
    ask(&site, "ruth.k@mail.example").await;
    let link = mailed(&sink);
    let browser = site.site.browser();
    let press = || browser.send(Method::POST, &link, &SAME_ORIGIN, Some(String::new()));
    let mut statuses: Vec<u16> =
        join_all((0..12).map(|_| press())).await.iter().map(|page| page.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![303], vec![410; 11]].concat());
    assert_eq!(site.number("select count(*) from reader_links where stage = 'opened'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_end_and_those_of_another_kind_or_from_elsewhere_are_refused() {
    let (site, sink) = furnished().await;
    let browser = site.site.browser();
    ask(&site, "ruth.k@mail.example").await;
    let link = mailed(&sink);
    for headers in [[("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")]] {
        let page = browser.send(Method::POST, &link, &headers, Some(String::new())).await;
        assert_eq!(page.status, 403, "{headers:?}");
    }
    // A page without referrer: browsers say `Origin: null` of its own forms, older ones nothing else.
    let opened = browser.send(Method::POST, &link, &[("origin", "null")], Some(String::new())).await;
    assert_eq!(opened.status, 303);
    let opened = opened.location().unwrap();
    site.wait(29 * 60);
    assert_eq!(browser.look(&opened).await.status, 200);
    site.wait(2 * 60);
    assert_eq!(browser.look(&opened).await.status, 410, "half an hour is over");

    site.wait(HOUR);
    ask(&site, "ruth.k@mail.example").await;
    let link = mailed(&sink);
    site.wait(24 * HOUR);
    assert_eq!(browser.look(&link).await.status, 410);
    let late = browser.send(Method::POST, &link, &SAME_ORIGIN, Some(String::new())).await;
    assert_eq!(late.status, 410, "a day is over");

    let other = site
        .change(async |tx| stet::readers::door::add(tx, site.app.rng(), AddressId(1), DoorPurpose::Preferences).await)
        .await;
    let address = format!("/privacy/data/{}", other.reveal());
    assert_eq!(browser.look(&address).await.status, 404);
    let pressed = browser.send(Method::POST, &address, &SAME_ORIGIN, Some(String::new())).await;
    assert_eq!(pressed.status, 404, "a link to the choice of mails shows no data");
    assert_eq!(browser.look("/privacy/data/short").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_to_the_choice_of_mails_go_to_confirmed_addresses_only() {
    let (site, sink) = furnished().await;
    site.sql("update addresses set confirmed_at = null where id = 2").await;
    for address in [1, 2] {
        site.change(async |tx| {
            door::enqueue(tx, DoorPurpose::Preferences, Some(AddressId(address)), &format!("{address}")).await
        })
        .await;
    }
    site.work().await;
    let received = sink.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].to, "Ruth.K@mail.example");
    assert_eq!(received[0].header("Subject").unwrap(), "Your emails from Harbour Health");
    assert!(received[0].text().contains("for one hour"));
    assert!(received[0].link("/mail/preferences/").starts_with("https://harbour.example/mail/preferences/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_the_file_hold_everything_of_one_address_and_nothing_of_another() {
    let (site, sink) = furnished().await;
    site.sql(
        "update comments set reader_id = 1, network = '198.51.100.0/24' where id = 1;
         insert into comment_revisions (comment_id, version, body, made_at) values (1, 1, 'Does this hold?', '2026-11-14T09:05:00Z');
         insert into comment_decisions (comment_id, from_status, to_status, version, staff_id, decided_at) values (1, 'held', 'approved', 2, 2, '2026-11-14T09:02:00Z');
         insert into comments (article_id, revision_id, status, status_reason, screening, name, name_skeleton, address_id, body, html, renderer_version, created_at, status_changed_at)
         values (1, 1, 'spam', 'words', '[{\"rule\": \"words\", \"version\": 1, \"verdict\": \"spam\", \"badge\": \"b\", \"sentence\": \"Contains a word of a list.\", \"evidence\": {}}]',
                 'Ruth', 'x', 1, 'Cheap pills here', '', 1, '2026-11-14T09:30:00Z', '2026-11-14T09:30:00Z');
         insert into helpful_votes (comment_id, article_id, reader_id, cast_at) values (3, 1, 1, '2026-11-14T09:40:00Z');
         insert into reports (comment_id, reason, words, is_proved, reader_id, created_at) values (3, 'other', 'Ask Jonas for a source.', true, 1, '2026-11-14T09:41:00Z');
         insert into reader_browsers (token_hash, reader_id, created_at, expires_at) values (sha256('x'), 1, '2026-11-14T09:00:00Z', '2026-12-14T09:00:00Z');",
    )
    .await;
    site.subscribe(1, "replies", Some(1)).await;
    site.subscribe(2, "article", None).await;
    ask(&site, "ruth.k@mail.example").await;
    let browser = site.site.browser();
    let inside = press(&browser, &sink).await;
    let page = browser.look(&inside).await;
    let main = page.text_at("main");
    for words in [
        "Ruth.K@mail.example",
        "Comments (2)",
        "Mine turn forwards.",
        "it read: Does this hold?",
        "198.51.100.0/24",
        "public, decided by the team",
        "Filed as spam. It has words that are on this site’s list for spam.",
        "Contains a word of a list.",
        "Replies to a comment of yours under /night-shift",
        "“Your data at Harbour Health”, sent",
        "Comment 3: 14 Nov 2026",
        "Comment 3: report 1001, ",
        "Ask Jonas for a source.",
        "until 14 Dec 2026",
        "To this page, ",
    ] {
        assert!(main.contains(words), "{words:?} is missing:\n{main}");
    }
    for words in ["jonas@mail.example", "Same <here>", "Tomas"] {
        assert!(!page.text.contains(words), "{words:?} is another’s");
    }

    let href = page.attribute("a[href$='data.json']", "href").unwrap();
    let file = browser.look(&href).await;
    assert_eq!(file.header("content-type"), Some("application/json"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"my-data.json\""));
    keeps_to_itself(&file);
    let data: Value = serde_json::from_str(&file.text).unwrap();
    assert_eq!(data["format"], 1);
    assert_eq!(data["address"]["canonical"], "ruth.k@mail.example");
    let counts = ["comments", "helpful", "reports", "subscriptions", "mails", "browsers", "links"]
        .map(|list| data[list].as_array().unwrap().len());
    assert_eq!(counts, [2, 1, 1, 1, 1, 1, 2]);
    assert_eq!(data["comments"][0]["earlier"][0]["body"], "Does this hold?");
    assert_eq!(data["comments"][0]["decisions"][0]["to"], "approved");
    assert_eq!(data["comments"][1]["screening"][0]["rule"], "words");
    assert!(!file.text.contains("jonas@") && !file.text.contains("token"));
    // Behind a link that is over there is no file either.
    site.wait(31 * 60);
    assert_eq!(browser.look(&href).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_privacy_page_leads_to_the_form_and_says_how_long_links_work() {
    let (site, _sink) = furnished().await;
    let page = site.site.browser().look("/privacy").await;
    assert_eq!(page.attribute("#your-data + p a", "href").as_deref(), Some("/privacy/data"));
    assert!(page.text_at("main").contains("Works once, for 24 hours or 60 minutes"));
}
