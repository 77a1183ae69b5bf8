//! Checks, addresses, dates, withdrawal.

use chrono::TimeDelta;
use reqwest::StatusCode;
use stet::core::status::Role;

use super::{press, published, typed};
use crate::support::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_without_a_source_blocks_publishing_until_somebody_says_why_not() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let form = typed(&browser, "Naps", "First line.\n\nThey help [@nobody2020].\n").await;
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.text_at(".lint li b"), "This mark has no source behind it.");
    assert_eq!(page.text_at(".lint li p"), "Blocks Line 3 nobody2020");
    assert_eq!(site.browser().look("/naps").await.status, StatusCode::NOT_FOUND);

    let again = page.form("form.desk").fill("override_reason", "The source follows tomorrow.");
    assert_eq!(press(&browser, again, "publish").await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.browser().get("/naps").await.text_at(".cite--missing"), "[?]");
    let kept =
        "select evidence from audit_evidence join audit_entries on id = entry_id where action = 'article.publish'";
    assert_eq!(site.one::<String>(kept).await, "The source follows tomorrow.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_address_leads_on_and_the_old_one_cannot_be_taken() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "Text.\n").await;
    let form = desk.form("form.desk").fill("slug", "short-naps").choose("change", "cosmetic");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    let reader = site.browser();
    let moved = reader.look("/naps").await;
    assert_eq!((moved.status, moved.location().as_deref()), (StatusCode::MOVED_PERMANENTLY, Some("/short-naps")));
    assert_eq!(reader.look("/short-naps").await.status, StatusCode::OK);
    assert_eq!(reader.look("/short-naps/").await.status, StatusCode::PERMANENT_REDIRECT);

    for (slug, sentence) in [
        ("naps", "This address leads somewhere else already, because a page that had it was moved. Choose another"),
        ("short-naps", "Another article has this address. Choose another"),
        ("desk", "The site itself uses “desk”. Choose another address"),
        ("Not a slug", "Address may hold small letters, digits and single hyphens, such as sleeping-well"),
    ] {
        let page = press(&browser, typed(&browser, "Other", "Text.\n").await.fill("slug", slug), "publish").await;
        assert_eq!(
            (page.status, page.text_at(".errsum a").as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, sentence),
            "{slug}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_told_of_a_correction_and_of_nothing_cosmetic() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "Forty-two minutes.\n").await;
    site.later(TimeDelta::days(3));
    let form = desk.form("form.desk").fill("body", "Forty-two minutes!\n");
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.text_at(".lint li b"), "Say what readers are told of this change: nothing, or a dated note.");
    let page = press(&browser, page.form("form.desk").choose("change", "cosmetic"), "publish").await;
    let desk = browser.get(&page.location().unwrap()).await;
    let public = site.browser().get("/naps").await;
    assert_eq!(public.texts(".credit dt"), ["Written by", "Published", "Reading time"]);

    let form = desk.form("form.desk").fill("body", "Twenty-four minutes.\n").choose("change", "correction");
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.text_at(".errsum a"), "Write what readers are told");
    let form = page.form("form.desk").fill("change_text", "The figure was 42.");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    let public = site.browser().get("/naps").await;
    assert_eq!(public.text_at(".correction"), "Correction, 17 November 2026. The figure was 42. See what changed");
    assert_eq!(public.texts(".credit dt"), ["Written by", "Updated", "Reading time"]);
    assert!(public.text_at(".credit").contains("First published 14 November 2026"));
    assert!(site.browser().get("/corrections").await.text_at("main").contains("The figure was 42."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_article_says_so_and_is_in_no_list() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "A rare word: quokka.\n").await;
    let reader = site.browser();
    for list in ["/", "/feed.xml", "/feed.json", "/sitemap/articles-0.xml"] {
        assert!(reader.get(list).await.text.contains("naps"), "{list}");
    }
    let form = desk.form("form.desk").fill("withdraw_reason", "The figures were wrong.");
    assert_eq!(press(&browser, form, "unpublish").await.status, StatusCode::SEE_OTHER);
    let gone = reader.get("/naps").await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert!(
        gone.text_at("main").contains("14 November 2026") && gone.text_at("main").contains("The figures were wrong.")
    );
    for list in ["/", "/feed.xml", "/feed.json", "/sitemap/articles-0.xml", "/latest", "/naps"] {
        let page = reader.get(list).await;
        assert!(!page.text.contains("quokka") && (list == "/naps" || !page.text.contains("naps")), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_of_a_draft_reaches_anybody_outside() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "Public text.\n").await;
    let form = desk.form("form.desk").fill("title", "Quokka").fill("body", "Quokka.\n").fill("slug", "quokka");
    let saved = press(&browser, form, "version").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&saved.location().unwrap()).await.text_at(".badge--info"), "Changes not live");
    let number: i64 = site.one("select max(id) from revisions").await;
    let (reader, article) = (site.browser(), desk.address.split('?').next().unwrap().to_owned());
    let placeholder = press(&browser, typed(&browser, "Quokkas", "Quokka.\n").await, "save").await;
    assert_eq!(placeholder.status, StatusCode::SEE_OTHER);
    let slug: String = site.one("select slug from articles where state = 'draft'").await;
    let revision = format!("{article}/revisions/{number}");
    for address in [
        "/",
        "/latest",
        "/naps",
        "/quokka",
        "/feed.xml",
        "/feed.json",
        "/sitemap/articles-0.xml",
        &format!("/{slug}"),
        &article,
        &revision,
    ] {
        let page = reader.get(address).await;
        assert!(
            !page.text.to_lowercase().contains("quokka")
                || address == "/quokka" && page.status == StatusCode::NOT_FOUND,
            "{address}"
        );
    }
    assert!(browser.get(&revision).await.text_at(".canvas").contains("Quokka"));
}
