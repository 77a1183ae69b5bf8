//! Where a comment is, for its writer: in every state, without a cookie, and nothing of anybody else.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use stet::comments::standing;
use stet::core::ids::CommentId;
use stet::core::secret::Secret;

use crate::support::browser::Page;
use crate::support::conversation::{self, ARTICLE, approve_all, post, reader, signed_in, sql};
use crate::support::site::Site;

fn address(site: &Site, comment: i64) -> String {
    format!("/my/comments/{}", standing::token_for(site.app.secret(), CommentId(comment)))
}

async fn look(site: &Site, comment: i64) -> Page {
    let page = site.browser().look(&address(site, comment)).await;
    assert_eq!(page.header("cache-control"), Some("private, no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(page.header("set-cookie").is_none());
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn the_notice_of_a_held_comment_leads_to_a_page_that_needs_no_cookie() {
    let site = conversation::site().await;
    let dele = site.browser();
    let answer = post(&site, &dele, "Is an anchor sleep worth trying?").await;
    let page = dele.get(&answer.location().unwrap()).await;
    let href = page.attribute("#comment-1 .held a", "href").unwrap();
    assert_eq!(href, address(&site, 1));
    assert!(page.text_at("#comment-1 .held").contains("keep this link to look again later"));
    assert!(!site.browser().look(ARTICLE).await.text.contains("/my/comments/"), "nobody else is shown it");

    let page = look(&site, 1).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.text_at(".notice"), "Waiting for a moderator. It is the first comment from this email.");
    assert_eq!(page.text_at("blockquote"), "Is an anchor sleep worth trying?");
    assert_eq!(page.attribute("meta[name=robots]", "content").as_deref(), Some("noindex"));
    assert!(!page.has("link[rel=canonical]") && !page.text.contains("dele@mail.example"));
    assert!(!page.text_at("main").contains("Edit until"), "the link alone lets nobody change anything");
    let own = dele.look(&address(&site, 1)).await;
    assert!(own.text_at("main").contains("Edit until 10:15"), "{}", own.text_at("main"));
    site.later(TimeDelta::minutes(20));
    assert!(!dele.look(&address(&site, 1)).await.text_at("main").contains("Edit until"));

    approve_all(&signed_in(&site, 2).await).await;
    let page = look(&site, 1).await;
    assert_eq!(page.text_at(".notice"), "Public. Everyone can read it.");
    assert_eq!(page.attribute("main a.btn--primary", "href").as_deref(), Some("/comments/1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happened_to_a_comment_its_writer_can_learn_it() {
    let site = conversation::site().await;
    let dele = site.browser();
    post(&site, &dele, "Is an anchor sleep worth trying?").await;
    for (change, words, objects) in [
        (
            "status = 'held', status_reason = 'words'",
            "Waiting for a moderator. It has words that a moderator looks at first.",
            false,
        ),
        (
            "status = 'spam', status_reason = 'trap'",
            "Filed as spam. It arrived in the way programs send comments.",
            true,
        ),
        ("status = 'spam', status_reason = 'staff_spam'", "Filed as spam. A moderator took it for spam.", true),
        (
            "status = 'trash', status_reason = 'unsafe'",
            "Removed by a moderator. The reason given: unsafe health advice.",
            true,
        ),
        (
            "status = 'trash', status_reason = 'staff_trash'",
            "Removed by a moderator. No particular reason was given.",
            true,
        ),
        ("status = 'trash', status_reason = 'withdrawn'", "Withdrawn. Its writer took it back.", false),
    ] {
        sql(&site, &format!("update comments set {change} where id = 1")).await;
        let page = look(&site, 1).await;
        assert_eq!(page.text_at(".notice"), words);
        assert_eq!(page.text_at("main").contains("If you think that is wrong"), objects, "{words}");
        assert!(!page.text.contains("Tomas"), "who decided is nobody’s to know");
    }
    // In its place as well: nobody is let believe that it waits.
    sql(&site, "update comments set status = 'spam', status_reason = 'trap' where id = 1").await;
    let note = dele.look("/night-shift?at=1").await.text_at("#comment-1 .held");
    assert!(note.starts_with("Filed as spam. Only you can see this. It arrived"), "{note}");
    sql(&site, "delete from comments where id = 1").await;
    let gone = look(&site, 1).await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert!(gone.text_at("main").contains("Your comment is deleted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_not_given_out_shows_nothing() {
    let site = conversation::site().await;
    post(&site, &site.browser(), "Is an anchor sleep worth trying?").await;
    post(&site, &site.browser(), "And what of naps before a shift?").await;
    let mine = address(&site, 1);
    let forged = standing::token_for(&Secret::new([7; 32]), CommentId(1));
    let other = site.app.secret().sign("unsubscribe", "c1");
    for wrong in [
        mine.replace("/c1.", "/c2."),
        format!("/my/comments/{forged}"),
        format!("/my/comments/{other}"),
        "/my/comments/c1".into(),
    ] {
        assert_eq!(site.browser().look(&wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    let posted =
        site.browser().send(Method::POST, &mine, &[("sec-fetch-site", "same-origin")], Some(String::new())).await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(!look(&site, 1).await.text.contains("naps before"));
    // The team's comments have no such page.
    sql(&site, "insert into comments (article_id, revision_id, status, name, name_skeleton, staff_id, badge, body, html, renderer_version, created_at, published_at, status_changed_at) values (1, 1, 'approved', 'Dr Tomas Hale', 'x', 2, 'staff', 'Words of the team.', '', 1, now(), now(), now())").await;
    assert_eq!(look(&site, 3).await.status, StatusCode::GONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_comments_wait_is_told_as_it_was_and_not_where_nobody_looks() {
    let site = conversation::site().await;
    let dele = site.browser();
    post(&site, &dele, "Is an anchor sleep worth trying?").await;
    let decided = |hours: i64| {
        format!(
            "delete from comment_decisions;
             insert into comments (article_id, revision_id, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
             select 1, 1, 'approved', 'Ruth', 'x', 'Some words.', '', 1, '2026-11-01T08:00:00Z', now(), now() from generate_series(1, 10);
             insert into comment_decisions (comment_id, from_status, to_status, version, staff_id, decided_at)
             select id, 'held', 'approved', 2, 2, created_at + interval '{hours} hours' from comments where name = 'Ruth';"
        )
    };
    for (hours, words) in
        [(1, Some("within an hour")), (20, Some("within a day")), (70, Some("within three days")), (80, None)]
    {
        sql(&site, &decided(hours)).await;
        let page = look(&site, 1).await.text_at(".notice");
        let note = dele.look("/night-shift?at=1").await.text_at("#comment-1 .held");
        match words {
            Some(words) => {
                assert!(page.contains(&format!("Most comments are checked {words}.")), "{hours}: {page}");
                assert!(
                    note.contains(&format!("Only you can see this for now; most comments are checked {words}. It is")),
                    "{note}"
                );
            }
            None => assert!(!page.contains("Most comments") && !note.contains("most comments"), "{page} {note}"),
        }
    }
    // A queue nobody looks at: the old promise is not made any more.
    sql(&site, &decided(1)).await;
    sql(
        &site,
        "insert into comments (article_id, revision_id, status, status_reason, name, name_skeleton, body, html, renderer_version, created_at, status_changed_at)
         select 1, 1, 'held', 'first_time', 'Ana', 'x', 'Some words.', '', 1, '2026-11-05T08:00:00Z', now() from generate_series(1, 20)",
    )
    .await;
    assert!(!look(&site, 1).await.text_at(".notice").contains("Most comments"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_proved_an_address_has_a_picture_of_their_own_and_others_the_plain_circle() {
    let site = conversation::site().await;
    let (dele, ruth) = (site.browser(), reader(&site, "ruth@mail.example").await);
    post(&site, &dele, "Is an anchor sleep worth trying?").await;
    approve_all(&signed_in(&site, 2).await).await;
    let plain = site.browser().look(ARTICLE).await;
    assert_eq!(plain.attribute("#comment-1 .avatar", "class").as_deref(), Some("avatar"));
    conversation::confirm(&site, "dele@mail.example").await;
    post(&site, &dele, "It was, for me, in the end.").await;
    let form = ruth
        .look(ARTICLE)
        .await
        .form("#reply form")
        .fill("body", "Not for me, I am afraid.")
        .fill("name", "Ruth K.")
        .fill("email", "ruth@mail.example")
        .choose("act", "post");
    site.later(TimeDelta::seconds(10));
    ruth.submit(&form).await;
    approve_all(&signed_in(&site, 2).await).await;
    let page = site.browser().look("/night-shift?sort=newest").await;
    let look = |id: i64| page.attribute(&format!("#comment-{id} .avatar"), "class").unwrap();
    assert!(look(1).starts_with("avatar avatar--t") && look(1).contains(" avatar--w"), "{}", look(1));
    assert_eq!(look(1), look(2), "one person, one picture");
    assert!(look(3).starts_with("avatar avatar--t"));
    assert!(!page.text.contains("mail.example"));
}
