//! Every kind of page at real size: the demo site, looked at in both sizes and colours and held to the checks.

use stet::cli::demo::{self, Account, Loaded};
use stet::core::status::Role;

use crate::checks;
use crate::desk_pages::pictures;
use crate::driver::{Chromium, DESKTOP, View, screenshots};
use crate::support::conversation::sql;
use crate::support::site::Site;

/// The article with everything an article can have.
pub const LONG: &str = "/sleeping-well-on-the-night-shift";
/// No picture of the README is larger.
const README_PICTURE_BYTES_MAX: u64 = 300 * 1000;

pub async fn demo_site() -> (Site, Vec<Account>) {
    let site = Site::start().await;
    match demo::load(&site.app, |_| ()).await.unwrap() {
        Loaded::Site(accounts) => (site, accounts),
        Loaded::Nothing => panic!("an empty site was taken for somebody's"),
    }
}

async fn sign_in(browser: &Chromium, accounts: &[Account], role: Role) {
    let account = accounts.iter().find(|account| account.role == role).unwrap();
    browser.open("/desk/sign-in").await;
    browser.fill("#f-email", &account.email).await;
    browser.fill("#f-password", &account.password).await;
    browser.press("main form .btn--primary").await;
    assert_eq!(browser.address().await, "/desk");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_readers_see_are_good_pages() {
    let (site, _) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    let changes: String = site
        .one("select '/' || a.slug || '/changes/' || r.number from corrections c join revisions r on r.id = c.revision_id join articles a on a.id = c.article_id order by c.id limit 1")
        .await;
    for (path, name) in [
        ("/", "home"),
        (LONG, "article"),
        ("/corrections", "corrections"),
        ("/latest", "latest"),
        ("/search?q=night", "search"),
        ("/search?q=caffiene", "search-nothing"),
        ("/topics/sleep", "topic"),
        ("/tags/shift-work", "tag"),
        ("/series/working-nights", "series"),
        ("/latest/2026", "archive"),
        ("/authors/miriam-achebe", "person"),
        (changes.as_str(), "changes"),
        ("/privacy", "privacy"),
        ("/sleeping-well-on-the-nightshift", "close-titles"),
    ] {
        browser.open(path).await;
        pictures(&browser, name).await;
        checks::page(&browser).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_with_errors_and_one_long_reply_are_good_pages() {
    let (site, _) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open(LONG).await;
    browser.fill("#f-body", "x").await;
    browser.fill("#f-email", "not an address").await;
    browser.press("#reply [value=post]").await;
    assert!(browser.has("#reply .errsum").await);
    pictures(&browser, "form-errors").await;
    checks::page(&browser).await;
    browser.open(&format!("{LONG}?reply=1#reply")).await;
    pictures(&browser, "reply").await;
    checks::page(&browser).await;
    browser.open("/comments/1/report").await;
    pictures(&browser, "report").await;
    checks::page(&browser).await;
    browser.press("form[data-report-form] .btn--primary").await;
    assert!(browser.has(".errsum").await);
    pictures(&browser, "report-errors").await;
    checks::page(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_moderators_see_are_good_pages() {
    let (site, accounts) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    sign_in(&browser, &accounts, Role::Moderator).await;
    for (path, name) in [
        ("/desk", "desk"),
        ("/desk/comments", "queue"),
        ("/desk/comments?queue=trash", "queue-trash"),
        ("/desk/comments?queue=approved", "queue-approved"),
    ] {
        browser.open(path).await;
        pictures(&browser, name).await;
        checks::page(&browser).await;
    }
    browser.open("/desk/comments").await;
    browser.press(".row__acts a[aria-label^=Open]").await;
    pictures(&browser, "queue-open").await;
    checks::page(&browser).await;
    sql(&site, "with picked as (select id, row_number() over (order by id) as place from comments where status = 'approved' and staff_id is null order by id limit 3)
        insert into reports (comment_id, reason, words, is_proved, created_at)
        select id, case when n = 1 then 'spam' else 'unsafe' end, case when n = 2 then 'Nobody should try this without asking a doctor.' else '' end, n <> 1, now()
          from picked, generate_series(1, 4 - place) n;
        update comments c set open_reports = (select count(*) from reports r where r.comment_id = c.id)").await;
    browser.open("/desk/comments?queue=reported").await;
    pictures(&browser, "queue-reported").await;
    checks::page(&browser).await;
    browser.press(".row__acts a[aria-label^=Open]").await;
    pictures(&browser, "queue-reported-open").await;
    checks::page(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_editors_see_are_good_pages() {
    let (site, accounts) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    sign_in(&browser, &accounts, Role::Owner).await;
    let id: i64 = site.one(&format!("select id from articles where slug = '{}'", LONG.trim_start_matches('/'))).await;
    let (editor, history) = (format!("/desk/articles/{id}"), format!("/desk/articles/{id}/revisions"));
    for (path, name) in [
        ("/desk/articles", "articles"),
        (editor.as_str(), "editor"),
        (history.as_str(), "history"),
        ("/desk/references", "references"),
        ("/desk/references/new", "reference"),
        ("/desk/mail", "outbox"),
        ("/desk/staff", "people"),
    ] {
        browser.open(path).await;
        pictures(&browser, name).await;
        checks::page(&browser).await;
    }
    browser.open(&editor).await;
    browser.press(".form__acts [value=preview]").await;
    pictures(&browser, "editor-preview").await;
    checks::page(&browser).await;
}

/// `target/screenshots/readme-article.png` and `readme-desk.png`: the pictures of the README.
#[tokio::test(flavor = "multi_thread")]
async fn readme_pictures() {
    let (site, accounts) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.view(View { height: 800, ..DESKTOP }).await;
    browser.open(LONG).await;
    browser.screenshot_of_window("readme-article.png").await;
    sign_in(&browser, &accounts, Role::Moderator).await;
    browser.open("/desk/comments").await;
    browser.press(".row__acts a[aria-label^=Open]").await;
    browser.script("scrollTo(0, 0)").await;
    browser.screenshot_of_window("readme-desk.png").await;
    for name in ["readme-article.png", "readme-desk.png"] {
        let size = std::fs::metadata(screenshots().join(name)).unwrap().len();
        assert!((20_000..README_PICTURE_BYTES_MAX).contains(&size), "{name} has {size} bytes");
    }
}
