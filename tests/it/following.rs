//! Following: digests at the hour their owner chose, and addresses mail comes back from.

use chrono::{TimeZone, Utc};
use data_encoding::BASE64;
use reqwest::Method;
use stet::core::ids::{CommentId, MailId};
use stet::core::status::MailState;
use stet::jobs::job::NewJob;
use stet::jobs::queue;
use stet::notifications::{confirm, reply};

use crate::support::browser::{Browser, Page};
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

/// Asks for a link to one's choices, presses it, and answers the page behind it.
async fn choices(site: &Scratch, sink: &Sink, browser: &Browser, email: &str) -> Page {
    let form = browser.look("/mail/preferences").await.form("main form").fill("email", email);
    assert_eq!(browser.submit(&form).await.status, 200);
    site.work().await;
    let link = sink.received().last().unwrap().link("/mail/preferences/");
    let page = browser.look(link.strip_prefix("https://harbour.example").unwrap()).await;
    let opened = browser.submit(&page.form("main form")).await;
    browser.look(&opened.location().unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_followed_and_how_often_mail_comes_is_chosen_behind_a_mailed_link() {
    let (site, sink) = furnished("instant").await;
    site.subscribe(1, "replies", Some(2)).await;
    site.subscribe(2, "article", None).await;
    let browser = site.site.browser();
    let page = choices(&site, &sink, &browser, "ruth.k@mail.example").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("private, no-store"));
    assert!(page.text.contains("r…k@mail.example") && !page.text.to_lowercase().contains("ruth.k@mail.example"));
    assert_eq!(page.texts("select[name=follow]").len(), 2, "hers, and nobody else's");
    assert_eq!(page.attribute("[name=frequency][checked]", "value").as_deref(), Some("instant"));

    // One ends, the other is about the whole article now, and mail comes in the morning.
    let open = "select string_agg(scope || coalesce(comment_id::text, ''), ' ' order by id) from subscriptions where address_id = 1 and ended_at is null";
    let stranger = site.site.one::<String>("select id::text from subscriptions where address_id = 2").await;
    let form = page.form("main form").fill("frequency", "daily");
    let values: Vec<String> = page.texts("select[name=follow] option").iter().map(ToString::to_string).collect();
    assert!(values.contains(&"Nothing any more".to_owned()), "{values:?}");
    let sent = format!("frequency=daily&follow=2:none&follow=1:article&follow={stranger}:none&act=save");
    let address = page.attribute("main form", "action").unwrap();
    let saved = browser.send(Method::POST, &address, &[("sec-fetch-site", "same-origin")], Some(sent)).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    assert_eq!(site.site.one::<String>(open).await, "article");
    assert_eq!(site.number("select count(*) from subscriptions where address_id = 2 and ended_at is null").await, 1);
    assert_eq!(site.site.one::<String>("select mail_frequency from addresses where id = 1").await, "daily");
    assert_eq!(site.number("select count(*) from audit_entries where action = 'address.choose_mail'").await, 1);
    let page = browser.look(&saved.location().unwrap()).await;
    assert!(page.text_at("main .notice--ok").contains("Saved"));
    drop(form);

    // What makes no sense changes nothing.
    for sent in
        ["frequency=never&act=save", "frequency=daily&follow=x&act=save", "frequency=daily&follow=1:all&act=save"]
    {
        let page =
            browser.send(Method::POST, &address, &[("sec-fetch-site", "same-origin")], Some(sent.to_owned())).await;
        assert_eq!(page.status, 400, "{sent}");
    }
    // Everything at once, and back.
    let stopped = browser.submit(&page.form("main form:last-of-type").choose("act", "stop")).await;
    assert_eq!(stopped.status, 303);
    let page = browser.look(&stopped.location().unwrap()).await;
    assert!(page.text_at("main .notice--warn").contains("All emails were stopped"));
    assert_eq!(site.number("select count(*) from subscriptions where address_id = 1 and ended_at is null").await, 0);
    browser.submit(&page.form("main form").choose("act", "resume")).await;
    assert_eq!(site.number("select count(*) from addresses where id = 1 and mail_stopped_at is null").await, 1);

    // The page closes after half an hour, and the mailed link worked once.
    site.wait(31 * 60);
    let over = browser.look(&address).await;
    assert_eq!(over.status, 410);
    let late =
        browser.send(Method::POST, &address, &[("sec-fetch-site", "same-origin")], Some("act=stop".into())).await;
    assert_eq!(late.status, 410);
    assert_eq!(site.number("select count(*) from addresses where id = 1 and mail_stopped_at is null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn choosing_another_pace_moves_what_waits() {
    let (site, sink) = furnished("weekly").await;
    three_answers(&site).await;
    let browser = site.site.browser();
    let page = choices(&site, &sink, &browser, "ruth.k@mail.example").await;
    let saved = browser.submit(&page.form("main form").fill("frequency", "instant").choose("act", "save")).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    digests(&site).await;
    assert_eq!(subject(sink.received().last().unwrap()), "3 new comments: Sleeping well on the night shift");
}

/// Every kind of mail says the same as text and as HTML, names no address of others, and has the headers of its kind.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_mail_says_the_same_twice() {
    let (site, sink) = furnished("instant").await;
    site.sql("update staff set comment_mail = 'each'; update comments set reader_id = 1 where id = 1").await;
    for comment in [2, 3] {
        told(&site, comment).await;
    }
    site.sql("update comments set status = 'trash', status_reason = 'x' where id = 2; update comments set version = 5 where id = 1").await;
    site.change(async |tx| stet::notifications::approved::enqueue(tx, CommentId(1)).await).await;
    site.change(async |tx| queue::enqueue(tx, confirm::job(stet::core::ids::AddressId(1), tx.now)).await).await;
    site.wait(60);
    site.work().await;
    let browser = site.site.browser();
    choices(&site, &sink, &browser, "ruth.k@mail.example").await;
    let form = browser.look("/privacy/data").await.form("main form").fill("email", "ruth.k@mail.example");
    browser.submit(&form).await;
    site.sql("update addresses set mail_frequency = 'hourly'").await;
    site.comment(Some(1), "Dele A.", Some(2), None, "Mine turn backwards.").await;
    told(&site, 4).await;
    site.wait(3600);
    digests(&site).await;
    let received = sink.received();
    let kinds = site
        .site
        .one::<String>("select string_agg(distinct kind, ' ' order by kind) from mail_messages where state = 'sent'")
        .await;
    assert_eq!(kinds, "approved confirm data_link digest preferences_link reply staff_answer");
    for mail in &received {
        let html = scraper::Html::parse_document(&mail.html());
        let shown: String =
            html.select(&scraper::Selector::parse("body").unwrap()).flat_map(|body| body.text()).collect();
        let hrefs = html
            .select(&scraper::Selector::parse("a").unwrap())
            .filter_map(|link| link.attr("href"))
            .collect::<Vec<_>>()
            .join(" ");
        let both = format!("{} {hrefs}", shown.split_whitespace().collect::<Vec<_>>().join(" "));
        for line in mail.text().lines().filter(|line| line.len() > 3) {
            // Words of the text, less its marks of quotation and punctuation around links, stand in the HTML too.
            for part in line.trim_start_matches("> ").split(": ").map(str::trim).filter(|part| part.len() > 3) {
                let part = part.trim_end_matches([':', ',']).split_whitespace().collect::<Vec<_>>().join(" ");
                let bare = part.trim_end_matches(", wrote").to_owned();
                assert!(both.contains(&bare), "{:?} lacks {bare:?} in\n{both}", subject(mail));
            }
        }
        for name in ["Message-ID", "Date", "From", "To", "Subject", "MIME-Version", "Content-Type", "Auto-Submitted"] {
            assert!(mail.header(name).is_some(), "{:?} has no {name}", subject(mail));
        }
        let others = ["jonas@mail.example", "dele@mail.example", "ruth.k@mail.example"];
        let own = mail.to.to_lowercase();
        let body = format!("{}{}", mail.text(), mail.html()).to_lowercase();
        assert!(others.iter().all(|other| *other == own || !body.contains(other)), "{:?}", subject(mail));
    }
}
