//! Articles: written as plain forms, published with checks, read by everyone; the library behind them.

mod acceptance;
mod publishing;
mod reading;
mod sources;
mod terms;
mod writing;

use crate::support::browser::{Browser, Filled, Page};

/// The empty editor with an article typed into it.
pub async fn typed(browser: &Browser, title: &str, body: &str) -> Filled {
    let form = browser.get("/desk/articles/new").await.form("form.desk");
    form.fill("title", title)
        .fill("dek", "What helps, and what does not.")
        .fill("takeaways", "Keep an anchor.\nDim the light.")
        .fill("body", body)
}

/// Sends an editor form with one of its buttons.
pub async fn press(browser: &Browser, form: Filled, act: &str) -> Page {
    browser.submit(&form.choose("act", act)).await
}

/// Publishes a new article and answers its page at the desk.
pub async fn published(browser: &Browser, title: &str, body: &str) -> Page {
    let page = press(browser, typed(browser, title, body).await, "publish").await;
    assert_eq!(page.status, 303, "{}", page.text);
    browser.get(&page.location().unwrap()).await
}

/// A source added by hand, with this key.
pub async fn source(browser: &Browser, key: &str, title: &str, doi: &str) {
    let form = browser.get("/desk/references/new").await.form("main form");
    let form = form
        .fill("key", key)
        .fill("title", title)
        .fill("authors", "Okafor, Ruth\nSample Institute")
        .fill("container", "J Sample Sleep Med");
    let page =
        browser.submit(&form.fill("year", "2021").fill("volume", "14").fill("pages", "101-112").fill("doi", doi)).await;
    assert_eq!(page.status, 303, "{}", page.text);
}
