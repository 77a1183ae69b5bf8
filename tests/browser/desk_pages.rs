//! The desk before any work: first run, signing in, the first page.

use stet::core::status::Role;
use stet::staff::setup;

use crate::checks;
use crate::driver::{Chromium, DESKTOP, PHONE};
use crate::support::people::{Member, PASSWORD};
use crate::support::site::Site;

/// Signs somebody in through the form.
pub async fn sign_in(browser: &Chromium, member: &Member) {
    browser.open("/desk/sign-in").await;
    browser.fill("#f-email", &member.email).await;
    browser.fill("#f-password", PASSWORD).await;
    browser.press("main form .btn--primary").await;
    assert_eq!(browser.address().await, "/desk");
}

/// Pictures of the present page at both sizes and in both colours.
pub async fn pictures(browser: &Chromium, name: &str) {
    for view in [DESKTOP, DESKTOP.dark(), PHONE, PHONE.dark()] {
        browser.view(view).await;
        browser.screenshot(name).await;
    }
    browser.view(DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_claims_the_site_without_script() {
    let site = Site::start().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    let token = site.app.db.transact(async |tx| setup::ensure_link(tx, site.app.rng()).await).await.unwrap().unwrap();
    browser.without_script().await;
    browser.open(&format!("/desk/setup/{}", token.reveal())).await;
    browser.press("main form .btn--primary").await;
    assert!(browser.has(".errsum").await, "errors are listed at the top");
    browser.fill("#f-site_name", "The Harbour Lamp").await;
    browser.fill("#f-name", "Ines Okafor").await;
    browser.fill("#f-email", "ines@harbour.example").await;
    browser.fill("#f-password", PASSWORD).await;
    browser.press("main form .btn--primary").await;
    assert_eq!(browser.address().await, "/desk");
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_and_its_errors_are_good_pages() {
    let site = Site::start().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    let token = site.app.db.transact(async |tx| setup::ensure_link(tx, site.app.rng()).await).await.unwrap().unwrap();
    browser.open(&format!("/desk/setup/{}", token.reveal())).await;
    checks::page(&browser).await;
    pictures(&browser, "setup").await;
    browser.fill("#f-name", "Ines Okafor").await;
    browser.press("main form .btn--primary").await;
    assert_eq!(browser.value("#f-name").await, "Ines Okafor");
    assert!(
        browser.script("return document.activeElement.matches('.errsum')").await == true,
        "the summary has the focus"
    );
    checks::page(&browser).await;
    pictures(&browser, "setup-errors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_its_error_and_the_first_page_are_good_pages() {
    let site = Site::start().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    let member = site.member("Ines Okafor", Role::Owner).await;
    browser.open("/desk/sign-in").await;
    checks::page(&browser).await;
    pictures(&browser, "sign-in").await;
    browser.fill("#f-email", &member.email).await;
    browser.fill("#f-password", "not the password").await;
    browser.press("main form .btn--primary").await;
    assert_eq!(browser.value("#f-email").await, member.email);
    checks::page(&browser).await;
    sign_in(&browser, &member).await;
    checks::page(&browser).await;
    pictures(&browser, "today").await;
    for (path, name) in [("/desk/staff", "people"), ("/desk/account", "account"), ("/desk/audit", "activity")] {
        browser.open(path).await;
        checks::page(&browser).await;
        pictures(&browser, name).await;
    }
}
