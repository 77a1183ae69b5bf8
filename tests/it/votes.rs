//! "Helpful": who may vote, that a person counts once, the order by votes, and the page that everyone shares.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};

use crate::support::browser::{Browser, Filled, Page};
use crate::support::conversation::{self, ARTICLE, approve_all, post, public_comments, reader, signed_in, sql};
use crate::support::site::Site;

async fn talked_of() -> Site {
    let site = conversation::site().await;
    public_comments(&site, &[("Ruth K.", None), ("Petra L.", None), ("Bill", Some(1))]).await;
    site
}

/// The button under a comment.
fn button(comment: i64) -> String {
    format!("button[formaction='/comments/{comment}/helpful']")
}

/// Presses it as the reader's page has it.
async fn press(browser: &Browser, comment: i64) -> Page {
    let page = browser.look(ARTICLE).await;
    let form = page.attribute(&button(comment), "form").unwrap();
    let action = page.attribute(&button(comment), "formaction").unwrap();
    browser.submit(&Filled { action, ..page.form(&format!("form#{form}")) }).await
}

fn label(page: &Page, comment: i64) -> String {
    page.text_at(&button(comment))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_reader_says_once_that_a_comment_helped_and_takes_it_back() {
    let site = talked_of().await;
    let dele = reader(&site, "dele@mail.example").await;
    let shreya = reader(&site, "shreya@mail.example").await;
    let pressed = |page: &Page| page.attribute(&button(3), "aria-pressed");
    assert_eq!(pressed(&dele.look(ARTICLE).await).as_deref(), Some("false"));
    let answer = press(&dele, 3).await;
    assert_eq!((answer.status, answer.location().as_deref()), (StatusCode::SEE_OTHER, Some("/comments/3")));
    // The same form again and again, at once: that counts nothing.
    let own_page = [("sec-fetch-site", "same-origin")];
    let again = || dele.send(Method::POST, "/comments/3/helpful", &own_page, Some("vote=helpful".into()));
    let answers = join_all((0..8).map(|_| again())).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::SEE_OTHER));
    press(&shreya, 3).await;
    let page = dele.look(ARTICLE).await;
    assert_eq!((label(&page, 3).as_str(), pressed(&page).as_deref()), ("Helpful · 2, comment by Bill", Some("true")));
    let stranger = site.browser().look(ARTICLE).await;
    assert_eq!((label(&stranger, 3).as_str(), pressed(&stranger)), ("Helpful · 2, comment by Bill", None));
    press(&dele, 3).await;
    assert_eq!(label(&site.browser().look(ARTICLE).await, 3), "Helpful · 1, comment by Bill");
    assert_eq!(label(&site.browser().look(ARTICLE).await, 1), "Helpful, comment by Ruth K.");
    // On the page of the thread as well.
    let thread = shreya.look("/night-shift/threads/1").await;
    assert_eq!(pressed(&thread).as_deref(), Some("true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_confirmed_is_told_how_and_nobody_votes_for_themselves() {
    let site = talked_of().await;
    let stranger = site.browser();
    let page = press(&stranger, 1).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(page.text_at("h1"), "Your vote was not counted");
    assert!(page.text_at(".notice").contains("we count readers who have confirmed their email"));
    assert_eq!(page.attribute(".prose a.btn", "href").as_deref(), Some("/comments/1"));
    // A browser that has posted, and confirmed nothing.
    let dele = site.browser();
    post(&site, &dele, "I sleep well enough, thank you all.").await;
    approve_all(&signed_in(&site, 2).await).await;
    assert_eq!(press(&dele, 1).await.status, StatusCode::FORBIDDEN);
    conversation::confirm(&site, "dele@mail.example").await;
    assert_eq!(press(&dele, 1).await.status, StatusCode::SEE_OTHER);
    assert!(!dele.look(ARTICLE).await.has(&button(4)), "no button under one's own");
    let own_page = [("sec-fetch-site", "same-origin")];
    let own = dele.send(Method::POST, "/comments/4/helpful", &own_page, Some("vote=helpful".into())).await;
    assert_eq!((own.status, own.text_at(".notice").as_str()), (StatusCode::FORBIDDEN, "This comment is your own."));
    // Without the headers of a browser no cookie counts; from elsewhere nothing does.
    let unknown = dele.send(Method::POST, "/comments/2/helpful", &[], Some("vote=helpful".into())).await;
    assert_eq!(unknown.status, StatusCode::FORBIDDEN);
    let cross = [("sec-fetch-site", "cross-site")];
    let forged = dele.send(Method::POST, "/comments/2/helpful", &cross, Some("vote=helpful".into())).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let odd = dele.send(Method::POST, "/comments/2/helpful", &own_page, Some("vote=9".into())).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    sql(&site, "update comments set status = 'held', status_reason = 'first_time' where id = 2").await;
    let held = dele.send(Method::POST, "/comments/2/helpful", &own_page, Some("vote=helpful".into())).await;
    assert_eq!(held.status, StatusCode::NOT_FOUND);
    assert_eq!(site.one::<i64>("select count(*) from helpful_votes").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_outlast_a_removal_and_go_with_their_reader() {
    let site = talked_of().await;
    let dele = reader(&site, "dele@mail.example").await;
    press(&dele, 2).await;
    press(&reader(&site, "shreya@mail.example").await, 2).await;
    let desk = signed_in(&site, 2).await;
    let page = desk.look("/desk/comments?queue=approved").await;
    let answer = desk.submit(&page.form("#r2 form.row__acts").choose("to", "trash")).await;
    assert!(!site.browser().look(ARTICLE).await.has("#comment-2"));
    let page = desk.get(&answer.location().unwrap()).await;
    desk.submit(&page.form("#after-2 form")).await;
    assert_eq!(label(&site.browser().look(ARTICLE).await, 2), "Helpful · 2, comment by Petra L.");
    sql(&site, "delete from readers where id = (select min(id) from readers)").await;
    assert_eq!(site.one::<i32>("select helpful from comments where id = 2").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_everyone_shares_stays_the_same_for_who_voted() {
    let site = talked_of().await;
    let dele = reader(&site, "dele@mail.example").await;
    press(&dele, 1).await;
    let shared = site.browser().look(ARTICLE).await;
    let tag = shared.header("etag").unwrap().to_owned();
    let own = dele.look(ARTICLE).await;
    assert_eq!((own.header("cache-control"), own.header("etag")), (Some("private, no-store"), None));
    let again = site.browser().look(ARTICLE).await;
    assert_eq!(again.header("etag"), Some(tag.as_str()), "from memory, as it was");
    assert!(!again.has(".comment [aria-pressed]") && own.has(".comment [aria-pressed=true]"));
    press(&dele, 1).await;
    assert_ne!(site.browser().look(ARTICLE).await.header("etag"), Some(tag.as_str()), "the number changed");
}

/// Votes for the comment: as many readers as asked for.
async fn voted(site: &Site, comment: i64, count: i64) {
    sql(
        site,
        &format!(
            "insert into addresses (canonical, email, created_at) select 'v' || n || '@mail.example', 'v', '2026-11-14T08:00:00Z' from generate_series(1, {count}) n on conflict do nothing;
             insert into readers (address_id, created_at) select id, created_at from addresses on conflict do nothing;
             insert into helpful_votes (comment_id, article_id, reader_id, cast_at)
             select {comment}, 1, r.id, '2026-11-14T09:30:00Z' from readers r join addresses a on a.id = r.address_id where a.canonical like 'v%' order by r.id limit {count}"
        ),
    )
    .await;
}

fn tops(page: &Page) -> Vec<i64> {
    let selector = scraper::Selector::parse("ol.thread > li > article.comment").unwrap();
    let html = page.html();
    html.select(&selector).map(|top| top.attr("id").unwrap().trim_start_matches("comment-").parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_by_votes_are_met_once_each_while_votes_come_and_go() {
    let site = conversation::site().await;
    public_comments(&site, &[("Ruth K.", None); 130]).await;
    for (comment, count) in [(7, 5), (100, 5), (30, 3), (129, 1), (64, 1)] {
        voted(&site, comment, count).await;
    }
    let browser = site.browser();
    let first = browser.look("/night-shift?sort=helpful").await;
    assert_eq!(first.text_at("#sort option[selected]"), "Most helpful");
    assert_eq!(tops(&first)[..7], [7, 100, 30, 64, 129, 1, 2]);
    assert_eq!(tops(&browser.look("/night-shift?sort=helpful").await), tops(&first), "the same each time");

    let dele = reader(&site, "dele@mail.example").await;
    let mut all = tops(&first);
    let mut next = first.attribute(".pager a[rel=next]", "href");
    let mut late = [128, 130, 40, 2].into_iter();
    while let Some(address) = next {
        site.later(TimeDelta::seconds(30));
        // One from further down would jump to the front, one from the front fall back.
        if let Some(comment) = late.next() {
            let own_page = [("sec-fetch-site", "same-origin")];
            let body = Some("vote=helpful".to_owned());
            dele.send(Method::POST, &format!("/comments/{comment}/helpful"), &own_page, body).await;
            sql(&site, "update helpful_votes set ended_at = cast_at + interval '35 minutes' where comment_id = 129")
                .await;
        }
        let page = browser.get(&address).await;
        all.extend(tops(&page));
        next = page.attribute(".pager a[rel=next]", "href");
    }
    let once: BTreeSet<i64> = all.iter().copied().collect();
    assert_eq!((all.len(), once.len()), (130, 130), "none is missed, none stands twice");
}
