//! The demo site: loaded once, read like a reader would, opened at the desk, never loaded over anything.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use scraper::Selector;
use stet::cli::demo::{self, Account, Loaded};
use stet::core::status::Role;

use crate::support::browser::{Browser, Page};
use crate::support::site::Site;

const LONG: &str = "/sleeping-well-on-the-night-shift";

/// A site with the demo, and who can sign in.
async fn demo() -> (Site, Vec<Account>) {
    let site = Site::start().await;
    match demo::load(&site.app, |_| ()).await.unwrap() {
        Loaded::Site(accounts) => (site, accounts),
        Loaded::Nothing => panic!("an empty site was taken for somebody's"),
    }
}

async fn sign_in(site: &Site, accounts: &[Account], role: Role) -> Browser {
    let account = accounts.iter().find(|account| account.role == role).unwrap();
    let browser = site.browser();
    let form = browser.get("/desk/sign-in").await.form("main form");
    let page = browser.submit(&form.fill("email", &account.email).fill("password", &account.password)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_find_a_publication_with_sources_tables_figures_and_conversations() {
    let (site, _) = demo().await;
    let browser = site.browser();
    let home = browser.get("/").await;
    assert!(home.text_at(".masthead__name").contains("Harbour Health"));
    assert!(home.texts("h1 a, .story h3 a").len() >= 7, "{:?}", home.texts("h3 a"));
    assert!(home.texts(".masthead__nav a").len() >= 5);

    let long = browser.get(LONG).await;
    assert_eq!(long.text_at("h1"), "Sleeping well on the night shift");
    assert!(long.texts("#refs li").len() >= 40, "{}", long.texts("#refs li").len());
    assert!(long.texts("#refs dl > div").len() >= 3, "sections say what they rest on");
    assert!(long.texts(".prose table").len() >= 3);
    assert_eq!(long.texts(".prose figure img").len(), 2);
    assert!(!long.has(".cite--missing") && !long.text.contains("[?]"));
    assert!(long.text_at(".correction").contains("42"));
    assert!(long.texts(".shop__list li").len() == 3 && long.has(".help"));

    let bodies = long.texts(".comment__body").join("\n");
    assert!(bodies.contains("You read the review correctly and we did not"));
    assert!(long.texts(".comment .badge--accent").iter().any(|badge| badge.contains("Author")));
    assert!(
        long.texts(".comment .badge--accent")
            .iter()
            .any(|badge| badge.contains("Reviewer") || badge.contains("Sleep physician"))
    );
    assert!(
        long.texts(".gone").iter().any(|gone| gone.contains("removed"))
            && long.texts(".gone").iter().any(|gone| gone.contains("Withdrawn"))
    );
    for hidden in ["bestdrops.example", "Just take four", "10,000 lux"] {
        assert!(!long.text.contains(hidden), "{hidden}");
    }
    let held: i64 = site.one("select count(*) from comments where status = 'held'").await;
    assert!(held >= 8, "{held}");
    assert_eq!(site.one::<i64>("select count(*) from jobs where state = 'waiting'").await, 0, "nobody is mailed");
    assert!(site.one::<i64>("select count(*) from subscriptions where ended_at is null").await >= 3);
    assert_eq!(
        site.one::<i64>("select count(*) from articles where comment_count <> (select count(*) from comments where article_id = articles.id and status = 'approved')").await,
        0
    );
    assert!(
        site.one::<bool>("select bool_and(created_at < '2026-11-14T10:00:00Z') from comments").await,
        "everything lies in the past"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_has_comments_that_wait_for_the_reasons_the_rules_gave() {
    let (site, accounts) = demo().await;
    assert_eq!(accounts.len(), 7);
    let moderator = sign_in(&site, &accounts, Role::Moderator).await;
    let held = moderator.get("/desk/comments?queue=held").await;
    assert_eq!(held.status, StatusCode::OK);
    let reasons = |name: &str| -> String {
        let html = held.html();
        let rows = Selector::parse(".queue .row").unwrap();
        let found: Vec<String> =
            html.select(&rows).map(|row| row.text().collect::<String>()).filter(|text| text.contains(name)).collect();
        assert!(!found.is_empty(), "{name} is not held:\n{}", held.text);
        found.join("\n")
    };
    for (name, reason) in [
        ("Kit", "first comment from this email"),
        ("Angus", "first comment from this email"),
        ("Ruth K.", "links"),
        ("Dele A.", "links"),
        ("M.", "after a removal"),
        ("Pat", "Word: zopiclone"),
        ("Owen T.", "Word: "),
    ] {
        assert!(reasons(name).contains(reason), "{name}: {}", reasons(name));
    }
    let rules: String = site
        .one(
            "select string_agg(distinct status_reason, ' ' order by status_reason) from comments where status = 'held'",
        )
        .await;
    assert_eq!(rules, "after_removal first_time links words");
    let spam: String = site
        .one(
            "select string_agg(distinct status_reason, ' ' order by status_reason) from comments where status = 'spam'",
        )
        .await;
    assert_eq!(spam, "speed staff_spam");
    let trash: String = site.one("select string_agg(distinct status_reason, ' ' order by status_reason) from comments where status = 'trash'").await;
    assert_eq!(trash, "abuse unsafe withdrawn");
    for queue in ["approved", "spam", "trash"] {
        assert_eq!(moderator.get(&format!("/desk/comments?queue={queue}")).await.status, StatusCode::OK, "{queue}");
    }
    let owner = sign_in(&site, &accounts, Role::Owner).await;
    for address in ["/desk", "/desk/articles", "/desk/references", "/desk/staff", "/desk/audit", "/desk/mail"] {
        assert_eq!(owner.get(address).await.status, StatusCode::OK, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_the_public_pages_leads_somewhere() {
    let (site, _) = demo().await;
    let browser = site.browser();
    let mut waiting = vec!["/".to_owned()];
    let mut seen: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut anchors: Vec<(String, String, String)> = Vec::new();
    while let Some(address) = waiting.pop() {
        let page = browser.look(&address).await;
        if let Some(location) = page.location().filter(|_| page.status.is_redirection()) {
            waiting.extend(address_of(&location).filter(|next| seen.insert(next.clone())));
            continue;
        }
        assert_eq!(page.status, StatusCode::OK, "{address}");
        if !page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            continue;
        }
        ids.insert(address.clone(), attributes(&page, "[id]", "id"));
        let links = ["href", "src"].map(|name| attributes(&page, &format!("[{name}]"), name));
        for link in links
            .into_iter()
            .flatten()
            .filter(|link| link.starts_with('#') || (link.starts_with('/') && !link.starts_with("//")))
        {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = if path.is_empty() { address.as_str() } else { path };
            if !anchor.is_empty() {
                anchors.push((address.clone(), path.to_owned(), anchor.to_owned()));
            }
            // The form of one reply is like that of another.
            if !path.contains("reply=") && seen.insert(path.to_owned()) {
                waiting.push(path.to_owned());
            }
        }
    }
    assert!(ids.len() >= 25, "{:?}", ids.keys());
    let lost: Vec<_> =
        anchors.iter().filter(|(_, path, anchor)| ids.get(path).is_some_and(|ids| !ids.contains(anchor))).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let reply = browser.get(&format!("{LONG}?reply=1")).await;
    assert_eq!(reply.status, StatusCode::OK);
}

/// Path and query of an address on this site.
fn address_of(location: &str) -> Option<String> {
    location.starts_with('/').then(|| location.split('#').next().unwrap_or_default().to_owned())
}

fn attributes(page: &Page, selector: &str, name: &str) -> BTreeSet<String> {
    let selector = Selector::parse(selector).unwrap();
    page.html().select(&selector).filter_map(|element| element.attr(name)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_never_loaded_over_somebodys_site() {
    let (site, _) = demo().await;
    let before: i64 = site.one("select (select count(*) from audit_entries) + (select count(*) from staff)").await;
    let said = std::sync::Mutex::new(Vec::new());
    demo::run(&site.app, |line| said.lock().unwrap().push(line.to_owned())).await.unwrap();
    let said = said.into_inner().unwrap();
    assert!(said.len() == 1 && said[0].contains("has content already"), "{said:?}");
    let after: i64 = site.one("select (select count(*) from audit_entries) + (select count(*) from staff)").await;
    assert_eq!(before, after);
}
