//! A reader's whole time with a site: writes, proves their address, is answered by mail, mends, is too late to mend,
//! withdraws, takes their data away and is forgotten.

use chrono::TimeDelta;
use stet::worker;

use crate::checks;
use crate::driver::Chromium;
use crate::support::conversation::{self, ARTICLE, signed_in};
use crate::support::site::Site;
use crate::support::smtp::Received;

/// Carries out what is due, after so long.
async fn work(site: &Site, after: TimeDelta) {
    site.later(after);
    worker::drain(&site.app, &site.app.parts.mailer).await.unwrap();
}

/// The mail with this subject, out of the files that stand for a mail server.
fn mail(site: &Site, subject: &str) -> Received {
    let files = std::fs::read_dir(site.data.path().join("mail")).unwrap();
    files
        .filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok())
        .map(|data| Received { to: String::new(), data })
        .find(|mail| mail.header("Subject").is_some_and(|found| found.starts_with(subject)))
        .unwrap_or_else(|| panic!("no mail says {subject:?}"))
}

/// The path of a mail's link.
fn link(mail: &Received, part: &str) -> String {
    let link = mail.link(part);
    link[link.find(part).unwrap()..].to_owned()
}

async fn writes(site: &Site, browser: &Chromium) {
    browser.open(ARTICLE).await;
    browser.fill("#f-body", "Is an anchor sleep still worth trying?").await;
    browser.fill("#f-name", "Dele A.").await;
    browser.fill("#f-email", "dele@mail.example").await;
    browser.press("[name=notify]").await;
    site.later(TimeDelta::seconds(10));
    browser.takes_time_to_write().await;
    browser.press("#reply [value=post]").await;
    let notice = browser.text("#comment-1 .held").await;
    assert!(notice.contains("Waiting for a moderator"), "{notice}");
}

async fn confirms(site: &Site, browser: &Chromium) {
    work(site, TimeDelta::seconds(1)).await;
    browser.open(&link(&mail(site, "Confirm your email"), "/mail/confirm/")).await;
    assert!(browser.text("main").await.contains("Is an anchor sleep still worth trying?"));
    let confirmed = "select count(*) from addresses where confirmed_at is not null";
    assert_eq!(site.one::<i64>(confirmed).await, 0, "looking confirms nothing, with script or without");
    browser.press("main form button.btn--primary").await;
    assert_eq!(site.one::<i64>(confirmed).await, 1);
}

async fn is_answered(site: &Site) {
    let desk = signed_in(site, 2).await;
    let queue = desk.look("/desk/comments?queue=held&open=1").await;
    let answer = queue.form("form.answer").fill("reply", "Yes, if it is four hours or more.");
    let done = desk.submit(&answer).await;
    assert_eq!(done.status, 303, "{}", done.text);
    work(site, TimeDelta::seconds(60)).await;
    let mail = mail(site, "Dr Tomas Hale replied to you");
    assert!(mail.text().contains("Yes, if it is four hours or more.") && mail.text().contains("/comments/2"));
}

async fn mends_in_time_only(site: &Site, browser: &Chromium) {
    browser.open("/comments/1").await;
    browser.press("#comment-1 a[href='/comments/1/edit']").await;
    browser.fill("#f-body", "Is an anchor sleep of three hours worth trying?").await;
    browser.press("main form .btn--primary").await;
    assert!(browser.text("#comment-1 .comment__body").await.contains("three hours"));
    assert!(browser.text("#comment-1").await.contains("Edited"), "it had been answered");
    site.later(TimeDelta::minutes(16));
    browser.open("/comments/1/edit").await;
    assert!(browser.text("main").await.contains("The 15 minutes for editing are over"));
    assert!(site.browser().get(ARTICLE).await.text_at("#comment-1 .comment__body").contains("three hours"));
}

async fn withdraws(site: &Site, browser: &Chromium) {
    browser.open("/comments/1").await;
    browser.press("#comment-1 a[href='/comments/1/withdraw']").await;
    browser.press("main form .btn--danger, main form .btn--primary").await;
    let page = site.browser().get(ARTICLE).await;
    assert_eq!(page.text_at("#comment-1"), "Withdrawn by its writer.");
    assert!(page.has("#comment-2") && !page.text.contains("Dele A."), "the answer stays, the name does not");
}

async fn takes_the_data_and_is_forgotten(site: &Site, browser: &Chromium) {
    browser.open("/privacy/data").await;
    browser.fill("#f-email", "dele@mail.example").await;
    browser.press("main form .btn--primary").await;
    work(site, TimeDelta::seconds(1)).await;
    browser.open(&link(&mail(site, "Your data"), "/privacy/data/")).await;
    browser.press("main form .btn--primary").await;
    assert!(browser.text("main").await.contains("Is an anchor sleep of three hours worth trying?"));
    let file = browser.script("return document.querySelector('main a.btn--primary').getAttribute('href')").await;
    let data: serde_json::Value = serde_json::from_str(&site.browser().get(file.as_str().unwrap()).await.text).unwrap();
    assert!(data.to_string().contains("three hours") && data.to_string().contains("still worth trying"), "both texts");
    browser.press("main form button[value=delete]").await;
    browser.press("main form .btn--danger").await;
    assert!(browser.text("h1").await.contains("Erased"));
    for what in ["addresses", "readers", "subscriptions", "reader_links", "address_confirmations"] {
        assert_eq!(site.one::<i64>(&format!("select count(*) from {what}")).await, 0, "{what}");
    }
    let left = "select count(*) from comments c where c::text like '%Dele%' or c::text like '%dele@%'";
    assert_eq!(site.one::<i64>(left).await, 0);
    assert_eq!(site.one::<i64>("select count(*) from mail_messages m where m::text like '%dele@%'").await, 0);
}

async fn whole_life(with_script: bool) {
    let site = conversation::site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    if !with_script {
        browser.without_script().await;
    }
    writes(&site, &browser).await;
    confirms(&site, &browser).await;
    is_answered(&site).await;
    mends_in_time_only(&site, &browser).await;
    withdraws(&site, &browser).await;
    takes_the_data_and_is_forgotten(&site, &browser).await;
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_comes_is_answered_and_goes_with_script() {
    whole_life(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_comes_is_answered_and_goes_without_script() {
    whole_life(false).await;
}
