//! Pages that need nothing in the database.

use crate::checks;
use crate::driver::{Chromium, DESKTOP, PHONE};
use crate::support::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_there_is_still_a_good_page() {
    let site = Site::start().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open("/no-such-page-here").await;
    assert!(!browser.text("h1").await.is_empty());
    checks::page(&browser).await;
    for view in [DESKTOP, DESKTOP.dark(), PHONE, PHONE.dark()] {
        browser.view(view).await;
        browser.screenshot("not-found").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_colours_asked_for_are_drawn_without_script() {
    let site = Site::start().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.without_script().await;
    browser.open("/no-such-page-here").await;
    let light = browser.script("return getComputedStyle(document.body).backgroundColor").await;
    browser.press(".theme [value=dark]").await;
    let dark = browser.script("return getComputedStyle(document.body).backgroundColor").await;
    assert_ne!(light, dark);
    assert_eq!(browser.find(".theme [value=dark]").await.attr("aria-pressed").await.unwrap().as_deref(), Some("true"));
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_see_the_faults_they_are_for() {
    let site = Site::start().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open("/no-such-page-here").await;
    let faults = "<img src='https://outside.example/a.png'><p id='foot' style='color: #999; background: #aaa'>Words</p>\
        <button style='width: 9px; height: 9px; padding: 0; min-width: 0; min-height: 0'>x</button><div style='width: 3000px'>Wide</div>";
    browser.script(&format!("document.querySelector('main').insertAdjacentHTML('beforeend', `{faults}`)")).await;
    // The policy forbids the picture and the style; said in the console.
    browser.until("document.querySelector('img').complete").await;
    assert!(
        checks::complaints(&browser).await.iter().any(|line| line.contains("img-src")),
        "{:?}",
        browser.console().await
    );
    assert_eq!(checks::ids_given_twice(&browser).await, ["foot"]);

    browser.without_policy().await;
    browser.open("/no-such-page-here").await;
    browser.script(&format!("document.querySelector('main').insertAdjacentHTML('beforeend', `{faults}`)")).await;
    browser.until("document.querySelector('img').complete").await;
    assert_eq!(checks::outside_requests(&browser).await, ["https://outside.example/a.png"]);
    assert_eq!(checks::small_targets(&browser).await.len(), 1);
    assert!(!checks::overflow(&browser).await.is_empty());
    let found = checks::axe_violations(&browser).await.join("\n");
    assert!(found.contains("color-contrast") && found.contains("image-alt"), "{found}");
    browser.script("setTimeout(() => alert('heard'))").await;
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while checks::dialogs(&browser).await.is_empty() {}
    })
    .await
    .unwrap();
}
