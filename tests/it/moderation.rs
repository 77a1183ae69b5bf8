//! Deciding on comments at the desk, by plain forms.

use chrono::TimeDelta;
use reqwest::StatusCode;

use crate::support::browser::{Browser, Page};
use crate::support::conversation::{self, ARTICLE, post, signed_in, sql, written};
use crate::support::site::Site;

/// A site where Dele has asked something and waits.
async fn waiting() -> (Site, Browser, Browser) {
    let site = conversation::site().await;
    let dele = site.browser();
    let answer = post(&site, &dele, "Is an anchor sleep still worth trying?").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let desk = signed_in(&site, 2).await;
    (site, dele, desk)
}

/// Presses a button of the first row.
async fn decide(desk: &Browser, page: &Page, to: &str) -> Page {
    desk.submit(&page.form(".row form.row__acts").choose("to", to)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_says_why_a_comment_is_held_and_who_wrote_it() {
    let (_site, _, desk) = waiting().await;
    let page = desk.look("/desk/comments?queue=held").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert_eq!(page.text_at(".tabs [aria-current]"), "Held 1");
    assert_eq!(page.texts(".row__foot .badge"), ["Held: first comment from this email"]);
    assert_eq!(page.texts(".row__by .badge"), ["First comment"]);
    let page = desk.look("/desk/comments?queue=held&open=1").await;
    assert_eq!(page.text_at(".why"), "Held by 1 rule. Nobody has approved a comment from this email yet.");
    assert_eq!(page.text_at(".who p"), "dele@mail.example");
    assert!(page.text_at(".answer__bar").contains("As Dr Tomas Hale, staff, sleep physician"));
    assert_eq!(page.text_at(".answer__bar button"), "Reply and approve");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_people_without_the_right_see_no_queue() {
    let (site, dele, _) = waiting().await;
    assert_eq!(dele.look("/desk/comments?queue=held").await.status, StatusCode::UNAUTHORIZED);
    // An author decides under own articles alone.
    conversation::article(&site, "other", "Of somebody else").await;
    let form = written(&dele.look("/other").await, "A question under another article?");
    site.later(TimeDelta::seconds(10));
    dele.submit(&form).await;
    let author = signed_in(&site, 1).await;
    let page = author.look("/desk/comments?queue=held").await;
    assert!(page.has("#r1") && !page.has("#r2"));
    assert_eq!(page.text_at(".tabs [aria-current]"), "Held 1");
    let form = page.form("#r1 form.row__acts").choose("to", "approved");
    let foreign = author.submit(&conversation_form(&form, 2)).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(author.submit(&form).await.status, StatusCode::SEE_OTHER);
}

/// The same form for another comment.
fn conversation_form(form: &crate::support::browser::Filled, id: i64) -> crate::support::browser::Filled {
    crate::support::browser::Filled { action: format!("/desk/comments/{id}/decision"), ..form.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_and_answering_is_one_act() {
    let (site, dele, desk) = waiting().await;
    let page = desk.look("/desk/comments?queue=held&open=1").await;
    let answer = desk.submit(&page.form("form.answer").fill("reply", "Yes: **very** much so.")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = desk.get(&answer.location().unwrap()).await;
    assert!(
        page.text_at("#after-1")
            .starts_with("Approved and answered Dele A.’s comment to Sleeping well on the night shift")
    );
    let public = site.browser().look(ARTICLE).await;
    assert_eq!(public.text_at("#talk-h"), "2 comments");
    assert_eq!(public.text_at("#comment-2 .badge"), "Staff, sleep physician");
    assert_eq!(public.text_at(".replies > summary"), "1 reply, 1 from staff");
    assert_eq!(public.text_at("#comment-2 strong"), "very");
    assert_eq!(site.one::<i64>("select count(*) from jobs where kind = 'notify.reply'").await, 2);
    // The writer's browser sees it without the notice.
    assert!(!dele.look(ARTICLE).await.has("#comment-1 .notice--warn"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_cannot_be_posted_approves_nothing() {
    let (site, _, desk) = waiting().await;
    let form = desk.look("/desk/comments?queue=held&open=1").await.form("form.answer");
    let page = desk.submit(&form.clone().fill("reply", "x")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at(".answer .field__error").contains("Comment must be at least 2 characters"));
    assert_eq!(page.form("form.answer").value("reply"), Some("x"));
    sql(&site, "update articles set comments_mode = 'off'").await;
    let page = desk.submit(&form.fill("reply", "Too late for this.")).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(page.form("form.answer").value("reply"), Some("Too late for this."));
    assert_eq!(site.one::<String>("select status from comments").await, "held");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_badge_is_the_persons_on_this_article() {
    let (site, _, _) = waiting().await;
    let author = signed_in(&site, 1).await;
    let form = author.look("/desk/comments?queue=held&open=1").await.form("form.answer");
    author.submit(&form.fill("reply", "I wrote this, and yes.")).await;
    assert_eq!(site.browser().look(ARTICLE).await.text_at("#comment-2 .badge"), "Author");
    // On the page itself a signed-in person needs no name.
    let editor = signed_in(&site, 3).await;
    let page = editor.look("/night-shift?reply=1").await;
    assert!(!page.has("#f-email") && page.text_at("#reply").contains("Posting as Ana Novak"));
    let answer =
        editor.submit(&page.form("#reply form").fill("body", "Thank you for asking.").choose("act", "post")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(site.browser().look(ARTICLE).await.text_at("#comment-3 .badge"), "Staff");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_decisions_is_told_of_the_first() {
    let (site, _, tomas) = waiting().await;
    let ana = signed_in(&site, 3).await;
    let seen = tomas.look("/desk/comments?queue=held&open=1").await;
    decide(&ana, &ana.look("/desk/comments?queue=held").await, "approved").await;
    site.later(TimeDelta::minutes(4));
    let page = tomas.submit(&seen.form("form.decide").choose("to", "spam")).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(page.text_at("#r1 .notice"), "Ana Novak approved this at 10:00, while you were reading.");
    assert_eq!(site.one::<String>("select status from comments").await, "approved");
    let page = tomas.submit(&seen.form("form.answer").fill("reply", "My answer, with care.")).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text_at("#r1 .notice").contains("Your reply is still here."));
    assert_eq!(page.form("form.answer").value("reply"), Some("My answer, with care."));
    assert_eq!(tomas.submit(&page.form("form.answer")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.one::<i64>("select count(*) from comments where parent_id = 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_text_is_read_again_before_deciding() {
    let (site, dele, desk) = waiting().await;
    let seen = desk.look("/desk/comments?queue=held&open=1").await;
    let form = dele.look("/comments/1/edit").await.form(".reply-form form");
    dele.submit(&form.fill("body", "Something else entirely.")).await;
    let page = desk.submit(&seen.form("form.decide").choose("to", "approved")).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(page.text_at("#r1 .notice"), "The writer changed the text. Read it again before deciding.");
    assert_eq!(page.text_at("#r1 .row__text"), "Something else entirely.");
    assert_eq!(site.one::<String>("select status from comments").await, "held");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_decision_form_twice_decides_once() {
    let (site, _, desk) = waiting().await;
    let form = desk.look("/desk/comments?queue=held&open=1").await.form("form.answer").fill("reply", "Once will do.");
    let (first, second) = (desk.submit(&form).await, desk.submit(&form).await);
    assert_eq!(first.location(), second.location());
    assert_eq!(site.one::<i64>("select count(*) from comments").await, 2);
    assert_eq!(site.one::<i64>("select count(*) from comment_decisions").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_puts_everything_back() {
    let (site, _, desk) = waiting().await;
    let form =
        desk.look("/desk/comments?queue=held&open=1").await.form("form.answer").fill("reply", "To be taken back.");
    let page = desk.get(&desk.submit(&form).await.location().unwrap()).await;
    let answer = desk.submit(&page.form(".receipt form")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = desk.get(&answer.location().unwrap()).await;
    assert!(page.text_at("#after-1").starts_with("Undone. Dele A.’s comment is held again."));
    assert!(!page.has(".receipt form"));
    assert_eq!(page.text_at(".tabs [aria-current]"), "Held 1");
    let public = site.browser().look(ARTICLE).await;
    assert_eq!(public.text_at("#talk-h"), "No comments yet");
    assert_eq!(site.browser().look("/comments/1").await.status, StatusCode::NOT_FOUND, "as if nobody had seen it");
    assert_eq!(
        site.one::<i64>(
            "select public_replies + (select comment_count from articles)::bigint from comments where id = 1"
        )
        .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_ends_after_thirty_days_and_after_another_decision() {
    let (site, _, desk) = waiting().await;
    let receipt = desk
        .get(&decide(&desk, &desk.look("/desk/comments?queue=held").await, "approved").await.location().unwrap())
        .await;
    let page = desk.look("/desk/comments?queue=approved").await;
    let second = desk.get(&decide(&desk, &page, "trash").await.location().unwrap()).await;
    let page = desk.submit(&receipt.form(".receipt form")).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text_at("#r1 .notice").contains("moved this to trash"));
    sql(&site, "update comment_decisions set decided_at = decided_at - interval '31 days'").await;
    desk.submit(&second.form(".receipt form")).await;
    assert_eq!(site.one::<String>("select status from comments").await, "trash");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_moved_with_one_form_and_one_undo() {
    let site = conversation::site().await;
    for number in 0..3 {
        let form = written(&site.browser().look(ARTICLE).await, &format!("Number {number}, in a row."));
        site.browser().submit(&form.fill("email", &format!("r{number}@mail.example"))).await;
    }
    let desk = signed_in(&site, 2).await;
    let page = desk.look("/desk/comments?queue=held").await;
    let mut form = page.form("#bulk").fill("to", "spam");
    form.fields.extend([
        ("picked".to_owned(), "1.1".to_owned()),
        ("picked".to_owned(), "2.1".to_owned()),
        ("picked".to_owned(), "3.7".to_owned()),
    ]);
    let answer = desk.submit(&form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = desk.get(&answer.location().unwrap()).await;
    assert!(
        page.text_at(".receipt").starts_with("Moved 2 comments to spam. 1 left: changed meanwhile."),
        "{}",
        page.text_at(".receipt")
    );
    assert_eq!(page.text_at(".tabs [aria-current]"), "Held 1");
    let page = desk.get(&desk.submit(&page.form(".receipt form")).await.location().unwrap()).await;
    assert_eq!(page.text_at(".tabs [aria-current]"), "Held 3");
    assert!(page.text_at(".receipt").starts_with("Undone. 2 comments put back."));
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_equal_the_lists_after_every_act() {
    let (site, dele, desk) = waiting().await;
    let check = async |site: &Site| {
        let public: i64 = site.one("select count(*) from comments where status = 'approved'").await;
        let told: i32 = site.one("select comment_count from articles where id = 1").await;
        assert_eq!(public, i64::from(told));
        let replies: i64 =
            site.one("select count(*) from comments where status = 'approved' and parent_id is not null").await;
        let told: i64 = site.one("select sum(public_replies)::bigint from comments").await;
        assert_eq!(replies, told);
    };
    for (queue, to) in
        [("held", "approved"), ("approved", "trash"), ("trash", "approved"), ("approved", "spam"), ("spam", "approved")]
    {
        let page = desk.look(&format!("/desk/comments?queue={queue}")).await;
        assert_eq!(decide(&desk, &page, to).await.status, StatusCode::SEE_OTHER);
        check(&site).await;
    }
    let form = written(&dele.look("/night-shift?reply=1").await, "A reply to count in.");
    site.later(TimeDelta::seconds(5));
    dele.submit(&form).await;
    decide(&desk, &desk.look("/desk/comments?queue=held").await, "approved").await;
    check(&site).await;
    let page = desk.look("/desk/comments?queue=approved&open=1").await;
    desk.submit(&page.form("form.decide").choose("to", "trash")).await;
    check(&site).await;
    assert_eq!(site.browser().look(ARTICLE).await.text_at("#comment-1"), "This comment was removed by a moderator.");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_without_an_answer_are_listed() {
    let (_site, _, desk) = waiting().await;
    decide(&desk, &desk.look("/desk/comments?queue=held").await, "approved").await;
    let page = desk.look("/desk/comments?queue=unanswered&open=1").await;
    assert_eq!(page.text_at(".tabs [aria-current]"), "Unanswered 1");
    desk.submit(&page.form("form.answer").fill("reply", "It is, very much.")).await;
    assert_eq!(desk.look("/desk/comments?queue=unanswered").await.text_at(".tabs [aria-current]"), "Unanswered 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_without_the_sessions_token_is_refused() {
    let (site, _, desk) = waiting().await;
    let form = desk.look("/desk/comments?queue=held").await.form(".row form.row__acts").choose("to", "approved");
    let without = crate::support::browser::Filled {
        fields: form.fields.iter().filter(|(name, _)| name != "csrf_token").cloned().collect(),
        ..form.clone()
    };
    assert_eq!(desk.submit(&without).await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.submit(&form.clone().fill("csrf_token", "wrong")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.one::<String>("select status from comments").await, "held");
    assert_eq!(desk.submit(&form).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_stands_in_the_log_without_words() {
    let (site, _, desk) = waiting().await;
    decide(&desk, &desk.look("/desk/comments?queue=held").await, "spam").await;
    let actions: String = site
        .one("select string_agg(action || ':' || actor, ' ' order by id) from audit_entries where subject = 'comment'")
        .await;
    assert_eq!(actions, "comment.post:reader comment.spam:staff");
    let details: String = site.one("select string_agg(detail::text, ' ') from audit_entries").await;
    assert!(details.contains("first_time") && !details.contains("anchor") && !details.contains("mail.example"));
}
