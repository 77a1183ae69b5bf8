//! Mail from the queue to a real SMTP server.

use std::os::unix::fs::PermissionsExt as _;

use chrono::TimeDelta;
use reqwest::Method;
use stet::audit::Actor;
use stet::core::ids::{AddressId, CommentId, MailId, StaffId, SubscriptionId};
use stet::core::rng::Token;
use stet::core::status::MailState;
use stet::jobs::queue;
use stet::mail::outbox;
use stet::mail::transport::Transport;
use stet::notifications::unsubscribe::{self, Target};
use stet::notifications::{approved, confirm, reply};

use crate::support::conversation::{self, ARTICLE};
use crate::support::scratch::Scratch;
use crate::support::site::Site;
use crate::support::smtp::{Behaviour, Sink};

const REPLY_DELAY: i64 = 60;

async fn furnished(behaviour: Behaviour) -> (Scratch, Sink) {
    let sink = Sink::start(behaviour).await;
    let site = Scratch::start(Some(&sink)).await;
    site.furnish().await;
    site.sql("update staff set comment_mail = 'none'").await;
    (site, sink)
}

async fn publish(site: &Scratch, comment: i64) {
    site.change(async |tx| reply::enqueue(tx, CommentId(comment)).await).await;
}

/// Tells of a comment and lets the delay pass.
async fn told(site: &Scratch, comment: i64) {
    publish(site, comment).await;
    site.wait(REPLY_DELAY);
    site.work().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_mailed_to_the_reader_it_answers() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.subscribe(1, "replies", Some(1)).await;
    publish(&site, 2).await;
    assert_eq!(site.work().await, 0, "a reply can be undone for a minute");
    site.wait(REPLY_DELAY);
    site.work().await;

    let received = sink.received();
    assert_eq!(received.len(), 1);
    let mail = &received[0];
    assert_eq!(mail.to, "Ruth.K@mail.example");
    let header = |name: &str| mail.header(name).unwrap_or_else(|| panic!("{name} is missing in\n{}", mail.data));
    assert_eq!(header("Subject"), "Miriam Achebe replied to you: Sleeping well on the night shift");
    assert_eq!(header("From"), "\"Harbour Health\" <desk@harbour.example>");
    assert_eq!(header("In-Reply-To"), "<comment.1@harbour.example>");
    assert_eq!(header("References"), "<comment.1@harbour.example>");
    assert_eq!(header("List-Id"), "Harbour Health <comments.harbour.example>");
    assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert!(header("Message-ID").ends_with("@harbour.example>"));
    let token = unsubscribe::token_for(site.app.secret(), SubscriptionId(1));
    assert_eq!(header("List-Unsubscribe"), format!("<https://harbour.example/mail/unsubscribe/{token}>"));
    for words in [
        "Miriam Achebe, sleep editor, wrote on “Sleeping well on the night shift”:",
        "Yes: forwards is easier.",
        "Give it three nights.",
        "> Does this hold for rotating shifts? Mine turn forwards.",
        "https://harbour.example/comments/2",
        "Stop all emails from Harbour Health",
    ] {
        assert!(mail.text().contains(words), "{words:?} is missing in\n{}", mail.text());
    }
    assert!(mail.html().contains("<p style=\"margin:0 0 12px\">Give it three nights.</p>"), "{}", mail.html());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_comes_back_is_not_mailed_twice() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.subscribe(1, "replies", Some(1)).await;
    publish(&site, 2).await;
    told(&site, 2).await;
    site.sql("update comments set version = version + 2 where id = 2").await;
    told(&site, 2).await;
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_follower_gets_one_mail_and_the_writer_none() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.subscribe(1, "replies", Some(2)).await;
    site.subscribe(1, "thread", Some(1)).await;
    site.subscribe(1, "article", None).await;
    site.subscribe(2, "thread", Some(1)).await;
    site.subscribe(3, "article", None).await;
    told(&site, 3).await;
    let mut to: Vec<_> =
        sink.received().iter().map(|mail| (mail.to.clone(), mail.header("Subject").unwrap())).collect();
    to.sort();
    let title = "Sleeping well on the night shift";
    assert_eq!(
        to,
        [
            ("Ruth.K@mail.example".into(), format!("Jonas replied to you: {title}")),
            ("dele@mail.example".into(), format!("Jonas commented: {title}")),
        ]
    );
    assert_eq!(
        sink.received()[0].header("References").unwrap(),
        "<comment.1@harbour.example> <comment.2@harbour.example>"
    );
    assert!(sink.received()[0].html().contains("Same &#60;here&#62;."), "a comment's text is never markup");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_taken_down_within_the_minute_is_not_mailed() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.subscribe(1, "replies", Some(1)).await;
    publish(&site, 2).await;
    site.sql("update comments set status = 'trash', status_reason = 'rude' where id = 2").await;
    site.wait(REPLY_DELAY);
    site.work().await;
    assert_eq!((sink.received().len(), site.outbox().await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_waits_is_withdrawn_when_nobody_wants_it_any_more() {
    let (site, sink) = furnished(Behaviour::Answer(450)).await;
    site.subscribe(1, "replies", Some(1)).await;
    site.subscribe(3, "article", None).await;
    told(&site, 2).await;
    site.change(async |tx| unsubscribe::stop(tx, SubscriptionId(1)).await).await;
    sink.behave(Behaviour::Accept);
    site.wait(90);
    site.work().await;
    let states: Vec<_> = site.outbox().await.iter().map(|line| (line.recipient.clone(), line.state)).collect();
    assert_eq!(
        states,
        [("dele@mail.example".into(), MailState::Sent), ("Ruth.K@mail.example".into(), MailState::Withdrawn)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_one_confirmation_goes_to_an_unconfirmed_address() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.sql("update addresses set confirmed_at = null where id = 1").await;
    site.subscribe(1, "replies", Some(1)).await;
    site.sql("update comments set reader_id = 1 where id = 1").await;
    told(&site, 2).await;
    site.change(async |tx| approved::enqueue(tx, CommentId(1)).await).await;
    for _ in 0..5 {
        site.wait(70);
        site.change(async |tx| queue::enqueue(tx, confirm::job(AddressId(1), tx.now)).await).await;
        site.work().await;
    }
    assert_eq!(sink.received().len(), 1);
    let mail = &sink.received()[0];
    assert_eq!(mail.header("Subject").unwrap(), "Confirm your email for Harbour Health");
    assert_eq!(mail.header("List-Unsubscribe"), None);

    let link = mail.link("/mail/confirm/");
    let token = Token::parse(link.rsplit('/').next().unwrap()).unwrap();
    let hash: String = token.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        site.number(&format!(
            "select count(*) from address_confirmations where token_hash = '\\x{hash}' and address_id = 1"
        ))
        .await,
        1
    );
    assert_eq!(
        site.number(&format!("select count(*) from mail_messages where body_text like '%{}%'", token.reveal())).await,
        0,
        "the outbox holds no working link"
    );

    site.wait(3600);
    site.change(async |tx| queue::enqueue(tx, confirm::job(AddressId(1), tx.now)).await).await;
    site.work().await;
    assert_eq!(sink.received().len(), 2, "after an hour one more may go");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_address_is_asked_like_any_other_and_a_stopped_one_never() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.change(async |tx| unsubscribe::stop_all(tx, AddressId(2)).await).await;
    for address in [1, 2] {
        site.change(async |tx| queue::enqueue(tx, confirm::job(AddressId(address), tx.now)).await).await;
    }
    assert_eq!(site.number("select count(*) from jobs where kind = 'notify.confirm'").await, 2, "queued alike");
    site.work().await;
    let to: Vec<_> = sink.received().iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(to, ["Ruth.K@mail.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn your_comment_is_up_goes_to_a_proved_writer_who_asked() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    let up = async || {
        site.sql("update comments set version = version + 1 where id = 1").await;
        site.change(async |tx| approved::enqueue(tx, CommentId(1)).await).await;
        site.wait(REPLY_DELAY);
        site.work().await;
    };
    site.sql("update comments set reader_id = 1 where id = 1").await;
    up().await;
    assert_eq!(sink.received().len(), 0, "not asked for");
    site.subscribe(1, "replies", Some(1)).await;
    site.sql("update comments set reader_id = null where id = 1; update comments set status = 'trash', status_reason = 'x' where id = 2").await;
    up().await;
    assert_eq!(sink.received().len(), 0, "not proved: anybody may have typed the address");
    site.sql("update comments set reader_id = 1 where id = 1").await;
    up().await;
    assert_eq!(sink.received()[0].header("Subject").unwrap(), "Your comment is up: Sleeping well on the night shift");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_on_the_team_are_told_of_answers_and_of_comments_on_their_articles() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.sql("update staff set comment_mail = 'each'").await;
    for comment in [1, 2, 3] {
        told(&site, comment).await;
    }
    let subjects: Vec<_> =
        sink.received().iter().map(|mail| (mail.to.clone(), mail.header("Subject").unwrap())).collect();
    let title = "Sleeping well on the night shift";
    assert_eq!(
        subjects,
        [
            ("Miriam@team.example".into(), format!("Ruth K. commented on your article: {title}")),
            ("Miriam@team.example".into(), format!("Jonas answered you: {title}")),
        ]
    );
    assert!(
        !sink.received().iter().any(|mail| mail.data.contains("mail.example")),
        "a reader's address is not mailed around"
    );

    site.sql("update staff set comment_mail = 'none' where id = 1; update comments set version = 9 where id = 3; delete from mail_messages").await;
    told(&site, 3).await;
    assert_eq!(sink.received().len(), 2, "whoever wants none gets none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_sends_the_same_message_again() {
    let (site, sink) = furnished(Behaviour::DropAfterDot).await;
    site.subscribe(1, "replies", Some(1)).await;
    told(&site, 2).await;
    sink.behave(Behaviour::Accept);
    site.wait(30);
    site.work().await;
    let received = sink.received();
    assert_eq!(received.len(), 2);
    let bytes = |index: usize| {
        received[index]
            .data
            .lines()
            .filter(|line| !line.contains("boundary=") && !line.starts_with("--"))
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes(0), bytes(1));
    assert_eq!(received[0].header("Message-ID"), received[1].header("Message-ID"));
    assert_eq!(site.outbox().await[0].state, MailState::Sent);
    site.wait(3600);
    site.work().await;
    assert_eq!(sink.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_is_given_up_at_once_shown_and_can_be_tried_again() {
    let (site, sink) = furnished(Behaviour::AnswerTo("Ruth", 550)).await;
    site.subscribe(1, "replies", Some(1)).await;
    site.subscribe(3, "article", None).await;
    told(&site, 2).await;
    assert_eq!(sink.received().len(), 1, "the others get theirs");
    let outbox = site.outbox().await;
    let failed = outbox.iter().find(|line| line.recipient.starts_with("Ruth")).unwrap();
    assert_eq!((failed.state, failed.attempts), (MailState::Failed, 1));
    let error = failed.last_error.as_deref().unwrap();
    assert!(error.contains("550") && !error.contains('@'), "{error}");
    assert_eq!(site.number("select count(*) from jobs where state = 'gave_up' and kind = 'mail.send'").await, 1);

    sink.behave(Behaviour::Accept);
    let id = failed.id;
    site.app.db.transact(async |tx| outbox::retry(tx, Actor::Staff(StaffId(1)), id).await).await.unwrap();
    let again = site.app.db.transact(async |tx| outbox::retry(tx, Actor::Staff(StaffId(1)), id).await).await;
    assert!(matches!(again, Err(outbox::RetryError::NotFailed)), "a double click queues it once");
    site.work().await;
    assert_eq!(sink.received().len(), 2);
    assert_eq!(site.number("select count(*) from audit_entries where action = 'mail.retry'").await, 1);
    let unknown = site.app.db.transact(async |tx| outbox::retry(tx, Actor::System, MailId(999)).await).await;
    assert!(matches!(unknown, Err(outbox::RetryError::Unknown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_may_pass_are_tried_again_within_two_minutes() {
    let (site, sink) = furnished(Behaviour::Answer(450)).await;
    site.subscribe(1, "replies", Some(1)).await;
    told(&site, 2).await;
    for _ in 0..12 {
        site.wait(90);
        assert_eq!(site.work().await, 1, "every 90 seconds at the latest");
    }
    assert_eq!(site.outbox().await[0].state, MailState::Queued);
    sink.behave(Behaviour::Accept);
    site.wait(90);
    site.work().await;
    assert_eq!(sink.received().len(), 1);
    assert_eq!(site.outbox().await[0].attempts, 14);
}

/// Hours of 4xx for everything: one mail keeps asking, and when it is taken the others follow at once.
#[tokio::test(flavor = "multi_thread")]
async fn after_hours_of_refusals_everything_arrives_within_two_minutes() {
    let (site, sink) = furnished(Behaviour::Answer(451)).await;
    site.subscribe(1, "replies", Some(1)).await;
    site.subscribe(3, "article", None).await;
    told(&site, 2).await;
    assert_eq!(site.outbox().await.len(), 2);
    let mut tries = 0;
    for _ in 0..120 {
        site.wait(90);
        let now = site.work().await;
        assert!(now >= 1, "one is tried every 90 seconds");
        tries += now;
    }
    assert!(tries < 180, "the other waits longer: {tries}");
    sink.behave(Behaviour::Accept);
    site.wait(90);
    site.work().await;
    assert_eq!(sink.received().len(), 2);
    assert!(site.outbox().await.iter().all(|line| line.state == MailState::Sent));
}

/// Twenty mails meet this trouble: one mail finds it out for all, one probes it every thirty seconds, and when it is
/// over each arrives once.
async fn weathers(trouble: Behaviour) {
    let (site, sink) = furnished(trouble).await;
    site.sql(
        "insert into addresses (canonical, email, created_at, confirmed_at)
            select 'r' || n || '@mail.example', 'r' || n || '@mail.example', now(), now() from generate_series(1, 20) as n;
         insert into subscriptions (address_id, scope, article_id, created_at) select id, 'article', 1, now() from addresses where id > 3",
    )
    .await;
    told(&site, 2).await;
    assert_eq!(sink.connections(), 1, "one mail finds it out for all");
    for probe in 0..6 {
        site.wait(29);
        assert_eq!(site.work().await, 0, "left alone for thirty seconds");
        site.wait(1);
        assert_eq!(site.work().await, 1);
        assert_eq!(sink.connections(), 2 + probe);
    }
    assert!(site.mailer.away_since().is_some());
    assert_eq!(sink.received().len(), 0);
    sink.behave(Behaviour::Accept);
    site.wait(60);
    site.work().await;
    let mut to: Vec<_> = sink.received().iter().map(|mail| mail.to.clone()).collect();
    to.sort();
    to.dedup();
    assert_eq!((to.len(), sink.received().len()), (20, 20), "each once");
    assert!(site.outbox().await.iter().all(|line| line.state == MailState::Sent));
    assert_eq!(site.mailer.away_since(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_connections_is_probed_and_nothing_is_lost() {
    weathers(Behaviour::Refuse).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_closing_is_probed_and_nothing_is_lost() {
    weathers(Behaviour::Answer(421)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_probed_and_nothing_is_lost() {
    weathers(Behaviour::Stall).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_breaks_off_in_the_message_is_probed_and_nothing_is_lost() {
    weathers(Behaviour::DropInData).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_stops_one_conversation_or_everything() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.subscribe(1, "replies", Some(1)).await;
    site.subscribe(1, "article", None).await;
    let shown = unsubscribe::find(&mut site.app.db.read().await.unwrap(), Target::Subscription(SubscriptionId(1)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((shown.article.as_deref(), shown.stopped_at), (Some("Sleeping well on the night shift"), None));
    assert!(site.change(async |tx| unsubscribe::stop(tx, SubscriptionId(1)).await).await);
    assert!(
        !site.change(async |tx| unsubscribe::stop(tx, SubscriptionId(1)).await).await,
        "a second time does nothing"
    );
    told(&site, 2).await;
    assert_eq!(sink.received().len(), 1, "the article is still followed");
    site.change(async |tx| unsubscribe::stop_all(tx, AddressId(1)).await).await;
    told(&site, 3).await;
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_mails_are_files_that_are_erased_with_their_texts() {
    let site = Scratch::start(None).await;
    site.furnish().await;
    site.subscribe(1, "replies", Some(1)).await;
    told(&site, 2).await;
    let id = site.outbox().await[0].id;
    let Transport::Eml(files) = site.mailer.transport() else { panic!("files were meant") };
    let text = std::fs::read_to_string(files.path(id)).unwrap();
    assert!(text.contains("Subject: Miriam Achebe replied to you"), "{text}");
    assert_eq!(std::fs::metadata(files.path(id)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(site.site.data.path().join("mail")).unwrap().permissions().mode() & 0o777, 0o700);

    site.wait(15 * 24 * 3600);
    purge(&site).await;
    assert!(!files.path(id).exists());
    assert_eq!(site.number("select count(*) from mail_messages where body_text <> '' or body_html <> ''").await, 0);
    assert_eq!(site.outbox().await.len(), 1, "that it was sent is still known");
}

async fn purge(site: &Scratch) {
    let job = stet::jobs::job::NewJob {
        kind: "purge",
        payload: serde_json::json!({}),
        unique_key: None,
        run_at: site.app.now(),
        attempts_max: 1,
    };
    site.change(async |tx| queue::enqueue(tx, job).await).await;
    site.work().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_sessions_and_finished_work_are_forgotten_in_time() {
    let (site, _sink) = furnished(Behaviour::Accept).await;
    let at = "'2026-11-14T10:00:00Z'";
    site.sql(&format!(
        "update comments set network = '203.0.113.0/24', network_key = '\\x01';
         insert into staff_sessions (staff_id, token_hash, created_at, last_seen_at, expires_at, network) values (1, sha256('a'), {at}, {at}, timestamptz {at} + '60 days', '203.0.113.0/24');
         insert into sign_in_failures (account_key, network_key, failed_at) values ('\\x01', '\\x02', {at});
         insert into reader_browsers (token_hash, created_at, expires_at) values (sha256('b'), {at}, timestamptz {at} + '30 days');
         update comments set browser_id = 1 where id = 1;
         insert into reports (comment_id, reason, words, is_proved, network_key, created_at, closed_at, outcome) values (1, 'other', 'My own words.', false, '\\x03', {at}, {at}, 'kept');
         insert into address_confirmations (address_id, token_hash, created_at, expires_at) values (1, sha256('c'), {at}, timestamptz {at} + '3 days');"
    ))
    .await;
    let left = "select (select count(*) from comments where network is not null or network_key is not null)
                     + (select count(*) from staff_sessions) + (select count(*) from sign_in_failures)
                     + (select count(*) from reader_browsers) + (select count(*) from address_confirmations)
                     + (select count(*) from reports where words <> '') + (select count(*) from reports where network_key is not null)";
    assert_eq!(site.number(left).await, 9);
    site.wait(3600);
    purge(&site).await;
    assert_eq!(site.number(left).await, 9, "nothing goes before its time");
    site.wait(25 * 3600);
    purge(&site).await;
    assert_eq!(site.number(left).await, 8, "failures go after a day");
    site.wait(100 * 24 * 3600);
    purge(&site).await;
    assert_eq!(site.number(left).await, 0);
    assert_eq!(site.number("select count(*) from comments").await, 3, "comments stay");
    assert_eq!(site.number("select count(*) from reports where reason = 'other' and outcome = 'kept'").await, 1);
    assert_eq!(site.number("select count(*) from jobs where state = 'done'").await, 1, "only the purge itself is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_count_is_reported_and_put_right() {
    let (site, _sink) = furnished(Behaviour::Accept).await;
    site.sql("update articles set comment_count = 7").await;
    let job = stet::jobs::job::NewJob {
        kind: "recount",
        payload: serde_json::json!({}),
        unique_key: None,
        run_at: site.app.now(),
        attempts_max: 1,
    };
    site.change(async |tx| queue::enqueue(tx, job).await).await;
    site.work().await;
    assert_eq!(site.number("select comment_count from articles").await, 3);
    assert_eq!(site.number("select count(*) from audit_entries where action = 'article.recount'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_programs_one_click_stops_the_mails_and_looking_does_not() {
    let (site, sink) = furnished(Behaviour::Accept).await;
    site.subscribe(1, "replies", Some(1)).await;
    told(&site, 2).await;
    let header = sink.received()[0].header("List-Unsubscribe").unwrap();
    let path = header.trim_matches(['<', '>']).strip_prefix("https://harbour.example").unwrap().to_owned();
    let open = "select count(*) from subscriptions where ended_at is null";

    // A mail program has no cookie, no Origin and no Sec-Fetch-Site.
    let program = site.site.browser();
    for _ in 0..10 {
        assert_eq!(program.look(&path).await.status, 200);
        assert_eq!(program.send(Method::HEAD, &path, &[], None).await.status, 200);
    }
    assert_eq!(site.number(open).await, 1);
    let answer = program.send(Method::POST, &path, &[], Some("List-Unsubscribe=One-Click".into())).await;
    assert!(answer.status.is_success() || answer.status.is_redirection(), "{}", answer.status);
    assert!(answer.header("set-cookie").is_none());
    assert_eq!(site.number(open).await, 0);
    let page = program.look(&path).await;
    assert_eq!(page.text_at("h1"), "Emails stopped");
    assert_eq!(page.header("cache-control"), Some("private, no-store"));

    site.subscribe(1, "replies", Some(1)).await;
    let second = unsubscribe::token_for(site.app.secret(), SubscriptionId(2));
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    program.send(Method::POST, &format!("/mail/unsubscribe/{second}"), &kind, Some(multipart.into())).await;
    assert_eq!(site.number(open).await, 0, "RFC 8058 allows multipart");

    site.subscribe(1, "thread", Some(1)).await;
    for wrong in [second.replace("s2", "s3"), "s3".into(), "x".repeat(60)] {
        let answer = program
            .send(Method::POST, &format!("/mail/unsubscribe/{wrong}"), &[], Some("List-Unsubscribe=One-Click".into()))
            .await;
        assert_eq!(answer.status, 404, "{wrong}");
    }
    assert_eq!(site.number(open).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_link_stops_one_conversation_or_all_mails() {
    let (site, _sink) = furnished(Behaviour::Accept).await;
    site.subscribe(1, "replies", Some(1)).await;
    site.subscribe(1, "article", None).await;
    let address = format!("/mail/unsubscribe/{}", unsubscribe::token_for(site.app.secret(), SubscriptionId(1)));
    let browser = site.site.browser();
    let page = browser.look(&address).await;
    assert_eq!(page.text_at("h1"), "Stop emails for this conversation?");
    assert!(page.text_at("main").contains("Sleeping well on the night shift"));
    let stopped = browser.submit_and_follow(&page.form("main form").choose("stop", "this")).await;
    assert_eq!(stopped.text_at("h1"), "Emails stopped");
    assert_eq!(site.number("select count(*) from addresses where mail_stopped_at is not null").await, 0);
    let all = browser.submit_and_follow(&stopped.form("main form").choose("stop", "all")).await;
    assert_eq!(all.text_at("h1"), "All emails are stopped");
    assert_eq!(site.number("select count(*) from subscriptions where ended_at is null").await, 0);
    assert!(!all.text.contains("mail.example"), "the page shows no address");

    let everything = format!("/mail/unsubscribe/{}", unsubscribe::token_for_all(site.app.secret(), AddressId(3)));
    let page = browser.look(&everything).await;
    let all = browser.submit_and_follow(&page.form("main form").choose("stop", "all")).await;
    assert_eq!(all.text_at("h1"), "All emails are stopped");
}

async fn signed_in(site: &Scratch, role: &str) -> crate::support::browser::Browser {
    site.sql(&format!("update staff set role = '{role}' where id = 2")).await;
    let browser = site.site.browser();
    let hash = site.app.passwords().hash_again("correct horse battery staple").await.unwrap();
    site.sql(&format!("update staff set password_hash = '{}' where id = 2", hash.as_str())).await;
    let form = browser
        .get("/desk/sign-in")
        .await
        .form("main form")
        .fill("email", "tomas@team.example")
        .fill("password", "correct horse battery staple");
    let page = browser.submit_and_follow(&form).await;
    assert_eq!(page.text_at("h1"), "Today");
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_what_failed_and_sends_it_again() {
    let (site, sink) = furnished(Behaviour::Answer(550)).await;
    site.subscribe(1, "replies", Some(1)).await;
    told(&site, 2).await;
    let browser = signed_in(&site, "administrator").await;
    let page = browser.get("/desk/mail?state=failed").await;
    assert_eq!(page.texts(".tabs [aria-current]"), ["Failed 1"]);
    let row = page.text_at("tbody tr");
    assert!(
        row.contains("Miriam Achebe replied to you") && row.contains("Ruth.K@mail.example") && row.contains("550"),
        "{row}"
    );
    let mail = browser.get(&page.attribute("tbody th a", "href").unwrap()).await;
    assert!(mail.text_at("pre").contains("Give it three nights."));

    sink.behave(Behaviour::Accept);
    let after = browser.submit_and_follow(&page.form("tbody form")).await;
    assert!(after.text_at("[data-flash]").contains("on its way again"));
    site.work().await;
    assert_eq!(sink.received().len(), 1);
    let again = browser.submit_and_follow(&page.form("tbody form")).await;
    assert!(again.text_at("[data-flash]").contains("Nothing to do"), "a second click on an old page");

    for role in ["editor", "moderator"] {
        let other = signed_in(&site, role).await;
        assert_eq!(other.look("/desk/mail").await.status, 403, "{role}");
        assert_eq!(other.submit(&page.form("tbody form")).await.status, 403, "{role}");
    }
    assert_eq!(site.site.browser().look("/desk/mail").await.status, 401);
}

/// Carries out what is due on a whole site.
async fn work(site: &Site) -> usize {
    stet::worker::drain(&site.app, &site.app.parts.mailer).await.unwrap()
}

fn path_of(site: &Site, link: &str) -> String {
    link.strip_prefix(&site.base).unwrap_or_else(|| panic!("{link} is not on {}", site.base)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readers_question_is_confirmed_approved_answered_and_the_answer_is_mailed() {
    let sink = Sink::start(Behaviour::Accept).await;
    let site = conversation::site_with(&[("STET_SMTP_URL", &sink.url())]).await;
    let dele = site.browser();
    let form = conversation::written(&dele.look(ARTICLE).await, "Is an anchor sleep still worth trying?")
        .choose("notify", "replies");
    site.later(TimeDelta::seconds(10));
    assert_eq!(dele.submit(&form).await.status, 303);
    work(&site).await;
    let link = path_of(&site, &sink.received()[0].link("/mail/confirm/"));

    for _ in 0..10 {
        assert_eq!(site.browser().look(&link).await.status, 200);
    }
    assert_eq!(
        site.one::<i64>("select count(*) from addresses where confirmed_at is not null").await,
        0,
        "ten looks change nothing"
    );
    let page = dele.look(&link).await;
    let answer = dele.submit(&page.form("main form").choose("comment", "1").choose("act", "confirm")).await;
    assert_eq!(answer.status, 303);

    let desk = conversation::signed_in(&site, 2).await;
    let queue = desk.look("/desk/comments?queue=held&open=1").await;
    let form = queue.form("form.answer").fill("reply", "It is: the same four hours every day.");
    let decided = desk.submit(&form).await;
    assert_eq!(decided.status, 303, "{}", decided.text);
    assert_eq!(sink.received().len(), 1);
    site.later(TimeDelta::seconds(60));
    work(&site).await;

    let subjects: Vec<_> =
        sink.received().iter().map(|mail| (mail.to.clone(), mail.header("Subject").unwrap())).collect();
    let title = "Sleeping well on the night shift";
    assert!(
        subjects.contains(&("dele@mail.example".into(), format!("Dr Tomas Hale replied to you: {title}"))),
        "{subjects:?}"
    );
    let to_dele = subjects.iter().filter(|(to, _)| to == "dele@mail.example").count();
    assert_eq!(to_dele, 2, "the confirmation and the answer, which also says that the comment is up: {subjects:?}");
    let mail =
        sink.received().into_iter().find(|mail| mail.header("Subject").unwrap().contains("replied to you")).unwrap();
    assert!(mail.text().contains("> Is an anchor sleep still worth trying?"), "{}", mail.text());
    let stop = mail.header("List-Unsubscribe").unwrap();
    let stop = path_of(&site, stop.trim_matches(['<', '>']));
    site.browser().send(Method::POST, &stop, &[], Some("List-Unsubscribe=One-Click".into())).await;
    assert_eq!(site.one::<i64>("select count(*) from subscriptions where ended_at is null").await, 0);
    assert_eq!(site.one::<i64>("select count(*) from jobs where finished_at is null").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_answers_alike_for_an_address_that_is_known() {
    let site = conversation::site().await;
    let ask = async |email: &str| {
        let browser = site.browser();
        let form = conversation::written(&browser.look(ARTICLE).await, &format!("A question, from {}.", email.len()))
            .fill("email", email)
            .choose("notify", "replies");
        site.later(TimeDelta::seconds(10));
        let to = browser.submit(&form).await.location().unwrap();
        to.split('#').next().unwrap().replace(|c: char| c.is_ascii_digit(), "")
    };
    let stranger = ask("stranger@mail.example").await;
    ask("known@mail.example").await;
    ask("stopped.one@mail.example").await;
    conversation::sql(
        &site,
        "update addresses set confirmed_at = '2026-11-14T10:00:00Z' where canonical like 'known%';
         update addresses set mail_stopped_at = '2026-11-14T10:00:00Z' where canonical like 'stopped%'; delete from jobs; delete from comments",
    )
    .await;
    assert_eq!(ask("known@mail.example").await, stranger);
    assert_eq!(ask("stopped.one@mail.example").await, stranger);
    assert_eq!(site.one::<i64>("select count(*) from jobs where kind = 'notify.confirm'").await, 2);
}
