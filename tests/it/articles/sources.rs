//! The reference library.

use reqwest::StatusCode;
use stet::core::status::Role;

use super::{press, published, source, typed};
use crate::support::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_source_shows_in_every_article_that_cites_it_as_a_version_by_the_system() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    source(&browser, "okafor2021", "Phase shfting", "10.1000/one").await;
    let desk = published(&browser, "Nights", "Less [@okafor2021].\n").await;
    published(&browser, "Days", "Nothing cited.\n").await;
    let reader = site.browser();
    assert!(reader.get("/nights").await.text_at("#r1").contains("Phase shfting"));

    let page = browser.get("/desk/references/1").await;
    assert_eq!(page.texts("section ul a"), ["Nights"], "it says who cites it");
    let form = page.form("main form").fill("title", "Phase shifting");
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    assert!(reader.get("/nights").await.text_at("#r1").contains("Phase shifting"));
    let history = browser.get(&format!("{}/revisions", desk.address.split('?').next().unwrap())).await;
    assert!(history.text_at(".revs li.is-on small").starts_with("Source changed by Stet"));
    assert_eq!(site.one::<i64>("select count(*) from revisions").await, 3);

    let stale = browser.submit(&form.clone().fill("title", "Phase drifting")).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert_eq!(stale.form("main form").value("title"), Some("Phase drifting"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retracted_source_is_marked_at_once_and_blocks_the_next_publication() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    source(&browser, "okafor2021", "Phase shifting", "10.1000/one").await;
    let desk = published(&browser, "Nights", "Less [@okafor2021].\n").await;
    let form = browser
        .get("/desk/references/1")
        .await
        .form("main form")
        .fill("retraction", "retracted")
        .fill("retraction_year", "2026");
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.browser().get("/nights").await.text_at("#r1 .badge--danger"), "Retracted, 2026");
    let form = desk.form("form.desk").fill("body", "Much less [@okafor2021].\n").choose("change", "cosmetic");
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at(".lint").contains("This source was retracted."));
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_references_are_merged_by_identifier_and_found_from_the_editor() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    source(&browser, "okafor2021", "Phase shifting", "10.1000/one").await;
    let items = serde_json::json!([
        { "id": "other", "type": "article-journal", "title": "Phase shifting", "DOI": "https://doi.org/10.1000/ONE", "PMID": "99000037" },
        { "id": "siw2022", "type": "report", "title": "Hours awake", "publisher": "Sample Institute", "issued": { "date-parts": [[2022]] } },
    ]);
    let paste = || async {
        browser
            .submit(&browser.get("/desk/references/import").await.form("main form").fill("text", &items.to_string()))
            .await
    };
    let page = paste().await;
    assert_eq!(page.text_at("#report-h"), "1 added, 1 were there already");
    assert!(page.text_at("section").contains("other is [@okafor2021]"));
    assert_eq!(paste().await.text_at("#report-h"), "0 added, 2 were there already");
    assert_eq!(site.one::<i64>("select count(*) from reference_records").await, 2);
    assert!(
        site.one::<bool>("select trusted from reference_records where key = 'okafor2021'").await,
        "a PubMed number came with the second record"
    );

    let form = typed(&browser, "Hours", "Kept text.\n").await.fill("find", "hours");
    let page = press(&browser, form, "find").await;
    assert_eq!(page.texts(".reflist code"), ["[@siw2022]"]);
    assert_eq!(page.form("form.desk").value("body"), Some("Kept text.\n"));

    let page = browser
        .submit(&browser.get("/desk/references/import").await.form("main form").fill("text", "@article{x}"))
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.form("main form").value("text"), Some("@article{x}"));
}
