//! The pinned answer: a card above the threads, one an article, and when it goes.

use reqwest::StatusCode;

use crate::support::browser::{Browser, Page};
use crate::support::conversation::{self, ARTICLE, public_comments, signed_in, sql};
use crate::support::site::Site;

const CARD: &str = ".thread > .is-pinned";

/// Ruth asked, Tomas (3) and Ana (4) answered, Petra wrote besides.
async fn answered() -> (Site, Browser) {
    let site = conversation::site().await;
    public_comments(
        &site,
        &[("Ruth K.", None), ("Petra L.", None), ("Dr Tomas Hale", Some(1)), ("Ana Novak", Some(3))],
    )
    .await;
    sql(
        &site,
        "update comments set staff_id = 2, badge = 'staff', badge_title = 'Sleep physician' where id = 3;
         update comments set staff_id = 3, badge = 'staff' where id = 4",
    )
    .await;
    let desk = signed_in(&site, 2).await;
    (site, desk)
}

/// Presses Pin or Unpin under the comment itself.
async fn press(desk: &Browser, comment: i64, act: &str) -> Page {
    let page = desk.look(ARTICLE).await;
    desk.submit(
        &page.form(&format!("#comment-{comment} form[action='/desk/comments/{comment}/pin']")).choose("to", act),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_pinned_as_a_copy_above_the_threads() {
    let (site, desk) = answered().await;
    let stranger = site.browser();
    assert!(!stranger.look(ARTICLE).await.has(CARD));
    let answer = press(&desk, 3, "pin").await;
    assert_eq!((answer.status, answer.location().as_deref()), (StatusCode::SEE_OTHER, Some("/comments/3")));
    for address in [ARTICLE, "/night-shift?sort=newest", "/night-shift?sort=helpful", "/night-shift?all=1"] {
        let page = stranger.look(address).await;
        assert_eq!(page.texts(&format!("{CARD} .pin-label")), ["Pinned answer"], "{address}");
        assert_eq!(page.text_at(&format!("{CARD} h3")), "Dr Tomas Hale");
        assert_eq!(page.text_at(&format!("{CARD} .badge")), "Staff, sleep physician");
        assert_eq!(page.text_at(&format!("{CARD} .comment__to")), "In reply to Ruth K.");
        assert_eq!(page.text_at(&format!("{CARD} .comment__body")), "The words of Dr Tomas Hale.");
        assert_eq!(page.texts(&format!("{CARD} .comment__acts a")), ["See it in the conversation"]);
        assert_eq!(
            page.attribute(&format!("{CARD} .comment__acts a"), "href").as_deref(),
            Some("#comment-3"),
            "{address}"
        );
        assert!(!page.has(&format!("{CARD} form")) && !page.has(&format!("{CARD} [id^=comment]")));
        assert_eq!(page.texts("#comment-3").len(), 1, "the original stays in its place");
        assert_eq!(page.text_at("#talk-h"), "4 comments");
    }
    let feed = stranger.look("/night-shift/comments.xml").await;
    assert_eq!(feed.text.matches("The words of Dr Tomas Hale.").count(), 1);
    assert_eq!(stranger.look(ARTICLE).await.text.matches("\"text\":\"The words of Dr Tomas Hale.\"").count(), 1);
    let log: String = site
        .one("select action || ' ' || staff_id || ' ' || subject_id from audit_entries where action like '%pin'")
        .await;
    assert_eq!(log, "comment.pin 2 3");

    press(&desk, 3, "unpin").await;
    assert!(!stranger.look(ARTICLE).await.has(CARD));
    assert_eq!(site.one::<i64>("select count(*) from audit_entries where action = 'comment.unpin'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stands_on_first_pages_only_and_leads_to_the_original_from_afar() {
    let (site, desk) = answered().await;
    public_comments(&site, &[("Bill", None); 50]).await;
    press(&desk, 3, "pin").await;
    let stranger = site.browser();
    let newest = stranger.look("/night-shift?sort=newest").await;
    assert!(newest.has(CARD) && !newest.has("#comment-3"));
    assert_eq!(newest.attribute(&format!("{CARD} .comment__acts a"), "href").as_deref(), Some("/comments/3"));
    let next = newest.attribute(".pager a[rel=next]", "href").unwrap();
    let second = stranger.get(&next).await;
    assert!(!second.has(CARD) && second.has("#comment-3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_answer_takes_its_place_only_when_somebody_says_so() {
    let (site, desk) = answered().await;
    press(&desk, 3, "pin").await;
    let page = press(&desk, 4, "pin").await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(page.text_at("h1"), "Another answer is pinned");
    assert_eq!(page.text_at("blockquote"), "The words of Dr Tomas Hale.");
    assert_eq!(site.one::<i64>("select comment_id from pins").await, 3, "nothing was changed");
    let form = page.form("form[action='/desk/comments/4/pin']").choose("to", "pin");
    assert_eq!(desk.submit(&form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.browser().look(ARTICLE).await.text_at(&format!("{CARD} h3")), "Ana Novak");
    // The page of before names one that is not pinned any more: it asks again.
    press(&desk, 4, "unpin").await;
    press(&desk, 3, "pin").await;
    let late = desk.submit(&form.clone().fill("replaces", "4")).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_goes_with_the_comment_and_does_not_come_back_with_it() {
    let (site, desk) = answered().await;
    press(&desk, 4, "pin").await;
    let page = desk.look("/desk/comments?queue=approved").await;
    assert!(page.text_at("#r4 .row__by").contains("Pinned"));
    let answer = desk.submit(&page.form("#r4 form.row__acts").choose("to", "trash")).await;
    assert!(!site.browser().look(ARTICLE).await.has(CARD));
    assert_eq!(site.one::<i64>("select count(*) from pins").await, 0);
    assert_eq!(site.one::<String>("select actor from audit_entries where action = 'comment.unpin'").await, "system");
    let page = desk.get(&answer.location().unwrap()).await;
    desk.submit(&page.form("#after-4 form")).await;
    let back = site.browser().look(ARTICLE).await;
    assert!(back.has("#comment-4 .comment__body") && !back.has(CARD));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_teams_public_comments_are_pinned_by_those_who_decide_there() {
    let (site, desk) = answered().await;
    let page = desk.look(ARTICLE).await;
    assert!(!page.has("form[action='/desk/comments/1/pin']"), "a reader's comment has no such button");
    let form = page.form("#comment-3 form[action='/desk/comments/3/pin']").choose("to", "pin");
    let at = |id: i64| crate::support::browser::Filled { action: format!("/desk/comments/{id}/pin"), ..form.clone() };
    assert_eq!(desk.submit(&at(1)).await.status, StatusCode::NOT_FOUND);
    sql(&site, "update comments set status = 'trash', status_reason = 'staff_trash' where id = 4").await;
    assert_eq!(desk.submit(&at(4)).await.status, StatusCode::NOT_FOUND);
    // An author under another's article neither sees the button nor may send its form.
    sql(&site, "delete from revision_credits").await;
    let author = signed_in(&site, 1).await;
    let page = author.look(ARTICLE).await;
    assert!(!page.has("form[action='/desk/comments/3/pin']") && !page.has("#comment-3 a[href^='/desk']"));
    let token = author.look("/desk").await.attribute("input[name=csrf_token]", "value").unwrap();
    assert_eq!(author.submit(&at(3).fill("csrf_token", &token)).await.status, StatusCode::NOT_FOUND);
    let foreign = site.browser().submit(&at(3)).await;
    assert_eq!(foreign.status, StatusCode::UNAUTHORIZED);
    // At the desk's row.
    let row = desk.look("/desk/comments?queue=approved").await;
    assert!(row.has("#r3 form[action='/desk/comments/3/pin']") && !row.has("#r1 form[action$='/pin']"));
    let answer = desk.submit(&row.form("#r3 form[action='/desk/comments/3/pin']").choose("to", "pin")).await;
    assert_eq!(answer.location().as_deref(), Some("/desk/comments?queue=approved"));
    assert_eq!(site.one::<i64>("select comment_id from pins").await, 3);
}
