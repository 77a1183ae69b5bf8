//! Commenting as a reader does it, without script.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use stet::core::page_store::Tag;
use stet::core::status::Role;

use crate::support::conversation::{self, ARTICLE, approve_all, post, signed_in, sql, written};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_comment_is_held_and_shown_to_its_writer_only() {
    let site = conversation::site().await;
    let dele = site.browser();
    let answer = post(&site, &dele, "Is an anchor sleep *still* worth trying?").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(answer.location().unwrap().contains("#comment-1"));
    let page = dele.get(&answer.location().unwrap()).await;
    assert!(
        page.text_at("#comment-1 .held").contains(
            "Waiting for a moderator. Only you can see this for now. It is the first comment from this email."
        )
    );
    assert_eq!(page.text_at("#comment-1 em"), "still");
    assert_eq!(page.header("cache-control"), Some("private, no-store"));
    assert_eq!(page.text_at("#talk-h"), "No comments yet");

    let other = site.browser();
    let page = other.look(ARTICLE).await;
    assert!(!page.has("#comment-1") && !page.text.contains("anchor sleep"));
    assert_eq!(other.look("/comments/1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(dele.look("/comments/1").await.status, StatusCode::FOUND);
    assert_eq!(site.one::<String>("select status_reason from comments").await, "first_time");
    assert!(!page.text.contains("dele@mail.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_comment_is_everybodys_and_the_kept_page_is_replaced() {
    let site = conversation::site().await;
    let reader = site.browser();
    assert_eq!(reader.look(ARTICLE).await.text_at("#talk-h"), "No comments yet");
    post(&site, &site.browser(), "Is an anchor sleep worth trying?").await;
    assert_eq!(reader.look(ARTICLE).await.text_at("#talk-h"), "No comments yet");
    approve_all(&signed_in(&site, 2).await).await;
    let page = reader.look(ARTICLE).await;
    assert_eq!(page.text_at("#talk-h"), "1 comment");
    assert_eq!(page.text_at("#comment-1 h3"), "Dele A.");
    assert!(!page.text.contains("dele@mail.example"));
    assert_eq!(reader.look("/comments/1").await.location().as_deref(), Some("/night-shift?at=1#comment-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_told_at_once_and_everything_typed_is_kept() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = browser
        .look(ARTICLE)
        .await
        .form("#reply form")
        .fill("body", "x")
        .fill("name", "bestdrops.com")
        .fill("email", "dele.mail.example")
        .choose("notify", "replies")
        .choose("act", "post");
    let page = browser.submit(&form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let summary = page.texts("#reply .errsum a");
    assert_eq!(
        summary,
        [
            "Comment must be at least 2 characters",
            "Name can’t be a web address",
            "Enter an email address with an @, like name@example.org"
        ]
    );
    assert!(page.text_at("title").starts_with("Error: "));
    let again = page.form("#reply form");
    assert_eq!(
        (again.value("body"), again.value("name"), again.value("email"), again.value("notify")),
        (Some("x"), Some("bestdrops.com"), Some("dele.mail.example"), Some("replies"))
    );
    assert_eq!(page.attribute("#f-body", "aria-invalid").as_deref(), Some("true"));
    let page = browser
        .submit(
            &again
                .fill("body", "Now it is long enough.")
                .fill("name", "Dele")
                .fill("email", "dele@mail.example")
                .choose("act", "post"),
        )
        .await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_team_are_refused_in_any_dress() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = written(&browser.look(ARTICLE).await, "I am the physician, believe me.");
    for name in ["Dr Tomas Hale", "tomas hale", "Dr. Tоmas Hale", "Dr\u{200b} Tomas Hale", "MIRIAM ACHEBE"] {
        let page = browser.submit(&form.clone().fill("name", name)).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
        assert_eq!(page.texts(".errsum a"), ["Choose another name. That one belongs to someone on our team"]);
    }
    assert_eq!(browser.submit(&form.clone().fill("name", "Thomas Hale")).await.status, StatusCode::SEE_OTHER);
    site.member("Thomas Hale", Role::Moderator).await;
    let other = form.fill("name", "Thomas Hale").fill("email", "thomas@mail.example").fill("body", "Once more, then.");
    let page = browser.submit(&other).await;
    assert_eq!(page.texts(".errsum a"), ["Choose another name. That one belongs to someone on our team"]);
}

/// Comments that arrive together are written together, and each is judged by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_rush_of_comments_is_written_whole_and_one_bad_one_harms_no_other() {
    let site = conversation::site_with(&[("STET_TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    let form = written(&site.browser().look(ARTICLE).await, "");
    let mut posts = tokio::task::JoinSet::new();
    for n in 0..60 {
        // Of every ten: one under a team member's name, two of one form posted twice.
        let (body, name) = match n % 10 {
            9 => (format!("Believe me, for the {n}th time."), "Miriam Achebe"),
            8 => (format!("A question of its own, the {}th of this rush?", n - 1), "Dele A."),
            _ => (format!("A question of its own, the {n}th of this rush?"), "Dele A."),
        };
        let writer = if n % 10 == 8 { n - 1 } else { n };
        let form = form
            .clone()
            .fill("body", &body)
            .fill("name", name)
            .fill("email", &format!("rush{writer}@mail.example"))
            .fill("submission_key", &format!("rush-{writer}"));
        let (browser, own_page) = (site.browser(), site.base.clone());
        posts.spawn(async move {
            let network = format!("203.0.113.{n}");
            let headers =
                [("sec-fetch-site", "same-origin"), ("origin", own_page.as_str()), ("x-forwarded-for", &network)];
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
            (n, writer, browser.send(Method::POST, &form.action, &headers, Some(body)).await)
        });
    }
    let mut places = std::collections::BTreeMap::new();
    while let Some(done) = posts.join_next().await {
        let (n, writer, page) = done.unwrap();
        if n % 10 == 9 {
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{n}");
        } else {
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{n}: {}", page.text);
            let place = page.location().unwrap();
            assert_eq!(places.entry(writer).or_insert_with(|| place.clone()), &place, "{n}");
        }
    }
    assert_eq!(places.values().collect::<std::collections::BTreeSet<_>>().len(), 48, "each has a comment of its own");
    let counted = "select string_agg(concat_ws(' ', comments, addresses, browsers, entries), '') from (
        select count(*) as comments, count(distinct address_id) as addresses, count(distinct browser_id) as browsers,
               (select count(distinct subject_id) from audit_entries where action = 'comment.post') as entries
          from comments) as counted";
    assert_eq!(site.one::<String>(counted).await, "48 48 48 48");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_stores_nothing_and_shows_the_comment_as_it_will_look() {
    let site = conversation::site().await;
    let browser = site.browser();
    let mut form =
        written(&browser.look(ARTICLE).await, "See https://a.example/1 and https://a.example/2, **please**.");
    form.fields.retain(|(name, _)| name != "act");
    let page = browser.submit(&form.choose("act", "preview")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.text_at(".preview strong"), "please");
    assert_eq!(page.attribute(".preview a", "rel").as_deref(), Some("nofollow ugc noopener"));
    assert_eq!(page.text_at(".preview .notice"), "This will wait for a moderator: it has two links.");
    assert_eq!(page.form("#reply form").value("name"), Some("Dele A."));
    assert_eq!(site.one::<i64>("select count(*) from comments").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_form_twice_makes_one_comment() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = written(&browser.look(ARTICLE).await, "Once is enough, I should think.");
    let first = browser.submit(&form).await;
    let second = browser.submit(&form).await;
    assert_eq!(first.location(), second.location());
    // The same again from a browser without the cookie: told where it is, not made its writer.
    let stranger = site.browser();
    let third = stranger.submit(&form).await;
    assert_eq!(third.status, StatusCode::SEE_OTHER);
    assert!(third.header("set-cookie").is_none());
    assert_eq!(site.one::<i64>("select count(*) from comments").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_posts_at_once_make_one_comment() {
    let site = conversation::site().await;
    let form = written(&site.browser().look(ARTICLE).await, "Raced, but only once please.");
    let posts = (0..20).map(|_| {
        let (browser, form) = (site.browser(), form.clone());
        tokio::spawn(async move { browser.submit(&form).await })
    });
    for post in posts.collect::<Vec<_>>() {
        let answer = post.await.unwrap();
        assert_eq!(
            (answer.status, answer.location().is_some_and(|to| to.ends_with("#comment-1"))),
            (StatusCode::SEE_OTHER, true),
            "{}",
            answer.text
        );
    }
    assert_eq!(site.one::<i64>("select count(*) from comments").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_stands_under_its_comment_and_deeper_ones_say_whom_they_answer() {
    let site = conversation::site().await;
    let (dele, desk) = (site.browser(), signed_in(&site, 2).await);
    post(&site, &dele, "The first of three comments.").await;
    approve_all(&desk).await;
    let mut texts = vec!["The second answers the first.", "The third answers the second."].into_iter();
    for id in [1, 2] {
        let page = dele.look(&format!("/night-shift?reply={id}")).await;
        assert_eq!(page.text_at("#reply h2"), "Reply to Dele A.");
        site.later(TimeDelta::seconds(10));
        let form = page
            .form("#reply form")
            .fill("body", texts.next().unwrap())
            .fill("name", "Dele A.")
            .fill("email", "dele@mail.example")
            .choose("act", "post");
        let answer = dele.submit(&form).await;
        assert_eq!(answer.location().as_deref(), Some(format!("/night-shift?at=1#comment-{}", id + 1).as_str()));
        approve_all(&desk).await;
    }
    let page = site.browser().look(ARTICLE).await;
    assert_eq!(page.text_at("#talk-h"), "3 comments");
    assert_eq!(page.text_at(".replies > summary"), "2 replies");
    assert!(page.has(".replies > ol > li > #comment-2") && page.has(".replies > ol > li > #comment-3"));
    assert!(!page.has("#comment-2 .comment__to"));
    assert_eq!(page.text_at("#comment-3 .comment__to"), "In reply to Dele A.");
    assert_eq!(site.one::<i32>("select depth from comments where id = 3").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_are_filed_as_spam_with_the_reason() {
    let site = conversation::site().await;
    let browser = site.browser();
    let trapped = written(&browser.look(ARTICLE).await, "Buy my wonderful drops today.")
        .fill("homepage", "https://drops.example");
    assert_eq!(browser.submit(&trapped).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        site.one::<String>("select status || ' ' || status_reason from comments where id = 1").await,
        "spam trap"
    );
    sql(&site, "update comments set status = 'approved', status_reason = null, published_at = created_at where id = 1; update articles set comment_count = 1").await;
    // A page for one reader knows when it was opened; a kept one believes script's own figure.
    let fast = browser
        .look("/night-shift?reply=1")
        .await
        .form("#reply form")
        .fill("body", "Quicker than anyone types.")
        .fill("name", "Bot")
        .fill("email", "bot@mail.example")
        .choose("act", "post");
    site.later(TimeDelta::seconds(2));
    browser.submit(&fast).await;
    assert_eq!(
        site.one::<String>("select status || ' ' || (screening->0->>'badge') from comments where id = 2").await,
        "spam Posted 2 seconds after opening"
    );
    let page = browser.look("/night-shift?reply=1").await;
    site.later(TimeDelta::seconds(3));
    let slow = page
        .form("#reply form")
        .fill("body", "As fast as a person can be.")
        .fill("name", "Person")
        .fill("email", "p@mail.example")
        .choose("act", "post");
    browser.submit(&slow).await;
    assert_eq!(site.one::<String>("select status from comments where id = 3").await, "held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_older_than_two_days_is_given_back_fresh() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = written(&browser.look(ARTICLE).await, "Written over a long week-end.");
    site.later(TimeDelta::hours(49));
    let page = browser.submit(&form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.text_at("#reply .notice")
            .contains("This page was open for a long time. Check your comment and post it again")
    );
    assert_eq!(browser.submit(&page.form("#reply form").choose("act", "post")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_comment_of_a_network_and_the_sixth_of_a_person_wait_with_their_text() {
    let site = conversation::site().await;
    let form = written(&site.browser().look(ARTICLE).await, "");
    for number in 0..10 {
        let form = form
            .clone()
            .fill("body", &format!("Comment number {number}."))
            .fill("email", &format!("reader{number}@mail.example"));
        assert_eq!(site.browser().submit(&form).await.status, StatusCode::SEE_OTHER);
    }
    let page = site.browser().submit(&form.clone().fill("body", "Comment number eleven.")).await;
    assert_eq!((page.status, page.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some("60")));
    assert_eq!(page.form("#reply form").value("body"), Some("Comment number eleven."));
    site.later(TimeDelta::seconds(60));
    for number in 0..5 {
        let form = form.clone().fill("body", &format!("Dele's number {number}."));
        assert_eq!(site.browser().submit(&form).await.status, StatusCode::SEE_OTHER);
    }
    let page = site.browser().submit(&form.fill("body", "Dele's sixth.")).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        page.text_at("#reply .notice")
            .starts_with("You have posted 5 comments in 10 minutes. You can post again at 10:11")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_article_has_no_form_and_keeps_a_late_text() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = written(&browser.look(ARTICLE).await, "Just a little too late.");
    sql(&site, "update articles set comments_mode = 'closed', comments_closed_at = '2026-12-14T10:00:00Z'").await;
    let page = browser.submit(&form).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("Comments closed on 14 December 2026. You can still read them."));
    assert!(page.text_at("#f-body").contains("Just a little too late."));
    assert!(!page.has("#reply form"));
    assert_eq!(site.one::<i64>("select count(*) from comments").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answering_a_comment_that_was_removed_offers_to_post_alone() {
    let site = conversation::site().await;
    let (browser, desk) = (site.browser(), signed_in(&site, 2).await);
    post(&site, &browser, "This one will be removed.").await;
    approve_all(&desk).await;
    let form = written(&browser.look("/night-shift?reply=1").await, "An answer that comes too late.");
    let queue = desk.look("/desk/comments?queue=approved").await;
    desk.submit(&queue.form(".row form.row__acts").choose("to", "trash")).await;
    let page = browser.submit(&form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.text_at("#reply .notice")
            .contains("The comment you were answering was removed. You can post yours on its own")
    );
    let again = page.form("#reply form");
    assert_eq!((again.value("parent"), again.value("body")), (Some(""), Some("An answer that comes too late.")));
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_of_other_sites_are_refused_and_of_no_browser_are_nobodys() {
    let site = conversation::site().await;
    let browser = site.browser();
    post(&site, &browser, "Written in this very browser.").await;
    let body = || Some("body=From+a+program.&name=Robot&email=robot%40mail.example&act=post".to_owned());
    let cross = browser.send(Method::POST, "/night-shift/comments", &[("sec-fetch-site", "cross-site")], body()).await;
    assert_eq!(cross.status, StatusCode::FORBIDDEN);
    let plain = browser.send(Method::POST, "/night-shift/comments", &[], body()).await;
    assert_eq!(plain.status, StatusCode::SEE_OTHER, "{}", plain.text);
    assert!(plain.header("set-cookie").is_some(), "the browser's own cookie was not looked at");
    let smuggled = browser
        .send(
            Method::POST,
            "/night-shift/comments",
            &[("sec-fetch-site", "same-origin")],
            Some("body=Hello&name=A&email=a%40b.example&status=approved".into()),
        )
        .await;
    assert_eq!(smuggled.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.one::<i64>("select count(*) from comments").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_readers_address_from_a_clean_browser_is_held() {
    let site = conversation::site().await;
    let (dele, desk) = (site.browser(), signed_in(&site, 2).await);
    post(&site, &dele, "The first comment, to be approved.").await;
    approve_all(&desk).await;
    conversation::confirm(&site, "dele@mail.example").await;
    post(&site, &dele, "The second one from the same browser.").await;
    assert_eq!(site.one::<String>("select status from comments where id = 2").await, "approved");
    post(&site, &site.browser(), "Dele's address, but not Dele.").await;
    assert_eq!(
        site.one::<String>("select status || ' ' || status_reason from comments where id = 3").await,
        "held unproven"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_works_until_the_window_ends_and_is_marked() {
    let site = conversation::site().await;
    let (dele, desk) = (site.browser(), signed_in(&site, 2).await);
    post(&site, &dele, "About 42 minutes more.").await;
    approve_all(&desk).await;
    assert_eq!(site.browser().look("/comments/1/edit").await.status, StatusCode::NOT_FOUND);
    let form = dele.look("/comments/1/edit").await.form(".reply-form form");
    site.later(TimeDelta::minutes(15) - TimeDelta::seconds(1));
    let answer = dele.submit(&form.clone().fill("body", "About 24 minutes more.")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = site.browser().look(ARTICLE).await;
    assert!(
        page.text_at("#comment-1 .comment__by").contains("Edited")
            && page.text_at("#comment-1 .comment__body").contains("24")
    );
    site.later(TimeDelta::seconds(2));
    let page = dele.submit(&form.fill("body", "About 23 minutes more.")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("The 15 minutes for editing are over.") && page.text_at("#f-body").contains("23"));
    assert_eq!(site.one::<String>("select body from comment_revisions").await, "About 42 minutes more.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_runs_into_a_rule_is_held_again() {
    let site = conversation::site().await;
    let (dele, desk) = (site.browser(), signed_in(&site, 2).await);
    post(&site, &dele, "Harmless words, at first.").await;
    approve_all(&desk).await;
    let form = dele.look("/comments/1/edit").await.form(".reply-form form");
    dele.submit(&form.fill("body", "Go to https://drops.example/1 and https://drops.example/2")).await;
    assert_eq!(site.one::<String>("select status || ' ' || status_reason from comments").await, "held edited");
    assert!(!site.browser().look(ARTICLE).await.text.contains("drops.example"));
    assert_eq!(site.one::<i32>("select comment_count from articles").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_comment_leaves_a_line_only_over_its_replies() {
    let site = conversation::site().await;
    let (dele, desk) = (site.browser(), signed_in(&site, 2).await);
    post(&site, &dele, "This will be withdrawn.").await;
    approve_all(&desk).await;
    let form = written(&dele.look("/night-shift?reply=1").await, "And this one answers it.");
    site.later(TimeDelta::seconds(10));
    dele.submit(&form).await;
    approve_all(&desk).await;
    let page = dele.look("/comments/1/withdraw").await;
    assert_eq!(page.text_at("h1"), "Withdraw this comment?");
    assert_eq!(dele.submit(&page.form("main form")).await.status, StatusCode::SEE_OTHER);
    let page = site.browser().look(ARTICLE).await;
    assert_eq!(
        (page.text_at("#comment-1"), page.text_at("#talk-h")),
        ("Withdrawn by its writer.".into(), "1 comment".into())
    );
    assert!(!page.text.contains("This will be withdrawn."));
    dele.submit(&dele.look("/comments/2/withdraw").await.form("main form")).await;
    let page = site.browser().look(ARTICLE).await;
    assert!(!page.has("#comment-1") && !page.has("#comment-2"));
    assert_eq!(
        site.browser().look("/comments/1").await.location().as_deref(),
        Some("/night-shift?at=1&gone=1#comments")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_asked_for_only_with_the_tick_and_once() {
    let site = conversation::site().await;
    let browser = site.browser();
    post(&site, &browser, "Without a tick, without a mail.").await;
    assert_eq!(site.one::<i64>("select count(*) from jobs").await, 0);
    let form = written(&browser.look(ARTICLE).await, "With the tick, this time.").choose("notify", "replies");
    site.later(TimeDelta::seconds(10));
    let answer = browser.submit(&form).await;
    assert!(answer.location().unwrap().contains("confirm=1"));
    assert!(browser.get(&answer.location().unwrap()).await.text.contains("open the mail we have just sent you"));
    assert_eq!(site.one::<String>("select string_agg(kind, ' ') from jobs").await, "notify.confirm");
    assert_eq!(
        site.one::<i64>("select count(*) from subscriptions where scope = 'replies' and comment_id = 2").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_text_stays_text() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = written(
        &browser.look(ARTICLE).await,
        "<script>alert(1)</script> [x](javascript:alert(1)) ![p](https://e.example/p.png) <img src=x onerror=alert(1)>\n\n\u{202e}reversed",
    );
    let answer = browser.submit(&form.fill("name", "<b>Bold\u{202e}</b>")).await;
    let page = browser.get(&answer.location().unwrap()).await;
    assert!(
        !page.has("#comment-1 script") && !page.has("#comment-1 img") && !page.has("#comment-1 [href^=javascript]")
    );
    assert_eq!(page.text_at("#comment-1 h3"), "<b>Bold</b>");
    assert!(!page.text.contains('\u{202e}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_paged_and_long_threads_folded() {
    let site = conversation::site().await;
    sql(&site, "alter table comments disable trigger comments_are_placed;
        insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at, public_replies)
        overriding system value select 1, 1, null, n, 0, 'approved', 'Reader ' || n, 'x', 'Text ' || n, '<p>Text ' || n || '</p>', 1, '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', case when n = 1 then 20 else 0 end
        from generate_series(1, 90) n;
        insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
        select 1, 1, 1, 1, 1, 'approved', 'Reply ' || n, 'x', 'Reply ' || n, '<p>Reply ' || n || '</p>', 1, '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z'
        from generate_series(91, 110) n;
        alter table comments enable trigger comments_are_placed; update articles set comment_count = 110;").await;
    let browser = site.browser();
    let page = browser.look(ARTICLE).await;
    assert_eq!(page.texts(".thread > li > article").len(), 40);
    assert_eq!(page.texts(".replies article").len(), 5);
    assert_eq!(page.text_at(".replies .more a"), "Show 15 more replies");
    assert_eq!(page.text_at(".pager a"), "Next 40 of 110 comments");
    let next = page.attribute(".pager a", "href").unwrap();
    assert_eq!(next, "/night-shift?after=40#comments");
    let page = browser.look(&next).await;
    assert!(page.has("#comment-41") && page.has("#comment-80") && !page.has("#comment-40"));
    let page = browser.get("/comments/100").await;
    assert!(page.has("#comment-100"), "the thread that was asked for is not folded");
    let page = browser.get("/comments/85").await;
    assert!(page.has("#comment-85"));
    let page = browser.look("/night-shift/threads/1").await;
    assert_eq!(page.texts(".replies article").len(), 20);
    let page = browser.look("/night-shift?sort=newest").await;
    assert!(page.has("#comment-90") && !page.has("#comment-1"));
    assert!(browser.look("/night-shift?sort=replies").await.has("#comment-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_ten_thousand_replies_is_drawn_flat_and_at_once() {
    let site = conversation::site().await;
    sql(&site, "alter table comments disable trigger comments_are_placed;
        insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at, public_replies)
        overriding system value select 1, 1, case when n > 1 then n - 1 end, 1, n - 1, 'approved', 'Reader', 'x', 'Text ' || n, '<p>Text</p>', 1, '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', case when n = 1 then 10000 else 0 end
        from generate_series(1, 10001) n;
        alter table comments enable trigger comments_are_placed; update articles set comment_count = 10001;").await;
    let browser = site.browser();
    for address in [ARTICLE, "/night-shift/threads/1", "/comments/10001"] {
        let page = browser.get(address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}");
        assert!(deepest(&page.text) <= 200, "{address}: {}", deepest(&page.text));
    }
    assert!(browser.get("/comments/10001").await.has("#comment-10001"));
}

/// How deep elements nest, by counting the lists and items of the text.
fn deepest(html: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for part in html.split('<') {
        if ["ol", "li", "details", "article"]
            .iter()
            .any(|tag| part.strip_prefix(tag).is_some_and(|rest| rest.starts_with([' ', '>'])))
        {
            depth += 1;
            deepest = deepest.max(depth);
        } else if ["/ol>", "/li>", "/details>", "/article>"].iter().any(|tag| part.starts_with(tag)) {
            depth -= 1;
        }
    }
    assert_eq!(depth, 0, "lists that are opened are closed");
    deepest
}

#[tokio::test(flavor = "multi_thread")]
async fn confirming_attaches_ticked_comments_only_and_only_by_its_button() {
    let site = conversation::site().await;
    let dele = site.browser();
    post(&site, &dele, "The first one, which is mine.").await;
    post(&site, &site.browser(), "The second one, which is somebody else's.").await;
    let token = stet::core::rng::Rng::system().token();
    let hash: String = token.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    sql(&site, &format!("insert into address_confirmations (address_id, token_hash, created_at, expires_at) values (1, '\\x{hash}', '2026-11-14T10:00:00Z', '2026-11-17T10:00:00Z')")).await;
    let address = format!("/mail/confirm/{}", token.reveal());
    for _ in 0..10 {
        assert_eq!(dele.look(&address).await.texts("label.check").len(), 2);
    }
    assert_eq!(site.one::<i64>("select count(*) from readers").await, 0);
    let form = dele.look(&address).await.form("main form").choose("comment", "1").choose("act", "confirm");
    let page = dele.submit_and_follow(&form).await;
    assert_eq!(page.text_at("h1"), "Your address is confirmed");
    assert_eq!(
        site.one::<String>("select string_agg(id || ':' || (reader_id is not null), ' ' order by id) from comments")
            .await,
        "1:true 2:false"
    );
    assert_eq!(site.one::<i64>("select count(*) from reader_browsers where reader_id is not null").await, 1);
    assert_eq!(
        site.browser().look("/mail/confirm/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wrote_none_of_them_says_so() {
    let site = conversation::site().await;
    let form = written(&site.browser().look(ARTICLE).await, "With somebody's address.").choose("notify", "replies");
    site.browser().submit(&form).await;
    let token = stet::core::rng::Rng::system().token();
    let hash: String = token.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    sql(&site, &format!("insert into address_confirmations (address_id, token_hash, created_at, expires_at) values (1, '\\x{hash}', '2026-11-14T10:00:00Z', '2026-11-17T10:00:00Z')")).await;
    let owner = site.browser();
    let page = owner.look(&format!("/mail/confirm/{}", token.reveal())).await;
    let page = owner.submit_and_follow(&page.form("main form").choose("act", "refuse")).await;
    assert_eq!(page.text_at("h1"), "This link is over");
    assert_eq!(site.one::<i64>("select count(*) from subscriptions where ended_at is null").await, 0);
    assert_eq!(site.one::<i64>("select count(*) from readers").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_while_the_database_is_away_is_given_back_in_its_form() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = written(&browser.look(ARTICLE).await, "Written while nothing can be saved.").choose("notify", "replies");
    conversation::database_away(&site).await;
    assert_eq!(site.browser().look(ARTICLE).await.status, StatusCode::OK, "the kept page is still served");
    let page = browser.submit(&form).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.header("retry-after").is_some());
    assert!(
        page.text_at(".notice")
            .contains("We couldn’t save your comment. Nothing is lost: it is still in the box below.")
    );
    let again = page.form("#reply form");
    assert_eq!(
        (again.value("body"), again.value("name"), again.value("notify")),
        (Some("Written while nothing can be saved."), Some("Dele A."), Some("replies"))
    );
    conversation::database_back(&site).await;
    assert_eq!(browser.submit(&again.choose("act", "post")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.one::<i64>("select count(*) from comments").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_of_comments_holds_public_ones_alone() {
    let site = conversation::site().await;
    post(&site, &site.browser(), "This one will be approved.").await;
    approve_all(&signed_in(&site, 2).await).await;
    post(&site, &site.browser(), "This one waits for a moderator.").await;
    let feed = site.browser().look("/night-shift/comments.xml").await;
    assert_eq!(feed.header("content-type"), Some("application/atom+xml; charset=utf-8"));
    assert!(
        feed.text.contains("This one will be approved.")
            && feed.text.contains("Dele A. on Sleeping well on the night shift")
    );
    assert!(!feed.text.contains("waits for a moderator") && !feed.text.contains("mail.example"));
    assert_eq!(site.browser().look("/night-shift/feed").await.location().as_deref(), Some("/night-shift/comments.xml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_on_a_list_hold_or_file_and_the_next_version_counts_at_once() {
    let site = conversation::site().await;
    sql(&site, "insert into word_lists (name, outcome, words, updated_at) values ('Selling', 'hold', '{supplement*}', '2026-11-14T09:00:00Z')").await;
    site.app.db.shared().pages.purge(&[Tag::Words]); // as the verb that saves a list does
    post(&site, &site.browser(), "I sell sup\u{200b}plements, cheap.").await;
    assert_eq!(
        site.one::<String>("select screening->0->>'sentence' from comments where id = 1").await,
        "Contains “sup\u{200b}plements”, which is on your list “Selling”."
    );
    assert_eq!(site.one::<String>("select status_reason from comments where id = 1").await, "words");
    sql(&site, "update word_lists set outcome = 'spam', version = 2, words = '{drops}'").await;
    site.app.db.shared().pages.purge(&[Tag::Words]);
    post(&site, &site.browser(), "Then I sell drops, very cheap.").await;
    assert_eq!(site.one::<String>("select status || ' ' || (screening->0->'evidence'->'matches'->0->>'list_version') from comments where id = 2").await, "spam 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_details_are_asked_about_once_and_posted_when_their_writer_wants_it() {
    let site = conversation::site().await;
    let dele = site.browser();
    let text = "Ring me on 07700 900123, or write to dele@mail.example.";
    let asked = post(&site, &dele, text).await;
    assert_eq!(asked.status, StatusCode::OK);
    let notice = asked.text_at("#reply .notice--warn");
    assert!(
        notice.contains("not posted yet") && notice.contains("phone number") && notice.contains("email address"),
        "{notice}"
    );
    assert_eq!(asked.text_at("#reply textarea").trim(), text, "nothing typed is lost");
    assert_eq!(asked.attribute("#reply [name=email]", "value").as_deref(), Some("dele@mail.example"));
    assert!(asked.header("set-cookie").is_none());
    assert_eq!(site.one::<i64>("select (select count(*) from comments) + (select count(*) from addresses)").await, 0);

    // Taken out, it is posted without more ado; as it is, where its writer says so.
    let mended =
        dele.submit(&asked.form("#reply form").fill("body", "Is anchor sleep worth it?").choose("act", "post")).await;
    assert_eq!(mended.status, StatusCode::SEE_OTHER, "{}", mended.text);
    let asked = post(&site, &site.browser(), &format!("{text} Please.")).await;
    let kept = site.browser().submit(&asked.form("#reply form").choose("act", "post")).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text);
    assert_eq!(site.one::<i64>("select count(*) from comments where body like '%07700%'").await, 1);

    // The team is not asked, nor anybody where the owner turned it off.
    let tomas = signed_in(&site, 2).await;
    let form = tomas.look(ARTICLE).await.form("#reply form").fill("body", text).choose("act", "post");
    assert_eq!(tomas.submit(&form).await.status, StatusCode::SEE_OTHER);
    sql(&site, r#"insert into settings values ('comments', '{"privacy_hint": false}', now())"#).await;
    site.app.pages().purge(&[Tag::Site]);
    assert_eq!(post(&site, &site.browser(), &format!("{text} Thanks.")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sets_how_comments_are_taken() {
    let site = conversation::site().await;
    let owner = site.signed_in(&site.member("Olu", Role::Owner).await).await;
    let page = owner.look("/desk/settings/comments").await;
    let form = || page.form("form.form");
    let wrong = owner
        .submit(&form().fill("depth", "9").fill("newcomer_links", "many").fill("throwaway_domains", "not a domain"))
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for message in [
        "Levels must be a number from 1 to 5",
        "Links must be a number from 0 to 5",
        "“not a domain” must look like mailinator.com",
    ] {
        assert!(wrong.text.contains(message), "{message}");
    }
    assert_eq!(wrong.attribute("[name=depth]", "value").as_deref(), Some("9"), "what was typed is kept");
    assert_eq!(site.one::<i64>("select count(*) from settings where key = 'comments'").await, 0);

    let saved = owner
        .submit(
            &form()
                .fill("moderation", "none")
                .fill("house_rules", "Be kind.")
                .fill("edit_window_minutes", "5")
                .fill("throwaway_domains", "Mailinator.com\n@bücher.example\nmailinator.com"),
        )
        .await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let page = owner.look("/desk/settings/comments").await;
    assert_eq!(page.text_at("[name=throwaway_domains]").trim(), "mailinator.com xn--bcher-kva.example");
    assert_eq!(site.one::<i64>("select count(*) from audit_entries where action = 'settings.comments'").await, 1);

    let reader = site.browser();
    assert_eq!(reader.look(ARTICLE).await.text_at(".talk__rules"), "Be kind.");
    post(&site, &reader, "Nobody waits now.").await;
    for email in ["a@mailinator.com", "b@eu.mailinator.com", "c@bücher.example"] {
        written_from(&site, email).await;
    }
    written_from(&site, "d@notmailinator.com").await;
    let held = "select string_agg(canonical, ' ' order by canonical) from comments join addresses on addresses.id = address_id where status = 'held'";
    assert_eq!(site.one::<String>(held).await, "a@mailinator.com b@eu.mailinator.com c@xn--bcher-kva.example");
    assert_eq!(site.one::<i64>("select count(*) from comments where status_reason = 'throwaway'").await, 3);

    let page = owner.look("/desk/settings/comments").await;
    owner.submit(&page.form("form.form").fill("paused", "Back on Monday.")).await;
    let page = reader.look(ARTICLE).await;
    assert!(page.text.contains("Back on Monday.") && !page.has("#reply form"));

    let editor = signed_in(&site, 3).await;
    assert_eq!(editor.look("/desk/settings/comments").await.status, StatusCode::FORBIDDEN);
}

async fn written_from(site: &crate::support::site::Site, email: &str) {
    let browser = site.browser();
    let form = written(&browser.look(ARTICLE).await, &format!("Greetings from {email}").replace('@', " at "));
    site.later(TimeDelta::seconds(70));
    let answer = browser.submit(&form.fill("email", email)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
}

/// The table of reader.md 5, word for word: each mistake, the field it is said beside, and that nothing typed is lost.
#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_told_in_the_words_of_the_table() {
    let site = conversation::site().await;
    let browser = site.browser();
    let form = written(&browser.look(ARTICLE).await, "Is an anchor sleep worth trying?");
    let links = (1..=9).map(|n| format!("https://a{n}.example/")).collect::<Vec<_>>().join(" ");
    let long = "x".repeat(5_212);
    let name = "n".repeat(61);
    for (field, typed, message) in [
        ("body", "", "Write your comment"),
        ("body", "  \n ", "Write your comment"),
        ("body", "x", "Comment must be at least 2 characters"),
        ("body", long.as_str(), "Comment must be 5,000 characters or fewer. You have used 5,212"),
        ("body", links.as_str(), "Your comment has 9 links. Post it with 5 or fewer"),
        ("name", "", "Enter your name"),
        ("name", name.as_str(), "Name must be 60 characters or fewer"),
        ("name", "Tomas Hale", "Choose another name. That one belongs to someone on our team"),
        ("name", "https://pills.example", "Name can’t be a web address"),
        ("name", "pills.com", "Name can’t be a web address"),
        ("email", "", "Enter your email address"),
        ("email", "dele", "Enter an email address with an @, like name@example.org"),
        ("email", "dele@", "Enter an email address with an @, like name@example.org"),
    ] {
        site.later(TimeDelta::seconds(61));
        let page = browser.submit(&form.clone().fill(field, typed)).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{message}");
        assert!(page.text_at("title").starts_with("Error: "), "{}", page.text_at("title"));
        assert!(page.text_at(".errsum").contains("There is a problem"));
        assert_eq!(page.texts(".errsum a"), [message]);
        assert_eq!(page.attribute(".errsum a", "href").as_deref(), Some(format!("#f-{field}").as_str()));
        assert!(page.text_at(&format!("#f-{field}-e")).ends_with(message), "beside the field");
        assert_eq!(page.attribute(&format!("#f-{field}"), "aria-invalid").as_deref(), Some("true"));
        let again = page.form("#reply form");
        for (name, kept) in
            [("body", "Is an anchor sleep worth trying?"), ("name", "Dele A."), ("email", "dele@mail.example")]
        {
            let kept = if name == field { typed } else { kept };
            assert_eq!(again.value(name).unwrap_or_default().trim(), kept.trim(), "{name} is kept");
        }
        // And the form works.
        let mended = browser.submit(&again.fill(field, form.value(field).unwrap()).choose("act", "preview")).await;
        assert_eq!(mended.status, StatusCode::OK, "{message}");
    }

    let two = browser.submit(&form.clone().fill("name", "").fill("body", "")).await;
    assert_eq!(two.texts(".errsum a"), ["Write your comment", "Enter your name"], "all at once");

    site.later(TimeDelta::seconds(61));
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    site.later(TimeDelta::days(2));
    let fresh = written(&browser.look(ARTICLE).await, "Is an anchor sleep worth trying?");
    sql(&site, "update comments set created_at = created_at + interval '47 hours'").await;
    site.later(TimeDelta::seconds(10));
    let said = browser.submit(&fresh.fill("body", "Is an anchor sleep  WORTH trying?")).await;
    assert_eq!(said.texts(".errsum a"), ["You have posted this already."]);
    assert_eq!(said.attribute("#reply a[href='/comments/1']", "href").as_deref(), Some("/comments/1"), "See it");
}

/// A thousand posts from one network in a minute (`STET_SOAK=1`; a sample of 120): ten are taken, the others are told
/// when to try again with their words, nobody elsewhere is kept waiting, and what was answered 303 is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_floods_is_slowed_down_alone_and_loses_nothing_it_was_promised() {
    let site = conversation::site_with(&[("STET_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let form = written(&site.browser().look(ARTICLE).await, "");
    let posts = crate::support::long_run::amount("STET_SOAK_FLOOD", 120, 1_000);
    let send = async |number: usize, network: String| {
        let text = format!("Comment number {number} from {network}.").replace('.', " ");
        let form = form.clone().fill("body", &text).fill("email", &format!("f{number}@mail.example"));
        let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", network.as_str())];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        (site.browser().send(Method::POST, "/night-shift/comments", &headers, Some(body)).await, text)
    };
    let (mut taken, mut slowed) = (0, 0);
    for number in 0..posts {
        let (page, text) = send(number, "198.51.100.7".into()).await;
        match page.status {
            StatusCode::SEE_OTHER => taken += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                slowed += 1;
                assert!(page.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().unwrap() <= 60));
                assert!(page.text.contains(&text), "the words are given back");
            }
            other => panic!("{other}: {}", page.text),
        }
        if number % 20 == 0 {
            let (elsewhere, _) = send(10_000 + number, format!("203.0.113.{}", number / 20 + 1)).await;
            assert_eq!(elsewhere.status, StatusCode::SEE_OTHER, "readers elsewhere are not kept waiting");
            taken += 1;
        }
    }
    assert_eq!(slowed, posts - 10);
    assert_eq!(site.one::<i64>("select count(*) from comments").await, i64::from(taken));
}
