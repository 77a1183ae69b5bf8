//! What readers get: the article whole without script, lists, feeds.

use std::fmt::Write as _;

use reqwest::{Method, StatusCode};
use stet::core::status::Role;

use super::{press, published, source, typed};
use crate::support::site::Site;

const BODY: &str = "Opening [@one; @two; @three].\n\n## Why nights are hard\n\nText [@two].\n\n## Light\n\nMore.\n\n## Anchor\n\nEnd.\n\nTable: Measures\n\n| Measure | Effect |\n|---|---|\n| Anchor | 40 minutes |\n\n::: product\nname: Amber glasses\nprice: £18\nurl: https://shop.example/amber\n:::\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_holds_the_whole_anatomy_and_every_link_on_it_has_a_target() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    for key in ["one", "two", "three"] {
        source(&browser, key, &format!("Study {key}"), &format!("10.1000/{key}")).await;
    }
    published(&browser, "Sleeping <well>", BODY).await;
    let page = site.browser().get("/sleeping-well").await;
    assert_eq!(page.text_at("h1"), "Sleeping <well>");
    assert_eq!(page.text_at(".head__dek"), "What helps, and what does not.");
    assert_eq!(page.texts(".takeaways li"), ["Keep an anchor.", "Dim the light."]);
    assert_eq!(page.texts(".rail .toc ol a"), ["Why nights are hard", "Light", "Anchor"]);
    assert_eq!(page.text_at("#refs summary span"), "3 sources");
    assert_eq!(page.attribute("#refs", "open").as_deref(), Some(""));
    assert_eq!(page.text_at("#r2 .refs__back"), "Cited ↩ a b", "cited in a run and once more");
    assert_eq!(page.text_at(".shop .product b"), "Amber glasses");
    assert!(page.has("table caption, .tbl__cap") && page.has("th[scope=col]"));

    let html = page.html();
    let (links, ids) = (scraper::Selector::parse("a[href^='#']").unwrap(), scraper::Selector::parse("[id]").unwrap());
    let known: Vec<&str> = html.select(&ids).filter_map(|element| element.attr("id")).collect();
    let mut once = known.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), known.len(), "an id stands twice: {known:?}");
    for link in html.select(&links).filter_map(|link| link.attr("href")) {
        assert!(known.contains(&link.trim_start_matches('#')), "{link} leads nowhere");
    }
    let data: serde_json::Value = serde_json::from_str(&page.texts("script[type='application/ld+json']")[0]).unwrap();
    assert_eq!(data["@graph"][0]["headline"], "Sleeping <well>");
    assert_eq!(data["@graph"][0]["author"][0]["name"], "Miriam Achebe");
    assert_eq!(data["@graph"][0]["citation"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn headings_keep_their_ids_when_they_move_or_are_mended() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    let desk = published(&browser, "Nights", "## Light on purpse\n\nA.\n\n## Anchor\n\nB.\n").await;
    let form = desk
        .form("form.desk")
        .fill("body", "## Anchor\n\nB.\n\n## Light on purpose\n\nA.\n")
        .choose("change", "cosmetic");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    let page = site.browser().get("/nights").await;
    assert_eq!(page.texts("h2#anchor, h2#light-on-purpose, #light-on-purpse").len(), 3, "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_feeds_are_kept_and_a_known_one_is_not_sent_again() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "Text.\n").await;
    let reader = site.browser();
    for address in ["/", "/naps", "/feed.xml", "/feed.json", "/sitemap.xml", "/robots.txt"] {
        let first = reader.look(address).await;
        assert_eq!(first.status, StatusCode::OK, "{address}");
        let tag = first.header("etag").unwrap().to_owned();
        let again = reader.send(Method::GET, address, &[("if-none-match", tag.as_str())], None).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{address}");
    }
    let before = reader.look("/feed.xml").await;
    let form = desk.form("form.desk").fill("title", "Short naps").choose("change", "cosmetic");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    let after = reader.look("/feed.xml").await;
    assert!(after.text.contains("<title>Short naps</title>"), "{}", after.text);
    let id = |text: &str| {
        text.split("<entry>").nth(1).unwrap().split("<id>").nth(1).unwrap().split("</id>").next().unwrap().to_owned()
    };
    assert_eq!(id(&before.text), id(&after.text), "ids are stable over edits");
    assert_eq!(after.header("cross-origin-resource-policy"), Some("cross-origin"));
    let json: serde_json::Value = serde_json::from_str(&reader.look("/feed.json").await.text).unwrap();
    assert_eq!(json["items"][0]["title"], "Short naps");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_hold_twenty_and_go_on() {
    let site = Site::start().await;
    let member = site.member("Miriam Achebe", Role::Editor).await;
    let browser = site.signed_in(&member).await;
    for number in 0..22 {
        site.later(chrono::TimeDelta::minutes(1));
        published(&browser, &format!("Story {number:02}"), "Text.\n").await;
    }
    let reader = site.browser();
    let page = reader.get("/latest").await;
    assert_eq!(page.texts(".story h3").len(), 20);
    let next = page.attribute("a[rel=next]", "href").unwrap();
    assert_eq!(reader.get(&next).await.texts(".story h3"), ["Story 01", "Story 00"]);
    let home = reader.get("/").await;
    assert_eq!(home.text_at(".lead h1"), "Story 21");
    assert_eq!(home.texts(".story h3").len(), 10);
    assert_eq!(reader.get(&home.attribute("a[rel=next]", "href").unwrap()).await.texts(".story h3")[0], "Story 10");
    assert_eq!(reader.get("/authors/miriam-achebe").await.text_at("h1"), "Miriam Achebe");
    for nobody in ["/authors/nobody", "/topics/nothing"] {
        assert_eq!(reader.get(nobody).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_served_with_a_policy_of_its_own_once_it_is_public() {
    use stet::media::store::MediaStore;
    use stet::media::upload::{self, NewMedia};
    let site = Site::start().await;
    let member = site.member("Miriam Achebe", Role::Editor).await;
    let browser = site.signed_in(&member).await;
    let drawing =
        upload::clean(b"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 20\"><path d=\"M0 0\"/></svg>")
            .unwrap();
    let store = MediaStore::new(site.data.path());
    let what = NewMedia { name: "Chart.svg", alt: Some("A line"), ..NewMedia::default() };
    let actor = site.session(&member).await.actor();
    let id = site.app.db.transact(async |tx| upload::add(tx, actor, &store, &drawing, what).await).await.unwrap();
    let form = typed(&browser, "Charts", &format!("![A line](media:{id} \"One line.\")\n")).await;
    let saved = press(&browser, form, "version").await;
    let address = browser
        .get(
            &press(&browser, browser.get(&saved.location().unwrap()).await.form("form.desk"), "preview")
                .await
                .attribute(".fig img", "src")
                .unwrap(),
        )
        .await;
    assert_eq!(address.status, StatusCode::OK, "those who write see the pictures of drafts");
    let path = address.address;
    assert_eq!(site.browser().look(&path).await.status, StatusCode::NOT_FOUND);

    assert_eq!(
        press(&browser, browser.get(&saved.location().unwrap()).await.form("form.desk"), "publish").await.status,
        StatusCode::SEE_OTHER
    );
    let picture = site.browser().look(&path).await;
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    assert_eq!(picture.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(picture.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let page = site.browser().get("/charts").await;
    assert_eq!(
        (page.attribute(".fig img", "width").as_deref(), page.attribute(".fig img", "alt").as_deref()),
        (Some("40"), Some("A line"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_to_print_has_its_sources_open_and_comments_only_if_wanted() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    let mut body = String::new();
    for number in 0..14 {
        source(&browser, &format!("k{number}"), &format!("Study {number}"), &format!("10.1000/{number}")).await;
        write!(body, "Found [@k{number}].\n\n").unwrap();
    }
    published(&browser, "Many sources", &body).await;
    let reader = site.browser();
    assert_eq!(
        reader.get("/many-sources").await.attribute("#refs", "open"),
        None,
        "fourteen are too many to begin with"
    );
    let page = reader.get("/many-sources?print=1").await;
    assert_eq!(page.attribute("#refs", "open").as_deref(), Some(""));
    assert_eq!(page.attribute("meta[name=robots]", "content").as_deref(), Some("noindex"));
    assert!(page.has("#comments"));
    let page = reader.get("/many-sources?print=1&comments=0").await;
    assert!(page.has("#refs[open]") && !page.has("#comments"));
    assert!(reader.get("/many-sources").await.has("#comments"), "each is a page of its own");
}
