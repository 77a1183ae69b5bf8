//! Reporting a comment: the form, who counts once, when a comment waits again, and the desk's list.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};

use crate::support::browser::{Browser, Page};
use crate::support::conversation::{self, ARTICLE, public_comments, reader, signed_in, sql};
use crate::support::site::Site;

/// Ruth and Petra wrote, Bill answered Ruth.
async fn talked_of() -> Site {
    let site = conversation::site_with(&[("STET_TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    public_comments(&site, &[("Ruth K.", None), ("Petra L.", None), ("Bill", Some(1))]).await;
    site
}

/// Reports a comment through its form, as the page sends it.
async fn report(browser: &Browser, comment: i64, reason: &str, words: &str) -> Page {
    let form = browser.look(&format!("/comments/{comment}/report")).await.form("form[data-report-form]");
    browser.submit(&form.choose("reason", reason).fill("words", words)).await
}

/// The same from a network, without cookies.
async fn report_from(site: &Site, network: &str, comment: i64, reason: &str) -> Page {
    let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", network)];
    let body = Some(format!("reason={reason}&words="));
    site.browser().send(Method::POST, &format!("/comments/{comment}/report"), &headers, body).await
}

async fn status(site: &Site, comment: i64) -> String {
    site.one(&format!("select status from comments where id = {comment}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reports_a_comment_and_is_told_a_number() {
    let site = talked_of().await;
    let browser = site.browser();
    let page = browser.look(ARTICLE).await;
    assert_eq!(page.texts("a[data-report]").len(), 3);
    assert_eq!(page.text_at("#comment-1 a[data-report]"), "Report the comment by Ruth K.");
    let address = page.attribute("#comment-1 a[data-report]", "href").unwrap();
    let form = browser.look(&address).await;
    assert_eq!(form.text_at("h1"), "Report Ruth K.’s comment");
    assert_eq!(
        form.texts("form[data-report-form] .check"),
        [
            "Spam or selling something",
            "Unsafe health advice",
            "Abusive or hateful",
            "Shares private details",
            "Illegal content",
            "Something else"
        ]
    );
    assert!(form.has("meta[name=robots][content=noindex]"));
    assert_eq!(form.header("cache-control"), Some("private, no-store"));

    let answer = report(&browser, 1, "illegal", "It copies my own book.").await;
    assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::SEE_OTHER, None), "{}", answer.text);
    let thanks = browser.get(&answer.location().unwrap()).await;
    assert_eq!(
        thanks.text_at("[data-report-done]"),
        "Thank you. Your report number is 1001. A moderator will look at it."
    );
    let row: String = site
        .one("select concat_ws(' ', comment_id, reason, words, is_proved, reader_id is null, octet_length(network_key), closed_at) from reports")
        .await;
    assert_eq!(row, "1 illegal It copies my own book. f t 32");
    assert_eq!(
        site.one::<String>("select detail::text from audit_entries where action = 'comment.report'").await,
        r#"{"reason": "illegal", "report": 1001, "is_proved": false}"#
    );
    assert_eq!(status(&site, 1).await, "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_right_comes_back_with_what_was_typed() {
    let site = talked_of().await;
    let browser = site.browser();
    let page = report(&browser, 1, "", "Something odd.").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.text_at(".errsum li"), "Choose what is wrong with the comment");
    assert!(page.text_at("title").starts_with("Error: "));
    assert_eq!(page.form("form[data-report-form]").value("words"), Some("Something odd."));
    let page = report(&browser, 1, "other", "  ").await;
    assert_eq!(page.text_at(".errsum li"), "Tell us what we should know");
    assert_eq!(page.form("form[data-report-form]").value("reason"), Some("other"));
    let page = report(&browser, 1, "spam", &"x".repeat(501)).await;
    assert_eq!(page.text_at(".errsum li"), "What you tell us must be 500 characters or fewer. You have used 501");
    assert_eq!(site.one::<i64>("select count(*) from reports").await, 0);
    assert_eq!(report(&browser, 1, "spam", &"x".repeat(500)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_everyone_can_see_is_reported() {
    let site = talked_of().await;
    sql(&site, "update comments set status = 'held', status_reason = 'first_time', published_at = null where id = 2")
        .await;
    sql(&site, "update comments set status = 'trash', status_reason = 'staff_trash' where id = 3").await;
    for comment in [2, 3, 99] {
        let address = format!("/comments/{comment}/report");
        assert_eq!(site.browser().look(&address).await.status, StatusCode::NOT_FOUND, "{comment}");
        assert_eq!(report_from(&site, "203.0.113.1", comment, "spam").await.status, StatusCode::NOT_FOUND);
        let done = site.browser().look(&format!("{address}?done=1")).await;
        assert_eq!(done.status, StatusCode::NOT_FOUND, "nobody reported {comment}");
    }
    sql(&site, "update articles set state = 'withdrawn', withdrawn_at = '2026-11-14T09:30:00Z'").await;
    assert_eq!(report_from(&site, "203.0.113.1", 1, "spam").await.status, StatusCode::NOT_FOUND);
    let cross = [("sec-fetch-site", "cross-site")];
    let forged =
        site.browser().send(Method::POST, "/comments/1/report", &cross, Some("reason=spam&words=".into())).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert_eq!(site.one::<i64>("select count(*) from reports").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_a_network_count_once() {
    let site = talked_of().await;
    let dele = reader(&site, "dele@mail.example").await;
    report(&dele, 1, "spam", "").await;
    let again = dele.get(&report(&dele, 1, "unsafe", "And more.").await.location().unwrap()).await;
    assert_eq!(again.text_at("[data-report-done]"), "You have reported this already. Your report number is 1001.");
    // Somebody without a confirmed email on the same network is another reporter, once.
    for _ in 0..2 {
        assert_eq!(report_from(&site, "127.0.0.1", 1, "abuse").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(report_from(&site, "203.0.113.9", 1, "abuse").await.status, StatusCode::SEE_OTHER);
    // Without the headers of a browser the cookie is not looked at: the network's report it is.
    let unknown = dele.send(Method::POST, "/comments/1/report", &[], Some("reason=spam&words=".into())).await;
    assert_eq!(unknown.location().as_deref(), Some("/comments/1/report?done=again"));
    assert_eq!(site.one::<i64>("select count(*) from reports").await, 3);
    assert_eq!(site.one::<i32>("select open_reports from comments where id = 1").await, 3);
    assert_eq!(report(&dele, 2, "spam", "").await.location().as_deref(), Some("/comments/2/report?done=1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_confirmed_readers_hold_a_comment_and_strangers_never_do() {
    let site = talked_of().await;
    for number in 1..=9 {
        report_from(&site, &format!("203.0.113.{number}"), 1, "spam").await;
    }
    assert_eq!(status(&site, 1).await, "approved", "nobody has proved who they are");
    let mut last = None;
    for name in ["dele", "shreya", "jonas"] {
        assert_eq!(status(&site, 1).await, "approved", "before {name}");
        let browser = reader(&site, &format!("{name}@mail.example")).await;
        last = Some((browser.clone(), report(&browser, 1, "unsafe", "").await.location().unwrap()));
    }
    assert_eq!(status(&site, 1).await, "held");
    assert_eq!(site.one::<String>("select status_reason from comments where id = 1").await, "reports");
    let page = site.browser().look(ARTICLE).await;
    assert!(!page.has("#comment-1 .comment__body") && page.has(".gone#comment-1"), "its reply lives");
    assert_eq!(page.text_at("#talk-h"), "2 comments");
    // The one whose report held it is told all the same; nobody else finds anything.
    let (browser, location) = last.unwrap();
    assert!(browser.get(&location).await.text_at("[data-report-done]").starts_with("Thank you. Your report number is"));
    assert_eq!(reader(&site, "bill@mail.example").await.look(&location).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_team_wrote_is_never_held_by_reports_and_the_number_is_a_setting() {
    let site = talked_of().await;
    sql(&site, "update comments set staff_id = 2, badge = 'staff' where id = 1").await;
    let settings = stet::settings::Comments { reports_to_hold: 1, ..stet::settings::Comments::default() };
    site.app.db.transact(async |tx| stet::settings::save(tx, &settings).await).await.unwrap();
    let dele = reader(&site, "dele@mail.example").await;
    report(&dele, 1, "spam", "").await;
    report(&dele, 2, "spam", "").await;
    assert_eq!((status(&site, 1).await.as_str(), status(&site, 2).await.as_str()), ("approved", "held"));
    let off = stet::settings::Comments { reports_to_hold: 0, ..stet::settings::Comments::default() };
    site.app.db.transact(async |tx| stet::settings::save(tx, &off).await).await.unwrap();
    report(&dele, 3, "spam", "").await;
    assert_eq!(status(&site, 3).await, "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_reports_too_much_waits() {
    let site = conversation::site().await;
    public_comments(&site, &[("Ruth K.", None); 11]).await;
    let browser = site.browser();
    for comment in 1..=10 {
        assert_eq!(report(&browser, comment, "spam", "").await.status, StatusCode::SEE_OTHER);
    }
    let page = report(&browser, 11, "other", "All the same words.").await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.header("retry-after"), Some("600"));
    assert_eq!(
        page.text_at("form .notice--warn"),
        "Many reports are coming from your network. You can send yours at 10:10"
    );
    assert_eq!(page.form("form[data-report-form]").value("words"), Some("All the same words."));
    site.later(TimeDelta::minutes(10));
    assert_eq!(report(&browser, 11, "other", "All the same words.").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_lists_what_was_reported_most_first_and_says_why() {
    let site = talked_of().await;
    report_from(&site, "203.0.113.1", 3, "spam").await;
    report_from(&site, "203.0.113.2", 3, "unsafe").await;
    report(&reader(&site, "dele@mail.example").await, 3, "unsafe", "Nobody should stop their tablets.").await;
    report_from(&site, "203.0.113.1", 1, "other").await; // without words: refused
    report_from(&site, "203.0.113.1", 1, "private").await;
    report_from(&site, "203.0.113.1", 2, "abuse").await;
    let desk = signed_in(&site, 2).await;
    let page = desk.look("/desk/comments?queue=reported").await;
    assert_eq!(page.text_at(".tabs [aria-current]"), "Reported 3");
    assert_eq!(page.text_at(".side__count"), "3", "held and reported");
    assert_eq!(
        page.texts(".row__foot .badge--warn"),
        ["Reported by 3: unsafe advice 2, spam 1", "Reported by 1: private details 1", "Reported by 1: abuse 1"]
    );
    let page = desk.look("/desk/comments?queue=reported&open=3").await;
    assert!(
        page.text_at(".why").starts_with(
            "Reported. Three readers reported it, one with a confirmed email: unsafe advice 2, spam 1. Their words:"
        ),
        "{}",
        page.text_at(".why")
    );
    assert_eq!(page.texts(".mini li"), ["Nobody should stop their tablets.Unsafe health advice"]);
    assert_eq!(desk.look("/desk").await.text_at("a[href='/desk/comments?queue=reported'] b"), "3");
    // An author sees what is reported under own articles alone; a stranger nothing.
    conversation::article(&site, "other", "Of somebody else").await;
    sql(&site, "insert into comments (article_id, revision_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
        values (2, 2, 0, 0, 'approved', 'Zoe', 'x', 'Text', '<p>Text</p>', 1, '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z')").await;
    report_from(&site, "203.0.113.1", 4, "spam").await;
    let author = signed_in(&site, 1).await;
    let page = author.look("/desk/comments?queue=reported").await;
    assert!(page.has("#r3") && !page.has("#r4"));
    assert_eq!(page.text_at(".tabs [aria-current]"), "Reported 3");
    assert_eq!(site.browser().look("/desk/comments?queue=reported").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_goes_on_page_by_page() {
    let site = conversation::site().await;
    public_comments(&site, &[("Ruth K.", None); 60]).await;
    sql(&site, "insert into reports (comment_id, reason, is_proved, network_key, created_at)
        select c, 'spam', false, int8send(n), '2026-11-14T09:00:00Z' from generate_series(1, 60) c, generate_series(1, 1 + c % 3) n;
        update comments set open_reports = 1 + id % 3").await;
    let desk = signed_in(&site, 2).await;
    let mut seen = Vec::new();
    let mut next = Some("/desk/comments?queue=reported".to_owned());
    while let Some(address) = next {
        let page = desk.look(&address).await;
        let picked = page.html();
        let rows = scraper::Selector::parse("article.row").unwrap();
        seen.extend(picked.select(&rows).map(|row| row.attr("id").unwrap()[1..].parse::<i64>().unwrap()));
        next = page.attribute(".pager a[rel=next]", "href");
    }
    let mut expected: Vec<i64> = (1..=60).collect();
    expected.sort_by_key(|id| (-(1 + id % 3), *id));
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_spam_and_trash_close_reports_and_undo_opens_them_again() {
    let site = talked_of().await;
    let desk = signed_in(&site, 2).await;
    for (to, receipt, undone, outcome) in [
        ("approved", "Kept Ruth K.’s comment to", "Undone. The reports of Ruth K.’s comment are open again.", "kept"),
        ("spam", "Marked as spam: Ruth K.’s comment to", "Undone. Ruth K.’s comment is approved again.", "spam"),
        ("trash", "Moved to trash: Ruth K.’s comment to", "Undone. Ruth K.’s comment is approved again.", "removed"),
    ] {
        report_from(&site, "203.0.113.1", 1, "spam").await;
        let page = desk.look("/desk/comments?queue=reported").await;
        let answer = desk.submit(&page.form("#r1 form.row__acts").choose("to", to)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{to}: {}", answer.text);
        let page = desk.get(&answer.location().unwrap()).await;
        assert!(page.text_at("#after-1").starts_with(receipt), "{}", page.text_at("#after-1"));
        assert_eq!(page.text_at(".tabs [aria-current]"), "Reported 0");
        assert_eq!(page.text_at(".blank b"), "No open reports");
        let closed: String = site
            .one("select concat_ws(' ', outcome, closed_by, decision_id is not null, (select open_reports from comments where id = 1)) from reports where comment_id = 1")
            .await;
        assert_eq!(closed, format!("{outcome} 2 t 0"));
        let page = desk.submit_and_follow(&page.form("#after-1 form")).await;
        assert!(page.text_at("#after-1").starts_with(undone), "{}", page.text_at("#after-1"));
        assert!(page.has("#r1"), "{to} undone");
        assert_eq!(status(&site, 1).await, "approved");
    }
    let kept: i64 = site.one("select count(*) from audit_entries where action = 'comment.keep'").await;
    assert_eq!(kept, 1);
    // What was kept can be reported again, by somebody else.
    let page = desk.look("/desk/comments?queue=reported").await;
    let answer =
        desk.submit(&page.form("#bulk").choose("picked", &page.attribute("#r1 [name=picked]", "value").unwrap())).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(
        site.one::<String>("select outcome from reports").await,
        "kept",
        "keeping is the first of the bulk moves"
    );
    let page = desk.look("/desk/comments?queue=approved").await;
    let keep = page.form("#r1 form.row__acts").choose("to", "approved");
    assert_eq!(desk.submit(&keep).await.status, StatusCode::CONFLICT, "nothing to keep");
    report_from(&site, "203.0.113.2", 1, "spam").await;
    assert_eq!(site.one::<i32>("select open_reports from comments where id = 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_what_reports_held_closes_them_and_a_withdrawal_too() {
    let site = talked_of().await;
    for name in ["dele", "shreya", "jonas"] {
        report(&reader(&site, &format!("{name}@mail.example")).await, 2, "unsafe", "").await;
    }
    let desk = signed_in(&site, 2).await;
    let page = desk.look("/desk/comments?queue=held&open=2").await;
    assert!(
        page.text_at(".why")
            .starts_with("Held by reports. Three readers reported it, all with a confirmed email: unsafe advice 3.")
    );
    let stale = page.form("form.decide").choose("to", "approved");
    assert_eq!(desk.submit(&stale).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.one::<i64>("select count(*) from reports where outcome = 'kept'").await, 3);
    assert_eq!(site.browser().look(ARTICLE).await.text_at("#talk-h"), "3 comments");

    sql(&site, "update comments set reader_id = (select id from readers limit 1) where id = 1").await;
    report_from(&site, "203.0.113.1", 1, "spam").await;
    let writer = reader(&site, "ruth@mail.example").await;
    sql(&site, "update comments set reader_id = (select max(id) from readers) where id = 1").await;
    assert!(!writer.look(ARTICLE).await.has("#comment-1 a[data-report]"), "nobody reports their own");
    let form = writer.look("/comments/1/withdraw").await.form("main form");
    assert_eq!(writer.submit(&form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.one::<String>("select outcome from reports where comment_id = 1").await, "withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_made_on_what_was_held_meanwhile_is_told_why() {
    let site = talked_of().await;
    let desk = signed_in(&site, 2).await;
    let seen = desk.look("/desk/comments?queue=approved&open=2").await;
    for name in ["dele", "shreya", "jonas"] {
        report(&reader(&site, &format!("{name}@mail.example")).await, 2, "unsafe", "").await;
    }
    let page = desk.submit(&seen.form("form.decide").choose("to", "spam")).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(page.text_at("#r2 .notice"), "Reports by readers held this at 10:00.");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_arrive_together_are_counted_one_by_one() {
    let site = talked_of().await;
    let networks: Vec<String> = (1..=4).map(|number| format!("203.0.113.{number}")).collect();
    let all = networks.iter().flat_map(|network| std::iter::repeat_n(network, 4));
    let answers = join_all(all.map(|network| report_from(&site, network, 1, "spam"))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::SEE_OTHER));
    assert_eq!(site.one::<i64>("select count(*) from reports").await, 4);
    assert_eq!(site.one::<i32>("select open_reports from comments where id = 1").await, 4);
}
