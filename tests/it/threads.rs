//! Long conversations: pages in every order, folded threads, permalinks, thousands of comments.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reqwest::StatusCode;

use crate::support::browser::{Browser, Page};
use crate::support::conversation::{self, ARTICLE, sql};
use crate::support::site::Site;

/// Comments as rows: top ones with ids from 1, then replies `(id, parent)`, written a second apart.
struct Talk {
    tops: i64,
    replies: Vec<(i64, i64)>,
}

impl Talk {
    /// Top comments; every third has replies, the fifth a great many, some to other replies.
    fn lively(tops: i64, replies: i64, long: i64) -> Self {
        let mut all: Vec<(i64, i64)> = Vec::new();
        for number in 0..replies + long {
            let id = tops + 1 + number;
            let parent = if number < replies { 1 + (number * 7) % tops / 3 * 3 } else { 5 };
            // One in four answers the reply before it in the same thread.
            let before = all.iter().rev().find(|(_, on)| *on == parent).map(|(id, _)| *id);
            all.push((id, if number % 4 == 3 { before.unwrap_or(parent) } else { parent }));
        }
        Self { tops, replies: all }
    }

    /// The thread each comment stands in.
    fn roots(&self) -> HashMap<i64, i64> {
        let mut roots: HashMap<i64, i64> = (1..=self.tops).map(|id| (id, id)).collect();
        for (id, parent) in &self.replies {
            roots.insert(*id, roots[parent]);
        }
        roots
    }

    async fn write(&self, site: &Site) {
        let rows = |row: &(i64, i64)| format!("({}, {})", row.0, row.1);
        let replies: Vec<String> = self.replies.iter().map(rows).collect();
        sql(site, &format!(
            "insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
             overriding system value select 1, 1, null, 0, 0, 'approved', 'Reader ' || n, 'x', 'Text ' || n, '<p>Text number ' || n || ' with some words in it.</p>', 1, at, at, at
             from generate_series(1, {}) n, lateral (select timestamptz '2026-11-14T08:00:00Z' + n * interval '1 second' as at) t;
             select setval(pg_get_serial_sequence('comments', 'id'), {});",
            self.tops, self.tops
        )).await;
        // One by one in order, for each takes its place from its parent.
        for part in replies.chunks(2_000) {
            sql(site, &format!(
                "insert into comments (id, article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
                 overriding system value select id, 1, 1, parent, 0, 0, 'approved', 'Reply ' || id, 'x', 'Reply ' || id, '<p>Reply number ' || id || '.</p>', 1, at, at, at
                 from (values {}) rows (id, parent), lateral (select timestamptz '2026-11-14T08:00:00Z' + id * interval '1 second' as at) t order by id",
                part.join(", ")
            )).await;
        }
        sql(site, "
            update comments top set public_replies = replies.number
                from (select root_id, count(*) as number from comments where parent_id is not null and status = 'approved' group by root_id) replies
                where top.id = replies.root_id;
            update articles set comment_count = (select count(*) from comments where status = 'approved' and article_id = 1);
            select setval(pg_get_serial_sequence('comments', 'id'), (select max(id) from comments));
            analyze comments;").await;
    }
}

/// Holds a comment as if nobody had seen it yet.
async fn hold(site: &Site, id: i64) {
    sql(
        site,
        &format!(
            "update comments set status = 'held', status_reason = 'first_time', published_at = null where id = {id}"
        ),
    )
    .await;
    sql(site, &format!("update comments set public_replies = public_replies - 1 where id = (select root_id from comments where id = {id}) and id <> {id}")).await;
}

/// Approves one as a moderator would.
async fn approve(desk: &Browser, id: i64) {
    let queue = desk.look("/desk/comments?queue=held").await;
    let form =
        queue.form(&format!(".row form.row__acts[action='/desk/comments/{id}/decision']")).choose("to", "approved");
    let answer = desk.submit(&form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
}

/// Ids of top comments in order, and of the replies drawn under each.
fn drawn(page: &Page) -> Vec<(i64, Vec<i64>)> {
    let html = page.html();
    let pick = |selector: &str| scraper::Selector::parse(selector).unwrap();
    let id =
        |element: scraper::ElementRef<'_>| element.attr("id").unwrap().trim_start_matches("comment-").parse().unwrap();
    html.select(&pick("ol.thread > li"))
        .map(|item| {
            let all: Vec<i64> = item.select(&pick("article.comment")).map(id).collect();
            (all[0], all[1..].to_vec())
        })
        .collect()
}

/// Every page from the first on, as far as "Next" leads.
async fn pages(browser: &Browser, first: &str) -> Vec<Page> {
    let mut pages = vec![browser.get(first).await];
    while let Some(next) = pages.last().unwrap().attribute(".pager a[rel=next]", "href") {
        assert!(pages.len() < 200, "no end of pages");
        pages.push(browser.get(&next).await);
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_every_order_together_hold_each_thread_once() {
    let site = conversation::site().await;
    let talk = Talk::lively(1_000, 3_000, 1_000);
    talk.write(&site).await;
    let replies: BTreeMap<i64, i64> =
        talk.roots().into_iter().filter(|(id, root)| id != root).fold(BTreeMap::new(), |mut counts, (_, root)| {
            *counts.entry(root).or_insert(0) += 1;
            counts
        });
    let browser = site.browser();
    sql(&site, "update comments set helpful = id % 7 where parent_id is null").await;
    for (sort, order) in
        [("oldest", None), ("newest", Some("newest")), ("replies", Some("replies")), ("helpful", Some("helpful"))]
    {
        let first = order.map_or_else(|| ARTICLE.to_owned(), |sort| format!("{ARTICLE}?sort={sort}"));
        let pages = pages(&browser, &first).await;
        assert_eq!(pages.len(), 25, "{sort}");
        assert!(pages[0].text.len() < 300_000, "{sort}: {} bytes", pages[0].text.len());
        assert_eq!(pages[0].text_at(".pager a[rel=next]"), "Next 40 of 5,000 comments");
        let tops: Vec<i64> = pages.iter().flat_map(drawn).map(|(top, _)| top).collect();
        let mut expected: Vec<i64> = (1..=1_000).collect();
        match sort {
            "newest" => expected.reverse(),
            "replies" => expected.sort_by_key(|id| (-replies.get(id).copied().unwrap_or(0), *id)),
            "helpful" => expected.sort_by_key(|id| (-(id % 7), *id)),
            _ => {}
        }
        assert_eq!(tops, expected, "{sort}");
        // A short thread is whole; a long one shows the first three, the last two and how many more there are.
        for (top, shown) in pages.iter().flat_map(drawn) {
            let count = replies.get(&top).copied().unwrap_or(0);
            assert_eq!(
                i64::try_from(shown.len()).unwrap(),
                if count <= 8 { count } else { 5 },
                "{sort}: thread {top} of {count}"
            );
        }
        let again = browser.get(&first).await;
        assert_eq!(drawn(&again), drawn(&pages[0]), "the same order each time");
    }
    let whole = browser.get("/night-shift/threads/5").await;
    assert!(whole.text_at("h2").contains("replies"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_or_met_twice_while_comments_are_approved_in_between() {
    let site = conversation::site().await;
    let talk = Talk::lively(130, 300, 60);
    talk.write(&site).await;
    let desk = conversation::signed_in(&site, 2).await;
    let browser = site.browser();
    for (sort, ids) in
        [("oldest", [60, 131 + 20, 420]), ("newest", [61, 131 + 21, 421]), ("replies", [62, 131 + 22, 422])]
    {
        for id in ids {
            hold(&site, id).await;
        }
        sql(&site, "update articles set comment_count = comment_count").await;
        site.app.pages().purge(&[stet::core::page_store::Tag::Site]);
        let seen_before: BTreeSet<i64> = pages(&browser, &format!("{ARTICLE}?sort={sort}"))
            .await
            .iter()
            .flat_map(drawn)
            .map(|(top, _)| top)
            .collect();
        let mut tops: Vec<i64> = Vec::new();
        let mut page = browser.get(&format!("{ARTICLE}?sort={sort}")).await;
        let mut waiting = ids.into_iter();
        loop {
            for id in ids {
                let is_held =
                    site.one::<String>(&format!("select status from comments where id = {id}")).await == "held";
                assert!(!is_held || !page.has(&format!("#comment-{id}")), "{id} is held and shown");
            }
            tops.extend(drawn(&page).into_iter().map(|(top, _)| top));
            let Some(next) = page.attribute(".pager a[rel=next]", "href") else { break };
            site.later(chrono::TimeDelta::seconds(30));
            if let Some(id) = waiting.next() {
                approve(&desk, id).await;
            }
            page = browser.get(&next).await;
        }
        let once: BTreeSet<i64> = tops.iter().copied().collect();
        assert_eq!(once.len(), tops.len(), "{sort}: a thread stands twice");
        let missed: Vec<&i64> = seen_before.difference(&once).collect();
        assert!(missed.is_empty(), "{sort}: {missed:?} were missed");
        for id in waiting {
            approve(&desk, id).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permalink_leads_to_the_comment_from_any_page_order_and_folded_place() {
    let site = conversation::site().await;
    let talk = Talk::lively(130, 100, 700);
    talk.write(&site).await;
    let browser = site.browser();
    let long: Vec<i64> =
        talk.roots().into_iter().filter(|(id, root)| *root == 5 && *id != 5).map(|(id, _)| id).collect();
    let some = [
        1,
        5,
        60,
        130,
        131,
        200,
        *long.iter().min().unwrap(),
        *long.iter().max().unwrap(),
        long[long.len() / 2],
        long[7],
    ];
    for id in some {
        let answer = browser.look(&format!("/comments/{id}")).await;
        assert_eq!((answer.status, answer.header("x-robots-tag")), (StatusCode::FOUND, Some("noindex")));
        let location = answer.location().unwrap();
        assert!(location.ends_with(&format!("#comment-{id}")), "{location}");
        let page = browser.get(&location).await;
        assert_eq!(page.status, StatusCode::OK, "{location}");
        assert!(page.has(&format!("article#comment-{id}")), "{id} is not at {location}");
        assert_eq!(
            page.header("cache-control"),
            Some("private, no-store"),
            "an address with a fragment's page is not kept"
        );
    }
    hold(&site, 130).await;
    assert_eq!(browser.look("/comments/130").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.look("/comments/99999").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_conversation_stands_on_one_page_and_a_longer_one_does_not() {
    let site = conversation::site().await;
    Talk::lively(100, 300, 100).write(&site).await;
    let browser = site.browser();
    let first = browser.get(ARTICLE).await;
    let all = first.attribute(".pager a[rel=nofollow]", "href").unwrap();
    assert_eq!(
        (all.as_str(), first.text_at(".pager a[rel=nofollow]")),
        ("/night-shift?all=1#comments", "All on one page".to_owned())
    );
    let page = browser.get(&all).await;
    assert_eq!(page.texts("article.comment").len(), 500);
    assert!(!page.has(".pager") && !page.has("[data-more]"));
    let newest = browser.get("/night-shift?sort=newest&all=1").await;
    assert_eq!(drawn(&newest)[0].0, 100);

    conversation::post(&site, &browser, "The five hundred and first.").await;
    conversation::approve_all(&conversation::signed_in(&site, 2).await).await;
    let stranger = site.browser();
    assert!(!stranger.get(ARTICLE).await.has(".pager a[rel=nofollow]"));
    assert_eq!(drawn(&stranger.get(&all).await).len(), 40, "over 500 the first page is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_thread_has_pages_of_its_own_that_lose_nothing() {
    let site = conversation::site().await;
    let talk = Talk::lively(10, 0, 450);
    talk.write(&site).await;
    let browser = site.browser();
    let page = browser.get(ARTICLE).await;
    assert_eq!(page.text_at("[data-thread='5'] .more a"), "Show 445 more replies");
    assert_eq!(page.text_at("[data-thread='5'] summary"), "450 replies");
    let mut seen: Vec<i64> = Vec::new();
    let mut next = page.attribute("[data-thread='5'] .more a", "href");
    while let Some(address) = next {
        let page = browser.get(&address).await;
        seen.extend(drawn(&page)[0].1.iter());
        next = page.attribute(".pager a[rel=next]", "href");
    }
    let mut expected: Vec<i64> =
        talk.roots().into_iter().filter(|(id, root)| *root == 5 && *id != 5).map(|(id, _)| id).collect();
    expected.sort_unstable();
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_is_a_setting_and_deeper_replies_say_whom_they_answer() {
    let site = conversation::site().await;
    Talk { tops: 1, replies: vec![(2, 1), (3, 2), (4, 3), (5, 4), (6, 5)] }.write(&site).await;
    for depth in 1..=5_u8 {
        let settings = stet::settings::Comments { depth, ..stet::settings::Comments::default() };
        site.app.db.transact(async |tx| stet::settings::save(tx, &settings).await).await.unwrap();
        let page = site.browser().get(ARTICLE).await;
        let nested = "ol ".repeat(usize::from(depth.max(2)));
        assert!(page.has(&format!(".thread {}#comment-6", nested.trim_start_matches("ol "))), "{depth}");
        let too_deep = "ol ".repeat(usize::from(depth.max(2)));
        assert!(!page.has(&format!(".thread {too_deep}#comment-6")), "{depth}");
        let answers = page.texts(".comment__to").len();
        assert_eq!(answers, usize::from(6 - depth.max(2)), "{depth}: {:?}", page.texts(".comment__to"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_older_than_an_update_say_so() {
    let site = conversation::site().await;
    Talk { tops: 2, replies: vec![] }.write(&site).await;
    let page = site.browser().get(ARTICLE).await;
    assert!(!page.text.contains("Written before"), "the first publication is no update");
    sql(&site, "update articles set updated_at = '2026-11-14T08:00:01.5Z'").await;
    site.app.pages().purge(&[stet::core::page_store::Tag::Site]);
    let page = site.browser().get(ARTICLE).await;
    assert_eq!(page.text_at("#comment-1 .comment__before"), "Written before the update of 14 November 2026");
    assert!(!page.has("#comment-2 .comment__before"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_page_is_announced_with_as_many_threads_as_it_has() {
    let site = conversation::site().await;
    sql(
        &site,
        "insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
         select 1, 1, null, 0, 0, 'approved', 'R' || n, 'x', 'Text.', '<p>Text.</p>', 1, '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z' from generate_series(1, 95) n;
         update articles set comment_count = 95",
    )
    .await;
    let browser = site.browser();
    let sorted = ["newest", "replies", "helpful"].map(|sort| format!("{ARTICLE}?sort={sort}"));
    for first in [ARTICLE.to_owned()].into_iter().chain(sorted) {
        let pages = pages(&browser, &first).await;
        let labels: Vec<String> = pages.iter().flat_map(|page| page.texts(".pager a[rel=next]")).collect();
        assert_eq!(labels, ["Next 40 of 95 comments", "Next 15 of 95 comments"], "{first}");
        assert_eq!(pages.iter().map(|page| drawn(page).len()).collect::<Vec<_>>(), [40, 40, 15], "{first}");
    }
}
