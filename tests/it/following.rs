//! Following: digests at the hour their owner chose, and addresses mail comes back from.

use chrono::{TimeZone, Utc};
use data_encoding::BASE64;
use reqwest::Method;
use stet::core::ids::{CommentId, MailId};
use stet::core::status::MailState;
use stet::jobs::job::NewJob;
use stet::jobs::queue;
use stet::notifications::{confirm, reply};

use crate::support::scratch::Scratch;
use crate::support::site::Site;
use crate::support::smtp::{Behaviour, Received, Sink};

async fn furnished(frequency: &str) -> (Scratch, Sink) {
    let sink = Sink::start(Behaviour::Accept).await;
    let site = Scratch::start(Some(&sink)).await;
    site.furnish().await;
    site.sql(&format!("update staff set comment_mail = 'none'; update addresses set mail_frequency = '{frequency}'"))
        .await;
    site.subscribe(1, "thread", Some(1)).await;
    (site, sink)
}

/// Tells of a comment, and lets the minute of grace pass.
async fn told(site: &Scratch, comment: i64) {
    site.change(async |tx| reply::enqueue(tx, CommentId(comment)).await).await;
    site.wait(60);
    site.work().await;
}

/// The schedule comes round.
async fn digests(site: &Scratch) {
    let job = NewJob {
        kind: "digests",
        payload: serde_json::json!({}),
        unique_key: None,
        run_at: Utc.timestamp_opt(0, 0).unwrap(),
        attempts_max: 1,
    };
    site.change(async |tx| queue::enqueue(tx, job).await).await;
    site.work().await;
}

/// Three answers in Ruth's thread by others: 2 (Miriam, of the team), 3 (Jonas), and 4.
async fn three_answers(site: &Scratch) {
    site.comment(Some(1), "Dele A.", Some(2), None, "Mine turn backwards.").await;
    for comment in [2, 3, 4] {
        told(site, comment).await;
    }
}

fn subject(mail: &Received) -> String {
    mail.header("Subject").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replies_within_the_hour_are_one_mail_with_three_items() {
    let (site, sink) = furnished("hourly").await;
    three_answers(&site).await;
    digests(&site).await;
    assert_eq!(sink.received().len(), 0, "not before the full hour");
    site.wait(3600);
    digests(&site).await;
    digests(&site).await;
    let received = sink.received();
    assert_eq!(received.len(), 1, "one mail, once");
    let mail = &received[0];
    assert_eq!(mail.to, "Ruth.K@mail.example");
    assert_eq!(subject(mail), "3 new comments: Sleeping well on the night shift");
    for text in [mail.text(), mail.html()] {
        for words in [
            "Miriam Achebe",
            "Jonas",
            "Dele A.",
            "Mine turn backwards.",
            "/comments/2",
            "/comments/4",
            "/mail/preferences",
        ] {
            assert!(text.contains(words), "{words:?} is missing in\n{text}");
        }
        assert!(!text.contains("mail.example"), "nobody's address stands in it");
    }
    assert_eq!(mail.header("List-Unsubscribe-Post").unwrap(), "List-Unsubscribe=One-Click");
    assert_eq!(mail.header("List-Id").unwrap(), "Harbour Health <comments.harbour.example>");
    assert_eq!(mail.header("Auto-Submitted").unwrap(), "auto-generated");

    // The same comment made public again is told of once.
    site.sql("update comments set version = version + 1 where id = 4").await;
    told(&site, 4).await;
    site.wait(3600);
    digests(&site).await;
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_tells_of_nothing_withdrawn_and_is_not_sent_empty() {
    let (site, sink) = furnished("daily").await;
    three_answers(&site).await;
    site.sql("update comments set status = 'trash', status_reason = 'withdrawn' where id in (2, 3)").await;
    site.wait(86_400);
    digests(&site).await;
    assert_eq!(
        sink.received().iter().map(subject).collect::<Vec<_>>(),
        ["1 new comment: Sleeping well on the night shift"]
    );
    assert!(!sink.received()[0].text().contains("Miriam Achebe"));

    let (site, sink) = furnished("weekly").await;
    three_answers(&site).await;
    site.sql("update comments set status = 'trash', status_reason = 'withdrawn' where id in (2, 3, 4)").await;
    site.wait(8 * 86_400);
    digests(&site).await;
    assert_eq!((sink.received().len(), site.outbox().await.len()), (0, 0));
    assert_eq!(site.number("select count(*) from digest_items").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_waits_for_its_server_is_written_anew_when_it_goes() {
    let (site, sink) = furnished("hourly").await;
    sink.behave(Behaviour::Answer(450));
    three_answers(&site).await;
    site.wait(3600);
    digests(&site).await;
    assert_eq!(sink.received().len(), 0);
    site.sql("update comments set status = 'trash', status_reason = 'withdrawn' where id = 4").await;
    sink.behave(Behaviour::Accept);
    site.wait(120);
    site.work().await;
    let received = sink.received();
    assert_eq!(received.iter().map(subject).collect::<Vec<_>>(), ["2 new comments: Sleeping well on the night shift"]);
    assert!(!received[0].text().contains("Mine turn backwards."));
    assert_eq!(
        site.number("select count(*) from mail_messages where body_text like '%Mine turn backwards.%'").await,
        0
    );

    // Nothing of it is wanted: it is withdrawn.
    let (site, sink) = furnished("hourly").await;
    sink.behave(Behaviour::Answer(450));
    three_answers(&site).await;
    site.wait(3600);
    digests(&site).await;
    site.sql("update subscriptions set ended_at = now()").await;
    sink.behave(Behaviour::Accept);
    site.wait(120);
    site.work().await;
    assert_eq!(sink.received().len(), 0);
    assert_eq!(site.outbox().await[0].state, MailState::Withdrawn);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_on_the_team_get_a_digest_where_they_chose_one() {
    let (site, sink) = furnished("instant").await;
    site.sql("update subscriptions set ended_at = now(); update staff set comment_mail = 'digest' where id = 1").await;
    for comment in [1, 3] {
        told(&site, comment).await;
    }
    assert_eq!(sink.received().len(), 0);
    site.wait(86_400);
    digests(&site).await;
    let received = sink.received();
    assert_eq!(received.iter().map(subject).collect::<Vec<_>>(), ["2 new comments: Sleeping well on the night shift"]);
    assert!(received[0].text().contains("/desk/account"));
    assert_eq!(received[0].header("List-Unsubscribe"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_to_an_address_mail_came_back_from_until_it_is_confirmed_anew() {
    let (site, sink) = furnished("instant").await;
    told(&site, 2).await;
    assert_eq!(sink.received().len(), 1);
    let event =
        stet::mail::events::read(br#"{"event":"bounce","recipient":"RUTH.K@mail.example","code":"5.1.1"}"#).unwrap();
    for _ in 0..2 {
        site.change(async |tx| stet::readers::bounce::suppress(tx, &event[0]).await).await;
    }
    let line = &site.outbox().await[0];
    assert_eq!(
        (line.id, line.state, line.last_error.as_deref()),
        (MailId(1), MailState::Failed, Some("Came back: 5.1.1"))
    );
    assert_eq!(site.number("select count(*) from audit_entries where action = 'address.bounce'").await, 1);
    told(&site, 3).await;
    site.change(async |tx| queue::enqueue(tx, confirm::job(stet::core::ids::AddressId(1), tx.now)).await).await;
    site.work().await;
    assert_eq!(sink.received().len(), 1, "neither an answer nor a confirmation");

    site.wait(31 * 86_400);
    site.change(async |tx| queue::enqueue(tx, confirm::job(stet::core::ids::AddressId(1), tx.now)).await).await;
    site.work().await;
    let link = sink.received()[1].link("/mail/confirm/");
    let token = stet::core::rng::Token::parse(link.rsplit('/').next().unwrap()).unwrap();
    let confirmed = site.app.db.transact(async |tx| stet::readers::confirm::confirm(tx, &token, &[], None).await).await;
    assert!(confirmed.is_ok());
    site.comment(Some(1), "Dele A.", Some(2), None, "Mine turn backwards.").await;
    told(&site, 4).await;
    assert_eq!(sink.received().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_token_reports_what_came_back() {
    let site = Site::start().await;
    let browser = site.browser();
    let owner = site.signed_in(&site.member("Olu", stet::core::status::Role::Owner).await).await;
    let outbox = owner.look("/desk/mail").await;
    let shown = outbox.texts("details code").pop().unwrap();
    let address: url::Url = shown.parse().unwrap();
    let token = address.password().unwrap().to_owned();
    crate::support::conversation::sql(
        &site,
        "insert into addresses (canonical, email, created_at) values
            ('ann@mail.example', 'Ann@mail.example', now()), ('bea@mail.example', 'bea@mail.example', now())",
    )
    .await;
    let bounced = async || site.one::<i64>("select count(*) from addresses where bounced_at is not null").await;
    let report = |body: &str| body.replace('\'', "\"");
    let ann = report("{'event':'bounce','recipient':'ann@mail.example'}");
    let basic = |password: &str| format!("Basic {}", BASE64.encode(format!("stet:{password}").as_bytes()));
    let refused = [
        None,
        Some(format!("Bearer {token}x")),
        Some("Bearer ".into()),
        Some(basic("")),
        Some("Basic %%%".into()),
        Some(token.clone()),
        Some(format!("Bearer {}", site.app.secret().sign("unsubscribe", "mail-events"))),
    ];
    let send = async |given: Option<&str>, body: &str| {
        let headers: Vec<(&str, &str)> = given.iter().map(|value| ("authorization", *value)).collect();
        browser.send(Method::POST, "/hooks/mail-events", &headers, Some(body.to_owned())).await.status
    };
    for given in refused {
        assert_eq!(send(given.as_deref(), &ann).await, 401, "{given:?}");
    }
    assert_eq!(bounced().await, 0);
    let bearer = format!("Bearer {token}");
    assert_eq!(send(Some(&bearer), "{\"event\":").await, 400);
    assert_eq!(send(Some(&bearer), &" ".repeat(1024 * 1024 + 1)).await, 413);
    assert_eq!(send(Some(&bearer), &report("{'event':'delivered','recipient':'ann@mail.example'}")).await, 204);
    assert_eq!(send(Some(&bearer), &report("{'event':'bounce','recipient':'nobody@mail.example'}")).await, 204);
    assert_eq!(bounced().await, 0);
    assert_eq!(send(Some(&bearer), &ann).await, 204);
    assert_eq!(bounced().await, 1);
    let dsn =
        "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; BEA@mail.example\nAction: failed\nStatus: 5.1.1\n";
    assert_eq!(send(Some(&basic(&token)), dsn).await, 204);
    assert_eq!(bounced().await, 2);
    assert_eq!(browser.get("/hooks/mail-events").await.status, 405);
}
