//! What a reader is told about themselves: the doors by mail, everything that is kept, erasing it, and where a comment
//! is. At both sizes and in both colours, on the demo site.

use stet::comments::standing;
use stet::core::ids::{AddressId, CommentId};
use stet::core::status::DoorPurpose;
use stet::readers::door;

use crate::checks;
use crate::demo_pages::demo_site;
use crate::desk_pages::pictures;
use crate::driver::Chromium;
use crate::support::conversation::sql;

async fn look(browser: &Chromium, name: &str) {
    pictures(browser, name).await;
    checks::page(browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_about_a_reader_are_good_pages_and_erasing_works_by_hand() {
    let (site, _) = demo_site().await;
    // The demo's busiest reader, who proved the address, voted and follows.
    let address: i64 = site
        .one("select address_id from comments where address_id is not null and status = 'approved' group by 1 order by count(*) desc, 1 limit 1")
        .await;
    sql(
        &site,
        &format!(
            "update addresses set confirmed_at = now() where id = {address};
             insert into readers (address_id, created_at) values ({address}, now()) on conflict do nothing;
             update comments set reader_id = (select id from readers where address_id = {address}) where address_id = {address};
             insert into comment_revisions (comment_id, version, body, made_at) select min(id), 1, 'What it said first.', now() from comments where address_id = {address};
             insert into subscriptions (address_id, scope, article_id, created_at) values ({address}, 'article', 1, now()) on conflict do nothing;"
        ),
    )
    .await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open("/privacy/data").await;
    look(&browser, "data-ask").await;
    browser.press("main form .btn--primary").await;
    look(&browser, "data-ask-errors").await;
    browser.fill("#f-email", "somebody@mail.example").await;
    browser.press("main form .btn--primary").await;
    look(&browser, "data-asked").await;

    let rng = site.app.rng();
    let mailed =
        site.app.db.transact(async |tx| door::add(tx, rng, AddressId(address), DoorPurpose::Data).await).await.unwrap();
    browser.open(&format!("/privacy/data/{}", mailed.reveal())).await;
    look(&browser, "data-mailed").await;
    browser.press("main form .btn--primary").await;
    assert!(browser.address().await.starts_with("/privacy/data/open/"));
    look(&browser, "data").await;
    browser.press("#erase ~ form [value=keep]").await;
    look(&browser, "erase").await;
    browser.press("main form .btn--danger").await;
    assert_eq!(browser.address().await, "/privacy/data?erased=keep");
    look(&browser, "erased").await;
    let left: i64 = site.one(&format!("select count(*) from addresses where id = {address}")).await;
    assert_eq!(left, 0);
    browser.open(&format!("/privacy/data/{}", mailed.reveal())).await;
    assert_eq!(browser.text("h1").await, "Page not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_say_where_a_comment_is_are_good_pages() {
    let (site, _) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    let of = |status: &'static str| {
        format!("select coalesce(min(id), 0) from comments where staff_id is null and status = '{status}'")
    };
    for status in ["held", "approved", "spam", "trash"] {
        let comment: i64 = site.one(&of(status)).await;
        if comment == 0 {
            continue;
        }
        browser.open(&format!("/my/comments/{}", standing::token_for(site.app.secret(), CommentId(comment)))).await;
        look(&browser, &format!("standing-{status}")).await;
    }
}
